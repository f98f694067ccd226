/* Plans: fees shared over a month's usage. Expected figures are worked out by hand; months are
 * Berlin's, where summer time began on 2026-03-29. */
#include "ledger_fixture.h"

#include "random.h"

#include <tally/attribution.h>
#include <tally/report.h>

#include <fcntl.h>

#define SEED   20261122u
#define BERLIN "/usr/share/zoneinfo/Europe/Berlin"
#define UNIT   INT64_C(1000000000000)
#define PER_INPUT                                                                                  \
    1000000u /* pico-units a token of alpha and of claude-x: one million tokens, one unit */

static fixture *f;
static tally_zone *berlin;

static int setup(void **state) {
    int rc = fixture_setup(state);
    uint8_t bytes[TALLY_ZONE_MAX_BYTES];
    f = *state;
    berlin = NULL;
    int fd = open(BERLIN, O_RDONLY);
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0) close(fd);
    if (len <= 0) return rc;
    OK(tally_zone_parse(tally_span_of(bytes, (size_t)len), &berlin, &f->err));
    static const char *const priced[] = {"claude-x", "gpt-x"};
    for (size_t i = 0; i < 2; i++) {
        put_price(f->writer, priced[i], NULL, "USD", PER_INPUT, PER_INPUT);
        (void)fixture_append(f, "price.set");
    }
    return rc;
}

static int teardown(void **state) {
    tally_zone_free(berlin);
    return fixture_teardown(state);
}

#define NEED_ZONE()                                                                                \
    do {                                                                                           \
        if (!berlin) skip();                                                                       \
    } while (0)

static int64_t ms(const char *time) {
    int64_t out;
    assert_int_equal(tally_time_parse(text(time), &out), 0);
    return out;
}

/* ---- making usage and plans ---- */

static void append_cost(const char *agent, const char *key, const char *model, const char *time,
                        uint64_t input) {
    cost_body cost = {.agent = agent,
                      .key = key,
                      .session = key,
                      .model = model,
                      .time = (uint64_t)ms(time),
                      .input = input};
    put_session(f->writer, agent, key, "/w", NULL);
    (void)fixture_append(f, "session");
    put_cost(f->writer, &cost);
    (void)fixture_append(f, "cost");
}

typedef struct plan_body {
    const char *plan, *provider, *from, *until, *member, *currency;
    int64_t fee;
} plan_body;

static int append_plan(void *ctx, tally_txn *txn, tally_error *err) {
    const plan_body *p = ctx;
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "plan", text(p->plan));
    tally_put_str(f->writer, "provider", text(p->provider));
    tally_put_str(f->writer, "from", text(p->from));
    tally_put_str_opt(f->writer, "until", text(p->until));
    tally_put_str_opt(f->writer, "member", text(p->member));
    tally_put_str(f->writer, "currency", text(p->currency ? p->currency : "USD"));
    tally_put_i64(f->writer, "fee", p->fee);
    return tally_policy_set(txn, TALLY_POLICY_PLAN, f->writer, err);
}

static void set_plan(plan_body body) {
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_plan, &body, &f->err));
}

static int append_fx(void *ctx, tally_txn *txn, tally_error *err) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "base", text("EUR"));
    tally_put_str(f->writer, "quote", text("USD"));
    tally_put_str(f->writer, "date", text(ctx));
    tally_put_i64(f->writer, "rate", 1081200000000); /* 1.0812 */
    return tally_policy_set(txn, TALLY_POLICY_FX, f->writer, err);
}

/* ---- asking ---- */

typedef struct paid_list {
    tally_plans *plans;
    char *out;
    size_t at, size;
} paid_list;

static int list_paid(void *ctx, const tally_cost *cost) {
    paid_list *list = ctx;
    int64_t pico;
    bool covered = tally_plans_paid(list->plans, cost, &pico);
    list->at += (size_t)snprintf(list->out + list->at, list->size - list->at,
                                 covered ? "%lld " : "- ", (long long)pico);
    return 0;
}

