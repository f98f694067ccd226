/* The text of a key file, clear or sealed: what PROTOCOL.md promises. What a key is lives in key.c,
 * the disk in key_file.c.
 *
 * ASCII lines, each ended by one 0x0A. Fields are separated by one space; numbers are decimal
 * without leading zeros; all hex is lower case. Nothing may be missing, repeated, reordered or
 * added. At most 4096 bytes.
 *
 *     tally-key/1 clear                            tally-key/1 sealed
 *     device <64 hex>                              device <64 hex>
 *     box <64 hex>                                 box <64 hex>
 *                                                  argon2id <operations> <memory KiB> <32 hex>
 *                                                  nonce <48 hex>
 *     secret <128 hex>                             secret <160 hex>
 *     check <64 hex>                               check <64 hex>
 *
 * device    the Ed25519 public key (RFC 8032); it must be the one that belongs to the secret
 * box       the X25519 public key (RFC 7748); likewise
 * secret    64 bytes: the Ed25519 private seed (32), the X25519 private key (32). Sealed: those 64
 *           bytes under XChaCha20-Poly1305 (IETF), ciphertext then 16-byte tag; the associated data
 *           is every byte of the file before the word "secret"
 * argon2id  version 1.3, one lane, 32 bytes of output: the sealing key. Operations (passes) 1 to
 *           10; memory 8192 to 524288 KiB; a 16-byte salt. Written with 3 passes and 262144 KiB
 * nonce     24 random bytes
 * check     SHA-256 of every byte of the file before the word "check": tells a damaged file from a
 *           wrong passphrase without running argon2id. It protects against accidents only; forgery
 *           is the tag's business
 */
#include "key_secret.h"

#include <tally/secret.h>

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define HEADER_CLEAR  "tally-key/1 clear\n"
#define HEADER_SEALED "tally-key/1 sealed\n"

#define SALT_BYTES   crypto_pwhash_argon2id_SALTBYTES
#define NONCE_BYTES  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES    crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SEALED_BYTES (sizeof(tally_key_secrets) + TAG_BYTES)

/* What we write, and what we run for a file somebody else wrote: at most half a gigabyte and a few
 * seconds. */
#define PASSES_WRITTEN     crypto_pwhash_argon2id_OPSLIMIT_MODERATE
#define MEMORY_WRITTEN_KIB (crypto_pwhash_argon2id_MEMLIMIT_MODERATE / 1024u)
#define PASSES_MAX         10u
#define MEMORY_MIN_KIB     8192u
#define MEMORY_MAX_KIB     524288u

_Static_assert(sizeof(tally_key_secrets) == 64, "two 32-byte secrets");
_Static_assert(SALT_BYTES == 16, "its width above");
_Static_assert(NONCE_BYTES == 24, "its width above");
_Static_assert(TAG_BYTES == 16, "its width above");
_Static_assert(MEMORY_WRITTEN_KIB <= MEMORY_MAX_KIB && PASSES_WRITTEN <= PASSES_MAX, "readable");

/* The public part of a file: everything but the secret. */
typedef struct key_header {
    bool sealed;
    tally_device_id device;
    uint8_t box_public[32];
    uint64_t passes, memory_kib;
    uint8_t salt[SALT_BYTES];
    uint8_t nonce[NONCE_BYTES];
} key_header;

/* One allocation in guarded memory for all that must not leak while a secret is sealed or opened.
 */
typedef struct key_workspace {
    uint8_t sealing_key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    tally_key_secrets secrets;
    uint8_t sealed[SEALED_BYTES];
} key_workspace;

static int workspace_new(key_workspace **out, tally_error *err) {
    void *memory;
    int rc = tally_secret_new(sizeof(key_workspace), &memory, err);
    *out = memory;
    return rc;
}

/* Text under construction; `full` stays set once something did not fit. */
typedef struct text_out {
    uint8_t *at;
    size_t size, len;
    bool full;
} text_out;

static void put_text(text_out *out, const char *text) {
    size_t len = strlen(text);
    if (out->full || len > out->size - out->len) {
        out->full = true;
        return;
    }
    memcpy(out->at + out->len, text, len);
    out->len += len;
}

static void put_hex_line(text_out *out, const char *name, const void *bytes, size_t len) {
    char hex[2 * SEALED_BYTES + 1];
    tally_hex(tally_span_of(bytes, len), hex);
    put_text(out, name);
    put_text(out, hex);
    put_text(out, "\n");
    sodium_memzero(hex, sizeof hex);
}

