/* The table: columns as wide as their figures, its head on every page, and pages that end where a
 * reader would not mind: a title stays with its first line, a subtotal with its last, the sums with
 * the last of all. */
#include <math.h>

#include "page.h"

#define COLUMN_GAP     20.0
#define UNIT_GAP       3.0
#define ROW_PAD        3.7 /* above and below a line's text */
#define BLOCK_PAD      9.0
#define HEAD_HEIGHT    17.0
#define THIN           0.6
#define THICK          1.0
#define LEAST_TEXT     150.0
#define FIRST_LABEL    "Description"
#define CONTINUED_TEXT " (continued)"

typedef struct pdf_table {
    pdf_page *page;
    double text, quantity, unit, price, amount; /* widths; `text` of the description */
    const char *block;                          /* the block that is being set */
    bool inside;                                /* a line of it stands already */
} pdf_table;

static void widen(pdf_page *page, double *width, type_style style, const char *text) {
    if (*text) *width = fmax(*width, text_measure(page, style, text));
}

static void measure(pdf_table *table) {
    pdf_page *page = table->page;
    const paper_sheet *sheet = page->sheet;
    char *amount = g_strdup_printf("Amount (%s)", sheet->currency);
    widen(page, &table->amount, TYPE_SMALL, amount);
    widen(page, &table->price, TYPE_SMALL, "Rate");
    widen(page, &table->quantity, TYPE_SMALL, "Quantity");
    for (size_t i = 0; i < sheet->row_count; i++) {
        const sheet_row *row = &sheet->rows[i];
        widen(page, &table->amount, TYPE_STRONG, row->amount);
        widen(page, &table->price, TYPE_BODY, row->price);
        widen(page, &table->quantity, TYPE_BODY, row->quantity);
        widen(page, &table->unit, TYPE_SMALL, row->unit);
    }
    if (table->unit > 0) table->unit += UNIT_GAP;
    table->text =
        page->width - table->quantity - table->unit - table->price - table->amount - 3 * COLUMN_GAP;
    table->text = fmax(table->text, LEAST_TEXT);
    g_free(amount);
}

/* Where the columns end. */
static double amount_end(const pdf_table *table) {
    return table->page->left + table->page->width;
}

static double price_end(const pdf_table *table) {
    return amount_end(table) - table->amount - COLUMN_GAP;
}

static double quantity_end(const pdf_table *table) {
    return price_end(table) - table->price - COLUMN_GAP - table->unit;
}

static void head(pdf_table *table) {
    pdf_page *page = table->page;
    char *amount = g_strdup_printf("Amount (%s)", page->sheet->currency);
    char *first = g_strdup_printf("%s%s", table->inside ? table->block : FIRST_LABEL,
                                  table->inside ? CONTINUED_TEXT : "");
    text_put(page, TYPE_SMALL, first, page->left, page->y, 0, TYPE_LEFT);
    text_put(page, TYPE_SMALL, "Quantity", quantity_end(table) + table->unit, page->y, 0,
             TYPE_RIGHT);
    text_put(page, TYPE_SMALL, "Rate", price_end(table), page->y, 0, TYPE_RIGHT);
    text_put(page, TYPE_SMALL, amount, amount_end(table), page->y, 0, TYPE_RIGHT);
    page->y += HEAD_HEIGHT - THICK;
    page_rule(page, page->left, page->width, THICK, true);
    page->y += THICK;
    g_free(first);
    g_free(amount);
}

static void next_page(pdf_table *table) {
    page_break(table->page);
    head(table);
}

static double row_height(pdf_table *table, const sheet_row *row) {
    pdf_page *page = table->page;
    if (row->kind == SHEET_BLOCK) return BLOCK_PAD + type_line_height(TYPE_BODY) + ROW_PAD;
    text_block text = text_set(page, row->kind == SHEET_LINE ? TYPE_BODY : TYPE_STRONG, row->text,
                               row->kind == SHEET_LINE ? table->text : 0);
    text_block detail = text_set(page, TYPE_SMALL, row->detail, table->text);
    double height = text_height(&text) + text_height(&detail) + 2 * ROW_PAD + THIN;
    text_clear(&detail);
    text_clear(&text);
    return height;
}

