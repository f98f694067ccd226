/* Recording beside reading: full batches are handed over, one at a time, to a thread that records
 * them while the next one is filled. Knows neither logs nor ledger. */
#ifndef CAPTURE_PIPELINE_H
#define CAPTURE_PIPELINE_H

#include "batch.h"

#include <pthread.h>

/* Records a batch: on the caller's thread or on the pipeline's, never on both at once. */
typedef int capture_record_fn(void *ctx, capture_batch *batch, tally_error *err);

typedef struct capture_pipeline {
    capture_batch batches[2];
    capture_batch *filling; /* what the reading side gathers into */
    capture_record_fn *record;
    void *ctx;
    bool threaded; /* what follows is in use */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    capture_batch *waiting; /* handed over and not recorded yet */
    bool closing;
    int rc; /* of what was recorded so far */
    tally_error err;
} capture_pipeline;

/* All functions below are for the reading side: the thread that called this one. Clear with
 * capture_pipeline_clear. */
void capture_pipeline_init(capture_pipeline *pipeline, size_t max_costs, size_t max_bytes,
                           capture_record_fn *record, void *ctx);

/* Hands over what was gathered and goes on with an empty batch; waits while the one before is being
 * recorded. An error may be that of an earlier batch; nothing is recorded after it. */
int capture_pipeline_pass(capture_pipeline *pipeline, tally_error *err);
/* Waits until everything handed over is recorded. */
int capture_pipeline_wait(capture_pipeline *pipeline, tally_error *err);
/* Records everything, also what is being gathered. */
int capture_pipeline_finish(capture_pipeline *pipeline, tally_error *err);
/* Lets a batch that was handed over be recorded, ends the thread and frees all. */
void capture_pipeline_clear(capture_pipeline *pipeline);

#endif
