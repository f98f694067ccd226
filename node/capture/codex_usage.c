/* Arithmetic on Codex counters. When an event is spend is decided in codex_count.c. */
#include "codex_usage.h"

#include "recent.h"

#define COUNT_MAX (UINT64_C(1) << 53)

int codex_vector_read(const tally_json *value, codex_vector *out, const char **why) {
    static const capture_field fields[] = {
        CAPTURE_FIELD("input_tokens"),
        CAPTURE_FIELD("cached_input_tokens"),
        CAPTURE_FIELD("cache_write_input_tokens"),
        CAPTURE_FIELD("output_tokens"),
        CAPTURE_FIELD("reasoning_output_tokens"),
        CAPTURE_FIELD("total_tokens"),
    };
    tally_json field[6];
    memset(out, 0, sizeof *out);
    if (value->type != TALLY_JSON_OBJECT) return 0;
    capture_pick(value, fields, 6, field);
    *why = !capture_count(&field[0], &out->input)       ? "input_tokens is not a count"
           : !capture_count(&field[1], &out->cached)    ? "cached_input_tokens is not a count"
           : !capture_count(&field[2], &out->write)     ? "cache_write_input_tokens is not a count"
           : !capture_count(&field[3], &out->output)    ? "output_tokens is not a count"
           : !capture_count(&field[4], &out->reasoning) ? "reasoning_output_tokens is not a count"
           : !capture_count(&field[5], &out->total)     ? "total_tokens is not a count"
                                                        : NULL;
    return *why ? TALLY_EFORMAT : 1;
}

bool codex_vector_same_usage(const codex_vector *a, const codex_vector *b) {
    return a->input == b->input && a->cached == b->cached && a->write == b->write &&
           a->output == b->output && a->reasoning == b->reasoning;
}

bool codex_vector_eq(const codex_vector *a, const codex_vector *b) {
    return codex_vector_same_usage(a, b) && a->total == b->total;
}

uint64_t codex_vector_hash(uint64_t seed, const codex_vector *vector) {
    uint8_t bytes[48];
    tally_put_be64(bytes, vector->input);
    tally_put_be64(bytes + 8, vector->cached);
    tally_put_be64(bytes + 16, vector->write);
    tally_put_be64(bytes + 24, vector->output);
    tally_put_be64(bytes + 32, vector->reasoning);
    tally_put_be64(bytes + 40, vector->total);
    return capture_hash(seed, tally_span_of(bytes, sizeof bytes));
}

static uint64_t add(uint64_t a, uint64_t b) {
    return a + b < COUNT_MAX ? a + b : COUNT_MAX;
}

codex_vector codex_vector_sum(const codex_vector *a, const codex_vector *b) {
    return (codex_vector){.input = add(a->input, b->input),
                          .cached = add(a->cached, b->cached),
                          .write = add(a->write, b->write),
                          .output = add(a->output, b->output),
                          .reasoning = add(a->reasoning, b->reasoning),
                          .total = add(a->total, b->total)};
}

bool codex_vector_delta(const codex_vector *later, const codex_vector *earlier, codex_vector *out) {
    if (later->input < earlier->input || later->cached < earlier->cached ||
        later->write < earlier->write || later->output < earlier->output ||
        later->reasoning < earlier->reasoning)
        return false;
    *out = (codex_vector){.input = later->input - earlier->input,
                          .cached = later->cached - earlier->cached,
                          .write = later->write - earlier->write,
                          .output = later->output - earlier->output,
                          .reasoning = later->reasoning - earlier->reasoning};
    out->total = out->input + out->output;
    return true;
}

const char *codex_vector_usage(const codex_vector *vector, uint32_t tier, tally_usage *out) {
    memset(out, 0, sizeof *out);
    uint64_t cache = vector->cached + vector->write; /* each at most 2^53 */
    if (cache > vector->input) return "more cached than input tokens";
    out->input = vector->input - cache;
    out->cache_read = vector->cached;
    out->cache_write_5m = vector->write;
    out->output = vector->output;
    out->tier = tier;
    return NULL;
}

void codex_vector_pack(const codex_vector *vector, capture_packer *packer) {
    capture_pack_u64(packer, vector->input);
    capture_pack_u64(packer, vector->cached);
    capture_pack_u64(packer, vector->write);
    capture_pack_u64(packer, vector->output);
    capture_pack_u64(packer, vector->reasoning);
    capture_pack_u64(packer, vector->total);
}

void codex_vector_unpack(codex_vector *vector, capture_unpacker *unpacker) {
    vector->input = capture_unpack_u64(unpacker);
    vector->cached = capture_unpack_u64(unpacker);
    vector->write = capture_unpack_u64(unpacker);
    vector->output = capture_unpack_u64(unpacker);
    vector->reasoning = capture_unpack_u64(unpacker);
    vector->total = capture_unpack_u64(unpacker);
}
