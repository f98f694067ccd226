/* Finding where JSON strings and containers end, fast. Private to json.c, which owns the grammar.
 * Each function has a portable form and, on x86-64, one for AVX2 that is chosen at run time; tests
 * hold the two against each other. */
#ifndef LEDGER_JSON_SCAN_H
#define LEDGER_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef struct json_scanner {
    /* `at` is after the opening quote of unchecked text. Returns the closing quote; NULL when there
     * is none before `end`, or on a control byte or a wrong escape. */
    const uint8_t *(*check_string)(const uint8_t *at, const uint8_t *end);
    /* The same for text that passed check_string: only looks for the quote, and tells whether a
     * backslash occurs before it. Returns `end` when there is none. */
    const uint8_t *(*skip_string)(const uint8_t *at, const uint8_t *end, bool *escaped);
    /* `at` is on the opening bracket of checked text. Returns the byte after the closing one, or
     * `end`. */
    const uint8_t *(*skip_container)(const uint8_t *at, const uint8_t *end);
} json_scanner;

extern const json_scanner json_scanner_portable;

/* The fastest that this processor runs. */
const json_scanner *json_scanner_best(void);

#if defined(__SSE2__)
/* Bit i: byte i is a quote, a backslash or a control byte, the three that a string's scan must stop
 * at. */
static inline uint32_t json_special16(const uint8_t *at) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}
#endif

/* Names and ids are short and plain: the closing quote when it is among the next 32 bytes with
 * nothing to check before it, else NULL. Inline and without a loop, because a call or a branch
 * guessed wrong costs more than the search. */
static inline const uint8_t *json_short_string(const uint8_t *at, const uint8_t *end) {
#if defined(__SSE2__)
    if (end - at < 32) return NULL;
    uint32_t mask = json_special16(at + 16) << 16 | json_special16(at);
    if (mask == 0) return NULL;
    at += __builtin_ctz(mask);
    return *at == '"' ? at : NULL;
#else
    (void)at;
    (void)end;
    return NULL;
#endif
}

/* True for the four hex digits that follow \u. */
bool json_hex4(const uint8_t *at, const uint8_t *end, uint32_t *unit);

#endif
