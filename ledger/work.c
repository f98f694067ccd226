/* Manual time: what a `time.add` says, and appending one. Its rows are in view_typed.c. Whose an
 * entry is, is worked out in scan.c. */
#include "blob.h"
#include "view_typed.h"

#include <tally/work.h>

#define KIND         "time.add"
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

/* ---- the view ---- */

int view_fold_time_add(const view_source *source, const tally_record *record, tally_error *err) {
    tally_time_entry entry = {.text = NULL};
    tally_hash text;
    if (!body_read(record, &entry)) return 0;
    if (entry.text) memcpy(text.b, entry.text, sizeof text.b);
    view_typed_id(source->leaf, &entry.id);
    int rc = view_typed_put(source, record, TALLY_ENTRY_TIME, entry.day, &entry.id, err);
    return rc == 0 && entry.text ? blob_refer(source->txn, &text, err) : rc;
}

static bool entry_of(const view_typed *typed, tally_time_entry *out) {
    *out = (tally_time_entry){.id = typed->id, .leaf = typed->leaf, .feed = typed->feed};
    return typed->kind == TALLY_ENTRY_TIME && body_read(&typed->record, out);
}

int tally_time_get(tally_txn *txn, const tally_entry_id *id, tally_time_entry *out) {
    view_typed typed;
    int rc = view_typed_get(txn, id, &typed);
    return rc != 0 ? rc : entry_of(&typed, out) ? 0 : TALLY_ENOTFOUND;
}

typedef struct time_walk {
    tally_txn *txn;
    tally_time_fn *fn;
    void *ctx;
} time_walk;

static int walk_one(void *ctx, const view_typed *typed, tally_error *err) {
    time_walk *walk = ctx;
    tally_time_entry entry;
    if (!entry_of(typed, &entry) || tally_cost_is_void(walk->txn, &entry.id)) return 0;
    return walk->fn(walk->ctx, &entry, err);
}

int tally_time_each(tally_txn *txn, int64_t first_day, int64_t end_day, tally_time_fn *fn,
                    void *ctx, tally_error *err) {
    time_walk walk = {txn, fn, ctx};
    return view_typed_each(txn, TALLY_ENTRY_TIME, first_day, end_day, walk_one, &walk, err);
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
        if (names[i].len && tally_field_typed_fault(TALLY_FIELD_NAME, names[i]))
            return tally_fail(err, TALLY_EINVAL, "a client or project is %s",
                              tally_field_typed_fault(TALLY_FIELD_NAME, names[i]));
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
