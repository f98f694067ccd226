/* tally reconcile: what was recorded of a provider's usage against its own bill, and with --apply
 * that bill as what was paid. Comparing and sharing are the ledger's; what is shown of them is in
 * reconcile_out.c. */
#include "reconcile_out.h"

#include <stdlib.h>
#include <string.h>

#include <tally/money.h>

#include "bill_csv.h"
#include "commands.h"
#include "file.h"

#define SOURCE_MAX_BYTES 1024u

typedef struct reconciling {
    cli *run;
    cli_reading reading;
    cli_bill bill;
    uint8_t *text;
    tally_span provider, member;
    tally_zone *team; /* whose months bills are shared over */
    cli_reconciled shown;
    tally_writer *writer;
} reconciling;

static int options_read(reconciling *r) {
    const cli *run = r->run;
    const char *total = cli_value(run, "bill-total");
    int64_t pico = 0;
    r->provider = tally_span_str(cli_value(run, "provider"));
    r->member = tally_span_str(cli_value(run, "member"));
    if (!cli_value(run, "provider"))
        return cli_usage(run, "--provider is needed: whose bill it is, like anthropic");
    const char *fault = tally_field_text_fault(TALLY_FIELD_NAME, r->provider);
    if (fault) return cli_usage(run, "--provider must be %s", fault);
    if (!cli_value(run, "period")) return cli_usage(run, "--period is needed, like 2026-03");
    if (!cli_value(run, "bill") == !total)
        return cli_usage(run, "give the bill with --bill FILE, or its sum with --bill-total");
    if (total && (tally_pico_parse(tally_span_str(total), false, &pico) != 0 || pico < 0))
        return cli_usage(run, "--bill-total %s is no amount; write it like 351.17", total);
    r->shown.billed = pico;
    r->shown.by_lines = total == NULL;
    if (cli_has(run, "beyond-plan") && !cli_has(run, "apply"))
        return cli_usage(run, "--beyond-plan says what --apply records; give both");
    return CLI_DONE;
}

/* A bill is shared over one month, as the team's clock has it. */
static bool whole_month(const tally_period *period) {
    int64_t year, end_year;
    unsigned month, day, end_month, end_day;
    tally_civil_from_days(period->first_day, &year, &month, &day);
    tally_civil_from_days(period->end_day, &end_year, &end_month, &end_day);
    return day == 1 && end_day == 1 && (end_year - year) * 12 + (end_month - month) == 1;
}

static int period_read(reconciling *r, tally_error *err) {
    tally_filter *filter = &r->shown.filter;
    const char *text = cli_value(r->run, "period");
    int code = cli_zone_load(r->reading.team.timezone, &r->team, err);
    if (!code)
        code =
            tally_period_parse(tally_span_str(text), r->team, cli_now_ms(), &filter->period, err);
    if (code) return code;
    if (tally_span_is(tally_span_str(text), "all"))
        return tally_fail(err, TALLY_EINVAL, "a bill is of a period such as 2026-03, not of all");
    filter->has_period = true;
    r->shown.whole_month = whole_month(&filter->period);
    if (!r->shown.whole_month && cli_has(r->run, "apply"))
        return tally_fail(err, TALLY_EINVAL, "--apply takes one whole month, like 2026-03");
    return 0;
}

static int bill_read(reconciling *r, tally_error *err) {
    const char *path = cli_value(r->run, "bill");
    size_t len = 0;
    if (!path) return 0;
    int code = cli_file_read(path, CLI_BILL_MAX_BYTES, &r->text, &len, err);
    if (!code) code = cli_bill_csv(r->text, len, &r->bill, err);
    if (code == TALLY_EFORMAT) tally_fail_while(err, "the bill %s cannot be read", path);
    return code;
}

static int compare(reconciling *r, tally_error *err) {
    const tally_period *period = &r->shown.filter.period;
    const tally_reconcile_ask ask = {.provider = r->provider,
                                     .member = r->member,
                                     .first_day = period->first_day,
                                     .end_day = period->end_day,
                                     .lines = r->bill.lines,
                                     .line_count = r->bill.count};
    int code = tally_reconcile(r->reading.txn, &ask, &r->shown.compared, err);
    if (!code && r->shown.by_lines)
        r->shown.billed = tally_reconciliation_total(r->shown.compared)->billed;
    return code;
}

/* Whom the bill falls on. Nothing is shared where nothing was billed. */
static int share(reconciling *r, tally_error *err) {
    static const tally_report_key by[] = {TALLY_BY_CLIENT};
    tally_filter *filter = &r->shown.filter;
    if (!r->shown.whole_month || r->shown.billed <= 0 || r->shown.billed > INT64_MAX) return 0;
    const tally_plan_bill bill = {.provider = r->provider,
                                  .member = r->member,
                                  .first_day = filter->period.first_day,
                                  .pico = (int64_t)r->shown.billed};
    int code = tally_plans_of_bill(r->reading.txn, r->team, &bill, &r->shown.plans, err);
    filter->plans = r->shown.plans;
    if (!code)
        code = tally_report_run(r->reading.txn, filter, by, 1, r->team, &r->shown.report, err);
    return code;
}

