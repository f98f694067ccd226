/* Noise's symmetric half: ChaChaPoly with counted nonces, HKDF over SHA-256, and the transport that
 * a handshake ends in. Diffie-Hellman and patterns are in noise.c. */
#include "noise_cipher.h"

#include <tally/secret.h>

#include <assert.h>
#include <sodium.h>

#define NONCE_RESERVED UINT64_MAX /* section 5.1: never used for a message, REKEY takes it */

_Static_assert(TALLY_NOISE_KEY_BYTES == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "key size");
_Static_assert(TALLY_NOISE_TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES, "tag size");
_Static_assert(TALLY_HASH_BYTES == crypto_auth_hmacsha256_BYTES, "HMAC size");

typedef struct aead_nonce {
    uint8_t b[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
} aead_nonce;

/* Section 12.3: 32 bits of zeros, then n little-endian. */
static aead_nonce nonce_bytes(uint64_t n) {
    aead_nonce out = {{0}};
    for (size_t i = 0; i < 8; i++)
        out.b[4 + i] = (uint8_t)(n >> (8 * i));
    return out;
}

void noise_cipher_set_key(tally_noise_cipher *cipher, const uint8_t key[TALLY_NOISE_KEY_BYTES]) {
    memcpy(cipher->key, key, TALLY_NOISE_KEY_BYTES);
    cipher->nonce = 0;
    cipher->keyed = true;
}

static int nonce_check(const tally_noise_cipher *cipher, tally_error *err) {
    if (cipher->nonce != NONCE_RESERVED) return 0;
    return tally_fail(err, TALLY_ELIMIT,
                      "all nonces of this Noise session are used; start a new session");
}

/* EncryptWithAd with a key. */
static int seal(tally_noise_cipher *cipher, tally_span ad, tally_span plaintext, uint8_t *out,
                tally_error *err) {
    int rc = nonce_check(cipher, err);
    if (rc != 0) return rc;
    aead_nonce nonce = nonce_bytes(cipher->nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plaintext.ptr, plaintext.len, ad.ptr,
                                                    ad.len, NULL, nonce.b, cipher->key);
    cipher->nonce++;
    return 0;
}

/* DecryptWithAd with a key; a forgery does not move the nonce. */
static int open_sealed(tally_noise_cipher *cipher, tally_span ad, tally_span ciphertext,
                       uint8_t *out, tally_error *err) {
    int rc = nonce_check(cipher, err);
    if (rc != 0) return rc;
    aead_nonce nonce = nonce_bytes(cipher->nonce);
    if (ciphertext.len < TALLY_NOISE_TAG_BYTES ||
        crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, ciphertext.ptr, ciphertext.len,
                                                  ad.ptr, ad.len, nonce.b, cipher->key) != 0)
        return tally_fail(err, TALLY_EFORMAT,
                          "the bytes do not authenticate: changed on the way, or made with another "
                          "key; drop the connection");
    cipher->nonce++;
    return 0;
}

/* HMAC-SHA256 over two parts. */
static void hmac(const uint8_t key[TALLY_HASH_BYTES], tally_span first, tally_span second,
                 uint8_t out[TALLY_HASH_BYTES]) {
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, TALLY_HASH_BYTES);
    crypto_auth_hmacsha256_update(&state, first.ptr, first.len);
    crypto_auth_hmacsha256_update(&state, second.ptr, second.len);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

#define HKDF_MAX_OUTPUTS 3u

typedef struct hkdf_outputs {
    uint8_t b[HKDF_MAX_OUTPUTS][TALLY_HASH_BYTES];
} hkdf_outputs;

/* Section 4.3. The caller wipes `out`. */
static void hkdf(const uint8_t chaining_key[TALLY_HASH_BYTES], tally_span input, size_t count,
                 hkdf_outputs *out) {
    const tally_span nothing = {NULL, 0};
    uint8_t temp_key[TALLY_HASH_BYTES];
    assert(count <= HKDF_MAX_OUTPUTS);
    hmac(chaining_key, input, nothing, temp_key);
    for (size_t i = 0; i < count; i++) {
        uint8_t number = (uint8_t)(i + 1);
        tally_span previous = i ? tally_span_of(out->b[i - 1], TALLY_HASH_BYTES) : nothing;
        hmac(temp_key, previous, tally_span_of(&number, 1), out->b[i]);
    }
    sodium_memzero(temp_key, sizeof temp_key);
}

void noise_symmetric_init(noise_symmetric *state, tally_span protocol_name) {
    *state = (noise_symmetric){0};
    if (protocol_name.len <= TALLY_HASH_BYTES)
        memcpy(state->hash.b, protocol_name.ptr, protocol_name.len);
    else
        tally_sha256(protocol_name, &state->hash);
    memcpy(state->chaining_key, state->hash.b, TALLY_HASH_BYTES);
}

void noise_symmetric_mix_hash(noise_symmetric *state, tally_span data) {
    const tally_span parts[] = {tally_span_of(state->hash.b, TALLY_HASH_BYTES), data};
    tally_hash mixed;
    tally_sha256_parts(parts, 2, &mixed);
    state->hash = mixed;
}

void noise_symmetric_mix_key(noise_symmetric *state, tally_span input) {
    hkdf_outputs out;
    hkdf(state->chaining_key, input, 2, &out);
    memcpy(state->chaining_key, out.b[0], TALLY_HASH_BYTES);
    noise_cipher_set_key(&state->cipher, out.b[1]);
    sodium_memzero(&out, sizeof out);
}

