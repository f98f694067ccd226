/* Engaged time: worked examples by hand, and properties that must hold for any sessions. */
#include "timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MINUTE       60000
#define MAX_SESSIONS 6
#define MAX_EVENTS   40

typedef struct shares {
    int64_t of[MAX_SESSIONS];
    int64_t pieces;
} shares;

/* Its milliseconds, counted one by one where they take turns. */
static int add_share(void *ctx, const timeline_share *share) {
    shares *s = ctx;
    assert_true(share->start_ms < share->end_ms);
    assert_true(share->place < share->sharing);
    int64_t length = share->end_ms - share->start_ms, each = length / share->sharing;
    for (int64_t t = share->start_ms + each * share->sharing; t < share->end_ms; t++)
        each += t % share->sharing == share->place;
    s->of[share->session] += each;
    s->pieces++;
    return 0;
}

static int64_t measure(const interval_list *list) {
    int64_t sum = 0;
    for (size_t i = 0; i < list->count; i++)
        sum += list->items[i].end_ms - list->items[i].start_ms;
    return sum;
}

static timeline_event human(int64_t minute) {
    return (timeline_event){minute * MINUTE, minute * MINUTE, true};
}

static timeline_event run(int64_t from, int64_t until) {
    return (timeline_event){from * MINUTE, until * MINUTE, false};
}

static void expect(timeline_event *events, size_t count, int64_t engaged_min, int64_t agent_min) {
    interval_list engaged = {0}, agent = {0};
    tally_engaged_policy policy = TALLY_ENGAGED_POLICY_DEFAULT;
    assert_int_equal(timeline_intervals(events, count, &policy, &engaged, &agent), 0);
    assert_int_equal(measure(&engaged), engaged_min * MINUTE);
    assert_int_equal(measure(&agent), agent_min * MINUTE);
    free(engaged.items);
    free(agent.items);
}

static void gaps_up_to_ten_minutes_count_and_longer_ones_do_not(void **state) {
    (void)state;
    timeline_event short_gap[] = {human(0), run(1, 5), human(8)};
    expect(short_gap, 3, 8, 5);
    timeline_event at_limit[] = {human(0), human(10)};
    expect(at_limit, 2, 10, 0);
    timeline_event too_long[] = {human(0), human(11)};
    expect(too_long, 2, 0, 0);
    timeline_event none[] = {human(5)};
    expect(none, 1, 0, 0);
}

static void the_agent_alone_is_engaged_time_for_fifteen_minutes_only(void **state) {
    (void)state;
    timeline_event left_alone[] = {human(0), run(0, 60)};
    expect(left_alone, 2, 15, 60);
    timeline_event came_back[] = {human(0), run(0, 60), human(40)};
    expect(came_back, 3, 30, 60);
    timeline_event nobody[] = {run(0, 30)};
    expect(nobody, 1, 0, 30);
    timeline_event late_start[] = {human(0), run(12, 20)}; /* the gap is idle, the run is near */
    expect(late_start, 2, 3, 8);
}

static void share_two(tally_overlap overlap, int64_t first_half_min, int64_t second_half_min) {
    tally_engaged_policy policy = TALLY_ENGAGED_POLICY_DEFAULT;
    timeline_event a[] = {human(0), human(10)}, b[] = {human(5), human(15)};
    int64_t humans_a[] = {0, 10 * MINUTE}, humans_b[] = {5 * MINUTE, 15 * MINUTE};
    interval_list agent = {0};
    timeline_session sessions[2] = {{{0}, humans_a, 2}, {{0}, humans_b, 2}};
    shares sum = {0};
    assert_int_equal(timeline_intervals(a, 2, &policy, &sessions[0].engaged, &agent), 0);
    assert_int_equal(timeline_intervals(b, 2, &policy, &sessions[1].engaged, &agent), 0);
    assert_int_equal(timeline_share_each(sessions, 2, overlap, add_share, &sum), 0);
    assert_int_equal(sum.of[0], first_half_min * MINUTE / 2);
    assert_int_equal(sum.of[1], second_half_min * MINUTE / 2);
    free(sessions[0].engaged.items);
    free(sessions[1].engaged.items);
    free(agent.items);
}

static void an_overlap_is_shared_as_the_policy_says(void **state) {
    (void)state;
    share_two(TALLY_OVERLAP_SPLIT, 15, 15); /* 5 alone, 5 shared, 5 alone */
    share_two(TALLY_OVERLAP_FOCUS, 10, 20); /* from minute 5 the second has the later person */
    share_two(TALLY_OVERLAP_PARALLEL, 20, 20);
}

static uint64_t seed_state;

static uint64_t draw(uint64_t below) {
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (seed_state >> 33) % below;
}

