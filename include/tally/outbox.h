/* Webhooks: the endpoints that are told of events, and the outbox of messages that wait for them.
 * Local to this store: never signed, never synced. What a message says is made elsewhere; sending
 * is node/webhook's. After the Standard Webhooks specification, version 1.0.0. */
#ifndef TALLY_OUTBOX_H
#define TALLY_OUTBOX_H

#include <tally/ledger.h>

#define TALLY_HOOK_MAX                 64u /* endpoints of a ledger */
#define TALLY_HOOK_NAME_MAX_BYTES      64u
#define TALLY_HOOK_URL_MAX_BYTES       2048u
#define TALLY_HOOK_ID_BYTES            16u
#define TALLY_HOOK_SECRET_MIN_BYTES    24u
#define TALLY_HOOK_SECRET_MAX_BYTES    64u
#define TALLY_HOOK_SEALED_EXTRA        48u                  /* a sealed secret is so much longer */
#define TALLY_HOOK_OLD_SECRET_MS       (24 * 3600 * 1000LL) /* signs too for so long */
#define TALLY_HOOK_HOLD_MAX_MS         (5 * 60 * 1000LL)    /* between tries of an endpoint */
#define TALLY_RETRY_AFTER_MAX_MS       (24 * 3600 * 1000LL) /* of what an endpoint may ask for */
#define TALLY_MESSAGE_ID_BYTES         16u
#define TALLY_MESSAGE_ID_TEXT_BYTES    (4u + 2u * TALLY_MESSAGE_ID_BYTES + 1u) /* "msg_", hex, NUL */
#define TALLY_OUTBOX_PAYLOAD_MAX_BYTES (48u * 1024u)
#define TALLY_OUTBOX_TRIES             10u /* then a message is dead until somebody retries it */
/* What was delivered is remembered for so long; longer than a month, because a budget's message is
 * known again by it. */
#define TALLY_OUTBOX_KEEP_MS (40 * 24 * 3600 * 1000LL)
/* No message waits longer: 24 h and a tenth, or as Retry-After asked. */
#define TALLY_OUTBOX_WAIT_MAX_MS (27 * 3600 * 1000LL)

typedef enum tally_hook_event {
    TALLY_HOOK_INVOICE_ISSUED,
    TALLY_HOOK_INVOICE_VOIDED,
    TALLY_HOOK_PAYMENT_RECEIVED,
    TALLY_HOOK_ENTRY_FINISHED,
    TALLY_HOOK_BUDGET_REACHED,
    TALLY_HOOK_EVENTS
} tally_hook_event;
#define TALLY_HOOK_EVERY ((1u << TALLY_HOOK_EVENTS) - 1)
/* "invoice.issued" and so on. */
const char *tally_hook_event_name(tally_hook_event event);
/* False when there is none of that name. */
bool tally_hook_event_find(tally_span name, tally_hook_event *out);

/* An endpoint. Spans read live as long as the transaction writes nothing. */
typedef struct tally_hook {
    tally_span name, url;
    uint8_t id[TALLY_HOOK_ID_BYTES]; /* random; no two endpoints ever share one */
    uint32_t events;                 /* bits of tally_hook_event */
    bool all;                        /* records of other devices too */
    bool insecure;                   /* plain http to anywhere */
    int64_t since_ms;                /* entries that ended before are none of its */
    tally_span secret, old_secret;   /* sealed */
    int64_t old_until_ms;            /* until then old_secret signs too */
    int64_t held_until_ms;           /* it failed lately: nothing is sent before */
    tally_span disabled;             /* why; empty while it is in use */
} tally_hook;

/* Inside a write. TALLY_ELIMIT when there are TALLY_HOOK_MAX already. */
int tally_hook_put(tally_txn *txn, const tally_hook *hook, tally_error *err);
/* TALLY_ENOTFOUND with a sentence. */
int tally_hook_get(tally_txn *txn, tally_span name, tally_hook *out, tally_error *err);
/* By name. A result of `fn` other than 0 stops and is returned. */
typedef int tally_hook_fn(void *ctx, const tally_hook *hook, tally_error *err);
int tally_hook_each(tally_txn *txn, tally_hook_fn *fn, void *ctx, tally_error *err);
/* With all its messages; `*dropped` is how many of them were not delivered. */
int tally_hook_remove(tally_txn *txn, tally_span name, uint64_t *dropped, tally_error *err);

/* Secrets lie in the store sealed to the device's X25519 key (crypto_box_seal), so that a copy of
 * the store without the key file signs nothing. `out` holds len + TALLY_HOOK_SEALED_EXTRA. */
int tally_hook_seal(const tally_key *key, tally_span secret, uint8_t *out, tally_error *err);
/* `out` holds TALLY_HOOK_SECRET_MAX_BYTES; the caller wipes it. TALLY_EFORMAT when it was sealed to
 * another key. */
int tally_hook_open(const tally_key *key, tally_span sealed, uint8_t *out, size_t *len,
                    tally_error *err);

typedef enum tally_message_state {
    TALLY_MESSAGE_WAITING,
    TALLY_MESSAGE_DELIVERED, /* its payload is gone */
    TALLY_MESSAGE_DEAD       /* tried TALLY_OUTBOX_TRIES times */
} tally_message_state;

