/* One pass over the logs: what its parts share. The limits are parameters so that tests can make
 * them small. */
#ifndef CAPTURE_PASS_H
#define CAPTURE_PASS_H

#include "capture.h"
#include "pipeline.h"
#include "record_events.h"
#include "sources.h"

#define CAPTURE_AHEAD_FILES 64u

typedef struct capture_tuning {
    size_t window_bytes, line_max_bytes;
    size_t batch_max_costs, batch_max_bytes;
    uint64_t max_commits; /* the pass breaks off after these, as if killed; 0: never */
} capture_tuning;

/* Cursors of the files that are read next: the ledger must not be looked at while it is written. */
typedef struct capture_ahead {
    capture_arena arena;
    tally_span cursor[CAPTURE_AHEAD_FILES]; /* empty: there is none */
    size_t from, count;                     /* work[from] has cursor[0] */
    bool needed;                            /* some file was read before */
} capture_ahead;

/* A pass has two sides, which may be two threads: the caller's reads the logs and fills batches,
 * the pipeline's records them. */
typedef struct capture_pass {
    tally_ledger *ledger;
    const capture_options *options;
    const capture_tuning *tuning;
    capture_result *result;
    int64_t now_ms;
    capture_sources sources;
    capture_source **work; /* files to read, in order */
    size_t work_count;
    capture_ahead ahead;
    capture_reader *reader;
    capture_pipeline pipeline;
    uint64_t bytes_done, bytes_total; /* for progress */

    /* The recording side's; it also counts sessions, costs and activity in `result`. */
    capture_recorder recorder;
    const capture_batch *recording;
    uint64_t commits;
} capture_pass;

/* capture_run with other limits. */
int capture_run_tuned(tally_ledger *ledger, const capture_options *options,
                      const capture_tuning *tuning, capture_result *result, tally_error *err);

/* Tells about something that was passed over, and counts it. */
void capture_pass_report(void *pass, const char *path, uint64_t line, const char *why);
void capture_pass_progress(capture_pass *pass, uint64_t bytes);
/* Reads what is new in one file, which `saved` (its stored cursor, or empty) knows. What is wrong
 * with the file is reported; an error stops the pass. */
int capture_pass_read(capture_pass *pass, const capture_source *source, tally_span saved,
                      tally_error *err);

#endif
