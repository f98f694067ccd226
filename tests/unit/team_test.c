/* Who is in the team decides what counts: joining, revoking, roles and secrets, on one ledger and
 * on several that hear of it in different orders. */
#include "random.h"
#include "team_fixture.h"

#include <tally/policy.h>

#define SEED   20260908u
#define WORLDS 12u
#define STEPS  40u

static fixture *f;         /* ada, who made the team */
static fixture bob, carol; /* who hold ledgers of the same team */
static fixture *const everybody[] = {NULL, &bob, &carol};

static fixture *who(unsigned i) {
    return i == 0 ? f : everybody[i];
}

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    team_join(&bob, f, 2);
    team_join(&carol, f, 3);
    return rc;
}

static int teardown(void **state) {
    fixture_close(&bob);
    fixture_close(&carol);
    return fixture_teardown(state);
}

static const tally_device_id *id_of(const fixture *one) {
    return tally_key_device(one->key);
}

typedef struct revocation {
    tally_device_id device;
    uint64_t records;
    uint8_t secret[TALLY_TEAM_SECRET_BYTES];
} revocation;

static int revoke_one(void *ctx, tally_txn *txn, tally_error *err) {
    revocation *r = ctx;
    return tally_team_device_revoke(txn, &r->device, r->secret, err);
}

static int cut_off(fixture *by, const fixture *whom, uint8_t secret) {
    revocation r = {.device = *id_of(whom)};
    memset(r.secret, secret, sizeof r.secret);
    return tally_ledger_write(by->ledger, FIXTURE_NOW_MS, revoke_one, &r, &by->err);
}

static int add(fixture *by, const fixture *whom, tally_role role, const char *member) {
    tally_team_add a = {
        .device = *id_of(whom), .role = role, .member = text(member), .name = text("machine")};
    memcpy(a.box_key, tally_key_box_public(whom->key), sizeof a.box_key);
    return tally_ledger_write(by->ledger, FIXTURE_NOW_MS, admit_one, &a, &by->err);
}

static int count_cost(void *ctx, const tally_cost *cost) {
    (void)cost;
    ++*(unsigned *)ctx;
    return 0;
}

static unsigned costs(fixture *at) {
    tally_txn *txn;
    unsigned count = 0;
    OK(tally_read_begin(at->ledger, &txn, &at->err));
    assert_int_equal(tally_cost_each(txn, INT64_MIN, INT64_MAX, count_cost, &count), 0);
    tally_read_end(txn);
    return count;
}

static void assert_equal_views(fixture *a, fixture *b) {
    tally_hash at_a = fixture_digest(a), at_b = fixture_digest(b);
    assert_true(tally_hash_eq(&at_a, &at_b));
}

/* Every feed that anybody holds, to everybody, until nobody lacks anything. */
static void exchange_all(void) {
    for (bool moved = true; moved;) {
        moved = false;
        for (unsigned from = 0; from < 3; from++)
            for (unsigned to = 0; to < 3; to++)
                for (unsigned feed = 0; feed < 3; feed++) {
                    if (from == to) continue;
                    int rc = team_pass(who(from), who(to), id_of(who(feed)));
                    if (rc < 0 && rc != TALLY_EREFUSED) fail_msg("%s", who(to)->err.text);
                    moved = moved || rc == 0;
                }
    }
}

static tally_team_device device_of(fixture *at, const fixture *whom, int want) {
    static char names[64];
    tally_txn *txn;
    tally_team_device device = {0};
    OK(tally_read_begin(at->ledger, &txn, &at->err));
    assert_int_equal(tally_team_device_get(txn, id_of(whom), &device), want);
    if (want == 0) {
        (void)snprintf(names, sizeof names, "%.*s/%.*s", (int)device.member.len,
                       (const char *)device.member.ptr, (int)device.name.len,
                       (const char *)device.name.ptr);
        device.member = text(names); /* outlives the snapshot */
    }
    tally_read_end(txn);
    return device;
}

/* ---- joining ---- */

static void the_creator_is_the_first_admin(void **state) {
    (void)state;
    tally_team_device ada = device_of(f, f, 0);
    assert_true(ada.creator && ada.role == TALLY_ROLE_ADMIN && ada.limit == UINT64_MAX);
    assert_true(tally_span_is(ada.member, "ada/laptop"));
    assert_memory_equal(ada.box_key, tally_key_box_public(f->key), 32);
    (void)device_of(f, &bob, TALLY_ENOTFOUND);
}

