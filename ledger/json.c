/* JSON: one validating pass over a document, then cheap iteration over what it described. No
 * recursion, no allocation. Finding bytes fast lives in json_scan.h; what agents' documents mean
 * lives with their adapters. */
#include <tally/error.h>
#include <tally/json.h>

#include "json_scan.h"

#define JSON_U64_MAX   (UINT64_C(1) << 53) /* the largest integer every JSON reader keeps exact */
#define JSON_EXP_LIMIT (INT64_C(1) << 60)  /* exponents saturate here, far from any that counts */

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* Validation. Each `pass_` function takes the first byte of a token and returns the byte after it,
 * NULL when the token does not follow the grammar. */

typedef struct checker {
    const uint8_t *end;
    const json_scanner *scan;
    tally_json_index *index;                       /* may be NULL */
    uint32_t depth;                                /* containers that are open */
    uint64_t is_object[TALLY_JSON_MAX_DEPTH / 64]; /* one bit each */
    const uint8_t *starts[TALLY_JSON_MAX_DEPTH];   /* their opening brackets */
} checker;

static const uint8_t *pass_string(const checker *doc, const uint8_t *at) {
    const uint8_t *quote = json_short_string(at + 1, doc->end);
    if (!quote) quote = doc->scan->check_string(at + 1, doc->end);
    return quote ? quote + 1 : NULL;
}

static const uint8_t *pass_digits(const uint8_t *at, const uint8_t *end) {
    if (at == end || !is_digit(*at)) return NULL;
    while (at < end && is_digit(*at))
        at++;
    return at;
}

static const uint8_t *pass_number(const uint8_t *at, const uint8_t *end) {
    if (*at == '-') at++;
    if (at < end && *at == '0')
        at++;
    else
        at = pass_digits(at, end);
    if (at && at < end && *at == '.') at = pass_digits(at + 1, end);
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        at = pass_digits(at, end);
    }
    return at;
}

static const uint8_t *pass_literal(const uint8_t *at, const uint8_t *end, const char *text) {
    size_t len = strlen(text);
    return (size_t)(end - at) >= len && memcmp(at, text, len) == 0 ? at + len : NULL;
}

static const uint8_t *pass_scalar(const checker *doc, const uint8_t *at) {
    switch (*at) {
    case '"': return pass_string(doc, at);
    case 't': return pass_literal(at, doc->end, "true");
    case 'f': return pass_literal(at, doc->end, "false");
    case 'n': return pass_literal(at, doc->end, "null");
    default: return *at == '-' || is_digit(*at) ? pass_number(at, doc->end) : NULL;
    }
}

/* The name and the colon of a member. */
static const uint8_t *pass_key(const checker *doc, const uint8_t *at) {
    if (at == doc->end || *at != '"') return NULL;
    at = pass_string(doc, at);
    if (!at) return NULL;
    at = skip_space(at, doc->end);
    return at < doc->end && *at == ':' ? at + 1 : NULL;
}

static bool open_container(checker *doc, const uint8_t *at) {
    if (doc->depth == TALLY_JSON_MAX_DEPTH) return false;
    uint64_t bit = UINT64_C(1) << (doc->depth % 64);
    uint64_t *word = &doc->is_object[doc->depth / 64];
    if (doc->depth % 64 == 0) *word = 0;
    *word = *at == '{' ? *word | bit : *word & ~bit;
    doc->starts[doc->depth++] = at;
    return true;
}

static bool in_object(const checker *doc) {
    uint32_t top = doc->depth - 1;
    return (doc->is_object[top / 64] >> (top % 64)) & 1;
}

static void close_container(checker *doc, const uint8_t *end) {
    const uint8_t *start = doc->starts[--doc->depth];
    tally_json_index *index = doc->index;
    if (!index || (size_t)(end - start) < TALLY_JSON_INDEX_MIN_BYTES) return;
    uint32_t slot = index->noted++ % TALLY_JSON_INDEX_SLOTS;
    index->slots[slot].start = start;
    index->slots[slot].end = end;
}

