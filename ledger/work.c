/* Manual time: the view of `time.add` records, by day and by entry, and appending them. Whose an
 * entry is, is worked out in scan.c. */
#include "blob.h"
#include "view_fold.h"

#include <tally/work.h>

#define KIND         "time.add"
#define DAY_BYTES    4u
#define ROW_LEAF_AT  4u /* after the feed's number */
#define ROW_HLC_AT   (ROW_LEAF_AT + TALLY_HASH_BYTES)
#define ROW_BODY_AT  (ROW_HLC_AT + 8u)
#define ROW_KEY      (DAY_BYTES + TALLY_ENTRY_BYTES)
#define LAST_DAY     2932896 /* 9999-12-31 */
#define START_SPREAD 2       /* days: a start is of its day in some time zone */

static bool name_or_nothing(const tally_record *record, const char *key, tally_span *out) {
    if (!tally_body_str(record, key, out)) return true;
    return !tally_field_text_fault(TALLY_FIELD_NAME, *out) || out->len == 0;
}

static bool start_fits(int64_t day, int64_t start_ms) {
    return start_ms >= (day - START_SPREAD) * TALLY_DAY_MS &&
           start_ms < (day + START_SPREAD) * TALLY_DAY_MS;
}

static bool body_read(const tally_record *record, tally_time_entry *out) {
    tally_span date;
    uint64_t ms, start;
    out->start_ms = -1;
    if (!tally_body_str(record, "date", &date) || tally_date_parse(date, &out->day) != 0 ||
        !tally_body_u64(record, "duration", &ms))
        return false;
    if (out->day < 0 || out->day > LAST_DAY || ms == 0 || ms > TALLY_TIME_MAX_MS) return false;
    out->duration_ms = (int64_t)ms;
    if (tally_body_u64(record, "start", &start)) {
        if (start > INT64_MAX || !start_fits(out->day, (int64_t)start)) return false;
        out->start_ms = (int64_t)start;
    }
    if (!tally_body_bin(record, "text", TALLY_HASH_BYTES, &out->text)) out->text = NULL;
    return name_or_nothing(record, "client", &out->client) &&
           name_or_nothing(record, "project", &out->project);
}

/* ---- the view: rows under day and entry, and the day of each entry ---- */

static void row_key(const tally_time_entry *entry, uint8_t key[ROW_KEY]) {
    tally_put_be32(key, (uint32_t)entry->day);
    memcpy(key + DAY_BYTES, entry->id.b, TALLY_ENTRY_BYTES);
}

static bool row_decode(tally_span key, tally_span row, tally_time_entry *out) {
    if (key.len != ROW_KEY || row.len < ROW_BODY_AT) return false;
    *out = (tally_time_entry){.feed = tally_get_be32(row.ptr),
                              .hlc = tally_get_be64(row.ptr + ROW_HLC_AT)};
    memcpy(out->id.b, key.ptr + DAY_BYTES, TALLY_ENTRY_BYTES);
    memcpy(out->leaf.b, row.ptr + ROW_LEAF_AT, TALLY_HASH_BYTES);
    tally_record record = {.body = tally_span_of(row.ptr + ROW_BODY_AT, row.len - ROW_BODY_AT)};
    return body_read(&record, out);
}

/* Two devices that write the same bytes at the same time make one entry: that of the smaller key,
 * whichever came first. */
static int other_has_it(const view_source *source, tally_span key, bool *has, tally_error *err) {
    tally_span row;
    tally_device_id device;
    int rc = store_get(source->txn, TABLE_VIEW_TIME, key, &row, err);
    *has = false;
    if (rc != 0 || row.len < ROW_BODY_AT) return rc == TALLY_ENOTFOUND ? 0 : rc;
    rc = view_feed_device(source->txn, tally_get_be32(row.ptr), &device, err);
    *has = rc == 0 && memcmp(device.b, source->device->b, sizeof device.b) <= 0;
    return rc;
}

