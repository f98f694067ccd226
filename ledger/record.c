/* Records, reading: the strict msgpack decoder and typed access to bodies. Writing is in
 * record_write.c. */
#include <tally/record.h>

/* What stands at a position: its type, and how many bytes head and content take. */
typedef struct token {
    tally_value value;
    size_t head;     /* bytes of the type and length prefix (scalars: all of them) */
    const char *bad; /* why it is refused, or NULL */
} token;

static uint64_t read_be(const uint8_t *at, size_t width) {
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = (v << 8) | at[i];
    return v;
}

static void token_uint(token *t, uint64_t v, size_t width) {
    static const uint64_t below[] = {[1] = 0x80, [2] = 0x100, [4] = 0x10000, [8] = 0x100000000};
    t->value.type = TALLY_VALUE_UINT;
    t->value.as.uint = v;
    t->head = 1 + width;
    if (v < below[width]) t->bad = "an integer is not in its shortest form";
}

static void token_int(token *t, const uint8_t *at, size_t width) {
    uint64_t raw = read_be(at, width);
    uint64_t sign = 1ull << (8 * width - 1);
    int64_t v = width == 8 ? (int64_t)raw : (int64_t)(raw ^ sign) - (int64_t)sign;
    static const int64_t from[] = {[1] = -32, [2] = -128, [4] = -32768, [8] = -2147483648LL};
    t->value.type = TALLY_VALUE_INT;
    t->value.as.integer = v;
    t->head = 1 + width;
    if (v >= from[width]) t->bad = "an integer is not in its shortest form";
}

/* A str, bin, array or map head whose length field is `width` bytes (0: in the first byte). */
static void token_sized(token *t, tally_value_type type, uint64_t n, size_t width, uint64_t least) {
    t->value.type = type;
    t->head = 1 + width;
    t->value.count = (uint32_t)n;
    t->value.bytes.len = (size_t)n;
    if (n < least) t->bad = "a length is not in its shortest form";
}

/* Heads of more than one byte: what follows the first, and the least length that needs this form.
 * Floats, extensions and reserved types have no width. */
#define WIDE_FIRST 0xc0u
#define WIDE_COUNT 32u
static const struct {
    tally_value_type type;
    uint8_t width;
    uint32_t least;
} wide[WIDE_COUNT] = {
    [0xc4 - WIDE_FIRST] = {TALLY_VALUE_BIN, 1, 0},
    [0xc5 - WIDE_FIRST] = {TALLY_VALUE_BIN, 2, 0x100},
    [0xc6 - WIDE_FIRST] = {TALLY_VALUE_BIN, 4, 0x10000},
    [0xcc - WIDE_FIRST] = {TALLY_VALUE_UINT, 1, 0},
    [0xcd - WIDE_FIRST] = {TALLY_VALUE_UINT, 2, 0},
    [0xce - WIDE_FIRST] = {TALLY_VALUE_UINT, 4, 0},
    [0xcf - WIDE_FIRST] = {TALLY_VALUE_UINT, 8, 0},
    [0xd0 - WIDE_FIRST] = {TALLY_VALUE_INT, 1, 0},
    [0xd1 - WIDE_FIRST] = {TALLY_VALUE_INT, 2, 0},
    [0xd2 - WIDE_FIRST] = {TALLY_VALUE_INT, 4, 0},
    [0xd3 - WIDE_FIRST] = {TALLY_VALUE_INT, 8, 0},
    [0xd9 - WIDE_FIRST] = {TALLY_VALUE_STR, 1, 32},
    [0xda - WIDE_FIRST] = {TALLY_VALUE_STR, 2, 0x100},
    [0xdb - WIDE_FIRST] = {TALLY_VALUE_STR, 4, 0x10000},
    [0xdc - WIDE_FIRST] = {TALLY_VALUE_ARRAY, 2, 16},
    [0xdd - WIDE_FIRST] = {TALLY_VALUE_ARRAY, 4, 0x10000},
    [0xde - WIDE_FIRST] = {TALLY_VALUE_MAP, 2, 16},
    [0xdf - WIDE_FIRST] = {TALLY_VALUE_MAP, 4, 0x10000},
};

