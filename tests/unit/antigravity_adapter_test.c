/* The Antigravity adapter against the fixture case, whose row is a real one, and a case of its own
 * for each trap. */
#include "database_harness.h"

#include "capture/antigravity_generation.h"
#include "capture/protobuf.h"

#define FIXTURE                                                                                    \
    TALLY_TEST_DATA                                                                                \
    "/fixtures/synthetic/antigravity/a01-gen-metadata-row/.gemini/antigravity-cli/conversations/"  \
    "fixture-current-cli.db"
#define TRANSCRIPT                                                                                 \
    "/home/dev/.gemini/antigravity-cli/brain/conv/.system_generated/logs/transcript.jsonl"
#define STEP(index, time, source, type, content)                                                   \
    "{'step_index':" #index ",'source':'" source "','type':'" type                                 \
    "','status':'DONE','created_at':'2026-06-26T21:" time "Z','content':'" content "'}\n"

static void the_fixture_row_comes_out_as_expected(void **state) {
    (void)state;
    table_log log = {.w = new_world(&capture_antigravity)};
    for (int round = 0; round < 2; round++) {
        pass_over(&log, FIXTURE);
        assert_int_equal(log.w->cost_count, 1);
        const seen_cost *cost = &log.w->costs[0];
        assert_string_equal(cost->key, "fixture-response-1");
        assert_string_equal(cost->session, "fixture-current-cli");
        assert_string_equal(cost->model, "gemini-3.1-pro-preview");
        assert_int_equal(cost->usage.input, 30265);
        assert_int_equal(cost->usage.output, 730);
        assert_int_equal(cost->usage.cache_read, 0);
        assert_int_equal(cost->reasoning, 71);
        assert_int_equal(cost->time_ms, NOW_MS); /* nothing says when: the file's own time */
        assert_int_equal(log.w->skipped_count, 0);
    }
    free_world(log.w);
}

/* The row's steps are 2 and 3; the transcript, as its authors published it, ends at 1. */
static void the_transcript_says_when(void **state) {
    (void)state;
    table_log log = {.w = new_world(&capture_antigravity)};
    write_log(log.w, "/brain/fixture-current-cli/transcript.jsonl",
              LOG(STEP(0, "16:16", "USER_EXPLICIT", "USER_INPUT", "x"),
                  STEP(1, "16:17", "MODEL", "PLANNER_RESPONSE", "x"),
                  STEP(9, "16:30", "MODEL", "PLANNER_RESPONSE", "x")));
    pass_over(&log, FIXTURE);
    assert_int_equal(log.w->costs[0].time_ms, ms_of("2026-06-26T21:16:17Z"));
    free_world(log.w);
}

/* Protocol buffers written by hand: lengths below 128, fields below 16 or with a two-byte tag. */
typedef struct buffer {
    uint8_t bytes[256];
    size_t len;
} buffer;

static void put_number(buffer *b, unsigned field, unsigned value) {
    unsigned tag = field << 3;
    if (tag >= 0x80) b->bytes[b->len++] = (uint8_t)(tag | 0x80);
    b->bytes[b->len++] = (uint8_t)(tag >= 0x80 ? tag >> 7 : tag);
    b->bytes[b->len++] = (uint8_t)(value & 0x7f);
    if (value < 0x80) return;
    b->bytes[b->len - 1] |= 0x80;
    b->bytes[b->len++] = (uint8_t)(value >> 7);
}

