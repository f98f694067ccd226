/* The Copilot CLI adapter against the fixture case, and a case of its own for each trap: rows of
 * the database, and the events of sessions. */
#include "database_harness.h"

#define COPILOT_SYNTHETIC TALLY_TEST_DATA "/fixtures/synthetic/copilot/p01-events-and-session-store"
#define EVENTS            "/home/dev/.copilot/session-state/s-1/events.jsonl"

#define SCHEMA                                                                                     \
    "CREATE TABLE sessions(id TEXT PRIMARY KEY, cwd TEXT, repository TEXT, branch TEXT);"          \
    "CREATE TABLE assistant_usage_events(id INTEGER PRIMARY KEY, session_id TEXT, model TEXT, "    \
    "input_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, "                \
    "reasoning_tokens INTEGER, output_tokens INTEGER, created_at TEXT);"
#define ROW(id, session, counts, time)                                                             \
    "INSERT INTO assistant_usage_events VALUES (" #id ", '" session "', 'gpt-5.5', " counts        \
    ", '" time "');"

#define EVENT(type, time, data)                                                                    \
    "{'type':'" type "','data':{" data "},'id':'e" time "','timestamp':'2026-09-13T10:" time       \
    "Z','parentId':null}\n"
#define START                                                                                      \
    EVENT("session.start", "00:00", "'sessionId':'s-1','context':{'cwd':'/home/dev/acme'}")
#define METRICS(model, input, output, read, write)                                                 \
    "'" model "':{'usage':{'inputTokens':" #input ",'outputTokens':" #output                       \
    ",'cacheReadTokens':" #read ",'cacheWriteTokens':" #write "}}"
#define SHUTDOWN(time, metrics) EVENT("session.shutdown", time, "'modelMetrics':{" metrics "}")

/* The events say the same spend again: beside the database they only tell the hours. */
static void the_synthetic_case_comes_out_as_expected(void **state) {
    (void)state;
    table_log log = {.w = new_world(&capture_copilot)};
    char path[1024];
    for (int round = 0; round < 2; round++) {
        pass_over(&log, COPILOT_SYNTHETIC "/.copilot/session-store.db");
        log.w->has_database = true;
        (void)snprintf(path, sizeof path,
                       "%s/.copilot/session-state/cccc1111-0000-4000-8000-000000000001/"
                       "events.jsonl",
                       COPILOT_SYNTHETIC);
        load_log(log.w, path);
        read_file(log.w, &log.w->files[round], round ? 3 : SIZE_MAX);
        assert_true(matches_expected(log.w, COPILOT_SYNTHETIC, round ? "again" : "once"));
    }
    assert_string_equal(log.w->sessions[0].cwd, "/home/dev/acme-lib");
    assert_string_equal(log.w->sessions[0].branch, "dev");
    free_world(log.w);
}

static void rows_are_read_once_and_a_new_database_from_its_start(void **state) {
    (void)state;
    table_log *log = new_log(&capture_copilot, "session-store.db", SCHEMA);
    put_rows(log, ROW(1, "s-1", "100, 40, 10, 5, 7", "2026-09-13 10:00:03"));
    read_log(log);
    assert_int_equal(log->w->cost_count, 1);
    assert_int_equal(log->w->costs[0].usage.input, 50);
    assert_int_equal(log->w->costs[0].usage.cache_read, 40);
    assert_int_equal(log->w->costs[0].usage.cache_write_5m, 10);
    assert_int_equal(log->w->costs[0].usage.output, 7);
    assert_int_equal(log->w->costs[0].reasoning, 5);
    assert_int_equal(log->w->costs[0].time_ms, ms_of("2026-09-13T10:00:03Z"));
    uint64_t first = log->taken;
    read_log(log);
    assert_true(log->taken < first / 2);
    put_rows(log, "DELETE FROM assistant_usage_events;" ROW(1, "s-1", "100, 40, 10, 5, 7",
                                                            "2026-09-14 10:00:03"));
    read_log(log);
    assert_int_equal(log->w->cost_count, 2);
    free_log(log);
}

static void rows_that_cannot_be_counted_are_reported(void **state) {
    (void)state;
    table_log *log = new_log(&capture_copilot, "session-store.db", SCHEMA);
    put_rows(log, ROW(1, "s", "10, 8, 3, 0, 1", "2026-09-13T10:00:03Z")
                      ROW(2, "s", "-1, 0, 0, 0, 1", "2026-09-13T10:00:03Z")
                          ROW(3, "s", "1, 0, 0, 0, 1", "yesterday") ROW(4, "", "1, 0, 0, 0, 1",
                                                                        "2026-09-13T10:00:03Z")
                              ROW(5, "s", "0, 0, 0, 0, 0", "2026-09-13T10:00:03Z")
                                  ROW(6, "s", "1, NULL, NULL, NULL, 1", "2026-09-13T10:00:03Z"));
    read_log(log);
    assert_int_equal(log->w->cost_count, 1);
    static const char *const why[] = {
        "more cached tokens than tokens", "a token count that is no count",
        "tokens without a timestamp", "tokens without a usable session"};
    assert_int_equal(log->w->skipped_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(log->w->skipped[i], why[i]);
        assert_int_equal(log->w->skipped_line[i], i + 1);
    }
    free_log(log);
}

