/* The creator's last word: how the only admin of a team settles a fork of its own feed, and when it
 * cannot. */
#include "fork_fixture.h"

static fixture *f;               /* ada, who made the team */
static fixture bob, twin, carol; /* a member, a copy of ada's ledger, and one who may join */

static const tally_device_id *everybody[4];
static size_t everybodies;

static void meet(fixture *a, fixture *b) {
    fork_meet(a, b, everybody, everybodies);
}

static void assert_same_views(fixture *a, fixture *b) {
    tally_hash x = fixture_digest(a), y = fixture_digest(b);
    assert_true(tally_hash_eq(&x, &y));
}

static void assert_bobs_head(fixture *who, const fork_choice *choice) {
    tally_hash root;
    assert_int_equal(fork_root(who, fixture_id(&bob), choice->size, &root), choice->size);
    assert_true(tally_hash_eq(&root, &choice->root));
}

static int teardown(void **state) {
    fixture_close(&twin);
    fixture_close(&bob);
    fixture_close(&carol);
    return fixture_teardown(state);
}

typedef struct admission {
    fixture heir;
    tally_team_add add;
} admission;

static int add_heir(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_team_device_add(txn, &((admission *)ctx)->add, err);
}

static int admit_heir(fixture *by, admission *made, uint8_t seed) {
    team_join(&made->heir, f, seed);
    made->add = (tally_team_add){.device = *fixture_id(&made->heir),
                                 .role = TALLY_ROLE_ADMIN,
                                 .member = text("ada"),
                                 .name = text("new laptop")};
    memcpy(made->add.box_key, tally_key_box_public(made->heir.key), sizeof made->add.box_key);
    return tally_ledger_write(by->ledger, FIXTURE_NOW_MS, add_heir, made, &by->err);
}

/* Ada is the only admin: bob is a member, carol a stranger as yet. Both of ada's copies go on. */
static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    team_join(&bob, f, 2);
    team_join(&carol, f, 3);
    fixture_admit(f, bob.key, TALLY_ROLE_MEMBER, "bob", "desk");
    everybody[0] = fixture_id(f);
    everybody[1] = fixture_id(&bob);
    everybody[2] = fixture_id(&carol);
    everybodies = 3;
    meet(f, &bob);
    fork_copy(f, &twin, 1);
    fixture_append_costs(f, 1000, 3);
    fixture_append_costs(&twin, 2000, 2);
    return rc;
}

static void the_only_admin_settles_its_own_fork_by_adding_its_heir(void **state) {
    (void)state;
    static admission made;
    tally_fork_state known;
    meet(f, &bob);
    assert_int_equal(team_stored(&bob, fixture_id(f)), 7);
    meet(&twin, &bob);
    meet(f, &bob);
    assert_int_equal(team_stored(&bob, fixture_id(f)), 4);
    many_records many = {.writer = f->writer, .first = 9, .count = 1};
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err),
                     TALLY_EREFUSED);
    assert_non_null(strstr(f->err.text, "tally team invite --role admin"));
    OK(admit_heir(f, &made, 7));
    everybody[3] = fixture_id(&made.heir);
    everybodies = 4;
    assert_int_equal(fixture_size(f),
                     10); /* four, three of its branch, and the last word's three */
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err),
                     TALLY_EREFUSED);
    meet(f, &bob);
    meet(&bob, &twin);
    meet(&bob, &made.heir);
    assert_int_equal(team_stored(&bob, fixture_id(f)), 10);
    assert_true(fork_known(&bob, fixture_id(f), &known));
    assert_true(known.resolved);
    assert_int_equal(known.size, 10);
    assert_same_views(f, &bob);
    assert_same_views(f, &twin);
    /* the heir is an admin: it adds another, and has the team's secret */
    fixture_admit(&made.heir, carol.key, TALLY_ROLE_MEMBER, "carol", "tower");
    meet(&bob, &made.heir);
    meet(&bob, f);
    tally_txn *txn;
    tally_team_device device;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_team_device_get(txn, fixture_id(&carol), &device));
    tally_read_end(txn);
    assert_same_views(f, &made.heir);
    /* and settles forks of others */
    fixture bob2;
    fork_copy(&bob, &bob2, 2);
    fixture_append_costs(&bob, 1, 1);
    fixture_append_costs(&bob2, 2, 2);
    meet(&made.heir, &bob);
    meet(&made.heir, &bob2);
    fork_choice choice = {.device = fixture_id(&bob)};
    assert_true(fork_known(&made.heir, fixture_id(&bob), &known));
    choice.size = known.proof.branches[0].checkpoint.size;
    choice.root = known.proof.branches[0].checkpoint.root;
    OK(fork_resolve(&made.heir, &choice));
    meet(&made.heir, &bob2);
    meet(&made.heir, &bob);
    assert_bobs_head(&bob, &choice);
    assert_bobs_head(&bob2, &choice);
    fixture_close(&bob2);
    fixture_verify_clean(f);
    fixture_verify_clean(&bob);
    fixture_verify_clean(&made.heir);
    fixture_close(&made.heir);
}

