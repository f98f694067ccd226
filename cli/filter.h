/* The filters and the period of a command line, as the ledger's reports take them. */
#ifndef TALLY_CLI_FILTER_H
#define TALLY_CLI_FILTER_H

#include <tally/report.h>

#include "command.h"
#include "format/json_out.h"
#include "open.h"

/* Spans borrow the command line. TALLY_EINVAL for a period, amount or date that cannot be meant.
 * With --client the reading takes on that client's time zone, if it has one; without, it loads
 * those of all clients that have another than the team's, and the filter borrows them. */
int cli_filter_read(const cli *run, cli_reading *reading, tally_filter *out, tally_error *err);

/* Lists what passes the command line's filters, by one of the two; the exit code. */
typedef int cli_list_fn(cli *run, const cli_reading *reading, const tally_filter *filter,
                        tally_error *err);
int cli_list(cli *run, cli_list_fn *json, cli_list_fn *table);

/* Says that no WHAT match, and names a client that the team has not set. */
void cli_no_match_say(const cli_reading *reading, const tally_filter *filter, const char *what);

/* "period": {"label","from","to"}: instants (to is exclusive), null where open. */
void cli_period_json(cli_json *json, const cli *run, const tally_filter *filter);

#endif
