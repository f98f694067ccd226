/* Costs as CSV. import_csv.c reads it back. */
#include "costs.h"

#include <inttypes.h>

#include <tally/money.h>

#include "format/csv_out.h"

typedef struct csv_lines {
    FILE *out;
    const cli_reading *reading;
} csv_lines;

static int csv_line(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    csv_lines *lines = ctx;
    const tally_usage *usage = &facts->cost->usage;
    char date[TALLY_TIME_TEXT_BYTES], id[2 * TALLY_ENTRY_BYTES + 1];
    char money[TALLY_MONEY_TEXT_BYTES] = "";
    (void)err;
    const cli_reading *reading = lines->reading;
    const tally_zone *zone = cli_zone_of(&reading->zones, facts->whose.client, reading->zone);
    tally_date_format(tally_zone_day(zone, facts->cost->time_ms), date);
    tally_hex(tally_span_of(facts->cost->id.b, sizeof facts->cost->id.b), id);
    if (facts->priced.priced) tally_pico_format(facts->priced.pico, 2, money);
    fprintf(lines->out, "%s,", date);
    cli_csv_texts(lines->out, facts->whose.tags, facts->whose.tag_count);
    cli_csv_text(lines->out, facts->session->cwd);
    cli_csv_text(lines->out, facts->session->agent);
    cli_csv_text(lines->out, facts->model);
    fprintf(lines->out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,", usage->input,
            usage->output, usage->cache_read, usage->cache_write_5m + usage->cache_write_1h, money);
    cli_csv_text(lines->out, facts->session->id);
    cli_csv_text(lines->out, facts->whose.client);
    cli_csv_text(lines->out, facts->whose.project);
    cli_csv_text(lines->out, facts->whose.member);
    fprintf(lines->out, "%s\n", id);
    return 0;
}

int cli_costs_csv(FILE *out, const cli_reading *reading, const tally_filter *filter,
                  tally_error *err) {
    csv_lines lines = {out, reading};
    fputs(CLI_CSV_HEADER "\n", out);
    return tally_costs_filter(reading->txn, filter, csv_line, &lines, err);
}
