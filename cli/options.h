/* The command line: which command it names, and one table-driven parser of options for all. */
#ifndef TALLY_CLI_OPTIONS_H
#define TALLY_CLI_OPTIONS_H

#include "command.h"

/* Options every command takes, and those of commands that read costs. Both end at the row without a
 * name. */
extern const cli_option cli_common_options[];
extern const cli_option cli_filter_options[];

/* The command whose one or two words stand at argv[0..], two before one; `words` gets how many.
 * NULL: none. `commands` ends at NULL. */
const cli_command *cli_command_find(const cli_command *const *commands, int argc, char **argv,
                                    int *words);

/* Reads what follows the command's name. `run->command` is set; the caller frees run->given.
 * Returns CLI_DONE, or CLI_USAGE after saying what is wrong. */
int cli_options_parse(cli *run, int argc, char **argv);

#endif
