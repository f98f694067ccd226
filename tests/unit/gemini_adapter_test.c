/* The Gemini CLI adapter against the fixture cases, the real logs, and a case of its own for each
 * trap. */
#include "adapter_harness.h"

#include "capture/gemini_project.h"

#define GEMINI_SYNTHETIC TALLY_TEST_DATA "/fixtures/synthetic/gemini"
#define GEMINI_REAL      TALLY_TEST_DATA "/fixtures/real/gemini-cli"

#define CHAT "/home/dev/.gemini/tmp/acme/chats/session-2026-09-12T10-00-aaaa1111.jsonl"
#define HEAD                                                                                       \
    "{'sessionId':'s-1','projectHash':'00','startTime':'2026-09-12T10:00:00Z','kind':'main'}\n"
#define AT(id, time, type, more)                                                                   \
    "{'id':'" id "','timestamp':'2026-09-12T10:" time "Z','type':'" type "'," more "}"
#define PROMPT(id, time, text) AT(id, time, "user", "'content':[{'text':'" text "'}]")
#define TOKENS(input, output, cached, thoughts, tool)                                              \
    "'tokens':{'input':" #input ",'output':" #output ",'cached':" #cached ",'thoughts':" #thoughts \
    ",'tool':" #tool "}"
#define ANSWER(id, time, tokens)                                                                   \
    AT(id, time, "gemini", "'content':'ok','model':'gemini-2.5-pro'," tokens)

static void every_synthetic_case_comes_out_as_expected(void **state) {
    (void)state;
    check_every_case(&capture_gemini, GEMINI_SYNTHETIC, 1);
}

/* The request that chose the model is billed and in no log: it is the one that does not stream. */
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
        tally_json stream = member(&item, "stream");
        if (!tally_json_true(&stream)) continue;
        served++;
        for (size_t i = 0; i < w->cost_count; i++) {
            const seen_cost *cost = &w->costs[i];
            found += text_is(&item, "model", cost->model) &&
                     cost->usage.input + cost->usage.cache_read == number(&item, "input") &&
                     cost->usage.cache_read == number(&item, "cached") &&
                     cost->reasoning == number(&item, "thoughts") &&
                     cost->usage.output == number(&item, "output") + number(&item, "thoughts");
        }
    }
    free(text);
    bool prompts = count_human(w) == 3 && has_human_at(w, ms_of("2026-11-21T05:40:42.045Z")) &&
                   has_human_at(w, ms_of("2026-11-21T05:40:44.383Z")) &&
                   has_human_at(w, ms_of("2026-11-21T05:40:46.510Z"));
    bool same = served == 5 && found == served && w->cost_count == served && prompts &&
                w->skipped_count == 0 && w->orphans == 0 && w->session_count == 2;
    if (!same)
        print_error("%s (%s): %zu of %zu served found, %zu seen, %zu prompts, %zu skipped\n",
                    folder, when, found, served, w->cost_count, count_human(w), w->skipped_count);
    return same;
}

static void real_logs_match_what_the_api_served(void **state) {
    (void)state;
    check_whole_and_split(&capture_gemini, GEMINI_REAL, matches_served);
}

static world *read_lines(const char *path, const char *lines) {
    world *w = new_world(&capture_gemini);
    write_log(w, path, lines);
    read_file(w, &w->files[0], SIZE_MAX);
    assert_int_equal(w->orphans, 0);
    return w;
}

static void cached_tokens_are_input_and_thoughts_and_tool_tokens_come_on_top(void **state) {
    (void)state;
    world *w = read_lines(CHAT, LOG(HEAD, ANSWER("g", "00:01", TOKENS(1000, 10, 900, 7, 30)) "\n"));
    assert_int_equal(w->cost_count, 1);
    assert_string_equal(w->costs[0].key, "s-1:g");
    assert_int_equal(w->costs[0].usage.input, 130);
    assert_int_equal(w->costs[0].usage.cache_read, 900);
    assert_int_equal(w->costs[0].usage.output, 17);
    assert_int_equal(w->costs[0].reasoning, 7);
    free_world(w);
}

