/* Feeds: appends records to the own feed, seals commits with checkpoints, and reads what is stored.
 * Views are folded through view_apply. */
#include "feed_tail.h"
#include "fork_store.h"
#include "store.h"
#include "view_fold.h"

#include <tally/team.h>

#include <assert.h>
#include <stdio.h>

int feed_damaged(uint32_t number, tally_error *err) {
    return tally_fail(err, TALLY_ECORRUPT,
                      "the head of feed number %u is damaged; run 'tally fsck'", number);
}

int feed_row(tally_txn *txn, uint32_t number, tally_span *head, tally_span *tail,
             tally_error *err) {
    uint8_t key[4];
    tally_span row;
    tally_put_be32(key, number);
    int rc = store_get(txn, TABLE_FEEDS, tally_span_of(key, 4), &row, err);
    if (rc != 0) return rc;
    if (row.len < FEED_FIXED_BYTES) return feed_damaged(number, err);
    uint64_t size = tally_get_be64(row.ptr + TALLY_PUBLIC_KEY_BYTES);
    size_t len = FEED_FIXED_BYTES + (size_t)__builtin_popcountll(size) * TALLY_HASH_BYTES;
    if (row.len < len) return feed_damaged(number, err);
    *head = tally_span_of(row.ptr, len);
    *tail = tally_span_of(row.ptr + len, row.len - len);
    return 0;
}

int feed_put_row(tally_txn *txn, uint32_t number, tally_span head, tally_span tail,
                 tally_error *err) {
    uint8_t key[4], row[FEED_HEAD_MAX_BYTES + FEED_TAIL_MAX_BYTES];
    assert(head.len <= FEED_HEAD_MAX_BYTES && tail.len <= FEED_TAIL_MAX_BYTES);
    tally_put_be32(key, number);
    memcpy(row, head.ptr, head.len);
    if (tail.len > 0) memcpy(row + head.len, tail.ptr, tail.len);
    return store_put(txn, TABLE_FEEDS, tally_span_of(key, 4),
                     tally_span_of(row, head.len + tail.len), 0, err);
}

/* Head: device, size, last clock, right edge (as many hashes as size has set bits). What waits
 * behind it stays. */
int feed_store(tally_txn *txn, const tally_feed *feed, tally_error *err) {
    uint8_t head[FEED_HEAD_MAX_BYTES];
    size_t len = FEED_FIXED_BYTES;
    tally_span old, tail = {0};
    int rc = feed_row(txn, feed->number, &old, &tail, err);
    if (rc != 0 && rc != TALLY_ENOTFOUND) return rc;
    if (tail.len > FEED_TAIL_MAX_BYTES) return feed_damaged(feed->number, err);
    memcpy(head, feed->device.b, TALLY_PUBLIC_KEY_BYTES);
    tally_put_be64(head + TALLY_PUBLIC_KEY_BYTES, feed->size);
    tally_put_be64(head + TALLY_PUBLIC_KEY_BYTES + 8, feed->last_hlc);
    for (uint32_t i = 0; i < feed->range.count; i++, len += TALLY_HASH_BYTES)
        memcpy(head + len, feed->range.nodes[i].b, TALLY_HASH_BYTES);
    return feed_put_row(txn, feed->number, tally_span_of(head, len), tail, err);
}

int feed_load(tally_txn *txn, uint32_t number, tally_feed *out, tally_error *err) {
    tally_span head, tail;
    feed_tail waiting;
    int rc = feed_row(txn, number, &head, &tail, err);
    if (rc == TALLY_ENOTFOUND) return tally_fail(err, rc, "there is no feed number %u", number);
    if (rc != 0) return rc;
    if (!feed_tail_parse(tail, &waiting)) return feed_damaged(number, err);
    *out = (tally_feed){.number = number};
    memcpy(out->device.b, head.ptr, TALLY_PUBLIC_KEY_BYTES);
    out->size = tally_get_be64(head.ptr + TALLY_PUBLIC_KEY_BYTES);
    out->last_hlc = tally_get_be64(head.ptr + TALLY_PUBLIC_KEY_BYTES + 8);
    out->range.size = out->size;
    out->range.count = (uint32_t)__builtin_popcountll(out->size);
    memcpy(out->range.nodes, head.ptr + FEED_FIXED_BYTES, head.len - FEED_FIXED_BYTES);
    return 0;
}

