/* `tally help`, made from the tables that commands and options are described in. */
#ifndef TALLY_CLI_HELP_H
#define TALLY_CLI_HELP_H

#include "command.h"

/* Subjects in the order in which they are met; a command belongs to the first that has its noun.
 * Ends at the row without a title. */
typedef struct cli_subject {
    const char *title, *nouns; /* nouns: one blank before and after each; NULL: all others */
} cli_subject;
extern const cli_subject cli_subjects[];
const cli_subject *cli_subject_of(const cli_command *command);

/* `tally help`: all commands, by subject. `tally help NAME`: one, or (false when there are none)
 * those of a noun. */
void cli_help_all(FILE *out, const cli_command *const *commands);
bool cli_help_noun(FILE *out, const cli_command *const *commands, const char *noun);
void cli_help_command(FILE *out, const cli_command *command);

#endif
