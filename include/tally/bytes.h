/* Bytes: spans, fixed-width big-endian and little-endian access, and overflow-checked arithmetic.
 * Header only. */
#ifndef TALLY_BYTES_H
#define TALLY_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes; never NUL-terminated, never owned. */
typedef struct tally_span {
    const uint8_t *ptr;
    size_t len;
} tally_span;

__extension__ typedef __int128 tally_i128;
__extension__ typedef unsigned __int128 tally_u128;

static inline tally_span tally_span_of(const void *ptr, size_t len) {
    return (tally_span){(const uint8_t *)ptr, len};
}

/* Span over a NUL-terminated string of ours (a literal, argv); NULL gives the empty span. */
static inline tally_span tally_span_str(const char *text) {
    return tally_span_of(text, text ? strlen(text) : 0);
}

static inline bool tally_span_eq(tally_span a, tally_span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool tally_span_is(tally_span a, const char *text) {
    return tally_span_eq(a, tally_span_str(text));
}

/* Bytewise order, shorter first on a common prefix: <0, 0, >0. */
static inline int tally_span_cmp(tally_span a, tally_span b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (order != 0) return order;
    return (a.len > b.len) - (a.len < b.len);
}

static inline void tally_put_be32(uint8_t *out, uint32_t v) {
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> (24 - 8 * i));
}

static inline void tally_put_be64(uint8_t *out, uint64_t v) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

static inline uint32_t tally_get_be32(const uint8_t *in) {
    return ((uint32_t)in[0] << 24) | ((uint32_t)in[1] << 16) | ((uint32_t)in[2] << 8) | in[3];
}

static inline uint64_t tally_get_be64(const uint8_t *in) {
    return ((uint64_t)tally_get_be32(in) << 32) | tally_get_be32(in + 4);
}

/* 0 and the sum, or -1 on overflow. */
static inline int tally_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    return __builtin_add_overflow(a, b, out) ? -1 : 0;
}

static inline int tally_add_i128(tally_i128 a, tally_i128 b, tally_i128 *out) {
    return __builtin_add_overflow(a, b, out) ? -1 : 0;
}

static inline int tally_mul_u128(tally_u128 a, tally_u128 b, tally_u128 *out) {
    return __builtin_mul_overflow(a, b, out) ? -1 : 0;
}

#endif