uint32_t tally_feed_count(tally_txn *txn) {
    MDB_stat stat;
    if (mdb_stat(txn->txn, txn->ledger->tables[TABLE_FEEDS], &stat) != 0) return 0;
    return (uint32_t)stat.ms_entries;
}

int tally_feed_get(tally_txn *txn, uint32_t number, tally_feed *out, tally_error *err) {
    return feed_load(txn, number, out, err);
}

int feed_now(tally_txn *txn, uint32_t number, tally_feed *out, tally_error *err) {
    if (number != 0 || !txn->own_loaded) return feed_load(txn, number, out, err);
    *out = txn->own;
    return 0;
}

int tally_feed_find(tally_txn *txn, const tally_device_id *device, uint32_t *number) {
    tally_span row;
    int rc = store_get(txn, TABLE_DEVICES, tally_span_of(device->b, sizeof device->b), &row, NULL);
    if (rc != 0) return rc;
    if (row.len != 4) return TALLY_ECORRUPT;
    *number = tally_get_be32(row.ptr);
    return 0;
}

int feed_make(tally_txn *txn, const tally_device_id *device, tally_feed *out, tally_error *err) {
    uint8_t number[4];
    *out = (tally_feed){.number = tally_feed_count(txn), .device = *device};
    tally_range_init(&out->range);
    tally_put_be32(number, out->number);
    int rc = store_put(txn, TABLE_DEVICES, tally_span_of(device->b, sizeof device->b),
                       tally_span_of(number, sizeof number), 0, err);
    return rc != 0 ? rc : feed_store(txn, out, err);
}

/* The latest clock of any feed: what is written now was written knowing all of them. */
static int latest_clock(tally_txn *txn, tally_hlc *out, tally_error *err) {
    uint32_t feeds = tally_feed_count(txn);
    *out = 0;
    for (uint32_t number = 0; number < feeds; number++) {
        tally_feed feed;
        int rc = feed_load(txn, number, &feed, err);
        if (rc != 0) return rc;
        if (feed.last_hlc > *out) *out = feed.last_hlc;
    }
    return 0;
}

static int own_role(tally_txn *txn, tally_error *err) {
    tally_team_device own;
    int rc = tally_team_device_get(txn, &txn->own.device, &own);
    txn->own_auditor = rc == 0 && own.role == TALLY_ROLE_AUDITOR;
    if (rc == 0 || rc == TALLY_ENOTFOUND) return 0;
    return view_team_fail(rc, err);
}

static int own_feed(tally_txn *txn, tally_error *err) {
    if (txn->own_loaded) return 0;
    int rc = feed_need_key(txn->ledger, err);
    if (rc == 0) rc = feed_load(txn, 0, &txn->own, err);
    if (rc == 0) rc = latest_clock(txn, &txn->clock, err);
    if (rc == 0) rc = fork_is_frozen(txn, &txn->own.device, &txn->own_frozen, err);
    if (rc == 0 && !txn->own_frozen) rc = mark_check(txn, err);
    if (rc == 0) rc = own_role(txn, err);
    txn->own_loaded = rc == 0;
    return rc;
}

/* An auditor reads and cosigns. A forked feed takes its last word and nothing else. */
static int check_open(tally_txn *txn, tally_error *err) {
    if (txn->own_auditor)
        return tally_fail(err, TALLY_EREFUSED,
                          "this device is in the team as an auditor: it reads and cosigns, and "
                          "records nothing; to record work, join with another ledger (--ledger) "
                          "as a member");
    if (!txn->own_frozen) return 0;
    if (txn->closing == 0) return fork_refuse_append(txn, err);
    txn->closing--;
    return 0;
}

/* After everything seen, unless that lies absurdly far ahead: one wrong clock must not carry all
 * others away. */