/* Numbers below 128, short strings and containers, nil, booleans, small negative numbers. */
static bool is_short(uint8_t b) {
    return b < WIDE_FIRST || b >= WIDE_FIRST + WIDE_COUNT || b == 0xc0 || b == 0xc2 || b == 0xc3;
}

static void token_short(token *t, uint8_t b) {
    t->head = 1;
    if (b < 0x80)
        token_uint(t, b, 1), t->head = 1, t->bad = NULL;
    else if (b < 0x90)
        token_sized(t, TALLY_VALUE_MAP, b & 0x0f, 0, 0);
    else if (b < 0xa0)
        token_sized(t, TALLY_VALUE_ARRAY, b & 0x0f, 0, 0);
    else if (b < 0xc0)
        token_sized(t, TALLY_VALUE_STR, b & 0x1f, 0, 0);
    else if (b == 0xc0)
        t->value.type = TALLY_VALUE_NIL;
    else if (b >= 0xe0)
        t->value.type = TALLY_VALUE_INT, t->value.as.integer = (int8_t)b;
    else
        t->value.type = TALLY_VALUE_BOOL, t->value.as.boolean = b == 0xc3;
}

/* False when the bytes end inside the head. */
static bool token_wide(token *t, const uint8_t *at, const uint8_t *end) {
    const size_t form = *at - WIDE_FIRST, width = wide[form].width;
    if (width == 0) {
        t->bad = "floats, extensions and reserved types are not allowed";
        return true;
    }
    if ((size_t)(end - at) < 1 + width) return false;
    if (wide[form].type == TALLY_VALUE_UINT)
        token_uint(t, read_be(at + 1, width), width);
    else if (wide[form].type == TALLY_VALUE_INT)
        token_int(t, at + 1, width);
    else
        token_sized(t, wide[form].type, read_be(at + 1, width), width, wide[form].least);
    return true;
}

/* Reads the head at `at`; false when the bytes end inside it or inside a str or bin's content. */
static bool read_token(const uint8_t *at, const uint8_t *end, token *t) {
    *t = (token){0};
    if (at >= end) return false;
    if (is_short(*at))
        token_short(t, *at);
    else if (!token_wide(t, at, end))
        return false;
    if (t->value.type == TALLY_VALUE_STR || t->value.type == TALLY_VALUE_BIN) {
        t->value.bytes.ptr = at + t->head;
        return t->value.bytes.len <= (size_t)(end - at) - t->head;
    }
    return true;
}

static size_t content_len(const token *t) {
    bool flat = t->value.type == TALLY_VALUE_STR || t->value.type == TALLY_VALUE_BIN;
    return flat ? t->value.bytes.len : 0;
}

typedef struct decoder {
    const uint8_t *start, *at, *end;
    const char *bad;
} decoder;

static bool refuse(decoder *d, const char *why) {
    d->bad = why;
    return false;
}

static bool check_value(decoder *d, unsigned depth, tally_span *text);

/* Elements of an array, or pairs of a map whose keys must be strings in ascending order. */
static bool check_container(decoder *d, const tally_value *v, unsigned depth) {
    if (depth > TALLY_RECORD_MAX_DEPTH) return refuse(d, "nested too deep");
    tally_span last = {0};
    for (uint32_t i = 0; i < v->count; i++) {
        if (v->type == TALLY_VALUE_MAP) {
            tally_span key = {0};
            if (!check_value(d, depth, &key)) return false;
            if (!key.ptr) return refuse(d, "a map key is not a string");
            if (i > 0 && tally_span_cmp(last, key) >= 0)
                return refuse(d, "map keys are not sorted or not unique");
            last = key;
        }
        if (!check_value(d, depth, NULL)) return false;
    }
    return true;
}

