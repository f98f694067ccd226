/* Harness for the tests of adapters that read databases: a file that the test writes with SQLite,
 * and passes over it into the sink of adapter_harness.h. */
#ifndef TALLY_TESTS_DATABASE_HARNESS_H
#define TALLY_TESTS_DATABASE_HARNESS_H

#include "adapter_harness.h"

#include "capture/database.h"

#include <sqlite3.h>
#include <unistd.h>

typedef struct table_log {
    world *w;
    char dir[64], path[128];
    sqlite3 *writer; /* NULL for a file of the fixtures */
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    size_t saved_len;
    uint64_t taken; /* bytes, in the last pass */
    bool pending;   /* not all was final */
} table_log;

static inline void execute(table_log *log, const char *sql) {
    char *why = NULL;
    if (sqlite3_exec(log->writer, sql, NULL, NULL, &why)) print_error("%s: %s\n", sql, why);
    assert_null(why);
}

/* JSON in `sql` is written with ` for its quotation marks. */
static inline void put_rows(table_log *log, const char *sql) {
    size_t len = strlen(sql);
    char *text = malloc(len + 1);
    assert_non_null(text);
    for (size_t i = 0; i <= len; i++)
        text[i] = (char)(sql[i] == '`' ? '"' : sql[i]);
    execute(log, text);
    free(text);
}

static inline table_log *new_log(const capture_adapter *adapter, const char *name,
                                 const char *schema) {
    table_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    log->w = new_world(adapter);
    (void)snprintf(log->dir, sizeof log->dir, "/tmp/tally-rows-XXXXXX");
    assert_non_null(mkdtemp(log->dir));
    (void)snprintf(log->path, sizeof log->path, "%s/%s", log->dir, name);
    assert_int_equal(sqlite3_open(log->path, &log->writer), SQLITE_OK);
    execute(log, "PRAGMA journal_mode=WAL");
    execute(log, schema);
    return log;
}

static inline void free_log(table_log *log) {
    assert_int_equal(sqlite3_close(log->writer), SQLITE_OK);
    assert_int_equal(unlink(log->path), 0);
    assert_int_equal(rmdir(log->dir), 0);
    free_world(log->w);
    free(log);
}

/* One pass over the file at `path`; the state goes in and out through `log`. */
static inline void pass_over(table_log *log, const char *path) {
    world *w = log->w;
    const capture_sink sink = sink_of(w);
    const capture_file file = {
        .path = path, .now_ms = w->now_ms, .written_ms = w->now_ms, .idle = w->idle};
    capture_database *database;
    tally_error err = {0};
    void *state = NULL;
    assert_int_equal(capture_database_open(path, &database, &err), 0);
    assert_int_equal(capture_adapter_open(w->adapter, &file,
                                          tally_span_of(log->saved, log->saved_len), &sink, &state,
                                          &err),
                     0);
    int more = 1;
    while (more == 1) {
        assert_int_equal(capture_database_begin(database, &err), 0);
        more = w->adapter->rows(state, database, &err);
        capture_database_end(database);
        if (more < 0) print_error("%s\n", err.text);
    }
    assert_int_equal(more, 0);
    assert_int_equal(w->adapter->end(state, &err), 0);
    uint64_t offset = 0, line = 0;
    w->adapter->resume(state, 100, 0, &offset, &line);
    log->pending = offset < 100;
    log->saved_len = 0;
    assert_int_equal(w->adapter->save(state, log->saved, &log->saved_len, &err), 0);
    assert_true(log->saved_len <= CAPTURE_STATE_MAX_BYTES);
    log->taken = capture_database_taken(database);
    w->adapter->close(state);
    capture_database_close(database);
    assert_int_equal(w->orphans, 0);
}

static inline void read_log(table_log *log) {
    pass_over(log, log->path);
}

/* A case of the fixtures, read twice. */
static inline void check_fixture(const capture_adapter *adapter, const char *folder,
                                 const char *below, check_fn *check) {
    table_log log = {.w = new_world(adapter)};
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", folder, below);
    pass_over(&log, path);
    assert_true(check(log.w, folder, "once"));
    pass_over(&log, path);
    assert_true(check(log.w, folder, "twice"));
    free_world(log.w);
}

#endif
