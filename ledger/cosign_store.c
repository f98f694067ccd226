/* Cosignatures as they are stored: one row each, and a log of the order in which they came. Making
 * them is in cosign_make.c, what they prove in witness.c. */
#include "cosign_store.h"
#include "fork_store.h"
#include "view_fold.h"

#include <assert.h>

#define WHO_BYTES      TALLY_PUBLIC_KEY_BYTES
#define ROOT_KEY_BYTES 8u /* of the root: a witness may have seen two histories */
#define SIZE_AT        WHO_BYTES
#define WITNESS_AT     (SIZE_AT + 8u)
#define ROOT_AT        (WITNESS_AT + WHO_BYTES)
#define KEY_BYTES      (ROOT_AT + ROOT_KEY_BYTES)
#define ROW_BYTES      (TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES + 8u + TALLY_SIGNATURE_BYTES)
#define SHARE_BYTES    (8u + TALLY_HASH_BYTES) /* zeros: before all of the log; the member */

/* ---- rows ---- */

static void key_of(const tally_cosignature *c, uint8_t key[KEY_BYTES]) {
    memcpy(key, c->device.b, WHO_BYTES);
    tally_put_be64(key + SIZE_AT, c->checkpoint.size);
    memcpy(key + WITNESS_AT, c->witness.b, WHO_BYTES);
    memcpy(key + ROOT_AT, c->checkpoint.root.b, ROOT_KEY_BYTES);
}

static void row_of(const tally_cosignature *c, uint8_t row[ROW_BYTES]) {
    memcpy(row, c->checkpoint.root.b, TALLY_HASH_BYTES);
    row += TALLY_HASH_BYTES;
    memcpy(row, c->checkpoint.signature, TALLY_SIGNATURE_BYTES);
    row += TALLY_SIGNATURE_BYTES;
    tally_put_be64(row, (uint64_t)c->time_s);
    memcpy(row + 8, c->signature, TALLY_SIGNATURE_BYTES);
}

static bool decode(tally_span key, tally_span row, tally_cosignature *out) {
    if (key.len != KEY_BYTES || row.len != ROW_BYTES) return false;
    const uint8_t *at = row.ptr;
    memcpy(out->device.b, key.ptr, WHO_BYTES);
    out->checkpoint.size = tally_get_be64(key.ptr + SIZE_AT);
    memcpy(out->witness.b, key.ptr + WITNESS_AT, WHO_BYTES);
    memcpy(out->checkpoint.root.b, at, TALLY_HASH_BYTES);
    at += TALLY_HASH_BYTES;
    memcpy(out->checkpoint.signature, at, TALLY_SIGNATURE_BYTES);
    at += TALLY_SIGNATURE_BYTES;
    out->time_s = (int64_t)tally_get_be64(at);
    memcpy(out->signature, at + 8, TALLY_SIGNATURE_BYTES);
    return true;
}

static int damaged(tally_error *err) {
    return tally_fail(err, TALLY_ECORRUPT,
                      "a cosignature is damaged; run 'tally fsck', then restore a backup");
}

/* ---- reading ---- */

typedef struct walk {
    tally_cosignature_fn *fn;
    void *ctx;
    const tally_device_id *device; /* NULL: of all */
    uint8_t start[KEY_BYTES];
    MDB_cursor_op begin, next;
} walk;

static int walk_rows(tally_txn *txn, walk *w, tally_error *err) {
    MDB_cursor *cursor;
    tally_cosignature c;
    int rc = store_cursor(txn, TABLE_COSIGNATURES, &cursor, err);
    if (rc != 0) return rc;
    MDB_val k = {KEY_BYTES, w->start}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, w->begin);
    while (rc == 0 && mdb == 0) {
        if (w->device && (k.mv_size < WHO_BYTES || memcmp(k.mv_data, w->device->b, WHO_BYTES) != 0))
            break;
        rc = decode(store_span(k), store_span(v), &c) ? w->fn(w->ctx, &c, err) : damaged(err);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, w->next);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read cosignatures", err);
    return rc;
}

int tally_cosignature_each(tally_txn *txn, const tally_device_id *device, uint64_t size,
                           tally_cosignature_fn *fn, void *ctx, tally_error *err) {
    walk w = {.fn = fn, .ctx = ctx, .device = device, .begin = MDB_SET_RANGE, .next = MDB_NEXT};
    memcpy(w.start, device->b, WHO_BYTES);
    tally_put_be64(w.start + SIZE_AT, size);
    return walk_rows(txn, &w, err);
}

