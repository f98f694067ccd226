/* A reconciled bill as it is shown. */
#ifndef TALLY_CLI_RECONCILE_OUT_H
#define TALLY_CLI_RECONCILE_OUT_H

#include <tally/reconcile.h>
#include <tally/report.h>

#include "filter.h"

typedef struct cli_reconciled {
    tally_span provider;
    tally_filter filter; /* its period; the plans below */
    bool whole_month;
    bool by_lines;     /* the bill came line by line; else its sum alone is known */
    bool apply;        /* it is about to be recorded */
    tally_i128 billed; /* pico-units of TALLY_COST_CURRENCY */
    tally_reconciliation *compared;
    tally_plans *plans;   /* the bill shared out; NULL where it is not */
    tally_report *report; /* and that by client */
} cli_reconciled;

/* TALLY_ENOMEM. */
int cli_reconciled_print(cli *run, const cli_reconciled *shown, tally_error *err);

#endif
