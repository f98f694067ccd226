/* Budgets: expected figures are worked out by hand; days are Berlin's, where summer time began on
 * 2026-03-29 (March had 743 hours) and ends on 2026-10-25 (October has 745). */
#include "ledger_fixture.h"

#include <tally/budget.h>

#include <fcntl.h>

#define ZONES      "/usr/share/zoneinfo/"
#define UNIT       INT64_C(1000000000000)
#define BUDGETS    8u
#define HOUR_MS    INT64_C(3600000)
#define MARCH_MS   (743 * HOUR_MS)
#define TEXT_BYTES 512u

static fixture *f;
static tally_zone *berlin, *new_york;

static tally_zone *zone_read(const char *path) {
    static uint8_t bytes[TALLY_ZONE_MAX_BYTES];
    tally_zone *zone = NULL;
    int fd = open(path, O_RDONLY);
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0) close(fd);
    if (len > 0) OK(tally_zone_parse(tally_span_of(bytes, (size_t)len), &zone, &f->err));
    return zone;
}

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    berlin = zone_read(ZONES "Europe/Berlin");
    new_york = zone_read(ZONES "America/New_York");
    return rc;
}

static int teardown(void **state) {
    tally_zone_free(berlin);
    tally_zone_free(new_york);
    return fixture_teardown(state);
}

#define NEED_ZONES()                                                                               \
    do {                                                                                           \
        if (!berlin || !new_york) skip();                                                          \
    } while (0)

static int64_t ms(const char *time) {
    int64_t out;
    assert_int_equal(tally_time_parse(text(time), &out), 0);
    return out;
}

/* ---- making work, rules and budgets ---- */

static void session(const char *agent, const char *id, const char *cwd) {
    put_session(f->writer, agent, id, cwd, NULL);
    (void)fixture_append(f, "session");
}

static void cost(const char *agent, const char *id, const char *key, const char *time,
                 int64_t pico) {
    cost_body body = {.agent = agent,
                      .key = key,
                      .session = id,
                      .model = "m",
                      .time = (uint64_t)ms(time),
                      .source = pico < 0 ? NULL : "reported",
                      .stated = pico};
    put_cost(f->writer, &body);
    (void)fixture_append(f, "cost");
}

static void tag(const char *agent, const char *id, const char *name) {
    put_session_tag(f->writer, agent, id, name);
    (void)fixture_append(f, "tag.add");
}

typedef struct budget_body {
    const char *budget, *every, *agent, *client, *project, *tag;
    int64_t limit;
    uint32_t notify_at, stop_at;
} budget_body;

static void budget(budget_body b) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "budget", text(b.budget));
    tally_put_str(f->writer, "period", text(b.every ? b.every : "monthly"));
    tally_put_i64(f->writer, "limit", b.limit ? b.limit : UNIT);
    tally_put_u64_opt(f->writer, "notify_at", b.notify_at);
    tally_put_u64_opt(f->writer, "stop_at", b.stop_at);
    tally_put_str_opt(f->writer, "agent", text(b.agent));
    tally_put_str_opt(f->writer, "client", text(b.client));
    tally_put_str_opt(f->writer, "project", text(b.project));
    tally_put_str_opt(f->writer, "tag", text(b.tag));
    (void)fixture_append(f, "budget.set");
}

static void rule(const char *name, const char *path, const char *client, const char *project) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "rule", text(name));
    tally_put_str(f->writer, "path", text(path));
    tally_put_str(f->writer, "client", text(client));
    tally_put_str_opt(f->writer, "project", text(project));
    (void)fixture_append(f, "rule.set");
}

static void client(const char *name, const char *timezone) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "client", text(name));
    tally_put_str_opt(f->writer, "timezone", text(timezone));
    (void)fixture_append(f, "client.set");
}

typedef struct decision {
    const char *agent, *session;
    tally_share shares[2];
    size_t count;
} decision;

static int append_decision(void *ctx, tally_txn *txn, tally_error *err) {
    const decision *d = ctx;
    tally_decide decide = {.agent = text(d->agent),
                           .session = text(d->session),
                           .shares = d->shares,
                           .share_count = d->count};
    return tally_decide_append(txn, &decide, err);
}

