/* Forks and segments: a segment that contradicts what is stored proves the fork by itself, and the
 * proof goes on to others in segments. */
#include "segment_fixture.h"

#include <tally/fork.h>

/* The creator, one more device, and a third that runs twice with one key. */
typedef struct team {
    fixture a, b, c1, c2;
    tally_device_id twin;
} team;

static int team_setup(void **state) {
    team *t = calloc(1, sizeof *t);
    assert_non_null(t);
    fixture_open(&t->a);
    team_join(&t->b, &t->a, 2);
    team_join(&t->c1, &t->a, 3);
    team_join(&t->c2, &t->a, 3);
    t->twin = *tally_key_device(t->c1.key);
    fixture_admit(&t->a, t->b.key, TALLY_ROLE_MEMBER, "bob", "desk");
    fixture_admit(&t->a, t->c1.key, TALLY_ROLE_MEMBER, "cy", "tower");
    team_pass_all(&t->a, &t->b, tally_key_device(t->a.key));
    team_pass_all(&t->a, &t->c1, tally_key_device(t->a.key));
    team_pass_all(&t->a, &t->c2, tally_key_device(t->a.key));
    *state = t;
    return 0;
}

static int team_teardown(void **state) {
    team *t = *state;
    fixture_close(&t->c2);
    fixture_close(&t->c1);
    fixture_close(&t->b);
    fixture_close(&t->a);
    free(t);
    return 0;
}

/* `same` records that both twins hold, then `one` of the first and `two` of the second alone. */
static void part(team *t, uint32_t same, uint32_t one, uint32_t two) {
    if (same > 0) {
        fixture_append_costs(&t->c1, 0, same);
        team_pass_all(&t->c1, &t->c2, &t->twin);
    }
    if (one > 0) fixture_append_costs(&t->c1, 1000, one);
    if (two > 0) fixture_append_costs(&t->c2, 2000, two);
}

static uint64_t fork_common(fixture *f, const tally_device_id *device) {
    static tally_fork_state fork;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_fork_get(txn, device, &fork, &f->err);
    if (rc == 0) OK(tally_fork_check(tally_ledger_team(f->ledger), &fork.proof, &f->err));
    tally_read_end(txn);
    return rc == 0 ? fork.proof.common : UINT64_MAX;
}

static void give_all(fixture *from, fixture *to, taking *t) {
    file all = segment_all(from);
    segment_give(to, from, &all, t);
    free(all.b);
}

static void a_segment_that_contradicts_what_is_stored_proves_the_fork(void **state) {
    static const struct {
        uint32_t same, one, two;
    } cases[] = {{5, 3, 2}, {5, 2, 3}, {5, 3, 3}, {0, 1, 2}, {300, 20, 700}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *fresh;
        taking k;
        (void)team_setup(&fresh);
        team *t = fresh;
        part(t, cases[i].same, cases[i].one, cases[i].two);
        give_all(&t->c1, &t->a, &k);
        assert_int_equal(team_stored(&t->a, &t->twin), cases[i].same + cases[i].one);
        give_all(&t->c2, &t->a, &k);
        assert_int_equal(k.read.forked, 1);
        assert_int_equal(k.read.skipped, 1);
        assert_int_equal(k.read.records, 0);
        assert_int_equal(fork_common(&t->a, &t->twin), cases[i].same);
        assert_int_equal(team_stored(&t->a, &t->twin), cases[i].same);
        fixture_verify_clean(&t->a);
        (void)team_teardown(&fresh);
    }
}

static void a_device_learns_of_its_own_twin(void **state) {
    team *t = *state;
    taking k;
    part(t, 4, 2, 2);
    give_all(&t->c1, &t->c2, &k);
    assert_int_equal(k.read.forked, 1);
    assert_int_equal(fork_common(&t->c2, &t->twin), 4);
}

