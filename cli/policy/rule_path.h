/* Directories as people type them in rules and ask about them. */
#ifndef TALLY_CLI_RULE_PATH_H
#define TALLY_CLI_RULE_PATH_H

#include <tally/bytes.h>
#include <tally/error.h>

/* The absolute directory that `text` means here: `~` is the home directory, `.` and `..` are
 * resolved as they stand, links are not followed. `out` holds PATH_MAX bytes. TALLY_EINVAL, or
 * TALLY_EIO when the current directory cannot be read. */
int cli_path_here(const char *text, char *out, tally_error *err);

/* A rule's path. One that begins with `/`, `./`, `../` or `~/` (or is `.`, `..` or `~`) is made
 * absolute; any other is kept: it matches these folders anywhere. `out` holds PATH_MAX bytes. */
int cli_rule_path(const char *text, char *out, tally_error *err);

#endif
