/* Cosignatures: their text, who makes them of what, what is kept, how they travel between sessions
 * and in segments, and what they prove. */
#include "session_pair.h"

#include <tally/cosign.h>
#include <tally/fork.h>
#include <tally/policy.h>

#define HOUR_MS INT64_C(3600000)

/* ---- helpers ---- */

typedef struct asking {
    bool asked;
    uint64_t made;
} asking;

static int cosign_in(void *ctx, tally_txn *txn, tally_error *err) {
    asking *a = ctx;
    return tally_cosign(txn, a->asked, &a->made, err);
}

static uint64_t cosign_at(fixture *f, int64_t now_ms, bool asked) {
    asking a = {.asked = asked};
    OK(tally_ledger_write(f->ledger, now_ms, cosign_in, &a, &f->err));
    return a.made;
}

typedef struct found {
    size_t count;
    tally_cosignature list[64];
} found;

static int find_one(void *ctx, const tally_cosignature *c, tally_error *err) {
    found *all = ctx;
    (void)err;
    assert_true(all->count < 64);
    all->list[all->count++] = *c;
    return 0;
}

static found cosignatures(fixture *f, const fixture *of) {
    found all = {.count = 0};
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_cosignature_each(txn, tally_key_device(of->key), 1, find_one, &all, &f->err));
    tally_read_end(txn);
    return all;
}

static uint64_t digest_of(fixture *f) {
    uint64_t came, digest;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_cosignature_state(txn, &came, &digest, &f->err));
    tally_read_end(txn);
    return digest;
}

typedef struct taking {
    const tally_cosignature *what;
    int rc;
} taking;

static int take_in(void *ctx, tally_txn *txn, tally_error *err) {
    taking *t = ctx;
    t->rc = tally_cosignature_take(txn, t->what, err);
    return 0;
}

/* What taking it gave. */
static int take(fixture *f, tally_cosignature *c) {
    taking t = {.what = c};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, take_in, &t, &f->err));
    return t.rc;
}

static tally_witnessed seen(fixture *f, const fixture *of, uint64_t index) {
    tally_witnessed out;
    tally_txn *txn;
    uint32_t feed;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_find(txn, tally_key_device(of->key), &feed));
    OK(tally_witness_of(txn, feed, index, &out, &f->err));
    tally_read_end(txn);
    return out;
}

static tally_witness_counts counted(fixture *f, int64_t now_ms) {
    tally_witness_counts out;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_witness_count(txn, now_ms, &out, &f->err));
    tally_read_end(txn);
    return out;
}

static tally_cosignature forged(fixture *f, fixture *author, const fixture *witness,
                                int64_t time_s) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_cosignature c = {.device = *tally_key_device(author->key), .time_s = time_s};
    tally_txn *txn;
    OK(tally_read_begin(author->ledger, &txn, &author->err));
    uint64_t size = fixture_size(author);
    OK(tally_checkpoint_get(txn, 0, size - 1, &c.checkpoint, &author->err));
    tally_read_end(txn);
    tally_origin_format(tally_ledger_team(f->ledger), &c.device, origin);
    tally_cosignature_sign(witness->key, origin, &c);
    return c;
}

static int set_quorum(void *ctx, tally_txn *txn, tally_error *err) {
    fixture *f = ctx;
    tally_writer_begin(f->writer);
    tally_put_u64(f->writer, "quorum", 2);
    tally_put_u64(f->writer, "backdate_limit", 24);
    return tally_policy_set(txn, TALLY_POLICY_AUDIT, f->writer, err);
}

static void meet(trio *t, fixture *a, fixture *b) {
    end *e = net_connect(&t->n, a, b);
    net_wait(&t->n, 1000);
    assert_alive(e);
    assert_alive(e->other);
    assert_true(tally_session_in_sync(e->session));
    assert_true(tally_session_in_sync(e->other->session));
    net_close(&t->n);
}

/* ---- making ---- */

