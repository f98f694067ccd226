/* Device keys: Ed25519 for signing, X25519 for sealing. Kept outside the store in one 0600 file,
 * optionally under a passphrase (argon2id, XChaCha20-Poly1305). Secret memory is locked
 * (sodium_malloc) and wiped. */
#ifndef TALLY_KEY_H
#define TALLY_KEY_H

#include <tally/error.h>
#include <tally/hash.h>

#define TALLY_PUBLIC_KEY_BYTES     32
#define TALLY_SIGNATURE_BYTES      64
#define TALLY_KEY_FILE_MAX_BYTES   4096u
#define TALLY_PASSPHRASE_MAX_BYTES 1024u

typedef struct tally_device_id {
    uint8_t b[TALLY_PUBLIC_KEY_BYTES]; /* the Ed25519 public key */
} tally_device_id;

/* A device's two key pairs; opaque, in locked memory. */
typedef struct tally_key tally_key;

/* Makes new keys from the system's random generator. The caller frees with tally_key_free (which
 * wipes). */
int tally_key_generate(tally_key **out, tally_error *err);
/* Deterministic keys from a 32-byte seed (BLAKE2b-derived for each pair): tests and the simulator.
 */
int tally_key_from_seed(const uint8_t seed[32], tally_key **out, tally_error *err);
void tally_key_free(tally_key *key);

const tally_device_id *tally_key_device(const tally_key *key);
/* X25519 public key, 32 bytes. */
const uint8_t *tally_key_box_public(const tally_key *key);
/* X25519 private key, 32 bytes in locked memory: the static key of handshakes. Borrowed. */
const uint8_t *tally_key_box_secret(const tally_key *key);
/* Opens what was sealed (libsodium's crypto_box_seal) to this key's X25519 half. 0 or
 * TALLY_EFORMAT; `sealed` is 48 bytes longer than the `len` bytes that come out. */
int tally_key_open_sealed(const tally_key *key, tally_span sealed, uint8_t *out, size_t len);
void tally_key_sign(const tally_key *key, tally_span message, uint8_t signature[64]);
/* RFC 8032 verification through libsodium; 0 or TALLY_EFORMAT. */
int tally_signature_verify(const tally_device_id *device, tally_span message,
                           const uint8_t signature[64]);

/* Serialised key file (text, documented in PROTOCOL.md). An empty passphrase stores the keys in the
 * clear; otherwise they are sealed, which takes 256 MiB and about a second. `out` holds
 * TALLY_KEY_FILE_MAX_BYTES at most; the caller wipes it. TALLY_ELIMIT when `size` is too small or
 * the passphrase longer than TALLY_PASSPHRASE_MAX_BYTES. */
int tally_key_encode(const tally_key *key, tally_span passphrase, uint8_t *out, size_t size,
                     size_t *len, tally_error *err);
/* True when the file needs a passphrase. */
bool tally_key_is_sealed(tally_span file);
/* TALLY_EFORMAT on damage, TALLY_EREFUSED on a wrong or missing passphrase. A passphrase for a
 * clear file is ignored. A hostile file costs at most 512 MiB and 10 passes of argon2id. */
int tally_key_decode(tally_span file, tally_span passphrase, tally_key **out, tally_error *err);

/* Files: write creates the file exclusively with mode 0600 and syncs it and its directory; never
 * overwrites (TALLY_EEXIST). A crash leaves no half-written file under that name. */
int tally_key_write_file(const tally_key *key, tally_span passphrase, const char *path,
                         tally_error *err);
/* TALLY_EREFUSED for a file that group or others may touch, TALLY_ENOTFOUND when there is none.
 * Asks `ask` (may be NULL) for a passphrase only when it is sealed. */
typedef int tally_passphrase_fn(void *ctx, char *out, size_t size, size_t *len, tally_error *err);
int tally_key_read_file(const char *path, tally_passphrase_fn *ask, void *ctx, tally_key **out,
                        tally_error *err);

#endif
