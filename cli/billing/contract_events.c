/* tally milestone accept, change approve, deposit receive, invoice credit: what happens under a
 * contract, one record each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "billing.h"
#include "commands.h"
#include "entries/evidence.h"

typedef struct contract_event {
    cli *run;
    tally_span contract; /* as typed */
    int64_t day, amount;
    int decimals;
    cli_evidence evidence;
    tally_writer *writer;
    tally_deposit_credit credits[TALLY_MAX_CREDITS];
    size_t credit_count;
} contract_event;

typedef int event_append(contract_event *event, tally_txn *txn, tally_error *err);
typedef struct event_call {
    contract_event *event;
    event_append *append;
} event_call;

static int event_apply(void *ctx, tally_txn *txn, tally_error *err) {
    event_call *call = ctx;
    return call->append(call->event, txn, err);
}

/* Opens, reads what all events share, and writes. */
/* Says "BEFORE the contract AFTER". */
static int event_run(cli *run, event_append *append, const char *before, const char *after) {
    tally_error err = {0};
    cli_reading reading = {0};
    cli_contract found = {.zone = NULL};
    tally_ledger *ledger = NULL;
    contract_event *event = calloc(1, sizeof *event);
    event_call call = {event, append};
    int code = event ? 0 : tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    if (!code) code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_contract_find(&reading, run->arguments[0], NULL, &found, &err);
    if (!code) {
        event->run = run;
        event->contract = tally_span_str(run->arguments[0]);
        event->decimals = tally_currency_decimals(found.contract.currency);
        code = cli_day_past_read(run, "date", found.today, &event->day, &err);
    }
    tally_zone_free(found.zone);
    cli_reading_close(&reading);
    if (!code) code = cli_evidence_read(cli_value(run, "evidence"), &event->evidence, &err);
    if (!code) code = tally_writer_new(&event->writer, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), event_apply, &call, &err);
    if (!code && !run->json) cli_say("%s %s %s", before, run->arguments[0], after);
    if (!code && run->json) fputs("{\"recorded\":true}\n", cli_out(run));
    tally_ledger_close(ledger);
    if (event) {
        tally_writer_free(event->writer);
        cli_evidence_clear(&event->evidence);
    }
    free(event);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- milestone accept, change approve ---- */

/* A row of either table: it names what must be there. */
static int agreed_append(contract_event *event, tally_txn *txn, tally_policy row, tally_policy of,
                         tally_error *err) {
    tally_span keys[] = {event->contract, tally_span_str(event->run->arguments[1])};
    const char *noun = of == TALLY_POLICY_MILESTONE ? "milestone" : "change";
    char date[TALLY_TIME_TEXT_BYTES];
    tally_policy_row held;
    tally_hash evidence;
    int code = 0;
    if (tally_policy_get(txn, of, keys, 2, &held) != 0)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "contract %s has no %s %s; 'tally %s set' makes one",
                          event->run->arguments[0], noun, event->run->arguments[1], noun);
    tally_date_format(event->day, date);
    tally_writer_begin(event->writer);
    tally_put_str(event->writer, "contract", keys[0]);
    tally_put_str(event->writer, "number", keys[1]);
    if (cli_has(event->run, "undo")) return tally_policy_unset(txn, row, event->writer, err);
    tally_put_str(event->writer, "date", tally_span_str(date));
    tally_put_str_opt(event->writer, "note", tally_span_str(cli_value(event->run, "note")));
    if (event->evidence.bytes) {
        code = cli_evidence_put(txn, &event->evidence, &evidence, err);
        tally_put_bin(event->writer, "evidence", tally_span_of(evidence.b, sizeof evidence.b));
    }
    return code ? code : tally_policy_set(txn, row, event->writer, err);
}

static int accept_append(contract_event *event, tally_txn *txn, tally_error *err) {
    return agreed_append(event, txn, TALLY_POLICY_ACCEPTED, TALLY_POLICY_MILESTONE, err);
}

static int approve_append(contract_event *event, tally_txn *txn, tally_error *err) {
    return agreed_append(event, txn, TALLY_POLICY_APPROVED, TALLY_POLICY_CHANGE, err);
}

static int accept_run(cli *run) {
    return event_run(run, accept_append, "the milestone of",
                     cli_has(run, "undo") ? "is open again" : "is accepted and can be billed");
}