static void put_bytes(buffer *b, unsigned field, const void *bytes, size_t len) {
    unsigned tag = field << 3 | 2;
    assert_true(len < 128);
    if (tag >= 0x80) b->bytes[b->len++] = (uint8_t)(tag | 0x80);
    b->bytes[b->len++] = (uint8_t)(tag >= 0x80 ? tag >> 7 : tag);
    b->bytes[b->len++] = (uint8_t)len;
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static void put_text(buffer *b, unsigned field, const char *text) {
    put_bytes(b, field, text, strlen(text));
}

/* One generation with usage 1016/input/output/write/read/answer/thinking and a model's name. */
static buffer generation(const unsigned usage[6], const char *display, const char *route) {
    buffer u = {.len = 0}, chat = {.len = 0}, all = {.len = 0};
    static const unsigned fields[] = {2, 3, 4, 5, 9, 10};
    put_number(&u, 1, 1016);
    for (size_t i = 0; i < 6; i++)
        if (usage[i]) put_number(&u, fields[i], usage[i]);
    put_bytes(&chat, 4, u.bytes, u.len);
    if (route) put_text(&chat, 19, route);
    if (display) put_text(&chat, 21, display);
    put_bytes(&all, 1, chat.bytes, chat.len);
    return all;
}

static void display_names_become_models_and_routes_stay_without_price(void **state) {
    (void)state;
    static const struct {
        const char *display, *route, *model;
    } cases[] = {
        {"Gemini 3.1 Pro (High)", "gemini-pro-default", "gemini-3.1-pro-preview"},
        {"Gemini 3.5 Flash (Medium)", NULL, "gemini-3.5-flash"},
        {"Gemini 3 Pro", NULL, "gemini-3-pro-preview"},
        {"Claude Sonnet 4.6 (Thinking)", NULL, "claude-sonnet-4.6"},
        {"GPT-OSS 120B (Medium)", NULL, "gpt-oss-120b"},
        {NULL, "gemini-default", "gemini-default"},
        {"(", NULL, "("},
        {NULL, NULL, ""},
    };
    static const unsigned usage[6] = {1, 3, 0, 0, 1, 2};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer b = generation(usage, cases[i].display, cases[i].route);
        antigravity_generation out;
        const char *why = NULL;
        assert_int_equal(antigravity_generation_read(tally_span_of(b.bytes, b.len), &out, &why), 0);
        assert_true(tally_span_is(capture_id_span(&out.model), cases[i].model));
        assert_int_equal(out.usage.input, 1); /* field 1 is a model's number */
        assert_int_equal(out.usage.output, 3);
        assert_int_equal(out.reasoning, 2);
    }
}

static void an_output_that_is_not_the_sum_of_its_parts_is_reported(void **state) {
    (void)state;
    static const unsigned wrong[6] = {1, 4, 0, 0, 1, 2}, right[6] = {5, 300, 6, 7, 200, 100};
    buffer bad = generation(wrong, "Gemini 3 Pro", NULL),
           good = generation(right, "Gemini 3 Pro", NULL);
    table_log *log = new_log(&capture_antigravity, "conv.db",
                             "CREATE TABLE gen_metadata(idx INTEGER PRIMARY KEY, data BLOB)");
    sqlite3_stmt *insert;
    assert_int_equal(sqlite3_prepare_v2(log->writer, "INSERT INTO gen_metadata VALUES (?1, ?2)", -1,
                                        &insert, NULL),
                     SQLITE_OK);
    for (int row = 0; row < 2; row++) {
        const buffer *b = row ? &good : &bad;
        assert_int_equal(sqlite3_bind_int(insert, 1, row), SQLITE_OK);
        assert_int_equal(sqlite3_bind_blob(insert, 2, b->bytes, (int)b->len, SQLITE_STATIC),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
        assert_int_equal(sqlite3_reset(insert), SQLITE_OK);
        read_log(log);
        assert_int_equal(log->w->skipped_count, 1);
        assert_string_equal(log->w->skipped[0], "an output that is not the sum of its parts");
    }
    assert_int_equal(sqlite3_finalize(insert), SQLITE_OK);
    assert_int_equal(log->w->cost_count, 1);
    assert_string_equal(log->w->costs[0].key, "conv:1"); /* without a response id */
    assert_int_equal(log->w->costs[0].usage.input, 5);
    assert_int_equal(log->w->costs[0].usage.output, 300);
    assert_int_equal(log->w->costs[0].usage.cache_write_5m, 6);
    assert_int_equal(log->w->costs[0].usage.cache_read, 7);
    free_log(log);
}

static void a_row_may_say_its_own_time_and_the_file_its_workspace(void **state) {
    (void)state;
    buffer created = {.len = 0}, start = {.len = 0}, chat = {.len = 0}, all = {.len = 0};
    antigravity_generation out;
    const char *why = NULL;
    put_number(&created, 1, 1000);
    put_number(&created, 2, 16000); /* nanoseconds: below a millisecond */
    put_bytes(&start, 4, created.bytes, created.len);
    put_bytes(&chat, 9, start.bytes, start.len);
    put_bytes(&all, 1, chat.bytes, chat.len);
    assert_int_equal(antigravity_generation_read(tally_span_of(all.bytes, all.len), &out, &why), 0);
    assert_int_equal(out.time_ms, 1000000);
    assert_false(out.has_usage);

    buffer inner = {.len = 0}, outer = {.len = 0};
    capture_path path;
    put_text(&inner, 1, "file:///home/dev/a%20b%zz");
    put_bytes(&outer, 1, inner.bytes, inner.len);
    assert_true(antigravity_workspace_read(tally_span_of(outer.bytes, outer.len), &path));
    assert_true(tally_span_is(capture_path_span(&path), "/home/dev/a b%zz"));
    assert_false(antigravity_path(tally_span_str("https://example.org/"), &path));
}

static void malformed_buffers_end_where_they_break(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, fields;
    } cases[] = {
        {"\x08\x01\x10\x02", 4, 2}, /* two numbers */
        {"\x0a\x05"
         "abc",
         5, 0},                                                  /* longer than what is there */
        {"\x08\x01\x0b\x01", 4, 1},                              /* a group */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, 0}, /* a number above 64 bits */
        {"\x00\x01", 2, 0},                                      /* field 0 */
        {"\x0d\x01\x02\x03\x04\x09\x01\x02\x03\x04\x05\x06\x07\x08", 14, 2}, /* fixed widths */
        {"\x0d\x01", 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tally_span left = tally_span_of(cases[i].bytes, cases[i].len);
        protobuf_field field;
        size_t fields = 0;
        while (protobuf_next(&left, &field))
            fields++;
        assert_int_equal(fields, cases[i].fields);
    }
}

