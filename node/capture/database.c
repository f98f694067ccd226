/* SQLite, read-only. Which way a file is opened depends on what its writer left beside it; every
 * way goes through a file layer that cannot create, delete or write (read_only_vfs). */
#include "database.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define URI_MAX_BYTES     (3u * PATH_MAX + 64u)
#define SQL_MAX_BYTES     1024
#define PROGRESS_OPCODES  10000
#define CACHE_PRAGMA      "PRAGMA cache_size=-2048" /* KiB */
#define HEADER_BYTES      20u
#define HEADER_WRITE_AT   18u /* file format write version: 2 with a write-ahead log */
#define TABLE_COLUMNS_MAX 256u

typedef struct prepared {
    const capture_query *query;
    sqlite3_stmt *statement; /* NULL: there is no such table */
} prepared;

struct capture_database {
    sqlite3 *sqlite;
    prepared queries[CAPTURE_QUERIES_MAX];
    size_t query_count;
    uint64_t opcodes, taken;
    /* A file that is read without locks, because nobody had it open: these tell when somebody has.
     */
    bool guarded;
    char path[PATH_MAX];
    struct stat main, log;
    bool has_log;
};

/* --- the file layer --------------------------------------------------------------------------- */

typedef struct read_only_vfs {
    sqlite3_vfs vfs;
    sqlite3_vfs *base;
} read_only_vfs;

static read_only_vfs locking = {.vfs = {.zName = "tally-locking"}};
static read_only_vfs lockless = {.vfs = {.zName = "tally-lockless"}};
static bool layers_ready;

static int open_to_read(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                        int *out) {
    sqlite3_vfs *base = ((read_only_vfs *)vfs)->base;
    file->pMethods = NULL;
    if (!name) return SQLITE_CANTOPEN; /* a temporary file */
    flags &= ~(SQLITE_OPEN_CREATE | SQLITE_OPEN_READWRITE | SQLITE_OPEN_DELETEONCLOSE);
    return base->xOpen(base, name, file, flags | SQLITE_OPEN_READONLY, out);
}

static int refuse_to_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs, (void)name, (void)sync;
    return SQLITE_IOERR_DELETE;
}

static bool add_layer(read_only_vfs *layer, const char *base) {
    const char *name = layer->vfs.zName;
    layer->base = sqlite3_vfs_find(base);
    if (!layer->base) return false;
    layer->vfs = *layer->base;
    layer->vfs.pNext = NULL;
    layer->vfs.zName = name;
    layer->vfs.xOpen = open_to_read;
    layer->vfs.xDelete = refuse_to_delete;
    return sqlite3_vfs_register(&layer->vfs, 0) == SQLITE_OK;
}

static void add_layers(void) {
    layers_ready = add_layer(&locking, "unix") && add_layer(&lockless, "unix-none");
}

/* --- opening ---------------------------------------------------------------------------------- */

typedef struct way {
    const sqlite3_vfs *vfs;
    const char *options; /* of the URI */
    bool own_index;      /* of the write-ahead log, in memory: there is none to share */
    bool guarded;
} way;

static bool beside(const char *path, const char *end, struct stat *st) {
    char name[PATH_MAX];
    int n = snprintf(name, sizeof name, "%s%s", path, end);
    return n > 0 && (size_t)n < sizeof name && stat(name, st) == 0;
}

static bool has_write_ahead_log(const char *path) {
    uint8_t header[HEADER_BYTES] = {0};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) return false;
    bool whole = pread(fd, header, sizeof header, 0) == (ssize_t)sizeof header;
    (void)close(fd);
    return whole && header[HEADER_WRITE_AT] == 2;
}

/* A database with a write-ahead log can be read beside its writer only through the index that the
 * writer shares. Where there is none nobody has it open: then it is read as it lies, and the guard
 * sees to it that it stays so. */
