/* Where the program that runs lies: what is installed with it is found from there. */
#ifndef TALLY_PROGRAM_H
#define TALLY_PROGRAM_H

#include <stddef.h>

/* Puts the path of this process's program into `out`, with a NUL. The length of its folder's part,
 * without the slash behind it; -1, and `out` empty, when it cannot be told or does not fit. */
int tally_program_path(char *out, size_t size);

#endif
