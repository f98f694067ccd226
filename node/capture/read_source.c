/* Reading one log file: where to begin, lines to the adapter, its events into the batch, and the
 * cursor that says how far it went. */
#include "reading.h"

#include <errno.h>
#include <unistd.h>

#define TIME_MAX_MS    (INT64_C(1) << 47) /* a record's clock holds 48 bits */
#define COUNT_MAX      (UINT64_C(1) << 53)
#define PROGRESS_BYTES (4u * 1024u * 1024u)

static bool text_ok(tally_span text) {
    return text.len <= CAPTURE_TEXT_MAX_BYTES && tally_utf8_valid(text);
}

static void drop_bad(tally_span *text) {
    if (!text_ok(*text)) *text = (tally_span){0};
}

void reading_skip(const reading *read, const char *why) {
    capture_pass_report(read->pass, read->source->path, read->line, why);
}

/* A failure inside the batch is ours: the adapter passes it up, and the pass stops. */
static int ours(reading *read, int rc) {
    if (rc) read->broken = true;
    return rc;
}

static int take_session(void *ctx, const capture_session *given, tally_error *err) {
    reading *read = ctx;
    capture_session seen = *given;
    if (seen.id.len == 0 || !text_ok(seen.id)) return 0;
    tally_span *const texts[] = {&seen.parent, &seen.cwd,     &seen.branch, &seen.remote,
                                 &seen.commit, &seen.version, &seen.title};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        drop_bad(texts[i]);
    if (seen.title.len > CAPTURE_TITLE_MAX_BYTES) seen.title.len = 0;
    return ours(read, capture_batch_session(read->pass->pipeline.filling, read->adapter->agent,
                                            &seen, err));
}

static const char *wrong_with(const capture_cost *seen) {
    const tally_usage *usage = &seen->usage;
    const uint64_t counts[] = {usage->input,          usage->output,         usage->cache_read,
                               usage->cache_write_5m, usage->cache_write_1h, seen->reasoning};
    if (seen->key.len == 0 || !text_ok(seen->key)) return "a response without a usable id";
    if (seen->session.len == 0 || !text_ok(seen->session)) return "a response without a session";
    if (seen->model.len == 0 || seen->model.len >= TALLY_MODEL_MAX_BYTES || !text_ok(seen->model))
        return "a response without a usable model name";
    if (seen->time_ms < 0 || seen->time_ms >= TIME_MAX_MS) return "a response at no possible time";
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i] > COUNT_MAX) return "a token count that cannot be";
    if (usage->web_searches > UINT32_MAX) return "a count of searches that cannot be";
    return NULL;
}

static int take_cost(void *ctx, const capture_cost *given, tally_error *err) {
    reading *read = ctx;
    capture_cost seen = *given;
    const char *why = wrong_with(&seen);
    if (why) {
        reading_skip(read, why);
        return 0;
    }
    drop_bad(&seen.subagent);
    drop_bad(&seen.message);
    return ours(read,
                capture_batch_cost(read->pass->pipeline.filling, read->adapter->agent, &seen, err));
}

static int take_activity(void *ctx, const capture_activity *seen, tally_error *err) {
    reading *read = ctx;
    if (seen->session.len == 0 || !text_ok(seen->session)) return 0;
    if (seen->time_ms < 0 || seen->time_ms >= TIME_MAX_MS) return 0;
    return ours(read, capture_batch_activity(read->pass->pipeline.filling, read->adapter->agent,
                                             seen, err));
}

static int take_skipped(void *ctx, uint64_t line, const char *why, tally_error *err) {
    const reading *read = ctx;
    (void)err;
    capture_pass_report(read->pass, read->source->path, line, why);
    return 0;
}

/* Damage in the other file ends it: what could be read of a parent is better than no fork at all.
 */
static int each_line(capture_reader *reader, int (*fn)(void *line_ctx, tally_span text),
                     void *line_ctx, tally_error *err) {
    capture_line line;
    int rc;
    while ((rc = capture_reader_next(reader, &line, err)) == 1) {
        rc = line.passed_over ? 0 : fn(line_ctx, line.text);
        if (rc) return rc;
    }
    return rc == TALLY_ENOMEM ? rc : 0;
}

