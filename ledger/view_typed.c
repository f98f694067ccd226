/* The view of typed entries: one row an entry, and where its day has it. What a body means is known
 * where its kind is (expense.c and others). */
#include "view_typed.h"

#include <tally/view.h>

/* A row: clock and feed as in a register, then kind, day, index, leaf, body. */
enum row_at {
    AT_KIND = REGISTER_HEAD_BYTES,
    AT_DAY = AT_KIND + 1,
    AT_INDEX = AT_DAY + 4,
    AT_LEAF = AT_INDEX + 8,
    AT_BODY = AT_LEAF + TALLY_HASH_BYTES
};

#define DAY_KEY_BYTES (1u + 4u + TALLY_ENTRY_BYTES)
#define DAYS_MAX      3652425 /* both ways: more than the years 0000 to 9999 */

/* Days before 1970 stand before those after. */
static uint32_t day_number(int64_t day) {
    return (uint32_t)(day + DAYS_MAX);
}

static void day_key(uint8_t kind, uint32_t day, const uint8_t *id, uint8_t key[DAY_KEY_BYTES]) {
    key[0] = kind;
    tally_put_be32(key + 1, day);
    memcpy(key + 5, id, TALLY_ENTRY_BYTES);
}

static tally_span id_key(const tally_entry_id *id) {
    return tally_span_of(id->b, sizeof id->b);
}

void view_typed_id(const tally_hash *leaf, tally_entry_id *out) {
    memcpy(out->b, leaf->b, sizeof out->b);
}

static bool row_decode(const tally_entry_id *id, tally_span row, view_typed *out) {
    if (row.len < AT_BODY) return false;
    *out = (view_typed){.kind = (tally_entry_kind)row.ptr[AT_KIND],
                        .id = *id,
                        .feed = tally_get_be32(row.ptr + REGISTER_FEED_AT),
                        .index = tally_get_be64(row.ptr + AT_INDEX),
                        .hlc = tally_get_be64(row.ptr),
                        .day = (int64_t)tally_get_be32(row.ptr + AT_DAY) - DAYS_MAX};
    memcpy(out->leaf.b, row.ptr + AT_LEAF, sizeof out->leaf.b);
    out->record = (tally_record){.hlc = out->hlc,
                                 .body = tally_span_of(row.ptr + AT_BODY, row.len - AT_BODY)};
    return true;
}

/* Whether the record that is folded counts instead of the one that stands there. */
static int counts_before(const view_source *source, tally_hlc hlc, const view_typed *held,
                         bool *out, tally_error *err) {
    tally_device_id device;
    int rc = view_feed_device(source->txn, held->feed, &device, err);
    *out = rc == 0 && (hlc != held->hlc ? hlc < held->hlc
                                        : memcmp(source->device->b, device.b, sizeof device.b) < 0);
    return rc;
}

static int drop_day(tally_txn *txn, const view_typed *held, tally_error *err) {
    uint8_t key[DAY_KEY_BYTES];
    day_key((uint8_t)held->kind, day_number(held->day), held->id.b, key);
    return store_del(txn, TABLE_VIEW_TYPED_DAYS, tally_span_of(key, sizeof key), NULL, err);
}