static tally_hlc next_clock(const tally_txn *txn) {
    bool sane = txn->now_ms >= 0 && txn->now_ms < INT64_MAX - TALLY_CLOCK_AHEAD_MS;
    tally_hlc bound = tally_hlc_next(0, sane ? txn->now_ms + TALLY_CLOCK_AHEAD_MS : txn->now_ms);
    tally_hlc seen = txn->clock < bound ? txn->clock : bound;
    return tally_hlc_next(seen > txn->own.last_hlc ? seen : txn->own.last_hlc, txn->now_ms);
}

int feed_need_key(tally_ledger *ledger, tally_error *err) {
    if (ledger->key) return 0;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", ledger->dir, STORE_KEY_FILE);
    if (n < 0 || (size_t)n >= sizeof path)
        return tally_fail(err, TALLY_EINVAL, "the ledger's path is too long: %s", ledger->dir);
    int rc = tally_key_read_file(path, ledger->ask, ledger->ask_ctx, &ledger->key, err);
    if (rc != 0) return rc;
    if (memcmp(tally_key_device(ledger->key)->b, ledger->device.b, TALLY_PUBLIC_KEY_BYTES) == 0)
        return 0;
    tally_key_free(ledger->key);
    ledger->key = NULL;
    return tally_fail(err, TALLY_ECORRUPT,
                      "%s is not the key of this ledger's device; restore the "
                      "key file that belongs to it",
                      path);
}

int feed_put_subtree(tally_txn *txn, uint32_t feed, uint64_t index, const tally_hash *hash,
                     tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    store_feed_key(key, feed, index);
    return store_put(txn, TABLE_SUBTREES, tally_span_of(key, sizeof key),
                     tally_span_of(hash->b, TALLY_HASH_BYTES), 0, err);
}

int feed_put_bytes(tally_txn *txn, uint32_t feed, uint64_t index, tally_span bytes,
                   const tally_hash *leaf, tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    store_feed_key(key, feed, index);
    MDB_val k = {sizeof key, key}, v = {RECORD_CHECK_BYTES + bytes.len, NULL};
    MDB_dbi records = txn->ledger->tables[TABLE_RECORDS];
    bool last_feed = feed + 1 == tally_feed_count(txn);
    unsigned flags = MDB_RESERVE | MDB_NOOVERWRITE | (last_feed ? MDB_APPEND : 0);
    int rc = mdb_put(txn->txn, records, &k, &v, flags);
    if (rc == MDB_KEYEXIST)
        return tally_fail(err, TALLY_ECORRUPT,
                          "record %llu of feed number %u is stored already or lies past the end; "
                          "nothing was overwritten; run 'tally fsck'",
                          (unsigned long long)index, feed);
    if (rc != 0) return store_fail(txn, rc, "cannot append a record", err);
    memcpy(v.mv_data, leaf->b, RECORD_CHECK_BYTES);
    memcpy((uint8_t *)v.mv_data + RECORD_CHECK_BYTES, bytes.ptr, bytes.len);
    return 0;
}

typedef struct subtree_put {
    tally_txn *txn;
    uint32_t feed;
    int rc;
    tally_error *err;
} subtree_put;

static void keep_subtree(void *ctx, unsigned level, uint64_t index, const tally_hash *hash) {
    subtree_put *put = ctx;
    if (level != TALLY_SUBTREE_LEVEL || put->rc != 0) return;
    put->rc = feed_put_subtree(put->txn, put->feed, index, hash, put->err);
}

int feed_put_record(tally_txn *txn, tally_feed *feed, tally_span bytes, const tally_hash *leaf,
                    tally_error *err) {
    subtree_put put = {txn, feed->number, 0, err};
    int rc = feed_put_bytes(txn, feed->number, feed->size, bytes, leaf, err);
    if (rc != 0) return rc;
    tally_range_append(&feed->range, leaf, keep_subtree, &put);
    feed->size++;
    return put.rc;
}