static int each_line_of(void *ctx, tally_span id, int (*fn)(void *line_ctx, tally_span text),
                        void *line_ctx, tally_error *err) {
    reading *read = ctx;
    const capture_tuning *tuning = read->pass->tuning;
    const capture_source *other = capture_sources_by_id(&read->pass->sources, read->adapter, id);
    if (!other || other == read->source)
        return tally_fail(err, TALLY_ENOTFOUND, "there is no log of %.*s",
                          (int)(id.len < 64 ? id.len : 64), (const char *)id.ptr);
    struct stat st;
    capture_reader *reader = NULL;
    int fd = capture_source_open(other, &st);
    if (fd < 0) return tally_fail(err, TALLY_ENOTFOUND, "cannot open %s", other->path);
    int rc = capture_reader_new(tuning->window_bytes, tuning->line_max_bytes, &reader, err);
    if (rc) goto out;
    if (other->form == CAPTURE_ZSTD)
        rc = capture_reader_start_zstd(reader, fd, (uint64_t)st.st_size, err);
    else
        capture_reader_start(reader, fd, 0, 0, (uint64_t)st.st_size);
    if (!rc) rc = each_line(reader, fn, line_ctx, err);
out:
    capture_reader_free(reader);
    (void)close(fd);
    return rc;
}

/* What is written anew as a whole, or cannot be entered in its middle, is read from its start each
 * time. */
static bool is_read_whole(const reading *read) {
    return read->source->form == CAPTURE_ZSTD || read->source->form == CAPTURE_DOCUMENT;
}

/* Opens the adapter where the last pass stopped, or at the start when the file is not what it was.
 */
static int start(reading *read, tally_error *err) {
    capture_cursor cursor;
    bool found = capture_cursor_decode(read->stored, &cursor);
    if (found && !is_read_whole(read) &&
        capture_cursor_holds(&cursor, read->fd, read->stamp.size) &&
        capture_adapter_open(read->adapter, &read->file, cursor.state, &read->sink, &read->state,
                             NULL) == 0) {
        capture_reader_start(read->pass->reader, read->fd, cursor.offset, cursor.lines,
                             read->stamp.size);
        return 0;
    }
    int rc = capture_adapter_open(read->adapter, &read->file, (tally_span){0}, &read->sink,
                                  &read->state, err);
    if (rc) return rc;
    if (read->source->form == CAPTURE_ZSTD)
        return capture_reader_start_zstd(read->pass->reader, read->fd, read->stamp.size, err);
    if (read->source->form == CAPTURE_DOCUMENT)
        capture_reader_start_document(read->pass->reader, read->fd, read->stamp.size);
    else
        capture_reader_start(read->pass->reader, read->fd, 0, 0, read->stamp.size);
    return 0;
}

int reading_add_cursor(reading *read, bool at_end, tally_error *err) {
    const capture_reader *reader = read->pass->reader;
    bool lines = read->source->form != CAPTURE_DATABASE;
    uint64_t end = lines ? capture_reader_offset(reader) : read->stamp.size;
    uint64_t count = lines ? capture_reader_lines(reader) : 0;
    capture_cursor cursor = {.stamp = read->stamp, .last_ms = read->source->last_ms};
    uint8_t key[CAPTURE_ID_BYTES], value[CAPTURE_CURSOR_MAX_BYTES];
    size_t len = 0;
    read->adapter->resume(read->state, end, count, &cursor.offset, &cursor.lines);
    if (cursor.offset > end) cursor.offset = end, cursor.lines = count;
    cursor.pending = !read->file.idle && cursor.offset < end;
    if (!at_end) cursor.stamp.mtime_ns = 0; /* never looks unchanged: there is more to read */
    if (!lines || is_read_whole(read)) cursor.offset = cursor.lines = 0;
    if (is_read_whole(read)) {
        if (!at_end) return 0;
    } else {
        int rc = read->adapter->save(read->state, read->saved, &len, err);
        if (rc) return rc;
        cursor.state = tally_span_of(read->saved, len);
    }
    /* Cut short while it was read: without a cursor the next pass reads it again. */
    if (capture_cursor_seal(&cursor, read->fd, NULL) != 0) return 0;
    capture_cursor_key(read->adapter->agent, read->source->path, key);
    len = capture_cursor_encode(&cursor, value);
    return ours(read, capture_batch_cursor(read->pass->pipeline.filling, key,
                                           tally_span_of(value, len), err));
}

