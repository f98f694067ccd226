/* What follows the table: where to pay beside the sums, and the terms. */
#include <math.h>

#include "page.h"

#define SUMS_SPACE    10.0
#define SUMS_LEAST    205.0
#define PAIR_GAP      24.0
#define RULE_SPACE    7.0
#define THICK         1.0
#define PART_SPACE    18.0
#define LABEL_SPACE   3.0
#define LABEL_GAP     14.0
#define PAYMENT_LEAST 160.0
#define CLAUSE_SPACE  4.0
#define CLAUSE_KEPT   6 /* lines of a paragraph that are not parted */

static double sums_width(pdf_page *page) {
    double width = SUMS_LEAST;
    for (size_t i = 0; i < page->sheet->totals.count; i++) {
        const sheet_pair *pair = &page->sheet->totals.at[i];
        width = fmax(width, text_measure(page, TYPE_BODY, pair->label) + PAIR_GAP +
                                text_measure(page, TYPE_BODY, pair->value));
    }
    return fmin(page->width,
                fmax(width, text_measure(page, TYPE_DUE, page->sheet->due.value) + PAIR_GAP +
                                text_measure(page, TYPE_STRONG, page->sheet->due.label)));
}

/* The minus sign that belongs to figures, wherever it stands in the value. */
static char *with_minus(const char *value) {
    const char *minus = g_strrstr(value, "-");
    bool figure = minus && (minus == value || minus[-1] == ' ');
    if (!figure) return g_strdup(value);
    return g_strdup_printf("%.*s\u2212%s", (int)(minus - value), value, minus + 1);
}

/* Where to pay, at the left of the sums; the height it takes. Shown only if `show`. */
static double payment(pdf_page *page, double width, bool show) {
    const sheet_pairs *pairs = &page->sheet->payment;
    double y = page->y + SUMS_SPACE, labels = 0;
    if (!pairs->count) return 0;
    if (show) text_put(page, TYPE_STRONG, "Payment", page->left, y, 0, TYPE_LEFT);
    y += type_line_height(TYPE_BODY) + LABEL_SPACE;
    for (size_t i = 0; i < pairs->count; i++)
        labels = fmax(labels, text_measure(page, TYPE_SMALL, pairs->at[i].label));
    for (size_t i = 0; i < pairs->count; i++) {
        double x = labels + LABEL_GAP;
        text_block label = text_set(page, TYPE_SMALL, pairs->at[i].label, 0);
        text_block value = text_set(page, TYPE_BODY, pairs->at[i].value, width - x);
        double drop = value.baseline - label.baseline; /* both on one baseline */
        if (show) text_show(page, &label, page->left, y + drop, TYPE_LEFT);
        if (show) text_show(page, &value, page->left + x, y, TYPE_LEFT);
        y += text_height(&value);
        text_clear(&value);
        text_clear(&label);
    }
    return y - page->y;
}

static double payment_width(pdf_page *page) {
    return fmax(page->width - sums_width(page) - PAIR_GAP, PAYMENT_LEAST);
}

double part_sums_height(pdf_page *page) {
    double sums = SUMS_SPACE + (double)page->sheet->totals.count * type_line_height(TYPE_BODY) +
                  2 * RULE_SPACE + type_line_height(TYPE_DUE);
    return fmax(sums, payment(page, payment_width(page), false));
}

void part_sums(pdf_page *page) {
    const paper_sheet *sheet = page->sheet;
    page_need(page, part_sums_height(page));
    double right = page->left + page->width, width = sums_width(page);
    double end = page->y + part_sums_height(page);
    payment(page, payment_width(page), true);
    page->y += SUMS_SPACE;
    for (size_t i = 0; i < sheet->totals.count; i++) {
        char *value = with_minus(sheet->totals.at[i].value);
        text_put(page, TYPE_BODY, sheet->totals.at[i].label, right - width, page->y, 0, TYPE_LEFT);
        text_put(page, TYPE_BODY, value, right, page->y, 0, TYPE_RIGHT);
        page->y += type_line_height(TYPE_BODY);
        g_free(value);
    }
    page->y += sheet->totals.count ? RULE_SPACE - THICK : 0;
    page_rule(page, right - width, width, THICK, true);
    page->y += RULE_SPACE;
    char *due = with_minus(sheet->due.value);
    text_block label = text_set(page, TYPE_STRONG, sheet->due.label, 0);
    text_block value = text_set(page, TYPE_DUE, due, 0);
    text_show(page, &label, right - width, page->y + value.baseline - label.baseline, TYPE_LEFT);
    text_show(page, &value, right, page->y, TYPE_RIGHT);
    page->y = end;
    text_clear(&value);
    text_clear(&label);
    g_free(due);
}

/* A paragraph stays whole if it is short; of a longer one two lines stay together. */
static void clause(pdf_page *page, const char *words) {
    text_block block = text_set(page, TYPE_SMALL, words, page->width);
    int kept = block.lines <= CLAUSE_KEPT ? block.lines : 2;
    page_need(page, kept * block.line_height);
    for (int i = 0; i < block.lines; i++) {
        int follows = i == block.lines - 2 ? 2 : 1;
        page_need(page, follows * block.line_height);
        text_line(page, &block, i, page->left, page->y, TYPE_LEFT);
        page->y += block.line_height;
    }
    page->y += CLAUSE_SPACE;
    text_clear(&block);
}

void part_ending(pdf_page *page) {
    const sheet_words *clauses = &page->sheet->clauses;
    if (!clauses->count) return;
    page->y += PART_SPACE;
    for (size_t i = 0; i < clauses->count; i++)
        clause(page, clauses->at[i]);
}