int view_fold_time_add(const view_source *source, const tally_record *record, tally_error *err) {
    uint8_t key[ROW_KEY], row[ROW_BODY_AT + TALLY_RECORD_MAX_BYTES];
    tally_time_entry entry = {.feed = source->feed};
    tally_hash text;
    bool has;
    if (!body_read(record, &entry) || record->body.len > TALLY_RECORD_MAX_BYTES) return 0;
    memcpy(entry.id.b, source->leaf->b, sizeof entry.id.b);
    row_key(&entry, key);
    tally_span at = tally_span_of(key, sizeof key), id = tally_span_of(entry.id.b, 16);
    int rc = other_has_it(source, at, &has, err);
    if (rc != 0 || has) return rc;
    tally_put_be32(row, source->feed);
    memcpy(row + ROW_LEAF_AT, source->leaf->b, TALLY_HASH_BYTES);
    tally_put_be64(row + ROW_HLC_AT, record->hlc);
    memcpy(row + ROW_BODY_AT, record->body.ptr, record->body.len);
    tally_span value = tally_span_of(row, ROW_BODY_AT + record->body.len);
    if (entry.text) memcpy(text.b, entry.text, sizeof text.b);
    rc = store_put(source->txn, TABLE_VIEW_TIME, at, value, 0, err);
    if (rc == 0)
        rc =
            store_put(source->txn, TABLE_VIEW_TIME_DAYS, id, tally_span_of(key, DAY_BYTES), 0, err);
    return rc == 0 && entry.text ? blob_refer(source->txn, &text, err) : rc;
}

int tally_time_get(tally_txn *txn, const tally_entry_id *id, tally_time_entry *out) {
    uint8_t key[ROW_KEY];
    tally_span day, row;
    int rc =
        store_get(txn, TABLE_VIEW_TIME_DAYS, tally_span_of(id->b, TALLY_ENTRY_BYTES), &day, NULL);
    if (rc == 0 && day.len != DAY_BYTES) rc = TALLY_ECORRUPT;
    if (rc != 0) return rc;
    memcpy(key, day.ptr, DAY_BYTES);
    memcpy(key + DAY_BYTES, id->b, TALLY_ENTRY_BYTES);
    tally_span at = tally_span_of(key, sizeof key);
    rc = store_get(txn, TABLE_VIEW_TIME, at, &row, NULL);
    if (rc != 0) return rc;
    return row_decode(at, row, out) ? 0 : TALLY_ECORRUPT;
}

int tally_time_find(tally_txn *txn, tally_span hex_prefix, tally_entry_id *out) {
    MDB_cursor *cursor;
    uint8_t first[TALLY_ENTRY_BYTES] = {0};
    char hex[2 * TALLY_ENTRY_BYTES + 1];
    size_t found = 0, len = hex_prefix.len & ~(size_t)1;
    if (hex_prefix.len < TALLY_TIME_PREFIX_MIN || hex_prefix.len > 2 * TALLY_ENTRY_BYTES ||
        tally_unhex(tally_span_of(hex_prefix.ptr, len), first, len / 2) != 0)
        return TALLY_EINVAL;
    int rc = store_cursor(txn, TABLE_VIEW_TIME_DAYS, &cursor, NULL);
    if (rc != 0) return rc;
    MDB_val k = {sizeof first, first}, v;
    for (int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         mdb == 0 && k.mv_size == TALLY_ENTRY_BYTES && found < 2;
         mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        tally_hex(store_span(k), hex);
        if (memcmp(hex, hex_prefix.ptr, hex_prefix.len) != 0) break;
        if (found++ == 0) memcpy(out->b, k.mv_data, sizeof out->b);
    }
    mdb_cursor_close(cursor);
    return found == 1 ? 0 : found == 0 ? TALLY_ENOTFOUND : TALLY_EINVAL;
}

