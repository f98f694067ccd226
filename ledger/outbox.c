/* The outbox: messages to webhooks as rows of a local table. Taking one to send it and writing down
 * what became of it are in outbox_send.c. */
#include "outbox_row.h"

#include <stdlib.h>

#define KIND      "message"
#define ID_DOMAIN "tally webhook"

/* ---- ids and delays ---- */

void tally_message_id(const tally_hook *hook, tally_hook_event event, tally_span seed,
                      uint8_t out[TALLY_MESSAGE_ID_BYTES]) {
    const char *name = tally_hook_event_name(event);
    const tally_span parts[] = {tally_span_of(ID_DOMAIN, sizeof ID_DOMAIN),
                                tally_span_of(hook->id, sizeof hook->id),
                                tally_span_of(name, strlen(name) + 1), seed};
    tally_hash hash;
    tally_sha256_parts(parts, sizeof parts / sizeof *parts, &hash);
    memcpy(out, hash.b, TALLY_MESSAGE_ID_BYTES);
}

void tally_message_id_text(const uint8_t id[TALLY_MESSAGE_ID_BYTES],
                           char out[TALLY_MESSAGE_ID_TEXT_BYTES]) {
    memcpy(out, "msg_", 4);
    tally_hex(tally_span_of(id, TALLY_MESSAGE_ID_BYTES), out + 4);
}

int64_t tally_outbox_delay_ms(const uint8_t id[TALLY_MESSAGE_ID_BYTES], uint64_t tries) {
    static const int64_t seconds[TALLY_OUTBOX_TRIES] = {0,     5,     300,   1800,  7200,
                                                        18000, 36000, 50400, 72000, 86400};
    if (tries >= TALLY_OUTBOX_TRIES) return -1;
    /* Another byte of the id for each try: 0 to 255 parts of 2,560. */
    int64_t ms = seconds[tries] * 1000;
    return ms + ms * id[tries % TALLY_MESSAGE_ID_BYTES] / 2560;
}

/* ---- rows ---- */

bool message_read(tally_span name, tally_span value, tally_message *out) {
    tally_record record;
    uint64_t state = 0;
    *out = (tally_message){.tries = 0};
    if (name.len != sizeof out->id || tally_record_parse(value, &record, NULL) != 0 ||
        !tally_span_is(record.kind, KIND) || !tally_body_str(&record, "hook", &out->hook) ||
        !tally_body_str(&record, "type", &out->type) || !tally_body_u64(&record, "state", &state) ||
        state > TALLY_MESSAGE_DEAD)
        return false;
    memcpy(out->id, name.ptr, sizeof out->id);
    out->state = (tally_message_state)state;
    (void)tally_body_str(&record, "payload", &out->payload);
    (void)tally_body_str(&record, "why", &out->why);
    (void)tally_body_i64(&record, "event", &out->event_ms);
    (void)tally_body_i64(&record, "made", &out->made_ms);
    (void)tally_body_i64(&record, "tried", &out->tried_ms);
    (void)tally_body_i64(&record, "next", &out->next_ms);
    (void)tally_body_i64(&record, "lease", &out->lease_ms);
    (void)tally_body_u64(&record, "tries", &out->tries);
    (void)tally_body_u64(&record, "status", &out->status);
    return out->hook.len <= TALLY_HOOK_NAME_MAX_BYTES;
}

static outbox_key message_key(const uint8_t id[TALLY_MESSAGE_ID_BYTES]) {
    return outbox_key_of(OUTBOX_MESSAGE, tally_span_of(id, TALLY_MESSAGE_ID_BYTES));
}

int message_get(tally_txn *txn, const uint8_t id[TALLY_MESSAGE_ID_BYTES], tally_message *out,
                tally_error *err) {
    outbox_key key = message_key(id);
    tally_span value;
    int rc = outbox_get(txn, &key, &value, err);
    if (rc != 0) return rc;
    return message_read(tally_span_of(id, TALLY_MESSAGE_ID_BYTES), value, out)
               ? 0
               : outbox_damaged(err);
}

