/* tally report: sums by any combination of keys. Grouping and pricing are the ledger's. */
#include <ctype.h>
#include <string.h>

#include "attribution_out.h"
#include "basis.h"
#include "commands.h"
#include "cost_row.h"
#include "expense_out.h"
#include "filter.h"

typedef struct key_name {
    const char *name;
    tally_report_key key;
} key_name;

static const key_name key_names[] = {
    {"client", TALLY_BY_CLIENT}, {"project", TALLY_BY_PROJECT}, {"branch", TALLY_BY_BRANCH},
    {"tag", TALLY_BY_TAG},       {"agent", TALLY_BY_AGENT},     {"model", TALLY_BY_MODEL},
    {"member", TALLY_BY_MEMBER}, {"device", TALLY_BY_DEVICE},   {"day", TALLY_BY_DAY},
    {"week", TALLY_BY_WEEK},     {"month", TALLY_BY_MONTH},     {"session", TALLY_BY_SESSION}};

#define HOURS_FIRST 1u /* place of the two columns of hours among the numbers */
#define KEY_NAMES   (sizeof key_names / sizeof *key_names)

typedef struct report_keys {
    size_t count;
    tally_report_key keys[TALLY_REPORT_MAX_KEYS];
    const char *names[TALLY_REPORT_MAX_KEYS];
} report_keys;

static const key_name *key_find(const char *text, size_t length) {
    for (size_t i = 0; i < KEY_NAMES; i++)
        if (strlen(key_names[i].name) == length && memcmp(key_names[i].name, text, length) == 0)
            return &key_names[i];
    return NULL;
}

static int keys_read(const cli *run, report_keys *out) {
    const char *text = cli_value(run, "by");
    if (!text) text = "project";
    for (out->count = 0;;) {
        size_t length = strcspn(text, ",");
        const key_name *key = key_find(text, length);
        if (!key)
            return cli_usage(run,
                             "--by has no '%.*s'; it takes client, project, branch, tag, "
                             "agent, model, member, device, day, week, month, session",
                             (int)length, text);
        if (out->count == TALLY_REPORT_MAX_KEYS)
            return cli_usage(run, "--by takes at most %u keys", TALLY_REPORT_MAX_KEYS);
        out->keys[out->count] = key->key;
        out->names[out->count++] = key->name;
        if (!text[length]) return CLI_DONE;
        text += length + 1;
    }
}

/* What is printed, and how. */
typedef struct report_shown {
    const cli_reading *reading;
    const tally_filter *filter;
    report_keys keys;
    cli_basis basis;
    tally_plans *plans;
    tally_report *report;
    tally_expense_sums expenses; /* beside the rows, in no total */
} report_shown;

static void row_json(cli_json *json, const report_shown *shown, const tally_report_row *row) {
    const report_keys *keys = &shown->keys;
    cli_json_open(json, NULL, '{');
    cli_json_open(json, "key", '{');
    for (size_t i = 0; i < keys->count; i++)
        cli_json_text_or_null(json, keys->names[i], row->keys[i]);
    cli_json_close(json, '}');
    cli_basis_sums_json(json, shown->basis, &row->sums);
    cli_json_close(json, '}');
}

