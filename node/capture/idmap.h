/* A hash map from 16-byte ids to a number, for ids that are spread evenly or made so by a hash. */
#ifndef CAPTURE_IDMAP_H
#define CAPTURE_IDMAP_H

#include <tally/bytes.h>

#define CAPTURE_ID_BYTES 16u

typedef struct idmap_slot idmap_slot;

typedef struct capture_idmap {
    idmap_slot *slots;
    size_t count, cap;
} capture_idmap;

/* False when absent; `value` may be NULL. */
bool capture_idmap_get(const capture_idmap *map, const uint8_t id[CAPTURE_ID_BYTES],
                       uint64_t *value);
/* Adds or replaces; -1 when memory ran out. */
int capture_idmap_put(capture_idmap *map, const uint8_t id[CAPTURE_ID_BYTES], uint64_t value);
void capture_idmap_clear(capture_idmap *map);

#endif
