/* Reading databases of agents: every state in which SQLite leaves its files, nothing changed by it,
 * nobody kept waiting, and files made to hurt. */
#include "capture/database.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define PATH_SIZE 256

typedef struct box {
    char dir[64], path[PATH_SIZE];
    char names[8][PATH_SIZE]; /* what lay in the folder, before we looked */
    struct stat stats[8];
    size_t count;
} box;

static const capture_query numbers = {"t", {"rowid", "n", "text"}, "ORDER BY rowid"};

static int setup(void **state) {
    box *b = calloc(1, sizeof *b);
    assert_non_null(b);
    (void)snprintf(b->dir, sizeof b->dir, "/tmp/tally database?%%-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    (void)snprintf(b->path, sizeof b->path, "%s/x.db", b->dir);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    box *b = *state;
    DIR *dir = opendir(b->dir);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    assert_int_equal(rmdir(b->dir), 0);
    free(b);
    return 0;
}

static void run(sqlite3 *writer, const char *sql) {
    char *why = NULL;
    if (sqlite3_exec(writer, sql, NULL, NULL, &why)) print_error("%s: %s\n", sql, why);
    assert_null(why);
}

static sqlite3 *writer_of(const char *path, const char *sql) {
    sqlite3 *writer;
    assert_int_equal(sqlite3_open(path, &writer), SQLITE_OK);
    run(writer, sql);
    return writer;
}

/* Notes what lies in the folder. */
static void note(box *b) {
    DIR *dir = opendir(b->dir);
    assert_non_null(dir);
    b->count = 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        assert_true(b->count < 8);
        (void)snprintf(b->names[b->count], PATH_SIZE, "%s", entry->d_name);
        assert_int_equal(fstatat(dirfd(dir), entry->d_name, &b->stats[b->count], 0), 0);
        b->count++;
    }
    (void)closedir(dir);
}

static void assert_untouched(const box *before) {
    box after = *before;
    note(&after);
    assert_int_equal(after.count, before->count);
    for (size_t i = 0; i < after.count; i++) {
        assert_string_equal(after.names[i], before->names[i]);
        assert_int_equal(after.stats[i].st_size, before->stats[i].st_size);
        assert_int_equal(after.stats[i].st_mtim.tv_sec, before->stats[i].st_mtim.tv_sec);
        assert_int_equal(after.stats[i].st_mtim.tv_nsec, before->stats[i].st_mtim.tv_nsec);
    }
}

typedef struct sum {
    size_t rows;
    int64_t total;
    sqlite3 *writer; /* writes after the first row */
} sum;

static int add_row(void *ctx, const capture_value *row, tally_error *err) {
    sum *s = ctx;
    (void)err;
    s->rows++;
    if (row[1].type == CAPTURE_INTEGER) s->total += row[1].number;
    if (s->writer && s->rows == 1) run(s->writer, "INSERT INTO t(n) VALUES (100)");
    return 0;
}

static int look(const char *path, const capture_query *query, sum *s, tally_error *err) {
    capture_database *database;
    int rc = capture_database_open(path, &database, err);
    if (rc) return rc;
    rc = capture_database_begin(database, err);
    if (!rc) rc = capture_database_each(database, query, NULL, 0, add_row, s, err);
    capture_database_end(database);
    capture_database_close(database);
    return rc;
}

static void assert_total(box *b, int64_t total) {
    sum s = {0};
    tally_error err = {0};
    note(b);
    int rc = look(b->path, &numbers, &s, &err);
    if (rc) print_error("%s\n", err.text);
    assert_int_equal(rc, 0);
    assert_int_equal(s.total, total);
    assert_untouched(b);
}

#define TABLE "CREATE TABLE t(n INTEGER, text TEXT);"
#define ROWS  "INSERT INTO t(n, text) VALUES (1, 'a'), (2, 'b'), (4, 'c');"
#define WAL   "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"

