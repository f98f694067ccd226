/* Costs to the last pico-unit. Requests and costs are those of the recorded sessions' expected.json
 * and of what Claude Code itself reported (tests/fixtures); the rest is arithmetic by hand from
 * published prices. */
#include <tally/price.h>
#include <tally/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define UNPRICED INT64_MIN

static int64_t day(const char *date) {
    int64_t days = 0;
    assert_int_equal(tally_date_parse(tally_span_str(date), &days), 0);
    return days;
}

/* The row of the shipped table in force on `date`; false when the model or the date has none. */
static bool row_on(const char *model, const char *date, tally_price *out) {
    tally_price *rows;
    size_t count;
    tally_error err = {0};
    bool found = false;
    assert_int_equal(tally_price_shipped(tally_span_str(model), &rows, &count, &err), 0);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) assert_true(rows[i].from_day > rows[i - 1].from_day);
        if (rows[i].from_day > day(date)) break;
        *out = rows[i];
        found = true;
    }
    free(rows);
    return found;
}

static int64_t cost_on(const char *model, const char *date, tally_usage usage) {
    tally_price row;
    int64_t pico;
    const char *why = NULL;
    if (!row_on(model, date, &row)) return UNPRICED;
    int rc = tally_price_apply(&row, &usage, &pico, &why);
    if (rc == 0) return pico;
    assert_int_equal(rc, TALLY_ENOTFOUND);
    assert_non_null(why);
    return UNPRICED;
}

/* A made-up row: 3 in, 15 out, pico-units a token. */
static tally_price simple_row(void) {
    tally_price row;
    tally_price_init(&row);
    memcpy(row.model, "m", 2);
    row.base.input = 3;
    row.base.output = 15;
    return row;
}

typedef struct request {
    const char *model, *date;
    uint64_t input, output, cache_read, write_5m, write_1h;
    uint32_t tier;
    int64_t cost;
} request;

static void check_requests(const request *requests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const request *r = &requests[i];
        tally_usage usage = {r->input,    r->output, r->cache_read, r->write_5m,
                             r->write_1h, 0,         r->tier};
        int64_t cost = cost_on(r->model, r->date, usage);
        if (cost != r->cost) print_error("request %zu, %s on %s\n", i, r->model, r->date);
        assert_int_equal(cost, r->cost);
    }
}

static void claude_sessions_cost_what_their_expectations_say(void **state) {
    (void)state;
    static const request requests[] = {
        {"claude-opus-4-8", "2026-09-01", 3, 427, 40000, 0, 2000, 0, 50690000000},
        {"claude-sonnet-4-5", "2026-09-01", 10, 100, 1000, 500, 0, 0, 3705000000},
        {"claude-sonnet-4-5", "2026-09-01", 20, 200, 2000, 600, 0, 0, 5910000000},
        {"claude-sonnet-4-5", "2026-09-02", 30, 300, 3000, 700, 0, 0, 8115000000},
        {"claude-opus-4-8", "2026-09-03", 5, 80, 10000, 0, 0, 0, 7025000000},
        {"claude-haiku-4-5", "2026-09-03", 7, 900, 20000, 3000, 0, 0, 10257000000},
        {"claude-sonnet-4-5", "2026-09-05", 2, 530, 23000, 800, 0, 0, 17856000000},
        {"claude-opus-4-5", "2026-09-05", 15000, 720, 0, 0, 0, 0, 93000000000},
        {"claude-opus-4-8", "2026-09-06", 4, 50, 0, 4000, 6000, 0, 86270000000},
        {"claude-opus-4-8", "2026-09-06", 4, 50, 0, 8000, 0, 0, 51270000000},
        {"claude-opus-4-8", "2026-09-06", 4, 50, 0, 500, 0, 0, 4395000000},
        {"claude-haiku-4-5", "2026-09-08", 9, 90, 900, 0, 0, 0, 549000000},
        {"claude-haiku-5-5", "2026-10-20", 1000, 10, 99000, 0, 0, 0, 1095000000},
        {"claude-haiku-5-5", "2026-10-20", 1001, 10, 99000, 0, 0, 0, 5475500000},
        {"claude-sonnet-4-5", "2026-10-20", 1, 10, 150000, 50000, 0, 0, 465231000000},
        {"claude-sonnet-4-5", "2026-10-20", 1, 300000, 150000, 0, 0, 0, 4545003000000},
        {"claude-opus-4-8", "2026-10-20", 1, 10, 900000, 0, 0, 0, 450255000000},
        {"claude-fable-5-1[1m]", "2026-10-20", 1, 10, 900000, 0, 0, 0, 225510000000},
    };
    check_requests(requests, sizeof requests / sizeof requests[0]);
}

