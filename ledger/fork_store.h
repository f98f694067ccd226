/* Forks inside the ledger: rows of proofs, branches set aside, and what feeds end at. The rules are
 * in PROTOCOL.md section 9. Private to ledger/.
 *
 * A branch's history is the main feed's records below `from` and then its own: every cut of the
 * main feed first gives branches the records that they would lose. Its end is signed. */
#ifndef LEDGER_FORK_STORE_H
#define LEDGER_FORK_STORE_H

#include "feed_tree.h"
#include "incoming.h"

#include <tally/fork.h>
#include <tally/ingest.h>

/* ---- fork_store.c: rows of proofs ---- */

typedef enum fork_standing {
    FORK_FROZEN = 0,   /* ends at `common` until an admin settles it */
    FORK_RESOLVED = 1, /* an admin has */
    FORK_OPEN = 2,     /* the creator's, and no admin can settle it: its last word is awaited */
    FORK_CLOSED = 3    /* that was said */
} fork_standing;

typedef struct fork_row {
    fork_standing standing;
    uint64_t size; /* where the feed ends, and its root there */
    tally_hash root;
    tally_fork proof;
} fork_row;

bool fork_any(tally_txn *txn);
/* TALLY_ENOTFOUND, err untouched. */
int fork_load(tally_txn *txn, const tally_device_id *device, fork_row *out, tally_error *err);
int fork_keep(tally_txn *txn, const fork_row *row, tally_error *err);
int fork_is_frozen(tally_txn *txn, const tally_device_id *device, bool *out, tally_error *err);
typedef int fork_row_fn(void *ctx, const fork_row *row, tally_error *err);
int fork_each_row(tally_txn *txn, fork_row_fn *fn, void *ctx, tally_error *err);
/* Whether the proof vouches for a checkpoint that nobody signed. */
bool fork_vouches(const fork_row *row, const tally_checkpoint *cp);

/* ---- branch.c: rows of branches, and histories ---- */

typedef struct branch {
    uint32_t feed, number;
    bool staged; /* gathered from commits; never was in the main feed */
    uint64_t from;
    tally_hlc last_hlc;
    tally_range edge; /* at its end */
} branch;

typedef struct branch_set {
    size_t count;
    branch list[TALLY_FORK_MAX_BRANCHES];
} branch_set;

int branch_read_all(tally_txn *txn, uint32_t feed, branch_set *out, tally_error *err);
/* An empty one from `from` on, a size that the main feed has. When all places are taken, one that
 * was staged goes (not `spare`, which may be NULL); TALLY_EREFUSED when there is none. */
int branch_make(tally_txn *txn, uint32_t feed, uint64_t from, bool staged, const branch *spare,
                branch *out, tally_error *err);
int branch_keep(tally_txn *txn, const branch *b, tally_error *err);
/* Adds to its end. `bytes` must not point into this ledger. */
int branch_add(tally_txn *txn, branch *b, const tally_record *record, tally_span bytes,
               const tally_hash *leaf, tally_error *err);
/* Stores a record of a place before its end. */
int branch_put_record(tally_txn *txn, const branch *b, uint64_t index, tally_span bytes,
                      const tally_hash *leaf, tally_error *err);
int branch_put_checkpoint(tally_txn *txn, const branch *b, const tally_checkpoint *cp,
                          tally_error *err);
/* The branch's first checkpoint of a size of at least `size`: TALLY_ENOTFOUND, err untouched. */
int branch_checkpoint_from(tally_txn *txn, const branch *b, uint64_t size, tally_checkpoint *out,
                           tally_error *err);
/* Whether the check stored before a record is that of this leaf hash. */
bool branch_names(tally_txn *txn, const branch *b, uint64_t index, const tally_hash *leaf);
bool branch_signed_at(tally_txn *txn, const branch *b, uint64_t size, const tally_hash *root);

/* A history is that of a branch or, for NULL, the main feed's. */
int history_record(tally_txn *txn, uint32_t feed, const branch *b, uint64_t index, tally_span *out,
                   tally_error *err);
