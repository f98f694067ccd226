/* What could stand next on the command line, for shells: dist/completions/ ask with `tally complete
 * -- WORD...` at each press of a key. */
#ifndef TALLY_CLI_COMPLETE_H
#define TALLY_CLI_COMPLETE_H

#include "command.h"

#define CLI_CANDIDATES_MAX      2048u
#define CLI_CANDIDATE_MAX_BYTES 128u /* longer names are left out */

typedef struct cli_candidate {
    char text[CLI_CANDIDATE_MAX_BYTES + 1];
    const char *help; /* NULL for none */
} cli_candidate;

typedef struct cli_candidates {
    const char *typed; /* what stands there already: candidates begin with it */
    const char *kind;  /* what the shell is to offer or do: "files", "folders", "list"; NULL */
    size_t count;
    cli_candidate rows[CLI_CANDIDATES_MAX];
} cli_candidates;

/* Adds it, unless it does not begin with what is typed, is there already or could steer a terminal.
 */
void cli_candidate_add(cli_candidates *list, tally_span text, const char *help);

/* What the option of this name, or the argument that help shows as `what`, may be. `shown` is its
 * placeholder in help ("FILE", "csv|json"). Reads the ledger of `run` where the answer is there. */
void cli_values_add(cli_candidates *list, cli *run, const char *what, const char *shown);

/* The last of `words` is the one that is being typed. Prints candidates, one a line, a tab before
 * what it means; then ":KIND". Prints nothing else, asks nothing, changes nothing, ends soon. */
int cli_complete(const cli_command *const *commands, int count, char **words);

#endif
