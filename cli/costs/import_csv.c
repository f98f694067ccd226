/* Reads the CSV that `costs export` writes: columns by name in any order, the apostrophe before
 * what would run as a formula taken off again. */
#include "costs.h"

#include <string.h>

#include <tally/money.h>

#include "format/csv_read.h"

typedef enum csv_field {
    CSV_DATE,
    CSV_TAGS,
    CSV_PATH,
    CSV_AGENT,
    CSV_MODEL,
    CSV_INPUT,
    CSV_OUTPUT,
    CSV_READ,
    CSV_WRITE,
    CSV_COST,
    CSV_SESSION,
    CSV_ENTRY,
    CSV_CLIENT,
    CSV_PROJECT,
    CSV_FIELDS
} csv_field;

static const cli_csv_column columns[CSV_FIELDS] = {{"date", true},
                                                   {"tags", true},
                                                   {"project_path", true},
                                                   {"agent", true},
                                                   {"model", true},
                                                   {"input_tokens", true},
                                                   {"output_tokens", true},
                                                   {"cache_read_tokens", true},
                                                   {"cache_write_tokens", true},
                                                   {"total_cost", true},
                                                   {"session", true},
                                                   {"entry_id", true},
                                                   {"client", false},
                                                   {"project", false}};

static bool tokens_read(tally_span text, uint64_t *out) {
    *out = 0;
    if (!text.len || text.len > 16) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        *out = *out * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return *out <= CLI_TOKENS_MAX;
}

static const char *row_read(const tally_span *cells, const tally_zone *zone, cli_import_row *row) {
    int64_t day = 0;
    row->agent = cli_csv_plain(cells[CSV_AGENT]);
    row->model = cli_csv_plain(cells[CSV_MODEL]);
    row->cwd = cli_csv_plain(cells[CSV_PATH]);
    row->session = cli_csv_plain(cells[CSV_SESSION]);
    row->tags = cli_csv_plain(cells[CSV_TAGS]);
    row->client = cli_csv_plain(cells[CSV_CLIENT]);
    row->project = cli_csv_plain(cells[CSV_PROJECT]);
    row->has_cost = cells[CSV_COST].len > 0;
    if (tally_date_parse(cells[CSV_DATE], &day)) return "its date is not like 2026-03-01";
    row->time_ms = tally_zone_day_start(zone, day);
    if (!tokens_read(cells[CSV_INPUT], &row->input)) return "input_tokens is not a count";
    if (!tokens_read(cells[CSV_OUTPUT], &row->output)) return "output_tokens is not a count";
    if (!tokens_read(cells[CSV_READ], &row->cache_read)) return "cache_read_tokens is not a count";
    if (!tokens_read(cells[CSV_WRITE], &row->cache_write_5m))
        return "cache_write_tokens is not a count";
    if (row->has_cost && tally_pico_parse(cells[CSV_COST], false, &row->pico))
        return "total_cost is not an amount";
    if (cells[CSV_ENTRY].len != sizeof row->id.b * 2 ||
        tally_unhex(cells[CSV_ENTRY], row->id.b, sizeof row->id.b))
        return "entry_id is not 32 hexadecimal digits";
    return cli_import_row_check(row);
}

int cli_import_csv(uint8_t *text, size_t len, const tally_zone *zone, cli_import_rows *rows,
                   tally_error *err) {
    size_t places[CSV_FIELDS];
    tally_span cells[CSV_FIELDS];
    cli_csv csv;
    uint32_t line;
    bool more = true;
    int code = cli_csv_open(&csv, text, len, err);
    if (!code)
        code = cli_csv_header(&csv, columns, CSV_FIELDS,
                              "the header must be the one of 'tally costs export'", places, err);
    while (!code) {
        code = cli_csv_next(&csv, places, CSV_FIELDS, cells, &line, &more, err);
        if (code || !more) return code;
        cli_import_row *row = cli_import_row_add(rows);
        if (!row) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        const char *why = row_read(cells, zone, row);
        if (why) return tally_fail(err, TALLY_EFORMAT, "line %u: %s", line, why);
    }
    return code;
}
