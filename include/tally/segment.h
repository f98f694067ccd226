/* Segments: commits, blobs and proofs of forks in one encrypted file, for USB sticks and shared
 * folders. Sans-I/O: bytes in, bytes out.
 *
 *     header    24 bytes: of libsodium's crypto_secretstream_xchacha20poly1305
 *     chunks    u32 big-endian length (17..TALLY_SEGMENT_CHUNK_MAX_BYTES) || one encrypted chunk of
 * that length; the length is the chunk's associated data; the last one has the tag FINAL, all
 * others MESSAGE; nothing follows it
 *
 * The key is BLAKE2b (RFC 7693) with 32 bytes of output, keyed with a team secret, no salt,
 * personalisation "tally segment\0\0\0", over nothing. The plaintexts joined are frames of messages
 * (frame.h, wire.h): one `hello` (the frontier of the writer when it wrote; its clock), then
 * `commits`, `fork` and `blob` in any order. Without the secret a segment looks random from its
 * first byte. A segment is taken in whole or not at all: the reader checks it to its last chunk
 * before anything is stored. */
#ifndef TALLY_SEGMENT_H
#define TALLY_SEGMENT_H

#include <tally/ledger.h>
#include <tally/team.h>
#include <tally/wire.h>

#define TALLY_SEGMENT_HEADER_BYTES    24u
#define TALLY_SEGMENT_CHUNK_MAX_BYTES (64u * 1024u + 17u)

/* Gives the bytes away; a result other than 0 stops and is returned. */
typedef int tally_segment_sink(void *ctx, tally_span bytes, tally_error *err);
/* Reads on: fills `out` with up to `size` bytes, *len of them, 0 at the end. */
typedef int tally_segment_source(void *ctx, uint8_t *out, size_t size, size_t *len,
                                 tally_error *err);

/* Writes what this store holds beyond a frontier: `heads`, ascending by device (none: everything),
 * blobs of the records written, and every fork known. Records and blobs that were written are
 * counted. TALLY_ENOTFOUND, with nothing written, when there is nothing beyond it. */
typedef struct tally_segment_write {
    tally_txn *txn;
    const tally_team_secret *secret; /* the newest */
    tally_wire_packer *packer;
    const tally_wire_head *heads;
    size_t head_count;
    int64_t now_ms;
    tally_segment_sink *sink;
    void *ctx;
    uint64_t records, blobs; /* out */
} tally_segment_write;
int tally_segment_write_to(tally_segment_write *segment, tally_error *err);

/* First pass: decrypts and decodes everything to the end, stores nothing, and says whose frontier
 * it was (`heads` holds TALLY_WIRE_MAX_HEADS). TALLY_EFORMAT: damaged, cut off, or of another team
 * (that cannot be told apart); TALLY_ELIMIT. */
typedef struct tally_segment_read {
    const tally_team_secret *secrets;
    size_t secret_count;
    tally_wire_packer *packer;
    tally_segment_source *source;
    void *ctx;
    tally_wire_head *heads; /* out */
    size_t head_count;      /* out */
    int64_t clock_ms;       /* out: the writer's, when it wrote */
    uint64_t records;       /* out: in the segment (check), taken (take) */
    uint64_t skipped;       /* out of take: commits that lawfully were not taken */
} tally_segment_read;
int tally_segment_check(tally_segment_read *segment, tally_error *err);
/* Second pass, over the same bytes from their beginning, inside one write: takes everything in.
 * Checks everything again: bytes that changed in between are refused, and the caller gives the
 * transaction up. */
int tally_segment_take(tally_segment_read *segment, tally_txn *txn, tally_error *err);

#endif
