/* Who is in the team, from a set of team records: worked cases, and the same answer for every order
 * of arrival. */
#include "membership.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_FACTS 24

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

static uint64_t seed_state;

static uint64_t draw(uint64_t below) {
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (seed_state >> 33) % below;
}

static void the_order_of_arrival_changes_nothing(void **state) {
    (void)state;
    static team_member first[TALLY_TEAM_MAX_DEVICES];
    seed_state = 20261121;
    printf("seed %llu\n", (unsigned long long)seed_state);
    for (int round = 0; round < 3000; round++) {
        team_fact facts[MAX_FACTS];
        size_t count = 1 + draw(MAX_FACTS);
        for (size_t i = 0; i < count; i++) {
            char author = (char)('A' + draw(6)), subject = (char)('A' + draw(6));
            facts[i] = draw(3) == 0
                           ? revoke(author, i, subject, draw(MAX_FACTS), 1 + draw(40))
                           : add(author, i, subject, (tally_role)(1 + draw(3)), 1 + draw(40));
        }
        size_t known = work_out(facts, count);
        memcpy(first, members, known * sizeof *first);
        for (size_t i = count; i > 1; i--) {
            size_t k = draw(i);
            team_fact kept = facts[i - 1];
            facts[i - 1] = facts[k];
            facts[k] = kept;
        }
        assert_int_equal(work_out(facts, count), known);
        for (size_t i = 0; i < known; i++) {
            assert_memory_equal(first[i].device.b, members[i].device.b, TALLY_PUBLIC_KEY_BYTES);
            assert_int_equal(first[i].role, members[i].role);
            assert_true(first[i].limit == members[i].limit);
        }
    }
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
        cmocka_unit_test(the_order_of_arrival_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
