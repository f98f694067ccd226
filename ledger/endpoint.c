/* Webhook endpoints: rows of a local table, and their sealed secrets. Messages are in outbox.c. */
#include "outbox_row.h"

#include <sodium.h>
#include <stdlib.h>

#define KIND "hook"

static const char *const event_names[TALLY_HOOK_EVENTS] = {
    [TALLY_HOOK_INVOICE_ISSUED] = "invoice.issued",
    [TALLY_HOOK_INVOICE_VOIDED] = "invoice.voided",
    [TALLY_HOOK_PAYMENT_RECEIVED] = "payment.received",
    [TALLY_HOOK_ENTRY_FINISHED] = "entry.finished",
    [TALLY_HOOK_BUDGET_REACHED] = "budget.reached"};

_Static_assert(TALLY_HOOK_SEALED_EXTRA == crypto_box_SEALBYTES, "libsodium's sealed boxes");

const char *tally_hook_event_name(tally_hook_event event) {
    return event_names[event];
}

bool tally_hook_event_find(tally_span name, tally_hook_event *out) {
    for (int i = 0; i < TALLY_HOOK_EVENTS; i++)
        if (tally_span_is(name, event_names[i])) {
            *out = (tally_hook_event)i;
            return true;
        }
    return false;
}

/* ---- the table ---- */

outbox_key outbox_key_of(outbox_sort sort, tally_span name) {
    outbox_key key = {.bytes = {(uint8_t)sort}, .len = 1 + name.len};
    if (name.len > 0) memcpy(key.bytes + 1, name.ptr, name.len);
    return key;
}

int outbox_get(tally_txn *txn, const outbox_key *key, tally_span *out, tally_error *err) {
    return store_get(txn, TABLE_LOCAL_OUTBOX, outbox_key_span(key), out, err);
}

int outbox_put(tally_txn *txn, const outbox_key *key, tally_span value, tally_error *err) {
    return store_put(txn, TABLE_LOCAL_OUTBOX, outbox_key_span(key), value, 0, err);
}

int outbox_del(tally_txn *txn, const outbox_key *key, tally_error *err) {
    return store_del(txn, TABLE_LOCAL_OUTBOX, outbox_key_span(key), NULL, err);
}

int outbox_each(tally_txn *txn, outbox_sort sort, outbox_row_fn *fn, void *ctx, tally_error *err) {
    outbox_key first = outbox_key_of(sort, (tally_span){0});
    return outbox_each_from(txn, &first, fn, ctx, err);
}

int outbox_each_from(tally_txn *txn, const outbox_key *from, outbox_row_fn *fn, void *ctx,
                     tally_error *err) {
    outbox_key at = *from;
    uint8_t first = at.bytes[0];
    MDB_val k = {at.len, at.bytes}, v;
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_LOCAL_OUTBOX, &cursor, err);
    if (rc != 0) return rc;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && mdb == 0 && *(const uint8_t *)k.mv_data == first) {
        rc = fn(ctx, tally_span_of((const uint8_t *)k.mv_data + 1, k.mv_size - 1), store_span(v),
                err);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read the outbox", err);
    return rc;
}

int outbox_damaged(tally_error *err) {
    return tally_fail(err, TALLY_ECORRUPT,
                      "a row of the webhooks' table does not read; run 'tally fsck'");
}

/* ---- endpoints ---- */

bool hook_read(tally_span name, tally_span value, tally_hook *out) {
    tally_record record;
    const uint8_t *id;
    uint64_t events;
    *out = (tally_hook){.name = name};
    if (tally_record_parse(value, &record, NULL) != 0 || !tally_span_is(record.kind, KIND) ||
        !tally_body_str(&record, "url", &out->url) ||
        !tally_body_bin(&record, "id", sizeof out->id, &id) ||
        !tally_body_u64(&record, "events", &events) || events > TALLY_HOOK_EVERY)
        return false;
    memcpy(out->id, id, sizeof out->id);
    out->events = (uint32_t)events;
    out->all = tally_body_true(&record, "all");
    out->insecure = tally_body_true(&record, "insecure");
    (void)tally_body_i64(&record, "since", &out->since_ms);
    (void)tally_body_i64(&record, "old_until", &out->old_until_ms);
    (void)tally_body_i64(&record, "held_until", &out->held_until_ms);
    (void)tally_body_str(&record, "disabled", &out->disabled);
    tally_value secret;
    if (tally_body_get(&record, "old_secret", &secret) && secret.type == TALLY_VALUE_BIN)
        out->old_secret = secret.bytes;
    if (!tally_body_get(&record, "secret", &secret) || secret.type != TALLY_VALUE_BIN) return false;
    out->secret = secret.bytes;
    return true;
}

static int count_row(void *ctx, tally_span name, tally_span value, tally_error *err) {
    (void)name, (void)value, (void)err;
    ++*(size_t *)ctx;
    return 0;
}

