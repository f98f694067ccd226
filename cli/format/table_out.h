/* Tables for people: columns aligned by libsmartcols, cut to the terminal's width. */
#ifndef TALLY_CLI_TABLE_OUT_H
#define TALLY_CLI_TABLE_OUT_H

#include <stdio.h>

#include <tally/bytes.h>

typedef enum cli_align {
    CLI_LEFT,
    CLI_RIGHT,
    CLI_CUT,   /* left, and the first to be shortened when the terminal is narrow */
    CLI_SPARE, /* right, and left out where the terminal is too narrow even so; stderr says which */
    CLI_LEAN,  /* left, shortened like CLI_CUT, and left out before others are cut short */
    CLI_BAR    /* bars, drawn as broad as a terminal allows; not there in files and pipes */
} cli_align;

typedef struct cli_column {
    const char *title;
    cli_align align;
} cli_column;

typedef enum cli_tone { CLI_PLAIN, CLI_STRONG, CLI_WARNING } cli_tone;

typedef struct cli_table cli_table;

/* A table of at most CLI_COLUMNS_MAX columns that will be printed on `out`; NULL when memory ran
 * out. Colour only on a terminal, and
 * not with NO_COLOR. */
cli_table *cli_table_new(FILE *out, const cli_column *columns, size_t count);
void cli_table_free(cli_table *table);
/* Cells are filled from left to right after cli_table_line. Everything is copied. Errors are
 * remembered. */
void cli_table_line(cli_table *table);
void cli_cell(cli_table *table, tally_span text, cli_tone tone);
void cli_cell_text(cli_table *table, const char *text);
/* A directory: on a terminal a long one keeps its end, which tells projects apart. */
void cli_cell_path(cli_table *table, tally_span path);
void cli_cell_u64(cli_table *table, uint64_t value); /* 1,234,567 */
/* Rounded to four decimals for reading; the exact figure is in the JSON and CSV. */
void cli_cell_money(cli_table *table, tally_i128 pico);
/* Of a CLI_BAR column: a bar that is as long as `part` is of `whole`. */
void cli_cell_bar(cli_table *table, tally_i128 part, tally_i128 whole);
/* Local minute of an instant, "2026-03-01 09:30". */
void cli_cell_minute(cli_table *table, int64_t local_ms);
/* Prints and returns 0; -1 when memory ran out on the way. */
int cli_table_print(cli_table *table);

#endif
