/* Sessions that meet a fork: the place is found from either side, the proof is told to everybody,
 * and who only claims to differ is dropped. */
#include "session_rogue.h"

typedef struct split {
    fixture a, b, c, twin; /* twin is a restored copy of b's ledger, with the same key */
    net n;
} split;

static int split_setup(void **state) {
    split *s = calloc(1, sizeof *s);
    assert_non_null(s);
    team_of_two(&s->a, &s->b);
    team_add(&s->a, &s->c, 3, TALLY_ROLE_MEMBER);
    copy_all(&s->a, &s->b);
    s->n.now = FIXTURE_NOW_MS;
    *state = s;
    return 0;
}

static int split_teardown(void **state) {
    split *s = *state;
    net_close(&s->n);
    fixture_close(&s->a);
    fixture_close(&s->b);
    fixture_close(&s->c);
    if (s->twin.ledger) fixture_close(&s->twin);
    free(s);
    return 0;
}

/* b signs `common` records, and then its copy and itself sign different ones. */
static void part(split *s, uint32_t common, uint32_t ours, uint32_t twins) {
    if (common > 0) fixture_append_costs(&s->b, 0, common);
    copy_ledger(&s->b, &s->twin, 2);
    if (ours > 0) fixture_append_costs(&s->b, 10000, ours);
    if (twins > 0) fixture_append_costs(&s->twin, 20000, twins);
}

static uint64_t common_of(fixture *f, const tally_key *key) {
    tally_fork_state state;
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_fork_get(txn, tally_key_device(key), &state, &f->err);
    tally_read_end(txn);
    return rc == 0 ? state.proof.common : UINT64_MAX;
}

/* Everything of both into the other, as far as sessions do that. */
static void sync_two(split *s, fixture *x, fixture *y) {
    end *e = net_connect(&s->n, x, y);
    net_wait(&s->n, 2 * TALLY_SESSION_RELAY_MS);
    assert_alive(e);
    assert_alive(e->other);
    assert_true(tally_session_in_sync(e->session));
    assert_true(tally_session_in_sync(e->other->session));
    net_close(&s->n);
}

static void meets_with(split *s, uint32_t common, uint32_t ours, uint32_t twins) {
    part(s, common, ours, twins);
    sync_two(s, &s->b, &s->a);    /* a has what b says, */
    sync_two(s, &s->twin, &s->c); /* and c what its twin says */
    assert_int_equal(common_of(&s->a, s->b.key), UINT64_MAX);
    end *e = net_connect(&s->n, &s->a, &s->c);
    net_run(&s->n);
    assert_alive(e);
    assert_alive(e->other);
    assert_int_equal(e->seen[TALLY_SESSION_FORKED], 1);
    assert_int_equal(e->other->seen[TALLY_SESSION_FORKED], 1);
    assert_int_equal(common_of(&s->a, s->b.key), common);
    assert_int_equal(common_of(&s->c, s->b.key), common);
    assert_int_equal(team_stored(&s->a, tally_key_device(s->b.key)), common);
    assert_int_equal(team_stored(&s->c, tally_key_device(s->b.key)), common);
    assert_same_views(&s->a, &s->c);
    assert_true(tally_session_in_sync(e->session));
    assert_true(tally_session_in_sync(e->other->session));
}

static void a_fork_is_found_where_the_histories_part(void **state) {
    meets_with(*state, 700, 900, 40);
}
static void a_fork_of_equal_lengths_is_found(void **state) {
    meets_with(*state, 25, 10, 10);
}
static void a_fork_in_the_very_first_record_is_found(void **state) {
    meets_with(*state, 0, 3, 2);
}
static void a_fork_in_the_last_record_is_found(void **state) {
    meets_with(*state, 256, 1, 1);
}
static void a_long_fork_is_found(void **state) {
    meets_with(*state, 5000, 9000, 12000);
}

