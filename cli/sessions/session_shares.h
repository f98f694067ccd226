/* How one session's cost and minutes are shared: between clients, and with other sessions. */
#ifndef TALLY_CLI_SESSION_SHARES_H
#define TALLY_CLI_SESSION_SHARES_H

#include "costs/cost_row.h"

/* "shares": client, project and sums of each part of the session. The text has lines only where
 * there are several parts. */
int cli_session_shares_json(cli_json *json, const cli_reading *reading,
                            const tally_session_row *row, tally_error *err);
int cli_session_shares_text(FILE *out, const cli_reading *reading, const tally_session_row *row,
                            tally_error *err);

/* "overlap": the policy, the session's engaged hours before sharing, and what else its member was
 * engaged in at the same time. */
int cli_session_overlap_json(cli_json *json, const cli_reading *reading,
                             const tally_session_row *row, tally_error *err);
int cli_session_overlap_text(FILE *out, const cli_reading *reading, const tally_session_row *row,
                             tally_error *err);

#endif
