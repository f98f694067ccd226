/* The view of billing facts: one row a record, so that the order of arrival cannot matter. What
 * follows from them is worked out where they are read. */
#include "facts.h"

#include "blob.h"

#define FACT_KEY_BYTES  (1u + TALLY_NAME_MAX_BYTES + 1u + 8u + TALLY_HASH_BYTES)
#define LOCK_KEY_BYTES  (TALLY_ENTRY_BYTES + 4u + TALLY_HASH_BYTES + 8u + 4u)
#define LOCK_ROW_BYTES  32u
#define LOCK_DAY_OFFSET 0x80000000u

static const struct {
    const char *kind, *subject;
} kinds[] = {
    [FACT_DEPOSIT] = {"deposit.receive", "contract"}, [FACT_CREDIT] = {"credit.add", "contract"},
    [FACT_ISSUE] = {"invoice.issue", "number"},       [FACT_VOID] = {"invoice.void", "number"},
    [FACT_PAYMENT] = {"payment", "number"},
};

static fact_kind kind_of(tally_span kind) {
    for (int i = FACT_DEPOSIT; i <= FACT_PAYMENT; i++)
        if (tally_span_is(kind, kinds[i].kind)) return (fact_kind)i;
    return 0;
}

static size_t key_start(fact_kind kind, tally_span subject, uint8_t key[FACT_KEY_BYTES]) {
    key[0] = (uint8_t)kind;
    memcpy(key + 1, subject.ptr, subject.len);
    key[1 + subject.len] = 0;
    return subject.len + 2;
}

static int refer_document(const view_source *source, const tally_record *record, tally_error *err) {
    const uint8_t *bytes;
    tally_hash id;
    if (!tally_body_bin(record, "document", TALLY_HASH_BYTES, &bytes)) return 0;
    memcpy(id.b, bytes, sizeof id.b);
    return blob_refer(source->txn, &id, err);
}

/* Row: clock and feed as in a register, the leaf, the body. The same bytes of two devices are one
 * fact, of the device that a register would take. */
int view_fold_billing(const view_source *source, const tally_record *record, tally_error *err) {
    uint8_t key[FACT_KEY_BYTES],
        row[REGISTER_HEAD_BYTES + TALLY_HASH_BYTES + TALLY_RECORD_MAX_BYTES];
    fact_kind kind = kind_of(record->kind);
    tally_span subject;
    if (!kind || !tally_body_str(record, kinds[kind].subject, &subject) ||
        tally_field_text_fault(TALLY_FIELD_NAME, subject))
        return 0;
    size_t len = key_start(kind, subject, key);
    tally_put_be64(key + len, record->hlc);
    memcpy(key + len + 8, source->leaf->b, TALLY_HASH_BYTES);
    len += 8 + TALLY_HASH_BYTES;
    tally_put_be64(row, record->hlc);
    tally_put_be32(row + REGISTER_FEED_AT, source->feed);
    memcpy(row + REGISTER_HEAD_BYTES, source->leaf->b, TALLY_HASH_BYTES);
    memcpy(row + REGISTER_HEAD_BYTES + TALLY_HASH_BYTES, record->body.ptr, record->body.len);
    tally_span held;
    bool wins = true;
    int rc = store_get(source->txn, TABLE_VIEW_BILLING, tally_span_of(key, len), &held, err);
    if (rc == 0) rc = view_register_wins(source, record->hlc, held, &wins, err);
    if (rc == TALLY_ENOTFOUND) rc = 0;
    if (rc != 0 || !wins) return rc;
    if (kind == FACT_ISSUE) rc = refer_document(source, record, err);
    return rc != 0 ? rc
                   : store_put(source->txn, TABLE_VIEW_BILLING, tally_span_of(key, len),
                               tally_span_of(row, REGISTER_HEAD_BYTES + TALLY_HASH_BYTES +
                                                      record->body.len),
                               0, err);
}

