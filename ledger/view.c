/* Views as a whole: which kind of record folds where, registers, interned strings, rebuild and
 * digest. Each view's own rules are in view_*.c. */
#include "blob.h"
#include "feed_tail.h"
#include "view_fold.h"
#include "view_gather.h"

#include <tally/view.h>

#include <sodium.h>

static const struct {
    const char *kind;
    view_fold_fn *fold;
} folds[] = {
    {"cost", view_fold_cost},
    {"activity", view_fold_activity},
    {"session", view_fold_session},
    {"tag.add", view_fold_tag_add},
    {"tag.remove", view_fold_tag_remove},
    {"price.set", view_fold_price_set},
    {"price.unset", view_fold_price_unset},
    {"void", view_fold_void},
    {"redact", view_fold_redact},
    {"assign", view_fold_assign},
    {"split", view_fold_split},
    {"deposit.receive", view_fold_billing},
    {"credit.add", view_fold_billing},
    {"invoice.issue", view_fold_billing},
    {"invoice.entries", view_fold_locks},
    {"invoice.void", view_fold_billing},
    {"payment", view_fold_billing},
    {"expense", view_fold_expense},
    {"time.add", view_fold_time_add},
    {"describe", view_fold_describe},
};

static int fold_counting(const view_source *source, const tally_record *record, tally_error *err) {
    bool counts;
    int rc = view_members_gate(source, &counts, err);
    if (rc != 0 || !counts) return rc;
    if (source->txn->fold_again) return 0; /* with everything else, when the views are settled */
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
        if (tally_span_is(record->kind, folds[i].kind)) return folds[i].fold(source, record, err);
    if (view_policy_kind(record->kind)) return view_fold_policy(source, record, err);
    return 0;
}

int view_apply(const view_source *source, const tally_record *record, tally_error *err) {
    if (view_team_kind(record->kind)) return view_team_fold(source, record, err);
    return fold_counting(source, record, err);
}

int view_feed_device(tally_txn *txn, uint32_t feed, tally_device_id *out, tally_error *err) {
    uint8_t key[4];
    tally_span row;
    tally_put_be32(key, feed);
    int rc = store_get(txn, TABLE_FEEDS, tally_span_of(key, 4), &row, err);
    if (rc == 0 && row.len >= TALLY_PUBLIC_KEY_BYTES) {
        memcpy(out->b, row.ptr, TALLY_PUBLIC_KEY_BYTES);
        return 0;
    }
    return tally_fail(err, TALLY_ECORRUPT,
                      "a view names feed number %u, which does not exist; run "
                      "'tally rebuild'",
                      feed);
}

int view_register_wins(const view_source *source, tally_hlc hlc, tally_span held, bool *wins,
                       tally_error *err) {
    tally_hlc held_hlc = held.len >= REGISTER_HEAD_BYTES ? tally_get_be64(held.ptr) : 0;
    *wins = hlc > held_hlc;
    if (hlc != held_hlc || held.len < REGISTER_HEAD_BYTES) return 0;
    tally_device_id other;
    int rc =
        view_feed_device(source->txn, tally_get_be32(held.ptr + REGISTER_FEED_AT), &other, err);
    *wins = rc == 0 && memcmp(source->device->b, other.b, TALLY_PUBLIC_KEY_BYTES) > 0;
    return rc;
}

int view_register_put(const view_source *source, store_table table, tally_span key, tally_hlc hlc,
                      tally_span value, tally_error *err) {
    tally_span held;
    bool wins = true;
    int rc = store_get(source->txn, table, key, &held, err);
    if (rc == 0) rc = view_register_wins(source, hlc, held, &wins, err);
    if (rc != 0 && rc != TALLY_ENOTFOUND) return rc;
    if (!wins) return 0;
    uint8_t row[REGISTER_HEAD_BYTES + TALLY_RECORD_MAX_BYTES];
    if (value.len > TALLY_RECORD_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "a view row is larger than a record");
    tally_put_be64(row, hlc);
    tally_put_be32(row + REGISTER_FEED_AT, source->feed);
    if (value.len > 0) memcpy(row + REGISTER_HEAD_BYTES, value.ptr, value.len);
    return store_put(source->txn, table, key, tally_span_of(row, REGISTER_HEAD_BYTES + value.len),
                     0, err);
}

