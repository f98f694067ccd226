/* Whose something is, and what decided it, in JSON and in words. */
#ifndef TALLY_CLI_ATTRIBUTION_OUT_H
#define TALLY_CLI_ATTRIBUTION_OUT_H

#include <tally/report.h>

#include "format/json_out.h"
#include "format/table_out.h"
#include "open.h"

#define CLI_ATTRIBUTION_BYTES 1024u

/* client, project (null where none is named, or several), and "attribution": by, rules, member,
 * record, shares with their parts. */
void cli_attribution_json(cli_json *json, tally_txn *txn, const tally_attribution *said);
/* Members of the object that is open: client, project (null where there is none), attributed_by,
 * member, device, tags. */
void cli_whose_json(cli_json *json, const tally_whose *whose);
/* "acme/shop", "acme/shop 60, fintech 40", "(conflict)", or nothing. `out` holds
 * CLI_ATTRIBUTION_BYTES. */
void cli_attribution_text(const tally_attribution *said, char *out);
/* The same in one cell. */
void cli_attribution_cell(cli_table *table, const tally_attribution *said);
/* Of the row's one share. */
void cli_whose_cell(cli_table *table, const tally_whose *whose);
/* What decided, and what to do where nothing did. `out` holds CLI_ATTRIBUTION_BYTES. */
void cli_attribution_words(tally_txn *txn, const tally_attribution *said, char *out);

/* "rules" and "sessions" into the object that is open. */
void cli_conflict_json(cli_json *json, const tally_conflict *conflict);
/* A line: which rules disagree, on how much, and what settles it. */
void cli_conflict_print(FILE *out, const tally_conflict *conflict);

#endif
