/* Engaged time of random teams, millisecond by millisecond: PROTOCOL.md section 7 played slowly
 * beside what the ledger says, under every policy, for whole periods and for their pieces. */
#include "random_team.h"

#include <tally/engaged.h>

#define SEED      20261121u
#define TEAMS     2000u
#define SESSIONS  5u
#define EVENTS    12u
#define RANGE_MS  400
#define MIDNIGHT  INT64_C(1774742400000) /* 2026-03-29T00:00:00Z */
#define FROM_MS   (MIDNIGHT - RANGE_MS / 2)
#define UNTIL_MS  (MIDNIGHT + RANGE_MS / 2)
#define NO_DEVICE TEAM_DEVICES

typedef struct event {
    int64_t start, end; /* from FROM_MS on */
} event;

typedef struct model_session {
    char id[8];
    uint64_t ref;
    unsigned owner; /* the device that described it last, or NO_DEVICE */
    event events[EVENTS];
    unsigned count;
    bool engaged[RANGE_MS], agent[RANGE_MS]; /* before sharing */
    int64_t latest[RANGE_MS];                /* the last human event up to here */
} model_session;

typedef struct claims {
    uint8_t engaged[SESSIONS][RANGE_MS], agent[SESSIONS][RANGE_MS];
} claims;

static fixture *f;
static random_team team;
static model_session sessions[SESSIONS];
static unsigned session_count;
static tally_engaged_policy policy;
static tally_zone *utc;

/* ---- a random team ---- */

static void draw_session(model_session *s, unsigned number) {
    *s = (model_session){.owner = NO_DEVICE};
    (void)snprintf(s->id, sizeof s->id, "s%u", number);
    s->ref = tally_session_ref(text("codex"), text(s->id));
    for (unsigned told = rng_below(&team.r, 4); told > 0; told--)
        team_say_session(&team, f, s->owner = rng_below(&team.r, TEAM_DEVICES), s->id, "/w");
    s->count = rng_below(&team.r, EVENTS + 1);
    for (unsigned i = 0; i < s->count; i++) {
        event *e = &s->events[i];
        e->start = e->end = rng_below(&team.r, RANGE_MS - 100);
        if (rng_below(&team.r, 2) == 0) e->end += 1 + rng_below(&team.r, 80);
        team_say_event(&team, f, rng_below(&team.r, TEAM_DEVICES), s->id, FROM_MS + e->start,
                       FROM_MS + e->end);
    }
}

/* In the order of their references, as the protocol counts them. */
static int by_ref(const void *a, const void *b) {
    const model_session *x = a, *y = b;
    return (x->ref > y->ref) - (x->ref < y->ref);
}

static void draw_team(void) {
    team_begin(&team);
    session_count = 1 + rng_below(&team.r, SESSIONS);
    for (unsigned i = 0; i < session_count; i++)
        draw_session(&sessions[i], i);
    qsort(sessions, session_count, sizeof *sessions, by_ref);
    policy.idle_ms = 1 + rng_below(&team.r, 40);
    policy.unattended_ms = 1 + rng_below(&team.r, 60);
}

/* ---- the slow way ---- */

static bool stands_before(const event *a, const event *b) {
    return a->start != b->start ? a->start < b->start : a->end < b->end;
}

static int64_t reach_back(const model_session *s, const event *e) {
    int64_t before = INT64_MIN;
    for (unsigned i = 0; i < s->count; i++)
        if (stands_before(&s->events[i], e) && s->events[i].end > before) before = s->events[i].end;
    bool near = before != INT64_MIN && before < e->start && e->start - before <= policy.idle_ms;
    return near ? before : e->start;
}

static void play_session(model_session *s) {
    for (int64_t t = 0; t < RANGE_MS; t++) {
        bool active = false;
        s->latest[t] = INT64_MIN;
        for (unsigned i = 0; i < s->count; i++) {
            const event *e = &s->events[i];
            bool within = reach_back(s, e) <= t && t < e->end, person = e->start == e->end;
            active = active || within;
            s->agent[t] = s->agent[t] || (within && !person);
            if (person && e->start <= t && e->start > s->latest[t]) s->latest[t] = e->start;
        }
        s->engaged[t] =
            active && s->latest[t] != INT64_MIN && t - s->latest[t] < policy.unattended_ms;
    }
}