typedef struct random_sessions {
    size_t count;
    timeline_event events[MAX_SESSIONS][MAX_EVENTS];
    size_t event_count[MAX_SESSIONS];
    int64_t humans[MAX_SESSIONS][MAX_EVENTS];
    timeline_session sessions[MAX_SESSIONS];
    interval_list agent[MAX_SESSIONS];
} random_sessions;

static void draw_sessions(random_sessions *r) {
    tally_engaged_policy policy = TALLY_ENGAGED_POLICY_DEFAULT;
    *r = (random_sessions){.count = 1 + draw(MAX_SESSIONS)};
    for (size_t s = 0; s < r->count; s++) {
        r->event_count[s] = draw(MAX_EVENTS);
        for (size_t i = 0; i < r->event_count[s]; i++) {
            int64_t at = (int64_t)draw(4 * 60 * MINUTE);
            bool person = draw(3) == 0;
            r->events[s][i] =
                (timeline_event){at, person ? at : at + (int64_t)draw(20 * MINUTE), person};
        }
        assert_int_equal(timeline_intervals(r->events[s], r->event_count[s], &policy,
                                            &r->sessions[s].engaged, &r->agent[s]),
                         0);
        r->sessions[s].humans = r->humans[s];
        for (size_t i = 0; i < r->event_count[s]; i++)
            if (r->events[s][i].human)
                r->humans[s][r->sessions[s].human_count++] = r->events[s][i].start_ms;
    }
}

static void drop_sessions(random_sessions *r) {
    for (size_t s = 0; s < r->count; s++) {
        free(r->sessions[s].engaged.items);
        free(r->agent[s].items);
    }
}

/* The wall clock covered by any session, minute by minute would be too coarse: counted by edges. */
static int64_t covered(const random_sessions *r) {
    int64_t sum = 0, at = INT64_MIN;
    for (;;) {
        int64_t next = INT64_MAX, end = INT64_MIN;
        for (size_t s = 0; s < r->count; s++)
            for (size_t i = 0; i < r->sessions[s].engaged.count; i++) {
                interval it = r->sessions[s].engaged.items[i];
                if (it.end_ms <= at) continue;
                int64_t from = it.start_ms > at ? it.start_ms : at;
                if (from < next || (from == next && it.end_ms > end)) {
                    next = from;
                    end = it.end_ms;
                }
            }
        if (next == INT64_MAX) return sum;
        sum += end - next;
        at = end;
    }
}

static void a_members_engaged_time_is_exactly_the_wall_clock_it_covers(void **state) {
    (void)state;
    seed_state = 20261121;
    printf("seed %llu\n", (unsigned long long)seed_state);
    for (int round = 0; round < 2000; round++) {
        random_sessions r;
        draw_sessions(&r);
        int64_t wall = covered(&r), parallel = 0;
        for (size_t s = 0; s < r.count; s++)
            parallel += measure(&r.sessions[s].engaged);
        const tally_overlap policies[] = {TALLY_OVERLAP_SPLIT, TALLY_OVERLAP_FOCUS,
                                          TALLY_OVERLAP_PARALLEL};
        for (int p = 0; p < 3; p++) {
            shares sum = {0};
            int64_t total = 0;
            assert_int_equal(timeline_share_each(r.sessions, r.count, policies[p], add_share, &sum),
                             0);
            for (size_t s = 0; s < r.count; s++)
                total += sum.of[s];
            assert_int_equal(total, p == 2 ? parallel : wall);
        }
        drop_sessions(&r);
    }
}

static void the_order_of_events_changes_nothing(void **state) {
    (void)state;
    tally_engaged_policy policy = TALLY_ENGAGED_POLICY_DEFAULT;
    seed_state = 7;
    for (int round = 0; round < 300; round++) {
        random_sessions r;
        draw_sessions(&r);
        timeline_event shuffled[MAX_EVENTS];
        size_t n = r.event_count[0];
        memcpy(shuffled, r.events[0], n * sizeof *shuffled);
        for (size_t i = n; i > 1; i--) {
            size_t k = draw(i);
            timeline_event kept = shuffled[i - 1];
            shuffled[i - 1] = shuffled[k];
            shuffled[k] = kept;
        }
        interval_list engaged = {0}, agent = {0};
        assert_int_equal(timeline_intervals(shuffled, n, &policy, &engaged, &agent), 0);
        assert_int_equal(engaged.count, r.sessions[0].engaged.count);
        assert_int_equal(measure(&engaged), measure(&r.sessions[0].engaged));
        assert_int_equal(measure(&agent), measure(&r.agent[0]));
        free(engaged.items);
        free(agent.items);
        drop_sessions(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_up_to_ten_minutes_count_and_longer_ones_do_not),
        cmocka_unit_test(the_agent_alone_is_engaged_time_for_fifteen_minutes_only),
        cmocka_unit_test(an_overlap_is_shared_as_the_policy_says),
        cmocka_unit_test(a_members_engaged_time_is_exactly_the_wall_clock_it_covers),
        cmocka_unit_test(the_order_of_events_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
