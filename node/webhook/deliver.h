/* Delivering what waits in the outbox. */
#ifndef WEBHOOK_DELIVER_H
#define WEBHOOK_DELIVER_H

#include "post.h"

#include <tally/outbox.h>

#define WEBHOOK_TIMEOUT_MS     20000
#define WEBHOOK_TIMEOUT_MAX_MS 30000
#define WEBHOOK_LEASE_SLACK_MS 10000 /* a lease lasts so much longer than a try may */

typedef struct webhook_result {
    uint64_t delivered, failed;
} webhook_result;

typedef struct webhook_options {
    bool early;         /* also what is not due yet, each message once */
    int64_t timeout_ms; /* of one try; 0: WEBHOOK_TIMEOUT_MS */
    int64_t (*now_ms)(void);
    /* Told of each try; may be NULL. */
    void (*tried)(void *ctx, const tally_claim *claim, const tally_outcome *outcome);
    void *ctx;
} webhook_options;

/* Sends what is due, one message after the other, until nothing is. An endpoint that does not
 * answer is left alone for the rest of the call. */
int webhook_deliver(tally_ledger *ledger, const webhook_options *options, webhook_result *out,
                    tally_error *err);

/* Signs and posts one message; nothing is written. What cannot be sent is an outcome, not an error.
 * `answer` holds the words that `outcome` points to. */
int webhook_try(webhook_poster *poster, const tally_key *key, const tally_hook *hook,
                const tally_message *message, int64_t now_ms, int64_t timeout_ms,
                webhook_answer *answer, tally_outcome *outcome, tally_error *err);

#endif
