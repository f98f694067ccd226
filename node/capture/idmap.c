/* Open addressing with linear probing; never more than two thirds full. */
#include "idmap.h"

#include <stdlib.h>

struct idmap_slot {
    uint8_t id[CAPTURE_ID_BYTES];
    uint64_t value;
    bool used;
};

static idmap_slot *slot_of(const capture_idmap *map, const uint8_t *id) {
    uint64_t hash =
        (tally_get_be64(id) ^ (tally_get_be64(id + 8) * 0x9E3779B97F4A7C15u)) * 0xFF51AFD7ED558CCDu;
    size_t at = (size_t)(hash >> 17) & (map->cap - 1);
    while (map->slots[at].used && memcmp(map->slots[at].id, id, CAPTURE_ID_BYTES) != 0)
        at = (at + 1) & (map->cap - 1);
    return &map->slots[at];
}

static int grow(capture_idmap *map) {
    capture_idmap larger = {.cap = map->cap ? map->cap * 2 : 64};
    larger.slots = calloc(larger.cap, sizeof *larger.slots);
    if (!larger.slots) return -1;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].used) *slot_of(&larger, map->slots[i].id) = map->slots[i];
    larger.count = map->count;
    free(map->slots);
    *map = larger;
    return 0;
}

bool capture_idmap_get(const capture_idmap *map, const uint8_t id[CAPTURE_ID_BYTES],
                       uint64_t *value) {
    if (map->cap == 0) return false;
    const idmap_slot *slot = slot_of(map, id);
    if (slot->used && value) *value = slot->value;
    return slot->used;
}

int capture_idmap_put(capture_idmap *map, const uint8_t id[CAPTURE_ID_BYTES], uint64_t value) {
    if (map->count * 3 >= map->cap * 2 && grow(map)) return -1;
    idmap_slot *slot = slot_of(map, id);
    if (!slot->used) {
        memcpy(slot->id, id, CAPTURE_ID_BYTES);
        slot->used = true;
        map->count++;
    }
    slot->value = value;
    return 0;
}

void capture_idmap_clear(capture_idmap *map) {
    free(map->slots);
    *map = (capture_idmap){0};
}