static void codex_sessions_cost_what_their_expectations_say(void **state) {
    (void)state;
    static const request requests[] = {
        {"gpt-5.5", "2026-09-11", 2000, 700, 8000, 0, 0, 0, 35000000000},
        {"gpt-5.5", "2026-09-11", 2000, 900, 12000, 0, 0, 0, 43000000000},
        {"gpt-5.5", "2026-09-11", 20000, 2000, 100000, 0, 0, 0, 210000000000},
        {"gpt-5.5", "2026-09-11", 27000, 1500, 3000, 0, 0, 0, 181500000000},
        {"gpt-5.5", "2026-09-11", 2000, 900, 38000, 0, 0, 0, 56000000000},
        {"gpt-5.2-codex", "2026-09-11", 5000, 600, 1000, 0, 0, 0, 17325000000},
        {"gpt-5.2-codex", "2026-09-11", 1000, 350, 6000, 0, 0, 0, 7700000000},
        {"gpt-5.2-codex", "2026-09-11", 500, 200, 7000, 0, 0, 0, 4900000000},
        {"gpt-5.6-sol", "2026-08-20", 5000, 1000, 10000, 5000, 0, 0, 91250000000},
        {"gpt-5.6-sol", "2026-08-21", 5000, 800, 25000, 0, 0, TALLY_TIER_PRIORITY, 92000000000},
        {"gpt-5.5", "2026-09-11", 1000, 50, 0, 0, 0, 0, 6500000000},
    };
    check_requests(requests, sizeof requests / sizeof requests[0]);
}

static void what_claude_code_reports_comes_out_to_the_last_digit(void **state) {
    (void)state;
    /* One invocation: two requests, n and n + 1 of served.json; its "costUSD" in pico-USD. */
    static const struct {
        const char *model;
        uint64_t n;
        int64_t reported;
    } runs[] = {{"claude-sonnet-4-5", 1, 15432900000}, /* 0.0154329 */
                {"claude-sonnet-4-5", 3, 15530100000}, /* 0.015530099999999998, a sum of doubles */
                {"claude-opus-4-8", 5, 26045500000},   /* 0.0260455 */
                {"claude-opus-4-8[1m]", 7, 26207500000}, /* 0.0262075 */
                {"claude-haiku-4-5", 9, 5273900000}};    /* 0.0052739 */
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        int64_t sum = 0;
        for (uint64_t n = runs[i].n; n < runs[i].n + 2; n++)
            sum += cost_on(runs[i].model, "2026-11-21",
                           (tally_usage){10 + n, 100 + n, 5000 + n, 600, 400 + n, 0, 0});
        assert_int_equal(sum, runs[i].reported);
    }
}

