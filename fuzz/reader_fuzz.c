/* Any bytes as a log file: the first byte says whether it is lines, zstd or a document, the second
 * how much is read at a time. What comes out does not depend on that; and any bytes as a cursor,
 * and as what an adapter saved. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter_fuzz.h"
#include "capture/cursor.h"
#include "capture/reader.h"

#define LINE_MAX_BYTES 512u
#define LARGE_WINDOW   65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

typedef struct seen {
    uint64_t sum, lines, offset;
    int end; /* how reading ended */
} seen;

static void mix(seen *s, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++)
        s->sum = (s->sum ^ at[i]) * UINT64_C(1099511628211);
}

static seen read_all(int fd, size_t size, unsigned form, size_t window) {
    capture_reader *reader;
    capture_line line;
    seen s = {.sum = UINT64_C(14695981039346656037)};
    must(capture_reader_new(window, LINE_MAX_BYTES, &reader, NULL) == 0);
    if (form == 0) capture_reader_start(reader, fd, 0, 0, size);
    if (form == 1) must(capture_reader_start_zstd(reader, fd, size, NULL) == 0);
    if (form == 2) capture_reader_start_document(reader, fd, size);
    while ((s.end = capture_reader_next(reader, &line, NULL)) == 1) {
        must(line.text.len <= LINE_MAX_BYTES && (!line.passed_over || line.text.len == 0));
        must(line.number > s.lines && line.offset >= s.offset);
        s.lines = line.number;
        s.offset = line.offset;
        mix(&s, &line.number, sizeof line.number);
        mix(&s, &line.offset, sizeof line.offset);
        if (line.text.len > 0) mix(&s, line.text.ptr, line.text.len);
    }
    must(s.end == 0 || s.end == TALLY_EFORMAT || s.end == TALLY_ELIMIT);
    must(capture_reader_taken(reader) <= size);
    must(form == 1 || capture_reader_offset(reader) <= size);
    capture_reader_free(reader);
    return s;
}

static void try_cursor(const uint8_t *data, size_t size) {
    uint8_t again[CAPTURE_CURSOR_MAX_BYTES];
    capture_cursor cursor;
    if (!capture_cursor_decode(tally_span_of(data, size), &cursor)) return;
    size_t len = capture_cursor_encode(&cursor, again);
    must(len == size && memcmp(again, data, size) == 0);
}

/* What a pass left for the next one, as any adapter may find it: taken up or refused, and what was
 * taken up can be left again. */
static void try_states(const uint8_t *data, size_t size) {
    static uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    const capture_sink sink = {.session = fuzz_session,
                               .cost = fuzz_cost,
                               .activity = fuzz_activity,
                               .skipped = fuzz_skipped_row,
                               .each_line_of = fuzz_no_lines};
    const capture_file file = {.path = "/p/0a1b2c3d.jsonl", .now_ms = INT64_C(1800000000000)};
    if (size == 0 || size > sizeof saved) return;
    for (size_t i = 0; capture_adapter_at(i); i++) {
        const capture_adapter *adapter = capture_adapter_at(i);
        void *state;
        size_t len;
        if (capture_adapter_open(adapter, &file, tally_span_of(data, size), &sink, &state, NULL))
            continue;
        must(adapter->save(state, saved, &len, NULL) == 0 && len <= sizeof saved);
        must(adapter->end(state, NULL) == 0);
        adapter->close(state);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    if (size < 2) return 0;
    try_cursor(data, size);
    try_states(data + 1, size - 1);
    if (fd < 0) must((fd = memfd_create("log", 0)) >= 0);
    must(ftruncate(fd, 0) == 0 && pwrite(fd, data + 2, size - 2, 0) == (ssize_t)(size - 2));
    seen whole = read_all(fd, size - 2, data[0] % 3u, LARGE_WINDOW);
    seen pieces = read_all(fd, size - 2, data[0] % 3u, 64u + data[1]);
    must((whole.end == 0) == (pieces.end == 0));
    /* Of a damaged frame more comes before the damage is met when less is read at a time, and of
     * two the other may be met first. */
    if (whole.end == 0) must(whole.sum == pieces.sum && whole.lines == pieces.lines);
    return 0;
}
