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

/* What counts: costs of the agent (its name or first part), with the tag, and of those that were
 * split the shares of the client and project; as the filters of report.h have it, so that a report
 * of the same period and filters gives the same sum. */
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
    tally_i128 share;  /* of the limit that is spent, in hundredths of a percent, rounded to zero */
    int64_t days_left; /* of the period, today included */
} tally_budget;
typedef int tally_budget_fn(void *ctx, const tally_budget *budget, tally_error *err);

/* Work that is about to be done, whose budgets are asked for. */
typedef struct tally_budget_asked {
    tally_attributable what; /* rules and tags decide client and project ... */
    uint64_t session;        /* ... or a person's decision on this session, 0: none yet. What the
                                ledger knows of it stands in where `what` is silent; tags add up. */
} tally_budget_asked;

/* Calls `fn` for each budget in order of the names; with `asked`, for those alone that this work
 * counts against. Reads the costs of the longest period once. A result of `fn` other than 0 stops
 * and is returned. Spans live as long as the transaction.
 *
 * The forecast is spent + spent x left / elapsed, rounded down, where elapsed is at least a tenth
 * of the period: in the first minutes of a month nobody is told that it will cost a thousand times
 * as much, but at most eleven times. What is not above zero is its own forecast. */
int tally_budgets_each(tally_txn *txn, const tally_zone *zone, int64_t now_ms,
                       const tally_budget_asked *asked, tally_budget_fn *fn, void *ctx,
                       tally_error *err);

/* The zone of that IANA name, which must live until the call that asks for it returns. */
typedef int tally_budget_zone_fn(void *ctx, tally_span name, const tally_zone **out,
                                 tally_error *err);
typedef struct tally_budget_zones {
    const tally_zone *team;
    tally_budget_zone_fn *of_name; /* NULL: all periods are cut in the team's zone */
    void *ctx;
} tally_budget_zones;

/* The same with a client's budget cut in the client's own zone, where it has one. */
int tally_budgets_each_zoned(tally_txn *txn, const tally_budget_zones *zones, int64_t now_ms,
                             const tally_budget_asked *asked, tally_budget_fn *fn, void *ctx,
                             tally_error *err);

#endif
