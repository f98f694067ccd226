/* Plans: what was paid where people pay a flat fee. A month's fee is shared over that month's usage
 * of the plan's provider in proportion to list price, one response at a time, so that the shares
 * add up to the fee to the last pico-unit however they are grouped. What no plan covers has no such
 * figure: nothing is guessed. */
#ifndef TALLY_PLAN_H
#define TALLY_PLAN_H

#include <tally/policy.h>
#include <tally/time.h>
#include <tally/view.h>

typedef struct tally_plans tally_plans;

/* Reads the plans, and all costs of the months that `period` (NULL: all there is) touches in
 * `zone`, the team's; valid as long as the transaction and free of what reports filter. A fee in
 * another currency than TALLY_COST_CURRENCY is converted at the last rate dated within its month or
 * before: TALLY_ENOTFOUND, with the day and the currencies, without one. Free with
 * tally_plans_free. */
int tally_plans_new(tally_txn *txn, const tally_zone *zone, const tally_period *period,
                    tally_plans **out, tally_error *err);
void tally_plans_free(tally_plans *plans);

/* What of the fees falls on a cost of these months, in pico-units of TALLY_COST_CURRENCY. False
 * when no plan covers it: of another provider, member or month, or without a list price. */
bool tally_plans_paid(const tally_plans *plans, const tally_cost *cost, int64_t *pico);

/* One month of one plan. Listed when something was used; a month that was asked for alone also
 * when nothing was. */
typedef struct tally_plan_month {
    tally_span plan, currency;
    int64_t first_day; /* days since 1970-01-01 */
    int64_t fee;       /* pico-units of `currency` */
    int64_t pico;      /* the same in TALLY_COST_CURRENCY; 0 while `requests` is 0 */
    uint64_t requests; /* that the fee is shared over; 0: it stands in no report */
} tally_plan_month;
size_t tally_plans_count(const tally_plans *plans);
const tally_plan_month *tally_plans_at(const tally_plans *plans, size_t i); /* by month */

/* True when usage by `agent` of `model` (its raw name) is the provider's: the agent's name or its
 * first part, the word before the model's first slash, or the maker of a model named without one.
 * Whatever the case of letters. */
bool tally_plan_covers(tally_span provider, tally_span agent, tally_span model);

#endif
