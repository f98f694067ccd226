/* The first page's head: what it is, from whom, to whom, the dates, and what it is about. */
#include <math.h>

#include "page.h"

#define TITLE_SPACE   18.0 /* below the title */
#define COLUMN_GAP    24.0
#define LABEL_SPACE   2.0
#define PAIR_GAP      10.0
#define SUBJECT_SPACE 8.0
#define HEAD_SPACE    22.0
#define BADGE_PAD     6.0
#define BADGE_RED     0.70, 0.15, 0.12

static void draft_badge(pdf_page *page, double right, double y) {
    text_block block = text_set(page, TYPE_STRONG, "DRAFT", 0);
    double width = text_width(&block) + 2 * BADGE_PAD, height = text_height(&block) + 4;
    text_show(page, &block, right - BADGE_PAD, y + 2, TYPE_RIGHT);
    if (page->cairo) {
        cairo_set_source_rgb(page->cairo, BADGE_RED);
        cairo_set_line_width(page->cairo, 1);
        cairo_rectangle(page->cairo, right - width, y, width, height);
        cairo_stroke(page->cairo);
    }
    text_clear(&block);
}

static double party(pdf_page *page, const char *label, const sheet_words *words, double x, double y,
                    double width) {
    double start = y;
    y += text_put(page, TYPE_SMALL, label, x, y, width, TYPE_LEFT) + LABEL_SPACE;
    for (size_t i = 0; i < words->count; i++)
        y += text_put(page, i ? TYPE_BODY : TYPE_STRONG, words->at[i], x, y, width, TYPE_LEFT);
    return y - start;
}

/* Labels at the left, values against the right edge. */
static double facts(pdf_page *page, const sheet_pairs *pairs, double x, double y, double width) {
    double start = y;
    for (size_t i = 0; i < pairs->count; i++) {
        text_block label = text_set(page, TYPE_SMALL, pairs->at[i].label, 0);
        text_block value =
            text_set(page, TYPE_BODY, pairs->at[i].value, width - text_width(&label) - PAIR_GAP);
        double height = text_height(&value);
        double drop = value.baseline - label.baseline; /* both on one baseline */
        text_show(page, &label, x, y + drop, TYPE_LEFT);
        text_show(page, &value, x + width, y, TYPE_RIGHT);
        text_clear(&value);
        text_clear(&label);
        y += height + 1;
    }
    return y - start;
}

void part_head(pdf_page *page) {
    const paper_sheet *sheet = page->sheet;
    double right = page->left + page->width, half = page->width / 2;
    double side = (page->width - 2 * COLUMN_GAP) * 0.31, middle = page->left + side + COLUMN_GAP;
    double facts_at = middle + side + COLUMN_GAP;
    double height = text_put(page, TYPE_TITLE, sheet->kind, page->left, page->y, half, TYPE_LEFT);
    if (sheet->draft)
        draft_badge(page, right, page->y + 6);
    else
        height = fmax(height, text_put(page, TYPE_SUBJECT, sheet->name, right, page->y + 9, half,
                                       TYPE_RIGHT));
    page->y += height + TITLE_SPACE;
    height = party(page, "From", &sheet->seller, page->left, page->y, side);
    height = fmax(height, party(page, "Billed to", &sheet->buyer, middle, page->y, side));
    height = fmax(height, facts(page, &sheet->facts, facts_at, page->y, right - facts_at));
    page->y += height + HEAD_SPACE;
    if (*sheet->title)
        page->y += text_put(page, TYPE_SUBJECT, sheet->title, page->left, page->y, page->width,
                            TYPE_LEFT) +
                   SUBJECT_SPACE;
}
