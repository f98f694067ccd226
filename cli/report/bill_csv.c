/* Reads a provider's bill. Comparing it is the ledger's (tally/reconcile.h). */
#include "bill_csv.h"

#include <stdlib.h>
#include <string.h>

#include <tally/money.h>
#include <tally/time.h>

#include "format/csv_read.h"

#define FIRST_ROOM 256u
#define DATE_CHARS 10u

typedef enum csv_field { CSV_DATE, CSV_AMOUNT, CSV_MODEL, CSV_CURRENCY, CSV_FIELDS } csv_field;

static const cli_csv_column columns[CSV_FIELDS] = {
    [CSV_DATE] = {"date|usage_date_utc|start_time_iso", true},
    [CSV_AMOUNT] = {"amount|cost_usd|amount_value", true},
    [CSV_MODEL] = {"model|line_item", false},
    [CSV_CURRENCY] = {"currency|amount_currency", false}};

/* A day, or an instant of which the day is taken. */
static bool day_read(tally_span text, int64_t *day) {
    int64_t ms;
    if (text.len > DATE_CHARS && tally_time_parse(text, &ms) != 0) return false;
    if (text.len > DATE_CHARS) {
        *day = tally_floor_div(ms, TALLY_DAY_MS);
        return true;
    }
    return tally_date_parse(text, day) == 0;
}

static bool is_dollars(tally_span currency) {
    return currency.len == 0 || tally_span_is(currency, "USD") || tally_span_is(currency, "usd");
}

static tally_span model_of(tally_span cell) {
    tally_span model = cli_csv_plain(cell);
    const uint8_t *comma = model.len ? memchr(model.ptr, ',', model.len) : NULL;
    return comma ? tally_span_of(model.ptr, (size_t)(comma - model.ptr)) : model;
}

static const char *line_read(const tally_span *cells, tally_bill_line *line) {
    line->model = model_of(cells[CSV_MODEL]);
    if (!day_read(cells[CSV_DATE], &line->day)) return "its date is not like 2026-03-01";
    if (tally_pico_parse(cells[CSV_AMOUNT], true, &line->pico) != 0)
        return "its amount is none; one like 1234.50 is meant";
    if (!is_dollars(cells[CSV_CURRENCY]))
        return "its currency is not " TALLY_COST_CURRENCY
               ", which recorded costs are in; record the whole bill with 'tally bill set'";
    return NULL;
}

static int line_add(cli_bill *bill, const tally_bill_line *line, tally_error *err) {
    if (bill->count == CLI_BILL_MAX_LINES)
        return tally_fail(err, TALLY_ELIMIT, "a bill has at most %u lines", CLI_BILL_MAX_LINES);
    if (bill->count == bill->room) {
        size_t room = bill->room ? bill->room * 2 : FIRST_ROOM;
        tally_bill_line *grown = realloc(bill->lines, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        bill->lines = grown;
        bill->room = room;
    }
    bill->lines[bill->count++] = *line;
    return 0;
}

int cli_bill_csv(uint8_t *text, size_t len, cli_bill *bill, tally_error *err) {
    size_t places[CSV_FIELDS];
    tally_span cells[CSV_FIELDS];
    cli_csv csv;
    uint32_t number;
    bool more = true;
    int code = cli_csv_open(&csv, text, len, err);
    if (!code)
        code = cli_csv_header(&csv, columns, CSV_FIELDS, "a bill has date, model and amount",
                              places, err);
    while (!code) {
        tally_bill_line line;
        code = cli_csv_next(&csv, places, CSV_FIELDS, cells, &number, &more, err);
        if (code || !more) break;
        if (cells[CSV_AMOUNT].len == 0 && cells[CSV_MODEL].len == 0) continue;
        const char *why = line_read(cells, &line);
        code = why ? tally_fail(err, TALLY_EFORMAT, "line %u: %s", number, why)
                   : line_add(bill, &line, err);
    }
    return code;
}

void cli_bill_clear(cli_bill *bill) {
    free(bill->lines);
    *bill = (cli_bill){0};
}
