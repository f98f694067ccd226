/* Expenses as they are shown. */
#ifndef TALLY_CLI_EXPENSE_OUT_H
#define TALLY_CLI_EXPENSE_OUT_H

#include <tally/expense.h>

#include "format/json_out.h"
#include "open.h"

/* One expense whole, into an array or as the document. */
void cli_expense_json(cli_json *json, tally_txn *txn, const tally_expense *expense);
/* Its note: the text, "(redacted)", or nothing where there is none or it is not here yet. */
tally_span cli_expense_note(tally_txn *txn, const tally_expense *expense);
/* "expenses": their sums by currency; and as lines of text, none where there are none. */
void cli_expense_sums_json(cli_json *json, const tally_expense_sums *sums);
void cli_expense_sums_text(FILE *out, const char *words, const tally_expense_sums *sums);

#endif
