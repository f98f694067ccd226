/* Cursors: how far each log file was read, and what proves that it is still the same file. */
#ifndef CAPTURE_CURSOR_H
#define CAPTURE_CURSOR_H

#include "adapter.h"
#include "idmap.h"

#include <sys/stat.h>
#include <tally/hash.h>

#define CAPTURE_IDLE_MS           (10 * 60 * 1000) /* what is pending is final after this */
#define CAPTURE_FINGERPRINT_BYTES 4096u
#define CAPTURE_CURSOR_MAX_BYTES  (256u + CAPTURE_STATE_MAX_BYTES)

/* What stat says about a file; all of it equal means that nothing was written. */
typedef struct capture_stamp {
    uint64_t dev, ino, size;
    int64_t mtime_ns;
} capture_stamp;

typedef struct capture_cursor {
    capture_stamp stamp;
    uint64_t offset; /* the next pass reads from here: the end of a line */
    uint64_t lines;  /* before that */
    int64_t last_ms; /* last time written in the file's lines; its mtime when they hold none */
    bool pending;    /* responses that were not final were left for later */
    tally_hash head, tail; /* of the first and the last CAPTURE_FINGERPRINT_BYTES before `offset` */
    tally_span state;      /* the adapter's; borrowed from what was decoded */
} capture_cursor;

/* Key in TALLY_LOCAL_CURSORS. */
void capture_cursor_key(const char *agent, const char *path, uint8_t key[CAPTURE_ID_BYTES]);
/* `out` holds CAPTURE_CURSOR_MAX_BYTES; returns the length. */
size_t capture_cursor_encode(const capture_cursor *cursor, uint8_t *out);
/* False for anything that this version did not write: the file is then read from its start. */
bool capture_cursor_decode(tally_span bytes, capture_cursor *out);

capture_stamp capture_stamp_of(const struct stat *st);
bool capture_stamp_eq(const capture_stamp *a, const capture_stamp *b);

/* True when nothing was written for CAPTURE_IDLE_MS, by the file's own time or by its last line's,
 * whichever is older: copying or touching a file does not make it busy. */
bool capture_is_idle(const capture_stamp *stamp, int64_t last_ms, int64_t now_ms);

/* Hashes the bytes before cursor->offset into cursor->head and ->tail; TALLY_EIO when the file is
 * shorter. */
int capture_cursor_seal(capture_cursor *cursor, int fd, tally_error *err);
/* True when the file still holds what was consumed. */
bool capture_cursor_holds(const capture_cursor *cursor, int fd, uint64_t size);

#endif
