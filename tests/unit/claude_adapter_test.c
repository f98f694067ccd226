/* The Claude Code adapter against the fixture cases, the real logs, and a case of its own for each
 * trap of costs; those of sessions are in claude_session_test.c. */
#include "claude_lines.h"

/* Formats are put together and handed on here. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

#define CLAUDE_SYNTHETIC TALLY_TEST_DATA "/fixtures/synthetic/claude"
#define CLAUDE_REAL      TALLY_TEST_DATA "/fixtures/real/claude-code"
#define CLAUDE_TYPED     TALLY_TEST_DATA "/fixtures/real/claude-code-interactive"

static void every_synthetic_case_comes_out_as_expected(void **state) {
    (void)state;
    check_every_case(&capture_claude, CLAUDE_SYNTHETIC, 8);
}

/* The served requests that are not about titles, by token classes and model; keys are the API's
 * ids. */
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
        tally_json title = member(&item, "title"), id = member(&item, "id"),
                   rid = member(&item, "rid");
        if (tally_json_true(&title)) continue;
        served++;
        (void)snprintf(key, sizeof key, "%.*s|%.*s", (int)id.raw.len, (const char *)id.raw.ptr,
                       (int)rid.raw.len, (const char *)rid.raw.ptr);
        const seen_cost *cost = find_cost(w, key);
        found += cost && text_is(&item, "model", cost->model) &&
                 cost->usage.input == number(&item, "input") &&
                 cost->usage.output == number(&item, "output") &&
                 cost->usage.cache_read == number(&item, "cache_read") &&
                 cost->usage.cache_write_5m == number(&item, "cache_5m") &&
                 cost->usage.cache_write_1h == number(&item, "cache_1h");
    }
    free(text);
    bool same =
        found == served && w->cost_count == served && w->skipped_count == 0 && w->orphans == 0;
    if (!same)
        print_error("%s (%s): %zu of %zu served found, %zu seen, %zu skipped, %zu orphans\n",
                    folder, when, found, served, w->cost_count, w->skipped_count, w->orphans);
    return same;
}

static void real_scripted_logs_match_what_the_api_served(void **state) {
    (void)state;
    check_whole_and_split(&capture_claude, CLAUDE_REAL, matches_served);
}

static void real_typed_logs_match_what_the_api_served(void **state) {
    (void)state;
    check_whole_and_split(&capture_claude, CLAUDE_TYPED, matches_served);
}

static void a_sidechain_replay_is_dropped_whatever_the_order(void **state) {
    (void)state;
    const char *const logs[] = {
        LOG(USER("u1", "00:00", "go"),
            REPLY("a1", "00:01", "msg_1", "req_1", "'end_turn'", "'output_tokens':50"),
            SIDE("s1", "00:02", "msg_1", "req_replay", "'output_tokens':70"),
            SIDE("s2", "00:03", "msg_2", "req_2", "'output_tokens':7")),
        LOG(SIDE("s1", "00:02", "msg_1", "req_replay", "'output_tokens':70"),
            SIDE("s2", "00:03", "msg_2", "req_2", "'output_tokens':7"), USER("u1", "00:00", "go"),
            REPLY("a1", "00:01", "msg_1", "req_1", "'end_turn'", "'output_tokens':50")),
        /* the replay keeps the request id, or has none */
        LOG(SIDE("s1", "00:02", "msg_1", "req_1", "'output_tokens':70"),
            SIDE("s2", "00:03", "msg_2", "req_2", "'output_tokens':7"),
            LINE("s3", "00:04",
                 "'isSidechain':true," MESSAGE("msg_1", "'end_turn'", "'output_tokens':90")),
            USER("u1", "00:00", "go"),
            REPLY("a1", "00:01", "msg_1", "req_1", "'end_turn'", "'output_tokens':50")),
    };
    for (size_t i = 0; i < sizeof logs / sizeof logs[0]; i++) {
        world *w = read_lines(logs[i]);
        assert_int_equal(w->cost_count, 2);
        assert_non_null(find_cost(w, "msg_1|req_1"));
        assert_int_equal(find_cost(w, "msg_1|req_1")->usage.output, 50);
        assert_false(find_cost(w, "msg_1|req_1")->sidechain);
        assert_non_null(find_cost(w, "msg_2|req_2"));
        assert_true(find_cost(w, "msg_2|req_2")->sidechain);
        assert_string_equal(find_cost(w, "msg_2|req_2")->message, "msg_2");
        free_world(w);
    }
}