static void a_threshold_itself_still_takes_the_lower_card(void **state) {
    (void)state;
    static const request requests[] = {
        /* haiku-5-5: 0.1 and 0.5 up to 100,000; 0.5 and 2.5 above. */
        {"claude-haiku-5-5", "2026-11-01", 100000, 1, 0, 0, 0, 0, 10000500000},
        {"claude-haiku-5-5", "2026-11-01", 100001, 1, 0, 0, 0, 0, 50003000000},
        /* Every prompt class counts towards the threshold: 1 + 50,000 x 2 writes. 1h 0.2, 5m 0.125;
           above 1 and 0.625. */
        {"claude-haiku-5-5", "2026-11-01", 0, 0, 0, 50000, 50000, 0, 16250000000},
        {"claude-haiku-5-5", "2026-11-01", 1, 0, 0, 50000, 50000, 0, 81250500000},
        /* gpt-5.5: 5 and 30 up to 272,000; 10 and 45 above. */
        {"gpt-5.5", "2026-11-01", 272000, 1, 0, 0, 0, 0, 1360030000000},
        {"gpt-5.5", "2026-11-01", 272001, 1, 0, 0, 0, 0, 2720055000000},
        {"gpt-5.5", "2026-11-01", 1, 1, 272000, 0, 0, 0, 272055000000},
        /* Written tokens before 5.6 are ordinary input, on the card of the prompt. */
        {"gpt-5.5", "2026-11-01", 0, 0, 0, 272000, 0, 0, 1360000000000},
        {"gpt-5.5", "2026-11-01", 0, 0, 0, 272001, 0, 0, 2720010000000},
        /* The surcharge of sonnet-4-6 ended on 2026-03-13. */
        {"claude-sonnet-4-6", "2026-03-12", 200001, 0, 0, 0, 0, 0, 1200006000000},
        {"claude-sonnet-4-6", "2026-03-13", 200001, 0, 0, 0, 0, 0, 600003000000},
    };
    check_requests(requests, sizeof requests / sizeof requests[0]);
}

static void a_price_is_the_one_of_the_day(void **state) {
    (void)state;
    static const request requests[] = {
        {"gpt-5.6-luna", "2026-07-29", 1000000, 0, 0, 0, 0, 0, 2000000000000}, /* above 272,000 */
        {"gpt-5.6-luna", "2026-07-29", 1000, 100, 0, 0, 0, 0, 1600000000},
        {"gpt-5.6-luna", "2026-07-30", 1000, 100, 0, 0, 0, 0, 320000000},
        {"gpt-5.6-luna-2026-07-09", "2026-07-30", 1000, 100, 0, 0, 0, 0, 320000000},
        {"gpt-5.6", "2026-08-20", 1000, 100, 0, 0, 0, 0, 8000000000},
        {"gpt-5.6", "2026-08-21", 1000, 100, 0, 0, 0, 0, 6000000000},
        {"claude-sonnet-5-5", "2026-10-06", 0, 0, 1000, 0, 0, 0, 200000000},
        {"claude-sonnet-5-5", "2026-10-07", 0, 0, 1000, 0, 0, 0, 100000000},
        {"claude-sonnet-5-5", "2026-09-27", 1, 1, 0, 0, 0, 0, UNPRICED}, /* not yet out */
        {"claude-sonnet-5", "2026-09-01", 1000, 0, 0, 0, 0, 0,
         2000000000}, /* the rise never came */
        {"o3", "2025-06-09", 1000, 0, 0, 0, 0, 0, 10000000000},
        {"o3-2025-04-16", "2025-06-10", 1000, 0, 0, 0, 0, 0, 2000000000},
    };
    check_requests(requests, sizeof requests / sizeof requests[0]);
}