static bool fact_decode(tally_span key, tally_span row, fact *out) {
    const size_t tail = 1 + 8 + TALLY_HASH_BYTES;
    if (key.len < 1 + tail || row.len < REGISTER_HEAD_BYTES + TALLY_HASH_BYTES) return false;
    *out = (fact){.subject = tally_span_of(key.ptr + 1, key.len - 1 - tail),
                  .hlc = tally_get_be64(row.ptr),
                  .feed = tally_get_be32(row.ptr + REGISTER_FEED_AT)};
    memcpy(out->leaf.b, row.ptr + REGISTER_HEAD_BYTES, TALLY_HASH_BYTES);
    const size_t head = REGISTER_HEAD_BYTES + TALLY_HASH_BYTES;
    out->record = (tally_record){.kind = tally_span_str(kinds[key.ptr[0]].kind),
                                 .hlc = out->hlc,
                                 .body = tally_span_of(row.ptr + head, row.len - head)};
    return true;
}

int facts_each(tally_txn *txn, fact_kind kind, tally_span subject, fact_fn *fn, void *ctx,
               tally_error *err) {
    uint8_t start[FACT_KEY_BYTES] = {(uint8_t)kind};
    MDB_cursor *cursor;
    if (subject.len > TALLY_NAME_MAX_BYTES) return 0;
    size_t prefix = subject.len ? key_start(kind, subject, start) : 1;
    MDB_val k = {prefix, start}, v;
    int rc = store_cursor(txn, TABLE_VIEW_BILLING, &cursor, err);
    if (rc != 0) return rc;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && mdb == 0 && k.mv_size >= prefix && memcmp(k.mv_data, start, prefix) == 0) {
        fact f;
        if (fact_decode(store_span(k), store_span(v), &f)) rc = fn(ctx, &f, err);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read billing facts", err);
    return rc;
}

typedef struct fact_search {
    const tally_hash *leaf;
    bool found;
} fact_search;

static int match_leaf(void *ctx, const fact *f, tally_error *err) {
    fact_search *search = ctx;
    (void)err;
    search->found = search->found || tally_hash_eq(&f->leaf, search->leaf);
    return 0;
}

int facts_check_kept(tally_txn *txn, fact_kind kind, tally_span subject, const tally_hash *leaf,
                     tally_error *err) {
    fact_search search = {leaf, false};
    int rc = facts_each(txn, kind, subject, match_leaf, &search, err);
    if (rc != 0 || search.found) return rc;
    return tally_fail(err, TALLY_EREFUSED,
                      "nothing that this device records counts in the team; run this on a device "
                      "that is a member");
}

/* ---- locks ---- */

/* [entry, part, parts, ms], of a session's day also that day, and of minutes that came later what
 * was before them. */
bool lock_read(const tally_value *item, lock *out) {
    tally_value v[6];
    int64_t end;
    size_t count = 0;
    if (item->type != TALLY_VALUE_ARRAY || item->count < 4 || item->count > 6) return false;
    tally_cursor cursor = tally_cursor_of(item);
    while (count < item->count && tally_cursor_next(&cursor, &v[count]))
        count++;
    if (count != item->count || v[0].type != TALLY_VALUE_BIN || v[0].bytes.len != TALLY_ENTRY_BYTES)
        return false;
    for (size_t i = 1; i < count; i++)
        if (v[i].type != TALLY_VALUE_UINT || v[i].as.uint > INT64_MAX) return false;
    if (v[2].as.uint == 0 || v[1].as.uint == 0 || v[1].as.uint > v[2].as.uint ||
        v[2].as.uint > LOCK_MAX_PARTS || (count >= 5 && v[4].as.uint > INT32_MAX))
        return false;
    memcpy(out->entry.b, v[0].bytes.ptr, TALLY_ENTRY_BYTES);
    out->part = v[1].as.uint;
    out->parts = v[2].as.uint;
    out->ms = (int64_t)v[3].as.uint;
    out->day = count >= 5 ? (int32_t)v[4].as.uint : LOCK_NO_DAY;
    out->after_ms = count == 6 ? (int64_t)v[5].as.uint : 0;
    return !__builtin_add_overflow(out->after_ms, out->ms, &end);
}