/* The two copies of the device itself. */
static void a_device_that_meets_its_copy_s_records_stops(void **state) {
    split *s = *state;
    part(s, 10, 5, 7);
    sync_two(s, &s->twin, &s->a);
    end *e = net_connect(&s->n, &s->b, &s->a);
    net_run(&s->n);
    assert_alive(e);
    assert_int_equal(common_of(&s->a, s->b.key), 10);
    assert_int_equal(common_of(&s->b, s->b.key), 10);
    assert_same_views(&s->a, &s->b);
}

static void a_proof_reaches_those_who_saw_neither(void **state) {
    split *s = *state;
    part(s, 10, 5, 7);
    sync_two(s, &s->b, &s->a);
    end *to_c = net_connect(&s->n, &s->a, &s->c);
    end *to_twin = net_connect(&s->n, &s->a, &s->twin);
    net_run(&s->n);
    net_wait(&s->n, 1000);
    assert_int_equal(common_of(&s->a, s->b.key), 10);
    assert_int_equal(common_of(&s->c, s->b.key), 10); /* through a, while connected */
    assert_int_equal(to_c->other->seen[TALLY_SESSION_FORKED], 1);
    assert_alive(to_c);
    assert_alive(to_twin);
    assert_same_views(&s->a, &s->c);
    net_close(&s->n);
    sync_two(s, &s->c, &s->b); /* and at the next hello, to whoever does not know */
    assert_int_equal(common_of(&s->b, s->b.key), 10);
    assert_same_views(&s->c, &s->b);
}

static void a_proof_is_told_once(void **state) {
    split *s = *state;
    part(s, 10, 5, 7);
    sync_two(s, &s->b, &s->a);
    sync_two(s, &s->twin, &s->c);
    sync_two(s, &s->a, &s->c);
    end *e = net_connect(&s->n, &s->c, &s->a);
    net_run(&s->n);
    tally_session_counts there, back;
    tally_session_count(e->session, &there);
    tally_session_count(e->other->session, &back);
    assert_true(there.bytes_out + back.bytes_out < 2000);
    assert_true(tally_session_in_sync(e->session));
}

typedef struct settle {
    const tally_device_id *device;
    uint64_t size;
    tally_hash root;
} settle;

static int settle_one(void *ctx, tally_txn *txn, tally_error *err) {
    const settle *s = ctx;
    return tally_fork_resolve(txn, s->device, s->size, &s->root, err);
}

/* Who was away all the time hears of the fork before the word that settled it: nobody is waited
 * for.
 */
static void assert_heard_when_settled(split *s, fixture *away) {
    end *e = net_connect(&s->n, away, &s->a);
    net_run(&s->n);
    assert_alive(e);
    assert_int_equal(e->seen[TALLY_SESSION_FORKED], 1);
    if (strstr(e->forked, "until")) fail_msg("%s", e->forked);
    assert_non_null(strstr(e->forked, "'tally team forks' shows what counts"));
    assert_int_equal(team_stored(away, tally_key_device(s->b.key)), 17);
    net_close(&s->n);
}

static void a_settled_feed_goes_on_everywhere(void **state) {
    split *s = *state;
    settle choice = {.device = tally_key_device(s->b.key)};
    tally_fork_state known;
    tally_txn *txn;
    fixture away = {0};
    team_add(&s->a, &away, 9, TALLY_ROLE_MEMBER);
    part(s, 10, 5, 7);
    sync_two(s, &s->b, &s->a);
    sync_two(s, &s->twin, &s->c);
    sync_two(s, &s->a, &s->c);
    fixture *f = &s->a;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_fork_get(txn, choice.device, &known, &f->err));
    tally_read_end(txn);
    unsigned longer = known.proof.branches[0].checkpoint.size == 17 ? 0 : 1;
    choice.size = known.proof.branches[longer].checkpoint.size;
    choice.root = known.proof.branches[longer].checkpoint.root;
    assert_int_equal(choice.size, 17);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, settle_one, &choice, &f->err));
    sync_two(s, &s->a, &s->c); /* only c holds that branch */
    assert_int_equal(team_stored(&s->a, choice.device), 17);
    assert_int_equal(team_stored(&s->c, choice.device), 17);
    assert_same_views(&s->a, &s->c);
    sync_two(s, &s->a, &s->b);
    assert_int_equal(team_stored(&s->b, choice.device), 17);
    assert_same_views(&s->a, &s->b);
    assert_heard_when_settled(s, &away);
    fixture_close(&away);
}

