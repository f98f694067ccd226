/* Settling forks: which branch a feed goes on to, on every node and in whatever order things
 * arrive. How the only admin of a team settles its own is in fork_word_test.c. */
#include "fork_fixture.h"
#include "random.h"

#define SEED   20261121u
#define WORLDS 12u

static fixture *f;               /* ada, who made the team */
static fixture bob, twin, carol; /* bob's ledger, a copy of it, and an admin */

static const tally_device_id *everybody[4];
static size_t everybodies;

static void meet(fixture *a, fixture *b) {
    fork_meet(a, b, everybody, everybodies);
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
    everybodies = 3;
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

/* Bob has `common` records, and then his copies go on each their own way. */
static void fork_bob(uint32_t common, uint32_t more, uint32_t twins) {
    if (common > 0) fixture_append_costs(&bob, 0, common);
    fork_copy(&bob, &twin, 2);
    fixture_append_costs(&bob, 1000, more);
    fixture_append_costs(&twin, 2000, twins);
}

static uint64_t bobs_at(fixture *who) {
    return team_stored(who, fixture_id(&bob));
}

static void assert_same_views(fixture *a, fixture *b) {
    tally_hash x = fixture_digest(a), y = fixture_digest(b);
    assert_true(tally_hash_eq(&x, &y));
}

static fork_choice choice_of(fixture *who, uint64_t size) {
    fork_choice choice = {.device = fixture_id(&bob), .size = size};
    fork_root(who, fixture_id(&bob), size, &choice.root);
    return choice;
}

static void assert_bobs_head(fixture *who, const fork_choice *choice) {
    tally_hash root;
    assert_int_equal(fork_root(who, fixture_id(&bob), choice->size, &root), choice->size);
    assert_true(tally_hash_eq(&root, &choice->root));
}

/* ---- an admin's word ---- */

static void a_settled_feed_goes_on_to_the_branch_that_was_set_aside(void **state) {
    (void)state;
    tally_fork_state known;
    fork_bob(3, 300, 2);
    fork_choice bobs = choice_of(&bob, 303);
    meet(f, &bob);
    tally_hash counted = fixture_digest(f);
    meet(f, &twin);
    assert_int_equal(bobs_at(f), 3);
    OK(fork_resolve(f, &bobs));
    assert_bobs_head(f, &bobs);
    assert_true(fork_known(f, fixture_id(&bob), &known));
    assert_true(known.resolved);
    assert_int_equal(known.size, 303);
    assert_int_equal(known.held, 303);
    fixture_verify_clean(f);
    /* all counts again as it did; the resolve itself is the one new fact */
    tally_txn *txn;
    tally_cost cost;
    uint64_t index;
    tally_entry_id last = entry_of("claude-code", "k1299"), lost = entry_of("claude-code", "k2000");
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_cost_get(txn, &last, &cost, &index));
    assert_int_equal(tally_cost_get(txn, &lost, &cost, &index), TALLY_ENOTFOUND);
    tally_read_end(txn);
    tally_hash now = fixture_digest(f);
    assert_false(tally_hash_eq(&counted, &now));
    meet(f, &twin);
    meet(f, &bob);
    assert_bobs_head(&twin, &bobs);
    assert_bobs_head(&bob, &bobs);
    assert_same_views(f, &twin);
    assert_same_views(f, &bob);
    fixture_verify_clean(&twin);
}

static void a_branch_that_nobody_here_holds_comes_from_a_teammate(void **state) {
    (void)state;
    fork_bob(3, 2, 5);
    fork_choice twins = choice_of(&twin, 8);
    meet(f, &bob);
    meet(f, &carol);
    meet(f, &twin);
    OK(fork_resolve(f, &twins)); /* known from the proof alone */
    assert_int_equal(bobs_at(f), 3);
    fixture_verify_clean(f);
    meet(f, &carol);
    assert_int_equal(bobs_at(&carol), 3);
    meet(f, &twin);
    assert_bobs_head(f, &twins);
    meet(f, &carol);
    assert_bobs_head(&carol, &twins);
    assert_same_views(f, &carol);
    fixture_verify_clean(f);
    fixture_verify_clean(&carol);
}

