/* Segments, reading: every message to the end, checked only or taken into the ledger. Chunks are in
 * segment_stream.c, writing is in segment.c. */
#include <tally/blob.h>
#include <tally/ingest.h>

#include <stdlib.h>

#include "segment_fork.h"
#include "segment_stream.h"

#define FORKS_FEATURE     "forks "
#define FORKS_FEATURE_LEN (sizeof FORKS_FEATURE - 1)

typedef struct reading {
    tally_segment_read *segment;
    tally_txn *txn; /* NULL: nothing is stored */
    segment_pull pull;
    tally_frame_reader frames;
    bool greeted; /* the hello was read */
    tally_segment_span spans[TALLY_WIRE_MAX_HEADS];
    size_t span_count;
    tally_hash blob_id; /* of the blob whose pieces are coming, while blob_total > 0 */
    uint32_t blob_total;
    tally_buffer blob;
    tally_span records[TALLY_COMMIT_MAX_RECORDS];
    uint8_t *raw; /* of the commits at hand */
    size_t raw_capacity;
} reading;

static int refuse(tally_error *err, const char *why) {
    return tally_fail(err, TALLY_EFORMAT, "the segment breaks the rules: %s", why);
}

/* ---- hello ---- */

static void take_features(reading *r, tally_wire_list features) {
    tally_span text;
    uint8_t digest[8];
    while (tally_wire_next_text(&features, &text)) {
        if (text.len != FORKS_FEATURE_LEN + 2 * sizeof digest ||
            memcmp(text.ptr, FORKS_FEATURE, FORKS_FEATURE_LEN) != 0)
            continue;
        tally_span hex = tally_span_of(text.ptr + FORKS_FEATURE_LEN, 2 * sizeof digest);
        if (tally_unhex(hex, digest, sizeof digest) == 0)
            r->segment->forks = tally_get_be64(digest);
    }
}

static int take_hello(reading *r, const tally_wire_message *message, tally_error *err) {
    tally_segment_read *s = r->segment;
    tally_wire_list frontier = message->as.hello.frontier;
    (void)err;
    s->clock_ms = message->as.hello.clock_ms;
    while (tally_wire_next_head(&frontier, &s->heads[s->head_count]))
        s->head_count++;
    take_features(r, message->as.hello.features);
    r->greeted = true;
    return 0;
}

/* ---- commits ---- */

/* Commits of one device must follow each other. */
static int note_span(reading *r, const tally_wire_commits *commits, tally_error *err) {
    size_t i = r->span_count;
    while (i > 0 &&
           memcmp(r->spans[i - 1].device.b, commits->device.b, TALLY_PUBLIC_KEY_BYTES) != 0)
        i--;
    if (i == 0) {
        if (r->span_count == TALLY_WIRE_MAX_HEADS)
            return tally_fail(err, TALLY_ELIMIT, "the segment has records of more than %u devices",
                              TALLY_WIRE_MAX_HEADS);
        i = ++r->span_count;
        r->spans[i - 1] = (tally_segment_span){.device = commits->device, .from = commits->from};
    } else if (r->spans[i - 1].size != commits->from) {
        return refuse(err, "the commits of a device do not follow each other");
    }
    r->spans[i - 1].size = commits->checkpoint.size;
    r->spans[i - 1].root = commits->checkpoint.root;
    return 0;
}

static uint64_t stored_size(tally_txn *txn, const tally_device_id *device) {
    tally_feed feed;
    uint32_t number;
    if (tally_feed_find(txn, device, &number) != 0 || tally_feed_get(txn, number, &feed, NULL) != 0)
        return 0;
    return feed.size;
}

/* The device signed another history than the one that is here. */
static int prove_fork(reading *r, const tally_wire_commits *commits, tally_error *err) {
    int rc = segment_prove_fork(r->txn, commits, r->records, err);
    if (rc == 0) r->segment->forked++;
    if (rc == 0 || rc == TALLY_EREFUSED) r->segment->skipped++;
    return rc == TALLY_EREFUSED || rc == TALLY_EEXIST ? 0 : rc;
}

