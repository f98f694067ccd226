/* Token counters of Codex rollouts: the six-field vector that usage records and token_count events
 * hold (agent-logs 4.2), and how one becomes disjoint token classes. */
#ifndef TALLY_CAPTURE_CODEX_USAGE_H
#define TALLY_CAPTURE_CODEX_USAGE_H

#include "field.h"
#include "pack.h"

typedef struct codex_vector {
    uint64_t input; /* contains cached and write */
    uint64_t cached, write;
    uint64_t output; /* contains reasoning */
    uint64_t reasoning, total;
} codex_vector;

/* 1 and the counters of an object; 0 when `value` is no object; TALLY_EFORMAT with a static
 * sentence in `why`. */
int codex_vector_read(const tally_json *value, codex_vector *out, const char **why);
bool codex_vector_eq(const codex_vector *a, const codex_vector *b);
/* The same but for the total, which old versions leave out. */
bool codex_vector_same_usage(const codex_vector *a, const codex_vector *b);
uint64_t codex_vector_hash(uint64_t seed, const codex_vector *vector);
/* a + b per field; counters are at most 2^53 each, sums saturate there. */
codex_vector codex_vector_sum(const codex_vector *a, const codex_vector *b);
/* later - earlier; false when any counter fell. */
bool codex_vector_delta(const codex_vector *later, const codex_vector *earlier, codex_vector *out);

/* Disjoint classes; NULL, or why the counters contradict each other. */
const char *codex_vector_usage(const codex_vector *vector, uint32_t tier, tally_usage *out);

void codex_vector_pack(const codex_vector *vector, capture_packer *packer);
void codex_vector_unpack(codex_vector *vector, capture_unpacker *unpacker);

#endif