static void a_transcript_tells_when_somebody_typed(void **state) {
    (void)state;
    const char *lines =
        LOG(STEP(0, "16:16", "USER_EXPLICIT", "USER_INPUT",
                 "<USER_REQUEST>\\nList the files.\\n</USER_REQUEST>\\n<USER_SETTINGS_CHANGE>"),
            STEP(1, "16:17", "SYSTEM", "CONVERSATION_HISTORY", ""),
            STEP(2, "16:18", "MODEL", "PLANNER_RESPONSE", ""),
            STEP(3, "17:00", "USER_EXPLICIT", "USER_INPUT", "<USER_REQUEST>More</USER_REQUEST>"),
            STEP(4, "17:01", "SYSTEM", "USER_INPUT", "not typed"));
    for (size_t split = 0; split <= 5; split++) {
        world *w = new_world(&capture_antigravity);
        write_log(w, TRANSCRIPT, lines);
        read_file(w, &w->files[0], split);
        assert_int_equal(count_human(w), 2);
        assert_true(has_human_at(w, ms_of("2026-06-26T21:16:16Z")));
        assert_true(has_human_at(w, ms_of("2026-06-26T21:17:00Z")));
        assert_int_equal(w->act_count, 3);
        assert_string_equal(w->sessions[0].id, "conv");
        assert_string_equal(w->sessions[0].title, "List the files.");
        assert_int_equal(w->skipped_count, 0);
        free_world(w);
    }
}

static void the_history_tells_where(void **state) {
    (void)state;
    world *w = new_world(&capture_antigravity);
    write_log(w, "/home/dev/.gemini/antigravity-cli/history.jsonl",
              LOG("{'conversationId':'conv','workspace':'/home/dev/acme','display':'x','timestamp':"
                  "1}\n",
                  "{'conversationId':'conv2','workspace':'file:///home/dev/b','timestamp':1}\n"));
    read_file(w, &w->files[0], SIZE_MAX);
    assert_int_equal(w->session_count, 2);
    assert_string_equal(w->sessions[0].id, "conv");
    assert_string_equal(w->sessions[0].cwd, "/home/dev/acme");
    assert_string_equal(w->sessions[1].cwd, "/home/dev/b");
    assert_int_equal(w->act_count, 0);
    free_world(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fixture_row_comes_out_as_expected),
        cmocka_unit_test(the_transcript_says_when),
        cmocka_unit_test(display_names_become_models_and_routes_stay_without_price),
        cmocka_unit_test(an_output_that_is_not_the_sum_of_its_parts_is_reported),
        cmocka_unit_test(a_row_may_say_its_own_time_and_the_file_its_workspace),
        cmocka_unit_test(malformed_buffers_end_where_they_break),
        cmocka_unit_test(a_transcript_tells_when_somebody_typed),
        cmocka_unit_test(the_history_tells_where),
    };
    return cmocka_run_group_tests_name("antigravity_adapter", tests, NULL, NULL);
}
