/* The manual's pages of commands, made from the tables that commands and options are described in.
 * Pages that are prose are in dist/man/. */
#ifndef TALLY_CLI_MAN_H
#define TALLY_CLI_MAN_H

#include "command.h"

/* `part`: a command's first word, for its page; "commands" or "settings", for that part of
 * tally(1) or tally-ledger(5); "pages", for the names of pages, one a line. False when there is
 * none of that name. */
bool cli_man(FILE *out, const cli_command *const *commands, const char *part);

#endif
