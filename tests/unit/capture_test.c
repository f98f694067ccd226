/* Passes over logs that grow, shrink, are rewritten, are damaged, or are cut off half way: nothing
 * is lost, nothing doubled. */
#include "capture_bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <time.h>

static void a_second_pass_opens_nothing_and_adds_nothing(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w", PROMPT("s1", "u1", "10:00:00") FINAL("s1", "u2", "10:00:05", "m1", "50"));
    pass(b);
    uint64_t before = records(b, NULL);
    pass(b);
    assert_int_equal(b->result.files, 1);
    assert_int_equal(b->result.bytes_read, 0);
    assert_int_equal(b->result.costs + b->result.sessions + b->result.activity, 0);
    assert_int_equal(records(b, NULL), before);
}

static void only_appended_bytes_are_read(void **state) {
    bench *b = *state;
    const char *more = FINAL("s1", "u3", "10:00:09", "m2", "60") "{\"half\":";
    log_put(b, "s1", "w", PROMPT("s1", "u1", "10:00:00") FINAL("s1", "u2", "10:00:05", "m1", "50"));
    pass(b);
    log_put(b, "s1", "a", more);
    pass(b);
    assert_int_equal(b->result.bytes_read, strlen(more));
    assert_int_equal(b->result.costs, 1);
    assert_int_equal(b->result.sessions, 0);
    assert_int_equal(b->result.skipped, 0);
    assert_non_null(cost_of(b, "m2|req_m2"));
}

static void a_rewritten_file_of_the_same_size_is_read_again(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w", FINAL("s1", "u1", "10:00:00", "m1", "50"));
    pass(b);
    log_put(b, "s1", "w", FINAL("s1", "u9", "10:00:01", "m9", "50"));
    pass(b);
    assert_int_equal(b->result.costs, 1);
    assert_int_equal(b->result.bytes_read, strlen(FINAL("s1", "u9", "10:00:01", "m9", "50")));
    collect(b);
    assert_int_equal(b->cost_count, 2);
}

static void a_file_cut_short_and_written_anew_loses_and_doubles_nothing(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w",
            FINAL("s1", "u1", "10:00:00", "m1", "50") FINAL("s1", "u2", "10:00:10", "m2", "50"));
    pass(b);
    log_put(b, "s1", "w", FINAL("s1", "u1", "10:00:00", "m1", "50"));
    pass(b);
    assert_int_equal(b->result.costs, 0);
    assert_int_equal(b->result.activity, 0);
    log_put(b, "s1", "a", FINAL("s1", "u3", "10:00:20", "m3", "50"));
    pass(b);
    assert_int_equal(b->result.costs, 1);
    collect(b);
    assert_int_equal(b->cost_count, 3);
}

static void a_response_that_grows_is_recorded_when_its_file_falls_silent(void **state) {
    bench *b = *state;
    int64_t start;
    assert_int_equal(tally_time_parse(tally_span_str(DAY "10:00:05Z"), &start), 0);
    log_put(b, "s1", "w",
            PROMPT("s1", "u1", "10:00:00")
                ANSWER("s1", "u2", "10:00:05", "m1", "req_m1", "3", "null", "false"));
    clock_ms = start + 1000;
    pass(b);
    assert_int_equal(b->result.costs, 0);
    clock_ms = start + CAPTURE_IDLE_MS - 1;
    pass(b);
    assert_int_equal(b->result.bytes_read, 0);
    log_put(b, "s1", "a", ANSWER("s1", "u3", "10:00:06", "m1", "req_m1", "7", "null", "false"));
    clock_ms = start + 1000 + CAPTURE_IDLE_MS;
    pass(b);
    assert_int_equal(b->result.costs, 1);
    const seen_cost *cost = cost_of(b, "m1|req_m1");
    assert_non_null(cost);
    assert_int_equal(cost->output, 7);
    pass(b);
    assert_int_equal(b->result.bytes_read, 0);
}

/* Three files with 20 responses each, the last of them a fork of the first. */
static void put_many(bench *b) {
    for (int file = 0; file < 3; file++) {
        const char *const names[] = {"one", "two", "fork"};
        for (int i = 0; i < 20; i++) {
            char text[2048];
            int own = file == 2 && i < 10 ? 0 : file; /* copied from the first */
            (void)snprintf(text, sizeof text,
                           PROMPT("%s", "p%d-%d", "1%d:%02d:00")
                               ANSWER("%s", "a%d-%d", "1%d:%02d:05", "m%d-%d", "r%d-%d", "%d",
                                      "\"end_turn\"", "false"),
                           names[file], own, i, own, i, names[file], own, i, own, i, own, i, own, i,
                           100 + i);
            log_put(b, names[file], i ? "a" : "w", text);
        }
    }
}

