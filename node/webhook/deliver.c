/* The loop of a delivery: take a message, sign it, post it, write down what became of it. */
#include "deliver.h"
#include "sign.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- one message ---- */

typedef struct secrets {
    uint8_t bytes[WEBHOOK_MAX_SECRETS][TALLY_HOOK_SECRET_MAX_BYTES];
    tally_span spans[WEBHOOK_MAX_SECRETS];
    size_t count;
} secrets;

static int secret_add(secrets *all, const tally_key *key, tally_span sealed, tally_error *err) {
    size_t len;
    int rc = tally_hook_open(key, sealed, all->bytes[all->count], &len, err);
    if (rc == 0) all->spans[all->count] = tally_span_of(all->bytes[all->count], len);
    if (rc == 0) all->count++;
    return rc;
}

static int signatures_make(const tally_key *key, const tally_hook *hook,
                           const tally_message *message, const char *id, int64_t now_ms,
                           char out[WEBHOOK_SIGNATURES_BYTES], tally_error *err) {
    secrets all = {.count = 0};
    int rc = secret_add(&all, key, hook->secret, err);
    /* An old one that was sealed to another key is why it was rotated. */
    if (rc == 0 && hook->old_secret.len && now_ms < hook->old_until_ms)
        (void)secret_add(&all, key, hook->old_secret, NULL);
    if (rc == 0) webhook_sign(all.spans, all.count, id, now_ms / 1000, message->payload, out);
    sodium_memzero(&all, sizeof all);
    return rc;
}

/* 429 and the gateways' codes speak of the endpoint, as does silence; other failures may be the
 * message's own. */
static void outcome_of(const webhook_answer *answer, tally_outcome *out) {
    uint64_t status = answer->status;
    *out = (tally_outcome){.delivered = status >= 200 && status <= 299,
                           .gone = status == 410,
                           .hold = status == 0 || status == 429 || (status >= 502 && status <= 504),
                           .status = status,
                           .retry_after_ms = answer->retry_after_ms,
                           .why = answer->why};
}

int webhook_try(webhook_poster *poster, const tally_key *key, const tally_hook *hook,
                const tally_message *message, int64_t now_ms, int64_t timeout_ms,
                webhook_answer *answer, tally_outcome *outcome, tally_error *err) {
    char url[TALLY_HOOK_URL_MAX_BYTES + 1], id[TALLY_MESSAGE_ID_TEXT_BYTES];
    char signatures[WEBHOOK_SIGNATURES_BYTES];
    tally_error trouble = {0};
    *answer = (webhook_answer){.status = 0};
    tally_message_id_text(message->id, id);
    int n = snprintf(url, sizeof url, "%.*s", (int)hook->url.len, (const char *)hook->url.ptr);
    int rc = n > 0 && (size_t)n < sizeof url ? 0 : TALLY_EINVAL;
    if (rc == 0) rc = signatures_make(key, hook, message, id, now_ms, signatures, &trouble);
    bool is_signed = rc == 0;
    if (rc == 0) rc = webhook_url_check(poster, url, hook->insecure, &trouble);
    if (rc != 0) {
        snprintf(answer->why, sizeof answer->why, "%s", trouble.text);
        outcome_of(answer, outcome);
        outcome->untried = !is_signed;
        return rc == TALLY_ENOMEM ? tally_fail(err, rc, "%s", trouble.text) : 0;
    }
    const webhook_post post = {.url = url,
                               .id = id,
                               .signatures = signatures,
                               .unix_seconds = now_ms / 1000,
                               .body = message->payload,
                               .timeout_ms = timeout_ms ? timeout_ms : WEBHOOK_TIMEOUT_MS};
    rc = webhook_poster_post(poster, &post, answer, err);
    outcome_of(answer, outcome);
    return rc;
}

/* ---- all of them ---- */

typedef struct delivery {
    tally_ledger *ledger;
    const webhook_options *options;
    const tally_key *key;
    webhook_poster *poster;
    uint8_t skip[TALLY_HOOK_MAX][TALLY_HOOK_ID_BYTES];
    size_t skip_count;
    webhook_result *result;
} delivery;

static int send_one(delivery *d, const tally_claim *claim, tally_error *err) {
    webhook_answer answer;
    tally_outcome outcome;
    const webhook_options *options = d->options;
    int rc = webhook_try(d->poster, d->key, &claim->hook, &claim->message, options->now_ms(),
                         options->timeout_ms, &answer, &outcome, err);
    if (rc == 0) rc = tally_outbox_settle(d->ledger, claim, &outcome, options->now_ms(), err);
    if (rc != 0) return rc;
    if (outcome.delivered)
        d->result->delivered++;
    else
        d->result->failed++;
    if (outcome.hold && d->skip_count < TALLY_HOOK_MAX)
        memcpy(d->skip[d->skip_count++], claim->hook.id, TALLY_HOOK_ID_BYTES);
    if (options->tried) options->tried(options->ctx, claim, &outcome);
    return 0;
}

static int send_all(delivery *d, tally_error *err) {
    int64_t started_ms = d->options->now_ms();
    int64_t timeout_ms = d->options->timeout_ms ? d->options->timeout_ms : WEBHOOK_TIMEOUT_MS;
    tally_outbox_place place = {{0}};
    for (;;) {
        tally_claim claim;
        int64_t now_ms = d->options->now_ms();
        if (started_ms > now_ms) started_ms = now_ms; /* else each would be tried again at once */
        tally_claim_options wanted = {.now_ms = now_ms,
                                      .lease_ms = timeout_ms + WEBHOOK_LEASE_SLACK_MS,
                                      .early = d->options->early,
                                      .started_ms = started_ms,
                                      .skip = d->skip,
                                      .skip_count = d->skip_count,
                                      .place = &place};
        int rc = tally_outbox_claim(d->ledger, &wanted, &claim, err);
        if (rc == TALLY_ENOTFOUND) return 0;
        if (rc == 0) rc = send_one(d, &claim, err);
        tally_claim_clear(&claim);
        if (rc != 0) return rc;
    }
}

static int waits(tally_ledger *ledger, bool *out, tally_error *err) {
    tally_txn *txn;
    int64_t at_ms = INT64_MAX;
    int rc = tally_read_begin(ledger, &txn, err);
    if (rc != 0) return rc;
    rc = tally_outbox_next(txn, &at_ms, err);
    tally_read_end(txn);
    *out = at_ms != INT64_MAX;
    return rc;
}

int webhook_deliver(tally_ledger *ledger, const webhook_options *options, webhook_result *out,
                    tally_error *err) {
    bool any = false;
    *out = (webhook_result){.failed = 0};
    int rc = waits(ledger, &any, err);
    if (rc != 0 || !any) return rc;
    delivery *d = calloc(1, sizeof *d);
    if (!d) return tally_fail(err, TALLY_ENOMEM, "no memory for delivering");
    *d = (delivery){.ledger = ledger, .options = options, .result = out};
    rc = tally_ledger_key(ledger, &d->key, err);
    if (rc == 0) rc = webhook_poster_open(&d->poster, err); /* before a try is counted */
    if (rc == 0) rc = send_all(d, err);
    webhook_poster_close(d->poster);
    free(d);
    return rc;
}