static void a_replay_read_in_another_pass_is_left_to_the_ledger(void **state) {
    (void)state;
    world *w =
        world_of(LOG(SIDE("s1", "00:02", "msg_1", "req_replay", "'output_tokens':70"),
                     REPLY("a1", "00:01", "msg_1", "req_1", "'end_turn'", "'output_tokens':50")));
    read_file(w, &w->files[0], 1);
    assert_int_equal(w->cost_count, 2);
    drop_replays(w);
    assert_int_equal(w->cost_count, 1);
    assert_string_equal(w->costs[0].key, "msg_1|req_1");
    free_world(w);
}

static void speed_place_and_batch_are_tiers_and_priority_is_none(void **state) {
    (void)state;
    world *w = read_lines(LOG(
        REPLY("a1", "00:01", "m1", "r1", "'end_turn'", "'output_tokens':1,'speed':'fast'"),
        REPLY("a2", "00:02", "m2", "r2", "'end_turn'", "'output_tokens':1,'inference_geo':'us'"),
        REPLY("a3", "00:03", "m3", "r3", "'end_turn'", "'output_tokens':1,'service_tier':'batch'"),
        REPLY("a4", "00:04", "m4", "r4", "'end_turn'",
              "'output_tokens':1,'service_tier':'priority','speed':'standard','inference_geo':'not_"
              "available'"),
        REPLY("a5", "00:05", "m5", "r5", "'end_turn'",
              "'output_tokens':1,'speed':'fast','inference_geo':'us'")));
    assert_int_equal(w->cost_count, 5);
    assert_int_equal(find_cost(w, "m1|r1")->usage.tier, TALLY_TIER_FAST);
    assert_int_equal(find_cost(w, "m2|r2")->usage.tier, TALLY_TIER_US);
    assert_int_equal(find_cost(w, "m3|r3")->usage.tier, TALLY_TIER_BATCH);
    assert_int_equal(find_cost(w, "m4|r4")->usage.tier, 0);
    assert_int_equal(find_cost(w, "m5|r5")->usage.tier, TALLY_TIER_FAST | TALLY_TIER_US);
    free_world(w);
}

static void without_request_id_the_first_lines_time_names_the_response(void **state) {
    (void)state;
    const char *log = LOG(
        USER("u1", "00:00", "go"),
        ANONYMOUS("a1", "00:01.5", "msg_bdrk_1", "null", "'input_tokens':3,'output_tokens':1"),
        ANONYMOUS("a2", "00:02", "msg_bdrk_1", "null", "'input_tokens':3,'output_tokens':9"),
        ANONYMOUS("a3", "00:03", "msg_bdrk_1", "'tool_use'", "'input_tokens':3,'output_tokens':90"),
        ANONYMOUS("a4", "00:04", "msg_bdrk_1", "'tool_use'", "'input_tokens':3,'output_tokens':90"),
        ANONYMOUS("a5", "00:09", "msg_bdrk_2", "'end_turn'", "'input_tokens':4,'output_tokens':8"));
    for (size_t split = 0; split <= 6; split++) {
        world *w = world_of(log);
        read_file(w, &w->files[0], split);
        assert_int_equal(w->cost_count, 2);
        const seen_cost *cost = find_cost(w, "msg_bdrk_1|m|2026-09-01T10:00:01.5Z");
        assert_non_null(cost);
        assert_int_equal(cost->usage.output, 90);
        assert_non_null(find_cost(w, "msg_bdrk_2|m|2026-09-01T10:00:09Z"));
        free_world(w);
    }
}