/* After a value: passes closing brackets and one comma with the name that may follow it. Stops at
 * the next value, or after the outermost one. */
static const uint8_t *pass_after_value(checker *doc, const uint8_t *at) {
    while (doc->depth > 0) {
        bool object = in_object(doc);
        at = skip_space(at, doc->end);
        if (at == doc->end) return NULL;
        if (*at == ',') return object ? pass_key(doc, skip_space(at + 1, doc->end)) : at + 1;
        if (*at != (object ? '}' : ']')) return NULL;
        close_container(doc, ++at);
    }
    return at;
}

/* After an opening bracket: passes the first name of an object. Stops at the first value, or at the
 * closing bracket. */
static const uint8_t *pass_opening(const checker *doc, const uint8_t *at, bool *empty) {
    bool object = *at == '{';
    at = skip_space(at + 1, doc->end);
    if (at == doc->end) return NULL;
    *empty = *at == (object ? '}' : ']');
    return object && !*empty ? pass_key(doc, at) : at;
}

/* `at` is on the first byte of the value; `*after` gets the byte after it. */
static int pass_value(checker *doc, const uint8_t *at, const uint8_t **after) {
    do {
        at = skip_space(at, doc->end);
        if (at == doc->end) return TALLY_EFORMAT;
        bool complete = true; /* an empty container is so but for its closing bracket */
        if (*at == '{' || *at == '[') {
            if (!open_container(doc, at)) return TALLY_ELIMIT;
            at = pass_opening(doc, at, &complete);
        } else {
            at = pass_scalar(doc, at);
        }
        if (at && complete) at = pass_after_value(doc, at);
        if (!at) return TALLY_EFORMAT;
    } while (doc->depth > 0);
    *after = at;
    return 0;
}

/* Reading what is known to be valid. Bounds are still checked: a span that never was a document
 * must not make us read outside it. */

/* `at` is on the opening quote. Returns the byte after the closing one, or `end`. */
static const uint8_t *read_string(const uint8_t *at, const uint8_t *end, tally_json *out) {
    const uint8_t *start = at + 1;
    bool escaped = false;
    at = json_short_string(start, end);
    if (!at) at = json_scanner_best()->skip_string(start, end, &escaped);
    *out =
        (tally_json){TALLY_JSON_STRING, tally_span_of(start, (size_t)(at - start)), escaped, NULL};
    return at < end ? at + 1 : end;
}

static const uint8_t *read_container(const uint8_t *at, const uint8_t *end,
                                     const tally_json_index *index) {
    uint32_t count = index ? index->noted : 0;
    if (count > TALLY_JSON_INDEX_SLOTS) count = TALLY_JSON_INDEX_SLOTS;
    for (uint32_t i = 0; i < count; i++)
        if (index->slots[i].start == at && index->slots[i].end <= end) return index->slots[i].end;
    return json_scanner_best()->skip_container(at, end);
}

/* A number or a literal. */
static const uint8_t *skip_plain_scalar(const uint8_t *at, const uint8_t *end) {
    for (at++; at < end; at++)
        if (*at <= ' ' || *at == ',' || *at == '}' || *at == ']') break;
    return at;
}

static const uint8_t *read_value(const uint8_t *at, const uint8_t *end,
                                 const tally_json_index *index, tally_json *out) {
    const uint8_t *start = at;
    tally_json_type type = TALLY_JSON_NUMBER;
    switch (*at) {
    case '"': return read_string(at, end, out);
    case '{':
    case '[':
        type = *at == '{' ? TALLY_JSON_OBJECT : TALLY_JSON_ARRAY;
        at = read_container(at, end, index);
        break;
    default:
        if (*at == 'n') type = TALLY_JSON_NULL;
        if (*at == 't' || *at == 'f') type = TALLY_JSON_BOOL;
        at = skip_plain_scalar(at, end);
    }
    *out = (tally_json){type, tally_span_of(start, (size_t)(at - start)), false, index};
    return at;
}