/* One value whole; `text` (may be NULL) gets the span of a string. */
static bool check_value(decoder *d, unsigned depth, tally_span *text) {
    token t;
    if (!read_token(d->at, d->end, &t)) return refuse(d, "the bytes end too early");
    if (t.bad) return refuse(d, t.bad);
    bool container = t.value.type == TALLY_VALUE_ARRAY || t.value.type == TALLY_VALUE_MAP;
    if (t.value.type == TALLY_VALUE_STR && !tally_utf8_valid(t.value.bytes))
        return refuse(d, "a string is not valid UTF-8");
    d->at += t.head + content_len(&t);
    if (text && t.value.type == TALLY_VALUE_STR) *text = t.value.bytes;
    return !container || check_container(d, &t.value, depth + 1);
}

static bool kind_ok(tally_span kind) {
    if (kind.len == 0 || kind.len > TALLY_RECORD_KIND_MAX_BYTES) return false;
    for (size_t i = 0; i < kind.len; i++) {
        uint8_t c = kind.ptr[i];
        bool ok =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!ok) return false;
    }
    return true;
}

static bool check_envelope(decoder *d, tally_record *out) {
    if (d->at >= d->end || *d->at != 0x94) return refuse(d, "not an array of four");
    d->at++;
    if (d->at >= d->end || *d->at != TALLY_RECORD_VERSION)
        return refuse(d, "the record version is not 1");
    d->at++;
    if (!check_value(d, 1, &out->kind)) return false;
    if (!out->kind.ptr || !kind_ok(out->kind)) return refuse(d, "the kind is not a short name");
    token hlc;
    if (!read_token(d->at, d->end, &hlc)) return refuse(d, "the bytes end too early");
    if (hlc.bad || hlc.value.type != TALLY_VALUE_UINT)
        return refuse(d, "the clock is not an unsigned integer in its shortest form");
    out->hlc = hlc.value.as.uint;
    d->at += hlc.head;
    const uint8_t *body = d->at;
    token map;
    if (!read_token(d->at, d->end, &map)) return refuse(d, "the bytes end too early");
    if (map.bad || map.value.type != TALLY_VALUE_MAP) return refuse(d, "the body is not a map");
    if (!check_value(d, 1, NULL)) return false;
    out->body = tally_span_of(body, (size_t)(d->at - body));
    return d->at == d->end || refuse(d, "bytes follow the record");
}

int tally_record_parse(tally_span bytes, tally_record *out, tally_error *err) {
    *out = (tally_record){0};
    if (bytes.len > TALLY_RECORD_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "a record of %zu bytes is over the limit of %u",
                          bytes.len, TALLY_RECORD_MAX_BYTES);
    if (bytes.len == 0)
        return tally_fail(err, TALLY_EFORMAT, "not a canonical record: it is empty");
    decoder d = {bytes.ptr, bytes.ptr, bytes.ptr + bytes.len, NULL};
    if (check_envelope(&d, out)) return 0;
    return tally_fail(err, TALLY_EFORMAT, "not a canonical record: %s (at byte %zu)", d.bad,
                      (size_t)(d.at - d.start));
}

int tally_value_check(tally_span bytes, tally_value *out, tally_error *err) {
    if (bytes.len == 0) return tally_fail(err, TALLY_EFORMAT, "not canonical: it is empty");
    decoder d = {bytes.ptr, bytes.ptr, bytes.ptr + bytes.len, NULL};
    tally_cursor cursor = {bytes.ptr, bytes.ptr + bytes.len};
    if (check_value(&d, 0, NULL) && (d.at == d.end || refuse(&d, "bytes follow the value")) &&
        tally_cursor_next(&cursor, out))
        return 0;
    return tally_fail(err, TALLY_EFORMAT, "not canonical: %s (at byte %zu)", d.bad,
                      (size_t)(d.at - d.start));
}