static void what_was_captured_before_joining_counts_once_the_device_is_added(void **state) {
    (void)state;
    fixture_append_costs(&bob, 0, 3);
    assert_int_equal(costs(&bob), 0); /* nobody has added it */
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    exchange_all();
    assert_int_equal(costs(&bob), 3);
    assert_int_equal(costs(f), 3);
    tally_team_device device = device_of(&bob, &bob, 0);
    assert_true(!device.creator && device.role == TALLY_ROLE_MEMBER && device.limit == UINT64_MAX);
    assert_true(tally_span_is(device.member, "bob/machine"));
    assert_equal_views(f, &bob);
    fixture_verify_clean(&bob);
}

static void only_admins_add_and_nobody_twice(void **state) {
    (void)state;
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    assert_int_equal(add(f, &bob, TALLY_ROLE_ADMIN, "bob"), TALLY_EEXIST);
    assert_int_equal(add(f, f, TALLY_ROLE_MEMBER, "ada"), TALLY_EEXIST);
    assert_int_equal(add(f, &carol, TALLY_ROLE_MEMBER, "a\nb"), TALLY_EINVAL);
    assert_int_equal(add(f, &carol, (tally_role)4, "carol"), TALLY_EINVAL);
    exchange_all();
    assert_int_equal(add(&bob, &carol, TALLY_ROLE_MEMBER, "carol"), TALLY_EREFUSED);
    assert_int_equal(add(&carol, &carol, TALLY_ROLE_ADMIN, "carol"), TALLY_EREFUSED);
    tally_team_add weak = {.device = *id_of(&carol),
                           .role = TALLY_ROLE_MEMBER,
                           .member = text("carol"),
                           .name = text("zero")}; /* the box key is no point to seal to */
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, admit_one, &weak, &f->err),
                     TALLY_EINVAL);
    (void)device_of(f, &carol, TALLY_ENOTFOUND);
}

static void an_auditor_counts_nothing(void **state) {
    (void)state;
    OK(add(f, &bob, TALLY_ROLE_AUDITOR, "bob"));
    fixture_append_costs(&bob, 0, 4); /* it does not know yet what it is */
    exchange_all();
    assert_int_equal(team_stored(f, id_of(&bob)), 4);
    assert_int_equal(costs(f), 0);
    assert_int_equal(costs(&bob), 0);
    assert_equal_views(f, &bob);
}

static int see_device(void *ctx, const tally_team_device *device) {
    tally_device_id *last = ctx;
    assert_true(memcmp(last->b, device->device.b, sizeof last->b) < 0);
    *last = device->device;
    return 0;
}

static void devices_come_in_the_order_of_their_keys(void **state) {
    (void)state;
    tally_txn *txn;
    tally_device_id last = {{0}};
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    OK(add(f, &carol, TALLY_ROLE_MEMBER, "carol"));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_team_device_each(txn, see_device, &last), 0);
    tally_read_end(txn);
}

/* ---- revoking ---- */

static void a_revocation_cuts_what_counts_where_its_admin_stood(void **state) {
    (void)state;
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    exchange_all();
    fixture_append_costs(&bob, 0, 3);
    exchange_all();
    fixture_append_costs(&bob, 3, 5); /* ada does not know of these */
    OK(cut_off(f, &bob, 9));
    assert_int_equal(costs(&bob), 8);
    exchange_all();
    assert_int_equal(team_stored(f, id_of(&bob)), 8); /* kept as evidence */
    assert_int_equal(costs(f), 3);
    assert_int_equal(costs(&bob), 3);
    assert_int_equal(costs(&carol), 3);
    assert_true(device_of(&carol, &bob, 0).limit == 3);
    assert_equal_views(f, &bob);
    assert_equal_views(f, &carol);
    fixture_verify_clean(&bob);
    OK(tally_rebuild(bob.ledger, 0, &bob.err));
    assert_equal_views(f, &bob);
}

/* Carol holds all of bob's records when the revocation comes; a ledger that never had the late ones
 * holds the same views. */
static void views_are_those_of_a_ledger_that_never_had_what_does_not_count(void **state) {
    (void)state;
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    exchange_all();
    fixture_append_costs(&bob, 0, 3);
    team_pass_all(&bob, f, id_of(&bob));
    fixture_append_costs(&bob, 1, 9); /* entries 1 and 2 again, and seven more */
    put_session(bob.writer, "claude-code", "s1", "/late", "main");
    (void)fixture_append(&bob, "session");
    team_pass_all(&bob, &carol, id_of(&bob));
    assert_int_equal(costs(&carol), 10);
    OK(cut_off(f, &bob, 9));
    team_pass_all(f, &carol, id_of(f));
    assert_int_equal(costs(&carol), 3);
    assert_int_equal(team_stored(f, id_of(&bob)), 3);
    assert_int_equal(team_stored(&carol, id_of(&bob)), 13);
    assert_equal_views(f, &carol);
    fixture_verify_clean(&carol);
}