static void assert_same_costs(const bench *a, const bench *b) {
    assert_int_equal(a->cost_count, b->cost_count);
    for (size_t i = 0; i < a->cost_count; i++) {
        assert_memory_equal(a->costs[i].id.b, b->costs[i].id.b, TALLY_ENTRY_BYTES);
        assert_true(a->costs[i].session == b->costs[i].session);
        assert_int_equal(a->costs[i].output, b->costs[i].output);
    }
}

static void small_batches_and_windows_record_the_same(void **state) {
    bench *b = *state;
    put_many(b);
    pass(b);
    assert_int_equal(b->result.costs, 50);
    collect(b);
    bench *want = calloc(1, sizeof *want);
    assert_non_null(want);
    *want = *b;
    activity_list one = activity_of(b, "one");
    assert_int_equal(one.human, 20);
    tally_ledger_close(b->ledger);

    b->tuning.window_bytes = 100;
    b->tuning.batch_max_costs = 3;
    open_ledger(b, "small");
    pass(b);
    assert_int_equal(b->result.costs, 50);
    collect(b);
    assert_same_costs(b, want);
    activity_list same = activity_of(b, "one");
    assert_int_equal(same.human, one.human);
    assert_int_equal(same.run_ms, one.run_ms);
    free(want);
}

static void a_pass_killed_between_any_two_commits_loses_and_doubles_nothing(void **state) {
    bench *b = *state;
    put_many(b);
    pass(b);
    collect(b);
    bench *want = calloc(1, sizeof *want);
    assert_non_null(want);
    *want = *b;
    activity_list one = activity_of(b, "one");
    b->tuning.batch_max_costs = 7;
    for (uint64_t kill = 1; kill <= 12; kill++) {
        char name[32];
        tally_error err;
        tally_ledger_close(b->ledger);
        (void)snprintf(name, sizeof name, "killed-%u", (unsigned)kill);
        open_ledger(b, name);
        b->tuning.max_commits = kill;
        int rc = pass_with(b, &err);
        assert_int_equal(rc, kill <= 8 ? TALLY_EREFUSED : 0);
        b->tuning.max_commits = 0;
        pass(b);
        collect(b);
        assert_same_costs(b, want);
        assert_int_equal(records(b, "cost"), 50);
        assert_int_equal(activity_of(b, "one").human, 20);
        assert_int_equal(activity_of(b, "one").run_ms, one.run_ms);
        assert_int_equal(activity_of(b, "fork").human, 10);
        uint64_t before = records(b, NULL);
        pass(b);
        assert_int_equal(records(b, NULL), before);
    }
    free(want);
}

static void a_dry_run_counts_the_same_and_records_nothing(void **state) {
    bench *b = *state;
    put_many(b);
    uint64_t before = records(b, NULL);
    b->dry_run = true;
    b->tuning.batch_max_costs = 7;
    pass(b);
    capture_result dry = b->result;
    assert_int_equal(records(b, NULL), before);
    pass(b);
    assert_int_equal(b->result.costs, dry.costs);
    b->dry_run = false;
    pass(b);
    assert_int_equal(dry.costs, b->result.costs);
    assert_int_equal(dry.sessions, b->result.sessions);
    assert_int_equal(dry.bytes_read, b->result.bytes_read);
    assert_int_equal(dry.costs, 50);
    assert_int_equal(dry.sessions, 3);
}

static void bad_lines_are_reported_with_their_number_and_stop_nothing(void **state) {
    bench *b = *state;
    b->tuning.window_bytes = 64;
    b->tuning.line_max_bytes = 1000;
    char *text = calloc(1, 4096);
    assert_non_null(text);
    size_t used =
        (size_t)snprintf(text, 4096, "%s{\"x\":\"", FINAL("s1", "u1", "10:00:00", "m1", "5"));
    memset(text + used, 'x', 2000);
    (void)snprintf(text + used + 2000, 1000, "\"}\n%s", FINAL("s1", "u2", "10:00:09", "m2", "5"));
    log_put(b, "s1", "w", text);
    free(text);
    pass(b);
    assert_int_equal(b->result.costs, 2);
    assert_int_equal(b->result.skipped, 1);
    assert_int_equal(b->last_line, 2);
    assert_string_equal(b->last_why, "the line is too long");
}

