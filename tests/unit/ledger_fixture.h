/* A ledger in a folder of its own that goes away with the test, records to put in it, and feeds of
 * other devices. Header only. */
#ifndef TESTS_LEDGER_FIXTURE_H
#define TESTS_LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/team.h>
#include <tally/view.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"
#include "view_fold.h"

#define FIXTURE_NOW_MS     1788862805000 /* 2026-09-08T10:20:05Z */
#define FIXTURE_FIRST      2u            /* records of a new ledger: team.create, teamkey */
#define FIXTURE_PATH_BYTES 512u
#define FIXTURE_ROW_BYTES  (RECORD_CHECK_BYTES + TALLY_RECORD_MAX_BYTES)

typedef struct fixture {
    char dir[256];
    tally_ledger *ledger;
    tally_writer *writer;
    tally_key *key; /* the ledger's own */
    tally_error err;
} fixture;

/* Fails the test with the error's own sentence. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0) fail_msg("%s: %s", #call, f->err.text);                                   \
    } while (0)

static inline tally_span text(const char *s) {
    return tally_span_str(s);
}

static inline int fixture_unlink(const char *path, const struct stat *st, int type,
                                 struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void fixture_path(const fixture *f, const char *name, char *out) {
    int len = snprintf(out, FIXTURE_PATH_BYTES, "%s/%s", f->dir, name);
    assert_in_range(len, 1, FIXTURE_PATH_BYTES - 1);
}

/* A new empty folder and a writer; no ledger yet. */
static inline void fixture_folder(fixture *f) {
    const char *base = getenv("TMPDIR");
    *f = (fixture){0};
    (void)snprintf(f->dir, sizeof f->dir, "%s/tally-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    OK(tally_writer_new(&f->writer, &f->err));
}

static inline tally_key *fixture_seeded_key(uint8_t number) {
    uint8_t seed[32] = {0};
    tally_key *key;
    seed[0] = number;
    assert_int_equal(tally_key_from_seed(seed, &key, NULL), 0);
    return key;
}

static inline tally_ledger_init fixture_init(const fixture *f) {
    return (tally_ledger_init){.dir = f->dir,
                               .team = text("Acme"),
                               .member = text("ada"),
                               .device = text("laptop"),
                               .timezone = text("Europe/Berlin"),
                               .currency = text("USD"),
                               .now_ms = FIXTURE_NOW_MS};
}

static inline void fixture_reopen(fixture *f, bool read_only, size_t map_bytes) {
    tally_ledger_options options = {.dir = f->dir, .read_only = read_only, .map_bytes = map_bytes};
    tally_ledger_close(f->ledger);
    OK(tally_ledger_open(&options, &f->ledger, &f->err));
}

/* Tests do not survive power cuts: they need not wait for the disk. */
static inline void fixture_hurry(fixture *f) {
    assert_int_equal(mdb_env_set_flags(f->ledger->env, MDB_NOSYNC, 1), 0);
}

/* A ledger of the device whose key comes from seed 1, open for writing. */
static inline void fixture_open(fixture *f) {
    char path[FIXTURE_PATH_BYTES];
    fixture_folder(f);
    f->key = fixture_seeded_key(1);
    fixture_path(f, STORE_KEY_FILE, path);
    OK(tally_key_write_file(f->key, tally_span_of(NULL, 0), path, &f->err));
    tally_ledger_init init = fixture_init(f);
    OK(tally_ledger_create(&init, &f->err));
    fixture_reopen(f, false, 0);
    fixture_hurry(f);
}

static inline void fixture_close(fixture *f) {
    tally_ledger_close(f->ledger);
    tally_writer_free(f->writer);
    tally_key_free(f->key);
    (void)nftw(f->dir, fixture_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int fixture_setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_open(f);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state) {
    fixture_close(*state);
    free(*state);
    return 0;
}

/* ---- bodies: each begins a new record in the writer ---- */

typedef struct cost_body {
    const char *agent, *key, *session, *model;
    uint64_t time, input, output, cache_read;
    const char *source, *currency, *geo;
    int64_t stated;
} cost_body;

static inline void put_cost(tally_writer *w, const cost_body *c) {
    tally_writer_begin(w);
    tally_put_str(w, "agent", text(c->agent));
    tally_put_str(w, "key", text(c->key));
    tally_put_str(w, "session", text(c->session));
    tally_put_str(w, "model", text(c->model));
    tally_put_u64(w, "time", c->time);
    tally_put_u64(w, "input", c->input);
    tally_put_u64(w, "output", c->output);
    tally_put_u64(w, "cache_read", c->cache_read);
    tally_put_str_opt(w, "currency", text(c->currency));
    tally_put_str_opt(w, "geo", text(c->geo));
    if (c->source) {
        tally_put_str(w, "source", text(c->source));
        tally_put_i64(w, "stated", c->stated);
    }
}

static inline void put_session(tally_writer *w, const char *agent, const char *id, const char *cwd,
                               const char *branch) {
    tally_writer_begin(w);
    tally_put_str(w, "agent", text(agent));
    tally_put_str(w, "id", text(id));
    tally_put_str_opt(w, "cwd", text(cwd));
    tally_put_str_opt(w, "branch", text(branch));
}

static inline void put_session_tag(tally_writer *w, const char *agent, const char *session,
                                   const char *tag) {
    tally_writer_begin(w);
    tally_put_str(w, "agent", text(agent));
    tally_put_str(w, "session", text(session));
    tally_put_str(w, "tag", text(tag));
}

static inline void put_entry_tag(tally_writer *w, const tally_entry_id *entry, const char *tag) {
    tally_writer_begin(w);
    tally_put_bin(w, "entry", tally_span_of(entry->b, sizeof entry->b));
    tally_put_str(w, "tag", text(tag));
}

static inline void put_price(tally_writer *w, const char *model, const char *from,
                             const char *currency, uint64_t input, uint64_t output) {
    tally_writer_begin(w);
    tally_put_str(w, "model", text(model));
    tally_put_str_opt(w, "from", text(from));
    tally_put_str(w, "currency", text(currency));
    tally_put_u64(w, "input", input);
    tally_put_u64(w, "output", output);
}

static inline tally_entry_id entry_of(const char *agent, const char *key) {
    tally_entry_id id;
    tally_entry_id_of(text(agent), text(key), &id);
    return id;
}

/* ---- writing: one record a transaction, or many ---- */

typedef struct one_record {
    const char *kind;
    tally_writer *writer;
    tally_hash leaf;
} one_record;

static inline int append_one(void *ctx, tally_txn *txn, tally_error *err) {
    one_record *one = ctx;
    return tally_append(txn, one->kind, one->writer, &one->leaf, err);
}

/* Appends what the fixture's writer holds; gives its leaf hash. */
static inline tally_hash fixture_append(fixture *f, const char *kind) {
    one_record one = {.kind = kind, .writer = f->writer};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_one, &one, &f->err));
    return one.leaf;
}