static int room_check(tally_txn *txn, const outbox_key *key, tally_error *err) {
    size_t count = 0;
    tally_span there;
    if (outbox_get(txn, key, &there, NULL) == 0) return 0;
    int rc = outbox_each(txn, OUTBOX_HOOK, count_row, &count, err);
    if (rc != 0 || count < TALLY_HOOK_MAX) return rc;
    return tally_fail(err, TALLY_ELIMIT,
                      "there are %u webhooks already; remove one with 'tally webhook remove NAME'",
                      TALLY_HOOK_MAX);
}

int tally_hook_put(tally_txn *txn, const tally_hook *hook, tally_error *err) {
    tally_writer *writer;
    tally_span row;
    if (hook->name.len == 0 || hook->name.len > TALLY_HOOK_NAME_MAX_BYTES ||
        hook->url.len > TALLY_HOOK_URL_MAX_BYTES)
        return tally_fail(err, TALLY_EINVAL, "a webhook's name or address is too long");
    outbox_key key = outbox_key_of(OUTBOX_HOOK, hook->name);
    int rc = room_check(txn, &key, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    tally_put_str(writer, "url", hook->url);
    tally_put_bin(writer, "id", tally_span_of(hook->id, sizeof hook->id));
    tally_put_u64(writer, "events", hook->events);
    if (hook->all) tally_put_true(writer, "all");
    if (hook->insecure) tally_put_true(writer, "insecure");
    tally_put_i64(writer, "since", hook->since_ms);
    tally_put_bin(writer, "secret", hook->secret);
    if (hook->old_secret.len) tally_put_bin(writer, "old_secret", hook->old_secret);
    tally_put_i64(writer, "old_until", hook->old_until_ms);
    tally_put_i64(writer, "held_until", hook->held_until_ms);
    tally_put_str_opt(writer, "disabled", hook->disabled);
    rc = tally_writer_encode(writer, KIND, 0, &row, err);
    if (rc == 0) rc = outbox_put(txn, &key, row, err);
    tally_writer_free(writer);
    return rc;
}

int tally_hook_get(tally_txn *txn, tally_span name, tally_hook *out, tally_error *err) {
    tally_span value;
    int rc = TALLY_ENOTFOUND;
    if (name.len > 0 && name.len <= TALLY_HOOK_NAME_MAX_BYTES) {
        outbox_key key = outbox_key_of(OUTBOX_HOOK, name);
        rc = outbox_get(txn, &key, &value, err);
    }
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, rc, "there is no webhook '%.*s'; 'tally webhook list' shows them",
                          (int)(name.len < 128 ? name.len : 128), (const char *)name.ptr);
    return rc == 0 && !hook_read(name, value, out) ? outbox_damaged(err) : rc;
}

typedef struct hook_walk {
    tally_hook_fn *fn;
    void *ctx;
} hook_walk;

static int one_hook(void *ctx, tally_span name, tally_span value, tally_error *err) {
    const hook_walk *walk = ctx;
    tally_hook hook;
    return hook_read(name, value, &hook) ? walk->fn(walk->ctx, &hook, err) : outbox_damaged(err);
}

int tally_hook_each(tally_txn *txn, tally_hook_fn *fn, void *ctx, tally_error *err) {
    hook_walk walk = {fn, ctx};
    return outbox_each(txn, OUTBOX_HOOK, one_hook, &walk, err);
}

/* ---- secrets ---- */

int tally_hook_seal(const tally_key *key, tally_span secret, uint8_t *out, tally_error *err) {
    if (secret.len < TALLY_HOOK_SECRET_MIN_BYTES || secret.len > TALLY_HOOK_SECRET_MAX_BYTES)
        return tally_fail(err, TALLY_EINVAL, "a webhook's secret has %u to %u bytes",
                          TALLY_HOOK_SECRET_MIN_BYTES, TALLY_HOOK_SECRET_MAX_BYTES);
    if (crypto_box_seal(out, secret.ptr, secret.len, tally_key_box_public(key)) != 0)
        return tally_fail(err, TALLY_EINVAL, "this device's key cannot seal a secret");
    return 0;
}

int tally_hook_open(const tally_key *key, tally_span sealed, uint8_t *out, size_t *len,
                    tally_error *err) {
    *len = sealed.len > TALLY_HOOK_SEALED_EXTRA ? sealed.len - TALLY_HOOK_SEALED_EXTRA : 0;
    if (*len >= TALLY_HOOK_SECRET_MIN_BYTES && *len <= TALLY_HOOK_SECRET_MAX_BYTES &&
        tally_key_open_sealed(key, sealed, out, *len) == 0)
        return 0;
    return tally_fail(err, TALLY_EFORMAT,
                      "its secret is sealed to another device's key; 'tally webhook rotate' makes "
                      "a new one");
}
