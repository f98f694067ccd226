/* The session and activity views: what a session is called, where it ran, and when things happened
 * in it. */
#include "view_fold.h"

#include <tally/view.h>

#define ACTIVITY_BYTES 17u /* start, end, human */

uint64_t tally_session_ref(tally_span agent, tally_span id) {
    static const uint8_t domain[] = {'s', 'e', 's', 's', 'i', 'o', 'n', 0}, zero[] = {0};
    tally_span parts[] = {tally_span_of(domain, sizeof domain), agent, tally_span_of(zero, 1), id};
    tally_hash hash;
    tally_sha256_parts(parts, 4, &hash);
    return tally_get_be64(hash.b);
}

static bool session_named(const tally_record *record, uint64_t *ref) {
    tally_span agent, id;
    if (!tally_body_str(record, "agent", &agent) || !tally_body_str(record, "id", &id))
        return false;
    *ref = tally_session_ref(agent, id);
    return true;
}

/* The last description wins whole: capture records the merged state each time. */
int view_fold_session(const view_source *source, const tally_record *record, tally_error *err) {
    uint64_t ref;
    uint8_t key[8];
    if (!session_named(record, &ref)) return 0;
    tally_put_be64(key, ref);
    return view_register_put(source, TABLE_VIEW_SESSIONS, tally_span_of(key, sizeof key),
                             record->hlc, record->body, err);
}

static void session_decode(uint64_t ref, uint32_t feed, tally_span body, tally_session *out) {
    *out = (tally_session){.ref = ref, .feed = feed};
    const struct {
        const char *key;
        tally_span *field;
    } fields[] = {
        {"agent", &out->agent},   {"id", &out->id},           {"parent", &out->parent},
        {"cwd", &out->cwd},       {"branch", &out->branch},   {"remote", &out->remote},
        {"commit", &out->commit}, {"version", &out->version}, {"title_from", &out->title_from}};
    tally_record record = {.body = body};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        (void)tally_body_str(&record, fields[i].key, fields[i].field);
    (void)tally_body_bin(&record, "title", TALLY_HASH_BYTES, &out->title);
}

int tally_session_get(tally_txn *txn, uint64_t ref, tally_session *out) {
    uint8_t key[8];
    uint32_t feed;
    tally_span body;
    tally_put_be64(key, ref);
    int rc =
        view_register_get(txn, TABLE_VIEW_SESSIONS, tally_span_of(key, sizeof key), &feed, &body);
    if (rc == 0) session_decode(ref, feed, body, out);
    return rc;
}

int tally_session_each(tally_txn *txn, tally_session_fn *fn, void *ctx) {
    MDB_cursor *cursor;
    MDB_val k, v;
    int mdb = 0, rc = store_cursor(txn, TABLE_VIEW_SESSIONS, &cursor, NULL);
    if (rc != 0) return rc;
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (k.mv_size != 8 || v.mv_size < REGISTER_HEAD_BYTES) continue;
        const uint8_t *row = v.mv_data;
        tally_session session;
        session_decode(tally_get_be64(k.mv_data), tally_get_be32(row + REGISTER_FEED_AT),
                       tally_span_of(row + REGISTER_HEAD_BYTES, v.mv_size - REGISTER_HEAD_BYTES),
                       &session);
        rc = fn(ctx, &session);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != MDB_NOTFOUND) rc = store_fail(txn, mdb, "cannot read sessions", NULL);
    return rc;
}

static int activity_put(tally_txn *txn, uint64_t session, uint64_t start, uint64_t end, bool human,
                        tally_error *err) {
    if (end < start || end > INT64_MAX) return 0;
    uint8_t key[8], row[ACTIVITY_BYTES];
    tally_put_be64(key, session);
    tally_put_be64(row, start);
    tally_put_be64(row + 8, end);
    row[16] = human;
    int rc = store_put(txn, TABLE_VIEW_ACTIVITY, tally_span_of(key, sizeof key),
                       tally_span_of(row, sizeof row), MDB_NODUPDATA, err);
    return rc == TALLY_EEXIST ? 0 : rc; /* the same event from another device */
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
