/* A batch: what was observed in some files, gathered in memory until one write transaction records
 * it together with the cursors of those files. The write only reads it. */
#ifndef CAPTURE_BATCH_H
#define CAPTURE_BATCH_H

#include "adapter.h"
#include "arena.h"
#include "idmap.h"

#include <tally/view.h>

#define CAPTURE_BATCH_MAX_COSTS 3000u                /* about one commit */
#define CAPTURE_BATCH_MAX_BYTES (2u * 1024u * 1024u) /* in memory; two batches are under way */
#define CAPTURE_RUN_GAP_MS      (60 * 1000)          /* agent events this close are one run */

typedef struct batch_alias {
    uint8_t id[CAPTURE_ID_BYTES]; /* key in TALLY_LOCAL_ALIASES */
    bool known;                   /* the event had an id of its own */
} batch_alias;

typedef struct batch_human {
    int64_t ms;
    batch_alias alias;
} batch_human;

typedef struct batch_run {
    int64_t start_ms, end_ms;
    batch_alias alias; /* of its first event that has an id */
} batch_run;

typedef struct batch_session {
    const char *agent;
    tally_span id;
    uint64_t hash, ref; /* ref: tally_session_ref */
    bool described;
    capture_session seen; /* what its files said in this batch, merged */
    batch_human *human;
    size_t human_count, human_cap;
    batch_run *runs;
    size_t run_count, run_cap;
    size_t open_run;            /* the run that was last added to */
    struct batch_session *next; /* in order of appearance */
} batch_session;

typedef struct batch_cost {
    batch_session *session;
    tally_entry_id id;
    capture_cost seen;
} batch_cost;

typedef struct batch_cursor {
    uint8_t key[CAPTURE_ID_BYTES];
    tally_span value;
} batch_cursor;

typedef struct capture_batch {
    capture_arena arena;
    batch_session *first, *last;
    batch_session **table; /* open addressing by hash */
    size_t session_count, table_cap;
    batch_session *recent;
    batch_cost *costs; /* kept over a reset, like the table */
    size_t cost_count, cost_cap;
    batch_cursor *cursors;
    size_t cursor_count, cursor_cap;
    size_t max_costs, max_bytes;
} capture_batch;

/* All return 0 or TALLY_ENOMEM; what they are given is copied. */
int capture_batch_session(capture_batch *batch, const char *agent, const capture_session *seen,
                          tally_error *err);
int capture_batch_cost(capture_batch *batch, const char *agent, const capture_cost *seen,
                       tally_error *err);
int capture_batch_activity(capture_batch *batch, const char *agent, const capture_activity *seen,
                           tally_error *err);
int capture_batch_cursor(capture_batch *batch, const uint8_t key[CAPTURE_ID_BYTES],
                         tally_span value, tally_error *err);

bool capture_batch_is_empty(const capture_batch *batch);
bool capture_batch_is_full(const capture_batch *batch);
/* Sorts events and merges runs, so that the batch can be recorded. */
void capture_batch_seal(capture_batch *batch);
/* Empties it and keeps its memory. */
void capture_batch_reset(capture_batch *batch);
void capture_batch_clear(capture_batch *batch);

/* Sorts runs by start and joins those at most CAPTURE_RUN_GAP_MS apart; returns how many are left.
 */
size_t capture_runs_join(batch_run *runs, size_t count);

#endif