/* Ada takes in bob's first commit, revokes bob and takes in the second, all in one transaction. */
static int take_revoke_take(void *ctx, tally_txn *txn, tally_error *err) {
    commit *both = ctx;
    revocation r = {.device = both[0].device};
    int rc = commit_ingest(&both[0], txn, err);
    if (rc == 0) rc = revoke_one(&r, txn, err);
    return rc != 0 ? rc : commit_ingest(&both[1], txn, err);
}

static void a_revocation_holds_from_the_next_record_of_its_own_transaction(void **state) {
    (void)state;
    commit *both = calloc(2, sizeof *both);
    assert_non_null(both);
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    fixture_append_costs(&bob, 0, 3);
    fixture_append_costs(&bob, 3, 5);
    assert_true(commit_read(&bob, id_of(&bob), 0, &both[0]));
    assert_true(commit_read(&bob, id_of(&bob), 3, &both[1]));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, take_revoke_take, both, &f->err));
    free(both);
    assert_int_equal(team_stored(f, id_of(&bob)), 8);
    assert_int_equal(costs(f), 3);
    fixture_verify_clean(f);
}

static void who_may_revoke_whom(void **state) {
    (void)state;
    OK(add(f, &bob, TALLY_ROLE_ADMIN, "bob"));
    OK(add(f, &carol, TALLY_ROLE_MEMBER, "carol"));
    exchange_all();
    assert_int_equal(cut_off(&carol, &bob, 1), TALLY_EREFUSED);
    assert_int_equal(cut_off(&bob, f, 1), TALLY_EREFUSED); /* the creator */
    OK(cut_off(&carol, &carol, 1));                        /* everybody itself */
    assert_int_equal(cut_off(&carol, &carol, 1), TALLY_EEXIST);
    exchange_all();
    assert_int_equal(cut_off(&bob, &carol, 1), TALLY_EEXIST);
    assert_int_equal(add(&bob, &carol, TALLY_ROLE_MEMBER, "carol"), TALLY_EEXIST);
    OK(cut_off(f, &bob, 1));
    exchange_all();
    assert_int_equal(add(&bob, &carol, TALLY_ROLE_MEMBER, "carol"), TALLY_EREFUSED);
    assert_int_equal(cut_off(f, &bob, 1), TALLY_EEXIST);
    fixture stranger = {.key = fixture_seeded_key(77)};
    assert_int_equal(cut_off(f, &stranger, 1), TALLY_ENOTFOUND);
    tally_key_free(stranger.key);
}

/* A device that an admin added after its own revocation was never in the team, and its records stop
 * counting where they did. */
static void what_a_revoked_admin_granted_meanwhile_is_taken_back(void **state) {
    (void)state;
    OK(add(f, &bob, TALLY_ROLE_ADMIN, "bob"));
    exchange_all();
    OK(add(&bob, &carol, TALLY_ROLE_MEMBER, "carol"));
    team_pass_all(&bob, &carol, id_of(&bob));
    fixture_append_costs(&carol, 0, 4);
    OK(cut_off(&carol, &carol, 1)); /* a word on the team that only bob will ever hold */
    team_pass_all(&carol, &bob, id_of(&carol));
    assert_int_equal(costs(&carol), 4);
    OK(cut_off(f, &bob, 5)); /* bob's feed was empty when ada last saw it */
    team_pass_all(f, &carol, id_of(f));
    team_pass_all(f, &bob, id_of(f));
    team_pass_all(&bob, f, id_of(&bob));
    assert_int_equal(costs(&carol), 0);
    assert_int_equal(costs(&bob), 0);
    (void)device_of(&carol, &carol, TALLY_ENOTFOUND);
    assert_int_equal(team_pass(&carol, f, id_of(&carol)), TALLY_EREFUSED);
    assert_equal_views(&bob, &carol);
    assert_equal_views(f, &bob); /* carol's records left nothing behind */
    fixture_verify_clean(&carol);
}

/* ---- secrets ---- */

static tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];

static size_t open_at(fixture *at) {
    tally_txn *txn;
    size_t count;
    OK(tally_read_begin(at->ledger, &txn, &at->err));
    int rc = tally_team_secrets(txn, secrets, &count, &at->err);
    tally_read_end(txn);
    assert_int_equal(rc, count > 0 ? 0 : TALLY_ENOTFOUND);
    return count;
}

