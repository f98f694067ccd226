/* The trees of stored feeds at sizes they have passed, and cutting a feed short. Private to
 * ledger/. */
#ifndef LEDGER_FEED_TREE_H
#define LEDGER_FEED_TREE_H

#include "store.h"

int feed_leaf(tally_txn *txn, uint32_t feed, uint64_t index, tally_hash *out, tally_error *err);
/* The hash of a perfect subtree that the feed has completed. */
int feed_subtree(tally_txn *txn, uint32_t feed, unsigned level, uint64_t index, tally_hash *out,
                 tally_error *err);
/* The right edge at a size that the feed has reached. */
int feed_range_at(tally_txn *txn, uint32_t feed, uint64_t size, tally_range *out, tally_error *err);
/* The clock of the last of `size` records; 0 for none. */
int feed_clock_at(tally_txn *txn, uint32_t feed, uint64_t size, tally_hlc *out, tally_error *err);

/* A checkpoint that nobody signed: at the end of a frozen feed, where the fork's proof vouches for
 * it (fork_store.h). Its signature is all zeros. */
static inline bool feed_checkpoint_unsigned(const tally_checkpoint *cp) {
    static const uint8_t none[TALLY_SIGNATURE_BYTES];
    return memcmp(cp->signature, none, sizeof none) == 0;
}
/* The last stored checkpoint at a size of at most `size`; the last signed one. TALLY_ENOTFOUND,
 * err untouched. */
int feed_checkpoint_until(tally_txn *txn, uint32_t feed, uint64_t size, tally_checkpoint *out,
                          tally_error *err);
int feed_signed_until(tally_txn *txn, uint32_t feed, uint64_t size, tally_checkpoint *out,
                      tally_error *err);

/* Stores the feed's row, and what this transaction has in memory of the own feed. */
int feed_keep(tally_txn *txn, const tally_feed *feed, tally_error *err);
/* Ends the feed at an earlier size: records, checkpoints, cached hashes and team facts past it go;
 * the views are folded again before the transaction commits. */
int feed_cut(tally_txn *txn, tally_feed *feed, uint64_t size, tally_error *err);

#endif