static int approve_run(cli *run) {
    return event_run(run, approve_append, "the change order of",
                     cli_has(run, "undo") ? "is not approved any more"
                                          : "is approved and can be billed");
}

/* ---- deposit receive ---- */

/* "2=3500": of milestone 2. */
static int credit_read(contract_event *event, const char *text, tally_error *err) {
    char *end;
    tally_deposit_credit *credit = &event->credits[event->credit_count];
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno || end == text || *end != '=' || number > TALLY_MAX_MILESTONES ||
        event->credit_count == TALLY_MAX_CREDITS)
        return tally_fail(err, TALLY_EINVAL,
                          "--credit %s is none; write MILESTONE=AMOUNT, like 2=3500", text);
    credit->milestone = (uint32_t)number;
    event->credit_count++;
    return cli_minor_read(end + 1, event->decimals, &credit->amount, err);
}

static int deposit_append(contract_event *event, tally_txn *txn, tally_error *err) {
    tally_contract contract;
    size_t at = 0;
    event->credit_count = 0; /* this may run a second time */
    int code = tally_contract_get(txn, event->contract, &contract, err);
    if (!code)
        code = cli_minor_read(event->run->arguments[1], event->decimals, &event->amount, err);
    for (const char *text; !code && (text = cli_value_next(event->run, "credit", &at));)
        code = credit_read(event, text, err);
    return code ? code
                : tally_deposit_append(txn, &contract, event->amount, event->day, event->credits,
                                       event->credit_count, err);
}

static int deposit_run(cli *run) {
    return event_run(run, deposit_append, "the deposit on", "is recorded");
}

/* ---- invoice credit ---- */

static int credit_append(contract_event *event, tally_txn *txn, tally_error *err) {
    tally_contract contract;
    int code = tally_contract_get(txn, event->contract, &contract, err);
    if (!code)
        code = cli_minor_read(event->run->arguments[1], event->decimals, &event->amount, err);
    return code ? code
                : tally_credit_append(txn, &contract, event->amount,
                                      tally_span_str(event->run->arguments[2]),
                                      tally_span_str(cli_value(event->run, "for")), err);
}

static int credit_run(cli *run) {
    return event_run(run, credit_append, "the credit for", "stands on its next invoice");
}

static const cli_option agreed_options[] = {{"date", "DATE", "when (default: today)"},
                                            {"evidence", "FILE", "what shows it; kept"},
                                            {"note", "TEXT", "what was said"},
                                            {"undo", NULL, "take it back"},
                                            {NULL, NULL, NULL}};
static const cli_option deposit_options[] = {
    {"date", "DATE", "when it came (default: today)"},
    {"credit", "N=AMOUNT", "credited on milestone N; repeat (default: half on 1, the rest on 2)"},
    {NULL, NULL, NULL}};
static const cli_option credit_options[] = {{"for", "NUMBER", "the invoice it corrects"},
                                            {NULL, NULL, NULL}};

const cli_command command_milestone_accept = {
    .name = "milestone accept",
    .arguments = "CONTRACT NUMBER",
    .summary = "record that its criterion is met: it can be billed",
    .example = "tally milestone accept mvp 2 --date 2026-03-28 --evidence threshold.pdf",
    .options = agreed_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = accept_run};
const cli_command command_change_approve = {
    .name = "change approve",
    .arguments = "CONTRACT NUMBER",
    .summary = "record that the client approved it: it can be billed",
    .example = "tally change approve mvp CR-002 --date 2026-03-10 --evidence cr-002.pdf",
    .options = agreed_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = approve_run};
const cli_command command_deposit_receive = {
    .name = "deposit receive",
    .arguments = "CONTRACT AMOUNT",
    .summary = "record a deposit, and on which milestones it is credited",
    .example = "tally deposit receive mvp 7500 --date 2026-01-05 --credit 1=4000 --credit 2=3500",
    .options = deposit_options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = deposit_run};
const cli_command command_invoice_credit = {
    .name = "invoice credit",
    .arguments = "CONTRACT AMOUNT REASON",
    .summary = "take something off the contract's next invoice",
    .example = "tally invoice credit rag 92.50 'Half an hour too much' --for AK-2026-0007",
    .options = credit_options,
    .min_arguments = 3,
    .max_arguments = 3,
    .run = credit_run};
