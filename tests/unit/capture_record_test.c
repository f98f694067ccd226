/* What becomes of what was observed: sessions, titles, prices, activity, and who owns a response
 * that stands in several files. */
#include "capture_bench.h"

static void a_response_is_recorded_with_its_session_and_its_price(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w", PROMPT("s1", "u1", "10:00:00") FINAL("s1", "u2", "10:00:05", "m1", "50"));
    pass(b);
    assert_int_equal(b->result.files, 1);
    assert_int_equal(b->result.sessions, 1);
    assert_int_equal(b->result.costs, 1);
    assert_int_equal(b->result.activity, 2);
    assert_int_equal(b->result.skipped, 0);
    const seen_cost *cost = cost_of(b, "m1|req_m1");
    assert_non_null(cost);
    assert_int_equal(cost->output, 50);
    assert_true(cost->session == session_ref("s1"));
    assert_true(records(b, "price.set") >= 1);

    tally_txn *txn;
    tally_error err;
    tally_agent_session session;
    assert_int_equal(tally_read_begin(b->ledger, &txn, &err), 0);
    assert_int_equal(tally_agent_session_get(txn, session_ref("s1"), &session), 0);
    assert_true(tally_span_is(session.cwd, "/home/dev/acme"));
    assert_true(tally_span_is(session.branch, "main"));
    assert_true(tally_span_is(session.version, "2.1.240"));
    assert_null(session.title);
    tally_read_end(txn);
}

static void work_in_one_go_is_one_run_and_a_pause_begins_another(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w",
            PROMPT("s1", "u1", "10:00:00") FINAL("s1", "u2", "10:00:30", "m1", "5")
                FINAL("s1", "u3", "10:01:30", "m2", "5") /* 60 s: still the same run */
            FINAL("s1", "u4", "10:02:31", "m3", "5")     /* 61 s: another */
            FINAL("s1", "u5", "10:02:41", "m4", "5"));
    pass(b);
    activity_list list = activity_of(b, "s1");
    assert_int_equal(list.human, 1);
    assert_int_equal(list.runs, 2);
    assert_int_equal(list.run_ms, 60000 + 10000);
    assert_int_equal(b->result.activity, 3);
    assert_int_equal(records(b, "activity"), 1);
}

static int allow_titles(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    return tally_local_put(txn, TALLY_LOCAL_SETTINGS, tally_span_str(CAPTURE_SETTING_PROMPT_TITLES),
                           tally_span_str("yes"), err);
}

static void assert_title(bench *b, const char *text, const char *from) {
    tally_txn *txn;
    tally_error err;
    tally_agent_session session;
    tally_span content;
    assert_int_equal(tally_read_begin(b->ledger, &txn, &err), 0);
    assert_int_equal(tally_agent_session_get(txn, session_ref("s1"), &session), 0);
    if (text) {
        assert_non_null(session.title);
        assert_int_equal(tally_blob_get(txn, session.title, &content), 0);
        assert_true(tally_span_is(content, text));
        assert_true(tally_span_is(session.title_from, from));
    } else {
        assert_null(session.title);
    }
    tally_read_end(txn);
}

#define TITLE(type, field, text)                                                                   \
    "{\"type\":\"" type "\",\"" field "\":\"" text "\",\"sessionId\":\"s1\"}\n"

static void what_people_typed_is_no_title_unless_they_want_it(void **state) {
    bench *b = *state;
    tally_error err;
    log_put(b, "s1", "w", PROMPT("s1", "u1", "10:00:00") FINAL("s1", "u2", "10:00:05", "m1", "50"));
    pass(b);
    assert_title(b, NULL, NULL);
    tally_ledger_close(b->ledger);
    open_ledger(b, "allowed");
    assert_int_equal(tally_ledger_write(b->ledger, clock_ms, allow_titles, NULL, &err), 0);
    pass(b);
    assert_title(b, "Do it.", "prompt");
}

static void a_better_title_replaces_and_a_lesser_one_does_not(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w",
            FINAL("s1", "u1", "10:00:05", "m1", "50") TITLE("ai-title", "aiTitle", "A"));
    pass(b);
    assert_title(b, "A", "agent");
    log_put(b, "s1", "a", TITLE("custom-title", "customTitle", "Mine"));
    pass(b);
    assert_title(b, "Mine", "custom");
    uint64_t before = records(b, "session");
    log_put(b, "s1", "a", TITLE("ai-title", "aiTitle", "B"));
    pass(b);
    assert_title(b, "Mine", "custom");
    assert_int_equal(records(b, "session"), before);
}

/* As real forks look: lines without an id before the copied ones, with the time of the fork. */
static void copied_work_counts_where_it_happened(void **state) {
    bench *b = *state;
#define QUEUED(time) "{\"type\":\"queue-operation\",\"timestamp\":\"" DAY time "Z\"}\n"
    log_put(b, "s1", "w",
            FINAL("s1", "u0", "09:00:00", "m0", "50") QUEUED("10:00:00")
                FINAL("s1", "u1", "10:00:05", "m1", "50")
                    FINAL("s1", "u2", "10:00:25", "m2", "50"));
    log_put(b, "a-fork", "w",
            QUEUED("10:00:40") FINAL("a-fork", "u0", "09:00:00", "m0", "50")
                FINAL("a-fork", "u1", "10:00:05", "m1", "50")
                    FINAL("a-fork", "u2", "10:00:25", "m2", "50")
                        FINAL("a-fork", "u3", "10:00:50", "m3", "50"));
    pass(b);
    assert_int_equal(activity_of(b, "s1").run_ms, 25000);
    assert_int_equal(activity_of(b, "a-fork").runs, 1);
    assert_int_equal(activity_of(b, "a-fork").run_ms, 25000); /* from 10:00:25 on */
    assert_true(cost_of(b, "m2|req_m2")->session == session_ref("s1"));
}