int tally_json_parse_indexed(tally_span text, tally_json_index *index, tally_json *out) {
    checker doc; /* field by field: clearing its stack would cost more than reading a short line */
    doc.end = text.ptr + text.len;
    doc.scan = json_scanner_best();
    doc.index = index;
    doc.depth = 0;
    const uint8_t *start = skip_space(text.ptr, doc.end);
    const uint8_t *after = start;
    if (index) index->noted = 0;
    int rc = pass_value(&doc, start, &after);
    if (rc != 0) return rc;
    if (skip_space(after, doc.end) != doc.end) return TALLY_EFORMAT;
    if (*start == '{' || *start == '[') {
        tally_json_type type = *start == '{' ? TALLY_JSON_OBJECT : TALLY_JSON_ARRAY;
        *out = (tally_json){type, tally_span_of(start, (size_t)(after - start)), false, index};
    } else { /* its end is known, but not yet its type */
        (void)read_value(start, after, NULL, out);
    }
    return 0;
}

int tally_json_parse(tally_span text, tally_json *out) {
    return tally_json_parse_indexed(text, NULL, out);
}

void tally_json_iter_init(tally_json_iter *iter, const tally_json *value) {
    *iter = (tally_json_iter){0};
    bool container = value->type == TALLY_JSON_OBJECT || value->type == TALLY_JSON_ARRAY;
    if (!container || value->raw.len < 2) return;
    iter->at = value->raw.ptr + 1;
    iter->end = value->raw.ptr + value->raw.len - 1;
    iter->is_object = value->type == TALLY_JSON_OBJECT;
    iter->index = value->index;
}

bool tally_json_next(tally_json_iter *iter, tally_json *key, tally_json *value) {
    const uint8_t *end = iter->end;
    const uint8_t *at = skip_space(iter->at, end);
    if (at < end && *at == ',') at = skip_space(at + 1, end);
    if (iter->is_object && at < end) {
        tally_json ignored;
        at = skip_space(read_string(at, end, key ? key : &ignored), end);
        if (at < end) at = skip_space(at + 1, end);
    }
    iter->at = at < end ? read_value(at, end, iter->index, value) : end;
    return at < end;
}

bool tally_json_get(const tally_json *value, const char *name, tally_json *out) {
    if (value->type != TALLY_JSON_OBJECT) return false;
    tally_json_iter iter;
    tally_json key, member;
    bool found = false;
    tally_json_iter_init(&iter, value);
    while (tally_json_next(&iter, &key, &member)) {
        if (!tally_json_key_is(&key, name)) continue;
        *out = member;
        found = true;
    }
    return found;
}

/* Text. */

#define REPLACEMENT 0xFFFDu

/* `at` is on the backslash of a \u escape; a pair of surrogates is one character. */
static const uint8_t *decode_unicode_escape(const uint8_t *at, const uint8_t *end, uint32_t *code) {
    uint32_t unit, low;
    *code = REPLACEMENT;
    if (!json_hex4(at + 2, end, &unit)) return end;
    at += 6;
    bool high_surrogate = unit >= 0xD800 && unit <= 0xDBFF;
    if (unit < 0xD800 || unit > 0xDFFF) *code = unit;
    if (!high_surrogate || end - at < 6 || at[0] != '\\' || at[1] != 'u') return at;
    if (!json_hex4(at + 2, end, &low) || low < 0xDC00 || low > 0xDFFF) return at;
    *code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    return at + 6;
}

static const uint8_t *decode_escape(const uint8_t *at, const uint8_t *end, uint32_t *code) {
    if (end - at < 2) {
        *code = REPLACEMENT;
        return end;
    }
    switch (at[1]) {
    case 'u': return decode_unicode_escape(at, end, code);
    case 'b': *code = '\b'; break;
    case 'f': *code = '\f'; break;
    case 'n': *code = '\n'; break;
    case 'r': *code = '\r'; break;
    case 't': *code = '\t'; break;
    default: *code = at[1];
    }
    return at + 2;
}

/* A character of two to four bytes (RFC 3629). What is not one becomes U+FFFD once for each maximal
 * subpart (Unicode 3.9), as browsers and Python do. */
