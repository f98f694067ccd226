/* Clients and projects by the names that people type. */
#ifndef TALLY_CLI_CLIENTS_H
#define TALLY_CLI_CLIENTS_H

#include <tally/policy.h>

/* The client that the table of projects names for `project`; false when it has no row. The span
 * lives as long as the transaction writes nothing. */
bool cli_project_client(tally_txn *txn, tally_span project, tally_span *client);

/* Words on stderr where names look like a slip: a client without a row, a project of somebody
 * else. Either may be empty. */
void cli_names_note(tally_txn *txn, tally_span client, tally_span project);

#endif
