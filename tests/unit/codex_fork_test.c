/* Rollouts of forks and subagents: where the copy of the parent ends, so that nothing is billed
 * twice. The rest of the Codex adapter is in codex_adapter_test.c. */
#include "codex_lines.h"

/* Reads the child cut in two at every line, and lets `check` look at what came out. */
static void read_child(const char *parent, const char *child, void (*check)(const world *w)) {
    for (size_t split = 0;; split++) {
        world *w = new_world(&capture_codex);
        size_t starts[SEEN_MAX + 1];
        write_log(w, CHILD, child);
        if (parent) write_log(w, PARENT, parent);
        read_file(w, &w->files[0], split);
        check(w);
        bool last = split >= each_line(&w->files[0], starts, SEEN_MAX);
        free_world(w);
        if (last) break;
    }
}

static void only_the_third_response_is_the_childs(const world *w) {
    assert_int_equal(w->cost_count, 1);
    assert_string_equal(w->costs[0].session, "child");
    assert_string_equal(w->costs[0].key, "child:7000/5100/0/210/60/7210");
    assert_int_equal(w->costs[0].usage.input, 1000);
    assert_int_equal(w->costs[0].usage.cache_read, 3000);
    assert_int_equal(w->costs[0].usage.output, 90);
    assert_int_equal(w->costs[0].reasoning, 30);
    assert_string_equal(w->sessions[0].parent, "parent");
    assert_int_equal(w->orphans, 0);
}

static void the_new_prompt_is_human_too(const world *w) {
    only_the_third_response_is_the_childs(w);
    assert_int_equal(count_human(w), 1);
    assert_true(has_human_at(w, ms_of("2026-09-11T10:10:00Z")));
    assert_string_equal(w->sessions[0].title, "new");
}

static void a_user_fork_ends_its_copy_at_the_first_turn_that_the_parent_lacks(void **state) {
    (void)state;
    const char *parent =
        LOG(META("00:00", "parent", ""), TURN("00:01", "t1", "m"), PROMPT("00:02", "one"),
            COUNT("00:03", FIRST, FIRST), TURN("00:04", "t2", "m"), PROMPT("00:05", "two"),
            COUNT("00:06", TWO, SECOND));
    const char *child =
        LOG(META("09:00", "child", ",'forked_from_id':'parent'"), META("09:00.1", "parent", ""),
            TURN("09:00.2", "t1", "m"), PROMPT("09:00.3", "one"), COUNT("09:00.4", FIRST, FIRST),
            TURN("09:00.5", "t2", "m"), PROMPT("09:00.6", "two"), COUNT("09:00.7", TWO, SECOND),
            TURN("09:59", "t3", "m"), PROMPT("10:00", "new"), COUNT("10:09", THREE, THIRD));
    read_child(parent, child, the_new_prompt_is_human_too);
}

static void prompts_may_stand_before_the_turn_that_ends_the_copy(void **state) {
    (void)state;
    const char *parent =
        LOG(META("00:00", "parent", ""), PROMPT("00:01", "one"), TURN("00:02", "t1", "m"),
            COUNT("00:03", FIRST, FIRST), PROMPT("00:04", "two"), TURN("00:05", "t2", "m"),
            COUNT("00:06", TWO, SECOND));
    const char *child =
        LOG(META("09:00", "child", ",'forked_from_id':'parent'"), META("09:00.1", "parent", ""),
            PROMPT("09:00.2", "one"), TURN("09:00.3", "t1", "m"), COUNT("09:00.4", FIRST, FIRST),
            PROMPT("09:00.5", "two"), TURN("09:00.6", "t2", "m"), COUNT("09:00.7", TWO, SECOND),
            PROMPT("10:00", "new"), TURN("10:01", "t3", "m"), COUNT("10:09", THREE, THIRD));
    read_child(parent, child, the_new_prompt_is_human_too);
}

static void without_turn_ids_the_common_run_of_counters_is_the_copy(void **state) {
    (void)state;
    const char *parent =
        LOG(META("00:00", "parent", ""), OLD_TURN("00:01", "m"), PROMPT("00:02", "one"),
            COUNT("00:03", FIRST, FIRST), COUNT("00:03.5", FIRST, FIRST), PROMPT("00:05", "two"),
            COUNT("00:06", TWO, SECOND));
    const char *child =
        LOG(META("09:00", "child", ",'forked_from_id':'parent'"), META("09:00.1", "parent", ""),
            OLD_TURN("09:00.2", "m"), PROMPT("09:00.3", "one"), COUNT("09:00.4", FIRST, FIRST),
            PROMPT("09:00.6", "two"), COUNT("09:00.7", TWO, SECOND), PROMPT("10:00", "new"),
            COUNT("10:09", THREE, THIRD));
    read_child(parent, child, the_new_prompt_is_human_too);
}

