/* Chance: xoshiro256** (Blackman and Vigna), seeded through splitmix64, and the same behind
 * libsodium, so that secrets and salts drawn inside the ledger come again in a replay. */
#include "sim.h"

#include <sodium.h>

static dice sodium_dice;

void dice_seed(dice *d, uint64_t seed) {
    for (size_t i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        d->state[i] = z ^ (z >> 31);
    }
}

static uint64_t rotate(uint64_t x, unsigned bits) {
    return (x << bits) | (x >> (64 - bits));
}

uint64_t dice_next(dice *d) {
    uint64_t *s = d->state, out = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return out;
}

/* The bias of a remainder does not matter here. */
uint64_t dice_below(dice *d, uint64_t bound) {
    return bound ? dice_next(d) % bound : 0;
}

uint64_t dice_between(dice *d, uint64_t low, uint64_t high) {
    return low + dice_below(d, high - low + 1);
}

bool dice_chance(dice *d, unsigned percent) {
    return dice_below(d, 100) < percent;
}

void dice_bytes(dice *d, void *out, size_t len) {
    uint8_t *at = out;
    while (len > 0) {
        uint64_t word = dice_next(d);
        size_t some = len < sizeof word ? len : sizeof word;
        memcpy(at, &word, some);
        at += some;
        len -= some;
    }
}

static const char *sodium_name(void) {
    return "tally_sim";
}
static uint32_t sodium_word(void) {
    return (uint32_t)dice_next(&sodium_dice);
}
static void sodium_fill(void *const out, const size_t len) {
    dice_bytes(&sodium_dice, out, len);
}

void dice_install(void) {
    static randombytes_implementation drawn = {
        .implementation_name = sodium_name, .random = sodium_word, .buf = sodium_fill};
    dice_seed(&sodium_dice, 0);
    (void)randombytes_set_implementation(&drawn);
}

void dice_seed_sodium(uint64_t seed) {
    dice_seed(&sodium_dice, seed);
}
