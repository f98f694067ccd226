/* Wire messages, reading: strict decoding of what a peer said. The rules are in tally/wire.h; bytes
 * are walked with the cursor of records, which yields nothing that is not in its shortest form.
 * Writing is in wire.c, the records inside of commits in wire_pack.c. */
#include <tally/wire.h>

/* Of sizes and times: proofs are for trees of up to that many records. */
#define NUMBER_MAX ((uint64_t)INT64_MAX)

/* A message being read. The first refusal stays; what is read after it is zero. */
typedef struct reader {
    tally_cursor cursor;
    tally_span name;
    tally_error *err;
    int rc;
} reader;

static void refuse(reader *r, int code, const char *field, const char *why) {
    if (r->rc != 0) return;
    r->rc = tally_fail(r->err, code, "refused a message '%.*s': its %s %s", (int)r->name.len,
                       (const char *)r->name.ptr, field, why);
}

/* The next element when it is of `type`. */
static bool take(reader *r, tally_value_type type, const char *field, tally_value *out) {
    if (r->rc != 0) return false;
    if (!tally_cursor_next(&r->cursor, out))
        refuse(r, TALLY_EFORMAT, field, "is cut off or not canonical msgpack");
    else if (out->type != type)
        refuse(r, TALLY_EFORMAT, field, "is of the wrong type");
    return r->rc == 0;
}

static uint64_t take_uint(reader *r, const char *field, uint64_t least, uint64_t most) {
    tally_value v;
    if (!take(r, TALLY_VALUE_UINT, field, &v)) return 0;
    if (v.as.uint < least) refuse(r, TALLY_EFORMAT, field, "is too small");
    if (v.as.uint > most) refuse(r, TALLY_ELIMIT, field, "is over its limit");
    return r->rc == 0 ? v.as.uint : 0;
}

static tally_span take_bytes(reader *r, const char *field, size_t least, size_t most) {
    tally_value v;
    if (!take(r, TALLY_VALUE_BIN, field, &v)) return (tally_span){0};
    if (v.bytes.len < least) refuse(r, TALLY_EFORMAT, field, "is too short");
    if (v.bytes.len > most) refuse(r, TALLY_ELIMIT, field, "is longer than its limit");
    return r->rc == 0 ? v.bytes : (tally_span){0};
}

/* Exactly `len` bytes into `out`. */
static void take_fixed(reader *r, const char *field, void *out, size_t len) {
    tally_value v;
    if (!take(r, TALLY_VALUE_BIN, field, &v)) return;
    if (v.bytes.len != len)
        refuse(r, TALLY_EFORMAT, field, "has the wrong length");
    else
        memcpy(out, v.bytes.ptr, len);
}

static uint64_t take_size(reader *r, const char *field) {
    return take_uint(r, field, 1, NUMBER_MAX);
}

static int64_t take_time(reader *r, const char *field) {
    return (int64_t)take_uint(r, field, 0, NUMBER_MAX);
}

bool tally_wire_next_text(tally_wire_list *list, tally_span *out) {
    tally_value v;
    if (!tally_cursor_next(&list->at, &v) || v.type != TALLY_VALUE_STR) return false;
    *out = v.bytes;
    return true;
}

bool tally_wire_next_hash(tally_wire_list *list, tally_hash *out) {
    tally_value v;
    if (!tally_cursor_next(&list->at, &v)) return false;
    if (v.type != TALLY_VALUE_BIN || v.bytes.len != sizeof out->b) return false;
    memcpy(out->b, v.bytes.ptr, sizeof out->b);
    return true;
}

bool tally_wire_next_head(tally_wire_list *list, tally_wire_head *out) {
    tally_value v;
    if (!tally_cursor_next(&list->at, &v) || v.type != TALLY_VALUE_ARRAY || v.count != 3)
        return false;
    reader r = {.cursor = tally_cursor_of(&v)};
    take_fixed(&r, "device", out->device.b, sizeof out->device.b);
    out->size = take_size(&r, "size");
    take_fixed(&r, "root", out->root.b, sizeof out->root.b);
    return r.rc == 0;
}

bool tally_wire_next_mark(tally_wire_list *list, tally_wire_mark *out) {
    tally_value v;
    if (!tally_cursor_next(&list->at, &v) || v.type != TALLY_VALUE_ARRAY || v.count != 2)
        return false;
    reader r = {.cursor = tally_cursor_of(&v)};
    out->size = take_size(&r, "size");
    take_fixed(&r, "root", out->root.b, sizeof out->root.b);
    return r.rc == 0;
}

