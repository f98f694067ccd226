/* Forks: what proves one, what it freezes, and how it is settled. Honest forks: a ledger is copied
 * and both copies go on. */
#include "fork_fixture.h"

static fixture *f;               /* ada, who made the team */
static fixture bob, twin, carol; /* bob's ledger, a copy of it, and an admin */

static const tally_device_id *everybody[3];

static void meet(fixture *a, fixture *b) {
    fork_meet(a, b, everybody, 3);
}

/* Bob has `common` records, and then his copies go on each their own way. */
static void fork_bob(uint32_t common, uint32_t more, uint32_t twins) {
    if (common > 0) fixture_append_costs(&bob, 0, common);
    fork_copy(&bob, &twin, 2);
    fixture_append_costs(&bob, 1000, more);
    fixture_append_costs(&twin, 2000, twins);
}

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    twin = (fixture){0};
    team_join(&bob, f, 2);
    team_join(&carol, f, 3);
    fixture_admit(f, bob.key, TALLY_ROLE_MEMBER, "bob", "desk");
    fixture_admit(f, carol.key, TALLY_ROLE_ADMIN, "carol", "tower");
    everybody[0] = fixture_id(f);
    everybody[1] = fixture_id(&bob);
    everybody[2] = fixture_id(&carol);
    meet(f, &bob);
    meet(f, &carol);
    return rc;
}

static int teardown(void **state) {
    if (twin.key) fixture_close(&twin);
    fixture_close(&bob);
    fixture_close(&carol);
    return fixture_teardown(state);
}

static uint64_t bobs_at(fixture *who) {
    return team_stored(who, fixture_id(&bob));
}

static void assert_same_views(fixture *a, fixture *b) {
    tally_hash x = fixture_digest(a), y = fixture_digest(b);
    assert_true(tally_hash_eq(&x, &y));
}

static const tally_hash *team_id(void) {
    return tally_ledger_team(f->ledger);
}

/* ---- proofs ---- */

static void a_fork_at_any_size_is_proven_and_every_changed_byte_of_it_is_not(void **state) {
    (void)state;
    static const uint32_t commons[] = {0, 1, 2, 3, 6, 7};
    static const uint32_t longer[] = {1, 2, 5};
    for (size_t i = 0; i < sizeof commons / sizeof *commons; i++) {
        tally_fork fork;
        uint32_t had = (uint32_t)bobs_at(&bob);
        assert_true(had <= commons[i]);
        if (had < commons[i]) fixture_append_costs(&bob, had, commons[i] - had);
        for (size_t j = 0; j < 3; j++) {
            fixture one, two;
            fork_copy(&bob, &one, 2);
            fork_copy(&bob, &two, 2);
            fixture_append_costs(&one, 1000, 1);
            fixture_append_costs(&two, 2000, longer[j]);
            fork_prove(&one, &two, fixture_id(&bob), commons[i], &fork);
            OK(tally_fork_check(team_id(), &fork, &f->err));
            assert_int_equal(fork.branches[0].to_common.count > 0 ||
                                 fork.branches[1].to_common.count > 0,
                             commons[i] > 0);
            fixture_close(&one);
            fixture_close(&two);
        }
        uint8_t *bytes[] = {fork.device.b,
                            fork.base.b,
                            fork.branches[0].next.b,
                            fork.branches[1].next.b,
                            fork.branches[0].checkpoint.root.b,
                            fork.branches[1].checkpoint.signature,
                            fork.branches[1].to_next.hashes[0].b};
        for (size_t k = 0; k < sizeof bytes / sizeof *bytes; k++) {
            if (k == 6 && fork.branches[1].to_next.count == 0) continue;
            *bytes[k] ^= 1;
            assert_int_equal(tally_fork_check(team_id(), &fork, &f->err), TALLY_EFORMAT);
            *bytes[k] ^= 1;
        }
        fork.common++;
        assert_int_equal(tally_fork_check(team_id(), &fork, &f->err), TALLY_EFORMAT);
        fork.common--;
        fork.branches[0].to_next.count = TALLY_PROOF_MAX_HASHES + 1;
        assert_int_equal(tally_fork_check(team_id(), &fork, &f->err), TALLY_EFORMAT);
    }
}

