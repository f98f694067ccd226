/* Cosignatures: a teammate's timestamped signature on the head of somebody else's feed (C2SP
 * tlog-cosignature, "cosignature/v1"). They are what makes rewriting and backdating visible.
 *
 * They are no records: no view and no digest of views depends on them. A store keeps every valid
 * one it meets, so that two stores that exchange all of theirs hold the same. Of two by one witness
 * on one checkpoint the one with the smaller time, then with the smaller signature, is kept. */
#ifndef TALLY_COSIGN_H
#define TALLY_COSIGN_H

#include <tally/checkpoint.h>
#include <tally/ledger.h>
#include <tally/team.h>

/* In a store, and of one member no more than are left for others: half, for one who is alone. */
#define TALLY_COSIGN_MAX_HELD 1048576u
#define TALLY_COSIGN_EVERY_S  3600 /* a device cosigns a feed at most so often of its own accord */
/* So far clocks of a team may be apart: see PROTOCOL.md, 2. */
#define TALLY_COSIGN_CLOCKS_S INT64_C(172800)
#define TALLY_COSIGNATURE_LINE_MAX_BYTES                                                           \
    (TALLY_ORIGIN_MAX_BYTES + 128u) /* of a signed note, NUL included */
#define TALLY_QUORUM_MAX             16u
#define TALLY_QUORUM_DEFAULT         1u
#define TALLY_BACKDATE_DEFAULT_HOURS 72u
#define TALLY_BACKDATE_MAX_HOURS     (100u * 366u * 24u)

/* `device` signed the checkpoint, `witness` saw it at `time_s` (its own clock, Unix seconds). */
typedef struct tally_cosignature {
    tally_device_id device;
    tally_checkpoint checkpoint;
    tally_device_id witness;
    int64_t time_s;
    uint8_t signature[TALLY_SIGNATURE_BYTES];
} tally_cosignature;

/* ---- the text; pure ---- */

/* Fills witness and signature from checkpoint and time, which is not negative; `origin` as in
 * checkpoint.h. */
void tally_cosignature_sign(const tally_key *key, const char *origin, tally_cosignature *c);
/* The witness's signature alone: 0 or TALLY_EFORMAT. The checkpoint's is tally_checkpoint_verify's.
 */
int tally_cosignature_verify(const char *origin, const tally_cosignature *c);
/* The line "— NAME BASE64\n" that goes below the checkpoint's own; NAME is what would be the origin
 * of the witness's feed. Returns its length; `out` holds TALLY_COSIGNATURE_LINE_MAX_BYTES. */
size_t tally_cosignature_line(const tally_hash *team, const tally_cosignature *c, char *out);

/* ---- the store ---- */

/* Inside a write: checks both signatures and keeps it, with the checkpoint where the feed's own
 * records give that root. 0; TALLY_EEXIST when it, or an earlier one of the witness on that
 * checkpoint, is here; TALLY_EREFUSED while nobody has added either device, and when
 * TALLY_COSIGN_MAX_HELD leaves no room; TALLY_EFORMAT when a signature does not hold or a device
 * cosigns itself. After these nothing was changed. Whether the
 * records are here, or say something else, does not matter: it is evidence. */
int tally_cosignature_take(tally_txn *txn, const tally_cosignature *c, tally_error *err);

/* All of one device's feed with sizes from `size` on, ascending by size, then by witness. A result
 * of `fn` other than 0 stops and is returned. */
typedef int tally_cosignature_fn(void *ctx, const tally_cosignature *c, tally_error *err);
int tally_cosignature_each(tally_txn *txn, const tally_device_id *device, uint64_t size,
                           tally_cosignature_fn *fn, void *ctx, tally_error *err);
/* All of all feeds, descending by device, then by size: what a summary is made of. */
int tally_cosignature_each_back(tally_txn *txn, tally_cosignature_fn *fn, void *ctx,
                                tally_error *err);
/* In the order in which they came to this store, those after the first `after`. */
int tally_cosignature_since(tally_txn *txn, uint64_t after, tally_cosignature_fn *fn, void *ctx,
                            tally_error *err);
/* How many ever came: what `after` above counts. */
int tally_cosignatures_came(tally_txn *txn, uint64_t *came, tally_error *err);

/* Inside a write: cosigns the head of every feed of another member for which it is time: new
 * records that no quorum (policy `audit.quorum`) has cosigned, and nothing by this device within
 * TALLY_COSIGN_EVERY_S. With `asked` neither matters, and the member's other devices are cosigned
 * too. Never the own feed, a forked one, one past its device's revocation, a head that its device
 * did not sign, or with a time before this device's last one on that feed. *made (may be NULL) gets
 * how many. An outcast cosigns nothing. */
int tally_cosign(tally_txn *txn, bool asked, uint64_t *made, tally_error *err);
/* When tally_cosign would next make one, in Unix milliseconds (`now_ms`, or the past: at once);
 * INT64_MAX: not before something comes. */
int tally_cosign_due(tally_txn *txn, int64_t now_ms, int64_t *due_ms, tally_error *err);

/* Which history of a forked feed it is of: sets the head of that history, as tally_fork_state and
 * tally_branch name it. TALLY_ENOTFOUND when the records that would tell are not here. */
int tally_cosignature_history(tally_txn *txn, const tally_cosignature *c, tally_checkpoint *head,
                              tally_error *err);

/* ---- who has seen what ---- */

/* Policy `audit.set`; defaults where nothing is set. */
typedef struct tally_audit_policy {
    uint32_t quorum; /* members, the author's not counted */
    tally_role role; /* of the devices that count; 0: any */
    uint32_t backdate_hours;
} tally_audit_policy;
void tally_audit_policy_get(tally_txn *txn, tally_audit_policy *out);

/* Whether a record was witnessed: `time_s` is the earliest time by which `quorum` distinct members,
 * other than the author's, had cosigned a checkpoint that covers it; `members` is how many had at
 * any time. Counted are checkpoints of the feed as it is stored, but for times more than
 * TALLY_COSIGN_CLOCKS_S before that of the newest record below the checkpoint. */
typedef struct tally_witnessed {
    bool quorum;
    int64_t time_s;
    uint32_t members;
} tally_witnessed;
int tally_witness_of(tally_txn *txn, uint32_t feed, uint64_t index, tally_witnessed *out,
                     tally_error *err);

/* All records of the devices in the team; nothing is counted where there is one member only. */
typedef struct tally_witness_counts {
    uint64_t records;
    uint64_t never;     /* no quorum has seen them; */
    uint64_t overdue;   /* of these, whose own clock is more than the limit before `now_ms` */
    uint64_t late;      /* seen more than the limit after the time that they claim */
    uint64_t witnesses; /* members that could witness: all but one */
} tally_witness_counts;
int tally_witness_count(tally_txn *txn, int64_t now_ms, tally_witness_counts *out,
                        tally_error *err);

#endif
