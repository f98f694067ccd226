/* What the benchmarks share: a clock, repeatable pseudo-random numbers, medians. Measures nothing
 * itself. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_NS_PER_S UINT64_C(1000000000)

static inline uint64_t bench_now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * BENCH_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every machine. */
typedef struct bench_random {
    uint64_t state;
} bench_random;

static inline uint64_t bench_next(bench_random *random) {
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* low <= result < high. The bias of the remainder does not matter here. */
static inline uint32_t bench_between(bench_random *random, uint32_t low, uint32_t high) {
    return low + (uint32_t)(bench_next(random) % (high - low));
}

static inline int bench_order_u64(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Sorts `values`. */
static inline uint64_t bench_median(uint64_t *values, size_t count) {
    qsort(values, count, sizeof *values, bench_order_u64);
    return values[count / 2];
}

/* A decimal argument from 1 to `max`, or 0. */
static inline uint64_t bench_number(const char *text, uint64_t max) {
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && value <= max ? value : 0;
}

#endif
