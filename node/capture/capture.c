/* A pass: find the logs, choose what changed, read it in order, record it batch by batch. One
 * process at a time. */
#include "pass.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_FILE           "capture.lock"
#define HEAD_WINDOW_BYTES   (64u * 1024u)
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
    return capture_record(&pass->recorder, txn, &pass->batch, err);
}

static int count_batch(capture_pass *pass, tally_error *err) {
    tally_txn *txn;
    int rc = tally_read_begin(pass->ledger, &txn, err);
    if (rc) return rc;
    rc = capture_record(&pass->recorder, txn, &pass->batch, err);
    tally_read_end(txn);
    return rc;
}

int capture_pass_flush(capture_pass *pass, tally_error *err) {
    if (capture_batch_is_empty(&pass->batch)) return 0;
    if (pass->tuning->max_commits && pass->commits == pass->tuning->max_commits)
        return tally_fail(err, TALLY_EREFUSED, "the pass was to stop after %llu commits",
                          (unsigned long long)pass->commits);
    capture_batch_seal(&pass->batch);
    int rc = pass->options->dry_run
                 ? count_batch(pass, err)
                 : tally_ledger_write(pass->ledger, pass->now_ms, write_batch, pass, err);
    if (rc) return rc;
    capture_recorder_settle(&pass->recorder);
    pass->commits++;
    pass->result->sessions += pass->recorder.counts.sessions;
    pass->result->costs += pass->recorder.counts.costs;
    pass->result->activity += pass->recorder.counts.activity;
    capture_batch_reset(&pass->batch);
    return 0;
}

/* True when nothing in the file can be new: it is as it was, and nothing waits for it to fall
 * silent. */
static bool is_unchanged(capture_pass *pass, tally_txn *txn, const capture_source *source,
                         uint64_t *bytes) {
    uint8_t key[CAPTURE_ID_BYTES];
    tally_span value;
    capture_cursor cursor;
    *bytes = source->stamp.size;
    capture_cursor_key(source->adapter->agent, source->path, key);
    if (tally_local_get(txn, TALLY_LOCAL_CURSORS, tally_span_of(key, sizeof key), &value) != 0 ||
        !capture_cursor_decode(value, &cursor))
        return false;
    if (cursor.offset <= source->stamp.size) *bytes -= cursor.offset;
    if (!capture_stamp_eq(&cursor.stamp, &source->stamp)) return false;
    return !cursor.pending || !capture_is_idle(&cursor.stamp, cursor.last_ms, pass->now_ms);
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

static int read_all(capture_pass *pass, tally_error *err) {
    if (pass->work_count == 0) return 0;
    int rc = capture_reader_new(pass->tuning->window_bytes, pass->tuning->line_max_bytes,
                                &pass->reader, err);
    if (!rc) rc = capture_recorder_init(&pass->recorder, pass->options->dry_run, err);
    for (size_t i = 0; i < pass->work_count && !rc; i++) {
        rc = capture_pass_read(pass, pass->work[i], err);
        if (!rc && capture_batch_is_full(&pass->batch)) rc = capture_pass_flush(pass, err);
    }
    return rc ? rc : capture_pass_flush(pass, err);
}

/* Waits for another process that captures. A dry run records nothing and does not wait. */
static int lock(const tally_ledger *ledger, bool dry_run, int *fd, tally_error *err) {
    char path[PATH_MAX];
    *fd = -1;
    if (dry_run) return 0;
    int n = snprintf(path, sizeof path, "%s/" LOCK_FILE, tally_ledger_dir(ledger));
    if (n < 0 || (size_t)n >= sizeof path)
        return tally_fail(err, TALLY_EINVAL, "the path of the ledger is too long");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return tally_fail(err, TALLY_EREADONLY, "cannot open %s: %s", path, strerror(errno));
    int rc;
    do {
        rc = flock(*fd, LOCK_EX);
    } while (rc != 0 && errno == EINTR);
    if (rc == 0) return 0;
    rc = tally_fail(err, TALLY_EIO, "cannot lock %s: %s", path, strerror(errno));
    (void)close(*fd);
    *fd = -1;
    return rc;
}

static int check(const capture_options *options, tally_error *err) {
    if (!options->home || options->home[0] != '/')
        return tally_fail(err, TALLY_EINVAL, "the home directory must be an absolute path");
    for (size_t i = 0; capture_adapter_at(i); i++)
        if (capture_adapter_is(capture_adapter_at(i), options->agent)) return 0;
    return tally_fail(err, TALLY_EINVAL, "unknown agent '%.64s'; there are %s", options->agent,
                      capture_adapter_names());
}

int capture_run_tuned(tally_ledger *ledger, const capture_options *options,
                      const capture_tuning *tuning, capture_result *result, tally_error *err) {
    tally_error unused;
    if (!err) err = &unused;
    *result = (capture_result){0};
    capture_pass pass = {.ledger = ledger, .options = options, .tuning = tuning, .result = result};
    pass.batch.max_costs = tuning->batch_max_costs;
    pass.batch.max_bytes = tuning->batch_max_bytes;
    int lock_fd = -1;
    int rc = check(options, err);
    if (!rc) rc = lock(ledger, options->dry_run, &lock_fd, err);
    if (rc) return rc;
    pass.now_ms = options->now_ms();
    const capture_search search = {options->home, options->use_environment, options->agent,
                                   capture_pass_report, &pass};
    rc = capture_sources_find(&search, &pass.sources, err);
    if (!rc) rc = choose(&pass, err);
    if (!rc) rc = order(&pass, err);
    if (!rc) rc = read_all(&pass, err);
    capture_reader_free(pass.reader);
    capture_recorder_clear(&pass.recorder);
    capture_batch_clear(&pass.batch);
    capture_sources_clear(&pass.sources);
    free(pass.work);
    if (lock_fd >= 0) (void)close(lock_fd);
    return rc;
}

int capture_run(tally_ledger *ledger, const capture_options *options, capture_result *result,
                tally_error *err) {
    return capture_run_tuned(ledger, options, &usual, result, err);
}
