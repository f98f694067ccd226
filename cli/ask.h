/* Questions to the person at the terminal, also where the standard streams lead elsewhere. */
#ifndef TALLY_CLI_ASK_H
#define TALLY_CLI_ASK_H

#include <tally/error.h>

#include "command.h"

/* True for an answer that begins with y. Without a terminal nobody answers: false, and `err` (code
 * TALLY_EREFUSED) says so; after an answer `err` is untouched. Bytes of `question` that could steer
 * the terminal are shown as '?'. */
bool cli_ask_yes(const char *question, tally_error *err);

#endif
