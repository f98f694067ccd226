/* Proofs of a pack's records. The hashes that proofs of neighbours share are looked up and written
 * once. */
#include "sheaf.h"

#include "../feed_tree.h"

#include <stdlib.h>

typedef struct tree_reader {
    sheaf *s;
    sheaf_tree *tree;
} tree_reader;

static int read_subtree(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                        tally_error *err) {
    tree_reader *reader = ctx;
    sheaf_tree *tree = reader->tree;
    uint32_t *slot = index_map_slot(&tree->known, (uint64_t)level << 56 | index);
    if (!slot) return shelf_no_memory(err);
    if (*slot != 0) {
        *out = tree->hashes[*slot - 1];
        return 0;
    }
    int rc = feed_subtree(reader->s->txn, tree->feed, level, index, out, err);
    if (rc != 0) return rc;
    if (!shelf_grow((void **)&tree->hashes, &tree->room, tree->count, sizeof *out))
        return shelf_no_memory(err);
    tree->hashes[tree->count++] = *out;
    *slot = (uint32_t)tree->count;
    return 0;
}

/* Keeps a proof as numbers of nodes. */
static int keep_proof(sheaf *s, const tally_proof *proof, size_t *at, tally_error *err) {
    *at = s->ref_count;
    for (uint32_t i = 0; i < proof->count; i++) {
        uint32_t *slot = index_map_slot(&s->by_hash, tally_get_be64(proof->hashes[i].b));
        if (!slot || !shelf_grow((void **)&s->refs, &s->ref_room, s->ref_count, sizeof *s->refs))
            return shelf_no_memory(err);
        if (*slot == 0 || !tally_hash_eq(&s->nodes[*slot - 1], &proof->hashes[i])) {
            if (!shelf_grow((void **)&s->nodes, &s->node_room, s->node_count, sizeof *s->nodes))
                return shelf_no_memory(err);
            s->nodes[s->node_count++] = proof->hashes[i];
            *slot = (uint32_t)s->node_count;
        }
        s->refs[s->ref_count++] = *slot - 1;
    }
    return 0;
}

/* ---- checkpoints ---- */

static int add_checkpoint(sheaf *s, size_t device, const tally_checkpoint *cp, tally_error *err) {
    size_t n = s->checkpoint_count;
    bool first = n == 0 || s->checkpoints[n - 1].device != device;
    sheaf_checkpoint row = {.device = device, .cp = *cp, .first = first};
    tree_reader reader = {s, &s->trees[device]};
    int rc = 0;
    if (!shelf_grow((void **)&s->checkpoints, &s->checkpoint_room, n, sizeof row))
        return shelf_no_memory(err);
    if (!first)
        rc = tally_consistency_prove(s->checkpoints[n - 1].cp.size, cp->size, read_subtree, &reader,
                                     &row.consistency, err);
    if (rc == 0) rc = keep_proof(s, &row.consistency, &row.consistency_at, err);
    s->checkpoints[s->checkpoint_count++] = row;
    return rc;
}

static uint64_t reach_of(const choice *c, uint32_t feed) {
    uint64_t reach = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->items[i].place.feed == feed && c->items[i].place.index >= reach)
            reach = c->items[i].place.index + 1;
    return reach;
}

/* Those that somebody cosigned, once each; they ascend. */
static int add_cosigned(sheaf *s, size_t device, tally_error *err) {
    const choice *c = s->choice;
    int rc = 0;
    for (size_t i = 0; i < c->cosignature_count && rc == 0; i++) {
        const tally_cosignature *row = &c->cosignatures[i];
        size_t n = s->checkpoint_count;
        if (choice_device_number(c, &row->device) != device) continue;
        if (n > 0 && s->checkpoints[n - 1].device == device &&
            s->checkpoints[n - 1].cp.size == row->checkpoint.size)
            continue;
        rc = add_checkpoint(s, device, &row->checkpoint, err);
    }
    return rc;
}

