/* Who is in the team, from a set of team records: worked cases, and the same answer for every order
 * of arrival. */
#include "membership_slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "random.h"

#define SEED      20261121u
#define MAX_FACTS 24
#define FLOOD     50000u
#define FLOOD_MS  20000 /* with sanitizers, on a busy machine; the slow way takes hours */

static tally_device_id dev(char name) {
    tally_device_id id = {{0}};
    id.b[0] = (uint8_t)name;
    return id;
}

static team_fact add(char author, uint64_t index, char subject, tally_role role, tally_hlc hlc) {
    return (team_fact){.type = TEAM_FACT_ADD,
                       .hlc = hlc,
                       .author = dev(author),
                       .index = index,
                       .subject = dev(subject),
                       .role = role};
}

static team_fact revoke(char author, uint64_t index, char subject, uint64_t size, tally_hlc hlc) {
    return (team_fact){.type = TEAM_FACT_REVOKE,
                       .hlc = hlc,
                       .author = dev(author),
                       .index = index,
                       .subject = dev(subject),
                       .size = size};
}

static team_member members[TALLY_TEAM_MAX_DEVICES];

static size_t work_out(team_fact *facts, size_t count) {
    tally_device_id creator = dev('A');
    size_t known;
    assert_int_equal(membership_work_out(&creator, facts, count, members, &known), 0);
    return known;
}

static const team_member *find(size_t known, char name) {
    tally_device_id id = dev(name);
    for (size_t i = 0; i < known; i++)
        if (memcmp(members[i].device.b, id.b, sizeof id.b) == 0) return &members[i];
    return NULL;
}

static void the_creator_is_an_admin_and_adds_others(void **state) {
    (void)state;
    team_fact facts[] = {add('A', 1, 'B', TALLY_ROLE_MEMBER, 10),
                         add('A', 2, 'C', TALLY_ROLE_AUDITOR, 11)};
    size_t known = work_out(facts, 2);
    assert_int_equal(known, 3);
    assert_int_equal(find(known, 'A')->role, TALLY_ROLE_ADMIN);
    assert_int_equal(find(known, 'B')->role, TALLY_ROLE_MEMBER);
    assert_int_equal(find(known, 'C')->role, TALLY_ROLE_AUDITOR);
    assert_true(find(known, 'B')->limit == UINT64_MAX);
}

static void members_auditors_and_strangers_add_nobody(void **state) {
    (void)state;
    team_fact facts[] = {
        add('A', 1, 'B', TALLY_ROLE_MEMBER, 10), add('A', 2, 'C', TALLY_ROLE_AUDITOR, 11),
        add('B', 0, 'D', TALLY_ROLE_ADMIN, 12), add('C', 0, 'E', TALLY_ROLE_ADMIN, 13),
        add('X', 0, 'X', TALLY_ROLE_ADMIN, 1)};
    assert_int_equal(work_out(facts, 5), 3);
}

static void a_revocation_cuts_the_feed_and_beats_a_grant_beside_it(void **state) {
    (void)state;
    /* B, an admin, adds C in its record 7; A revokes B after 5 records: neither C nor what C added
     * stays. */
    team_fact facts[] = {add('A', 1, 'B', TALLY_ROLE_ADMIN, 10),
                         add('B', 3, 'D', TALLY_ROLE_MEMBER, 11),
                         add('B', 7, 'C', TALLY_ROLE_ADMIN, 12),
                         add('C', 0, 'E', TALLY_ROLE_MEMBER, 13), revoke('A', 2, 'B', 5, 20)};
    size_t known = work_out(facts, 5);
    assert_int_equal(known, 3);
    assert_int_equal(find(known, 'B')->limit, 5);
    assert_non_null(find(known, 'D'));
    assert_null(find(known, 'C'));
    assert_null(find(known, 'E'));
}

