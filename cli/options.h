/* The command line's options: one table-driven parser for all commands. */
#ifndef TALLY_CLI_OPTIONS_H
#define TALLY_CLI_OPTIONS_H

#include "command.h"

/* Options every command takes, and those of commands that read costs. Both end at the row without a
 * name. */
extern const cli_option cli_common_options[];
extern const cli_option cli_filter_options[];

/* Reads what follows the command's name. `run->command` is set; the caller frees run->given.
 * Returns CLI_DONE, or CLI_USAGE after saying what is wrong. */
int cli_options_parse(cli *run, int argc, char **argv);

#endif
