/* tally costs list and costs export: one row an API response. The CSV form is in costs_csv.c. */
#include "costs.h"

#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "file.h"
#include "report/attribution_out.h"

typedef struct cost_lines {
    const cli_reading *reading;
    cli_json *json;
    cli_table *table;
    uint64_t count;
} cost_lines;

static int cost_json(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    cost_lines *lines = ctx;
    (void)err;
    cli_cost_json(lines->json, lines->reading, facts);
    return 0;
}

/* {"period","costs":[...],"total":{...}}. */
static int document_write(FILE *out, const cli *run, const cli_reading *reading,
                          const tally_filter *filter, tally_error *err) {
    tally_sums total;
    cli_json json;
    cost_lines lines = {.reading = reading, .json = &json};
    int code = cli_total(reading, filter, &total, err);
    if (code) return code;
    cli_json_begin(&json, out);
    cli_json_open(&json, NULL, '{');
    cli_period_json(&json, run, filter);
    cli_json_open(&json, "costs", '[');
    code = tally_costs_filter(reading->txn, filter, cost_json, &lines, err);
    cli_json_close(&json, ']');
    cli_json_open(&json, "total", '{');
    cli_sums_json(&json, &total);
    cli_json_string(&json, "currency", TALLY_COST_CURRENCY);
    cli_json_close(&json, '}');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static int cost_line(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    cost_lines *lines = ctx;
    const tally_usage *usage = &facts->cost->usage;
    (void)err;
    lines->count++;
    cli_table_line(lines->table);
    cli_cell_minute(lines->table, cli_local_ms(lines->reading->zone, facts->cost->time_ms));
    cli_cell(lines->table, facts->session->agent, CLI_PLAIN);
    cli_cell(lines->table, facts->model, CLI_PLAIN);
    cli_whose_cell(lines->table, &facts->whose);
    cli_cell_path(lines->table, facts->session->cwd);
    cli_cell_u64(lines->table, usage->input);
    cli_cell_u64(lines->table, usage->output);
    cli_cell_u64(lines->table, usage->cache_read);
    cli_cell_u64(lines->table, usage->cache_write_5m + usage->cache_write_1h);
    if (facts->priced.priced)
        cli_cell_money(lines->table, facts->priced.pico);
    else
        cli_cell(lines->table, tally_span_str("unpriced"), CLI_WARNING);
    return 0;
}

static void total_line(cli_table *table, const tally_sums *total) {
    cli_table_line(table);
    cli_cell(table, tally_span_str("total"), CLI_STRONG);
    for (int i = 0; i < 4; i++)
        cli_cell_text(table, "");
    cli_cell_u64(table, total->input);
    cli_cell_u64(table, total->output);
    cli_cell_u64(table, total->cache_read);
    cli_cell_u64(table, total->cache_write_5m + total->cache_write_1h);
    cli_sums_cost_cells(table, total, CLI_STRONG);
}

static int costs_table(cli *run, const cli_reading *reading, const tally_filter *filter,
                       tally_error *err) {
    static const cli_column columns[] = {
        {"TIME", CLI_LEFT},     {"AGENT", CLI_LEFT},  {"MODEL", CLI_CUT},     {"CLIENT", CLI_CUT},
        {"PROJECT", CLI_CUT},   {"INPUT", CLI_SPARE}, {"OUTPUT", CLI_SPARE},  {"READ", CLI_SPARE},
        {"WRITTEN", CLI_SPARE}, {"COST", CLI_RIGHT},  {"UNPRICED", CLI_SPARE}};
    tally_sums total;
    cost_lines lines = {.reading = reading};
    int code = cli_total(reading, filter, &total, err);
    if (code) return code;
    if (!total.requests) {
        cli_no_match_say(reading, filter, "costs");
        return 0;
    }
    FILE *out = cli_out_paged(run);
    lines.table = cli_table_new(out, columns, sizeof columns / sizeof *columns);
    if (!lines.table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    code = tally_costs_filter(reading->txn, filter, cost_line, &lines, err);
    total_line(lines.table, &total);
    if (!code && cli_table_print(lines.table))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_table_free(lines.table);
    return code;
}

static int costs_json(cli *run, const cli_reading *reading, const tally_filter *filter,
                      tally_error *err) {
    return document_write(cli_out(run), run, reading, filter, err);
}

static int list_run(cli *run) {
    return cli_list(run, costs_json, costs_table);
}

static int export_write(cli *run, FILE *out, bool csv, cli_reading *reading, tally_error *err) {
    tally_filter filter;
    int code = cli_filter_read(run, reading, &filter, err);
    if (code) return code;
    return csv ? cli_costs_csv(out, reading, &filter, err)
               : document_write(out, run, reading, &filter, err);
}

static int export_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    cli_replace file = {0};
    const char *format = cli_value(run, "format"), *output = cli_value(run, "output");
    if (!format) format = run->json ? "json" : "csv";
    bool csv = strcmp(format, "csv") == 0;
    if (!csv && strcmp(format, "json") != 0)
        return cli_usage(run, "--format is csv or json, not '%s'", format);
    if (run->json && csv) return cli_usage(run, "--json and --format csv contradict each other");
    if (output && strcmp(output, "-") == 0) output = NULL;
    int code = cli_reading_open(run, &reading, &err);
    if (!code && output) code = cli_replace_open(&file, output, &err);
    if (!code) code = export_write(run, output ? file.out : cli_out(run), csv, &reading, &err);
    if (file.out) {
        tally_error closing = {0};
        int closed = cli_replace_close(&file, code == 0, &closing);
        if (closed && !code) err = closing;
        code = code ? code : closed;
    }
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_costs_list = {.name = "costs list",
                                        .arguments = "",
                                        .summary = "one row for each API response",
                                        .example = "tally costs list --period today --json",
                                        .filters = true,
                                        .run = list_run};

static const cli_option export_options[] = {
    {"format", "csv|json", "the form (default: csv)"},
    {"output", "FILE", "write this file whole or not at all (default: standard output)"},
    {NULL, NULL, NULL}};

const cli_command command_costs_export = {
    .name = "costs export",
    .arguments = "",
    .summary = "write costs as CSV or JSON",
    .example = "tally costs export --tag acme --period 2026-03 --format csv --output acme.csv",
    .options = export_options,
    .filters = true,
    .run = export_run};