/* What was paid for each cost in time order, "-" where no plan says. */
static void paid(const char *period, char *out, size_t size) {
    tally_txn *txn;
    tally_period p;
    paid_list list = {.out = out, .size = size};
    if (period) OK(tally_period_parse(text(period), berlin, 0, &p, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_plans_new(txn, berlin, period ? &p : NULL, &list.plans, &f->err));
    out[0] = '\0';
    assert_int_equal(tally_cost_each(txn, 0, INT64_MAX, list_paid, &list), 0);
    tally_plans_free(list.plans);
    tally_read_end(txn);
}

#define ASSERT_PAID(period, expected)                                                              \
    do {                                                                                           \
        char got_[512];                                                                            \
        paid(period, got_, sizeof got_);                                                           \
        assert_string_equal(got_, expected);                                                       \
    } while (0)

/* ---- tests ---- */

static void a_fee_is_shared_in_proportion_and_adds_up(void **state) {
    (void)state;
    NEED_ZONE();
    append_cost("claude-code", "a", "claude-x", "2026-03-02T10:00:00Z", 1000);
    append_cost("claude-code", "b", "claude-x", "2026-03-03T10:00:00Z", 2000);
    append_cost("claude-code", "c", "claude-x", "2026-03-04T10:00:00Z", 5000);
    ASSERT_PAID(NULL, "- - - ");
    set_plan((plan_body){"max", "anthropic", "2026-01", .fee = 200 * UNIT});
    ASSERT_PAID(NULL, "25000000000000 50000000000000 125000000000000 ");
    ASSERT_PAID("2026-03-03", "25000000000000 50000000000000 125000000000000 ");
    ASSERT_PAID("2026-04", "- - - ");
}

/* 200 / 3 = 66.666666666666 and two thirds of a pico-unit each: two are left for the first two. */
static void odd_units_go_to_the_largest_remainder_then_to_the_earlier_cost(void **state) {
    (void)state;
    NEED_ZONE();
    append_cost("claude-code", "a", "claude-x", "2026-03-02T10:00:00Z", 1);
    append_cost("claude-code", "b", "claude-x", "2026-03-03T10:00:00Z", 1);
    append_cost("claude-code", "c", "claude-x", "2026-03-04T10:00:00Z", 1);
    set_plan((plan_body){"max", "claude", "2026-03", .fee = 200 * UNIT});
    ASSERT_PAID(NULL, "66666666666667 66666666666667 66666666666666 ");
    /* 10 over 1 : 5 : 3 of 9 is 1.11, 5.56, 3.33: the odd unit goes to the second. */
    append_cost("claude-code", "d", "claude-x", "2026-04-02T10:00:00Z", 1);
    append_cost("claude-code", "e", "claude-x", "2026-04-03T10:00:00Z", 5);
    append_cost("claude-code", "g", "claude-x", "2026-04-04T10:00:00Z", 3);
    set_plan((plan_body){"max", "claude", "2026-04", .fee = 10});
    ASSERT_PAID(NULL, "66666666666667 66666666666667 66666666666666 1 6 3 ");
}

/* Free at list price: in equal parts, so that the fee is still in the report. */
static void costs_that_are_free_at_list_price_share_alike(void **state) {
    (void)state;
    NEED_ZONE();
    append_cost("claude-code", "a", "claude-x", "2026-03-02T10:00:00Z", 0);
    append_cost("claude-code", "b", "claude-x", "2026-03-03T10:00:00Z", 0);
    append_cost("claude-code", "c", "claude-x", "2026-03-04T10:00:00Z", 0);
    set_plan((plan_body){"max", "claude", "2026-03", .fee = 10});
    ASSERT_PAID(NULL, "4 3 3 ");
}

static void a_month_is_the_teams_month(void **state) {
    (void)state;
    NEED_ZONE();
    append_cost("claude-code", "a", "claude-x", "2026-02-28T22:59:59.999Z", 1);
    append_cost("claude-code", "b", "claude-x", "2026-02-28T23:00:00Z", 1); /* March in Berlin */
    append_cost("claude-code", "c", "claude-x", "2026-03-31T21:59:59.999Z", 3);
    append_cost("claude-code", "d", "claude-x", "2026-03-31T22:00:00Z", 1); /* April in Berlin */
    set_plan((plan_body){"max", "claude", "2026-03", "2026-03", .fee = 40});
    ASSERT_PAID(NULL, "- 10 30 - ");
}

static void a_later_row_of_a_plan_ends_the_one_before_and_an_unset_one_counts_no_more(
    void **state) {
    (void)state;
    NEED_ZONE();
    append_cost("claude-code", "a", "claude-x", "2026-03-02T10:00:00Z", 1);
    append_cost("claude-code", "b", "claude-x", "2026-04-02T10:00:00Z", 1);
    append_cost("claude-code", "c", "claude-x", "2026-05-02T10:00:00Z", 1);
    set_plan((plan_body){"max", "claude", "2026-01", .fee = 100});
    set_plan((plan_body){"max", "claude", "2026-04", "2026-04", .fee = 20});
    ASSERT_PAID(NULL, "100 20 - ");
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "plan", text("max"));
    tally_put_str(f->writer, "from", text("2026-04"));
    (void)fixture_append(f, "plan.unset");
    ASSERT_PAID(NULL, "100 100 100 ");
}

