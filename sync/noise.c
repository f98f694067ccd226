/* The Noise handshake (HandshakeState, section 5.3): carries out a pattern's tokens with X25519.
 * Patterns are in noise_pattern.c, the symmetric half and the transport in noise_cipher.c. */
#include <tally/noise.h>
#include <tally/secret.h>

#include <assert.h>
#include <sodium.h>

#include "noise_cipher.h"
#include "noise_pattern.h"

_Static_assert(TALLY_NOISE_KEY_BYTES == crypto_scalarmult_BYTES, "X25519 public key size");
_Static_assert(TALLY_NOISE_KEY_BYTES == crypto_scalarmult_SCALARBYTES, "X25519 private key size");
_Static_assert(NOISE_MAX_MESSAGES + 1 == TALLY_NOISE_MAX_PSKS, "psk0 and one a message");

typedef struct key_pair {
    uint8_t secret[TALLY_NOISE_KEY_BYTES];
    uint8_t open[TALLY_NOISE_KEY_BYTES];
} key_pair;

typedef struct remote_key {
    uint8_t b[TALLY_NOISE_KEY_BYTES];
    bool known;
} remote_key;

/* What must not outlive the handshake. */
typedef struct handshake_secrets {
    noise_symmetric symmetric;
    key_pair s, e;
    uint8_t psks[TALLY_NOISE_MAX_PSKS][TALLY_NOISE_KEY_BYTES];
} handshake_secrets;

struct tally_noise {
    noise_pattern pattern;
    bool initiator;
    uint8_t message; /* index of the next one */
    uint8_t psk;     /* index of the next one */
    bool failed, split;
    remote_key rs, re;
    tally_hash hash; /* final, once all messages are through */
    handshake_secrets secret;
};

static tally_span key_span(const uint8_t *key) {
    return tally_span_of(key, TALLY_NOISE_KEY_BYTES);
}

static int key_check(tally_span key, bool needed, const char *what, tally_error *err) {
    if (key.len == TALLY_NOISE_KEY_BYTES || (key.len == 0 && !needed)) return 0;
    return tally_fail(err, TALLY_EINVAL,
                      "cannot start a handshake: the %s has %zu bytes, this pattern needs %u", what,
                      key.len, TALLY_NOISE_KEY_BYTES);
}

static bool uses_static(const noise_pattern *pattern, bool initiator) {
    return noise_pattern_knows(pattern, initiator) ||
           noise_pattern_sends(pattern, initiator, NOISE_S);
}

static int options_check(const tally_noise_options *options, const noise_pattern *pattern,
                         tally_error *err) {
    bool own = options->initiator, other = !own;
    int rc =
        key_check(options->static_private, uses_static(pattern, own), "static private key", err);
    if (rc == 0)
        rc = key_check(options->ephemeral_private, noise_pattern_sends(pattern, own, NOISE_E),
                       "ephemeral private key", err);
    if (rc == 0)
        rc = key_check(options->remote_static, noise_pattern_knows(pattern, other),
                       "other side's static key", err);
    if (rc == 0 && options->remote_static.len > 0 && !uses_static(pattern, other))
        rc = tally_fail(err, TALLY_EINVAL,
                        "cannot start a handshake: this pattern never shows the other side's "
                        "static key, so it cannot be checked; take a pattern with K, X or I there");
    if (rc == 0 && options->psk_count != pattern->psk_count)
        rc = tally_fail(err, TALLY_EINVAL,
                        "cannot start a handshake: %zu pre-shared keys are given, this pattern "
                        "needs %u",
                        options->psk_count, pattern->psk_count);
    for (size_t i = 0; rc == 0 && i < pattern->psk_count; i++)
        rc = key_check(options->psks[i], true, "pre-shared key", err);
    return rc;
}

static void pair_set(key_pair *pair, tally_span secret) {
    if (secret.len == 0) return;
    memcpy(pair->secret, secret.ptr, TALLY_NOISE_KEY_BYTES);
    (void)crypto_scalarmult_base(pair->open, pair->secret);
}

