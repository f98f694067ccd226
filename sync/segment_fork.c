/* A fork proven from a segment alone: its commits on one side, this store's feed on the other.
 * Reads all records of the feed up to where they part; that happens once, the feed is frozen
 * afterwards. Sessions look for the place together instead. */
#include "segment_fork.h"

#include <tally/ingest.h>

#include <stdlib.h>

/* The tree that the commits' checkpoint signs: our records, then those that came. */
typedef struct other_tree {
    tally_txn *txn;
    uint32_t feed;
    const tally_wire_commits *commits;
    const tally_span *records;
} other_tree;

static int other_leaf(const other_tree *tree, uint64_t index, tally_hash *out, tally_error *err) {
    tally_span bytes;
    int rc = 0;
    if (index >= tree->commits->from)
        bytes = tree->records[index - tree->commits->from];
    else
        rc = tally_record_get(tree->txn, tree->feed, index, &bytes, err);
    if (rc == 0) tally_leaf_hash(bytes, out);
    return rc;
}

/* tally_subtree_get */
static int other_subtree(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                         tally_error *err) {
    const other_tree *tree = ctx;
    tally_range range;
    tally_hash leaf;
    int rc = 0;
    uint64_t first = index << level, end = (index + 1) << level;
    tally_range_init(&range);
    for (uint64_t i = first; i < end && rc == 0; i++)
        if ((rc = other_leaf(tree, i, &leaf, err)) == 0)
            tally_range_append(&range, &leaf, NULL, NULL);
    tally_range_root(&range, out);
    return rc;
}

/* The first record that differs: false when none of these does. */
static bool parting(const other_tree *tree, uint64_t stored, uint64_t *common) {
    const tally_wire_commits *c = tree->commits;
    for (uint64_t i = c->from; i < c->checkpoint.size && i < stored; i++) {
        tally_span bytes;
        if (tally_record_get(tree->txn, tree->feed, i, &bytes, NULL) != 0) return false;
        if (tally_span_eq(bytes, tree->records[i - c->from])) continue;
        *common = i;
        return true;
    }
    return false;
}

static int other_branch(other_tree *tree, uint64_t common, tally_fork_branch *out,
                        tally_error *err) {
    uint64_t size = tree->commits->checkpoint.size;
    tally_range range;
    tally_hash leaf;
    int rc = 0;
    *out = (tally_fork_branch){.checkpoint = tree->commits->checkpoint};
    tally_range_init(&range);
    for (uint64_t i = 0; i <= common && rc == 0; i++)
        if ((rc = other_leaf(tree, i, &leaf, err)) == 0)
            tally_range_append(&range, &leaf, NULL, NULL);
    tally_range_root(&range, &out->next);
    if (rc == 0 && common > 0)
        rc = tally_consistency_prove(common, size, other_subtree, tree, &out->to_common, err);
    if (rc == 0 && common + 1 < size)
        rc = tally_consistency_prove(common + 1, size, other_subtree, tree, &out->to_next, err);
    return rc;
}

int segment_prove_fork(tally_txn *txn, const tally_wire_commits *commits, const tally_span *records,
                       tally_error *err) {
    other_tree tree = {.txn = txn, .commits = commits, .records = records};
    tally_feed feed;
    uint64_t common = 0;
    int rc = tally_feed_find(txn, &commits->device, &tree.feed);
    if (rc == 0) rc = tally_feed_get(txn, tree.feed, &feed, err);
    if (rc != 0) return rc;
    if (!parting(&tree, feed.size, &common))
        return tally_fail(err, TALLY_EREFUSED,
                          "a feed has two histories that part before what the segment holds");
    tally_fork *fork = calloc(1, sizeof *fork);
    if (!fork) return tally_fail(err, TALLY_ENOMEM, "no memory to prove a fork");
    tally_fork_branch ours;
    fork->device = commits->device;
    fork->common = common;
    rc = tally_fork_branch_make(txn, tree.feed, common, &fork->base, &ours, err);
    if (rc == 0) rc = other_branch(&tree, common, &fork->branches[0], err);
    if (rc == 0) {
        bool ours_first = memcmp(ours.next.b, fork->branches[0].next.b, TALLY_HASH_BYTES) < 0;
        if (ours_first) fork->branches[1] = fork->branches[0];
        fork->branches[ours_first ? 0 : 1] = ours;
        rc = tally_fork_put(txn, fork, err);
    }
    free(fork);
    return rc;
}
