/* Expenses inside the ledger: reading a row of the view. Private to ledger/. */
#ifndef LEDGER_EXPENSE_H
#define LEDGER_EXPENSE_H

#include "view_typed.h"

#include <tally/expense.h>
#include <tally/money.h>

/* Everything but whose it is and its tags; false for a row of another kind. */
bool expense_of(tally_txn *txn, const view_typed *typed, tally_expense *out);

#endif