/* Initialize of section 5.3: name, prologue, then the pre-messages, the initiator's first. */
static void handshake_init(tally_noise *noise, const tally_noise_options *options) {
    noise_symmetric *symmetric = &noise->secret.symmetric;
    noise->initiator = options->initiator;
    pair_set(&noise->secret.s, options->static_private);
    pair_set(&noise->secret.e, options->ephemeral_private);
    for (size_t i = 0; i < noise->pattern.psk_count; i++)
        memcpy(noise->secret.psks[i], options->psks[i].ptr, TALLY_NOISE_KEY_BYTES);
    if (options->remote_static.len > 0) {
        memcpy(noise->rs.b, options->remote_static.ptr, TALLY_NOISE_KEY_BYTES);
        noise->rs.known = true;
    }
    noise_symmetric_init(symmetric, options->protocol);
    noise_symmetric_mix_hash(symmetric, options->prologue);
    const uint8_t *own = noise->secret.s.open, *other = noise->rs.b;
    if (noise->pattern.initiator_known)
        noise_symmetric_mix_hash(symmetric, key_span(noise->initiator ? own : other));
    if (noise->pattern.responder_known)
        noise_symmetric_mix_hash(symmetric, key_span(noise->initiator ? other : own));
}

int tally_noise_new(const tally_noise_options *options, tally_noise **out, tally_error *err) {
    noise_pattern pattern;
    *out = NULL;
    int rc = noise_pattern_parse(options->protocol, &pattern, err);
    if (rc == 0) rc = options_check(options, &pattern, err);
    if (rc != 0) return rc;
    void *memory;
    if ((rc = tally_secret_new(sizeof(tally_noise), &memory, err)) != 0) return rc;
    tally_noise *noise = memory;
    *noise = (tally_noise){.pattern = pattern};
    handshake_init(noise, options);
    *out = noise;
    return 0;
}

void tally_noise_free(tally_noise *noise) {
    tally_secret_free(noise);
}

tally_noise_step tally_noise_next(const tally_noise *noise) {
    if (noise->failed) return TALLY_NOISE_FAILED;
    if (noise->split) return TALLY_NOISE_DONE;
    if (noise->message == noise->pattern.message_count) return TALLY_NOISE_SPLIT;
    bool initiators_turn = noise->message % 2 == 0;
    return initiators_turn == noise->initiator ? TALLY_NOISE_WRITE : TALLY_NOISE_READ;
}

/* Foresees where the key comes in, so that lengths are settled before any token is carried out. */
size_t tally_noise_overhead(const tally_noise *noise) {
    tally_noise_step step = tally_noise_next(noise);
    if (step != TALLY_NOISE_WRITE && step != TALLY_NOISE_READ) return 0;
    bool keyed = noise->secret.symmetric.cipher.keyed;
    size_t total = 0;
    for (const uint8_t *at = noise->pattern.messages[noise->message]; *at != NOISE_END; at++) {
        if (*at == NOISE_E || *at == NOISE_S) total += TALLY_NOISE_KEY_BYTES;
        if (*at == NOISE_S && keyed) total += TALLY_NOISE_TAG_BYTES;
        /* With psk modifiers e is mixed into the key, too (section 9.2). */
        bool mixes = *at == NOISE_E ? noise->pattern.psk_count > 0 : *at != NOISE_S;
        keyed = keyed || mixes;
    }
    return total + (keyed ? TALLY_NOISE_TAG_BYTES : 0);
}

static void mix_ephemeral(tally_noise *noise, const uint8_t *key) {
    noise_symmetric_mix_hash(&noise->secret.symmetric, key_span(key));
    if (noise->pattern.psk_count > 0)
        noise_symmetric_mix_key(&noise->secret.symmetric, key_span(key));
}

/* A DH token's first letter is the initiator's key, its second the responder's. */
static int mix_dh(tally_noise *noise, noise_token token, tally_error *err) {
    bool initiator_static = token == NOISE_SE || token == NOISE_SS;
    bool responder_static = token == NOISE_ES || token == NOISE_SS;
    bool own_static = noise->initiator ? initiator_static : responder_static;
    bool other_static = noise->initiator ? responder_static : initiator_static;
    const key_pair *own = own_static ? &noise->secret.s : &noise->secret.e;
    const remote_key *other = other_static ? &noise->rs : &noise->re;
    assert(other->known);
    uint8_t shared[TALLY_NOISE_KEY_BYTES];
    int rc = 0;
    if (crypto_scalarmult(shared, own->secret, other->b) != 0)
        rc = tally_fail(err, TALLY_EFORMAT,
                        "the other side's %s key is a low-order point; drop the connection",
                        other_static ? "static" : "ephemeral");
    else
        noise_symmetric_mix_key(&noise->secret.symmetric, key_span(shared));
    sodium_memzero(shared, sizeof shared);
    return rc;
}

