/* Lines out of bytes: windows of pread or a zstd stream in one buffer that lines are borrowed from.
 * What the lines mean is the adapters' matter. No mmap: a file cut short by its writer must not
 * kill us. */
#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>
#include <zstd_errors.h>

#define ZSTD_INPUT_BYTES (128u * 1024u)

struct capture_reader {
    size_t window, line_max;
    uint8_t *buffer;
    size_t cap, start, scan, end; /* buffer[start, end) is not handed out; no newline before scan */
    bool dropping;                /* inside a line that is too long */

    int fd;
    uint64_t file_at, file_end; /* next byte to read, first byte not to read */
    uint64_t file_start;
    uint64_t stream_at;   /* offset of buffer[end] in the text */
    uint64_t line_offset; /* offset of the first byte not handed out */
    uint64_t lines;

    bool document; /* newlines end nothing */
    bool zstd;
    ZSTD_DCtx *stream;
    uint8_t *input;
    ZSTD_inBuffer in;
    bool frame_open; /* a zstd frame has begun and not ended */
};

int capture_reader_new(size_t window, size_t line_max, capture_reader **out, tally_error *err) {
    *out = NULL;
    if (window == 0 || line_max == 0 || line_max == SIZE_MAX)
        return tally_fail(err, TALLY_EINVAL, "a reader needs a window and a line limit above 0");
    capture_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return tally_fail(err, TALLY_ENOMEM, "no memory for a log reader");
    reader->window = window;
    reader->line_max = line_max;
    reader->fd = -1;
    reader->cap = window;
    reader->buffer = malloc(window);
    if (!reader->buffer) {
        free(reader);
        return tally_fail(err, TALLY_ENOMEM, "no memory for a log reader's window");
    }
    *out = reader;
    return 0;
}

void capture_reader_free(capture_reader *reader) {
    if (!reader) return;
    ZSTD_freeDCtx(reader->stream);
    free(reader->input);
    free(reader->buffer);
    free(reader);
}

void capture_reader_start(capture_reader *reader, int fd, uint64_t offset, uint64_t lines,
                          uint64_t size) {
    reader->start = reader->scan = reader->end = 0;
    reader->dropping = false;
    reader->fd = fd;
    reader->file_at = reader->file_start = offset;
    reader->file_end = size;
    reader->stream_at = reader->line_offset = offset;
    reader->lines = lines;
    reader->zstd = reader->document = false;
}

void capture_reader_start_document(capture_reader *reader, int fd, uint64_t size) {
    capture_reader_start(reader, fd, 0, 0, size);
    reader->document = true;
}

int capture_reader_start_zstd(capture_reader *reader, int fd, uint64_t size, tally_error *err) {
    capture_reader_start(reader, fd, 0, 0, size);
    if (!reader->stream) reader->stream = ZSTD_createDCtx();
    if (!reader->input) reader->input = malloc(ZSTD_INPUT_BYTES);
    if (!reader->stream || !reader->input)
        return tally_fail(err, TALLY_ENOMEM, "no memory for reading zstd");
    (void)ZSTD_DCtx_reset(reader->stream, ZSTD_reset_session_only);
    (void)ZSTD_DCtx_setParameter(reader->stream, ZSTD_d_windowLogMax, CAPTURE_ZSTD_WINDOW_LOG);
    reader->in = (ZSTD_inBuffer){reader->input, 0, 0};
    reader->frame_open = false;
    reader->zstd = true;
    return 0;
}

/* Up to `room` bytes of the file; 0 at its end, also when it was cut short meanwhile. */
static int read_file(capture_reader *reader, uint8_t *to, size_t room, size_t *got,
                     tally_error *err) {
    *got = 0;
    uint64_t left = reader->file_at < reader->file_end ? reader->file_end - reader->file_at : 0;
    size_t want = left < room ? (size_t)left : room;
    if (want == 0) return 0;
    ssize_t n;
    do {
        n = pread(reader->fd, to, want, (off_t)reader->file_at);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return tally_fail(err, TALLY_EIO, "cannot read: %s", strerror(errno));
    reader->file_at += (uint64_t)n;
    *got = (size_t)n;
    return 0;
}

static int fail_zstd(size_t code, tally_error *err) {
    if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge)
        return tally_fail(err, TALLY_ELIMIT, "the zstd window is larger than %u MiB",
                          1u << (CAPTURE_ZSTD_WINDOW_LOG - 20));
    return tally_fail(err, TALLY_EFORMAT, "damaged zstd data: %s", ZSTD_getErrorName(code));
}

