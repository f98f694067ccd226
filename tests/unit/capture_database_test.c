/* Capture from a database, from the file to the ledger: passes beside a writer, what waits for a
 * later pass, and what a pass leaves behind in the writer's folder. */
#include "capture_bench.h"

#include <dirent.h>
#include <sqlite3.h>

#define SCHEMA                                                                                     \
    "CREATE TABLE session(id TEXT PRIMARY KEY, directory TEXT, title TEXT, time_created INTEGER);" \
    "CREATE TABLE message(id TEXT PRIMARY KEY, session_id TEXT, data TEXT);"                       \
    "CREATE TABLE part(id TEXT PRIMARY KEY, message_id TEXT, data TEXT);"                          \
    "INSERT INTO session VALUES ('s', '/home/dev/acme', 'A title', 1000);"
#define STEP(id)                                                                                   \
    "INSERT INTO part VALUES ('p" id "', '" id "', '{\"type\":\"step-finish\",\"tokens\":"         \
    "{\"input\":1}}');"
#define REPLY(id, created, time)                                                                   \
    "INSERT INTO message VALUES ('" id "', 's', '{\"role\":\"assistant\",\"modelID\":"             \
    "\"claude-sonnet-4-5\",\"time\":{\"created\":" created time "}}');"
#define DONE(id, created) REPLY(id, created, ",\"completed\":1788200000000") STEP(id)
#define OPEN(id, created) REPLY(id, created, "") STEP(id)

static void run(sqlite3 *writer, const char *sql) {
    char *why = NULL;
    if (sqlite3_exec(writer, sql, NULL, NULL, &why)) print_error("%s: %s\n", sql, why);
    assert_null(why);
}

static sqlite3 *open_writer(const bench *b, const char *mode) {
    static const char *const folders[] = {"", "/.local", "/.local/share", "/.local/share/opencode"};
    char path[2 * PATH_SIZE];
    sqlite3 *writer;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", b->home, folders[i]);
        (void)mkdir(path, 0700);
    }
    (void)snprintf(path, sizeof path, "%s/.local/share/opencode/opencode.db", b->home);
    assert_int_equal(sqlite3_open(path, &writer), SQLITE_OK);
    run(writer, mode);
    run(writer, SCHEMA);
    return writer;
}

static size_t files_beside(const bench *b) {
    char path[2 * PATH_SIZE];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/.local/share/opencode", b->home);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

static void a_pass_takes_only_what_a_running_writer_added(void **state) {
    bench *b = *state;
    sqlite3 *writer = open_writer(b, "PRAGMA journal_mode=WAL");
    run(writer, DONE("a", "1788100000000") DONE("b", "1788100000001"));
    pass(b);
    assert_int_equal(b->result.costs, 2);
    assert_int_equal(b->result.sessions, 1);
    uint64_t first = b->result.bytes_read;
    pass(b);
    assert_int_equal(b->result.bytes_read, 0);
    run(writer, "BEGIN IMMEDIATE;" DONE("c", "1788100000002"));
    pass(b);
    assert_int_equal(b->result.costs, 0);
    run(writer, "COMMIT");
    pass(b);
    assert_int_equal(b->result.costs, 1);
    assert_int_equal(b->reports, 0);
    assert_true(b->result.bytes_read > 0 && b->result.bytes_read < first);
    assert_int_equal(files_beside(b), 3); /* the writer's: the file, its log and its index */
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
    pass(b);
    assert_int_equal(b->result.costs, 0);
    assert_int_equal(files_beside(b), 1);
    assert_int_equal(b->reports, 0);
}

static void a_writer_in_the_way_costs_a_pass_and_nothing_else(void **state) {
    bench *b = *state;
    sqlite3 *writer = open_writer(b, "PRAGMA journal_mode=DELETE");
    run(writer, DONE("a", "1788100000000"));
    pass(b);
    assert_int_equal(b->result.costs, 1);
    run(writer, "BEGIN EXCLUSIVE;" DONE("b", "1788100000001"));
    pass(b);
    assert_int_equal(b->result.costs, 0);
    assert_int_equal(b->reports, 0);
    run(writer, "COMMIT");
    pass(b);
    assert_int_equal(b->result.costs, 1);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

static void what_was_never_completed_is_taken_when_the_file_falls_silent(void **state) {
    bench *b = *state;
    sqlite3 *writer = open_writer(b, "PRAGMA journal_mode=WAL");
    run(writer, OPEN("a", "1788100000000"));
    struct timespec real;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &real), 0);
    int64_t written_ms = (int64_t)real.tv_sec * 1000;
    clock_ms = written_ms;
    pass(b);
    assert_int_equal(b->result.costs, 0);
    clock_ms = written_ms + 2 * CAPTURE_IDLE_MS;
    pass(b);
    assert_int_equal(b->result.costs, 1);
    pass(b);
    assert_int_equal(b->result.costs, 0);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

static void small_batches_record_the_same(void **state) {
    bench *b = *state;
    sqlite3 *writer = open_writer(b, "PRAGMA journal_mode=WAL");
    run(writer, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 600) "
                "INSERT INTO message SELECT 'm' || n, 's', '{\"role\":\"assistant\",\"modelID\":"
                "\"claude-sonnet-4-5\",\"time\":{\"created\":' || (1788100000000 + n) || "
                "',\"completed\":1788200000000}}' FROM c;"
                "INSERT INTO part SELECT 'p' || id, id, '{\"type\":\"step-finish\",\"tokens\":"
                "{\"input\":1}}' FROM message");
    b->tuning.batch_max_costs = 10;
    pass(b);
    assert_int_equal(b->result.costs, 600);
    pass(b);
    assert_int_equal(b->result.bytes_read, 0);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

static void a_file_that_is_no_database_is_reported_once(void **state) {
    bench *b = *state;
    assert_int_equal(sqlite3_close(open_writer(b, "PRAGMA journal_mode=DELETE")), SQLITE_OK);
    char path[2 * PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/.local/share/opencode/opencode.db", b->home);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("no database at all", file) >= 0);
    assert_int_equal(fclose(file), 0);
    pass(b);
    assert_int_equal(b->reports, 1);
    assert_non_null(strstr(b->last_why, "not a database"));
    pass(b);
    assert_int_equal(b->reports, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_pass_takes_only_what_a_running_writer_added),
        TEST(a_writer_in_the_way_costs_a_pass_and_nothing_else),
        TEST(what_was_never_completed_is_taken_when_the_file_falls_silent),
        TEST(small_batches_record_the_same),
        TEST(a_file_that_is_no_database_is_reported_once),
    };
    return cmocka_run_group_tests_name("capture_database", tests, NULL, NULL);
}
