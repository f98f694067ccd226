/* Which of the records that were made are still held, and by whom: in feeds, and in the branches
 * that forks have cut off. */
#include "sim.h"

#include <tally/peer.h>

#include <stdlib.h>

typedef struct holding {
    world *w;
    node *n;
    bool *in_branches;
} holding;

static void hold_feed(world *w, const node *n, tally_txn *txn, uint32_t number, bool *held) {
    tally_feed feed;
    tally_span bytes;
    tally_hash leaf;
    tally_error err = {0};
    int rc = tally_feed_get(txn, number, &feed, &err);
    for (uint64_t i = 0; i < feed.size && rc == 0; i++) {
        if ((rc = tally_record_get(txn, number, i, &bytes, &err)) != 0) break;
        tally_leaf_hash(bytes, &leaf);
        uint32_t record = model_find(&w->model, &feed.device, i, &leaf);
        if (record != SIM_NOBODY) {
            held[record] = true;
            continue;
        }
        const node *of = world_node_of(w, &feed.device);
        world_fail(w, "node %u holds record %llu of node %u, which nobody made", n->number,
                   (unsigned long long)i, of ? of->number : SIM_NOBODY);
        return;
    }
    node_expect(w, n, rc, 0, 0, "read a feed", &err);
}

/* The record of the model that a branch ends in: the one whose history has its root. */
static uint32_t tip_of(const model *m, const tally_branch *branch) {
    tally_hash root;
    for (uint32_t i = 0; i < m->count; i++) {
        const made *record = &m->list[i];
        if (record->index + 1 != branch->size) continue;
        if (memcmp(record->device.b, branch->device.b, sizeof record->device.b) != 0) continue;
        model_root(m, i, &root);
        if (tally_hash_eq(&root, &branch->tip.root)) return i;
    }
    return SIM_NOBODY;
}

static int hold_branch(void *ctx, const tally_branch *branch, tally_error *err) {
    holding *h = ctx;
    model *m = &h->w->model;
    uint32_t at = tip_of(m, branch);
    (void)err;
    if (at == SIM_NOBODY) world_fail(h->w, "node %u holds a branch that nobody made", h->n->number);
    for (; at != SIM_NOBODY && m->list[at].index >= branch->from; at = m->list[at].parent)
        h->in_branches[at] = true;
    return 0;
}

void held_by(world *w, node *n, bool *in_feeds, bool *in_branches) {
    tally_txn *txn;
    tally_error err = {0};
    holding h = {w, n, in_branches};
    bool was_up = node_up(n);
    if (!n->made) return;
    if (!was_up) node_start(w, n);
    if (w->failed) return;
    int rc = tally_read_begin(n->ledger, &txn, &err);
    if (rc == 0) {
        for (uint32_t i = 0; in_feeds && i < tally_feed_count(txn); i++)
            hold_feed(w, n, txn, i, in_feeds);
        for (uint32_t i = 0; in_branches && i < SIM_MAX_NODES && rc == 0; i++)
            if (w->nodes[i].key)
                rc = tally_branch_each(txn, tally_key_device(w->nodes[i].key), hold_branch, &h,
                                       &err);
        tally_read_end(txn);
    }
    node_expect(w, n, rc, 0, 0, "read its branches", &err);
    if (!was_up) node_crash(w, n);
}

void held_note_gone(world *w) {
    bool *held = calloc(w->model.count + 1, sizeof *held);
    if (!held) {
        world_fail(w, "no memory to see what is held");
        return;
    }
    for (uint32_t i = 0; i < w->node_count; i++)
        held_by(w, &w->nodes[i], held, held);
    for (uint32_t i = 0; i < w->model.count; i++)
        w->model.list[i].gone = !held[i];
    free(held);
}
