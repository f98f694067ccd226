/* Finds the session or the entry that a person means. */
#include "target.h"

#include <string.h>

#include <tally/expense.h>

#include "sessions/sessions.h"

/* The whole id of any entry, or the beginning of one that was typed. */
static int entry_find(tally_txn *txn, tally_span hex, tally_entry_id *out) {
    uint8_t prefix[TALLY_ENTRY_BYTES];
    size_t len = hex.len / 2;
    if (hex.len % 2 != 0 || len > sizeof prefix || tally_unhex(hex, prefix, len) != 0)
        return TALLY_EINVAL;
    if (len < sizeof prefix) return tally_entry_find_typed(txn, tally_span_of(prefix, len), out);
    memcpy(out->b, prefix, sizeof out->b);
    return tally_entry_kind_of(txn, out) == TALLY_ENTRY_NONE ? TALLY_ENOTFOUND : 0;
}

int cli_entry_find(tally_txn *txn, const char *text, tally_entry_id *out, tally_error *err) {
    tally_span hex = tally_span_str(text);
    int code = hex.len < 2 * TALLY_ENTRY_PREFIX_BYTES ? TALLY_EINVAL : entry_find(txn, hex, out);
    if (code == TALLY_EINVAL)
        return tally_fail(err, code,
                          "'%s' is no entry id (of a cost 32 hexadecimal digits, of what was typed "
                          "the first 8 or more); 'tally costs list --json', 'tally time list' and "
                          "'tally expense list' show them",
                          text);
    if (code == TALLY_EEXIST)
        return tally_fail(err, TALLY_EINVAL, "several entries begin with '%s'; give more of the id",
                          text);
    return code == 0 ? 0
                     : tally_fail(err, TALLY_ENOTFOUND,
                                  "there is no entry %s; 'tally costs list --json', 'tally time "
                                  "list' and 'tally expense list' show them",
                                  text);
}

static void target_entry(cli_target *out) {
    out->is_entry = true;
    memcpy(out->bytes, out->entry.b, sizeof out->bytes);
}

int cli_target_find(tally_txn *txn, const char *text, cli_target *out, tally_error *err) {
    tally_agent_session session;
    tally_span hex = tally_span_str(text);
    *out = (cli_target){.is_entry = false};
    if (hex.len == 2 * TALLY_ENTRY_BYTES && entry_find(txn, hex, &out->entry) == 0) {
        target_entry(out);
        return 0;
    }
    int code = cli_session_find(txn, text, &session, err);
    if (code == TALLY_ENOTFOUND && entry_find(txn, hex, &out->entry) == 0) {
        target_entry(out);
        return 0;
    }
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

int cli_record_find(tally_txn *txn, const char *name, uint32_t *feed, uint64_t *index,
                    tally_error *err) {
    tally_entry_id entry;
    tally_cost cost;
    tally_expense expense;
    tally_span text = tally_span_str(name);
    if (text.len == 2 * TALLY_ENTRY_BYTES && tally_unhex(text, entry.b, TALLY_ENTRY_BYTES) == 0 &&
        tally_cost_get(txn, &entry, &cost, index) == 0) {
        *feed = cost.feed;
        return 0;
    }
    if (cli_entry_find(txn, name, &entry, NULL) == 0 &&
        tally_expense_get(txn, &entry, &expense) == 0) {
        *feed = expense.feed;
        *index = expense.index;
        return 0;
    }
    int code = tally_record_find(txn, text, feed, index, err);
    if (code == TALLY_ENOTFOUND)
        return tally_fail(
            err, code,
            "no record's hash begins with '%s', and no entry has that id; 'tally log' "
            "lists records, 'tally costs list --json' ids",
            name);
    return code;
}
