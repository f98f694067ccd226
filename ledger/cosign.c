/* Cosignatures as text and signatures: c2sp.org/tlog-cosignature, Ed25519. Which are made, kept and
 * counted is in cosign_store.c, cosign_make.c and witness.c. */
#include <tally/cosign.h>

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define STAMP_BYTES      8u
#define BASE64           sodium_base64_VARIANT_ORIGINAL
#define SIGNED_BYTES     (TALLY_NOTE_KEY_ID_BYTES + STAMP_BYTES + TALLY_SIGNATURE_BYTES)
#define SIGNED_CHARS     ((SIGNED_BYTES + 2u) / 3u * 4u)
#define SIGNATURE_PREFIX "\xe2\x80\x94 " /* em dash U+2014, space */

_Static_assert(sizeof SIGNATURE_PREFIX + TALLY_ORIGIN_MAX_BYTES + SIGNED_CHARS + 2 <=
                   TALLY_COSIGNATURE_LINE_MAX_BYTES,
               "the line fits");

/* What is signed: "cosignature/v1\ntime N\n" and the checkpoint's note body. Returns its length;
 * `out` holds TALLY_CHECKPOINT_MAX_BYTES. */
static size_t message_of(const char *origin, int64_t time_s, const tally_checkpoint *cp,
                         char *out) {
    char body[TALLY_CHECKPOINT_MAX_BYTES];
    assert(time_s >= 0);
    (void)tally_checkpoint_body(origin, cp->size, &cp->root, body);
    int len = snprintf(out, TALLY_CHECKPOINT_MAX_BYTES, "cosignature/v1\ntime %" PRId64 "\n%s",
                       time_s, body);
    assert(len > 0 && (size_t)len < TALLY_CHECKPOINT_MAX_BYTES);
    return (size_t)len;
}

void tally_cosignature_sign(const tally_key *key, const char *origin, tally_cosignature *c) {
    char message[TALLY_CHECKPOINT_MAX_BYTES];
    size_t len = message_of(origin, c->time_s, &c->checkpoint, message);
    c->witness = *tally_key_device(key);
    tally_key_sign(key, tally_span_of(message, len), c->signature);
}

int tally_cosignature_verify(const char *origin, const tally_cosignature *c) {
    char message[TALLY_CHECKPOINT_MAX_BYTES];
    if (c->time_s < 0) return TALLY_EFORMAT;
    size_t len = message_of(origin, c->time_s, &c->checkpoint, message);
    return tally_signature_verify(&c->witness, tally_span_of(message, len), c->signature);
}

size_t tally_cosignature_line(const tally_hash *team, const tally_cosignature *c, char *out) {
    char name[TALLY_ORIGIN_MAX_BYTES], base64[SIGNED_CHARS + 1];
    uint8_t bytes[SIGNED_BYTES];
    tally_origin_format(team, &c->witness, name);
    tally_note_key_id(name, TALLY_NOTE_COSIGNATURE, &c->witness, bytes);
    tally_put_be64(bytes + TALLY_NOTE_KEY_ID_BYTES, (uint64_t)c->time_s);
    memcpy(bytes + TALLY_NOTE_KEY_ID_BYTES + STAMP_BYTES, c->signature, sizeof c->signature);
    (void)sodium_bin2base64(base64, sizeof base64, bytes, sizeof bytes, BASE64);
    int len =
        snprintf(out, TALLY_COSIGNATURE_LINE_MAX_BYTES, SIGNATURE_PREFIX "%s %s\n", name, base64);
    assert(len > 0 && (unsigned)len < TALLY_COSIGNATURE_LINE_MAX_BYTES);
    return (size_t)len;
}