static void a_head_is_cosigned_once_an_hour_and_when_asked(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->b, 0, 3);
    copy_all(&t->b, &t->a);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS, false), 1); /* c has no record */
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS, true), 0);  /* nothing is new */
    found all = cosignatures(&t->a, &t->b);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.list[0].checkpoint.size, 3);
    assert_true(all.list[0].time_s == FIXTURE_NOW_MS / 1000);
    fixture_append_costs(&t->b, 10, 2);
    copy_all(&t->b, &t->a);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS + HOUR_MS - 6000, false), 0);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS + 60000, true), 1);
    fixture_append_costs(&t->b, 20, 2);
    copy_all(&t->b, &t->a);
    /* A clock that was set back signs nothing, even when asked. */
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS, true), 0);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS + HOUR_MS + 60000, false), 1);
    assert_int_equal(cosignatures(&t->a, &t->b).count, 3);
}

static void who_comes_second_has_no_need_to_cosign(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->b, 0, 3);
    copy_all(&t->b, &t->a);
    copy_all(&t->b, &t->c);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS, false), 1);
    tally_cosignature c = cosignatures(&t->a, &t->b).list[0];
    assert_int_equal(take(&t->c, &c), 0);
    found before = cosignatures(&t->c, &t->a);
    assert_int_equal(before.count, 0);
    assert_int_equal(cosign_at(&t->c, FIXTURE_NOW_MS, false), 1); /* of a's feed, not of b's */
    assert_int_equal(cosignatures(&t->c, &t->b).count, 1);
    assert_int_equal(cosign_at(&t->c, FIXTURE_NOW_MS, true), 1);
    assert_int_equal(cosignatures(&t->c, &t->b).count, 2);
}

static int revoke_c(void *ctx, tally_txn *txn, tally_error *err) {
    static const uint8_t secret[TALLY_TEAM_SECRET_BYTES] = {7};
    return tally_team_device_revoke(txn, ctx, secret, err);
}

static void a_forked_feed_and_what_follows_a_revocation_are_not_cosigned(void **state) {
    trio *t = *state;
    fixture *f = &t->a, twin;
    tally_device_id c = *tally_key_device(t->c.key);
    fixture_append_costs(&t->b, 0, 3);
    copy_ledger(&t->b, &twin, 2);
    fixture_append_costs(&t->b, 10, 1);
    fixture_append_costs(&twin, 20, 1);
    meet(t, &t->a, &t->b);
    copy_all(&t->b, &t->c);
    meet(t, &t->a, &twin);
    meet(t, &t->a, &t->c);                                 /* that learns of the fork */
    assert_int_equal(cosignatures(&t->a, &t->b).count, 1); /* of before the twin came */
    (void)cosign_at(&t->c, FIXTURE_NOW_MS + HOUR_MS, true);
    assert_int_equal(cosignatures(&t->c, &t->b).count, 1); /* a's */
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS + 2 * HOUR_MS, true), 0);
    fixture_append_costs(&t->c, 30, 2);
    copy_all(&t->c, &t->a);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, revoke_c, &c, &f->err));
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS + 2 * HOUR_MS, true), 1);
    fixture_append_costs(&t->c, 40, 2);
    copy_all(&t->c, &t->a);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS + 4 * HOUR_MS, true), 0);
    team_pass_all(&t->a, &t->c, tally_key_device(t->a.key)); /* it learns that it was revoked */
    assert_int_equal(cosign_at(&t->c, FIXTURE_NOW_MS + 4 * HOUR_MS, true), 0);
    fixture_close(&twin);
}

/* ---- keeping ---- */