static void two_plans_of_one_provider_are_both_shared(void **state) {
    (void)state;
    NEED_ZONE();
    append_cost("claude-code", "a", "claude-x", "2026-03-02T10:00:00Z", 3);
    append_cost("claude-code", "b", "claude-x", "2026-03-02T11:00:00Z", 1);
    set_plan((plan_body){"one", "claude", "2026-01", .fee = 100});
    set_plan((plan_body){"two", "anthropic", "2026-01", .fee = 40});
    ASSERT_PAID(NULL, "105 35 ");
}

static int write_bob(void *ctx, tally_txn *write, tally_error *err) {
    tally_key *key = ctx;
    tally_span bytes;
    uint32_t number;
    int rc = foreign_feed(write, key, &number, err);
    cost_body cost = {.agent = "claude-code",
                      .key = "bobs",
                      .session = "bobs",
                      .model = "claude-x",
                      .time = (uint64_t)ms("2026-03-05T10:00:00Z"),
                      .input = 1000};
    put_cost(f->writer, &cost);
    if (rc == 0) rc = tally_writer_encode(f->writer, "cost", 1, &bytes, err);
    return rc == 0 ? foreign_record(write, number, key, bytes, err) : rc;
}

static void a_seat_covers_its_member_and_other_providers_and_unpriced_models_are_left_out(
    void **state) {
    (void)state;
    NEED_ZONE();
    tally_key *bob = fixture_seeded_key(2);
    fixture_admit(f, bob, TALLY_ROLE_MEMBER, "bob", "desk");
    append_cost("claude-code", "a", "claude-x", "2026-03-02T10:00:00Z", 1000);
    append_cost("codex", "b", "gpt-x", "2026-03-03T10:00:00Z", 1000);
    append_cost("claude-code", "c", "claude-unpriced", "2026-03-04T10:00:00Z", 1000);
    OK(store_write(f->ledger, 0, write_bob, bob, &f->err));
    tally_key_free(bob);
    set_plan((plan_body){"seat", "anthropic", "2026-01", .member = "ada", .fee = 200});
    ASSERT_PAID(NULL, "200 - - - ");
    set_plan((plan_body){"seat", "anthropic", "2026-01", .member = "bob", .fee = 200});
    ASSERT_PAID(NULL, "- - - 200 ");
    set_plan((plan_body){"seat", "anthropic", "2026-01", .fee = 200});
    ASSERT_PAID(NULL, "100 - - 100 ");
}