static void only_the_creator_revokes_the_creator(void **state) {
    (void)state;
    team_fact by_other[] = {add('A', 1, 'B', TALLY_ROLE_ADMIN, 10), revoke('B', 0, 'A', 1, 11)};
    size_t known = work_out(by_other, 2);
    assert_true(find(known, 'A')->limit == UINT64_MAX);
    team_fact by_itself[] = {add('A', 1, 'B', TALLY_ROLE_ADMIN, 10), revoke('A', 2, 'A', 3, 11)};
    known = work_out(by_itself, 2);
    assert_int_equal(find(known, 'A')->limit, 3);
    assert_non_null(find(known, 'B'));
}

static void everybody_may_leave(void **state) {
    (void)state;
    team_fact facts[] = {add('A', 1, 'B', TALLY_ROLE_MEMBER, 10), revoke('B', 4, 'B', 5, 11)};
    assert_int_equal(find(work_out(facts, 2), 'B')->limit, 5);
}

static void a_revoked_admins_later_revocations_do_not_count(void **state) {
    (void)state;
    /* A cuts B at 2; B's record 6 revokes D. That its clock says it came first does not help it. */
    team_fact facts[] = {add('A', 1, 'B', TALLY_ROLE_ADMIN, 10),
                         add('A', 2, 'D', TALLY_ROLE_MEMBER, 11), revoke('A', 3, 'B', 2, 20),
                         revoke('B', 6, 'D', 0, 15)};
    size_t known = work_out(facts, 4);
    assert_int_equal(find(known, 'B')->limit, 2);
    assert_true(find(known, 'D')->limit == UINT64_MAX);
}

static void of_two_admins_who_revoke_each_other_the_earlier_clock_holds(void **state) {
    (void)state;
    team_fact facts[] = {add('A', 1, 'B', TALLY_ROLE_ADMIN, 10),
                         add('A', 2, 'C', TALLY_ROLE_ADMIN, 11), revoke('B', 3, 'C', 0, 20),
                         revoke('C', 3, 'B', 0, 21)};
    size_t known = work_out(facts, 4);
    assert_int_equal(find(known, 'C')->limit, 0);
    assert_true(find(known, 'B')->limit == UINT64_MAX);
}

static void the_lowest_of_several_cuts_holds(void **state) {
    (void)state;
    team_fact facts[] = {add('A', 1, 'B', TALLY_ROLE_MEMBER, 10), revoke('A', 2, 'B', 9, 20),
                         revoke('A', 3, 'B', 4, 21)};
    assert_int_equal(find(work_out(facts, 3), 'B')->limit, 4);
}

static void who_came_in_cannot_change_how_it_came_in(void **state) {
    (void)state;
    /* X was added as admin by A; Y, whom X added, says with an older clock that X is only a member.
     */
    team_fact facts[] = {add('A', 1, 'X', TALLY_ROLE_ADMIN, 10),
                         add('X', 0, 'Y', TALLY_ROLE_ADMIN, 11),
                         add('Y', 0, 'X', TALLY_ROLE_MEMBER, 5)};
    size_t known = work_out(facts, 3);
    assert_int_equal(known, 3);
    assert_int_equal(find(known, 'X')->role, TALLY_ROLE_ADMIN);
}

/* ---- against the slow way ---- */

static void shuffle(rng *r, team_fact *facts, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t k = rng_below(r, (uint32_t)i);
        team_fact kept = facts[i - 1];
        facts[i - 1] = facts[k];
        facts[k] = kept;
    }
}

/* Fails unless the members are those that the slow way finds. */
static void assert_as_the_slow_way(team_fact *facts, size_t count) {
    static team_member slow[TALLY_TEAM_MAX_DEVICES];
    tally_device_id creator = dev('A');
    size_t slow_known, known = work_out(facts, count);
    assert_int_equal(slow_work_out(&creator, facts, count, slow, &slow_known), 0);
    assert_int_equal(known, slow_known);
    for (size_t i = 0; i < known; i++) {
        assert_memory_equal(slow[i].device.b, members[i].device.b, TALLY_PUBLIC_KEY_BYTES);
        assert_int_equal(slow[i].role, members[i].role);
        assert_int_equal(slow[i].round, members[i].round);
        assert_true(slow[i].limit == members[i].limit);
        assert_ptr_equal(slow[i].added, members[i].added);
    }
}

