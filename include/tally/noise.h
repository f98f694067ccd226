/* The Noise Protocol Framework, revision 34, for 25519, ChaChaPoly and SHA256: every one-way,
 * fundamental and deferred pattern of the specification by its name, with psk modifiers. Sans-I/O:
 * no sockets, no clock, no randomness; bytes and keys go in, bytes come out. */
#ifndef TALLY_NOISE_H
#define TALLY_NOISE_H

#include <tally/error.h>
#include <tally/hash.h>

#define TALLY_NOISE_MESSAGE_MAX_BYTES 65535u /* section 3: handshake and transport alike */
#define TALLY_NOISE_TAG_BYTES         16u
#define TALLY_NOISE_KEY_BYTES         32u
#define TALLY_NOISE_MAX_PSKS          5u /* psk0 to psk4: no pattern has more than 4 messages */
/* The most that a handshake message adds to its payload: e, s and its tag, and the payload's tag.
 */
#define TALLY_NOISE_OVERHEAD_MAX_BYTES (2 * TALLY_NOISE_KEY_BYTES + 2 * TALLY_NOISE_TAG_BYTES)

/* One party's side of one handshake (HandshakeState, section 5.3); opaque, in locked memory. */
typedef struct tally_noise tally_noise;

/* One direction of the transport that follows (CipherState, section 5.1); opaque, in locked memory.
 */
typedef struct tally_noise_cipher tally_noise_cipher;

/* What a handshake is made from. Every key is TALLY_NOISE_KEY_BYTES long, or empty. */
typedef struct tally_noise_options {
    tally_span protocol; /* the full name, such as "Noise_XXpsk0_25519_ChaChaPoly_SHA256" */
    bool initiator;
    tally_span prologue; /* both sides must give the same bytes; any length */

    /* X25519 private keys. The static one is needed where the pattern uses it and ignored
     * elsewhere. The ephemeral one must be fresh from a random generator for every handshake:
     * drawing it is the caller's duty, using it twice breaks everything. Needed by whoever sends a
     * message. */
    tally_span static_private;
    tally_span ephemeral_private;

    /* The other side's static public key. Needed where the pattern knows it beforehand. Where the
     * pattern transmits it, a key given here is the only one accepted. */
    tally_span remote_static;

    /* One for each psk modifier, in the order of the name; exactly as many as the name says. */
    const tally_span *psks;
    size_t psk_count;
} tally_noise_options;

/* What the handshake waits for. */
typedef enum tally_noise_step {
    TALLY_NOISE_WRITE, /* tally_noise_write_message */
    TALLY_NOISE_READ,  /* tally_noise_read_message */
    TALLY_NOISE_SPLIT, /* all messages are through: tally_noise_split */
    TALLY_NOISE_DONE,  /* split; the handshake hash and the remote static key stay readable */
    TALLY_NOISE_FAILED /* a message was refused: secrets are wiped, nothing goes on */
} tally_noise_step;

/* Starts a handshake; copies everything it needs. The caller frees with tally_noise_free, and wipes
 * its own copy of the keys. TALLY_EINVAL: the name is no pattern of the specification or names
 * other functions, or a key is missing, of a wrong length or of no use in this pattern.
 * TALLY_ENOMEM. */
int tally_noise_new(const tally_noise_options *options, tally_noise **out, tally_error *err);
/* Wipes and frees; NULL is allowed. */
void tally_noise_free(tally_noise *noise);

tally_noise_step tally_noise_next(const tally_noise *noise);
/* Bytes that the next handshake message has beyond its payload; 0 when there is none. */
size_t tally_noise_overhead(const tally_noise *noise);

/* Writes the next handshake message: `payload.len + tally_noise_overhead()` bytes. `out` must not
 * overlap the payload. TALLY_EINVAL out of turn or when `size` is too small, TALLY_ELIMIT for a
 * message above TALLY_NOISE_MESSAGE_MAX_BYTES: both leave the handshake as it was. TALLY_EFORMAT:
 * the other side's public key is a low-order point (section 12.1). TALLY_EREFUSED after a failure.
 */
