/* Reports of random teams: whatever the keys, the zones and the order of arrival, the sums are the
 * same; days make periods, clients make the total, and what is a client's is the same figure alone
 * and among others. */
#include "random_team.h"

#include <tally/plan.h>
#include <tally/report.h>

#include <fcntl.h>

#define SEED      20261121u
#define TEAMS     120u
#define SESSIONS  6u
#define MINUTE    INT64_C(60000)
#define MIDNIGHT  INT64_C(1774738800000) /* 2026-03-28T23:00:00Z: midnight in Berlin, a 23 h day */
#define FIRST_DAY 20540                  /* 2026-03-28 */
#define DAYS      3
#define RANGE_MIN (4 * 24 * 60)
#define CLIENTS   3u
#define FOLDER    "/usr/share/zoneinfo/"
#define FEE       INT64_C(200000000000001) /* of a plan: it cannot be shared evenly */

static const struct {
    const char *client, *dir, *zone;
} clients[CLIENTS] = {{"acme", "/a", "Asia/Tokyo"},
                      {"bell", "/b", "America/Los_Angeles"},
                      {"cook", "/c", NULL}}; /* its days are the team's */

static fixture *f;
static random_team team;
static tally_zone *berlin, *loaded[2];
static tally_client_zone zones[2];
static const char *plan_member; /* NULL: the plan is everybody's */

static bool zone_read(const char *name, tally_zone **out) {
    static uint8_t tzif[TALLY_ZONE_MAX_BYTES];
    char path[FIXTURE_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s%s", FOLDER, name);
    int fd = open(path, O_RDONLY);
    ssize_t len = fd >= 0 ? read(fd, tzif, sizeof tzif) : -1;
    if (fd >= 0) (void)close(fd);
    return len > 0 && tally_zone_parse(tally_span_of(tzif, (size_t)len), out, NULL) == 0;
}

/* ---- a random team ---- */

static void say_split(const char *session) {
    uint8_t shares[] = {0x93, 0x93, 0xa4, 'a', 'c',  'm',  'e', 0xa0, 1,   0x93, 0xa4, 'b', 'e',
                        'l',  'l',  0xa0, 1,   0x93, 0xa4, 'c', 'o',  'o', 'k',  0xa0, 1};
    shares[8] = (uint8_t)(1 + rng_below(&team.r, 100));
    shares[16] = (uint8_t)(1 + rng_below(&team.r, 100));
    shares[24] = (uint8_t)(1 + rng_below(&team.r, 100));
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "agent", text("codex"));
    tally_put_str(f->writer, "session", text(session));
    tally_put_raw(f->writer, "shares", tally_span_of(shares, sizeof shares));
    team_say(&team, f, 0, "split");
}

static int64_t draw_time(void) {
    return MIDNIGHT - 24 * 60 * MINUTE + rng_below(&team.r, RANGE_MIN) * MINUTE +
           rng_below(&team.r, 60000);
}

static void say_session(unsigned number) {
    static const char *const dirs[] = {"/a/x", "/b", "/c", "/nobody"};
    char id[8], key[16];
    (void)snprintf(id, sizeof id, "s%u", number);
    for (unsigned told = 1 + rng_below(&team.r, 2); told > 0; told--)
        team_say_session(&team, f, rng_below(&team.r, TEAM_DEVICES), id,
                         dirs[rng_below(&team.r, 4)]);
    for (unsigned i = rng_below(&team.r, 10); i > 0; i--) {
        int64_t start = draw_time(), end = start;
        if (rng_below(&team.r, 2) == 0) end += 1 + rng_below(&team.r, 600 * 60000);
        team_say_event(&team, f, rng_below(&team.r, TEAM_DEVICES), id, start, end);
        if (end > start) /* somebody was there */
            team_say_event(&team, f, 0, id, start + MINUTE, start + MINUTE);
    }
    for (unsigned i = rng_below(&team.r, 8); i > 0; i--) {
        (void)snprintf(key, sizeof key, "k%u-%u", number, i);
        cost_body cost = {.agent = "codex",
                          .key = key,
                          .session = id,
                          .model = rng_below(&team.r, 2) ? "alpha" : "beta",
                          .time = (uint64_t)draw_time(),
                          .input = rng_below(&team.r, 1000),
                          .output = rng_below(&team.r, 1000)};
        put_cost(f->writer, &cost);
        team_say(&team, f, rng_below(&team.r, TEAM_DEVICES), "cost");
    }
    if (rng_below(&team.r, 3) == 0) say_split(id);
}