static const uint8_t *decode_utf8(const uint8_t *at, const uint8_t *end, uint32_t *code) {
    uint8_t lead = *at++;
    /* Limits of the second byte: they shut out overlong forms and surrogates. */
    uint8_t low = 0x80, high = 0xBF;
    int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    *code = REPLACEMENT;
    if (lead < 0xC2 || lead > 0xF4) return at;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
    uint32_t sum = lead & (0x3Fu >> more);
    for (int i = 0; i < more; i++, at++) {
        if (at == end || *at < low || *at > high) return at;
        sum = sum << 6 | (*at & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    *code = sum;
    return at;
}

static const uint8_t *decode_char(const uint8_t *at, const uint8_t *end, uint32_t *code) {
    if (*at == '\\') return decode_escape(at, end, code);
    if (*at >= 0x80) return decode_utf8(at, end, code);
    *code = *at;
    return at + 1;
}

static size_t encode_utf8(uint32_t code, uint8_t out[4]) {
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = len; i-- > 1; code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
    out[0] = (uint8_t)(marks[len] | code);
    return len;
}

void tally_json_text(const tally_json *value, char *buffer, size_t size, size_t *len) {
    *len = 0;
    if (value->type != TALLY_JSON_STRING) return;
    const uint8_t *at = value->raw.ptr;
    const uint8_t *end = at + value->raw.len;
    while (at < end) {
        uint32_t code;
        uint8_t bytes[4];
        at = decode_char(at, end, &code);
        if (code == 0) continue;
        size_t n = encode_utf8(code, bytes);
        if (n > size - *len) return;
        memcpy(buffer + *len, bytes, n);
        *len += n;
    }
}

bool tally_json_string_is(const tally_json *value, const char *text) {
    if (value->type != TALLY_JSON_STRING) return false;
    if (!value->escaped) return tally_span_is(value->raw, text);
    const uint8_t *at = value->raw.ptr;
    const uint8_t *end = at + value->raw.len;
    size_t left = strlen(text);
    while (at < end) {
        uint32_t code;
        uint8_t bytes[4];
        at = decode_char(at, end, &code);
        size_t n = encode_utf8(code, bytes);
        if (n > left || memcmp(text, bytes, n) != 0) return false;
        text += n;
        left -= n;
    }
    return left == 0;
}

bool tally_json_true(const tally_json *value) {
    return value->type == TALLY_JSON_BOOL && value->raw.len == 4;
}

/* Numbers. */

static int64_t read_exponent(const uint8_t *at, const uint8_t *end) {
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    int64_t exponent = 0;
    for (; at < end; at++)
        if (exponent < JSON_EXP_LIMIT / 16) exponent = exponent * 10 + (*at - '0');
    return negative ? -exponent : exponent;
}

/* digits * 10^power, or false above JSON_U64_MAX. */
static bool scale(uint64_t digits, int64_t power, uint64_t *out) {
    for (; power > 0 && digits != 0; power--) {
        digits *= 10; /* at most 2^53 before: cannot wrap */
        if (digits > JSON_U64_MAX) return false;
    }
    if (digits > JSON_U64_MAX) return false;
    *out = digits;
    return true;
}

bool tally_json_u64(const tally_json *value, uint64_t *out) {
    if (value->type != TALLY_JSON_NUMBER) return false;
    const uint8_t *at = value->raw.ptr;
    const uint8_t *end = at + value->raw.len;
    uint64_t digits = 0; /* without the zeros at its end, which are counted in `power` */
    int64_t zeros = 0, power = 0;
    bool fraction = false;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        power -= fraction;
        zeros++;
        if (*at == '0') continue;
        if (!scale(digits, zeros, &digits)) return false;
        digits += (uint64_t)(*at - '0');
        zeros = 0;
    }
    if (at < end && *at != 'e' && *at != 'E') return false; /* a minus sign */
    if (at < end) power += read_exponent(at + 1, end);
    power += zeros;
    if (digits == 0) power = 0;
    return power >= 0 && scale(digits, power, out);
}