static void put_header(text_out *out, const key_header *header) {
    put_text(out, header->sealed ? HEADER_SEALED : HEADER_CLEAR);
    put_hex_line(out, "device ", header->device.b, sizeof header->device.b);
    put_hex_line(out, "box ", header->box_public, sizeof header->box_public);
    if (!header->sealed) return;
    char cost[64];
    (void)snprintf(cost, sizeof cost, "argon2id %" PRIu64 " %" PRIu64 " ", header->passes,
                   header->memory_kib);
    put_hex_line(out, cost, header->salt, sizeof header->salt);
    put_hex_line(out, "nonce ", header->nonce, sizeof header->nonce);
}

static void put_check(text_out *out) {
    tally_hash check;
    tally_sha256(tally_span_of(out->at, out->len), &check);
    put_hex_line(out, "check ", check.b, sizeof check.b);
}

static int derive_sealing_key(const key_header *header, tally_span passphrase, uint8_t *sealing_key,
                              tally_error *err) {
    int rc =
        crypto_pwhash(sealing_key, crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
                      (const char *)passphrase.ptr, passphrase.len, header->salt, header->passes,
                      (size_t)header->memory_kib * 1024u, crypto_pwhash_ALG_ARGON2ID13);
    if (rc == 0) return 0;
    return tally_fail(err, TALLY_ENOMEM,
                      "cannot run argon2id for the key file: it needs %" PRIu64 " MiB of memory",
                      header->memory_kib / 1024u);
}

static int put_sealed(text_out *out, const key_header *header, const tally_key_secrets *secrets,
                      tally_span passphrase, tally_error *err) {
    key_workspace *work;
    int rc = workspace_new(&work, err);
    if (rc != 0) return rc;
    rc = derive_sealing_key(header, passphrase, work->sealing_key, err);
    if (rc != 0) goto out;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(work->sealed, NULL, (const uint8_t *)secrets,
                                                     sizeof *secrets, out->at, out->len, NULL,
                                                     header->nonce, work->sealing_key);
    put_hex_line(out, "secret ", work->sealed, sizeof work->sealed);
out:
    tally_secret_free(work);
    return rc;
}

int tally_key_encode(const tally_key *key, tally_span passphrase, uint8_t *out, size_t size,
                     size_t *len, tally_error *err) {
    *len = 0;
    if (passphrase.len > TALLY_PASSPHRASE_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "the passphrase is longer than %u bytes",
                          TALLY_PASSPHRASE_MAX_BYTES);
    key_header header = {.sealed = passphrase.len != 0,
                         .device = *tally_key_device(key),
                         .passes = PASSES_WRITTEN,
                         .memory_kib = MEMORY_WRITTEN_KIB};
    memcpy(header.box_public, tally_key_box_public(key), sizeof header.box_public);
    randombytes_buf(header.salt, sizeof header.salt);
    randombytes_buf(header.nonce, sizeof header.nonce);

    const tally_key_secrets *secrets = tally_key_secrets_of(key);
    text_out text = {.at = out, .size = size};
    put_header(&text, &header);
    if (header.sealed) {
        int rc = put_sealed(&text, &header, secrets, passphrase, err);
        if (rc != 0) return rc;
    } else {
        put_hex_line(&text, "secret ", secrets, sizeof *secrets);
    }
    put_check(&text);
    if (text.full)
        return tally_fail(err, TALLY_ELIMIT, "no room for the key file in %zu bytes", size);
    *len = text.len;
    return 0;
}

/* Takes `word` off the front of `rest`. */
static bool take_word(tally_span *rest, const char *word) {
    size_t len = strlen(word);
    if (rest->len < len || memcmp(rest->ptr, word, len) != 0) return false;
    *rest = tally_span_of(rest->ptr + len, rest->len - len);
    return true;
}

/* Exactly `len` bytes of lower-case hex and the end of the line. */
static bool take_hex_line(tally_span *rest, void *out, size_t len) {
    if (rest->len < 2 * len + 1) return false;
    for (size_t i = 0; i < 2 * len; i++)
        if (rest->ptr[i] >= 'A' && rest->ptr[i] <= 'F') return false;
    if (tally_unhex(tally_span_of(rest->ptr, 2 * len), out, len) != 0) return false;
    *rest = tally_span_of(rest->ptr + 2 * len, rest->len - 2 * len);
    return take_word(rest, "\n");
}