int tally_cosignature_each_back(tally_txn *txn, tally_cosignature_fn *fn, void *ctx,
                                tally_error *err) {
    walk w = {.fn = fn, .ctx = ctx, .begin = MDB_LAST, .next = MDB_PREV};
    return walk_rows(txn, &w, err);
}

int cosign_last_by(tally_txn *txn, const tally_device_id *device, const tally_device_id *witness,
                   tally_cosignature *out, tally_error *err) {
    MDB_cursor *cursor;
    uint8_t past[KEY_BYTES];
    int rc = store_cursor(txn, TABLE_COSIGNATURES, &cursor, err);
    if (rc != 0) return rc;
    memcpy(past, device->b, WHO_BYTES);
    memset(past + SIZE_AT, 0xff, sizeof past - SIZE_AT);
    MDB_val k = {sizeof past, past}, v;
    bool found = false;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    mdb = mdb_cursor_get(cursor, &k, &v, mdb == 0 ? MDB_PREV : MDB_LAST);
    for (unsigned n = 0; mdb == 0 && !found && n < COSIGN_LOOK_BACK; n++) {
        if (k.mv_size != KEY_BYTES || memcmp(k.mv_data, device->b, WHO_BYTES) != 0) break;
        found = memcmp((const uint8_t *)k.mv_data + WITNESS_AT, witness->b, WHO_BYTES) == 0;
        if (found && !decode(store_span(k), store_span(v), out)) rc = damaged(err);
        if (!found) mdb = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    }
    mdb_cursor_close(cursor);
    if (mdb != 0 && mdb != MDB_NOTFOUND)
        return store_fail(txn, mdb, "cannot read cosignatures", err);
    return rc != 0 || found ? rc : TALLY_ENOTFOUND;
}

/* ---- the log: the rows' keys, numbered; older stores have 8 bytes more behind each ---- */

int tally_cosignatures_came(tally_txn *txn, uint64_t *came, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    *came = 0;
    int rc = store_cursor(txn, TABLE_LOCAL_COSIGNED, &cursor, err);
    if (rc != 0) return rc;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    mdb_cursor_close(cursor);
    if (mdb == MDB_NOTFOUND) return 0;
    if (mdb != 0) return store_fail(txn, mdb, "cannot read cosignatures", err);
    if (k.mv_size != 8 || v.mv_size < KEY_BYTES) return damaged(err);
    *came = tally_get_be64(k.mv_data);
    return 0;
}

int tally_cosignature_since(tally_txn *txn, uint64_t after, tally_cosignature_fn *fn, void *ctx,
                            tally_error *err) {
    MDB_cursor *cursor;
    uint8_t first[8];
    tally_cosignature c;
    if (after == UINT64_MAX) return 0;
    int rc = store_cursor(txn, TABLE_LOCAL_COSIGNED, &cursor, err);
    if (rc != 0) return rc;
    tally_put_be64(first, after + 1);
    MDB_val k = {sizeof first, first}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; rc == 0 && mdb == 0; mdb = rc == 0 ? mdb_cursor_get(cursor, &k, &v, MDB_NEXT) : 0) {
        tally_span key = tally_span_of(v.mv_data, KEY_BYTES), row;
        if (v.mv_size < KEY_BYTES) rc = damaged(err);
        if (rc == 0) rc = store_get(txn, TABLE_COSIGNATURES, key, &row, err);
        if (rc == 0) rc = decode(key, row, &c) ? fn(ctx, &c, err) : damaged(err);
        if (rc == TALLY_ENOTFOUND) rc = damaged(err);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read cosignatures", err);
    return rc;
}