static void of_two_last_words_all_nodes_take_the_same(void **state) {
    (void)state;
    static admission ours, theirs;
    meet(&twin, f);
    OK(admit_heir(f, &ours, 7));
    OK(admit_heir(&twin, &theirs, 8));
    fixture *nodes[] = {f, &bob, &twin};
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 3; i++)
            for (unsigned j = 0; j < i; j++)
                meet(nodes[i], nodes[j]);
    assert_same_views(f, &bob);
    assert_same_views(f, &twin);
    /* the later clock's: ada's branch is the longer one, so its clock went further */
    tally_txn *txn;
    tally_team_device device;
    OK(tally_read_begin(bob.ledger, &txn, &f->err));
    OK(tally_team_device_get(txn, fixture_id(&ours.heir), &device));
    assert_int_equal(tally_team_device_get(txn, fixture_id(&theirs.heir), &device),
                     TALLY_ENOTFOUND);
    tally_read_end(txn);
    for (unsigned i = 0; i < 3; i++)
        fixture_verify_clean(nodes[i]);
    fixture_close(&ours.heir);
    fixture_close(&theirs.heir);
}

/* Carol is an admin from before the copies were made. */
static int setup_two_admins(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    team_join(&bob, f, 2);
    team_join(&carol, f, 3);
    fixture_admit(f, bob.key, TALLY_ROLE_MEMBER, "bob", "desk");
    fixture_admit(f, carol.key, TALLY_ROLE_ADMIN, "carol", "tower");
    everybody[0] = fixture_id(f);
    everybody[1] = fixture_id(&bob);
    everybody[2] = fixture_id(&carol);
    everybodies = 3;
    fork_copy(f, &twin, 1);
    fixture_append_costs(f, 1000, 3);
    fixture_append_costs(&twin, 2000, 2);
    return rc;
}

/* While its last word is awaited, its device may bring histories that nobody knows: none of them
 * begins with another first record, for that is the team's id. */
static void a_history_of_another_team_is_no_word_of_the_creators(void **state) {
    (void)state;
    static commit c;
    fixture other;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    meet(f, &bob);
    meet(&twin, &bob);
    assert_int_equal(team_stored(&bob, fixture_id(f)), 4);
    fork_make_again(f, &other);
    fixture_append_costs(&other, 0, 5);
    assert_true(commit_read_joined(&other, fixture_id(f), 0, &c));
    assert_int_equal(c.cp.size, 7);
    tally_origin_format(tally_ledger_team(f->ledger), fixture_id(f), origin);
    tally_checkpoint_sign(f->key, origin, &c.cp);
    size_t branches = branch_count(&bob, fixture_id(f));
    assert_int_equal(commit_give(&bob, &c), TALLY_EFORMAT);
    assert_int_equal(branch_count(&bob, fixture_id(f)), branches);
    assert_int_equal(team_stored(&bob, fixture_id(f)), 4);
    fixture_verify_clean(&bob);
    fixture_close(&other);
}

/* With another admin the creator's own word has no weight. */
static void where_another_admin_can_settle_the_creator_cannot(void **state) {
    (void)state;
    static admission made;
    meet(f, &bob);
    meet(f, &twin);
    assert_int_equal(admit_heir(f, &made, 7), TALLY_EREFUSED);
    assert_non_null(strstr(f->err.text, "ask an admin"));
    meet(f, &carol);
    fork_choice choice = {.device = fixture_id(f)};
    tally_fork_state known;
    assert_true(fork_known(&carol, fixture_id(f), &known));
    choice.size = known.proof.branches[0].checkpoint.size;
    choice.root = known.proof.branches[0].checkpoint.root;
    OK(fork_resolve(&carol, &choice));
    meet(&carol, f);
    meet(&carol, &twin);
    meet(&carol, f);
    assert_int_equal(team_stored(f, fixture_id(f)), choice.size);
    assert_same_views(f, &carol);
    assert_same_views(&twin, &carol);
    fixture_close(&made.heir);
}

int main(void) {
#define ALONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ALONE(the_only_admin_settles_its_own_fork_by_adding_its_heir),
        ALONE(of_two_last_words_all_nodes_take_the_same),
        ALONE(a_history_of_another_team_is_no_word_of_the_creators),
        cmocka_unit_test_setup_teardown(where_another_admin_can_settle_the_creator_cannot,
                                        setup_two_admins, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