static void admit_at(fixture *by, fixture *heir, int64_t now_ms) {
    fixture *f = by;
    tally_team_add add = {.device = *tally_key_device(heir->key),
                          .role = TALLY_ROLE_ADMIN,
                          .member = text("ada"),
                          .name = text("new laptop")};
    memcpy(add.box_key, tally_key_box_public(heir->key), sizeof add.box_key);
    OK(tally_ledger_write(f->ledger, now_ms, admit_one, &add, &f->err));
}

/* a and its copy each close their feed; the later word stands, though the other's feed is longer.
 * Devices do not talk with themselves: b carries it all. */
static void of_two_last_words_the_shorter_feed_s_goes_round_too(void **state) {
    split *s = *state;
    fixture heirs[2];
    uint64_t common = fixture_size(&s->a);
    copy_ledger(&s->a, &s->twin, 1);
    fixture_append_costs(&s->a, 0, 5);
    fixture_append_costs(&s->twin, 100, 1);
    sync_two(s, &s->a, &s->b);
    sync_two(s, &s->twin, &s->b);
    sync_two(s, &s->a, &s->b);
    assert_int_equal(common_of(&s->a, s->a.key), common);
    for (uint8_t i = 0; i < 2; i++)
        team_join(&heirs[i], &s->a, (uint8_t)(6 + i));
    admit_at(&s->a, &heirs[0], FIXTURE_NOW_MS);
    admit_at(&s->twin, &heirs[1], FIXTURE_NOW_MS + 1000);
    uint64_t shorter = fixture_size(&s->twin);
    assert_true(shorter < fixture_size(&s->a));
    sync_two(s, &s->a, &s->b);
    assert_int_equal(team_stored(&s->b, tally_key_device(s->a.key)), fixture_size(&s->a));
    sync_two(s, &s->twin, &s->b);
    assert_int_equal(team_stored(&s->b, tally_key_device(s->a.key)), shorter);
    assert_same_views(&s->twin, &s->b);
    sync_two(s, &s->b, &s->a);
    assert_int_equal(fixture_size(&s->a), shorter);
    assert_same_views(&s->twin, &s->a);
    for (int i = 0; i < 2; i++)
        fixture_close(&heirs[i]);
}

/* ---- devices that a fork puts out of the team ---- */

typedef struct ousted {
    fixture boss, boss_twin, d, d_twin; /* boss is an admin that has added d */
} ousted;

/* a holds one history of the boss, by which d is in the team; the other has not added it. */
static void oust(split *s, ousted *o) {
    team_add(&s->a, &o->boss, 4, TALLY_ROLE_ADMIN);
    copy_all(&s->a, &s->c);
    copy_ledger(&o->boss, &o->boss_twin, 4);
    fixture_append_costs(&o->boss_twin, 0, 1);
    team_join(&o->d, &s->a, 5);
    fixture_admit(&o->boss, o->d.key, TALLY_ROLE_MEMBER, "eve", "phone");
    copy_all(&o->boss, &s->a);
}

static void oust_end(ousted *o) {
    fixture_close(&o->boss);
    fixture_close(&o->boss_twin);
    fixture_close(&o->d);
    if (o->d_twin.ledger) fixture_close(&o->d_twin);
}

/* Who brings the proof is itself let go because of it; others hear of the fork all the same. */
static void a_proof_that_puts_its_bearer_out_of_the_team_is_told(void **state) {
    split *s = *state;
    ousted o = {0};
    rogue r;
    tally_fork_branch side;
    tally_hash base;
    tally_txn *txn;
    oust(s, &o);
    fixture *f = &o.boss_twin;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_fork_branch_make(txn, 0, 0, &base, &side, &f->err));
    tally_read_end(txn);
    end *victim = rogue_call(&r, &s->n, &s->a, o.d.key);
    rogue_hello(&r, NULL, 0);
    assert_alive(victim);
    assert_int_equal(
        tally_wire_put_branch(&r.plain, tally_key_device(o.boss.key), 0, &base, &side, NULL), 0);
    rogue_say(&r);
    assert_int_equal(victim->bye, TALLY_BYE_UNKNOWN);
    assert_int_equal(common_of(&s->a, o.boss.key), 0);
    assert_int_equal(victim->seen[TALLY_SESSION_FORKED], 1);
    assert_int_equal(victim->seen[TALLY_SESSION_TOOK], 1);
    rogue_close(&r);
    oust_end(&o);
}

