/* The trees of stored feeds: leaves, subtrees, the right edge and root at any size, checkpoints
 * from the end, and cutting a feed short. Growing one is in feed.c. */
#include "feed_tree.h"
#include "feed_tail.h"

#include "view_fold.h"

#include <tally/ingest.h>

#include <assert.h>

int feed_leaf(tally_txn *txn, uint32_t feed, uint64_t index, tally_hash *out, tally_error *err) {
    tally_span bytes;
    int rc = tally_record_get(txn, feed, index, &bytes, err);
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, TALLY_ECORRUPT,
                          "record %llu of feed number %u is missing; run 'tally fsck'",
                          (unsigned long long)index, feed);
    if (rc == 0) tally_leaf_hash(bytes, out);
    return rc;
}

static int cached_at(tally_txn *txn, uint32_t feed, uint64_t index, tally_hash *out,
                     tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    tally_span stored;
    store_feed_key(key, feed, index);
    int rc = store_get(txn, TABLE_SUBTREES, tally_span_of(key, sizeof key), &stored, err);
    if (rc == TALLY_ENOTFOUND || (rc == 0 && stored.len != TALLY_HASH_BYTES))
        return tally_fail(err, TALLY_ECORRUPT,
                          "a cached hash of feed number %u is missing; run 'tally fsck'", feed);
    if (rc == 0) memcpy(out->b, stored.ptr, TALLY_HASH_BYTES);
    return rc;
}

/* Whole cached subtrees [begin, end), as if they were leaves. */
static int add_cached(tally_txn *txn, uint32_t feed, uint64_t begin, uint64_t end, tally_range *out,
                      tally_error *err) {
    tally_hash hash;
    int rc = 0;
    for (uint64_t i = begin; i < end && rc == 0; i++)
        if ((rc = cached_at(txn, feed, i, &hash, err)) == 0)
            tally_range_append(out, &hash, NULL, NULL);
    return rc;
}

static int add_leaves(tally_txn *txn, uint32_t feed, uint64_t begin, uint64_t end, tally_range *out,
                      tally_error *err) {
    tally_hash hash;
    int rc = 0;
    for (uint64_t i = begin; i < end && rc == 0; i++)
        if ((rc = feed_leaf(txn, feed, i, &hash, err)) == 0)
            tally_range_append(out, &hash, NULL, NULL);
    return rc;
}

int feed_subtree(tally_txn *txn, uint32_t feed, unsigned level, uint64_t index, tally_hash *out,
                 tally_error *err) {
    tally_range range;
    uint64_t begin = index << level, end = (index + 1) << level;
    tally_range_init(&range);
    int rc = level >= TALLY_SUBTREE_LEVEL ? add_cached(txn, feed, begin >> TALLY_SUBTREE_LEVEL,
                                                       end >> TALLY_SUBTREE_LEVEL, &range, err)
                                          : add_leaves(txn, feed, begin, end, &range, err);
    if (rc == 0) tally_range_root(&range, out);
    return rc;
}

/* The edge of the whole cached subtrees, then that of the leaves after them. */
int feed_range_at(tally_txn *txn, uint32_t feed, uint64_t size, tally_range *out,
                  tally_error *err) {
    tally_range rest;
    uint64_t blocks = size >> TALLY_SUBTREE_LEVEL;
    tally_range_init(out);
    tally_range_init(&rest);
    int rc = add_cached(txn, feed, 0, blocks, out, err);
    if (rc == 0) rc = add_leaves(txn, feed, blocks << TALLY_SUBTREE_LEVEL, size, &rest, err);
    memcpy(out->nodes + out->count, rest.nodes, rest.count * sizeof *rest.nodes);
    out->count += rest.count;
    out->size = size;
    return rc;
}

int tally_feed_root(tally_txn *txn, uint32_t feed, uint64_t size, tally_hash *root,
                    tally_error *err) {
    tally_feed head;
    tally_range range;
    int rc = feed_now(txn, feed, &head, err);
    if (rc != 0) return rc;
    if (size > head.size)
        return tally_fail(err, TALLY_EINVAL, "feed number %u has %llu records and not %llu", feed,
                          (unsigned long long)head.size, (unsigned long long)size);
    if (size == head.size)
        range = head.range;
    else
        rc = feed_range_at(txn, feed, size, &range, err);
    if (rc == 0) tally_range_root(&range, root);
    return rc;
}