static int lock_put(const view_source *source, const lock *l, uint32_t at, tally_error *err) {
    uint8_t key[LOCK_KEY_BYTES], row[LOCK_ROW_BYTES];
    memcpy(key, l->entry.b, TALLY_ENTRY_BYTES);
    tally_put_be32(key + TALLY_ENTRY_BYTES, (uint32_t)l->day ^ LOCK_DAY_OFFSET);
    memcpy(key + TALLY_ENTRY_BYTES + 4, l->issue.b, TALLY_HASH_BYTES);
    memcpy(key + TALLY_ENTRY_BYTES + 4 + TALLY_HASH_BYTES, source->leaf->b, 8);
    tally_put_be32(key + LOCK_KEY_BYTES - 4, at);
    tally_put_be64(row, l->part);
    tally_put_be64(row + 8, l->parts);
    tally_put_be64(row + 16, (uint64_t)l->ms);
    tally_put_be64(row + 24, (uint64_t)l->after_ms);
    return store_put(source->txn, TABLE_VIEW_LOCKS, tally_span_of(key, sizeof key),
                     tally_span_of(row, sizeof row), 0, err);
}

int view_fold_locks(const view_source *source, const tally_record *record, tally_error *err) {
    const uint8_t *issue;
    tally_value list, item;
    lock l;
    if (!tally_body_bin(record, "issue", TALLY_HASH_BYTES, &issue) ||
        !tally_body_get(record, "entries", &list) || list.type != TALLY_VALUE_ARRAY)
        return 0;
    memcpy(l.issue.b, issue, TALLY_HASH_BYTES);
    tally_cursor cursor = tally_cursor_of(&list);
    int rc = 0;
    for (uint32_t at = 0; rc == 0 && tally_cursor_next(&cursor, &item); at++)
        if (lock_read(&item, &l)) rc = lock_put(source, &l, at, err);
    return rc;
}

static bool lock_decode(MDB_val k, MDB_val v, lock *out) {
    const uint8_t *key = k.mv_data, *row = v.mv_data;
    if (k.mv_size != LOCK_KEY_BYTES || v.mv_size != LOCK_ROW_BYTES) return false;
    memcpy(out->entry.b, key, TALLY_ENTRY_BYTES);
    out->day = (int32_t)(tally_get_be32(key + TALLY_ENTRY_BYTES) ^ LOCK_DAY_OFFSET);
    memcpy(out->issue.b, key + TALLY_ENTRY_BYTES + 4, TALLY_HASH_BYTES);
    out->part = tally_get_be64(row);
    out->parts = tally_get_be64(row + 8);
    out->ms = (int64_t)tally_get_be64(row + 16);
    out->after_ms = (int64_t)tally_get_be64(row + 24);
    return true;
}

/* Those whose keys begin with `start`. */
static int locks_from(tally_txn *txn, const uint8_t *start, size_t prefix, lock_fn *fn, void *ctx,
                      tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k = {prefix, (void *)(uintptr_t)start}, v;
    lock l;
    int rc = store_cursor(txn, TABLE_VIEW_LOCKS, &cursor, err);
    if (rc != 0) return rc;
    int mdb = mdb_cursor_get(cursor, &k, &v, prefix ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && mdb == 0 && k.mv_size >= prefix &&
           (prefix == 0 || memcmp(k.mv_data, start, prefix) == 0)) {
        if (lock_decode(k, v, &l)) rc = fn(ctx, &l, err);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read locks", err);
    return rc;
}

int locks_each(tally_txn *txn, lock_fn *fn, void *ctx, tally_error *err) {
    return locks_from(txn, NULL, 0, fn, ctx, err);
}

int locks_of(tally_txn *txn, const tally_entry_id *entry, int32_t day, lock_fn *fn, void *ctx,
             tally_error *err) {
    uint8_t start[TALLY_ENTRY_BYTES + 4];
    memcpy(start, entry->b, TALLY_ENTRY_BYTES);
    tally_put_be32(start + TALLY_ENTRY_BYTES, (uint32_t)day ^ LOCK_DAY_OFFSET);
    return locks_from(txn, start, sizeof start, fn, ctx, err);
}
