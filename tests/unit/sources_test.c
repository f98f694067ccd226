/* Finding the agents' logs: which files count, hostile trees, and the order in which they are read.
 */
#include "capture/sources.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_SIZE 1024
#define NOBODY    65534u

typedef struct tree {
    char home[64];
    capture_sources found;
    unsigned reports;
    char last_report[PATH_SIZE];
} tree;

static void note_report(void *ctx, const char *path, uint64_t line, const char *why) {
    tree *t = ctx;
    assert_int_equal(line, 0);
    assert_non_null(why);
    t->reports++;
    (void)snprintf(t->last_report, sizeof t->last_report, "%s", path);
}

static int setup(void **state) {
    tree *t = calloc(1, sizeof *t);
    assert_non_null(t);
    (void)snprintf(t->home, sizeof t->home, "/tmp/tally-sources-XXXXXX");
    assert_non_null(mkdtemp(t->home));
    *state = t;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int teardown(void **state) {
    tree *t = *state;
    capture_sources_clear(&t->found);
    (void)nftw(t->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(t);
    (void)unsetenv("CLAUDE_CONFIG_DIR");
    (void)unsetenv("XDG_CONFIG_HOME");
    (void)unsetenv("CODEX_HOME");
    (void)unsetenv("XDG_DATA_HOME");
    (void)unsetenv("GEMINI_CLI_HOME");
    return 0;
}

static void path_in(const tree *t, const char *below, char *out) {
    int n = snprintf(out, PATH_SIZE, "%s/%s", t->home, below);
    assert_true(n > 0 && n < PATH_SIZE);
}

static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
}

static void put(const tree *t, const char *below, const char *text) {
    char path[PATH_SIZE];
    path_in(t, below, path);
    make_folders(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void find(tree *t, const char *agent, bool environment) {
    tally_error err;
    capture_sources_clear(&t->found);
    t->reports = 0;
    const capture_search search = {t->home, environment, agent, note_report, t};
    assert_int_equal(capture_sources_find(&search, &t->found, &err), 0);
}

static capture_source *source_at(const tree *t, const char *below) {
    char path[PATH_SIZE];
    path_in(t, below, path);
    return capture_sources_by_path(&t->found, path);
}

static void an_empty_home_holds_nothing_and_says_nothing(void **state) {
    tree *t = *state;
    find(t, NULL, false);
    assert_int_equal(t->found.count, 0);
    assert_int_equal(t->reports, 0);
}

static void transcripts_and_subagents_are_found_and_the_rest_is_left(void **state) {
    tree *t = *state;
    put(t, ".claude/projects/-w/11.jsonl", "");
    put(t, ".claude/projects/-w/11/subagents/agent-a.jsonl", "");
    put(t, ".claude/projects/-w/11/subagents/workflows/wf/agent-b.jsonl", "");
    put(t, ".claude/projects/-w/11/subagents/workflows/wf/journal.jsonl", "");
    put(t, ".claude/projects/-w/11/subagents/agent-a.meta.json", "");
    put(t, ".claude/projects/-w/11/tool-results/x.jsonl", "");
    put(t, ".claude/projects/-w/agent-old.jsonl", "");
    put(t, ".claude/projects/-w/sessions-index.json", "");
    put(t, ".claude/history.jsonl", "");
    put(t, ".config/claude/projects/-w/22.jsonl", "");
    put(t, ".config/Claude/local-agent-mode-sessions/a/b/.claude/projects/-w/33.jsonl", "");
    find(t, NULL, false);
    assert_int_equal(t->found.count, 6);
    assert_int_equal(t->reports, 0);
    const capture_source *main = source_at(t, ".claude/projects/-w/11.jsonl");
    assert_non_null(main);
    assert_false(main->subagent);
    assert_true(tally_span_is(main->id, "11"));
    const capture_source *sub =
        source_at(t, ".claude/projects/-w/11/subagents/workflows/wf/agent-b.jsonl");
    assert_non_null(sub);
    assert_true(sub->subagent);
    assert_string_equal(sub->main, main->path);
    const capture_source *old = source_at(t, ".claude/projects/-w/agent-old.jsonl");
    assert_non_null(old);
    assert_true(old->subagent);
    assert_non_null(source_at(t, ".config/claude/projects/-w/22.jsonl"));
    assert_non_null(
        source_at(t, ".config/Claude/local-agent-mode-sessions/a/b/.claude/projects/-w/33.jsonl"));
}

static void the_environment_replaces_the_usual_folders(void **state) {
    tree *t = *state;
    char list[3 * PATH_SIZE], path[PATH_SIZE];
    put(t, ".claude/projects/-w/usual.jsonl", "");
    put(t, "one/projects/-w/1.jsonl", "");
    put(t, "two/projects/-w/2.jsonl", "");
    put(t, "xdg/claude/projects/-w/3.jsonl", "");
    put(t, "codex/sessions/2026/09/11/rollout-2026-09-11T10-00-00-t1.jsonl", "");
    path_in(t, "one", path);
    (void)snprintf(list, sizeof list, " %s/ , %s/two,,", path, t->home);
    assert_int_equal(setenv("CLAUDE_CONFIG_DIR", list, 1), 0);
    path_in(t, "codex", path);
    assert_int_equal(setenv("CODEX_HOME", path, 1), 0);
    find(t, NULL, true);
    assert_int_equal(t->found.count, 3);
    assert_non_null(source_at(t, "one/projects/-w/1.jsonl"));
    assert_non_null(source_at(t, "two/projects/-w/2.jsonl"));

    assert_int_equal(unsetenv("CLAUDE_CONFIG_DIR"), 0);
    path_in(t, "xdg", path);
    assert_int_equal(setenv("XDG_CONFIG_HOME", path, 1), 0);
    find(t, "claude", true);
    assert_int_equal(t->found.count, 2);
    assert_non_null(source_at(t, "xdg/claude/projects/-w/3.jsonl"));
    assert_non_null(source_at(t, ".claude/projects/-w/usual.jsonl"));

    find(t, "claude-code", false);
    assert_int_equal(t->found.count, 1);
}

static void agents_are_looked_for_where_their_adapters_say(void **state) {
    tree *t = *state;
    put(t, ".gemini/tmp/acme/chats/session-2026-09-12T10-00-aaaa1111.jsonl", "x");
    put(t, ".gemini/tmp/acme/chats/session-2026-01-12T10-00-aaaa1111.json", "x");
    put(t, ".gemini/tmp/acme/chats/s-1/s-2.jsonl", "x");
    put(t, ".gemini/tmp/acme/logs.json", "x");
    put(t, ".gemini/tmp/acme/chats/s-1/tool-outputs/deep/er/x.json", "x");
    put(t, ".local/share/opencode/opencode.db", "x");
    put(t, ".local/share/opencode/opencode.db-wal", "x");
    put(t, ".local/share/opencode/opencode-dev.db", "x");
    put(t, ".local/share/opencode/other.db", "x");
    put(t, ".local/share/opencode/storage/opencode.db", "x");
    find(t, "gemini", false);
    assert_int_equal(t->found.count, 3);
    assert_int_equal(
        source_at(t, ".gemini/tmp/acme/chats/session-2026-01-12T10-00-aaaa1111.json")->form,
        CAPTURE_DOCUMENT);
    assert_int_equal(source_at(t, ".gemini/tmp/acme/chats/s-1/s-2.jsonl")->form, CAPTURE_LINES);
    find(t, "opencode", false);
    assert_int_equal(t->found.count, 2);
    assert_int_equal(source_at(t, ".local/share/opencode/opencode-dev.db")->form, CAPTURE_DATABASE);
    /* The write-ahead log counts with its database. */
    assert_int_equal(source_at(t, ".local/share/opencode/opencode.db")->stamp.size, 2);
    assert_int_equal(t->reports, 0);
}

static void the_environment_moves_places_too(void **state) {
    tree *t = *state;
    char path[PATH_SIZE];
    put(t, "data/opencode/opencode.db", "x");
    put(t, "gemini/.gemini/tmp/acme/chats/s.jsonl", "x");
    path_in(t, "data", path);
    assert_int_equal(setenv("XDG_DATA_HOME", path, 1), 0);
    path_in(t, "gemini", path);
    assert_int_equal(setenv("GEMINI_CLI_HOME", path, 1), 0);
    find(t, NULL, false);
    assert_int_equal(t->found.count, 0);
    find(t, NULL, true);
    assert_int_equal(t->found.count, 2);
    assert_int_equal(setenv("XDG_DATA_HOME", "data", 1), 0); /* not absolute: not meant */
    find(t, "opencode", true);
    assert_int_equal(t->found.count, 0);
}

static void one_thread_is_read_from_one_file(void **state) {
    tree *t = *state;
    put(t, ".codex/sessions/2026/09/11/rollout-2026-09-11T10-00-00-aa.jsonl", "x");
    put(t, ".codex/sessions/2026/09/11/rollout-2026-09-11T10-00-00-aa.jsonl.zst", "x");
    put(t, ".codex/archived_sessions/rollout-2026-09-11T10-00-00-aa.jsonl", "x");
    put(t, ".codex/archived_sessions/rollout-2026-09-11T10-00-00-bb.jsonl", "x");
    put(t, ".codex/sessions/2026/09/11/rollout-2026-09-11T10-00-00-bb.jsonl.zst", "x");
    put(t, ".codex/archived_sessions/rollout-2026-09-11T10-00-00-cc.jsonl.zst", "x");
    put(t, ".codex/sessions/2026/09/12/rollout-2026-09-12T10-00-00-aa_r2.jsonl", "x");
    put(t, ".codex/sessions/2026/09/12/other.jsonl", "x");
    find(t, "codex", false);
    assert_int_equal(t->found.count, 4);
    assert_non_null(
        source_at(t, ".codex/sessions/2026/09/11/rollout-2026-09-11T10-00-00-aa.jsonl"));
    assert_non_null(source_at(t, ".codex/archived_sessions/rollout-2026-09-11T10-00-00-bb.jsonl"));
    const capture_source *packed =
        source_at(t, ".codex/archived_sessions/rollout-2026-09-11T10-00-00-cc.jsonl.zst");
    assert_non_null(packed);
    assert_int_equal(packed->form, CAPTURE_ZSTD);
    const capture_source *by_id =
        capture_sources_by_id(&t->found, &capture_codex, tally_span_str("cc"));
    assert_ptr_equal(by_id, packed);
    assert_null(capture_sources_by_id(&t->found, &capture_claude, tally_span_str("cc")));
}

static void loops_and_second_paths_lead_nowhere(void **state) {
    tree *t = *state;
    char from[PATH_SIZE], to[PATH_SIZE];
    put(t, ".claude/projects/-w/1.jsonl", "x");
    path_in(t, ".claude/projects/-w/loop", from);
    path_in(t, ".claude/projects", to);
    assert_int_equal(symlink(to, from), 0);
    path_in(t, ".claude/projects/-other", from);
    path_in(t, ".claude/projects/-w", to);
    assert_int_equal(symlink(to, from), 0);
    path_in(t, ".claude/projects/-w/hard.jsonl", from);
    path_in(t, ".claude/projects/-w/1.jsonl", to);
    assert_int_equal(link(to, from), 0);
    path_in(t, ".claude/projects/-w/dangling.jsonl", from);
    assert_int_equal(symlink("/nonexistent/file", from), 0);
    put(t, "elsewhere/-linked/2.jsonl", "x");
    path_in(t, ".claude/projects/-linked", from);
    path_in(t, "elsewhere/-linked", to);
    assert_int_equal(symlink(to, from), 0);
    find(t, NULL, false);
    assert_int_equal(t->found.count, 2);
    assert_int_equal(t->reports, 0);
}

static void a_fifo_is_reported_and_never_waited_for(void **state) {
    tree *t = *state;
    char path[PATH_SIZE];
    put(t, ".claude/projects/-w/1.jsonl", "x");
    path_in(t, ".claude/projects/-w/2.jsonl", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    find(t, NULL, false);
    assert_int_equal(t->found.count, 1);
    assert_int_equal(t->reports, 1);
    assert_string_equal(t->last_report, path);

    /* One that takes the place of a file after it was found. */
    struct stat st;
    const capture_source fifo = {.path = path};
    assert_int_equal(capture_source_open(&fifo, &st), -1);
}

static void an_unreadable_folder_is_reported_and_the_rest_is_read(void **state) {
    tree *t = *state;
    char path[PATH_SIZE];
    put(t, ".claude/projects/-closed/1.jsonl", "x");
    put(t, ".claude/projects/-open/2.jsonl", "x");
    path_in(t, ".claude/projects/-closed", path);
    assert_int_equal(chmod(path, 0), 0);
    bool root = geteuid() == 0; /* who may read everything */
    assert_int_equal(chmod(t->home, 0755), 0);
    if (root) assert_int_equal(seteuid(NOBODY), 0);
    find(t, NULL, false);
    if (root) assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(t->found.count, 1);
    assert_int_equal(t->reports, 1);
    assert_string_equal(t->last_report, path);
}

static void folders_too_deep_are_reported(void **state) {
    tree *t = *state;
    char below[PATH_SIZE];
    size_t used = (size_t)snprintf(below, sizeof below, ".codex/sessions");
    for (unsigned i = 0; i < CAPTURE_WALK_MAX_DEPTH + 1; i++)
        used += (size_t)snprintf(below + used, sizeof below - used, "/d");
    (void)snprintf(below + used, sizeof below - used, "/rollout-2026-09-11T10-00-00-aa.jsonl");
    put(t, below, "x");
    find(t, NULL, false);
    assert_int_equal(t->found.count, 0);
    assert_int_equal(t->reports, 1);
}

#define AT(time)                                                                                   \
    "{\"type\":\"x\",\"timestamp\":\"" time "\",\"n\":{\"timestamp\":\"1999-01-01\"}}\n"

/* Times all sources found and writes their order as names, one after the other. */
static void order_of(tree *t, char *out, size_t size) {
    tally_error err;
    capture_reader *reader;
    capture_source *list[32];
    find(t, NULL, false);
    assert_true(t->found.count <= 32);
    assert_int_equal(capture_reader_new(4096, 65536, &reader, &err), 0);
    for (size_t i = 0; i < t->found.count; i++) {
        list[i] = &t->found.items[t->found.count - 1 - i];
        assert_int_equal(capture_source_time(&t->found, list[i], reader, &err), 0);
    }
    capture_reader_free(reader);
    assert_int_equal(capture_sources_order(&t->found, list, t->found.count, &err), 0);
    size_t used = 0;
    for (size_t i = 0; i < t->found.count; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", i ? " " : "",
                                 (int)list[i]->id.len, (const char *)list[i]->id.ptr);
}

static void originals_come_before_their_forks(void **state) {
    tree *t = *state;
    char order[512];
    /* Both begin with the same line; the original's last line is older, whatever the names. */
    put(t, ".claude/projects/-w/a-fork.jsonl",
        AT("2026-09-01T11:00:00.000Z") AT("2026-09-02T09:00:30.000Z"));
    put(t, ".claude/projects/-w/b-original.jsonl",
        "{\"type\":\"summary\"}\n" AT("2026-09-01T11:00:00.000Z") AT("2026-09-01T11:05:20Z"));
    put(t, ".claude/projects/-w/c-first.jsonl", AT("2026-08-01T11:00:00Z") "{\"half\":");
    order_of(t, order, sizeof order);
    assert_string_equal(order, "c-first b-original a-fork");
}

static void subagents_come_after_their_transcript_and_before_its_forks(void **state) {
    tree *t = *state;
    char order[512];
    put(t, ".claude/projects/-w/m1.jsonl", AT("2026-09-01T11:00:00Z") AT("2026-09-01T12:00:00Z"));
    put(t, ".claude/projects/-w/m1/subagents/agent-z.jsonl", AT("2026-09-01T10:00:00Z"));
    put(t, ".claude/projects/-w/m1/subagents/agent-y.jsonl", AT("2026-09-01T11:10:00Z"));
    put(t, ".claude/projects/-w/agent-flat.jsonl",
        "{\"sessionId\":\"m1\",\"timestamp\":\"2026-09-01T11:20:00Z\"}\n");
    put(t, ".claude/projects/-w/a-fork.jsonl",
        AT("2026-09-01T11:00:00Z") AT("2026-09-01T13:00:00Z"));
    put(t, ".claude/projects/-w/gone/subagents/agent-orphan.jsonl", AT("2026-09-01T12:30:00Z"));
    order_of(t, order, sizeof order);
    assert_string_equal(order, "m1 agent-z agent-y agent-flat a-fork agent-orphan");
}

static void a_last_time_is_found_before_long_and_foreign_lines(void **state) {
    tree *t = *state;
    size_t size = 200000;
    char *text = malloc(size + 512);
    assert_non_null(text);
    int n = snprintf(text, 512, AT("2026-09-01T10:00:00Z") AT("2026-09-01T11:00:00Z"));
    assert_true(n > 0);
    memset(text + n, 'x', size - (size_t)n);
    (void)snprintf(text + size, 512, "\n{\"type\":\"mode\"}\n{\"timestamp\":\"2026-09-05T");
    put(t, ".claude/projects/-w/1.jsonl", text);
    free(text);
    char order[64];
    order_of(t, order, sizeof order);
    assert_int_equal(t->found.items[0].first_ms, INT64_C(1788256800000));
    assert_int_equal(t->found.items[0].last_ms, INT64_C(1788260400000));
}

static void a_file_without_times_has_its_own(void **state) {
    tree *t = *state;
    char order[64];
    put(t, ".claude/projects/-w/1.jsonl", "not json\n{\"type\":\"mode\"}\n");
    order_of(t, order, sizeof order);
    assert_int_equal(t->found.items[0].first_ms, t->found.items[0].stamp.mtime_ns / 1000000);
    assert_int_equal(t->found.items[0].last_ms, t->found.items[0].stamp.mtime_ns / 1000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_home_holds_nothing_and_says_nothing),
        TEST(transcripts_and_subagents_are_found_and_the_rest_is_left),
        TEST(the_environment_replaces_the_usual_folders),
        TEST(agents_are_looked_for_where_their_adapters_say),
        TEST(the_environment_moves_places_too),
        TEST(one_thread_is_read_from_one_file),
        TEST(loops_and_second_paths_lead_nowhere),
        TEST(a_fifo_is_reported_and_never_waited_for),
        TEST(an_unreadable_folder_is_reported_and_the_rest_is_read),
        TEST(folders_too_deep_are_reported),
        TEST(originals_come_before_their_forks),
        TEST(subagents_come_after_their_transcript_and_before_its_forks),
        TEST(a_last_time_is_found_before_long_and_foreign_lines),
        TEST(a_file_without_times_has_its_own),
    };
    return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
