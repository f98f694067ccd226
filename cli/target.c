/* Finds the session, the cost or the manual time that a person means. */
#include "target.h"

#include <string.h>

#include <tally/work.h>

#include "sessions.h"

static bool entry_read(const char *text, tally_entry_id *out) {
    tally_span hex = tally_span_str(text);
    return hex.len == 2 * sizeof out->b && tally_unhex(hex, out->b, sizeof out->b) == 0;
}

static bool entry_there(tally_txn *txn, const char *text, tally_entry_id *out) {
    tally_cost cost;
    if (entry_read(text, out) && tally_cost_get(txn, out, &cost, NULL) == 0) return true;
    return tally_time_find(txn, tally_span_str(text), out) == 0;
}

int cli_entry_find(tally_txn *txn, const char *text, tally_entry_id *out, tally_error *err) {
    tally_entry_id whole;
    if (entry_there(txn, text, out)) return 0;
    if (entry_read(text, &whole))
        return tally_fail(err, TALLY_ENOTFOUND,
                          "there is no entry %s; 'tally costs list --json' and 'tally time list' "
                          "show them",
                          text);
    return tally_fail(err, TALLY_EINVAL,
                      "'%s' is no entry id (of a cost 32 hexadecimal digits, of manual time the "
                      "first 8 or more); 'tally costs list --json' and 'tally time list' show them",
                      text);
}

int cli_target_find(tally_txn *txn, const char *text, cli_target *out, tally_error *err) {
    tally_agent_session session;
    *out = (cli_target){.is_entry = false};
    if (entry_there(txn, text, &out->entry)) {
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
