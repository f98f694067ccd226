/* Lanes (scan.h): what is worked out once for the costs of one session and model must say what
 * asking cost by cost says. A tag on one entry makes the scan ask cost by cost; with it and without
 * it every report is the same, but by tag. */
#include "ledger_fixture.h"

#include <tally/report.h>

#define COSTS    240u
#define SESSIONS 4u
#define MODELS   3u
#define STEP_MS  1543000 /* about 26 minutes: four days of costs in all */
#define SPLIT    "s3"

static fixture *f;

/* Sessions and models take turns, each in its own rhythm; gamma has no price. */
static void put_number(unsigned i) {
    static const char *const models[MODELS] = {"alpha", "beta", "gamma"};
    char key[16], session[8];
    (void)snprintf(key, sizeof key, "k%03u", i);
    (void)snprintf(session, sizeof session, "s%u", i / 2 % SESSIONS);
    cost_body cost = {.agent = "claude-code",
                      .key = key,
                      .session = session,
                      .model = models[i % MODELS],
                      .time = UINT64_C(1772323200000) + (uint64_t)i * STEP_MS, /* 2026-03-01 */
                      .input = 100 + i,
                      .output = 7 * i};
    put_cost(f->writer, &cost);
    (void)fixture_append(f, "cost");
}

static int split(void *ctx, tally_txn *txn, tally_error *err) {
    const tally_share shares[] = {{text("acme"), text("shop"), 2}, {text("zebra"), text("web"), 1}};
    tally_decide decide = {
        .agent = text("claude-code"), .session = text(SPLIT), .shares = shares, .share_count = 2};
    (void)ctx;
    return tally_decide_append(txn, &decide, err);
}

static int setup(void **state) {
    int rc = fixture_setup(state);
    f = *state;
    put_price(f->writer, "alpha", NULL, "USD", 2000000, 10000000);
    (void)fixture_append(f, "price.set");
    put_price(f->writer, "alpha", "2026-03-03", "USD", 3000000, 11000000);
    (void)fixture_append(f, "price.set");
    put_price(f->writer, "beta", NULL, "USD", 1000000, 4000000);
    (void)fixture_append(f, "price.set");
    for (unsigned i = 0; i < SESSIONS - 1; i++) { /* the last one is never described */
        char id[8], cwd[32];
        (void)snprintf(id, sizeof id, "s%u", i + 1);
        (void)snprintf(cwd, sizeof cwd, "/home/ada/p%u", i % 2);
        put_session(f->writer, "claude-code", id, cwd, "main");
        (void)fixture_append(f, "session");
    }
    for (unsigned i = 0; i < COSTS; i++)
        put_number(i);
    put_session_tag(f->writer, "claude-code", "s1", "red");
    (void)fixture_append(f, "tag.add");
    return rc;
}

static void tag_an_entry(void) {
    tally_entry_id id = entry_of("claude-code", "k011");
    put_entry_tag(f->writer, &id, "own");
    (void)fixture_append(f, "tag.add");
}

/* ---- the same report twice ---- */

static const tally_filter filters[] = {
    {.period = {.start_ms = INT64_C(1772400000000), .end_ms = INT64_C(1772550000000)},
     .has_period = true},
    {.model = {(const uint8_t *)"beta", 4}},
    {.client = {(const uint8_t *)"acme", 4}},
    {.tag = {(const uint8_t *)"red", 3}},
    {.session = {(const uint8_t *)"s2", 2}},
    {.unpriced = true},
    {.unattributed = true},
    {.has_min_cost = true, .min_cost = INT64_C(5000000000)},
    {.has_period = false},
};
#define FILTERS (sizeof filters / sizeof *filters)

static const tally_report_key keys[][2] = {
    {TALLY_BY_MODEL, TALLY_BY_DAY},      {TALLY_BY_CLIENT, TALLY_BY_PROJECT},
    {TALLY_BY_SESSION, TALLY_BY_MODEL},  {TALLY_BY_WEEK, TALLY_BY_MONTH},
    {TALLY_BY_MEMBER, TALLY_BY_BRANCH},  {TALLY_BY_DAY, TALLY_BY_SESSION},
    {TALLY_BY_PROJECT, TALLY_BY_CLIENT},
};
#define KEYS (sizeof keys / sizeof *keys)

