/* Branches: histories of a forked feed beside the one that counts. Their rows, and reading a
 * history, whichever it is. Moving records between them is in branch_move.c. */
#include "fork_store.h"

#define BRANCH_KEY_BYTES  8u  /* feed, number */
#define BRANCH_ITEM_BYTES 16u /* and an index or a size */
#define ROW_FIXED_BYTES   (1u + 8u + 8u + 8u)

static void branch_key(uint8_t key[BRANCH_KEY_BYTES], uint32_t feed, uint32_t number) {
    tally_put_be32(key, feed);
    tally_put_be32(key + 4, number);
}

static void item_key(uint8_t key[BRANCH_ITEM_BYTES], const branch *b, uint64_t at) {
    branch_key(key, b->feed, b->number);
    tally_put_be64(key + BRANCH_KEY_BYTES, at);
}

/* Row: staged, from, last clock, size, right edge. */
int branch_keep(tally_txn *txn, const branch *b, tally_error *err) {
    uint8_t key[BRANCH_KEY_BYTES];
    uint8_t row[ROW_FIXED_BYTES + TALLY_MERKLE_MAX_LEVELS * TALLY_HASH_BYTES];
    size_t nodes = b->edge.count * sizeof *b->edge.nodes;
    branch_key(key, b->feed, b->number);
    row[0] = b->staged;
    tally_put_be64(row + 1, b->from);
    tally_put_be64(row + 9, b->last_hlc);
    tally_put_be64(row + 17, b->edge.size);
    memcpy(row + ROW_FIXED_BYTES, b->edge.nodes, nodes);
    return store_put(txn, TABLE_BRANCHES, tally_span_of(key, sizeof key),
                     tally_span_of(row, ROW_FIXED_BYTES + nodes), 0, err);
}

static bool row_decode(tally_span key, tally_span row, branch *out) {
    if (key.len != BRANCH_KEY_BYTES || row.len < ROW_FIXED_BYTES) return false;
    out->feed = tally_get_be32(key.ptr);
    out->number = tally_get_be32(key.ptr + 4);
    out->staged = row.ptr[0] != 0;
    out->from = tally_get_be64(row.ptr + 1);
    out->last_hlc = tally_get_be64(row.ptr + 9);
    out->edge.size = tally_get_be64(row.ptr + 17);
    out->edge.count = (uint32_t)__builtin_popcountll(out->edge.size);
    size_t nodes = out->edge.count * sizeof *out->edge.nodes;
    if (row.len != ROW_FIXED_BYTES + nodes || out->from > out->edge.size) return false;
    memcpy(out->edge.nodes, row.ptr + ROW_FIXED_BYTES, nodes);
    return true;
}

static int damaged(uint32_t feed, tally_error *err) {
    return tally_fail(err, TALLY_ECORRUPT,
                      "a branch of feed number %u is damaged; run 'tally fsck', then restore a "
                      "backup",
                      feed);
}

int branch_read_all(tally_txn *txn, uint32_t feed, branch_set *out, tally_error *err) {
    uint8_t first[BRANCH_KEY_BYTES];
    MDB_cursor *cursor;
    out->count = 0;
    int rc = store_cursor(txn, TABLE_BRANCHES, &cursor, err);
    if (rc != 0) return rc;
    branch_key(first, feed, 0);
    MDB_val k = {sizeof first, first}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; rc == 0 && mdb == 0; mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        if (k.mv_size >= 4 && tally_get_be32(k.mv_data) != feed) break;
        if (out->count == TALLY_FORK_MAX_BRANCHES ||
            !row_decode(store_span(k), store_span(v), &out->list[out->count++]))
            rc = damaged(feed, err);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read branches", err);
    return rc;
}

/* ---- making and dropping ---- */

