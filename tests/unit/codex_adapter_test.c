/* The Codex adapter against the fixture cases, the real logs, and a case of its own for each trap;
 * those of forks are in codex_fork_test.c. */
#include "codex_lines.h"

#define CODEX_SYNTHETIC TALLY_TEST_DATA "/fixtures/synthetic/codex"
#define CODEX_REAL      TALLY_TEST_DATA "/fixtures/real/codex"

static void every_synthetic_case_comes_out_as_expected(void **state) {
    (void)state;
    check_every_case(&capture_codex, CODEX_SYNTHETIC, 5);
}

static bool matches_served(const world *w, const char *folder, const char *when) {
    char path[1024], key[TEXT_MAX];
    size_t len, served = 0, found = 0;
    tally_json root, item;
    tally_json_iter iter;
    (void)snprintf(path, sizeof path, "%s/served.json", folder);
    uint8_t *text = read_bytes(path, &len);
    assert_int_equal(tally_json_parse(tally_span_of(text, len), &root), 0);
    tally_json list = member(&root, "requests");
    tally_json_iter_init(&iter, &list);
    while (tally_json_next(&iter, NULL, &item)) {
        tally_json id = member(&item, "id");
        served++;
        (void)snprintf(key, sizeof key, "%.*s", (int)id.raw.len, (const char *)id.raw.ptr);
        const seen_cost *cost = find_cost(w, key);
        found += cost && text_is(&item, "model", cost->model) &&
                 cost->usage.input + cost->usage.cache_read == number(&item, "input") &&
                 cost->usage.cache_read == number(&item, "cached") &&
                 cost->usage.output == number(&item, "output") &&
                 cost->reasoning == number(&item, "reasoning");
    }
    free(text);
    bool same = found == served && w->cost_count == served && w->skipped_count == 0 &&
                w->orphans == 0 && count_human(w) == 0 && w->session_count == 2;
    if (!same)
        print_error("%s (%s): %zu of %zu served found, %zu seen, %zu skipped, %zu orphans\n",
                    folder, when, found, served, w->cost_count, w->skipped_count, w->orphans);
    return same;
}

static void real_logs_match_what_the_api_served(void **state) {
    (void)state;
    check_whole_and_split(&capture_codex, CODEX_REAL, matches_served);
}

static void the_model_in_force_counts_and_a_turn_keeps_its_own(void **state) {
    (void)state;
    world *w = read_lines(LOG(
        META("00:00", "p", ""), TURN("00:01", "t1", "gpt-5.5"),
        COUNT("00:03", TOKENS(272000, 0, 1, 0, 272001), TOKENS(272000, 0, 1, 0, 272001)),
        TURN("00:04", "t2", "gpt-5.4"),
        COUNT("00:05", TOKENS(544001, 0, 2, 0, 544003), TOKENS(272001, 0, 1, 0, 272002)),
        RECORD("00:06", "p", "t1", "resp_late", TOKENS(9, 0, 1, 0, 10)),
        AT("00:07", "event_msg",
           "'type':'thread_settings_applied','thread_id':'p','thread_settings':{'model':'gpt-6'}"),
        COUNT("00:08", TOKENS(544101, 0, 3, 0, 544104), TOKENS(100, 0, 1, 0, 101)),
        AT("00:09", "event_msg", "'type':'task_started','turn_id':'t3'"),
        COUNT("00:10", TOKENS(544301, 0, 4, 0, 544305), TOKENS(200, 0, 1, 0, 201))));
    assert_int_equal(w->cost_count, 5);
    assert_string_equal(find_cost(w, "p:272000/0/0/1/0/272001")->model, "gpt-5.5");
    assert_int_equal(find_cost(w, "p:272000/0/0/1/0/272001")->usage.input, 272000);
    assert_string_equal(find_cost(w, "p:544001/0/0/2/0/544003")->model, "gpt-5.4");
    assert_int_equal(find_cost(w, "p:544001/0/0/2/0/544003")->usage.input, 272001);
    assert_string_equal(find_cost(w, "resp_late")->model, "gpt-5.5");
    assert_string_equal(find_cost(w, "p:544101/0/0/3/0/544104")->model, "gpt-5.4");
    assert_string_equal(find_cost(w, "p:544301/0/0/4/0/544305")->model, "gpt-6");
    free_world(w);
}