bool tally_wire_next_cosigned(tally_wire_list *list, tally_wire_cosigned *out) {
    tally_value v;
    if (!tally_cursor_next(&list->at, &v) || v.type != TALLY_VALUE_ARRAY || v.count != 3)
        return false;
    reader r = {.cursor = tally_cursor_of(&v)};
    take_fixed(&r, "device", out->device.b, sizeof out->device.b);
    out->size = take_size(&r, "size");
    out->digest = take_uint(&r, "digest", 0, UINT64_MAX);
    return r.rc == 0;
}

static void proof_get(tally_wire_list list, tally_proof *out) {
    out->count = 0;
    while (out->count < TALLY_PROOF_MAX_HASHES &&
           tally_wire_next_hash(&list, &out->hashes[out->count]))
        out->count++;
}

void tally_wire_side_get(const tally_wire_side *side, tally_fork_branch *out) {
    out->checkpoint = side->checkpoint;
    out->next = side->next;
    proof_get(side->to_common, &out->to_common);
    proof_get(side->to_next, &out->to_next);
}

/* An array's elements, not looked at yet: the caller walks them all. */
static tally_wire_list take_list(reader *r, const char *field, uint32_t least, uint32_t most) {
    tally_value v;
    if (!take(r, TALLY_VALUE_ARRAY, field, &v)) return (tally_wire_list){0};
    if (v.count < least) refuse(r, TALLY_EFORMAT, field, "has too few elements");
    if (v.count > most) refuse(r, TALLY_ELIMIT, field, "has too many elements");
    if (r->rc != 0) return (tally_wire_list){0};
    return (tally_wire_list){tally_cursor_of(&v), v.count};
}

static tally_wire_list take_hashes(reader *r, const char *field, uint32_t least, uint32_t most) {
    tally_wire_list list = take_list(r, field, least, most), walk = list;
    tally_hash hash;
    for (uint32_t i = 0; i < list.count; i++)
        if (!tally_wire_next_hash(&walk, &hash))
            refuse(r, TALLY_EFORMAT, field, "has an element that is not 32 bytes");
    return list;
}

static tally_wire_list take_features(reader *r) {
    static const char field[] = "features";
    tally_wire_list list = take_list(r, field, 0, TALLY_WIRE_MAX_FEATURES), walk = list;
    for (uint32_t i = 0; i < list.count && r->rc == 0; i++) {
        tally_span text;
        if (!tally_wire_next_text(&walk, &text) || text.len == 0 || !tally_utf8_valid(text))
            refuse(r, TALLY_EFORMAT, field, "has an element that is not a text");
        else if (text.len > TALLY_WIRE_FEATURE_MAX_BYTES)
            refuse(r, TALLY_ELIMIT, field, "has an element that is longer than its limit");
    }
    return list;
}

static tally_wire_list take_frontier(reader *r) {
    static const char field[] = "frontier";
    tally_wire_list list = take_list(r, field, 0, TALLY_WIRE_MAX_HEADS), walk = list;
    tally_device_id last = {{0}};
    for (uint32_t i = 0; i < list.count && r->rc == 0; i++) {
        tally_wire_head head;
        if (!tally_wire_next_head(&walk, &head))
            refuse(r, TALLY_EFORMAT, field, "has an element that is not a device, size and root");
        else if (i > 0 && memcmp(last.b, head.device.b, sizeof last.b) >= 0)
            refuse(r, TALLY_EFORMAT, field, "is not sorted by device or names one twice");
        last = head.device;
    }
    return list;
}

static void read_hello(reader *r, tally_wire_message *out) {
    tally_wire_hello *hello = &out->as.hello;
    if (take_uint(r, "version", 0, UINT64_MAX) != TALLY_WIRE_VERSION)
        refuse(r, TALLY_EREFUSED, "version", "is not 1; update the older of the two nodes");
    hello->clock_ms = take_time(r, "clock");
    hello->features = take_features(r);
    hello->frontier = take_frontier(r);
}

static void take_checkpoint(reader *r, tally_checkpoint *out, const char *root) {
    out->size = take_size(r, "size");
    take_fixed(r, root, out->root.b, sizeof out->root.b);
    take_fixed(r, "signature", out->signature, sizeof out->signature);
}