/* The tokens that put nothing on the wire. */
static int mix_token(tally_noise *noise, noise_token token, tally_error *err) {
    if (token != NOISE_PSK) return mix_dh(noise, token, err);
    assert(noise->psk < noise->pattern.psk_count);
    noise_symmetric_mix_key_and_hash(&noise->secret.symmetric,
                                     key_span(noise->secret.psks[noise->psk++]));
    return 0;
}

static int write_tokens(tally_noise *noise, tally_span payload, uint8_t *out, tally_error *err) {
    noise_symmetric *symmetric = &noise->secret.symmetric;
    int rc = 0;
    for (const uint8_t *at = noise->pattern.messages[noise->message]; *at != NOISE_END; at++) {
        if (*at == NOISE_E) {
            memcpy(out, noise->secret.e.open, TALLY_NOISE_KEY_BYTES);
            mix_ephemeral(noise, out);
            out += TALLY_NOISE_KEY_BYTES;
        } else if (*at == NOISE_S) {
            size_t len = TALLY_NOISE_KEY_BYTES + noise_cipher_overhead(&symmetric->cipher);
            rc = noise_symmetric_encrypt(symmetric, key_span(noise->secret.s.open), out, err);
            out += len;
        } else {
            rc = mix_token(noise, (noise_token)*at, err);
        }
        if (rc != 0) return rc;
    }
    return noise_symmetric_encrypt(symmetric, payload, out, err);
}

/* A static key as transmitted; one that was expected must be it. */
static int read_static(tally_noise *noise, tally_span sealed, tally_error *err) {
    uint8_t key[TALLY_NOISE_KEY_BYTES];
    int rc = noise_symmetric_decrypt(&noise->secret.symmetric, sealed, key, err);
    if (rc != 0) return rc;
    if (noise->rs.known && sodium_memcmp(noise->rs.b, key, sizeof key) != 0)
        return tally_fail(err, TALLY_EREFUSED,
                          "the other side's static key is not the one expected; "
                          "check whom this address belongs to");
    memcpy(noise->rs.b, key, sizeof key);
    noise->rs.known = true;
    return 0;
}

/* The caller has checked that `in` holds all that the tokens take. */
static int read_tokens(tally_noise *noise, tally_span in, uint8_t *payload, tally_error *err) {
    noise_symmetric *symmetric = &noise->secret.symmetric;
    int rc = 0;
    for (const uint8_t *at = noise->pattern.messages[noise->message]; *at != NOISE_END; at++) {
        size_t len = 0;
        if (*at == NOISE_E) {
            len = TALLY_NOISE_KEY_BYTES;
            memcpy(noise->re.b, in.ptr, len);
            noise->re.known = true;
            mix_ephemeral(noise, noise->re.b);
        } else if (*at == NOISE_S) {
            len = TALLY_NOISE_KEY_BYTES + noise_cipher_overhead(&symmetric->cipher);
            rc = read_static(noise, tally_span_of(in.ptr, len), err);
        } else {
            rc = mix_token(noise, (noise_token)*at, err);
        }
        if (rc != 0) return rc;
        assert(in.len >= len);
        in = tally_span_of(in.ptr + len, in.len - len);
    }
    return noise_symmetric_decrypt(symmetric, in, payload, err);
}

static int turn_check(const tally_noise *noise, tally_noise_step wanted, tally_error *err) {
    tally_noise_step step = tally_noise_next(noise);
    if (step == wanted) return 0;
    if (step == TALLY_NOISE_FAILED)
        return tally_fail(err, TALLY_EREFUSED, "this handshake has failed before; start a new one");
    static const char *const doing[] = {[TALLY_NOISE_WRITE] = "writing a message",
                                        [TALLY_NOISE_READ] = "reading a message",
                                        [TALLY_NOISE_SPLIT] = "the split",
                                        [TALLY_NOISE_DONE] = "nothing more"};
    return tally_fail(err, TALLY_EINVAL, "this handshake waits for %s, not for %s", doing[step],
                      doing[wanted]);
}

