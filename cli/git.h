/* Asking git about a directory: read-only, and fine without git. */
#ifndef TALLY_CLI_GIT_H
#define TALLY_CLI_GIT_H

#include <tally/bytes.h>

/* First line of what `git -C dir ARGUMENTS...` prints, without its end, NUL-terminated. `arguments`
 * ends with NULL. False when there is no git, no repository, no answer, or one that does not fit.
 */
bool cli_git_line(const char *dir, const char *const *arguments, char *out, size_t size);

#endif
