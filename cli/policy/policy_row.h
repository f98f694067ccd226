/* Rows of policy tables as JSON and as lines of a table. */
#ifndef TALLY_CLI_POLICY_ROW_H
#define TALLY_CLI_POLICY_ROW_H

#include <tally/policy.h>

#include "format/json_out.h"
#include "format/table_out.h"

/* Every field of the row, null where it has none, and who set it when. */
void cli_policy_row_json(cli_json *json, tally_txn *txn, const tally_policy_row *row);
/* A table with a column for each field of `policy`; NULL when memory ran out. */
cli_table *cli_policy_table_new(FILE *out, tally_policy policy);
void cli_policy_row_line(cli_table *table, tally_txn *txn, const tally_policy_row *row);

#endif