static void say_policy(void) {
    static const char *const overlaps[] = {"split", "focus", "parallel"};
    for (unsigned i = 0; i < CLIENTS; i++) {
        tally_writer_begin(f->writer);
        tally_put_str(f->writer, "rule", text(clients[i].client));
        tally_put_str(f->writer, "client", text(clients[i].client));
        tally_put_str(f->writer, "path", text(clients[i].dir));
        team_say(&team, f, 0, "rule.set");
    }
    put_price(f->writer, "alpha", NULL, "USD", 3000001, 15000007);
    team_say(&team, f, 0, "price.set");
    put_price(f->writer, "beta", NULL, "USD", 1000003, 5000009);
    team_say(&team, f, 0, "price.set");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "plan", text("max"));
    tally_put_str(f->writer, "from", text("2026-03"));
    tally_put_str(f->writer, "provider", text("codex"));
    plan_member = rng_below(&team.r, 2) ? "ada" : NULL;
    tally_put_str_opt(f->writer, "member", text(plan_member));
    tally_put_u64(f->writer, "fee", FEE);
    tally_put_str(f->writer, "currency", text("USD"));
    team_say(&team, f, 0, "plan.set");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "overlap", text(overlaps[rng_below(&team.r, 3)]));
    tally_put_u64(f->writer, "idle_minutes", 1 + rng_below(&team.r, 120));
    tally_put_u64(f->writer, "unattended_minutes", 1 + rng_below(&team.r, 600));
    team_say(&team, f, rng_below(&team.r, TEAM_DEVICES), "engaged.set");
}

static void draw_team(void) {
    team_begin(&team);
    say_policy();
    for (unsigned i = 0, count = 1 + rng_below(&team.r, SESSIONS); i < count; i++)
        say_session(i);
}

/* ---- sums ---- */

static void assert_same(const tally_sums *a, const tally_sums *b, const char *what) {
    bool same = a->engaged_ms == b->engaged_ms && a->agent_ms == b->agent_ms &&
                a->pico == b->pico && a->paid_pico == b->paid_pico && a->input == b->input &&
                a->output == b->output;
    if (!same)
        fail_msg("%s: engaged %llu and %llu, agent %llu and %llu, pico %lld and %lld", what,
                 (unsigned long long)a->engaged_ms, (unsigned long long)b->engaged_ms,
                 (unsigned long long)a->agent_ms, (unsigned long long)b->agent_ms,
                 (long long)a->pico, (long long)b->pico);
}

static void add(tally_sums *sum, const tally_sums *more) {
    sum->engaged_ms += more->engaged_ms;
    sum->agent_ms += more->agent_ms;
    sum->pico += more->pico;
    sum->paid_pico += more->paid_pico;
    sum->input += more->input;
    sum->output += more->output;
}

static tally_report *run(tally_txn *txn, const tally_filter *filter, const tally_report_key *keys,
                         size_t count, const tally_zone *zone) {
    tally_report *report;
    OK(tally_report_run(txn, filter, keys, count, zone, &report, &f->err));
    return report;
}

static tally_sums total(tally_txn *txn, const tally_filter *filter, const tally_zone *zone) {
    static const tally_report_key key = TALLY_BY_AGENT;
    tally_report *report = run(txn, filter, &key, 1, zone);
    tally_sums sums = *tally_report_total(report);
    tally_report_free(report);
    return sums;
}