/* Line by line, because a description may be longer than a page. */
static void lines(pdf_table *table, const text_block *block) {
    pdf_page *page = table->page;
    for (int i = 0; i < block->lines; i++) {
        if (page->y + block->line_height > page->bottom) next_page(table);
        text_line(page, block, i, page->left, page->y, TYPE_LEFT);
        page->y += block->line_height;
    }
}

/* A figure with the minus sign that belongs to figures. */
static void figure(pdf_page *page, type_style style, const char *value, double right, double y) {
    char *shown = g_strdup_printf("%s%s", *value == '-' ? "\u2212" : "", value + (*value == '-'));
    text_put(page, style, shown, right, y, 0, TYPE_RIGHT);
    g_free(shown);
}

static void line_row(pdf_table *table, const sheet_row *row) {
    pdf_page *page = table->page;
    text_block text = text_set(page, TYPE_BODY, row->text, table->text);
    text_block detail = text_set(page, TYPE_SMALL, row->detail, table->text);
    text_block unit = text_set(page, TYPE_SMALL, row->unit, 0);
    page->y += ROW_PAD;
    figure(page, TYPE_BODY, row->quantity, quantity_end(table), page->y);
    text_show(page, &unit, quantity_end(table) + UNIT_GAP, page->y + text.baseline - unit.baseline,
              TYPE_LEFT);
    figure(page, TYPE_BODY, row->price, price_end(table), page->y);
    figure(page, TYPE_BODY, row->amount, amount_end(table), page->y);
    lines(table, &text);
    lines(table, &detail);
    page->y += ROW_PAD;
    page_rule(page, page->left, page->width, THIN, false);
    page->y += THIN;
    text_clear(&unit);
    text_clear(&detail);
    text_clear(&text);
    table->inside = true;
}

static void row_show(pdf_table *table, const sheet_row *row) {
    pdf_page *page = table->page;
    if (row->kind == SHEET_LINE) {
        line_row(table, row);
    } else if (row->kind == SHEET_BLOCK) {
        page->y += BLOCK_PAD;
        page->y += text_put(page, TYPE_STRONG, row->text, page->left, page->y, 0, TYPE_LEFT);
        page->y += ROW_PAD - THIN;
        page_rule(page, page->left, page->width, THIN, false);
        page->y += THIN;
    } else {
        page->y += ROW_PAD;
        text_put(page, TYPE_STRONG, row->text, price_end(table), page->y, 0, TYPE_RIGHT);
        figure(page, TYPE_STRONG, row->amount, amount_end(table), page->y);
        page->y += type_line_height(TYPE_BODY) + ROW_PAD + THIN;
    }
}

/* Rows from `at` on that must not be parted: the end of the group that starts there. */
static size_t group_end(const paper_sheet *sheet, size_t at) {
    if (sheet->rows[at].kind == SHEET_BLOCK && at + 1 < sheet->row_count) at++;
    at++;
    if (at < sheet->row_count && sheet->rows[at].kind == SHEET_SUBTOTAL) at++;
    return at;
}

/* A title may stand right under the head only if the head says nothing of the block before. */
static void begin_block(pdf_table *table, const sheet_row *row) {
    if (row->kind != SHEET_BLOCK) return;
    table->block = row->text;
    table->inside = false;
}

void part_table(pdf_page *page) {
    const paper_sheet *sheet = page->sheet;
    pdf_table table = {.page = page};
    double room = page->bottom - page->top - HEAD_HEIGHT;
    measure(&table);
    if (sheet->row_count)
        page_need(page, HEAD_HEIGHT + row_height(&table, &sheet->rows[0]) + 2 * HEAD_HEIGHT);
    head(&table);
    for (size_t at = 0; at < sheet->row_count;) {
        size_t end = group_end(sheet, at);
        double height = 0;
        for (size_t i = at; i < end; i++)
            height += row_height(&table, &sheet->rows[i]);
        if (end == sheet->row_count) {
            double with_sums = height + part_sums_height(page);
            if (with_sums <= room) height = with_sums;
        }
        begin_block(&table, &sheet->rows[at]);
        if (page->y + height > page->bottom && height <= room) next_page(&table);
        for (; at < end; at++)
            row_show(&table, &sheet->rows[at]);
    }
}