static int read_zstd(capture_reader *reader, uint8_t *to, size_t room, size_t *got,
                     tally_error *err) {
    ZSTD_outBuffer out = {to, room, 0};
    while (out.pos == 0) {
        bool ended = false;
        if (reader->in.pos == reader->in.size) {
            size_t taken;
            int rc = read_file(reader, reader->input, ZSTD_INPUT_BYTES, &taken, err);
            if (rc) return rc;
            reader->in = (ZSTD_inBuffer){reader->input, taken, 0};
            ended = taken == 0;
            if (ended && !reader->frame_open) break;
        }
        size_t hint = ZSTD_decompressStream(reader->stream, &out, &reader->in);
        if (ZSTD_isError(hint)) return fail_zstd(hint, err);
        reader->frame_open = hint != 0;
        if (ended && out.pos == 0)
            return tally_fail(err, TALLY_EFORMAT, "the zstd data ends in the middle of a frame");
    }
    *got = out.pos;
    return 0;
}

static int resize(capture_reader *reader, size_t cap, tally_error *err) {
    // NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): a reader's window is not 0
    uint8_t *buffer = realloc(reader->buffer, cap);
    if (!buffer) return tally_fail(err, TALLY_ENOMEM, "no memory for a line of %zu bytes", cap);
    reader->buffer = buffer;
    reader->cap = cap;
    return 0;
}

/* Moves what is left to the front, gives memory of a long line back, grows for one that does not
 * fit yet, or gives up on it when it passes the limit. */
static int make_room(capture_reader *reader, tally_error *err) {
    size_t left = reader->end - reader->start;
    if (reader->dropping) left = 0;
    if (left && reader->start) memmove(reader->buffer, reader->buffer + reader->start, left);
    reader->start = 0;
    reader->scan = reader->end = left;
    if (left > reader->line_max) {
        reader->dropping = true;
        reader->scan = reader->end = left = 0;
    }
    if (reader->cap > reader->window && left < reader->window)
        return resize(reader, reader->window, err);
    if (left < reader->cap) return 0;
    size_t cap = reader->cap > reader->line_max / 2 ? reader->line_max + 1 : reader->cap * 2;
    return resize(reader, cap, err);
}

static int fill(capture_reader *reader, size_t *got, tally_error *err) {
    int rc = make_room(reader, err);
    if (rc) return rc;
    size_t room = reader->cap - reader->end;
    if (room > reader->window) room = reader->window;
    uint8_t *to = reader->buffer + reader->end;
    rc = reader->zstd ? read_zstd(reader, to, room, got, err)
                      : read_file(reader, to, room, got, err);
    if (rc) return rc;
    reader->end += *got;
    reader->stream_at += *got;
    return 0;
}

static void hand_out(capture_reader *reader, size_t newline, capture_line *out) {
    size_t len = newline - reader->start;
    bool long_line = reader->dropping || len > reader->line_max;
    const uint8_t *text = reader->buffer + reader->start;
    if (len > 0 && text[len - 1] == '\r') len--;
    *out = (capture_line){
        .number = ++reader->lines,
        .offset = reader->line_offset,
        .passed_over = long_line ? "the line is too long" : NULL,
    };
    if (!long_line) out->text = tally_span_of(text, len);
    reader->dropping = false;
    reader->start = reader->scan = newline + 1;
    reader->line_offset = reader->stream_at - (reader->end - reader->start);
}

/* The end of the file ends the document. */
static int hand_out_document(capture_reader *reader, capture_line *out) {
    if (reader->stream_at == reader->line_offset) return 0;
    hand_out(reader, reader->end, out);
    reader->start = reader->scan = reader->end;
    reader->line_offset = reader->stream_at;
    return 1;
}

int capture_reader_next(capture_reader *reader, capture_line *out, tally_error *err) {
    for (;;) {
        size_t unseen = reader->end - reader->scan;
        const uint8_t *from = reader->buffer + reader->scan;
        bool look = unseen && !reader->document;
        const uint8_t *newline = look ? memchr(from, '\n', unseen) : NULL;
        if (newline) {
            hand_out(reader, (size_t)(newline - reader->buffer), out);
            return 1;
        }
        reader->scan = reader->end;
        size_t got = 0;
        int rc = fill(reader, &got, err);
        if (rc) return rc;
        if (got == 0) return reader->document ? hand_out_document(reader, out) : 0;
    }
}

uint64_t capture_reader_offset(const capture_reader *reader) {
    return reader->line_offset;
}

uint64_t capture_reader_lines(const capture_reader *reader) {
    return reader->lines;
}

uint64_t capture_reader_taken(const capture_reader *reader) {
    return reader->file_at - reader->file_start;
}