static void decide(decision d) {
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_decision, &d, &f->err));
}

static void split_between_acme_and_fin(const char *agent, const char *id) {
    decide(
        (decision){agent, id, {{text("acme"), text("shop"), 2}, {text("fin"), {NULL, 0}, 1}}, 2});
}

/* ---- asking ---- */

typedef struct answer {
    size_t count;
    tally_budget list[BUDGETS];
    char spent[TEXT_BYTES]; /* "name spent level ..." */
} answer;

static int keep(void *ctx, const tally_budget *b, tally_error *err) {
    static const char marks[] = {' ', '!', '#'};
    answer *a = ctx;
    size_t at = strlen(a->spent);
    (void)err;
    assert_true(a->count < BUDGETS);
    a->list[a->count++] = *b;
    (void)snprintf(a->spent + at, sizeof a->spent - at, "%.*s=%lld%c", (int)b->budget.len,
                   (const char *)b->budget.ptr, (long long)b->spent, marks[b->level]);
    return 0;
}

static int zone_named(void *ctx, tally_span name, const tally_zone **out, tally_error *err) {
    (void)ctx;
    if (!tally_span_is(name, "America/New_York"))
        return tally_fail(err, TALLY_EIO, "no such zone here");
    *out = new_york;
    return 0;
}

static int ask(const char *now, const tally_budget_asked *asked, answer *out) {
    tally_budget_zones zones = {.team = berlin, .of_name = zone_named};
    tally_txn *txn;
    *out = (answer){0};
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_budgets_each_zoned(txn, &zones, ms(now), asked, keep, out, &f->err);
    tally_read_end(txn); /* numbers in `out` stay; its spans are not looked at */
    return rc;
}

#define ASSERT_SPENT(now, asked, expected)                                                         \
    do {                                                                                           \
        answer answer_;                                                                            \
        OK(ask(now, asked, &answer_));                                                             \
        assert_string_equal(answer_.spent, expected);                                              \
    } while (0)

/* ---- periods ---- */

static void a_period_is_the_day_week_or_month_that_now_lies_in_where_the_team_is(void **state) {
    (void)state;
    NEED_ZONES();
    budget((budget_body){.budget = "d", .every = "daily"});
    budget((budget_body){.budget = "m", .every = "monthly"});
    budget((budget_body){.budget = "w", .every = "weekly"});
    cost("a", "s", "1", "2026-02-28T22:59:59.999Z", 1);   /* February there */
    cost("a", "s", "2", "2026-02-28T23:00:00Z", 10);      /* March */
    cost("a", "s", "3", "2026-03-22T22:59:59.999Z", 100); /* Sunday */
    cost("a", "s", "4", "2026-03-22T23:00:00Z", 1000);    /* Monday */
    cost("a", "s", "5", "2026-03-28T23:00:00Z", 10000);   /* the Sunday of 23 hours */
    cost("a", "s", "6", "2026-03-29T21:59:59.999Z", 100000);
    cost("a", "s", "7", "2026-03-29T22:00:00Z", 1000000); /* the Monday after */
    cost("a", "s", "8", "2026-03-31T21:59:59.999Z", 10000000);
    cost("a", "s", "9", "2026-03-31T22:00:00Z", 100000000); /* April */
    ASSERT_SPENT("2026-03-29T10:00:00Z", NULL, "d=110000 m=11111110 w=111000 ");
    ASSERT_SPENT("2026-03-31T21:59:59Z", NULL, "d=10000000 m=11111110 w=111000000 ");
    ASSERT_SPENT("2026-03-31T22:00:00Z", NULL, "d=100000000 m=100000000 w=111000000 ");
    ASSERT_SPENT("2026-02-28T22:59:00Z", NULL, "d=1 m=1 w=11 ");
}

static void days_left_count_today_and_the_last_day_is_one(void **state) {
    (void)state;
    NEED_ZONES();
    answer a;
    budget((budget_body){.budget = "m"});
    OK(ask("2026-03-01T10:00:00Z", NULL, &a));
    assert_int_equal(a.list[0].days_left, 31);
    assert_true(a.list[0].period.end_ms - a.list[0].period.start_ms == MARCH_MS);
    OK(ask("2026-03-31T21:59:59Z", NULL, &a));
    assert_int_equal(a.list[0].days_left, 1);
    OK(ask("2026-10-31T12:00:00Z", NULL, &a));
    assert_true(a.list[0].period.end_ms - a.list[0].period.start_ms == 745 * HOUR_MS);
}