static void the_model_is_not_taken_from_nested_objects(void **state) {
    (void)state;
    world *w = read_lines(
        LOG("{'payload':{'base_instructions':{'provenance':{'model':'stale'},'cwd':'/"
            "no'},'id':'p','cwd':'/"
            "w','source':'cli'},'type':'session_meta','timestamp':'2026-09-11T10:00:00Z'}\n",
            AT("00:01", "turn_context",
               "'collaboration_mode':{'settings':{'model':'stale'}},'turn_id':'t','model':'right'"),
            COUNT("00:02", FIRST, FIRST)));
    assert_string_equal(w->costs[0].model, "right");
    assert_string_equal(w->sessions[0].cwd, "/w");
    free_world(w);
}

static void tiers_are_sticky_until_the_next_settings(void **state) {
    (void)state;
#define SETTINGS(time, thread, tier)                                                               \
    AT(time, "event_msg",                                                                          \
       "'type':'thread_settings_applied','thread_id':'" thread                                     \
       "','thread_settings':{'model':'m'" tier "}")
    world *w = read_lines(LOG(
        META("00:00", "p", ""), TURN("00:01", "t", "m"),
        SETTINGS("00:02", "p", ",'service_tier':'fast'"), RECORD("00:03", "p", "t", "r1", FIRST),
        RECORD("00:04", "p", "t", "r2", FIRST),
        SETTINGS("00:05", "other", ",'service_tier':'flex'"),
        RECORD("00:06", "p", "t", "r3", FIRST), SETTINGS("00:07", "p", ",'service_tier':'flex'"),
        RECORD("00:08", "p", "t", "r4", FIRST), SETTINGS("00:09", "p", ",'service_tier':'batch'"),
        RECORD("00:10", "p", "t", "r5", FIRST), SETTINGS("00:11", "p", ""),
        RECORD("00:12", "p", "t", "r6", FIRST),
        SETTINGS("00:13", "p", ",'service_tier':'priority'"),
        RECORD("00:14", "p", "t", "r7", FIRST)));
    static const uint32_t tiers[] = {TALLY_TIER_PRIORITY, TALLY_TIER_PRIORITY, TALLY_TIER_PRIORITY,
                                     TALLY_TIER_FLEX,     TALLY_TIER_BATCH,    0,
                                     TALLY_TIER_PRIORITY};
    assert_int_equal(w->cost_count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(w->costs[i].usage.tier, tiers[i]);
    free_world(w);
}

static void stale_interleaved_and_estimated_counters_are_no_spend(void **state) {
    (void)state;
    world *w = read_lines(
        LOG(META("00:00", "p", ""), TURN("00:01", "t", "m"), COUNT("00:02", FIRST, FIRST),
            COUNT("00:03", TWO, SECOND), COUNT("00:04", FIRST, FIRST),
            /* late: an older total */
            COUNT("00:05", TWO, SECOND),
            /* and back again */
            COUNT("00:06", TOKENS(3000, 2100, 120, 30, 3121), TOKENS(0, 0, 0, 0, 900)),
            /* estimate */
            COUNT("00:07", THREE, THIRD), COUNT("00:08", FIRST, THIRD),
            /* still an older total */
            COUNT("00:09", TOKENS(500, 0, 5, 0, 505), TOKENS(500, 0, 5, 0, 505))) /* a reset */);
    assert_int_equal(w->cost_count, 4);
    assert_non_null(find_cost(w, "p:1000/600/0/50/10/1050"));
    assert_non_null(find_cost(w, "p:3000/2100/0/120/30/3120"));
    assert_non_null(find_cost(w, "p:7000/5100/0/210/60/7210"));
    assert_non_null(find_cost(w, "p:500/0/0/5/0/505"));
    free_world(w);
}

static void totals_alone_bill_their_growth_but_never_the_first(void **state) {
    (void)state;
#define TOTAL(time, total)                                                                         \
    AT(time, "event_msg", "'type':'token_count','info':{'total_token_usage':" total "}")
    world *w = read_lines(LOG(META("00:00", "p", ""), TURN("00:01", "t", "m"), TOTAL("00:02", TWO),
                              TOTAL("00:03", TWO), TOTAL("00:04", THREE), TOTAL("00:05", FIRST)));
    assert_int_equal(w->cost_count, 2);
    assert_int_equal(w->costs[0].usage.input, 1000); /* 7000 - 3000 less 5100 - 2100 cached */
    assert_int_equal(w->costs[0].usage.output, 90);
    assert_int_equal(w->costs[1].usage.input, 400); /* after the reset all is new */
    assert_int_equal(w->skipped_count, 1);
    free_world(w);
}

static void an_event_without_totals_bills_its_last_usage_once(void **state) {
    (void)state;
#define LAST(time, last)                                                                           \
    AT(time, "event_msg", "'type':'token_count','info':{'last_token_usage':" last "}")
    world *w = read_lines(LOG(META("00:00", "p", ""), TURN("00:01", "t", "m"), LAST("00:02", FIRST),
                              LAST("00:03", FIRST), LAST("00:04", SECOND)));
    assert_int_equal(w->cost_count, 2);
    assert_string_equal(w->costs[1].key, "p:3000/2100/0/120/30/3120");
    assert_int_equal(w->costs[1].usage.input, 500);
    free_world(w);
}

static void what_cannot_be_counted_is_reported(void **state) {
    (void)state;
    static const struct {
        const char *line, *why;
    } cases[] = {
        {AT("00:02", "event_msg", "'type':'token_count','info':{'prompt':1420,'completion':910}"),
         "uncountable token_count of an old version: prompt and completion only"},
        {AT("00:02", "event_msg", "'type':'turn.completed','usage':{'input_tokens':1420}"),
         "turn.completed has totals of the thread: not billable"},
        {COUNT("00:02", TOKENS(100, 200, 5, 0, 105), TOKENS(100, 200, 5, 0, 105)),
         "more cached than input tokens"},
        {COUNT("00:02", TOKENS(-1, 0, 5, 0, 4), FIRST), "input_tokens is not a count"},
        {COUNT("00:02", FIRST, TOKENS(1, 0, 9007199254740993, 0, 4)),
         "output_tokens is not a count"},
        {RECORD("00:02", "p", "t", "r", TOKENS(5, 0, 5, -1, 10)),
         "reasoning_output_tokens is not a count"},
        {AT("00:02", "token_usage_record", "'thread_id':'p','usage':" FIRST),
         "usage record without a response id"},
        {"{'type':'event_msg', no json\n", "not JSON"},
        {"'text'\n", "not a JSON object"},
    };
    char log[2048];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(log, sizeof log, "%s%s", META("00:00", "p", ""), cases[i].line);
        world *w = read_lines(log);
        assert_int_equal(w->cost_count, 0);
        assert_int_equal(w->skipped_count, 1);
        assert_string_equal(w->skipped[0], cases[i].why);
        assert_int_equal(w->skipped_line[0], 2);
        free_world(w);
    }
}

