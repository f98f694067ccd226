/* Proofs of forks: checking one, and making this store's side of one. Consistency proofs are those
 * of RFC 6962 2.1.2. */
#include "fork_store.h"

#include <inttypes.h>

#define FORK_MAX_SIZE (UINT64_C(1) << 63)

/* ---- checking ---- */

static bool tied(uint64_t size, const tally_hash *root, const tally_proof *proof,
                 const tally_checkpoint *cp) {
    return proof->count <= TALLY_PROOF_MAX_HASHES &&
           tally_consistency_verify(size, cp->size, proof->hashes, proof->count, root, &cp->root) ==
               0;
}

/* Of no records nothing can be proven; their root is known. */
static bool base_tied(uint64_t common, const tally_hash *base, const tally_fork_branch *side) {
    tally_hash empty;
    if (common > 0) return tied(common, base, &side->to_common, &side->checkpoint);
    tally_sha256(tally_span_of(NULL, 0), &empty);
    return side->to_common.count == 0 && tally_hash_eq(base, &empty);
}

int tally_fork_branch_check(const tally_hash *team, const tally_device_id *device, uint64_t common,
                            const tally_hash *base, const tally_fork_branch *side,
                            tally_error *err) {
    char origin[TALLY_ORIGIN_MAX_BYTES], hex[17];
    const tally_checkpoint *cp = &side->checkpoint;
    tally_hex(tally_span_of(device->b, 8), hex);
    if (cp->size <= common || cp->size >= FORK_MAX_SIZE)
        return tally_fail(err, TALLY_EFORMAT,
                          "a branch of feed %s: a checkpoint at size %" PRIu64
                          " is none past size %" PRIu64,
                          hex, cp->size, common);
    tally_origin_format(team, device, origin);
    if (tally_checkpoint_verify(device, origin, cp) != 0)
        return tally_fail(err, TALLY_EFORMAT,
                          "a branch of feed %s: the signature on its checkpoint is not valid", hex);
    if (!base_tied(common, base, side))
        return tally_fail(err, TALLY_EFORMAT,
                          "a branch of feed %s: its tree does not begin with the %" PRIu64
                          " records that it is said to",
                          hex, common);
    if (!tied(common + 1, &side->next, &side->to_next, cp))
        return tally_fail(err, TALLY_EFORMAT,
                          "a branch of feed %s: its tree does not go on with the record that it "
                          "is said to",
                          hex);
    return 0;
}

int tally_fork_check(const tally_hash *team, const tally_fork *fork, tally_error *err) {
    for (size_t i = 0; i < 2; i++) {
        int rc = tally_fork_branch_check(team, &fork->device, fork->common, &fork->base,
                                         &fork->branches[i], err);
        if (rc != 0) return rc;
    }
    if (memcmp(fork->branches[0].next.b, fork->branches[1].next.b, TALLY_HASH_BYTES) < 0) return 0;
    return tally_fail(err, TALLY_EFORMAT,
                      "a proof of a fork whose branches do not differ or are out of order");
}

/* ---- making: from records to the signed head ---- */

/* A history: the main feed's for NULL. */
typedef struct tree {
    tally_txn *txn;
    uint32_t feed;
    const branch *b;
} tree;

static int subtree_of(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                      tally_error *err) {
    const tree *t = ctx;
    uint64_t begin = index << level, end = (index + 1) << level;
    tally_range range;
    int rc = 0;
    if (!t->b || end <= t->b->from) return feed_subtree(t->txn, t->feed, level, index, out, err);
    tally_range_init(&range);
    for (uint64_t i = begin; i < end && rc == 0; i++) {
        tally_hash leaf;
        if ((rc = history_leaf(t->txn, t->feed, t->b, i, &leaf, err)) == 0)
            tally_range_append(&range, &leaf, NULL, NULL);
    }
    if (rc == 0) tally_range_root(&range, out);
    return rc;
}

static int prove_signed(tree *t, uint64_t common, tally_fork_branch *out, tally_error *err) {
    uint64_t size = out->checkpoint.size;
    out->to_common.count = 0;
    int rc = common == 0
                 ? 0
                 : tally_consistency_prove(common, size, subtree_of, t, &out->to_common, err);
    return rc != 0 ? rc
                   : tally_consistency_prove(common + 1, size, subtree_of, t, &out->to_next, err);
}

/* ---- making: from records to a head that only another proof signs ---- */

/* The main feed ends, unsigned, at `held`; `proof` ties that to a signed tree of `size` leaves.
 * What the tree has beyond `held` is in `right`: the right siblings on the way down to that place,
 * from the root's end. */
typedef struct beyond {
    tree main;
    uint64_t held, size;
    struct {
        uint64_t begin, end;
        tally_hash hash;
    } right[TALLY_PROOF_MAX_HASHES];
    size_t count;
} beyond;

/* The largest power of two smaller than `count`; count > 1. */
static uint64_t split_of(uint64_t count) {
    return UINT64_C(1) << (63 - __builtin_clzll(count - 1));
}

/* Reads the proof from the root's end; its left siblings are of records held. */
static bool see_beyond(beyond *y, const tally_proof *proof) {
    uint64_t begin = 0, end = y->size;
    uint32_t next = proof->count;
    while (end != y->held) {
        uint64_t middle = begin + split_of(end - begin);
        if (next-- == 0) return false;
        if (y->held <= middle) {
            y->right[y->count].begin = middle;
            y->right[y->count].end = end;
            y->right[y->count++].hash = proof->hashes[next];
            end = middle;
        } else {
            begin = middle;
        }
    }
    return true;
}