/* Commits of the kept branch come one by one, the connection breaks, and they come again. */
static void commits_of_the_kept_branch_wait_until_it_is_whole(void **state) {
    (void)state;
    static commit c;
    fork_bob(3, 2, 4);
    fixture_append_costs(&twin, 2004, 3);
    fixture_append_costs(&twin, 2007, 2);
    fork_choice twins = choice_of(&twin, 12);
    meet(f, &bob);
    static tally_fork fork;
    fork_prove(&bob, &twin, fixture_id(&bob), 3, &fork);
    OK(fork_give(f, &fork));
    OK(fork_resolve(f, &twins));
    assert_true(commit_read(&twin, fixture_id(&bob), 7, &c));
    assert_int_equal(commit_give(f, &c), TALLY_ENOTFOUND);
    for (unsigned again = 0; again < 2; again++) {
        assert_true(commit_read(&twin, fixture_id(&bob), 3, &c));
        assert_int_equal(commit_give(f, &c), again ? TALLY_EEXIST : 0);
        assert_true(commit_read(&twin, fixture_id(&bob), 7, &c));
        assert_int_equal(commit_give(f, &c), again ? TALLY_EEXIST : 0);
        assert_int_equal(bobs_at(f), 3);
        fixture_verify_clean(f);
    }
    assert_true(commit_read(&bob, fixture_id(&bob), 3, &c)); /* of the other branch: evidence */
    OK(commit_give(f, &c) == TALLY_EEXIST ? 0 : -1);
    c.records[0] = c.records[1]; /* not what was signed */
    assert_int_equal(commit_give(f, &c), TALLY_EFORMAT);
    assert_true(commit_read(&twin, fixture_id(&bob), 10, &c));
    OK(commit_give(f, &c));
    assert_bobs_head(f, &twins);
    fixture_append_costs(&twin, 3000, 1); /* the device goes on all the same: past the end */
    assert_true(commit_read(&twin, fixture_id(&bob), 12, &c));
    assert_int_equal(commit_give(f, &c), TALLY_EREFUSED);
    assert_non_null(strstr(f->err.text, "it ends after 12 records, and no more are taken"));
    fixture_verify_clean(f);
}

static void the_last_word_of_admins_holds_and_neither_branch_may_be_kept(void **state) {
    (void)state;
    fork_bob(3, 2, 5);
    fork_choice bobs = choice_of(&bob, 5), twins = choice_of(&twin, 8), none = choice_of(&bob, 3);
    meet(f, &bob);
    meet(f, &twin);
    meet(f, &carol);
    OK(fork_resolve(f, &bobs));
    meet(f, &twin);
    assert_bobs_head(&twin, &bobs);
    OK(fork_resolve(f, &twins));
    meet(f, &twin);
    assert_bobs_head(&twin, &twins);
    meet(f, &twin);
    assert_bobs_head(f, &twins);
    meet(f, &carol);
    assert_bobs_head(&carol, &twins);
    OK(fork_resolve(&carol, &none));
    assert_int_equal(bobs_at(&carol), 3);
    meet(f, &carol);
    meet(f, &twin);
    assert_bobs_head(f, &none);
    assert_same_views(f, &carol);
    assert_same_views(f, &twin);
    OK(fork_resolve(f, &bobs)); /* and back: nothing was thrown away */
    assert_bobs_head(f, &bobs);
    fixture_verify_clean(f);
    fixture_verify_clean(&carol);
    fixture_verify_clean(&twin);
}

static void who_may_not_settle_and_what_is_no_choice_is_refused(void **state) {
    (void)state;
    fork_bob(3, 2, 5);
    fork_choice bobs = choice_of(&bob, 5), odd = bobs, between = choice_of(&twin, 6);
    fork_choice carols = {.device = fixture_id(&carol), .size = 1};
    meet(f, &bob);
    assert_int_equal(fork_resolve(f, &bobs), TALLY_ENOTFOUND);
    meet(f, &twin);
    odd.root.b[0] ^= 1;
    assert_int_equal(fork_resolve(f, &odd), TALLY_EINVAL);
    assert_int_equal(fork_resolve(f, &between), TALLY_EINVAL);
    assert_int_equal(fork_resolve(f, &carols), TALLY_ENOTFOUND);
    assert_int_equal(fork_resolve(&bob, &bobs), TALLY_ENOTFOUND); /* does not know of it yet */
    meet(f, &bob);
    assert_int_equal(fork_resolve(&bob, &bobs), TALLY_EREFUSED);
    fixture_verify_clean(f);
}

/* Sync sends many commits as one: then neither the place where histories part nor the head that is
 * kept need be among the checkpoints here. The proof has the one, and vouches for the other. */