int tally_time_each(tally_txn *txn, int64_t first_day, int64_t end_day, tally_time_fn *fn,
                    void *ctx, tally_error *err) {
    MDB_cursor *cursor;
    uint8_t first[DAY_BYTES];
    if (first_day > LAST_DAY) return 0;
    int rc = store_cursor(txn, TABLE_VIEW_TIME, &cursor, err);
    if (rc != 0) return rc;
    tally_put_be32(first, first_day > 0 ? (uint32_t)first_day : 0);
    MDB_val k = {sizeof first, first}, v;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (mdb == 0 && rc == 0) {
        tally_time_entry entry;
        if (!row_decode(store_span(k), store_span(v), &entry)) {
            rc = tally_fail(err, TALLY_ECORRUPT,
                            "a row of manual time is damaged; run 'tally "
                            "rebuild'");
            break;
        }
        if (entry.day >= end_day) break;
        if (!tally_cost_is_void(txn, &entry.id)) rc = fn(ctx, &entry, err);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read manual time", err);
    return rc;
}

/* ---- appending ---- */

typedef struct day_sum {
    tally_txn *txn;
    tally_span member;
    int64_t ms;
} day_sum;

static int add_up(void *ctx, const tally_time_entry *entry, tally_error *err) {
    day_sum *sum = ctx;
    tally_span member = {0}, device;
    (void)err;
    (void)tally_feed_names(sum->txn, entry->feed, &member, &device);
    if (tally_span_eq(member, sum->member) && sum->ms <= TALLY_TIME_MAX_MS)
        sum->ms += entry->duration_ms;
    return 0;
}

static int day_check(tally_txn *txn, const tally_time_new *entry, tally_error *err) {
    day_sum sum = {.txn = txn, .ms = entry->duration_ms};
    tally_span device;
    char date[TALLY_TIME_TEXT_BYTES];
    (void)tally_feed_names(txn, 0, &sum.member, &device);
    int rc = tally_time_each(txn, entry->day, entry->day + 1, add_up, &sum, err);
    if (rc != 0 || sum.ms <= TALLY_TIME_MAX_MS) return rc;
    tally_date_format(entry->day, date);
    return tally_fail(err, TALLY_EINVAL,
                      "a day has 24 hours: with this entry %s would have more; 'tally time list "
                      "--period %s' shows what is there",
                      date, date);
}

static int entry_check(const tally_time_new *entry, tally_error *err) {
    const tally_span names[] = {entry->client, entry->project};
    if (entry->duration_ms <= 0 || entry->duration_ms > TALLY_TIME_MAX_MS)
        return tally_fail(err, TALLY_EINVAL,
                          "a duration is more than nothing and at most 24 hours");
    if (entry->day < 0 || entry->day > LAST_DAY)
        return tally_fail(err, TALLY_EINVAL, "a date is from 1970-01-01 to 9999-12-31");
    if (entry->start_ms >= 0 && !start_fits(entry->day, entry->start_ms))
        return tally_fail(err, TALLY_EINVAL, "the start is not on the day of the entry");
    for (size_t i = 0; i < 2; i++)
        if (names[i].len && tally_field_text_fault(TALLY_FIELD_NAME, names[i]))
            return tally_fail(err, TALLY_EINVAL, "a client or project is %s",
                              tally_field_text_fault(TALLY_FIELD_NAME, names[i]));
    return 0;
}

static int entry_write(tally_txn *txn, const tally_time_new *entry, tally_writer *writer,
                       tally_entry_id *id, tally_error *err) {
    char date[TALLY_TIME_TEXT_BYTES];
    tally_hash blob, leaf;
    tally_time_entry made;
    int rc = 0;
    tally_date_format(entry->day, date);
    tally_writer_begin(writer);
    tally_put_str(writer, "date", tally_span_str(date));
    tally_put_u64(writer, "duration", (uint64_t)entry->duration_ms);
    if (entry->start_ms >= 0) tally_put_u64(writer, "start", (uint64_t)entry->start_ms);
    tally_put_str_opt(writer, "client", entry->client);
    tally_put_str_opt(writer, "project", entry->project);
    if (entry->text.len) {
        rc = tally_blob_put(txn, entry->salt, entry->text, &blob, err);
        tally_put_bin(writer, "text", tally_span_of(blob.b, sizeof blob.b));
    }
    if (rc == 0) rc = tally_append(txn, KIND, writer, &leaf, err);
    if (rc != 0) return rc;
    memcpy(id->b, leaf.b, sizeof id->b);
    if (tally_time_get(txn, id, &made) == 0) return 0;
    return tally_fail(err, TALLY_EREFUSED,
                      "nothing that this device records counts in the team; run this on a device "
                      "that is a member");
}

int tally_time_append(tally_txn *txn, const tally_time_new *entry, tally_entry_id *out,
                      tally_error *err) {
    tally_writer *writer;
    tally_entry_id id;
    int rc = entry_check(entry, err);
    if (rc == 0) rc = day_check(txn, entry, err);
    if (rc == 0) rc = view_words_check(entry->text, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    rc = entry_write(txn, entry, writer, &id, err);
    if (rc == 0 && out) *out = id;
    tally_writer_free(writer);
    return rc;
}
