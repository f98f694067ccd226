/* Blobs: bytes that records refer to by hash. Puts, gets, takes in from elsewhere, and keeps what
 * is wanted. Redaction is in redact.c. */
#include "blob.h"

#include <assert.h>

/* Stores the parts one after the other; it is wanted no more. */
static int store_parts(tally_txn *txn, const tally_hash *id, tally_span salt, tally_span content,
                       tally_error *err) {
    MDB_val k = store_val(blob_key(id)), v = {salt.len + content.len, NULL};
    int rc = mdb_put(txn->txn, txn->ledger->tables[TABLE_BLOBS], &k, &v, MDB_RESERVE);
    if (rc != 0) return store_fail(txn, rc, "cannot store a blob", err);
    memcpy(v.mv_data, salt.ptr, salt.len);
    if (content.len > 0) memcpy((uint8_t *)v.mv_data + salt.len, content.ptr, content.len);
    return store_del(txn, TABLE_LOCAL_WANTS, blob_key(id), NULL, err);
}

int tally_blob_put(tally_txn *txn, const uint8_t salt[TALLY_BLOB_SALT_BYTES], tally_span content,
                   tally_hash *id, tally_error *err) {
    assert(txn->write);
    if (content.len > TALLY_BLOB_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "a blob of %zu bytes is over the limit of %u",
                          content.len, TALLY_BLOB_MAX_BYTES);
    tally_span parts[] = {tally_span_of(salt, TALLY_BLOB_SALT_BYTES), content};
    tally_sha256_parts(parts, 2, id);
    return store_parts(txn, id, parts[0], content, err);
}

int tally_blob_get(tally_txn *txn, const uint8_t id[TALLY_HASH_BYTES], tally_span *content) {
    tally_span stored = {0};
    int rc = store_get(txn, TABLE_BLOBS, tally_span_of(id, TALLY_HASH_BYTES), &stored, NULL);
    if (rc != 0) return rc;
    if (stored.len < TALLY_BLOB_SALT_BYTES) return TALLY_ECORRUPT;
    *content =
        tally_span_of(stored.ptr + TALLY_BLOB_SALT_BYTES, stored.len - TALLY_BLOB_SALT_BYTES);
    return 0;
}

int tally_blob_stored(tally_txn *txn, const tally_hash *id, tally_span *salted) {
    return store_get(txn, TABLE_BLOBS, blob_key(id), salted, NULL);
}

int blob_refer(tally_txn *txn, const tally_hash *id, tally_error *err) {
    static const uint8_t mark[] = {1};
    if (blob_held(txn, TABLE_BLOBS, id) || tally_blob_redacted(txn, id)) return 0;
    return store_put(txn, TABLE_LOCAL_WANTS, blob_key(id), tally_span_of(mark, 1), 0, err);
}

int blob_forget_wants(tally_txn *txn, tally_error *err) {
    int mdb = mdb_drop(txn->txn, txn->ledger->tables[TABLE_LOCAL_WANTS], 0);
    return mdb == 0 ? 0 : store_fail(txn, mdb, "cannot empty the list of wanted blobs", err);
}

int tally_blob_wanted(tally_txn *txn, const tally_hash *after, tally_hash *out, size_t max,
                      size_t *count, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k = {0}, v;
    *count = 0;
    int rc = store_cursor(txn, TABLE_LOCAL_WANTS, &cursor, err);
    if (rc != 0) return rc;
    if (after) k = store_val(blob_key(after));
    int mdb = mdb_cursor_get(cursor, &k, &v, after ? MDB_SET_RANGE : MDB_FIRST);
    if (mdb == 0 && after && tally_span_eq(store_span(k), blob_key(after)))
        mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    while (mdb == 0 && *count < max) {
        if (k.mv_size == TALLY_HASH_BYTES) memcpy(out[(*count)++].b, k.mv_data, TALLY_HASH_BYTES);
        mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return mdb == 0 || mdb == MDB_NOTFOUND ? 0
                                           : store_fail(txn, mdb, "cannot read a local table", err);
}

static int check_wanted(tally_txn *txn, const tally_hash *id, const char *hex, tally_error *err) {
    if (blob_held(txn, TABLE_LOCAL_WANTS, id)) return 0;
    if (blob_held(txn, TABLE_BLOBS, id))
        return tally_fail(err, TALLY_EEXIST, "blob %s is here already", hex);
    return tally_fail(err, TALLY_EREFUSED, "blob %s: %s", hex,
                      tally_blob_redacted(txn, id) ? "it was redacted"
                                                   : "no record that counts refers to it");
}

int tally_blob_take(tally_txn *txn, const tally_hash *id, tally_span salted, tally_error *err) {
    char hex[17];
    tally_hash hash;
    assert(txn->write);
    tally_hex(tally_span_of(id->b, 8), hex);
    int rc = check_wanted(txn, id, hex, err);
    if (rc != 0) return rc;
    if (salted.len > TALLY_BLOB_STORED_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "blob %s: %zu bytes are over the limit of %u", hex,
                          salted.len, TALLY_BLOB_STORED_MAX_BYTES);
    tally_sha256(salted, &hash);
    if (salted.len < TALLY_BLOB_SALT_BYTES || !tally_hash_eq(&hash, id))
        return tally_fail(err, TALLY_EFORMAT, "blob %s: what came does not have that hash", hex);
    tally_span salt = tally_span_of(salted.ptr, TALLY_BLOB_SALT_BYTES);
    return store_parts(
        txn, id, salt,
        tally_span_of(salted.ptr + TALLY_BLOB_SALT_BYTES, salted.len - TALLY_BLOB_SALT_BYTES), err);
}