void noise_symmetric_mix_key_and_hash(noise_symmetric *state, tally_span input) {
    hkdf_outputs out;
    hkdf(state->chaining_key, input, 3, &out);
    memcpy(state->chaining_key, out.b[0], TALLY_HASH_BYTES);
    noise_symmetric_mix_hash(state, tally_span_of(out.b[1], TALLY_HASH_BYTES));
    noise_cipher_set_key(&state->cipher, out.b[2]);
    sodium_memzero(&out, sizeof out);
}

int noise_symmetric_encrypt(noise_symmetric *state, tally_span plaintext, uint8_t *out,
                            tally_error *err) {
    size_t len = plaintext.len + noise_cipher_overhead(&state->cipher);
    int rc = 0;
    if (state->cipher.keyed)
        rc = seal(&state->cipher, tally_span_of(state->hash.b, TALLY_HASH_BYTES), plaintext, out,
                  err);
    else if (plaintext.len > 0)
        memcpy(out, plaintext.ptr, plaintext.len);
    if (rc == 0) noise_symmetric_mix_hash(state, tally_span_of(out, len));
    return rc;
}

int noise_symmetric_decrypt(noise_symmetric *state, tally_span ciphertext, uint8_t *out,
                            tally_error *err) {
    int rc = 0;
    if (state->cipher.keyed)
        rc = open_sealed(&state->cipher, tally_span_of(state->hash.b, TALLY_HASH_BYTES), ciphertext,
                         out, err);
    else if (ciphertext.len > 0)
        memcpy(out, ciphertext.ptr, ciphertext.len);
    if (rc == 0) noise_symmetric_mix_hash(state, ciphertext);
    return rc;
}

void noise_symmetric_split(const noise_symmetric *state, tally_noise_cipher *from_initiator,
                           tally_noise_cipher *from_responder) {
    hkdf_outputs out;
    hkdf(state->chaining_key, (tally_span){NULL, 0}, 2, &out);
    noise_cipher_set_key(from_initiator, out.b[0]);
    noise_cipher_set_key(from_responder, out.b[1]);
    sodium_memzero(&out, sizeof out);
}

void tally_noise_cipher_free(tally_noise_cipher *cipher) {
    tally_secret_free(cipher);
}

int tally_noise_cipher_encrypt(tally_noise_cipher *cipher, tally_span plaintext, uint8_t *out,
                               size_t size, size_t *len, tally_error *err) {
    *len = 0;
    if (plaintext.len > TALLY_NOISE_MESSAGE_MAX_BYTES - TALLY_NOISE_TAG_BYTES)
        return tally_fail(err, TALLY_ELIMIT,
                          "cannot encrypt %zu bytes as one Noise message of at most %u; split them",
                          plaintext.len, TALLY_NOISE_MESSAGE_MAX_BYTES);
    size_t needed = plaintext.len + TALLY_NOISE_TAG_BYTES;
    if (size < needed)
        return tally_fail(err, TALLY_EINVAL, "cannot encrypt into %zu bytes: %zu are needed", size,
                          needed);
    int rc = seal(cipher, (tally_span){NULL, 0}, plaintext, out, err);
    if (rc == 0) *len = needed;
    return rc;
}

int tally_noise_cipher_decrypt(tally_noise_cipher *cipher, tally_span message, uint8_t *out,
                               size_t size, size_t *len, tally_error *err) {
    *len = 0;
    if (message.len > TALLY_NOISE_MESSAGE_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT,
                          "cannot decrypt %zu bytes: a Noise message has at most %u", message.len,
                          TALLY_NOISE_MESSAGE_MAX_BYTES);
    if (message.len < TALLY_NOISE_TAG_BYTES)
        return tally_fail(err, TALLY_EFORMAT,
                          "cannot decrypt %zu bytes: a Noise message has at least %u", message.len,
                          TALLY_NOISE_TAG_BYTES);
    size_t needed = message.len - TALLY_NOISE_TAG_BYTES;
    if (size < needed)
        return tally_fail(err, TALLY_EINVAL, "cannot decrypt into %zu bytes: %zu are needed", size,
                          needed);
    int rc = open_sealed(cipher, (tally_span){NULL, 0}, message, out, err);
    if (rc == 0) *len = needed;
    return rc;
}

void tally_noise_cipher_rekey(tally_noise_cipher *cipher) {
    static const uint8_t zeros[TALLY_NOISE_KEY_BYTES];
    uint8_t sealed[TALLY_NOISE_KEY_BYTES + TALLY_NOISE_TAG_BYTES];
    aead_nonce nonce = nonce_bytes(NONCE_RESERVED);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, zeros, sizeof zeros, NULL, 0,
                                                    NULL, nonce.b, cipher->key);
    memcpy(cipher->key, sealed, TALLY_NOISE_KEY_BYTES);
    sodium_memzero(sealed, sizeof sealed);
}

uint64_t tally_noise_cipher_nonce(const tally_noise_cipher *cipher) {
    return cipher->nonce;
}

int tally_noise_cipher_skip_to(tally_noise_cipher *cipher, uint64_t nonce, tally_error *err) {
    if (nonce < cipher->nonce)
        return tally_fail(err, TALLY_EINVAL,
                          "cannot go back to nonce %llu: nonces below %llu may have been used",
                          (unsigned long long)nonce, (unsigned long long)cipher->nonce);
    cipher->nonce = nonce;
    return 0;
}
