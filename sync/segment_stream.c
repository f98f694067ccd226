/* The chunks of a segment (segment.h), encrypted and decrypted with libsodium's secretstream. What
 * the messages in them say is in segment.c and segment_read.c. */
#include "segment_stream.h"

#define SECRETSTREAM(name) crypto_secretstream_xchacha20poly1305_##name

_Static_assert(SECRETSTREAM(HEADERBYTES) == TALLY_SEGMENT_HEADER_BYTES, "as documented");
_Static_assert(SECRETSTREAM(ABYTES) == TALLY_SEGMENT_CHUNK_MIN_BYTES, "as documented");

/* Waiting plaintext is one message at most, and what was left of the one before. */
#define WAITING_MAX_BYTES                                                                          \
    (TALLY_MESSAGE_HEADER_BYTES + TALLY_MESSAGE_MAX_BYTES + SEGMENT_PLAIN_MAX_BYTES)

#define SEALED_BYTES (8u + TALLY_TEAM_SECRET_BYTES) /* epoch and secret */
_Static_assert(SEALED_BYTES + crypto_box_SEALBYTES == TALLY_SEGMENT_KEY_BYTES, "as documented");

static void key_of(const uint8_t secret[TALLY_TEAM_SECRET_BYTES], tally_span keys,
                   uint8_t key[SECRETSTREAM(KEYBYTES)]) {
    static const uint8_t person[crypto_generichash_blake2b_PERSONALBYTES] = "tally segment";
    (void)crypto_generichash_blake2b_salt_personal(key, SECRETSTREAM(KEYBYTES), keys.ptr, keys.len,
                                                   secret, TALLY_TEAM_SECRET_BYTES, NULL, person);
}

/* ---- writing ---- */

int segment_keys_add(tally_buffer *keys, const tally_team_secret *secret, const uint8_t box_key[32],
                     tally_error *err) {
    uint8_t plain[SEALED_BYTES], sealed[TALLY_SEGMENT_KEY_BYTES], *at;
    size_t count_bytes = keys->len == 0 ? SEGMENT_COUNT_BYTES : 0;
    tally_put_be64(plain, secret->epoch);
    memcpy(plain + 8, secret->bytes, sizeof secret->bytes);
    int rc = crypto_box_seal(sealed, plain, sizeof plain, box_key);
    sodium_memzero(plain, sizeof plain);
    if (rc != 0)
        return tally_fail(err, TALLY_EINVAL, "a device of the team has a key that is none");
    rc = tally_buffer_extend(keys, count_bytes + sizeof sealed, &at, err);
    if (rc != 0) return rc;
    memcpy(at + count_bytes, sealed, sizeof sealed);
    size_t count = (keys->len - SEGMENT_COUNT_BYTES) / TALLY_SEGMENT_KEY_BYTES;
    keys->ptr[0] = (uint8_t)(count >> 8);
    keys->ptr[1] = (uint8_t)count;
    return 0;
}

int segment_push_begin(segment_push *push, const tally_team_secret *secret, tally_span keys,
                       tally_segment_sink *sink, void *ctx, tally_error *err) {
    uint8_t key[SECRETSTREAM(KEYBYTES)], header[SECRETSTREAM(HEADERBYTES)];
    push->sink = sink;
    push->ctx = ctx;
    tally_buffer_init(&push->plain, WAITING_MAX_BYTES);
    key_of(secret->bytes, keys, key);
    (void)SECRETSTREAM(init_push)(&push->state, header, key);
    sodium_memzero(key, sizeof key);
    int rc = sink(ctx, keys, err);
    return rc != 0 ? rc : sink(ctx, tally_span_of(header, sizeof header), err);
}