typedef struct many_records {
    tally_writer *writer;
    uint32_t first, count, runs;
    size_t pad; /* bytes of a field that makes records large */
    int fail_with;
} many_records;

/* Costs "k<first>" and on: distinct entries, a second apart. */
static inline int append_many(void *ctx, tally_txn *txn, tally_error *err) {
    static uint8_t padding[TALLY_RECORD_MAX_BYTES];
    many_records *many = ctx;
    int rc = 0;
    many->runs++;
    for (uint32_t i = many->first; i < many->first + many->count && rc == 0; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%u", i);
        cost_body cost = {.agent = "claude-code",
                          .key = key,
                          .session = "s1",
                          .model = "m1",
                          .time = 1788862805000 + 1000 * (uint64_t)i,
                          .input = i,
                          .output = 1};
        put_cost(many->writer, &cost);
        if (many->pad > 0) tally_put_bin(many->writer, "pad", tally_span_of(padding, many->pad));
        rc = tally_append(txn, "cost", many->writer, NULL, err);
    }
    return rc == 0 && many->fail_with ? tally_fail(err, many->fail_with, "on purpose") : rc;
}

static inline void fixture_append_costs(fixture *f, uint32_t first, uint32_t count) {
    many_records many = {.writer = f->writer, .first = first, .count = count};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_many, &many, &f->err));
    tally_writer_begin(f->writer); /* its fields borrowed texts that are gone */
}

static inline uint64_t fixture_size(fixture *f) {
    tally_txn *txn;
    tally_feed feed;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_feed_get(txn, 0, &feed, &f->err));
    tally_read_end(txn);
    return feed.size;
}

