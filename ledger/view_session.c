/* The session view: what a session is called and where it ran. When things happened in it is in
 * view_activity.c. */
#include "blob.h"
#include "view_fold.h"

#include <tally/view.h>

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
    const uint8_t *blob;
    tally_hash title;
    if (!session_named(record, &ref)) return 0;
    tally_put_be64(key, ref);
    int rc = view_register_put(source, TABLE_VIEW_SESSIONS, tally_span_of(key, sizeof key),
                               record->hlc, record->body, err);
    if (rc != 0 || !tally_body_bin(record, "title", TALLY_HASH_BYTES, &blob)) return rc;
    memcpy(title.b, blob, sizeof title.b);
    return blob_refer(source->txn, &title, err);
}

static void session_decode(uint64_t ref, uint32_t feed, tally_span body, tally_agent_session *out) {
    *out = (tally_agent_session){.ref = ref, .feed = feed};
    /* In the order of their keys, which is that of the body: one walk. */
    const struct {
        const char *key;
        tally_span *field;
    } fields[] = {
        {"agent", &out->agent},    {"branch", &out->branch}, {"commit", &out->commit},
        {"cwd", &out->cwd},        {"id", &out->id},         {"parent", &out->parent},
        {"remote", &out->remote},  {"title", NULL},          {"title_from", &out->title_from},
        {"version", &out->version}};
    const size_t count = sizeof fields / sizeof *fields;
    tally_record record = {.body = body};
    tally_cursor cursor = tally_cursor_of_body(&record);
    tally_value name, value;
    for (size_t at = 0;
         at < count && tally_cursor_next(&cursor, &name) && tally_cursor_next(&cursor, &value);) {
        int order = -1;
        while (at < count &&
               (order = tally_span_cmp(tally_span_str(fields[at].key), name.bytes)) < 0)
            at++;
        if (at == count || order != 0) continue;
        if (!fields[at].field) {
            if (value.type == TALLY_VALUE_BIN && value.bytes.len == TALLY_HASH_BYTES)
                out->title = value.bytes.ptr;
        } else if (value.type == TALLY_VALUE_STR) {
            *fields[at].field = value.bytes;
        }
        at++;
    }
}

int tally_agent_session_get(tally_txn *txn, uint64_t ref, tally_agent_session *out) {
    uint8_t key[8];
    uint32_t feed;
    tally_span body;
    tally_put_be64(key, ref);
    int rc =
        view_register_get(txn, TABLE_VIEW_SESSIONS, tally_span_of(key, sizeof key), &feed, &body);
    if (rc == 0) session_decode(ref, feed, body, out);
    return rc;
}

int tally_agent_session_each(tally_txn *txn, tally_agent_session_fn *fn, void *ctx) {
    MDB_cursor *cursor;
    MDB_val k, v;
    int mdb = 0, rc = store_cursor(txn, TABLE_VIEW_SESSIONS, &cursor, NULL);
    if (rc != 0) return rc;
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (k.mv_size != 8 || v.mv_size < REGISTER_HEAD_BYTES) continue;
        const uint8_t *row = v.mv_data;
        tally_agent_session session;
        session_decode(tally_get_be64(k.mv_data), tally_get_be32(row + REGISTER_FEED_AT),
                       tally_span_of(row + REGISTER_HEAD_BYTES, v.mv_size - REGISTER_HEAD_BYTES),
                       &session);
        rc = fn(ctx, &session);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != MDB_NOTFOUND) rc = store_fail(txn, mdb, "cannot read sessions", NULL);
    return rc;
}
