/* Segments as files: written beside their place and then given their name, never over another file;
 * read twice, from a file or from a stream that is kept in the meantime. */
#ifndef TALLY_CLI_SEGMENT_FILE_H
#define TALLY_CLI_SEGMENT_FILE_H

#include <stdio.h>

#include <tally/segment.h>

#define CLI_SEGMENT_MAX_BYTES (UINT64_C(16) << 30) /* that is kept of a stream */

/* A file in the making. */
typedef struct cli_segment_new {
    FILE *out;
    char *path, *partial; /* NULL for standard output */
} cli_segment_new;
/* "-" is standard output. TALLY_EEXIST when there is a file of that name. */
int cli_segment_create(cli_segment_new *file, const char *path, tally_error *err);
/* The same with the name that it has until it is whole, which no other file may bear. */
int cli_segment_create_as(cli_segment_new *file, const char *partial, const char *path,
                          tally_error *err);
/* Hands bytes to the file: `ctx` is a cli_segment_new. */
tally_segment_sink cli_segment_sink;
/* With `keep`: on the disk, and under its name. Otherwise, and on any failure, nothing stays. */
int cli_segment_finish(cli_segment_new *file, bool keep, tally_error *err);

/* "-" is standard input. What cannot be read twice is first copied into a file without a name in
 * the folder `spool_dir`. TALLY_ELIMIT when it is too long for that. The caller closes *fd. */
int cli_segment_open(const char *path, const char *spool_dir, int *fd, tally_error *err);
/* A file of a folder that others write to: what is no plain file, or no more one, is TALLY_EIO. */
int cli_segment_open_listed(const char *path, int *fd, tally_error *err);
/* Reads on: `ctx` points to the descriptor. */
tally_segment_source cli_segment_source;
/* Back to the beginning. */
int cli_segment_rewind(int fd, tally_error *err);

#endif