static void the_same_branch_twice_and_branches_out_of_order_prove_nothing(void **state) {
    (void)state;
    tally_fork fork, turned;
    fork_bob(2, 1, 2);
    fork_prove(&bob, &twin, fixture_id(&bob), 2, &fork);
    OK(tally_fork_check(team_id(), &fork, &f->err));
    turned = fork;
    turned.branches[0] = fork.branches[1];
    turned.branches[1] = fork.branches[0];
    assert_int_equal(tally_fork_check(team_id(), &turned, &f->err), TALLY_EFORMAT);
    turned.branches[1] = turned.branches[0];
    assert_int_equal(tally_fork_check(team_id(), &turned, &f->err), TALLY_EFORMAT);
    assert_int_equal(fork_give(f, &turned), TALLY_EFORMAT);
    tally_fork_state none;
    assert_false(fork_known(f, fixture_id(&bob), &none));
}

static void a_feed_with_no_more_than_common_is_no_branch(void **state) {
    (void)state;
    tally_txn *txn;
    tally_hash base;
    tally_fork_branch side;
    fixture_append_costs(&bob, 0, 3);
    OK(tally_read_begin(bob.ledger, &txn, &f->err));
    assert_int_equal(tally_fork_branch_make(txn, 0, 3, &base, &side, &f->err), TALLY_EINVAL);
    OK(tally_fork_branch_make(txn, 0, 2, &base, &side, &f->err));
    tally_read_end(txn);
}

/* A device that forged its own first record has not forked the team: its id says which it was. */
static void the_creators_first_record_cannot_be_forked(void **state) {
    (void)state;
    fixture other;
    tally_fork fork;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    fork_make_again(f, &other);
    fixture_append_costs(&other, 0, 1);
    fork_prove(f, &other, fixture_id(f), 0, &fork);
    tally_origin_format(team_id(), fixture_id(f), origin);
    for (size_t i = 0; i < 2; i++)
        tally_checkpoint_sign(f->key, origin, &fork.branches[i].checkpoint);
    OK(tally_fork_check(team_id(), &fork, &f->err));
    assert_int_equal(fork_give(&carol, &fork), TALLY_EFORMAT);
    fixture_close(&other);
}

/* Two histories that go on from a first record that is not this team's; from the second record on
 * they differ, because what is sealed there is. */
static void a_fork_of_what_was_never_this_team_is_no_fork_of_it(void **state) {
    (void)state;
    fixture other, another;
    tally_fork fork;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    fork_make_again(f, &other);
    fork_make_again(f, &another);
    assert_int_equal(fork_place(&other, &another, fixture_id(f)), 1);
    fork_prove(&other, &another, fixture_id(f), 1, &fork);
    tally_origin_format(team_id(), fixture_id(f), origin);
    for (size_t i = 0; i < 2; i++)
        tally_checkpoint_sign(f->key, origin, &fork.branches[i].checkpoint);
    OK(tally_fork_check(team_id(), &fork, &f->err));
    uint64_t before = team_stored(&carol, fixture_id(f));
    assert_int_equal(fork_give(&carol, &fork), TALLY_EFORMAT);
    assert_int_equal(team_stored(&carol, fixture_id(f)), before);
    fixture_verify_clean(&carol);
    fixture_close(&another);
    fixture_close(&other);
}

/* ---- freezing ---- */

