/* A segment's outside made by hand from its description in tally/segment.h, for bytes that its
 * writer would never write. Header only. */
#ifndef TESTS_SEGMENT_SEAL_H
#define TESTS_SEGMENT_SEAL_H

#include <tally/segment.h>

#include <sodium.h>

#define SEAL_FIRST_CHUNK (2 + 24) /* without keys */
#define SEAL_MESSAGE     0
#define SEAL_FINAL       3

typedef struct seal {
    crypto_secretstream_xchacha20poly1305_state state;
    uint8_t *out;
    size_t len, size;
} seal;

static inline void seal_begin(seal *s, const uint8_t secret[32], uint8_t *out, size_t size) {
    static const uint8_t person[16] = "tally segment";
    uint8_t key[32];
    *s = (seal){.out = out, .size = size};
    out[0] = out[1] = 0; /* no keys */
    (void)crypto_generichash_blake2b_salt_personal(key, sizeof key, out, 2, secret, 32, NULL,
                                                   person);
    (void)crypto_secretstream_xchacha20poly1305_init_push(&s->state, out + 2, key);
    s->len = SEAL_FIRST_CHUNK;
}

/* False when it does not fit. */
static inline bool seal_chunk(seal *s, const uint8_t *plain, size_t len, uint8_t tag) {
    size_t whole = len + 17;
    if (s->size - s->len < 4 + whole) return false;
    uint8_t *at = s->out + s->len;
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(whole >> (24 - 8 * i));
    (void)crypto_secretstream_xchacha20poly1305_push(&s->state, at + 4, NULL, plain, len, at, 4,
                                                     tag);
    s->len += 4 + whole;
    return true;
}

/* The bytes a source gives, in pieces of at most `step`. */
typedef struct seal_source {
    const uint8_t *bytes;
    size_t len, at, step;
    int fail_with; /* at the end, instead of saying that it is the end */
} seal_source;

static inline int seal_read(void *ctx, uint8_t *out, size_t size, size_t *len, tally_error *err) {
    seal_source *s = ctx;
    size_t left = s->len - s->at;
    *len = left < size ? left : size;
    if (s->step > 0 && *len > s->step) *len = s->step;
    if (*len > 0) memcpy(out, s->bytes + s->at, *len);
    s->at += *len;
    return left == 0 && s->fail_with ? tally_fail(err, s->fail_with, "on purpose") : 0;
}

#endif