static void heads_that_were_left_out_on_the_way_are_kept_by_their_proof(void **state) {
    (void)state;
    static commit c, next;
    static tally_fork fork;
    fixture_append_costs(&bob, 0, 2);
    fixture_append_costs(&bob, 2, 5);
    fork_copy(&bob, &twin, 2);
    fixture_append_costs(&bob, 1000, 3);
    fixture_append_costs(&twin, 2000, 1);
    fork_prove(&bob, &twin, fixture_id(&bob), 7, &fork);
    fork_choice tens = choice_of(&bob, 10);
    fixture_append_costs(&bob, 1003, 2);
    assert_true(commit_read(&bob, fixture_id(&bob), 0, &c));
    while (commit_read(&bob, fixture_id(&bob), c.cp.size, &next)) {
        for (size_t i = 0; i < next.count; i++)
            commit_take(&c, 0, next.records[i], NULL);
        c.cp = next.cp;
    }
    assert_int_equal(c.cp.size, 12);
    OK(commit_give(&carol, &c));
    OK(fork_give(&carol, &fork));
    assert_int_equal(bobs_at(&carol), 7);
    OK(fork_resolve(&carol, &tens));
    assert_bobs_head(&carol, &tens);
    fixture_verify_clean(&carol);
    /* and from there it travels like any other feed */
    team_pass_all(&carol, f, fixture_id(&carol));
    OK(fork_give(f, &fork));
    team_pass_all(&carol, f, fixture_id(&bob));
    assert_bobs_head(f, &tens);
    assert_same_views(f, &carol);
    fixture_verify_clean(f);
}

/* Whatever it says, and whoever says it. */
static void append_resolve(fixture *who, const fork_choice *choice) {
    tally_writer_begin(who->writer);
    tally_put_bin(who->writer, "device", tally_span_of(choice->device->b, TALLY_PUBLIC_KEY_BYTES));
    tally_put_u64(who->writer, "size", choice->size);
    tally_put_bin(who->writer, "root", tally_span_of(choice->root.b, TALLY_HASH_BYTES));
    (void)fixture_append(who, "feed.resolve");
}

/* Dave is an admin whose feed is forked: what he said before settles carol's fork, what he said
 * after does not, and the admins he added after settle nothing either. */
static void a_forked_admin_settles_nothing_past_its_own_fork(void **state) {
    (void)state;
    fixture dave, dave2;
    team_join(&dave, f, 5);
    fixture_admit(f, dave.key, TALLY_ROLE_ADMIN, "dave", "d");
    everybody[3] = fixture_id(&dave);
    everybodies = 4;
    meet(f, &dave);
    fork_bob(2, 3, 1);
    fork_choice bobs = choice_of(&bob, 5), twins = choice_of(&twin, 3);
    meet(&dave, &bob);
    meet(&dave, &twin);
    OK(fork_resolve(&dave, &bobs));
    meet(f, &dave);
    assert_bobs_head(f, &bobs);
    fork_copy(&dave, &dave2, 5);
    append_resolve(&dave, &twins);
    fixture_append_costs(&dave2, 4000, 1);
    meet(f, &dave);
    meet(f, &bob);
    meet(f, &twin);
    assert_bobs_head(f, &twins);
    meet(f, &dave2); /* now dave is forked, and his second word is past that */
    meet(f, &bob);
    assert_bobs_head(f, &bobs);
    fork_choice daves = {.device = fixture_id(&dave), .size = 2};
    tally_fork_state known;
    assert_true(fork_known(f, fixture_id(&dave), &known));
    daves.size = known.proof.branches[0].checkpoint.size;
    daves.root = known.proof.branches[0].checkpoint.root;
    OK(fork_resolve(f, &daves)); /* ... even when that branch is the one that is kept */
    daves.size = known.proof.branches[1].checkpoint.size;
    daves.root = known.proof.branches[1].checkpoint.root;
    assert_bobs_head(f, &bobs);
    OK(fork_resolve(f, &daves));
    assert_bobs_head(f, &bobs);
    fixture_verify_clean(f);
    fixture_close(&dave);
    fixture_close(&dave2);
}

