/* What waits in a feed's head row until there is more of it: its newest checkpoints and its newest
 * costs. Small commits write them where they write the head anyway, and not into four more trees;
 * whoever reads checkpoints or costs reads these as well. Private to ledger/. */
#ifndef LEDGER_FEED_TAIL_H
#define LEDGER_FEED_TAIL_H

#include "store.h"

#define FEED_TAIL_CHECKPOINTS 8u
#define FEED_TAIL_COSTS       8u
#define FEED_CHECKPOINT_BYTES (8u + TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES)
#define FEED_WAITING_BYTES    16u
#define FEED_TAIL_MAX_BYTES                                                                        \
    (2u + FEED_TAIL_CHECKPOINTS * FEED_CHECKPOINT_BYTES + FEED_TAIL_COSTS * FEED_WAITING_BYTES)

/* A record whose cost is not in view_costs yet, and the first 8 bytes of its entry's id: who meets
 * another entry need not read it. */
typedef struct waiting_cost {
    uint64_t index, id;
} waiting_cost;

typedef struct feed_tail {
    size_t checkpoints, costs;
    tally_checkpoint checkpoint[FEED_TAIL_CHECKPOINTS]; /* by size; past all in the table */
    waiting_cost cost[FEED_TAIL_COSTS];                 /* by index */
} feed_tail;

/* Row after the head: two counts, then size, root and signature of each checkpoint, then index and
 * id of each cost. Nothing when nothing waits. False: damaged. */
bool feed_tail_parse(tally_span bytes, feed_tail *out);
/* An empty tail when there is no such feed. */
int feed_tail_load(tally_txn *txn, uint32_t number, feed_tail *out, tally_error *err);
int feed_tail_store(tally_txn *txn, uint32_t number, const feed_tail *tail, tally_error *err);

/* A checkpoint past all others of the feed waits; when there are too many, all go to the table. */
int feed_tail_sign(tally_txn *txn, uint32_t number, const tally_checkpoint *cp, tally_error *err);
/* Moves the waiting checkpoints to the table: before rows in it are put between or deleted. */
int feed_tail_spill(tally_txn *txn, uint32_t number, tally_error *err);

#endif
