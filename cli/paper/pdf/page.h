/* Pages: their size, the place on them, their feet; and text set in one of a few styles. Everything
 * is laid out twice, first only to count the pages. */
#ifndef TALLY_PAPER_PDF_PAGE_H
#define TALLY_PAPER_PDF_PAGE_H

#include <pango/pangocairo.h>

#include "fonts.h"
#include "pdf.h"

typedef enum type_style {
    TYPE_TITLE,
    TYPE_SUBJECT,
    TYPE_BODY,
    TYPE_STRONG,
    TYPE_SMALL, /* softer: labels, details */
    TYPE_DUE,
    TYPE_TINY,
    TYPE_STYLES
} type_style;

double type_line_height(type_style style);

typedef enum type_align { TYPE_LEFT, TYPE_RIGHT } type_align;

typedef struct pdf_page {
    const paper_sheet *sheet;
    PangoContext *context;
    PangoFontDescription *faces[TYPE_STYLES];
    double baselines[TYPE_STYLES]; /* below a line's upper edge */
    const pdf_fonts *fonts;
    cairo_t *cairo; /* NULL while pages are only counted */
    double paper_width, paper_height;
    double left, width; /* of what is printed on */
    double top, bottom;
    double y;
    unsigned number, count;
    tally_error *err;
    int failed; /* a TALLY_E code, with `err` filled */
} pdf_page;

double page_paper_width(const paper_sheet *sheet);
double page_paper_height(const paper_sheet *sheet);
/* Starts on the first page; `cairo` may be NULL, `count` is then what nobody knows yet. */
void page_open(pdf_page *page, const paper_sheet *sheet, const pdf_fonts *fonts, cairo_t *cairo,
               unsigned count, tally_error *err);
/* Ends the last page. */
void page_close(pdf_page *page);
/* The next page. */
void page_break(pdf_page *page);
/* The next page if less than `height` is left on this one. True if so. */
bool page_need(pdf_page *page, double height);
/* A horizontal line at y. */
void page_rule(pdf_page *page, double x, double width, double thickness, bool strong);

/* Text broken into lines of one height. */
typedef struct text_block {
    PangoLayout *layout;
    type_style style;
    int lines;
    double line_height, baseline, width;
} text_block;

/* `width` 0: one line, however long. Cleared by text_clear. */
text_block text_set(pdf_page *page, type_style style, const char *text, double width);
void text_clear(text_block *block);
double text_height(const text_block *block);
/* Of the longest line. */
double text_width(const text_block *block);
/* Line `index` with its upper left (or right) corner at x, y. */
void text_line(pdf_page *page, const text_block *block, int index, double x, double y,
               type_align align);
/* All lines. */
void text_show(pdf_page *page, const text_block *block, double x, double y, type_align align);
/* Sets, shows and clears; returns the height. */
double text_put(pdf_page *page, type_style style, const char *text, double x, double y,
                double width, type_align align);
/* The width of `text` on one line. */
double text_measure(pdf_page *page, type_style style, const char *text);

/* The parts of a sheet, from top to bottom; each goes on where the one before has ended. */
void part_head(pdf_page *page);
void part_table(pdf_page *page);
/* How much the sums take, so that the table's last lines can stay with them. */
double part_sums_height(pdf_page *page);
void part_sums(pdf_page *page);
void part_ending(pdf_page *page);

#endif