/* Canonical decimal between `min` and `max`, and the space after it. */
static bool take_number(tally_span *rest, uint64_t min, uint64_t max, uint64_t *out) {
    uint64_t value = 0;
    size_t i = 0;
    for (; i < rest->len && rest->ptr[i] >= '0' && rest->ptr[i] <= '9'; i++) {
        if (i > 0 && value == 0) return false;
        value = value * 10 + (uint64_t)(rest->ptr[i] - '0');
        if (value > max) return false;
    }
    if (i == 0 || value < min) return false;
    *out = value;
    *rest = tally_span_of(rest->ptr + i, rest->len - i);
    return take_word(rest, " ");
}

static bool take_header(tally_span *rest, key_header *out) {
    out->sealed = take_word(rest, HEADER_SEALED);
    if (!out->sealed && !take_word(rest, HEADER_CLEAR)) return false;
    if (!take_word(rest, "device ") || !take_hex_line(rest, out->device.b, sizeof out->device.b))
        return false;
    if (!take_word(rest, "box ") || !take_hex_line(rest, out->box_public, sizeof out->box_public))
        return false;
    if (!out->sealed) return true;
    return take_word(rest, "argon2id ") && take_number(rest, 1, PASSES_MAX, &out->passes) &&
           take_number(rest, MEMORY_MIN_KIB, MEMORY_MAX_KIB, &out->memory_kib) &&
           take_hex_line(rest, out->salt, sizeof out->salt) && take_word(rest, "nonce ") &&
           take_hex_line(rest, out->nonce, sizeof out->nonce);
}

/* The check line, and that nothing follows it. */
static bool check_holds(tally_span file, tally_span rest) {
    tally_hash expected, found;
    tally_sha256(tally_span_of(file.ptr, file.len - rest.len), &expected);
    return take_word(&rest, "check ") && take_hex_line(&rest, found.b, sizeof found.b) &&
           rest.len == 0 && tally_hash_eq(&expected, &found);
}

static int fail_damaged(tally_error *err) {
    return tally_fail(err, TALLY_EFORMAT,
                      "the key file is damaged or not a key file; restore it from a backup");
}

static int unseal(key_workspace *work, const key_header *header, tally_span associated,
                  tally_span passphrase, tally_error *err) {
    if (passphrase.len == 0)
        return tally_fail(err, TALLY_EREFUSED, "the key file is sealed; give its passphrase");
    int rc = derive_sealing_key(header, passphrase, work->sealing_key, err);
    if (rc != 0) return rc;
    rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
        (uint8_t *)&work->secrets, NULL, NULL, work->sealed, sizeof work->sealed, associated.ptr,
        associated.len, header->nonce, work->sealing_key);
    if (rc == 0) return 0;
    return tally_fail(err, TALLY_EREFUSED, "wrong passphrase for the key file; try again");
}

/* Fills work->secrets. Whatever is wrong with the file is found before argon2id is run for it. */
static int decode_secrets(key_workspace *work, tally_span file, tally_span passphrase,
                          key_header *header, tally_error *err) {
    if (file.len > TALLY_KEY_FILE_MAX_BYTES) return fail_damaged(err);
    tally_span rest = file;
    if (!take_header(&rest, header)) return fail_damaged(err);
    tally_span associated = tally_span_of(file.ptr, file.len - rest.len);
    void *into = header->sealed ? (void *)work->sealed : (void *)&work->secrets;
    size_t len = header->sealed ? sizeof work->sealed : sizeof work->secrets;
    if (!take_word(&rest, "secret ") || !take_hex_line(&rest, into, len)) return fail_damaged(err);
    if (!check_holds(file, rest)) return fail_damaged(err);
    return header->sealed ? unseal(work, header, associated, passphrase, err) : 0;
}

bool tally_key_is_sealed(tally_span file) {
    return take_word(&file, HEADER_SEALED);
}

int tally_key_decode(tally_span file, tally_span passphrase, tally_key **out, tally_error *err) {
    *out = NULL;
    tally_key *key = NULL;
    key_workspace *work;
    int rc = workspace_new(&work, err);
    if (rc != 0) return rc;
    key_header header = {0};
    rc = decode_secrets(work, file, passphrase, &header, err);
    if (rc != 0) goto out;
    rc = tally_key_from_secrets(&work->secrets, &key, err);
    if (rc != 0) goto out;
    if (memcmp(tally_key_device(key), &header.device, sizeof header.device) != 0 ||
        memcmp(tally_key_box_public(key), header.box_public, sizeof header.box_public) != 0) {
        rc = fail_damaged(err);
        goto out;
    }
    *out = key;
    key = NULL;
out:
    tally_key_free(key);
    tally_secret_free(work);
    return rc;
}
