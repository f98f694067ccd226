/* The encrypted chunks of a segment: bytes of messages in, bytes of a file out, and back. Private
 * to sync/. */
#ifndef TALLY_SEGMENT_STREAM_H
#define TALLY_SEGMENT_STREAM_H

#include <tally/segment.h>

#include <sodium.h>

#define SEGMENT_PLAIN_MAX_BYTES    (TALLY_SEGMENT_CHUNK_MAX_BYTES - TALLY_SEGMENT_CHUNK_MIN_BYTES)
#define SEGMENT_CHUNK_HEADER_BYTES 4u

#define SEGMENT_COUNT_BYTES 2u
#define SEGMENT_KEYS_MAX_BYTES                                                                     \
    (SEGMENT_COUNT_BYTES + TALLY_TEAM_MAX_DEVICES * TALLY_SEGMENT_KEY_BYTES)

/* Seals the secret to one more device: `keys` has its count at its front, or is empty. */
int segment_keys_add(tally_buffer *keys, const tally_team_secret *secret, const uint8_t box_key[32],
                     tally_error *err);

/* Wipe with segment_push_clear. */
typedef struct segment_push {
    crypto_secretstream_xchacha20poly1305_state state;
    tally_segment_sink *sink;
    void *ctx;
    tally_buffer plain; /* messages that wait: append frames to it */
    uint8_t chunk[SEGMENT_CHUNK_HEADER_BYTES + TALLY_SEGMENT_CHUNK_MAX_BYTES];
} segment_push;
/* Writes `keys` and draws and writes the header. */
int segment_push_begin(segment_push *push, const tally_team_secret *secret, tally_span keys,
                       tally_segment_sink *sink, void *ctx, tally_error *err);
/* Gives away whole chunks of what waits; at least one byte stays for the last. */
int segment_push_on(segment_push *push, tally_error *err);
/* Gives away the rest. */
int segment_push_end(segment_push *push, tally_error *err);
void segment_push_clear(segment_push *push);

/* Wipe `state` with sodium_memzero. */
typedef struct segment_pull {
    crypto_secretstream_xchacha20poly1305_state state;
    tally_segment_source *source;
    void *ctx;
    uint64_t epoch; /* of the secret that opened it */
    bool ended;     /* the last chunk was read, and nothing follows it */
    uint8_t chunk[SEGMENT_CHUNK_HEADER_BYTES + TALLY_SEGMENT_CHUNK_MAX_BYTES];
    uint8_t plain[SEGMENT_PLAIN_MAX_BYTES];
    size_t plain_len;
    uint8_t keys[SEGMENT_KEYS_MAX_BYTES];
    size_t keys_len;
} segment_pull;
/* Reads keys, header and the first chunk into `plain`, with the first of segment->secrets that
 * opens it, or one sealed to segment->key. */
int segment_pull_begin(segment_pull *pull, const tally_segment_read *segment, tally_error *err);
/* Reads the next chunk into `plain`; not after the end. */
int segment_pull_on(segment_pull *pull, tally_error *err);

#endif
