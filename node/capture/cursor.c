/* Cursors as bytes, and the fingerprints that tell a grown file from a rewritten one. */
#include "cursor.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#define CURSOR_VERSION     1u
#define CURSOR_FIXED_BYTES (2u + 7u * 8u + 2u * TALLY_HASH_BYTES)

void capture_cursor_key(const char *agent, const char *path, uint8_t key[CAPTURE_ID_BYTES]) {
    const tally_span parts[] = {tally_span_str(agent), tally_span_of("", 1), tally_span_str(path)};
    tally_hash hash;
    tally_sha256_parts(parts, 3, &hash);
    memcpy(key, hash.b, CAPTURE_ID_BYTES);
}

size_t capture_cursor_encode(const capture_cursor *cursor, uint8_t *out) {
    assert(cursor->state.len <= CAPTURE_STATE_MAX_BYTES);
    const uint64_t numbers[7] = {
        cursor->stamp.dev,
        cursor->stamp.ino,
        cursor->stamp.size,
        (uint64_t)cursor->stamp.mtime_ns,
        cursor->offset,
        cursor->lines,
        (uint64_t)cursor->last_ms,
    };
    uint8_t *at = out;
    *at++ = CURSOR_VERSION;
    *at++ = cursor->pending;
    for (size_t i = 0; i < 7; i++, at += 8)
        tally_put_be64(at, numbers[i]);
    memcpy(at, cursor->head.b, TALLY_HASH_BYTES);
    memcpy(at + TALLY_HASH_BYTES, cursor->tail.b, TALLY_HASH_BYTES);
    at += 2 * TALLY_HASH_BYTES;
    if (cursor->state.len) memcpy(at, cursor->state.ptr, cursor->state.len);
    return CURSOR_FIXED_BYTES + cursor->state.len;
}

bool capture_cursor_decode(tally_span bytes, capture_cursor *out) {
    if (bytes.len < CURSOR_FIXED_BYTES || bytes.len > CURSOR_FIXED_BYTES + CAPTURE_STATE_MAX_BYTES)
        return false;
    const uint8_t *at = bytes.ptr;
    if (at[0] != CURSOR_VERSION || at[1] > 1) return false;
    uint64_t numbers[7];
    for (size_t i = 0; i < 7; i++)
        numbers[i] = tally_get_be64(at + 2 + 8 * i);
    *out = (capture_cursor){
        .stamp = {numbers[0], numbers[1], numbers[2], (int64_t)numbers[3]},
        .offset = numbers[4],
        .lines = numbers[5],
        .last_ms = (int64_t)numbers[6],
        .pending = at[1] == 1,
        .state = tally_span_of(at + CURSOR_FIXED_BYTES, bytes.len - CURSOR_FIXED_BYTES),
    };
    memcpy(out->head.b, at + 2 + 7 * 8, TALLY_HASH_BYTES);
    memcpy(out->tail.b, at + 2 + 7 * 8 + TALLY_HASH_BYTES, TALLY_HASH_BYTES);
    return out->offset <= out->stamp.size;
}

capture_stamp capture_stamp_of(const struct stat *st) {
    int64_t ns = 0;
    if (__builtin_mul_overflow((int64_t)st->st_mtim.tv_sec, INT64_C(1000000000), &ns)) ns = 0;
    return (capture_stamp){(uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
                           ns + (int64_t)st->st_mtim.tv_nsec};
}

bool capture_stamp_eq(const capture_stamp *a, const capture_stamp *b) {
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

bool capture_is_idle(const capture_stamp *stamp, int64_t last_ms, int64_t now_ms) {
    int64_t written_ms = stamp->mtime_ns / 1000000, quiet_ms;
    if (last_ms < written_ms) written_ms = last_ms;
    return __builtin_sub_overflow(now_ms, written_ms, &quiet_ms) || quiet_ms >= CAPTURE_IDLE_MS;
}

static int hash_range(int fd, uint64_t from, uint64_t to, tally_hash *out, tally_error *err) {
    uint8_t bytes[CAPTURE_FINGERPRINT_BYTES];
    size_t have = 0, want = (size_t)(to - from);
    while (have < want) {
        ssize_t n = pread(fd, bytes + have, want - have, (off_t)(from + have));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return tally_fail(err, TALLY_EIO, "cannot read: %s", strerror(errno));
        if (n == 0) return tally_fail(err, TALLY_EIO, "the file was cut short while it was read");
        have += (size_t)n;
    }
    tally_sha256(tally_span_of(bytes, want), out);
    return 0;
}

int capture_cursor_seal(capture_cursor *cursor, int fd, tally_error *err) {
    uint64_t span = CAPTURE_FINGERPRINT_BYTES;
    if (cursor->offset < span) span = cursor->offset;
    int rc = hash_range(fd, 0, span, &cursor->head, err);
    if (rc) return rc;
    return hash_range(fd, cursor->offset - span, cursor->offset, &cursor->tail, err);
}

bool capture_cursor_holds(const capture_cursor *cursor, int fd, uint64_t size) {
    if (cursor->offset > size) return false;
    capture_cursor now = {.offset = cursor->offset};
    return capture_cursor_seal(&now, fd, NULL) == 0 && tally_hash_eq(&now.head, &cursor->head) &&
           tally_hash_eq(&now.tail, &cursor->tail);
}