static void a_clients_budget_is_cut_in_the_clients_zone(void **state) {
    (void)state;
    NEED_ZONES();
    answer a;
    rule("r", "/w", "acme", NULL);
    session("a", "s", "/w");
    budget((budget_body){.budget = "acme", .client = "acme"});
    budget((budget_body){.budget = "all"});
    cost("a", "s", "1", "2026-04-01T02:00:00Z", 5); /* 22:00 of 31 March in New York */
    ASSERT_SPENT("2026-04-01T02:30:00Z", NULL, "acme=5 all=5 ");
    client("acme", "America/New_York");
    ASSERT_SPENT("2026-04-01T02:30:00Z", NULL, "acme=5 all=5 ");
    ASSERT_SPENT("2026-04-01T04:30:00Z", NULL, "acme=0 all=5 ");
    OK(ask("2026-04-01T02:30:00Z", NULL, &a));
    assert_true(a.list[0].period.end_ms == ms("2026-04-01T04:00:00Z"));
    assert_int_equal(a.list[0].days_left, 1);
    client("acme", "Mars/Base");
    assert_int_equal(ask("2026-04-01T02:30:00Z", NULL, &a), TALLY_EIO);
    assert_non_null(strstr(f->err.text, "client 'acme'"));
}

/* ---- what counts ---- */

/* 100,000,000 in the parts 2 and 1: PROTOCOL.md section 13. */
static void of_a_split_cost_the_share_of_the_client_or_project_counts(void **state) {
    (void)state;
    NEED_ZONES();
    session("a", "s", "/w");
    cost("a", "s", "1", "2026-03-02T10:00:00Z", 100000000);
    split_between_acme_and_fin("a", "s");
    budget((budget_body){.budget = "acme", .client = "acme"});
    budget((budget_body){.budget = "all"});
    budget((budget_body){.budget = "fin", .client = "fin"});
    budget((budget_body){.budget = "fin shop", .client = "fin", .project = "shop"});
    budget((budget_body){.budget = "shop", .project = "shop"});
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL,
                 "acme=66666667 all=100000000 fin=33333333 fin shop=0 shop=66666667 ");
}

static void a_directory_is_a_project_until_it_has_a_name(void **state) {
    (void)state;
    NEED_ZONES();
    session("a", "s", "/home/ada/shop");
    cost("a", "s", "1", "2026-03-02T10:00:00Z", 7);
    budget((budget_body){.budget = "shop", .project = "shop"});
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "shop=7 ");
    rule("r", "/home/ada/shop", "acme", "store");
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "shop=0 ");
}

static void tags_of_a_session_and_of_an_entry_count_and_removed_ones_do_not(void **state) {
    (void)state;
    NEED_ZONES();
    tally_entry_id entry = entry_of("a", "2");
    session("a", "s", "/w");
    session("a", "t", "/w");
    cost("a", "s", "1", "2026-03-02T10:00:00Z", 1);
    cost("a", "t", "2", "2026-03-02T11:00:00Z", 20);
    cost("a", "t", "3", "2026-03-02T12:00:00Z", 300);
    budget((budget_body){.budget = "x", .tag = "x"});
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "x=0 ");
    tag("a", "s", "x");
    put_entry_tag(f->writer, &entry, "x");
    (void)fixture_append(f, "tag.add");
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "x=21 ");
    tag("a", "s", "y");
    tag("a", "s", "x"); /* twice on it: counted once */
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "x=21 ");
}

static void an_agent_is_its_name_or_the_first_part_of_it(void **state) {
    (void)state;
    NEED_ZONES();
    const char *agents[] = {"claude-code", "claude", "claudette", "codex-cli"};
    for (size_t i = 0; i < 4; i++) {
        session(agents[i], "s", "/w");
        cost(agents[i], "s", "1", "2026-03-02T10:00:00Z", (int64_t[]){1, 20, 300, 4000}[i]);
    }
    budget((budget_body){.budget = "claude", .agent = "claude"});
    budget((budget_body){.budget = "code", .agent = "claude-code"});
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "claude=21 code=1 ");
}

