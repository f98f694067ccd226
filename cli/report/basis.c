/* Figures on a basis, for people and for scripts. Sharing fees is the ledger's (tally/plan.h). */
#include "basis.h"

#include <inttypes.h>
#include <string.h>

#include <tally/money.h>

#define LINE_BYTES       512u
#define MONTH_TEXT_CHARS 7 /* of a date: YYYY-MM */

static const char *const names[] = {
    [CLI_BASIS_LIST] = "list", [CLI_BASIS_PAID] = "paid", [CLI_BASIS_BOTH] = "both"};

int cli_basis_read(const cli *run, cli_basis *out) {
    const char *text = cli_value(run, "basis");
    *out = CLI_BASIS_LIST;
    if (!text) return CLI_DONE;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], text) == 0) {
            *out = (cli_basis)i;
            return CLI_DONE;
        }
    return cli_usage(run, "--basis is list, paid or both, not '%s'", text);
}

int cli_basis_plans(const cli_reading *reading, const tally_filter *filter, cli_basis basis,
                    tally_plans **out, tally_error *err) {
    tally_zone *team = NULL;
    tally_period window = filter->period;
    *out = NULL;
    if (basis == CLI_BASIS_LIST) return 0;
    int code = cli_zone_load(reading->team.timezone, &team, err);
    tally_filter_window(filter, &window.start_ms, &window.end_ms);
    if (!code)
        code = tally_plans_new(reading->txn, team, filter->has_period ? &window : NULL, out, err);
    tally_zone_free(team);
    return code;
}

int cli_basis_check(cli_basis basis, const tally_sums *total, tally_error *err) {
    if (basis != CLI_BASIS_PAID || !total->requests || total->unpaid_requests < total->requests)
        return 0;
    return tally_fail(err, TALLY_ENOTFOUND,
                      "no plan covers any of these %" PRIu64
                      " requests, and no bill does, so what was paid is not known; record one with "
                      "'tally plan set' or 'tally reconcile --apply', or take --basis list",
                      total->requests);
}

tally_sums cli_basis_sums(cli_basis basis, const tally_sums *sums) {
    tally_sums out = *sums;
    if (basis != CLI_BASIS_PAID) return out;
    out.pico = sums->paid_pico;
    out.unpriced_requests = sums->unpaid_requests;
    return out;
}

static void cost_json(cli_json *json, const char *key, const tally_sums *sums) {
    cli_json_money_or_null(json, key, cli_sums_priced(sums), sums->pico);
}

void cli_basis_sums_json(cli_json *json, cli_basis basis, const tally_sums *sums) {
    tally_sums shown = cli_basis_sums(basis, sums), paid = cli_basis_sums(CLI_BASIS_PAID, sums);
    cli_sums_json(json, &shown);
    if (basis != CLI_BASIS_BOTH) return;
    cost_json(json, "list_cost", sums);
    cost_json(json, "paid_cost", &paid);
    cli_json_u64(json, "unpaid_requests", sums->unpaid_requests);
}

static void month_json(cli_json *json, const tally_plan_month *month) {
    char date[TALLY_TIME_TEXT_BYTES];
    tally_date_format(month->first_day, date);
    date[MONTH_TEXT_CHARS] = '\0';
    cli_json_open(json, NULL, '{');
    cli_json_text(json, month->bill ? "provider" : "plan", month->plan);
    cli_json_string(json, "month", date);
    cli_json_amount(json, month->bill ? "amount" : "fee", month->fee, month->currency);
    cli_json_text(json, "currency", month->currency);
    if (month->bill) cli_json_string(json, "covers", month->beyond ? "beyond-plan" : "all");
    cli_json_u64(json, "requests", month->requests);
    cli_json_money_or_null(json, "cost", month->requests != 0, month->pico);
    cli_json_close(json, '}');
}

static void months_json(cli_json *json, const tally_plans *plans, bool bills) {
    cli_json_open(json, bills ? "bills" : "plans", '[');
    for (size_t i = 0; plans && i < tally_plans_count(plans); i++)
        if (tally_plans_at(plans, i)->bill == bills) month_json(json, tally_plans_at(plans, i));
    cli_json_close(json, ']');
}

void cli_basis_json(cli_json *json, cli_basis basis, const tally_plans *plans) {
    cli_json_string(json, "basis", names[basis]);
    months_json(json, plans, false);
    months_json(json, plans, true);
}

