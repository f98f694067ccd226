/* CipherState and SymmetricState of Noise (sections 5.1 and 5.2). Private to sync/. */
#ifndef TALLY_NOISE_CIPHER_H
#define TALLY_NOISE_CIPHER_H

#include <tally/noise.h>

/* The all-zero state has no key: it passes bytes through. */
struct tally_noise_cipher {
    uint8_t key[TALLY_NOISE_KEY_BYTES];
    uint64_t nonce; /* of the next message; 2^64 - 1 is reserved */
    bool keyed;
};

/* Wipe with sodium_memzero. */
typedef struct noise_symmetric {
    tally_noise_cipher cipher;
    uint8_t chaining_key[TALLY_HASH_BYTES];
    tally_hash hash;
} noise_symmetric;

/* InitializeKey. */
void noise_cipher_set_key(tally_noise_cipher *cipher, const uint8_t key[TALLY_NOISE_KEY_BYTES]);

/* Bytes that encrypting adds: a tag, or nothing without a key. */
static inline size_t noise_cipher_overhead(const tally_noise_cipher *cipher) {
    return cipher->keyed ? TALLY_NOISE_TAG_BYTES : 0;
}

void noise_symmetric_init(noise_symmetric *state, tally_span protocol_name);
void noise_symmetric_mix_key(noise_symmetric *state, tally_span input);
void noise_symmetric_mix_hash(noise_symmetric *state, tally_span data);
void noise_symmetric_mix_key_and_hash(noise_symmetric *state, tally_span input);
/* EncryptAndHash and DecryptAndHash; `out` holds the input and more or less the overhead. The
 * latter is TALLY_EFORMAT when the input does not authenticate, and then `out` holds zeros. */
int noise_symmetric_encrypt(noise_symmetric *state, tally_span plaintext, uint8_t *out,
                            tally_error *err);
int noise_symmetric_decrypt(noise_symmetric *state, tally_span ciphertext, uint8_t *out,
                            tally_error *err);
/* Keys of both directions; the initiator sends with the first. */
void noise_symmetric_split(const noise_symmetric *state, tally_noise_cipher *from_initiator,
                           tally_noise_cipher *from_responder);

#endif
