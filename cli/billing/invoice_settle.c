/* tally invoice void, invoice pay: how an invoice ends. */
#include <string.h>

#include "commands.h"
#include "invoices.h"

typedef struct settling {
    cli *run;
    int64_t day, amount, open;
    int decimals;
    char currency[8];
    tally_issued issued;
} settling;

/* An invoice's texts live no longer than the write. */
static void settling_read(settling *s) {
    s->open = s->issued.open;
    s->decimals = s->issued.decimals;
    snprintf(s->currency, sizeof s->currency, "%.*s", (int)s->issued.currency.len,
             (const char *)s->issued.currency.ptr);
}

static int void_apply(void *ctx, tally_txn *txn, tally_error *err) {
    settling *s = ctx;
    int code =
        tally_issued_get(txn, tally_span_str(s->run->arguments[0]), INT64_MAX, &s->issued, err);
    if (!code) settling_read(s);
    s->amount = s->issued.paid;
    return code ? code
                : tally_invoice_void(txn, &s->issued, tally_span_str(cli_value(s->run, "reason")),
                                     err);
}

static int pay_apply(void *ctx, tally_txn *txn, tally_error *err) {
    settling *s = ctx;
    int code =
        tally_issued_get(txn, tally_span_str(s->run->arguments[0]), INT64_MAX, &s->issued, err);
    if (!code) settling_read(s);
    s->amount = s->issued.open;
    if (!code && s->run->argument_count > 1)
        code = cli_minor_read(s->run->arguments[1], s->issued.decimals, &s->amount, err);
    else if (!code && s->amount <= 0 && s->issued.status == TALLY_INVOICE_PAID)
        code = tally_fail(err, TALLY_EREFUSED,
                          "nothing is open on invoice %s; with an amount, what came in all the "
                          "same is recorded",
                          s->run->arguments[0]);
    return code ? code
                : tally_invoice_pay(txn, &s->issued, s->amount, s->day,
                                    tally_span_str(cli_value(s->run, "note")), err);
}

/* Money that the invoice no longer asks for: nothing that came in may be forgotten. */
static void void_note(const settling *s) {
    char text[TALLY_MONEY_TEXT_BYTES];
    cli_minor_text(s->amount, s->decimals, true, text);
    if (s->amount > 0)
        cli_say("note: %s %s was paid on it; pay it back, or 'tally invoice credit' takes it off "
                "the next invoice",
                text, s->currency);
}

static void pay_note(const settling *s) {
    char text[TALLY_MONEY_TEXT_BYTES];
    cli_minor_text(s->amount - s->open, s->decimals, true, text);
    if (s->amount > s->open)
        cli_say("note: that is %s %s more than it asked for", text, s->currency);
}

/* Says "BEFORE the invoice AFTER". */
static int settle_run(cli *run, tally_write_fn *apply, void (*note)(const settling *),
                      const char *before, const char *after) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_ledger *ledger = NULL;
    settling s = {.run = run};
    int code = cli_reading_open(run, &reading, &err);
    if (!code)
        code = cli_day_past_read(run, "date", tally_zone_day(reading.zone, cli_now_ms()), &s.day,
                                 &err);
    cli_reading_close(&reading);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), apply, &s, &err);
    tally_ledger_close(ledger);
    if (!code && run->json) fputs("{\"recorded\":true}\n", cli_out(run));
    if (!code && !run->json) cli_say("%s %s %s", before, run->arguments[0], after);
    if (!code) note(&s);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

static int void_run(cli *run) {
    return settle_run(run, void_apply, void_note, "invoice",
                      "is void; its entries can be billed again");
}

static int pay_run(cli *run) {
    return settle_run(run, pay_apply, pay_note, "the payment on", "is recorded");
}

static const cli_option void_options[] = {{"reason", "TEXT", "why; recorded with it"},
                                          {NULL, NULL, NULL}};
static const cli_option pay_options[] = {{"date", "DATE", "when it came (default: today)"},
                                         {"note", "TEXT", "recorded with it"},
                                         {NULL, NULL, NULL}};

const cli_command command_invoice_void = {
    .name = "invoice void",
    .arguments = "NUMBER",
    .summary = "take it back: its entries are free, its number is not",
    .example = "tally invoice void AK-2026-0007 --reason 'Wrong client'",
    .options = void_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = void_run};
const cli_command command_invoice_pay = {.name = "invoice pay",
                                         .arguments = "NUMBER [AMOUNT]",
                                         .summary = "record a payment (default: all that is open)",
                                         .example = "tally invoice pay AK-2026-0007 1110.00 --date "
                                                    "2026-04-10",
                                         .options = pay_options,
                                         .min_arguments = 1,
                                         .max_arguments = 2,
                                         .run = pay_run};
