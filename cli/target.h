/* What a person's decision is about: a session or an entry, by the id that lists show. */
#ifndef TALLY_CLI_TARGET_H
#define TALLY_CLI_TARGET_H

#include <tally/view.h>

#include "format/json_out.h"

typedef struct cli_target {
    tally_span agent, session; /* live as long as the transaction writes nothing */
    tally_entry_id entry;
    bool is_entry;
    uint8_t bytes[TALLY_ENTRY_BYTES]; /* as the views key it */
} cli_target;

/* An entry's whole id, 32 hex digits, or the first 8 or more of what was typed. TALLY_EINVAL,
 * TALLY_ENOTFOUND; voided ones are found too. */
int cli_entry_find(tally_txn *txn, const char *text, tally_entry_id *out, tally_error *err);
/* An entry, or the beginning of a session's id. */
int cli_target_find(tally_txn *txn, const char *text, cli_target *out, tally_error *err);
/* A record by the beginning of its hash, or the record behind a cost or an expense by the entry id
 * that lists show. */
int cli_record_find(tally_txn *txn, const char *name, uint32_t *feed, uint64_t *index,
                    tally_error *err);
/* "agent" and "session", or "entry", into the object that is open. */
void cli_target_json(cli_json *json, const cli_target *target);

#endif
