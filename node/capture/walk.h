/* Walks a directory tree that somebody else writes: links, loops, FIFOs and unreadable folders are
 * safe and reported. */
#ifndef CAPTURE_WALK_H
#define CAPTURE_WALK_H

#include "idmap.h"

#include <sys/stat.h>
#include <tally/error.h>

#define WALK_FOLDERS_MAX    200000u /* in one search */
#define WALK_LINK_MAX_DEPTH 2u      /* symbolic links to folders are followed down to here */

typedef struct walk_file {
    const char *path, *name; /* absolute; the last part of it */
    const struct stat *st;   /* of the regular file, links followed */
} walk_file;

typedef struct walk_rules {
    bool (*enters)(void *ctx, const char *name); /* go into this folder? */
    bool (*wants)(void *ctx, const char *path,
                  const char *name); /* is this file of interest? NULL: none */
    int (*file)(void *ctx, const walk_file *file);
    int (*folder)(void *ctx, const char *path); /* told about each folder; may be NULL */
    unsigned max_depth;
    bool quiet_depth; /* what lies deeper is no log and no surprise */
    bool links;       /* follow symbolic links to folders */
} walk_rules;

/* Folders that were entered; none is entered twice, by whatever path. Start with zeros. */
typedef struct walk_seen {
    capture_idmap folders;
    bool full;
} walk_seen;
void walk_seen_clear(walk_seen *seen);

/* A root that does not exist is no error. Only what the rules' functions return, and TALLY_ENOMEM,
 * stops the walk. */
int walk_tree(const char *root, const walk_rules *rules, walk_seen *seen, void *ctx,
              void (*report)(void *ctx, const char *path, uint64_t line, const char *why),
              void *report_ctx, tally_error *err);

#endif
