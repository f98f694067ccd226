/* A device's key pairs in locked memory, and Ed25519 on them. How they are written down is in
 * key_file.c. */
#include "key_secret.h"

#include <tally/secret.h>

#include <assert.h>
#include <sodium.h>

#define KDF_CONTEXT   "tallykey" /* exactly crypto_kdf_CONTEXTBYTES */
#define KDF_SIGN_SEED 1
#define KDF_BOX       2

/* libsodium 1.0.18 leaves the first 32 opened bytes on the stack (crypto_secretbox_open_detached).
 */
#define OPENED_STACK_BYTES 4096u

/* Only byte arrays: secret memory ends at a guard page, so nothing here may need alignment. */
struct tally_key {
    tally_key_secrets secrets;
    uint8_t sign_secret[crypto_sign_SECRETKEYBYTES];
    tally_device_id device;
    uint8_t box_public[crypto_box_PUBLICKEYBYTES];
};

_Static_assert(_Alignof(struct tally_key) == 1, "secret memory does not align");
_Static_assert(TALLY_PUBLIC_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "device id");
_Static_assert(TALLY_SIGNATURE_BYTES == crypto_sign_BYTES, "signature");
_Static_assert(crypto_box_PUBLICKEYBYTES == 32 && crypto_box_SECRETKEYBYTES == 32, "X25519");
_Static_assert(crypto_sign_SEEDBYTES == 32 && crypto_kdf_KEYBYTES == 32, "seeds");
_Static_assert(sizeof KDF_CONTEXT - 1 == crypto_kdf_CONTEXTBYTES, "context");

int tally_key_from_secrets(const tally_key_secrets *secrets, tally_key **out, tally_error *err) {
    *out = NULL;
    void *memory;
    int rc = tally_secret_new(sizeof(tally_key), &memory, err);
    if (rc != 0) return rc;
    tally_key *key = memory;
    key->secrets = *secrets;
    (void)crypto_sign_seed_keypair(key->device.b, key->sign_secret, key->secrets.sign_seed);
    (void)crypto_scalarmult_base(key->box_public, key->secrets.box_secret);
    (void)sodium_mprotect_readonly(key);
    *out = key;
    return 0;
}

int tally_key_from_seed(const uint8_t seed[32], tally_key **out, tally_error *err) {
    *out = NULL;
    void *memory;
    int rc = tally_secret_new(sizeof(tally_key_secrets), &memory, err);
    if (rc != 0) return rc;
    tally_key_secrets *secrets = memory;
    (void)crypto_kdf_derive_from_key(secrets->sign_seed, sizeof secrets->sign_seed, KDF_SIGN_SEED,
                                     KDF_CONTEXT, seed);
    (void)crypto_kdf_derive_from_key(secrets->box_secret, sizeof secrets->box_secret, KDF_BOX,
                                     KDF_CONTEXT, seed);
    rc = tally_key_from_secrets(secrets, out, err);
    tally_secret_free(memory);
    return rc;
}

int tally_key_generate(tally_key **out, tally_error *err) {
    *out = NULL;
    void *memory;
    int rc = tally_secret_new(sizeof(tally_key_secrets), &memory, err);
    if (rc != 0) return rc;
    randombytes_buf(memory, sizeof(tally_key_secrets));
    rc = tally_key_from_secrets(memory, out, err);
    tally_secret_free(memory);
    return rc;
}

void tally_key_free(tally_key *key) {
    tally_secret_free(key);
}

const tally_key_secrets *tally_key_secrets_of(const tally_key *key) {
    return &key->secrets;
}

const tally_device_id *tally_key_device(const tally_key *key) {
    return &key->device;
}

const uint8_t *tally_key_box_public(const tally_key *key) {
    return key->box_public;
}

const uint8_t *tally_key_box_secret(const tally_key *key) {
    return key->secrets.box_secret;
}

void tally_key_sign(const tally_key *key, tally_span message, uint8_t signature[64]) {
    int rc = crypto_sign_detached(signature, NULL, message.ptr, message.len, key->sign_secret);
    assert(rc == 0);
    (void)rc;
}

int tally_key_open_sealed(const tally_key *key, tally_span sealed, uint8_t *out, size_t len) {
    if (sealed.len < crypto_box_SEALBYTES || sealed.len - crypto_box_SEALBYTES != len)
        return TALLY_EFORMAT;
    int rc =
        crypto_box_seal_open(out, sealed.ptr, sealed.len, key->box_public, key->secrets.box_secret);
    sodium_stackzero(OPENED_STACK_BYTES);
    return rc == 0 ? 0 : TALLY_EFORMAT;
}

int tally_signature_verify(const tally_device_id *device, tally_span message,
                           const uint8_t signature[64]) {
    int rc = crypto_sign_verify_detached(signature, message.ptr, message.len, device->b);
    return rc == 0 ? 0 : TALLY_EFORMAT;
}
