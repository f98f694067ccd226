/* CSV that comes in: RFC 4180 quoting, columns by the names in the header line. What the cells mean
 * is known to who asks for them. */
#ifndef TALLY_CLI_CSV_READ_H
#define TALLY_CLI_CSV_READ_H

#include <tally/bytes.h>
#include <tally/error.h>

#define CLI_CSV_MAX_COLUMNS 64u

typedef struct cli_csv {
    uint8_t *at, *end;
    uint32_t line;   /* that was read last */
    size_t width;    /* cells of the header */
    size_t count;    /* cells of the record that was read last */
    const char *why; /* static; set when a line is malformed */
    tally_span cells[CLI_CSV_MAX_COLUMNS];
} cli_csv;

/* A column that is looked for, under the first of its names that the header has, whatever the case
 * of letters; names are separated by '|'. */
typedef struct cli_csv_column {
    const char *names;
    bool needed;
} cli_csv_column;

/* Begins to read `text`, which the reader changes: cells are unquoted in place and live as long as
 * it. A byte order mark is passed over. TALLY_EFORMAT when it is not UTF-8 or holds a NUL. */
int cli_csv_open(cli_csv *csv, uint8_t *text, size_t len, tally_error *err);
/* Reads the header line: places[i] is the place of columns[i], CLI_CSV_MAX_COLUMNS where it is not
 * there. TALLY_EFORMAT, with `hint`, for a needed one that is missing or any that stands twice. */
int cli_csv_header(cli_csv *csv, const cli_csv_column *columns, size_t count, const char *hint,
                   size_t *places, tally_error *err);
/* The next record that is not empty: its cells in the order of `places`, empty where there is no
 * such column. *more is false at the end; *line is the first line of the record. TALLY_EFORMAT. */
int cli_csv_next(cli_csv *csv, const size_t *places, size_t count, tally_span *cells,
                 uint32_t *line, bool *more, tally_error *err);
/* The cell without the apostrophe that keeps spreadsheets from running it as a formula. */
tally_span cli_csv_plain(tally_span cell);

#endif