static void a_proof_goes_on_in_segments(void **state) {
    team *t = *state;
    taking k;
    tally_hash x, y;
    part(t, 5, 3, 2);
    give_all(&t->c1, &t->b, &k); /* b has seen one side only */
    give_all(&t->c1, &t->a, &k);
    give_all(&t->c2, &t->a, &k);
    give_all(&t->a, &t->b, &k);
    assert_int_equal(k.read.forked, 1);
    assert_true(k.read.forks != 0);
    assert_int_equal(fork_common(&t->b, &t->twin), 5);
    x = fixture_digest(&t->a);
    y = fixture_digest(&t->b);
    assert_memory_equal(&x, &y, sizeof x);
    give_all(&t->a, &t->b, &k); /* known */
    assert_int_equal(k.read.forked, 0);
    fixture_verify_clean(&t->b);
}

/* The twins' first five records are the same bytes, but nobody here has a signature on just these:
 * the proof vouches for them. */
static void a_frozen_feed_goes_on_up_to_where_its_histories_part(void **state) {
    team *t = *state;
    fixture *f = &t->a;
    tally_segment_write written;
    taking k;
    file out = {0};
    fixture_append_costs(&t->c1, 0, 8);
    fixture_append_costs(&t->c2, 0, 5);
    fixture_append_costs(&t->c2, 100, 3);
    give_all(&t->c1, f, &k);
    give_all(&t->c2, f, &k);
    assert_int_equal(fork_common(f, &t->twin), 5);
    assert_int_equal(team_stored(f, &t->twin), 5);
    OK(segment_write(f, NULL, 0, &written, &out));
    assert_int_equal(written.records, FIXTURE_FIRST + 4 + 5);
    assert_int_equal(written.span_count, 2);
    segment_give(&t->b, f, &out, &k);
    assert_int_equal(k.read.forked, 1);
    assert_int_equal(k.read.skipped, 0);
    assert_int_equal(fork_common(&t->b, &t->twin), 5);
    assert_int_equal(team_stored(&t->b, &t->twin), 5);
    fixture_verify_clean(&t->b);
    free(out.b);
    give_all(&t->c2, f, &k);
    fixture_verify_clean(f);
}

static void forks_alone_are_worth_a_segment(void **state) {
    team *t = *state;
    fixture *f = &t->a;
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_segment_write written;
    tally_txn *txn;
    size_t count;
    taking k;
    file out = {0};
    part(t, 5, 3, 2);
    give_all(&t->c1, f, &k);
    give_all(&t->c2, f, &k);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_frontier(txn, heads, &count, &f->err));
    tally_read_end(txn);
    OK(segment_write(f, heads, count, &written, &out));
    assert_int_equal(written.records, 0);
    assert_int_equal(written.span_count, 0);
    segment_give(&t->b, f, &out, &k);
    assert_int_equal(k.read.forked, 1);
    free(out.b);
}

static void a_reader_with_another_history_gets_the_whole_feed(void **state) {
    team *t = *state;
    fixture *f = &t->c2;
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_segment_write written;
    tally_txn *txn;
    size_t count;
    taking k;
    file out = {0};
    part(t, 5, 3, 9);
    give_all(&t->c1, &t->b, &k);
    OK(tally_read_begin(t->b.ledger, &txn, &f->err));
    OK(tally_frontier(txn, heads, &count, &f->err));
    tally_read_end(txn);
    OK(segment_write(f, heads, count, &written, &out)); /* b's root at 8 is not c2's */
    assert_int_equal(written.records, 14);
    segment_give(&t->b, &t->c2, &out, &k);
    assert_int_equal(k.read.forked, 1);
    assert_int_equal(fork_common(&t->b, &t->twin), 5);
    free(out.b);
}

#define TEAM(test) cmocka_unit_test_setup_teardown(test, team_setup, team_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_that_contradicts_what_is_stored_proves_the_fork),
        TEAM(a_device_learns_of_its_own_twin),
        TEAM(a_proof_goes_on_in_segments),
        TEAM(a_frozen_feed_goes_on_up_to_where_its_histories_part),
        TEAM(forks_alone_are_worth_a_segment),
        TEAM(a_reader_with_another_history_gets_the_whole_feed)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tally_wire_packer_free(segment_packer());
    return failed;
}
