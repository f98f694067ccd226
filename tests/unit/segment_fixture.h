/* Segments between the ledgers of one team, in memory. Header only. */
#ifndef TESTS_SEGMENT_FIXTURE_H
#define TESTS_SEGMENT_FIXTURE_H

#include "team_fixture.h"

#include <tally/blob.h>
#include <tally/peer.h>
#include <tally/segment.h>

#include "segment_seal.h"

#define SEGMENT_FILE_MAX_BYTES (16u * 1024u * 1024u)

static inline tally_wire_packer *segment_packer(void) {
    static tally_wire_packer *packer;
    if (!packer) assert_int_equal(tally_wire_packer_new(&packer, NULL), 0);
    return packer;
}

typedef struct file {
    uint8_t *b;
    size_t len;
    size_t limit; /* the sink fails beyond it; 0: none */
} file;

static inline int file_sink(void *ctx, tally_span bytes, tally_error *err) {
    file *out = ctx;
    if (out->limit > 0 && bytes.len > out->limit - out->len)
        return tally_fail(err, TALLY_ENOSPC, "on purpose");
    assert_true(bytes.len <= SEGMENT_FILE_MAX_BYTES - out->len);
    out->b = realloc(out->b, out->len + bytes.len);
    assert_non_null(out->b);
    memcpy(out->b + out->len, bytes.ptr, bytes.len);
    out->len += bytes.len;
    return 0;
}

static inline size_t secrets_of(fixture *f, tally_team_secret out[TALLY_TEAM_MAX_SECRETS]) {
    tally_txn *txn;
    size_t count = 0;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_team_secrets(txn, out, &count, &f->err));
    tally_read_end(txn);
    return count;
}

static inline tally_team_secret secret_of(fixture *f) {
    tally_team_secret all[TALLY_TEAM_MAX_SECRETS];
    assert_true(secrets_of(f, all) > 0);
    return all[0];
}

static tally_segment_span segment_spans[TALLY_WIRE_MAX_HEADS];
static tally_wire_head segment_heads[TALLY_WIRE_MAX_HEADS];

/* Writes what `f` holds beyond `heads`; the result of writing. */
static inline int segment_write(fixture *f, const tally_wire_head *heads, size_t count,
                                tally_segment_write *out, file *to) {
    tally_team_secret secret = secret_of(f);
    tally_txn *txn;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    *out = (tally_segment_write){.txn = txn,
                                 .secret = &secret,
                                 .packer = segment_packer(),
                                 .heads = heads,
                                 .head_count = count,
                                 .now_ms = FIXTURE_NOW_MS,
                                 .sink = file_sink,
                                 .ctx = to,
                                 .spans = segment_spans};
    int rc = tally_segment_write_to(out, &f->err);
    out->txn = NULL;
    out->secret = NULL;
    tally_read_end(txn);
    return rc;
}

/* Everything, as a file that the caller frees. */
static inline file segment_all(fixture *f) {
    file out = {0};
    tally_segment_write written;
    OK(segment_write(f, NULL, 0, &written, &out));
    return out;
}

typedef struct taking {
    tally_segment_read read;
    seal_source source;
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
} taking;

static inline void taking_begin(taking *t, const tally_team_secret *secrets, size_t count,
                                const uint8_t *bytes, size_t len) {
    *t = (taking){.source = {.bytes = bytes, .len = len}};
    if (count > 0) memcpy(t->secrets, secrets, count * sizeof *secrets);
    t->read = (tally_segment_read){.secrets = t->secrets,
                                   .secret_count = count,
                                   .packer = segment_packer(),
                                   .source = seal_read,
                                   .ctx = &t->source,
                                   .heads = segment_heads,
                                   .spans = segment_spans};
}

static inline int take_write(void *ctx, tally_txn *txn, tally_error *err) {
    taking *t = ctx;
    t->source.at = 0;
    return tally_segment_take(&t->read, txn, err);
}

static inline int segment_take(fixture *f, taking *t) {
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, take_write, t, &f->err);
}

/* Checks the file and takes it in with `f`'s secrets, or those of `from` when it has none yet. */
static inline void segment_give(fixture *f, fixture *from, const file *in, taking *t) {
    taking_begin(t, NULL, 0, in->b, in->len);
    t->read.secret_count = secrets_of(from, t->secrets);
    OK(tally_segment_check(&t->read, &f->err));
    OK(segment_take(f, t));
}

typedef struct blob_put {
    const char *text;
    tally_hash id;
    tally_writer *writer;
    size_t pad;
} blob_put;

/* A session with a title; a large one with `pad` bytes. */
static inline int put_titled(void *ctx, tally_txn *txn, tally_error *err) {
    blob_put *b = ctx;
    uint8_t salt[TALLY_BLOB_SALT_BYTES] = {1};
    uint8_t *large = calloc(1, b->pad + 1);
    assert_non_null(large);
    tally_span content = b->pad ? tally_span_of(large, b->pad) : text(b->text);
    int rc = tally_blob_put(txn, salt, content, &b->id, err);
    put_session(b->writer, "claude-code", b->text, "/src/acme", "main");
    tally_put_bin(b->writer, "title", tally_span_of(b->id.b, sizeof b->id.b));
    if (rc == 0) rc = tally_append(txn, "session", b->writer, NULL, err);
    free(large);
    return rc;
}

static inline tally_hash fixture_titled(fixture *f, const char *words, size_t pad) {
    blob_put b = {.text = words, .writer = f->writer, .pad = pad};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, put_titled, &b, &f->err));
    return b.id;
}

static inline bool fixture_has_blob(fixture *f, const tally_hash *id) {
    tally_txn *txn;
    tally_span content;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    bool has = tally_blob_get(txn, id->b, &content) == 0;
    tally_read_end(txn);
    return has;
}

#endif
