/* Segments: commits, blobs and proofs of forks in one encrypted file, for USB sticks and shared
 * folders. Sans-I/O: bytes in, bytes out.
 *
 *     keys      u16 big-endian count (0..TALLY_TEAM_MAX_DEVICES) || as many of 88 bytes:
 *               libsodium's crypto_box_seal of u64 big-endian epoch || team secret, one to the
 *               X25519 key of each device in the team that is not revoked, in any order
 *     header    24 bytes: of libsodium's crypto_secretstream_xchacha20poly1305
 *     chunks    u32 big-endian length (17..TALLY_SEGMENT_CHUNK_MAX_BYTES) || one encrypted
 *               chunk of that length; the length is the chunk's associated data; the last one has
 *               the tag FINAL, all others MESSAGE; nothing follows it
 *
 * The key is BLAKE2b (RFC 7693) with 32 bytes of output, keyed with the team secret, no salt,
 * personalisation "tally segment\0\0\0", over `keys` from its count on. `keys` is for devices that
 * missed a change of the secret, for the record that brings it may be in this very segment; under
 * the first epoch's secret it is empty. The plaintexts joined are frames of messages
 * (frame.h, wire.h): one `hello` (the frontier of the writer when it wrote; its clock; the feature
 * "forks <16 hex>" as in sessions), then `commits`, `fork`, `cosig` and `blob` in any order, but
 * the commits of one device without a gap, and the pieces of one blob right after each other.
 * Messages with unknown names are passed over, all others refused. A segment is taken in whole or
 * not at all: the reader checks it to its last chunk before anything is stored. */
#ifndef TALLY_SEGMENT_H
#define TALLY_SEGMENT_H

#include <tally/ledger.h>
#include <tally/team.h>
#include <tally/wire.h>

#define TALLY_SEGMENT_COSIGS          256u /* the last that came, in each segment */
#define TALLY_SEGMENT_KEY_BYTES       88u
#define TALLY_SEGMENT_HEADER_BYTES    24u
#define TALLY_SEGMENT_CHUNK_MIN_BYTES 17u
#define TALLY_SEGMENT_CHUNK_MAX_BYTES (64u * 1024u + 17u)

/* Gives the bytes away; a result other than 0 stops and is returned. */
typedef int tally_segment_sink(void *ctx, tally_span bytes, tally_error *err);
/* Reads on: fills `out` with up to `size` bytes, *len of them, 0 at the end. */
typedef int tally_segment_source(void *ctx, uint8_t *out, size_t size, size_t *len,
                                 tally_error *err);

/* The records of one device in a segment: `from` up to `size`, at which the root is `root`. */
typedef struct tally_segment_span {
    tally_device_id device;
    uint64_t from, size;
    tally_hash root;
} tally_segment_span;

/* Writes what this store holds beyond a frontier: `heads`, ascending by device (none: everything),
 * blobs of the records written, and every fork known. Records and blobs that were written are
 * counted. TALLY_ENOTFOUND, with nothing written, when there are neither records beyond it nor
 * forks. */
typedef struct tally_segment_write {
    tally_txn *txn;
    const tally_team_secret *secret; /* the newest */
    tally_wire_packer *packer;
    const tally_wire_head *heads;
    size_t head_count;
    int64_t now_ms;
    tally_segment_sink *sink;
    void *ctx;
    tally_segment_span *spans; /* out: holds TALLY_WIRE_MAX_HEADS; may be NULL */
    size_t span_count;         /* out */
    uint64_t records, blobs;   /* out */
    uint64_t forks;            /* out: tally_fork_digest */
} tally_segment_write;
int tally_segment_write_to(tally_segment_write *segment, tally_error *err);

/* First pass: decrypts and decodes everything to the end, stores nothing, and says whose frontier
 * it was (`heads` holds TALLY_WIRE_MAX_HEADS). TALLY_EFORMAT: damaged, cut off, or of another team
 * (that cannot be told apart); TALLY_ELIMIT. */
typedef struct tally_segment_read {
    const tally_team_secret *secrets;
    size_t secret_count;
    const tally_key *key; /* of this device, for segments under a secret that it has yet to learn;
                             may be NULL */
    tally_wire_packer *packer;
    tally_segment_source *source;
    void *ctx;
    tally_wire_head *heads;    /* out */
    size_t head_count;         /* out */
    tally_segment_span *spans; /* out: holds TALLY_WIRE_MAX_HEADS; may be NULL */
    size_t span_count;         /* out */
    int64_t clock_ms;          /* out: the writer's, when it wrote */
    uint64_t epoch;            /* out: of the secret that opened it */
    uint64_t forks;            /* out: the writer's tally_fork_digest; 0 when it knew none */
    uint64_t records;          /* out: in the segment (check), taken (take) */
    uint64_t blobs;            /* out: likewise */
    uint64_t forked;           /* out of take: forks that it proved */
    uint64_t skipped; /* out of take: commits that lawfully were not taken: of a device that
                         nobody has added yet, past a gap, or of a frozen feed. Worth another
                         try when this store holds more */
} tally_segment_read;
int tally_segment_check(tally_segment_read *segment, tally_error *err);
/* Second pass, over the same bytes from their beginning, inside one write: takes everything in. A
 * write may run again (ledger.h): rewind the source at its start.
 * Checks everything again: bytes that changed in between are refused, and the caller gives the
 * transaction up. */
int tally_segment_take(tally_segment_read *segment, tally_txn *txn, tally_error *err);

#endif
