/* tally redact: takes words away, here and on every node that the record reaches. */
#include <stdlib.h>
#include <string.h>

#include <tally/blob.h>
#include <tally/expense.h>
#include <tally/work.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"
#include "sessions/sessions.h"
#include "target.h"

typedef struct redaction {
    const cli *run;
    tally_hash *titles; /* what is meant: each once */
    size_t count, room;
    tally_hash *gone; /* of these, what went now; as many places */
    size_t gone_count;
    bool session; /* a session is meant, not one blob */
} redaction;

static void redaction_clear(redaction *redact) {
    free(redact->titles);
    free(redact->gone);
    redact->titles = redact->gone = NULL;
    redact->count = redact->room = redact->gone_count = 0;
}

static int title_add(void *ctx, const tally_hash *blob, tally_error *err) {
    redaction *redact = ctx;
    for (size_t i = 0; i < redact->count; i++)
        if (tally_hash_eq(&redact->titles[i], blob)) return 0;
    if (redact->count == redact->room) {
        size_t room = redact->room ? redact->room * 2 : 8;
        tally_hash *titles = realloc(redact->titles, room * sizeof *titles);
        if (titles) redact->titles = titles;
        tally_hash *gone = titles ? realloc(redact->gone, room * sizeof *gone) : NULL;
        if (!gone) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        redact->gone = gone;
        redact->room = room;
    }
    redact->titles[redact->count++] = *blob;
    return 0;
}

/* What was written down with manual time or an expense, and all that was ever said of it. A bill's
 * file stays: it is named by its own id. */
static int entry_find(redaction *redact, tally_txn *txn, const tally_entry_id *id,
                      tally_error *err) {
    tally_time_entry typed;
    tally_expense bill;
    tally_hash blob;
    const uint8_t *words = NULL;
    int code = tally_entry_words(txn, id, title_add, redact, err);
    if (tally_time_get(txn, id, &typed) == 0) words = typed.text;
    if (!words && tally_expense_get(txn, id, &bill) == 0) words = bill.note;
    if (words) memcpy(blob.b, words, sizeof blob.b);
    if (!code && words) code = title_add(redact, &blob, err);
    if (!code && !redact->count)
        code = tally_fail(err, TALLY_ENOTFOUND, "entry %s has no words", redact->run->arguments[0]);
    return code;
}

/* All digits of a blob's id mean that blob; else the digits of an entry that one; anything else a
 * session with every title and description it ever had. */
static int titles_find(redaction *redact, tally_txn *txn, tally_error *err) {
    const char *name = redact->run->arguments[0];
    tally_hash blob;
    tally_agent_session session = {0};
    redact->session = strlen(name) != 2 * sizeof blob.b ||
                      tally_unhex(tally_span_str(name), blob.b, sizeof blob.b) != 0;
    if (!redact->session) return title_add(redact, &blob, err);
    tally_entry_id entry;
    if (cli_entry_find(txn, name, &entry, NULL) == 0 &&
        tally_entry_kind_of(txn, &entry) != TALLY_ENTRY_NONE)
        return entry_find(redact, txn, &entry, err);
    int code = cli_session_find(txn, name, &session, err);
    if (!code) code = tally_session_titles(txn, session.ref, title_add, redact, err);
    if (!code && !redact->count)
        code = tally_fail(err, TALLY_ENOTFOUND, "session %s has no title", name);
    return code;
}

static int redact_apply(void *ctx, tally_txn *txn, tally_error *err) {
    redaction *redact = ctx;
    const char *reason = cli_value(redact->run, "reason");
    redaction_clear(redact); /* this may run a second time */
    int code = titles_find(redact, txn, err);
    for (size_t i = 0; !code && i < redact->count; i++) {
        const tally_hash *title = &redact->titles[i];
        code = tally_blob_redact(txn, title, tally_span_str(reason ? reason : ""), err);
        if (!code) redact->gone[redact->gone_count++] = *title;
        /* What is gone is no mistake; nor is an old title whose record no longer counts. */
        if (code == TALLY_EEXIST || (code == TALLY_ENOTFOUND && redact->session)) code = 0;
    }
    return code;
}

static void redaction_print(cli *run, const redaction *redact) {
    if (!run->json) {
        if (!redact->gone_count)
            cli_say("nothing is left to redact there");
        else
            cli_say("redacted %zu text%s: deleted here, and on every other node that the record "
                    "reaches; the agent's own log is not touched",
                    redact->gone_count, redact->gone_count == 1 ? "" : "s");
        return;
    }
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, "redacted", '[');
    for (size_t i = 0; i < redact->gone_count; i++)
        cli_json_hex(&json, NULL, tally_span_of(redact->gone[i].b, sizeof redact->gone[i].b));
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int redact_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    redaction redact = {.run = run};
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), redact_apply, &redact, &err);
    if (!code) redaction_print(run, &redact);
    tally_ledger_close(ledger);
    redaction_clear(&redact);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"reason", "TEXT", "why; it is signed, kept and seen by all, so it should not say what"},
    {NULL, NULL, NULL}};

const cli_command command_redact = {.name = "redact",
                                    .arguments = "SESSION|ENTRY|BLOB",
                                    .summary = "delete what is said of a session or an entry",
                                    .example = "tally redact 30dcd767 --reason 'names a person'",
                                    .options = options,
                                    .min_arguments = 1,
                                    .max_arguments = 1,
                                    .run = redact_run};