/* No proof of it could be kept: nobody is blamed for not finding one, and nothing is sent that
 * would not fit. */
static void two_histories_of_a_stranger_are_left_alone(void **state) {
    split *s = *state;
    ousted o = {0};
    oust(s, &o);
    copy_all(&o.boss, &s->c);
    fixture_append_costs(&o.d, 0, 3);
    copy_ledger(&o.d, &o.d_twin, 5);
    fixture_append_costs(&o.d, 100, 2);
    fixture_append_costs(&o.d_twin, 200, 4);
    team_pass_all(&o.d, &s->a, tally_key_device(o.d.key));
    team_pass_all(&o.d_twin, &s->c, tally_key_device(o.d.key));
    sync_two(s, &o.boss_twin, &s->a);
    assert_int_equal(common_of(&s->a, o.boss.key), 0);
    for (int i = 0; i < 2; i++) { /* c learns by this that d is a stranger; then both know */
        end *e = net_connect(&s->n, &s->c, &s->a);
        net_wait(&s->n, 2 * TALLY_SESSION_TRAIL_MS);
        assert_alive(e);
        assert_alive(e->other);
        assert_true(tally_session_in_sync(e->session));
        assert_true(tally_session_in_sync(e->other->session));
        net_close(&s->n);
    }
    assert_int_equal(common_of(&s->c, o.boss.key), 0);
    assert_int_equal(team_stored(&s->a, tally_key_device(o.d.key)), 5);
    assert_int_equal(team_stored(&s->c, tally_key_device(o.d.key)), 7);
    assert_same_views(&s->a, &s->c);
    oust_end(&o);
}

/* ---- who only claims to differ ---- */

/* Also while a claim waits for its turn to be compared. */
static void nothing_is_built_on_a_claim_that_was_not_compared(void **state) {
    split *s = *state;
    rogue r;
    tally_wire_head head = {.device = *tally_key_device(s->b.key), .size = 3};
    part(s, 10, 5, 0);
    sync_two(s, &s->b, &s->a);
    end *victim = rogue_call(&r, &s->n, &s->a, s->c.key);
    for (uint32_t i = 1; i <= 2; i++) {
        rogue_hello(&r, &head, 1);
        rogue_listen(&r);
        assert_int_equal(r.heard[TALLY_WIRE_TRAIL], 1); /* the second root is not worked out yet */
    }
    s->n.now += TALLY_SESSION_COMPARE_MS;
    tally_session_tick(victim->session, s->n.now);
    rogue_listen(&r);
    assert_alive(victim);
    assert_int_equal(r.heard[TALLY_WIRE_TRAIL], 2);
    for (uint32_t i = 0; i < r.order_count; i++)
        assert_memory_not_equal(r.order[i].b, head.device.b, sizeof head.device.b);
    rogue_close(&r);
}

/* A hello is no reason to forget what the trail before it asked. */
static void a_trail_is_answered_when_a_hello_comes_with_it(void **state) {
    split *s = *state;
    rogue r;
    const tally_device_id *device = tally_key_device(s->b.key);
    tally_wire_mark mark = {.size = 1};
    tally_wire_head head = {.device = *device, .size = 20};
    part(s, 10, 5, 0);
    sync_two(s, &s->b, &s->a);
    end *victim = rogue_call(&r, &s->n, &s->a, s->c.key);
    rogue_hello(&r, NULL, 0);
    rogue_listen(&r);
    assert_int_equal(tally_wire_put_trail(&r.plain, device, &mark, 1, NULL), 0);
    rogue_hello(&r, &head, 1);
    rogue_listen(&r);
    assert_alive(victim);
    assert_int_equal(r.heard[TALLY_WIRE_BRANCH], 1);
    rogue_close(&r);
}