static void a_reused_gateway_id_is_several_responses(void **state) {
    (void)state;
    const char *log =
        LOG(USER("u1", "00:00", "go"),
            ANONYMOUS("a1", "00:01", "gw-1", "'end_turn'", "'input_tokens':3,'output_tokens':5"),
            USER("u2", "01:00", "on"),
            ANONYMOUS("a2", "01:01", "gw-1", "'end_turn'", "'input_tokens':9,'output_tokens':4"),
            USER("u3", "02:00", "on"),
            ANONYMOUS("a3", "02:01", "gw-1", "'end_turn'", "'input_tokens':20,'output_tokens':4"));
    for (size_t split = 0; split <= 6; split++) {
        world *w = world_of(log);
        /* Another session of the same gateway, and a fork that copied the first one's lines. */
        write_log(
            w, "/p/T.jsonl",
            "{'uuid':'t1','sessionId':'T','cwd':'/w','timestamp':'2026-09-02T10:00:01Z'," MESSAGE(
                "gw-1", "'end_turn'", "'input_tokens':7,'output_tokens':2") "}\n");
        write_log(
            w, "/p/F.jsonl",
            "{'uuid':'a1','sessionId':'F','cwd':'/w','timestamp':'2026-09-01T10:00:01Z'," MESSAGE(
                "gw-1", "'end_turn'", "'input_tokens':3,'output_tokens':5") "}\n");
        read_file(w, &w->files[0], split);
        read_file(w, &w->files[1], SIZE_MAX);
        read_file(w, &w->files[2], SIZE_MAX);
        assert_int_equal(w->cost_count, 4);
        assert_int_equal(find_cost(w, "gw-1|m|2026-09-01T10:00:01Z")->usage.input, 3);
        assert_string_equal(find_cost(w, "gw-1|m|2026-09-01T10:00:01Z")->session, "S");
        assert_int_equal(find_cost(w, "gw-1|m|2026-09-01T10:01:01Z")->usage.input, 9);
        assert_int_equal(find_cost(w, "gw-1|m|2026-09-01T10:02:01Z")->usage.input, 20);
        assert_int_equal(find_cost(w, "gw-1|m|2026-09-02T10:00:01Z")->usage.input, 7);
        free_world(w);
    }
}

static void lines_read_again_keep_the_name_of_their_response(void **state) {
    (void)state;
    const char *log = LOG(
        ANONYMOUS("a1", "00:01", "gw-1", "null", "'input_tokens':0,'output_tokens':1"),
        LINE("s1", "00:02",
             "'isSidechain':true,'requestId':'r'," MESSAGE("side", "null", "'output_tokens':1")),
        ANONYMOUS("a2", "00:03", "gw-1", "null", "'input_tokens':3,'output_tokens':2"),
        ANONYMOUS("a3", "00:04", "gw-1", "'end_turn'", "'input_tokens':5,'output_tokens':9"),
        USER("u1", "00:05", "on"));
    for (size_t split = 0; split <= 5; split++) {
        world *w = world_of(log);
        read_file(w, &w->files[0], split);
        assert_int_equal(w->cost_count, 2);
        assert_non_null(find_cost(w, "gw-1|m|2026-09-01T10:00:01Z"));
        assert_int_equal(find_cost(w, "gw-1|m|2026-09-01T10:00:01Z")->usage.output, 9);
        free_world(w);
    }
}