static int room_check(size_t size, size_t needed, tally_error *err) {
    if (size >= needed) return 0;
    return tally_fail(err, TALLY_EINVAL, "the buffer has %zu bytes, %zu are needed", size, needed);
}

/* One more message is through, or the handshake is over. */
static int conclude(tally_noise *noise, int rc, const char *verb, tally_error *err) {
    unsigned number = noise->message + 1u;
    if (rc == 0) {
        noise->message++;
        if (noise->message == noise->pattern.message_count)
            noise->hash = noise->secret.symmetric.hash;
        return 0;
    }
    sodium_memzero(&noise->secret, sizeof noise->secret);
    noise->failed = true;
    if (err) (void)tally_fail_while(err, "cannot %s handshake message %u", verb, number);
    return rc;
}

int tally_noise_write_message(tally_noise *noise, tally_span payload, uint8_t *out, size_t size,
                              size_t *len, tally_error *err) {
    *len = 0;
    int rc = turn_check(noise, TALLY_NOISE_WRITE, err);
    if (rc != 0) return rc;
    size_t overhead = tally_noise_overhead(noise);
    if (payload.len > TALLY_NOISE_MESSAGE_MAX_BYTES - overhead)
        return tally_fail(err, TALLY_ELIMIT,
                          "cannot send %zu bytes in this handshake message: at most %zu fit",
                          payload.len, TALLY_NOISE_MESSAGE_MAX_BYTES - overhead);
    rc = room_check(size, payload.len + overhead, err);
    if (rc != 0) return rc;
    rc = conclude(noise, write_tokens(noise, payload, out, err), "write", err);
    if (rc == 0) *len = payload.len + overhead;
    return rc;
}

int tally_noise_read_message(tally_noise *noise, tally_span message, uint8_t *out, size_t size,
                             size_t *len, tally_error *err) {
    *len = 0;
    int rc = turn_check(noise, TALLY_NOISE_READ, err);
    if (rc != 0) return rc;
    size_t overhead = tally_noise_overhead(noise);
    if (message.len > TALLY_NOISE_MESSAGE_MAX_BYTES) {
        rc = tally_fail(err, TALLY_ELIMIT, "it has %zu bytes, at most %u are allowed", message.len,
                        TALLY_NOISE_MESSAGE_MAX_BYTES);
        return conclude(noise, rc, "read", err);
    }
    if (message.len < overhead) {
        rc = tally_fail(err, TALLY_EFORMAT, "it has %zu bytes, %zu are the least", message.len,
                        overhead);
        return conclude(noise, rc, "read", err);
    }
    rc = room_check(size, message.len - overhead, err);
    if (rc != 0) return rc;
    rc = conclude(noise, read_tokens(noise, message, out, err), "read", err);
    if (rc == 0) *len = message.len - overhead;
    return rc;
}

const uint8_t *tally_noise_remote_static(const tally_noise *noise) {
    return noise->rs.known && !noise->failed ? noise->rs.b : NULL;
}

const tally_hash *tally_noise_handshake_hash(const tally_noise *noise) {
    bool complete = noise->message == noise->pattern.message_count;
    return complete && !noise->failed ? &noise->hash : NULL;
}

int tally_noise_split(tally_noise *noise, tally_noise_cipher **send, tally_noise_cipher **receive,
                      tally_error *err) {
    *send = *receive = NULL;
    int rc = turn_check(noise, TALLY_NOISE_SPLIT, err);
    if (rc != 0) return rc;
    void *memory[2] = {NULL, NULL};
    rc = tally_secret_new(sizeof(tally_noise_cipher), &memory[0], err);
    if (rc == 0) rc = tally_secret_new(sizeof(tally_noise_cipher), &memory[1], err);
    tally_noise_cipher *first = memory[0], *second = memory[1];
    if (rc != 0) goto out;
    noise_symmetric_split(&noise->secret.symmetric, first, second);
    sodium_memzero(&noise->secret, sizeof noise->secret);
    noise->split = true;
    if (noise_pattern_is_one_way(&noise->pattern)) {
        tally_noise_cipher_free(second);
        second = NULL;
    }
    *send = noise->initiator ? first : second;
    *receive = noise->initiator ? second : first;
    first = second = NULL;
out:
    tally_noise_cipher_free(second);
    tally_noise_cipher_free(first);
    return rc;
}
