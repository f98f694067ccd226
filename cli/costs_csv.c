/* Costs as CSV: RFC 4180 quoting, and cells no spreadsheet runs. import_csv.c reads it back. */
#include "costs.h"

#include <inttypes.h>
#include <string.h>

#include <tally/money.h>

typedef struct csv_lines {
    FILE *out;
    const cli_reading *reading;
} csv_lines;

/* Spreadsheets take what starts so for a formula. Apostrophes before it are counted in, so that
 * undoing the escape gives back exactly what was there. */
static bool runs_as_formula(tally_span text) {
    size_t at = 0;
    while (at < text.len && text.ptr[at] == '\'')
        at++;
    return at < text.len && text.ptr[at] && strchr("=+-@\t\r", text.ptr[at]) != NULL;
}

static bool needs_quotes(tally_span text) {
    for (size_t i = 0; i < text.len; i++)
        if (strchr(",\"\r\n", text.ptr[i]) && text.ptr[i]) return true;
    return text.len && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ');
}

static void cell_bytes(FILE *out, tally_span text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') fputc('"', out);
        fputc(text.ptr[i], out);
    }
}

/* Several texts in one cell with `;` between them: tags; or just one. */
static void cell(FILE *out, const tally_span *texts, size_t count) {
    bool quotes = false, formula = count > 0 && runs_as_formula(texts[0]);
    for (size_t i = 0; i < count; i++)
        quotes = quotes || needs_quotes(texts[i]);
    if (quotes) fputc('"', out);
    if (formula) fputc('\'', out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(';', out);
        cell_bytes(out, texts[i]);
    }
    if (quotes) fputc('"', out);
    fputc(',', out);
}

static int csv_line(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    csv_lines *lines = ctx;
    const tally_usage *usage = &facts->cost->usage;
    char date[TALLY_TIME_TEXT_BYTES], id[2 * TALLY_ENTRY_BYTES + 1];
    char money[TALLY_MONEY_TEXT_BYTES] = "";
    (void)err;
    const cli_reading *reading = lines->reading;
    const tally_zone *zone = cli_zone_of(&reading->zones, facts->client, reading->zone);
    tally_date_format(tally_zone_day(zone, facts->cost->time_ms), date);
    tally_hex(tally_span_of(facts->cost->id.b, sizeof facts->cost->id.b), id);
    if (facts->priced.priced) tally_pico_format(facts->priced.pico, 2, money);
    fprintf(lines->out, "%s,", date);
    cell(lines->out, facts->tags, facts->tag_count);
    cell(lines->out, &facts->session->cwd, 1);
    cell(lines->out, &facts->session->agent, 1);
    cell(lines->out, &facts->model, 1);
    fprintf(lines->out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,", usage->input,
            usage->output, usage->cache_read, usage->cache_write_5m + usage->cache_write_1h, money);
    cell(lines->out, &facts->session->id, 1);
    cell(lines->out, &facts->client, 1);
    cell(lines->out, &facts->project, 1);
    cell(lines->out, &facts->member, 1);
    fprintf(lines->out, "%s\n", id);
    return 0;
}

int cli_costs_csv(FILE *out, const cli_reading *reading, const tally_filter *filter,
                  tally_error *err) {
    csv_lines lines = {out, reading};
    fputs(CLI_CSV_HEADER "\n", out);
    return tally_costs_filter(reading->txn, filter, csv_line, &lines, err);
}
