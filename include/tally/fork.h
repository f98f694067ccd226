/* Forks: one device signed two histories that no single one explains. What proves it, what it
 * freezes, and how an admin settles it. Pure checks here take no ledger; the others work inside a
 * transaction.
 *
 * Two histories of one feed agree on their first `common` records and differ in the next. From then
 * on the feed ends at `common` on every node: what this store holds past it is set aside as a
 * branch (evidence, counted nowhere), and commits past it are refused. Of several proofs of one
 * device the smallest `common` holds, so that all nodes that know the same proofs end the feed at
 * the same size. When an admin's feed.resolve names a checkpoint past `common`, the feed goes on to
 * exactly that checkpoint and ends there; its branch is taken from what was set aside or from a
 * teammate (tally_ingest gathers it and takes it in once it is whole). The creator's feed, when no
 * other admin can settle it, goes on to the creator's own last word (PROTOCOL.md section 9).
 *
 * Sync: who differs with a peer about a feed at a size past the `common` that both know has nothing
 * to look for: the peer counts as having `common` records of it, and is sent what follows. The head
 * of a frozen feed may be a checkpoint that nobody signed (its signature is all zeros): the proof
 * vouches for it, so the proof must have been sent before. */
#ifndef TALLY_FORK_H
#define TALLY_FORK_H

#include <tally/ledger.h>

#define TALLY_FORK_MAX_BRANCHES                                                                    \
    8u /* of one device, set aside in a store; later ones are refused                              \
        */

/* One history: a checkpoint of the device, and what ties its tree to the place where they part. */
typedef struct tally_fork_branch {
    tally_checkpoint checkpoint; /* its size is above `common` */
    tally_hash next;             /* root of the first common + 1 records */
    tally_proof to_common; /* PROOF(common, D[size]) of RFC 6962 2.1.2; none when common is 0 */
    tally_proof to_next;   /* PROOF(common + 1, D[size]); none when the size is common + 1 */
} tally_fork_branch;

typedef struct tally_fork {
    tally_device_id device;
    uint64_t common;
    tally_hash base;               /* root of the first `common` records */
    tally_fork_branch branches[2]; /* the one with the smaller `next`, bytewise, first */
} tally_fork;

/* Whether one branch is what it says: its checkpoint is signed by the device and its tree has
 * `base` at `common` and branch->next at common + 1. 0 or TALLY_EFORMAT. */
int tally_fork_branch_check(const tally_hash *team, const tally_device_id *device, uint64_t common,
                            const tally_hash *base, const tally_fork_branch *branch,
                            tally_error *err);
/* Whether the whole is proof of a fork: both branches check, in order, with different `next`. 0 or
 * TALLY_EFORMAT. */
int tally_fork_check(const tally_hash *team, const tally_fork *fork, tally_error *err);

/* This store's side: the tip of a feed as a branch that parts from another after `common` records,
 * and their root. TALLY_EINVAL when the feed has no more than `common`. */
int tally_fork_branch_make(tally_txn *txn, uint32_t feed, uint64_t common, tally_hash *base,
                           tally_fork_branch *out, tally_error *err);

/* Inside a write: checks and keeps the proof, ends the feed at fork->common, sets aside what lies
 * past it, and folds the views again when that counted. 0; TALLY_EEXIST when a proof with the same
 * or a smaller `common` is kept already; TALLY_EFORMAT when it proves nothing (the creator's first
 * record is the team's id: no history begins with another); TALLY_EREFUSED for a device that is not
 * in the team; TALLY_EINVAL in a transaction that has appended. After these nothing was changed and
 * the transaction goes on. A fork of the own device is kept like any other: it appends no more. */
int tally_fork_put(tally_txn *txn, const tally_fork *fork, tally_error *err);

/* What is known of a frozen feed. */
typedef struct tally_fork_state {
    tally_fork proof;
    bool resolved; /* an admin has chosen (of the creator's feed: or its last word has): */
    uint64_t size; /* the feed ends here; proof.common while unresolved, or when neither is kept */
    tally_hash root; /* and this is its root there */
    uint64_t held;   /* records of this feed that count here now, at most `size` */
} tally_fork_state;
/* TALLY_ENOTFOUND for a feed that is not frozen. */
int tally_fork_get(tally_txn *txn, const tally_device_id *device, tally_fork_state *out,
                   tally_error *err);
/* In bytewise order of the device keys. A result of `fn` other than 0 stops and is returned. */
typedef int tally_fork_fn(void *ctx, const tally_fork_state *state, tally_error *err);
int tally_fork_each(tally_txn *txn, tally_fork_fn *fn, void *ctx, tally_error *err);
/* First 8 bytes of SHA-256 over (device || common as u64 big-endian) of all forks, in order; 0 when
 * there is none. Equal on nodes that know the same. */
int tally_fork_digest(tally_txn *txn, uint64_t *out, tally_error *err);

/* Appends feed.resolve: the feed ends at the checkpoint with this size and root, which must be that
 * of a branch of the proof or of one set aside here; size = common and root = base keeps neither.
 * TALLY_EREFUSED unless this device is an admin that is not itself frozen; TALLY_ENOTFOUND for a
 * feed without a fork; TALLY_EINVAL for a checkpoint that is on no branch. The last feed.resolve of
 * a device by hlc, then larger author key, counts. */
int tally_fork_resolve(tally_txn *txn, const tally_device_id *device, uint64_t size,
                       const tally_hash *root, tally_error *err);

/* Branches set aside in this store: evidence. The one that was kept stays among them. */
typedef struct tally_branch {
    tally_device_id device;
    uint32_t number;     /* among those of this device */
    uint64_t from, size; /* records `from` to `size` are held */
    tally_checkpoint tip;
} tally_branch;
typedef int tally_branch_fn(void *ctx, const tally_branch *branch, tally_error *err);
int tally_branch_each(tally_txn *txn, const tally_device_id *device, tally_branch_fn *fn, void *ctx,
                      tally_error *err);
/* Record `index` (from <= index < size) of a branch; TALLY_ENOTFOUND. */
int tally_branch_record_get(tally_txn *txn, const tally_branch *branch, uint64_t index,
                            tally_span *out, tally_error *err);

/* The high-water mark: how many records this device is known to have signed, kept in "device.mark"
 * beside the key, outside the store. A store that holds less is an old copy: tally_append refuses
 * (TALLY_EREFUSED, saying how to go on) until the missing records have come back from a teammate.
 */
#define TALLY_MARK_FILE "device.mark"
/* What the mark says, and how many of these records the store lacks. The mark is read first: a
 * writer beside is no loss. TALLY_ENOTFOUND: no mark of this ledger that is whole. */
int tally_mark_lost(tally_ledger *ledger, uint64_t *size, uint64_t *lost, tally_error *err);

#endif