static void a_response_is_told_only_when_it_is_final(void **state) {
    (void)state;
#define OPEN_LOG                                                                                   \
    USER("u1", "00:00", "go") REPLY("a1", "00:01", "m1", "r1", "null", "'output_tokens':1")
    world *w = world_of(OPEN_LOG);
    size_t starts[SEEN_MAX + 1], first = 0, saved_len = 0;
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    size_t count = each_line(&w->files[0], starts, SEEN_MAX);
    w->now_ms = ms_of("2026-09-01T10:00:02Z");
    read_pass(w, &w->files[0], starts, &first, count, saved, &saved_len);
    assert_int_equal(w->cost_count, 0);
    assert_int_equal(first, 1); /* the next pass begins at the response */
    w->now_ms = ms_of("2026-09-01T10:10:01Z");
    read_pass(w, &w->files[0], starts, &first, count, saved, &saved_len);
    assert_int_equal(w->cost_count, 0);
    w->now_ms = ms_of("2026-09-01T10:10:01.001Z"); /* more than ten minutes quiet */
    read_pass(w, &w->files[0], starts, &first, count, saved, &saved_len);
    assert_int_equal(w->cost_count, 1);
    assert_int_equal(first, 2);
    free_world(w);

    w = world_of(LOG(OPEN_LOG, REPLY("a2", "00:02", "m2", "r2", "null", "'output_tokens':1")));
    w->now_ms = ms_of("2026-09-01T10:00:03Z");
    read_file(w, &w->files[0], SIZE_MAX);
    assert_int_equal(w->cost_count,
                     1); /* another message of the chain proves the first one final */
    assert_non_null(find_cost(w, "m1|r1"));
    forget(w);
    w->idle = true;
    read_file(w, &w->files[0], SIZE_MAX);
    assert_int_equal(w->cost_count, 2);
    free_world(w);
}

static void one_whole_line_counts_and_ties_go_to_the_later_block(void **state) {
    (void)state;
    world *w = read_lines(LOG(LINE("a1", "00:01",
                                   "'requestId':'r','apiBlockIndex':1," MESSAGE(
                                       "m", "null", "'input_tokens':1,'output_tokens':40")),
                              LINE("a2", "00:02",
                                   "'requestId':'r','apiBlockIndex':0," MESSAGE(
                                       "m", "'end_turn'", "'input_tokens':2,'output_tokens':40")),
                              LINE("a3", "00:03",
                                   "'requestId':'r','apiBlockIndex':1," MESSAGE(
                                       "m", "'end_turn'", "'input_tokens':3,'output_tokens':40")),
                              LINE("a4", "00:04",
                                   "'requestId':'r','apiBlockIndex':2," MESSAGE(
                                       "m", "'end_turn'", "'input_tokens':9,'output_tokens':39"))));
    assert_int_equal(w->cost_count, 1);
    assert_int_equal(w->costs[0].usage.input, 3);
    assert_int_equal(w->costs[0].time_ms, ms_of("2026-09-01T10:00:03Z"));
    free_world(w);
}

static void counters_that_are_no_counts_are_reported_and_not_billed(void **state) {
    (void)state;
    static const struct {
        const char *usage, *why;
    } cases[] = {
        {"'output_tokens':-1", "output_tokens is not a count"},
        {"'output_tokens':9007199254740993", "output_tokens is not a count"},
        {"'output_tokens':'5'", "output_tokens is not a count"},
        {"'output_tokens':1.5", "output_tokens is not a count"},
        {"'input_tokens':[],'output_tokens':5", "input_tokens is not a count"},
        {"'cache_read_input_tokens':true", "cache_read_input_tokens is not a count"},
        {"'cache_creation_input_tokens':-3", "cache_creation_input_tokens is not a count"},
        {"'cache_creation':{'ephemeral_1h_input_tokens':-3}",
         "ephemeral_1h_input_tokens is not a count"},
        {"'server_tool_use':{'web_search_requests':-3}", "web_search_requests is not a count"},
    };
    char log[1024];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(log, sizeof log,
                       "{%s,'requestId':'r','type':'assistant','message':{'id':'m','model':'x','"
                       "stop_reason':'end_turn','usage':{%s}}}\n",
                       HEAD("a", "00:01"), cases[i].usage);
        world *w = read_lines(log);
        assert_int_equal(w->cost_count, 0);
        assert_int_equal(w->skipped_count, 1);
        assert_string_equal(w->skipped[0], cases[i].why);
        free_world(w);
    }
    world *w = read_lines(REPLY("a", "00:01", "m", "r", "'end_turn'",
                                "'input_tokens':12.0,'output_tokens':9007199254740992,'cache_"
                                "creation':null,'cache_read_input_tokens':null"));
    assert_int_equal(w->skipped_count, 0);
    assert_int_equal(w->costs[0].usage.input, 12);
    assert_true(w->costs[0].usage.output == UINT64_C(9007199254740992));
    free_world(w);
}