static void a_compacted_copy_is_billed_only_when_its_record_is_missing(void **state) {
    (void)state;
#define COMPACTED(time, thread, response)                                                          \
    AT(time, "compacted",                                                                          \
       "'message':'s','latest_token_usage_record':{'thread_id':'" thread                           \
       "','turn_id':'t','response_id':'" response "','usage':" FIRST "}")
    world *w = read_lines(LOG(META("00:00", "p", ""), TURN("00:01", "t", "m"),
                              RECORD("00:02", "p", "t", "r1", FIRST), COUNT("00:03", FIRST, FIRST),
                              COMPACTED("00:04", "p", "r1"), COMPACTED("00:05", "p", "r2"),
                              COMPACTED("00:06", "other", "r3")));
    assert_int_equal(w->cost_count, 2);
    assert_int_equal(find_cost(w, "r1")->time_ms, ms_of("2026-09-11T10:00:02Z"));
    assert_non_null(find_cost(w, "r2"));
    free_world(w);
}

static void twins_of_records_are_found_even_when_records_overtake_them(void **state) {
    (void)state;
    world *w = read_lines(LOG(
        META("00:00", "p", ""), TURN("00:01", "t", "m"), RECORD("00:02", "p", "t", "r1", FIRST),
        RECORD("00:03", "p", "t", "r2", SECOND), COUNT("00:04", FIRST, FIRST),
        COUNT("00:05", TWO, SECOND), COUNT("00:06", THREE, THIRD)) /* no record: a mixed file */);
    assert_int_equal(w->cost_count, 3);
    assert_non_null(find_cost(w, "p:7000/5100/0/210/60/7210"));
    free_world(w);
}