/* Dave is an admin who says beforehand, with a clock far ahead, where his own feed shall end. */
static void nobody_settles_its_own_feed_beforehand(void **state) {
    (void)state;
    fixture dave, dave2;
    team_join(&dave, f, 5);
    fixture_admit(f, dave.key, TALLY_ROLE_ADMIN, "dave", "d");
    everybody[3] = fixture_id(&dave);
    everybodies = 4;
    meet(f, &dave);
    tally_writer_begin(dave.writer);
    fork_choice odd = {.device = fixture_id(&dave), .size = 1000000};
    tally_put_bin(dave.writer, "device", tally_span_of(odd.device->b, TALLY_PUBLIC_KEY_BYTES));
    tally_put_u64(dave.writer, "size", odd.size);
    tally_put_bin(dave.writer, "root", tally_span_of(odd.root.b, TALLY_HASH_BYTES));
    one_record one = {.kind = "feed.resolve", .writer = dave.writer};
    OK(tally_ledger_write(dave.ledger, FIXTURE_NOW_MS + TALLY_CLOCK_AHEAD_MS, append_one, &one,
                          &f->err));
    fork_copy(&dave, &dave2, 5);
    fixture_append_costs(&dave, 1000, 2);
    fixture_append_costs(&dave2, 2000, 1);
    meet(&carol, f);
    meet(&carol, &dave); /* and ada, who has not seen that clock, settles it */
    meet(&carol, &dave2);
    static tally_fork_state known;
    assert_true(fork_known(&carol, fixture_id(&dave), &known));
    OK(fork_give(f, &known.proof));
    fork_choice choice = {.device = fixture_id(&dave), .size = 3};
    choice.root = known.proof.branches[0].checkpoint.root;
    choice.size = known.proof.branches[0].checkpoint.size;
    OK(fork_resolve(f, &choice));
    meet(f, &carol);
    assert_true(fork_known(&carol, fixture_id(&dave), &known));
    assert_true(known.resolved);
    assert_int_equal(known.size, choice.size);
    assert_true(tally_hash_eq(&known.root, &choice.root));
    fixture_close(&dave);
    fixture_close(&dave2);
}

/* An admin names a checkpoint of a history that does not even begin as the fork's two do. */
static void a_history_that_does_not_pass_through_the_place_is_never_taken(void **state) {
    (void)state;
    static commit c;
    static tally_fork fork;
    fixture third;
    fixture_append_costs(&bob, 0, 2);
    fork_copy(&bob, &third, 2);
    fixture_append_costs(&third, 3000, 3);
    fixture_append_costs(&third, 3003, 3);
    fixture_append_costs(&bob, 2, 3);
    meet(f, &third);
    fork_copy(&bob, &twin, 2);
    fixture_append_costs(&bob, 1000, 3);
    fixture_append_costs(&twin, 2000, 4);
    fork_prove(&bob, &twin, fixture_id(&bob), 5, &fork);
    assert_true(commit_read(&bob, fixture_id(&bob), 0, &c));
    OK(commit_give(&carol, &c));
    OK(fork_give(&carol, &fork));
    fork_choice thirds = choice_of(&third, 8);
    append_resolve(&carol, &thirds);
    assert_true(commit_read(&third, fixture_id(&bob), 2, &c)); /* its size is that of the place */
    assert_int_equal(c.cp.size, 5);
    assert_int_equal(commit_give(&carol, &c), TALLY_ECORRUPT);
    static commit rest;
    assert_true(commit_read(&third, fixture_id(&bob), 5, &rest));
    for (size_t i = 0; i < rest.count; i++)
        commit_take(&c, 0, rest.records[i], NULL);
    c.cp = rest.cp;
    OK(commit_give(&carol, &c)); /* gathered, and no more than that */
    assert_int_equal(bobs_at(&carol), 2);
    fixture_verify_clean(&carol);
    /* once the records up to the place are here too, both show that they part at 2 */
    static tally_fork_state known;
    feed_pass(&bob, &carol, fixture_id(&bob));
    assert_true(fork_known(&carol, fixture_id(&bob), &known));
    assert_int_equal(known.proof.common, 2);
    assert_bobs_head(&carol, &thirds); /* and from there the named one is a branch like others */
    fixture_verify_clean(&carol);
    fixture_close(&third);
}

/* Carol holds a third history, which parts before the other two, and gets the chosen one in one
 * piece: nothing that comes later would make her look at it again. */