int view_typed_put(const view_source *source, const tally_record *record, tally_entry_kind kind,
                   int64_t day, const tally_entry_id *id, tally_error *err) {
    static const uint8_t mark[] = {1};
    uint8_t row[AT_BODY + TALLY_RECORD_MAX_BYTES], key[DAY_KEY_BYTES];
    tally_span stored;
    view_typed held;
    bool wins = true;
    if (record->body.len > TALLY_RECORD_MAX_BYTES || day < -DAYS_MAX || day > DAYS_MAX) return 0;
    int rc = store_get(source->txn, TABLE_VIEW_TYPED, id_key(id), &stored, err);
    if (rc == 0 && row_decode(id, stored, &held)) {
        rc = counts_before(source, record->hlc, &held, &wins, err);
        if (rc == 0 && wins) rc = drop_day(source->txn, &held, err);
    }
    if (rc == TALLY_ENOTFOUND) rc = 0;
    if (rc != 0 || !wins) return rc;
    tally_put_be64(row, record->hlc);
    tally_put_be32(row + REGISTER_FEED_AT, source->feed);
    row[AT_KIND] = (uint8_t)kind;
    tally_put_be32(row + AT_DAY, day_number(day));
    tally_put_be64(row + AT_INDEX, source->index);
    memcpy(row + AT_LEAF, source->leaf->b, TALLY_HASH_BYTES);
    memcpy(row + AT_BODY, record->body.ptr, record->body.len);
    day_key((uint8_t)kind, day_number(day), id->b, key);
    rc = store_put(source->txn, TABLE_VIEW_TYPED, id_key(id),
                   tally_span_of(row, AT_BODY + record->body.len), 0, err);
    return rc != 0 ? rc
                   : store_put(source->txn, TABLE_VIEW_TYPED_DAYS, tally_span_of(key, sizeof key),
                               tally_span_of(mark, sizeof mark), 0, err);
}

int view_typed_get(tally_txn *txn, const tally_entry_id *id, view_typed *out) {
    tally_span row;
    int rc = store_get(txn, TABLE_VIEW_TYPED, id_key(id), &row, NULL);
    return rc != 0 ? rc : row_decode(id, row, out) ? 0 : TALLY_ECORRUPT;
}

tally_entry_kind tally_entry_kind_of(tally_txn *txn, const tally_entry_id *id) {
    tally_cost cost;
    view_typed typed;
    if (view_typed_get(txn, id, &typed) == 0) return typed.kind;
    return tally_cost_get(txn, id, &cost, NULL) == 0 ? TALLY_ENTRY_COST : TALLY_ENTRY_NONE;
}

int tally_entry_find_typed(tally_txn *txn, tally_span prefix, tally_entry_id *out) {
    MDB_cursor *cursor;
    MDB_val k = store_val(prefix), v;
    size_t found = 0;
    if (prefix.len < TALLY_ENTRY_PREFIX_BYTES || prefix.len > TALLY_ENTRY_BYTES)
        return TALLY_ENOTFOUND;
    int rc = store_cursor(txn, TABLE_VIEW_TYPED, &cursor, NULL);
    if (rc != 0) return rc;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; mdb == 0 && k.mv_size == TALLY_ENTRY_BYTES && found < 2; found++) {
        if (memcmp(k.mv_data, prefix.ptr, prefix.len) != 0) break;
        memcpy(out->b, k.mv_data, sizeof out->b);
        mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return found == 1 ? 0 : found == 0 ? TALLY_ENOTFOUND : TALLY_EEXIST;
}

int view_typed_each(tally_txn *txn, tally_entry_kind kind, int64_t first_day, int64_t end_day,
                    view_typed_fn *fn, void *ctx, tally_error *err) {
    uint8_t start[5];
    MDB_cursor *cursor;
    MDB_val k = {sizeof start, start}, v;
    int rc = store_cursor(txn, TABLE_VIEW_TYPED_DAYS, &cursor, err);
    if (rc != 0) return rc;
    start[0] = (uint8_t)kind;
    if (first_day < -DAYS_MAX) first_day = -DAYS_MAX;
    tally_put_be32(start + 1, first_day > DAYS_MAX ? UINT32_MAX : day_number(first_day));
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && mdb == 0 && k.mv_size == DAY_KEY_BYTES) {
        const uint8_t *key = k.mv_data;
        tally_entry_id id;
        view_typed entry;
        if (key[0] != start[0] || (int64_t)tally_get_be32(key + 1) - DAYS_MAX >= end_day) break;
        memcpy(id.b, key + 5, sizeof id.b);
        if (view_typed_get(txn, &id, &entry) == 0) rc = fn(ctx, &entry, err);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read typed entries", err);
    return rc;
}