static void members_share_a_secret_and_the_revoked_do_not_get_the_next(void **state) {
    (void)state;
    uint8_t first[TALLY_TEAM_SECRET_BYTES], second[TALLY_TEAM_SECRET_BYTES];
    memset(second, 0x5a, sizeof second);
    assert_int_equal(open_at(f), 1);
    assert_int_equal(secrets[0].epoch, 1);
    memcpy(first, secrets[0].bytes, sizeof first);
    team_pass_all(f, &bob, id_of(f));
    assert_int_equal(open_at(&bob), 0);
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    OK(add(f, &carol, TALLY_ROLE_AUDITOR, "carol"));
    exchange_all();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(open_at(who(i)), 1);
        assert_int_equal(secrets[0].epoch, 1);
        assert_memory_equal(secrets[0].bytes, first, sizeof first);
    }
    OK(cut_off(f, &bob, 0x5a));
    exchange_all();
    assert_int_equal(open_at(&bob), 1);
    assert_memory_equal(secrets[0].bytes, first, sizeof first);
    for (unsigned i = 0; i < 3; i += 2) {
        assert_int_equal(open_at(who(i)), 2);
        assert_int_equal(secrets[0].epoch, 2);
        assert_memory_equal(secrets[0].bytes, second, sizeof second);
        assert_int_equal(secrets[1].epoch, 1);
        assert_memory_equal(secrets[1].bytes, first, sizeof first);
    }
}

static void a_secret_from_a_member_who_is_no_admin_is_none(void **state) {
    (void)state;
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    exchange_all();
    uint8_t sealed[1 + 1 + 2 + 32 + 2 + 80] = {0x91, 0x92, 0xc4, 32};
    memcpy(sealed + 4, id_of(f)->b, 32);
    sealed[36] = 0xc4, sealed[37] = 80;
    tally_writer_begin(bob.writer);
    tally_put_u64(bob.writer, "epoch", 7);
    tally_put_raw(bob.writer, "sealed", tally_span_of(sealed, sizeof sealed));
    (void)fixture_append(&bob, "teamkey");
    exchange_all();
    assert_int_equal(open_at(f), 1);
    OK(add(f, &carol, TALLY_ROLE_MEMBER, "carol"));
    OK(cut_off(f, &carol, 3)); /* the next epoch is 2 and not 8 */
    assert_int_equal(open_at(f), 2);
    assert_int_equal(secrets[0].epoch, 2);
}

static void the_newest_eight_secrets_are_kept(void **state) {
    (void)state;
    for (uint8_t i = 0; i < 9; i++) {
        fixture whom = {.key = fixture_seeded_key((uint8_t)(100 + i))};
        OK(add(f, &whom, TALLY_ROLE_MEMBER, "many"));
        OK(cut_off(f, &whom, i));
        tally_key_free(whom.key);
    }
    assert_int_equal(open_at(f), TALLY_TEAM_MAX_SECRETS);
    for (unsigned i = 0; i < TALLY_TEAM_MAX_SECRETS; i++) {
        assert_int_equal(secrets[i].epoch, 10 - i); /* 1 at first, 9 more */
        assert_int_equal(secrets[i].bytes[0], 8 - i);
    }
}

/* ---- any order ---- */

/* One step of somebody's: work, a word on the team, or news from another. */
static void step(rng *r, uint32_t *next_key) {
    unsigned i = rng_below(r, 3), k = rng_below(r, 3), what = rng_below(r, 10);
    static const tally_role roles[] = {TALLY_ROLE_ADMIN, TALLY_ROLE_ADMIN, TALLY_ROLE_MEMBER,
                                       TALLY_ROLE_AUDITOR};
    if (what < 3) {
        fixture_append_costs(who(i), *next_key, 1 + rng_below(r, 3));
        *next_key += rng_below(r, 3); /* some entries are met twice */
    } else if (what == 3) {
        (void)add(who(i), who(k), roles[rng_below(r, 4)], "someone");
    } else if (what == 4 && rng_below(r, 3) == 0) {
        (void)cut_off(who(i), who(k), (uint8_t)rng_below(r, 256));
    } else {
        int rc = team_pass(who(i), who(k), id_of(who(rng_below(r, 3))));
        if (rc < 0 && rc != TALLY_EREFUSED && rc != TALLY_EEXIST) fail_msg("%s", who(k)->err.text);
    }
}

