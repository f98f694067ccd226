/* Capture: finds the agents' logs, reads what is new and records it in the ledger. */
#ifndef TALLY_CAPTURE_H
#define TALLY_CAPTURE_H

#include <tally/ledger.h>

typedef struct capture_options {
    const char
        *home; /* the home directory; environment overrides count only when it is the user's own */
    bool use_environment; /* variables such as CODEX_HOME name places instead */
    const char *agent;    /* only this one; NULL for all. "claude" stands for "claude-code". */
    bool dry_run;         /* reads and counts, records nothing, moves no cursor */
    bool may_leave; /* does nothing when another process waits to capture: that one will read what
                       is there now */
    int64_t (*now_ms)(void);
    /* Both are called on the caller's thread only. */
    void (*progress)(void *ctx, uint64_t bytes_done, uint64_t bytes_total);       /* may be NULL */
    void (*skipped)(void *ctx, const char *file, uint64_t line, const char *why); /* may be NULL */
    void *ctx;
} capture_options;

typedef struct capture_result {
    uint64_t files;                     /* log files found */
    uint64_t bytes_read;                /* this time */
    uint64_t sessions, costs, activity; /* newly recorded: sessions first seen, responses, events */
    uint64_t skipped;                   /* lines reported through `skipped` */
} capture_result;

/* One pass over everything. Only one process captures into a ledger at a time: a second waits for
 * the first. Unreadable files are reported as skipped (line 0) and do not stop the others. The time
 * of the ledger's capture.lock is that of the last pass. */
int capture_run(tally_ledger *ledger, const capture_options *options, capture_result *result,
                tally_error *err);

#endif