static void read_commits(reader *r, tally_wire_message *out) {
    tally_wire_commits *commits = &out->as.commits;
    take_fixed(r, "device", commits->device.b, sizeof commits->device.b);
    commits->from = take_uint(r, "from", 0, NUMBER_MAX);
    commits->count = (uint32_t)take_uint(r, "count", 1, TALLY_COMMIT_MAX_RECORDS);
    uint64_t least = commits->count * (TALLY_WIRE_RECORD_HEADER_BYTES + 1ull);
    commits->raw_len = (uint32_t)take_uint(r, "raw length", least, TALLY_WIRE_RAW_MAX_BYTES);
    commits->packed = take_bytes(r, "records", 1, TALLY_WIRE_PACKED_MAX_BYTES);
    take_checkpoint(r, &commits->checkpoint, "root");
    uint64_t size;
    if (tally_add_u64(commits->from, commits->count, &size) != 0 ||
        size != commits->checkpoint.size)
        refuse(r, TALLY_EFORMAT, "size", "is not from + count");
}

static void read_cosig(reader *r, tally_wire_message *out) {
    tally_cosignature *cosig = &out->as.cosig;
    take_fixed(r, "device", cosig->device.b, sizeof cosig->device.b);
    take_checkpoint(r, &cosig->checkpoint, "root");
    take_fixed(r, "witness", cosig->witness.b, sizeof cosig->witness.b);
    cosig->time_s = take_time(r, "time");
    take_fixed(r, "cosignature", cosig->signature, sizeof cosig->signature);
}

static int order_of(const tally_wire_cosigned *a, const tally_wire_cosigned *b) {
    int order = memcmp(a->device.b, b->device.b, sizeof a->device.b);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static void read_cosigned(reader *r, tally_wire_message *out) {
    static const char field[] = "marks";
    tally_wire_list list = take_list(r, field, 0, TALLY_WIRE_MAX_COSIGNED), walk = list;
    tally_wire_cosigned last = {.size = 0}, mark;
    for (uint32_t i = 0; i < list.count && r->rc == 0; i++) {
        if (!tally_wire_next_cosigned(&walk, &mark))
            refuse(r, TALLY_EFORMAT, field, "has an element that is not a device, size and digest");
        else if (i > 0 && order_of(&last, &mark) >= 0)
            refuse(r, TALLY_EFORMAT, field, "are not ascending");
        last = mark;
    }
    out->as.cosigned = list;
}

static void read_have(reader *r, tally_wire_message *out) {
    tally_wire_head *have = &out->as.have;
    take_fixed(r, "device", have->device.b, sizeof have->device.b);
    have->size = take_size(r, "size");
    take_fixed(r, "root", have->root.b, sizeof have->root.b);
}

static void read_want_blob(reader *r, tally_wire_message *out) {
    out->as.want_blob = take_hashes(r, "list of ids", 1, TALLY_WIRE_MAX_BLOB_IDS);
}

static void read_blob(reader *r, tally_wire_message *out) {
    tally_wire_blob *blob = &out->as.blob;
    take_fixed(r, "id", blob->id.b, sizeof blob->id.b);
    blob->total = (uint32_t)take_uint(r, "total", 0, TALLY_WIRE_BLOB_MAX_BYTES);
    blob->offset = (uint32_t)take_uint(r, "offset", 0, TALLY_WIRE_BLOB_MAX_BYTES);
    blob->bytes = take_bytes(r, "bytes", 0, TALLY_WIRE_BLOB_PIECE_MAX_BYTES);
    if (blob->total > 0 && blob->total < TALLY_BLOB_SALT_BYTES)
        refuse(r, TALLY_EFORMAT, "total", "is shorter than a salt");
    if (blob->total > 0 && blob->bytes.len == 0) refuse(r, TALLY_EFORMAT, "bytes", "are none");
    if (blob->offset > blob->total || blob->bytes.len > blob->total - blob->offset)
        refuse(r, TALLY_EFORMAT, "bytes", "end behind its total");
}

static void read_trail(reader *r, tally_wire_message *out) {
    static const char field[] = "marks";
    tally_wire_trail *trail = &out->as.trail;
    take_fixed(r, "device", trail->device.b, sizeof trail->device.b);
    trail->marks = take_list(r, field, 1, TALLY_WIRE_MAX_MARKS);
    tally_wire_list walk = trail->marks;
    uint64_t last = 0;
    for (uint32_t i = 0; i < trail->marks.count && r->rc == 0; i++) {
        tally_wire_mark mark;
        if (!tally_wire_next_mark(&walk, &mark))
            refuse(r, TALLY_EFORMAT, field, "has an element that is not a size and root");
        else if (mark.size <= last)
            refuse(r, TALLY_EFORMAT, field, "are not ascending");
        else
            last = mark.size;
    }
}

/* Where two histories part, as branches and forks begin. */
static uint64_t take_parting(reader *r, tally_device_id *device, tally_hash *base) {
    take_fixed(r, "device", device->b, sizeof device->b);
    uint64_t common = take_uint(r, "common size", 0, NUMBER_MAX - 1);
    take_fixed(r, "base", base->b, sizeof base->b);
    return common;
}

/* An array in the message: its elements are read like the message's own. */
static void take_side(reader *r, uint64_t common, tally_wire_side *out) {
    tally_value v;
    if (!take(r, TALLY_VALUE_ARRAY, "side", &v)) return;
    tally_cursor after = r->cursor;
    r->cursor = tally_cursor_of(&v);
    take_checkpoint(r, &out->checkpoint, "root");
    take_fixed(r, "next root", out->next.b, sizeof out->next.b);
    out->to_common = take_hashes(r, "proof to common", 0, TALLY_PROOF_MAX_HASHES);
    out->to_next = take_hashes(r, "proof to next", 0, TALLY_PROOF_MAX_HASHES);
    if (v.count != 6) refuse(r, TALLY_EFORMAT, "side", "has the wrong number of elements");
    if (out->checkpoint.size <= common)
        refuse(r, TALLY_EFORMAT, "size", "is not above its common size");
    r->cursor = after;
}

static void read_branch(reader *r, tally_wire_message *out) {
    tally_wire_branch *branch = &out->as.branch;
    branch->common = take_parting(r, &branch->device, &branch->base);
    take_side(r, branch->common, &branch->side);
}

static void read_fork(reader *r, tally_wire_message *out) {
    tally_wire_fork *fork = &out->as.fork;
    fork->common = take_parting(r, &fork->device, &fork->base);
    take_side(r, fork->common, &fork->sides[0]);
    take_side(r, fork->common, &fork->sides[1]);
    if (memcmp(fork->sides[0].next.b, fork->sides[1].next.b, TALLY_HASH_BYTES) >= 0)
        refuse(r, TALLY_EFORMAT, "sides", "are equal or in the wrong order");
}

static void read_credit(reader *r, tally_wire_message *out) {
    out->as.credit = take_uint(r, "number", 1, NUMBER_MAX);
}

/* C0, DEL and (as UTF-8) C1: what could move the cursor of whoever reads a log. */
static bool has_control(tally_span text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool c1 = c == 0xc2 && i + 1 < text.len && text.ptr[i + 1] < 0xa0;
        if (c < 0x20 || c == 0x7f || c1) return true;
    }
    return false;
}