int tally_append(tally_txn *txn, const char *kind, tally_writer *writer, tally_hash *leaf,
                 tally_error *err) {
    assert(txn->write);
    int rc = own_feed(txn, err);
    if (rc == 0) rc = check_open(txn, err);
    if (rc != 0) return rc;
    tally_span bytes;
    tally_hlc hlc = next_clock(txn);
    if ((rc = tally_writer_encode(writer, kind, hlc, &bytes, err)) != 0) return rc;
    if (txn->open_records == TALLY_COMMIT_MAX_RECORDS ||
        txn->open_bytes + bytes.len > TALLY_COMMIT_MAX_BYTES)
        if ((rc = feed_seal(txn, err)) != 0) return rc;
    tally_record record;
    rc = tally_record_parse(bytes, &record, err);
    assert(rc == 0); /* what we write must be what we accept */
    tally_hash hash;
    tally_leaf_hash(bytes, &hash);
    uint64_t index = txn->own.size;
    if ((rc = feed_put_record(txn, &txn->own, bytes, &hash, err)) != 0) return rc;
    txn->own.last_hlc = hlc;
    txn->open_records++;
    txn->appended++;
    txn->open_bytes += bytes.len;
    if (leaf) *leaf = hash;
    view_source source = {txn, 0, index, &txn->own.device, &hash};
    return view_apply(&source, &record, err);
}

int feed_put_checkpoint_row(tally_txn *txn, uint32_t number, const tally_checkpoint *cp,
                            tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES], row[TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES];
    store_feed_key(key, number, cp->size);
    memcpy(row, cp->root.b, TALLY_HASH_BYTES);
    memcpy(row + TALLY_HASH_BYTES, cp->signature, TALLY_SIGNATURE_BYTES);
    return store_put(txn, TABLE_CHECKPOINTS, tally_span_of(key, sizeof key),
                     tally_span_of(row, sizeof row), 0, err);
}

int feed_put_checkpoint(tally_txn *txn, uint32_t number, const tally_checkpoint *cp,
                        tally_error *err) {
    int rc = feed_tail_spill(txn, number, err);
    return rc != 0 ? rc : feed_put_checkpoint_row(txn, number, cp, err);
}

int feed_seal(tally_txn *txn, tally_error *err) {
    if (txn->open_records == 0) return 0;
    tally_checkpoint cp = {.size = txn->own.size};
    tally_range_root(&txn->own.range, &cp.root);
    tally_checkpoint_sign(txn->ledger->key, txn->ledger->origin, &cp);
    int rc = feed_store(txn, &txn->own, err);
    if (rc == 0) rc = feed_tail_sign(txn, txn->own.number, &cp, err);
    if (rc != 0) return rc;
    txn->open_records = 0;
    txn->open_bytes = 0;
    txn->own_grew = true;
    return 0;
}

int tally_record_get(tally_txn *txn, uint32_t feed, uint64_t index, tally_span *out,
                     tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    store_feed_key(key, feed, index);
    tally_span stored;
    int rc = store_get(txn, TABLE_RECORDS, tally_span_of(key, sizeof key), &stored, err);
    if (rc != 0) return rc;
    if (stored.len <= RECORD_CHECK_BYTES)
        return tally_fail(err, TALLY_ECORRUPT,
                          "record %llu of feed number %u is damaged; run 'tally "
                          "fsck'",
                          (unsigned long long)index, feed);
    *out = tally_span_of(stored.ptr + RECORD_CHECK_BYTES, stored.len - RECORD_CHECK_BYTES);
    return 0;
}

/* The first of those that wait, which all lie past the table's. */
static int waiting_checkpoint(tally_txn *txn, uint32_t feed, uint64_t index, tally_checkpoint *out,
                              tally_error *err) {
    feed_tail tail;
    int rc = feed_tail_load(txn, feed, &tail, err);
    if (rc != 0) return rc;
    for (size_t i = 0; i < tail.checkpoints; i++) {
        *out = tail.checkpoint[i];
        if (out->size > index) return 0;
    }
    return tally_fail(err, TALLY_ENOTFOUND, "no checkpoint covers record %llu",
                      (unsigned long long)index);
}

