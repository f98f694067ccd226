/* Random numbers for tests that replay: SplitMix64 from a printed seed. TALLY_TEST_SEED replays
 * another one. */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct rng {
    uint64_t state;
} rng;

static inline uint64_t rng_next(rng *r) {
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. bound - 1 */
static inline uint32_t rng_below(rng *r, uint32_t bound) {
    return (uint32_t)(rng_next(r) % bound);
}

static inline rng rng_begin(const char *what, uint64_t seed) {
    const char *given = getenv("TALLY_TEST_SEED");
    if (given) seed = strtoull(given, NULL, 0);
    printf("%s: seed %llu\n", what, (unsigned long long)seed);
    return (rng){seed};
}

#endif