static void conflicts_json(cli_json *json, const tally_report *report) {
    cli_json_open(json, "conflicts", '[');
    for (size_t i = 0; i < tally_report_conflict_count(report); i++) {
        const tally_conflict *conflict = tally_report_conflict_at(report, i);
        cli_json_open(json, NULL, '{');
        cli_conflict_json(json, conflict);
        cli_json_u64(json, "requests", conflict->requests);
        cli_json_money(json, "total_cost", conflict->pico);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void report_json(cli *run, const report_shown *shown) {
    const tally_report *report = shown->report;
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_period_json(&json, run, shown->filter);
    cli_json_open(&json, "by", '[');
    for (size_t i = 0; i < shown->keys.count; i++)
        cli_json_string(&json, NULL, shown->keys.names[i]);
    cli_json_close(&json, ']');
    cli_json_text(&json, "timezone", shown->reading->zone_name);
    cli_basis_json(&json, shown->basis, shown->plans);
    cli_json_string(&json, "currency", TALLY_COST_CURRENCY);
    cli_json_open(&json, "rows", '[');
    for (size_t i = 0; i < tally_report_count(report); i++)
        row_json(&json, shown, tally_report_at(report, i));
    cli_json_close(&json, ']');
    cli_json_open(&json, "total", '{');
    cli_basis_sums_json(&json, shown->basis, tally_report_total(report));
    cli_json_close(&json, '}');
    cli_expense_sums_json(&json, &shown->expenses);
    conflicts_json(&json, report);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void sums_cells(cli_table *table, cli_basis basis, const tally_sums *sums, cli_tone tone) {
    cli_cell_u64(table, sums->sessions);
    if (sums->has_time) cli_hours_cells(table, sums, tone);
    cli_cell_u64(table, sums->requests);
    cli_cell_u64(table, sums->input);
    cli_cell_u64(table, sums->output);
    cli_cell_u64(table, sums->cache_read);
    cli_cell_u64(table, sums->cache_write_5m + sums->cache_write_1h);
    cli_basis_cells(table, basis, sums, tone);
}

/* What a missing key is called: money without a client or project is unattributed; other keys are
 * just not there. */
static const char *missing_word(tally_report_key key) {
    switch (key) {
    case TALLY_BY_CLIENT:
    case TALLY_BY_PROJECT: return "(unattributed)";
    case TALLY_BY_TAG: return "(untagged)";
    default: return "(none)";
    }
}

static void key_cell(cli_table *table, tally_report_key key, tally_span text) {
    if (!text.len)
        cli_cell(table, tally_span_str(missing_word(key)), CLI_WARNING);
    else if (key == TALLY_BY_PROJECT)
        cli_cell_path(table, text);
    else
        cli_cell(table, text, CLI_PLAIN);
}

/* Hours have no columns where they cannot be told apart: by model, or filtered by cost. */
static cli_table *report_table_new(cli *run, const report_shown *shown, bool has_time) {
    static const cli_column numbers[] = {{"SESSIONS", CLI_RIGHT},   {"ENGAGED", CLI_RIGHT},
                                         {"AGENT TIME", CLI_SPARE}, {"REQUESTS", CLI_RIGHT},
                                         {"INPUT", CLI_SPARE},      {"OUTPUT", CLI_SPARE},
                                         {"READ", CLI_SPARE},       {"WRITTEN", CLI_SPARE}};
    const report_keys *keys = &shown->keys;
    cli_column
        columns[TALLY_REPORT_MAX_KEYS + sizeof numbers / sizeof *numbers + CLI_BASIS_COLUMNS_MAX];
    char titles[TALLY_REPORT_MAX_KEYS][16];
    size_t count = 0;
    for (; count < keys->count; count++) {
        size_t n = strlen(keys->names[count]);
        for (size_t k = 0; k <= n; k++)
            titles[count][k] = (char)toupper((unsigned char)keys->names[count][k]);
        columns[count] = (cli_column){titles[count], CLI_CUT};
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (has_time || (i != HOURS_FIRST && i != HOURS_FIRST + 1)) columns[count++] = numbers[i];
    count += cli_basis_columns(shown->basis, columns + count);
    return cli_table_new(cli_out_paged(run), columns, count);
}

static int report_table(cli *run, const report_shown *shown) {
    const tally_report *report = shown->report;
    const report_keys *keys = &shown->keys;
    const tally_sums *total = tally_report_total(report);
    cli_table *table = report_table_new(run, shown, total->has_time);
    if (!table) return -1;
    for (size_t i = 0; i < tally_report_count(report); i++) {
        const tally_report_row *row = tally_report_at(report, i);
        cli_table_line(table);
        for (size_t k = 0; k < keys->count; k++)
            key_cell(table, keys->keys[k], row->keys[k]);
        sums_cells(table, shown->basis, &row->sums, CLI_PLAIN);
    }
    cli_table_line(table);
    cli_cell(table, tally_span_str("total"), CLI_STRONG);
    for (size_t k = 1; k < keys->count; k++)
        cli_cell_text(table, "");
    sums_cells(table, shown->basis, total, CLI_STRONG);
    int code = cli_table_print(table);
    cli_table_free(table);
    return code;
}

static const char expense_words[] = "Expenses, in no row above";

static int report_text(cli *run, const report_shown *shown) {
    FILE *out = cli_out(run);
    if (!tally_report_count(shown->report)) {
        cli_say("no costs match");
        cli_expense_sums_text(out, expense_words, &shown->expenses);
        return 0;
    }
    if (report_table(run, shown)) return -1;
    cli_basis_text(out, shown->basis, shown->plans, tally_report_total(shown->report));
    cli_expense_sums_text(out, expense_words, &shown->expenses);
    for (size_t i = 0; i < tally_report_conflict_count(shown->report); i++) {
        fputs("Conflict: ", out);
        cli_conflict_print(out, tally_report_conflict_at(shown->report, i));
    }
    return 0;
}

static int report_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_filter filter;
    report_shown shown = {.reading = &reading, .filter = &filter};
    int code = keys_read(run, &shown.keys);
    if (!code) code = cli_basis_read(run, &shown.basis);
    if (code) return code;
    code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_filter_read(run, &reading, &filter, &err);
    if (!code) code = cli_basis_plans(&reading, &filter, shown.basis, &shown.plans, &err);
    if (!code) {
        filter.plans = shown.plans;
        code = tally_report_run(reading.txn, &filter, shown.keys.keys, shown.keys.count,
                                reading.zone, &shown.report, &err);
    }
    if (!code) code = tally_expenses_sum(reading.txn, &filter, &shown.expenses, &err);
    if (!code) code = cli_basis_check(shown.basis, tally_report_total(shown.report), &err);
    if (!code && run->json)
        report_json(run, &shown);
    else if (!code && report_text(run, &shown))
        code = tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    tally_report_free(shown.report);
    tally_plans_free(shown.plans);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"by", "KEYS",
     "up to six of client,project,branch,tag,agent,model,member,device,day,week,month,session"},
    CLI_BASIS_OPTION,
    {NULL, NULL, NULL}};

const cli_command command_report = {.name = "report",
                                    .arguments = "",
                                    .summary = "sums by client, project, model, day and more",
                                    .example = "tally report --by project,model --period 2026-03",
                                    .options = options,
                                    .filters = true,
                                    .run = report_run};
