/* Several ledgers of one team, and commits handed from one to another the way sync will. Header
 * only.
 */
#ifndef TESTS_TEAM_FIXTURE_H
#define TESTS_TEAM_FIXTURE_H

#include "ledger_fixture.h"

#include <tally/ingest.h>

#define TEAM_COMMIT_BYTES (TALLY_COMMIT_MAX_BYTES + TALLY_RECORD_MAX_BYTES)

/* A ledger that joins `team`: its own key, no record yet. */
static inline void team_join(fixture *f, const fixture *team, uint8_t seed) {
    char path[FIXTURE_PATH_BYTES];
    fixture_folder(f);
    f->key = fixture_seeded_key(seed);
    fixture_path(f, STORE_KEY_FILE, path);
    OK(tally_key_write_file(f->key, tally_span_of(NULL, 0), path, &f->err));
    tally_ledger_init init = {.dir = f->dir, .join = tally_ledger_team(team->ledger)};
    OK(tally_ledger_create(&init, &f->err));
    fixture_reopen(f, false, 0);
    fixture_hurry(f);
}

/* A commit in memory of its own: what travels. */
typedef struct commit {
    tally_device_id device;
    uint64_t from;
    size_t count, used;
    tally_span records[TALLY_COMMIT_MAX_RECORDS];
    uint8_t bytes[TEAM_COMMIT_BYTES];
    tally_checkpoint cp;
} commit;

static inline int commit_take(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    commit *c = ctx;
    (void)index, (void)err;
    assert_true(c->count < TALLY_COMMIT_MAX_RECORDS && record.len <= sizeof c->bytes - c->used);
    memcpy(c->bytes + c->used, record.ptr, record.len);
    c->records[c->count++] = tally_span_of(c->bytes + c->used, record.len);
    c->used += record.len;
    return 0;
}

/* Reads the commit of `device` that begins at `from`; false when there is none. */
static inline bool commit_read(fixture *f, const tally_device_id *device, uint64_t from,
                               commit *out) {
    tally_txn *txn;
    uint32_t number;
    out->device = *device;
    out->from = from;
    out->count = out->used = 0;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    int rc = tally_feed_find(txn, device, &number);
    if (rc == 0) rc = tally_commit_get(txn, number, from, &out->cp, commit_take, out, &f->err);
    tally_read_end(txn);
    assert_true(rc == 0 || rc == TALLY_ENOTFOUND);
    return rc == 0;
}

static inline int commit_ingest(void *ctx, tally_txn *txn, tally_error *err) {
    const commit *c = ctx;
    return tally_ingest(txn, &c->device, c->from, c->records, c->count, &c->cp, err);
}

static inline int commit_give(fixture *f, commit *c) {
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, commit_ingest, c, &f->err);
}

static inline uint64_t team_stored(fixture *f, const tally_device_id *device) {
    tally_txn *txn;
    tally_feed feed = {0};
    uint32_t number;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    if (tally_feed_find(txn, device, &number) == 0) OK(tally_feed_get(txn, number, &feed, &f->err));
    tally_read_end(txn);
    return feed.size;
}

/* Hands the next commit of `device` that `to` lacks; the result of taking it in, or 1 when there is
 * nothing to hand over. */
static inline int team_pass(fixture *from, fixture *to, const tally_device_id *device) {
    static commit c;
    if (!commit_read(from, device, team_stored(to, device), &c)) return 1;
    return commit_give(to, &c);
}

static inline void team_pass_all(fixture *from, fixture *to, const tally_device_id *device) {
    int rc = 0;
    while (rc == 0)
        rc = team_pass(from, to, device);
    if (rc != 1) fail_msg("%s", to->err.text);
}

#endif
