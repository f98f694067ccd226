/* What reading one log file shares between its forms: lines and documents (read_source.c) and
 * databases (read_database.c). */
#ifndef CAPTURE_READING_H
#define CAPTURE_READING_H

#include "pass.h"

typedef struct reading {
    capture_pass *pass;
    const capture_source *source;
    const capture_adapter *adapter;
    tally_span stored; /* the cursor of the last pass */
    int fd;
    capture_stamp stamp;
    capture_file file; /* the adapter may look at it until it is closed */
    bool broken;       /* an error of ours, not of the file */
    bool cut;          /* the file could not be read to its end */
    void *state;
    uint64_t line; /* being read */
    capture_sink sink;
    uint64_t taken, progress; /* bytes of the file, and those that were told */
    char project[CAPTURE_TEXT_MAX_BYTES];
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
} reading;

/* Tells that something of the file was passed over. */
void reading_skip(const reading *read, const char *why);
/* Puts a cursor for what was read so far into the batch. */
int reading_add_cursor(reading *read, bool at_end, tally_error *err);
/* After each step: tells progress and hands a full batch over. */
int reading_step(reading *read, uint64_t taken, tally_error *err);

/* Reads the rows of a database that its cursor does not know. */
int reading_database(reading *read, tally_error *err);

#endif