static void what_has_no_published_price_is_unpriced_and_never_zero(void **state) {
    (void)state;
    static const char *const unknown[] = {"claude-opus-9",         "claude-fable-5-2",
                                          "claude-mythos-5-2",     "codex-auto-review",
                                          "<synthetic>",           "gpt-7",
                                          "Gemini 3.1 Pro (High)", ""};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_int_equal(cost_on(unknown[i], "2026-11-21", (tally_usage){.input = 1}), UNPRICED);
    static const request requests[] = {
        /* gpt-6.2-astra: its write price is not known; the rest is. */
        {"gpt-6.2-astra", "2026-11-20", 1000, 100, 1000, 0, 0, 0, 12400000000},
        {"gpt-6.2-astra", "2026-11-20", 1000, 100, 1000, 1, 0, 0, UNPRICED},
        {"gpt-5.6-sol", "2026-11-01", 1, 0, 0, 0, 1, 0, UNPRICED}, /* no one-hour write is sold */
        {"gpt-6.1-sol", "2026-11-01", 272001, 0, 0, 0, 0, 0, 1088004000000},
        {"gpt-6.1-sol", "2026-11-01", 272001, 0, 0, 1, 0, 0, UNPRICED},
        {"gemini-3.1-pro-preview", "2026-11-01", 1, 0, 0, 1, 0, 0, UNPRICED},
        {"deepseek-v4-pro", "2026-08-16", 1000, 0, 0, 0, 0, 0, 435000000},
        {"deepseek-v4-pro", "2026-08-17", 1000, 0, 0, 0, 0, 0, UNPRICED}, /* depends on the hour */
        {"claude-sonnet-4-5", "2026-11-01", 1, 0, 0, 0, 0, TALLY_TIER_FAST, UNPRICED},
    };
    check_requests(requests, sizeof requests / sizeof requests[0]);
}

static void tiers_multiply_the_whole_line(void **state) {
    (void)state;
    static const request requests[] = {
        /* opus-4-8: 1000 in, 100 out = 0.0075; fast 2, US 11/10, batch 1/2. */
        {"claude-opus-4-8", "2026-09-01", 1000, 100, 0, 0, 0, TALLY_TIER_FAST, 15000000000},
        {"claude-opus-4-8", "2026-09-01", 1000, 100, 0, 0, 0, TALLY_TIER_US, 8250000000},
        {"claude-opus-4-8", "2026-09-01", 1000, 100, 0, 0, 0, TALLY_TIER_BATCH, 3750000000},
        {"claude-opus-4-8", "2026-09-01", 1000, 100, 0, 0, 0,
         TALLY_TIER_FAST | TALLY_TIER_US | TALLY_TIER_BATCH, 8250000000},
        {"claude-opus-4-7", "2026-09-01", 1000, 100, 0, 0, 0, TALLY_TIER_FAST, 45000000000},
        /* gpt-5.5 publishes priority rates (10, 60, 1), which beat the 2.5 of fast mode, also above
           272,000. */
        {"gpt-5.5", "2026-09-01", 1000, 100, 1000, 0, 0, TALLY_TIER_PRIORITY, 17000000000},
        {"gpt-5.5", "2026-09-01", 272001, 0, 0, 0, 0, TALLY_TIER_PRIORITY, 5440020000000},
        {"gpt-5.5", "2026-09-01", 1000, 100, 1000, 0, 0, TALLY_TIER_FLEX, 4250000000},
        /* gpt-5.6-sol since August states no flex rates: flex is sold at the batch price. */
        {"gpt-5.6-sol", "2026-09-01", 1000, 100, 0, 0, 0, TALLY_TIER_FLEX, 3000000000},
        /* gpt-5 flex: cache reads at 62.5 nano-USD. */
        {"gpt-5", "2026-09-01", 0, 0, 1, 0, 0, TALLY_TIER_FLEX, 62500},
        /* Bedrock's regional names have rates of their own, 1.1 times Anthropic's; global. has not.
         */
        {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-09-01", 1000, 0, 0, 0, 0, 0,
         3300000000},
        {"global.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-09-01", 1000, 0, 0, 0, 0, 0,
         3000000000},
        {"text-embedding-3-small", "2026-09-01", 1000, 0, 0, 0, 0, 0, 20000000},
    };
    check_requests(requests, sizeof requests / sizeof requests[0]);
}

static void explicit_rates_above_a_threshold_come_first(void **state) {
    (void)state;
    /* LiteLLM: azure/gpt-5.4 above 272k sells priority at 10 in, 45 out. */
    assert_int_equal(
        cost_on("azure/gpt-5.4", "2026-09-01",
                (tally_usage){.input = 300000, .output = 1000, .tier = TALLY_TIER_PRIORITY}),
        3045000000000);
}

