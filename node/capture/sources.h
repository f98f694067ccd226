/* Sources: which log files of the agents there are, and in which order they are to be read. Reads
 * directories and the times at the ends of files; what the lines mean is the adapters' matter. */
#ifndef CAPTURE_SOURCES_H
#define CAPTURE_SOURCES_H

#include "adapters.h"
#include "arena.h"
#include "cursor.h"
#include "reader.h"

#define CAPTURE_WALK_MAX_DEPTH    12u /* directories below a root */
#define CAPTURE_DESKTOP_MAX_DEPTH 8u  /* to a .claude/projects of the desktop app */
#define CAPTURE_SOURCES_MAX       1000000u

typedef struct capture_source {
    const char *path; /* absolute; the list's */
    const capture_adapter *adapter;
    tally_span id;    /* session or thread id, from the name */
    const char *main; /* of a subagent's file: its main transcript's path; else NULL */
    bool subagent, archived;
    capture_form form;
    capture_stamp stamp;

    /* Filled in for files that are to be read. */
    bool timed;
    int64_t first_ms, last_ms; /* of its lines; the file's mtime when they hold none */
} capture_source;

/* Told about a folder or file that could not be looked at. */
typedef void capture_report_fn(void *ctx, const char *path, uint64_t line, const char *why);

typedef struct capture_search {
    const char *home;
    bool use_environment;
    const char *agent; /* NULL for all */
    capture_report_fn *report;
    void *ctx;
} capture_search;

typedef struct capture_sources {
    capture_source *items; /* by path */
    size_t count, cap;
    capture_arena arena;
} capture_sources;

/* Finds every log file: each file once, however many paths lead to it. Clear with
 * capture_sources_clear, also after an error. */
int capture_sources_find(const capture_search *search, capture_sources *out, tally_error *err);
void capture_sources_clear(capture_sources *sources);
/* NULL when there is none. */
capture_source *capture_sources_by_path(const capture_sources *sources, const char *path);
/* The original lines of a session or thread. */
capture_source *capture_sources_by_id(const capture_sources *sources,
                                      const capture_adapter *adapter, tally_span id);

/* Has this agent left a database, besides other logs? */
bool capture_sources_have_database(const capture_sources *sources, const capture_adapter *adapter);

/* Opens a regular file for reading without ever waiting for it (FIFOs); -1 and errno otherwise. */
int capture_source_open(const capture_source *source, struct stat *st);
/* The stamp of a file that `st` describes; of a database with what stands in its write-ahead log.
 */
capture_stamp capture_source_stamp(const capture_source *source, const struct stat *st);

/* Reads the first and last time of `source` through `reader` (a small one will do). */
int capture_source_time(const capture_sources *sources, capture_source *source,
                        capture_reader *reader, tally_error *err);
/* Sorts files that were timed: whoever came first owns a response that was copied later. Originals
 * before their forks, main transcripts before their subagents. */
int capture_sources_order(const capture_sources *sources, capture_source **list, size_t count,
                          tally_error *err);

#endif