/* MTH(D[begin:end]) of records held: the perfect subtrees that the width is made of, joined. */
static int held_root(const beyond *y, uint64_t begin, uint64_t end, tally_hash *out,
                     tally_error *err) {
    tally_range range;
    int rc = 0;
    tally_range_init(&range);
    for (uint64_t width = end - begin; width != 0 && rc == 0;) {
        unsigned level = 63u - (unsigned)__builtin_clzll(width);
        rc = feed_subtree(y->main.txn, y->main.feed, level, begin >> level,
                          &range.nodes[range.count++], err);
        begin += UINT64_C(1) << level;
        width ^= UINT64_C(1) << level;
    }
    if (rc == 0) tally_range_root(&range, out);
    return rc;
}

/* MTH(D[begin:end]) of any subtree on the way. */
static int root_of(const beyond *y, uint64_t begin, uint64_t end, tally_hash *out,
                   tally_error *err) {
    tally_hash left, right;
    if (end <= y->held) return held_root(y, begin, end, out, err);
    for (size_t i = 0; i < y->count; i++) {
        if (y->right[i].begin != begin || y->right[i].end != end) continue;
        *out = y->right[i].hash;
        return 0;
    }
    if (begin >= y->held)
        return tally_fail(err, TALLY_ECORRUPT,
                          "the proof of a fork lacks a hash; run 'tally fsck'");
    uint64_t middle = begin + split_of(end - begin);
    int rc = root_of(y, begin, middle, &left, err);
    if (rc == 0) rc = root_of(y, middle, end, &right, err);
    if (rc == 0) tally_node_hash(&left, &right, out);
    return rc;
}

/* PROOF(old, D[size]), old <= held. */
static int prove_beyond(const beyond *y, uint64_t old, tally_proof *out, tally_error *err) {
    uint64_t begin = 0, end = y->size;
    int rc = 0;
    out->count = 0;
    while (rc == 0 && end != old) {
        uint64_t middle = begin + split_of(end - begin);
        bool left = old <= middle;
        rc = left ? root_of(y, middle, end, &out->hashes[out->count++], err)
                  : root_of(y, begin, middle, &out->hashes[out->count++], err);
        if (left)
            end = middle;
        else
            begin = middle;
    }
    if (rc == 0 && begin != 0) rc = root_of(y, begin, end, &out->hashes[out->count++], err);
    for (uint32_t low = 0, high = out->count; low + 1 < high; low++) {
        tally_hash kept = out->hashes[low];
        out->hashes[low] = out->hashes[--high];
        out->hashes[high] = kept;
    }
    return rc;
}

static int prove_vouched(const tree *t, const tally_feed *feed, uint64_t common,
                         tally_fork_branch *out, tally_error *err) {
    fork_row row;
    beyond y = {.main = *t, .held = feed->size};
    tally_hash root;
    int rc = fork_load(t->txn, &feed->device, &row, err);
    tally_range_root(&feed->range, &root);
    if (rc == TALLY_ENOTFOUND ||
        (rc == 0 && (row.proof.common != feed->size || !tally_hash_eq(&row.proof.base, &root))))
        return tally_fail(err, TALLY_EINVAL, "nothing signs feed number %u past size %" PRIu64,
                          feed->number, common);
    if (rc != 0) return rc;
    out->checkpoint = row.proof.branches[0].checkpoint;
    y.size = out->checkpoint.size;
    if (!see_beyond(&y, &row.proof.branches[0].to_common))
        return tally_fail(err, TALLY_ECORRUPT, "the proof of a fork is cut off; run 'tally fsck'");
    out->to_common.count = 0;
    if (common > 0) rc = prove_beyond(&y, common, &out->to_common, err);
    return rc != 0 ? rc : prove_beyond(&y, common + 1, &out->to_next, err);
}

int fork_side_make(tally_txn *txn, const tally_feed *feed, const branch *b, uint64_t common,
                   tally_hash *base, tally_fork_branch *out, tally_error *err) {
    tree t = {txn, feed->number, b};
    tally_range range;
    uint64_t size = b ? b->edge.size : feed->size;
    if (size <= common)
        return tally_fail(err, TALLY_EINVAL, "feed number %u has no more than %" PRIu64 " records",
                          feed->number, common);
    int rc = history_edge(txn, feed->number, b, common, &range, err);
    if (rc == 0) tally_range_root(&range, base);
    if (rc == 0) rc = history_edge(txn, feed->number, b, common + 1, &range, err);
    if (rc != 0) return rc;
    tally_range_root(&range, &out->next);
    rc = b ? branch_checkpoint_from(txn, b, size, &out->checkpoint, err)
           : feed_signed_until(txn, feed->number, size, &out->checkpoint, err);
    if (rc == 0 && out->checkpoint.size > common) return prove_signed(&t, common, out, err);
    return rc == 0 || rc == TALLY_ENOTFOUND ? prove_vouched(&t, feed, common, out, err) : rc;
}

int tally_fork_branch_make(tally_txn *txn, uint32_t number, uint64_t common, tally_hash *base,
                           tally_fork_branch *out, tally_error *err) {
    tally_feed feed;
    int rc = feed_load(txn, number, &feed, err);
    return rc != 0 ? rc : fork_side_make(txn, &feed, NULL, common, base, out, err);
}