static inline tally_hash fixture_digest(fixture *f) {
    tally_txn *txn;
    tally_hash digest;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_view_digest(txn, &digest, &f->err));
    tally_read_end(txn);
    return digest;
}

static inline int fixture_print_finding(void *ctx, const char *sentence) {
    (void)ctx;
    printf("finding: %s\n", sentence);
    return 0;
}

static inline void fixture_verify_clean(fixture *f) {
    tally_check check = {.found = fixture_print_finding};
    OK(tally_verify(f->ledger, true, &check, &f->err));
    assert_int_equal(check.findings, 0);
}

/* ---- feeds of other devices, stored as they are: what sync may store, tally_ingest decides ----
 */

static inline int admit_one(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_team_device_add(txn, ctx, err);
}

/* Adds `key`'s device to the team, so that its records count. Two records, one commit. */
static inline void fixture_admit(fixture *f, const tally_key *key, tally_role role,
                                 const char *member, const char *name) {
    tally_team_add add = {
        .device = *tally_key_device(key), .role = role, .member = text(member), .name = text(name)};
    memcpy(add.box_key, tally_key_box_public(key), sizeof add.box_key);
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, admit_one, &add, &f->err));
}

static inline void keep_foreign_subtree(void *ctx, unsigned level, uint64_t index,
                                        const tally_hash *hash) {
    (void)ctx, (void)level, (void)index, (void)hash; /* short feeds: nothing to cache */
}

/* Adds an empty feed of `key`'s device under the next number. */
static inline int foreign_feed(tally_txn *txn, const tally_key *key, uint32_t *number,
                               tally_error *err) {
    tally_feed feed;
    int rc = feed_make(txn, tally_key_device(key), &feed, err);
    *number = feed.number;
    return rc;
}

static inline int foreign_sign(tally_txn *txn, const tally_feed *feed, const tally_key *key,
                               tally_error *err) {
    char origin[TALLY_ORIGIN_MAX_BYTES];
    uint8_t at[FEED_INDEX_KEY_BYTES], row[TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES];
    tally_checkpoint cp = {.size = feed->size};
    tally_range_root(&feed->range, &cp.root);
    tally_origin_format(&txn->ledger->team, &feed->device, origin);
    tally_checkpoint_sign(key, origin, &cp);
    store_feed_key(at, feed->number, feed->size);
    memcpy(row, cp.root.b, TALLY_HASH_BYTES);
    memcpy(row + TALLY_HASH_BYTES, cp.signature, TALLY_SIGNATURE_BYTES);
    return store_put(txn, TABLE_CHECKPOINTS, tally_span_of(at, sizeof at),
                     tally_span_of(row, sizeof row), 0, err);
}

/* Takes one record of the device that holds feed `number`: stores, signs and folds it. */
static inline int foreign_record(tally_txn *txn, uint32_t number, const tally_key *key,
                                 tally_span bytes, tally_error *err) {
    static uint8_t stored[FIXTURE_ROW_BYTES];
    uint8_t at[FEED_INDEX_KEY_BYTES];
    tally_feed feed;
    tally_record record;
    tally_hash leaf;
    int rc = feed_load(txn, number, &feed, err);
    if (rc == 0) rc = tally_record_parse(bytes, &record, err);
    if (rc != 0) return rc;
    tally_leaf_hash(bytes, &leaf);
    memcpy(stored, leaf.b, RECORD_CHECK_BYTES);
    memcpy(stored + RECORD_CHECK_BYTES, bytes.ptr, bytes.len);
    view_source source = {txn, number, feed.size, &feed.device, &leaf};
    store_feed_key(at, number, feed.size++);
    feed.last_hlc = record.hlc;
    tally_range_append(&feed.range, &leaf, keep_foreign_subtree, NULL);
    rc = store_put(txn, TABLE_RECORDS, tally_span_of(at, sizeof at),
                   tally_span_of(stored, RECORD_CHECK_BYTES + bytes.len), 0, err);
    if (rc == 0) rc = feed_store(txn, &feed, err);
    if (rc == 0) rc = foreign_sign(txn, &feed, key, err);
    return rc != 0 ? rc : view_apply(&source, &record, err);
}

#endif
