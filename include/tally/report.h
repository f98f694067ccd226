/* Reports: costs filtered, attributed and summed by any combination of keys. Pure: a transaction
 * and options go in, rows come out; printing is the CLI's. */
#ifndef TALLY_REPORT_H
#define TALLY_REPORT_H

#include <tally/attribution.h>
#include <tally/engaged.h>
#include <tally/plan.h>
#include <tally/time.h>
#include <tally/view.h>

typedef enum tally_report_key {
    TALLY_BY_CLIENT,
    TALLY_BY_PROJECT,
    TALLY_BY_BRANCH,
    TALLY_BY_TAG,
    TALLY_BY_AGENT,
    TALLY_BY_MODEL,
    TALLY_BY_MEMBER,
    TALLY_BY_DEVICE,
    TALLY_BY_DAY,
    TALLY_BY_WEEK,
    TALLY_BY_MONTH,
    TALLY_BY_SESSION
} tally_report_key;
#define TALLY_REPORT_MAX_KEYS   6u
#define TALLY_FILTER_MAX_VALUES 16u

/* A client whose days are cut by its own clock. */
typedef struct tally_client_zone {
    tally_span client;
    const tally_zone *zone;
} tally_client_zone;

/* Empty spans and zero counts do not filter. Texts compare exactly; `path` matches that directory
 * and everything below; `model` and `agent` match the raw name, the canonical name, or a prefix of
 * the agent name ("claude"). */
typedef struct tally_filter {
    tally_period period;
    bool has_period;
    tally_span project, client, tag, agent, model, member, device, path, branch, session;
    bool has_min_cost, has_max_cost;
    tally_i128 min_cost,
        max_cost; /* pico-units; of one cost, or of a session where sessions are listed */
    bool unpriced, unattributed;
    const tally_plans *plans; /* sums say what was paid, too; NULL: nobody asks */
    /* Clients with a zone of their own, by name, ascending. What is such a client's lies in the
     * period when it lies between these local days of its own. */
    const tally_client_zone *zones;
    size_t zone_count;
} tally_filter;
/* The instants that the period can hold, in whatever zone: [start_ms, end_ms). */
void tally_filter_window(const tally_filter *filter, int64_t *start_ms, int64_t *end_ms);

typedef struct tally_sums {
    uint64_t sessions, requests, unpriced_requests;
    uint64_t input, output, reasoning, cache_read, cache_write_5m, cache_write_1h;
    tally_i128 pico;               /* of the priced ones, at list price */
    tally_i128 paid_pico;          /* of the plans' fees and bills; 0 without plans */
    tally_i128 covered_pico;       /* at list price, what paid_pico was paid for */
    uint64_t unpaid_requests;      /* that no plan covers; all of them without plans */
    uint64_t engaged_ms, agent_ms; /* engaged.h, and manual time as engaged; 0 where has_time is
                                      false */
    uint64_t time_entries;         /* of manual time (work.h) in engaged_ms */
    bool has_time; /* false where time cannot be told apart: by model, or filtered by cost or model
                    */
} tally_sums;

/* What a cost, or a share of one that was split, is attributed to. Tokens and price are those of
 * the share. Spans live as long as the transaction. */
typedef struct tally_cost_facts {
    const tally_cost *cost;
    const tally_agent_session *session; /* never NULL; empty spans when unknown */
    tally_priced priced;
    tally_span model;
    tally_whose whose; /* project: the directory where none is named; member and device: who
                          described the session last; without that, who recorded it */
} tally_cost_facts;

/* Calls `fn` for every cost that passes, in time order. */
typedef int tally_facts_fn(void *ctx, const tally_cost_facts *facts, tally_error *err);
int tally_costs_filter(tally_txn *txn, const tally_filter *filter, tally_facts_fn *fn, void *ctx,
                       tally_error *err);

typedef struct tally_report_row {
    tally_span keys[TALLY_REPORT_MAX_KEYS]; /* text of each key; empty: none ("unattributed") */
    tally_sums sums;
} tally_report_row;

/* A cost with several tags counts once under each when TALLY_BY_TAG is asked for; the total counts
 * it once. A cost that was split counts under each share with that share of its tokens and price,
 * and as one request under each; the total counts one request. */
typedef struct tally_report tally_report;
/* Days, weeks and months are those of a row's client, where the filter has its zone, else those of
 * `zone`. So what is a client's stands in the same rows whether it is asked for alone or not.
 * Engaged time follows the team's policy; manual time is added to it. */
int tally_report_run(tally_txn *txn, const tally_filter *filter, const tally_report_key *keys,
                     size_t key_count, const tally_zone *zone, tally_report **out,
                     tally_error *err);
size_t tally_report_count(const tally_report *report);
const tally_report_row *tally_report_at(const tally_report *report, size_t i); /* keys ascending */
const tally_sums *tally_report_total(const tally_report *report);
void tally_report_free(tally_report *report);

/* Two rules of equal rank that disagree, and what of a report or ledger hangs on it. */
typedef struct tally_conflict {
    tally_span rule, other;
    uint64_t sessions, requests;
    tally_i128 pico; /* of the priced ones */
} tally_conflict;
/* Conflicts met in a report, by the rules' names. */
size_t tally_report_conflict_count(const tally_report *report);
const tally_conflict *tally_report_conflict_at(const tally_report *report, size_t i);

/* How many sessions there are in all, how many of them nothing attributes, and on how many of these
 * rules conflict. `fn` is called for each conflict, with sessions counted only; a result other than
 * 0 stops and is returned. */
typedef struct tally_gaps {
    uint64_t sessions, unattributed, conflicting;
} tally_gaps;
typedef int tally_conflict_fn(void *ctx, const tally_conflict *conflict);
int tally_gaps_count(tally_txn *txn, tally_gaps *out, tally_conflict_fn *fn, void *ctx,
                     tally_error *err);

/* Sessions with their sums and engaged time, newest first. */
typedef struct tally_session_row {
    tally_agent_session session;
    int64_t start_ms, end_ms; /* first and last event or cost in the period */
    uint64_t prompts;         /* human events */
    tally_sums sums;
    tally_attribution said;
    const tally_span *tags;
    size_t tag_count;
    tally_span title; /* blob content; empty when none */
} tally_session_row;
typedef struct tally_session_list tally_session_list;
int tally_sessions_run(tally_txn *txn, const tally_filter *filter, tally_session_list **out,
                       tally_error *err);
size_t tally_sessions_count(const tally_session_list *list);
const tally_session_row *tally_sessions_at(const tally_session_list *list, size_t i);
void tally_sessions_free(tally_session_list *list);

#endif
