/* Sending from the outbox, as far as the store has a part in it: one process takes a message for a
 * while, sends it, and writes down what became of it. */
#include "outbox_row.h"

#include <stdlib.h>

/* ---- what is due ---- */

/* One row of the queue with what decides whether it may be sent. */
typedef struct queued {
    uint8_t id[TALLY_MESSAGE_ID_BYTES];
    int64_t at_ms, tried_ms;
    tally_hook hook; /* spans as long as nothing is written */
} queued;

/* Endpoints are few and looked up often: each once a walk. */
typedef struct due_walk {
    tally_txn *txn;
    const tally_claim_options *options; /* NULL: only `next_ms` is asked for */
    tally_hook hooks[TALLY_HOOK_MAX];
    size_t hook_count;
    bool found;
    queued first;
    tally_outbox_place place; /* of the first */
    int64_t next_ms;
} due_walk;

#define WALK_ENDS 1

static int keep_hook(void *ctx, const tally_hook *hook, tally_error *err) {
    due_walk *walk = ctx;
    (void)err;
    if (walk->hook_count < TALLY_HOOK_MAX) walk->hooks[walk->hook_count++] = *hook;
    return 0;
}

static const tally_hook *hook_of(const due_walk *walk, tally_span name) {
    for (size_t i = 0; i < walk->hook_count; i++)
        if (tally_span_eq(walk->hooks[i].name, name)) return &walk->hooks[i];
    return NULL;
}

static bool is_skipped(const tally_claim_options *options, const tally_hook *hook) {
    for (size_t i = 0; i < options->skip_count; i++)
        if (memcmp(options->skip[i], hook->id, sizeof hook->id) == 0) return true;
    return false;
}

/* Nothing waits longer than this: what does was written down by a clock that was ahead then. A
 * damaged row may say any time. */
static bool is_beyond(int64_t at_ms, int64_t now_ms) {
    return at_ms > now_ms + TALLY_OUTBOX_WAIT_MAX_MS;
}

static int64_t due_at(const queued *q) {
    return q->at_ms > q->hook.held_until_ms ? q->at_ms : q->hook.held_until_ms;
}

static bool is_past(int64_t at_ms, int64_t now_ms) {
    return at_ms <= now_ms || is_beyond(at_ms, now_ms);
}

/* A lease holds in any case: it stands in the queue's time until it ends, and what was tried since
 * the start has one or is through. */
static bool may_send(const tally_claim_options *options, const queued *q, tally_txn *txn) {
    tally_message message;
    if (is_skipped(options, &q->hook)) return false;
    int64_t now_ms = options->now_ms;
    if (!options->early) return is_past(q->at_ms, now_ms) && is_past(q->hook.held_until_ms, now_ms);
    return (q->tried_ms < options->started_ms || is_beyond(q->tried_ms, now_ms)) &&
           (is_past(q->at_ms, now_ms) ||
            (message_get(txn, q->id, &message, NULL) == 0 && is_past(message.lease_ms, now_ms)));
}

static int look_at(void *ctx, tally_span name, tally_span value, tally_error *err) {
    due_walk *walk = ctx;
    if (name.len != 8 + TALLY_MESSAGE_ID_BYTES || value.len < 8) return outbox_damaged(err);
    queued q = {.at_ms = (int64_t)tally_get_be64(name.ptr),
                .tried_ms = (int64_t)tally_get_be64(value.ptr)};
    const tally_hook *hook = hook_of(walk, tally_span_of(value.ptr + 8, value.len - 8));
    if (!hook || hook->disabled.len) return 0;
    memcpy(q.id, name.ptr + 8, sizeof q.id);
    q.hook = *hook;
    if (!walk->options) {
        if (due_at(&q) < walk->next_ms) walk->next_ms = due_at(&q);
        return walk->next_ms <= q.at_ms ? WALK_ENDS : 0;
    }
    if (!walk->options->early && !is_past(q.at_ms, walk->options->now_ms)) return WALK_ENDS;
    if (!may_send(walk->options, &q, walk->txn)) return 0;
    walk->found = true;
    walk->first = q;
    memcpy(walk->place.key, name.ptr, sizeof walk->place.key);
    return WALK_ENDS;
}

static int look_from(due_walk *walk, const tally_outbox_place *place, tally_error *err) {
    outbox_key from = outbox_key_of(OUTBOX_QUEUE, tally_span_of(place->key, sizeof place->key));
    return outbox_each_from(walk->txn, &from, look_at, walk, err);
}

