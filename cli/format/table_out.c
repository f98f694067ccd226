/* Tables over libsmartcols. Cells come from outside: control bytes are escaped by the library, what
 * else could steer a terminal is taken out here. */
#include "table_out.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tally/money.h>
#include <tally/time.h>

#include "command.h"
#include "table_fit.h"

#define CELL_MAX_BYTES   512u
#define MONEY_DECIMALS   4
#define HIDDEN_MAX_BYTES 256
#define PATH_END_BYTES   20u /* of a path on a terminal */
#define ELLIPSIS         "\xe2\x80\xa6"

struct cli_table {
    struct libscols_table *table;
    struct libscols_line *line;
    size_t next; /* the column the next cell goes to */
    bool narrow; /* for a terminal */
    bool failed; /* memory ran out */
    cli_align aligns[CLI_COLUMNS_MAX];
};

static bool colour_wanted(FILE *out) {
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    if (no && *no) return false;
    return isatty(STDOUT_FILENO) && isatty(fileno(out)) == 1 && term && strcmp(term, "dumb") != 0;
}

/* What the terminal was set up for, not what this program chose for itself where nothing was. */
static bool terminal_utf8(void) {
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool utf8 = locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    if (locale) freelocale(locale);
    return utf8;
}

static int column_add(struct libscols_table *table, const cli_column *column) {
    bool right = column->align == CLI_RIGHT || column->align == CLI_SPARE;
    return scols_table_new_column(table, column->title, 1.0, right ? SCOLS_FL_RIGHT : 0) ? 0 : -1;
}

cli_table *cli_table_new(FILE *out, const cli_column *columns, size_t count) {
    cli_table *table = calloc(1, sizeof *table);
    if (!table) return NULL;
    table->table = scols_new_table();
    if (!table->table) goto err;
    table->narrow = isatty(STDOUT_FILENO) == 1;
    assert(count <= CLI_COLUMNS_MAX);
    /* The library would cut cells without a mark: it gets no terminal to fit into. */
    scols_table_set_termforce(table->table, SCOLS_TERMFORCE_NEVER);
    scols_table_set_stream(table->table, out);
    scols_table_enable_colors(table->table, colour_wanted(out));
    for (size_t i = 0; i < count; i++) {
        table->aligns[i] = columns[i].align;
        if (column_add(table->table, &columns[i])) goto err;
    }
    return table;
err:
    cli_table_free(table);
    return NULL;
}

void cli_table_free(cli_table *table) {
    if (!table) return;
    scols_unref_table(table->table);
    free(table);
}

void cli_table_line(cli_table *table) {
    table->line = scols_table_new_line(table->table, NULL);
    table->next = 0;
    if (!table->line) table->failed = true;
}

void cli_cell(cli_table *table, tally_span text, cli_tone tone) {
    static const char *const colours[] = {NULL, "bold", "yellow"};
    char copy[CELL_MAX_BYTES];
    size_t n = text.len < sizeof copy - 1 ? text.len : sizeof copy - 1;
    /* Cutting must not leave half a character. */
    while (n < text.len && n > 0 && (text.ptr[n] & 0xc0) == 0x80)
        n--;
    if (n) memcpy(copy, text.ptr, n);
    copy[n] = '\0';
    cli_text_calm(copy);
    if (!table->line) return;
    size_t column = table->next++;
    if (scols_line_set_data(table->line, column, copy)) table->failed = true;
    struct libscols_cell *cell = scols_line_get_cell(table->line, column);
    if (cell && colours[tone]) scols_cell_set_color(cell, colours[tone]);
}

void cli_cell_text(cli_table *table, const char *text) {
    cli_cell(table, tally_span_str(text), CLI_PLAIN);
}

void cli_cell_path(cli_table *table, tally_span path) {
    char text[sizeof ELLIPSIS + PATH_END_BYTES] = ELLIPSIS;
    if (!table->narrow || path.len <= PATH_END_BYTES) {
        cli_cell(table, path, CLI_PLAIN);
        return;
    }
    /* From a folder's beginning where there is one, else from a character's. */
    tally_span end = tally_span_of(path.ptr + path.len - PATH_END_BYTES, PATH_END_BYTES);
    const uint8_t *slash = memchr(end.ptr, '/', end.len);
    size_t skip = slash ? (size_t)(slash - end.ptr) : 0;
    while (skip < end.len && (end.ptr[skip] & 0xc0) == 0x80)
        skip++;
    size_t mark = sizeof ELLIPSIS - 1;
    memcpy(text + mark, end.ptr + skip, end.len - skip);
    cli_cell(table, tally_span_of(text, mark + end.len - skip), CLI_PLAIN);
}

void cli_cell_u64(cli_table *table, uint64_t value) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_rounded((tally_i128)value * TALLY_PICO, 0, true, text);
    cli_cell_text(table, text);
}

void cli_cell_money(cli_table *table, tally_i128 pico) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_rounded(pico, MONEY_DECIMALS, true, text);
    cli_cell_text(table, text);
}

void cli_cell_bar(cli_table *table, tally_i128 part, tally_i128 whole) {
    uintptr_t length = 0;
    if (part > 0 && whole > 0 && part < whole)
        length = (uintptr_t)(whole > INT64_MAX ? part / (whole / CLI_BAR_WHOLE)
                                               : part * CLI_BAR_WHOLE / whole);
    else if (part > 0 && whole > 0)
        length = CLI_BAR_WHOLE;
    size_t column = table->next;
    cli_cell_text(table, "");
    if (!table->line) return;
    struct libscols_cell *cell = scols_line_get_cell(table->line, column);
    if (cell) scols_cell_set_userdata(cell, (void *)length);
}

void cli_cell_minute(cli_table *table, int64_t local_ms) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_time_format(local_ms, text);
    text[10] = ' ';
    text[16] = '\0';
    cli_cell_text(table, text);
}

static int terminal_fit(cli_table *table) {
    char hidden[HIDDEN_MAX_BYTES];
    size_t width = scols_table_get_termwidth(table->table);
    if (cli_table_fit(table->table, table->aligns, width ? width : 80, hidden, sizeof hidden))
        return -1;
    if (*hidden) cli_say("too narrow for %s; --json has all", hidden);
    return 0;
}

/* Where nobody looks at bars there are none. */
static void bars_hide(cli_table *table) {
    if (table->narrow && terminal_utf8()) return;
    for (size_t i = 0; i < scols_table_get_ncols(table->table); i++)
        if (table->aligns[i] == CLI_BAR)
            (void)scols_column_set_flags(scols_table_get_column(table->table, i), SCOLS_FL_HIDDEN);
}

/* The library leaves a cell blank for which it finds no memory, and says nothing: so nothing is
 * shown before errno says that this did not happen. */
static int print_whole(cli_table *table) {
    char *text = NULL;
    errno = 0;
    int rc = scols_print_table_to_string(table->table, &text);
    if (rc == 0 && (errno == ENOMEM || !text)) rc = -1;
    if (rc == 0) fprintf(scols_table_get_stream(table->table), "%s\n", text);
    free(text);
    return rc;
}

int cli_table_print(cli_table *table) {
    bars_hide(table);
    if (!table->failed && table->narrow && terminal_fit(table)) table->failed = true;
    if (!table->failed && !scols_table_is_empty(table->table)) {
        if (print_whole(table)) table->failed = true;
    }
    return table->failed ? -1 : 0;
}
