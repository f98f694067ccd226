/* Files that appear whole or not at all: each is written beside its place under a name of its own,
 * synced, and then given its name. Whoever makes one is free to be killed: the next one that is
 * made for the same place clears away what is left. */
#ifndef TALLY_PARTIAL_H
#define TALLY_PARTIAL_H

#include <stdbool.h>
#include <stddef.h>

/* Makes PATH.tally-partial-XXXXXX (mode 0600), which no other file was called, and puts its name
 * into `out`. The caller owns the descriptor, which holds a lock that says that somebody is at
 * work: to be closed after the file has its name. Negative with errno set; ENAMETOOLONG when `out`
 * is too small. */
int tally_partial_open(const char *path, char *out, size_t size);

/* Gives it its name and syncs the folder, so that the name outlives a power cut. With `replace` an
 * older file of that name goes, else EEXIST. 0, or -1 with errno set: then the file is still there
 * under its first name, or (EIO) already
 * under the other, while the folder could not be synced. */
int tally_partial_name(const char *partial, const char *path, int replace);

/* Whether a file's name is one that tally_partial_open gives. */
bool tally_partial_is(const char *name);

/* Removes what was left of making `path` by those who are gone. tally_partial_open does this by
 * itself. */
void tally_partial_sweep(const char *path);

#endif
