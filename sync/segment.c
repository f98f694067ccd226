/* Segments, writing: which commits, forks and blobs go in, and in which order. Chunks are in
 * segment_stream.c, reading is in segment_read.c. */
#include <tally/blob.h>
#include <tally/ingest.h>
#include <tally/peer.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "segment_stream.h"

#define FIRST_BLOBS 64u
#define FIRST_EPOCH 1u

/* In this order feeds are written: whoever admits others comes before those it admits; a feed that
 * has forked comes after the proofs, so that a reader with the other history sets that aside first.
 */
typedef enum rank { RANK_CREATOR, RANK_ADMIN, RANK_OTHER, RANK_FORKED } rank;

typedef struct outgoing {
    tally_segment_span span;
    uint32_t feed;
    rank rank;
    tally_hlc first; /* clock of the first record: admissions come before it */
} outgoing;

typedef struct writing {
    tally_segment_write *segment;
    tally_txn *txn;
    tally_buffer keys;
    segment_push push;
    tally_wire_head heads[TALLY_WIRE_MAX_HEADS]; /* the own frontier */
    size_t head_count;
    outgoing feeds[TALLY_WIRE_MAX_HEADS];
    size_t feed_count;
    /* the commits being gathered */
    tally_buffer raw;
    uint32_t count;
    /* blobs that records written refer to, some of them more than once */
    tally_hash *blobs;
    size_t blob_count, blob_capacity;
} writing;

/* ---- what to write ---- */

static int head_cmp(const void *a, const void *b) {
    const tally_wire_head *x = a, *y = b;
    return memcmp(x->device.b, y->device.b, sizeof x->device.b);
}

/* From where on the reader lacks records. Where its history is another than ours it gets all of
 * them, to prove the fork; of a known fork what follows the place, for the proof comes before. */
static int from_of(writing *w, outgoing *out, const tally_fork_state *fork, tally_error *err) {
    const tally_segment_write *s = w->segment;
    tally_wire_head own = {.device = out->span.device};
    const tally_wire_head *head =
        s->head_count > 0 ? bsearch(&own, s->heads, s->head_count, sizeof own, head_cmp) : NULL;
    bool forked = out->rank == RANK_FORKED;
    tally_hash root;
    out->span.from = head ? head->size : 0;
    if (!head) return 0;
    if (head->size > out->span.size) {
        if (forked && out->span.size > fork->proof.common) out->span.from = fork->proof.common;
        return 0;
    }
    int rc = tally_feed_root(w->txn, out->feed, head->size, &root, err);
    if (rc == 0 && !tally_hash_eq(&root, &head->root))
        out->span.from = forked && fork->proof.common < head->size ? fork->proof.common : 0;
    return rc;
}

static int rank_of(writing *w, outgoing *out, tally_error *err) {
    tally_team_device device;
    tally_span bytes;
    tally_record record;
    bool known = tally_team_device_get(w->txn, &out->span.device, &device) == 0;
    out->rank = RANK_OTHER;
    if (known && device.creator)
        out->rank = RANK_CREATOR;
    else if (known && device.role == TALLY_ROLE_ADMIN)
        out->rank = RANK_ADMIN;
    int rc = tally_record_get(w->txn, out->feed, 0, &bytes, err);
    if (rc == 0) rc = tally_record_parse(bytes, &record, err);
    if (rc == 0) out->first = record.hlc;
    return rc;
}

static int look_at_feed(writing *w, outgoing *out, tally_error *err) {
    tally_fork_state fork;
    int rc = tally_feed_find(w->txn, &out->span.device, &out->feed);
    if (rc != 0) return tally_fail(err, rc, "cannot read the list of feeds; run 'tally fsck'");
    rc = rank_of(w, out, err);
    if (rc != 0) return rc;
    rc = tally_fork_get(w->txn, &out->span.device, &fork, err);
    if (rc == 0) out->rank = RANK_FORKED;
    return rc == 0 || rc == TALLY_ENOTFOUND ? from_of(w, out, &fork, err) : rc;
}

static int outgoing_cmp(const void *a, const void *b) {
    const outgoing *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return memcmp(x->span.device.b, y->span.device.b, sizeof x->span.device.b);
}

static int choose(writing *w, tally_error *err) {
    int rc = tally_frontier(w->txn, w->heads, &w->head_count, err);
    for (size_t i = 0; i < w->head_count && rc == 0; i++) {
        outgoing *out = &w->feeds[w->feed_count];
        const tally_wire_head *own = &w->heads[i];
        *out = (outgoing){.span = {.device = own->device, .size = own->size, .root = own->root}};
        rc = look_at_feed(w, out, err);
        if (rc == 0 && out->span.from < out->span.size) w->feed_count++;
    }
    qsort(w->feeds, w->feed_count, sizeof *w->feeds, outgoing_cmp);
    if (rc == 0) rc = tally_fork_digest(w->txn, &w->segment->forks, err);
    if (rc == 0 && w->feed_count == 0 && w->segment->forks == 0)
        rc = tally_fail(err, TALLY_ENOTFOUND,
                        "there is nothing to write: all that is here is there as well");
    return rc;
}

