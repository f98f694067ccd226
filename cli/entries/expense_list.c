/* tally expense list: what was recorded; tally expense evidence: the file behind one, back again.
 */
#include <string.h>

#include <tally/blob.h>
#include <tally/money.h>

#include "commands.h"
#include "expense_out.h"
#include "file.h"
#include "filter.h"
#include "report/attribution_out.h"
#include "target.h"

#define ID_SHOWN_DIGITS 8u /* enough for `void` and others to find it */

typedef struct expense_lines {
    tally_txn *txn;
    cli_json *json;
    cli_table *table;
    tally_entry_id last; /* of the share before: an entry is one object of the JSON */
    bool any;
} expense_lines;

static int expense_json(void *ctx, const tally_expense_facts *facts, tally_error *err) {
    expense_lines *lines = ctx;
    const tally_entry_id *id = &facts->expense->id;
    (void)err;
    if (lines->any && memcmp(lines->last.b, id->b, sizeof id->b) == 0) return 0;
    lines->any = true;
    lines->last = *id;
    cli_expense_json(lines->json, lines->txn, facts->expense);
    return 0;
}

static int expense_line(void *ctx, const tally_expense_facts *facts, tally_error *err) {
    expense_lines *lines = ctx;
    const tally_expense *expense = facts->expense;
    char date[TALLY_TIME_TEXT_BYTES], hex[2 * TALLY_ENTRY_BYTES + 1],
        amount[TALLY_MONEY_TEXT_BYTES];
    (void)err;
    lines->any = true;
    tally_date_format(expense->day, date);
    tally_hex(tally_span_of(expense->id.b, sizeof expense->id.b), hex);
    hex[ID_SHOWN_DIGITS] = '\0';
    tally_pico_format_in(facts->amount, expense->currency, amount);
    cli_table_line(lines->table);
    cli_cell_text(lines->table, hex);
    cli_cell_text(lines->table, date);
    cli_cell_text(lines->table, tally_expense_category_name(expense->category));
    cli_cell(lines->table, expense->provider, CLI_PLAIN);
    cli_whose_cell(lines->table, &facts->whose);
    cli_cell_text(lines->table, amount);
    cli_cell(lines->table, expense->currency, CLI_PLAIN);
    cli_cell(lines->table, cli_expense_note(lines->txn, expense), CLI_PLAIN);
    cli_cell(lines->table, expense->evidence_name, CLI_PLAIN);
    return 0;
}

/* ---- what may have come in twice ---- */

/* Ways in which two expenses may be one bill: how they are found, what JSON calls them and what is
 * said of them. */
static const struct twin_way {
    int (*each)(tally_txn *txn, int64_t first_day, int64_t end_day, tally_expense_twin_fn *fn,
                void *ctx, tally_error *err);
    const char *key, *words;
} twin_ways[] = {{tally_expense_twins_each, "alike", "were recorded alike on two devices"},
                 {tally_expense_same_evidence_each, "same_evidence",
                  "rest on one evidence file that two devices recorded, and say different things"}};

#define TWIN_WAYS (sizeof twin_ways / sizeof *twin_ways)

static int twins_each(tally_txn *txn, const tally_filter *filter, const struct twin_way *way,
                      tally_expense_twin_fn *fn, void *ctx, tally_error *err) {
    return way->each(txn, filter->has_period ? filter->period.first_day : INT64_MIN,
                     filter->has_period ? filter->period.end_day : INT64_MAX, fn, ctx, err);
}

static int twin_json(void *ctx, const tally_expense_twin *twin, tally_error *err) {
    cli_json *json = ctx;
    (void)err;
    cli_json_open(json, NULL, '[');
    cli_json_hex(json, NULL, tally_span_of(twin->id.b, sizeof twin->id.b));
    cli_json_hex(json, NULL, tally_span_of(twin->other.b, sizeof twin->other.b));
    cli_json_close(json, ']');
    return 0;
}

typedef struct twins_seen {
    tally_expense_twin first;
    size_t count;
} twins_seen;

static int twin_note(void *ctx, const tally_expense_twin *twin, tally_error *err) {
    twins_seen *seen = ctx;
    (void)err;
    if (seen->count++ == 0) seen->first = *twin;
    return 0;
}

static int twins_say(tally_txn *txn, const tally_filter *filter, const struct twin_way *way,
                     tally_error *err) {
    twins_seen seen = {.count = 0};
    char id[ID_SHOWN_DIGITS + 1], other[ID_SHOWN_DIGITS + 1];
    int code = twins_each(txn, filter, way, twin_note, &seen, err);
    if (code || !seen.count) return code;
    tally_hex(tally_span_of(seen.first.id.b, ID_SHOWN_DIGITS / 2), id);
    tally_hex(tally_span_of(seen.first.other.b, ID_SHOWN_DIGITS / 2), other);
    cli_say("note: %zu of this period %s, such as %s and %s ('%s' with --json); if they are one "
            "bill, 'tally void' takes one out",
            seen.count, way->words, id, other, way->key);
    return 0;
}

