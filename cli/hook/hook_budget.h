/* Whether a budget lets an agent go on, in words that a person understands. */
#ifndef TALLY_CLI_HOOK_BUDGET_H
#define TALLY_CLI_HOOK_BUDGET_H

#include "open.h"
#include "sessions/work.h"

#define HOOK_SENTENCE_MAX_BYTES 1024u

/* The highest level of the budgets that this work counts against, and a sentence about the first
 * that is at it; empty when all is fine. `out` holds HOOK_SENTENCE_MAX_BYTES. */
int hook_budget_ask(const cli_reading *reading, const cli_work *work, tally_budget_level *level,
                    char *out, tally_error *err);

#endif
