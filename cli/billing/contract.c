/* tally contract show: a contract as a whole, with what follows from it: milestones' fees, the
 * deposit to ask for, what ending it would cost. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "billing.h"
#include "commands.h"
#include "policy/policy_row.h"

#define SPAN(s)       (int)(s).len, (const char *)(s).ptr
#define HOUR_DECIMALS 2

typedef struct contract_shown {
    cli *run;
    cli_reading reading;
    cli_contract found;
    tally_milestones milestones;
    tally_deposit_rule rule;
    tally_kill_fee kill;
    bool has_rule;
    int decimals;
    cli_json json;
    FILE *out;
} contract_shown;

static void amount_text(const contract_shown *shown, int64_t minor,
                        char out[TALLY_MONEY_TEXT_BYTES]) {
    cli_minor_text(minor, shown->decimals, true, out);
}

/* ---- JSON ---- */

static void milestone_json(contract_shown *shown, const tally_milestone *m) {
    cli_json *json = &shown->json;
    cli_json_open(json, NULL, '{');
    cli_json_u64(json, "number", m->number);
    cli_json_text_or_null(json, "title", m->title);
    cli_json_minor(json, "fee", m->fee, shown->decimals);
    cli_json_text_or_null(json, "section", m->section);
    cli_json_text_or_null(json, "criterion", m->criterion);
    if (m->accepted)
        cli_json_day(json, "accepted", m->accepted_day);
    else
        cli_json_null(json, "accepted");
    cli_json_bool(json, "evidence", m->evidence != NULL);
    cli_json_close(json, '}');
}

static int change_json(void *ctx, const tally_change *change, tally_error *err) {
    contract_shown *shown = ctx;
    cli_json *json = &shown->json;
    (void)err;
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "number", change->number);
    cli_json_text(json, "title", change->title);
    cli_json_amount(json, "amount", change->amount, shown->found.contract.currency);
    if (change->approved)
        cli_json_day(json, "approved", change->approved_day);
    else
        cli_json_null(json, "approved");
    cli_json_close(json, '}');
    return 0;
}

