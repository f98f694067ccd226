/* Checkpoints: the signed head of a feed in the C2SP tlog-checkpoint / signed-note text format.
 * Only size, root and signature are stored; this file rebuilds and checks the text. */
#ifndef TALLY_CHECKPOINT_H
#define TALLY_CHECKPOINT_H

#include <tally/error.h>
#include <tally/hash.h>
#include <tally/key.h>

#define TALLY_ORIGIN_MAX_BYTES     192u
#define TALLY_CHECKPOINT_MAX_BYTES 1024u
/* Limits of a note from outside. C2SP asks for at least 16 signatures; a team of 50 devices may
 * cosign one checkpoint. */
#define TALLY_NOTE_MAX_SIGNATURES 64u
#define TALLY_NOTE_SIGNATURE_MAX_BYTES                                                             \
    8192u /* decoded, key id included: post-quantum ones are nearly 5 kB */
#define TALLY_NOTE_MAX_BYTES (256u * 1024u)

typedef struct tally_checkpoint {
    uint64_t size;
    tally_hash root;
    uint8_t signature[TALLY_SIGNATURE_BYTES];
} tally_checkpoint;

/* "tally.invalid/<team hex>/<device hex>"; `out` holds TALLY_ORIGIN_MAX_BYTES. It is both the
 * checkpoint's origin line and the signed note's key name. */
void tally_origin_format(const tally_hash *team, const tally_device_id *device, char *out);

/* An `origin` here and below is non-empty, NUL-terminated and shorter than TALLY_ORIGIN_MAX_BYTES.
 * The note body "origin\nsize\nbase64 root\n". Returns its length; `out` holds
 * TALLY_CHECKPOINT_MAX_BYTES. */
size_t tally_checkpoint_body(const char *origin, uint64_t size, const tally_hash *root, char *out);
/* Signs the body: fills cp->signature from cp->size and cp->root. */
void tally_checkpoint_sign(const tally_key *key, const char *origin, tally_checkpoint *cp);
/* 0 or TALLY_EFORMAT. */
int tally_checkpoint_verify(const tally_device_id *device, const char *origin,
                            const tally_checkpoint *cp);
/* The first bytes of SHA-256(name || 0x0A || type || public key): which key signed a line of a
 * note, and what kind of signature it is. */
#define TALLY_NOTE_KEY_ID_BYTES 4u
typedef enum tally_note_type {
    TALLY_NOTE_ED25519 = 0x01,
    TALLY_NOTE_COSIGNATURE = 0x04
} tally_note_type;
void tally_note_key_id(const char *name, tally_note_type type, const tally_device_id *key,
                       uint8_t id[TALLY_NOTE_KEY_ID_BYTES]);
/* Whole signed note, with its em-dash signature line. Returns its length; `out` holds
 * TALLY_CHECKPOINT_MAX_BYTES. Both texts end in a NUL that the length does not count. */
size_t tally_checkpoint_format(const tally_device_id *device, const char *origin,
                               const tally_checkpoint *cp, char *out);
/* Strict parser of such a note from outside (c2sp.org/signed-note, c2sp.org/tlog-checkpoint):
 * exactly one signature of `device` under the name `origin` is required and verified, well-formed
 * others are ignored, extension lines are refused because we never sign any. TALLY_EFORMAT
 * otherwise, TALLY_ELIMIT above the limits of a note. */
int tally_checkpoint_parse(tally_span note, const tally_device_id *device, const char *origin,
                           tally_checkpoint *out, tally_error *err);

#endif
