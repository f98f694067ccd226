/* Reads CSV a record at a time. What the columns hold is known elsewhere. */
#include "csv_read.h"

#include <string.h>

#include <tally/record.h>

#include "csv_formula.h"

/* A quoted cell, unquoted in place: the text can only become shorter. */
static bool quoted_read(cli_csv *csv, tally_span *out) {
    uint8_t *from = csv->at + 1, *to = csv->at, *start = csv->at;
    for (;; from++) {
        if (from >= csv->end) {
            csv->why = "a quoted cell does not end";
            return false;
        }
        if (*from == '\n') csv->line++;
        if (*from == '"' && !(from + 1 < csv->end && from[1] == '"')) break;
        if (*from == '"') from++;
        *to++ = *from;
    }
    csv->at = from + 1;
    *out = tally_span_of(start, (size_t)(to - start));
    if (csv->at >= csv->end || strchr(",\n", *csv->at)) return true;
    if (*csv->at == '\r' && (csv->at + 1 == csv->end || csv->at[1] == '\n')) return true;
    csv->why = "something follows a quoted cell";
    return false;
}

static bool bare_read(cli_csv *csv, tally_span *out) {
    uint8_t *start = csv->at;
    while (csv->at < csv->end && *csv->at != ',' && *csv->at != '\n') {
        if (*csv->at == '"') {
            csv->why = "a quote stands inside a cell";
            return false;
        }
        csv->at++;
    }
    size_t len = (size_t)(csv->at - start);
    if (len && start[len - 1] == '\r' && (csv->at == csv->end || *csv->at == '\n')) len--;
    *out = tally_span_of(start, len);
    return true;
}

/* One record, which may span lines. False at the end of the text, or when `why` is set. */
static bool record_read(cli_csv *csv) {
    csv->count = 0;
    csv->line++;
    if (csv->at >= csv->end) return false;
    for (;;) {
        tally_span cell;
        if (csv->count == CLI_CSV_MAX_COLUMNS) csv->why = "it has too many columns";
        if (csv->why) return false;
        bool quoted = csv->at < csv->end && *csv->at == '"';
        if (!(quoted ? quoted_read(csv, &cell) : bare_read(csv, &cell))) return false;
        csv->cells[csv->count++] = cell;
        if (csv->at < csv->end && *csv->at == '\r') csv->at++;
        if (csv->at >= csv->end) return true;
        if (*csv->at++ == '\n') return true;
    }
}

int cli_csv_open(cli_csv *csv, uint8_t *text, size_t len, tally_error *err) {
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf}; /* spreadsheets put it before UTF-8 */
    size_t skip = len >= sizeof mark && memcmp(text, mark, sizeof mark) == 0 ? sizeof mark : 0;
    if (!tally_utf8_valid(tally_span_of(text, len)) || (len > 0 && memchr(text, 0, len)))
        return tally_fail(err, TALLY_EFORMAT, "it is not UTF-8 text");
    *csv = (cli_csv){.at = text + skip, .end = text + len};
    return 0;
}

static uint8_t small(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_called(tally_span cell, const char *name, size_t len) {
    if (cell.len != len) return false;
    for (size_t i = 0; i < len; i++)
        if (small(cell.ptr[i]) != (uint8_t)name[i]) return false;
    return true;
}

/* How often the header has this name, and where last. */
static size_t find_name(const cli_csv *csv, const char *name, size_t len, size_t *place) {
    size_t found = 0;
    for (size_t i = 0; i < csv->count; i++) {
        if (!is_called(csv->cells[i], name, len)) continue;
        *place = i;
        found++;
    }
    return found;
}

int cli_csv_header(cli_csv *csv, const cli_csv_column *columns, size_t count, const char *hint,
                   size_t *places, tally_error *err) {
    if (!record_read(csv))
        return tally_fail(err, TALLY_EFORMAT, "the CSV has no header line%s%s",
                          csv->why ? ": " : "", csv->why ? csv->why : "");
    csv->width = csv->count;
    if (csv->count == 1 && memchr(csv->cells[0].ptr, ';', csv->cells[0].len))
        return tally_fail(err, TALLY_EFORMAT,
                          "line 1: ';' stands between the columns; save it with ',' between them "
                          "and '.' in amounts");
    for (size_t i = 0; i < count; i++) {
        const char *name = columns[i].names;
        size_t found = 0, len = 0;
        for (; *name && !found; name += len + (name[len] == '|')) {
            len = strcspn(name, "|");
            found = find_name(csv, name, len, &places[i]);
            if (found > 1)
                return tally_fail(err, TALLY_EFORMAT,
                                  "line 1: the column '%.*s' stands there twice", (int)len, name);
        }
        if (!found) places[i] = CLI_CSV_MAX_COLUMNS;
        if (!found && columns[i].needed)
            return tally_fail(err, TALLY_EFORMAT, "line 1: there is no column '%.*s'; %s",
                              (int)strcspn(columns[i].names, "|"), columns[i].names, hint);
    }
    return 0;
}

int cli_csv_next(cli_csv *csv, const size_t *places, size_t count, tally_span *cells,
                 uint32_t *line, bool *more, tally_error *err) {
    do {
        *line = csv->line + 1;
        *more = record_read(csv);
        if (!*more && csv->why)
            return tally_fail(err, TALLY_EFORMAT, "line %u: %s", *line, csv->why);
        if (!*more) return 0;
    } while (csv->count == 1 && csv->cells[0].len == 0);
    if (csv->count != csv->width)
        return tally_fail(err, TALLY_EFORMAT, "line %u: it has %zu cells, the header has %zu",
                          *line, csv->count, csv->width);
    for (size_t i = 0; i < count; i++)
        cells[i] = places[i] < csv->width ? csv->cells[places[i]] : (tally_span){0};
    return 0;
}

tally_span cli_csv_plain(tally_span cell) {
    bool escaped = cell.len && cell.ptr[0] == '\'' && cli_csv_is_formula(cell);
    return escaped ? tally_span_of(cell.ptr + 1, cell.len - 1) : cell;
}
