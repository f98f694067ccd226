/* What a fork does to a feed: the proof is kept, the feed ends where both histories agree, and goes
 * on when somebody settles it. Who may settle it is in fork_judge.c. */
#include "fork_store.h"

#include "view_fold.h"

#include <inttypes.h>
#include <stdlib.h>

#define SETTLE_ROUNDS_MAX 64u /* each finds a fork before one that was known: many are absurd */

static void short_name(const tally_device_id *device, char out[17]) {
    tally_hex(tally_span_of(device->b, 8), out);
}

/* ---- ending a feed ---- */

/* The end of a frozen feed needs a checkpoint to be handed on by; the proof vouches for it. */
static int mark_end(tally_txn *txn, const tally_feed *feed, const fork_row *row, tally_error *err) {
    tally_checkpoint cp = {.size = row->proof.common, .root = row->proof.base}, held;
    if (cp.size == 0 || feed->size != cp.size) return 0;
    int rc = feed_checkpoint_until(txn, feed->number, cp.size, &held, err);
    if (rc == 0 && held.size == cp.size) return 0;
    return rc == 0 || rc == TALLY_ENOTFOUND ? feed_put_checkpoint(txn, feed->number, &cp, err) : rc;
}

/* Whether the feed as it is here begins with the records that both histories have. */
static int agrees(tally_txn *txn, const tally_feed *feed, const fork_row *row, bool *out,
                  tally_error *err) {
    tally_hash root;
    int rc = tally_feed_root(txn, feed->number, row->proof.common, &root, err);
    *out = rc == 0 && tally_hash_eq(&root, &row->proof.base);
    return rc;
}

/* Ends the feed at `common`. One that contradicts even that is a third history, which parts from
 * both earlier: it ends at its last head before, and what differs will show. */
static int end_feed(tally_txn *txn, tally_feed *feed, const fork_row *row, tally_error *err) {
    tally_checkpoint last = {.size = 0};
    bool fits;
    if (feed->size < row->proof.common) return 0;
    int rc = agrees(txn, feed, row, &fits, err);
    if (rc != 0) return rc;
    uint64_t size = row->proof.common;
    if (!fits) {
        rc = feed_signed_until(txn, feed->number, size, &last, err);
        if (rc != 0 && rc != TALLY_ENOTFOUND) return rc;
        size = last.size;
    }
    rc = feed->size > size ? branch_cut_main(txn, feed, size, err) : 0;
    return rc == 0 && fits ? mark_end(txn, feed, row, err) : rc;
}

static int find_feed(tally_txn *txn, const tally_device_id *device, tally_feed *out,
                     tally_error *err) {
    uint32_t number;
    int rc = tally_feed_find(txn, device, &number);
    return rc != 0 ? rc : feed_now(txn, number, out, err);
}

static int keep_proof(tally_txn *txn, const tally_fork *fork, tally_error *err) {
    fork_row row = {.standing = FORK_FROZEN, .size = fork->common, .root = fork->base};
    tally_feed feed;
    row.proof = *fork;
    txn->forks_changed = true;
    if (memcmp(fork->device.b, txn->ledger->device.b, sizeof fork->device.b) == 0)
        txn->own_frozen = true;
    int rc = fork_keep(txn, &row, err);
    if (rc == 0) rc = find_feed(txn, &fork->device, &feed, err);
    if (rc == 0) rc = end_feed(txn, &feed, &row, err);
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

/* Its first record is the team's id: no history of it begins otherwise. */
static bool begins_team(const tally_txn *txn, const tally_fork *fork) {
    return fork->common > 1 ||
           (fork->common == 1 && tally_hash_eq(&fork->base, &txn->ledger->team));
}

static int check_put(tally_txn *txn, const tally_fork *fork, tally_error *err) {
    tally_team_device device;
    fork_row held;
    char hex[17];
    short_name(&fork->device, hex);
    if (txn->open_records > 0)
        return tally_fail(err, TALLY_EINVAL, "a fork cannot be noted while records are appended");
    int rc = tally_team_device_get(txn, &fork->device, &device);
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, TALLY_EREFUSED,
                          "a fork of feed %s: nobody entitled has added this device", hex);
    if (rc != 0) return view_team_fail(rc, err);
    if (device.creator && !begins_team(txn, fork))
        return tally_fail(err, TALLY_EFORMAT,
                          "a fork of feed %s: the first record of the team's creator is the team's "
                          "own id, and there is no other",
                          hex);
    if ((rc = tally_fork_check(&txn->ledger->team, fork, err)) != 0) return rc;
    rc = fork_load(txn, &fork->device, &held, err);
    if (rc != 0) return rc == TALLY_ENOTFOUND ? 0 : rc;
    if (held.proof.common <= fork->common)
        return tally_fail(err, TALLY_EEXIST, "the fork of feed %s is known", hex);
    return 0;
}

