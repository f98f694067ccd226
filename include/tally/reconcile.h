/* Reconciling: what was recorded of a provider's usage, at list price, against the provider's own
 * bill, by day and model. What stands on one side only is a row as well. */
#ifndef TALLY_RECONCILE_H
#define TALLY_RECONCILE_H

#include <tally/plan.h>

/* One line of a bill. An empty model: the bill does not say. */
typedef struct tally_bill_line {
    int64_t day; /* since 1970-01-01, UTC: how providers cut theirs */
    tally_span model;
    int64_t pico; /* of TALLY_COST_CURRENCY; below zero: a credit */
} tally_bill_line;

typedef struct tally_reconcile_ask {
    tally_span provider, member; /* member: empty for everybody */
    int64_t first_day, end_day;  /* UTC days */
    const tally_bill_line *lines;
    size_t line_count;
} tally_reconcile_ask;

typedef struct tally_reconcile_row {
    int64_t day;
    tally_span model; /* as recorded, else as billed; empty where only days are compared */
    uint64_t requests, unpriced_requests;
    tally_i128 recorded, billed; /* pico-units */
    bool on_bill;                /* some line of the bill is of it */
} tally_reconcile_row;

/* Models are the same when their canonical names are (price.h). When no line names a model, days
 * alone are compared. Lines of other days are counted apart. Spans live as long as the transaction
 * and the lines. Free with tally_reconciliation_free. */
typedef struct tally_reconciliation tally_reconciliation;
int tally_reconcile(tally_txn *txn, const tally_reconcile_ask *ask, tally_reconciliation **out,
                    tally_error *err);
void tally_reconciliation_free(tally_reconciliation *reconciliation);
size_t tally_reconciliation_count(const tally_reconciliation *reconciliation);
/* By day, then by model. */
const tally_reconcile_row *tally_reconciliation_at(const tally_reconciliation *reconciliation,
                                                   size_t i);
/* Sums of all rows; day and model are empty. */
const tally_reconcile_row *tally_reconciliation_total(const tally_reconciliation *reconciliation);
/* Lines of the bill on other days. */
uint64_t tally_reconciliation_outside(const tally_reconciliation *reconciliation, tally_i128 *pico);

#endif
