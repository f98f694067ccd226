/* Verification of forks: the proofs, where forked feeds end, and the branches set aside. */
#include "verify.h"

#include <inttypes.h>

typedef struct audit {
    tally_txn *txn;
    tally_check *check;
    bool deep;
    uint64_t branches, records, checkpoints; /* of feeds that are forked */
    char device[17];
    char origin[TALLY_ORIGIN_MAX_BYTES];
    const tally_device_id *id;
} audit;

/* A record of a branch, hashed into its tree; false when the branch cannot be followed further. */
static int check_record(audit *a, const branch *b, uint64_t index, tally_range *range,
                        tally_hlc *last, tally_error *err) {
    tally_span bytes;
    tally_record record;
    tally_hash leaf;
    int rc = history_record(a->txn, b->feed, b, index, &bytes, err);
    if (rc != 0) return rc;
    if (tally_record_parse(bytes, &record, err) != 0) return TALLY_ECORRUPT;
    if (index > 0 && record.hlc <= *last)
        return tally_fail(err, TALLY_ECORRUPT, "its clock goes back");
    *last = record.hlc;
    tally_leaf_hash(bytes, &leaf);
    if (!branch_names(a->txn, b, index, &leaf))
        return tally_fail(err, TALLY_ECORRUPT, "its bytes are not what was recorded");
    tally_range_append(range, &leaf, NULL, NULL);
    a->check->records++;
    a->records++;
    return 0;
}

static void check_checkpoint(audit *a, const branch *b, const tally_checkpoint *cp,
                             const tally_range *range) {
    tally_hash root;
    tally_range_root(range, &root);
    a->check->checkpoints++;
    a->checkpoints++;
    if (!tally_hash_eq(&root, &cp->root))
        verify_find(a->check,
                    "feed %s branch %" PRIu32 " checkpoint at size %" PRIu64
                    ": its root does not follow from its records",
                    a->device, b->number, cp->size);
    if (tally_checkpoint_verify(a->id, a->origin, cp) != 0)
        verify_find(a->check,
                    "feed %s branch %" PRIu32 " checkpoint at size %" PRIu64
                    ": its signature is not valid",
                    a->device, b->number, cp->size);
}

static void check_branch(audit *a, const branch *b) {
    tally_range range;
    tally_hlc last = 0;
    tally_checkpoint cp = {.size = 0};
    tally_error why;
    int rc = history_edge(a->txn, b->feed, NULL, b->from, &range, &why);
    if (rc == 0) rc = history_clock(a->txn, b->feed, NULL, b->from, &last, &why);
    int next = branch_checkpoint_from(a->txn, b, 0, &cp, NULL);
    for (uint64_t i = b->from; rc == 0 && i < b->edge.size; i++) {
        if ((rc = check_record(a, b, i, &range, &last, &why)) != 0) {
            verify_find(a->check, "feed %s branch %" PRIu32 " record %" PRIu64 ": %s", a->device,
                        b->number, i, why.text);
            return;
        }
        if (next != 0 || cp.size != i + 1) continue;
        check_checkpoint(a, b, &cp, &range);
        next = branch_checkpoint_from(a->txn, b, i + 2, &cp, NULL);
    }
    if (rc != 0)
        verify_find(a->check, "feed %s branch %" PRIu32 ": %s", a->device, b->number, why.text);
    else if (range.count != b->edge.count || range.size != b->edge.size ||
             memcmp(range.nodes, b->edge.nodes, range.count * sizeof *range.nodes) != 0 ||
             last != b->last_hlc)
        verify_find(a->check,
                    "feed %s branch %" PRIu32 ": its end does not follow from its records",
                    a->device, b->number);
    else if (branch_checkpoint_from(a->txn, b, b->edge.size, &cp, NULL) != 0 ||
             cp.size != b->edge.size)
        verify_find(a->check, "feed %s branch %" PRIu32 ": no checkpoint signs its end", a->device,
                    b->number);
}

static void check_branches(audit *a, const tally_feed *feed) {
    branch_set set;
    tally_error why;
    if (branch_read_all(a->txn, feed->number, &set, &why) != 0) {
        verify_find(a->check, "feed %s: %s", a->device, why.text);
        return;
    }
    a->branches += set.count;
    for (size_t i = 0; a->deep && i < set.count && !a->check->stopped; i++)
        check_branch(a, &set.list[i]);
}

