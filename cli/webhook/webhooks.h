/* What the webhook commands share: looking for events, and saying what an endpoint is. */
#ifndef TALLY_CLI_WEBHOOKS_H
#define TALLY_CLI_WEBHOOKS_H

#include <tally/outbox.h>

#include "format/json_out.h"
#include "open.h"

/* Puts a message into the outbox for each event that an endpoint wants to be told of and that
 * happened since the last call. `running` (may be NULL) is set when sessions are under way that
 * will end by themselves. No snapshot of the ledger may be open. */
int cli_webhooks_collect(tally_ledger *ledger, bool *running, tally_error *err);

/* Messages as they are posted: {"type","timestamp","data":{...}}. */
typedef struct cli_event {
    tally_hook_event type;
    bool own;         /* of this device's records */
    int64_t time_ms;  /* when it happened */
    uint8_t seed[80]; /* what makes it this event: tally_message_id */
    size_t seed_len;
    char *payload; /* the event's, to be freed with free() */
    size_t payload_len;
} cli_event;
/* Each fills `out->payload` and the rest. TALLY_ENOTFOUND, err untouched: it is no such event. */
int cli_event_of_record(const cli_reading *reading, uint32_t feed, const tally_record *record,
                        const tally_hash *leaf, cli_event *out, tally_error *err);
struct tally_session_row;
int cli_event_of_session(const cli_reading *reading, const struct tally_session_row *row,
                         cli_event *out, tally_error *err);
struct tally_budget;
int cli_event_of_budget(const struct tally_budget *budget, int64_t now_ms, cli_event *out,
                        tally_error *err);
int cli_event_ping(tally_span hook, int64_t now_ms, cli_event *out, tally_error *err);

#endif
