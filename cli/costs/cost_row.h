/* The shape of a cost and of sums in JSON, shared by the commands that print them. */
#ifndef TALLY_CLI_COST_ROW_H
#define TALLY_CLI_COST_ROW_H

#include <tally/report.h>

#include "format/json_out.h"
#include "format/table_out.h"
#include "open.h"

/* One API response as an object; the fields of a cost row. */
void cli_cost_json(cli_json *json, const cli_reading *reading, const tally_cost_facts *facts);

/* Fields of `sums` inside the object that is open: sessions, requests, tokens, total_cost,
 * unpriced_requests, hours. The cost is null when requests were made and none has a price: unpriced
 * is not zero. */
void cli_sums_json(cli_json *json, const tally_sums *sums);
/* True when there is a figure to show. */
bool cli_sums_priced(const tally_sums *sums);
/* Cells of a total or a row: the cost, then how many requests are unpriced. */
void cli_sums_cost_cells(cli_table *table, const tally_sums *sums, cli_tone tone);

/* engaged_hours and agent_hours; null where time cannot be told apart. */
void cli_hours_json(cli_json *json, const tally_sums *sums);
/* Milliseconds as hours in pico-units, cut below one. */
tally_i128 cli_hours_pico(uint64_t ms);
/* Hours as an exact decimal text. */
void cli_hours_value_json(cli_json *json, const char *key, uint64_t ms);
/* Two cells: engaged and agent hours. */
void cli_hours_cells(cli_table *table, const tally_sums *sums, cli_tone tone);

/* Sums over all costs that pass the filter. */
int cli_total(const cli_reading *reading, const tally_filter *filter, tally_sums *out,
              tally_error *err);

#endif