int history_leaf(tally_txn *txn, uint32_t feed, const branch *b, uint64_t index, tally_hash *out,
                 tally_error *err);
int history_edge(tally_txn *txn, uint32_t feed, const branch *b, uint64_t size, tally_range *out,
                 tally_error *err);
int history_clock(tally_txn *txn, uint32_t feed, const branch *b, uint64_t size, tally_hlc *out,
                  tally_error *err);
/* The first index in [begin, end) at which two histories differ; `end` when none does. */
int history_parts(tally_txn *txn, uint32_t feed, const branch *a, const branch *b, uint64_t begin,
                  uint64_t end, uint64_t *out, tally_error *err);

/* ---- branch_move.c: records between the main feed and its branches ---- */

/* Copies records [begin, end) of a history and its signed checkpoints to the end of a branch. */
int branch_copy(tally_txn *txn, const branch *source, branch *to, uint64_t end, tally_error *err);
/* Ends the main feed at `size` and keeps what was signed past it as a branch. */
int branch_cut_main(tally_txn *txn, tally_feed *feed, uint64_t size, tally_error *err);
/* Lets the main feed go on to `size` with the records of a branch that has it, and folds them.
 * TALLY_EEXIST, changing nothing, when the main feed's own records contradict it. */
int branch_adopt(tally_txn *txn, tally_feed *feed, const branch *b, uint64_t size,
                 tally_error *err);

/* ---- fork_proof.c ---- */

/* A history as one side of a proof; see tally_fork_branch_make. */
int fork_side_make(tally_txn *txn, const tally_feed *feed, const branch *b, uint64_t common,
                   tally_hash *base, tally_fork_branch *out, tally_error *err);

/* ---- fork_stage.c ---- */

/* Takes a commit past `common`, whose records were checked, into the branch that it continues, or
 * begins one. Codes as tally_ingest. */
int fork_stage(incoming *in, tally_error *err);

/* ---- fork_judge.c ---- */

/* A device whose feed is forked: what it said of the team counts for settling up to `common`. */
typedef struct fork_cut {
    tally_device_id device;
    uint64_t common;
} fork_cut;

/* Where a feed shall end. */
typedef struct verdict {
    fork_standing standing;
    uint64_t size;
    tally_hash root;
} verdict;

typedef struct judge judge;
int judge_new(tally_txn *txn, judge **out, tally_error *err);
void judge_free(judge *j);
/* The creator's device when its feed is forked: settled first, since the others follow from it. */
bool judge_creator_forked(const judge *j, tally_device_id *out);
/* Reads the team's facts again, now that the creator's feed ends where it shall. */
int judge_creator_settled(judge *j, tally_error *err);
size_t judge_count(const judge *j);
const fork_cut *judge_at(const judge *j, size_t i);
int judge_decide(judge *j, const fork_row *row, verdict *out, tally_error *err);
/* Whether a feed.resolve of this device would count. */
bool judge_entitled(const judge *j, const tally_device_id *device);

/* ---- fork_word.c: the creator's last word ---- */

/* The feed.resolve among all histories of the feed that settles it; TALLY_ENOTFOUND. */
int fork_last_word(tally_txn *txn, const fork_row *row, verdict *out, tally_error *err);
/* Appends one to the own frozen feed; `more` records that the caller appends belong to it. */
int fork_say_last_word(tally_txn *txn, tally_writer *writer, uint32_t more, tally_error *err);
/* Whether the own feed is one that its last word can settle. */
bool fork_may_say(tally_txn *txn);

/* ---- fork.c ---- */

/* Brings every forked feed to where it ends by what is known. Before a commit, and after what came
 * from elsewhere was taken in; does nothing when nothing has changed. */
int fork_settle(tally_txn *txn, tally_error *err);
/* Says why a frozen own feed takes no record. */
int fork_refuse_append(tally_txn *txn, tally_error *err);

#endif