static void a_cosignature_with_any_changed_part_is_refused(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->b, 0, 3);
    copy_all(&t->b, &t->a);
    tally_cosignature good = forged(&t->a, &t->b, &t->c, 1767225600), bad;
    bad = good;
    bad.time_s++;
    assert_int_equal(take(&t->a, &bad), TALLY_EFORMAT);
    bad = good;
    bad.signature[0] ^= 1;
    assert_int_equal(take(&t->a, &bad), TALLY_EFORMAT);
    bad = good;
    bad.checkpoint.root.b[31] ^= 1;
    assert_int_equal(take(&t->a, &bad), TALLY_EFORMAT);
    bad = good;
    bad.checkpoint.signature[63] ^= 1;
    assert_int_equal(take(&t->a, &bad), TALLY_EFORMAT);
    bad = good;
    bad.checkpoint.size++;
    assert_int_equal(take(&t->a, &bad), TALLY_EFORMAT);
    bad = good;
    bad.witness = *tally_key_device(t->a.key);
    assert_int_equal(take(&t->a, &bad), TALLY_EFORMAT);
    bad.witness.b[0] ^= 1;
    assert_int_equal(take(&t->a, &bad), TALLY_EREFUSED);
    bad = forged(&t->a, &t->b, &t->b, 1767225600);
    assert_int_equal(take(&t->a, &bad), TALLY_EFORMAT);
    assert_int_equal(cosignatures(&t->a, &t->b).count, 0);
    assert_int_equal(take(&t->a, &good), 0);
    assert_int_equal(take(&t->a, &good), TALLY_EEXIST);
}

static void the_earlier_of_two_by_one_witness_is_kept_whichever_came_first(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->b, 0, 3);
    copy_all(&t->b, &t->a);
    copy_all(&t->b, &t->c);
    tally_cosignature early = forged(&t->a, &t->b, &t->c, 1767225600),
                      late = forged(&t->a, &t->b, &t->c, 1767225601);
    assert_int_equal(take(&t->a, &late), 0);
    assert_int_equal(take(&t->a, &early), 0);
    assert_int_equal(take(&t->c, &early), 0);
    assert_int_equal(take(&t->c, &late), TALLY_EEXIST);
    assert_true(digest_of(&t->a) == digest_of(&t->c));
    assert_true(digest_of(&t->a) == tally_cosignature_mark(&early));
}

/* ---- travelling ---- */

static void two_in_sync_hold_the_same_cosignatures(void **state) {
    trio *t = *state;
    fixture_append_costs(&t->b, 0, 3);
    meet(t, &t->a, &t->b); /* a cosigns b's head, and b a's */
    assert_int_equal(cosignatures(&t->a, &t->b).count, 1);
    assert_int_equal(cosignatures(&t->b, &t->b).count, 1);
    assert_int_equal(cosignatures(&t->b, &t->a).count, 1);
    assert_true(digest_of(&t->a) == digest_of(&t->b));
    meet(t, &t->b, &t->c); /* c has never met a */
    assert_int_equal(cosignatures(&t->c, &t->b).count, 1);
    assert_true(digest_of(&t->b) == digest_of(&t->c));
    assert_memory_equal(cosignatures(&t->c, &t->b).list[0].witness.b, tally_key_device(t->a.key)->b,
                        32);
}

static uint64_t sent_by(trio *t, fixture *a, fixture *b) {
    tally_session_counts counts;
    end *e = net_connect(&t->n, a, b);
    net_wait(&t->n, 1000);
    assert_alive(e);
    assert_true(tally_session_in_sync(e->session));
    tally_session_count(e->session, &counts);
    net_close(&t->n);
    return counts.bytes_out;
}

static void what_both_hold_is_not_sent_again(void **state) {
    trio *t = *state;
    int64_t time = FIXTURE_NOW_MS;
    for (uint32_t i = 0; i < 40; i++, time += 2 * HOUR_MS) {
        fixture_append_costs(&t->b, 10 * i, 1);
        copy_all(&t->b, &t->a);
        assert_int_equal(cosign_at(&t->a, time, true), 1);
    }
    t->n.now = time;
    uint64_t first = sent_by(t, &t->a, &t->b);
    assert_int_equal(cosignatures(&t->b, &t->b).count, 40);
    assert_true(first > 40 * 200);
    assert_true(sent_by(t, &t->a, &t->b) < 1000);
    /* One that only the other lacks costs a summary and a few of its neighbours. */
    tally_cosignature c = forged(&t->a, &t->b, &t->c, 1767225600);
    assert_int_equal(take(&t->a, &c), 0);
    assert_true(sent_by(t, &t->a, &t->b) < 3000);
    assert_int_equal(cosignatures(&t->b, &t->b).count, 41);
    assert_true(digest_of(&t->a) == digest_of(&t->b));
}