/* Words of `least` to `most` bytes that are safe to show. */
static tally_span take_words(reader *r, const char *field, size_t least, size_t most) {
    tally_value v;
    if (!take(r, TALLY_VALUE_STR, field, &v)) return (tally_span){0};
    if (v.bytes.len > most)
        refuse(r, TALLY_ELIMIT, field, "is longer than its limit");
    else if (v.bytes.len < least)
        refuse(r, TALLY_EFORMAT, field, "is empty");
    else if (!tally_utf8_valid(v.bytes) || has_control(v.bytes))
        refuse(r, TALLY_EFORMAT, field, "is not plain text");
    return v.bytes;
}

static void read_ping(reader *r, tally_wire_message *out) {
    (void)r, (void)out;
}

static void read_join(reader *r, tally_wire_message *out) {
    tally_wire_join *join = &out->as.join;
    take_fixed(r, "device", join->device.b, sizeof join->device.b);
    take_fixed(r, "signature", join->signature, sizeof join->signature);
    join->member = take_words(r, "member", 1, TALLY_WIRE_JOIN_NAME_MAX_BYTES);
    join->name = take_words(r, "name", 1, TALLY_WIRE_JOIN_NAME_MAX_BYTES);
}

static void read_bye(reader *r, tally_wire_message *out) {
    out->as.bye.code = (uint32_t)take_uint(r, "code", 0, UINT32_MAX);
    out->as.bye.words = take_words(r, "text", 0, TALLY_WIRE_WORDS_MAX_BYTES);
}