static void bad_lines_are_reported_once_over_all_passes(void **state) {
    (void)state;
    const char *log = LOG(USER("u1", "00:00", "go"),
                          REPLY("a1", "00:01", "m1", "r1", "null", "'output_tokens':1"),
                          "{'type':'user', no json\n[1,2]\n",
                          REPLY("a2", "00:02", "m1", "r1", "'end_turn'", "'output_tokens':8"));
    for (size_t split = 0; split <= 5; split++) {
        world *w = world_of(log);
        read_file(w, &w->files[0], split);
        assert_int_equal(w->skipped_count, 2);
        assert_string_equal(w->skipped[0], "not JSON");
        assert_int_equal(w->skipped_line[0], 3);
        assert_string_equal(w->skipped[1], "not a JSON object");
        assert_int_equal(w->skipped_line[1], 4);
        assert_int_equal(w->cost_count, 1);
        assert_int_equal(w->costs[0].usage.output, 8);
        free_world(w);
    }
}

static void a_stated_cost_is_taken_exactly(void **state) {
    (void)state;
    world *w = read_lines(
        LOG(LINE("a1", "00:01",
                 "'costUSD':0.0154329," MESSAGE("m1", "'end_turn'", "'output_tokens':5")),
            LINE("a2", "00:02", "'costUSD':0," MESSAGE("m2", "'end_turn'", "'output_tokens':5")),
            LINE("a3", "00:03", "'costUSD':-1," MESSAGE("m3", "'end_turn'", "'output_tokens':5"))));
    assert_int_equal(w->cost_count, 3);
    assert_true(w->costs[0].has_reported);
    assert_true(w->costs[0].reported_pico == INT64_C(15432900000));
    assert_false(w->costs[1].has_reported);
    assert_false(w->costs[2].has_reported);
    free_world(w);
}

static void an_advisor_is_billed_beside_the_response_even_on_the_same_model(void **state) {
    (void)state;
    world *w = read_lines(LOG(
        REPLY("a1", "00:01", "m1", "r1", "'end_turn'",
              "'input_tokens':2,'output_tokens':30,'iterations':[{'type':'message','input_tokens':"
              "1,'output_tokens':10},{'type':'advisor_message','model':'m','input_tokens':500,'"
              "output_tokens':6},{'type':'message','input_tokens':1,'output_tokens':20},{'type':'"
              "advisor_message','model':'other','input_tokens':700,'output_tokens':7}]"),
        LINE("a2", "00:02",
             "'requestId':'r2','advisorModel':'wise'," MESSAGE(
                 "m2", "'end_turn'",
                 "'input_tokens':1,'output_tokens':1,'iterations':[{'type':'message','input_tokens'"
                 ":1,'output_tokens':1},{'type':'advisor_message','input_tokens':5,'output_tokens':"
                 "5}]")),
        REPLY("a3", "00:03", "m3", "r3", "'end_turn'",
              "'input_tokens':9,'output_tokens':9,'iterations':[{'type':'message','input_tokens':1,"
              "'output_tokens':1},{'type':'fallback_message','model':'other','input_tokens':4,'"
              "output_tokens':4}]")));
    assert_int_equal(w->cost_count, 6);
    assert_int_equal(find_cost(w, "m1|r1")->usage.output, 30);
    assert_int_equal(find_cost(w, "m1|r1|advisor:1")->usage.input, 500);
    assert_string_equal(find_cost(w, "m1|r1|advisor:1")->model, "m");
    assert_int_equal(find_cost(w, "m1|r1|advisor:2")->usage.output, 7);
    assert_string_equal(find_cost(w, "m1|r1|advisor:2")->model, "other");
    assert_string_equal(find_cost(w, "m2|r2|advisor:1")->model, "wise");
    assert_int_equal(find_cost(w, "m3|r3")->usage.output, 9);
    assert_int_equal(w->skipped_count, 1); /* m3: what does not add up is said */
    free_world(w);
}

