/* What the list of sessions and the view of one session share. */
#ifndef TALLY_CLI_SESSIONS_H
#define TALLY_CLI_SESSIONS_H

#include "costs/cost_row.h"

#define CLI_SESSION_SHORT_BYTES                                                                    \
    13u /* of an id in tables: enough to be unique for `sessions show` */

/* Models by agent and session, for cli_session_fields_json. Free with tally_report_free. */
int cli_session_models_open(const cli_reading *reading, const tally_filter *filter,
                            tally_report **out, tally_error *err);
/* The fields of one session into the object that is open. */
void cli_session_fields_json(cli_json *json, const cli_reading *reading,
                             const tally_session_row *row, const tally_report *models);
/* Whether the session's title was taken away; it then reads so. */
#define CLI_TITLE_REDACTED "(redacted)"
bool cli_title_redacted(const cli_reading *reading, const tally_session_row *row);

/* The session whose id is `text`, or begins with it and no other does. `out` lives as long as the
 * transaction. TALLY_ENOTFOUND; TALLY_EINVAL when several begin so. */
int cli_session_find(tally_txn *txn, const char *text, tally_agent_session *out, tally_error *err);

#endif