static void two_files_of_one_session_are_one_session(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w", FINAL("s1", "u1", "10:00:05", "m1", "50"));
    log_put(b, "s1/subagents/agent-x", "w",
            ANSWER("s1", "u2", "10:00:07", "m2", "r2", "5", "\"end_turn\"", "true"));
    pass(b);
    assert_int_equal(b->result.sessions, 1);
    assert_int_equal(b->result.costs, 2);
    assert_true(cost_of(b, "m2|r2")->session == session_ref("s1"));
    assert_int_equal(activity_of(b, "s1").runs, 1);
    assert_int_equal(records(b, "session"), 1);
}

static void copied_responses_belong_to_the_original(void **state) {
    bench *b = *state;
    log_put(b, "a-fork", "w",
            PROMPT("a-fork", "u1", "10:00:00") FINAL("a-fork", "u2", "10:00:05", "m1", "50")
                FINAL("a-fork", "u3", "10:00:09", "m2", "60") PROMPT("a-fork", "u4", "12:00:00")
                    FINAL("a-fork", "u5", "12:00:07", "m3", "70"));
    log_put(b, "b-original", "w",
            PROMPT("b-original", "u1", "10:00:00") FINAL("b-original", "u2", "10:00:05", "m1", "50")
                FINAL("b-original", "u3", "10:00:09", "m2", "60"));
    pass(b);
    assert_int_equal(b->result.costs, 3);
    assert_int_equal(b->result.sessions, 2);
    assert_true(cost_of(b, "m1|req_m1")->session == session_ref("b-original"));
    assert_true(cost_of(b, "m2|req_m2")->session == session_ref("b-original"));
    assert_true(cost_of(b, "m3|req_m3")->session == session_ref("a-fork"));

    /* Copied prompts and copied work count where they happened. */
    activity_list original = activity_of(b, "b-original"), fork = activity_of(b, "a-fork");
    assert_int_equal(original.human, 1);
    assert_int_equal(original.runs, 1);
    assert_int_equal(original.run_ms, 4000);
    assert_int_equal(fork.human, 1);
    assert_int_equal(fork.runs, 1);
    assert_int_equal(fork.run_ms, 0);
}

#define REPLAY(uuid) ANSWER("s1", uuid, "10:00:08", "m1", "req_side", "40", "\"end_turn\"", "true")

static void a_sidechain_replay_of_a_recorded_line_is_dropped(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w", FINAL("s1", "u1", "10:00:05", "m1", "50"));
    pass(b);
    log_put(b, "s1/subagents/agent-x", "w", REPLAY("u2"));
    pass(b);
    assert_int_equal(b->result.costs, 0);
    collect(b);
    assert_int_equal(b->cost_count, 1);
    assert_int_equal(records(b, "void"), 0);
}

static void a_sidechain_replay_recorded_first_is_voided(void **state) {
    bench *b = *state;
    log_put(b, "s1/subagents/agent-x", "w",
            REPLAY("u2")
                ANSWER("s1", "u3", "10:00:09", "m2", "req_own", "5", "\"end_turn\"", "true"));
    pass(b);
    assert_int_equal(b->result.costs, 2);
    log_put(b, "s1", "w", FINAL("s1", "u1", "10:00:05", "m1", "50"));
    pass(b);
    assert_int_equal(records(b, "void"), 1);
    assert_non_null(cost_of(b, "m1|req_m1"));
    assert_non_null(cost_of(b, "m2|req_own"));
    assert_null(cost_of(b, "m1|req_side"));
    /* Read again, in either order, it stays so. */
    log_put(b, "s1/subagents/agent-x", "w", REPLAY("u2"));
    log_put(b, "s1", "w", FINAL("s1", "u0", "10:00:05", "m1", "50"));
    pass(b);
    assert_int_equal(b->result.costs, 0);
    assert_int_equal(records(b, "void"), 1);
}

static void a_sidechain_line_with_the_same_request_is_the_same_response(void **state) {
    bench *b = *state;
    log_put(b, "s1/subagents/agent-x", "w",
            ANSWER("s1", "u2", "10:00:05", "m1", "req_m1", "40", "\"end_turn\"", "true"));
    pass(b);
    log_put(b, "s1", "w", FINAL("s1", "u1", "10:00:05", "m1", "50"));
    pass(b);
    assert_int_equal(records(b, "void"), 0);
    assert_int_equal(cost_of(b, "m1|req_m1")->output, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_response_is_recorded_with_its_session_and_its_price),
        TEST(work_in_one_go_is_one_run_and_a_pause_begins_another),
        TEST(what_people_typed_is_no_title_unless_they_want_it),
        TEST(a_better_title_replaces_and_a_lesser_one_does_not),
        TEST(two_files_of_one_session_are_one_session),
        TEST(copied_responses_belong_to_the_original),
        TEST(copied_work_counts_where_it_happened),
        TEST(a_sidechain_replay_of_a_recorded_line_is_dropped),
        TEST(a_sidechain_replay_recorded_first_is_voided),
        TEST(a_sidechain_line_with_the_same_request_is_the_same_response),
    };
    return cmocka_run_group_tests_name("capture_record", tests, NULL, NULL);
}
