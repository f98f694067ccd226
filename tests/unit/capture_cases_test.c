/* The cases of fixtures/synthetic from the logs to the cost: number of responses and their price as
 * the case's expected.json states them, and nothing new in a second pass. */
#include "capture_bench.h"

#include <tally/json.h>

#define EXPECTED_MAX_BYTES (256u * 1024u)

typedef struct priced_sum {
    tally_price_book *book;
    uint64_t requests, pico;
} priced_sum;

static int add_cost(void *ctx, const tally_cost *cost) {
    priced_sum *sum = ctx;
    tally_priced priced;
    tally_price_book_cost(sum->book, cost, &priced, NULL);
    if (!priced.priced || priced.pico < 0) return -1;
    sum->requests++;
    sum->pico += (uint64_t)priced.pico;
    return 0;
}

static priced_sum sum_of(bench *b) {
    priced_sum sum = {0};
    tally_txn *txn;
    tally_error err;
    assert_int_equal(tally_read_begin(b->ledger, &txn, &err), 0);
    assert_int_equal(tally_price_book_new(txn, &sum.book, &err), 0);
    assert_int_equal(tally_cost_each(txn, 0, INT64_MAX, add_cost, &sum), 0);
    tally_price_book_free(sum.book);
    tally_read_end(txn);
    return sum;
}

static void read_expected(const char *folder, uint64_t *requests, uint64_t *pico) {
    static char text[EXPECTED_MAX_BYTES];
    char path[2 * PATH_SIZE];
    tally_json root, totals, value;
    int n = snprintf(path, sizeof path, "%s/expected.json", folder);
    assert_true(n > 0 && (size_t)n < sizeof path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text, file);
    assert_int_equal(fclose(file), 0);
    assert_true(len < sizeof text);
    assert_int_equal(tally_json_parse(tally_span_of(text, len), &root), 0);
    assert_true(tally_json_get(&root, "totals", &totals));
    assert_true(tally_json_get(&totals, "requests", &value) && tally_json_u64(&value, requests));
    assert_true(tally_json_get(&totals, "cost_pico", &value) && tally_json_u64(&value, pico));
}

static void check_case(bench *b, const char *agent, const char *variable, const char *name) {
    char folder[2 * PATH_SIZE];
    tally_error err;
    uint64_t requests, pico;
    (void)snprintf(folder, sizeof folder, TALLY_TEST_DATA "/fixtures/synthetic/%s/%s", agent, name);
    read_expected(folder, &requests, &pico);
    tally_ledger_close(b->ledger);
    open_ledger(b, name);
    assert_int_equal(setenv(variable, folder, 1), 0);
    const capture_options options = {
        .home = b->home, .use_environment = true, .agent = agent, .now_ms = now};
    assert_int_equal(capture_run(b->ledger, &options, &b->result, &err), 0);
    assert_int_equal(b->result.costs, requests);
    priced_sum sum = sum_of(b);
    assert_int_equal(sum.requests, requests);
    assert_int_equal(sum.pico, pico);
    assert_int_equal(capture_run(b->ledger, &options, &b->result, &err), 0);
    assert_int_equal(b->result.costs + b->result.sessions + b->result.activity, 0);
    assert_int_equal(b->result.bytes_read, 0);
    assert_int_equal(unsetenv(variable), 0);
}

static void claude_cases_come_out_to_the_last_digit(void **state) {
    const char *const names[] = {"c01-streaming-duplicates",   "c02-resume-copies-history",
                                 "c03-subagent-separate-file", "c05-advisor-iterations",
                                 "c06-cache-write-ttl",        "c08-noise-lines",
                                 "c10-human-prompts",          "c11-prompt-length-tiers"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_case(*state, "claude", "CLAUDE_CONFIG_DIR", names[i]);
}

static void codex_cases_come_out_to_the_last_digit(void **state) {
    const char *const names[] = {"x01-duplicate-and-null-token-count",
                                 "x02-counter-reset-and-compaction", "x04-subagent-replays-parent",
                                 "x05-usage-records-twins-cache-write", "x07-zst-and-archived"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_case(*state, "codex", "CODEX_HOME", names[i]);
}

static void gemini_cases_come_out_to_the_last_digit(void **state) {
    check_case(*state, "gemini", "GEMINI_CLI_HOME", "g01-reappend-rewind-thoughts");
}

static void opencode_cases_come_out_to_the_last_digit(void **state) {
    check_case(*state, "opencode", "XDG_DATA_HOME", "o01-sqlite-fork-and-child");
}

static void copilot_cases_come_out_to_the_last_digit(void **state) {
    char folder[2 * PATH_SIZE];
    (void)snprintf(folder, sizeof folder,
                   TALLY_TEST_DATA
                   "/fixtures/synthetic/copilot/p01-events-and-session-store/.copilot");
    assert_int_equal(setenv("COPILOT_HOME", folder, 1), 0);
    check_case(*state, "copilot", "UNUSED", "p01-events-and-session-store");
    assert_int_equal(unsetenv("COPILOT_HOME"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(claude_cases_come_out_to_the_last_digit),
        TEST(codex_cases_come_out_to_the_last_digit),
        TEST(gemini_cases_come_out_to_the_last_digit),
        TEST(opencode_cases_come_out_to_the_last_digit),
        TEST(copilot_cases_come_out_to_the_last_digit),
    };
    return cmocka_run_group_tests_name("capture_cases", tests, NULL, NULL);
}