/* Rows add up to their total, which is the same under any keys. */
static void assert_any_keys(tally_txn *txn, const tally_filter *filter, const tally_sums *whole) {
    static const tally_report_key all[] = {TALLY_BY_CLIENT, TALLY_BY_PROJECT, TALLY_BY_AGENT,
                                           TALLY_BY_MEMBER, TALLY_BY_DEVICE,  TALLY_BY_DAY,
                                           TALLY_BY_WEEK,   TALLY_BY_MONTH,   TALLY_BY_SESSION};
    for (unsigned round = 0; round < 4; round++) {
        tally_report_key keys[TALLY_REPORT_MAX_KEYS];
        size_t count = 1 + rng_below(&team.r, 4);
        tally_sums sum = {0};
        for (size_t i = 0; i < count; i++)
            keys[i] = all[rng_below(&team.r, sizeof all / sizeof *all)];
        tally_report *report = run(txn, filter, keys, count, berlin);
        for (size_t i = 0; i < tally_report_count(report); i++)
            add(&sum, &tally_report_at(report, i)->sums);
        assert_same(&sum, tally_report_total(report), "rows and their total");
        assert_same(&sum, whole, "totals by different keys");
        tally_report_free(report);
    }
}

static const tally_zone *zone_of(unsigned client) {
    return clients[client].zone ? loaded[client] : berlin;
}

static tally_period days_in(const tally_zone *zone, int64_t first, int64_t end) {
    return (tally_period){tally_zone_day_start(zone, first), tally_zone_day_start(zone, end), first,
                          end};
}

/* A client's row is what its own report in its own zone says, and what nobody has is the rest. */
static void assert_clients(tally_txn *txn, const tally_filter *filter, const tally_sums *whole) {
    static const tally_report_key key = TALLY_BY_CLIENT;
    tally_report *report = run(txn, filter, &key, 1, berlin);
    tally_filter nobody = *filter;
    nobody.unattributed = true;
    tally_sums sum = total(txn, &nobody, berlin);
    for (unsigned c = 0; c < CLIENTS; c++) {
        tally_filter own = *filter;
        tally_sums row = {0};
        own.client = text(clients[c].client);
        own.zones = NULL;
        own.zone_count = 0;
        if (own.has_period)
            own.period = days_in(zone_of(c), filter->period.first_day, filter->period.end_day);
        for (size_t i = 0; i < tally_report_count(report); i++)
            if (tally_span_is(tally_report_at(report, i)->keys[0], clients[c].client))
                row = tally_report_at(report, i)->sums;
        tally_sums alone = total(txn, &own, zone_of(c));
        assert_same(&row, &alone, clients[c].client);
        add(&sum, &alone);
    }
    assert_same(&sum, whole, "clients and nobody together");
    tally_report_free(report);
}

/* Days asked for one by one are the rows of the period asked for at once. */
static void assert_days(tally_txn *txn, const tally_filter *filter, const tally_sums *whole) {
    tally_sums sum = {0};
    static const tally_report_key key = TALLY_BY_DAY;
    tally_report *report = run(txn, filter, &key, 1, berlin);
    assert_true(tally_report_count(report) <= DAYS);
    for (int64_t day = FIRST_DAY; day < FIRST_DAY + DAYS; day++) {
        char name[TALLY_TIME_TEXT_BYTES];
        tally_filter one = *filter;
        tally_sums row = {0};
        one.period = days_in(berlin, day, day + 1);
        tally_sums sums = total(txn, &one, berlin);
        tally_date_format(day, name);
        for (size_t i = 0; i < tally_report_count(report); i++)
            if (tally_span_is(tally_report_at(report, i)->keys[0], name))
                row = tally_report_at(report, i)->sums;
        assert_same(&row, &sums, name);
        add(&sum, &sums);
    }
    assert_same(&sum, whole, "days and their period");
    tally_report_free(report);
}

