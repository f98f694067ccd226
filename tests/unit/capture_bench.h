/* What the tests of capture share: a home with logs of their own, a ledger, passes at chosen times,
 * and questions to the ledger. Log lines are written in the shapes of Claude Code. */
#ifndef TALLY_TEST_CAPTURE_BENCH_H
#define TALLY_TEST_CAPTURE_BENCH_H

#include "capture/pass.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <tally/time.h>

#define PATH_SIZE 512
#define COSTS_MAX 256
#define DAY       "2026-09-01T"
#define LATER_MS  INT64_C(1788998400000) /* 2026-09-10: every file of the tests is idle by then */

static int64_t clock_ms;

typedef struct seen_cost {
    tally_entry_id id;
    uint64_t session, output;
} seen_cost;

typedef struct bench {
    char dir[64];
    char home[PATH_SIZE];
    tally_ledger *ledger;
    capture_result result;
    capture_tuning tuning;
    bool dry_run;
    pthread_t caller; /* of the pass: the only thread that callbacks may come from */
    unsigned reports;
    uint64_t last_line;
    char last_why[256];
    seen_cost costs[COSTS_MAX];
    size_t cost_count;
} bench;

static inline int64_t now(void) {
    return clock_ms;
}

static inline void note_skipped(void *ctx, const char *file, uint64_t line, const char *why) {
    bench *b = ctx;
    assert_non_null(file);
    assert_true(pthread_equal(b->caller, pthread_self()));
    b->reports++;
    b->last_line = line;
    (void)snprintf(b->last_why, sizeof b->last_why, "%s", why);
}

static inline void open_ledger(bench *b, const char *name) {
    char dir[PATH_SIZE];
    tally_error err;
    (void)snprintf(dir, sizeof dir, "%s/%s", b->dir, name);
    const tally_ledger_init init = {
        .dir = dir,
        .team = tally_span_str("team"),
        .member = tally_span_str("member"),
        .device = tally_span_str("device"),
        .timezone = tally_span_str("UTC"),
        .currency = tally_span_str("USD"),
        .now_ms = clock_ms,
    };
    const tally_ledger_options options = {.dir = dir};
    assert_int_equal(tally_ledger_create(&init, &err), 0);
    assert_int_equal(tally_ledger_open(&options, &b->ledger, &err), 0);
}