static void run_world(uint64_t seed) {
    rng r = {seed};
    uint32_t next_key = 0;
    void *state;
    setup(&state);
    OK(add(f, &bob, rng_below(&r, 2) ? TALLY_ROLE_ADMIN : TALLY_ROLE_MEMBER, "bob"));
    for (unsigned i = 0; i < STEPS; i++)
        step(&r, &next_key);
    exchange_all();
    for (unsigned i = 0; i < 3; i++) {
        tally_hash folded = fixture_digest(who(i));
        OK(tally_rebuild(who(i)->ledger, 0, &who(i)->err));
        tally_hash rebuilt = fixture_digest(who(i));
        assert_true(tally_hash_eq(&folded, &rebuilt));
        fixture_verify_clean(who(i));
    }
    /* A device outside the team keeps its records to itself, and there too they count for nothing.
     */
    assert_equal_views(f, &bob);
    assert_equal_views(f, &carol);
    teardown(&state);
}

static void three_ledgers_that_exchange_in_any_order_end_alike(void **state) {
    (void)state;
    rng seeds = rng_begin("teams", SEED);
    for (unsigned i = 0; i < WORLDS; i++)
        run_world(rng_next(&seeds));
}

/* ---- clocks ---- */

typedef struct setting {
    fixture *by;
    uint64_t quorum;
} setting;

static int set_quorum(void *ctx, tally_txn *txn, tally_error *err) {
    const setting *s = ctx;
    tally_writer_begin(s->by->writer);
    tally_put_u64(s->by->writer, "quorum", s->quorum);
    return tally_policy_set(txn, TALLY_POLICY_AUDIT, s->by->writer, err);
}

static void set_at(fixture *by, int64_t now_ms, uint64_t quorum) {
    setting s = {by, quorum};
    OK(tally_ledger_write(by->ledger, now_ms, set_quorum, &s, &by->err));
}

static uint64_t quorum_at(fixture *at) {
    tally_policy_row row;
    tally_txn *txn;
    uint64_t quorum = 0;
    OK(tally_read_begin(at->ledger, &txn, &at->err));
    OK(tally_policy_get(txn, TALLY_POLICY_AUDIT, NULL, 0, &row));
    assert_true(tally_body_u64(&row.record, "quorum", &quorum));
    tally_read_end(txn);
    return quorum;
}

static int undo(void *ctx, tally_txn *txn, tally_error *err) {
    const revocation *r = ctx;
    return tally_team_device_revoke_from(txn, &r->device, r->records, r->secret, err);
}

/* Whoever signs a clock of years ahead holds a setting against everybody, until an admin has only
 * what came before count. */
static void a_setting_from_years_ahead_is_undone_by_revoking_from_before_it(void **state) {
    const int64_t decade_ms = INT64_C(10) * 365 * 86400 * 1000;
    revocation r = {.device = *id_of(&bob)};
    (void)state;
    OK(add(f, &bob, TALLY_ROLE_MEMBER, "bob"));
    OK(add(f, &carol, TALLY_ROLE_MEMBER, "carol"));
    exchange_all();
    fixture_append_costs(&bob, 0, 2);
    r.records = fixture_size(&bob);
    set_at(&bob, FIXTURE_NOW_MS + decade_ms, 5);
    exchange_all();
    set_at(f, FIXTURE_NOW_MS + 1000, 2);
    exchange_all();
    assert_int_equal(quorum_at(f), 5); /* held */
    assert_int_equal(cut_off(f, &bob, 1), 0);
    assert_int_equal(quorum_at(f), 5); /* what is held of it counts */
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, undo, &r, &f->err));
    exchange_all();
    assert_int_equal(quorum_at(f), 2);
    assert_int_equal(quorum_at(&carol), 2);
    assert_int_equal(costs(f), 2); /* of before */
    assert_equal_views(f, &carol);
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, undo, &r, &f->err),
                     TALLY_EEXIST);
}

int main(void) {
#define TEAM(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEAM(the_creator_is_the_first_admin),
        TEAM(what_was_captured_before_joining_counts_once_the_device_is_added),
        TEAM(only_admins_add_and_nobody_twice),
        TEAM(an_auditor_counts_nothing),
        TEAM(devices_come_in_the_order_of_their_keys),
        TEAM(a_revocation_cuts_what_counts_where_its_admin_stood),
        TEAM(views_are_those_of_a_ledger_that_never_had_what_does_not_count),
        TEAM(a_revocation_holds_from_the_next_record_of_its_own_transaction),
        TEAM(who_may_revoke_whom),
        TEAM(what_a_revoked_admin_granted_meanwhile_is_taken_back),
        TEAM(members_share_a_secret_and_the_revoked_do_not_get_the_next),
        TEAM(a_secret_from_a_member_who_is_no_admin_is_none),
        TEAM(the_newest_eight_secrets_are_kept),
        TEAM(a_setting_from_years_ahead_is_undone_by_revoking_from_before_it),
        cmocka_unit_test(three_ledgers_that_exchange_in_any_order_end_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