/* How many of the witness's member came, and the row that says it. */
static int share_of(tally_txn *txn, const tally_cosignature *c, uint8_t key[SHARE_BYTES],
                    uint64_t *held, tally_error *err) {
    tally_team_device known;
    tally_hash member;
    tally_span row;
    int rc = tally_team_device_get(txn, &c->witness, &known);
    if (rc != 0) return tally_fail(err, rc, "a witness is not in the team; run 'tally rebuild'");
    tally_sha256(known.member, &member);
    memset(key, 0, 8);
    memcpy(key + 8, member.b, sizeof member.b);
    *held = 0;
    rc = store_get(txn, TABLE_LOCAL_COSIGNED, tally_span_of(key, SHARE_BYTES), &row, err);
    if (rc == 0 && row.len != 8) return damaged(err);
    if (rc == 0) *held = tally_get_be64(row.ptr);
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

static int share_put(tally_txn *txn, const uint8_t key[SHARE_BYTES], uint64_t held,
                     tally_error *err) {
    uint8_t number[8];
    tally_put_be64(number, held);
    return store_put(txn, TABLE_LOCAL_COSIGNED, tally_span_of(key, SHARE_BYTES),
                     tally_span_of(number, sizeof number), 0, err);
}

/* A member gets no more than is left for others: whoever floods a store does not keep it from
 * taking in what the rest of the team has seen. */
static int log_it(tally_txn *txn, const uint8_t key[KEY_BYTES], uint64_t held, tally_error *err) {
    uint8_t number[8];
    uint64_t came;
    int rc = tally_cosignatures_came(txn, &came, err);
    if (rc != 0) return rc;
    if (came >= TALLY_COSIGN_MAX_HELD || held >= TALLY_COSIGN_MAX_HELD - came)
        return tally_fail(err, TALLY_EREFUSED,
                          "a store takes no more than %u cosignatures, and of one member no more "
                          "than are left for others",
                          TALLY_COSIGN_MAX_HELD);
    tally_put_be64(number, came + 1);
    return store_put(txn, TABLE_LOCAL_COSIGNED, tally_span_of(number, sizeof number),
                     tally_span_of(key, KEY_BYTES), 0, err);
}

/* ---- writing ---- */

/* TALLY_EEXIST when what is held comes first. */
static int weigh(tally_txn *txn, const tally_cosignature *c, const uint8_t key[KEY_BYTES],
                 tally_error *err) {
    tally_cosignature held;
    tally_span row;
    int rc = store_get(txn, TABLE_COSIGNATURES, tally_span_of(key, KEY_BYTES), &row, err);
    if (rc == TALLY_ENOTFOUND) return 0;
    if (rc != 0) return rc;
    if (!decode(tally_span_of(key, KEY_BYTES), row, &held)) return damaged(err);
    if (held.time_s < c->time_s || (held.time_s == c->time_s && memcmp(held.signature, c->signature,
                                                                       sizeof held.signature) <= 0))
        return TALLY_EEXIST;
    return 0;
}

/* Commits may have passed over the checkpoint: with it the cosignature can be shown to others. */
static int keep_checkpoint(tally_txn *txn, const tally_cosignature *c, tally_error *err) {
    tally_checkpoint stored;
    tally_feed feed;
    tally_hash root;
    uint32_t number;
    int rc = tally_feed_find(txn, &c->device, &number);
    if (rc == 0) rc = feed_now(txn, number, &feed, err);
    if (rc != 0) return rc == TALLY_ENOTFOUND ? 0 : rc;
    if (c->checkpoint.size > feed.size) return 0;
    if (tally_checkpoint_get(txn, number, c->checkpoint.size - 1, &stored, NULL) == 0 &&
        stored.size == c->checkpoint.size)
        return 0;
    rc = tally_feed_root(txn, number, c->checkpoint.size, &root, err);
    if (rc != 0 || !tally_hash_eq(&root, &c->checkpoint.root)) return rc;
    return feed_put_checkpoint(txn, number, &c->checkpoint, err);
}

static int keep(tally_txn *txn, const tally_cosignature *c, const uint8_t key[KEY_BYTES],
                tally_error *err) {
    uint8_t row[ROW_BYTES], share[SHARE_BYTES];
    uint64_t held;
    row_of(c, row);
    int rc = share_of(txn, c, share, &held, err);
    if (rc == 0) rc = log_it(txn, key, held, err);
    if (rc == 0) rc = share_put(txn, share, held + 1, err);
    if (rc == 0)
        rc = store_put(txn, TABLE_COSIGNATURES, tally_span_of(key, KEY_BYTES),
                       tally_span_of(row, sizeof row), 0, err);
    return rc != 0 ? rc : keep_checkpoint(txn, c, err);
}

static int check_devices(tally_txn *txn, const tally_cosignature *c, tally_error *err) {
    tally_team_device known;
    char name[17];
    int rc = tally_team_device_get(txn, &c->device, &known);
    tally_hex(tally_span_of(c->witness.b, 8), name);
    if (rc == 0) rc = tally_team_device_get(txn, &c->witness, &known);
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, TALLY_EREFUSED,
                          "cosignature of %s: its device or whose feed it is is not in the team",
                          name);
    return rc == 0 ? 0 : view_team_fail(rc, err);
}