static void web_searches_are_fee_units_once(void **state) {
    (void)state;
    static const char tool[] =
        "{" HEAD("u2", "00:05") ",'type':'user','message':{'role':'user','content':[{'type':'tool_"
                                "result','tool_use_id':'toolu_9','content':'x'}]},'toolUseResult':{"
                                "'query':'q','searchCount':3,'durationSeconds':2}}\n";
    char log[2048];
    (void)snprintf(log, sizeof log, "%s%s%s",
                   REPLY("a1", "00:01", "m1", "r1", "'tool_use'",
                         "'output_tokens':5,'server_tool_use':{'web_search_requests':2}"),
                   tool, tool);
    world *w = read_lines(log);
    assert_int_equal(w->cost_count, 2);
    assert_int_equal(find_cost(w, "m1|r1")->usage.web_searches, 2);
    const seen_cost *fee = find_cost(w, "toolu_9|web_search");
    assert_non_null(fee);
    assert_int_equal(fee->usage.web_searches, 3);
    assert_int_equal(fee->usage.output, 0);
    assert_string_equal(fee->model, "m");
    free_world(w);
}

static void a_line_without_a_time_takes_that_of_the_line_before(void **state) {
    (void)state;
    world *w =
        read_lines(LOG(USER("u", "00:07", "go"),
                       "{'uuid':'a','sessionId':'S','requestId':'r','timestamp':'soon'," MESSAGE(
                           "m", "'end_turn'", "'output_tokens':5") "}\n"));
    assert_int_equal(w->cost_count, 1);
    assert_int_equal(w->costs[0].time_ms, ms_of("2026-09-01T10:00:07Z"));
    free_world(w);
    w = read_lines("{'uuid':'a','sessionId':'S','requestId':'r'," MESSAGE(
        "m", "'end_turn'", "'output_tokens':5") "}\n");
    assert_int_equal(w->cost_count, 0);
    assert_int_equal(w->skipped_count, 1);
    free_world(w);
}

static void more_open_responses_than_the_limit_are_all_told(void **state) {
    (void)state;
    size_t used = 0, size = 400u * 300u;
    char *log = malloc(size);
    assert_non_null(log);
    for (int i = 0; i < 300; i++)
        used += (size_t)snprintf(
            log + used, size - used,
            "{'uuid':'x%d','sessionId':'S','isSidechain':true,'agentId':'a%d','requestId':'r%d','"
            "timestamp':'2026-09-01T10:00:00Z'," MESSAGE("m%d", "null", "'output_tokens':1") "}\n",
            i, i, i, i);
    world *w = world_of(log);
    w->idle = true;
    read_file(w, &w->files[0], SIZE_MAX);
    assert_int_equal(w->cost_count, 300);
    free_world(w);
    free(log);
}

static void a_damaged_state_is_refused(void **state) {
    (void)state;
    world *w = read_lines(LOG(USER("u", "00:00", "go"),
                              ANONYMOUS("a", "00:01", "m", "'end_turn'", "'output_tokens':5")));
    size_t starts[SEEN_MAX + 1], first = 0, len = 0;
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    size_t count = each_line(&w->files[0], starts, SEEN_MAX);
    read_pass(w, &w->files[0], starts, &first, count, saved, &len);
    capture_sink sink = sink_of(w);
    capture_file info = {.path = w->files[0].path, .now_ms = NOW_MS};
    void *opened;
    tally_error err;
    for (size_t cut = 1; cut < len; cut++) {
        uint8_t *part = malloc(cut);
        assert_non_null(part);
        memcpy(part, saved, cut);
        assert_int_equal(capture_adapter_open(&capture_claude, &info, tally_span_of(part, cut),
                                              &sink, &opened, &err),
                         TALLY_ECORRUPT);
        free(part);
    }
    saved[0] ^= 0x80;
    assert_int_equal(capture_adapter_open(&capture_claude, &info, tally_span_of(saved, len), &sink,
                                          &opened, &err),
                     TALLY_ECORRUPT);
    free_world(w);
}

