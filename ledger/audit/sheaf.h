/* The trees of a pack: which checkpoints records are proved to, and proofs whose hashes are written
 * once. Private to ledger/audit. */
#ifndef LEDGER_AUDIT_SHEAF_H
#define LEDGER_AUDIT_SHEAF_H

#include "choice.h"

typedef struct sheaf_checkpoint {
    size_t device; /* position in the choice's devices */
    tally_checkpoint cp;
    tally_proof consistency; /* from the device's checkpoint before */
    size_t consistency_at;   /* of its nodes, in `refs` */
    bool first;
} sheaf_checkpoint;

typedef struct sheaf_tree {
    uint32_t feed;
    index_map known; /* level and index, to `hashes` */
    tally_hash *hashes;
    size_t count, room;
} sheaf_tree;

typedef struct sheaf {
    tally_txn *txn;
    const choice *choice;
    sheaf_tree *trees; /* by device */
    sheaf_checkpoint *checkpoints;
    size_t checkpoint_count, checkpoint_room;
    tally_hash *nodes;
    size_t node_count, node_room;
    index_map by_hash;
    uint32_t *refs; /* node numbers of all proofs */
    size_t ref_count, ref_room;
    struct sheaf_proof {
        size_t checkpoint, at, count;
    } * proofs; /* by item */
} sheaf;

/* Proves every chosen item. Cleared with sheaf_clear also after an error. */
int sheaf_make(sheaf *s, tally_txn *txn, const choice *c, tally_error *err);
void sheaf_clear(sheaf *s);

#endif
