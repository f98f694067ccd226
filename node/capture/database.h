/* Databases that agents keep (SQLite), beside the agent that may be writing them: nothing is
 * created, changed or waited for, and what they hold is hostile (agent-logs 1.5). */
#ifndef CAPTURE_DATABASE_H
#define CAPTURE_DATABASE_H

#include "adapter.h"

#define CAPTURE_VALUE_MAX_BYTES  (32u * 1024u * 1024u) /* of one column of one row; as of a line */
#define CAPTURE_COLUMNS_MAX      16u                   /* that one query asks for */
#define CAPTURE_QUERIES_MAX      12u                   /* different ones to one database */
#define CAPTURE_DATABASE_WAIT_MS 50                    /* for a writer that is in the way */
#define CAPTURE_LOOK_MAX_OPCODES UINT64_C(50000000)    /* of SQLite's machine in one look */

/* One column of a row; borrowed until the row's function returns. */
typedef struct capture_value {
    enum { CAPTURE_ABSENT, CAPTURE_INTEGER, CAPTURE_BYTES } type; /* text and blobs are bytes */
    int64_t number;
    tally_span bytes;
} capture_value;

/* Literals of ours: a column that the table does not have comes as absent, and a table that is
 * missing has no rows. */
typedef struct capture_query {
    const char *table;
    const char *columns[CAPTURE_COLUMNS_MAX];
    const char *rest; /* "WHERE ... ORDER BY ... LIMIT ...", with ?1, ?2 for the arguments */
} capture_query;

/* Returns 0 to go on; anything else ends the query and is what it returns. */
typedef int capture_row_fn(void *ctx, const capture_value *row, tally_error *err);

/* TALLY_EREFUSED when a writer is in the way: try again later; TALLY_EFORMAT for what is no sound
 * database, TALLY_EIO, TALLY_ENOMEM. Close with capture_database_close. */
int capture_database_open(const char *path, capture_database **out, tally_error *err);
void capture_database_close(capture_database *database); /* NULL is fine */

/* A look: what is read between these is of one moment. Keep it short: in a database without a
 * write-ahead log, writers wait for its end. */
int capture_database_begin(capture_database *database, tally_error *err);
void capture_database_end(capture_database *database);

/* Calls `fn` for each row; queries may be nested. Errors as above, and TALLY_ELIMIT for a row with
 * a value above CAPTURE_VALUE_MAX_BYTES, which ends the query. `query` is static. */
int capture_database_each(capture_database *database, const capture_query *query,
                          const capture_value *arguments, size_t argument_count, capture_row_fn *fn,
                          void *ctx, tally_error *err);

/* Bytes handed to rows so far. */
uint64_t capture_database_taken(const capture_database *database);

static inline capture_value capture_value_number(int64_t number) {
    return (capture_value){.type = CAPTURE_INTEGER, .number = number};
}
static inline capture_value capture_value_bytes(tally_span bytes) {
    return (capture_value){.type = CAPTURE_BYTES, .bytes = bytes};
}
/* Absent and anything else than text is empty. */
static inline tally_span capture_value_span(const capture_value *value) {
    return value->type == CAPTURE_BYTES ? value->bytes : (tally_span){0};
}

#endif
