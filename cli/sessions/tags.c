/* Tag records: an add names its target, a remove names the adds it saw, so that an add elsewhere at
 * the same time stays. */
#include "tags.h"

#include <string.h>

#define REMOVES_MAX       512u /* adds one tag.remove names; more take another record */
#define REMOVE_ITEM_BYTES (2u + TALLY_HASH_BYTES)

bool cli_tag_ok(tally_span tag) {
    if (!tag.len || tag.len > CLI_TAG_MAX_BYTES || !tally_utf8_valid(tag)) return false;
    for (size_t i = 0; i < tag.len; i++)
        if (tag.ptr[i] < 0x20 || tag.ptr[i] == 0x7f || tag.ptr[i] == ',' || tag.ptr[i] == ';')
            return false;
    return true;
}

bool cli_tag_next(tally_span *tags, tally_span *tag) {
    if (!tags->len) return false;
    const uint8_t *semicolon = memchr(tags->ptr, ';', tags->len);
    size_t len = semicolon ? (size_t)(semicolon - tags->ptr) : tags->len;
    size_t step = semicolon ? len + 1 : len;
    *tag = tally_span_of(tags->ptr, len);
    *tags = tally_span_of(tags->ptr + step, tags->len - step);
    return true;
}

static void target_bytes(const cli_tag_target *target, uint8_t out[TALLY_ENTRY_BYTES]) {
    memset(out, 0, TALLY_ENTRY_BYTES);
    if (target->entry)
        memcpy(out, target->entry->b, TALLY_ENTRY_BYTES);
    else
        tally_put_be64(out, tally_session_ref(target->agent, target->session));
}

/* The adds of one tag, as the elements of a msgpack array of bin 32. */
typedef struct adds_seen {
    tally_span tag;
    uint16_t count;
    uint8_t array[3 + REMOVES_MAX * REMOVE_ITEM_BYTES];
} adds_seen;

static int add_note(void *ctx, const uint8_t *target, tally_span tag, const tally_hash *add) {
    adds_seen *seen = ctx;
    (void)target;
    if (!tally_span_eq(tag, seen->tag) || seen->count == REMOVES_MAX) return 0;
    uint8_t *item = seen->array + 3 + (size_t)seen->count++ * REMOVE_ITEM_BYTES;
    item[0] = 0xc4; /* bin 8 */
    item[1] = TALLY_HASH_BYTES;
    memcpy(item + 2, add->b, TALLY_HASH_BYTES);
    return 0;
}

/* The array's header stands right before the first element, in its shortest form. */
static tally_span adds_array(adds_seen *seen) {
    size_t len = (size_t)seen->count * REMOVE_ITEM_BYTES;
    if (seen->count < 16) {
        seen->array[2] = (uint8_t)(0x90 | seen->count);
        return tally_span_of(seen->array + 2, len + 1);
    }
    seen->array[0] = 0xdc;
    seen->array[1] = (uint8_t)(seen->count >> 8);
    seen->array[2] = (uint8_t)seen->count;
    return tally_span_of(seen->array, len + 3);
}

static int adds_find(tally_txn *txn, const cli_tag_target *target, adds_seen *seen,
                     tally_error *err) {
    uint8_t bytes[TALLY_ENTRY_BYTES];
    target_bytes(target, bytes);
    seen->count = 0;
    int code = tally_tag_each_of(txn, bytes, add_note, seen);
    return code ? tally_fail(err, code, "the tags cannot be read; run 'tally fsck'") : 0;
}

bool cli_tag_has(tally_txn *txn, const cli_tag_target *target, tally_span tag) {
    adds_seen seen = {.tag = tag};
    return adds_find(txn, target, &seen, NULL) == 0 && seen.count > 0;
}

static void target_put(tally_writer *writer, const cli_tag_target *target, tally_span tag) {
    tally_writer_begin(writer);
    tally_put_str(writer, "tag", tag);
    if (target->entry) {
        tally_put_bin(writer, "entry", tally_span_of(target->entry->b, TALLY_ENTRY_BYTES));
        return;
    }
    tally_put_str(writer, "agent", target->agent);
    tally_put_str(writer, "session", target->session);
}

int cli_tag_add(tally_txn *txn, tally_writer *writer, const cli_tag_target *target, tally_span tag,
                bool *added, tally_error *err) {
    *added = !cli_tag_has(txn, target, tag);
    if (!*added) return 0;
    target_put(writer, target, tag);
    return tally_append(txn, "tag.add", writer, NULL, err);
}

int cli_tag_remove(tally_txn *txn, tally_writer *writer, const cli_tag_target *target,
                   tally_span tag, bool *removed, tally_error *err) {
    adds_seen seen = {.tag = tag};
    *removed = false;
    for (;;) {
        int code = adds_find(txn, target, &seen, err);
        if (code || !seen.count) return code;
        target_put(writer, target, tag);
        tally_put_raw(writer, "removes", adds_array(&seen));
        code = tally_append(txn, "tag.remove", writer, NULL, err);
        if (code) return code;
        *removed = true;
    }
}