static void a_forked_feed_is_frozen_at_the_last_common_size(void **state) {
    (void)state;
    tally_fork fork;
    tally_fork_state known;
    tally_hash base;
    fork_bob(3, 4, 2);
    meet(f, &bob);
    fork_root(f, fixture_id(&bob), 3, &base);
    assert_int_equal(bobs_at(f), 7);
    fork_prove(f, &twin, fixture_id(&bob), 3, &fork);
    OK(fork_give(f, &fork));
    assert_int_equal(bobs_at(f), 3);
    assert_true(fork_known(f, fixture_id(&bob), &known));
    assert_false(known.resolved);
    assert_int_equal(known.size, 3);
    assert_int_equal(known.held, 3);
    assert_int_equal(known.proof.common, 3);
    assert_true(tally_hash_eq(&known.root, &base));
    assert_int_equal(fork_give(f, &fork), TALLY_EEXIST);
    fixture_verify_clean(f);
}

static int note_cost(void *ctx, const tally_cost *cost) {
    (void)cost;
    ++*(size_t *)ctx;
    return 0;
}

static size_t costs_counted(fixture *who) {
    tally_txn *txn;
    size_t count = 0;
    OK(tally_read_begin(who->ledger, &txn, &f->err));
    OK(tally_cost_each(txn, 0, INT64_MAX, note_cost, &count));
    tally_read_end(txn);
    return count;
}

static void what_a_fork_cuts_off_counts_nowhere_and_is_kept_as_a_branch(void **state) {
    (void)state;
    tally_txn *txn;
    fork_bob(3, 300, 2);
    fixture_append_costs(&bob, 1300, 300); /* past two cached subtrees */
    meet(f, &bob);
    assert_int_equal(costs_counted(f), 603);
    meet(f, &twin);
    assert_int_equal(costs_counted(f), 3);
    assert_int_equal(branch_count(f, fixture_id(&bob)), 1);
    assert_int_equal(branch_count(&twin, fixture_id(&bob)), 1);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    tally_branch told = {.device = *fixture_id(&bob)};
    tally_span bytes;
    tally_record record;
    OK(tally_branch_record_get(txn, &told, 3, &bytes, &f->err));
    OK(tally_record_parse(bytes, &record, &f->err));
    tally_span key;
    assert_true(tally_body_str(&record, "key", &key));
    assert_true(tally_span_is(key, "k1000"));
    OK(tally_branch_record_get(txn, &told, 602, &bytes, &f->err));
    assert_int_equal(tally_branch_record_get(txn, &told, 603, &bytes, &f->err), TALLY_ENOTFOUND);
    tally_read_end(txn);
    assert_same_views(f, &twin);
    fixture_verify_clean(f);
    fixture_verify_clean(&twin);
    OK(tally_rebuild(f->ledger, FIXTURE_NOW_MS, &f->err));
    assert_same_views(f, &twin);
}

static void a_feed_that_is_shorter_is_frozen_and_still_filled_up_to_common(void **state) {
    (void)state;
    static commit c;
    tally_fork fork;
    fork_bob(3, 2, 2);
    fork_prove(&bob, &twin, fixture_id(&bob), 3, &fork);
    OK(fork_give(f, &fork));
    assert_int_equal(bobs_at(f), 0);
    assert_true(commit_read(&bob, fixture_id(&bob), 3, &c)); /* of a node that does not know */
    assert_int_equal(commit_give(f, &c), TALLY_EREFUSED);
    assert_non_null(strstr(f->err.text, "it ends after 3 records until an admin settles it"));
    assert_true(commit_read(&bob, fixture_id(&bob), 0, &c));
    OK(commit_give(f, &c));
    assert_int_equal(commit_give(f, &c), TALLY_EEXIST);
    assert_int_equal(bobs_at(f), 3);
    assert_true(commit_read(&bob, fixture_id(&bob), 3, &c));
    assert_int_equal(commit_give(f, &c), TALLY_EREFUSED);
    fixture_verify_clean(f);
}