static void an_event_that_comes_before_its_record_counts_once(void **state) {
    (void)state;
    const char *log =
        LOG(META("00:00", "p", ""), TURN("00:01", "t", "m"), COUNT("00:02", FIRST, FIRST),
            RECORD("00:03", "p", "t", "r1", FIRST), RECORD("00:04", "p", "t", "r2", SECOND),
            COUNT("00:05", TWO, SECOND), COUNT("00:06", THREE, THIRD),
            RECORD("00:07", "p", "t", "r3", THIRD), RECORD("00:08", "p", "t", "r3", THIRD));
    for (size_t split = 0; split < 9; split++) {
        world *w = new_world(&capture_codex);
        write_log(w, PARENT, log);
        read_file(w, &w->files[0], split);
        assert_int_equal(w->cost_count, 3);
        assert_non_null(find_cost(w, "p:1000/600/0/50/10/1050"));
        assert_non_null(find_cost(w, "r2"));
        assert_non_null(find_cost(w, "p:7000/5100/0/210/60/7210"));
        free_world(w);
    }
}

/* Twice FIRST: 2 x (1000, 600, 50, 10, 1050). */
#define TWICE TOKENS(2000, 1200, 100, 20, 2100)

static void expect_costs(const char *log, size_t lines, const char *const *keys, size_t count) {
    for (size_t split = 0; split < lines; split++) {
        world *w = new_world(&capture_codex);
        write_log(w, PARENT, log);
        read_file(w, &w->files[0], split);
        assert_int_equal(w->cost_count, count);
        for (size_t i = 0; i < count; i++)
            assert_non_null(find_cost(w, keys[i]));
        free_world(w);
    }
}

static void a_record_counts_though_an_event_without_a_record_spent_the_same(void **state) {
    (void)state;
    static const char *const keys[] = {"p:1000/600/0/50/10/1050", "r1"};
    /* A version that wrote no turn ids and no records, gone on by one that does. */
    expect_costs(LOG(META("00:00", "p", ""), OLD_TURN("00:01", "m"), COUNT("00:02", FIRST, FIRST),
                     TURN("00:03", "t1", "m"), RECORD("00:04", "p", "t1", "r1", FIRST)),
                 5, keys, 2);
    expect_costs(LOG(META("00:00", "p", ""), TURN("00:01", "t1", "m"), COUNT("00:02", FIRST, FIRST),
                     TURN("00:03", "t2", "m"), TURN("00:04", "t1", "m"), TURN("00:05", "t2", "m"),
                     RECORD("00:06", "p", "t2", "r1", FIRST)),
                 7, keys, 2);
    /* The same turn: the thread's counters hold both. */
    expect_costs(LOG(META("00:00", "p", ""), TURN("00:01", "t1", "m"), COUNT("00:02", FIRST, FIRST),
                     AT("00:03", "token_usage_record",
                        "'thread_id':'p','turn_id':'t1','response_id':'r1','usage':" FIRST
                        ",'thread_token_usage':" TWICE)),
                 4, keys, 2);
    /* Turns side by side: the event may be of either, and is of the one whose record comes. */
    expect_costs(LOG(META("00:00", "p", ""), TURN("00:01", "t1", "m"), TURN("00:02", "t2", "m"),
                     COUNT("00:03", FIRST, FIRST), RECORD("00:04", "p", "t1", "r9", FIRST)),
                 5, keys, 1);
}

