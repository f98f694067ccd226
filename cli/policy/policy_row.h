/* Rows of policy tables as JSON and as lines of a table. */
#ifndef TALLY_CLI_POLICY_ROW_H
#define TALLY_CLI_POLICY_ROW_H

#include <tally/policy.h>

#include "format/json_out.h"
#include "format/table_out.h"

/* Every field of the row, null where it has none, and who set it when. */
void cli_policy_row_json(cli_json *json, tally_txn *txn, const tally_policy_row *row);
/* Which fields have a column: those that name the rows, and the first that any row says. Begin with
 * zeros and add every row. */
#define CLI_POLICY_FIELDS_MAX 64u
typedef struct cli_policy_columns {
    bool said[CLI_POLICY_FIELDS_MAX];
} cli_policy_columns;
void cli_policy_columns_add(cli_policy_columns *columns, const tally_policy_row *row);
/* NULL when memory ran out. Settles `columns`, by which lines are made. */
cli_table *cli_policy_table_new(FILE *out, tally_policy policy, cli_policy_columns *columns);
void cli_policy_row_line(cli_table *table, tally_txn *txn, const cli_policy_columns *columns,
                         const tally_policy_row *row);

#endif