/* Commits travel joined: the checkpoint that was cosigned may be passed over. */
static void the_checkpoint_comes_with_its_cosignature(void **state) {
    trio *t = *state;
    tally_checkpoint cp;
    tally_txn *txn;
    uint32_t feed;
    fixture_append_costs(&t->b, 0, 3);
    copy_all(&t->b, &t->a);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS, false), 1);
    fixture_append_costs(&t->b, 10, 4);
    meet(t, &t->b, &t->c);
    meet(t, &t->a, &t->c);
    fixture *f = &t->c;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_find(txn, tally_key_device(t->b.key), &feed));
    OK(tally_checkpoint_get(txn, feed, 2, &cp, &f->err));
    tally_read_end(txn);
    assert_int_equal(cp.size, 3);
    tally_check check = {.found = NULL};
    OK(tally_verify(f->ledger, true, &check, &f->err));
    assert_int_equal(check.findings, 0);
}

/* Who signs another root in the middle of what it sent must not get it among the checkpoints. */
static void a_checkpoint_that_the_records_contradict_is_evidence_only(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_checkpoint cp;
    tally_txn *txn;
    uint32_t feed;
    fixture_append_costs(&t->b, 0, 3);
    copy_all(&t->b, &t->a);
    tally_cosignature other = forged(f, &t->b, &t->c, FIXTURE_NOW_MS / 1000);
    tally_origin_format(tally_ledger_team(f->ledger), &other.device, origin);
    other.checkpoint = (tally_checkpoint){.size = 2, .root = {.b = {1}}};
    tally_checkpoint_sign(t->b.key, origin, &other.checkpoint);
    tally_cosignature_sign(t->c.key, origin, &other);
    assert_int_equal(take(f, &other), 0);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_find(txn, &other.device, &feed));
    OK(tally_checkpoint_get(txn, feed, 1, &cp, &f->err));
    tally_read_end(txn);
    assert_int_equal(cp.size, 3);
    assert_int_equal(seen(f, &t->b, 0).members, 0);
}

/* ---- proving ---- */

static void a_record_is_as_old_as_its_earliest_quorum(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    fixture_append_costs(&t->b, 0, 2);
    copy_all(&t->b, &t->a);
    tally_cosignature first = forged(f, &t->b, &t->c, 1788866405); /* an hour after NOW */
    assert_int_equal(take(f, &first), 0);
    fixture_append_costs(&t->b, 10, 2);
    copy_all(&t->b, &t->a);
    tally_cosignature second = forged(f, &t->b, &t->a, 1788870005);
    assert_int_equal(take(f, &second), 0);
    assert_true(seen(f, &t->b, 0).quorum && seen(f, &t->b, 0).time_s == 1788866405);
    assert_true(seen(f, &t->b, 1).time_s == 1788866405);
    assert_true(seen(f, &t->b, 2).time_s == 1788870005);
    assert_int_equal(seen(f, &t->b, 0).members, 2);
    assert_int_equal(seen(f, &t->b, 2).members, 1);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, set_quorum, f, &f->err));
    assert_true(seen(f, &t->b, 0).time_s == 1788870005); /* when two had seen it */
    assert_false(seen(f, &t->b, 2).quorum);
}