/* ---- recording ---- */

static int apply_write(void *ctx, tally_txn *txn, tally_error *err) {
    reconciling *r = ctx;
    const char *path = cli_value(r->run, "bill");
    const char *slash = path ? strrchr(path, '/') : NULL;
    tally_span source = tally_span_str(slash ? slash + 1 : path);
    char month[TALLY_TIME_TEXT_BYTES];
    tally_date_format(r->shown.filter.period.first_day, month);
    tally_writer_begin(r->writer);
    tally_put_str(r->writer, "provider", r->provider);
    tally_put_str(r->writer, "month", tally_span_of((const uint8_t *)month, 7));
    tally_put_str_opt(r->writer, "member", r->member);
    tally_put_i64(r->writer, "amount", (int64_t)r->shown.billed);
    tally_put_str(r->writer, "currency", tally_span_str(TALLY_COST_CURRENCY));
    if (cli_has(r->run, "beyond-plan"))
        tally_put_str(r->writer, "covers", tally_span_str("beyond-plan"));
    if (source.len <= SOURCE_MAX_BYTES) tally_put_str_opt(r->writer, "source", source);
    return tally_policy_set(txn, TALLY_POLICY_BILL, r->writer, err);
}

/* What is shown lives in the snapshot: it is shown first, and the snapshot closed. */
static int apply(reconciling *r, tally_error *err) {
    tally_ledger *ledger = NULL;
    int code = tally_writer_new(&r->writer, err);
    if (!code) code = cli_ledger_open(r->run, false, &ledger, err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), apply_write, r, err);
    if (!code)
        cli_say("recorded; 'tally report --basis paid' shares it out, 'tally bill unset' takes it "
                "back");
    tally_ledger_close(ledger);
    tally_writer_free(r->writer);
    return code;
}

static int check_apply(const reconciling *r, tally_error *err) {
    if (!cli_has(r->run, "apply")) return 0;
    if (r->shown.billed > INT64_MAX)
        return tally_fail(err, TALLY_EINVAL,
                          "the bill is too large to be recorded exactly; see that its amounts are "
                          "in " TALLY_COST_CURRENCY ", not in cents");
    if (r->shown.billed <= 0)
        return tally_fail(err, TALLY_EINVAL,
                          "there is nothing to apply: the bill is not above zero");
    if (r->shown.plans && tally_plans_count(r->shown.plans) > 0 &&
        tally_plans_at(r->shown.plans, 0)->requests > 0)
        return 0;
    return tally_fail(
        err, TALLY_ENOTFOUND,
        "no priced usage of %.*s was recorded in that month: there is nobody to share "
        "the bill with; 'tally capture' and 'tally report --by agent,model' show more",
        (int)r->provider.len, (const char *)r->provider.ptr);
}

static int reconcile_run(cli *run) {
    tally_error err = {0};
    reconciling r = {.run = run};
    int code = options_read(&r);
    if (code) return code;
    r.shown.provider = r.provider;
    r.shown.apply = cli_has(run, "apply");
    code = cli_reading_open(run, &r.reading, &err);
    if (!code) code = period_read(&r, &err);
    if (!code) code = bill_read(&r, &err);
    if (!code) code = compare(&r, &err);
    if (!code) code = share(&r, &err);
    if (!code) code = check_apply(&r, &err);
    if (!code) code = cli_reconciled_print(run, &r.shown, &err);
    tally_report_free(r.shown.report);
    tally_plans_free(r.shown.plans);
    tally_reconciliation_free(r.shown.compared);
    tally_zone_free(r.team);
    cli_reading_close(&r.reading);
    if (!code && r.shown.apply) code = apply(&r, &err);
    cli_bill_clear(&r.bill);
    free(r.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"provider", "NAME", "whose bill it is: a vendor (anthropic) or an agent (claude)"},
    {"period", "P", "of the bill; its days are UTC, as providers cut them"},
    {"bill", "FILE",
     "the provider's CSV: date, model, amount; also Anthropic's and OpenAI's cost exports"},
    {"bill-total", "AMOUNT", "or its sum alone, in " TALLY_COST_CURRENCY},
    {"member", "NAME", "only this member's account (default: the team's)"},
    {"apply", NULL, "record it: 'paid' then shares exactly this bill over the month's usage"},
    {"beyond-plan", NULL, "with --apply: it came on top of a plan's fee"},
    {NULL, NULL, NULL}};

const cli_command command_reconcile = {
    .name = "reconcile",
    .arguments = "",
    .summary = "recorded costs against the provider's own bill",
    .example = "tally reconcile --provider anthropic --period 2026-03 --bill cost.csv --apply",
    .options = options,
    .run = reconcile_run};