/* The walk ends where the future begins, and goes on where it ends. */
static int look_beyond(due_walk *walk, const tally_outbox_place *begun, tally_error *err) {
    tally_outbox_place from = {{0}};
    int64_t from_ms = walk->options->now_ms + TALLY_OUTBOX_WAIT_MAX_MS + 1;
    tally_put_be64(from.key, from_ms > 0 ? (uint64_t)from_ms : 0);
    if (memcmp(begun->key, from.key, sizeof from.key) > 0) from = *begun;
    return look_from(walk, &from, err);
}

static int due_find(due_walk *walk, tally_error *err) {
    static const tally_outbox_place beginning;
    const tally_outbox_place *from =
        walk->options && walk->options->place ? walk->options->place : &beginning;
    int rc = tally_hook_each(walk->txn, keep_hook, walk, err);
    if (rc == 0) rc = look_from(walk, from, err);
    bool whole = !walk->options || walk->options->early || walk->found;
    if ((rc == 0 || rc == WALK_ENDS) && !whole) rc = look_beyond(walk, from, err);
    return rc == WALK_ENDS ? 0 : rc;
}

int tally_outbox_next(tally_txn *txn, int64_t *at_ms, tally_error *err) {
    due_walk walk = {.txn = txn, .next_ms = INT64_MAX};
    int rc = due_find(&walk, err);
    *at_ms = walk.next_ms;
    return rc;
}

/* ---- taking one ---- */

typedef struct claiming {
    const tally_claim_options *options;
    tally_claim *claim;
    bool found;
} claiming;

/* Copies both rows, so that the claim outlives the transaction. */
static int claim_copy(tally_txn *txn, const uint8_t id[TALLY_MESSAGE_ID_BYTES],
                      tally_span hook_name, tally_claim *out, tally_error *err) {
    tally_span hook, row, name = tally_span_of(id, TALLY_MESSAGE_ID_BYTES);
    outbox_key message_at = outbox_key_of(OUTBOX_MESSAGE, name),
               hook_at = outbox_key_of(OUTBOX_HOOK, hook_name);
    int rc = outbox_get(txn, &message_at, &row, err);
    if (rc == 0) rc = outbox_get(txn, &hook_at, &hook, err);
    if (rc != 0) return rc == TALLY_ENOTFOUND ? outbox_damaged(err) : rc;
    uint8_t *bytes = malloc(row.len + hook.len + 1);
    if (!bytes) return tally_fail(err, TALLY_ENOMEM, "no memory for a message");
    memcpy(bytes, row.ptr, row.len);
    memcpy(bytes + row.len, hook.ptr, hook.len);
    *out = (tally_claim){.bytes = bytes};
    if (message_read(name, tally_span_of(bytes, row.len), &out->message) &&
        hook_read(out->message.hook, tally_span_of(bytes + row.len, hook.len), &out->hook))
        return 0;
    tally_claim_clear(out);
    return outbox_damaged(err);
}

/* The very row that was found: a damaged one is not where its message says, and would be found
 * again and again. */
static int drop_place(tally_txn *txn, const tally_outbox_place *place, tally_error *err) {
    outbox_key key = outbox_key_of(OUTBOX_QUEUE, tally_span_of(place->key, sizeof place->key));
    return outbox_del(txn, &key, err);
}

/* The next that may be sent is counted as tried before it is: a message that kills whoever sends it
 * must come to an end too. */
static int take(void *ctx, tally_txn *txn, tally_error *err) {
    claiming *c = ctx;
    c->found = false;
    for (;;) {
        due_walk walk = {.txn = txn, .options = c->options};
        tally_claim_clear(c->claim);
        int rc = due_find(&walk, err);
        if (rc != 0 || !walk.found) return rc;
        if (c->options->place) *c->options->place = walk.place;
        rc = claim_copy(txn, walk.first.id, walk.first.hook.name, c->claim, err);
        if (rc == 0) rc = drop_place(txn, &walk.place, err);
        if (rc != 0) return rc;
        tally_message *message = &c->claim->message;
        if (message->state != TALLY_MESSAGE_WAITING) continue;
        c->found = message->tries < TALLY_OUTBOX_TRIES;
        if (c->found) {
            message->tries++;
            message->tried_ms = c->options->now_ms;
            message->lease_ms = c->options->now_ms + c->options->lease_ms;
        } else {
            message->state = TALLY_MESSAGE_DEAD;
            message->lease_ms = 0;
        }
        rc = message_put(txn, message, err);
        if (rc != 0 || c->found) return rc;
    }
}

