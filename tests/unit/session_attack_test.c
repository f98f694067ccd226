/* Sessions against a teammate who has valid keys and means harm: what it costs to hear it out stays
 * bounded, and what it says changes nothing for the others. */
#include "fork_fixture.h"
#include "session_rogue.h"

#include <zstd.h>

/* ---- forks ---- */

#define TWINS 12u

/* b signs another history after each of its first records. */
static void part_everywhere(pair *p, tally_fork forks[TWINS]) {
    static fixture twins[TWINS];
    for (uint32_t i = 0; i < TWINS; i++) {
        fork_copy(&p->b, &twins[i], 2);
        fixture_append_costs(&twins[i], 1000 + i, 1);
        fixture_append_costs(&p->b, i, 1);
        fork_prove(&p->b, &twins[i], fixture_id(&p->b), i, &forks[i]);
        fixture_close(&twins[i]);
    }
}

/* It tells of them from the last to the first, so that each makes all views be folded anew. */
static void proofs_that_part_ever_earlier_lead_to_the_first(void **state) {
    pair *p = *state;
    static tally_fork forks[TWINS];
    fixture c;
    part_everywhere(p, forks);
    team_add(&p->a, &c, 3, TALLY_ROLE_MEMBER);
    team_pass_all(&p->b, &p->a, fixture_id(&p->b));
    end *victim = called(p);
    for (uint32_t i = TWINS; i-- > 0;) {
        if (i + 1 + TALLY_SESSION_MAX_PROOFS == TWINS) { /* enough for one session */
            assert_int_equal(tally_wire_put_fork(&p->r.plain, &forks[i], NULL), 0);
            rogue_say(&p->r);
            assert_dropped(p, victim, TALLY_BYE_LIMIT);
            rogue_close(&p->r);
            victim = called(p);
        }
        assert_int_equal(tally_wire_put_fork(&p->r.plain, &forks[i], NULL), 0);
        rogue_say(&p->r);
        rogue_listen(&p->r);
        assert_alive(victim);
        assert_int_equal(team_stored(&p->a, fixture_id(&p->b)), i);
    }
    assert_int_equal(fork_give(&c, &forks[0]), 0);
    assert_same_views(&p->a, &c);
    assert_true(branch_count(&p->a, fixture_id(&p->b)) <= TALLY_FORK_MAX_BRANCHES);
    fixture_verify_clean(&p->a);
    fixture_close(&c);
}

/* ---- claims ---- */

#define FLOOD 300u

static void say_have(rogue *r, const tally_device_id *device, uint64_t size, uint32_t salt) {
    tally_wire_head head = {.device = *device, .size = size};
    tally_put_be32(head.root.b, salt);
    assert_int_equal(tally_wire_put_have(&r->plain, &head, NULL), 0);
}

/* A root at a size that nothing signs is made from records: up to 255 of 64 KiB. */
static void a_flood_of_claims_is_compared_once(void **state) {
    pair *p = *state;
    const tally_device_id *a = fixture_id(&p->a);
    fixture_append_costs(&p->a, 0, 100); /* one commit */
    uint64_t inside = fixture_size(&p->a) - 50;
    end *victim = called(p);
    for (uint32_t i = 1; i <= FLOOD; i++)
        say_have(&p->r, a, inside, i);
    rogue_say(&p->r);
    rogue_listen(&p->r);
    assert_alive(victim);
    assert_int_equal(p->r.heard[TALLY_WIRE_TRAIL], 1);
    net_wait(&p->n, TALLY_SESSION_TRAIL_MS); /* and of course nothing follows */
    assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
}

/* What is put off is not forgotten, and does not keep the driver busy meanwhile. */
static void a_claim_that_is_put_off_is_compared_later(void **state) {
    pair *p = *state;
    const tally_device_id *a = fixture_id(&p->a);
    tally_wire_head head = {.device = *a};
    fixture_append_costs(&p->a, 0, 100);
    uint64_t inside = fixture_size(&p->a) - 50;
    end *victim = called(p);
    head.size = inside;
    (void)fork_root(&p->a, a, inside, &head.root);
    assert_int_equal(tally_wire_put_have(&p->r.plain, &head, NULL), 0);
    rogue_say(&p->r);
    say_have(&p->r, a, inside + 1, 1);
    rogue_say(&p->r);
    rogue_listen(&p->r);
    assert_int_equal(p->r.heard[TALLY_WIRE_TRAIL], 0);
    assert_false(tally_session_in_sync(victim->session));
    assert_int_equal(tally_session_deadline(victim->session), p->n.now + TALLY_SESSION_COMPARE_MS);
    net_wait(&p->n, TALLY_SESSION_COMPARE_MS);
    rogue_listen(&p->r);
    assert_int_equal(p->r.heard[TALLY_WIRE_TRAIL], 1);
    assert_true(tally_session_deadline(victim->session) > p->n.now);
}

static void a_flood_of_trails_is_answered_once(void **state) {
    pair *p = *state;
    const tally_device_id *a = fixture_id(&p->a);
    fixture_append_costs(&p->a, 0, 100);
    end *victim = called(p);
    tally_wire_mark mark = {.size = fixture_size(&p->a) - 50};
    for (uint32_t i = 0; i < TALLY_SESSION_MAX_TRAILS; i++)
        assert_int_equal(tally_wire_put_trail(&p->r.plain, a, &mark, 1, NULL), 0);
    rogue_say(&p->r);
    rogue_listen(&p->r);
    assert_alive(victim);
    assert_int_equal(p->r.heard[TALLY_WIRE_TRAIL], 1);
    assert_int_equal(tally_wire_put_trail(&p->r.plain, a, &mark, 1, NULL), 0);
    rogue_say(&p->r);
    assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
}

