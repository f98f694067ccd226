/* tally report: sums by any combination of keys, as a table or JSON; the page is in report_html.c.
 * Grouping and pricing are the ledger's. */
#include <ctype.h>
#include <string.h>

#include "attribution_out.h"
#include "commands.h"
#include "costs/cost_row.h"
#include "file.h"
#include "filter.h"
#include "policy/engaged.h"
#include "report_view.h"

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

static bool key_taken(const report_keys *keys, tally_report_key key) {
    for (size_t i = 0; i < keys->count; i++)
        if (keys->keys[i] == key) return true;
    return false;
}

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
        if (key_taken(out, key->key)) return cli_usage(run, "--by has %s twice", key->name);
        if (out->count == TALLY_REPORT_MAX_KEYS)
            return cli_usage(run, "--by takes at most %u keys", TALLY_REPORT_MAX_KEYS);
        out->keys[out->count] = key->key;
        out->names[out->count++] = key->name;
        if (!text[length]) return CLI_DONE;
        text += length + 1;
    }
}

static void row_json(cli_json *json, const report_view *shown, const tally_report_row *row) {
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

static void zones_json(cli_json *json, const cli_zones *zones) {
    cli_json_open(json, "client_timezones", '[');
    for (size_t i = 0; i < zones->count; i++) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "client", zones->clients[i].client);
        cli_json_text(json, "timezone", zones->names[i]);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void report_json(cli *run, const report_view *shown) {
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
    zones_json(&json, &shown->reading->zones);
    cli_overlap_json(&json, shown->reading);
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

/* Money without a client or project is unattributed; other keys are just not there. */
const char *report_missing_word(tally_report_key key) {
    switch (key) {
    case TALLY_BY_CLIENT:
    case TALLY_BY_PROJECT: return "(unattributed)";
    case TALLY_BY_TAG: return "(untagged)";
    default: return "(none)";
    }
}

static void key_cell(cli_table *table, tally_report_key key, tally_span text) {
    if (!text.len)
        cli_cell(table, tally_span_str(report_missing_word(key)), CLI_WARNING);
    else if (key == TALLY_BY_PROJECT)
        cli_cell_path(table, text);
    else
        cli_cell(table, text, CLI_PLAIN);
}

/* Hours have no columns where they cannot be told apart: by model, or filtered by cost. */
static cli_table *report_table_new(cli *run, const report_view *shown, bool has_time) {
    static const cli_column numbers[] = {{"SESSIONS", CLI_RIGHT},   {"ENGAGED", CLI_RIGHT},
                                         {"AGENT TIME", CLI_SPARE}, {"REQUESTS", CLI_RIGHT},
                                         {"INPUT", CLI_SPARE},      {"OUTPUT", CLI_SPARE},
                                         {"READ", CLI_SPARE},       {"WRITTEN", CLI_SPARE}};
    const report_keys *keys = &shown->keys;
    cli_column columns[TALLY_REPORT_MAX_KEYS + sizeof numbers / sizeof *numbers +
                       CLI_BASIS_COLUMNS_MAX + 1];
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
    columns[count++] = (cli_column){"", CLI_BAR};
    return cli_table_new(cli_out_paged(run), columns, count);
}

/* What bars show: the cost, or hours where nothing has one. */
static tally_i128 bar_of(const report_view *shown, const tally_sums *sums) {
    bool costs = cli_basis_sums(shown->basis, tally_report_total(shown->report)).pico > 0;
    return costs ? cli_basis_sums(shown->basis, sums).pico : cli_hours_pico(sums->engaged_ms);
}

static tally_i128 bar_longest(const report_view *shown) {
    tally_i128 longest = 0;
    for (size_t i = 0; i < tally_report_count(shown->report); i++) {
        tally_i128 one = bar_of(shown, &tally_report_at(shown->report, i)->sums);
        if (one > longest) longest = one;
    }
    return longest;
}

static int report_table(cli *run, const report_view *shown) {
    const tally_report *report = shown->report;
    const report_keys *keys = &shown->keys;
    const tally_sums *total = tally_report_total(report);
    tally_i128 longest = bar_longest(shown);
    cli_table *table = report_table_new(run, shown, total->has_time);
    if (!table) return -1;
    for (size_t i = 0; i < tally_report_count(report); i++) {
        const tally_report_row *row = tally_report_at(report, i);
        cli_table_line(table);
        for (size_t k = 0; k < keys->count; k++)
            key_cell(table, keys->keys[k], row->keys[k]);
        sums_cells(table, shown->basis, &row->sums, CLI_PLAIN);
        cli_cell_bar(table, bar_of(shown, &row->sums), longest);
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

static void zones_note(FILE *out, const report_view *shown) {
    bool cut = shown->filter->has_period;
    for (size_t i = 0; i < shown->keys.count; i++)
        cut = cut || shown->keys.keys[i] == TALLY_BY_DAY || shown->keys.keys[i] == TALLY_BY_WEEK ||
              shown->keys.keys[i] == TALLY_BY_MONTH;
    if (cut && shown->reading->zones.count > 0)
        fputs("Days: each client's own ('tally client list'), those of the rest the team's\n", out);
}

static int report_text(cli *run, const report_view *shown) {
    FILE *out = cli_out(run);
    if (!tally_report_count(shown->report)) {
        cli_no_match_say(shown->reading, shown->filter, "costs");
        cli_expense_sums_text(out, expense_words, &shown->expenses);
        return 0;
    }
    if (report_table(run, shown)) return -1;
    cli_basis_text(out, shown->basis, shown->plans, tally_report_total(shown->report));
    zones_note(out, shown);
    if (tally_report_total(shown->report)->has_time) cli_overlap_note(out, shown->reading);
    cli_expense_sums_text(out, expense_words, &shown->expenses);
    for (size_t i = 0; i < tally_report_conflict_count(shown->report); i++) {
        fputs("Conflict: ", out);
        cli_conflict_print(out, tally_report_conflict_at(shown->report, i));
    }
    return 0;
}

/* The file gets the whole page or is left as it was. */
static int report_page_write(cli *run, const report_view *shown, tally_error *err) {
    const char *path = cli_value(run, "html");
    cli_replace file;
    if (strcmp(path, "-") == 0) return report_html(run, shown, cli_out(run), err);
    int code = cli_replace_open(&file, path, err);
    if (code) return code;
    tally_error closing = {0};
    code = report_html(run, shown, file.out, err);
    int closed = cli_replace_close(&file, code == 0, &closing);
    if (closed && !code) *err = closing;
    return code ? code : closed;
}

static int report_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_filter filter;
    report_view shown = {.reading = &reading, .filter = &filter};
    int code = keys_read(run, &shown.keys);
    if (!code) code = cli_basis_read(run, &shown.basis);
    if (!code && run->json && cli_has(run, "html"))
        code = cli_usage(run, "--json and --html contradict each other");
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
    if (!code && cli_has(run, "html"))
        code = report_page_write(run, &shown, &err);
    else if (!code && run->json)
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
     "up to six, comma between: client, project, branch, tag, agent, model, member, device, day, "
     "week, month, session (default: project)"},
    CLI_BASIS_OPTION,
    {"html", "FILE", "write a page with charts, tables and sessions ('-': standard output)"},
    {NULL, NULL, NULL}};

const cli_command command_report = {
    .name = "report",
    .arguments = "",
    .summary = "sums by client, model, day and more; days are each client's own",
    .example = "tally report --by project,model --period 2026-03",
    .options = options,
    .filters = true,
    .run = report_run};
