/* Rows of an import that say what an expense says which another file or a hand recorded: most
 * often the same file, saved anew or with more rows. */
#ifndef TALLY_CLI_EXPENSE_ALIKE_H
#define TALLY_CLI_EXPENSE_ALIKE_H

#include "expense_fields.h"

/* Sets `alike` of each row that is not known by its key: whether an expense stands, of no other
 * row, that is equal in all fields and the note. Each expense is the like of one row at most.
 * `count` gets how many rows there are of the kind. */
int cli_expenses_alike(tally_txn *txn, const cli_expense_rows *rows, bool *alike, size_t *count,
                       tally_error *err);

#endif