static void records_that_nobody_saw_or_saw_late_are_counted(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    int64_t day = 24 * HOUR_MS;
    uint64_t own = fixture_size(f);
    fixture_append_costs(&t->b, 0, 2);
    copy_all(&t->b, &t->a);
    tally_cosignature c =
        forged(f, &t->b, &t->c, (FIXTURE_NOW_MS + 3 * day) / 1000 + 1); /* 72 h and a second */
    assert_int_equal(take(f, &c), 0);
    fixture_append_costs(&t->b, 10, 1);
    copy_all(&t->b, &t->a);
    tally_witness_counts counts = counted(f, FIXTURE_NOW_MS + day);
    assert_int_equal(counts.witnesses, 2);
    assert_int_equal(counts.records, own + 3);
    assert_int_equal(counts.never, own + 1);
    assert_int_equal(counts.overdue, 0);
    assert_int_equal(counts.late, 2);
    assert_int_equal(counted(f, FIXTURE_NOW_MS + 3 * day + 60000).overdue, own + 1);
}

/* b's backup is restored and its last commit signed anew with other amounts. c knows the new
 * history only. That a saw the old one is proven when the two meet, and says when. */
static void a_rewritten_history_is_caught_by_a_teammates_cosignature(void **state) {
    trio *t = *state;
    fixture *f = &t->c, rewritten;
    tally_fork_state fork;
    tally_checkpoint head;
    tally_txn *txn;
    fixture_append_costs(&t->b, 0, 3);
    copy_ledger(&t->b, &rewritten, 2);
    fixture_append_costs(&t->b, 10, 2);
    meet(t, &t->a, &t->b);
    found old = cosignatures(&t->a, &t->b);
    assert_int_equal(old.count, 1);
    assert_int_equal(old.list[0].checkpoint.size, 5);
    t->n.now += 48 * HOUR_MS;
    fixture_append_costs(&rewritten, 70, 2); /* the same places, other amounts */
    meet(t, &rewritten, &t->c);
    assert_int_equal(team_stored(&t->c, tally_key_device(t->b.key)), 5);
    found fresh = cosignatures(&t->c, &t->b);
    assert_int_equal(fresh.count, 1); /* c's own, of the new history */
    assert_true(fresh.list[0].time_s >= old.list[0].time_s + 48 * 3600);
    meet(t, &t->a, &t->c);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_fork_get(txn, tally_key_device(t->b.key), &fork, &f->err));
    assert_int_equal(fork.proof.common, 3);
    found both = {.count = 0};
    OK(tally_cosignature_each(txn, tally_key_device(t->b.key), 4, find_one, &both, &f->err));
    assert_int_equal(both.count, 2);
    for (size_t i = 0; i < 2; i++) {
        bool of_a = memcmp(both.list[i].witness.b, tally_key_device(t->a.key)->b, 32) == 0;
        OK(tally_cosignature_history(txn, &both.list[i], &head, &f->err));
        assert_int_equal(head.size, 5);
        assert_true(tally_hash_eq(&head.root, &(of_a ? old : fresh).list[0].checkpoint.root));
    }
    tally_read_end(txn);
    assert_true(digest_of(&t->a) == digest_of(&t->c));
    fixture_close(&rewritten);
}

/* A cosignature alone, without the history that it is of, contradicts the one that is here. */
static void a_cosignature_of_another_history_is_a_finding(void **state) {
    trio *t = *state;
    fixture *f = &t->c, rewritten;
    fixture_append_costs(&t->b, 0, 3);
    copy_ledger(&t->b, &rewritten, 2);
    fixture_append_costs(&t->b, 10, 2);
    fixture_append_costs(&rewritten, 70, 2);
    copy_all(&rewritten, &t->c);
    tally_cosignature c = forged(f, &t->b, &t->a, 1788866405);
    tally_check before = {.found = NULL}, after = {.found = NULL};
    OK(tally_verify(f->ledger, false, &before, &f->err));
    assert_int_equal(before.findings, 0);
    assert_int_equal(take(f, &c), 0);
    OK(tally_verify(f->ledger, false, &after, &f->err));
    assert_int_equal(after.findings, 1);
    assert_false(seen(f, &t->b, 4).quorum); /* and proves nothing of it */
    fixture_close(&rewritten);
}