static int deposit_json(void *ctx, const tally_deposit *deposit, tally_error *err) {
    contract_shown *shown = ctx;
    cli_json *json = &shown->json;
    (void)err;
    cli_json_open(json, NULL, '{');
    cli_json_day(json, "date", deposit->day);
    int decimals = tally_currency_decimals(deposit->currency);
    cli_json_minor(json, "amount", deposit->amount, decimals);
    cli_json_text(json, "currency", deposit->currency);
    cli_json_open(json, "credits", '[');
    for (size_t i = 0; i < deposit->credit_count; i++) {
        cli_json_open(json, NULL, '{');
        cli_json_u64(json, "milestone", deposit->credits[i].milestone);
        cli_json_minor(json, "amount", deposit->credits[i].amount, decimals);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    cli_json_close(json, '}');
    return 0;
}

static void rules_json(contract_shown *shown) {
    cli_json *json = &shown->json;
    if (shown->has_rule) {
        cli_json_minor(json, "project_value", shown->rule.value, shown->decimals);
        cli_json_u64(json, "deposit_percent", shown->rule.percent);
        cli_json_minor(json, "deposit_to_ask", shown->rule.amount, shown->decimals);
    }
    cli_json_minor(json, "kill_fee_paid", shown->kill.paid, shown->decimals);
    cli_json_minor(json, "kill_fee_remaining", shown->kill.remaining, shown->decimals);
    cli_json_minor(json, "kill_fee", shown->kill.fee, shown->decimals);
    cli_json_day(json, "kill_fee_due", shown->kill.due_day);
}

static int show_json(contract_shown *shown, tally_error *err) {
    const tally_contract *c = &shown->found.contract;
    tally_policy_row row;
    cli_json *json = &shown->json;
    cli_json_begin(json, shown->out);
    cli_json_open(json, NULL, '{');
    int code = tally_policy_get(shown->reading.txn, TALLY_POLICY_CONTRACT, &c->contract, 1, &row);
    cli_json_text(json, "contract", c->contract);
    cli_json_text(json, "client", c->client);
    cli_json_open(json, "settings", '['); /* of one row, as 'contract list' has it */
    if (!code) cli_policy_row_json(json, shown->reading.txn, &row);
    cli_json_close(json, ']');
    cli_json_text(json, "currency", c->currency);
    cli_json_open(json, "milestones", '[');
    for (size_t i = 0; i < shown->milestones.count; i++)
        milestone_json(shown, &shown->milestones.items[i]);
    cli_json_close(json, ']');
    cli_json_open(json, "changes", '[');
    if (!code) code = tally_change_each(shown->reading.txn, c->contract, change_json, shown, err);
    cli_json_close(json, ']');
    cli_json_open(json, "deposits", '[');
    if (!code) code = tally_deposit_each(shown->reading.txn, c, deposit_json, shown, err);
    cli_json_close(json, ']');
    rules_json(shown);
    cli_json_close(json, '}');
    cli_json_end(json);
    return code;
}

/* ---- text ---- */

static void line_text(FILE *out, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void line_text(FILE *out, const char *what, const char *format, ...) {
    char text[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_text_one_line(text);
    fprintf(out, "%-12s %s\n", what, text);
}

static void milestone_text(contract_shown *shown, const tally_milestone *m) {
    char fee[TALLY_MONEY_TEXT_BYTES], day[TALLY_TIME_TEXT_BYTES] = "";
    amount_text(shown, m->fee, fee);
    if (m->accepted) tally_date_format(m->accepted_day, day);
    line_text(shown->out, "milestone", "%u  %s  %.*s%s%s%s", m->number, fee, SPAN(m->title),
              m->accepted        ? ", accepted "
              : m->changed_since ? ", changed since it was accepted"
                                 : ", not accepted",
              day, m->accepted && !m->evidence ? " without evidence" : "");
}

static int change_text(void *ctx, const tally_change *change, tally_error *err) {
    contract_shown *shown = ctx;
    char amount[TALLY_MONEY_TEXT_BYTES];
    (void)err;
    tally_pico_format_rounded(change->amount, shown->decimals, true, amount);
    line_text(shown->out, "change", "%.*s  %s  %.*s, %s", SPAN(change->number), amount,
              SPAN(change->title), change->approved ? "approved" : "not approved");
    return 0;
}

static int deposit_text(void *ctx, const tally_deposit *deposit, tally_error *err) {
    contract_shown *shown = ctx;
    char amount[TALLY_MONEY_TEXT_BYTES], day[TALLY_TIME_TEXT_BYTES];
    (void)err;
    cli_minor_text(deposit->amount, tally_currency_decimals(deposit->currency), true, amount);
    tally_date_format(deposit->day, day);
    line_text(shown->out, "deposit", "%s %.*s received %s", amount, SPAN(deposit->currency), day);
    return 0;
}

static void rules_text(contract_shown *shown) {
    char a[TALLY_MONEY_TEXT_BYTES], b[TALLY_MONEY_TEXT_BYTES], day[TALLY_TIME_TEXT_BYTES];
    const tally_contract *c = &shown->found.contract;
    if (shown->has_rule) {
        amount_text(shown, shown->rule.value, a);
        amount_text(shown, shown->rule.amount, b);
        line_text(shown->out, "value", "%s %.*s", a, SPAN(c->currency));
        line_text(shown->out, "ask for", "%s, a deposit of %u percent (%s client)%s", b,
                  shown->rule.percent, c->established ? "established" : "new",
                  shown->rule.with_milestones ? "" : ", due on receipt or in 7 days");
    }
    if (c->retainer)
        line_text(shown->out, "retainer",
                  "renews each month unless cancelled by the 15th of the month before");
    if (!shown->kill.value) return;
    amount_text(shown, shown->kill.remaining, a);
    amount_text(shown, shown->kill.fee, b);
    tally_date_format(shown->kill.due_day, day);
    line_text(shown->out, "kill fee", "%s if it ended on that day: %u.%02u percent of %s, due %s",
              b, shown->kill.bp / 100, shown->kill.bp % 100, a, day);
}

static int show_text(contract_shown *shown, tally_error *err) {
    const tally_contract *c = &shown->found.contract;
    char amount[TALLY_MONEY_TEXT_BYTES];
    line_text(shown->out, "contract", "%.*s%s%.*s", SPAN(c->contract), c->title.len ? ": " : "",
              SPAN(c->title));
    line_text(shown->out, "client", "%.*s%s%.*s", SPAN(c->client), c->project.len ? ", " : "",
              SPAN(c->project));
    const struct {
        const char *what;
        tally_i128 pico;
        int decimals;
    } amounts[] = {{"rate", c->rate, shown->decimals},
                   {"fee", c->fee, shown->decimals},
                   {"retainer", c->retainer, shown->decimals},
                   {"overage", c->overage_rate, shown->decimals},
                   {"hours", c->included_hours, HOUR_DECIMALS}};
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        if (!amounts[i].pico) continue;
        tally_pico_format_rounded(amounts[i].pico, amounts[i].decimals, true, amount);
        line_text(shown->out, amounts[i].what, "%s", amount);
    }
    if (c->terms_days)
        line_text(shown->out, "terms", "Net %u, %.*s", c->terms_days, SPAN(c->currency));
    else
        line_text(shown->out, "terms", "Due on receipt, %.*s", SPAN(c->currency));
    for (size_t i = 0; i < shown->milestones.count; i++)
        milestone_text(shown, &shown->milestones.items[i]);
    int code = tally_change_each(shown->reading.txn, c->contract, change_text, shown, err);
    if (!code) code = tally_deposit_each(shown->reading.txn, c, deposit_text, shown, err);
    rules_text(shown);
    return code;
}

static int show_run(cli *run) {
    tally_error err = {0};
    int64_t day = 0;
    contract_shown *shown = calloc(1, sizeof *shown);
    int code = shown ? 0 : tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    if (!code) code = cli_reading_open(run, &shown->reading, &err);
    if (!code)
        code = cli_contract_find(&shown->reading, run->arguments[0], NULL, &shown->found, &err);
    if (!code) code = cli_day_read(run, "date", shown->found.today, &day, &err);
    if (!code) {
        const tally_contract *c = &shown->found.contract;
        shown->run = run;
        shown->decimals = tally_currency_decimals(c->currency);
        code = tally_milestones_get(shown->reading.txn, c, &shown->milestones, &err);
        if (!code) code = tally_kill_fee_get(shown->reading.txn, c, day, &shown->kill, &err);
        shown->has_rule = tally_deposit_rule_of(c, &shown->milestones, &shown->rule);
        shown->out = cli_out(run);
    }
    if (!code) code = run->json ? show_json(shown, &err) : show_text(shown, &err);
    if (shown) {
        tally_zone_free(shown->found.zone);
        cli_reading_close(&shown->reading);
    }
    free(shown);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"date", "DATE", "the day on which it would end, for the kill fee (default: today)"},
    {NULL, NULL, NULL}};

const cli_command command_contract_show = {.name = "contract show",
                                           .arguments = "NAME",
                                           .summary = "a contract with what follows from it",
                                           .example = "tally contract show mvp --date 2026-04-30",
                                           .options = options,
                                           .min_arguments = 1,
                                           .max_arguments = 1,
                                           .run = show_run};