static team_fact random_fact(rng *r, size_t index, uint32_t devices, tally_hlc hlc) {
    char author = (char)('A' + rng_below(r, devices)),
         subject = (char)('A' + rng_below(r, devices));
    if (rng_below(r, 5) < 2) return revoke(author, index, subject, rng_below(r, MAX_FACTS), hlc);
    tally_role role = rng_below(r, 2) ? TALLY_ROLE_ADMIN : (tally_role)(1 + rng_below(r, 3));
    return add(author, index, subject, role, hlc);
}

/* In half of the teams clocks rise with the index, as they do in feeds; in the others the function
 * must do without. */
static void random_teams_are_what_the_slow_way_makes_of_them_in_any_order(void **state) {
    (void)state;
    rng r = rng_begin("teams", SEED);
    for (int round = 0; round < 20000; round++) {
        team_fact facts[MAX_FACTS];
        size_t count = 1 + rng_below(&r, MAX_FACTS);
        uint32_t devices = 2 + rng_below(&r, 6);
        bool rising = rng_below(&r, 2) == 0;
        for (size_t i = 0; i < count; i++)
            facts[i] = random_fact(&r, i, devices, rising ? 1 + i / 2 : 1 + rng_below(&r, 40));
        shuffle(&r, facts, count);
        assert_as_the_slow_way(facts, count);
    }
}

/* A device of many: its name in two bytes. */
static tally_device_id numbered(uint32_t number) {
    tally_device_id id = {{'N', (uint8_t)(number >> 8), (uint8_t)number}};
    return id;
}

/* A and the admin B add more devices than a team holds; B's part falls from its end, and each that
 * falls makes room for another. */
static void a_place_that_a_revocation_frees_goes_to_the_next(void **state) {
    (void)state;
    static team_fact facts[2 * TALLY_TEAM_MAX_DEVICES];
    rng r = rng_begin("places", SEED);
    size_t count = 0;
    facts[count++] = add('A', 1, 'B', TALLY_ROLE_ADMIN, 1);
    for (uint32_t i = 0; i < 1500; i++) {
        facts[count] = add(i % 2 ? 'A' : 'B', 2 + i, 'C', TALLY_ROLE_MEMBER, 2 + i);
        facts[count++].subject = numbered(i / 2 * 2 + (i % 7 ? i % 2 : 0));
    }
    for (uint32_t i = 0; i < 12; i++) /* every other one changes nothing */
        facts[count++] = revoke('A', 2000 + i, 'B', 1000 - i / 2 * 50, 2000 + i);
    shuffle(&r, facts, count);
    assert_as_the_slow_way(facts, count);
    assert_int_equal(work_out(facts, count), TALLY_TEAM_MAX_DEVICES);
}

/* ---- floods ---- */

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t work_out_in_time(const char *what, team_fact *facts, size_t count) {
    int64_t start = now_ms();
    size_t known = work_out(facts, count);
    int64_t took = now_ms() - start;
    printf("%s: %zu facts in %lld ms\n", what, count, (long long)took);
    assert_true(took < FLOOD_MS);
    return known;
}