/* Reads the events cut in two at every line. */
static void read_events(const char *lines, void (*check)(const world *w)) {
    for (size_t split = 0;; split++) {
        world *w = new_world(&capture_copilot);
        size_t starts[SEEN_MAX + 1];
        write_log(w, EVENTS, lines);
        read_file(w, &w->files[0], split);
        assert_int_equal(w->orphans, 0);
        check(w);
        bool last = split >= each_line(&w->files[0], starts, SEEN_MAX);
        free_world(w);
        if (last) break;
    }
}

static void totals_by_growth(const world *w) {
    assert_int_equal(w->cost_count, 4);
    assert_int_equal(w->costs[0].usage.input, 100);
    assert_int_equal(w->costs[1].usage.input, 50); /* 170 - 100, 20 of it read from the cache */
    assert_int_equal(w->costs[1].usage.cache_read, 20);
    assert_string_equal(w->costs[2].model, "gpt-5.5");
    assert_int_equal(w->costs[3].usage.input, 30); /* began again after a compaction */
    assert_int_equal(w->costs[3].time_ms, ms_of("2026-09-13T10:09:00Z"));
}

static void without_a_database_the_growth_of_totals_counts(void **state) {
    (void)state;
    read_events(LOG(START, SHUTDOWN("01:00", METRICS("claude-sonnet-4.5", 100, 10, 0, 0)),
                    EVENT("session.resume", "02:00", "'context':{'cwd':'/home/dev/other'}"),
                    SHUTDOWN("03:00", METRICS("claude-sonnet-4.5", 170, 20, 20,
                                              0) "," METRICS("gpt-5.5", 5, 5, 0, 0)),
                    SHUTDOWN("04:00", METRICS("gpt-5.5", 5, 5, 0, 0)),
                    SHUTDOWN("09:00", METRICS("claude-sonnet-4.5", 30, 3, 0, 0))),
                totals_by_growth);
}

static void two_typed_prompts(const world *w) {
    assert_int_equal(count_human(w), 2);
    assert_true(has_human_at(w, ms_of("2026-09-13T10:01:00Z")));
    assert_true(has_human_at(w, ms_of("2026-09-13T10:02:00Z")));
    assert_string_equal(w->sessions[0].title, "A better title");
    assert_int_equal(w->sessions[0].title_rank, 3);
    assert_string_equal(w->sessions[0].cwd, "/home/dev/acme");
}

static void only_what_a_person_typed_is_human(void **state) {
    (void)state;
    read_events(
        LOG(START, EVENT("user.message", "01:00", "'content':'Fix it'"),
            EVENT("user.message", "02:00", "'content':'Go on','source':'palette'"),
            EVENT("user.message", "03:00", "'content':'x','source':'skill-review'"),
            EVENT("user.message", "04:00", "'content':'x','source':'agent-7'"),
            EVENT("user.message", "05:00", "'content':'x','isAutopilotContinuation':true"),
            EVENT("user.message", "06:00", "'content':'x','parentAgentTaskId':'t'"),
            "{'type':'user.message','agentId':'a','id':'z','timestamp':'2026-09-13T10:07:00Z',"
            "'data':{'content':'x'}}\n",
            EVENT("session.title_changed", "08:00", "'title':'A better title'"),
            EVENT("hook.start", "09:00", "")),
        two_typed_prompts);
}

static void a_damaged_state_is_refused(void **state) {
    (void)state;
    world *w = new_world(&capture_copilot);
    const capture_sink sink = sink_of(w);
    const capture_file file = {.path = EVENTS};
    tally_error err;
    void *adapter;
    uint8_t saved[64] = {1};
    for (size_t len = 1; len < sizeof saved; len++) {
        int wanted = len == 15 ? 0 : TALLY_ECORRUPT; /* two bytes, two texts, a row, no models */
        assert_int_equal(capture_adapter_open(&capture_copilot, &file, tally_span_of(saved, len),
                                              &sink, &adapter, &err),
                         wanted);
        if (!wanted) capture_copilot.close(adapter);
    }
    saved[14] = 17; /* models */
    assert_int_equal(capture_adapter_open(&capture_copilot, &file, tally_span_of(saved, 15), &sink,
                                          &adapter, &err),
                     TALLY_ECORRUPT);
    free_world(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_synthetic_case_comes_out_as_expected),
        cmocka_unit_test(rows_are_read_once_and_a_new_database_from_its_start),
        cmocka_unit_test(rows_that_cannot_be_counted_are_reported),
        cmocka_unit_test(without_a_database_the_growth_of_totals_counts),
        cmocka_unit_test(only_what_a_person_typed_is_human),
        cmocka_unit_test(a_damaged_state_is_refused),
    };
    return cmocka_run_group_tests_name("copilot_adapter", tests, NULL, NULL);
}