static void the_largest_state_fits(void **state) {
    (void)state;
    enum { LOG = 64 * 1024 };
    char *log = malloc(LOG), *longest = malloc(4097);
    assert_non_null(log);
    assert_non_null(longest);
    memset(longest, 'x', 4096);
    longest[4096] = '\0';
    size_t used = (size_t)snprintf(
        log, LOG,
        LOG("{'uuid':'u','sessionId':'%.256s','cwd':'%s','gitBranch':'%.256s','version':'%.256s','"
            "timestamp':'2026-09-01T10:00:00Z','type':'user','message':{'content':'x'}}\n",
            "{'type':'custom-title','sessionId':'%.256s','customTitle':'%.512s'}\n"),
        longest, longest, longest, longest, longest, longest);
    for (int i = 0; i < 40; i++)
        used += (size_t)snprintf(log + used, LOG - used,
                                 LOG("{'type':'summary','summary':'%.512s','leafUuid':'none%d'}\n",
                                     "{'uuid':'q%d','timestamp':'2026-09-01T10:00:01.123456789+00:"
                                     "00','type':'attachment','attachment':{'type':'queued_command'"
                                     ",'commandMode':'prompt','prompt':'p%d'}}\n",
                                     "{'uuid':'a%d','timestamp':'2026-09-01T10:00:01.123456789+00:"
                                     "00','type':'assistant','message':{'id':'g%d','model':'%.256s'"
                                     ",'stop_reason':'end_turn','usage':{'output_tokens':1}}}\n"),
                                 longest, i, i, i, i, i, longest);
    assert_true(used < LOG);
    world *w = world_of(log);
    size_t starts[SEEN_MAX + 1], first = 0, len = 0;
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    size_t count = each_line(&w->files[0], starts, SEEN_MAX);
    read_pass(w, &w->files[0], starts, &first, count, saved, &len);
    assert_true(len > 7000);
    free_world(w);
    free(log);
    free(longest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_synthetic_case_comes_out_as_expected),
        cmocka_unit_test(real_scripted_logs_match_what_the_api_served),
        cmocka_unit_test(real_typed_logs_match_what_the_api_served),
        cmocka_unit_test(a_sidechain_replay_is_dropped_whatever_the_order),
        cmocka_unit_test(a_replay_read_in_another_pass_is_left_to_the_ledger),
        cmocka_unit_test(speed_place_and_batch_are_tiers_and_priority_is_none),
        cmocka_unit_test(without_request_id_the_first_lines_time_names_the_response),
        cmocka_unit_test(a_reused_gateway_id_is_several_responses),
        cmocka_unit_test(lines_read_again_keep_the_name_of_their_response),
        cmocka_unit_test(a_response_is_told_only_when_it_is_final),
        cmocka_unit_test(one_whole_line_counts_and_ties_go_to_the_later_block),
        cmocka_unit_test(counters_that_are_no_counts_are_reported_and_not_billed),
        cmocka_unit_test(bad_lines_are_reported_once_over_all_passes),
        cmocka_unit_test(a_stated_cost_is_taken_exactly),
        cmocka_unit_test(an_advisor_is_billed_beside_the_response_even_on_the_same_model),
        cmocka_unit_test(web_searches_are_fee_units_once),
        cmocka_unit_test(a_line_without_a_time_takes_that_of_the_line_before),
        cmocka_unit_test(more_open_responses_than_the_limit_are_all_told),
        cmocka_unit_test(a_damaged_state_is_refused),
        cmocka_unit_test(the_largest_state_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
