/* The commands over policy tables. What a table holds is the ledger's (tally/policy.h); which
 * commands there are is in policy_commands.c. */
#ifndef TALLY_CLI_POLICY_H
#define TALLY_CLI_POLICY_H

#include <tally/policy.h>

#include "command.h"

/* Each finds its table by the command's first word. */
int cli_policy_set(cli *run);
/* With `name` for the operand, which the command line lacks. */
int cli_policy_set_named(cli *run, const char *name);
int cli_policy_list(cli *run);
int cli_policy_unset(cli *run);

#endif
