/* `tally help`, made from the tables that commands and options are described in. */
#ifndef TALLY_CLI_HELP_H
#define TALLY_CLI_HELP_H

#include "command.h"

/* `tally help`: all commands, by subject. `tally help NAME`: one, or (false when there are none)
 * those of a noun. */
void cli_help_all(FILE *out, const cli_command *const *commands);
bool cli_help_noun(FILE *out, const cli_command *const *commands, const char *noun);
void cli_help_command(FILE *out, const cli_command *command);

#endif
