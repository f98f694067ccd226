/* Commits that travel: taking in what another device signed, and reading what is stored to hand it
 * on. */
#ifndef TALLY_INGEST_H
#define TALLY_INGEST_H

#include <tally/ledger.h>

/* Inside a write: takes records `from` to `from + count` of a device's feed, whose new head `cp`
 * signs. Everything is checked before anything is stored: the device is in the team (revoked ones
 * too: what they append is kept and does not count; the team's creator brings its own team.create),
 * at most TALLY_COMMIT_MAX_RECORDS records and TALLY_COMMIT_MAX_BYTES, each canonical, clocks
 * rising, the tree's root and its signature. Then records, checkpoint and cached hashes are stored
 * and folded. Records that are stored already are not stored again. On any refusal below nothing
 * was changed and the transaction goes on; after other errors it must be given up. `records` must
 * not point into this ledger.
 *
 *   TALLY_EEXIST    all of it is known, and says the same
 *   TALLY_ENOTFOUND records before `from` are missing
 *   TALLY_EREFUSED  nobody entitled has added the device; or its feed is forked (fork.h) and ends
 *                   before; or its head is one that only a proof which is not here vouches for
 *   TALLY_ELIMIT    no record, too many, or too many bytes
 *   TALLY_EFORMAT   a record, a clock, the root or the signature is wrong: the sender's fault
 *   TALLY_ECORRUPT  a fork: the device signed two histories that contradict each other
 *
 * Commits that lead to where a forked feed shall go on to are kept beside it until the named
 * checkpoint is reached: 0, and the feed grows by all of them with the last. */
int tally_ingest(tally_txn *txn, const tally_device_id *device, uint64_t from,
                 const tally_span *records, size_t count, const tally_checkpoint *cp,
                 tally_error *err);

/* The root of the first `size` records of a feed; TALLY_EINVAL when fewer are stored. Reads the
 * cached hashes and at most 255 records. */
int tally_feed_root(tally_txn *txn, uint32_t feed, uint64_t size, tally_hash *root,
                    tally_error *err);

/* The records from `from` up to the next stored checkpoint, which is put into `cp` before the first
 * call of `fn`. The spans live as long as the transaction writes nothing. A result of `fn` other
 * than 0 stops and is returned. TALLY_ENOTFOUND when no checkpoint lies past `from`. */
typedef int tally_commit_fn(void *ctx, uint64_t index, tally_span record, tally_error *err);
int tally_commit_get(tally_txn *txn, uint32_t feed, uint64_t from, tally_checkpoint *cp,
                     tally_commit_fn *fn, void *ctx, tally_error *err);
/* The same, up to the last stored checkpoint that the limits of a commit allow: who takes it in
 * needs no checkpoint in between, and checks one signature instead of many. */
int tally_commit_span(tally_txn *txn, uint32_t feed, uint64_t from, tally_checkpoint *cp,
                      tally_commit_fn *fn, void *ctx, tally_error *err);

#endif