static void a_root_that_nothing_backs_ends_the_session(void **state) {
    split *s = *state;
    rogue r;
    tally_wire_head head = {.device = *tally_key_device(s->a.key), .size = 3};
    end *victim = rogue_call(&r, &s->n, &s->a, s->b.key);
    rogue_hello(&r, &head, 1);
    rogue_listen(&r);
    assert_int_equal(r.heard[TALLY_WIRE_TRAIL], 1);
    assert_int_equal(r.heard[TALLY_WIRE_COMMITS], 0); /* nothing is built on it */
    s->n.now += TALLY_SESSION_TRAIL_MS;
    assert_true(tally_session_deadline(victim->session) <= s->n.now);
    tally_session_tick(victim->session, s->n.now);
    assert_int_equal(victim->bye, TALLY_BYE_PROTOCOL);
    rogue_close(&r);
}

static void trails_that_lead_nowhere_come_to_an_end(void **state) {
    split *s = *state;
    rogue r;
    end *victim = rogue_call(&r, &s->n, &s->a, s->b.key);
    tally_wire_mark marks[2] = {{.size = 1}, {.size = 2}};
    rogue_hello(&r, NULL, 0);
    for (uint32_t i = 0; i <= TALLY_SESSION_MAX_TRAILS; i++) {
        assert_false(tally_session_ended(victim->session));
        marks[1].root.b[0] = (uint8_t)i;
        assert_int_equal(tally_wire_put_trail(&r.plain, tally_key_device(s->a.key), marks, 2, NULL),
                         0);
        rogue_say(&r);
        rogue_listen(&r);
    }
    assert_int_equal(victim->bye, TALLY_BYE_PROTOCOL);
    rogue_close(&r);
}

/* The true place of a true fork, with a side that somebody else signed. */
static void a_forged_branch_freezes_nothing(void **state) {
    split *s = *state;
    rogue r;
    tally_fork_branch side;
    tally_hash base;
    tally_txn *txn;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    part(s, 10, 5, 7);
    sync_two(s, &s->b, &s->a);
    fixture *f = &s->twin;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_fork_branch_make(txn, 0, 10, &base, &side, &f->err));
    tally_read_end(txn);
    tally_origin_format(tally_ledger_team(s->a.ledger), tally_key_device(s->b.key), origin);
    tally_checkpoint_sign(s->c.key, origin, &side.checkpoint);
    end *victim = rogue_call(&r, &s->n, &s->a, s->c.key);
    rogue_hello(&r, NULL, 0);
    assert_int_equal(
        tally_wire_put_branch(&r.plain, tally_key_device(s->b.key), 10, &base, &side, NULL), 0);
    rogue_say(&r);
    assert_int_equal(victim->bye, TALLY_BYE_PROTOCOL);
    assert_int_equal(common_of(&s->a, s->b.key), UINT64_MAX);
    rogue_close(&r);
}

#define T(test) cmocka_unit_test_setup_teardown(test, split_setup, split_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_fork_is_found_where_the_histories_part),
        T(a_fork_of_equal_lengths_is_found),
        T(a_fork_in_the_very_first_record_is_found),
        T(a_fork_in_the_last_record_is_found),
        T(a_long_fork_is_found),
        T(a_device_that_meets_its_copy_s_records_stops),
        T(a_proof_reaches_those_who_saw_neither),
        T(a_proof_is_told_once),
        T(a_settled_feed_goes_on_everywhere),
        T(of_two_last_words_the_shorter_feed_s_goes_round_too),
        T(a_proof_that_puts_its_bearer_out_of_the_team_is_told),
        T(two_histories_of_a_stranger_are_left_alone),
        T(nothing_is_built_on_a_claim_that_was_not_compared),
        T(a_trail_is_answered_when_a_hello_comes_with_it),
        T(a_root_that_nothing_backs_ends_the_session),
        T(trails_that_lead_nowhere_come_to_an_end),
        T(a_forged_branch_freezes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
