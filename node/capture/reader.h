/* Reader: the complete lines of a log file, plain or zstd, in bounded memory. The file may grow,
 * shrink or be replaced while it is read. */
#ifndef CAPTURE_READER_H
#define CAPTURE_READER_H

#include <tally/bytes.h>
#include <tally/error.h>

#define CAPTURE_WINDOW_BYTES    (128u * 1024u) /* stays in the processor's cache */
#define CAPTURE_LINE_MAX_BYTES  (32u * 1024u * 1024u)
#define CAPTURE_ZSTD_WINDOW_LOG 25 /* 32 MiB: the resident limit is 64 MiB */

typedef struct capture_line {
    tally_span text; /* without its newline and a CR before it; borrowed until the next call */
    uint64_t number; /* counts from 1 at the file's start */
    uint64_t offset; /* of its first byte; in a zstd file, in the text it holds */
    const char *passed_over; /* not NULL: why `text` is empty (the line is too long) */
} capture_line;

typedef struct capture_reader capture_reader;

/* `window` bytes are read at a time; a longer line grows the buffer up to `line_max`. Free with
 * capture_reader_free. */
int capture_reader_new(size_t window, size_t line_max, capture_reader **out, tally_error *err);
void capture_reader_free(capture_reader *reader);

/* Starts at `offset`, before which there are `lines` lines, and stops at byte `size` at the latest.
 * `fd` is borrowed. */
void capture_reader_start(capture_reader *reader, int fd, uint64_t offset, uint64_t lines,
                          uint64_t size);
/* The same for a file that is one or more zstd frames, from its start; `size` counts compressed
 * bytes. */
int capture_reader_start_zstd(capture_reader *reader, int fd, uint64_t size, tally_error *err);
/* The same for a file that is one JSON document: all of it comes as one line. */
void capture_reader_start_document(capture_reader *reader, int fd, uint64_t size);

/* 1 and a line; 0 when there is no further complete line; TALLY_EIO, TALLY_EFORMAT (damaged or cut
 * zstd), TALLY_ELIMIT (a zstd window that is too large), TALLY_ENOMEM. */
int capture_reader_next(capture_reader *reader, capture_line *out, tally_error *err);

/* Where the last line that was handed out ended, and its number. */
uint64_t capture_reader_offset(const capture_reader *reader);
uint64_t capture_reader_lines(const capture_reader *reader);
/* Bytes taken from the file since the start. */
uint64_t capture_reader_taken(const capture_reader *reader);

#endif
