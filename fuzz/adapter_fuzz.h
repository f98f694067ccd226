/* Harness of the adapters' fuzz targets: the input's first byte says where a pass ends and whether
 * the file is idle, the rest is a log file. Whatever it holds, reading must succeed, and what is
 * emitted must be clean and bounded. */
#ifndef TALLY_FUZZ_ADAPTER_FUZZ_H
#define TALLY_FUZZ_ADAPTER_FUZZ_H

#include <stdlib.h>

#include "capture/adapters.h"

#define COUNT_MAX (UINT64_C(1) << 62)

typedef struct fuzz_log {
    const char *path;
    const uint8_t *data;
    size_t size;
} fuzz_log;

static inline void require(bool holds) {
    if (!holds) abort();
}

static inline void require_title(tally_span title) {
    require(title.len <= CAPTURE_TITLE_MAX_BYTES);
    for (size_t i = 0; i < title.len; i++)
        require(title.ptr[i] >= 0x20 && title.ptr[i] != 0x7f);
}

static inline int fuzz_session(void *ctx, const capture_session *seen, tally_error *err) {
    (void)ctx;
    (void)err;
    require(seen->id.len <= CAPTURE_TEXT_MAX_BYTES && seen->cwd.len <= CAPTURE_TEXT_MAX_BYTES);
    require_title(seen->title);
    return 0;
}

static inline int fuzz_cost(void *ctx, const capture_cost *seen, tally_error *err) {
    (void)ctx;
    (void)err;
    require(seen->key.len > 0 && seen->key.len <= CAPTURE_TEXT_MAX_BYTES);
    require(seen->usage.input < COUNT_MAX && seen->usage.output < COUNT_MAX);
    require(seen->usage.cache_read < COUNT_MAX && seen->usage.cache_write_5m < COUNT_MAX);
    require(seen->usage.cache_write_1h < COUNT_MAX && seen->usage.web_searches < COUNT_MAX);
    require(seen->reasoning <= seen->usage.output);
    require(!seen->has_reported || seen->reported_pico > 0);
    return 0;
}

static inline int fuzz_activity(void *ctx, const capture_activity *seen, tally_error *err) {
    (void)ctx;
    (void)err;
    require(seen->key.len <= CAPTURE_TEXT_MAX_BYTES);
    return 0;
}

static inline int fuzz_skipped(void *ctx, uint64_t line, const char *why, tally_error *err) {
    (void)ctx;
    (void)err;
    require(line > 0 && why && *why);
    return 0;
}

/* Rows have whatever number a file gives them. */
static inline int fuzz_skipped_row(void *ctx, uint64_t row, const char *why, tally_error *err) {
    (void)ctx, (void)row, (void)err;
    require(why && *why);
    return 0;
}

static inline int fuzz_no_lines(void *ctx, tally_span id, int (*fn)(void *, tally_span),
                                void *fn_ctx, tally_error *err) {
    (void)ctx, (void)id, (void)fn, (void)fn_ctx;
    return tally_fail(err, TALLY_ENOTFOUND, "no such log");
}

/* Every file is its own parent. */
static inline int fuzz_each_line_of(void *ctx, tally_span id, int (*fn)(void *, tally_span),
                                    void *fn_ctx, tally_error *err) {
    const fuzz_log *log = ctx;
    (void)err;
    if (id.len % 2 == 0) return tally_fail(err, TALLY_ENOTFOUND, "no such log");
    for (size_t at = 0; at < log->size;) {
        const uint8_t *end = memchr(log->data + at, '\n', log->size - at);
        if (!end) break;
        int rc = fn(fn_ctx, tally_span_of(log->data + at, (size_t)(end - log->data) - at));
        if (rc != 0) return rc;
        at = (size_t)(end - log->data) + 1;
    }
    return 0;
}

/* One pass from `*offset`; `stop` lines at most. */
static inline void fuzz_pass(const capture_adapter *adapter, const fuzz_log *log, bool idle,
                             size_t stop, uint8_t *saved, size_t *saved_len, uint64_t *offset,
                             uint64_t *line) {
    capture_sink sink = {.ctx = (void *)(uintptr_t)log,
                         .session = fuzz_session,
                         .cost = fuzz_cost,
                         .activity = fuzz_activity,
                         .skipped = fuzz_skipped,
                         .each_line_of = fuzz_each_line_of};
    capture_file file = {.path = log->path, .now_ms = INT64_C(1800000000000), .idle = idle};
    tally_error err;
    void *state = NULL;
    size_t at = (size_t)*offset;
    uint64_t number = *line, from = *offset;
    require(capture_adapter_open(adapter, &file, tally_span_of(saved, *saved_len), &sink, &state,
                                 &err) == 0);
    for (size_t n = 0; n < stop && at < log->size; n++) {
        const uint8_t *end = memchr(log->data + at, '\n', log->size - at);
        if (!end) break;
        size_t len = (size_t)(end - log->data) - at;
        require(adapter->line(state, tally_span_of(log->data + at, len), ++number, at, &err) == 0);
        at += len + 1;
    }
    require(adapter->end(state, &err) == 0);
    adapter->resume(state, at, number, offset, line);
    require(*offset >= from && *offset <= at && *line <= number);
    require(!idle || *offset == at);
    require(adapter->save(state, saved, saved_len, &err) == 0);
    require(*saved_len <= CAPTURE_STATE_MAX_BYTES);
    adapter->close(state);
}

static inline int fuzz_adapter_at(const capture_adapter *adapter, const char *path,
                                  const uint8_t *data, size_t size) {
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    size_t saved_len = 0;
    uint64_t offset = 0, line = 0;
    if (size < 1) return 0;
    fuzz_log log = {.path = path, .data = data + 1, .size = size - 1};
    fuzz_pass(adapter, &log, false, data[0] & 0x7f, saved, &saved_len, &offset, &line);
    fuzz_pass(adapter, &log, (data[0] & 0x80) != 0, SIZE_MAX, saved, &saved_len, &offset, &line);
    return 0;
}

static inline int fuzz_adapter(const capture_adapter *adapter, const uint8_t *data, size_t size) {
    return fuzz_adapter_at(adapter, "/p/0a1b2c3d.jsonl", data, size);
}

#endif