/* By type. The name counts as an element. */
static const struct {
    const char *name;
    uint32_t elements;
    void (*read)(reader *r, tally_wire_message *out);
} messages[] = {[TALLY_WIRE_HELLO] = {"hello", 5, read_hello},
                [TALLY_WIRE_COMMITS] = {"commits", 9, read_commits},
                [TALLY_WIRE_COSIG] = {"cosig", 8, read_cosig},
                [TALLY_WIRE_COSIGNED] = {"cosigned", 2, read_cosigned},
                [TALLY_WIRE_HAVE] = {"have", 4, read_have},
                [TALLY_WIRE_WANT_BLOB] = {"want_blob", 2, read_want_blob},
                [TALLY_WIRE_BLOB] = {"blob", 5, read_blob},
                [TALLY_WIRE_TRAIL] = {"trail", 3, read_trail},
                [TALLY_WIRE_BRANCH] = {"branch", 5, read_branch},
                [TALLY_WIRE_FORK] = {"fork", 6, read_fork},
                [TALLY_WIRE_CREDIT] = {"credit", 2, read_credit},
                [TALLY_WIRE_PING] = {"ping", 1, read_ping},
                [TALLY_WIRE_JOIN] = {"join", 5, read_join},
                [TALLY_WIRE_BYE] = {"bye", 3, read_bye}};
#define MESSAGE_COUNT (sizeof messages / sizeof *messages)

static tally_wire_type type_of(tally_span name) {
    for (size_t i = TALLY_WIRE_HELLO; i < MESSAGE_COUNT; i++)
        if (tally_span_is(name, messages[i].name)) return (tally_wire_type)i;
    return TALLY_WIRE_UNKNOWN;
}

static bool name_ok(tally_span name) {
    if (name.len == 0 || name.len > TALLY_WIRE_NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

/* Any `count` canonical values inside of a container at `depth`; of a map its keys and values, pair
 * by pair. */
static bool values_ok(tally_cursor cursor, uint64_t count, bool pairs, unsigned depth) {
    tally_span last = {0};
    for (uint64_t i = 0; i < count; i++) {
        tally_value v;
        bool key = pairs && i % 2 == 0;
        if (!tally_cursor_next(&cursor, &v) || (key && v.type != TALLY_VALUE_STR)) return false;
        if (v.type == TALLY_VALUE_STR && !tally_utf8_valid(v.bytes)) return false;
        if (key && i > 0 && tally_span_cmp(last, v.bytes) >= 0) return false;
        if (key) last = v.bytes;
        if (v.type != TALLY_VALUE_ARRAY && v.type != TALLY_VALUE_MAP) continue;
        bool map = v.type == TALLY_VALUE_MAP;
        if (depth == TALLY_WIRE_MAX_DEPTH) return false;
        if (!values_ok(tally_cursor_of(&v), map ? 2ull * v.count : v.count, map, depth + 1))
            return false;
    }
    return true;
}

static void read_message(reader *r, uint32_t count, tally_wire_message *out) {
    out->type = type_of(out->name);
    if (out->type == TALLY_WIRE_UNKNOWN) {
        if (!values_ok(r->cursor, count - 1, false, 1))
            refuse(r, TALLY_EFORMAT, "content", "is not canonical msgpack");
        return;
    }
    messages[out->type].read(r, out);
    /* Last, so that a hello of another version may have another shape. Too few elements for the
     * count are noticed by whoever reads them, or here. */
    if (count != messages[out->type].elements)
        refuse(r, TALLY_EFORMAT, "array", "has the wrong number of elements");
}

int tally_wire_decode(tally_span bytes, tally_wire_message *out, tally_error *err) {
    *out = (tally_wire_message){0};
    if (bytes.len > TALLY_MESSAGE_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "refused a message of %zu bytes: the limit is %u",
                          bytes.len, TALLY_MESSAGE_MAX_BYTES);
    tally_cursor whole = {bytes.ptr, bytes.ptr + bytes.len};
    tally_value array, name;
    if (bytes.len == 0 || !tally_cursor_next(&whole, &array) || array.type != TALLY_VALUE_ARRAY)
        return tally_fail(err, TALLY_EFORMAT, "refused a message: it is not a msgpack array");
    if (whole.at != whole.end)
        return tally_fail(err, TALLY_EFORMAT, "refused a message: bytes follow its array");
    reader r = {.cursor = tally_cursor_of(&array), .err = err};
    if (!tally_cursor_next(&r.cursor, &name) || name.type != TALLY_VALUE_STR ||
        !name_ok(name.bytes))
        return tally_fail(err, TALLY_EFORMAT, "refused a message: it does not begin with a name");
    r.name = out->name = name.bytes;
    read_message(&r, array.count, out);
    if (r.rc != 0) *out = (tally_wire_message){0};
    return r.rc;
}
