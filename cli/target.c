/* Finds the session or the cost that a person means. */
#include "target.h"

#include <string.h>

#include "sessions.h"

static bool entry_read(const char *text, tally_entry_id *out) {
    tally_span hex = tally_span_str(text);
    return hex.len == 2 * sizeof out->b && tally_unhex(hex, out->b, sizeof out->b) == 0;
}

int cli_entry_find(tally_txn *txn, const char *text, tally_entry_id *out, tally_error *err) {
    if (!entry_read(text, out))
        return tally_fail(err, TALLY_EINVAL,
                          "'%s' is no entry id (32 hexadecimal digits); 'tally costs list --json' "
                          "and 'tally expense list' show them",
                          text);
    if (tally_entry_kind_of(txn, out) == TALLY_ENTRY_NONE)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "there is no entry %s; 'tally costs list --json' and 'tally expense "
                          "list' show them",
                          text);
    return 0;
}

int cli_target_find(tally_txn *txn, const char *text, cli_target *out, tally_error *err) {
    tally_agent_session session;
    *out = (cli_target){.is_entry = false};
    if (entry_read(text, &out->entry) &&
        tally_entry_kind_of(txn, &out->entry) != TALLY_ENTRY_NONE) {
        out->is_entry = true;
        memcpy(out->bytes, out->entry.b, sizeof out->bytes);
        return 0;
    }
    int code = cli_session_find(txn, text, &session, err);
    if (code) return code;
    out->agent = session.agent;
    out->session = session.id;
    tally_put_be64(out->bytes, session.ref);
    return 0;
}

void cli_target_json(cli_json *json, const cli_target *target) {
    if (target->is_entry) {
        cli_json_hex(json, "entry", tally_span_of(target->entry.b, sizeof target->entry.b));
        return;
    }
    cli_json_text(json, "agent", target->agent);
    cli_json_text(json, "session", target->session);
}
