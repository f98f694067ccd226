/* How policy_commands.c and contract_commands.c write a command down; nobody else includes it. */
#ifndef TALLY_CLI_POLICY_COMMAND_H
#define TALLY_CLI_POLICY_COMMAND_H

#include "command.h"

#define END                                                                                        \
    { NULL, NULL, NULL }

#define COMMAND(id, words, operands, count, what, line, table, function)                           \
    const cli_command command_##id = {.name = words,                                               \
                                      .arguments = operands,                                       \
                                      .summary = what,                                             \
                                      .example = line,                                             \
                                      .options = table,                                            \
                                      .min_arguments = count,                                      \
                                      .max_arguments = count,                                      \
                                      .run = function}

#endif