static int check_signatures(tally_txn *txn, const tally_cosignature *c, tally_error *err) {
    char origin[TALLY_ORIGIN_MAX_BYTES], name[17];
    tally_origin_format(&txn->ledger->team, &c->device, origin);
    tally_hex(tally_span_of(c->witness.b, 8), name);
    if (c->checkpoint.size == 0 || memcmp(c->device.b, c->witness.b, WHO_BYTES) == 0)
        return tally_fail(err, TALLY_EFORMAT, "cosignature of %s: it is of itself, or of nothing",
                          name);
    if (tally_checkpoint_verify(&c->device, origin, &c->checkpoint) != 0)
        return tally_fail(err, TALLY_EFORMAT,
                          "cosignature of %s: the checkpoint at size %llu is not signed", name,
                          (unsigned long long)c->checkpoint.size);
    if (tally_cosignature_verify(origin, c) != 0)
        return tally_fail(err, TALLY_EFORMAT,
                          "cosignature of %s at size %llu: its signature is not valid", name,
                          (unsigned long long)c->checkpoint.size);
    return 0;
}

int tally_cosignature_take(tally_txn *txn, const tally_cosignature *c, tally_error *err) {
    uint8_t key[KEY_BYTES];
    assert(txn->write);
    key_of(c, key);
    int rc = weigh(txn, c, key, err);
    if (rc == 0) rc = check_devices(txn, c, err);
    if (rc == 0) rc = check_signatures(txn, c, err);
    return rc != 0 ? rc : keep(txn, c, key, err);
}

int cosign_keep_own(tally_txn *txn, const tally_cosignature *c, tally_error *err) {
    uint8_t key[KEY_BYTES];
    key_of(c, key);
    int rc = weigh(txn, c, key, err);
    return rc != 0 ? rc : keep(txn, c, key, err);
}

/* ---- forked feeds ---- */

static bool is_on(tally_txn *txn, uint32_t feed, const branch *b, uint64_t end,
                  const tally_checkpoint *cp) {
    tally_range range;
    tally_hash root;
    if (cp->size > end || (b && cp->size < b->from)) return false;
    if (history_edge(txn, feed, b, cp->size, &range, NULL) != 0) return false;
    tally_range_root(&range, &root);
    return tally_hash_eq(&root, &cp->root);
}

int tally_cosignature_history(tally_txn *txn, const tally_cosignature *c, tally_checkpoint *head,
                              tally_error *err) {
    tally_feed feed;
    fork_row fork;
    branch_set set;
    uint32_t number;
    *head = (tally_checkpoint){.size = 0};
    int rc = tally_feed_find(txn, &c->device, &number);
    if (rc == 0) rc = feed_now(txn, number, &feed, err);
    if (rc == 0 && is_on(txn, number, NULL, feed.size, &c->checkpoint)) {
        head->size = feed.size;
        tally_range_root(&feed.range, &head->root);
        return 0;
    }
    if (rc == 0) rc = branch_read_all(txn, number, &set, err);
    for (size_t i = 0; rc == 0 && i < set.count; i++) {
        if (!is_on(txn, number, &set.list[i], set.list[i].edge.size, &c->checkpoint)) continue;
        head->size = set.list[i].edge.size;
        tally_range_root(&set.list[i].edge, &head->root);
        return 0;
    }
    if (rc == 0) rc = fork_load(txn, &c->device, &fork, err);
    for (size_t i = 0; rc == 0 && i < 2; i++) {
        *head = fork.proof.branches[i].checkpoint;
        if (head->size == c->checkpoint.size && tally_hash_eq(&head->root, &c->checkpoint.root))
            return 0;
    }
    return rc == 0 ? TALLY_ENOTFOUND : rc;
}
