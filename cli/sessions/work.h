/* Work that an agent does now: what it will count as, as far as anybody can say before its costs
 * are recorded. For hooks and the status line. */
#ifndef TALLY_CLI_WORK_H
#define TALLY_CLI_WORK_H

#include <tally/budget.h>

#include "git.h"

#define CLI_WORK_TAGS_MAX 32u

typedef struct cli_work {
    tally_budget_asked asked; /* its texts are the caller's, the ledger's or those below */
    bool recorded;            /* the session is known to the ledger */
    char remote[CLI_GIT_ANSWER_BYTES], branch[CLI_GIT_ANSWER_BYTES];
    tally_span tags[CLI_WORK_TAGS_MAX];
} cli_work;

/* The session `session` (may be empty) of `agent` (as records name it; NULL: none) in directory
 * `cwd`. What the ledger knows of the session counts before what git says here. `out` stays where
 * it is while it is used: it points into itself. */
void cli_work_find(tally_txn *txn, const char *agent, const char *session, const char *cwd,
                   cli_work *out);
/* Whose it is. */
int cli_work_attribute(tally_txn *txn, const cli_work *work, tally_attribution *out,
                       tally_error *err);

#endif