typedef struct tally_message {
    uint8_t id[TALLY_MESSAGE_ID_BYTES];
    tally_span hook, type, payload; /* the endpoint's name, "invoice.issued", JSON */
    tally_message_state state;
    int64_t event_ms; /* when it happened, */
    int64_t made_ms;  /* got into the outbox, */
    int64_t tried_ms; /* was tried last (0: never) */
    int64_t next_ms;  /* and may be tried again */
    int64_t lease_ms; /* whoever is sending it has it until then; 0: nobody */
    uint64_t tries;
    uint64_t status; /* HTTP's, of the last try; 0: there was no answer */
    tally_span why;  /* of the last failure */
} tally_message;

/* The same for the same event and endpoint, whenever it is asked for: a receiver knows again what
 * it had. `seed` is what makes the event that one: a record's leaf hash, a session and its end. */
void tally_message_id(const tally_hook *hook, tally_hook_event event, tally_span seed,
                      uint8_t out[TALLY_MESSAGE_ID_BYTES]);
/* "msg_" and hex: the webhook-id. */
void tally_message_id_text(const uint8_t id[TALLY_MESSAGE_ID_BYTES],
                           char out[TALLY_MESSAGE_ID_TEXT_BYTES]);

/* Inside a write: puts a message into the outbox, due at once; nothing when one of its id is there.
 * Of `message` its id, hook, type, payload, event_ms and made_ms are taken. */
int tally_outbox_add(tally_txn *txn, const tally_message *message, tally_error *err);
bool tally_outbox_has(tally_txn *txn, const uint8_t id[TALLY_MESSAGE_ID_BYTES]);
/* In order of the ids. */
typedef int tally_message_fn(void *ctx, const tally_message *message, tally_error *err);
int tally_outbox_each(tally_txn *txn, tally_message_fn *fn, void *ctx, tally_error *err);
/* When something is due next: INT64_MAX when nothing waits. */
int tally_outbox_next(tally_txn *txn, int64_t *at_ms, tally_error *err);
/* Inside a write: dead messages wait again, from their first try on. */
int tally_outbox_revive(tally_txn *txn, int64_t now_ms, uint64_t *count, tally_error *err);
/* Inside a write: forgets what was delivered longer than TALLY_OUTBOX_KEEP_MS ago. */
int tally_outbox_forget(tally_txn *txn, int64_t now_ms, tally_error *err);

/* How long after its `tries`th try a message waits, by the specification's example (5 s, 5 min, 30
 * min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h), and up to a tenth more, by its id, so that those that
 * failed together do not come back together. -1 after the last try. */
int64_t tally_outbox_delay_ms(const uint8_t id[TALLY_MESSAGE_ID_BYTES], uint64_t tries);

/* A message that this process sends now. Everything in it is its own. */
typedef struct tally_claim {
    tally_hook hook;
    tally_message message;
    uint8_t *bytes;
} tally_claim;
/* Where the last claim of a run was found. What was passed over on the way there is looked at again
 * in the next run only: thousands that wait for an endpoint in trouble cost once. Begins as zeros.
 */
typedef struct tally_outbox_place {
    uint8_t key[8 + TALLY_MESSAGE_ID_BYTES];
} tally_outbox_place;
typedef struct tally_claim_options {
    int64_t now_ms;
    int64_t lease_ms; /* how long nobody else may take it */
    bool early;       /* also what is not due yet, if it was not tried since started_ms */
    int64_t started_ms;
    const uint8_t (*skip)[TALLY_HOOK_ID_BYTES]; /* endpoints that are left alone */
    size_t skip_count;
    tally_outbox_place *place; /* NULL: from the beginning */
} tally_claim_options;
/* Takes the one that has waited longest, in a write of its own, and counts the try: whoever is
 * killed while sending leaves it to be sent again when the lease ends. TALLY_ENOTFOUND, err
 * untouched, when nothing is due. Free with tally_claim_clear. */
int tally_outbox_claim(tally_ledger *ledger, const tally_claim_options *options, tally_claim *out,
                       tally_error *err);
void tally_claim_clear(tally_claim *claim);

typedef struct tally_outcome {
    bool delivered; /* 2xx */
    bool gone;      /* 410: the endpoint wants no more */
    bool hold;      /* the endpoint, not the message, is in trouble */
    bool untried; /* nothing was sent, for a reason of this device's own: the try does not count */
    uint64_t status;
    int64_t retry_after_ms; /* that the endpoint asked for; 0: nothing */
    const char *why;        /* of a failure: a few words without secrets */
} tally_outcome;
/* Writes down what became of it, unless its lease ended and somebody else has it. */
int tally_outbox_settle(tally_ledger *ledger, const tally_claim *claim,
                        const tally_outcome *outcome, int64_t now_ms, tally_error *err);

/* How far this store's records have been looked through for events. Whoever adds what it found
 * checks that the generation is still the one it read, and raises it in the same write: two that
 * look at once add once. */
uint64_t tally_outbox_generation(tally_txn *txn);
int tally_outbox_generation_raise(tally_txn *txn, tally_error *err);
uint64_t tally_outbox_seen(tally_txn *txn, uint32_t feed);
int tally_outbox_seen_put(tally_txn *txn, uint32_t feed, uint64_t size, tally_error *err);
/* Inside a write: all that is recorded by now is seen. */
int tally_outbox_seen_all(tally_txn *txn, tally_error *err);
/* Sessions that are not over yet, by their reference (view.h). */
int tally_outbox_running_put(tally_txn *txn, uint64_t session, bool running, tally_error *err);
typedef int tally_outbox_running_fn(void *ctx, uint64_t session, tally_error *err);
int tally_outbox_running_each(tally_txn *txn, tally_outbox_running_fn *fn, void *ctx,
                              tally_error *err);

#endif