static void without_the_parents_file_the_burst_of_copying_is_the_copy(void **state) {
    (void)state;
    const char *child =
        LOG(META("09:00", "child", ",'forked_from_id':'parent'"), META("09:00.1", "parent", ""),
            TURN("09:00.2", "t1", "m"), PROMPT("09:00.3", "one"), COUNT("09:00.4", FIRST, FIRST),
            COUNT("09:05", TWO, SECOND), TURN("09:59", "t3", "m"), PROMPT("10:00", "new"),
            COUNT("10:09", THREE, THIRD));
    read_child(NULL, child, the_new_prompt_is_human_too);
}

static void a_thread_named_in_settings_ends_the_copy(void **state) {
    (void)state;
    const char *child = LOG(
        META("09:00", "child", ",'forked_from_id':'parent'"), META("09:00.1", "parent", ""),
        TURN("09:00.2", "t1", "m"),
        AT("09:00.3", "event_msg",
           "'type':'thread_settings_applied','thread_id':'parent','thread_settings':{'model':'m'}"),
        COUNT("09:00.4", TWO, SECOND),
        AT("09:00.5", "event_msg",
           "'type':'thread_settings_applied','thread_id':'child','thread_settings':{'model':'m'}"),
        COUNT("09:00.6", THREE, THIRD));
    read_child(NULL, child, only_the_third_response_is_the_childs);
}

static void an_ordinal_ends_the_copy(void **state) {
    (void)state;
    const char *child =
        LOG(META("09:00", "child", ",'forked_from_id':'parent','subagent_history_start_ordinal':4"),
            META("09:00.1", "parent", ""),
            "{'timestamp':'2026-09-11T10:09:59Z','ordinal':3,'type':'event_msg','payload':{'type':'"
            "token_count','info':{'total_token_usage':" TWO ",'last_token_usage':" SECOND "}}}\n",
            "{'timestamp':'2026-09-11T10:09:59Z','ordinal':4,'type':'event_msg','payload':{'type':'"
            "token_count','info':{'total_token_usage':" THREE ",'last_token_usage':" THIRD "}}}\n");
    read_child(NULL, child, only_the_third_response_is_the_childs);
}

static void two_records_of_the_child(const world *w) {
    assert_int_equal(w->cost_count, 1);
    assert_string_equal(w->costs[0].key, "resp_3");
    assert_int_equal(w->costs[0].usage.input, 1000);
}

static void records_name_their_thread_and_copies_are_not_billed(void **state) {
    (void)state;
    const char *child =
        LOG(META("09:00", "child", ",'forked_from_id':'parent'"), META("09:00.1", "parent", ""),
            TURN("09:00.2", "t1", "m"), RECORD("09:00.3", "parent", "t1", "resp_1", FIRST),
            COUNT("09:00.4", FIRST, FIRST), RECORD("09:00.5", "parent", "t2", "resp_2", SECOND),
            COUNT("09:00.6", TWO, SECOND), RECORD("09:00.7", "child", "t3", "resp_3", THIRD),
            COUNT("09:00.8", THREE, THIRD), COUNT("09:01", THREE, THIRD));
    read_child(NULL, child, two_records_of_the_child);
}

static void a_subagent_without_a_copy_owns_all_of_its_file(void **state) {
    (void)state;
    const char *child =
        LOG(META("09:00", "child", ",'parent_thread_id':'parent','thread_source':'subagent'"),
            TURN("09:01", "s1", "m"), PROMPT("09:02", "task"), COUNT("09:03", FIRST, FIRST));
    const char *parent =
        LOG(META("00:00", "parent", ""), TURN("00:01", "t1", "m"), COUNT("00:03", FIRST, FIRST));
    for (int with_parent = 0; with_parent < 2; with_parent++) {
        world *w = new_world(&capture_codex);
        write_log(w, CHILD, child);
        if (with_parent) write_log(w, PARENT, parent);
        read_file(w, &w->files[0], SIZE_MAX);
        assert_int_equal(w->cost_count, 1);
        assert_string_equal(w->sessions[0].parent, "parent");
        assert_int_equal(count_human(w), 0);
        free_world(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_fork_ends_its_copy_at_the_first_turn_that_the_parent_lacks),
        cmocka_unit_test(prompts_may_stand_before_the_turn_that_ends_the_copy),
        cmocka_unit_test(without_turn_ids_the_common_run_of_counters_is_the_copy),
        cmocka_unit_test(without_the_parents_file_the_burst_of_copying_is_the_copy),
        cmocka_unit_test(a_thread_named_in_settings_ends_the_copy),
        cmocka_unit_test(an_ordinal_ends_the_copy),
        cmocka_unit_test(records_name_their_thread_and_copies_are_not_billed),
        cmocka_unit_test(a_subagent_without_a_copy_owns_all_of_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
