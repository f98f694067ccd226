/* Engaged time: how long a person was at work in a session, and how long the agent was, from the
 * times of events. Policy, not fact: changing it changes no record. */
#ifndef TALLY_ENGAGED_H
#define TALLY_ENGAGED_H

#include <tally/time.h>
#include <tally/view.h>

/* How a minute is counted in which one member is engaged in several sessions. */
typedef enum tally_overlap {
    TALLY_OVERLAP_SPLIT, /* shared equally; a member's engaged time never exceeds the wall clock */
    TALLY_OVERLAP_FOCUS, /* given to the engaged session with the latest human event, of equal ones
                            to the smallest reference; likewise */
    TALLY_OVERLAP_PARALLEL /* counted in each */
} tally_overlap;

typedef struct tally_engaged_policy {
    int64_t idle_ms;       /* longer gaps between events do not count */
    int64_t unattended_ms; /* after the last human event, what the agent does is agent time only */
    tally_overlap overlap;
} tally_engaged_policy;

#define TALLY_ENGAGED_POLICY_DEFAULT                                                               \
    ((tally_engaged_policy){10 * 60 * 1000, 15 * 60 * 1000, TALLY_OVERLAP_SPLIT})

/* The team's policy (engaged.set, PROTOCOL.md section 7); what it leaves open is the default. */
void tally_engaged_policy_get(tally_txn *txn, tally_engaged_policy *out);
/* "split", "focus", "parallel". */
const char *tally_overlap_name(tally_overlap overlap);

/* A piece of one session's time: how much of [start_ms, end_ms) counts as engaged (this session's
 * share) and as agent time, in milliseconds. Pieces of one session may lie in any order. A piece is
 * of one kind; of engaged time the milliseconds t with t mod `sharing` == `place` are the
 * session's. */
typedef struct tally_engaged {
    uint64_t session;
    uint32_t feed; /* of the session's last description; TALLY_ENGAGED_NOBODY without one */
    int64_t start_ms, end_ms;
    int64_t engaged_ms, agent_ms;
    uint32_t place, sharing;
} tally_engaged;
#define TALLY_ENGAGED_NOBODY UINT32_MAX
typedef int tally_engaged_fn(void *ctx, const tally_engaged *piece);

/* Calls `fn` for every piece within [start_ms, end_ms). With a zone pieces are cut where its days
 * begin. Sharing looks at all sessions of a member, whatever the caller keeps. Every millisecond is
 * shared by itself: cutting a period or a piece anywhere changes no sum. A non-zero result of `fn`
 * stops and is returned. */
int tally_engaged_each(tally_txn *txn, const tally_engaged_policy *policy, int64_t start_ms,
                       int64_t end_ms, const tally_zone *zone, tally_engaged_fn *fn, void *ctx,
                       tally_error *err);

/* The part of a piece that lies in [start_ms, end_ms), which overlaps it. */
void tally_engaged_cut(const tally_engaged *piece, int64_t start_ms, int64_t end_ms,
                       tally_engaged *out);
/* The part that parts `below` to `below + parts` of `total` have in it, when a session is split:
 * the milliseconds are cut, and all parts together are the piece exactly, wherever it was cut. */
void tally_engaged_divide(const tally_engaged *piece, uint64_t below, uint64_t parts,
                          uint64_t total, tally_engaged *out);

/* Another session in which the member was engaged at the same time, for how long, and what of that
 * time the policy counts in either. */
typedef struct tally_overlapping {
    uint64_t session;
    int64_t ms;
    int64_t here_ms, there_ms;
} tally_overlapping;
typedef int tally_overlapping_fn(void *ctx, const tally_overlapping *overlap);

/* What a session shared its engaged time with in [start_ms, end_ms), longest first; `*engaged_ms`
 * gets its engaged time before sharing. `fn` as above. */
int tally_overlaps_each(tally_txn *txn, const tally_engaged_policy *policy, uint64_t session,
                        int64_t start_ms, int64_t end_ms, int64_t *engaged_ms,
                        tally_overlapping_fn *fn, void *ctx, tally_error *err);

#endif