static void an_unknown_agent_is_refused_by_name(void **state) {
    bench *b = *state;
    tally_error err;
    const capture_options options = {.home = b->home, .agent = "clippy", .now_ms = now};
    assert_int_equal(capture_run(b->ledger, &options, &b->result, &err), TALLY_EINVAL);
    assert_non_null(strstr(err.text, "clippy"));
    assert_non_null(strstr(err.text, "codex"));
}

static atomic_bool pass_ended;

static void *pass_in_thread(void *ctx) {
    tally_error err;
    bench *b = ctx;
    int rc = pass_with(b, &err);
    atomic_store(&pass_ended, true);
    return rc == 0 ? b : NULL;
}

static void a_second_process_waits_for_the_first(void **state) {
    bench *b = *state;
    char path[PATH_SIZE];
    pthread_t thread;
    void *done = NULL;
    log_put(b, "s1", "w", FINAL("s1", "u1", "10:00:00", "m1", "50"));
    (void)snprintf(path, sizeof path, "%s/capture.lock", tally_ledger_dir(b->ledger));
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(pthread_create(&thread, NULL, pass_in_thread, b), 0);
    const struct timespec wait = {.tv_nsec = 100 * 1000 * 1000};
    (void)nanosleep(&wait, NULL);
    assert_false(atomic_load(&pass_ended));
    assert_int_equal(close(fd), 0);
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_ptr_equal(done, b);
    collect(b);
    assert_int_equal(b->cost_count, 1);
}

/* More files than cursors are loaded at once, and batches of one file each: reading, recording and
 * loading take turns all the time. */
static void many_files_go_on_where_they_stopped_while_others_are_recorded(void **state) {
    bench *b = *state;
    enum { FILES = CAPTURE_AHEAD_FILES + 20 };
    for (int pass_no = 0; pass_no < 2; pass_no++) {
        uint64_t written = 0;
        for (int i = 0; i < FILES; i++) {
            char name[16], text[2048];
            (void)snprintf(name, sizeof name, "s%03d", i);
            int n = snprintf(text, sizeof text,
                             ANSWER("%s", "u%d-%d", "10:00:05", "m%d-%d", "r", "50", "\"end_turn\"",
                                    "false") "{bad\n",
                             name, pass_no, i, pass_no, i);
            assert_true(n > 0 && (size_t)n < sizeof text);
            written += (uint64_t)n;
            log_put(b, name, "a", text);
        }
        b->tuning.batch_max_costs = 1;
        pass(b);
        assert_int_equal(b->result.bytes_read, written);
        assert_int_equal(b->result.costs, FILES);
        assert_int_equal(b->result.sessions, pass_no ? 0 : FILES);
        assert_int_equal(b->result.skipped, FILES);
        assert_int_equal(b->last_line, 2 * pass_no + 2);
    }
    collect(b);
    assert_int_equal(b->cost_count, 2 * FILES);
    pass(b);
    assert_int_equal(b->result.bytes_read, 0);
}

static void an_unreadable_file_is_reported_and_stops_nothing(void **state) {
    bench *b = *state;
    log_put(b, "s1", "w", FINAL("s1", "u1", "10:00:00", "m1", "50"));
    log_put(b, "s2", "w", FINAL("s2", "u2", "10:00:00", "m2", "50"));
    char path[2 * PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/.codex/sessions/rollout-2026-09-11T10-00-00-t.jsonl.zst",
                   b->home);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("this is no zstd", file) >= 0);
    assert_int_equal(fclose(file), 0);
    pass(b);
    assert_int_equal(b->result.costs, 2);
    assert_int_equal(b->result.skipped, 1);
    assert_non_null(strstr(b->last_why, "zstd"));
    pass(b); /* told once, until the file changes */
    assert_int_equal(b->result.skipped, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_second_pass_opens_nothing_and_adds_nothing),
        TEST(only_appended_bytes_are_read),
        TEST(a_rewritten_file_of_the_same_size_is_read_again),
        TEST(a_file_cut_short_and_written_anew_loses_and_doubles_nothing),
        TEST(a_response_that_grows_is_recorded_when_its_file_falls_silent),
        TEST(small_batches_and_windows_record_the_same),
        TEST(a_pass_killed_between_any_two_commits_loses_and_doubles_nothing),
        TEST(a_dry_run_counts_the_same_and_records_nothing),
        TEST(bad_lines_are_reported_with_their_number_and_stop_nothing),
        TEST(an_unknown_agent_is_refused_by_name),
        TEST(a_second_process_waits_for_the_first),
        TEST(many_files_go_on_where_they_stopped_while_others_are_recorded),
        TEST(an_unreadable_file_is_reported_and_stops_nothing),
    };
    return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