static way way_to(capture_database *database) {
    struct stat index;
    const char *path = database->path;
    database->has_log = beside(path, "-wal", &database->log);
    if (!has_write_ahead_log(path)) return (way){&locking.vfs, "", false, false};
    if (!database->has_log || (database->log.st_size == 0 && !beside(path, "-shm", &index)))
        return (way){&lockless.vfs, "&immutable=1", false, true};
    if (beside(path, "-shm", &index)) return (way){&locking.vfs, "&readonly_shm=1", false, false};
    return (way){&lockless.vfs, "", true, true};
}

static bool same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Did nobody touch the file since it was opened? */
static bool is_untouched(const capture_database *database) {
    struct stat st;
    if (!database->guarded) return true;
    if (stat(database->path, &st) != 0 || !same(&st, &database->main)) return false;
    bool log = beside(database->path, "-wal", &st);
    return log == database->has_log && (!log || same(&st, &database->log));
}

static int fail_sqlite(const capture_database *database, int code, tally_error *err) {
    const char *why = database->sqlite ? sqlite3_errmsg(database->sqlite) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_NOMEM: return tally_fail(err, TALLY_ENOMEM, "no memory for a database");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return tally_fail(err, TALLY_EREFUSED, "the database is being written");
    case SQLITE_TOOBIG:
        return tally_fail(err, TALLY_ELIMIT, "a value is larger than %u bytes",
                          CAPTURE_VALUE_MAX_BYTES);
    case SQLITE_INTERRUPT:
        return tally_fail(err, TALLY_EFORMAT, "reading this database takes too long");
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR: return tally_fail(err, TALLY_EIO, "cannot read the database: %s", why);
    default: return tally_fail(err, TALLY_EFORMAT, "not a database that can be read: %s", why);
    }
}

static int count_opcodes(void *ctx) {
    capture_database *database = ctx;
    database->opcodes += PROGRESS_OPCODES;
    return database->opcodes > CAPTURE_LOOK_MAX_OPCODES;
}

