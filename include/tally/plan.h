/* Plans and bills: what was paid, as a flat fee or as the provider's own bill of a month says. A
 * month's fee or bill is shared over that month's usage of the provider in proportion to list
 * price, one response at a time, so that the shares add up to it to the last pico-unit however they
 * are grouped. A response that a bill covers bears no plan's fee, unless the bill is of what was
 * charged beyond the plan. What neither covers has no such figure: nothing is guessed. */
#ifndef TALLY_PLAN_H
#define TALLY_PLAN_H

#include <tally/policy.h>
#include <tally/time.h>
#include <tally/view.h>

typedef struct tally_plans tally_plans;

/* Reads the plans and bills, and all costs of the months that `period` (NULL: all there is) touches
 * in `zone`, the team's; valid as long as the transaction and free of what reports filter. A fee in
 * another currency than TALLY_COST_CURRENCY is converted at the last rate dated within its month or
 * before: TALLY_ENOTFOUND, with the day and the currencies, without one. Free with
 * tally_plans_free. */
int tally_plans_new(tally_txn *txn, const tally_zone *zone, const tally_period *period,
                    tally_plans **out, tally_error *err);
void tally_plans_free(tally_plans *plans);

/* A bill that is not recorded (yet). */
typedef struct tally_plan_bill {
    tally_span provider, member; /* member: empty for the team's */
    int64_t first_day;           /* of its month */
    int64_t pico;                /* of TALLY_COST_CURRENCY, above zero */
} tally_plan_bill;
/* What this bill alone would make of its month, whatever plans and bills are recorded. */
int tally_plans_of_bill(tally_txn *txn, const tally_zone *zone, const tally_plan_bill *bill,
                        tally_plans **out, tally_error *err);

/* What of the fees and bills falls on a cost of these months, in pico-units of TALLY_COST_CURRENCY.
 * False when none covers it: of another provider, member or month, or without a list price. */
bool tally_plans_paid(const tally_plans *plans, const tally_cost *cost, int64_t *pico);

/* One month of one plan, or one bill. Listed when something was used; a month that was asked for
 * alone also when nothing was. */
typedef struct tally_plan_month {
    tally_span plan, currency; /* of a bill: the provider */
    bool bill, beyond;         /* it is a bill; of what was charged beyond plans */
    int64_t first_day;         /* days since 1970-01-01 */
    tally_i128 fee;            /* pico-units of `currency` */
    int64_t pico;              /* the same in TALLY_COST_CURRENCY; 0 while `requests` is 0 */
    uint64_t requests;         /* that the fee is shared over; 0: it stands in no report */
} tally_plan_month;
size_t tally_plans_count(const tally_plans *plans);
const tally_plan_month *tally_plans_at(const tally_plans *plans, size_t i); /* by month */

/* True when usage by `agent` of `model` (its raw name) is the provider's: the agent's name or its
 * first part, the word before the model's first slash, or the maker of a model named without one.
 * Whatever the case of letters. */
bool tally_plan_covers(tally_span provider, tally_span agent, tally_span model);

#endif
