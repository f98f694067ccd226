/* A pass: find the logs, choose what changed, read it in order, record it batch by batch. One
 * process at a time; in it, the ledger is touched by one side at a time (pass.h). */
#include "pass.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE           "capture.lock"
#define LINE_FILE           "capture.next" /* held by one that waits for the lock */
#define HEAD_WINDOW_BYTES   (16u * 1024u)
#define HEAD_LINE_MAX_BYTES (1024u * 1024u)

static const capture_tuning usual = {
    .window_bytes = CAPTURE_WINDOW_BYTES,
    .line_max_bytes = CAPTURE_LINE_MAX_BYTES,
    .batch_max_costs = CAPTURE_BATCH_MAX_COSTS,
    .batch_max_bytes = CAPTURE_BATCH_MAX_BYTES,
};

void capture_pass_report(void *ctx, const char *path, uint64_t line, const char *why) {
    capture_pass *pass = ctx;
    pass->result->skipped++;
    if (pass->options->skipped) pass->options->skipped(pass->options->ctx, path, line, why);
}

void capture_pass_progress(capture_pass *pass, uint64_t bytes) {
    pass->bytes_done += bytes;
    if (pass->options->progress)
        pass->options->progress(pass->options->ctx, pass->bytes_done, pass->bytes_total);
}

static int write_batch(void *ctx, tally_txn *txn, tally_error *err) {
    capture_pass *pass = ctx;
    return capture_record(&pass->recorder, txn, pass->recording, err);
}

static int count_batch(capture_pass *pass, tally_error *err) {
    tally_txn *txn;
    int rc = tally_read_begin(pass->ledger, &txn, err);
    if (rc) return rc;
    rc = capture_record(&pass->recorder, txn, pass->recording, err);
    tally_read_end(txn);
    return rc;
}

static int record_batch(void *ctx, capture_batch *batch, tally_error *err) {
    capture_pass *pass = ctx;
    if (pass->tuning->max_commits && pass->commits == pass->tuning->max_commits)
        return tally_fail(err, TALLY_EREFUSED, "the pass was to stop after %llu commits",
                          (unsigned long long)pass->commits);
    capture_batch_seal(batch);
    pass->recording = batch;
    int rc = pass->options->dry_run
                 ? count_batch(pass, err)
                 : tally_ledger_write(pass->ledger, pass->now_ms, write_batch, pass, err);
    if (rc) return rc;
    capture_recorder_settle(&pass->recorder);
    pass->commits++;
    pass->result->sessions += pass->recorder.counts.sessions;
    pass->result->costs += pass->recorder.counts.costs;
    pass->result->activity += pass->recorder.counts.activity;
    return 0;
}

static bool stored_cursor(tally_txn *txn, const capture_source *source, tally_span *value) {
    uint8_t key[CAPTURE_ID_BYTES];
    capture_cursor_key(source->adapter->agent, source->path, key);
    return tally_local_get(txn, TALLY_LOCAL_CURSORS, tally_span_of(key, sizeof key), value) == 0 &&
           value->len <= CAPTURE_CURSOR_MAX_BYTES;
}

/* True when nothing in the file can be new: it is as it was, and nothing waits for it to fall
 * silent. */
static bool is_unchanged(capture_pass *pass, tally_txn *txn, const capture_source *source,
                         uint64_t *bytes) {
    tally_span value;
    capture_cursor cursor;
    *bytes = source->stamp.size;
    if (!stored_cursor(txn, source, &value) || !capture_cursor_decode(value, &cursor)) return false;
    if (cursor.offset <= source->stamp.size) *bytes -= cursor.offset;
    if (!capture_stamp_eq(&cursor.stamp, &source->stamp)) {
        pass->ahead.needed = true;
        return false;
    }
    bool due = cursor.pending && capture_is_idle(&cursor.stamp, cursor.last_ms, pass->now_ms);
    pass->ahead.needed |= due;
    return !due;
}

static int choose(capture_pass *pass, tally_error *err) {
    tally_txn *txn;
    pass->result->files = pass->sources.count;
    pass->work = calloc(pass->sources.count + 1, sizeof(capture_source *));
    if (!pass->work) return tally_fail(err, TALLY_ENOMEM, "no memory for the list of log files");
    int rc = tally_read_begin(pass->ledger, &txn, err);
    if (rc) return rc;
    for (size_t i = 0; i < pass->sources.count; i++) {
        capture_source *source = &pass->sources.items[i];
        uint64_t bytes;
        if (is_unchanged(pass, txn, source, &bytes)) continue;
        pass->work[pass->work_count++] = source;
        pass->bytes_total += bytes;
    }
    tally_read_end(txn);
    return 0;
}

static int order(capture_pass *pass, tally_error *err) {
    capture_reader *reader = NULL;
    if (pass->work_count == 0) return 0;
    int rc = capture_reader_new(HEAD_WINDOW_BYTES, HEAD_LINE_MAX_BYTES, &reader, err);
    for (size_t i = 0; i < pass->work_count && !rc; i++)
        rc = capture_source_time(&pass->sources, pass->work[i], reader, err);
    capture_reader_free(reader);
    if (rc) return rc;
    return capture_sources_order(&pass->sources, pass->work, pass->work_count, err);
}

/* Loads the cursors of work[from] and the files after it, once nothing is being written. */
static int look_ahead(capture_pass *pass, size_t from, tally_error *err) {
    capture_ahead *ahead = &pass->ahead;
    tally_txn *txn;
    int rc = capture_pipeline_wait(&pass->pipeline, err);
    if (!rc) rc = tally_read_begin(pass->ledger, &txn, err);
    if (rc) return rc;
    capture_arena_reset(&ahead->arena);
    ahead->from = from;
    ahead->count = 0;
    while (ahead->count < CAPTURE_AHEAD_FILES && from + ahead->count < pass->work_count && !rc) {
        tally_span value, *kept = &ahead->cursor[ahead->count];
        bool known = stored_cursor(txn, pass->work[from + ahead->count++], &value);
        if (capture_arena_copy(&ahead->arena, known ? value : (tally_span){0}, kept))
            rc = tally_fail(err, TALLY_ENOMEM, "no memory for where the last pass stopped");
    }
    tally_read_end(txn);
    return rc;
}