static inline int setup(void **state) {
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    clock_ms = LATER_MS;
    (void)snprintf(b->dir, sizeof b->dir, "/tmp/tally-capture-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    (void)snprintf(b->home, sizeof b->home, "%s/home", b->dir);
    b->tuning = (capture_tuning){CAPTURE_WINDOW_BYTES, CAPTURE_LINE_MAX_BYTES,
                                 CAPTURE_BATCH_MAX_COSTS, CAPTURE_BATCH_MAX_BYTES, 0};
    open_ledger(b, "ledger");
    *state = b;
    return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline int teardown(void **state) {
    bench *b = *state;
    tally_ledger_close(b->ledger);
    (void)nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(b);
    return 0;
}

/* Writes `text` to a transcript: "session" or "session/subagents/agent-x". */
static inline void log_put(const bench *b, const char *name, const char *mode, const char *text) {
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof path, "%s/.claude/projects/-w/%s.jsonl", b->home, name);
    assert_true(n > 0 && n < PATH_SIZE);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static inline int pass_with(bench *b, tally_error *err) {
    b->reports = 0;
    b->caller = pthread_self();
    const capture_options options = {
        .home = b->home, .dry_run = b->dry_run, .now_ms = now, .skipped = note_skipped, .ctx = b};
    return capture_run_tuned(b->ledger, &options, &b->tuning, &b->result, err);
}

static inline void pass(bench *b) {
    tally_error err = {0};
    int rc = pass_with(b, &err);
    if (rc) print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    assert_int_equal(b->reports, b->result.skipped);
}

static inline int take_cost(void *ctx, const tally_cost *cost) {
    bench *b = ctx;
    if (b->cost_count == COSTS_MAX) return -1;
    b->costs[b->cost_count++] = (seen_cost){cost->id, cost->session, cost->usage.output};
    return 0;
}

static inline int by_id(const void *x, const void *y) {
    return memcmp(((const seen_cost *)x)->id.b, ((const seen_cost *)y)->id.b, TALLY_ENTRY_BYTES);
}

/* Fills b->costs with what the ledger counts, by id. */
static inline void collect(bench *b) {
    tally_txn *txn;
    tally_error err;
    b->cost_count = 0;
    assert_int_equal(tally_read_begin(b->ledger, &txn, &err), 0);
    assert_int_equal(tally_cost_each(txn, 0, INT64_MAX, take_cost, b), 0);
    tally_read_end(txn);
    if (b->cost_count) qsort(b->costs, b->cost_count, sizeof b->costs[0], by_id);
}

static inline const seen_cost *cost_of(bench *b, const char *key) {
    tally_entry_id id;
    collect(b);
    tally_entry_id_of(tally_span_str("claude-code"), tally_span_str(key), &id);
    for (size_t i = 0; i < b->cost_count; i++)
        if (memcmp(b->costs[i].id.b, id.b, TALLY_ENTRY_BYTES) == 0) return &b->costs[i];
    return NULL;
}

static inline uint64_t session_ref(const char *id) {
    return tally_session_ref(tally_span_str("claude-code"), tally_span_str(id));
}

/* Records of one kind in the own feed; NULL for all. */
static inline uint64_t records(bench *b, const char *kind) {
    tally_txn *txn;
    tally_error err;
    tally_feed feed;
    uint64_t count = 0;
    assert_int_equal(tally_read_begin(b->ledger, &txn, &err), 0);
    assert_int_equal(tally_feed_get(txn, 0, &feed, &err), 0);
    for (uint64_t i = 0; i < feed.size; i++) {
        tally_span bytes;
        tally_record record;
        assert_int_equal(tally_record_get(txn, 0, i, &bytes, &err), 0);
        assert_int_equal(tally_record_parse(bytes, &record, &err), 0);
        count += !kind || tally_span_is(record.kind, kind);
    }
    tally_read_end(txn);
    return count;
}

typedef struct activity_list {
    size_t human, runs;
    int64_t run_ms; /* all runs together */
} activity_list;

static inline int take_activity(void *ctx, const tally_activity *activity) {
    activity_list *list = ctx;
    if (activity->human)
        list->human++;
    else
        list->runs++;
    list->run_ms += activity->end_ms - activity->start_ms;
    return 0;
}

static inline activity_list activity_of(bench *b, const char *session) {
    tally_txn *txn;
    tally_error err;
    activity_list list = {0};
    assert_int_equal(tally_read_begin(b->ledger, &txn, &err), 0);
    int rc = tally_activity_each(txn, session_ref(session), take_activity, &list);
    assert_true(rc == 0 || rc == TALLY_ENOTFOUND);
    tally_read_end(txn);
    return list;
}

/* Lines. A prompt and a response of `session` at a time of DAY; the response is final unless `stop`
 * is "null". */
#define COMMON(session, uuid, time)                                                                \
    "\"cwd\":\"/home/dev/"                                                                         \
    "acme\",\"gitBranch\":\"main\",\"version\":\"2.1.240\",\"sessionId\":\"" session               \
    "\",\"uuid\":\"" uuid "\",\"timestamp\":\"" DAY time "Z\""
#define PROMPT(session, uuid, time)                                                                \
    "{\"type\":\"user\"," COMMON(session, uuid, time) ",\"message\":{\"role\":\"user\","           \
                                                      "\"content\":\"Do it.\"}}\n"
#define ANSWER(session, uuid, time, id, request, output, stop, side)                               \
    "{\"type\":\"assistant\",\"isSidechain\":" side                                                \
    "," COMMON(session, uuid,                                                                      \
               time) ",\"requestId\":\"" request "\",\"message\":{\"id\":\"" id                    \
                     "\",\"type\":\"message\","                                                    \
                     "\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],"      \
                     "\"stop_reason\":" stop                                                       \
                     ",\"usage\":{\"input_tokens\":10,\"output_tokens\":" output                   \
                     ",\"cache_read_input_tokens\":1000,\"cache_creation_input_tokens\":500}}}\n"
#define FINAL(session, uuid, time, id, output)                                                     \
    ANSWER(session, uuid, time, id, "req_" id, output, "\"end_turn\"", "false")

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