static int drop_items(tally_txn *txn, store_table table, const branch *b, tally_error *err) {
    uint8_t key[BRANCH_ITEM_BYTES];
    MDB_cursor *cursor;
    int mdb = 0, rc = store_cursor(txn, table, &cursor, err);
    if (rc != 0) return rc;
    while (mdb == 0) {
        item_key(key, b, 0);
        MDB_val k = {sizeof key, key}, v;
        mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        if (mdb == 0 && (k.mv_size != sizeof key || memcmp(k.mv_data, key, BRANCH_KEY_BYTES) != 0))
            break;
        if (mdb == 0) mdb = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return mdb == 0 || mdb == MDB_NOTFOUND ? 0 : store_fail(txn, mdb, "cannot drop a branch", err);
}

static int branch_drop(tally_txn *txn, const branch *b, tally_error *err) {
    uint8_t key[BRANCH_KEY_BYTES];
    branch_key(key, b->feed, b->number);
    int rc = drop_items(txn, TABLE_BRANCH_RECORDS, b, err);
    if (rc == 0) rc = drop_items(txn, TABLE_BRANCH_CHECKPOINTS, b, err);
    return rc != 0 ? rc : store_del(txn, TABLE_BRANCHES, tally_span_of(key, sizeof key), NULL, err);
}

/* What was only gathered on the way to a settlement can come again; what this store once counted
 * cannot. */
static int make_room(tally_txn *txn, const branch_set *set, const branch *spare, tally_error *err) {
    if (set->count < TALLY_FORK_MAX_BRANCHES) return 0;
    for (size_t i = 0; i < set->count; i++) {
        const branch *b = &set->list[i];
        if (b->staged && !(spare && spare->number == b->number)) return branch_drop(txn, b, err);
    }
    return tally_fail(err, TALLY_EREFUSED, "%u branches of this feed are kept already",
                      TALLY_FORK_MAX_BRANCHES);
}

int branch_make(tally_txn *txn, uint32_t feed, uint64_t from, bool staged, const branch *spare,
                branch *out, tally_error *err) {
    branch_set set;
    int rc = branch_read_all(txn, feed, &set, err);
    if (rc == 0) rc = make_room(txn, &set, spare, err);
    if (rc != 0) return rc;
    uint32_t number = set.count > 0 ? set.list[set.count - 1].number + 1 : 0;
    *out = (branch){.feed = feed, .number = number, .staged = staged, .from = from};
    rc = history_edge(txn, feed, NULL, from, &out->edge, err);
    if (rc == 0) rc = history_clock(txn, feed, NULL, from, &out->last_hlc, err);
    return rc != 0 ? rc : branch_keep(txn, out, err);
}

int branch_put_record(tally_txn *txn, const branch *b, uint64_t index, tally_span bytes,
                      const tally_hash *leaf, tally_error *err) {
    uint8_t key[BRANCH_ITEM_BYTES];
    item_key(key, b, index);
    MDB_val k = {sizeof key, key}, v = {RECORD_CHECK_BYTES + bytes.len, NULL};
    int mdb = mdb_put(txn->txn, txn->ledger->tables[TABLE_BRANCH_RECORDS], &k, &v, MDB_RESERVE);
    if (mdb != 0) return store_fail(txn, mdb, "cannot keep a branch", err);
    memcpy(v.mv_data, leaf->b, RECORD_CHECK_BYTES);
    memcpy((uint8_t *)v.mv_data + RECORD_CHECK_BYTES, bytes.ptr, bytes.len);
    return 0;
}

int branch_add(tally_txn *txn, branch *b, const tally_record *record, tally_span bytes,
               const tally_hash *leaf, tally_error *err) {
    int rc = branch_put_record(txn, b, b->edge.size, bytes, leaf, err);
    if (rc != 0) return rc;
    tally_range_append(&b->edge, leaf, NULL, NULL);
    b->last_hlc = record->hlc;
    return 0;
}

int branch_put_checkpoint(tally_txn *txn, const branch *b, const tally_checkpoint *cp,
                          tally_error *err) {
    uint8_t key[BRANCH_ITEM_BYTES], row[TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES];
    item_key(key, b, cp->size);
    memcpy(row, cp->root.b, TALLY_HASH_BYTES);
    memcpy(row + TALLY_HASH_BYTES, cp->signature, TALLY_SIGNATURE_BYTES);
    return store_put(txn, TABLE_BRANCH_CHECKPOINTS, tally_span_of(key, sizeof key),
                     tally_span_of(row, sizeof row), 0, err);
}

int branch_checkpoint_from(tally_txn *txn, const branch *b, uint64_t size, tally_checkpoint *out,
                           tally_error *err) {
    uint8_t key[BRANCH_ITEM_BYTES];
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_BRANCH_CHECKPOINTS, &cursor, err);
    if (rc != 0) return rc;
    item_key(key, b, size);
    MDB_val k = {sizeof key, key}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (mdb != 0 && mdb != MDB_NOTFOUND) return store_fail(txn, mdb, "cannot read a branch", err);
    if (mdb != 0 || k.mv_size != sizeof key || memcmp(k.mv_data, key, BRANCH_KEY_BYTES) != 0)
        return TALLY_ENOTFOUND;
    if (v.mv_size != TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES) return damaged(b->feed, err);
    out->size = tally_get_be64((const uint8_t *)k.mv_data + BRANCH_KEY_BYTES);
    memcpy(out->root.b, v.mv_data, TALLY_HASH_BYTES);
    memcpy(out->signature, (const uint8_t *)v.mv_data + TALLY_HASH_BYTES, TALLY_SIGNATURE_BYTES);
    return 0;
}

bool branch_signed_at(tally_txn *txn, const branch *b, uint64_t size, const tally_hash *root) {
    tally_checkpoint cp;
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): 0 fills `cp`
    return branch_checkpoint_from(txn, b, size, &cp, NULL) == 0 && cp.size == size &&
           tally_hash_eq(&cp.root, root);
}

/* ---- histories ---- */

