/* The tag view: observed-remove sets. An add is one leaf hash under (target, tag); a remove names
 * the adds it saw. */
#include "view_fold.h"

#include <tally/view.h>

#define TAG_MAX_BYTES   64u
#define TAG_KEY_BYTES   (TALLY_ENTRY_BYTES + TAG_MAX_BYTES)
#define UNTAG_KEY_BYTES (TALLY_HASH_BYTES + TAG_KEY_BYTES)

bool view_target_of(const tally_record *record, uint8_t target[TALLY_ENTRY_BYTES]) {
    tally_span agent, session;
    const uint8_t *entry;
    memset(target, 0, TALLY_ENTRY_BYTES);
    if (tally_body_bin(record, "entry", TALLY_ENTRY_BYTES, &entry))
        memcpy(target, entry, TALLY_ENTRY_BYTES);
    else if (tally_body_str(record, "agent", &agent) && tally_body_str(record, "session", &session))
        tally_put_be64(target, tally_session_ref(agent, session));
    else
        return false;
    return true;
}

/* Key of (target, tag); 0 when the record names neither properly. */
static size_t tag_key(const tally_record *record, uint8_t key[TAG_KEY_BYTES]) {
    tally_span tag;
    if (!tally_body_str(record, "tag", &tag) || tag.len == 0 || tag.len > TAG_MAX_BYTES) return 0;
    if (!view_target_of(record, key)) return 0;
    memcpy(key + TALLY_ENTRY_BYTES, tag.ptr, tag.len);
    return TALLY_ENTRY_BYTES + tag.len;
}

/* Key of a removal: the add and what it must have tagged, so that a removal that names somebody
 * else's add does nothing, whichever of the two comes first. */
static tally_span untag_key(tally_span add, tally_span key, uint8_t out[UNTAG_KEY_BYTES]) {
    memcpy(out, add.ptr, TALLY_HASH_BYTES);
    memcpy(out + TALLY_HASH_BYTES, key.ptr, key.len);
    return tally_span_of(out, TALLY_HASH_BYTES + key.len);
}

int view_fold_tag_add(const view_source *source, const tally_record *record, tally_error *err) {
    uint8_t key[TAG_KEY_BYTES], untag[UNTAG_KEY_BYTES];
    tally_span removed, add = tally_span_of(source->leaf->b, TALLY_HASH_BYTES);
    size_t len = tag_key(record, key);
    if (len == 0) return 0;
    tally_span tagged = tally_span_of(key, len);
    int rc =
        store_get(source->txn, TABLE_VIEW_UNTAGS, untag_key(add, tagged, untag), &removed, err);
    if (rc != TALLY_ENOTFOUND) return rc; /* removed before it arrived */
    rc = store_put(source->txn, TABLE_VIEW_TAGS, tagged, add, MDB_NODUPDATA, err);
    return rc == TALLY_EEXIST ? 0 : rc;
}

int view_fold_tag_remove(const view_source *source, const tally_record *record, tally_error *err) {
    uint8_t key[TAG_KEY_BYTES], untag[UNTAG_KEY_BYTES];
    static const uint8_t mark[] = {1};
    tally_value list, add;
    size_t len = tag_key(record, key);
    if (len == 0 || !tally_body_get(record, "removes", &list)) return 0;
    if (list.type != TALLY_VALUE_ARRAY) return 0;
    tally_span tagged = tally_span_of(key, len);
    tally_cursor cursor = tally_cursor_of(&list);
    int rc = 0;
    while (rc == 0 && tally_cursor_next(&cursor, &add)) {
        if (add.type != TALLY_VALUE_BIN || add.bytes.len != TALLY_HASH_BYTES) continue;
        rc = store_put(source->txn, TABLE_VIEW_UNTAGS, untag_key(add.bytes, tagged, untag),
                       tally_span_of(mark, 1), 0, err);
        if (rc == 0) rc = store_del(source->txn, TABLE_VIEW_TAGS, tagged, &add.bytes, err);
    }
    return rc;
}

/* Every (target, tag, add) from `start` on, while `prefix` bytes of the key stay the same. */
static int each_from(tally_txn *txn, const uint8_t *start, size_t prefix, tally_tag_fn *fn,
                     void *ctx) {
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_VIEW_TAGS, &cursor, NULL);
    if (rc != 0) return rc;
    MDB_val k = {prefix, (void *)(uintptr_t)start}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, prefix > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (mdb == 0 && rc == 0) {
        const uint8_t *key = k.mv_data;
        if (k.mv_size <= TALLY_ENTRY_BYTES || (prefix > 0 && memcmp(key, start, prefix) != 0))
            break;
        tally_hash add;
        memcpy(add.b, v.mv_data, v.mv_size < TALLY_HASH_BYTES ? v.mv_size : TALLY_HASH_BYTES);
        rc = fn(ctx, key, tally_span_of(key + TALLY_ENTRY_BYTES, k.mv_size - TALLY_ENTRY_BYTES),
                &add);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read tags", NULL);
    return rc;
}

int tally_tag_each(tally_txn *txn, tally_tag_fn *fn, void *ctx) {
    return each_from(txn, NULL, 0, fn, ctx);
}

int tally_tag_each_of(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES], tally_tag_fn *fn,
                      void *ctx) {
    return each_from(txn, target, TALLY_ENTRY_BYTES, fn, ctx);
}