static void an_auditor_cosigns_and_appends_nothing(void **state) {
    trio *t = *state;
    fixture eve, *f = &eve;
    team_join(&eve, &t->a, 9);
    fixture_admit(&t->a, eve.key, TALLY_ROLE_AUDITOR, "eve", "office");
    copy_all(&t->a, &eve);
    uint64_t size = fixture_size(&eve);
    assert_int_equal(cosign_at(&eve, FIXTURE_NOW_MS, false), 1);
    assert_int_equal(tally_ledger_write(eve.ledger, FIXTURE_NOW_MS, set_quorum, &eve, &f->err),
                     TALLY_EREFUSED);
    assert_non_null(strstr(f->err.text, "auditor"));
    assert_int_equal(fixture_size(&eve), size);
    meet(t, &eve, &t->a);
    assert_true(seen(&t->a, &t->a, 0).quorum);
    fixture_close(&eve);
}

/* ---- members who lie, or whose clocks do ---- */

static int set_witnesses(void *ctx, tally_txn *txn, tally_error *err) {
    fixture *f = ctx;
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "witnesses", text("auditor"));
    return tally_policy_set(txn, TALLY_POLICY_AUDIT, f->writer, err);
}

static void who_owns_the_feed_or_has_another_role_does_not_witness_it(void **state) {
    trio *t = *state;
    fixture *f = &t->a, own, eve;
    int64_t now_s = FIXTURE_NOW_MS / 1000;
    team_join(&own, f, 9);
    team_join(&eve, f, 10);
    fixture_admit(f, own.key, TALLY_ROLE_MEMBER, "bob", "second");
    fixture_admit(f, eve.key, TALLY_ROLE_AUDITOR, "eve", "office");
    fixture_append_costs(&t->b, 0, 2);
    copy_all(&t->b, f);
    tally_cosignature by_bob = forged(f, &t->b, &own, now_s),
                      by_cy = forged(f, &t->b, &t->c, now_s),
                      by_eve = forged(f, &t->b, &eve, now_s + 1);
    assert_int_equal(take(f, &by_bob), 0);
    assert_int_equal(seen(f, &t->b, 0).members, 0);
    assert_int_equal(take(f, &by_cy), 0);
    assert_int_equal(take(f, &by_eve), 0);
    assert_int_equal(seen(f, &t->b, 0).members, 2);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, set_witnesses, f, &f->err));
    assert_int_equal(seen(f, &t->b, 0).members, 1);
    assert_true(seen(f, &t->b, 0).time_s == now_s + 1);
    fixture_close(&own);
    fixture_close(&eve);
}

/* As if so many had come already; the row's content is the newest one's key and the digest. */
static int fill_log(void *ctx, tally_txn *txn, tally_error *err) {
    uint8_t number[8], row[32 + 8 + 32 + 8 + 8] = {0};
    tally_put_be64(number, *(const uint64_t *)ctx);
    return store_put(txn, TABLE_LOCAL_COSIGNED, tally_span_of(number, sizeof number),
                     tally_span_of(row, sizeof row), 0, err);
}

static void one_member_leaves_room_for_the_cosignatures_of_others(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    uint64_t came = TALLY_COSIGN_MAX_HELD - 3;
    fixture_append_costs(&t->b, 0, 2);
    copy_all(&t->b, &t->a);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, fill_log, &came, &f->err));
    tally_cosignature flood[3], honest = forged(&t->a, &t->b, &t->a, FIXTURE_NOW_MS / 1000);
    for (int i = 0; i < 3; i++) /* each earlier, so that it takes the place of the one before */
        flood[i] = forged(&t->a, &t->b, &t->c, FIXTURE_NOW_MS / 1000 + 100 - i);
    assert_int_equal(take(&t->a, &flood[0]), 0); /* of three */
    assert_int_equal(take(&t->a, &flood[1]), 0); /* of two */
    assert_int_equal(take(&t->a, &flood[2]), TALLY_EREFUSED);
    assert_int_equal(take(&t->a, &honest), 0);
    assert_int_equal(take(&t->a, &flood[2]), TALLY_EREFUSED);
    assert_int_equal(cosignatures(&t->a, &t->b).count, 2);
}