static void what_is_adopted_is_held_against_the_branches_that_were_set_aside(void **state) {
    (void)state;
    static commit c, rest;
    static tally_fork fork;
    tally_fork_state known;
    fixture third;
    fixture_append_costs(&bob, 0, 2);
    fork_copy(&bob, &third, 2);
    fixture_append_costs(&third, 3000, 6);
    meet(&carol, &third);
    fixture_append_costs(&bob, 2, 3);
    fork_copy(&bob, &twin, 2);
    fixture_append_costs(&bob, 1000, 4);
    fixture_append_costs(&twin, 2000, 2);
    fork_prove(&bob, &twin, fixture_id(&bob), 5, &fork);
    meet(f, &bob);
    OK(fork_give(f, &fork));
    fork_choice bobs = choice_of(&bob, 9);
    OK(fork_resolve(f, &bobs));
    OK(fork_give(&carol, &fork));
    feed_pass(f, &carol, fixture_id(f));
    assert_int_equal(bobs_at(&carol), 2);
    assert_true(commit_read(&bob, fixture_id(&bob), 2, &c));
    assert_true(commit_read(&bob, fixture_id(&bob), 5, &rest));
    for (size_t i = 0; i < rest.count; i++)
        commit_take(&c, 0, rest.records[i], NULL);
    c.cp = rest.cp;
    OK(commit_give(&carol, &c));
    assert_true(fork_known(&carol, fixture_id(&bob), &known));
    assert_int_equal(known.proof.common, 2);
    assert_bobs_head(&carol, &bobs);
    fixture_verify_clean(&carol);
    fixture_close(&third);
}

/* ---- order ---- */

/* Nodes that meet in random order, while forks come up, admins settle them and settle them again:
 * at the end all agree, and on what the last word says. */
static void whatever_the_order_all_nodes_end_alike(void **state) {
    (void)state;
    rng r = rng_begin("meetings", SEED);
    for (unsigned w = 0; w < WORLDS; w++) {
        fixture third;
        void *inner = NULL;
        if (w > 0) {
            teardown((void *[]){f});
            setup(&inner);
        }
        fork_bob(1 + rng_below(&r, 3), 1 + rng_below(&r, 4), 1 + rng_below(&r, 4));
        fork_copy(rng_below(&r, 2) ? &bob : &twin, &third, 2);
        fixture_append_costs(&third, 3000, 1 + rng_below(&r, 3));
        fixture_append_costs(&twin, 2500, 1 + rng_below(&r, 2));
        fixture *nodes[] = {f, &carol, &bob, &twin, &third};
        fork_choice last = {0};
        for (unsigned step = 0; step < 25; step++) {
            fixture *a = nodes[rng_below(&r, 5)], *b = nodes[rng_below(&r, 5)];
            tally_fork_state known;
            if (a != b) meet(a, b);
            fixture *admin = nodes[rng_below(&r, 2)];
            if (rng_below(&r, 4) != 0 || !fork_known(admin, fixture_id(&bob), &known)) continue;
            uint32_t which = rng_below(&r, 3);
            last = (fork_choice){fixture_id(&bob), known.proof.common, known.proof.base};
            if (which < 2) {
                last.size = known.proof.branches[which].checkpoint.size;
                last.root = known.proof.branches[which].checkpoint.root;
            }
            OK(fork_resolve(admin, &last));
        }
        for (unsigned round = 0; round < 2; round++)
            for (unsigned i = 0; i < 5; i++)
                for (unsigned j = 0; j < i; j++)
                    meet(nodes[i], nodes[j]);
        meet(f, &carol);
        tally_fork_state known, other;
        assert_true(fork_known(f, fixture_id(&bob), &known));
        for (unsigned i = 0; i < 5; i++) {
            assert_same_views(f, nodes[i]);
            assert_true(fork_known(nodes[i], fixture_id(&bob), &other));
            assert_int_equal(other.proof.common, known.proof.common);
            assert_int_equal(other.size, known.size);
            assert_int_equal(other.held, known.held);
            fixture_verify_clean(nodes[i]);
        }
        OK(tally_rebuild(nodes[2]->ledger, FIXTURE_NOW_MS, &f->err));
        assert_same_views(f, nodes[2]);
        fixture_close(&third);
        if (inner) *state = inner;
    }
}

int main(void) {
#define TEAM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEAM(a_settled_feed_goes_on_to_the_branch_that_was_set_aside),
        TEAM(a_branch_that_nobody_here_holds_comes_from_a_teammate),
        TEAM(commits_of_the_kept_branch_wait_until_it_is_whole),
        TEAM(the_last_word_of_admins_holds_and_neither_branch_may_be_kept),
        TEAM(who_may_not_settle_and_what_is_no_choice_is_refused),
        TEAM(heads_that_were_left_out_on_the_way_are_kept_by_their_proof),
        TEAM(a_forked_admin_settles_nothing_past_its_own_fork),
        TEAM(nobody_settles_its_own_feed_beforehand),
        TEAM(a_history_that_does_not_pass_through_the_place_is_never_taken),
        TEAM(what_is_adopted_is_held_against_the_branches_that_were_set_aside),
        TEAM(whatever_the_order_all_nodes_end_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
