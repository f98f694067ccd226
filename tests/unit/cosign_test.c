/* Cosignatures in one ledger: who makes them of what, which are kept, and what they prove. How they
 * travel is in cosign_travel_test.c. */
#include "cosign_fixture.h"

#include <tally/policy.h>

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
    assert_same_cosignatures(&t->a, &t->c);
    assert_int_equal(cosignatures(&t->a, &t->b).count, 1);
    assert_true(cosignatures(&t->a, &t->b).list[0].time_s == early.time_s);
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

static int set_quorum(void *ctx, tally_txn *txn, tally_error *err) {
    fixture *f = ctx;
    tally_writer_begin(f->writer);
    tally_put_u64(f->writer, "quorum", 2);
    tally_put_u64(f->writer, "backdate_limit", 24);
    return tally_policy_set(txn, TALLY_POLICY_AUDIT, f->writer, err);
}

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

static int empty_table(void *ctx, tally_txn *txn, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    (void)ctx;
    assert_int_equal(store_cursor(txn, TABLE_COSIGNATURES, &cursor, err), 0);
    while (mdb_cursor_get(cursor, &k, &v, MDB_FIRST) == 0)
        assert_int_equal(mdb_cursor_del(cursor, 0), 0);
    mdb_cursor_close(cursor);
    return 0;
}

static void a_cosignature_that_came_and_is_gone_is_a_finding(void **state) {
    trio *t = *state;
    fixture *f = &t->a;
    tally_check before = {.found = NULL}, after = {.found = NULL};
    fixture_append_costs(&t->b, 0, 3);
    copy_all(&t->b, f);
    tally_cosignature c = forged(f, &t->b, &t->c, 1788866405);
    assert_int_equal(take(f, &c), 0);
    OK(tally_verify(f->ledger, false, &before, &f->err));
    assert_int_equal(before.findings, 0);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, empty_table, NULL, &f->err));
    OK(tally_verify(f->ledger, false, &after, &f->err));
    assert_int_equal(after.findings, 1);
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

/* As if so many had come already. The row is of an older store: 8 bytes stand behind the key. */
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

int main(void) {
#define TRIO(test) cmocka_unit_test_setup_teardown(test, trio_setup, trio_teardown)
    const struct CMUnitTest tests[] = {
        TRIO(a_head_is_cosigned_once_an_hour_and_when_asked),
        TRIO(who_comes_second_has_no_need_to_cosign),
        TRIO(a_forked_feed_and_what_follows_a_revocation_are_not_cosigned),
        TRIO(a_cosignature_with_any_changed_part_is_refused),
        TRIO(the_earlier_of_two_by_one_witness_is_kept_whichever_came_first),
        TRIO(a_checkpoint_that_the_records_contradict_is_evidence_only),
        TRIO(a_record_is_as_old_as_its_earliest_quorum),
        TRIO(records_that_nobody_saw_or_saw_late_are_counted),
        TRIO(a_cosignature_of_another_history_is_a_finding),
        TRIO(a_cosignature_that_came_and_is_gone_is_a_finding),
        TRIO(an_auditor_cosigns_and_appends_nothing),
        TRIO(who_owns_the_feed_or_has_another_role_does_not_witness_it),
        TRIO(one_member_leaves_room_for_the_cosignatures_of_others),
        TRIO(who_signs_with_a_time_before_the_record_has_not_witnessed_it),
        TRIO(a_witness_years_ahead_keeps_nobody_from_cosigning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
