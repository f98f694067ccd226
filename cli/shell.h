/* Words as a shell reads them, for commands that somebody pastes or an agent runs. */
#ifndef TALLY_CLI_SHELL_H
#define TALLY_CLI_SHELL_H

#include <stdbool.h>

#include <tally/bytes.h>

/* `word` as one word of a command line: as it is when no shell takes any of it for something else,
 * otherwise in quotes. False, and `out` empty, when it does not fit: half a path is another one. */
bool cli_shell_word(tally_span word, char *out, size_t size);

/* The first word of a command that was made so. */
void cli_shell_first(const char *command, char *out, size_t size);

#endif
