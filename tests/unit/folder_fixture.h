/* Rounds over a shared folder that is a list in memory, with crashes where one asks for them.
 * Header only. */
#ifndef TESTS_FOLDER_FIXTURE_H
#define TESTS_FOLDER_FIXTURE_H

#include "segment_fixture.h"

#include <tally/folder.h>

#define FILES_MAX 64u
#define DAY_MS    (24 * 3600 * INT64_C(1000))

typedef struct stored {
    char name[TALLY_FOLDER_NAME_BYTES];
    file content;
} stored;

typedef struct shared {
    stored files[FILES_MAX];
    size_t count;
} shared;

typedef enum crash { NO_CRASH, BEFORE_RENAME, AFTER_RENAME, BEFORE_DELETE } crash;

typedef struct round_of {
    fixture *f;
    shared *s;
    tally_folder *folder;
    tally_folder_plan plan;
    tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_segment_write written;
    tally_team_secret secret;
    const char *name;
    uint64_t size;
    int64_t now_ms;
    taking t;
    size_t read, passed, wrote, deleted; /* files */
    uint64_t records_in, records_out, skipped;
} round_of;

static inline stored *shared_find(shared *s, const char *name) {
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->files[i].name, name) == 0) return &s->files[i];
    return NULL;
}

static inline stored *shared_add(shared *s, const char *name, file content) {
    assert_true(s->count < FILES_MAX && !shared_find(s, name));
    stored *new = &s->files[s->count++];
    (void)snprintf(new->name, sizeof new->name, "%s", name);
    new->content = content;
    return new;
}

static inline void shared_remove(shared *s, const char *name) {
    stored *gone = shared_find(s, name);
    assert_non_null(gone);
    free(gone->content.b);
    *gone = s->files[--s->count];
}

static inline void shared_clear(shared *s) {
    while (s->count > 0)
        shared_remove(s, s->files[0].name);
}

static inline file file_copy(const file *from, size_t len) {
    file to = {0};
    (void)file_sink(&to, tally_span_of(from->b, len), NULL);
    return to;
}

/* Of the whole files. */
static inline size_t shared_count(const shared *s) {
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        count += strlen(s->files[i].name) == 30;
    return count;
}

/* ---- one round ---- */

static inline int read_write(void *ctx, tally_txn *txn, tally_error *err) {
    round_of *r = ctx;
    r->t.source.at = 0;
    int rc = tally_segment_take(&r->t.read, txn, err);
    return rc != 0 ? rc : tally_folder_was_read(r->folder, txn, text(r->name), &r->t.read, err);
}

static inline void read_one(round_of *r, const char *name) {
    fixture *f = r->f;
    const stored *in = shared_find(r->s, name);
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS];
    size_t count = secrets_of(f, secrets);
    assert_non_null(in);
    taking_begin(&r->t, secrets, count, in->content.b, in->content.len);
    r->t.read.key = f->key;
    r->name = name;
    int rc = tally_segment_check(&r->t.read, &f->err);
    if (rc == 0) rc = tally_ledger_write(f->ledger, r->now_ms, read_write, r, &f->err);
    if (rc == TALLY_EFORMAT) {
        tally_folder_pass_over(r->folder, text(name));
        r->passed++;
        return;
    }
    OK(rc);
    r->read++;
    r->records_in += r->t.read.records;
    r->skipped += r->t.read.skipped;
}

static inline void read_files(round_of *r) {
    fixture *f = r->f;
    for (;;) {
        char name[TALLY_FOLDER_NAME_BYTES];
        tally_folder_file next;
        tally_txn *txn;
        OK(tally_read_begin(f->ledger, &txn, &f->err));
        int rc = tally_folder_next_read(r->folder, txn, &next, &f->err);
        tally_read_end(txn);
        if (rc == TALLY_ENOTFOUND) return;
        OK(rc);
        (void)snprintf(name, sizeof name, "%.*s", (int)next.name.len, (const char *)next.name.ptr);
        read_one(r, name);
        assert_true(r->read + r->passed < 1000);
    }
}

static inline int plan_write(void *ctx, tally_txn *txn, tally_error *err) {
    round_of *r = ctx;
    return tally_folder_plan_write(r->folder, txn, &r->secret, r->now_ms, &r->plan, err);
}

static inline int written_write(void *ctx, tally_txn *txn, tally_error *err) {
    round_of *r = ctx;
    return tally_folder_was_written(r->folder, txn, &r->plan, &r->written, r->size, err);
}

static inline void write_file(round_of *r, crash at) {
    fixture *f = r->f;
    file out = {0};
    r->plan.heads = r->heads;
    int rc = tally_ledger_write(f->ledger, r->now_ms, plan_write, r, &f->err);
    if (rc == TALLY_ENOTFOUND) return;
    OK(rc);
    OK(segment_write(f, r->heads, r->plan.head_count, &r->written, &out));
    r->written.secret = &r->secret;
    shared_add(r->s, at == BEFORE_RENAME ? r->plan.partial : r->plan.name, out);
    r->wrote++;
    r->records_out = r->written.records;
    r->size = out.len;
    if (at == BEFORE_RENAME || at == AFTER_RENAME) return;
    OK(tally_ledger_write(f->ledger, r->now_ms, written_write, r, &f->err));
}

static inline int deleted_write(void *ctx, tally_txn *txn, tally_error *err) {
    round_of *r = ctx;
    return tally_folder_was_deleted(r->folder, txn, text(r->name), true, err);
}

static inline void delete_files(round_of *r) {
    fixture *f = r->f;
    for (;;) {
        char name[TALLY_FOLDER_NAME_BYTES];
        tally_folder_file next;
        tally_txn *txn;
        OK(tally_read_begin(f->ledger, &txn, &f->err));
        int rc = tally_folder_next_delete(r->folder, txn, &r->secret, r->now_ms, &next, &f->err);
        tally_read_end(txn);
        if (rc == TALLY_ENOTFOUND) return;
        OK(rc);
        (void)snprintf(name, sizeof name, "%.*s", (int)next.name.len, (const char *)next.name.ptr);
        shared_remove(r->s, name);
        r->name = name;
        OK(tally_ledger_write(f->ledger, r->now_ms, deleted_write, r, &f->err));
        r->deleted++;
    }
}

static inline round_of *round_at(fixture *f, shared *s, int64_t now_ms, crash at) {
    static round_of r;
    tally_folder_file files[FILES_MAX];
    r = (round_of){.f = f, .s = s, .now_ms = now_ms};
    for (size_t i = 0; i < s->count; i++)
        files[i] = (tally_folder_file){text(s->files[i].name), s->files[i].content.len};
    OK(tally_folder_new(files, s->count, &r.folder, &f->err));
    read_files(&r);
    r.secret = secret_of(f);
    write_file(&r, at);
    if (at == NO_CRASH) delete_files(&r);
    tally_folder_free(r.folder);
    r.folder = NULL;
    return &r;
}

static inline round_of *round_on(fixture *f, shared *s) {
    return round_at(f, s, FIXTURE_NOW_MS, NO_CRASH);
}

#endif