/* The schema is hostile too: no views, no triggers, no functions in it, and bounded statements. */
static int harden(capture_database *database, bool own_index) {
    static const struct {
        int what, value;
    } limits[] = {{SQLITE_LIMIT_LENGTH, (int)CAPTURE_VALUE_MAX_BYTES},
                  {SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024},
                  {SQLITE_LIMIT_COLUMN, (int)TABLE_COLUMNS_MAX},
                  {SQLITE_LIMIT_EXPR_DEPTH, 32},
                  {SQLITE_LIMIT_ATTACHED, 0},
                  {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
                  {SQLITE_LIMIT_WORKER_THREADS, 0}};
    static const struct {
        int what, value;
    } settings[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
                    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                    {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
                    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}};
    sqlite3 *sqlite = database->sqlite;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        (void)sqlite3_limit(sqlite, limits[i].what, limits[i].value);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        (void)sqlite3_db_config(sqlite, settings[i].what, settings[i].value, NULL);
    (void)sqlite3_drop_modules(sqlite, NULL); /* no virtual tables */
    sqlite3_progress_handler(sqlite, PROGRESS_OPCODES, count_opcodes, database);
    (void)sqlite3_extended_result_codes(sqlite, 1);
    int rc = sqlite3_busy_timeout(sqlite, CAPTURE_DATABASE_WAIT_MS);
    if (!rc && own_index)
        rc = sqlite3_exec(sqlite, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
    if (!rc)
        rc = sqlite3_exec(sqlite,
                          "PRAGMA query_only=1; PRAGMA cell_size_check=1; PRAGMA "
                          "automatic_index=0; PRAGMA temp_store=MEMORY; " CACHE_PRAGMA,
                          NULL, NULL, NULL);
    return rc;
}

/* "file:PATH?mode=ro": what means something in a URI is escaped. */
static bool make_uri(const char *path, const char *options, char uri[URI_MAX_BYTES]) {
    static const char digits[] = "0123456789ABCDEF";
    size_t len = (size_t)snprintf(uri, URI_MAX_BYTES, "file:");
    for (; *path && len + 3 < URI_MAX_BYTES; path++) {
        uint8_t byte = (uint8_t)*path;
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= '0' && byte <= '9') || strchr("/._-", byte);
        if (!plain) uri[len++] = '%';
        if (!plain) uri[len++] = digits[byte >> 4];
        uri[len++] = plain ? (char)byte : digits[byte & 15];
    }
    int n = snprintf(uri + len, URI_MAX_BYTES - len, "?mode=ro%s", options);
    return !*path && n > 0 && (size_t)n < URI_MAX_BYTES - len;
}

static int open_sqlite(capture_database *database, tally_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char uri[URI_MAX_BYTES];
    (void)pthread_once(&once, add_layers);
    if (!layers_ready) return tally_fail(err, TALLY_EIO, "SQLite lacks its unix file layers");
    if (stat(database->path, &database->main) != 0)
        return tally_fail(err, TALLY_EREFUSED, "the database is gone");
    const way chosen = way_to(database);
    if (!make_uri(database->path, chosen.options, uri))
        return tally_fail(err, TALLY_EIO, "the path is too long for a database");
    int rc = sqlite3_open_v2(uri, &database->sqlite,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                             chosen.vfs->zName);
    if (!rc) rc = harden(database, chosen.own_index);
    if (rc) return fail_sqlite(database, rc, err);
    database->guarded = chosen.guarded;
    return 0;
}

int capture_database_open(const char *path, capture_database **out, tally_error *err) {
    *out = NULL;
    size_t len = strlen(path);
    capture_database *database = calloc(1, sizeof *database);
    if (!database) return tally_fail(err, TALLY_ENOMEM, "no memory for a database");
    int rc = len < sizeof database->path
                 ? 0
                 : tally_fail(err, TALLY_EIO, "the path is too long for a database");
    if (!rc) {
        memcpy(database->path, path, len + 1);
        rc = open_sqlite(database, err);
    }
    if (rc)
        capture_database_close(database);
    else
        *out = database;
    return rc;
}

void capture_database_close(capture_database *database) {
    if (!database) return;
    for (size_t i = 0; i < database->query_count; i++)
        (void)sqlite3_finalize(database->queries[i].statement);
    (void)sqlite3_close(database->sqlite);
    free(database);
}

/* --- looking ---------------------------------------------------------------------------------- */

int capture_database_begin(capture_database *database, tally_error *err) {
    database->opcodes = 0;
    int rc = sqlite3_exec(database->sqlite, "BEGIN", NULL, NULL, NULL);
    return rc ? fail_sqlite(database, rc, err) : 0;
}

void capture_database_end(capture_database *database) {
    (void)sqlite3_exec(database->sqlite, "COMMIT", NULL, NULL, NULL);
}

/* Marks which of the query's columns the table has; false when there is no such table. Names of
 * tables are literals of ours. */
static int find_columns(capture_database *database, const capture_query *query,
                        bool has[CAPTURE_COLUMNS_MAX], bool *found) {
    char sql[SQL_MAX_BYTES];
    sqlite3_stmt *statement = NULL;
    *found = false;
    (void)snprintf(sql, sizeof sql, "PRAGMA table_info(\"%s\")", query->table);
    int rc = sqlite3_prepare_v2(database->sqlite, sql, -1, &statement, NULL);
    while (!rc && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 1);
        *found = true;
        for (size_t i = 0; name && i < CAPTURE_COLUMNS_MAX && query->columns[i]; i++)
            has[i] |= sqlite3_stricmp(name, query->columns[i]) == 0;
        rc = 0;
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_DONE ? 0 : rc;
}

static int prepare(capture_database *database, const capture_query *query, prepared *out) {
    bool has[CAPTURE_COLUMNS_MAX] = {false}, found;
    char sql[SQL_MAX_BYTES];
    out->query = query;
    int rc = find_columns(database, query, has, &found);
    if (rc || !found) return rc;
    size_t len = (size_t)snprintf(sql, sizeof sql, "SELECT ");
    for (size_t i = 0; i < CAPTURE_COLUMNS_MAX && query->columns[i] && len < sizeof sql; i++) {
        bool known = has[i] || strcmp(query->columns[i], "rowid") == 0;
        len += (size_t)snprintf(sql + len, sizeof sql - len, "%s%s", i ? "," : "",
                                known ? query->columns[i] : "NULL");
    }
    if (len < sizeof sql)
        len += (size_t)snprintf(sql + len, sizeof sql - len, " FROM main.\"%s\" %s", query->table,
                                query->rest);
    if (len >= sizeof sql) return SQLITE_TOOBIG;
    return sqlite3_prepare_v3(database->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &out->statement,
                              NULL);
}

static int find_prepared(capture_database *database, const capture_query *query, prepared **out,
                         tally_error *err) {
    for (size_t i = 0; i < database->query_count; i++) {
        *out = &database->queries[i];
        if ((*out)->query == query) return 0;
    }
    if (database->query_count == CAPTURE_QUERIES_MAX)
        return tally_fail(err, TALLY_ELIMIT, "too many different queries");
    *out = &database->queries[database->query_count];
    int rc = prepare(database, query, *out);
    if (rc) {
        rc = fail_sqlite(database, rc, err);
        (void)sqlite3_finalize((*out)->statement);
        **out = (prepared){0};
        return rc;
    }
    database->query_count++;
    return 0;
}

static int bind(sqlite3_stmt *statement, const capture_value *arguments, size_t count) {
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        const capture_value *value = &arguments[i];
        rc = value->type == CAPTURE_INTEGER
                 ? sqlite3_bind_int64(statement, (int)i + 1, value->number)
                 : sqlite3_bind_text(statement, (int)i + 1, (const char *)value->bytes.ptr,
                                     (int)value->bytes.len, SQLITE_STATIC);
    }
    return rc;
}

