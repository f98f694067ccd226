/* Clients and projects by name: looked up, and doubted aloud. */
#include "clients.h"

#include "command.h"

bool cli_project_client(tally_txn *txn, tally_span project, tally_span *client) {
    tally_policy_row row;
    return project.len > 0 && tally_policy_get(txn, TALLY_POLICY_PROJECT, &project, 1, &row) == 0 &&
           tally_body_str(&row.record, "client", client);
}

void cli_names_note(tally_txn *txn, tally_span client, tally_span project) {
    tally_policy_row row;
    tally_span owner = {0};
    if (client.len > 0 && tally_policy_get(txn, TALLY_POLICY_CLIENT, &client, 1, &row) != 0)
        cli_say("new client '%.*s': 'tally client set' gives it a title, a time zone, a currency",
                (int)client.len, (const char *)client.ptr);
    if (client.len > 0 && cli_project_client(txn, project, &owner) && !tally_span_eq(owner, client))
        cli_say("note: 'tally project list' has project '%.*s' under client '%.*s'",
                (int)project.len, (const char *)project.ptr, (int)owner.len,
                (const char *)owner.ptr);
}