/* The last in the table. */
static int stored_until(tally_txn *txn, uint32_t feed, uint64_t size, tally_checkpoint *out,
                        tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_CHECKPOINTS, &cursor, err);
    if (rc != 0) return rc;
    store_feed_key(key, feed, size);
    MDB_val k = {sizeof key, key}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    bool exact = mdb == 0 && k.mv_size == sizeof key && memcmp(k.mv_data, key, sizeof key) == 0;
    if (!exact) mdb = mdb_cursor_get(cursor, &k, &v, mdb == 0 ? MDB_PREV : MDB_LAST);
    mdb_cursor_close(cursor);
    if (mdb != 0 && mdb != MDB_NOTFOUND) return store_fail(txn, mdb, "cannot read the ledger", err);
    bool found = mdb == 0 && k.mv_size == sizeof key && tally_get_be32(k.mv_data) == feed;
    uint64_t at = found ? tally_get_be64((const uint8_t *)k.mv_data + 4) : 0;
    return at > 0 ? tally_checkpoint_get(txn, feed, at - 1, out, err) : TALLY_ENOTFOUND;
}

int feed_checkpoint_until(tally_txn *txn, uint32_t feed, uint64_t size, tally_checkpoint *out,
                          tally_error *err) {
    feed_tail tail;
    int rc = feed_tail_load(txn, feed, &tail, err);
    if (rc != 0) return rc;
    for (size_t i = tail.checkpoints; i-- > 0;)
        if (tail.checkpoint[i].size <= size) {
            *out = tail.checkpoint[i];
            return 0;
        }
    return stored_until(txn, feed, size, out, err);
}

int feed_signed_until(tally_txn *txn, uint32_t feed, uint64_t size, tally_checkpoint *out,
                      tally_error *err) {
    int rc;
    do {
        rc = feed_checkpoint_until(txn, feed, size, out, err);
        size = rc == 0 ? out->size - 1 : 0;
    } while (rc == 0 && feed_checkpoint_unsigned(out));
    return rc;
}

int feed_keep(tally_txn *txn, const tally_feed *feed, tally_error *err) {
    txn->gate_known = false;
    if (feed->number == 0) txn->own_grew = true;
    if (txn->own_loaded && feed->number == 0) txn->own = *feed;
    if (txn->own_loaded && feed->last_hlc > txn->clock) txn->clock = feed->last_hlc;
    return feed_store(txn, feed, err);
}

/* ---- cutting ---- */

/* Rows of one feed from `first` on. */
static int delete_from(tally_txn *txn, store_table table, uint32_t feed, uint64_t first,
                       tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    MDB_cursor *cursor;
    int mdb = 0, rc = store_cursor(txn, table, &cursor, err);
    if (rc != 0) return rc;
    while (mdb == 0) {
        store_feed_key(key, feed, first);
        MDB_val k = {sizeof key, key}, v;
        mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        if (mdb == 0 && (k.mv_size != sizeof key || tally_get_be32(k.mv_data) != feed)) break;
        if (mdb == 0) mdb = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return mdb == 0 || mdb == MDB_NOTFOUND ? 0 : store_fail(txn, mdb, "cannot cut a feed", err);
}

int feed_clock_at(tally_txn *txn, uint32_t feed, uint64_t size, tally_hlc *out, tally_error *err) {
    tally_span bytes;
    tally_record record;
    *out = 0;
    if (size == 0) return 0;
    int rc = tally_record_get(txn, feed, size - 1, &bytes, err);
    if (rc == 0) rc = tally_record_parse(bytes, &record, err);
    if (rc == 0) *out = record.hlc;
    return rc == TALLY_ENOTFOUND
               ? tally_fail(err, TALLY_ECORRUPT,
                            "record %llu of feed number %u is missing; run 'tally fsck'",
                            (unsigned long long)size - 1, feed)
               : rc;
}

int feed_cut(tally_txn *txn, tally_feed *feed, uint64_t size, tally_error *err) {
    tally_range range;
    tally_hlc last;
    assert(size < feed->size && (feed->number != 0 || txn->open_records == 0));
    int rc = feed_range_at(txn, feed->number, size, &range, err);
    if (rc == 0) rc = feed_clock_at(txn, feed->number, size, &last, err);
    if (rc == 0) rc = feed_tail_spill(txn, feed->number, err);
    if (rc == 0) rc = delete_from(txn, TABLE_RECORDS, feed->number, size, err);
    if (rc == 0) rc = delete_from(txn, TABLE_CHECKPOINTS, feed->number, size + 1, err);
    if (rc == 0)
        rc = delete_from(txn, TABLE_SUBTREES, feed->number, size >> TALLY_SUBTREE_LEVEL, err);
    if (rc == 0) rc = view_team_cut(txn, &feed->device, size, err);
    if (rc != 0) return rc;
    feed->size = size;
    feed->last_hlc = last;
    feed->range = range;
    txn->team_changed = txn->fold_again = true;
    return feed_keep(txn, feed, err);
}
