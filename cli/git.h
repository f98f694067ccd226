/* Asking git about a directory: read-only, and fine without git. */
#ifndef TALLY_CLI_GIT_H
#define TALLY_CLI_GIT_H

#include <tally/bytes.h>

/* The address of the remote `origin` without a password, and the branch that is checked out. `out`
 * holds CLI_GIT_ANSWER_BYTES and ends with NUL. False when there is no git, no repository, no
 * answer, or one that does not fit. */
#define CLI_GIT_ANSWER_BYTES 1024u
bool cli_git_remote(const char *dir, char *out);
bool cli_git_branch(const char *dir, char *out);

#endif