static void an_event_has_one_record_and_a_record_one_event(void **state) {
    (void)state;
    static const char *const late[] = {"p:1000/600/0/50/10/1050", "r2"};
    expect_costs(LOG(META("00:00", "p", ""), TURN("00:01", "t", "m"), COUNT("00:02", FIRST, FIRST),
                     RECORD("00:03", "p", "t", "r1", FIRST), RECORD("00:04", "p", "t", "r2", FIRST),
                     COUNT("00:05", TWICE, FIRST)),
                 6, late, 2);
    /* A record written twice awaits no second event: that one is another response's. */
    static const char *const twice[] = {"r1", "p:2000/1200/0/100/20/2100"};
    expect_costs(LOG(META("00:00", "p", ""), TURN("00:01", "t", "m"),
                     RECORD("00:02", "p", "t", "r1", FIRST), RECORD("00:03", "p", "t", "r1", FIRST),
                     COUNT("00:04", FIRST, FIRST), COUNT("00:05", TWICE, FIRST)),
                 6, twice, 2);
}

static void a_rewritten_rollout_gives_the_same_keys_and_no_hours(void **state) {
    (void)state;
    const char *before = LOG(META("00:00", "p", ""), TURN("00:01", "t", "m"), PROMPT("00:02", "go"),
                             COUNT("00:03", FIRST, FIRST), COUNT("00:04", TWO, SECOND));
    const char *after = LOG(META("00:00", "p", ""), TURN("00:00", "t", "m"), PROMPT("00:00", "go"),
                            COUNT("00:00", FIRST, FIRST), COUNT("00:00", TWO, SECOND));
    world *w = read_lines(before);
    assert_int_equal(w->cost_count, 2);
    assert_int_equal(count_human(w), 1);
    free_world(w);
    for (size_t split = 0; split < 6; split++) {
        w = new_world(&capture_codex);
        write_log(w, PARENT, after);
        read_file(w, &w->files[0], split);
        assert_int_equal(w->cost_count, 2);
        assert_non_null(find_cost(w, "p:1000/600/0/50/10/1050"));
        assert_non_null(find_cost(w, "p:3000/2100/0/120/30/3120"));
        assert_int_equal(w->act_count, 0);
        free_world(w);
    }
    w = read_lines(LOG(META("00:00", "p", ""), TURN("00:00", "t", "m"), PROMPT("00:00", "go"),
                       COUNT("00:00", FIRST, FIRST), PROMPT("05:00", "on")));
    assert_int_equal(count_human(w), 2); /* a rollout that goes on after its migration */
    free_world(w);
}

