/* The OpenCode adapter against the fixture case, the real database, and a case of its own for each
 * trap. */
#include "database_harness.h"

#define OPENCODE_SYNTHETIC TALLY_TEST_DATA "/fixtures/synthetic/opencode/o01-sqlite-fork-and-child"
#define OPENCODE_REAL      TALLY_TEST_DATA "/fixtures/real/opencode"

#define SCHEMA                                                                                     \
    "CREATE TABLE session(id TEXT PRIMARY KEY, parent_id TEXT, directory TEXT, title TEXT, "       \
    "version TEXT, time_created INTEGER, time_updated INTEGER);"                                   \
    "CREATE TABLE message(id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, "            \
    "time_updated INTEGER, data TEXT);"                                                            \
    "CREATE TABLE part(id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created "       \
    "INTEGER, time_updated INTEGER, data TEXT);"                                                   \
    "CREATE INDEX part_message_id_id_idx ON part(message_id, id);"
#define SESSION(id, parent, version, created)                                                      \
    "INSERT INTO session VALUES ('" id "', " parent                                                \
    ", '/home/dev/acme', 'New session - now', '" version "', " #created ", " #created ");"
#define USER(id, session, created)                                                                 \
    "INSERT INTO message VALUES ('" id "', '" session "', " #created ", " #created                 \
    ", '{`role`:`user`,`time`:{`created`:" #created "}}');"
#define TEXT(id, message, more)                                                                    \
    "INSERT INTO part VALUES ('" id "', '" message                                                 \
    "', 's', 0, 0, '{`type`:`text`,`text`:`do it`" more "}');"
#define ASSISTANT_DATA(time, more)                                                                 \
    "'{`role`:`assistant`,`time`:{" time                                                           \
    "},`providerID`:`anthropic`,`modelID`:`claude-haiku-4-5`" more "}'"