static void print_sums(FILE *out, const tally_sums *s) {
    fprintf(out, " %llu %llu %llu in %llu out %llu pico %lld\n", (unsigned long long)s->sessions,
            (unsigned long long)s->requests, (unsigned long long)s->unpriced_requests,
            (unsigned long long)s->input, (unsigned long long)s->output, (long long)s->pico);
}

static void print_report(FILE *out, const tally_report *report) {
    for (size_t i = 0; i < tally_report_count(report); i++) {
        const tally_report_row *row = tally_report_at(report, i);
        for (size_t k = 0; k < 2; k++)
            fprintf(out, "%.*s|", (int)row->keys[k].len, (const char *)row->keys[k].ptr);
        print_sums(out, &row->sums);
    }
    fprintf(out, "total");
    print_sums(out, tally_report_total(report));
}

/* Every filter by every pair of keys; the caller frees it. */
static char *all_reports(void) {
    char *printed = NULL;
    size_t len = 0;
    tally_txn *txn;
    tally_zone *utc;
    FILE *out = open_memstream(&printed, &len);
    assert_non_null(out);
    OK(tally_zone_utc(&utc, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    for (size_t i = 0; i < FILTERS; i++)
        for (size_t k = 0; k < KEYS; k++) {
            tally_report *report;
            OK(tally_report_run(txn, &filters[i], keys[k], 2, utc, &report, &f->err));
            fprintf(out, "filter %zu, keys %zu\n", i, k);
            print_report(out, report);
            tally_report_free(report);
        }
    tally_read_end(txn);
    tally_zone_free(utc);
    assert_int_equal(fclose(out), 0);
    return printed;
}

static void assert_lanes_change_nothing(void) {
    char *lanes = all_reports();
    tag_an_entry();
    char *one_by_one = all_reports();
    assert_string_equal(lanes, one_by_one);
    free(lanes);
    free(one_by_one);
}

static void lanes_say_what_asking_cost_by_cost_says(void **state) {
    (void)state;
    assert_lanes_change_nothing();
}

static void lanes_beside_a_split_session_do_too(void **state) {
    (void)state;
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, split, NULL, &f->err));
    assert_lanes_change_nothing();
}

/* 240 costs, 1,543 s apart, from midnight: 56 a day. Inputs are 100 + i. */
static void a_lane_that_goes_on_past_midnight_counts_on_each_day(void **state) {
    (void)state;
    static const uint64_t requests[] = {56, 56, 56, 56, 16};
    static const tally_report_key by[] = {TALLY_BY_DAY};
    const tally_filter all = {0};
    tally_report *report;
    tally_txn *txn;
    tally_zone *utc;
    OK(tally_zone_utc(&utc, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_report_run(txn, &all, by, 1, utc, &report, &f->err));
    assert_int_equal(tally_report_count(report), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(tally_report_at(report, i)->sums.requests, requests[i]);
    assert_int_equal(tally_report_at(report, 0)->sums.input, 56 * 100 + 55 * 56 / 2);
    tally_report_free(report);
    tally_read_end(txn);
    tally_zone_free(utc);
}

/* Of alpha every third cost; the 112th is the first of 2026-03-03, when its price rises. */
static void a_lane_takes_the_price_of_each_costs_day(void **state) {
    (void)state;
    const tally_filter alpha = {.model = text("alpha")};
    static const tally_report_key by[] = {TALLY_BY_MODEL};
    tally_i128 pico = 0;
    tally_report *report;
    tally_txn *txn;
    tally_zone *utc;
    OK(tally_zone_utc(&utc, &f->err));
    for (unsigned i = 0; i < COSTS; i += MODELS)
        pico += (tally_i128)(100 + i) * (i < 112 ? 2000000 : 3000000) +
                (tally_i128)(7 * i) * (i < 112 ? 10000000 : 11000000);
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_report_run(txn, &alpha, by, 1, utc, &report, &f->err));
    assert_int_equal(tally_report_total(report)->requests, 80);
    assert_true(tally_report_total(report)->pico == pico);
    tally_report_free(report);
    tally_read_end(txn);
    tally_zone_free(utc);
}

#define LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(lanes_say_what_asking_cost_by_cost_says),
        LEDGER(lanes_beside_a_split_session_do_too),
        LEDGER(a_lane_takes_the_price_of_each_costs_day),
        LEDGER(a_lane_that_goes_on_past_midnight_counts_on_each_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
