/* Reading one database: rows to the adapter, in steps of one short look each, and the cursor after
 * the last. How the file is opened is database.c's matter. */
#include "database.h"
#include "reading.h"

/* Opens the adapter where the last pass stopped, or at the start when it cannot go on. */
static int start(reading *read, tally_error *err) {
    capture_cursor cursor;
    const capture_adapter *adapter = read->adapter;
    if (capture_cursor_decode(read->stored, &cursor) &&
        capture_adapter_open(adapter, &read->file, cursor.state, &read->sink, &read->state, NULL) ==
            0)
        return 0;
    return capture_adapter_open(adapter, &read->file, (tally_span){0}, &read->sink, &read->state,
                                err);
}

static int read_rows(reading *read, capture_database *database, tally_error *err) {
    int more = 1, rc = 0;
    while (more == 1 && !rc) {
        rc = capture_database_begin(database, err);
        if (rc) break;
        more = read->adapter->rows(read->state, database, err);
        capture_database_end(database);
        rc = more < 0 ? more : reading_step(read, capture_database_taken(database), err);
    }
    return rc;
}

/* A database that is in use, or was changed while it was looked at, is no fault: what was read so
 * far counts, and the next pass goes on from there. */
int reading_database(reading *read, tally_error *err) {
    capture_database *database = NULL;
    int rc = start(read, err);
    if (!rc) rc = capture_database_open(read->source->path, &database, err);
    if (!rc) rc = read_rows(read, database, err);
    if (read->broken || rc == TALLY_ENOMEM || !read->state) goto out;
    if (rc && rc != TALLY_EREFUSED) reading_skip(read, err->text);
    read->cut = rc == TALLY_EREFUSED || rc == TALLY_EIO;
    rc = read->adapter->end(read->state, err);
    if (!rc && (!read->cut || database)) rc = reading_add_cursor(read, !read->cut, err);
out:
    capture_database_close(database);
    return rc;
}