static void only_typed_prompts_are_human(void **state) {
    (void)state;
    const struct {
        const char *meta, *line;
        size_t human;
    } cases[] = {
        {META("00:00", "p", ""), PROMPT("00:09", "hello"), 1},
        {META("00:00", "p", ""),
         AT("00:09", "event_msg", "'type':'user_message','message':'','images':['data:']"), 1},
        {META("00:00", "p", ""),
         AT("00:09", "event_msg",
            "'type':'item_completed','thread_id':'p','item':{'type':'UserMessage','id':'i','"
            "content':[{'type':'text','text':'hi'}]}"),
         1},
        {META("00:00", "p", ""), PROMPT("00:09", "<b>bold</b> words"), 1},
        {META("00:00", "p", ""),
         LOG(PROMPT("00:09", "both"),
             AT("00:10", "event_msg",
                "'type':'item_completed','thread_id':'p','item':{'type':'UserMessage','id':'i','"
                "content':[{'type':'text','text':'both'}]}")),
         1},
        {META("00:00", "p", ",'thread_source':'user'"), PROMPT("00:09", "hello"), 1},
        {META("00:00", "p", ""), AT("00:09", "event_msg", "'type':'user_message','message':''"), 0},
        {META("00:00", "p", ""), PROMPT("00:09", "<environment_context>x"), 0},
        {META("00:00", "p", ""), PROMPT("00:09", "\\n<user_instructions>x"), 0},
        {META("00:00", "p", ""), PROMPT("00:09", "<codex_internal_context>x"), 0},
        {META("00:00", "p", ""), PROMPT("00:09", "<subagent_notification>x"), 0},
        {META("00:00", "p", ""), PROMPT("00:09", "<turn_aborted>x"), 0},
        {META("00:00", "p", ""), PROMPT("00:09", "<recommended_plugins>x"), 0},
        {META("00:00", "p", ""), PROMPT("00:09", "<INSTRUCTIONS>x"), 0},
        {META("00:00", "p", ""),
         AT("00:09", "event_msg",
            "'type':'item_completed','thread_id':'p','item':{'type':'AgentMessage','content':[{'"
            "type':'text','text':'hi'}]}"),
         0},
        {META("00:00", "p", ""),
         AT("00:09", "event_msg",
            "'type':'item_completed','thread_id':'q','item':{'type':'UserMessage','content':[{'"
            "type':'text','text':'hi'}]}"),
         0},
        {META("00:00", "p", ""),
         AT("00:09", "response_item",
            "'type':'message','role':'user','content':[{'type':'input_text','text':'hi'}]"),
         0},
        {META("00:00", "p", ",'source':'exec'"), PROMPT("00:09", "hello"), 0},
        {META("00:00", "p", ",'source':{'subagent':'review'}"), PROMPT("00:09", "hello"), 0},
        {META("00:00", "p", ",'source':{'subagent':{'other':'guardian'}}"),
         PROMPT("00:09", "hello"), 0},
        {META("00:00", "p", ",'thread_source':'memory_consolidation'"), PROMPT("00:09", "hello"),
         0},
        {META("00:00", "p", ",'thread_source':'guardian_review'"), PROMPT("00:09", "hello"), 0},
    };
    char log[2048];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(log, sizeof log, "%s%s", cases[i].meta, cases[i].line);
        world *w = read_lines(log);
        if (count_human(w) != cases[i].human) print_error("wrong: %s", log);
        assert_int_equal(count_human(w), cases[i].human);
        free_world(w);
    }
}

static void a_session_tells_place_remote_and_title(void **state) {
    (void)state;
    static const char meta[] = META("00:00", "p",
                                    ",'git':{'commit_hash':'c0ffee','branch':'main','repository_"
                                    "url':'https://user:secret@example.com/a/b.git'}");
    char log[2048];
    (void)snprintf(log, sizeof log, "%s%s%s", meta, PROMPT("00:01", "Add paging\\nplease"),
                   PROMPT("00:02", "More"));
    world *w = read_lines(log);
    assert_string_equal(w->sessions[0].id, "p");
    assert_string_equal(w->sessions[0].cwd, "/w");
    assert_string_equal(w->sessions[0].branch, "main");
    assert_string_equal(w->sessions[0].remote, "https://example.com/a/b.git");
    assert_string_equal(w->sessions[0].title, "Add paging");
    assert_int_equal(w->sessions[0].title_rank, 1);
    free_world(w);
    (void)snprintf(log, sizeof log, "%s%s%s%s%s", meta, PROMPT("00:01", "Add paging"),
                   AT("00:02", "event_msg",
                      "'type':'thread_name_updated','thread_id':'p','thread_name':'First name'"),
                   AT("00:03", "event_msg",
                      "'type':'thread_name_updated','thread_id':'p','thread_name':'Paging'"),
                   AT("00:04", "event_msg",
                      "'type':'thread_name_updated','thread_id':'q','thread_name':'Other'"));
    for (size_t split = 0; split <= 5; split++) {
        w = new_world(&capture_codex);
        write_log(w, PARENT, log);
        read_file(w, &w->files[0], split);
        assert_string_equal(w->sessions[0].title, "Paging");
        assert_int_equal(w->sessions[0].title_rank, 3);
        free_world(w);
    }
}

