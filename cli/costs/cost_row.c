/* Costs and sums as JSON and cells. Which costs there are, and to whom they belong, comes from the
 * ledger. */
#include "cost_row.h"

#include <string.h>

#include <tally/money.h>

#include "report/attribution_out.h"
#include "sessions/line.h"

#define HOUR_MS             3600000
#define HOURS_JSON_DECIMALS 6 /* finer than a hundredth of a second */

/* A person's words on the very cost, else the session's line. */
static void line_json(cli_json *json, const cli_reading *reading, const tally_cost *cost) {
    tally_description own;
    bool said = tally_words_get(reading->txn, cost->id.b, TALLY_WORDS_PERSON, &own);
    const tally_description *line = said ? &own : cli_session_line(reading, cost->session);
    cli_json_text_or_null(json, "description", line->text);
}

static void usage_json(cli_json *json, const tally_cost *cost) {
    const tally_usage *usage = &cost->usage;
    cli_json_u64(json, "input_tokens", usage->input);
    cli_json_u64(json, "output_tokens", usage->output);
    cli_json_u64(json, "reasoning_tokens", cost->reasoning);
    cli_json_u64(json, "cache_read_tokens", usage->cache_read);
    cli_json_u64(json, "cache_write_tokens", usage->cache_write_5m + usage->cache_write_1h);
    cli_json_u64(json, "cache_write_5m_tokens", usage->cache_write_5m);
    cli_json_u64(json, "cache_write_1h_tokens", usage->cache_write_1h);
}

void cli_cost_json(cli_json *json, const cli_reading *reading, const tally_cost_facts *facts) {
    static const char *const sources[] = {"priced", "reported", "imported"};
    const tally_cost *cost = facts->cost;
    const tally_agent_session *session = facts->session;
    char date[TALLY_TIME_TEXT_BYTES];
    const tally_zone *zone = cli_zone_of(&reading->zones, facts->whose.client, reading->zone);
    tally_date_format(tally_zone_day(zone, cost->time_ms), date);
    cli_json_open(json, NULL, '{');
    cli_json_time(json, "time", cost->time_ms);
    cli_json_string(json, "date", date);
    cli_json_text(json, "session", session->id);
    cli_json_text(json, "agent", session->agent);
    cli_json_text(json, "model", facts->model);
    cli_json_text_or_null(json, "project_path", session->cwd);
    cli_json_text_or_null(json, "branch", session->branch);
    cli_whose_json(json, &facts->whose);
    line_json(json, reading, cost);
    usage_json(json, cost);
    cli_json_money_or_null(json, "total_cost", facts->priced.priced, facts->priced.pico);
    cli_json_string(json, "cost_source", sources[cost->source]);
    cli_json_string(json, "currency", TALLY_COST_CURRENCY);
    cli_json_hex(json, "id", tally_span_of(cost->id.b, sizeof cost->id.b));
    cli_json_close(json, '}');
}

bool cli_sums_priced(const tally_sums *sums) {
    return sums->requests == 0 || sums->unpriced_requests < sums->requests;
}

void cli_sums_json(cli_json *json, const tally_sums *sums) {
    cli_json_u64(json, "sessions", sums->sessions);
    cli_json_u64(json, "time_entries", sums->time_entries);
    cli_json_u64(json, "requests", sums->requests);
    cli_json_u64(json, "input_tokens", sums->input);
    cli_json_u64(json, "output_tokens", sums->output);
    cli_json_u64(json, "cache_read_tokens", sums->cache_read);
    cli_json_u64(json, "cache_write_tokens", sums->cache_write_5m + sums->cache_write_1h);
    cli_json_money_or_null(json, "total_cost", cli_sums_priced(sums), sums->pico);
    cli_json_u64(json, "unpriced_requests", sums->unpriced_requests);
    cli_hours_json(json, sums);
}

tally_i128 cli_hours_pico(uint64_t ms) {
    return (tally_i128)ms * TALLY_PICO / HOUR_MS;
}

void cli_hours_value_json(cli_json *json, const char *key, uint64_t ms) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_rounded(cli_hours_pico(ms), HOURS_JSON_DECIMALS, false, text);
    cli_json_string(json, key, text);
}

static void hours_json(cli_json *json, const char *key, const tally_sums *sums, uint64_t ms) {
    if (sums->has_time)
        cli_hours_value_json(json, key, ms);
    else
        cli_json_null(json, key);
}

void cli_hours_json(cli_json *json, const tally_sums *sums) {
    hours_json(json, "engaged_hours", sums, sums->engaged_ms);
    hours_json(json, "agent_hours", sums, sums->agent_ms);
}

void cli_hours_cells(cli_table *table, const tally_sums *sums, cli_tone tone) {
    char text[TALLY_MONEY_TEXT_BYTES];
    const uint64_t ms[] = {sums->engaged_ms, sums->agent_ms};
    for (size_t i = 0; i < 2; i++) {
        tally_pico_format_rounded(cli_hours_pico(ms[i]), 2, true, text);
        cli_cell(table, tally_span_str(sums->has_time ? text : ""), tone);
    }
}

void cli_sums_cost_cells(cli_table *table, const tally_sums *sums, cli_tone tone) {
    char cost[TALLY_MONEY_TEXT_BYTES], count[32] = "";
    tally_pico_format_rounded(sums->pico, 4, true, cost);
    if (cli_sums_priced(sums))
        cli_cell(table, tally_span_str(cost), tone);
    else
        cli_cell(table, tally_span_str("unpriced"), CLI_WARNING);
    if (sums->unpriced_requests)
        snprintf(count, sizeof count, "%llu", (unsigned long long)sums->unpriced_requests);
    cli_cell(table, tally_span_str(count), CLI_WARNING);
}

int cli_total(const cli_reading *reading, const tally_filter *filter, tally_sums *out,
              tally_error *err) {
    static const tally_report_key key = TALLY_BY_AGENT; /* any: the total is over all groups */
    tally_report *report = NULL;
    int code = tally_report_run(reading->txn, filter, &key, 1, reading->zone, &report, err);
    if (!code) *out = *tally_report_total(report);
    tally_report_free(report);
    return code;
}
