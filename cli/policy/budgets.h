/* Budgets as commands read and show them: with clients' time zones, as JSON, as a sentence. */
#ifndef TALLY_CLI_BUDGETS_H
#define TALLY_CLI_BUDGETS_H

#include <tally/budget.h>

#include "format/json_out.h"

#define CLI_BUDGET_LINE_BYTES 384u

/* tally_budgets_each_zoned with zones from this machine's files. */
int cli_budgets_each(tally_txn *txn, const tally_zone *team, int64_t now_ms,
                     const tally_budget_asked *asked, tally_budget_fn *fn, void *ctx,
                     tally_error *err);

/* "fine", "notify", "stop". */
const char *cli_budget_level(tally_budget_level level);
/* "230.4 %", rounded down: it is 100 only when the limit is reached. */
void cli_budget_share(const tally_budget *budget, char out[TALLY_MONEY_TEXT_BYTES]);
/* An object with all of it; `key` is NULL in an array. */
void cli_budget_json(cli_json *json, const char *key, const tally_budget *budget);
/* "acme-monthly: 212.40 of 250.00 USD spent (84.9 %) until 2026-11-30; work stops at 100 %".
 * Characters that could steer a terminal are shown as '?'. */
void cli_budget_sentence(const tally_budget *budget, char out[CLI_BUDGET_LINE_BYTES]);

#endif