int tally_fork_put(tally_txn *txn, const tally_fork *fork, tally_error *err) {
    int rc = check_put(txn, fork, err);
    if (rc == 0) rc = keep_proof(txn, fork, err);
    return rc != 0 ? rc : fork_settle(txn, err);
}

/* ---- forks that this store can prove itself ---- */

/* Both sides are here: a branch, and the main feed, which differs from it before `common`. */
static int prove(tally_txn *txn, const tally_feed *feed, const branch *b, uint64_t common,
                 tally_fork *out, tally_error *err) {
    *out = (tally_fork){.device = feed->device, .common = common};
    int rc = fork_side_make(txn, feed, b, common, &out->base, &out->branches[0], err);
    if (rc == 0) rc = fork_side_make(txn, feed, NULL, common, &out->base, &out->branches[1], err);
    if (rc != 0) return rc;
    if (memcmp(out->branches[0].next.b, out->branches[1].next.b, TALLY_HASH_BYTES) > 0) {
        tally_fork_branch kept = out->branches[0];
        out->branches[0] = out->branches[1];
        out->branches[1] = kept;
    }
    return tally_fork_check(&txn->ledger->team, out, err);
}

/* Looks for a branch that parts from the main feed before the place that is known; *again when
 * there was one. */
static int look_closer(tally_txn *txn, const tally_feed *feed, const fork_row *row, bool *again,
                       tally_error *err) {
    branch_set set;
    tally_fork fork;
    uint64_t main = feed->size < row->proof.common ? feed->size : row->proof.common;
    int rc = branch_read_all(txn, feed->number, &set, err);
    for (size_t i = 0; i < set.count && rc == 0 && !*again; i++) {
        const branch *b = &set.list[i];
        uint64_t parts, end = b->edge.size < main ? b->edge.size : main;
        if (b->from >= end) continue;
        rc = history_parts(txn, feed->number, NULL, b, b->from, end, &parts, err);
        if (rc != 0 || parts == end) continue;
        rc = prove(txn, feed, b, parts, &fork, err);
        *again = rc == 0;
        if (rc == 0) rc = keep_proof(txn, &fork, err);
        if (rc == TALLY_EINVAL) rc = 0; /* what signs the main feed past there is yet to come */
    }
    return rc;
}

/* ---- settling ---- */

static int find_kept(tally_txn *txn, const tally_feed *feed, const fork_row *row, branch *out,
                     tally_error *err) {
    branch_set set;
    const tally_checkpoint *known = NULL;
    int rc = branch_read_all(txn, feed->number, &set, err);
    for (size_t i = 0; i < 2; i++) /* the proof may hold the signature that a branch lacks */
        if (row->proof.branches[i].checkpoint.size == row->size &&
            tally_hash_eq(&row->proof.branches[i].checkpoint.root, &row->root))
            known = &row->proof.branches[i].checkpoint;
    for (size_t i = 0; i < set.count && rc == 0; i++) {
        *out = set.list[i];
        tally_range range;
        tally_hash root;
        if (out->edge.size < row->size) continue;
        if (branch_signed_at(txn, out, row->size, &row->root)) return 0;
        if (!known) continue;
        rc = history_edge(txn, feed->number, out, row->size, &range, err);
        if (rc != 0) return rc;
        tally_range_root(&range, &root);
        if (tally_hash_eq(&root, &row->root)) return branch_put_checkpoint(txn, out, known, err);
    }
    return rc != 0 ? rc : TALLY_ENOTFOUND;
}