static int push_chunk(segment_push *push, tally_span plain, uint8_t tag, tally_error *err) {
    uint8_t *content = push->chunk + SEGMENT_CHUNK_HEADER_BYTES;
    size_t len = plain.len + SECRETSTREAM(ABYTES);
    tally_put_be32(push->chunk, (uint32_t)len);
    (void)SECRETSTREAM(push)(&push->state, content, NULL, plain.ptr, plain.len, push->chunk,
                             SEGMENT_CHUNK_HEADER_BYTES, tag);
    return push->sink(push->ctx, tally_span_of(push->chunk, SEGMENT_CHUNK_HEADER_BYTES + len), err);
}

int segment_push_on(segment_push *push, tally_error *err) {
    size_t done = 0;
    int rc = 0;
    while (rc == 0 && push->plain.len - done > SEGMENT_PLAIN_MAX_BYTES) {
        tally_span plain = tally_span_of(push->plain.ptr + done, SEGMENT_PLAIN_MAX_BYTES);
        rc = push_chunk(push, plain, SECRETSTREAM(TAG_MESSAGE), err);
        done += plain.len;
    }
    tally_buffer_drop(&push->plain, done);
    return rc;
}

int segment_push_end(segment_push *push, tally_error *err) {
    int rc = segment_push_on(push, err);
    if (rc == 0)
        rc = push_chunk(push, tally_buffer_span(&push->plain), SECRETSTREAM(TAG_FINAL), err);
    return rc;
}

void segment_push_clear(segment_push *push) {
    tally_buffer_clear(&push->plain);
    sodium_memzero(&push->state, sizeof push->state);
}

/* ---- reading ---- */

/* Exactly `len` bytes, or at the end of the source none: *got says which. */
static int read_bytes(const segment_pull *pull, uint8_t *out, size_t len, size_t *got,
                      tally_error *err) {
    *got = 0;
    while (*got < len) {
        size_t more = 0;
        int rc = pull->source(pull->ctx, out + *got, len - *got, &more, err);
        if (rc != 0) return rc;
        if (more == 0) break;
        *got += more;
    }
    return 0;
}

static int cut_off(tally_error *err) {
    return tally_fail(err, TALLY_EFORMAT,
                      "the segment is cut off: copy it again, or ask for another one");
}

static int read_whole(const segment_pull *pull, uint8_t *out, size_t len, tally_error *err) {
    size_t got;
    int rc = read_bytes(pull, out, len, &got, err);
    return rc != 0 || got == len ? rc : cut_off(err);
}

/* The next chunk's bytes, still encrypted, behind its length. */
static int read_chunk(segment_pull *pull, size_t *len, tally_error *err) {
    int rc = read_whole(pull, pull->chunk, SEGMENT_CHUNK_HEADER_BYTES, err);
    if (rc != 0) return rc;
    *len = tally_get_be32(pull->chunk);
    if (*len < TALLY_SEGMENT_CHUNK_MIN_BYTES)
        return tally_fail(err, TALLY_EFORMAT, "the file is not a segment, or is damaged");
    if (*len > TALLY_SEGMENT_CHUNK_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT,
                          "the file is not a segment, or is damaged: a chunk of %zu bytes is over "
                          "the limit of %u",
                          *len, TALLY_SEGMENT_CHUNK_MAX_BYTES);
    return read_whole(pull, pull->chunk + SEGMENT_CHUNK_HEADER_BYTES, *len, err);
}

/* False when it does not authenticate; then nothing has changed but `plain`. */
static bool open_chunk(segment_pull *pull, size_t len, uint8_t *tag) {
    unsigned long long plain_len = 0;
    int rc = SECRETSTREAM(pull)(&pull->state, pull->plain, &plain_len, tag,
                                pull->chunk + SEGMENT_CHUNK_HEADER_BYTES, len, pull->chunk,
                                SEGMENT_CHUNK_HEADER_BYTES);
    pull->plain_len = (size_t)plain_len;
    return rc == 0;
}

