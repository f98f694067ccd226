/* What Copilot CLI sums up when a session ends: totals of each model that grow over resumptions and
 * begin again after a compaction (agent-logs section 8). */
#ifndef CAPTURE_COPILOT_METRICS_H
#define CAPTURE_COPILOT_METRICS_H

#include "field.h"
#include "pack.h"

#define COPILOT_MODELS_MAX 16u

typedef struct copilot_counts {
    uint64_t input, output, cache_read, cache_write, reasoning; /* input holds both caches */
} copilot_counts;

typedef struct copilot_metrics {
    struct {
        capture_id model;
        copilot_counts last;
    } models[COPILOT_MODELS_MAX];
    size_t count;
} copilot_metrics;

/* Told how much a model's totals grew. */
typedef int copilot_growth_fn(void *ctx, const capture_id *model, const copilot_counts *growth,
                              const copilot_counts *total, tally_error *err);

/* Takes the data of a session.shutdown. `why` is set when something in it could not be counted. */
int copilot_metrics_take(copilot_metrics *metrics, const tally_json *data, copilot_growth_fn *grown,
                         void *ctx, const char **why, tally_error *err);

void copilot_metrics_pack(const copilot_metrics *metrics, capture_packer *packer);
void copilot_metrics_unpack(copilot_metrics *metrics, capture_unpacker *unpacker);

/* The token classes; false when the caches are larger than the input that holds them. */
bool copilot_usage(const copilot_counts *counts, tally_usage *usage, uint64_t *reasoning);

#endif