static int list_json(cli *run, const cli_reading *reading, const tally_filter *filter,
                     tally_error *err) {
    tally_expense_sums sums;
    cli_json json;
    expense_lines lines = {.txn = reading->txn, .json = &json};
    int code = tally_expenses_sum(reading->txn, filter, &sums, err);
    if (code) return code;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_period_json(&json, run, filter);
    cli_json_open(&json, "entries", '[');
    code = tally_expenses_filter(reading->txn, filter, expense_json, &lines, err);
    cli_json_close(&json, ']');
    cli_expense_sums_json(&json, &sums);
    for (size_t i = 0; i < TWIN_WAYS; i++) {
        cli_json_open(&json, twin_ways[i].key, '[');
        if (!code) code = twins_each(reading->txn, filter, &twin_ways[i], twin_json, &json, err);
        cli_json_close(&json, ']');
    }
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static int list_table(cli *run, const cli_reading *reading, const tally_filter *filter,
                      tally_error *err) {
    static const cli_column columns[] = {
        {"ENTRY", CLI_LEFT},   {"DATE", CLI_LEFT},  {"CATEGORY", CLI_LEFT},
        {"PROVIDER", CLI_CUT}, {"CLIENT", CLI_CUT}, {"AMOUNT", CLI_RIGHT},
        {"CUR", CLI_LEFT},     {"NOTE", CLI_CUT},   {"EVIDENCE", CLI_CUT}};
    tally_expense_sums sums;
    expense_lines lines = {.txn = reading->txn};
    int code = tally_expenses_sum(reading->txn, filter, &sums, err);
    if (code) return code;
    FILE *out = cli_out_paged(run);
    lines.table = cli_table_new(out, columns, sizeof columns / sizeof *columns);
    if (!lines.table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    code = tally_expenses_filter(reading->txn, filter, expense_line, &lines, err);
    if (!code && !lines.any)
        cli_say("no expenses match; 'tally help expense add' shows how to record one");
    else if (!code && cli_table_print(lines.table))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_table_free(lines.table);
    if (!code) cli_expense_sums_text(out, "Total", &sums);
    for (size_t i = 0; i < TWIN_WAYS && !code; i++)
        code = twins_say(reading->txn, filter, &twin_ways[i], err);
    return code;
}

static int list_run(cli *run) {
    return cli_list(run, list_json, list_table);
}

const cli_command command_expense_list = {.name = "expense list",
                                          .arguments = "",
                                          .summary = "expenses and whose they are",
                                          .example = "tally expense list --period 2026-03 "
                                                     "--client acme",
                                          .filters = true,
                                          .run = list_run};

/* ---- evidence ---- */

static int evidence_find(tally_txn *txn, const char *name, tally_span *content, tally_error *err) {
    tally_entry_id id;
    tally_expense expense;
    tally_hash blob;
    int code = cli_entry_find(txn, name, &id, err);
    if (code) return code;
    if (tally_expense_get(txn, &id, &expense) != 0)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "entry %s is no expense; 'tally expense list' shows "
                          "them",
                          name);
    if (!expense.evidence)
        return tally_fail(err, TALLY_ENOTFOUND, "expense %s has no evidence", name);
    if (tally_blob_get(txn, expense.evidence, content) == 0) return 0;
    memcpy(blob.b, expense.evidence, sizeof blob.b);
    if (tally_blob_redacted(txn, &blob))
        return tally_fail(err, TALLY_ENOTFOUND, "the evidence of expense %s was redacted", name);
    return tally_fail(err, TALLY_ENOTFOUND,
                      "the evidence of expense %s is not here yet; 'tally sync now' fetches it",
                      name);
}

static int content_write(const char *path, tally_span content, tally_error *err) {
    cli_replace file;
    int code = cli_replace_open(&file, path, err);
    if (code) return code;
    (void)fwrite(content.ptr, 1, content.len, file.out); /* closing tells whether it went well */
    return cli_replace_close(&file, true, err);
}

static void written_print(cli *run, const char *path, size_t len) {
    cli_json json;
    if (!run->json) {
        cli_say("%s: %zu bytes", path, len);
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "output", path);
    cli_json_u64(&json, "bytes", len);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int evidence_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_span content = {0};
    const char *path = cli_value(run, "output");
    if (!path) return cli_usage(run, "--output is needed; '-' is standard output");
    bool plain = strcmp(path, "-") == 0;
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = evidence_find(reading.txn, run->arguments[0], &content, &err);
    if (!code && plain)
        (void)fwrite(content.ptr, 1, content.len, cli_out(run)); /* finishing tells */
    else if (!code)
        code = content_write(path, content, &err);
    if (!code && !plain) written_print(run, path, content.len);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option evidence_options[] = {
    {"output", "FILE", "where to write it (also -o); '-' is standard output"}, {NULL, NULL, NULL}};

const cli_command command_expense_evidence = {
    .name = "expense evidence",
    .arguments = "ENTRY",
    .summary = "the file behind an expense, back again",
    .example = "tally expense evidence 61076843 -o cohere-march.pdf",
    .options = evidence_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = evidence_run};