/* What the tag of a chunk that was opened asks for. */
static int after_chunk(segment_pull *pull, uint8_t tag, tally_error *err) {
    uint8_t byte;
    size_t more;
    if (tag == SECRETSTREAM(TAG_MESSAGE)) return 0;
    if (tag != SECRETSTREAM(TAG_FINAL))
        return tally_fail(err, TALLY_EFORMAT, "the segment has a chunk with an unknown tag");
    int rc = read_bytes(pull, &byte, 1, &more, err);
    if (rc == 0 && more > 0)
        rc = tally_fail(err, TALLY_EFORMAT, "the segment is followed by more bytes");
    pull->ended = rc == 0;
    return rc;
}

static int read_keys(segment_pull *pull, tally_error *err) {
    int rc = read_whole(pull, pull->keys, SEGMENT_COUNT_BYTES, err);
    if (rc != 0) return rc;
    size_t count = (size_t)pull->keys[0] << 8 | pull->keys[1];
    if (count > TALLY_TEAM_MAX_DEVICES)
        return tally_fail(err, TALLY_ELIMIT, "the file is not a segment, or is damaged");
    pull->keys_len = SEGMENT_COUNT_BYTES + count * TALLY_SEGMENT_KEY_BYTES;
    return read_whole(pull, pull->keys + SEGMENT_COUNT_BYTES, count * TALLY_SEGMENT_KEY_BYTES, err);
}

/* Whether this secret opens the first chunk, which is in pull->chunk. */
static bool try_secret(segment_pull *pull, const uint8_t *header, size_t len, const uint8_t *secret,
                       uint8_t *tag) {
    uint8_t key[SECRETSTREAM(KEYBYTES)];
    key_of(secret, tally_span_of(pull->keys, pull->keys_len), key);
    (void)SECRETSTREAM(init_pull)(&pull->state, header, key);
    sodium_memzero(key, sizeof key);
    return open_chunk(pull, len, tag);
}

/* Whether one of the keys is for this device and opens it. */
static bool try_keys(segment_pull *pull, const uint8_t *header, size_t len, const tally_key *key,
                     uint8_t *tag) {
    uint8_t plain[SEALED_BYTES];
    bool opened = false;
    for (size_t at = SEGMENT_COUNT_BYTES; key && at < pull->keys_len && !opened;
         at += TALLY_SEGMENT_KEY_BYTES) {
        tally_span sealed = tally_span_of(pull->keys + at, TALLY_SEGMENT_KEY_BYTES);
        if (tally_key_open_sealed(key, sealed, plain, sizeof plain) != 0) continue;
        pull->epoch = tally_get_be64(plain);
        opened = try_secret(pull, header, len, plain + 8, tag);
    }
    sodium_memzero(plain, sizeof plain);
    return opened;
}

int segment_pull_begin(segment_pull *pull, const tally_segment_read *segment, tally_error *err) {
    uint8_t header[SECRETSTREAM(HEADERBYTES)], tag = 0;
    size_t len = 0;
    bool opened = false;
    pull->source = segment->source;
    pull->ctx = segment->ctx;
    pull->ended = false;
    int rc = read_keys(pull, err);
    if (rc == 0) rc = read_whole(pull, header, sizeof header, err);
    if (rc == 0) rc = read_chunk(pull, &len, err);
    if (rc != 0) return rc;
    for (size_t i = 0; i < segment->secret_count && !opened; i++) {
        pull->epoch = segment->secrets[i].epoch;
        opened = try_secret(pull, header, len, segment->secrets[i].bytes, &tag);
    }
    if (!opened) opened = try_keys(pull, header, len, segment->key, &tag);
    if (!opened)
        return tally_fail(err, TALLY_EFORMAT,
                          "the file is damaged, not a segment, or not for this device: of another "
                          "team, or of a time after this device was revoked");
    return after_chunk(pull, tag, err);
}

int segment_pull_on(segment_pull *pull, tally_error *err) {
    size_t len = 0;
    uint8_t tag;
    int rc = read_chunk(pull, &len, err);
    if (rc != 0) return rc;
    if (!open_chunk(pull, len, &tag))
        return tally_fail(err, TALLY_EFORMAT,
                          "the segment is damaged: copy it again, or ask for another one");
    return after_chunk(pull, tag, err);
}