static void what_cannot_be_counted_is_reported(void **state) {
    (void)state;
    world *w = read_lines(
        CHAT, LOG(HEAD, "not json\n", "[]\n", ANSWER("a", "00:01", TOKENS(1, 1, 2, 0, 0)) "\n",
                  ANSWER("b", "00:02", TOKENS(-1, 1, 0, 0, 0)) "\n",
                  AT("c", "00:03", "gemini", "'content':''," TOKENS(1, 1, 0, 0, 0)) "\n",
                  "{'id':'d','type':'gemini'," TOKENS(1, 1, 0, 0, 0) ",'model':'m'}\n",
                  "{'timestamp':'2026-09-12T10:00:04Z','type':'gemini','model':'m'}\n",
                  ANSWER("e", "00:05", TOKENS(0, 0, 0, 0, 0)) "\n",
                  AT("f", "00:06", "gemini", "'content':'','model':'m','tokens':null") "\n"));
    assert_int_equal(w->cost_count, 0);
    static const char *const why[] = {"not JSON",
                                      "not a JSON object",
                                      "more cached tokens than tokens",
                                      "a token count that is no count",
                                      "tokens without a model",
                                      "a message without a timestamp",
                                      "a message without a usable id"};
    assert_int_equal(w->skipped_count, sizeof why / sizeof why[0]);
    for (size_t i = 0; i < w->skipped_count; i++) {
        assert_string_equal(w->skipped[i], why[i]);
        assert_int_equal(w->skipped_line[i], i + 2);
    }
    free_world(w);
}

static void only_what_a_person_typed_is_human(void **state) {
    (void)state;
    world *w = read_lines(
        CHAT,
        LOG(HEAD, PROMPT("1", "00:01", "<session_context> of the tool") "\n",
            PROMPT("2", "00:02", "/chat save here") "\n", PROMPT("3", "00:03", "/stats") "\n",
            PROMPT("4", "00:04", "/home/dev is full") "\n",
            AT("5", "00:05", "user", "'content':[{'functionResponse':{'id':'x'}}]") "\n",
            AT("6", "00:06", "user", "'content':'as text'") "\n",
            AT("7", "00:07", "info", "'content':'cancelled'") "\n",
            AT("8", "00:08", "user", "'content':[{'inlineData':{}},{'text':'a picture'}]") "\n"));
    assert_int_equal(count_human(w), 3);
    assert_true(has_human_at(w, ms_of("2026-09-12T10:00:04Z")));
    assert_true(has_human_at(w, ms_of("2026-09-12T10:00:06Z")));
    assert_true(has_human_at(w, ms_of("2026-09-12T10:00:08Z")));
    assert_string_equal(w->sessions[0].title, "/home/dev is full");
    assert_int_equal(w->sessions[0].title_rank, 1);
    free_world(w);
}

static void a_list_that_repeats_the_conversation_adds_nothing_to_it(void **state) {
    (void)state;
    world *w = read_lines(
        CHAT, LOG(HEAD, PROMPT("u", "00:01", "one") "\n",
                  ANSWER("g", "00:09", TOKENS(10, 1, 0, 0, 0)) "\n",
                  "{'$set':{'messages':[" PROMPT("u", "50:00", "one") "," ANSWER(
                      "g", "50:00", TOKENS(10, 1, 0, 0, 0)) "," AT("h", "50:00", "gemini",
                                                                   "'content':''") "]}}\n",
                  "{'$rewindTo':'u'}\n"));
    assert_int_equal(w->cost_count, 1);
    assert_int_equal(w->costs[0].time_ms, ms_of("2026-09-12T10:00:09Z"));
    assert_int_equal(count_human(w), 1);
    for (size_t i = 0; i < w->act_count; i++)
        assert_true(w->acts[i].time_ms < ms_of("2026-09-12T10:01:00Z"));
    free_world(w);
}

static void a_message_that_is_only_in_a_list_counts(void **state) {
    (void)state;
    world *w =
        read_lines(CHAT, LOG(HEAD, "{'$set':{'messages':[" PROMPT("u", "00:01", "one") "," ANSWER(
                                       "g", "00:09", TOKENS(10, 1, 0, 0, 0)) "]}}\n"));
    assert_int_equal(w->cost_count, 1);
    assert_int_equal(count_human(w), 1);
    free_world(w);
}

static void a_document_holds_the_same_as_its_lines_whatever_the_order_of_members(void **state) {
    (void)state;
    world *w = read_lines(
        "/home/dev/.gemini/tmp/acme/chats/session-2026-01-16T18-34-3739ef95.json",
        LOG("{'messages':[" PROMPT("u", "00:01", "one") "," ANSWER(
            "g", "00:09", TOKENS(10, 1, 4, 2, 0)) "],'summary':'What it is','sessionId':'s-1'}\n"));
    assert_int_equal(w->cost_count, 1);
    assert_string_equal(w->costs[0].key, "s-1:g");
    assert_int_equal(w->costs[0].usage.input, 6);
    assert_int_equal(count_human(w), 1);
    assert_int_equal(w->act_count, 2);
    assert_string_equal(w->sessions[0].title, "What it is");
    assert_int_equal(w->sessions[0].title_rank, 2);
    free_world(w);
}