static void a_fork_of_a_stranger_is_refused(void **state) {
    (void)state;
    fixture eve, two;
    tally_fork fork;
    team_join(&eve, f, 9);
    fork_copy(&eve, &two, 9);
    fixture_append_costs(&eve, 0, 1);
    fixture_append_costs(&two, 1, 1);
    fork_prove(&eve, &two, fixture_id(&eve), 0, &fork);
    OK(tally_fork_check(team_id(), &fork, &f->err));
    assert_int_equal(fork_give(f, &fork), TALLY_EREFUSED);
    fixture_close(&eve);
    fixture_close(&two);
}

/* The frozen end lies inside a commit here: nobody ever signed it, and the proof vouches for it. */
static void the_end_that_nobody_signed_travels_with_the_proof(void **state) {
    (void)state;
    static commit c;
    fixture dave;
    tally_fork fork;
    fixture_append_costs(&bob, 0, 2);
    fixture_append_costs(&bob, 2, 5);
    team_join(&dave, f, 5);
    fork_copy(&bob, &twin, 2);
    fixture_append_costs(&bob, 1000, 3);
    fixture_append_costs(&twin, 2000, 1);
    /* ada gets both commits as one, as sync sends them */
    assert_true(commit_read(&bob, fixture_id(&bob), 0, &c));
    static commit later, last;
    assert_true(commit_read(&bob, fixture_id(&bob), 2, &later));
    assert_true(commit_read(&bob, fixture_id(&bob), 7, &last));
    for (size_t i = 0; i < later.count; i++)
        commit_take(&c, 0, later.records[i], NULL);
    for (size_t i = 0; i < last.count; i++)
        commit_take(&c, 0, last.records[i], NULL);
    c.cp = last.cp;
    OK(commit_give(f, &c));
    fork_prove(f, &twin, fixture_id(&bob), 7, &fork);
    OK(fork_give(f, &fork));
    assert_int_equal(bobs_at(f), 7);
    fixture_verify_clean(f);
    team_pass_all(f, &dave, fixture_id(f));
    assert_true(commit_read(f, fixture_id(&bob), 0, &c));
    assert_int_equal(c.cp.size, 7);
    assert_int_equal(commit_give(&dave, &c), TALLY_EREFUSED);
    assert_non_null(strstr(dave.err.text, "by the proof of a fork that is not here"));
    OK(fork_give(&dave, &fork));
    c.cp.root.b[0] ^= 1;
    assert_int_equal(commit_give(&dave, &c), TALLY_EREFUSED);
    c.cp.root.b[0] ^= 1;
    OK(commit_give(&dave, &c));
    assert_int_equal(bobs_at(&dave), 7);
    fixture_verify_clean(&dave);
    /* and from such an end a third history is proven all the same, at every size */
    for (uint64_t common = 0; common < 7; common++) {
        tally_fork_branch side;
        tally_hash base;
        fork_side(&dave, fixture_id(&bob), common, &base, &side);
        OK(tally_fork_branch_check(team_id(), fixture_id(&bob), common, &base, &side, &f->err));
    }
    fixture_close(&dave);
}

static void an_earlier_fork_of_the_same_feed_takes_the_place_of_a_later_one(void **state) {
    (void)state;
    fixture third;
    tally_fork early, late;
    tally_fork_state known;
    fixture_append_costs(&bob, 0, 2);
    fork_copy(&bob, &third, 2);
    fixture_append_costs(&third, 3000, 2);
    fixture_append_costs(&bob, 2, 3);
    fork_copy(&bob, &twin, 2);
    fixture_append_costs(&bob, 1000, 3);
    fixture_append_costs(&twin, 2000, 4);
    meet(f, &bob);
    fork_prove(&bob, &twin, fixture_id(&bob), 5, &late);
    fork_prove(&bob, &third, fixture_id(&bob), 2, &early);
    OK(fork_give(f, &late));
    assert_int_equal(bobs_at(f), 5);
    OK(fork_give(f, &early));
    assert_int_equal(bobs_at(f), 2);
    assert_int_equal(fork_give(f, &late), TALLY_EEXIST);
    assert_int_equal(branch_count(f, fixture_id(&bob)), 1); /* the cut branch, now from 2 on */
    OK(fork_give(&carol, &early));
    assert_int_equal(fork_give(&carol, &late), TALLY_EEXIST);
    assert_true(fork_known(&carol, fixture_id(&bob), &known));
    assert_int_equal(known.proof.common, 2);
    fixture_verify_clean(f);
    fixture_close(&third);
}