static void who_signs_with_a_time_before_the_record_has_not_witnessed_it(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    int64_t now_s = FIXTURE_NOW_MS / 1000, two_days = 172800;
    fixture_append_costs(&t->b, 0, 2);
    copy_all(&t->b, &t->a);
    uint64_t never = counted(f, FIXTURE_NOW_MS).never;
    tally_cosignature reset = forged(f, &t->b, &t->c, 0), /* a clock that began anew in 1970 */
        lying = forged(f, &t->b, &t->c, now_s - two_days - 60),
                      fast = forged(f, &t->b, &t->a, now_s - two_days + 60);
    assert_int_equal(take(f, &lying), 0); /* evidence all the same */
    assert_int_equal(take(f, &reset), 0);
    assert_int_equal(cosignatures(f, &t->b).count, 1);
    assert_int_equal(seen(f, &t->b, 0).members, 0);
    assert_int_equal(counted(f, FIXTURE_NOW_MS).never, never);
    assert_int_equal(cosign_at(f, FIXTURE_NOW_MS, false), 1); /* and it keeps nobody from it */
    assert_true(seen(f, &t->b, 1).time_s == now_s);
    assert_int_equal(counted(f, FIXTURE_NOW_MS).never, never - 2);
    assert_int_equal(take(f, &fast), 0);
    assert_true(seen(f, &t->b, 1).time_s == fast.time_s);
}

static void a_witness_years_ahead_keeps_nobody_from_cosigning(void **state) {
    trio *t = *state;
    int64_t now_s = FIXTURE_NOW_MS / 1000;
    fixture_append_costs(&t->b, 0, 2);
    copy_all(&t->b, &t->a);
    tally_cosignature ahead = forged(&t->a, &t->b, &t->c, INT64_MAX);
    assert_int_equal(take(&t->a, &ahead), 0);
    assert_int_equal(cosign_at(&t->a, FIXTURE_NOW_MS, false), 1);
    assert_true(seen(&t->a, &t->b, 1).time_s == now_s);
    assert_int_equal(counted(&t->a, FIXTURE_NOW_MS).late, 0);
}

/* The largest size there is, of a feed whose owner signs what it likes. */
static void sizes_up_to_the_largest_travel_and_settle(void **state) {
    trio *t = *state;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    uint64_t sizes[] = {INT64_MAX, INT64_MAX - 1, UINT64_C(1) << 62};
    tally_origin_format(tally_ledger_team(t->a.ledger), tally_key_device(t->b.key), origin);
    for (size_t i = 0; i < 3; i++) {
        tally_cosignature c = {.device = *tally_key_device(t->b.key),
                               .checkpoint = {.size = sizes[i], .root = {.b = {1}}},
                               .time_s = INT64_MAX};
        tally_checkpoint_sign(t->b.key, origin, &c.checkpoint);
        tally_cosignature_sign(t->c.key, origin, &c);
        assert_int_equal(take(&t->a, &c), 0);
    }
    meet(t, &t->a, &t->b);
    assert_int_equal(cosignatures(&t->b, &t->b).count, cosignatures(&t->a, &t->b).count);
    assert_true(digest_of(&t->a) == digest_of(&t->b));
    assert_int_equal(counted(&t->a, FIXTURE_NOW_MS).late, 0);
}