static void a_request_without_a_price_is_counted_once_and_not_as_zero(void **state) {
    (void)state;
    NEED_ZONES();
    answer a;
    session("a", "s", "/w");
    cost("a", "s", "1", "2026-03-02T10:00:00Z", -1);
    cost("a", "s", "2", "2026-03-02T10:00:01Z", 90);
    cost("a", "s", "3", "2026-03-02T10:00:02Z", -1);
    split_between_acme_and_fin("a", "s");
    budget((budget_body){.budget = "acme", .client = "acme"});
    budget((budget_body){.budget = "all"});
    OK(ask("2026-03-05T10:00:00Z", NULL, &a));
    assert_int_equal(a.list[0].unpriced_requests, 2);
    assert_int_equal(a.list[1].unpriced_requests, 2);
    assert_string_equal(a.spent, "acme=60 all=90 ");
}

/* ---- levels ---- */

static void a_level_is_reached_at_its_percent_and_not_before(void **state) {
    (void)state;
    NEED_ZONES();
    answer a;
    session("a", "s", "/w");
    budget((budget_body){.budget = "m", .limit = 250 * UNIT, .notify_at = 80, .stop_at = 100});
    cost("a", "s", "1", "2026-03-02T10:00:00Z", 200 * UNIT - 1);
    OK(ask("2026-03-05T10:00:00Z", NULL, &a));
    assert_int_equal(a.list[0].level, TALLY_BUDGET_FINE);
    assert_int_equal(a.list[0].share, 7999); /* 79.99...: not rounded up to what is not reached */
    cost("a", "s", "2", "2026-03-02T10:00:01Z", 1);
    OK(ask("2026-03-05T10:00:00Z", NULL, &a));
    assert_int_equal(a.list[0].level, TALLY_BUDGET_NOTIFY);
    assert_int_equal(a.list[0].share, 8000);
    cost("a", "s", "3", "2026-03-02T10:00:02Z", 50 * UNIT);
    OK(ask("2026-03-05T10:00:00Z", NULL, &a));
    assert_int_equal(a.list[0].level, TALLY_BUDGET_STOP);
    assert_int_equal(a.list[0].share, 10000);
    OK(ask("2026-04-05T10:00:00Z", NULL, &a)); /* the next month begins anew */
    assert_int_equal(a.list[0].level, TALLY_BUDGET_FINE);
}

static void a_level_that_was_not_set_is_never_reached(void **state) {
    (void)state;
    NEED_ZONES();
    session("a", "s", "/w");
    cost("a", "s", "1", "2026-03-02T10:00:00Z", 10 * UNIT);
    budget((budget_body){.budget = "n", .limit = UNIT, .notify_at = 80});
    budget((budget_body){.budget = "none", .limit = UNIT});
    budget((budget_body){.budget = "s", .limit = UNIT, .stop_at = 1000});
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL,
                 "n=10000000000000!none=10000000000000 s=10000000000000#");
}

static void a_limit_raised_in_mid_period_counts_from_its_first_day_and_an_unset_budget_is_gone(
    void **state) {
    (void)state;
    NEED_ZONES();
    session("a", "s", "/w");
    cost("a", "s", "1", "2026-03-02T10:00:00Z", 10);
    budget((budget_body){.budget = "m", .limit = 10, .notify_at = 50, .stop_at = 100});
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "m=10#");
    budget((budget_body){.budget = "m", .limit = 20, .notify_at = 50, .stop_at = 100});
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "m=10!");
    budget((budget_body){.budget = "m", .limit = 21, .notify_at = 50, .stop_at = 100});
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "m=10 ");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "budget", text("m"));
    (void)fixture_append(f, "budget.unset");
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, "");
}

/* ---- forecast ---- */

static void assert_forecast(const char *now, int64_t expected) {
    answer a;
    OK(ask(now, NULL, &a));
    if (a.list[0].forecast != expected) fail_msg("%s: %lld", now, (long long)a.list[0].forecast);
}