#define ASSISTANT(id, session, created, completed, more)                                           \
    "INSERT INTO message VALUES ('" id "', '" session "', " #created ", " #created                 \
    ", " ASSISTANT_DATA("`created`:" #created ",`completed`:" #completed, more) ");"
#define UNFINISHED(id, session, created)                                                           \
    "INSERT INTO message VALUES ('" id "', '" session "', " #created ", " #created                 \
    ", " ASSISTANT_DATA("`created`:" #created, "") ");"
#define TOKENS(input, output, reasoning, read, write)                                              \
    "`tokens`:{`input`:" #input ",`output`:" #output ",`reasoning`:" #reasoning                    \
    ",`cache`:{`read`:" #read ",`write`:" #write "}}"
#define STEP(id, message, tokens)                                                                  \
    "INSERT INTO part VALUES ('" id "', '" message                                                 \
    "', 's', 0, 0, '{`reason`:`stop`,`type`:`step-finish`," tokens "}');"

static void the_synthetic_case_comes_out_as_expected(void **state) {
    (void)state;
    check_fixture(&capture_opencode, OPENCODE_SYNTHETIC, "opencode/opencode.db", matches_expected);
}

/* Requests for titles are billed and in no log. The split of written tokens by lifetime is in none
 * either. */
static bool matches_served(const world *w, const char *folder, const char *when) {
    char path[1024];
    size_t len, served = 0, found = 0;
    tally_json root, item;
    tally_json_iter iter;
    (void)snprintf(path, sizeof path, "%s/served.json", folder);
    uint8_t *text = read_bytes(path, &len);
    assert_int_equal(tally_json_parse(tally_span_of(text, len), &root), 0);
    tally_json list = member(&root, "requests");
    tally_json_iter_init(&iter, &list);
    while (tally_json_next(&iter, NULL, &item)) {
        tally_json title = member(&item, "title");
        if (tally_json_true(&title)) continue;
        served++;
        for (size_t i = 0; i < w->cost_count; i++) {
            const seen_cost *cost = &w->costs[i];
            found +=
                text_is(&item, "model", cost->model) &&
                cost->usage.input == number(&item, "input") &&
                cost->usage.output == number(&item, "output") &&
                cost->usage.cache_read == number(&item, "cache_read") &&
                cost->usage.cache_write_5m == number(&item, "cache_5m") + number(&item, "cache_1h");
        }
    }
    free(text);
    bool prompts = count_human(w) == 3 && has_human_at(w, 1795239650156) &&
                   has_human_at(w, 1795239653367) && has_human_at(w, 1795239656308);
    bool same = served == 3 && found == served && w->cost_count == served && prompts &&
                w->skipped_count == 0 && w->session_count == 2 &&
                strcmp(w->sessions[0].cwd, "/home/dev/clients/acme-ecommerce") == 0;
    if (!same)
        print_error("%s (%s): %zu of %zu served found, %zu seen, %zu prompts, %zu skipped\n",
                    folder, when, found, served, w->cost_count, count_human(w), w->skipped_count);
    return same;
}

static void the_real_database_matches_what_the_api_served(void **state) {
    (void)state;
    check_fixture(&capture_opencode, OPENCODE_REAL, "home/.local/share/opencode/opencode.db",
                  matches_served);
}

static table_log *opencode_log(const char *rows) {
    table_log *log = new_log(&capture_opencode, "opencode.db", SCHEMA);
    put_rows(log, rows);
    return log;
}

static void only_new_rows_are_read(void **state) {
    (void)state;
    table_log *log = opencode_log(SESSION("s", "NULL", "1.18.3", 1000) USER("u", "s", 2000) TEXT(
        "p1", "u", "") ASSISTANT("a", "s", 3000, 4000, "") STEP("p2", "a", TOKENS(1, 2, 3, 4, 5)));
    read_log(log);
    uint64_t first = log->taken;
    assert_int_equal(log->w->cost_count, 1);
    assert_int_equal(log->w->costs[0].usage.input, 1);
    assert_int_equal(log->w->costs[0].usage.output, 5);
    assert_int_equal(log->w->costs[0].reasoning, 3);
    assert_int_equal(log->w->costs[0].usage.cache_read, 4);
    assert_int_equal(log->w->costs[0].usage.cache_write_5m, 5);
    assert_int_equal(log->w->costs[0].time_ms, 4000);
    assert_int_equal(count_human(log->w), 1);
    read_log(log);
    assert_true(log->taken < first / 2);
    put_rows(log, ASSISTANT("b", "s", 5000, 6000, "") STEP("p3", "b", TOKENS(1, 2, 3, 4, 5)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 2);
    assert_true(log->taken < first);
    free_log(log);
}

static void a_message_waits_until_it_is_complete(void **state) {
    (void)state;
    table_log *log = opencode_log(SESSION("s", "NULL", "1.18.3", 1000) UNFINISHED("a", "s", 3000)
                                      STEP("p1", "a", TOKENS(1, 2, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 0);
    assert_true(log->pending);
    put_rows(log, ASSISTANT("b", "s", 5000, 6000, "") STEP("p3", "b", TOKENS(7, 7, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 1);
    put_rows(log,
             STEP("p2", "a", TOKENS(3, 4, 0, 0, 0)) "UPDATE message SET data = " ASSISTANT_DATA(
                 "`created`:3000,`completed`:9000", "") " WHERE id = 'a'");
    read_log(log);
    assert_int_equal(log->w->cost_count, 3);
    assert_false(log->pending);
    assert_int_equal(log->w->costs[1].time_ms, 9000);
    free_log(log);
}

static void what_a_killed_process_left_counts_when_the_file_is_idle_and_once(void **state) {
    (void)state;
    table_log *log = opencode_log(SESSION("s", "NULL", "1.18.3", 1000) UNFINISHED("a", "s", 3000)
                                      STEP("p1", "a", TOKENS(1, 2, 0, 0, 0)));
    read_log(log);
    log->w->idle = true;
    read_log(log);
    assert_int_equal(log->w->cost_count, 1);
    assert_int_equal(log->w->costs[0].time_ms, 3000);
    /* It was not killed but waited for an answer. */
    put_rows(log,
             STEP("p2", "a", TOKENS(3, 4, 0, 0, 0)) "UPDATE message SET data = " ASSISTANT_DATA(
                 "`created`:3000,`completed`:9000", "") " WHERE id = 'a'");
    log->w->idle = false;
    read_log(log);
    assert_int_equal(log->w->cost_count, 2);
    assert_int_equal(log->w->costs[0].time_ms, 3000);
    assert_int_equal(log->w->costs[1].usage.input, 3);
    free_log(log);
}

static void a_prompt_waits_for_its_text(void **state) {
    (void)state;
    table_log *log = opencode_log(SESSION("s", "NULL", "1.18.3", 1000) USER("u", "s", 2000));
    read_log(log);
    assert_int_equal(count_human(log->w), 0);
    assert_true(log->pending);
    put_rows(log, TEXT("p1", "u", ""));
    read_log(log);
    assert_true(has_human_at(log->w, 2000));
    assert_false(log->pending);
    free_log(log);
}

static void only_typed_text_in_a_root_session_is_human(void **state) {
    (void)state;
    table_log *log = opencode_log(
        SESSION("s", "NULL", "1.18.3", 1000) SESSION("child", "'s'", "1.18.3", 1000)
            USER("u1", "s", 2001) TEXT("p1", "u1", ",`synthetic`:true") USER("u2", "s", 2002)
                TEXT("p2", "u2", ",`ignored`:true") USER("u3", "child", 2003) TEXT("p3", "u3", "")
                    USER("u4", "s", 2004) TEXT("p4a", "u4", ",`synthetic`:true")
                        TEXT("p4b", "u4", ",`synthetic`:false"));
    read_log(log);
    assert_int_equal(count_human(log->w), 1);
    assert_true(has_human_at(log->w, 2004));
    free_log(log);
}

/* Rows: the original (1), its fork with copies under new ids, and what is new in the fork. */
static void a_fork_adds_only_what_is_new_in_it(void **state) {
    (void)state;
    table_log *log =
        opencode_log(SESSION("s", "NULL", "1.18.3", 1000) USER("u", "s", 2000) TEXT("p1", "u", "")
                         ASSISTANT("a", "s", 3000, 4000, "") STEP("p2", "a", TOKENS(1, 2, 0, 0, 0))
                             STEP("p3", "a", TOKENS(1, 2, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 2); /* two steps may be alike */
    size_t acts = log->w->act_count;
    put_rows(log, SESSION("f", "NULL", "1.18.3", 50000) USER("fu", "f", 2000) TEXT("f1", "fu", "")
                      ASSISTANT("fa", "f", 3000, 4000, "") STEP("f2", "fa", TOKENS(1, 2, 0, 0, 0))
                          STEP("f3", "fa", TOKENS(1, 2, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 2);
    assert_int_equal(log->w->act_count, acts);
    put_rows(log, ASSISTANT("fb", "f", 51000, 52000, "") STEP("f4", "fb", TOKENS(1, 2, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 3);
    assert_string_equal(log->w->costs[2].session, "f");
    assert_string_equal(log->w->costs[0].session, "s");
    free_log(log);
}

static void row_numbers_that_are_used_again_hide_nothing(void **state) {
    (void)state;
    table_log *log =
        opencode_log(SESSION("s", "NULL", "1.18.3", 1000) ASSISTANT("a", "s", 3000, 4000, "")
                         STEP("p1", "a", TOKENS(1, 0, 0, 0, 0)) ASSISTANT("b", "s", 5000, 6000, "")
                             STEP("p2", "b", TOKENS(2, 0, 0, 0, 0)));
    read_log(log);
    put_rows(log, "DELETE FROM message WHERE id = 'b';" ASSISTANT("c", "s", 7000, 8000, "")
                      STEP("p3", "c", TOKENS(4, 0, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 3);
    assert_int_equal(log->w->costs[2].usage.input, 4);
    /* Compacting the file numbers its rows anew. */
    put_rows(log, "DELETE FROM message WHERE id = 'a'");
    put_rows(log, "VACUUM");
    put_rows(log, ASSISTANT("d", "s", 9000, 9500, "") STEP("p4", "d", TOKENS(8, 0, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 4);
    free_log(log);
}

static void the_tokens_of_a_message_count_only_where_no_step_has_any(void **state) {
    (void)state;
    table_log *log = opencode_log(
        SESSION("s", "NULL", "1.18.3", 1000)
            ASSISTANT("a", "s", 3000, 4000, "," TOKENS(10, 1, 0, 0, 0))
                ASSISTANT("b", "s", 5000, 6000, "," TOKENS(20, 1, 0, 0, 0))
                    STEP("p", "b", TOKENS(5, 1, 0, 0, 0))
                        ASSISTANT("c", "s", 7000, 8000, ",`error`:{}," TOKENS(0, 0, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 2);
    assert_int_equal(log->w->costs[0].usage.input, 10);
    assert_int_equal(log->w->costs[1].usage.input, 5);
    free_log(log);
}

static void a_total_tells_whether_the_output_holds_the_reasoning(void **state) {
    (void)state;
    static const struct {
        const char *version, *total;
        uint64_t output;
    } cases[] = {
        {"1.18.3", "", 50},
        {"1.0.220", "", 40},
        {"0.15.2", "", 40},
        {"1.18.3", "`total`:150,", 50},
        {"1.18.3", "`total`:140,", 40},
        {"0.15.2", "`total`:150,", 50},
        {"1.18.3", "`total`:999,", 50},
        {"", "", 50},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[2048];
        (void)snprintf(
            sql, sizeof sql,
            "INSERT INTO session VALUES ('s', NULL, '/', 't', '%s', 1000, 1000);" ASSISTANT(
                "a", "s", 3000, 4000,
                "") "INSERT INTO part VALUES ('p', 'a', 's', 0, 0, "
                    "'{`type`:`step-finish`,`tokens`:{%s`input`:100,`output`:40,"
                    "`reasoning`:10}}')",
            cases[i].version, cases[i].total);
        table_log *log = opencode_log(sql);
        read_log(log);
        assert_int_equal(log->w->cost_count, 1);
        assert_int_equal(log->w->costs[0].usage.output, cases[i].output);
        assert_int_equal(log->w->costs[0].reasoning, 10);
        free_log(log);
    }
}

static void a_title_that_comes_later_is_taken_without_new_messages(void **state) {
    (void)state;
    table_log *log =
        opencode_log(SESSION("s", "NULL", "1.18.3", 1000) USER("u", "s", 2000) TEXT("p", "u", ""));
    read_log(log);
    assert_string_equal(log->w->sessions[0].title, "");
    put_rows(log, "UPDATE session SET title = 'Fix the \x1b[2Jcart', time_updated = 3000");
    read_log(log);
    assert_string_equal(log->w->sessions[0].title, "Fix the cart");
    assert_int_equal(log->w->sessions[0].title_rank, 3);
    free_log(log);
}

static void rows_that_cannot_be_read_are_reported_by_number_and_stop_nothing(void **state) {
    (void)state;
    table_log *log = opencode_log(SESSION(
        "s", "NULL", "1.18.3",
        1000) "INSERT INTO message VALUES ('x', 's', 1, 1, 'not json');"
              "INSERT INTO message VALUES ('y', 's', 1, 1, "
              "'{`role`:`user`,`time`:{`created`:-1}}');"
              "INSERT INTO message VALUES ('z', NULL, 1, 1, "
              "'{`role`:`user`,`time`:{`created`:1}}');"
              "INSERT INTO message VALUES ('l', 's', 1, 1, zeroblob(33 * 1024 * 1024));" ASSISTANT(
                  "a", "s", 3000, 4000, "") "INSERT INTO part VALUES ('p0', 'a', 's', 0, 0, "
                                            "zeroblob(33 * 1024 * 1024));"
                                            "INSERT INTO part VALUES ('p1', 'a', 's', 0, 0, "
                                            "'{`type`:`step-finish`,`tokens`:{`input`:-1"
                                            "}}');" STEP("p2", "a", TOKENS(1, 0, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 1);
    static const struct {
        uint64_t row;
        const char *why;
    } bad[] = {{1, "not JSON"},
               {2, "a message without a usable time"},
               {3, "a message without a session"},
               {4, "the row is too long"},
               {5, "the row is too long"},
               {5, "a token count that is no count"}};
    assert_int_equal(log->w->skipped_count, sizeof bad / sizeof bad[0]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(log->w->skipped_line[i], bad[i].row);
        assert_string_equal(log->w->skipped[i], bad[i].why);
    }
    free_log(log);
}

static void a_title_without_end_hides_no_cost(void **state) {
    (void)state;
    table_log *log = opencode_log(
        "INSERT INTO session VALUES ('s', NULL, '/', zeroblob(33 * 1024 * 1024), '1.18.3', 1000, "
        "1000);" ASSISTANT("a", "s", 3000, 4000, "") STEP("p", "a", TOKENS(1, 0, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 1);
    assert_string_equal(log->w->costs[0].session, "s");
    put_rows(log, ASSISTANT("b", "s", 5000, 6000, "") STEP("p2", "b", TOKENS(1, 0, 0, 0, 0)));
    read_log(log);
    assert_int_equal(log->w->cost_count, 2);
    free_log(log);
}

/* More than one look takes, and more open ones than are kept. */
static void many_messages_are_read_in_several_looks(void **state) {
    (void)state;
    table_log *log = opencode_log(SESSION("s", "NULL", "1.18.3", 1000));
    put_rows(log, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 400) "
                  "INSERT INTO message SELECT 'm' || n, 's', 1, 1, "
                  "'{`role`:`assistant`,`modelID`:`m`,`time`:{`created`:' || (2000 + n) || "
                  "',`completed`:3000}}' FROM c");
    put_rows(log, "INSERT INTO part SELECT 'p' || id, id, 's', 1, 1, "
                  "'{`type`:`step-finish`,`tokens`:{`input`:1}}' FROM message");
    put_rows(log, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 300) "
                  "INSERT INTO message SELECT 'o' || n, 's', 1, 1, "
                  "'{`role`:`assistant`,`time`:{`created`:1}}' FROM c");
    read_log(log);
    assert_int_equal(log->w->cost_count, 400);
    assert_true(log->pending);
    read_log(log);
    assert_int_equal(log->w->cost_count, 400);
    free_log(log);
}

static void a_damaged_state_is_refused(void **state) {
    (void)state;
    world *w = new_world(&capture_opencode);
    const capture_sink sink = sink_of(w);
    const capture_file file = {.path = "/x.db"};
    tally_error err;
    void *adapter;
    uint8_t saved[64] = {1};
    for (size_t len = 1; len < sizeof saved; len++) {
        int wanted = len == 33 ? 0 : TALLY_ECORRUPT; /* a version and four numbers, no open rows */
        assert_int_equal(capture_adapter_open(&capture_opencode, &file, tally_span_of(saved, len),
                                              &sink, &adapter, &err),
                         wanted);
        if (!wanted) capture_opencode.close(adapter);
    }
    saved[0] = 2;
    assert_int_equal(capture_adapter_open(&capture_opencode, &file, tally_span_of(saved, 33), &sink,
                                          &adapter, &err),
                     TALLY_ECORRUPT);
    free_world(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_synthetic_case_comes_out_as_expected),
        cmocka_unit_test(the_real_database_matches_what_the_api_served),
        cmocka_unit_test(only_new_rows_are_read),
        cmocka_unit_test(a_message_waits_until_it_is_complete),
        cmocka_unit_test(what_a_killed_process_left_counts_when_the_file_is_idle_and_once),
        cmocka_unit_test(a_prompt_waits_for_its_text),
        cmocka_unit_test(only_typed_text_in_a_root_session_is_human),
        cmocka_unit_test(a_fork_adds_only_what_is_new_in_it),
        cmocka_unit_test(row_numbers_that_are_used_again_hide_nothing),
        cmocka_unit_test(the_tokens_of_a_message_count_only_where_no_step_has_any),
        cmocka_unit_test(a_total_tells_whether_the_output_holds_the_reasoning),
        cmocka_unit_test(a_title_that_comes_later_is_taken_without_new_messages),
        cmocka_unit_test(rows_that_cannot_be_read_are_reported_by_number_and_stop_nothing),
        cmocka_unit_test(a_title_without_end_hides_no_cost),
        cmocka_unit_test(many_messages_are_read_in_several_looks),
        cmocka_unit_test(a_damaged_state_is_refused),
    };
    return cmocka_run_group_tests_name("opencode_adapter", tests, NULL, NULL);
}
