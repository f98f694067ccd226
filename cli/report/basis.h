/* The basis of a figure: list prices, what was paid under plans and bills, or both side by side.
 * Every report says its basis; nothing mixes the two. */
#ifndef TALLY_CLI_BASIS_H
#define TALLY_CLI_BASIS_H

#include <tally/plan.h>
#include <tally/report.h>

#include "costs/cost_row.h"

typedef enum cli_basis { CLI_BASIS_LIST, CLI_BASIS_PAID, CLI_BASIS_BOTH } cli_basis;
#define CLI_BASIS_OPTION                                                                           \
    {                                                                                              \
        "basis", "list|paid|both",                                                                 \
            "what a token cost: at list price, or of the plans' fees and the bills"                \
    }
#define CLI_BASIS_COLUMNS_MAX 4u

/* --basis. CLI_DONE, or CLI_USAGE after saying what is wrong. */
int cli_basis_read(const cli *run, cli_basis *out);
/* The plans that the basis asks for, NULL for list prices. Their months are the team's, whatever
 * zone the report is cut in. Free with tally_plans_free. */
int cli_basis_plans(const cli_reading *reading, const tally_filter *filter, cli_basis basis,
                    tally_plans **out, tally_error *err);
/* TALLY_ENOTFOUND when only what was paid is asked for, and nothing says it for any request. */
int cli_basis_check(cli_basis basis, const tally_sums *total, tally_error *err);

/* The same sums with this basis in the place of the list price; with both, the list price stays. */
tally_sums cli_basis_sums(cli_basis basis, const tally_sums *sums);
/* The sums with total_cost on this basis; requests that it has no price for are unpriced. With
 * both, total_cost is list_cost, and paid_cost and unpaid_requests stand beside it. */
void cli_basis_sums_json(cli_json *json, cli_basis basis, const tally_sums *sums);
/* "basis", "plans" and "bills". */
void cli_basis_json(cli_json *json, cli_basis basis, const tally_plans *plans);

/* Columns for what a row cost: how many were put into `out`, and their cells. */
size_t cli_basis_columns(cli_basis basis, cli_column out[CLI_BASIS_COLUMNS_MAX]);
void cli_basis_cells(cli_table *table, cli_basis basis, const tally_sums *sums, cli_tone tone);
/* The lines below a table: the basis, the plans behind it, and what they leave out. */
void cli_basis_text(FILE *out, cli_basis basis, const tally_plans *plans, const tally_sums *total);

#endif
