/* tally invoice draft, invoice issue: what a client owes for a period, and freezing it. */
#include <string.h>

#include <sodium.h>

#include "ask.h"
#include "commands.h"
#include "invoices.h"

#define SPAN(s) (int)(s).len, (const char *)(s).ptr

/* What a draft is asked with; its texts are the command line's, so they outlive the reading. */
typedef struct draft_asked {
    tally_draft draft;
    tally_zone *zone, *team_zone;
    char contract[TALLY_NAME_MAX_BYTES + 1];
} draft_asked;

static void asked_clear(draft_asked *asked) {
    tally_zone_free(asked->zone);
    tally_zone_free(asked->team_zone);
}

static int milestone_read(const cli *run, uint32_t *out, tally_error *err) {
    const char *text = cli_value(run, "milestone");
    *out = 0;
    if (!text) return 0;
    if (tally_field_text_fault(TALLY_FIELD_ORDINAL, tally_span_str(text)))
        return tally_fail(err, TALLY_EINVAL, "--milestone %s is no number from 1 to 99", text);
    for (; *text; text++)
        *out = *out * 10 + (uint32_t)(*text - '0');
    return 0;
}

static int asked_read(const cli *run, cli_reading *reading, draft_asked *out, tally_error *err) {
    const char *name = run->argument_count ? run->arguments[0] : cli_value(run, "contract");
    const char *period = cli_value(run, "period");
    cli_contract found;
    *out = (draft_asked){.zone = NULL};
    if (!period) return tally_fail(err, TALLY_EINVAL, "--period is needed, like 2026-03");
    int code = cli_contract_find(reading, name, cli_value(run, "client"), &found, err);
    out->zone = found.zone;
    if (!code) code = cli_zone_load(reading->team.timezone, &out->team_zone, err);
    if (!code) {
        snprintf(out->contract, sizeof out->contract, "%.*s", SPAN(found.contract.contract));
        out->draft = (tally_draft){.contract = tally_span_str(out->contract),
                                   .zone = out->zone,
                                   .team_zone = out->team_zone};
        code = tally_period_parse(tally_span_str(period), out->zone, cli_now_ms(),
                                  &out->draft.period, err);
    }
    if (!code) code = milestone_read(run, &out->draft.milestone, err);
    if (!code) code = cli_day_read(run, "issue-date", found.today, &out->draft.issue_day, err);
    return code;
}

static void warnings_say(const tally_invoice *invoice) {
    for (size_t i = 0; i < invoice->warning_count; i++)
        cli_say("note: %.*s", SPAN(invoice->warnings[i]));
}

/* ---- draft ---- */

static int draft_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    draft_asked asked = {.zone = NULL};
    tally_invoice *invoice = NULL;
    paper_format format;
    if (cli_invoice_format(run, &format) != CLI_DONE) return CLI_USAGE;
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = asked_read(run, &reading, &asked, &err);
    if (!code) code = tally_invoice_derive(reading.txn, &asked.draft, &invoice, &err);
    if (!code) {
        warnings_say(invoice);
        code = cli_invoice_write(run, invoice, format, &err);
    }
    tally_invoice_free(invoice);
    asked_clear(&asked);
    cli_reading_close(&reading);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- issue ---- */

typedef struct issuing {
    const tally_draft *asked;
    uint8_t salt[TALLY_BLOB_SALT_BYTES];
    tally_invoice *out;
} issuing;

static int issue_apply(void *ctx, tally_txn *txn, tally_error *err) {
    issuing *issue = ctx;
    tally_invoice_free(issue->out); /* this may run a second time */
    issue->out = NULL;
    return tally_invoice_issue(txn, issue->asked, issue->salt, &issue->out, err);
}

/* Shows what would be issued and asks; the draft is made again in the write. */
static int issue_confirm(cli *run, cli_reading *reading, const draft_asked *asked,
                         tally_error *err) {
    char total[TALLY_MONEY_TEXT_BYTES], question[256];
    tally_invoice *draft = NULL;
    tally_draft own = asked->draft;
    tally_span device;
    int code = tally_feed_names(reading->txn, 0, &own.issuer, &device);
    if (!code) code = tally_invoice_derive(reading->txn, &own, &draft, err);
    if (code) return code;
    warnings_say(draft);
    cli_minor_text(draft->total, draft->decimals, true, total);
    snprintf(question, sizeof question, "Issue %zu lines to %.*s, %s %.*s in all? [y/N] ",
             draft->line_count, SPAN(draft->client), total, SPAN(draft->currency));
    bool empty = draft->line_count == 0;
    tally_invoice_free(draft);
    if (empty || cli_has(run, "yes") || cli_ask_yes(question, err)) return 0;
    if (!err->code) return tally_fail(err, TALLY_EREFUSED, "nothing was issued");
    return err->code;
}

static int issue_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    draft_asked asked = {.zone = NULL};
    tally_ledger *ledger = NULL;
    issuing issue = {.asked = &asked.draft};
    paper_format format;
    if (cli_invoice_format(run, &format) != CLI_DONE) return CLI_USAGE;
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = asked_read(run, &reading, &asked, &err);
    if (!code) code = issue_confirm(run, &reading, &asked, &err);
    cli_reading_close(&reading);
    randombytes_buf(issue.salt, sizeof issue.salt);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), issue_apply, &issue, &err);
    if (!code) {
        if (!run->json)
            cli_say("invoice %.*s is issued; 'tally invoice show %.*s' prints it",
                    SPAN(issue.out->number), SPAN(issue.out->number));
        code = cli_invoice_write(run, issue.out, format, &err);
    }
    tally_invoice_free(issue.out);
    tally_ledger_close(ledger);
    asked_clear(&asked);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

#define ASKED_OPTIONS                                                                              \
    {"contract", "NAME", "the contract, where the client has several"},                            \
        {"client", "NAME", "whose contract"},                                                      \
        {"period", "PERIOD", "what is billed: 2026-03, 2026-03-01..2026-03-15 ..."},               \
        {"milestone", "N", "the milestone that is billed"},                                        \
        {"issue-date", "DATE", "as if issued on that day (default: today)"},                       \
        CLI_INVOICE_FORMAT_OPTIONS

static const cli_option draft_options[] = {ASKED_OPTIONS, {NULL, NULL, NULL}};
static const cli_option issue_options[] = {
    ASKED_OPTIONS, {"yes", NULL, "do not ask"}, {NULL, NULL, NULL}};

const cli_command command_invoice_draft = {
    .name = "invoice draft",
    .arguments = "[CONTRACT]",
    .summary = "what a client owes for a period; changes nothing",
    .example = "tally invoice draft --client acme --period 2026-03 --format pdf --output march.pdf",
    .options = draft_options,
    .max_arguments = 1,
    .run = draft_run};
const cli_command command_invoice_issue = {
    .name = "invoice issue",
    .arguments = "[CONTRACT]",
    .summary = "freeze a draft under the next number, and hold its entries",
    .example = "tally invoice issue rag --period 2026-03 --yes",
    .options = issue_options,
    .max_arguments = 1,
    .run = issue_run};
