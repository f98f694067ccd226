/* Widths as a terminal counts them, and cells cut to them. What a column means is not known here.
 */
#include "table_fit.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define ELLIPSIS       "\xe2\x80\xa6"
#define ESCAPE_WIDTH   4u /* the library writes a control byte as \xHH */
#define CELL_MAX_BYTES 640u
#define BAR_MIN_WIDTH  8u
#define BAR_MAX_WIDTH  24u
#define BAR_EIGHTHS    8u

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

static void measure(struct libscols_table *table, const cli_align *aligns, widths *w) {
    size_t lines = scols_table_get_nlines(table);
    w->count = scols_table_get_ncols(table);
    for (size_t i = 0; i < w->count; i++) {
        w->natural[i] = width_of(title_of(table, i));
        w->hidden[i] = scols_column_is_hidden(scols_table_get_column(table, i));
        if (aligns[i] == CLI_BAR) w->natural[i] = BAR_MIN_WIDTH;
        for (size_t n = 0; n < lines; n++) {
            struct libscols_line *line = scols_table_get_line(table, n);
            size_t width = width_of(scols_cell_get_data(scols_line_get_cell(line, i)));
            if (width > w->natural[i]) w->natural[i] = width;
        }
    }
}

static bool may_cut(cli_align align) {
    return align == CLI_CUT || align == CLI_LEAN;
}

/* What the table takes when every column that may be cut is, to `least` columns. */
static size_t shrink(widths *w, const cli_align *aligns, size_t least) {
    size_t sum = 0;
    for (size_t i = 0; i < w->count; i++) {
        bool shorter = may_cut(aligns[i]) && w->natural[i] > least;
        w->given[i] = shorter ? least : w->natural[i];
        if (!w->hidden[i]) sum += w->given[i] + (sum > 0);
    }
    return sum;
}

static void hide(struct libscols_table *table, widths *w, size_t column) {
    struct libscols_column *c = scols_table_get_column(table, column);
    w->hidden[column] = true;
    (void)scols_column_set_flags(c, scols_column_get_flags(c) | SCOLS_FL_HIDDEN);
}

static void note_hidden(struct libscols_table *table, size_t column, char *hidden,
                        size_t hidden_size) {
    size_t used = strlen(hidden);
    snprintf(hidden + used, hidden_size - used, "%s%s", used ? ", " : "", title_of(table, column));
}

static int cut_column(struct libscols_table *table, size_t column, size_t width) {
    char text[CELL_MAX_BYTES];
    if (width_of(title_of(table, column)) > width) {
        cut(title_of(table, column), width, text);
        struct libscols_column *c = scols_table_get_column(table, column);
        if (scols_cell_set_data(scols_column_get_header(c), text)) return -1;
    }
    for (size_t n = 0; n < scols_table_get_nlines(table); n++) {
        struct libscols_line *line = scols_table_get_line(table, n);
        const char *data = scols_cell_get_data(scols_line_get_cell(line, column));
        if (width_of(data) <= width) continue;
        cut(data, width, text);
        if (scols_line_set_data(line, column, text)) return -1;
    }
    return 0;
}

/* Whole blocks, then one of so many eighths: U+2588 is the full one, U+258F an eighth. */
static int draw_bars(struct libscols_table *table, size_t column, size_t width) {
    char text[BAR_MAX_WIDTH * 3 + 4];
    for (size_t n = 0; n < scols_table_get_nlines(table); n++) {
        struct libscols_line *line = scols_table_get_line(table, n);
        uintptr_t length = (uintptr_t)scols_cell_get_userdata(scols_line_get_cell(line, column));
        size_t eighths = (size_t)length * width * BAR_EIGHTHS / CLI_BAR_WHOLE, used = 0;
        if (length && !eighths) eighths = 1; /* little is not nothing */
        for (; eighths; eighths -= eighths < BAR_EIGHTHS ? eighths : BAR_EIGHTHS) {
            size_t part = eighths < BAR_EIGHTHS ? eighths : BAR_EIGHTHS;
            memcpy(text + used, "\xe2\x96", 2);
            text[used + 2] = (char)(uint8_t)(0x90 - part);
            used += 3;
        }
        text[used] = '\0';
        if (scols_line_set_data(line, column, text)) return -1;
    }
    return 0;
}

/* What is done for want of room, one after the other: columns are left out, cells cut shorter. */
static size_t make_room(struct libscols_table *table, widths *w, const cli_align *aligns,
                        size_t width, char *hidden, size_t hidden_size) {
    static const struct {
        cli_align hide;
        size_t least;
    } steps[] = {{CLI_SPARE, 14}, {CLI_BAR, 14}, {CLI_BAR, 10}, {CLI_LEAN, 10}, {CLI_LEAN, 6}};
    size_t sum = shrink(w, aligns, steps[0].least);
    for (size_t k = 0; k < sizeof steps / sizeof *steps && sum > width; k++) {
        sum = shrink(w, aligns, steps[k].least);
        for (size_t i = w->count; i-- > 0 && sum > width;) {
            if (aligns[i] != steps[k].hide || w->hidden[i]) continue;
            hide(table, w, i);
            if (aligns[i] != CLI_BAR) note_hidden(table, i, hidden, hidden_size);
            sum = shrink(w, aligns, steps[k].least);
        }
    }
    return sum;
}

/* Shares out room among the columns that were cut, evenly. Returns what none of them needs. */
static size_t grow(widths *w, const cli_align *aligns, size_t room) {
    for (bool lacking = true; lacking && room;) {
        lacking = false;
        for (size_t i = 0; i < w->count && room; i++) {
            if (!may_cut(aligns[i]) || w->hidden[i] || w->given[i] >= w->natural[i]) continue;
            w->given[i]++;
            room--;
            lacking = true;
        }
    }
    return room;
}

int cli_table_fit(struct libscols_table *table, const cli_align *aligns, size_t width, char *hidden,
                  size_t hidden_size) {
    widths w = {.count = 0};
    hidden[0] = '\0';
    measure(table, aligns, &w);
    size_t sum = make_room(table, &w, aligns, width, hidden, hidden_size);
    size_t room = grow(&w, aligns, sum < width ? width - sum : 0);
    for (size_t i = 0; i < w.count; i++)
        if (may_cut(aligns[i]) && !w.hidden[i] && cut_column(table, i, w.given[i])) return -1;
    for (size_t i = 0; i < w.count; i++) {
        if (aligns[i] != CLI_BAR || w.hidden[i]) continue;
        size_t more = room < BAR_MAX_WIDTH - BAR_MIN_WIDTH ? room : BAR_MAX_WIDTH - BAR_MIN_WIDTH;
        room -= more;
        if (draw_bars(table, i, BAR_MIN_WIDTH + more)) return -1;
    }
    return 0;
}