/* Whether anything may be sent, without waiting for a writer. */
static int peek(tally_ledger *ledger, const tally_claim_options *options, bool *found,
                tally_error *err) {
    due_walk walk = {.options = options};
    int rc = tally_read_begin(ledger, &walk.txn, err);
    if (rc != 0) return rc;
    rc = due_find(&walk, err);
    tally_read_end(walk.txn);
    *found = walk.found;
    return rc;
}

int tally_outbox_claim(tally_ledger *ledger, const tally_claim_options *options, tally_claim *out,
                       tally_error *err) {
    claiming c = {.options = options, .claim = out};
    *out = (tally_claim){.bytes = NULL};
    int rc = peek(ledger, options, &c.found, err);
    if (rc == 0 && c.found) rc = tally_ledger_write(ledger, options->now_ms, take, &c, err);
    if (rc != 0) tally_claim_clear(out);
    return rc == 0 && !c.found ? TALLY_ENOTFOUND : rc;
}

void tally_claim_clear(tally_claim *claim) {
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): whoever frees it sets it to NULL, as here
    free(claim->bytes);
    *claim = (tally_claim){.bytes = NULL};
}

/* ---- what became of it ---- */

typedef struct settling {
    const tally_claim *claim;
    const tally_outcome *outcome;
    int64_t now_ms;
} settling;

static void settle_message(const settling *s, tally_message *message) {
    const tally_outcome *outcome = s->outcome;
    message->lease_ms = 0;
    message->status = outcome->status;
    if (outcome->delivered) {
        message->state = TALLY_MESSAGE_DELIVERED;
        message->payload = message->why = (tally_span){0};
        return;
    }
    if (outcome->untried && message->tries > 0) message->tries--;
    int64_t delay = outcome->untried ? TALLY_HOOK_HOLD_MAX_MS
                                     : tally_outbox_delay_ms(message->id, message->tries);
    if (delay >= 0 && delay < outcome->retry_after_ms) delay = outcome->retry_after_ms;
    if (delay < 0) message->state = TALLY_MESSAGE_DEAD;
    message->next_ms = s->now_ms + (delay > 0 ? delay : 0);
    message->why = tally_span_str(outcome->why);
}

/* An endpoint in trouble gets one message at a time until one arrives. */
static void settle_hook(const settling *s, const tally_message *message, tally_hook *hook) {
    const tally_outcome *outcome = s->outcome;
    hook->held_until_ms = 0;
    if (outcome->gone) hook->disabled = tally_span_str("it answered 410 Gone");
    if (outcome->delivered || !outcome->hold) return;
    int64_t wait = message->next_ms - s->now_ms;
    if (wait > TALLY_HOOK_HOLD_MAX_MS) wait = TALLY_HOOK_HOLD_MAX_MS;
    if (wait < outcome->retry_after_ms) wait = outcome->retry_after_ms;
    hook->held_until_ms = s->now_ms + wait;
}

static int settle(void *ctx, tally_txn *txn, tally_error *err) {
    const settling *s = ctx;
    const tally_claim *claim = s->claim;
    tally_claim now = {.bytes = NULL};
    if (!tally_outbox_has(txn, claim->message.id)) return 0; /* its endpoint was removed */
    int rc = claim_copy(txn, claim->message.id, claim->message.hook, &now, err);
    if (rc != 0) return rc;
    bool ours = now.message.lease_ms == claim->message.lease_ms &&
                now.message.state == TALLY_MESSAGE_WAITING;
    /* That it arrived is true whoever has it now. */
    if (ours || s->outcome->delivered) {
        settle_message(s, &now.message);
        settle_hook(s, &now.message, &now.hook);
        rc = message_put(txn, &now.message, err);
        if (rc == 0) rc = tally_hook_put(txn, &now.hook, err);
    }
    tally_claim_clear(&now);
    return rc;
}

int tally_outbox_settle(tally_ledger *ledger, const tally_claim *claim,
                        const tally_outcome *outcome, int64_t now_ms, tally_error *err) {
    settling s = {.claim = claim, .outcome = outcome, .now_ms = now_ms};
    return tally_ledger_write(ledger, now_ms, settle, &s, err);
}
