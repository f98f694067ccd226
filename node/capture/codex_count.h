/* Which token_count events and usage records of one rollout are spend (agent-logs 4.3). */
#ifndef TALLY_CAPTURE_CODEX_COUNT_H
#define TALLY_CAPTURE_CODEX_COUNT_H

#include "codex_usage.h"
#include "recent.h"

#define CODEX_SEEN_MAX    4096u /* total vectors and response ids remembered in a file */
#define CODEX_PENDING_MAX 8u /* usage records whose event has not come yet, and events likewise */

/* A token_count event: the thread's counters so far and those of its last response; either may be
 * absent. */
typedef struct codex_event {
    bool has_total, has_last;
    codex_vector total, last;
} codex_event;

/* What an event spent before any record of it came. */
typedef struct codex_unclaimed {
    codex_vector usage;
    uint64_t turns; /* turns begun when it was written */
} codex_unclaimed;

typedef struct codex_counter {
    bool has_previous, has_last;
    codex_vector previous, last; /* of the event before */
    codex_vector pending[CODEX_PENDING_MAX];
    size_t pending_count;
    codex_unclaimed unclaimed[CODEX_PENDING_MAX];
    size_t unclaimed_count;
    capture_recent seen;
} codex_counter;

void codex_counter_init(codex_counter *counter);
void codex_counter_clear(codex_counter *counter);

/* 1 and an event; 0 when there is none (`info` is null); TALLY_EFORMAT with `why` for what cannot
 * be counted. */
int codex_event_read(const tally_json *info, codex_event *out, const char **why);
/* Gives an event without totals those that follow from the events before it. */
void codex_counter_complete(const codex_counter *counter, codex_event *event);
/* True when nothing was spent since the event before. */
bool codex_counter_is_repeat(const codex_counter *counter, const codex_event *event);

/* Passes over an event that belongs to somebody else, or is no spend. 0 or TALLY_ENOMEM. */
int codex_counter_pass(codex_counter *counter, const codex_event *event, tally_error *err);
/* Decides about an event of this thread, written when `turns` had begun: 1 and what was spent, 0
 * for nothing (then `why` may say what is wrong), TALLY_ENOMEM. */
int codex_counter_spend(codex_counter *counter, const codex_event *event, uint64_t turns,
                        codex_vector *spent, const char **why, tally_error *err);

/* True when an event spent the record's usage before the record came; the event has its record
 * then. Not so an event that is older than the record's turn (the `turn`th; 0: not known), nor any
 * when `thread_usage`, the thread's counters with this response, proves the response a new one. */
bool codex_counter_claim(codex_counter *counter, const codex_vector *usage,
                         const codex_vector *thread_usage, uint64_t turn);
/* A usage record was read: the event that repeats it is its twin. */
void codex_counter_expect_twin(codex_counter *counter, const codex_vector *usage);
/* 1 the first time that this file names the response, 0 later, TALLY_ENOMEM. */
int codex_counter_is_first(codex_counter *counter, tally_span response, tally_error *err);

/* What the next pass needs; the seen set, newest first, fills what room is left: pack it last. */
void codex_counter_pack(const codex_counter *counter, capture_packer *packer);
void codex_counter_unpack(codex_counter *counter, capture_unpacker *unpacker);

#endif