/* Ada holds a third history, which contradicts the proof that others made. */
static void a_third_history_is_cut_and_parts_where_it_does(void **state) {
    (void)state;
    fixture third;
    tally_fork late;
    tally_fork_state known;
    fixture_append_costs(&bob, 0, 2);
    fork_copy(&bob, &third, 2);
    fixture_append_costs(&third, 3000, 6);
    fixture_append_costs(&bob, 2, 3);
    fork_copy(&bob, &twin, 2);
    fixture_append_costs(&bob, 1000, 3);
    fixture_append_costs(&twin, 2000, 4);
    team_pass_all(&third, f, fixture_id(&bob)); /* commit by commit */
    assert_int_equal(bobs_at(f), 8);
    fork_prove(&bob, &twin, fixture_id(&bob), 5, &late);
    OK(fork_give(f, &late));
    assert_int_equal(bobs_at(f), 2); /* its last head before 5: the histories part past it */
    fixture_verify_clean(f);
    meet(&carol, &bob);
    OK(fork_give(&carol, &late));
    assert_int_equal(bobs_at(&carol), 5);
    /* filled up from carol, the branch that was set aside shows where it parts */
    feed_pass(&carol, f, fixture_id(&bob));
    assert_true(fork_known(f, fixture_id(&bob), &known));
    assert_int_equal(known.proof.common, 2);
    OK(tally_fork_check(team_id(), &known.proof, &f->err));
    meet(f, &carol);
    assert_int_equal(bobs_at(f), 2);
    assert_int_equal(bobs_at(&carol), 2);
    assert_same_views(f, &carol);
    fixture_verify_clean(f);
    fixture_verify_clean(&carol);
    fixture_close(&third);
}

static void forks_are_listed_in_order_and_their_digest_is_equal_where_they_are(void **state) {
    (void)state;
    tally_txn *txn;
    uint64_t none, one, other;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_fork_digest(txn, &none, &f->err));
    tally_read_end(txn);
    assert_true(none == 0);
    fork_bob(1, 1, 1);
    meet(&bob, &twin);
    meet(f, &bob);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_fork_digest(txn, &one, &f->err));
    tally_read_end(txn);
    OK(tally_read_begin(twin.ledger, &txn, &f->err));
    OK(tally_fork_digest(txn, &other, &f->err));
    tally_read_end(txn);
    /* SHA-256(device || common), by another way than the code under test */
    uint8_t bytes[TALLY_PUBLIC_KEY_BYTES + 8] = {0};
    tally_hash hash;
    memcpy(bytes, fixture_id(&bob)->b, TALLY_PUBLIC_KEY_BYTES);
    bytes[sizeof bytes - 1] = 1;
    tally_sha256(tally_span_of(bytes, sizeof bytes), &hash);
    assert_true(one == tally_get_be64(hash.b));
    assert_true(other == one);
}

static void a_frozen_device_appends_no_more_and_is_told_how_to_go_on(void **state) {
    (void)state;
    fork_bob(2, 1, 1);
    meet(&bob, &twin);
    many_records many = {.writer = bob.writer, .first = 9, .count = 1};
    assert_int_equal(tally_ledger_write(bob.ledger, FIXTURE_NOW_MS, append_many, &many, &bob.err),
                     TALLY_EREFUSED);
    assert_non_null(strstr(bob.err.text, "ask an admin for an invite"));
    assert_int_equal(fixture_size(&bob), 2);
    assert_int_equal(fixture_size(&twin), 2);
    assert_int_equal(branch_count(&bob, fixture_id(&bob)), 1);
    fixture_verify_clean(&bob);
}