static int put_key(void *ctx, const tally_team_device *device) {
    writing *w = ctx;
    if (device->limit != UINT64_MAX) return 0; /* revoked */
    int rc = segment_keys_add(&w->keys, w->segment->secret, device->box_key, NULL);
    return rc == TALLY_EINVAL ? 0 : rc; /* no point of the curve: it can open nothing */
}

/* The first secret comes with joining: nobody can have missed it. */
static int put_keys(writing *w, tally_error *err) {
    static const uint8_t none[SEGMENT_COUNT_BYTES];
    if (w->segment->secret->epoch <= FIRST_EPOCH)
        return tally_buffer_add(&w->keys, tally_span_of(none, sizeof none), err);
    int rc = tally_team_device_each(w->txn, put_key, w);
    return rc == 0 ? 0 : tally_fail(err, rc, "cannot seal the segment to the team's devices");
}

static int put_hello(writing *w, tally_error *err) {
    char words[TALLY_WIRE_FEATURE_MAX_BYTES];
    (void)snprintf(words, sizeof words, "forks %016llx", (unsigned long long)w->segment->forks);
    tally_span feature = tally_span_str(words);
    return tally_wire_put_hello(&w->push.plain, w->segment->now_ms, &feature,
                                w->segment->forks != 0, w->heads, w->head_count, err);
}

/* ---- commits ---- */

/* Ids are hashes: a field of 32 bytes under which a blob is stored refers to it. */
static int note_blob(writing *w, tally_span id, tally_error *err) {
    tally_hash hash;
    tally_span stored;
    if (id.len != sizeof hash.b) return 0;
    memcpy(hash.b, id.ptr, id.len);
    if (tally_blob_stored(w->txn, &hash, &stored) != 0) return 0;
    if (w->blob_count == w->blob_capacity) {
        size_t capacity = w->blob_capacity ? 2 * w->blob_capacity : FIRST_BLOBS;
        tally_hash *blobs = reallocarray(w->blobs, capacity, sizeof *blobs);
        if (!blobs) return tally_fail(err, TALLY_ENOMEM, "no memory for the list of blobs");
        w->blobs = blobs;
        w->blob_capacity = capacity;
    }
    w->blobs[w->blob_count++] = hash;
    return 0;
}

/* The body's fields, and lists in it. */
static int note_blobs(writing *w, tally_span bytes, tally_error *err) {
    tally_record record;
    tally_value value, element;
    int rc = tally_record_parse(bytes, &record, err);
    if (rc != 0) return rc;
    tally_cursor fields = tally_cursor_of_body(&record);
    while (rc == 0 && tally_cursor_next(&fields, &value)) {
        if (value.type == TALLY_VALUE_BIN) rc = note_blob(w, value.bytes, err);
        if (value.type != TALLY_VALUE_ARRAY) continue;
        tally_cursor list = tally_cursor_of(&value);
        while (rc == 0 && tally_cursor_next(&list, &element))
            if (element.type == TALLY_VALUE_BIN) rc = note_blob(w, element.bytes, err);
    }
    return rc;
}

static int gather_record(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    writing *w = ctx;
    (void)index;
    int rc = tally_wire_add_record(&w->raw, record, err);
    if (rc != 0) return rc;
    w->count++;
    return note_blobs(w, record, err);
}

static int put_commits(writing *w, const outgoing *out, tally_error *err) {
    uint64_t from = out->span.from;
    int rc = 0;
    while (rc == 0 && from < out->span.size) {
        tally_wire_commits commits = {.device = out->span.device, .from = from};
        w->raw.len = 0;
        w->count = 0;
        rc = tally_commit_span(w->txn, out->feed, from, &commits.checkpoint, gather_record, w, err);
        if (rc != 0) return rc;
        commits.count = w->count;
        commits.raw_len = (uint32_t)w->raw.len;
        from = commits.checkpoint.size;
        w->segment->records += commits.count;
        rc = tally_wire_pack(w->segment->packer, tally_buffer_span(&w->raw), &commits.packed, err);
        if (rc == 0) rc = tally_wire_put_commits(&w->push.plain, &commits, err);
        if (rc == 0) rc = segment_push_on(&w->push, err);
    }
    return rc;
}

/* ---- cosignatures ---- */

static int put_cosig(void *ctx, const tally_cosignature *c, tally_error *err) {
    writing *w = ctx;
    int rc = tally_wire_put_cosig(&w->push.plain, c, err);
    return rc != 0 ? rc : segment_push_on(&w->push, err);
}

