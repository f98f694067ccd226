/* The local table behind endpoints and outbox: its keys, and walking the rows of one sort. Private
 * to endpoint.c, outbox.c, outbox_send.c and outbox_seen.c. */
#ifndef LEDGER_OUTBOX_ROW_H
#define LEDGER_OUTBOX_ROW_H

#include "store.h"

#include <tally/outbox.h>

#define OUTBOX_KEY_BYTES (1u + TALLY_HOOK_NAME_MAX_BYTES) /* the longest */

typedef enum outbox_sort {
    OUTBOX_GENERATION = 'g',
    OUTBOX_HOOK = 'h',
    OUTBOX_MESSAGE = 'm',
    OUTBOX_QUEUE = 'q', /* what waits, by when it may be taken: 8 bytes of that, then the id. Value:
                           8 bytes of the last try, then the endpoint's name */
    OUTBOX_RUNNING = 'r',
    OUTBOX_SEEN = 's'
} outbox_sort;

/* A row's key: its sort, then `name`, which is at most TALLY_HOOK_NAME_MAX_BYTES long. */
typedef struct outbox_key {
    uint8_t bytes[OUTBOX_KEY_BYTES];
    size_t len;
} outbox_key;
outbox_key outbox_key_of(outbox_sort sort, tally_span name);
static inline tally_span outbox_key_span(const outbox_key *key) {
    return tally_span_of(key->bytes, key->len);
}

int outbox_get(tally_txn *txn, const outbox_key *key, tally_span *out, tally_error *err);
int outbox_put(tally_txn *txn, const outbox_key *key, tally_span value, tally_error *err);
int outbox_del(tally_txn *txn, const outbox_key *key, tally_error *err);
/* `name` is the key without its sort. Nothing may be written meanwhile. */
typedef int outbox_row_fn(void *ctx, tally_span name, tally_span value, tally_error *err);
int outbox_each(tally_txn *txn, outbox_sort sort, outbox_row_fn *fn, void *ctx, tally_error *err);
/* Those of its sort from that key on. */
int outbox_each_from(tally_txn *txn, const outbox_key *from, outbox_row_fn *fn, void *ctx,
                     tally_error *err);

/* Rows are written as records are, so that one strict reader reads them. False: it does not read.
 */
bool hook_read(tally_span name, tally_span value, tally_hook *out);
bool message_read(tally_span name, tally_span value, tally_message *out);
int message_get(tally_txn *txn, const uint8_t id[TALLY_MESSAGE_ID_BYTES], tally_message *out,
                tally_error *err);
/* Keeps the queue in step. */
int message_put(tally_txn *txn, const tally_message *message, tally_error *err);
int outbox_damaged(tally_error *err);

#endif