static void a_search_costs_a_cent_that_no_tier_multiplies(void **state) {
    (void)state;
    tally_usage usage = {.input = 1000, .web_searches = 3, .tier = TALLY_TIER_FAST};
    assert_int_equal(cost_on("claude-opus-4-8", "2026-09-01", usage), 10000000000 + 30000000000);
    tally_price row = simple_row();
    int64_t pico;
    const char *why = NULL;
    assert_int_equal(tally_price_apply(&row, &usage, &pico, &why), TALLY_ENOTFOUND);
    usage.tier = 0;
    assert_int_equal(tally_price_apply(&row, &usage, &pico, &why), TALLY_ENOTFOUND);
    assert_string_equal(why, "no price is published for web searches");
}

static void a_line_is_rounded_half_even_and_once(void **state) {
    (void)state;
    tally_price row = simple_row();
    int64_t pico;
    row.base.input = 1;
    row.batch = (tally_ratio){1, 2};
    row.us = (tally_ratio){11, 10};
    row.fast = (tally_ratio){5, 2};
    static const struct {
        uint64_t input;
        uint32_t tier;
        int64_t cost;
    } cases[] = {{1, TALLY_TIER_BATCH, 0}, /* 0.5 */
                 {3, TALLY_TIER_BATCH, 2}, /* 1.5 */
                 {5, TALLY_TIER_BATCH, 2}, /* 2.5 */
                 {7, TALLY_TIER_BATCH, 4}, /* 3.5 */
                 {1, TALLY_TIER_US, 1},    /* 1.1 */
                 {5, TALLY_TIER_US, 6},    /* 5.5 */
                 {15, TALLY_TIER_US, 16},  /* 16.5 */
                 /* 1 x 11/10 x 1/2 = 0.55: one; rounded at each step it would be zero. */
                 {1, TALLY_TIER_US | TALLY_TIER_BATCH, 1},
                 /* 3 x 5/2 x 11/10 x 1/2 = 4.125 */
                 {3, TALLY_TIER_FAST | TALLY_TIER_US | TALLY_TIER_BATCH, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tally_usage usage = {.input = cases[i].input, .tier = cases[i].tier};
        assert_int_equal(tally_price_apply(&row, &usage, &pico, NULL), 0);
        assert_int_equal(pico, cases[i].cost);
    }
}

static void large_counts_are_exact_or_refused(void **state) {
    (void)state;
    tally_price row = simple_row();
    int64_t pico;
    row.base = (tally_card){1, 1, 1, 1, 1};
    const uint64_t most = UINT64_C(1) << 53;
    tally_usage usage = {most, most, most, most, most, 0, 0};
    assert_int_equal(tally_price_apply(&row, &usage, &pico, NULL), 0);
    assert_int_equal(pico, INT64_C(5) << 53);
    row.base.input = 1023; /* 1023 x 2^53 + 4 x 2^53 = 1027 x 2^53 > 2^63 */
    assert_int_equal(tally_price_apply(&row, &usage, &pico, NULL), TALLY_EOVERFLOW);
    row.base.input = 1019; /* 1023 x 2^53 = 2^63 - 2^53 */
    assert_int_equal(tally_price_apply(&row, &usage, &pico, NULL), 0);
    assert_int_equal(pico, INT64_MAX - (INT64_C(1) << 53) + 1);
    tally_usage huge = {.input = UINT64_MAX, .cache_read = 1};
    assert_int_equal(tally_price_apply(&row, &huge, &pico, NULL), TALLY_EOVERFLOW);
    tally_usage max = {.input = UINT64_MAX, .output = UINT64_MAX};
    row.base.input = row.base.output = TALLY_PRICE_MAX_PICO;
    assert_int_equal(tally_price_apply(&row, &max, &pico, NULL), TALLY_EOVERFLOW);
}

/* ---- price.set ---- */

/* Encodes `row` and parses the record again; the writer keeps the bytes. */
static tally_record encoded(tally_writer *writer, const tally_price *row, uint8_t *scratch) {
    tally_span bytes;
    tally_record record;
    tally_error err = {0};
    tally_writer_begin(writer);
    tally_price_put(writer, row, scratch, TALLY_PRICE_SCRATCH_BYTES);
    assert_int_equal(tally_writer_encode(writer, "price.set", 1, &bytes, &err), 0);
    assert_int_equal(tally_record_parse(bytes, &record, &err), 0);
    return record;
}

static void a_price_set_body_is_short_readable_msgpack(void **state) {
    (void)state;
    static const uint8_t expected[] = "\x85\xa8"
                                      "currency\xa3"
                                      "USD\xa4"
                                      "from\xaa"
                                      "2026-07-09"
                                      "\xa5"
                                      "input\xce\x00\x2d\xc6\xc0\xa5"
                                      "model\xa1"
                                      "m"
                                      "\xa6"
                                      "output\xce\x00\xe4\xe1\xc0";
    uint8_t scratch[TALLY_PRICE_SCRATCH_BYTES];
    tally_writer *writer;
    tally_error err = {0};
    tally_price row = simple_row();
    row.base.input = 3000000;
    row.base.output = 15000000;
    row.from_day = day("2026-07-09");
    assert_int_equal(tally_writer_new(&writer, &err), 0);
    tally_record record = encoded(writer, &row, scratch);
    assert_int_equal(record.body.len, sizeof expected - 1);
    assert_memory_equal(record.body.ptr, expected, sizeof expected - 1);
    tally_writer_free(writer);
}

/* Everything a row can hold, each number at its widest. */
static tally_price full_row(void) {
    tally_price row;
    tally_price_init(&row);
    const int64_t most = TALLY_PRICE_MAX_PICO;
    tally_card card = {most, most - 1, most - 2, most - 3, most - 4};
    memset(row.model, 'm', sizeof row.model - 1);
    memset(row.source, 's', sizeof row.source - 1);
    row.from_day = day("9999-12-31");
    row.base = row.priority = row.flex = card;
    row.tier_count = TALLY_PRICE_MAX_TIERS;
    for (uint32_t i = 0; i < TALLY_PRICE_MAX_TIERS; i++) {
        row.tiers[i].above_tokens = UINT64_MAX - TALLY_PRICE_MAX_TIERS + i;
        row.tiers[i].card = row.tiers[i].priority = card;
    }
    row.fast = row.batch = row.us = (tally_ratio){TALLY_PRICE_RATIO_MAX, TALLY_PRICE_RATIO_MAX - 1};
    row.web_search = most;
    row.write_is_input = row.read_is_input = true;
    return row;
}

static void every_row_survives_a_record(void **state) {
    (void)state;
    uint8_t scratch[TALLY_PRICE_SCRATCH_BYTES];
    tally_writer *writer;
    tally_error err = {0};
    tally_price rows[4], again;
    assert_int_equal(tally_writer_new(&writer, &err), 0);
    rows[0] = full_row();
    rows[1] = simple_row();
    assert_true(row_on("gpt-5.5", "2026-09-01", &rows[2]));
    assert_true(row_on("azure/gpt-5.6-sol", "2026-09-01", &rows[3])); /* a card without rates */
    for (size_t i = 0; i < 4; i++) {
        tally_record record = encoded(writer, &rows[i], scratch);
        assert_int_equal(tally_price_read(&record, &again, &err), 0);
        assert_memory_equal(&again, &rows[i], sizeof again);
    }
    tally_writer_free(writer);
}

static int read_body(const char *body, size_t len) {
    tally_record record = {.body = tally_span_of(body, len)};
    tally_price out;
    tally_error err = {0};
    return tally_price_read(&record, &out, &err);
}

static void nonsense_in_a_price_set_body_is_refused(void **state) {
    (void)state;
#define START                                                                                      \
    "\xa8"                                                                                         \
    "currency\xa3"                                                                                 \
    "USD\xa5"                                                                                      \
    "model\xa1"                                                                                    \
    "m"
#define BODY(text) text, sizeof(text) - 1
    static const struct {
        int rc;
        const char *body;
        size_t len;
    } cases[] = {
        {0, BODY("\x82" START)},
        {0, BODY("\x83" START "\xa9"
                 "something\xc3")}, /* a newer version's key */
        {TALLY_EFORMAT, BODY("\x81\xa8"
                             "currency\xa3"
                             "USD")},
        {TALLY_EFORMAT, BODY("\x81\xa5"
                             "model\xa1"
                             "m")},
        {TALLY_EFORMAT, BODY("\x82\xa8"
                             "currency\xa3"
                             "usd\xa5"
                             "model\xa1"
                             "m")},
        {TALLY_EFORMAT, BODY("\x82\xa8"
                             "currency\xa3"
                             "USD\xa5"
                             "model\xa1\x07")},
        {TALLY_EFORMAT, BODY("\x83" START "\xa5"
                             "input\xff")}, /* -1 */
        {TALLY_EFORMAT, BODY("\x83" START "\xa5"
                             "input\xa1"
                             "3")}, /* text */
        {TALLY_EFORMAT, BODY("\x83" START "\xa5"
                             "input\xcf\x7f\xff\xff\xff\xff\xff\xff\xff")},
        {TALLY_EFORMAT, BODY("\x83" START "\xa4"
                             "from\xaa"
                             "2026-02-30")},
        {TALLY_EFORMAT, BODY("\x83" START "\xa4"
                             "fast\x92\x01\x00")}, /* 1/0 */
        {TALLY_EFORMAT, BODY("\x83" START "\xa4"
                             "fast\x92\x00\x01")},
        {TALLY_EFORMAT, BODY("\x83" START "\xa4"
                             "fast\x93\x01\x01\x01")},
        {TALLY_EFORMAT, BODY("\x83" START "\xa4"
                             "fast\x02")},
        {0, BODY("\x83" START "\xa5"
                 "tiers\x92\x81\xa5"
                 "above\x01\x81\xa5"
                 "above\x02")},
        {TALLY_EFORMAT, BODY("\x83" START "\xa5"
                             "tiers\x92\x81\xa5"
                             "above\x02\x81\xa5"
                             "above\x02")},
        {TALLY_EFORMAT, BODY("\x83" START "\xa5"
                             "tiers\x91\x81\xa5"
                             "input\x02")}, /* no threshold */
        {TALLY_EFORMAT, BODY("\x83" START "\xa5"
                             "tiers\x95\x01\x02\x03\x04\x05")},
        {TALLY_EFORMAT, BODY("\x83" START "\xa8"
                             "priority\x01")},
        {TALLY_EFORMAT, BODY("\x83" START "\xae"
                             "write_is_input\x01")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc = read_body(cases[i].body, cases[i].len);
        if (rc != cases[i].rc) print_error("case %zu\n", i);
        assert_int_equal(rc, cases[i].rc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claude_sessions_cost_what_their_expectations_say),
        cmocka_unit_test(codex_sessions_cost_what_their_expectations_say),
        cmocka_unit_test(what_claude_code_reports_comes_out_to_the_last_digit),
        cmocka_unit_test(a_threshold_itself_still_takes_the_lower_card),
        cmocka_unit_test(a_price_is_the_one_of_the_day),
        cmocka_unit_test(what_has_no_published_price_is_unpriced_and_never_zero),
        cmocka_unit_test(tiers_multiply_the_whole_line),
        cmocka_unit_test(explicit_rates_above_a_threshold_come_first),
        cmocka_unit_test(a_search_costs_a_cent_that_no_tier_multiplies),
        cmocka_unit_test(a_line_is_rounded_half_even_and_once),
        cmocka_unit_test(large_counts_are_exact_or_refused),
        cmocka_unit_test(a_price_set_body_is_short_readable_msgpack),
        cmocka_unit_test(every_row_survives_a_record),
        cmocka_unit_test(nonsense_in_a_price_set_body_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