int tally_checkpoint_get(tally_txn *txn, uint32_t feed, uint64_t index, tally_checkpoint *out,
                         tally_error *err) {
    uint8_t key[FEED_INDEX_KEY_BYTES];
    store_feed_key(key, feed, index < UINT64_MAX ? index + 1 : index);
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_CHECKPOINTS, &cursor, err);
    if (rc != 0) return rc;
    MDB_val k = {sizeof key, key}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (mdb != 0 && mdb != MDB_NOTFOUND) return store_fail(txn, mdb, "cannot read the ledger", err);
    bool found = mdb == 0 && k.mv_size == FEED_INDEX_KEY_BYTES && tally_get_be32(k.mv_data) == feed;
    if (!found) return waiting_checkpoint(txn, feed, index, out, err);
    if (v.mv_size != TALLY_HASH_BYTES + TALLY_SIGNATURE_BYTES)
        return tally_fail(err, TALLY_ECORRUPT, "a checkpoint of feed number %u is damaged", feed);
    out->size = tally_get_be64((const uint8_t *)k.mv_data + 4);
    memcpy(out->root.b, v.mv_data, TALLY_HASH_BYTES);
    memcpy(out->signature, (const uint8_t *)v.mv_data + TALLY_HASH_BYTES, TALLY_SIGNATURE_BYTES);
    return 0;
}

/* The first digits of a leaf hash: whole bytes, and half a byte more when their number is odd. */
typedef struct leaf_prefix {
    uint8_t bytes[TALLY_HASH_BYTES];
    size_t whole;
    bool half;
} leaf_prefix;

static bool prefix_parse(tally_span hex, leaf_prefix *out) {
    uint8_t digits[2 * TALLY_HASH_BYTES];
    if (hex.len < 8 || hex.len > sizeof digits) return false;
    memset(digits, '0', sizeof digits);
    memcpy(digits, hex.ptr, hex.len);
    out->whole = hex.len / 2;
    out->half = hex.len % 2 != 0;
    return tally_unhex(tally_span_of(digits, sizeof digits), out->bytes, TALLY_HASH_BYTES) == 0;
}

/* Compares what is known of a leaf hash (its stored first bytes) before hashing the record itself.
 */
static bool leaf_matches(const uint8_t *stored, size_t len, const leaf_prefix *prefix) {
    if (len <= RECORD_CHECK_BYTES) return false;
    size_t quick = prefix->whole < RECORD_CHECK_BYTES ? prefix->whole : RECORD_CHECK_BYTES;
    if (memcmp(stored, prefix->bytes, quick) != 0) return false;
    tally_hash leaf;
    tally_leaf_hash(tally_span_of(stored + RECORD_CHECK_BYTES, len - RECORD_CHECK_BYTES), &leaf);
    if (memcmp(leaf.b, prefix->bytes, prefix->whole) != 0) return false;
    return !prefix->half || leaf.b[prefix->whole] >> 4 == prefix->bytes[prefix->whole] >> 4;
}

int tally_record_find(tally_txn *txn, tally_span hex_prefix, uint32_t *feed, uint64_t *index,
                      tally_error *err) {
    leaf_prefix prefix;
    if (!prefix_parse(hex_prefix, &prefix))
        return tally_fail(err, TALLY_EINVAL,
                          "'%.*s' is not a record hash: give its first 8 to 64 hex "
                          "digits",
                          (int)(hex_prefix.len < 80 ? hex_prefix.len : 80),
                          (const char *)hex_prefix.ptr);
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_RECORDS, &cursor, err);
    if (rc != 0) return rc;
    unsigned found = 0;
    MDB_val k, v;
    while (found < 2 && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (k.mv_size != FEED_INDEX_KEY_BYTES) continue;
        if (!leaf_matches(v.mv_data, v.mv_size, &prefix)) continue;
        found++;
        *feed = tally_get_be32(k.mv_data);
        *index = tally_get_be64((const uint8_t *)k.mv_data + 4);
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND) return store_fail(txn, rc, "cannot read the ledger", err);
    if (found == 1) return 0;
    return tally_fail(err, found ? TALLY_EINVAL : TALLY_ENOTFOUND,
                      "%s record's hash begins with %.*s", found ? "more than one" : "no",
                      (int)hex_prefix.len, (const char *)hex_prefix.ptr);
}