static outbox_key queue_key(const tally_message *m) {
    uint8_t name[8 + TALLY_MESSAGE_ID_BYTES];
    int64_t at = m->next_ms > m->lease_ms ? m->next_ms : m->lease_ms;
    tally_put_be64(name, at > 0 ? (uint64_t)at : 0);
    memcpy(name + 8, m->id, sizeof m->id);
    return outbox_key_of(OUTBOX_QUEUE, tally_span_of(name, sizeof name));
}

static int queue_put(tally_txn *txn, const tally_message *m, tally_error *err) {
    uint8_t value[8 + TALLY_HOOK_NAME_MAX_BYTES];
    outbox_key key = queue_key(m);
    if (m->state != TALLY_MESSAGE_WAITING) return 0;
    tally_put_be64(value, (uint64_t)m->tried_ms);
    if (m->hook.len) memcpy(value + 8, m->hook.ptr, m->hook.len);
    return outbox_put(txn, &key, tally_span_of(value, 8 + m->hook.len), err);
}

static int queue_del(tally_txn *txn, const uint8_t id[TALLY_MESSAGE_ID_BYTES], tally_error *err) {
    tally_message held;
    int rc = message_get(txn, id, &held, err);
    if (rc != 0) return rc == TALLY_ENOTFOUND ? 0 : rc;
    outbox_key key = queue_key(&held);
    return outbox_del(txn, &key, err);
}

static int message_del(tally_txn *txn, const uint8_t id[TALLY_MESSAGE_ID_BYTES], tally_error *err) {
    outbox_key key = message_key(id);
    int rc = queue_del(txn, id, err);
    return rc != 0 ? rc : outbox_del(txn, &key, err);
}

static int message_encode(tally_writer *writer, const tally_message *m, tally_span *row,
                          tally_error *err) {
    tally_put_str(writer, "hook", m->hook);
    tally_put_str(writer, "type", m->type);
    tally_put_str_opt(writer, "payload", m->payload);
    tally_put_str_opt(writer, "why", m->why);
    tally_put_u64(writer, "state", (uint64_t)m->state);
    tally_put_i64(writer, "event", m->event_ms);
    tally_put_i64(writer, "made", m->made_ms);
    tally_put_i64(writer, "tried", m->tried_ms);
    tally_put_i64(writer, "next", m->next_ms);
    tally_put_i64(writer, "lease", m->lease_ms);
    tally_put_u64(writer, "tries", m->tries);
    tally_put_u64(writer, "status", m->status);
    return tally_writer_encode(writer, KIND, 0, row, err);
}

int message_put(tally_txn *txn, const tally_message *m, tally_error *err) {
    tally_writer *writer;
    tally_span row;
    outbox_key key = message_key(m->id);
    int rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    rc = message_encode(writer, m, &row, err);
    if (rc == 0) rc = queue_del(txn, m->id, err);
    if (rc == 0) rc = queue_put(txn, m, err);
    if (rc == 0) rc = outbox_put(txn, &key, row, err);
    tally_writer_free(writer);
    return rc;
}

bool tally_outbox_has(tally_txn *txn, const uint8_t id[TALLY_MESSAGE_ID_BYTES]) {
    tally_span value;
    outbox_key key = message_key(id);
    return outbox_get(txn, &key, &value, NULL) == 0;
}

int tally_outbox_add(tally_txn *txn, const tally_message *message, tally_error *err) {
    tally_message row = {.hook = message->hook,
                         .type = message->type,
                         .payload = message->payload,
                         .event_ms = message->event_ms,
                         .made_ms = message->made_ms,
                         .next_ms = message->made_ms};
    memcpy(row.id, message->id, sizeof row.id);
    if (message->payload.len == 0 || message->payload.len > TALLY_OUTBOX_PAYLOAD_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "a webhook's message has 1 to %u bytes",
                          TALLY_OUTBOX_PAYLOAD_MAX_BYTES);
    return tally_outbox_has(txn, row.id) ? 0 : message_put(txn, &row, err);
}

/* ---- walking ---- */

typedef struct message_walk {
    tally_message_fn *fn;
    void *ctx;
} message_walk;

