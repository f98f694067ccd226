/* Rows of proofs: how they are stored and read back, and what is told of them. What they do to a
 * feed is in fork.c. */
#include "fork_store.h"

#include <sodium.h>

/* Row: standing, size, root, common, base, then both branches: size, root, signature, next, and
 * each proof's count and hashes. */
#define ROW_HEAD_BYTES (1u + 8u + TALLY_HASH_BYTES + 8u + TALLY_HASH_BYTES)
#define SIDE_BYTES                                                                                 \
    (8u + TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES + TALLY_HASH_BYTES +                            \
     2u * (1u + TALLY_PROOF_MAX_HASHES * TALLY_HASH_BYTES))
#define ROW_MAX_BYTES (ROW_HEAD_BYTES + 2u * SIDE_BYTES)

/* ---- writing ---- */

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len) {
    memcpy(at, bytes, len);
    return at + len;
}

static uint8_t *put_u64(uint8_t *at, uint64_t value) {
    tally_put_be64(at, value);
    return at + 8;
}

static uint8_t *put_proof(uint8_t *at, const tally_proof *proof) {
    *at++ = (uint8_t)proof->count;
    return put_bytes(at, proof->hashes, proof->count * sizeof *proof->hashes);
}

static uint8_t *put_side(uint8_t *at, const tally_fork_branch *side) {
    at = put_u64(at, side->checkpoint.size);
    at = put_bytes(at, side->checkpoint.root.b, TALLY_HASH_BYTES);
    at = put_bytes(at, side->checkpoint.signature, TALLY_SIGNATURE_BYTES);
    at = put_bytes(at, side->next.b, TALLY_HASH_BYTES);
    return put_proof(put_proof(at, &side->to_common), &side->to_next);
}

int fork_keep(tally_txn *txn, const fork_row *row, tally_error *err) {
    uint8_t bytes[ROW_MAX_BYTES], *at = bytes;
    *at++ = (uint8_t)row->standing;
    at = put_u64(at, row->size);
    at = put_bytes(at, row->root.b, TALLY_HASH_BYTES);
    at = put_u64(at, row->proof.common);
    at = put_bytes(at, row->proof.base.b, TALLY_HASH_BYTES);
    at = put_side(put_side(at, &row->proof.branches[0]), &row->proof.branches[1]);
    return store_put(txn, TABLE_FORKS,
                     tally_span_of(row->proof.device.b, sizeof row->proof.device.b),
                     tally_span_of(bytes, (size_t)(at - bytes)), 0, err);
}

/* ---- reading ---- */

static bool take(tally_span *from, void *out, size_t len) {
    if (from->len < len) return false;
    memcpy(out, from->ptr, len);
    *from = tally_span_of(from->ptr + len, from->len - len);
    return true;
}

static bool take_u64(tally_span *from, uint64_t *out) {
    uint8_t bytes[8];
    if (!take(from, bytes, sizeof bytes)) return false;
    *out = tally_get_be64(bytes);
    return true;
}

static bool take_proof(tally_span *from, tally_proof *out) {
    uint8_t count;
    if (!take(from, &count, 1) || count > TALLY_PROOF_MAX_HASHES) return false;
    out->count = count;
    return take(from, out->hashes, count * sizeof *out->hashes);
}

static bool take_side(tally_span *from, tally_fork_branch *out) {
    return take_u64(from, &out->checkpoint.size) &&
           take(from, out->checkpoint.root.b, TALLY_HASH_BYTES) &&
           take(from, out->checkpoint.signature, TALLY_SIGNATURE_BYTES) &&
           take(from, out->next.b, TALLY_HASH_BYTES) && take_proof(from, &out->to_common) &&
           take_proof(from, &out->to_next);
}

static bool row_decode(tally_span key, tally_span row, fork_row *out) {
    uint8_t standing;
    if (key.len != TALLY_PUBLIC_KEY_BYTES || !take(&row, &standing, 1) || standing > FORK_CLOSED)
        return false;
    out->standing = (fork_standing)standing;
    memcpy(out->proof.device.b, key.ptr, key.len);
    return take_u64(&row, &out->size) && take(&row, out->root.b, TALLY_HASH_BYTES) &&
           take_u64(&row, &out->proof.common) && take(&row, out->proof.base.b, TALLY_HASH_BYTES) &&
           take_side(&row, &out->proof.branches[0]) && take_side(&row, &out->proof.branches[1]) &&
           row.len == 0;
}

