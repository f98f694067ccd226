/* SHA-256 (FIPS 180-4) behind one door, so that its engine can be chosen at build time (libcrypto
 * where there is one, else libsodium), and the two RFC 6962 section 2.1 hashes made from it. */
#ifndef TALLY_HASH_H
#define TALLY_HASH_H

#include <tally/bytes.h>

#define TALLY_HASH_BYTES 32

typedef struct tally_hash {
    uint8_t b[TALLY_HASH_BYTES];
} tally_hash;

void tally_sha256(tally_span data, tally_hash *out);
/* SHA-256 of the concatenation of `count` spans. */
void tally_sha256_parts(const tally_span *parts, size_t count, tally_hash *out);
/* SHA-256(0x00 || record). */
void tally_leaf_hash(tally_span record, tally_hash *out);
/* SHA-256(0x01 || left || right). */
void tally_node_hash(const tally_hash *left, const tally_hash *right, tally_hash *out);

static inline bool tally_hash_eq(const tally_hash *a, const tally_hash *b) {
    return memcmp(a->b, b->b, TALLY_HASH_BYTES) == 0;
}

/* Lower-case hex; `out` holds 2 * len + 1. */
void tally_hex(tally_span bytes, char *out);
/* Exactly `len` bytes from 2 * len hex digits (either case); -1 otherwise. */
int tally_unhex(tally_span text, uint8_t *out, size_t len);
/* Base64 with padding (RFC 4648 section 4), or `for_url` (section 5) without: no white space, no
 * stray bits, nothing behind it. At most `size` bytes, `*len` of them; -1 otherwise. */
int tally_unbase64(tally_span text, bool for_url, uint8_t *out, size_t size, size_t *len);

#endif