/* March began at 2026-02-28T23:00Z; a tenth of its 743 hours is 74.3. */
static void a_forecast_goes_on_at_the_pace_so_far(void **state) {
    (void)state;
    NEED_ZONES();
    session("a", "s", "/w");
    cost("a", "s", "1", "2026-02-28T23:00:00Z", MARCH_MS / 10);
    budget((budget_body){.budget = "m"});
    assert_forecast("2026-03-16T10:30:00Z", 2 * MARCH_MS / 10); /* half of it: 371.5 hours */
    assert_forecast("2026-03-04T01:18:00Z", MARCH_MS);          /* a tenth: ten times as much */
    /* Before that the pace is taken over a tenth: what is left is all but one minute. */
    assert_forecast("2026-02-28T23:01:00Z", MARCH_MS / 10 + MARCH_MS - 60000);
    assert_forecast("2026-02-28T23:00:00Z", MARCH_MS / 10 + MARCH_MS); /* at once: eleven times */
    /* The last millisecond: 267480000 x 1 / 2674799999 is below one. */
    assert_forecast("2026-03-31T21:59:59.999Z", MARCH_MS / 10);
}

static void a_forecast_of_nothing_is_nothing_and_of_very_much_does_not_overflow(void **state) {
    (void)state;
    NEED_ZONES();
    answer a;
    session("a", "s", "/w");
    budget((budget_body){.budget = "m", .limit = 1, .stop_at = 10000});
    assert_forecast("2026-03-16T10:30:00Z", 0);
    cost("a", "s", "1", "2026-03-01T10:00:00Z", INT64_MAX);
    cost("a", "s", "2", "2026-03-01T11:00:00Z", INT64_MAX);
    OK(ask("2026-03-16T10:30:00Z", NULL, &a));
    assert_true(a.list[0].forecast == (tally_i128)INT64_MAX * 4);
    assert_true(a.list[0].share == (tally_i128)INT64_MAX * 20000);
    assert_int_equal(a.list[0].level, TALLY_BUDGET_STOP);
}

/* ---- what work is asked for ---- */

static void work_counts_against_the_budgets_that_its_costs_would(void **state) {
    (void)state;
    NEED_ZONES();
    const tally_span x = {(const uint8_t *)"x", 1};
    tally_budget_asked asked = {.what = {.agent = text("claude-code"), .cwd = text("/w/acme")}};
    rule("r", "/w/acme", "acme", "shop");
    budget((budget_body){.budget = "acme", .client = "acme"});
    budget((budget_body){.budget = "all"});
    budget((budget_body){.budget = "codex", .agent = "codex"});
    budget((budget_body){.budget = "fin", .client = "fin"});
    budget((budget_body){.budget = "shop", .project = "shop", .agent = "claude"});
    budget((budget_body){.budget = "x", .tag = "x"});
    ASSERT_SPENT("2026-03-05T10:00:00Z", &asked, "acme=0 all=0 shop=0 ");
    asked.what.tags = &x;
    asked.what.tag_count = 1;
    ASSERT_SPENT("2026-03-05T10:00:00Z", &asked, "acme=0 all=0 shop=0 x=0 ");
    asked.what.cwd = text("/w/other");
    asked.what.agent = text("codex");
    ASSERT_SPENT("2026-03-05T10:00:00Z", &asked, "all=0 codex=0 x=0 ");
    ASSERT_SPENT("2026-03-05T10:00:00Z", (&(tally_budget_asked){.session = 5}), "all=0 ");
}