static int damaged(tally_error *err) {
    return tally_fail(err, TALLY_ECORRUPT,
                      "the proof of a fork is damaged; run 'tally fsck', then restore a backup");
}

int fork_load(tally_txn *txn, const tally_device_id *device, fork_row *out, tally_error *err) {
    tally_span key = tally_span_of(device->b, sizeof device->b), row;
    int rc = store_get(txn, TABLE_FORKS, key, &row, err);
    if (rc != 0) return rc;
    return row_decode(key, row, out) ? 0 : damaged(err);
}

bool fork_any(tally_txn *txn) {
    MDB_stat stat;
    return mdb_stat(txn->txn, txn->ledger->tables[TABLE_FORKS], &stat) != 0 || stat.ms_entries > 0;
}

int fork_is_frozen(tally_txn *txn, const tally_device_id *device, bool *out, tally_error *err) {
    tally_span row;
    int rc = store_get(txn, TABLE_FORKS, tally_span_of(device->b, sizeof device->b), &row, err);
    *out = rc == 0;
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

int fork_each_row(tally_txn *txn, fork_row_fn *fn, void *ctx, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    fork_row row;
    int mdb = 0, rc = store_cursor(txn, TABLE_FORKS, &cursor, err);
    if (rc != 0) return rc;
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
        rc = row_decode(store_span(k), store_span(v), &row) ? fn(ctx, &row, err) : damaged(err);
    mdb_cursor_close(cursor);
    return rc != 0 || mdb == MDB_NOTFOUND ? rc : store_fail(txn, mdb, "cannot read forks", err);
}

bool fork_vouches(const fork_row *row, const tally_checkpoint *cp) {
    return feed_checkpoint_unsigned(cp) && cp->size == row->proof.common &&
           tally_hash_eq(&cp->root, &row->proof.base);
}

/* ---- what is told of them ---- */

static int state_of(tally_txn *txn, const fork_row *row, tally_fork_state *out, tally_error *err) {
    uint32_t number;
    tally_feed feed;
    out->proof = row->proof;
    out->resolved = row->standing == FORK_RESOLVED || row->standing == FORK_CLOSED;
    out->size = row->size;
    out->root = row->root;
    out->held = 0;
    int rc = tally_feed_find(txn, &row->proof.device, &number);
    if (rc == TALLY_ENOTFOUND) return 0;
    if (rc == 0) rc = feed_now(txn, number, &feed, err);
    if (rc == 0) out->held = feed.size < row->size ? feed.size : row->size;
    return rc;
}

int tally_fork_get(tally_txn *txn, const tally_device_id *device, tally_fork_state *out,
                   tally_error *err) {
    fork_row row;
    char hex[17];
    int rc = fork_load(txn, device, &row, err);
    if (rc == 0) return state_of(txn, &row, out, err);
    tally_hex(tally_span_of(device->b, 8), hex);
    if (rc != TALLY_ENOTFOUND) return rc;
    return tally_fail(err, rc, "device %s has signed one history only, as far as is known", hex);
}

typedef struct telling {
    tally_txn *txn;
    tally_fork_fn *fn;
    void *ctx;
    tally_fork_state state;
} telling;

static int tell_row(void *ctx, const fork_row *row, tally_error *err) {
    telling *tell = ctx;
    int rc = state_of(tell->txn, row, &tell->state, err);
    return rc != 0 ? rc : tell->fn(tell->ctx, &tell->state, err);
}

int tally_fork_each(tally_txn *txn, tally_fork_fn *fn, void *ctx, tally_error *err) {
    telling tell = {.txn = txn, .fn = fn, .ctx = ctx};
    return fork_each_row(txn, tell_row, &tell, err);
}

typedef struct digest {
    crypto_hash_sha256_state state;
    bool any;
} digest;

static int digest_row(void *ctx, const fork_row *row, tally_error *err) {
    digest *d = ctx;
    uint8_t common[8];
    (void)err;
    d->any = true;
    tally_put_be64(common, row->proof.common);
    crypto_hash_sha256_update(&d->state, row->proof.device.b, sizeof row->proof.device.b);
    crypto_hash_sha256_update(&d->state, common, sizeof common);
    return 0;
}

int tally_fork_digest(tally_txn *txn, uint64_t *out, tally_error *err) {
    digest d = {.any = false};
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_init(&d.state);
    int rc = fork_each_row(txn, digest_row, &d, err);
    crypto_hash_sha256_final(&d.state, hash);
    *out = rc == 0 && d.any ? tally_get_be64(hash) : 0;
    return rc;
}