/* ---- numbers at their ends ---- */

static void sizes_and_clocks_at_their_ends_change_nothing(void **state) {
    pair *p = *state;
    const tally_device_id *a = fixture_id(&p->a);
    uint64_t before = fixture_size(&p->a);
    tally_wire_head heads[1] = {{.device = *a, .size = INT64_MAX}};
    end *victim = rogue_call(&p->r, &p->n, &p->a, p->b.key);
    assert_int_equal(tally_wire_put_hello(&p->r.plain, INT64_MAX, NULL, 0, heads, 1, NULL), 0);
    say_have(&p->r, a, INT64_MAX, 1);
    tally_wire_mark marks[2] = {{.size = INT64_MAX - 1}, {.size = INT64_MAX}};
    assert_int_equal(tally_wire_put_trail(&p->r.plain, a, marks, 2, NULL), 0);
    assert_int_equal(tally_wire_put_hello(&p->r.plain, 0, NULL, 0, NULL, 0, NULL), 0);
    rogue_say(&p->r);
    rogue_listen(&p->r);
    assert_alive(victim);
    net_wait(&p->n, 1000);
    assert_alive(victim);
    assert_int_equal(fixture_size(&p->a), before);
    fixture_append_costs(&p->a, 0, 1); /* and goes on as before */
    tally_session_wake(victim->session, p->n.now);
    rogue_listen(&p->r);
    assert_int_equal(p->r.head.size, before + 1);
}

/* Commits that would make the victim's own feed longer, under its name and somebody else's
 * signature, or further on than anybody has records. */
static void nobody_else_writes_the_own_feed(void **state) {
    static const uint64_t froms[] = {0, INT64_MAX - 1};
    pair *p = *state;
    uint64_t before = fixture_size(&p->a);
    for (size_t i = 0; i < sizeof froms / sizeof *froms; i++) {
        end *victim = called(p);
        uint8_t raw[] = {0, 0, 0, 1, 0x80}, packed[64];
        tally_wire_commits commits = {
            .device = *fixture_id(&p->a), .from = froms[i], .count = 1, .raw_len = sizeof raw};
        size_t len = ZSTD_compress(packed, sizeof packed, raw, sizeof raw, 3);
        commits.packed = tally_span_of(packed, len);
        commits.checkpoint.size = froms[i] + 1;
        commits.checkpoint.signature[0] = 1;
        assert_int_equal(tally_wire_put_commits(&p->r.plain, &commits, NULL), 0);
        rogue_say(&p->r);
        assert_dropped(p, victim, TALLY_BYE_PROTOCOL);
        rogue_close(&p->r);
    }
    p->r = (rogue){.n = &p->n};
    assert_int_equal(fixture_size(&p->a), before);
    fixture_verify_clean(&p->a);
}

/* ---- proofs of nothing ---- */

/* About the creator, about nobody, and by nobody. */
static void forged_forks_freeze_nobody(void **state) {
    pair *p = *state;
    tally_device_id who[] = {*fixture_id(&p->a), *fixture_id(&p->b), {{7}}};
    for (size_t i = 0; i < sizeof who / sizeof *who; i++) {
        tally_fork_state state_of;
        end *victim = called(p);
        tally_fork fork = {.device = who[i], .common = 1};
        fork.branches[0].checkpoint.size = fork.branches[1].checkpoint.size = 2;
        fork.branches[1].next.b[0] = 1;
        assert_int_equal(tally_wire_put_fork(&p->r.plain, &fork, NULL), 0);
        rogue_say(&p->r);
        rogue_listen(&p->r);
        assert_false(fork_known(&p->a, &who[i], &state_of));
        if (i < 2) assert_int_equal(victim->bye, TALLY_BYE_PROTOCOL);
        rogue_close(&p->r);
    }
    p->r = (rogue){.n = &p->n};
}

/* Each proof about a device that nobody knows is a write and a row: there is an end to them. */
static void proofs_about_strangers_have_an_end(void **state) {
    pair *p = *state;
    end *victim = called(p);
    for (uint32_t i = 0; i <= TALLY_SESSION_MAX_FEEDS && !tally_session_ended(victim->session);
         i++) {
        tally_fork fork = {.common = 1};
        tally_put_be32(fork.device.b, i);
        fork.branches[0].checkpoint.size = fork.branches[1].checkpoint.size = 2;
        fork.branches[1].next.b[0] = 1;
        assert_int_equal(tally_wire_put_fork(&p->r.plain, &fork, NULL), 0);
        rogue_say(&p->r);
    }
    assert_dropped(p, victim, TALLY_BYE_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flood_of_claims_is_compared_once, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(a_claim_that_is_put_off_is_compared_later, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_trails_is_answered_once, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(proofs_that_part_ever_earlier_lead_to_the_first, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(sizes_and_clocks_at_their_ends_change_nothing, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(nobody_else_writes_the_own_feed, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(forged_forks_freeze_nobody, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(proofs_about_strangers_have_an_end, pair_setup,
                                        pair_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