static int one_message(void *ctx, tally_span name, tally_span value, tally_error *err) {
    const message_walk *walk = ctx;
    tally_message message;
    if (!message_read(name, value, &message)) return outbox_damaged(err);
    return walk->fn(walk->ctx, &message, err);
}

int tally_outbox_each(tally_txn *txn, tally_message_fn *fn, void *ctx, tally_error *err) {
    message_walk walk = {fn, ctx};
    return outbox_each(txn, OUTBOX_MESSAGE, one_message, &walk, err);
}

/* Ids of messages to change: rows must not be written while they are walked. */
typedef struct chosen {
    tally_span hook;           /* of this endpoint, or */
    tally_message_state state; /* in this state, */
    int64_t before_ms;         /* and made before */
    uint8_t (*ids)[TALLY_MESSAGE_ID_BYTES];
    size_t count, room;
    uint64_t undelivered;
} chosen;

static int choose(void *ctx, const tally_message *message, tally_error *err) {
    chosen *c = ctx;
    bool wanted = c->hook.len ? tally_span_eq(c->hook, message->hook)
                              : message->state == c->state && message->made_ms < c->before_ms;
    if (!wanted) return 0;
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 64;
        void *grown = realloc(c->ids, room * sizeof *c->ids);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory for the outbox");
        c->ids = grown;
        c->room = room;
    }
    memcpy(c->ids[c->count++], message->id, sizeof message->id);
    c->undelivered += message->state != TALLY_MESSAGE_DELIVERED;
    return 0;
}

static int chosen_drop(tally_txn *txn, chosen *c, tally_error *err) {
    int rc = tally_outbox_each(txn, choose, c, err);
    for (size_t i = 0; i < c->count && rc == 0; i++)
        rc = message_del(txn, c->ids[i], err);
    free(c->ids);
    return rc;
}

int tally_hook_remove(tally_txn *txn, tally_span name, uint64_t *dropped, tally_error *err) {
    chosen c = {.hook = name};
    tally_hook hook;
    int rc = tally_hook_get(txn, name, &hook, err);
    if (rc != 0) return rc;
    outbox_key key = outbox_key_of(OUTBOX_HOOK, name);
    rc = chosen_drop(txn, &c, err);
    *dropped = c.undelivered;
    return rc != 0 ? rc : outbox_del(txn, &key, err);
}

int tally_outbox_forget(tally_txn *txn, int64_t now_ms, tally_error *err) {
    chosen c = {.state = TALLY_MESSAGE_DELIVERED, .before_ms = now_ms - TALLY_OUTBOX_KEEP_MS};
    return chosen_drop(txn, &c, err);
}

/* The message's texts must not lie in the pages that are written. */
static int revive_one(tally_txn *txn, const uint8_t id[TALLY_MESSAGE_ID_BYTES], int64_t now_ms,
                      tally_error *err) {
    uint8_t copy[TALLY_RECORD_MAX_BYTES];
    outbox_key key = message_key(id);
    tally_message message;
    tally_span row;
    int rc = outbox_get(txn, &key, &row, err);
    if (rc != 0) return rc;
    if (row.len > sizeof copy) return outbox_damaged(err);
    memcpy(copy, row.ptr, row.len);
    if (!message_read(tally_span_of(id, TALLY_MESSAGE_ID_BYTES), tally_span_of(copy, row.len),
                      &message))
        return outbox_damaged(err);
    message.state = TALLY_MESSAGE_WAITING;
    message.tries = 0;
    message.next_ms = now_ms;
    return message_put(txn, &message, err);
}

int tally_outbox_revive(tally_txn *txn, int64_t now_ms, uint64_t *count, tally_error *err) {
    chosen c = {.state = TALLY_MESSAGE_DEAD, .before_ms = INT64_MAX};
    int rc = tally_outbox_each(txn, choose, &c, err);
    for (size_t i = 0; i < c.count && rc == 0; i++)
        rc = revive_one(txn, c.ids[i], now_ms, err);
    *count = c.count;
    free(c.ids);
    return rc;
}
