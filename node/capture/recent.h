/* A bounded set of 64-bit hashes that forgets its oldest member when it is full, and the hash that
 * feeds it. */
#ifndef TALLY_CAPTURE_RECENT_H
#define TALLY_CAPTURE_RECENT_H

#include <tally/bytes.h>
#include <tally/error.h>

typedef struct capture_recent {
    uint64_t *ring;    /* members, oldest first from `oldest` */
    uint32_t *slots;   /* open addressing: ring position + 1, 0 for free; twice the room */
    uint32_t capacity; /* a power of two */
    uint32_t room;     /* of the ring now: grows up to the capacity */
    uint32_t count, oldest;
} capture_recent;

/* Allocates nothing yet; `capacity` is a power of two up to 2^24. Released by capture_recent_clear.
 */
void capture_recent_init(capture_recent *set, uint32_t capacity);
void capture_recent_clear(capture_recent *set);
bool capture_recent_has(const capture_recent *set, uint64_t hash);
/* Adds `hash`, pushing out the oldest member when full; nothing happens when it is there already. 0
 * or TALLY_ENOMEM. */
int capture_recent_add(capture_recent *set, uint64_t hash, tally_error *err);
/* The member added `age` additions before the newest (0: the newest); `age` < count. */
uint64_t capture_recent_newest(const capture_recent *set, uint32_t age);

/* SipHash-2-4 of `data` under `seed`; chained by passing one result as the next seed, so that parts
 * cannot run together. */
uint64_t capture_hash(uint64_t seed, tally_span data);

#endif