static void a_decision_and_tags_of_the_session_speak_for_the_work_in_it(void **state) {
    (void)state;
    NEED_ZONES();
    tally_budget_asked asked = {.what = {.agent = text("a"), .cwd = text("/w/acme")},
                                .session = tally_session_ref(text("a"), text("s"))};
    session("a", "s", "/w/acme");
    rule("r", "/w/acme", "acme", NULL);
    budget((budget_body){.budget = "acme", .client = "acme"});
    budget((budget_body){.budget = "fin", .client = "fin"});
    budget((budget_body){.budget = "x", .tag = "x"});
    ASSERT_SPENT("2026-03-05T10:00:00Z", &asked, "acme=0 ");
    asked.what = (tally_attributable){0}; /* the ledger knows agent and directory */
    ASSERT_SPENT("2026-03-05T10:00:00Z", &asked, "acme=0 ");
    tag("a", "s", "x");
    decide((decision){"a", "s", {{text("fin"), {NULL, 0}, 1}}, 1});
    ASSERT_SPENT("2026-03-05T10:00:00Z", &asked, "fin=0 x=0 ");
    split_between_acme_and_fin("a", "s");
    ASSERT_SPENT("2026-03-05T10:00:00Z", &asked, "acme=0 fin=0 x=0 ");
}

/* ---- order ---- */

static void say(unsigned which) {
    switch (which) {
    case 0: session("a", "s", "/w/acme"); break;
    case 1: cost("a", "s", "1", "2026-03-02T10:00:00Z", 100000000); break;
    case 2: split_between_acme_and_fin("a", "s"); break;
    case 3: tag("a", "s", "x"); break;
    case 4:
        budget(
            (budget_body){.budget = "acme", .client = "acme", .limit = 70000000, .notify_at = 90});
        break;
    default: budget((budget_body){.budget = "x", .tag = "x", .limit = 1, .stop_at = 1}); break;
    }
}

static void it_is_the_same_in_whatever_order_it_was_said(void **state) {
    (void)state;
    NEED_ZONES();
    const char *expected = "acme=66666667!x=100000000#";
    for (unsigned i = 6; i-- > 0;)
        say(i);
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, expected);
    tally_hash before = fixture_digest(f);
    OK(tally_rebuild(f->ledger, FIXTURE_NOW_MS, &f->err));
    tally_hash after = fixture_digest(f);
    assert_memory_equal(before.b, after.b, sizeof before.b);
    for (unsigned i = 0; i < 6; i++)
        say(i * 5 % 6); /* once more, in another order: 0, 5, 4, 3, 2, 1 */
    ASSERT_SPENT("2026-03-05T10:00:00Z", NULL, expected);
}

static int stop_at_once(void *ctx, const tally_budget *b, tally_error *err) {
    (void)b, (void)err;
    return ++*(int *)ctx, 77;
}

static void a_result_that_is_not_zero_stops_and_is_returned(void **state) {
    (void)state;
    NEED_ZONES();
    tally_txn *txn;
    int calls = 0;
    budget((budget_body){.budget = "a"});
    budget((budget_body){.budget = "b"});
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_budgets_each(txn, berlin, ms("2026-03-05T10:00:00Z"), NULL, stop_at_once,
                                        &calls, &f->err),
                     77);
    assert_int_equal(calls, 1);
    tally_read_end(txn);
}

int main(void) {
#define LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        LEDGER(a_period_is_the_day_week_or_month_that_now_lies_in_where_the_team_is),
        LEDGER(days_left_count_today_and_the_last_day_is_one),
        LEDGER(a_clients_budget_is_cut_in_the_clients_zone),
        LEDGER(of_a_split_cost_the_share_of_the_client_or_project_counts),
        LEDGER(a_directory_is_a_project_until_it_has_a_name),
        LEDGER(tags_of_a_session_and_of_an_entry_count_and_removed_ones_do_not),
        LEDGER(an_agent_is_its_name_or_the_first_part_of_it),
        LEDGER(a_request_without_a_price_is_counted_once_and_not_as_zero),
        LEDGER(a_level_is_reached_at_its_percent_and_not_before),
        LEDGER(a_level_that_was_not_set_is_never_reached),
        LEDGER(a_limit_raised_in_mid_period_counts_from_its_first_day_and_an_unset_budget_is_gone),
        LEDGER(a_forecast_goes_on_at_the_pace_so_far),
        LEDGER(a_forecast_of_nothing_is_nothing_and_of_very_much_does_not_overflow),
        LEDGER(work_counts_against_the_budgets_that_its_costs_would),
        LEDGER(a_decision_and_tags_of_the_session_speak_for_the_work_in_it),
        LEDGER(it_is_the_same_in_whatever_order_it_was_said),
        LEDGER(a_result_that_is_not_zero_stops_and_is_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
