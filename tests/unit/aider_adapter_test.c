/* The Aider adapter: local times, prompts, and what is not taken. */
#include "adapter_harness.h"

#include <time.h>

#define CHAT  "/home/dev/acme/.aider.chat.history.md"
#define INPUT "/home/dev/acme/.aider.input.history"

static void in_zone(const char *zone) {
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

static world *read_lines(const char *path, const char *lines, size_t split) {
    world *w = new_world(&capture_aider);
    write_log(w, path, lines);
    read_file(w, &w->files[0], split);
    assert_int_equal(w->orphans, 0);
    assert_int_equal(w->skipped_count, 0);
    return w;
}

#define PROMPTS                                                                                    \
    LOG("\n", "# 2026-06-09 14:01:05.123456\n", "+add a retry\n", "+to the webhook\n", "\n",       \
        "# 2026-06-09 14:05:00.000001\n", "+# 2026-06-09 09:00:00 is what the log says\n", "\n",   \
        "# 2026-06-10 08:00:00.5\n", "+next day\n", "\n", "# 2026-06-10 08:01:00.5\n", "\n",       \
        "# no time\n", "+no prompt\n")

static void prompts_have_the_local_time_of_the_machine(void **state) {
    (void)state;
    in_zone("Europe/Berlin"); /* two hours ahead in June */
    for (size_t split = 0; split <= 16; split++) {
        world *w = read_lines(INPUT, PROMPTS, split);
        assert_int_equal(w->act_count, 3);
        assert_int_equal(count_human(w), 3);
        assert_true(has_human_at(w, ms_of("2026-06-09T12:01:05Z")));
        assert_true(has_human_at(w, ms_of("2026-06-09T12:05:00Z")));
        assert_true(has_human_at(w, ms_of("2026-06-10T06:00:00Z")));
        assert_int_equal(w->session_count, 2);
        assert_string_equal(w->sessions[0].id, "/home/dev/acme 2026-06-09");
        assert_string_equal(w->sessions[0].cwd, "/home/dev/acme");
        assert_string_equal(w->sessions[0].title, "add a retry");
        assert_string_equal(w->sessions[1].title, "next day");
        free_world(w);
    }
}

static void a_run_is_work_of_the_agent_and_its_figures_are_not_taken(void **state) {
    (void)state;
    in_zone("UTC");
    world *w = read_lines(
        CHAT,
        LOG("\n", "# aider chat started at 2026-06-09 14:01:00\n", "\n",
            "#### add a retry to the webhook  \n", "#### Step 1\n",
            "> Tokens: 12k sent, 640 received. Cost: $0.04 message, $0.31 session.  \n",
            "# aider chat started at some time\n", "# aider chat started at 2026-13-09 14:01:00\n"),
        SIZE_MAX);
    assert_int_equal(w->cost_count, 0);
    assert_int_equal(w->act_count, 1);
    assert_false(w->acts[0].human);
    assert_int_equal(w->acts[0].time_ms, ms_of("2026-06-09T14:01:00Z"));
    assert_string_equal(w->acts[0].session, "/home/dev/acme 2026-06-09");
    free_world(w);
}

static void a_damaged_state_is_refused(void **state) {
    (void)state;
    world *w = new_world(&capture_aider);
    const capture_sink sink = sink_of(w);
    const capture_file file = {.path = INPUT};
    tally_error err;
    void *adapter;
    static const char good[] = "\1\0\0\0\12"
                               "2026-06-09";
    for (size_t len = 1; len <= sizeof good; len++) {
        int wanted = len == sizeof good - 1 ? 0 : TALLY_ECORRUPT;
        assert_int_equal(capture_adapter_open(&capture_aider, &file, tally_span_of(good, len),
                                              &sink, &adapter, &err),
                         wanted);
        if (!wanted) capture_aider.close(adapter);
    }
    free_world(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_have_the_local_time_of_the_machine),
        cmocka_unit_test(a_run_is_work_of_the_agent_and_its_figures_are_not_taken),
        cmocka_unit_test(a_damaged_state_is_refused),
    };
    return cmocka_run_group_tests_name("aider_adapter", tests, NULL, NULL);
}