static void copy_file(const box *from, const box *to, const char *end) {
    char command[3 * PATH_SIZE];
    (void)snprintf(command, sizeof command, "cp -p '%s%s' '%s%s'", from->path, end, to->path, end);
    assert_int_equal(system(command), 0);
}

static void a_writer_with_a_log_is_read_beside_and_not_disturbed(void **state) {
    box *b = *state;
    sqlite3 *writer = writer_of(b->path, WAL TABLE ROWS);
    assert_total(b, 7);
    run(writer, "BEGIN IMMEDIATE; INSERT INTO t(n) VALUES (8)");
    assert_total(b, 7); /* what is not committed is not there */
    run(writer, "COMMIT");
    assert_total(b, 15);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

/* Without waiting for anybody: the writer's own timeout is 0. */
static void a_writer_writes_while_it_is_read(void **state) {
    box *b = *state;
    sqlite3 *writer = writer_of(b->path, WAL TABLE ROWS);
    sum s = {.writer = writer};
    assert_int_equal(look(b->path, &numbers, &s, NULL), 0);
    assert_int_equal(s.total, 7);
    assert_total(b, 107);
    run(writer, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_total(b, 107);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

static void a_database_that_was_closed_is_read_as_it_lies(void **state) {
    box *b = *state;
    assert_int_equal(sqlite3_close(writer_of(b->path, WAL TABLE ROWS)), SQLITE_OK);
    note(b);
    assert_int_equal(b->count, 1);
    assert_total(b, 7);
}

static void what_a_crash_leaves_is_read_with_its_log(void **state) {
    box *b = *state;
    box left = {0};
    (void)snprintf(left.dir, sizeof left.dir, "%s", b->dir);
    (void)snprintf(left.path, sizeof left.path, "%s/left.db", b->dir);
    sqlite3 *writer = writer_of(b->path, WAL TABLE ROWS);
    copy_file(b, &left, "");
    copy_file(b, &left, "-wal");
    assert_total(&left, 7); /* without the index */
    copy_file(b, &left, "-shm");
    assert_total(&left, 7);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

static void without_a_log_a_writer_in_the_way_is_not_waited_for(void **state) {
    box *b = *state;
    sum s = {0};
    tally_error err;
    sqlite3 *writer = writer_of(b->path, TABLE ROWS);
    assert_total(b, 7);
    run(writer, "BEGIN EXCLUSIVE; INSERT INTO t(n) VALUES (8)");
    note(b);
    assert_int_equal(look(b->path, &numbers, &s, &err), TALLY_EREFUSED);
    assert_int_equal(s.rows, 0);
    assert_untouched(b);
    run(writer, "COMMIT");
    assert_total(b, 15);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

static void what_is_read_without_locks_is_left_when_somebody_opens_it(void **state) {
    box *b = *state;
    tally_error err;
    assert_int_equal(sqlite3_close(writer_of(b->path, WAL TABLE ROWS)), SQLITE_OK);
    sum s = {0};
    capture_database *database;
    assert_int_equal(capture_database_open(b->path, &database, &err), 0);
    sqlite3 *writer = writer_of(b->path, WAL "INSERT INTO t(n) VALUES (8)");
    assert_int_equal(capture_database_each(database, &numbers, NULL, 0, add_row, &s, &err),
                     TALLY_EREFUSED);
    assert_int_equal(s.rows, 0);
    capture_database_close(database);
    assert_total(b, 15);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

static void missing_tables_have_no_rows_and_missing_columns_no_values(void **state) {
    static const capture_query none = {"nothing", {"a"}, ""};
    static const capture_query more = {"t", {"rowid", "n", "unheard_of", "text"}, ""};
    box *b = *state;
    sum s = {0};
    assert_int_equal(sqlite3_close(writer_of(b->path, TABLE ROWS)), SQLITE_OK);
    assert_int_equal(look(b->path, &none, &s, NULL), 0);
    assert_int_equal(s.rows, 0);
    assert_int_equal(look(b->path, &more, &s, NULL), 0);
    assert_int_equal(s.rows, 3);
}

static int check_values(void *ctx, const capture_value *row, tally_error *err) {
    size_t *seen = ctx;
    (void)err;
    (*seen)++;
    assert_int_equal(row[0].number, 2);
    assert_int_equal(row[1].number, 2);
    assert_true(tally_span_is(capture_value_span(&row[2]), "b"));
    return 0;
}

static void arguments_choose_rows_and_bytes_are_counted(void **state) {
    static const capture_query one = {"t", {"rowid", "n", "text"}, "WHERE text = ?1 AND n < ?2"};
    box *b = *state;
    capture_database *database;
    size_t seen = 0;
    assert_int_equal(sqlite3_close(writer_of(b->path, TABLE ROWS)), SQLITE_OK);
    assert_int_equal(capture_database_open(b->path, &database, NULL), 0);
    const capture_value arguments[] = {capture_value_bytes(tally_span_str("b")),
                                       capture_value_number(3)};
    assert_int_equal(capture_database_each(database, &one, arguments, 2, check_values, &seen, NULL),
                     0);
    assert_int_equal(capture_database_each(database, &one, arguments, 2, check_values, &seen, NULL),
                     0);
    assert_int_equal(seen, 2);
    assert_int_equal(capture_database_taken(database), 2 * (8 + 8 + 1));
    capture_database_close(database);
}

/* A view that would count for ever, a virtual table, a value without end, a file of something else.
 */
static void hostile_databases_are_refused(void **state) {
    static const struct {
        const char *sql;
        int rc;
    } cases[] = {
        {"CREATE VIEW t AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT "
         "n, n AS text FROM c",
         TALLY_EFORMAT},
        {"CREATE VIRTUAL TABLE t USING fts5(n, text)", TALLY_EFORMAT},
        {TABLE "INSERT INTO t(n, text) VALUES (1, zeroblob(33 * 1024 * 1024))", TALLY_ELIMIT},
        {TABLE "INSERT INTO t(n) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c "
               "LIMIT 2000) SELECT n FROM c",
         0},
    };
    static const capture_query endless = {
        "t", {"n"}, "WHERE n IN (SELECT a.n + b.n + c.n + d.n FROM t a, t b, t c, t d)"};
    box *b = *state;
    tally_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sum s = {0};
        (void)unlink(b->path);
        assert_int_equal(sqlite3_close(writer_of(b->path, cases[i].sql)), SQLITE_OK);
        assert_int_equal(look(b->path, &numbers, &s, &err), cases[i].rc);
    }
    sum s = {0};
    assert_int_equal(look(b->path, &endless, &s, &err), TALLY_EFORMAT);
    assert_non_null(strstr(err.text, "too long"));
    FILE *file = fopen(b->path, "w");
    assert_non_null(file);
    assert_true(fputs("This is no database, although it is longer than the header of one. It goes "
                      "on like this for a while, so that no length check saves it.\n",
                      file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(look(b->path, &numbers, &s, &err), TALLY_EFORMAT);
    (void)unlink(b->path);
    assert_int_equal(look(b->path, &numbers, &s, &err), TALLY_EREFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_writer_with_a_log_is_read_beside_and_not_disturbed),
        TEST(a_writer_writes_while_it_is_read),
        TEST(a_database_that_was_closed_is_read_as_it_lies),
        TEST(what_a_crash_leaves_is_read_with_its_log),
        TEST(without_a_log_a_writer_in_the_way_is_not_waited_for),
        TEST(what_is_read_without_locks_is_left_when_somebody_opens_it),
        TEST(missing_tables_have_no_rows_and_missing_columns_no_values),
        TEST(arguments_choose_rows_and_bytes_are_counted),
        TEST(hostile_databases_are_refused),
    };
    return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