/* The feed ends no later than it shall, and at `common` it is what the proof says. */
static void check_end(audit *a, const fork_row *row, const tally_feed *feed) {
    tally_hash root;
    const tally_fork *proof = &row->proof;
    if (feed->size > row->size)
        verify_find(a->check,
                    "feed %s: it is forked and ends after %" PRIu64 " records, and %" PRIu64
                    " are counted",
                    a->device, row->size, feed->size);
    if (feed->size <= proof->common) return;
    int rc = tally_feed_root(a->txn, feed->number, proof->common, &root, NULL);
    if (rc == 0 && /* a feed that does not read is found elsewhere */
        !tally_hash_eq(&root, &proof->base))
        verify_find(a->check, "feed %s: its first %" PRIu64 " records are not those of its fork",
                    a->device, proof->common);
}

static int check_fork(void *ctx, const fork_row *row, tally_error *err) {
    audit *a = ctx;
    tally_error why;
    tally_feed feed;
    uint32_t number;
    (void)err;
    a->id = &row->proof.device;
    tally_hex(tally_span_of(a->id->b, 8), a->device);
    tally_origin_format(&a->txn->ledger->team, a->id, a->origin);
    if (tally_fork_check(&a->txn->ledger->team, &row->proof, &why) != 0)
        verify_find(a->check, "the proof that feed %s is forked: %s", a->device, why.text);
    if (tally_feed_find(a->txn, a->id, &number) != 0 || feed_load(a->txn, number, &feed, &why) != 0)
        return 0;
    check_end(a, row, &feed);
    check_branches(a, &feed);
    return 0;
}

/* Whether the feed shall end where its row says. */
static int check_verdict(audit *a, judge *j, const tally_device_id *device, tally_error *err) {
    fork_row row;
    verdict now;
    char hex[17];
    int rc = fork_load(a->txn, device, &row, err);
    if (rc == 0) rc = judge_decide(j, &row, &now, err);
    if (rc != 0 || (now.standing == row.standing && now.size == row.size &&
                    tally_hash_eq(&now.root, &row.root)))
        return rc;
    tally_hex(tally_span_of(device->b, 8), hex);
    verify_find(a->check,
                "feed %s: it is forked and shall end after %" PRIu64
                " records, and what is noted is another end; run 'tally rebuild'",
                hex, now.size);
    return 0;
}

static int check_verdicts(audit *a, tally_error *err) {
    tally_device_id creator;
    judge *j;
    int rc = judge_new(a->txn, &j, err);
    bool special = rc == 0 && judge_creator_forked(j, &creator);
    if (special) {
        rc = check_verdict(a, j, &creator, err);
        if (rc == 0) rc = judge_creator_settled(j, err);
    }
    for (size_t i = 0; rc == 0 && i < judge_count(j); i++) {
        const tally_device_id *device = &judge_at(j, i)->device;
        if (special && memcmp(device->b, creator.b, sizeof creator.b) == 0) continue;
        rc = check_verdict(a, j, device, err);
    }
    judge_free(j);
    return rc;
}

static void check_count(audit *a, store_table table, uint64_t seen) {
    MDB_stat stat;
    if (mdb_stat(a->txn->txn, a->txn->ledger->tables[table], &stat) != 0 || stat.ms_entries == seen)
        return;
    verify_find(a->check, "%s: %zu rows are stored and %" PRIu64 " belong to forks",
                store_table_name(table), (size_t)stat.ms_entries, seen);
}

void verify_forks(tally_txn *txn, bool deep, tally_check *check) {
    audit a = {.txn = txn, .check = check, .deep = deep};
    tally_error why;
    int rc = fork_each_row(txn, check_fork, &a, &why);
    if (rc == 0 && deep && !check->stopped && fork_any(txn)) rc = check_verdicts(&a, &why);
    if (rc != 0) verify_find(check, "%s", why.text);
    if (rc != 0 || check->stopped) return;
    check_count(&a, TABLE_BRANCHES, a.branches);
    if (!deep) return;
    check_count(&a, TABLE_BRANCH_RECORDS, a.records);
    check_count(&a, TABLE_BRANCH_CHECKPOINTS, a.checkpoints);
}