static void fifty_thousand_revocations_of_one_device_take_no_time(void **state) {
    (void)state;
    team_fact *facts = calloc(FLOOD + 3, sizeof *facts);
    assert_non_null(facts);
    facts[0] = add('A', 1, 'B', TALLY_ROLE_ADMIN, 1);
    facts[1] = add('B', 0, 'D', TALLY_ROLE_MEMBER, 2);
    facts[2] = add('B', 1, 'E', TALLY_ROLE_MEMBER, 3);
    for (uint32_t i = 0; i < FLOOD; i++) /* each a little lower: down to 1 */
        facts[3 + i] = revoke('A', 2 + i, 'B', FLOOD - i, 10 + i);
    size_t known = work_out_in_time("each lower", facts, FLOOD + 3);
    assert_int_equal(known, 3); /* A, B and D: the lowest cut leaves B's first record */
    assert_int_equal(find(known, 'B')->limit, 1);
    assert_null(find(known, 'E'));
    for (uint32_t i = 0; i < FLOOD; i++) /* all the same */
        facts[3 + i] = revoke('A', 2 + i, 'B', 2, 10 + i);
    facts[0] = add('A', 1, 'B', TALLY_ROLE_ADMIN, 1);
    facts[1] = add('B', 0, 'D', TALLY_ROLE_MEMBER, 2);
    facts[2] = add('B', 1, 'E', TALLY_ROLE_MEMBER, 3);
    known = work_out_in_time("all the same", facts, FLOOD + 3);
    assert_int_equal(known, 4);
    assert_int_equal(find(known, 'B')->limit, 2);
    free(facts);
}

/* B says fifty thousand times that it leaves, each time with all it has: the first holds, since the
 * second lies past it. */
static void fifty_thousand_farewells_take_no_time(void **state) {
    (void)state;
    team_fact *facts = calloc(FLOOD + 1, sizeof *facts);
    assert_non_null(facts);
    facts[0] = add('A', 1, 'B', TALLY_ROLE_MEMBER, 1);
    for (uint32_t i = 0; i < FLOOD; i++)
        facts[1 + i] = revoke('B', i, 'B', i + 1, 10 + i);
    size_t known = work_out_in_time("farewells", facts, FLOOD + 1);
    assert_int_equal(find(known, 'B')->limit, 1);
    free(facts);
}

/* The hostile admin B fills the team, and its friend C takes away one of B's admissions after the
 * other: 25,000 of each, until nobody of B's is left. */
static void admissions_taken_back_one_by_one_take_no_time(void **state) {
    (void)state;
    team_fact *facts = calloc(FLOOD + 2, sizeof *facts);
    assert_non_null(facts);
    size_t count = 0;
    facts[count++] = add('A', 1, 'B', TALLY_ROLE_ADMIN, 1);
    facts[count++] = add('A', 2, 'C', TALLY_ROLE_ADMIN, 2);
    for (uint32_t i = 0; i < FLOOD / 2; i++) {
        facts[count] = add('B', i, 'X', TALLY_ROLE_ADMIN, 10 + i);
        facts[count++].subject = numbered(i);
        facts[count++] = revoke('C', i, 'B', FLOOD / 2 - 1 - i, 10 + i);
    }
    size_t known = work_out_in_time("taken back", facts, count);
    assert_int_equal(known, 3);
    assert_int_equal(find(known, 'B')->limit, 0);
    free(facts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_creator_is_an_admin_and_adds_others),
        cmocka_unit_test(members_auditors_and_strangers_add_nobody),
        cmocka_unit_test(a_revocation_cuts_the_feed_and_beats_a_grant_beside_it),
        cmocka_unit_test(only_the_creator_revokes_the_creator),
        cmocka_unit_test(everybody_may_leave),
        cmocka_unit_test(a_revoked_admins_later_revocations_do_not_count),
        cmocka_unit_test(of_two_admins_who_revoke_each_other_the_earlier_clock_holds),
        cmocka_unit_test(the_lowest_of_several_cuts_holds),
        cmocka_unit_test(who_came_in_cannot_change_how_it_came_in),
        cmocka_unit_test(random_teams_are_what_the_slow_way_makes_of_them_in_any_order),
        cmocka_unit_test(a_place_that_a_revocation_frees_goes_to_the_next),
        cmocka_unit_test(fifty_thousand_revocations_of_one_device_take_no_time),
        cmocka_unit_test(fifty_thousand_farewells_take_no_time),
        cmocka_unit_test(admissions_taken_back_one_by_one_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