static bool together(const model_session *a, const model_session *b) {
    if (a->owner == NO_DEVICE || b->owner == NO_DEVICE) return a == b;
    return (a->owner == 2) == (b->owner == 2); /* devices 0 and 1 are ada's */
}

/* Whether the millisecond is counted in the session. */
static bool counted(const model_session *s, int64_t t) {
    unsigned beside = 0, before = 0;
    const model_session *focus = NULL;
    if (!s->engaged[t]) return false;
    for (unsigned i = 0; i < session_count; i++) {
        const model_session *other = &sessions[i];
        if (!together(s, other) || !other->engaged[t]) continue;
        beside++;
        before += other < s;
        if (!focus || other->latest[t] > focus->latest[t]) focus = other;
    }
    if (policy.overlap == TALLY_OVERLAP_PARALLEL) return true;
    if (policy.overlap == TALLY_OVERLAP_FOCUS) return focus == s;
    return (uint64_t)(FROM_MS + t) % beside == before;
}

/* ---- what the ledger says ---- */

static unsigned place_of(uint64_t ref) {
    unsigned i = 0;
    while (i < session_count && sessions[i].ref != ref)
        i++;
    assert_true(i < session_count);
    return i;
}

static int claim(void *ctx, const tally_engaged *piece) {
    claims *c = ctx;
    unsigned s = place_of(piece->session);
    int64_t engaged = 0, agent = 0;
    assert_true((piece->feed == TALLY_ENGAGED_NOBODY) == (sessions[s].owner == NO_DEVICE));
    assert_true(piece->start_ms < piece->end_ms);
    assert_true(piece->start_ms >= FROM_MS && piece->end_ms <= UNTIL_MS);
    for (int64_t t = piece->start_ms; t < piece->end_ms; t++) {
        if (t % piece->sharing != piece->place) continue;
        if (piece->agent_ms > 0) {
            c->agent[s][t - FROM_MS]++;
            agent++;
        } else {
            c->engaged[s][t - FROM_MS]++;
            engaged++;
        }
    }
    assert_int_equal(piece->engaged_ms, engaged);
    assert_int_equal(piece->agent_ms, agent);
    return 0;
}

static int claim_within_a_day(void *ctx, const tally_engaged *piece) {
    assert_true(piece->end_ms <= MIDNIGHT || piece->start_ms >= MIDNIGHT);
    return claim(ctx, piece);
}

static void assert_claims(const claims *c) {
    for (unsigned s = 0; s < session_count; s++)
        for (int64_t t = 0; t < RANGE_MS; t++)
            if (c->engaged[s][t] != counted(&sessions[s], t) ||
                c->agent[s][t] != sessions[s].agent[t])
                fail_msg("overlap %d, session %s, millisecond %d: engaged %u, agent %u",
                         (int)policy.overlap, sessions[s].id, (int)t, c->engaged[s][t],
                         c->agent[s][t]);
}

/* Whatever the policy, a member's minutes are exactly the wall clock that any of its sessions
 * covers; under parallel each session's own. */
static void assert_wall_clock(const claims *c) {
    for (unsigned a = 0; a < session_count; a++)
        for (int64_t t = 0; t < RANGE_MS; t++) {
            unsigned claimed = 0;
            bool any = false;
            for (unsigned b = 0; b < session_count; b++) {
                if (!together(&sessions[a], &sessions[b])) continue;
                claimed += c->engaged[b][t];
                any = any || sessions[b].engaged[t];
            }
            if (policy.overlap != TALLY_OVERLAP_PARALLEL)
                assert_int_equal(claimed, any);
            else
                assert_int_equal(c->engaged[a][t], sessions[a].engaged[t]);
        }
}

typedef struct joint {
    const model_session *session;
} joint;

static int check_overlap(void *ctx, const tally_overlapping *overlap) {
    const model_session *s = ((joint *)ctx)->session,
                        *other = &sessions[place_of(overlap->session)];
    int64_t ms = 0, here = 0, there = 0;
    for (int64_t t = 0; t < RANGE_MS; t++) {
        if (!s->engaged[t] || !other->engaged[t]) continue;
        ms++;
        here += counted(s, t);
        there += counted(other, t);
    }
    assert_int_equal(overlap->ms, ms);
    assert_int_equal(overlap->here_ms, here);
    assert_int_equal(overlap->there_ms, there);
    return 0;
}