/* Of 65 numbers of 64 bits some are the XOR of others: which, by Gaussian elimination. */
static uint64_t cancelling(const uint64_t marks[65], bool out[65]) {
    uint64_t rows[64], parts[64],
        all = 0; /* by highest bit; of which of the first 64 each is made */
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < 65; i++) {
        uint64_t row = marks[i], part = i < 64 ? UINT64_C(1) << i : 0;
        for (int bit = 63; bit >= 0 && row != 0; bit--) {
            if ((row >> bit & 1) == 0) continue;
            if (rows[bit] == 0) {
                rows[bit] = row;
                parts[bit] = part;
                break;
            }
            row ^= rows[bit];
            part ^= parts[bit];
        }
        if (row != 0) continue;
        for (size_t j = 0; j < 65; j++)
            if ((out[j] = j == i || (j < 64 && (part >> j & 1) != 0))) all ^= marks[j];
        return all;
    }
    return 1;
}

static tally_cosignature of_size(const trio *t, uint64_t size) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_cosignature c = {.device = *tally_key_device(t->b.key),
                           .checkpoint = {.size = size, .root = {.b = {1}}},
                           .time_s = 1767225600};
    tally_origin_format(tally_ledger_team(t->a.ledger), &c.device, origin);
    tally_checkpoint_sign(t->b.key, origin, &c.checkpoint);
    tally_cosignature_sign(t->c.key, origin, &c);
    return c;
}

/* Who signs many can pick some whose first bytes add up to nothing, or to a teammate's. */
static void cosignatures_chosen_to_cancel_out_hide_nothing(void **state) {
    trio *t = *state;
    tally_cosignature c;
    uint64_t marks[65];
    bool chosen[65];
    size_t count = 0;
    for (size_t i = 0; i < 65; i++) {
        c = of_size(t, 1000 + i);
        marks[i] = tally_cosignature_mark(&c);
    }
    assert_int_equal(cancelling(marks, chosen), 0);
    for (size_t i = 0; i < 65; i++) {
        if (!chosen[i]) continue;
        c = of_size(t, 1000 + i);
        assert_int_equal(take(&t->a, &c), 0);
        count++;
    }
    assert_true(count > 1);
    meet(t, &t->a, &t->b);
    found there = cosignatures(&t->b, &t->b);
    assert_true(there.count >= count);
    assert_int_equal(there.count, cosignatures(&t->a, &t->b).count);
}

int main(void) {
#define TRIO(test) cmocka_unit_test_setup_teardown(test, trio_setup, trio_teardown)
    const struct CMUnitTest tests[] = {
        TRIO(a_head_is_cosigned_once_an_hour_and_when_asked),
        TRIO(who_comes_second_has_no_need_to_cosign),
        TRIO(a_forked_feed_and_what_follows_a_revocation_are_not_cosigned),
        TRIO(a_cosignature_with_any_changed_part_is_refused),
        TRIO(the_earlier_of_two_by_one_witness_is_kept_whichever_came_first),
        TRIO(two_in_sync_hold_the_same_cosignatures),
        TRIO(what_both_hold_is_not_sent_again),
        TRIO(cosignatures_chosen_to_cancel_out_hide_nothing),
        TRIO(the_checkpoint_comes_with_its_cosignature),
        TRIO(a_checkpoint_that_the_records_contradict_is_evidence_only),
        TRIO(a_record_is_as_old_as_its_earliest_quorum),
        TRIO(records_that_nobody_saw_or_saw_late_are_counted),
        TRIO(a_rewritten_history_is_caught_by_a_teammates_cosignature),
        TRIO(a_cosignature_of_another_history_is_a_finding),
        TRIO(an_auditor_cosigns_and_appends_nothing),
        TRIO(who_owns_the_feed_or_has_another_role_does_not_witness_it),
        TRIO(one_member_leaves_room_for_the_cosignatures_of_others),
        TRIO(who_signs_with_a_time_before_the_record_has_not_witnessed_it),
        TRIO(a_witness_years_ahead_keeps_nobody_from_cosigning),
        TRIO(sizes_up_to_the_largest_travel_and_settle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