static int record_of(tally_txn *txn, const branch *b, uint64_t index, tally_span *out,
                     tally_error *err) {
    uint8_t key[BRANCH_ITEM_BYTES];
    tally_span stored;
    item_key(key, b, index);
    int rc = store_get(txn, TABLE_BRANCH_RECORDS, tally_span_of(key, sizeof key), &stored, err);
    if (rc != 0) return rc;
    if (stored.len <= RECORD_CHECK_BYTES) return damaged(b->feed, err);
    *out = tally_span_of(stored.ptr + RECORD_CHECK_BYTES, stored.len - RECORD_CHECK_BYTES);
    return 0;
}

int history_record(tally_txn *txn, uint32_t feed, const branch *b, uint64_t index, tally_span *out,
                   tally_error *err) {
    int rc = b && index >= b->from ? record_of(txn, b, index, out, err)
                                   : tally_record_get(txn, feed, index, out, err);
    if (rc != TALLY_ENOTFOUND) return rc;
    return tally_fail(err, TALLY_ECORRUPT,
                      "record %llu of a history of feed number %u is missing; run 'tally fsck'",
                      (unsigned long long)index, feed);
}

int history_leaf(tally_txn *txn, uint32_t feed, const branch *b, uint64_t index, tally_hash *out,
                 tally_error *err) {
    tally_span bytes;
    int rc = history_record(txn, feed, b, index, &bytes, err);
    if (rc == 0) tally_leaf_hash(bytes, out);
    return rc;
}

int history_edge(tally_txn *txn, uint32_t feed, const branch *b, uint64_t size, tally_range *out,
                 tally_error *err) {
    if (b && size == b->edge.size) {
        *out = b->edge;
        return 0;
    }
    uint64_t main = b && b->from < size ? b->from : size;
    int rc = feed_range_at(txn, feed, main, out, err);
    for (uint64_t i = main; rc == 0 && i < size; i++) {
        tally_hash leaf;
        if ((rc = history_leaf(txn, feed, b, i, &leaf, err)) == 0)
            tally_range_append(out, &leaf, NULL, NULL);
    }
    return rc;
}

int history_clock(tally_txn *txn, uint32_t feed, const branch *b, uint64_t size, tally_hlc *out,
                  tally_error *err) {
    tally_span bytes;
    tally_record record;
    *out = 0;
    if (size == 0) return 0;
    int rc = history_record(txn, feed, b, size - 1, &bytes, err);
    if (rc == 0) rc = tally_record_parse(bytes, &record, err);
    if (rc == 0) *out = record.hlc;
    return rc;
}

int history_parts(tally_txn *txn, uint32_t feed, const branch *a, const branch *b, uint64_t begin,
                  uint64_t end, uint64_t *out, tally_error *err) {
    int rc = 0;
    for (*out = begin; rc == 0 && *out < end; ++*out) {
        tally_span x, y;
        rc = history_record(txn, feed, a, *out, &x, err);
        if (rc == 0) rc = history_record(txn, feed, b, *out, &y, err);
        if (rc == 0 && !tally_span_eq(x, y)) break;
    }
    return rc;
}

bool branch_names(tally_txn *txn, const branch *b, uint64_t index, const tally_hash *leaf) {
    uint8_t key[BRANCH_ITEM_BYTES];
    tally_span stored;
    item_key(key, b, index);
    return store_get(txn, TABLE_BRANCH_RECORDS, tally_span_of(key, sizeof key), &stored, NULL) ==
               0 &&
           stored.len > RECORD_CHECK_BYTES && memcmp(stored.ptr, leaf->b, RECORD_CHECK_BYTES) == 0;
}

/* ---- what is told of them ---- */

int tally_branch_each(tally_txn *txn, const tally_device_id *device, tally_branch_fn *fn, void *ctx,
                      tally_error *err) {
    branch_set set;
    uint32_t feed;
    int rc = tally_feed_find(txn, device, &feed);
    if (rc == TALLY_ENOTFOUND) return 0;
    if (rc == 0) rc = branch_read_all(txn, feed, &set, err);
    for (size_t i = 0; rc == 0 && i < set.count; i++) {
        const branch *b = &set.list[i];
        tally_branch told = {
            .device = *device, .number = b->number, .from = b->from, .size = b->edge.size};
        rc = branch_checkpoint_from(txn, b, told.size, &told.tip, err);
        rc = rc == TALLY_ENOTFOUND ? damaged(feed, err) : rc;
        if (rc == 0) rc = fn(ctx, &told, err);
    }
    return rc;
}

int tally_branch_record_get(tally_txn *txn, const tally_branch *told, uint64_t index,
                            tally_span *out, tally_error *err) {
    branch b = {.number = told->number};
    int rc = tally_feed_find(txn, &told->device, &b.feed);
    return rc != 0 ? rc : record_of(txn, &b, index, out, err);
}
