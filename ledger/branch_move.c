/* Records between the main feed of a device and its branches: setting aside what a fork cuts off,
 * and taking in the history that was chosen. */
#include "feed_tail.h"
#include "fork_store.h"

#include "view_fold.h"

#include <assert.h>

/* One record of a history in memory of its own: LMDB's bytes may move while something is written.
 */
typedef struct lifted {
    uint8_t bytes[TALLY_RECORD_MAX_BYTES];
    tally_span span;
    tally_record record;
    tally_hash leaf;
} lifted;

static int lift(tally_txn *txn, uint32_t feed, const branch *b, uint64_t index, lifted *out,
                tally_error *err) {
    int rc = history_record(txn, feed, b, index, &out->span, err);
    if (rc == 0 && out->span.len > sizeof out->bytes)
        rc = tally_fail(err, TALLY_ECORRUPT, "a record of a branch is longer than records are");
    if (rc != 0) return rc;
    memcpy(out->bytes, out->span.ptr, out->span.len);
    out->span.ptr = out->bytes;
    tally_leaf_hash(out->span, &out->leaf);
    return tally_record_parse(out->span, &out->record, err);
}

/* The first signed checkpoint of a history past `size`; TALLY_ENOTFOUND. */
static int next_signed(tally_txn *txn, uint32_t feed, const branch *b, uint64_t size,
                       tally_checkpoint *out, tally_error *err) {
    int rc;
    do {
        rc = b ? branch_checkpoint_from(txn, b, size + 1, out, err)
               : tally_checkpoint_get(txn, feed, size, out, NULL);
        size = rc == 0 ? out->size : size;
    } while (rc == 0 && feed_checkpoint_unsigned(out));
    return rc;
}

