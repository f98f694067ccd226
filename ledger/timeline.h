/* Timelines: from the events of sessions to intervals, and intervals shared between sessions. Pure
 * arithmetic on times; where events come from is engaged.c. Private to ledger/. */
#ifndef LEDGER_TIMELINE_H
#define LEDGER_TIMELINE_H

#include <tally/engaged.h>

typedef struct interval {
    int64_t start_ms, end_ms;
} interval;

typedef struct interval_list {
    interval *items; /* ascending, disjoint */
    size_t count, room;
} interval_list;

typedef struct timeline_event {
    int64_t start_ms, end_ms;
    bool human;
} timeline_event;

/* Appends, joined with the last item where they touch. -1 when memory ran out. */
int interval_add(interval_list *list, int64_t start_ms, int64_t end_ms);

/* What follows from one session's events (sorted here, in place): `engaged` while a person was
 * there, `agent` while the agent worked. Both lists start empty and are the caller's to free. -1
 * when memory ran out. */
int timeline_intervals(timeline_event *events, size_t count, const tally_engaged_policy *policy,
                       interval_list *engaged, interval_list *agent);

/* One of the sessions that share a member's time. `humans` are its human events, ascending (for
 * focus). */
typedef struct timeline_session {
    interval_list engaged;
    const int64_t *humans;
    size_t human_count;
} timeline_session;

/* A stretch in which nothing begins or ends, and the part that one session has in it: the
 * milliseconds t with t mod `sharing` == `place`. */
typedef struct timeline_share {
    size_t session; /* index */
    int64_t start_ms, end_ms;
    uint32_t place, sharing;
} timeline_share;

/* Calls `fn` for each stretch and each session that has a part in it. Sessions must stand in an
 * order that all peers agree on. -1 when memory ran out. */
typedef int timeline_share_fn(void *ctx, const timeline_share *share);
int timeline_share_each(const timeline_session *sessions, size_t count, tally_overlap overlap,
                        timeline_share_fn *fn, void *ctx);

#endif