static void a_provider_is_an_agent_or_the_maker_of_the_model(void **state) {
    (void)state;
    static const struct {
        const char *provider, *agent, *model;
        bool covers;
    } cases[] = {
        {"claude", "claude-code", "gpt-x", true},
        {"claude-code", "claude-code", "x", true},
        {"claude", "claudette", "x", false},
        {"anthropic", "opencode", "claude-opus-4-8", true},
        {"Anthropic", "opencode", "Claude-opus-4-8", true},
        {"anthropic", "opencode", "anthropic/claude-opus-4-8", true},
        {"openai", "codex", "gpt-5", true},
        {"openai", "codex", "o3-mini", true},
        {"openai", "claude-code", "claude-opus-4-8", false},
        {"google", "gemini-cli", "gemini-2.5-pro", true},
        {"anthropic", "opencode", "openrouter/anthropic/claude-opus-4-8", false},
        {"openrouter", "opencode", "openrouter/anthropic/claude-opus-4-8", true},
        {"anthropic", "opencode", "us.anthropic.claude-opus-4-8-v1:0", false},
        {"anthrop", "opencode", "claude-opus-4-8", false},
        {"anthropic", "opencode", "", false},
        {"anthropic", "", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (tally_plan_covers(text(cases[i].provider), text(cases[i].agent),
                              text(cases[i].model)) != cases[i].covers)
            fail_msg("%s of %s", cases[i].provider, cases[i].model);
}

/* 100.00 EUR at 1.0812 is 108.12 USD. */
static void a_fee_in_another_currency_takes_the_last_rate_of_its_month_or_says_that_none_is_there(
    void **state) {
    (void)state;
    NEED_ZONE();
    tally_txn *txn;
    tally_plans *plans;
    append_cost("claude-code", "a", "claude-x", "2026-03-02T10:00:00Z", 1);
    set_plan((plan_body){"max", "claude", "2026-01", .currency = "EUR", .fee = 100 * UNIT});
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_fx, "2026-04-01", &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    assert_int_equal(tally_plans_new(txn, berlin, NULL, &plans, &f->err), TALLY_ENOTFOUND);
    assert_non_null(strstr(f->err.text, "EUR->USD on 2026-03-31"));
    assert_null(plans);
    tally_read_end(txn);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_fx, "2026-03-31", &f->err));
    ASSERT_PAID(NULL, "108120000000000 ");
}