static int ingest(reading *r, const tally_wire_commits *commits, tally_error *err) {
    uint64_t before = stored_size(r->txn, &commits->device);
    int rc = tally_ingest(r->txn, &commits->device, commits->from, r->records, commits->count,
                          &commits->checkpoint, err);
    if (rc == TALLY_ECORRUPT) return prove_fork(r, commits, err);
    switch (rc) {
    case 0: r->segment->records += stored_size(r->txn, &commits->device) - before; return 0;
    case TALLY_EEXIST: return 0;
    case TALLY_ENOTFOUND:
    case TALLY_EREFUSED: r->segment->skipped++; return 0;
    default: return rc;
    }
}

/* Decoding has limited the length. */
static int raw_reserve(reading *r, size_t len, tally_error *err) {
    if (len <= r->raw_capacity) return 0;
    uint8_t *raw = realloc(r->raw, len);
    if (!raw) return tally_fail(err, TALLY_ENOMEM, "no memory for the records of a segment");
    r->raw = raw;
    r->raw_capacity = len;
    return 0;
}

static int take_commits(reading *r, const tally_wire_message *message, tally_error *err) {
    const tally_wire_commits *commits = &message->as.commits;
    int rc = note_span(r, commits, err);
    if (rc == 0) rc = raw_reserve(r, commits->raw_len, err);
    if (rc == 0) rc = tally_wire_unpack(r->segment->packer, commits, r->raw, err);
    if (rc != 0) return rc;
    if (!r->txn) {
        r->segment->records += commits->count;
        return 0;
    }
    tally_span raw = tally_span_of(r->raw, commits->raw_len);
    for (uint32_t i = 0; i < commits->count; i++) /* unpacking has counted them */
        (void)tally_wire_next_record(&raw, &r->records[i]);
    return ingest(r, commits, err);
}

/* ---- forks and blobs ---- */

static int take_fork(reading *r, const tally_wire_message *message, tally_error *err) {
    const tally_wire_fork *in = &message->as.fork;
    tally_fork fork = {.device = in->device, .common = in->common, .base = in->base};
    if (!r->txn) return 0;
    for (size_t i = 0; i < 2; i++)
        tally_wire_side_get(&in->sides[i], &fork.branches[i]);
    int rc = tally_fork_put(r->txn, &fork, err);
    if (rc == 0) r->segment->forked++;
    if (rc == TALLY_EREFUSED) r->segment->skipped++;
    return rc == TALLY_EREFUSED || rc == TALLY_EEXIST ? 0 : rc;
}

static int take_cosig(reading *r, const tally_wire_message *message, tally_error *err) {
    if (!r->txn) return 0;
    int rc = tally_cosignature_take(r->txn, &message->as.cosig, err);
    return rc == TALLY_EREFUSED || rc == TALLY_EEXIST ? 0 : rc;
}

static int blob_done(reading *r, tally_error *err) {
    tally_hash hash;
    tally_span salted = tally_buffer_span(&r->blob);
    int rc = 0;
    tally_sha256(salted, &hash);
    if (!tally_hash_eq(&hash, &r->blob_id))
        return refuse(err, "a blob's bytes are not those of its id");
    if (r->txn) rc = tally_blob_take(r->txn, &r->blob_id, salted, err);
    if (rc == 0) r->segment->blobs++;
    r->blob_total = 0;
    tally_buffer_clear(&r->blob);
    return rc == TALLY_EREFUSED || rc == TALLY_EEXIST ? 0 : rc;
}

static int take_blob(reading *r, const tally_wire_message *message, tally_error *err) {
    const tally_wire_blob *piece = &message->as.blob;
    if (piece->total == 0) return refuse(err, "it names a blob and does not hold it");
    if (r->blob_total == 0) {
        r->blob_id = piece->id;
        r->blob_total = piece->total;
    }
    if (!tally_hash_eq(&piece->id, &r->blob_id) || piece->total != r->blob_total ||
        piece->offset != r->blob.len)
        return refuse(err, "the pieces of a blob do not follow each other");
    int rc = tally_buffer_add(&r->blob, piece->bytes, err);
    return rc != 0 || r->blob.len < r->blob_total ? rc : blob_done(r, err);
}