/* Whether the history that shall be kept goes through the place where the others part. */
static int passes_base(tally_txn *txn, const tally_feed *feed, const branch *b, const fork_row *row,
                       bool *out, tally_error *err) {
    tally_range range;
    tally_hash root;
    int rc = history_edge(txn, feed->number, b, row->proof.common, &range, err);
    tally_range_root(&range, &root);
    *out = rc == 0 && tally_hash_eq(&root, &row->proof.base);
    return rc;
}

/* *again: what was adopted is to be held against the other branches, which may part from it before
 * the place that is known. */
static int go_on(tally_txn *txn, tally_feed *feed, const fork_row *row, bool *again,
                 tally_error *err) {
    branch kept;
    bool fits;
    int rc = find_kept(txn, feed, row, &kept, err);
    if (rc != 0) return rc == TALLY_ENOTFOUND ? 0 : rc;
    rc = passes_base(txn, feed, &kept, row, &fits, err);
    if (rc != 0 || !fits) return rc;
    rc = branch_adopt(txn, feed, &kept, row->size, err);
    *again = rc == 0;
    return rc == TALLY_EEXIST ? 0 : rc;
}

/* Makes the main feed end where it shall, as far as the records are here. */
static int bring(tally_txn *txn, const fork_row *row, bool *again, tally_error *err) {
    tally_feed feed;
    tally_hash root;
    int rc = find_feed(txn, &row->proof.device, &feed, err);
    if (rc == 0) rc = look_closer(txn, &feed, row, again, err);
    if (rc != 0 || *again) return rc == TALLY_ENOTFOUND ? 0 : rc;
    tally_range_root(&feed.range, &root);
    if (feed.size == row->size && tally_hash_eq(&root, &row->root))
        return mark_end(txn, &feed, row, err);
    if (feed.size > row->proof.common) rc = end_feed(txn, &feed, row, err);
    if (rc != 0 || row->size <= row->proof.common) return rc;
    return feed.size < row->size ? go_on(txn, &feed, row, again, err) : 0;
}

static int settle_one(tally_txn *txn, judge *j, const tally_device_id *device, bool *again,
                      tally_error *err) {
    fork_row row;
    verdict now;
    int rc = fork_load(txn, device, &row, err);
    if (rc == 0) rc = judge_decide(j, &row, &now, err);
    if (rc != 0) return rc;
    bool changed = now.standing != row.standing || now.size != row.size ||
                   !tally_hash_eq(&now.root, &row.root);
    row.standing = now.standing;
    row.size = now.size;
    row.root = now.root;
    rc = changed ? fork_keep(txn, &row, err) : 0;
    return rc != 0 ? rc : bring(txn, &row, again, err);
}

/* The creator's feed first: who else may settle anything follows from it. */
static int settle_all(tally_txn *txn, bool *again, tally_error *err) {
    tally_device_id creator;
    judge *j;
    int rc = judge_new(txn, &j, err);
    bool special = rc == 0 && judge_creator_forked(j, &creator);
    if (special) {
        rc = settle_one(txn, j, &creator, again, err);
        if (rc == 0) rc = judge_creator_settled(j, err);
    }
    for (size_t i = 0; rc == 0 && !*again && i < judge_count(j); i++) {
        const tally_device_id *device = &judge_at(j, i)->device;
        if (special && memcmp(device->b, creator.b, sizeof creator.b) == 0) continue;
        rc = settle_one(txn, j, device, again, err);
    }
    judge_free(j);
    return rc;
}

int fork_settle(tally_txn *txn, tally_error *err) {
    if (!txn->forks_changed || txn->open_records > 0) return 0;
    bool again = fork_any(txn);
    int rc = 0;
    for (unsigned round = 0; rc == 0 && again; round++) {
        again = false;
        rc = settle_all(txn, &again, err);
        if (rc == 0 && again && round == SETTLE_ROUNDS_MAX)
            return tally_fail(err, TALLY_ELIMIT, "a device has forked its feed beyond reason");
    }
    txn->forks_changed = false;
    return rc;
}