static void without_session_meta_the_name_tells_the_thread(void **state) {
    (void)state;
    static const struct {
        const char *path, *id;
    } cases[] = {
        {"/s/rollout-2026-09-11T10-00-00-019f1000-0000-7000-8000-000000000001.jsonl",
         "019f1000-0000-7000-8000-000000000001"},
        {"/s/rollout-2026-09-11T10-00-00-019f1000-0000-7000-8000-000000000001.jsonl.zst",
         "019f1000-0000-7000-8000-000000000001"},
        {"/s/"
         "rollout-2026-09-11T10-00-00-019f1000-0000-7000-8000-000000000001_019f1000-0000-7000-8000-"
         "000000000009.jsonl",
         "019f1000-0000-7000-8000-000000000001"},
        {"/s/odd.jsonl", "odd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world *w = new_world(&capture_codex);
        write_log(w, cases[i].path, LOG(TURN("00:01", "t", "m"), COUNT("00:02", FIRST, FIRST)));
        read_file(w, &w->files[0], SIZE_MAX);
        assert_int_equal(w->cost_count, 1);
        assert_string_equal(w->costs[0].session, cases[i].id);
        free_world(w);
    }
}

static void a_damaged_state_is_refused_and_a_full_one_fits(void **state) {
    (void)state;
    size_t used = 0, size = 600u * 500u;
    char *log = malloc(size);
    assert_non_null(log);
    used += (size_t)snprintf(log, size, "%s", META("00:00", "p", ""));
    for (int i = 1; i <= 500; i++) {
        int n = i * 10;
        used +=
            (size_t)snprintf(log + used, size - used,
                             "{'timestamp':'2026-09-11T10:00:%02d.%03dZ','type':'event_msg','"
                             "payload':{'type':'token_count','info':{'total_token_usage':{'input_"
                             "tokens':%d,'output_tokens':%d,'total_tokens':%d},'last_token_usage':{"
                             "'input_tokens':10,'output_tokens':10,'total_tokens':20}}}}\n",
                             i / 50, i, n, n, 2 * n);
    }
    world *w = new_world(&capture_codex);
    write_log(w, PARENT, log);
    size_t starts[SEEN_MAX + 1], first = 0, len = 0;
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    size_t count = each_line(&w->files[0], starts, SEEN_MAX);
    read_pass(w, &w->files[0], starts, &first, count, saved, &len);
    assert_int_equal(w->cost_count, 500);
    assert_true(len > 500 * 8);
    capture_sink sink = sink_of(w);
    capture_file info = {.path = w->files[0].path, .now_ms = NOW_MS};
    void *opened;
    tally_error err;
    for (size_t cut = 1; cut < len; cut += 7) {
        uint8_t *part = malloc(cut);
        assert_non_null(part);
        memcpy(part, saved, cut);
        assert_int_equal(capture_adapter_open(&capture_codex, &info, tally_span_of(part, cut),
                                              &sink, &opened, &err),
                         TALLY_ECORRUPT);
        free(part);
    }
    free_world(w);
    free(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_synthetic_case_comes_out_as_expected),
        cmocka_unit_test(real_logs_match_what_the_api_served),
        cmocka_unit_test(the_model_in_force_counts_and_a_turn_keeps_its_own),
        cmocka_unit_test(the_model_is_not_taken_from_nested_objects),
        cmocka_unit_test(tiers_are_sticky_until_the_next_settings),
        cmocka_unit_test(stale_interleaved_and_estimated_counters_are_no_spend),
        cmocka_unit_test(totals_alone_bill_their_growth_but_never_the_first),
        cmocka_unit_test(an_event_without_totals_bills_its_last_usage_once),
        cmocka_unit_test(what_cannot_be_counted_is_reported),
        cmocka_unit_test(a_compacted_copy_is_billed_only_when_its_record_is_missing),
        cmocka_unit_test(twins_of_records_are_found_even_when_records_overtake_them),
        cmocka_unit_test(an_event_that_comes_before_its_record_counts_once),
        cmocka_unit_test(a_record_counts_though_an_event_without_a_record_spent_the_same),
        cmocka_unit_test(an_event_has_one_record_and_a_record_one_event),
        cmocka_unit_test(a_rewritten_rollout_gives_the_same_keys_and_no_hours),
        cmocka_unit_test(only_typed_prompts_are_human),
        cmocka_unit_test(a_session_tells_place_remote_and_title),
        cmocka_unit_test(without_session_meta_the_name_tells_the_thread),
        cmocka_unit_test(a_damaged_state_is_refused_and_a_full_one_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