static void a_subagent_has_a_parent_and_nobody_types_in_it(void **state) {
    (void)state;
    world *w = read_lines("/home/dev/.gemini/tmp/acme/chats/s-1/s-2.jsonl",
                          LOG("{'sessionId':'s-2','kind':'subagent'}\n",
                              PROMPT("u", "00:01", "look around") "\n",
                              ANSWER("g", "00:09", TOKENS(10, 1, 0, 0, 0)) "\n"));
    assert_int_equal(w->cost_count, 1);
    assert_string_equal(w->sessions[0].id, "s-2");
    assert_string_equal(w->sessions[0].parent, "s-1");
    assert_int_equal(count_human(w), 0);
    free_world(w);
}

static void a_summary_replaces_the_first_prompt_and_later_prompts_replace_nothing(void **state) {
    (void)state;
    const char *lines =
        LOG(HEAD, PROMPT("a", "00:01", "first") "\n", PROMPT("b", "00:02", "second") "\n",
            "{'$set':{'summary':'The summary'}}\n", PROMPT("c", "00:03", "third") "\n");
    for (size_t split = 0; split <= 5; split++) {
        world *w = new_world(&capture_gemini);
        write_log(w, CHAT, lines);
        read_file(w, &w->files[0], split);
        assert_string_equal(w->sessions[0].title, "The summary");
        assert_int_equal(count_human(w), 3);
        free_world(w);
    }
}

static void a_damaged_state_is_refused(void **state) {
    (void)state;
    world *w = new_world(&capture_gemini);
    const capture_sink sink = sink_of(w);
    const capture_file file = {.path = CHAT};
    tally_error err;
    void *adapter;
    static const char *const bad[] = {"\2\1\0\0\0", "\1\1\0\0", "\1\1\0\0\1", "\1\7\0\0\0",
                                      "\1\1\0\0\0x"};
    static const size_t len[] = {5, 4, 5, 5, 6};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(capture_adapter_open(&capture_gemini, &file, tally_span_of(bad[i], len[i]),
                                              &sink, &adapter, &err),
                         TALLY_ECORRUPT);
    free_world(w);
}

/* --- the project directory -------------------------------------------------------------------- */

static void put(const char *root, const char *below, const char *text) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", root, below);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_project(const char *root, const char *chat, const char *wanted) {
    char path[1024], out[CAPTURE_TEXT_MAX_BYTES];
    size_t len = 0;
    (void)snprintf(path, sizeof path, "%s/%s", root, chat);
    bool found = gemini_project(path, out, &len);
    assert_int_equal(found, wanted != NULL);
    if (!wanted) return;
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(out, wanted, len);
}

static void files_beside_the_chat_name_its_project(void **state) {
    (void)state;
    char root[] = "/tmp/tally-gemini-XXXXXX", command[64];
    assert_non_null(mkdtemp(root));
    put(root, ".gemini/projects.json",
        "{\"projects\":{\"/home/dev/one\":\"one\",\"/home/dev/hashed\":\"slug\"}}");
    put(root, ".gemini/tmp/rooted/.project_root", "/home/dev/rooted\n");
    put(root, ".gemini/tmp/odd/.project_root", "relative");
    assert_project(root, ".gemini/tmp/rooted/chats/s.jsonl", "/home/dev/rooted");
    assert_project(root, ".gemini/tmp/rooted/chats/parent/s.jsonl", "/home/dev/rooted");
    assert_project(root, ".gemini/tmp/one/chats/s.jsonl", "/home/dev/one");
    assert_project(root, ".gemini/tmp/odd/chats/s.jsonl", NULL);
    assert_project(root, ".gemini/tmp/none/chats/s.jsonl", NULL);
    /* printf /home/dev/hashed | sha256sum */
    assert_project(root,
                   ".gemini/tmp/"
                   "3d793855ec1183f9f0ac0cbf6b4d06632e99ab3de668e1db661e7b54921a3639"
                   "/chats/s.json",
                   "/home/dev/hashed");
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_synthetic_case_comes_out_as_expected),
        cmocka_unit_test(real_logs_match_what_the_api_served),
        cmocka_unit_test(cached_tokens_are_input_and_thoughts_and_tool_tokens_come_on_top),
        cmocka_unit_test(what_cannot_be_counted_is_reported),
        cmocka_unit_test(only_what_a_person_typed_is_human),
        cmocka_unit_test(a_list_that_repeats_the_conversation_adds_nothing_to_it),
        cmocka_unit_test(a_message_that_is_only_in_a_list_counts),
        cmocka_unit_test(a_document_holds_the_same_as_its_lines_whatever_the_order_of_members),
        cmocka_unit_test(a_subagent_has_a_parent_and_nobody_types_in_it),
        cmocka_unit_test(a_summary_replaces_the_first_prompt_and_later_prompts_replace_nothing),
        cmocka_unit_test(a_damaged_state_is_refused),
        cmocka_unit_test(files_beside_the_chat_name_its_project),
    };
    return cmocka_run_group_tests_name("gemini_adapter", tests, NULL, NULL);
}