static void assert_sessions(tally_txn *txn, const tally_filter *filter, const tally_sums *whole) {
    tally_session_list *list;
    tally_sums sum = {0};
    OK(tally_sessions_run(txn, filter, &list, &f->err));
    for (size_t i = 0; i < tally_sessions_count(list); i++)
        add(&sum, &tally_sessions_at(list, i)->sums);
    assert_same(&sum, whole, "sessions and the report");
    tally_sessions_free(list);
}

/* Two members may capture one session: all of it is the one's that described it last, costs and
 * minutes, and what a plan paid. */
static void assert_members(tally_txn *txn, const tally_filter *filter) {
    static const tally_report_key keys[] = {TALLY_BY_SESSION, TALLY_BY_MEMBER, TALLY_BY_DEVICE};
    tally_report *report = run(txn, filter, keys, 3, berlin);
    for (size_t i = 0; i < tally_report_count(report); i++) {
        const tally_report_row *row = tally_report_at(report, i);
        assert_true(i == 0 ||
                    !tally_span_eq(row->keys[0], tally_report_at(report, i - 1)->keys[0]));
        if (plan_member && tally_span_is(row->keys[1], "bob"))
            assert_true(row->sums.paid_pico == 0);
    }
    tally_report_free(report);
}

typedef struct judged {
    tally_sums all, period;
} judged;

static int judge_team(void *ctx, tally_txn *txn, tally_error *err) {
    judged *out = ctx;
    tally_plans *plans;
    OK(team_fold(&team, txn, err));
    OK(tally_plans_new(txn, berlin, NULL, &plans, err));
    tally_filter filter = {.plans = plans, .zones = zones, .zone_count = 2};
    out->all = total(txn, &filter, berlin);
    assert_true(out->all.paid_pico % FEE == 0); /* all is covered: whole months' fees */
    assert_any_keys(txn, &filter, &out->all);
    assert_clients(txn, &filter, &out->all);
    assert_sessions(txn, &filter, &out->all);
    assert_members(txn, &filter);
    filter.has_period = true;
    filter.period = days_in(berlin, FIRST_DAY, FIRST_DAY + DAYS);
    out->period = total(txn, &filter, berlin);
    assert_any_keys(txn, &filter, &out->period);
    assert_clients(txn, &filter, &out->period);
    assert_days(txn, &filter, &out->period);
    assert_sessions(txn, &filter, &out->period);
    tally_plans_free(plans);
    return TEAM_TAKEN_BACK;
}

static void sums_are_the_same_whatever_the_keys_the_zones_and_the_order(void **state) {
    (void)state;
    tally_sums seen = {0};
    if (!zone_read("Europe/Berlin", &berlin) || !zone_read(clients[0].zone, &loaded[0]) ||
        !zone_read(clients[1].zone, &loaded[1]))
        skip();
    for (unsigned i = 0; i < 2; i++)
        zones[i] = (tally_client_zone){text(clients[i].client), loaded[i]};
    team.r = rng_begin("reports", SEED);
    team_found(&team, f);
    for (unsigned i = 0; i < TEAMS; i++) {
        judged one, two;
        draw_team();
        team_shuffle(&team);
        assert_int_equal(store_write(f->ledger, 0, judge_team, &one, &f->err), TEAM_TAKEN_BACK);
        team_shuffle(&team);
        assert_int_equal(store_write(f->ledger, 0, judge_team, &two, &f->err), TEAM_TAKEN_BACK);
        assert_same(&one.all, &two.all, "another order of arrival");
        assert_same(&one.period, &two.period, "another order of arrival");
        add(&seen, &one.period);
    }
    assert_true(seen.engaged_ms > 0 && seen.agent_ms > 0 && seen.pico > 0 && seen.paid_pico > 0);
    team_part(&team);
    for (unsigned i = 0; i < 2; i++)
        tally_zone_free(loaded[i]);
    tally_zone_free(berlin);
}

int main(void) {
    void *state = NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_the_same_whatever_the_keys_the_zones_and_the_order),
    };
    if (fixture_setup(&state) != 0) return 1;
    f = state;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)fixture_teardown(&state);
    return failed;
}
