/* A growing table from 64-bit numbers to small values: sessions, models and groups seen during one
 * scan. */
#ifndef LEDGER_INTERN_H
#define LEDGER_INTERN_H

#include <tally/bytes.h>

/* Open addressing; values are 32-bit indexes into an array of the caller's. */
typedef struct index_map {
    uint64_t *keys;
    uint32_t *values; /* index + 1; 0 is free */
    size_t slots, used;
} index_map;

/* -1 when memory ran out. */
int index_map_init(index_map *map);
void index_map_clear(index_map *map);
/* The slot of `key`: *value is 0 when it is new and the caller must set it (index + 1). NULL when
 * memory ran out. The pointer is valid until the next call. */
uint32_t *index_map_slot(index_map *map, uint64_t key);

/* What stands under `key` (index + 1), or 0. */
uint32_t index_map_find(const index_map *map, uint64_t key);

static inline uint64_t index_mix(uint64_t h, uint64_t v) {
    h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 33);
}

#endif
