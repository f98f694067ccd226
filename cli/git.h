/* Asking git about a directory: read-only, bounded, and fine without git. The repository may be
 * anybody's: nothing that its configuration names is run. */
#ifndef TALLY_CLI_GIT_H
#define TALLY_CLI_GIT_H

#include "child.h"

/* What `git -C dir ARGUMENTS...` prints, `size` bytes at most; `arguments` ends with NULL. With
 * CLI_CHILD_CUT and CLI_CHILD_LATE `*len` bytes are there all the same. */
cli_child_end cli_git_read(const char *dir, const char *const *arguments, uint8_t *out, size_t size,
                           size_t *len);
/* First line of it, without its end, NUL-terminated. False when there is no git, no repository, no
 * answer, or one that does not fit. */
bool cli_git_line(const char *dir, const char *const *arguments, char *out, size_t size);

/* The address of the remote `origin` without a password, and the branch that is checked out. `out`
 * holds CLI_GIT_ANSWER_BYTES and ends with NUL. False when there is no git, no repository, no
 * answer, or one that does not fit. */
#define CLI_GIT_ANSWER_BYTES 1024u
bool cli_git_remote(const char *dir, char *out);
bool cli_git_branch(const char *dir, char *out);

#endif
