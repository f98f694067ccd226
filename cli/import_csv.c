/* Reads the CSV that `costs export` writes: columns by name in any order, RFC 4180 quoting, the
 * apostrophe before what would run as a formula taken off again. */
#include "costs.h"

#include <string.h>

#include <tally/money.h>

#define CSV_MAX_COLUMNS 64u

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
    CSV_NEEDED, /* so many columns must be there */
    CSV_CLIENT = CSV_NEEDED,
    CSV_PROJECT,
    CSV_FIELDS
} csv_field;

static const char *const field_names[CSV_FIELDS] = {"date",
                                                    "tags",
                                                    "project_path",
                                                    "agent",
                                                    "model",
                                                    "input_tokens",
                                                    "output_tokens",
                                                    "cache_read_tokens",
                                                    "cache_write_tokens",
                                                    "total_cost",
                                                    "session",
                                                    "entry_id",
                                                    "client",
                                                    "project"};

typedef struct csv_reader {
    uint8_t *at, *end;
    uint32_t line;
    const char *why; /* static; set when a line is malformed */
    size_t count;
    tally_span cells[CSV_MAX_COLUMNS];
} csv_reader;

/* A quoted cell, unquoted in place: the text can only become shorter. */
static bool quoted_read(csv_reader *reader, tally_span *out) {
    uint8_t *from = reader->at + 1, *to = reader->at, *start = reader->at;
    for (;; from++) {
        if (from >= reader->end) {
            reader->why = "a quoted cell does not end";
            return false;
        }
        if (*from == '\n') reader->line++;
        if (*from == '"' && !(from + 1 < reader->end && from[1] == '"')) break;
        if (*from == '"') from++;
        *to++ = *from;
    }
    reader->at = from + 1;
    *out = tally_span_of(start, (size_t)(to - start));
    if (reader->at >= reader->end || strchr(",\r\n", *reader->at)) return true;
    reader->why = "something follows a quoted cell";
    return false;
}

static bool bare_read(csv_reader *reader, tally_span *out) {
    uint8_t *start = reader->at;
    while (reader->at < reader->end && *reader->at != ',' && *reader->at != '\n') {
        if (*reader->at == '"') {
            reader->why = "a quote stands inside a cell";
            return false;
        }
        reader->at++;
    }
    size_t len = (size_t)(reader->at - start);
    if (len && start[len - 1] == '\r' && (reader->at == reader->end || *reader->at == '\n')) len--;
    *out = tally_span_of(start, len);
    return true;
}

/* One record, which may span lines. False at the end of the text, or when `why` is set. */
static bool record_read(csv_reader *reader) {
    reader->count = 0;
    reader->line++;
    if (reader->at >= reader->end) return false;
    for (;;) {
        tally_span cell;
        if (reader->count == CSV_MAX_COLUMNS) reader->why = "it has too many columns";
        if (reader->why) return false;
        bool quoted = reader->at < reader->end && *reader->at == '"';
        if (!(quoted ? quoted_read(reader, &cell) : bare_read(reader, &cell))) return false;
        reader->cells[reader->count++] = cell;
        if (reader->at < reader->end && *reader->at == '\r') reader->at++;
        if (reader->at >= reader->end) return true;
        if (*reader->at++ == '\n') return true;
    }
}

static tally_span formula_undo(tally_span cell) {
    size_t at = 0;
    while (at < cell.len && cell.ptr[at] == '\'')
        at++;
    bool escaped = at > 0 && at < cell.len && cell.ptr[at] && strchr("=+-@\t\r", cell.ptr[at]);
    return escaped ? tally_span_of(cell.ptr + 1, cell.len - 1) : cell;
}

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
    row->agent = formula_undo(cells[CSV_AGENT]);
    row->model = formula_undo(cells[CSV_MODEL]);
    row->cwd = formula_undo(cells[CSV_PATH]);
    row->session = formula_undo(cells[CSV_SESSION]);
    row->tags = formula_undo(cells[CSV_TAGS]);
    row->client = formula_undo(cells[CSV_CLIENT]);
    row->project = formula_undo(cells[CSV_PROJECT]);
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

/* Which column holds which field. */
static int header_read(csv_reader *reader, size_t *columns, tally_error *err) {
    if (!record_read(reader))
        return tally_fail(err, TALLY_EFORMAT, "the CSV has no header line%s%s",
                          reader->why ? ": " : "", reader->why ? reader->why : "");
    for (size_t field = 0; field < CSV_FIELDS; field++) {
        columns[field] = CSV_MAX_COLUMNS;
        for (size_t i = 0; i < reader->count; i++)
            if (tally_span_is(reader->cells[i], field_names[field])) columns[field] = i;
        if (columns[field] == CSV_MAX_COLUMNS && field < CSV_NEEDED)
            return tally_fail(err, TALLY_EFORMAT,
                              "line 1: there is no column '%s'; the header must be the one of "
                              "'tally costs export'",
                              field_names[field]);
    }
    return 0;
}

int cli_import_csv(uint8_t *text, size_t len, const tally_zone *zone, cli_import_rows *rows,
                   tally_error *err) {
    size_t columns[CSV_FIELDS] = {0};
    csv_reader reader = {.at = text, .end = text + len};
    int code = header_read(&reader, columns, err);
    if (code) return code;
    size_t width = reader.count;
    for (;;) {
        uint32_t line = reader.line + 1;
        tally_span cells[CSV_FIELDS];
        if (!record_read(&reader)) {
            if (!reader.why) return 0;
            return tally_fail(err, TALLY_EFORMAT, "line %u: %s", line, reader.why);
        }
        if (reader.count == 1 && !reader.cells[0].len) continue;
        if (reader.count != width)
            return tally_fail(err, TALLY_EFORMAT, "line %u: it has %zu cells, the header has %zu",
                              line, reader.count, width);
        for (size_t i = 0; i < CSV_FIELDS; i++)
            cells[i] = columns[i] < width ? reader.cells[columns[i]] : tally_span_str(NULL);
        cli_import_row *row = cli_import_row_add(rows);
        if (!row) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        const char *why = row_read(cells, zone, row);
        if (why) return tally_fail(err, TALLY_EFORMAT, "line %u: %s", line, why);
    }
}