/* ---- the whole ---- */

static int pass_over(reading *r, const tally_wire_message *message, tally_error *err) {
    (void)r, (void)message, (void)err;
    return 0;
}

/* By type; others have no place in a segment. */
static int (*const takers[])(reading *r, const tally_wire_message *message,
                             tally_error *err) = {[TALLY_WIRE_UNKNOWN] = pass_over,
                                                  [TALLY_WIRE_HELLO] = take_hello,
                                                  [TALLY_WIRE_COMMITS] = take_commits,
                                                  [TALLY_WIRE_COSIG] = take_cosig,
                                                  [TALLY_WIRE_BLOB] = take_blob,
                                                  [TALLY_WIRE_FORK] = take_fork,
                                                  [TALLY_WIRE_BYE] = NULL};

static int take_message(reading *r, tally_span frame, tally_error *err) {
    tally_wire_message message;
    int rc = tally_wire_decode(frame, &message, err);
    if (rc == TALLY_EREFUSED && err) err->code = TALLY_EFORMAT; /* of another version: a bad file */
    if (rc != 0) return rc == TALLY_EREFUSED ? TALLY_EFORMAT : rc;
    if (r->greeted == (message.type == TALLY_WIRE_HELLO))
        return refuse(err, "its first message, and no other, must be hello");
    if (r->blob_total > 0 && message.type != TALLY_WIRE_BLOB)
        return refuse(err, "the pieces of a blob do not follow each other");
    if (!takers[message.type]) return refuse(err, "a message in it belongs into a session only");
    return takers[message.type](r, &message, err);
}

static int take_plain(reading *r, tally_span plain, tally_error *err) {
    tally_span frame;
    int rc;
    while ((rc = tally_frame_next(&r->frames, &plain, &frame, err)) == 1)
        if ((rc = take_message(r, frame, err)) != 0) return rc;
    return rc;
}

/* All chunks were read: did the messages end with them? */
static int check_end(const reading *r, tally_error *err) {
    if (r->frames.buffer.len > 0 && !r->frames.taken)
        return refuse(err, "its last message is cut off");
    if (!r->greeted) return refuse(err, "there is no message in it");
    if (r->blob_total > 0) return refuse(err, "its last blob is cut off");
    return 0;
}

static int read_all(reading *r, tally_error *err) {
    tally_segment_read *s = r->segment;
    int rc = segment_pull_begin(&r->pull, s, err);
    s->epoch = rc == 0 ? r->pull.epoch : 0;
    while (rc == 0) {
        rc = take_plain(r, tally_span_of(r->pull.plain, r->pull.plain_len), err);
        if (rc != 0 || r->pull.ended) break;
        rc = segment_pull_on(&r->pull, err);
    }
    return rc == 0 ? check_end(r, err) : rc;
}

static int read_segment(tally_segment_read *s, tally_txn *txn, tally_error *err) {
    reading *r = calloc(1, sizeof *r);
    if (!r) return tally_fail(err, TALLY_ENOMEM, "no memory to read a segment");
    r->segment = s;
    r->txn = txn;
    tally_message_reader_init(&r->frames, TALLY_MESSAGE_MAX_BYTES);
    tally_buffer_init(&r->blob, TALLY_WIRE_BLOB_MAX_BYTES);
    s->head_count = s->span_count = 0;
    s->clock_ms = 0;
    s->records = s->blobs = s->skipped = s->forks = s->forked = 0;
    int rc = read_all(r, err);
    if (rc == 0 && s->spans) {
        memcpy(s->spans, r->spans, r->span_count * sizeof *r->spans);
        s->span_count = r->span_count;
    }
    tally_buffer_clear(&r->blob);
    tally_frame_reader_clear(&r->frames);
    free(r->raw);
    sodium_memzero(&r->pull.state, sizeof r->pull.state);
    free(r);
    return rc;
}

int tally_segment_check(tally_segment_read *segment, tally_error *err) {
    return read_segment(segment, NULL, err);
}

int tally_segment_take(tally_segment_read *segment, tally_txn *txn, tally_error *err) {
    return read_segment(segment, txn, err);
}
