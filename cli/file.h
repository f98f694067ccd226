/* Whole files: read under a limit, and written beside their place and then renamed into it. */
#ifndef TALLY_CLI_FILE_H
#define TALLY_CLI_FILE_H

#include <stdio.h>

#include <tally/bytes.h>
#include <tally/error.h>

/* Opens a file that somebody names, or a pipe that somebody writes to: one that nobody opens at its
 * other end would be waited for for ever. The caller closes. */
int cli_file_open(const char *path, int *fd, tally_error *err);

/* Reads all of `path` ("-" is standard input), which may be no longer than `max`. The bytes are the
 * caller's to free; at least one byte is allocated. TALLY_EIO, TALLY_ENOTFOUND, TALLY_ELIMIT. */
int cli_file_read(const char *path, size_t max, uint8_t **out, size_t *len, tally_error *err);

/* A file being replaced: readers see the old one or the new one, never a half. */
typedef struct cli_replace {
    FILE *out; /* write here */
    char *path, *temporary;
} cli_replace;
int cli_replace_open(cli_replace *file, const char *path, tally_error *err);
/* Syncs and renames when `keep`; otherwise, and on any failure, the temporary file is removed. */
int cli_replace_close(cli_replace *file, bool keep, tally_error *err);

#endif