/* Those of the records written, and those that came last, of whatever records. */
static int put_cosigs(writing *w, tally_error *err) {
    uint64_t came;
    int rc = tally_cosignatures_came(w->txn, &came, err);
    for (size_t i = 0; rc == 0 && i < w->feed_count; i++)
        rc = tally_cosignature_each(w->txn, &w->feeds[i].span.device, w->feeds[i].span.from + 1,
                                    put_cosig, w, err);
    uint64_t after = came > TALLY_SEGMENT_COSIGS ? came - TALLY_SEGMENT_COSIGS : 0;
    return rc != 0 ? rc : tally_cosignature_since(w->txn, after, put_cosig, w, err);
}

/* ---- forks and blobs ---- */

static int put_fork(void *ctx, const tally_fork_state *state, tally_error *err) {
    writing *w = ctx;
    int rc = tally_wire_put_fork(&w->push.plain, &state->proof, err);
    return rc != 0 ? rc : segment_push_on(&w->push, err);
}

static int put_feeds(writing *w, tally_error *err) {
    int rc = 0;
    size_t i = 0;
    for (; rc == 0 && i < w->feed_count && w->feeds[i].rank < RANK_FORKED; i++)
        rc = put_commits(w, &w->feeds[i], err);
    if (rc == 0) rc = tally_fork_each(w->txn, put_fork, w, err);
    for (; rc == 0 && i < w->feed_count; i++)
        rc = put_commits(w, &w->feeds[i], err);
    return rc;
}

static int put_blob(writing *w, const tally_hash *id, tally_error *err) {
    tally_span salted;
    int rc = tally_blob_stored(w->txn, id, &salted);
    if (rc != 0) return tally_fail(err, rc, "cannot read a blob");
    if (salted.len < TALLY_BLOB_SALT_BYTES || salted.len > TALLY_WIRE_BLOB_MAX_BYTES)
        return tally_fail(err, TALLY_ECORRUPT, "a stored blob is damaged; run 'tally fsck'");
    for (size_t at = 0; rc == 0 && at < salted.len;) {
        size_t left = salted.len - at;
        size_t len =
            left < TALLY_WIRE_BLOB_PIECE_MAX_BYTES ? left : TALLY_WIRE_BLOB_PIECE_MAX_BYTES;
        tally_wire_blob piece = {.id = *id,
                                 .total = (uint32_t)salted.len,
                                 .offset = (uint32_t)at,
                                 .bytes = tally_span_of(salted.ptr + at, len)};
        rc = tally_wire_put_blob(&w->push.plain, &piece, err);
        if (rc == 0) rc = segment_push_on(&w->push, err);
        at += len;
    }
    return rc;
}

static int hash_cmp(const void *a, const void *b) {
    return memcmp(a, b, sizeof(tally_hash));
}

static int put_blobs(writing *w, tally_error *err) {
    int rc = 0;
    if (w->blob_count == 0) return 0;
    qsort(w->blobs, w->blob_count, sizeof *w->blobs, hash_cmp);
    for (size_t i = 0; rc == 0 && i < w->blob_count; i++) {
        if (i > 0 && tally_hash_eq(&w->blobs[i - 1], &w->blobs[i])) continue;
        rc = put_blob(w, &w->blobs[i], err);
        w->segment->blobs++;
    }
    return rc;
}

static int write_all(writing *w, tally_error *err) {
    tally_segment_write *s = w->segment;
    int rc = choose(w, err);
    if (rc != 0) return rc;
    rc = put_keys(w, err);
    if (rc == 0)
        rc = segment_push_begin(&w->push, s->secret, tally_buffer_span(&w->keys), s->sink, s->ctx,
                                err);
    if (rc == 0) rc = put_hello(w, err);
    if (rc == 0) rc = put_feeds(w, err);
    if (rc == 0) rc = put_cosigs(w, err);
    if (rc == 0) rc = put_blobs(w, err);
    for (size_t i = 0; i < w->feed_count && s->spans; i++)
        s->spans[s->span_count++] = w->feeds[i].span;
    return rc == 0 ? segment_push_end(&w->push, err) : rc;
}

int tally_segment_write_to(tally_segment_write *segment, tally_error *err) {
    assert(segment->head_count <= TALLY_WIRE_MAX_HEADS);
    writing *w = calloc(1, sizeof *w);
    if (!w) return tally_fail(err, TALLY_ENOMEM, "no memory to write a segment");
    w->segment = segment;
    w->txn = segment->txn;
    tally_buffer_init(&w->raw, TALLY_WIRE_RAW_MAX_BYTES);
    tally_buffer_init(&w->keys, SEGMENT_KEYS_MAX_BYTES);
    segment->span_count = 0;
    segment->records = segment->blobs = segment->forks = 0;
    int rc = write_all(w, err);
    free(w->blobs);
    tally_buffer_clear(&w->keys);
    tally_buffer_clear(&w->raw);
    segment_push_clear(&w->push);
    free(w);
    return rc;
}
