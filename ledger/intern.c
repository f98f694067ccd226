/* The table of intern.h. */
#include "intern.h"

#include <stdlib.h>

#define MIN_SLOTS 256u

int index_map_init(index_map *map) {
    *map = (index_map){.slots = MIN_SLOTS};
    map->keys = calloc(MIN_SLOTS, sizeof *map->keys);
    map->values = calloc(MIN_SLOTS, sizeof *map->values);
    if (map->keys && map->values) return 0;
    index_map_clear(map);
    return -1;
}

void index_map_clear(index_map *map) {
    free(map->keys);
    free(map->values);
    *map = (index_map){0};
}

static size_t find(const index_map *map, uint64_t key) {
    size_t mask = map->slots - 1, at = index_mix(0, key) & mask;
    while (map->values[at] != 0 && map->keys[at] != key)
        at = (at + 1) & mask;
    return at;
}

static bool grow(index_map *map) {
    index_map bigger = {.slots = map->slots * 2, .used = map->used};
    bigger.keys = calloc(bigger.slots, sizeof *bigger.keys);
    bigger.values = calloc(bigger.slots, sizeof *bigger.values);
    if (!bigger.keys || !bigger.values) {
        index_map_clear(&bigger);
        return false;
    }
    for (size_t i = 0; i < map->slots; i++) {
        if (map->values[i] == 0) continue;
        size_t at = find(&bigger, map->keys[i]);
        bigger.keys[at] = map->keys[i];
        bigger.values[at] = map->values[i];
    }
    free(map->keys);
    free(map->values);
    *map = bigger;
    return true;
}

uint32_t *index_map_slot(index_map *map, uint64_t key) {
    size_t at = find(map, key);
    if (map->values[at] != 0) return &map->values[at];
    if (map->used * 2 >= map->slots) {
        if (!grow(map)) return NULL;
        at = find(map, key);
    }
    map->keys[at] = key;
    map->used++;
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): grow() has put new arrays there
    return &map->values[at];
}

uint32_t index_map_find(const index_map *map, uint64_t key) {
    return map->values[find(map, key)];
}
