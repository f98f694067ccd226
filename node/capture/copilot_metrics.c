/* Growth of Copilot's totals. */
#include "copilot_metrics.h"

static bool read_counts(const tally_json *usage, copilot_counts *out) {
    static const capture_field fields[] = {
        CAPTURE_FIELD("inputTokens"), CAPTURE_FIELD("outputTokens"),
        CAPTURE_FIELD("cacheReadTokens"), CAPTURE_FIELD("cacheWriteTokens"),
        CAPTURE_FIELD("reasoningTokens")};
    tally_json field[5];
    capture_pick(usage, fields, 5, field);
    return capture_count(&field[0], &out->input) && capture_count(&field[1], &out->output) &&
           capture_count(&field[2], &out->cache_read) &&
           capture_count(&field[3], &out->cache_write) && capture_count(&field[4], &out->reasoning);
}

static copilot_counts *last_of(copilot_metrics *metrics, const capture_id *model) {
    for (size_t i = 0; i < metrics->count; i++)
        if (tally_span_eq(capture_id_span(&metrics->models[i].model), capture_id_span(model)))
            return &metrics->models[i].last;
    if (metrics->count == COPILOT_MODELS_MAX) return NULL;
    metrics->models[metrics->count].model = *model;
    metrics->models[metrics->count].last = (copilot_counts){0};
    return &metrics->models[metrics->count++].last;
}

/* Totals that fell began again: all of them is new. */
static copilot_counts growth_of(const copilot_counts *last, const copilot_counts *now) {
    bool fell = now->input < last->input || now->output < last->output ||
                now->cache_read < last->cache_read || now->cache_write < last->cache_write ||
                now->reasoning < last->reasoning;
    if (fell) return *now;
    return (copilot_counts){.input = now->input - last->input,
                            .output = now->output - last->output,
                            .cache_read = now->cache_read - last->cache_read,
                            .cache_write = now->cache_write - last->cache_write,
                            .reasoning = now->reasoning - last->reasoning};
}

int copilot_metrics_take(copilot_metrics *metrics, const tally_json *data, copilot_growth_fn *grown,
                         void *ctx, const char **why, tally_error *err) {
    static const capture_field metrics_field = CAPTURE_FIELD("modelMetrics");
    static const capture_field usage_field = CAPTURE_FIELD("usage");
    tally_json models, name, value, usage;
    tally_json_iter iter;
    int rc = 0;
    capture_pick(data, &metrics_field, 1, &models);
    if (models.type != TALLY_JSON_OBJECT) return 0;
    tally_json_iter_init(&iter, &models);
    while (!rc && tally_json_next(&iter, &name, &value)) {
        capture_id model;
        copilot_counts now;
        capture_pick(&value, &usage_field, 1, &usage);
        bool known = !capture_id_is_long(&name) && capture_id_take(&model, &name);
        copilot_counts *last = known ? last_of(metrics, &model) : NULL;
        if (!last || !read_counts(&usage, &now)) {
            *why =
                last ? "a token count that is no count" : "too many models, or one without a name";
            continue;
        }
        const copilot_counts growth = growth_of(last, &now);
        *last = now;
        if (growth.input + growth.output > 0) rc = grown(ctx, &model, &growth, &now, err);
    }
    return rc;
}

void copilot_metrics_pack(const copilot_metrics *metrics, capture_packer *packer) {
    capture_pack_u8(packer, (uint8_t)metrics->count);
    for (size_t i = 0; i < metrics->count; i++) {
        const copilot_counts *last = &metrics->models[i].last;
        capture_pack_text(packer, capture_id_span(&metrics->models[i].model));
        capture_pack_u64(packer, last->input);
        capture_pack_u64(packer, last->output);
        capture_pack_u64(packer, last->cache_read);
        capture_pack_u64(packer, last->cache_write);
        capture_pack_u64(packer, last->reasoning);
    }
}

void copilot_metrics_unpack(copilot_metrics *metrics, capture_unpacker *unpacker) {
    size_t count = capture_unpack_u8(unpacker);
    if (count > COPILOT_MODELS_MAX) {
        unpacker->bad = true;
        return;
    }
    for (metrics->count = 0; metrics->count < count; metrics->count++) {
        capture_id *model = &metrics->models[metrics->count].model;
        copilot_counts *last = &metrics->models[metrics->count].last;
        capture_unpack_text(unpacker, model->text, sizeof model->text, &model->len);
        last->input = capture_unpack_u64(unpacker);
        last->output = capture_unpack_u64(unpacker);
        last->cache_read = capture_unpack_u64(unpacker);
        last->cache_write = capture_unpack_u64(unpacker);
        last->reasoning = capture_unpack_u64(unpacker);
    }
}

bool copilot_usage(const copilot_counts *counts, tally_usage *usage, uint64_t *reasoning) {
    uint64_t cached = counts->cache_read + counts->cache_write;
    if (cached < counts->cache_read || cached > counts->input) return false;
    *usage = (tally_usage){.input = counts->input - cached,
                           .output = counts->output,
                           .cache_read = counts->cache_read,
                           .cache_write_5m = counts->cache_write};
    *reasoning = counts->reasoning < counts->output ? counts->reasoning : counts->output;
    return true;
}