static void assert_overlaps(tally_txn *txn) {
    for (unsigned i = 0; i < session_count; i++) {
        joint j = {&sessions[i]};
        int64_t engaged, expected = 0;
        if (sessions[i].owner == NO_DEVICE) continue;
        OK(tally_overlaps_each(txn, &policy, sessions[i].ref, FROM_MS, UNTIL_MS, &engaged,
                               check_overlap, &j, &f->err));
        for (int64_t t = 0; t < RANGE_MS; t++)
            expected += sessions[i].engaged[t];
        assert_int_equal(engaged, expected);
    }
}

static int judge_team(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    OK(team_fold(&team, txn, err));
    for (int overlap = 0; overlap < 3; overlap++) {
        claims whole = {0}, halves = {0};
        int64_t middle = FROM_MS + rng_below(&team.r, RANGE_MS);
        policy.overlap = (tally_overlap)overlap;
        OK(tally_engaged_each(txn, &policy, FROM_MS, UNTIL_MS, utc, claim_within_a_day, &whole,
                              err));
        assert_claims(&whole);
        assert_wall_clock(&whole);
        OK(tally_engaged_each(txn, &policy, FROM_MS, middle, NULL, claim, &halves, err));
        OK(tally_engaged_each(txn, &policy, middle, UNTIL_MS, NULL, claim, &halves, err));
        assert_memory_equal(&whole, &halves, sizeof whole);
    }
    policy.overlap = (tally_overlap)rng_below(&team.r, 3);
    assert_overlaps(txn);
    return TEAM_TAKEN_BACK;
}

static void every_millisecond_of_a_random_team_is_counted_as_the_protocol_says(void **state) {
    (void)state;
    team.r = rng_begin("engaged time", SEED);
    OK(tally_zone_utc(&utc, &f->err));
    team_found(&team, f);
    for (unsigned i = 0; i < TEAMS; i++) {
        draw_team();
        for (unsigned s = 0; s < session_count; s++)
            play_session(&sessions[s]);
        team_shuffle(&team);
        assert_int_equal(store_write(f->ledger, 0, judge_team, NULL, &f->err), TEAM_TAKEN_BACK);
    }
    team_part(&team);
    tally_zone_free(utc);
}

/* Parts of a piece, wherever it is cut: each within two milliseconds of its due, together the
 * whole.
 */
static void parts_of_a_split_session_add_up_wherever_a_piece_is_cut(void **state) {
    (void)state;
    rng r = rng_begin("split time", SEED);
    for (unsigned round = 0; round < 5000; round++) {
        uint64_t parts[3], total = 0, below = 0;
        int64_t start = MIDNIGHT + rng_below(&r, 1000000), length = 1 + rng_below(&r, 100000);
        uint32_t sharing = 1 + rng_below(&r, 5);
        tally_engaged whole = {.start_ms = start, .end_ms = start + length, .sharing = sharing};
        whole.place = rng_below(&r, sharing);
        tally_engaged_cut(&whole, start, start + length, &whole);
        int64_t middle = start + rng_below(&r, (uint32_t)length), sum = 0;
        for (unsigned i = 0; i < 3; i++)
            total += parts[i] = 1 + rng_below(&r, 1000000);
        for (unsigned i = 0; i < 3; below += parts[i++]) {
            tally_engaged left, right, one, two, part;
            tally_engaged_divide(&whole, below, parts[i], total, &part);
            tally_engaged_cut(&whole, start, middle, &left);
            tally_engaged_cut(&whole, middle, start + length, &right);
            tally_engaged_divide(&left, below, parts[i], total, &one);
            tally_engaged_divide(&right, below, parts[i], total, &two);
            assert_int_equal(one.engaged_ms + two.engaged_ms, part.engaged_ms);
            int64_t off = part.engaged_ms * (int64_t)total - whole.engaged_ms * (int64_t)parts[i];
            assert_true(off < 2 * (int64_t)total && off > -2 * (int64_t)total);
            sum += part.engaged_ms;
        }
        assert_int_equal(sum, whole.engaged_ms);
    }
}

int main(void) {
    void *state = NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_millisecond_of_a_random_team_is_counted_as_the_protocol_says),
        cmocka_unit_test(parts_of_a_split_session_add_up_wherever_a_piece_is_cut),
    };
    if (fixture_setup(&state) != 0) return 1;
    f = state;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)fixture_teardown(&state);
    return failed;
}