int view_register_get(tally_txn *txn, store_table table, tally_span key, uint32_t *feed,
                      tally_span *value) {
    tally_span row;
    int rc = store_get(txn, table, key, &row, NULL);
    if (rc != 0) return rc;
    if (row.len < REGISTER_HEAD_BYTES) return TALLY_ECORRUPT;
    if (feed) *feed = tally_get_be32(row.ptr + REGISTER_FEED_AT);
    *value = tally_span_of(row.ptr + REGISTER_HEAD_BYTES, row.len - REGISTER_HEAD_BYTES);
    return 0;
}

uint64_t tally_string_ref(tally_span text) {
    tally_hash hash;
    tally_sha256(text, &hash);
    return tally_get_be64(hash.b);
}

int view_string_put(tally_txn *txn, tally_span text, uint64_t *ref, tally_error *err) {
    *ref = tally_string_ref(text);
    uint8_t key[8];
    tally_put_be64(key, *ref);
    tally_span k = tally_span_of(key, sizeof key), held;
    int rc = store_get(txn, TABLE_VIEW_STRINGS, k, &held, err);
    if (rc == 0 && tally_span_cmp(held, text) <= 0) return 0;
    if (rc != 0 && rc != TALLY_ENOTFOUND) return rc;
    return store_put(txn, TABLE_VIEW_STRINGS, k, text, 0, err);
}

tally_span tally_string_get(tally_txn *txn, uint64_t ref) {
    uint8_t key[8];
    tally_span text = {0};
    tally_put_be64(key, ref);
    if (store_get(txn, TABLE_VIEW_STRINGS, tally_span_of(key, sizeof key), &text, NULL) != 0)
        return (tally_span){0};
    return text;
}

