/* Budgets: what was spent of a limit in its current day, week or month, and what it comes to by the
 * end. Rows are `budget.set` of policy.h; what is spent is derived from costs at list price when it
 * is asked for. */
#ifndef TALLY_BUDGET_H
#define TALLY_BUDGET_H

#include <tally/attribution.h>
#include <tally/money.h>
#include <tally/time.h>

typedef enum tally_budget_level {
    TALLY_BUDGET_FINE,
    TALLY_BUDGET_NOTIFY, /* spent >= notify_at percent of the limit */
    TALLY_BUDGET_STOP    /* spent >= stop_at percent of it */
} tally_budget_level;

typedef struct tally_budget {
    tally_span budget, every;               /* its name; "daily", "weekly", "monthly" */
    tally_span agent, client, project, tag; /* empty: any */
    tally_period period;                    /* the one that `now` lies in, in the zone */
    int64_t limit;                          /* pico-units of TALLY_COST_CURRENCY */
    uint32_t notify_at, stop_at;            /* percent; 0: never */
    tally_i128 spent;                       /* pico-units */
    tally_i128 forecast;                    /* by the period's end, at the pace so far */
    uint64_t unpriced_requests;             /* that `spent` lacks */
    tally_budget_level level;
} tally_budget;
typedef int tally_budget_fn(void *ctx, const tally_budget *budget, tally_error *err);

/* Work that is about to be done, whose budgets are asked for. */
typedef struct tally_budget_asked {
    tally_attributable what; /* rules and tags decide client and project ... */
    uint64_t session;        /* ... or a person's decision on this session, 0: none yet */
} tally_budget_asked;

/* Calls `fn` for each budget in order of the names; with `asked`, for those alone that this work
 * counts against. Reads the costs of the longest period once. A result of `fn` other than 0 stops
 * and is returned. Spans live as long as the transaction. */
int tally_budgets_each(tally_txn *txn, const tally_zone *zone, int64_t now_ms,
                       const tally_budget_asked *asked, tally_budget_fn *fn, void *ctx,
                       tally_error *err);

#endif