/* Steps over one validated value. */
static const uint8_t *skip_value(const uint8_t *at, const uint8_t *end) {
    uint64_t open = 1;
    while (open > 0) {
        token t;
        if (!read_token(at, end, &t) || t.bad) return end;
        at += t.head + content_len(&t);
        open--;
        if (t.value.type == TALLY_VALUE_ARRAY) open += t.value.count;
        if (t.value.type == TALLY_VALUE_MAP) open += 2ull * t.value.count;
    }
    return at;
}

bool tally_cursor_next(tally_cursor *cursor, tally_value *out) {
    token t;
    if (!read_token(cursor->at, cursor->end, &t) || t.bad) return false;
    *out = t.value;
    const uint8_t *content = cursor->at + t.head;
    if (t.value.type == TALLY_VALUE_ARRAY || t.value.type == TALLY_VALUE_MAP) {
        const uint8_t *next = skip_value(cursor->at, cursor->end);
        out->bytes = tally_span_of(content, (size_t)(next - content));
        cursor->at = next;
    } else {
        cursor->at = content + content_len(&t);
    }
    return true;
}

tally_cursor tally_cursor_of(const tally_value *container) {
    bool nested = container->type == TALLY_VALUE_ARRAY || container->type == TALLY_VALUE_MAP;
    if (!nested || container->bytes.len == 0) return (tally_cursor){0};
    return (tally_cursor){container->bytes.ptr, container->bytes.ptr + container->bytes.len};
}

/* The body is a map and nothing else: where it ends is known. */
tally_cursor tally_cursor_of_body(const tally_record *record) {
    token map;
    if (!record->body.ptr) return (tally_cursor){0};
    const uint8_t *end = record->body.ptr + record->body.len;
    if (!read_token(record->body.ptr, end, &map) || map.bad || map.value.type != TALLY_VALUE_MAP)
        return (tally_cursor){0};
    return (tally_cursor){record->body.ptr + map.head, end};
}

bool tally_body_get(const tally_record *record, const char *key, tally_value *out) {
    tally_cursor cursor = tally_cursor_of_body(record);
    tally_span wanted = tally_span_str(key);
    tally_value name;
    while (tally_cursor_next(&cursor, &name)) {
        int order = tally_span_cmp(name.bytes, wanted);
        if (order > 0) return false;
        if (!tally_cursor_next(&cursor, out)) return false;
        if (order == 0) return true;
    }
    return false;
}

bool tally_body_str(const tally_record *record, const char *key, tally_span *out) {
    tally_value v;
    if (!tally_body_get(record, key, &v) || v.type != TALLY_VALUE_STR) return false;
    *out = v.bytes;
    return true;
}

bool tally_body_bin(const tally_record *record, const char *key, size_t len, const uint8_t **out) {
    tally_value v;
    if (!tally_body_get(record, key, &v) || v.type != TALLY_VALUE_BIN || v.bytes.len != len)
        return false;
    *out = v.bytes.ptr;
    return true;
}

bool tally_body_u64(const tally_record *record, const char *key, uint64_t *out) {
    tally_value v;
    if (!tally_body_get(record, key, &v) || v.type != TALLY_VALUE_UINT) return false;
    *out = v.as.uint;
    return true;
}

bool tally_body_i64(const tally_record *record, const char *key, int64_t *out) {
    tally_value v;
    if (!tally_body_get(record, key, &v)) return false;
    if (v.type == TALLY_VALUE_INT)
        *out = v.as.integer;
    else if (v.type == TALLY_VALUE_UINT && v.as.uint <= INT64_MAX)
        *out = (int64_t)v.as.uint;
    else
        return false;
    return true;
}

bool tally_body_true(const tally_record *record, const char *key) {
    tally_value v;
    return tally_body_get(record, key, &v) && v.type == TALLY_VALUE_BOOL && v.as.boolean;
}

tally_hlc tally_hlc_next(tally_hlc last, int64_t now_ms) {
    uint64_t ms = now_ms < 0 ? 0 : (uint64_t)now_ms;
    const uint64_t max_ms = (1ull << 48) - 1;
    tally_hlc wall = (ms > max_ms ? max_ms : ms) << 16;
    return wall > last ? wall : last + 1;
}
