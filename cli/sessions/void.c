/* tally void: takes a cost or manual time out of every figure, and --undo brings it back. The
 * records stay. */
#include <string.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"
#include "target.h"

#include <tally/invoice.h>

#define REASON_MAX_BYTES 1024u

typedef struct void_change {
    const cli *run;
    bool undo;
    tally_writer *writer;
    tally_entry_id entry;
    char billed_on[TALLY_NAME_MAX_BYTES + 1]; /* empty: on no invoice */
} void_change;

static int billed_look(void_change *change, tally_txn *txn, tally_error *err) {
    tally_span number;
    int code = tally_entry_billed_on(txn, &change->entry, &number, err);
    snprintf(change->billed_on, sizeof change->billed_on, "%.*s", (int)number.len,
             (const char *)number.ptr);
    return code;
}

static int void_apply(void *ctx, tally_txn *txn, tally_error *err) {
    void_change *change = ctx;
    int code = cli_entry_find(txn, change->run->arguments[0], &change->entry, err);
    if (code) return code;
    if (tally_cost_is_void(txn, &change->entry) != change->undo)
        return tally_fail(err, TALLY_EEXIST,
                          change->undo ? "entry %s is not void" : "entry %s is void already",
                          change->run->arguments[0]);
    if ((code = billed_look(change, txn, err)) != 0) return code;
    tally_writer_begin(change->writer);
    tally_put_bin(change->writer, "entry", tally_span_of(change->entry.b, sizeof change->entry.b));
    tally_put_str_opt(change->writer, "reason", tally_span_str(cli_value(change->run, "reason")));
    if (change->undo) tally_put_true(change->writer, "undo");
    return tally_append(txn, "void", change->writer, NULL, err);
}

static void void_print(cli *run, const void_change *change) {
    cli_json json;
    if (!run->json) {
        cli_say(change->undo ? "entry %s counts again"
                             : "entry %s counts for nothing; --undo brings it back",
                run->arguments[0]);
        if (change->billed_on[0] && !change->undo)
            cli_say("note: %s bills it and stays as it is; 'tally invoice credit' gives it back on "
                    "the next one",
                    change->billed_on);
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_hex(&json, "entry", tally_span_of(change->entry.b, sizeof change->entry.b));
    cli_json_bool(&json, "void", !change->undo);
    cli_json_text_or_null(&json, "billed_on", tally_span_str(change->billed_on));
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int void_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tally_span reason = tally_span_str(cli_value(run, "reason"));
    void_change change = {.run = run, .undo = cli_has(run, "undo")};
    if (reason.len > REASON_MAX_BYTES || !tally_utf8_valid(reason))
        return cli_usage(run, "a reason is UTF-8 text of at most %u bytes", REASON_MAX_BYTES);
    int code = tally_writer_new(&change.writer, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), void_apply, &change, &err);
    if (!code) void_print(run, &change);
    tally_ledger_close(ledger);
    tally_writer_free(change.writer);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {{"reason", "TEXT", "why; recorded with it"},
                                     {"undo", NULL, "bring it back"},
                                     {NULL, NULL, NULL}};

const cli_command command_void = {.name = "void",
                                  .arguments = "ENTRY",
                                  .summary = "take a cost or manual time out of every figure",
                                  .example = "tally void 61076843a53602bd0bce8516b6adc7fb "
                                             "--reason 'a test run'",
                                  .options = options,
                                  .min_arguments = 1,
                                  .max_arguments = 1,
                                  .run = void_run};
