/* Recording a batch: turns what was observed into records, inside one write transaction. Everything
 * is checked against the ledger first, so that reading a log again adds nothing. */
#ifndef CAPTURE_RECORD_EVENTS_H
#define CAPTURE_RECORD_EVENTS_H

#include "batch.h"

#define CAPTURE_ACTIVITY_MAX_ITEMS 1000u /* in one record */

/* Local setting "titles.from_prompts": "yes" allows titles taken from what people typed. */
#define CAPTURE_SETTING_PROMPT_TITLES "titles.from_prompts"

typedef struct capture_counts {
    uint64_t sessions, costs, activity;
} capture_counts;

typedef struct capture_recorder {
    bool dry_run;
    bool unsettled; /* the last attempt is not known to be committed */
    tally_writer *writer;
    capture_counts counts; /* of the last attempt */
    capture_idmap models;  /* whose shipped prices were looked at */
    capture_idmap seen;    /* dry run: what would have been recorded by now */
    capture_arena scratch; /* of one step */
    uint8_t value[8];      /* dry run: holds what record_alias_get returns */
} capture_recorder;

int capture_recorder_init(capture_recorder *recorder, bool dry_run, tally_error *err);
void capture_recorder_clear(capture_recorder *recorder);

/* Records a sealed batch and its cursors; a dry run only counts. Safe to run again from the start
 * when the transaction was thrown away. */
int capture_record(capture_recorder *recorder, tally_txn *txn, const capture_batch *batch,
                   tally_error *err);
/* The last attempt was committed. */
void capture_recorder_settle(capture_recorder *recorder);

/* The parts, each in a file of its own. */
int record_session(capture_recorder *recorder, tally_txn *txn, const batch_session *session,
                   tally_error *err);
int record_cost(capture_recorder *recorder, tally_txn *txn, const batch_cost *cost,
                tally_error *err);
int record_activity(capture_recorder *recorder, tally_txn *txn, const batch_session *session,
                    tally_error *err);

/* Local notes under a hashed key: 0, TALLY_ENOTFOUND or an error. A dry run keeps the first 8 bytes
 * in memory. */
int record_alias_get(capture_recorder *recorder, tally_txn *txn, const uint8_t id[CAPTURE_ID_BYTES],
                     tally_span *out);
int record_alias_put(capture_recorder *recorder, tally_txn *txn, const uint8_t id[CAPTURE_ID_BYTES],
                     tally_span value, tally_error *err);
/* SHA-256 of the parts with a zero byte between them, cut to 16 bytes. */
void record_alias_id(const tally_span *parts, size_t count, uint8_t id[CAPTURE_ID_BYTES]);

#endif