/* Folds every record of one feed again; those of the team are folded already. */
static int refold(tally_txn *txn, const tally_feed *feed, tally_error *err) {
    uint8_t copy[TALLY_RECORD_MAX_BYTES]; /* LMDB's own bytes may move while views are written */
    for (uint64_t index = 0; index < feed->size; index++) {
        tally_span bytes;
        tally_record record;
        tally_hash leaf;
        int rc = tally_record_get(txn, feed->number, index, &bytes, err);
        if (rc == TALLY_ENOTFOUND)
            return tally_fail(err, TALLY_ECORRUPT,
                              "record %llu of feed number %u is missing; run 'tally "
                              "fsck'",
                              (unsigned long long)index, feed->number);
        if (rc == 0 && bytes.len <= sizeof copy) {
            memcpy(copy, bytes.ptr, bytes.len);
            bytes.ptr = copy;
        }
        if (rc == 0) rc = tally_record_parse(bytes, &record, err);
        if (rc != 0)
            return tally_fail_while(err, "record %llu of feed number %u", (unsigned long long)index,
                                    feed->number);
        tally_leaf_hash(bytes, &leaf);
        view_source source = {txn, feed->number, index, &feed->device, &leaf};
        if (!view_team_kind(record.kind)) rc = fold_counting(&source, &record, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static int refold_all(tally_txn *txn, tally_error *err) {
    uint32_t feeds = tally_feed_count(txn);
    txn->fold_again = false;
    for (uint32_t number = 0; number < feeds; number++) {
        tally_feed feed;
        int rc = feed_now(txn, number, &feed, err);
        if (rc == 0) rc = refold(txn, &feed, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* What the team's records alone give: it stands while the other views are made anew. */
static bool of_the_team(int table) {
    return table == TABLE_VIEW_TEAM || table == TABLE_VIEW_TEAM_FACTS ||
           table == TABLE_VIEW_DEVICES;
}

static int empty_views(tally_txn *txn, bool team_too, tally_error *err) {
    view_gather_drop(txn);
    for (int t = TABLE_VIEW_FIRST; t < TABLE_COUNT; t++) {
        if (!team_too && of_the_team(t)) continue;
        int rc = mdb_drop(txn->txn, txn->ledger->tables[t], 0);
        if (rc != 0) return store_fail(txn, rc, "cannot empty a view", err);
    }
    return blob_forget_wants(txn, err);
}

int view_settle(tally_txn *txn, tally_error *err) {
    int rc = txn->team_changed ? view_members_settle(txn, err) : 0;
    if (rc != 0 || !txn->fold_again) return rc;
    rc = empty_views(txn, false, err);
    return rc != 0 ? rc : refold_all(txn, err);
}

/* The kind, told from a record's first bytes: the team's kinds are short strings, and most records
 * need no closer look. */
static bool is_of_team(tally_span stored) {
    if (stored.len < RECORD_CHECK_BYTES + 3u) return false;
    const uint8_t *at = stored.ptr + RECORD_CHECK_BYTES;
    size_t len = at[2] & 0x1fu;
    if (at[0] != 0x94 || at[1] != TALLY_RECORD_VERSION || at[2] >> 5 != 5) return false;
    return stored.len - RECORD_CHECK_BYTES - 3 >= len && view_team_kind(tally_span_of(at + 3, len));
}

static int refold_team_record(tally_txn *txn, uint32_t number, uint64_t index, tally_span stored,
                              tally_error *err) {
    uint8_t copy[TALLY_RECORD_MAX_BYTES]; /* LMDB's own bytes may move while views are written */
    tally_span bytes =
        tally_span_of(stored.ptr + RECORD_CHECK_BYTES, stored.len - RECORD_CHECK_BYTES);
    tally_device_id device;
    tally_record record;
    tally_hash leaf;
    int rc = view_feed_device(txn, number, &device, err);
    if (rc != 0 || bytes.len > sizeof copy) return rc;
    memcpy(copy, bytes.ptr, bytes.len);
    bytes.ptr = copy;
    if (tally_record_parse(bytes, &record, err) != 0)
        return tally_fail_while(err, "record %llu of feed number %u", (unsigned long long)index,
                                number);
    tally_leaf_hash(bytes, &leaf);
    view_source source = {txn, number, index, &device, &leaf};
    return view_team_fold(&source, &record, err);
}

/* The team's records of all feeds, before anything else: they say what counts. */
static int refold_team(tally_txn *txn, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    tally_feed feed = {.number = UINT32_MAX};
    int mdb = 0, rc = store_cursor(txn, TABLE_RECORDS, &cursor, err);
    if (rc != 0) return rc;
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (k.mv_size != FEED_INDEX_KEY_BYTES || !is_of_team(store_span(v))) continue;
        uint32_t number = tally_get_be32(k.mv_data);
        uint64_t index = tally_get_be64((const uint8_t *)k.mv_data + 4);
        if (number >= tally_feed_count(txn)) continue;
        if (number != feed.number) rc = feed_now(txn, number, &feed, err);
        if (rc == 0 && index < feed.size)
            rc = refold_team_record(txn, number, index, store_span(v), err);
    }
    mdb_cursor_close(cursor);
    return rc != 0 || mdb == MDB_NOTFOUND ? rc : store_fail(txn, mdb, "cannot read records", err);
}

static int rebuild_views(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    int rc = empty_views(txn, true, err);
    if (rc == 0) rc = refold_team(txn, err);
    if (rc == 0) rc = view_members_settle(txn, err);
    return rc != 0 ? rc : refold_all(txn, err);
}

int tally_rebuild(tally_ledger *ledger, int64_t now_ms, tally_error *err) {
    return store_write(ledger, now_ms, rebuild_views, NULL, err);
}

int view_rebuild_in(tally_txn *txn, tally_error *err) {
    return rebuild_views(NULL, txn, err);
}

/* Where a table's values hold a feed number: it is local, so the digest takes the device's key
 * instead. */
static int feed_number_at(int table) {
    switch (table) {
    case TABLE_VIEW_COSTS: return VIEW_ROW_FEED_AT;
    // NOLINTNEXTLINE(bugprone-branch-clone): two rows that happen to have it at the same place
    case TABLE_VIEW_ENTRIES: return VIEW_ENTRY_FEED_AT;
    case TABLE_VIEW_VOIDS:
    case TABLE_VIEW_SESSIONS:
    case TABLE_VIEW_PRICES:
    case TABLE_VIEW_POLICY:
    case TABLE_VIEW_DECISIONS:
    case TABLE_VIEW_TYPED:
    case TABLE_VIEW_BILLING:
    case TABLE_VIEW_WORDS:
    case TABLE_VIEW_TEAM: return REGISTER_FEED_AT;
    default: return -1;
    }
}

static void hash_sized(crypto_hash_sha256_state *state, tally_span bytes) {
    uint8_t len[8];
    tally_put_be64(len, bytes.len);
    crypto_hash_sha256_update(state, len, sizeof len);
    crypto_hash_sha256_update(state, bytes.ptr, bytes.len);
}

/* What a device outside the team said of the team: only who once took it for a member holds it. */
static bool is_strangers(tally_txn *txn, int table, tally_span key) {
    tally_span row;
    if (table != TABLE_VIEW_TEAM_FACTS || key.len < TALLY_PUBLIC_KEY_BYTES) return false;
    tally_span author = tally_span_of(key.ptr, TALLY_PUBLIC_KEY_BYTES);
    return store_get(txn, TABLE_VIEW_DEVICES, author, &row, NULL) == TALLY_ENOTFOUND;
}

static int digest_row(tally_txn *txn, crypto_hash_sha256_state *state, tally_span key,
                      tally_span value, int feed_at, tally_error *err) {
    hash_sized(state, key);
    if (feed_at < 0 || value.len < (size_t)feed_at + 4) {
        hash_sized(state, value);
        return 0;
    }
    tally_device_id device;
    int rc = view_feed_device(txn, tally_get_be32(value.ptr + feed_at), &device, err);
    if (rc != 0) return rc;
    hash_sized(state, tally_span_of(value.ptr, (size_t)feed_at));
    hash_sized(state, tally_span_of(device.b, sizeof device.b));
    hash_sized(state, tally_span_of(value.ptr + feed_at + 4, value.len - (size_t)feed_at - 4));
    return 0;
}

static int digest_waiting(tally_txn *txn, crypto_hash_sha256_state *state, const gathered_row *row,
                          int feed_at, tally_error *err) {
    return digest_row(txn, state, tally_span_of(row->key, row->key_len),
                      tally_span_of(row->value, row->value_len), feed_at, err);
}

static bool comes_before(const gathered_row *row, tally_span key, tally_span value) {
    int keys = tally_span_cmp(tally_span_of(row->key, row->key_len), key);
    return keys < 0 ||
           (keys == 0 && tally_span_cmp(tally_span_of(row->value, row->value_len), value) < 0);
}

/* Rows that wait (view_gather.h) are hashed where they would stand. */
static int digest_table(tally_txn *txn, int table, crypto_hash_sha256_state *state,
                        tally_error *err) {
    gathered_row waiting[FEED_TAIL_COSTS];
    size_t next = 0, count;
    MDB_cursor *cursor;
    MDB_val k, v;
    int mdb = 0, feed_at = feed_number_at(table);
    int rc = view_gather_rows(txn, (store_table)table, waiting, &count, err);
    if (rc == 0) rc = store_cursor(txn, (store_table)table, &cursor, err);
    if (rc != 0) return rc;
    hash_sized(state, tally_span_str(store_table_name((store_table)table)));
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        tally_span key = store_span(k), value = store_span(v);
        for (; rc == 0 && next < count && comes_before(&waiting[next], key, value); next++)
            rc = digest_waiting(txn, state, &waiting[next], feed_at, err);
        if (rc == 0 && !is_strangers(txn, table, key))
            rc = digest_row(txn, state, key, value, feed_at, err);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != MDB_NOTFOUND) return store_fail(txn, mdb, "cannot read a view", err);
    for (; rc == 0 && next < count; next++)
        rc = digest_waiting(txn, state, &waiting[next], feed_at, err);
    return rc;
}

int tally_view_digest(tally_txn *txn, tally_hash *out, tally_error *err) {
    crypto_hash_sha256_state state;
    int rc = view_settle(txn, err);
    if (rc == 0) rc = view_gather_flush(txn, err);
    if (rc != 0) return rc;
    crypto_hash_sha256_init(&state);
    for (int t = TABLE_VIEW_FIRST; t < TABLE_COUNT; t++) {
        if ((rc = digest_table(txn, t, &state, err)) != 0) return rc;
    }
    crypto_hash_sha256_final(&state, out->b);
    return 0;
}