size_t cli_basis_columns(cli_basis basis, cli_column out[CLI_BASIS_COLUMNS_MAX]) {
    static const cli_column list[] = {{"COST", CLI_RIGHT}, {"UNPRICED", CLI_RIGHT}};
    static const cli_column paid[] = {{"PAID", CLI_RIGHT}, {"NO PLAN", CLI_RIGHT}};
    static const cli_column both[] = {
        {"LIST", CLI_RIGHT}, {"UNPRICED", CLI_RIGHT}, {"PAID", CLI_RIGHT}, {"NO PLAN", CLI_RIGHT}};
    static const struct {
        const cli_column *columns;
        size_t count;
    } sets[] = {
        [CLI_BASIS_LIST] = {list, 2}, [CLI_BASIS_PAID] = {paid, 2}, [CLI_BASIS_BOTH] = {both, 4}};
    memcpy(out, sets[basis].columns, sets[basis].count * sizeof *out);
    return sets[basis].count;
}

/* A group of requests of which no plan says anything is not one that cost nothing. */
static void paid_cells(cli_table *table, const tally_sums *sums, cli_tone tone) {
    char cost[TALLY_MONEY_TEXT_BYTES], count[32] = "";
    tally_pico_format_rounded(sums->paid_pico, 4, true, cost);
    bool known = !sums->requests || sums->unpaid_requests < sums->requests;
    cli_cell(table, tally_span_str(known ? cost : "not known"), known ? tone : CLI_WARNING);
    if (sums->unpaid_requests) snprintf(count, sizeof count, "%" PRIu64, sums->unpaid_requests);
    cli_cell(table, tally_span_str(count), CLI_WARNING);
}

void cli_basis_cells(cli_table *table, cli_basis basis, const tally_sums *sums, cli_tone tone) {
    if (basis != CLI_BASIS_PAID) cli_sums_cost_cells(table, sums, tone);
    if (basis != CLI_BASIS_LIST) paid_cells(table, sums, tone);
}

static void plan_text(FILE *out, const tally_plan_month *month) {
    char date[TALLY_TIME_TEXT_BYTES], fee[TALLY_MONEY_TEXT_BYTES], line[LINE_BYTES];
    tally_date_format(month->first_day, date);
    date[MONTH_TEXT_CHARS] = '\0';
    tally_pico_format_in(month->fee, month->currency, fee);
    int length =
        snprintf(line, sizeof line, "%s %.*s: %s %.*s for %s%s, ", month->bill ? "Bill of" : "Plan",
                 (int)month->plan.len, (const char *)month->plan.ptr, fee, (int)month->currency.len,
                 (const char *)month->currency.ptr, date, month->beyond ? ", beyond the plan" : "");
    size_t used = length > 0 && (size_t)length < sizeof line ? (size_t)length : 0;
    if (month->requests)
        snprintf(line + used, sizeof line - used, "shared over %" PRIu64 " requests",
                 month->requests);
    else
        snprintf(line + used, sizeof line - used,
                 "without any usage to be shared over: it is in no row");
    cli_text_one_line(line);
    fprintf(out, "%s\n", line);
}

static bool any_bill(const tally_plans *plans) {
    for (size_t i = 0; plans && i < tally_plans_count(plans); i++)
        if (tally_plans_at(plans, i)->bill) return true;
    return false;
}

void cli_basis_text(FILE *out, cli_basis basis, const tally_plans *plans, const tally_sums *total) {
    static const char *const words[] = {
        [CLI_BASIS_LIST] = "list prices",
        [CLI_BASIS_PAID] = "what was paid under plans",
        [CLI_BASIS_BOTH] = "list prices, and beside them what was paid under plans"};
    fprintf(out, "Basis: %s%s, " TALLY_COST_CURRENCY "\n", words[basis],
            any_bill(plans) ? " and bills" : "");
    for (size_t i = 0; plans && i < tally_plans_count(plans); i++)
        plan_text(out, tally_plans_at(plans, i));
    if (basis != CLI_BASIS_LIST && total->unpaid_requests)
        fprintf(out,
                "Covered by no plan%s: %" PRIu64
                " requests. What was paid for them is not known, and not in PAID.\n",
                any_bill(plans) ? " or bill" : "", total->unpaid_requests);
}