/* ---- checking ---- */

typedef struct damage {
    store_table table;
    uint32_t row, at;
    bool hit;
} damage;

/* Flips one bit of the value of a row, counted from the first. */
static int flip(void *ctx, tally_txn *txn, tally_error *err) {
    static uint8_t copy[FIXTURE_ROW_BYTES];
    damage *d = ctx;
    MDB_cursor *cursor;
    MDB_val k, v;
    int rc = store_cursor(txn, d->table, &cursor, err), mdb = 0;
    if (rc != 0) return rc;
    for (uint32_t i = 0; i <= d->row && mdb == 0; i++)
        mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    d->hit = mdb == 0 && d->at / 8 < v.mv_size && v.mv_size <= sizeof copy;
    if (d->hit) {
        memcpy(copy, v.mv_data, v.mv_size);
        copy[d->at / 8] ^= (uint8_t)(1u << d->at % 8);
        v.mv_data = copy;
        assert_int_equal(mdb_cursor_put(cursor, &k, &v, MDB_CURRENT), 0);
    }
    mdb_cursor_close(cursor);
    return 0;
}

static void every_flipped_bit_of_what_is_kept_of_a_fork_is_found(void **state) {
    (void)state;
    static const store_table tables[] = {TABLE_FORKS, TABLE_BRANCHES, TABLE_BRANCH_RECORDS,
                                         TABLE_BRANCH_CHECKPOINTS};
    fork_bob(3, 2, 2);
    meet(f, &bob);
    meet(f, &twin);
    fixture_verify_clean(f);
    unsigned flips = 0;
    for (size_t t = 0; t < 4; t++)
        for (uint32_t at = t == 1 ? 8 : 0;; at += 37) { /* a branch's first byte says how it came */
            damage d = {.table = tables[t], .row = at % 2, .at = at};
            OK(store_write(f->ledger, 0, flip, &d, &f->err));
            if (!d.hit) d.row = 0, store_write(f->ledger, 0, flip, &d, &f->err);
            if (!d.hit) break;
            tally_check check = {0};
            OK(tally_verify(f->ledger, true, &check, &f->err));
            if (check.findings == 0)
                fail_msg("%s: bit %u of row %u is not missed", store_table_name(tables[t]), at,
                         d.row);
            OK(store_write(f->ledger, 0, flip, &d, &f->err));
            flips++;
        }
    assert_true(flips > 100);
    fixture_verify_clean(f);
}

int main(void) {
#define TEAM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEAM(a_fork_at_any_size_is_proven_and_every_changed_byte_of_it_is_not),
        TEAM(the_same_branch_twice_and_branches_out_of_order_prove_nothing),
        TEAM(a_feed_with_no_more_than_common_is_no_branch),
        TEAM(the_creators_first_record_cannot_be_forked),
        TEAM(a_fork_of_what_was_never_this_team_is_no_fork_of_it),
        TEAM(a_forked_feed_is_frozen_at_the_last_common_size),
        TEAM(what_a_fork_cuts_off_counts_nowhere_and_is_kept_as_a_branch),
        TEAM(a_feed_that_is_shorter_is_frozen_and_still_filled_up_to_common),
        TEAM(a_fork_of_a_stranger_is_refused),
        TEAM(the_end_that_nobody_signed_travels_with_the_proof),
        TEAM(an_earlier_fork_of_the_same_feed_takes_the_place_of_a_later_one),
        TEAM(a_third_history_is_cut_and_parts_where_it_does),
        TEAM(forks_are_listed_in_order_and_their_digest_is_equal_where_they_are),
        TEAM(a_frozen_device_appends_no_more_and_is_told_how_to_go_on),
        TEAM(every_flipped_bit_of_what_is_kept_of_a_fork_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