int reading_step(reading *read, uint64_t taken, tally_error *err) {
    capture_pass *pass = read->pass;
    read->taken = taken;
    if (taken - read->progress >= PROGRESS_BYTES) {
        capture_pass_progress(pass, taken - read->progress);
        read->progress = taken;
    }
    if (!capture_batch_is_full(pass->pipeline.filling)) return 0;
    int rc = reading_add_cursor(read, false, err);
    return rc ? rc : ours(read, capture_pipeline_pass(&pass->pipeline, err));
}

static int read_lines(reading *read, tally_error *err) {
    capture_line line;
    int rc;
    while ((rc = capture_reader_next(read->pass->reader, &line, err)) == 1) {
        read->line = line.number;
        if (line.passed_over)
            reading_skip(read, line.passed_over);
        else
            rc = read->adapter->line(read->state, line.text, line.number, line.offset, err);
        if (rc >= 0) rc = reading_step(read, capture_reader_taken(read->pass->reader), err);
        if (rc) return rc;
    }
    if (rc == TALLY_ENOMEM) return ours(read, rc);
    if (rc < 0) {
        read->line++;
        reading_skip(read, err->text);
        read->cut = rc == TALLY_EIO;
    }
    rc = read->adapter->end(read->state, err);
    if (!rc && !read->cut) rc = reading_add_cursor(read, true, err);
    return rc;
}

static int read_file(reading *read, tally_error *err) {
    capture_reader *reader = read->pass->reader;
    capture_reader_start(reader, read->fd, 0, 0, 0);
    int rc = start(read, err);
    if (!rc) rc = read_lines(read, err);
    read->taken = capture_reader_taken(reader);
    return rc;
}

/* Everything that the adapter may want to know about the file. */
static void describe(reading *read, const struct stat *st) {
    const capture_source *source = read->source;
    size_t len = 0;
    read->stamp = capture_source_stamp(source, st);
    read->file = (capture_file){
        .path = source->path,
        .now_ms = read->pass->now_ms,
        .written_ms = read->stamp.mtime_ns / 1000000,
        .idle = capture_is_idle(&read->stamp, source->last_ms, read->pass->now_ms),
        .has_database = capture_sources_have_database(&read->pass->sources, read->adapter),
    };
    if (read->adapter->project && read->adapter->project(source->path, read->project, &len))
        read->file.project = tally_span_of(read->project, len);
}

int capture_pass_read(capture_pass *pass, const capture_source *source, tally_span saved,
                      tally_error *err) {
    struct stat st;
    reading read = {.pass = pass, .source = source, .adapter = source->adapter, .stored = saved};
    read.sink = (capture_sink){.ctx = &read,
                               .session = take_session,
                               .cost = take_cost,
                               .activity = take_activity,
                               .skipped = take_skipped,
                               .each_line_of = each_line_of};
    read.fd = capture_source_open(source, &st);
    if (read.fd < 0) {
        if (errno == ENOENT) return 0; /* deleted or moved since it was found */
        capture_pass_report(pass, source->path, 0, strerror(errno));
        return 0;
    }
    describe(&read, &st);
    bool database = source->form == CAPTURE_DATABASE;
    int rc = database ? reading_database(&read, err) : read_file(&read, err);
    if (read.state) read.adapter->close(read.state);
    pass->result->bytes_read += read.taken;
    capture_pass_progress(pass, read.taken - read.progress);
    (void)close(read.fd);
    if (!rc || read.broken || rc == TALLY_ENOMEM) return rc;
    reading_skip(&read, err->text);
    return 0;
}