static uint64_t cosigned_to(const sheaf *s, size_t device) {
    size_t n = s->checkpoint_count;
    return n > 0 && s->checkpoints[n - 1].device == device ? s->checkpoints[n - 1].cp.size : 0;
}

/* What was cosigned, and where that does not reach the newest head that the device signed. */
static int device_checkpoints(sheaf *s, size_t device, tally_error *err) {
    const tally_device_id *id = &s->choice->devices[device];
    sheaf_tree *tree = &s->trees[device];
    tally_checkpoint cp;
    tally_feed feed;
    if (index_map_init(&tree->known) != 0) return shelf_no_memory(err);
    if (tally_feed_find(s->txn, id, &tree->feed) != 0) return 0; /* it has written nothing */
    int rc = tally_feed_get(s->txn, tree->feed, &feed, err);
    uint64_t reach = reach_of(s->choice, tree->feed);
    if (rc == 0) rc = add_cosigned(s, device, err);
    if (rc != 0 || reach <= cosigned_to(s, device)) return rc;
    rc = feed_signed_until(s->txn, tree->feed, feed.size, &cp, err);
    if (rc == TALLY_ENOTFOUND || (rc == 0 && cp.size < reach))
        return tally_fail(err, TALLY_ENOTFOUND,
                          "record %llu of feed number %u stands under no signed checkpoint",
                          (unsigned long long)reach - 1, tree->feed);
    return rc == 0 ? add_checkpoint(s, device, &cp, err) : rc;
}

/* ---- records ---- */

static size_t checkpoint_of(const sheaf *s, const choice_item *item) {
    for (size_t i = 0; i < s->checkpoint_count; i++)
        if (s->trees[s->checkpoints[i].device].feed == item->place.feed &&
            s->checkpoints[i].cp.size > item->place.index)
            return i;
    return 0;
}

static int prove_item(sheaf *s, size_t i, tally_error *err) {
    const choice_item *item = &s->choice->items[i];
    size_t checkpoint = checkpoint_of(s, item);
    const sheaf_checkpoint *row = &s->checkpoints[checkpoint];
    tree_reader reader = {s, &s->trees[row->device]};
    tally_proof proof;
    int rc =
        tally_inclusion_prove(item->place.index, row->cp.size, read_subtree, &reader, &proof, err);
    if (rc == 0 && tally_inclusion_verify(item->place.index, row->cp.size, &item->leaf,
                                          proof.hashes, proof.count, &row->cp.root) != 0)
        rc = tally_fail(err, TALLY_ECORRUPT,
                        "record %llu of feed number %u is not what was signed; run 'tally fsck'",
                        (unsigned long long)item->place.index, item->place.feed);
    s->proofs[i].checkpoint = checkpoint;
    s->proofs[i].count = rc == 0 ? proof.count : 0;
    return rc == 0 ? keep_proof(s, &proof, &s->proofs[i].at, err) : rc;
}

int sheaf_make(sheaf *s, tally_txn *txn, const choice *c, tally_error *err) {
    *s = (sheaf){.txn = txn, .choice = c};
    s->trees = calloc(c->device_count + 1, sizeof *s->trees);
    s->proofs = calloc(c->count + 1, sizeof *s->proofs);
    int rc = index_map_init(&s->by_hash) == 0 && s->trees && s->proofs ? 0 : shelf_no_memory(err);
    for (size_t i = 0; i < c->device_count && rc == 0; i++)
        rc = device_checkpoints(s, i, err);
    for (size_t i = 0; i < c->count && rc == 0; i++)
        rc = prove_item(s, i, err);
    return rc;
}

void sheaf_clear(sheaf *s) {
    for (size_t i = 0; s->trees && i < s->choice->device_count; i++) {
        index_map_clear(&s->trees[i].known);
        free(s->trees[i].hashes);
    }
    free(s->trees);
    free(s->checkpoints);
    free(s->nodes);
    free(s->refs);
    free(s->proofs);
    index_map_clear(&s->by_hash);
    *s = (sheaf){.txn = NULL};
}