static void take_row(capture_database *database, sqlite3_stmt *statement,
                     capture_value row[CAPTURE_COLUMNS_MAX]) {
    int count = sqlite3_column_count(statement);
    for (int i = 0; i < count && i < (int)CAPTURE_COLUMNS_MAX; i++) {
        int type = sqlite3_column_type(statement, i);
        row[i] = (capture_value){.type = CAPTURE_ABSENT};
        if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
            row[i] = capture_value_number(sqlite3_column_int64(statement, i));
            database->taken += sizeof row[i].number;
        } else if (type != SQLITE_NULL) {
            const void *bytes = sqlite3_column_blob(statement, i);
            int len = sqlite3_column_bytes(statement, i);
            row[i] = capture_value_bytes(tally_span_of(bytes, bytes ? (size_t)len : 0));
            database->taken += row[i].bytes.len;
        }
    }
}

int capture_database_each(capture_database *database, const capture_query *query,
                          const capture_value *arguments, size_t argument_count, capture_row_fn *fn,
                          void *ctx, tally_error *err) {
    prepared *found;
    capture_value row[CAPTURE_COLUMNS_MAX];
    int rc = find_prepared(database, query, &found, err);
    if (rc || !found->statement) return rc;
    sqlite3_stmt *statement = found->statement;
    int step = bind(statement, arguments, argument_count);
    while (!rc && !step && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        take_row(database, statement, row);
        step = sqlite3_errcode(database->sqlite) == SQLITE_NOMEM ? SQLITE_NOMEM : 0;
        if (step) break;
        /* Here all of the row is in memory: nobody can change it any more. */
        rc = is_untouched(database)
                 ? fn(ctx, row, err)
                 : tally_fail(err, TALLY_EREFUSED, "the database was opened by its agent");
    }
    if (!rc && step && step != SQLITE_DONE) {
        rc = is_untouched(database)
                 ? fail_sqlite(database, step, err)
                 : tally_fail(err, TALLY_EREFUSED, "the database was opened by its agent");
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return rc;
}

uint64_t capture_database_taken(const capture_database *database) {
    return database->taken;
}
