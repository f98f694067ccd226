/* What follows the table: the sums, where to pay, the terms. */
#include <math.h>

#include "page.h"

#define SUMS_SPACE   10.0
#define SUMS_LEAST   210.0
#define PAIR_GAP     24.0
#define RULE_SPACE   7.0
#define THICK        1.0
#define PART_SPACE   18.0
#define LABEL_SPACE  4.0
#define CLAUSE_WIDTH 420.0
#define CLAUSE_SPACE 4.0
#define CLAUSE_KEPT  6 /* lines of a paragraph that are not parted */
#define BODY_LINE    12.6
#define DUE_LINE     19.0

double part_sums_height(pdf_page *page) {
    return SUMS_SPACE + (double)page->sheet->totals.count * BODY_LINE + 2 * RULE_SPACE + DUE_LINE;
}

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

void part_sums(pdf_page *page) {
    const paper_sheet *sheet = page->sheet;
    page_need(page, part_sums_height(page));
    double right = page->left + page->width, width = sums_width(page);
    page->y += SUMS_SPACE;
    for (size_t i = 0; i < sheet->totals.count; i++, page->y += BODY_LINE) {
        char *value = with_minus(sheet->totals.at[i].value);
        text_put(page, TYPE_BODY, sheet->totals.at[i].label, right - width, page->y, 0, TYPE_LEFT);
        text_put(page, TYPE_BODY, value, right, page->y, 0, TYPE_RIGHT);
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
    page->y += text_height(&value);
    text_clear(&value);
    text_clear(&label);
    g_free(due);
}

static void payment(pdf_page *page) {
    const sheet_pairs *pairs = &page->sheet->payment;
    double labels = 0;
    if (!pairs->count) return;
    page_need(page, PART_SPACE + LABEL_SPACE + (double)(pairs->count + 1) * BODY_LINE);
    page->y += PART_SPACE;
    page->y += text_put(page, TYPE_STRONG, "Payment", page->left, page->y, 0, TYPE_LEFT);
    page->y += LABEL_SPACE;
    for (size_t i = 0; i < pairs->count; i++)
        labels = fmax(labels, text_measure(page, TYPE_SMALL, pairs->at[i].label));
    for (size_t i = 0; i < pairs->count; i++) {
        double x = page->left + labels + PAIR_GAP;
        text_block label = text_set(page, TYPE_SMALL, pairs->at[i].label, 0);
        text_block value =
            text_set(page, TYPE_BODY, pairs->at[i].value, page->left + page->width - x);
        text_show(page, &label, page->left, page->y + value.baseline - label.baseline, TYPE_LEFT);
        text_show(page, &value, x, page->y, TYPE_LEFT);
        page->y += text_height(&value);
        text_clear(&value);
        text_clear(&label);
    }
}

/* A paragraph stays whole if it is short; of a longer one two lines stay together. */
static void clause(pdf_page *page, const char *words) {
    text_block block = text_set(page, TYPE_SMALL, words, CLAUSE_WIDTH);
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
    payment(page);
    if (!clauses->count) return;
    page->y += PART_SPACE;
    for (size_t i = 0; i < clauses->count; i++)
        clause(page, clauses->at[i]);
}