static void a_month_asked_for_alone_is_listed_without_usage(void **state) {
    (void)state;
    NEED_ZONE();
    tally_txn *txn;
    tally_plans *plans;
    tally_period p;
    set_plan((plan_body){"max", "claude", "2026-01", .fee = 7});
    OK(tally_period_parse(text("2026-03"), berlin, 0, &p, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_plans_new(txn, berlin, &p, &plans, &f->err));
    assert_int_equal(tally_plans_count(plans), 1);
    assert_int_equal(tally_plans_at(plans, 0)->requests, 0);
    assert_int_equal(tally_plans_at(plans, 0)->fee, 7);
    assert_int_equal(tally_plans_at(plans, 0)->first_day, tally_days_from_civil(2026, 3, 1));
    tally_plans_free(plans);
    tally_read_end(txn);
}

/* ---- through reports: the fee again, whatever the keys ---- */

static void assert_fee_in_report(tally_txn *txn, tally_plans *plans, const tally_report_key *keys,
                                 size_t count, int64_t fee) {
    tally_filter filter = {.plans = plans};
    tally_report *report;
    tally_i128 rows = 0;
    OK(tally_report_run(txn, &filter, keys, count, berlin, &report, &f->err));
    for (size_t i = 0; i < tally_report_count(report); i++)
        rows += tally_report_at(report, i)->sums.paid_pico;
    assert_true(rows == fee);
    assert_true(tally_report_total(report)->paid_pico == fee);
    assert_int_equal(tally_report_total(report)->unpaid_requests, 0);
    tally_report_free(report);
}

typedef struct random_month {
    rng r;
    unsigned count;
} random_month;

static int append_random(void *ctx, tally_txn *txn, tally_error *err) {
    random_month *m = ctx;
    rng r = m->r;
    int rc = 0;
    for (unsigned i = 0; i < m->count && rc == 0; i++) {
        char key[16], session[16];
        snprintf(key, sizeof key, "r%u", i);
        snprintf(session, sizeof session, "s%u", rng_below(&r, 7));
        cost_body cost = {.agent = "claude-code",
                          .key = key,
                          .session = session,
                          .model = "claude-x",
                          .time = (uint64_t)ms("2026-03-01T00:00:00Z") +
                                  rng_below(&r, 30 * 86400) * UINT64_C(1000),
                          .input = rng_below(&r, i % 3 ? 1000000 : 3)};
        put_cost(f->writer, &cost);
        rc = tally_append(txn, "cost", f->writer, NULL, err);
    }
    return rc;
}

static int split_session(void *ctx, tally_txn *txn, tally_error *err) {
    static const tally_share shares[] = {{{(const uint8_t *)"acme", 4}, {NULL, 0}, 2},
                                         {{(const uint8_t *)"fin", 3}, {NULL, 0}, 1}};
    tally_decide d = {
        .agent = text("claude-code"), .session = text(ctx), .shares = shares, .share_count = 2};
    return tally_decide_append(txn, &d, err);
}

static void every_grouping_of_a_random_month_adds_up_to_the_fee(void **state) {
    (void)state;
    NEED_ZONE();
    static const tally_report_key keys[][3] = {{TALLY_BY_CLIENT, TALLY_BY_PROJECT, TALLY_BY_AGENT},
                                               {TALLY_BY_DAY, TALLY_BY_CLIENT, TALLY_BY_MODEL},
                                               {TALLY_BY_SESSION, TALLY_BY_WEEK, TALLY_BY_MEMBER},
                                               {TALLY_BY_MONTH, TALLY_BY_DEVICE, TALLY_BY_BRANCH}};
    const int64_t fee = 200 * UNIT + 1;
    random_month m = {.r = rng_begin("month", SEED), .count = 400};
    tally_txn *txn;
    tally_plans *plans;
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_random, &m, &f->err));
    set_plan((plan_body){"max", "anthropic", "2026-03", .fee = fee});
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, split_session, "s1", &f->err));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, split_session, "s2", &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_plans_new(txn, berlin, NULL, &plans, &f->err));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_fee_in_report(txn, plans, keys[i], 3, fee);
    tally_plans_free(plans);
    tally_read_end(txn);
}

int main(void) {
#define LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        LEDGER(a_fee_is_shared_in_proportion_and_adds_up),
        LEDGER(odd_units_go_to_the_largest_remainder_then_to_the_earlier_cost),
        LEDGER(costs_that_are_free_at_list_price_share_alike),
        LEDGER(a_month_is_the_teams_month),
        LEDGER(a_later_row_of_a_plan_ends_the_one_before_and_an_unset_one_counts_no_more),
        LEDGER(two_plans_of_one_provider_are_both_shared),
        LEDGER(a_seat_covers_its_member_and_other_providers_and_unpriced_models_are_left_out),
        cmocka_unit_test(a_provider_is_an_agent_or_the_maker_of_the_model),
        LEDGER(
            a_fee_in_another_currency_takes_the_last_rate_of_its_month_or_says_that_none_is_there),
        LEDGER(a_month_asked_for_alone_is_listed_without_usage),
        LEDGER(every_grouping_of_a_random_month_adds_up_to_the_fee),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
