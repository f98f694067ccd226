/* The activity view: human events and runs of the agent, by session and by day. */
#include "view_fold.h"

#include <tally/time.h>
#include <tally/view.h>

#define ACTIVITY_BYTES 17u                   /* start, end, human */
#define RUN_MAX_DAYS   32u                   /* a longer run is indexed by its first days */
#define BY_DAY_BYTES   (ACTIVITY_BYTES + 8u) /* and the session */

/* The same row under each UTC day it touches, so that a period finds what reaches into it. */
static int by_day_put(tally_txn *txn, const uint8_t row[ACTIVITY_BYTES], const uint8_t session[8],
                      tally_error *err) {
    uint8_t key[4], value[BY_DAY_BYTES];
    uint64_t first = tally_get_be64(row) / TALLY_DAY_MS,
             last = tally_get_be64(row + 8) / TALLY_DAY_MS;
    memcpy(value, row, ACTIVITY_BYTES);
    memcpy(value + ACTIVITY_BYTES, session, 8);
    int rc = 0;
    for (uint64_t day = first; rc == 0 && day <= last && day - first < RUN_MAX_DAYS; day++) {
        tally_put_be32(key, (uint32_t)day);
        rc = store_put(txn, TABLE_VIEW_ACTIVITY_DAYS, tally_span_of(key, sizeof key),
                       tally_span_of(value, sizeof value), MDB_NODUPDATA, err);
        if (rc == TALLY_EEXIST) rc = 0;
    }
    return rc;
}

static int activity_put(tally_txn *txn, uint64_t session, uint64_t start, uint64_t end, bool human,
                        tally_error *err) {
    if (end < start || end / TALLY_DAY_MS > UINT32_MAX) return 0;
    uint8_t key[8], row[ACTIVITY_BYTES];
    tally_put_be64(key, session);
    tally_put_be64(row, start);
    tally_put_be64(row + 8, end);
    row[16] = human;
    int rc = store_put(txn, TABLE_VIEW_ACTIVITY, tally_span_of(key, sizeof key),
                       tally_span_of(row, sizeof row), MDB_NODUPDATA, err);
    if (rc == TALLY_EEXIST) return 0; /* the same event from another device */
    return rc != 0 ? rc : by_day_put(txn, row, key, err);
}

static int fold_human(tally_txn *txn, uint64_t session, const tally_value *list, tally_error *err) {
    tally_cursor cursor = tally_cursor_of(list);
    tally_value at;
    int rc = 0;
    while (rc == 0 && tally_cursor_next(&cursor, &at))
        if (at.type == TALLY_VALUE_UINT)
            rc = activity_put(txn, session, at.as.uint, at.as.uint, true, err);
    return rc;
}

static int fold_runs(tally_txn *txn, uint64_t session, const tally_value *list, tally_error *err) {
    tally_cursor cursor = tally_cursor_of(list);
    tally_value run, start, end;
    int rc = 0;
    while (rc == 0 && tally_cursor_next(&cursor, &run)) {
        tally_cursor pair = tally_cursor_of(&run);
        if (run.type != TALLY_VALUE_ARRAY || run.count != 2 || !tally_cursor_next(&pair, &start) ||
            !tally_cursor_next(&pair, &end) || start.type != TALLY_VALUE_UINT ||
            end.type != TALLY_VALUE_UINT)
            continue;
        rc = activity_put(txn, session, start.as.uint, end.as.uint, false, err);
    }
    return rc;
}

int view_fold_activity(const view_source *source, const tally_record *record, tally_error *err) {
    tally_span agent, id;
    tally_value list;
    int rc = 0;
    if (!tally_body_str(record, "agent", &agent) || !tally_body_str(record, "session", &id))
        return 0;
    uint64_t session = tally_session_ref(agent, id);
    if (tally_body_get(record, "human", &list) && list.type == TALLY_VALUE_ARRAY)
        rc = fold_human(source->txn, session, &list, err);
    if (rc == 0 && tally_body_get(record, "runs", &list) && list.type == TALLY_VALUE_ARRAY)
        rc = fold_runs(source->txn, session, &list, err);
    return rc;
}

int tally_activity_each(tally_txn *txn, uint64_t session, tally_activity_fn *fn, void *ctx) {
    MDB_cursor *cursor;
    uint8_t key[8];
    int rc = store_cursor(txn, TABLE_VIEW_ACTIVITY, &cursor, NULL);
    if (rc != 0) return rc;
    tally_put_be64(key, session);
    MDB_val k = {sizeof key, key}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET);
    while (mdb == 0 && rc == 0) {
        const uint8_t *row = v.mv_data;
        if (v.mv_size == ACTIVITY_BYTES) {
            tally_activity activity = {session, (int64_t)tally_get_be64(row),
                                       (int64_t)tally_get_be64(row + 8), row[16] != 0};
            rc = fn(ctx, &activity);
        }
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT_DUP);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read activity", NULL);
    return rc;
}

/* False for what this version did not write. */
static bool day_row_read(MDB_val value, tally_activity *out) {
    const uint8_t *row = value.mv_data;
    if (value.mv_size != BY_DAY_BYTES) return false;
    *out = (tally_activity){tally_get_be64(row + ACTIVITY_BYTES), (int64_t)tally_get_be64(row),
                            (int64_t)tally_get_be64(row + 8), row[16] != 0};
    return true;
}

int tally_activity_each_between(tally_txn *txn, int64_t start_ms, int64_t end_ms,
                                tally_activity_fn *fn, void *ctx) {
    MDB_cursor *cursor;
    uint8_t first[4];
    int rc = store_cursor(txn, TABLE_VIEW_ACTIVITY_DAYS, &cursor, NULL);
    if (rc != 0) return rc;
    uint32_t start_day = start_ms > 0 ? (uint32_t)(start_ms / TALLY_DAY_MS) : 0;
    tally_put_be32(first, start_day);
    MDB_val k = {sizeof first, first}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (mdb == 0 && rc == 0 && k.mv_size == 4) {
        int64_t day = tally_get_be32(k.mv_data);
        if (day * TALLY_DAY_MS >= end_ms) break;
        tally_activity activity;
        if (day_row_read(v, &activity) &&
            (day == start_day || activity.start_ms / TALLY_DAY_MS == day))
            rc = fn(ctx, &activity);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read activity", NULL);
    return rc;
}
