/* Widths as a terminal counts them, and cells cut to them. What a column means is not known here.
 */
#include "table_fit.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define ELLIPSIS       "\xe2\x80\xa6"
#define CUT_MIN_WIDTH  14u /* of a column that may be cut */
#define ESCAPE_WIDTH   4u  /* the library writes a control byte as \xHH */
#define CELL_MAX_BYTES 640u

typedef struct widths {
    size_t natural[CLI_COLUMNS_MAX], given[CLI_COLUMNS_MAX];
    bool hidden[CLI_COLUMNS_MAX];
    size_t count;
} widths;

/* Bytes of the first character of a text that is not empty, and how many columns it takes. */
static size_t character(const char *text, size_t *columns) {
    mbstate_t state = {0};
    wchar_t wide = 0;
    size_t bytes = mbrtowc(&wide, text, MB_CUR_MAX, &state);
    bool broken = bytes == (size_t)-1 || bytes == (size_t)-2 || bytes == 0;
    int width = broken ? -1 : wcwidth(wide);
    *columns = width < 0 ? ESCAPE_WIDTH : (size_t)width;
    return broken ? 1 : bytes;
}

static size_t width_of(const char *text) {
    size_t sum = 0, columns;
    for (; text && *text; sum += columns)
        text += character(text, &columns);
    return sum;
}

/* A text that already lacks its beginning keeps its end; others keep their beginning. */
static void cut(const char *text, size_t width, char out[CELL_MAX_BYTES]) {
    const size_t mark = sizeof ELLIPSIS - 1;
    size_t columns, left = width_of(text);
    if (strncmp(text, ELLIPSIS, mark) == 0) {
        for (text += mark, left--; left + 1 > width; left -= columns)
            text += character(text, &columns);
        snprintf(out, CELL_MAX_BYTES, ELLIPSIS "%s", text);
        return;
    }
    size_t used = 0, bytes = 0;
    while (text[bytes]) {
        size_t step = character(text + bytes, &columns);
        if (used + columns + 1 > width || bytes + step + sizeof ELLIPSIS > CELL_MAX_BYTES) break;
        used += columns;
        bytes += step;
    }
    memcpy(out, text, bytes);
    memcpy(out + bytes, ELLIPSIS, sizeof ELLIPSIS);
}

static const char *title_of(struct libscols_table *table, size_t column) {
    const char *title =
        scols_cell_get_data(scols_column_get_header(scols_table_get_column(table, column)));
    return title ? title : "";
}

static void measure(struct libscols_table *table, widths *w) {
    size_t lines = scols_table_get_nlines(table);
    w->count = scols_table_get_ncols(table);
    for (size_t i = 0; i < w->count; i++) {
        w->natural[i] = width_of(title_of(table, i));
        for (size_t n = 0; n < lines; n++) {
            struct libscols_line *line = scols_table_get_line(table, n);
            size_t width = width_of(scols_cell_get_data(scols_line_get_cell(line, i)));
            if (width > w->natural[i]) w->natural[i] = width;
        }
    }
}

/* What the table takes when every column that may be cut is. */
static size_t least(widths *w, const cli_align *aligns) {
    size_t sum = 0;
    for (size_t i = 0; i < w->count; i++) {
        bool shorter = aligns[i] == CLI_CUT && w->natural[i] > CUT_MIN_WIDTH;
        w->given[i] = shorter ? CUT_MIN_WIDTH : w->natural[i];
        if (!w->hidden[i]) sum += w->given[i] + (sum > 0);
    }
    return sum;
}

static void hide(struct libscols_table *table, widths *w, size_t column, char *hidden,
                 size_t hidden_size) {
    struct libscols_column *c = scols_table_get_column(table, column);
    size_t used = strlen(hidden);
    w->hidden[column] = true;
    (void)scols_column_set_flags(c, scols_column_get_flags(c) | SCOLS_FL_HIDDEN);
    snprintf(hidden + used, hidden_size - used, "%s%s", used ? ", " : "", title_of(table, column));
}

static int cut_column(struct libscols_table *table, size_t column, size_t width) {
    char text[CELL_MAX_BYTES];
    for (size_t n = 0; n < scols_table_get_nlines(table); n++) {
        struct libscols_line *line = scols_table_get_line(table, n);
        const char *data = scols_cell_get_data(scols_line_get_cell(line, column));
        if (width_of(data) <= width) continue;
        cut(data, width, text);
        if (scols_line_set_data(line, column, text)) return -1;
    }
    return 0;
}

int cli_table_fit(struct libscols_table *table, const cli_align *aligns, size_t width, char *hidden,
                  size_t hidden_size) {
    widths w = {.count = 0};
    hidden[0] = '\0';
    measure(table, &w);
    size_t sum = least(&w, aligns);
    for (size_t i = w.count; i-- > 0 && sum > width;) {
        if (aligns[i] != CLI_SPARE) continue;
        hide(table, &w, i, hidden, hidden_size);
        sum = least(&w, aligns);
    }
    size_t room = sum < width ? width - sum : 0;
    for (size_t i = 0; i < w.count; i++) {
        if (aligns[i] != CLI_CUT || w.hidden[i]) continue;
        size_t more = w.natural[i] - w.given[i] < room ? w.natural[i] - w.given[i] : room;
        room -= more;
        if (cut_column(table, i, w.given[i] + more)) return -1;
    }
    return 0;
}