int tally_noise_write_message(tally_noise *noise, tally_span payload, uint8_t *out, size_t size,
                              size_t *len, tally_error *err);

/* Reads the next handshake message and gives its payload: `message.len - tally_noise_overhead()`
 * bytes. `out` must not overlap the message. TALLY_EINVAL out of turn or when `size` is too small
 * leaves the handshake as it was. Every other error ends it: TALLY_ELIMIT for a message above
 * TALLY_NOISE_MESSAGE_MAX_BYTES, TALLY_EFORMAT for one that is truncated, forged or made with other
 * keys, TALLY_EREFUSED for a static key other than the one expected and after a failure.
 * A payload proves as much about its sender as section 7.7 says for this message, not more. */
int tally_noise_read_message(tally_noise *noise, tally_span message, uint8_t *out, size_t size,
                             size_t *len, tally_error *err);

/* The other side's static public key, TALLY_NOISE_KEY_BYTES long; NULL while unknown and after a
 * failure. The other side has proven to own it when the handshake has come to TALLY_NOISE_SPLIT and
 * the first message of the transport decrypts. Valid until tally_noise_free. */
const uint8_t *tally_noise_remote_static(const tally_noise *noise);

/* The handshake hash for channel binding (section 11.2); NULL before TALLY_NOISE_SPLIT. */
const tally_hash *tally_noise_handshake_hash(const tally_noise *noise);

/* Makes the two directions and wipes the handshake's secrets. After a one-way pattern the side
 * without a direction gets NULL there: the initiator cannot receive, the responder cannot send. The
 * caller frees both with tally_noise_cipher_free. TALLY_EINVAL before the last message and the
 * second time, TALLY_ENOMEM. */
int tally_noise_split(tally_noise *noise, tally_noise_cipher **send, tally_noise_cipher **receive,
                      tally_error *err);

/* Wipes and frees; NULL is allowed. */
void tally_noise_cipher_free(tally_noise_cipher *cipher);

/* Encrypts one transport message: `plaintext.len + TALLY_NOISE_TAG_BYTES` bytes. `out` may be where
 * the plaintext starts; otherwise they must not overlap. TALLY_ELIMIT for a message above
 * TALLY_NOISE_MESSAGE_MAX_BYTES and when all 2^64 - 1 nonces are used; TALLY_EINVAL when `size` is
 * too small. */
int tally_noise_cipher_encrypt(tally_noise_cipher *cipher, tally_span plaintext, uint8_t *out,
                               size_t size, size_t *len, tally_error *err);

/* Decrypts one transport message: `message.len - TALLY_NOISE_TAG_BYTES` bytes. `out` may be where
 * the message starts; otherwise they must not overlap. TALLY_EFORMAT for a truncated, forged,
 * repeated or reordered message (the nonce stays, section 5.1: the caller decides whether to go
 * on), TALLY_ELIMIT and TALLY_EINVAL as for tally_noise_cipher_encrypt. */
int tally_noise_cipher_decrypt(tally_noise_cipher *cipher, tally_span message, uint8_t *out,
                               size_t size, size_t *len, tally_error *err);

/* Replaces the key by a one-way function of it (sections 4.2 and 11.3); the nonce stays. Both sides
 * must do so at the same place in the stream. */
void tally_noise_cipher_rekey(tally_noise_cipher *cipher);

/* The nonce of the next message: how many messages this direction has carried. */
uint64_t tally_noise_cipher_nonce(const tally_noise_cipher *cipher);
/* Skips messages (section 11.4). Only forwards, so that no nonce is used twice; else TALLY_EINVAL.
 */
int tally_noise_cipher_skip_to(tally_noise_cipher *cipher, uint64_t nonce, tally_error *err);

#endif
