/* The hand-over between the two sides: one batch at most is under way, so that batches are recorded
 * in the order in which they were read. */
#include "pipeline.h"

#include <assert.h>

void capture_pipeline_init(capture_pipeline *pipeline, size_t max_costs, size_t max_bytes,
                           capture_record_fn *record, void *ctx) {
    *pipeline = (capture_pipeline){.record = record, .ctx = ctx};
    for (size_t i = 0; i < 2; i++) {
        pipeline->batches[i].max_costs = max_costs;
        pipeline->batches[i].max_bytes = max_bytes;
    }
    pipeline->filling = &pipeline->batches[0];
}

static void lock(capture_pipeline *pipeline) {
    int rc = pthread_mutex_lock(&pipeline->mutex);
    assert(rc == 0);
    (void)rc;
}

static void unlock(capture_pipeline *pipeline) {
    int rc = pthread_mutex_unlock(&pipeline->mutex);
    assert(rc == 0);
    (void)rc;
}

static void *record_each(void *opaque) {
    capture_pipeline *pipeline = opaque;
    lock(pipeline);
    for (;;) {
        while (!pipeline->waiting && !pipeline->closing)
            (void)pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
        if (!pipeline->waiting) break;
        unlock(pipeline);
        tally_error err = {0};
        int rc = pipeline->record(pipeline->ctx, pipeline->waiting, &err);
        capture_batch_reset(pipeline->waiting);
        lock(pipeline);
        pipeline->waiting = NULL;
        if (rc) {
            pipeline->rc = rc;
            pipeline->err = err;
        }
        (void)pthread_cond_signal(&pipeline->changed);
    }
    unlock(pipeline);
    return NULL;
}

/* Without a thread all goes on as before, one after the other: not being able to start one is no
 * error. */
static void start(capture_pipeline *pipeline) {
    if (pthread_mutex_init(&pipeline->mutex, NULL) != 0) return;
    if (pthread_cond_init(&pipeline->changed, NULL) != 0) goto no_condition;
    if (pthread_create(&pipeline->thread, NULL, record_each, pipeline) != 0) goto no_thread;
    pipeline->threaded = true;
    return;
no_thread:
    (void)pthread_cond_destroy(&pipeline->changed);
no_condition:
    (void)pthread_mutex_destroy(&pipeline->mutex);
}

/* The error of what was recorded so far. With the mutex held where there is a thread. */
static int failure(const capture_pipeline *pipeline, tally_error *err) {
    if (pipeline->rc && err) *err = pipeline->err;
    return pipeline->rc;
}

static int record_here(capture_pipeline *pipeline, tally_error *err) {
    if (!pipeline->rc && !capture_batch_is_empty(pipeline->filling)) {
        pipeline->rc = pipeline->record(pipeline->ctx, pipeline->filling, &pipeline->err);
        capture_batch_reset(pipeline->filling);
    }
    return failure(pipeline, err);
}

/* With the mutex held; so is it afterwards. */
static int wait_idle(capture_pipeline *pipeline, tally_error *err) {
    while (pipeline->waiting)
        (void)pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
    return failure(pipeline, err);
}

/* The first batch is recorded right here: a pass that has no second one needs no thread, and where
 * the ledger asks for a passphrase, it does so on the caller's thread and before any other work. */
int capture_pipeline_pass(capture_pipeline *pipeline, tally_error *err) {
    if (!pipeline->threaded) {
        int rc = record_here(pipeline, err);
        if (!rc) start(pipeline);
        return rc;
    }
    if (capture_batch_is_empty(pipeline->filling)) return 0;
    lock(pipeline);
    int rc = wait_idle(pipeline, err);
    if (!rc) {
        pipeline->waiting = pipeline->filling;
        pipeline->filling = &pipeline->batches[pipeline->filling == &pipeline->batches[0]];
        (void)pthread_cond_signal(&pipeline->changed);
    }
    unlock(pipeline);
    return rc;
}

int capture_pipeline_wait(capture_pipeline *pipeline, tally_error *err) {
    if (!pipeline->threaded) return failure(pipeline, err);
    lock(pipeline);
    int rc = wait_idle(pipeline, err);
    unlock(pipeline);
    return rc;
}

int capture_pipeline_finish(capture_pipeline *pipeline, tally_error *err) {
    int rc = capture_pipeline_wait(pipeline, err);
    return rc ? rc : record_here(pipeline, err);
}

void capture_pipeline_clear(capture_pipeline *pipeline) {
    if (pipeline->threaded) {
        lock(pipeline);
        pipeline->closing = true;
        (void)pthread_cond_signal(&pipeline->changed);
        unlock(pipeline);
        int rc = pthread_join(pipeline->thread, NULL);
        assert(rc == 0);
        (void)rc;
        (void)pthread_cond_destroy(&pipeline->changed);
        (void)pthread_mutex_destroy(&pipeline->mutex);
    }
    for (size_t i = 0; i < 2; i++)
        capture_batch_clear(&pipeline->batches[i]);
    *pipeline = (capture_pipeline){0};
}