static int read_next(capture_pass *pass, size_t at, tally_error *err) {
    capture_ahead *ahead = &pass->ahead;
    tally_span saved = {0};
    if (ahead->needed) {
        int rc = at < ahead->from + ahead->count ? 0 : look_ahead(pass, at, err);
        if (rc) return rc;
        saved = ahead->cursor[at - ahead->from];
    }
    return capture_pass_read(pass, pass->work[at], saved, err);
}

static int read_all(capture_pass *pass, tally_error *err) {
    if (pass->work_count == 0) return 0;
    int rc = capture_reader_new(pass->tuning->window_bytes, pass->tuning->line_max_bytes,
                                &pass->reader, err);
    if (!rc) rc = capture_recorder_init(&pass->recorder, pass->options->dry_run, err);
    for (size_t i = 0; i < pass->work_count && !rc; i++) {
        rc = read_next(pass, i, err);
        if (!rc && capture_batch_is_full(pass->pipeline.filling))
            rc = capture_pipeline_pass(&pass->pipeline, err);
    }
    return rc ? rc : capture_pipeline_finish(&pass->pipeline, err);
}

/* Holds the lock file `name`, or waits for it. *fd is -1 when it is held by another and `now`. */
static int lock(const tally_ledger *ledger, const char *name, bool now, int *fd, tally_error *err) {
    char path[PATH_MAX];
    *fd = -1;
    int n = snprintf(path, sizeof path, "%s/%s", tally_ledger_dir(ledger), name);
    if (n < 0 || (size_t)n >= sizeof path)
        return tally_fail(err, TALLY_EINVAL, "the path of the ledger is too long");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return tally_fail(err, TALLY_EREADONLY, "cannot open %s: %s; %s", path, strerror(errno),
                          tally_errno_advice(errno));
    int rc;
    do {
        rc = flock(*fd, LOCK_EX | (now ? LOCK_NB : 0));
    } while (rc != 0 && errno == EINTR);
    if (rc == 0) return 0;
    rc = errno == EWOULDBLOCK
             ? 0
             : tally_fail(err, TALLY_EIO, "cannot lock %s: %s", path, strerror(errno));
    (void)close(*fd);
    *fd = -1;
    return rc;
}

/* Waits for another process that captures; *fd stays -1 when there is no need to: a dry run records
 * nothing, and who `may_leave` stands in line only where nobody else does. */
static int turn_wait(const tally_ledger *ledger, const capture_options *options, int *fd,
                     tally_error *err) {
    int line = -1;
    *fd = -1;
    if (options->dry_run) return 0;
    if (!options->may_leave) return lock(ledger, LOCK_FILE, false, fd, err);
    int rc = lock(ledger, LINE_FILE, true, &line, err);
    if (rc || line < 0) return rc;
    rc = lock(ledger, LOCK_FILE, false, fd, err);
    (void)close(line);
    return rc;
}

static int check(const capture_options *options, tally_error *err) {
    if (!options->home || options->home[0] != '/')
        return tally_fail(err, TALLY_EINVAL, "the home directory must be an absolute path");
    for (size_t i = 0; capture_adapter_at(i); i++)
        if (capture_adapter_is(capture_adapter_at(i), options->agent)) return 0;
    char names[CAPTURE_NAMES_MAX_BYTES];
    capture_adapter_names(names, sizeof names);
    return tally_fail(err, TALLY_EINVAL, "unknown agent '%.64s'; there are %s", options->agent,
                      names);
}

int capture_run_tuned(tally_ledger *ledger, const capture_options *options,
                      const capture_tuning *tuning, capture_result *result, tally_error *err) {
    tally_error unused;
    if (!err) err = &unused;
    *result = (capture_result){0};
    capture_pass pass = {.ledger = ledger, .options = options, .tuning = tuning, .result = result};
    int lock_fd = -1;
    int rc = check(options, err);
    if (!rc) rc = turn_wait(ledger, options, &lock_fd, err);
    if (rc || (lock_fd < 0 && !options->dry_run)) return rc;
    pass.now_ms = options->now_ms();
    capture_pipeline_init(&pass.pipeline, tuning->batch_max_costs, tuning->batch_max_bytes,
                          record_batch, &pass);
    const capture_search search = {options->home, options->use_environment, options->agent,
                                   capture_pass_report, &pass};
    rc = capture_sources_find(&search, &pass.sources, err);
    if (!rc) rc = choose(&pass, err);
    if (!rc) rc = order(&pass, err);
    if (!rc) rc = read_all(&pass, err);
    capture_pipeline_clear(&pass.pipeline); /* first: its thread uses the recorder */
    capture_reader_free(pass.reader);
    capture_recorder_clear(&pass.recorder);
    capture_arena_clear(&pass.ahead.arena);
    capture_sources_clear(&pass.sources);
    free(pass.work);
    /* No record says when logs were last looked at: nothing new is no fact worth signing. */
    if (lock_fd >= 0 && !rc) (void)futimens(lock_fd, NULL);
    if (lock_fd >= 0) (void)close(lock_fd);
    return rc;
}

int capture_run(tally_ledger *ledger, const capture_options *options, capture_result *result,
                tally_error *err) {
    return capture_run_tuned(ledger, options, &usual, result, err);
}
