/* Reads an expense from texts, one by one or by the rows of a CSV. Recording is in expense.c and
 * expense_import.c. */
#include "expense_fields.h"

#include <stdlib.h>

#include <tally/money.h>
#include <tally/time.h>

#include "format/csv_read.h"

#define FIRST_ROOM 64u

const char *cli_expense_read(const cli_expense_texts *texts, tally_expense_entry *out) {
    *out = (tally_expense_entry){.provider = texts->provider,
                                 .currency = texts->currency,
                                 .unit = texts->unit,
                                 .client = texts->client,
                                 .project = texts->project,
                                 .has_quantity = texts->quantity.len > 0};
    if (tally_date_parse(texts->date, &out->day) != 0) return "the date is not like 2026-03-31";
    if (!tally_expense_category_parse(texts->category, &out->category))
        return "the category is none of llm, embedding, vector_db, gpu, egress, monitoring, other";
    if (tally_amount_parse(texts->amount, &out->amount) != 0)
        return "the amount is none, or not below " TALLY_AMOUNT_LIMIT_TEXT "; write it like 42.10";
    if (out->has_quantity && tally_pico_parse(texts->quantity, false, &out->quantity) != 0)
        return "the quantity is no number; write it like 12.5";
    if (texts->note.len > TALLY_EXPENSE_NOTE_MAX_BYTES) return "the note is over 4,096 bytes long";
    return tally_expense_fault(out);
}

typedef enum csv_field {
    CSV_DATE,
    CSV_CATEGORY,
    CSV_PROVIDER,
    CSV_AMOUNT,
    CSV_CURRENCY,
    CSV_CLIENT,
    CSV_PROJECT,
    CSV_QUANTITY,
    CSV_UNIT,
    CSV_NOTE,
    CSV_FIELDS
} csv_field;

static const cli_csv_column columns[CSV_FIELDS] = {
    [CSV_DATE] = {"date", true},          [CSV_CATEGORY] = {"category", true},
    [CSV_PROVIDER] = {"provider", true},  [CSV_AMOUNT] = {"amount", true},
    [CSV_CURRENCY] = {"currency", false}, [CSV_CLIENT] = {"client", false},
    [CSV_PROJECT] = {"project", false},   [CSV_QUANTITY] = {"quantity", false},
    [CSV_UNIT] = {"unit", false},         [CSV_NOTE] = {"note", false},
};

static const char *row_read(const tally_span *cells, tally_span currency, cli_expense_row *row) {
    cli_expense_texts texts = {.date = cells[CSV_DATE],
                               .category = cells[CSV_CATEGORY],
                               .provider = cli_csv_plain(cells[CSV_PROVIDER]),
                               .amount = cells[CSV_AMOUNT],
                               .currency = cells[CSV_CURRENCY].len ? cells[CSV_CURRENCY] : currency,
                               .client = cli_csv_plain(cells[CSV_CLIENT]),
                               .project = cli_csv_plain(cells[CSV_PROJECT]),
                               .quantity = cells[CSV_QUANTITY],
                               .unit = cli_csv_plain(cells[CSV_UNIT]),
                               .note = cli_csv_plain(cells[CSV_NOTE])};
    row->note = texts.note;
    return cli_expense_read(&texts, &row->entry);
}

/* Two equal rows of one file are two expenses: the row's place tells them apart. */
static void row_key(const tally_hash *file, uint64_t number, tally_hash *out) {
    uint8_t place[8];
    tally_put_be64(place, number);
    tally_span parts[] = {tally_span_of(file->b, sizeof file->b),
                          tally_span_of(place, sizeof place)};
    tally_sha256_parts(parts, 2, out);
}

static cli_expense_row *row_add(cli_expense_rows *rows) {
    if (rows->count == rows->room) {
        size_t room = rows->room ? rows->room * 2 : FIRST_ROOM;
        cli_expense_row *grown = realloc(rows->rows, room * sizeof *grown);
        if (!grown) return NULL;
        rows->rows = grown;
        rows->room = room;
    }
    return &rows->rows[rows->count++];
}

int cli_expense_csv(uint8_t *text, size_t len, tally_span currency, cli_expense_rows *rows,
                    tally_error *err) {
    size_t places[CSV_FIELDS];
    tally_span cells[CSV_FIELDS];
    tally_hash file;
    cli_csv csv;
    uint32_t line;
    bool more = true;
    tally_sha256(tally_span_of(text, len), &file);
    int code = cli_csv_open(&csv, text, len, err);
    if (!code)
        code = cli_csv_header(&csv, columns, CSV_FIELDS,
                              "date, category, provider and amount are needed", places, err);
    while (!code) {
        code = cli_csv_next(&csv, places, CSV_FIELDS, cells, &line, &more, err);
        if (code || !more) break;
        if (rows->count == CLI_EXPENSE_MAX_ROWS)
            return tally_fail(err, TALLY_ELIMIT, "line %u: a file has at most %u expenses", line,
                              CLI_EXPENSE_MAX_ROWS);
        cli_expense_row *row = row_add(rows);
        if (!row) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        const char *why = row_read(cells, currency, row);
        if (why) return tally_fail(err, TALLY_EFORMAT, "line %u: %s", line, why);
        row_key(&file, rows->count - 1, &row->key);
    }
    return code;
}

void cli_expense_rows_clear(cli_expense_rows *rows) {
    free(rows->rows);
    *rows = (cli_expense_rows){0};
}
