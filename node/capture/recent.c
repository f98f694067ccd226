/* The bounded set of hashes: a ring in order of arrival beside an open-addressing index. */
#include "recent.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

_Static_assert(crypto_shorthash_BYTES == 8, "capture_hash is 64 bits");
_Static_assert(crypto_shorthash_KEYBYTES == 16, "capture_hash seeds half of the key");

#define RECENT_CAPACITY_MAX (1u << 24)
#define RECENT_ROOM_MIN     64u /* most logs are short */

uint64_t capture_hash(uint64_t seed, tally_span data) {
    uint8_t key[crypto_shorthash_KEYBYTES] = {0};
    uint8_t out[crypto_shorthash_BYTES];
    tally_put_be64(key, seed);
    crypto_shorthash(out, data.len ? data.ptr : key, data.len, key);
    return tally_get_be64(out);
}

void capture_recent_init(capture_recent *set, uint32_t capacity) {
    assert(capacity > 0 && capacity <= RECENT_CAPACITY_MAX && (capacity & (capacity - 1)) == 0);
    *set = (capture_recent){.capacity = capacity};
}

void capture_recent_clear(capture_recent *set) {
    free(set->ring);
    free(set->slots);
    capture_recent_init(set, set->capacity);
}

static uint32_t mask_of(const capture_recent *set) {
    return set->room * 2 - 1;
}

/* The slot that holds `hash`, or the free one where it would go. */
static uint32_t find_slot(const capture_recent *set, uint64_t hash) {
    uint32_t mask = mask_of(set);
    uint32_t slot = (uint32_t)hash & mask;
    while (set->slots[slot] != 0 && set->ring[set->slots[slot] - 1] != hash)
        slot = (slot + 1) & mask;
    return slot;
}

bool capture_recent_has(const capture_recent *set, uint64_t hash) {
    return set->ring && set->slots[find_slot(set, hash)] != 0;
}

/* Frees a slot and moves later members of its run up, so that no search stops too early. */
static void free_slot(capture_recent *set, uint32_t hole) {
    uint32_t mask = mask_of(set);
    for (uint32_t at = (hole + 1) & mask; set->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)set->ring[set->slots[at] - 1] & mask;
        bool stays = hole <= at ? (hole < home && home <= at) : (hole < home || home <= at);
        if (stays) continue;
        set->slots[hole] = set->slots[at];
        hole = at;
    }
    set->slots[hole] = 0;
}

/* Makes room for one more below the capacity. Until that is reached nothing was pushed out, and the
 * ring begins at 0. */
static int grow(capture_recent *set, tally_error *err) {
    if (set->count < set->room || set->room == set->capacity) return 0;
    uint32_t room = set->room ? set->room * 2 : RECENT_ROOM_MIN;
    if (room > set->capacity) room = set->capacity;
    uint32_t *slots = calloc((size_t)room * 2, sizeof *slots);
    uint64_t *ring = slots ? realloc(set->ring, room * sizeof *ring) : NULL;
    if (!ring) {
        free(slots);
        return tally_fail(err, TALLY_ENOMEM,
                          "cannot remember what was seen in a log: out of memory");
    }
    assert(set->oldest == 0);
    free(set->slots);
    set->ring = ring;
    set->slots = slots;
    set->room = room;
    for (uint32_t at = 0; at < set->count; at++)
        // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): the old ring held `count` hashes
        slots[find_slot(set, ring[at])] = at + 1;
    return 0;
}

int capture_recent_add(capture_recent *set, uint64_t hash, tally_error *err) {
    if (capture_recent_has(set, hash)) return 0;
    int rc = grow(set, err);
    if (rc != 0) return rc;
    uint32_t at = (set->oldest + set->count) & (set->room - 1);
    if (set->count == set->room) {
        free_slot(set, find_slot(set, set->ring[at]));
        set->oldest = (set->oldest + 1) & (set->room - 1);
    } else {
        set->count++;
    }
    uint32_t slot = find_slot(set, hash);
    set->ring[at] = hash;
    set->slots[slot] = at + 1;
    return 0;
}

uint64_t capture_recent_newest(const capture_recent *set, uint32_t age) {
    assert(age < set->count);
    return set->ring[(set->oldest + set->count - 1 - age) & (set->room - 1)];
}