/* Signed checkpoints of sizes in (begin, end]. */
static int copy_checkpoints(tally_txn *txn, const branch *source, const branch *to, uint64_t begin,
                            uint64_t end, tally_error *err) {
    tally_checkpoint cp;
    int rc;
    while ((rc = next_signed(txn, to->feed, source, begin, &cp, err)) == 0 && cp.size <= end) {
        if ((rc = branch_put_checkpoint(txn, to, &cp, err)) != 0) return rc;
        begin = cp.size;
    }
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

int branch_copy(tally_txn *txn, const branch *source, branch *to, uint64_t end, tally_error *err) {
    lifted item;
    uint64_t begin = to->edge.size;
    int rc = 0;
    while (rc == 0 && to->edge.size < end) {
        rc = lift(txn, to->feed, source, to->edge.size, &item, err);
        if (rc == 0) rc = branch_add(txn, to, &item.record, item.span, &item.leaf, err);
    }
    if (rc == 0) rc = copy_checkpoints(txn, source, to, begin, end, err);
    return rc != 0 ? rc : branch_keep(txn, to, err);
}

/* ---- setting aside ---- */

/* Gives a branch the main feed's records from `size` on that it stands on. */
static int lower(tally_txn *txn, branch *b, uint64_t size, tally_error *err) {
    lifted item;
    int rc = 0;
    for (uint64_t i = size; rc == 0 && i < b->from; i++) {
        rc = lift(txn, b->feed, NULL, i, &item, err);
        if (rc == 0) rc = branch_put_record(txn, b, i, item.span, &item.leaf, err);
    }
    if (rc == 0) rc = copy_checkpoints(txn, NULL, b, size, b->from, err);
    b->from = size;
    return rc != 0 ? rc : branch_keep(txn, b, err);
}

/* The branch that the main feed up to `end` continues or repeats; NULL when there is none. */
static int find_same(tally_txn *txn, branch_set *set, uint64_t end, branch **out,
                     tally_error *err) {
    int rc = 0;
    *out = NULL;
    for (size_t i = 0; i < set->count && rc == 0 && !*out; i++) {
        branch *b = &set->list[i];
        uint64_t parts, both = b->edge.size < end ? b->edge.size : end;
        rc = history_parts(txn, b->feed, NULL, b, b->from, both, &parts, err);
        if (rc == 0 && parts == both) *out = b;
    }
    return rc;
}

/* What was signed of the main feed past `size`, unless a branch holds it already. */
static int set_aside(tally_txn *txn, const tally_feed *feed, branch_set *set, uint64_t size,
                     tally_error *err) {
    tally_checkpoint last;
    branch *same, made;
    int rc = feed_signed_until(txn, feed->number, feed->size, &last, err);
    if (rc == TALLY_ENOTFOUND || (rc == 0 && last.size <= size)) return 0;
    if (rc == 0) rc = find_same(txn, set, last.size, &same, err);
    if (rc != 0) return rc;
    if (!same) {
        rc = branch_make(txn, feed->number, size, false, NULL, &made, err);
        if (rc == TALLY_EREFUSED) return 0; /* no place for more evidence */
        same = &made;
    } else {
        uint64_t both = same->edge.size < last.size ? same->edge.size : last.size;
        rc = copy_checkpoints(txn, NULL, same, size, both, err);
    }
    same->staged = false;
    return rc != 0 ? rc : branch_copy(txn, NULL, same, last.size, err);
}

int branch_cut_main(tally_txn *txn, tally_feed *feed, uint64_t size, tally_error *err) {
    branch_set set;
    int rc = branch_read_all(txn, feed->number, &set, err);
    for (size_t i = 0; i < set.count && rc == 0; i++)
        if (set.list[i].from > size) rc = lower(txn, &set.list[i], size, err);
    if (rc == 0) rc = set_aside(txn, feed, &set, size, err);
    return rc != 0 ? rc : feed_cut(txn, feed, size, err);
}

/* ---- taking in ---- */

static int add_records(tally_txn *txn, tally_feed *feed, const branch *b, uint64_t size,
                       tally_error *err) {
    lifted item;
    int rc = 0;
    while (rc == 0 && feed->size < size) {
        rc = lift(txn, feed->number, b, feed->size, &item, err);
        if (rc == 0) rc = feed_put_record(txn, feed, item.span, &item.leaf, err);
        if (rc == 0) feed->last_hlc = item.record.hlc;
        txn->appended++;
    }
    return rc;
}

static int add_checkpoints(tally_txn *txn, const branch *b, uint64_t begin, uint64_t size,
                           tally_error *err) {
    tally_checkpoint cp;
    int rc;
    while ((rc = next_signed(txn, b->feed, b, begin, &cp, err)) == 0 && cp.size <= size) {
        if ((rc = feed_put_checkpoint(txn, b->feed, &cp, err)) != 0) return rc;
        begin = cp.size;
    }
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

/* The checkpoint that a proof vouched for is needed no longer: signed ones follow. */
static int drop_unsigned(tally_txn *txn, uint32_t feed, uint64_t size, tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    tally_checkpoint cp;
    int rc = feed_checkpoint_until(txn, feed, size, &cp, err);
    if (rc != 0 || cp.size != size || !feed_checkpoint_unsigned(&cp))
        return rc == TALLY_ENOTFOUND ? 0 : rc;
    if ((rc = feed_tail_spill(txn, feed, err)) != 0) return rc;
    store_feed_key(key, feed, size);
    return store_del(txn, TABLE_CHECKPOINTS, tally_span_of(key, sizeof key), NULL, err);
}

static int fold_records(tally_txn *txn, const tally_feed *feed, uint64_t begin, tally_error *err) {
    lifted item;
    int rc = 0;
    for (uint64_t i = begin; rc == 0 && i < feed->size; i++) {
        rc = lift(txn, feed->number, NULL, i, &item, err);
        view_source source = {txn, feed->number, i, &feed->device, &item.leaf};
        if (rc == 0) rc = view_apply(&source, &item.record, err);
    }
    return rc;
}

int branch_adopt(tally_txn *txn, tally_feed *feed, const branch *b, uint64_t size,
                 tally_error *err) {
    uint64_t begin = feed->size, parts = begin;
    assert(b->from <= begin && begin < size && size <= b->edge.size);
    int rc = history_parts(txn, feed->number, NULL, b, b->from, begin, &parts, err);
    if (rc != 0) return rc;
    if (parts < begin) return TALLY_EEXIST;
    rc = drop_unsigned(txn, feed->number, begin, err);
    if (rc == 0) rc = add_records(txn, feed, b, size, err);
    if (rc == 0) rc = add_checkpoints(txn, b, b->from, size, err);
    if (rc == 0) rc = feed_keep(txn, feed, err);
    return rc != 0 ? rc : fold_records(txn, feed, begin, err);
}