/* ---- an admin's word, and a frozen device's ---- */

typedef struct naming {
    tally_txn *txn;
    uint64_t size;
    const tally_hash *root;
    bool found;
} naming;

static int note_branch(void *ctx, const tally_branch *told, tally_error *err) {
    naming *n = ctx;
    branch b = {.number = told->number};
    int rc = tally_feed_find(n->txn, &told->device, &b.feed);
    if (rc != 0) return tally_fail(err, rc, "a branch belongs to no feed; run 'tally fsck'");
    if (branch_signed_at(n->txn, &b, n->size, n->root)) n->found = true;
    return 0;
}

static int check_choice(tally_txn *txn, const fork_row *row, uint64_t size, const tally_hash *root,
                        tally_error *err) {
    const tally_fork *proof = &row->proof;
    naming n = {txn, size, root, size == proof->common && tally_hash_eq(root, &proof->base)};
    for (size_t i = 0; i < 2; i++)
        if (proof->branches[i].checkpoint.size == size &&
            tally_hash_eq(&proof->branches[i].checkpoint.root, root))
            n.found = true;
    int rc = n.found || size <= proof->common
                 ? 0
                 : tally_branch_each(txn, &proof->device, note_branch, &n, err);
    if (rc != 0 || n.found) return rc;
    return tally_fail(err, TALLY_EINVAL,
                      "no branch of this fork has a checkpoint at size %" PRIu64
                      " with that root; 'tally team forks' lists them",
                      size);
}

static int check_settler(tally_txn *txn, tally_error *err) {
    tally_device_id creator;
    judge *j;
    int rc = judge_new(txn, &j, err);
    if (rc == 0 && judge_creator_forked(j, &creator)) rc = judge_creator_settled(j, err);
    bool may = rc == 0 && judge_entitled(j, &txn->ledger->device);
    judge_free(j);
    if (rc != 0 || may) return rc;
    return tally_fail(
        err, TALLY_EREFUSED,
        fork_may_say(txn)
            ? "cannot settle a fork: this device is forked itself, and no other admin "
              "is left; add a new device here with 'tally team invite --role admin', "
              "and join it to the team with another --ledger: that settles it"
            : "cannot settle a fork: this device is no admin of the team, or forked "
              "itself; ask an admin");
}

int tally_fork_resolve(tally_txn *txn, const tally_device_id *device, uint64_t size,
                       const tally_hash *root, tally_error *err) {
    fork_row row;
    tally_writer *writer;
    char hex[17];
    short_name(device, hex);
    int rc = fork_load(txn, device, &row, err);
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, rc,
                          "device %s has signed one history only: nothing is to be settled", hex);
    if (rc == 0) rc = check_settler(txn, err);
    if (rc == 0) rc = check_choice(txn, &row, size, root, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    tally_writer_begin(writer);
    tally_put_bin(writer, "device", tally_span_of(device->b, sizeof device->b));
    tally_put_u64(writer, "size", size);
    tally_put_bin(writer, "root", tally_span_of(root->b, TALLY_HASH_BYTES));
    rc = tally_append(txn, "feed.resolve", writer, NULL, err);
    tally_writer_free(writer);
    return rc;
}

int fork_refuse_append(tally_txn *txn, tally_error *err) {
    fork_row row;
    int rc = fork_load(txn, &txn->ledger->device, &row, err);
    if (rc != 0) return tally_fail(err, TALLY_ECORRUPT, "a fork is damaged; run 'tally fsck'");
    if (row.standing == FORK_OPEN || row.standing == FORK_CLOSED)
        return tally_fail(err, TALLY_EREFUSED,
                          "two copies of this ledger have signed different records after the first "
                          "%" PRIu64 "; this device appends no more: add a new one here with "
                          "'tally team invite --role admin', and join it to the team with another "
                          "--ledger",
                          row.proof.common);
    return tally_fail(err, TALLY_EREFUSED,
                      "two copies of this ledger have signed different records after the first "
                      "%" PRIu64 "; this device appends no more: ask an admin for an invite, and "
                      "join again under a new key with another --ledger (tally help team join)",
                      row.proof.common);
}
