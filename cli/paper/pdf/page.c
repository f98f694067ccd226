/* Pages and text. */
#include "page.h"

#include <math.h>
#include <string.h>

#define A4_WIDTH        595.276
#define A4_HEIGHT       841.890
#define LETTER_WIDTH    612.0
#define LETTER_HEIGHT   792.0
#define MARGIN          56.0
#define TOP             46.0
#define BOTTOM          64.0 /* the foot, with room for the digests of the last page */
#define FOOT            36.0 /* its first line, from the paper's edge */
#define DIGEST_LABEL    36.0
#define DIGEST_GAP      9.0
#define SOFT            0.40
#define HAIRLINE_GREY   0.84
#define WATERMARK_GREY  0.955
#define WATERMARK_SIZE  150
#define WATERMARK_ANGLE (-0.9)

typedef struct style_row {
    const char *font;
    double size, line_height; /* points */
    double grey;
} style_row;

static const style_row styles[TYPE_STYLES] = {
    [TYPE_TITLE] = {FONT_FAMILIES " Semi-Bold", 25, 30, 0.08},
    [TYPE_SUBJECT] = {FONT_FAMILIES " Semi-Bold", 11.5, 16, 0.08},
    [TYPE_BODY] = {FONT_FAMILIES, 8.8, 12.2, 0.08},
    [TYPE_STRONG] = {FONT_FAMILIES " Semi-Bold", 8.8, 12.2, 0.08},
    [TYPE_SMALL] = {FONT_FAMILIES, 7.6, 10.4, SOFT},
    [TYPE_DUE] = {FONT_FAMILIES " Semi-Bold", 15, 19, 0.08},
    [TYPE_TINY] = {FONT_FAMILIES, 6, 8.4, SOFT}};

/* Digits of one width; arrows and the like only where they were written. */
#define FONT_FEATURES "tnum=1, calt=0"

static void fail_missing(pdf_page *page, const char *text, uint32_t character) {
    char shown[8] = "";
    shown[g_unichar_to_utf8(character, shown)] = '\0';
    page->failed =
        tally_fail(page->err, TALLY_ENOTFOUND,
                   "no font of the PDF has '%s' (U+%04X), which stands in '%.80s'; say it "
                   "in other words, or use --format html",
                   shown, (unsigned)character, text);
}

text_block text_set(pdf_page *page, type_style style, const char *text, double width) {
    text_block block = {.style = style, .line_height = styles[style].line_height, .width = width};
    PangoAttrList *attributes = pango_attr_list_new();
    uint32_t missing = fonts_missing(page->fonts, text);
    if (missing && page->failed == 0) fail_missing(page, text, missing);
    pango_attr_list_insert(attributes, pango_attr_font_features_new(FONT_FEATURES));
    pango_attr_list_insert(attributes, pango_attr_insert_hyphens_new(FALSE));
    block.layout = pango_layout_new(page->context);
    pango_layout_set_font_description(block.layout, page->faces[style]);
    pango_layout_set_attributes(block.layout, attributes);
    pango_layout_set_auto_dir(block.layout, FALSE);
    pango_layout_set_text(block.layout, text, -1);
    if (width > 0) {
        pango_layout_set_width(block.layout, (int)(width * PANGO_SCALE));
        pango_layout_set_wrap(block.layout, PANGO_WRAP_WORD_CHAR);
    }
    block.lines = *text ? pango_layout_get_line_count(block.layout) : 0;
    block.baseline = page->baselines[style];
    pango_attr_list_unref(attributes);
    return block;
}

void text_clear(text_block *block) {
    g_object_unref(block->layout);
    block->layout = NULL;
}

double type_line_height(type_style style) {
    return styles[style].line_height;
}

double text_height(const text_block *block) {
    return block->lines * block->line_height;
}

static double line_width(const text_block *block, int index) {
    PangoRectangle logical;
    pango_layout_line_get_extents(pango_layout_get_line_readonly(block->layout, index), NULL,
                                  &logical);
    return (double)logical.width / PANGO_SCALE;
}

double text_width(const text_block *block) {
    double width = 0;
    for (int i = 0; i < block->lines; i++)
        width = fmax(width, line_width(block, i));
    return width;
}

void text_line(pdf_page *page, const text_block *block, int index, double x, double y,
               type_align align) {
    double grey = styles[block->style].grey;
    if (!page->cairo || index >= block->lines) return;
    if (align == TYPE_RIGHT) x -= line_width(block, index);
    cairo_set_source_rgb(page->cairo, grey, grey, grey);
    cairo_move_to(page->cairo, x, y + block->baseline);
    pango_cairo_show_layout_line(page->cairo, pango_layout_get_line_readonly(block->layout, index));
}

void text_show(pdf_page *page, const text_block *block, double x, double y, type_align align) {
    for (int i = 0; i < block->lines; i++)
        text_line(page, block, i, x, y + i * block->line_height, align);
}

double text_put(pdf_page *page, type_style style, const char *text, double x, double y,
                double width, type_align align) {
    text_block block = text_set(page, style, text, width);
    double height = text_height(&block);
    text_show(page, &block, x, y, align);
    text_clear(&block);
    return height;
}

double text_measure(pdf_page *page, type_style style, const char *text) {
    text_block block = text_set(page, style, text, 0);
    double width = text_width(&block);
    text_clear(&block);
    return width;
}

void page_rule(pdf_page *page, double x, double width, double thickness, bool strong) {
    double grey = strong ? 0.08 : HAIRLINE_GREY;
    if (!page->cairo) return;
    cairo_set_source_rgb(page->cairo, grey, grey, grey);
    cairo_rectangle(page->cairo, x, page->y, width, thickness);
    cairo_fill(page->cairo);
}

/* Behind everything, as a shape: whoever copies text does not copy it. */
static void watermark(pdf_page *page) {
    if (!page->cairo || !page->sheet->draft) return;
    text_block block = text_set(page, TYPE_TITLE, "DRAFT", 0);
    PangoFontDescription *font = pango_font_description_from_string("Inter Semi-Bold");
    PangoRectangle ink;
    pango_font_description_set_absolute_size(font, WATERMARK_SIZE * PANGO_SCALE);
    pango_layout_set_font_description(block.layout, font);
    pango_layout_get_pixel_extents(block.layout, &ink, NULL);
    cairo_save(page->cairo);
    cairo_translate(page->cairo, page->paper_width / 2, page->paper_height / 2);
    cairo_rotate(page->cairo, WATERMARK_ANGLE);
    cairo_move_to(page->cairo, -ink.x - ink.width / 2.0, -ink.y - ink.height / 2.0);
    cairo_set_source_rgb(page->cairo, WATERMARK_GREY, WATERMARK_GREY, WATERMARK_GREY);
    pango_cairo_layout_path(page->cairo, block.layout);
    cairo_fill(page->cairo);
    cairo_restore(page->cairo);
    pango_font_description_free(font);
    text_clear(&block);
}

static void foot(pdf_page *page) {
    double y = page->paper_height - FOOT, right = page->left + page->width;
    const char *seller = page->sheet->seller.count ? page->sheet->seller.at[0] : "";
    char *left = g_strdup_printf("%s %s%s%s", page->sheet->kind, page->sheet->name,
                                 *seller ? " \u00b7 " : "", seller);
    char *number = g_strdup_printf("%u / %u", page->number, page->count);
    text_block name = text_set(page, TYPE_SMALL, left, page->width * 3 / 4);
    pango_layout_set_ellipsize(name.layout, PANGO_ELLIPSIZE_END);
    text_line(page, &name, 0, page->left, y, TYPE_LEFT);
    text_put(page, TYPE_SMALL, number, right, y, 0, TYPE_RIGHT);
    text_clear(&name);
    g_free(number);
    g_free(left);
}

static void digests(pdf_page *page) {
    const sheet_pairs *digests = &page->sheet->digests;
    double y = page->paper_height - FOOT - 8 - (double)digests->count * DIGEST_GAP;
    for (size_t i = 0; i < digests->count; i++) {
        text_put(page, TYPE_TINY, digests->at[i].label, page->left, y, 0, TYPE_LEFT);
        text_put(page, TYPE_TINY, digests->at[i].value, page->left + DIGEST_LABEL, y, 0, TYPE_LEFT);
        y += DIGEST_GAP;
    }
}

double page_paper_width(const paper_sheet *sheet) {
    return sheet->letter ? LETTER_WIDTH : A4_WIDTH;
}

double page_paper_height(const paper_sheet *sheet) {
    return sheet->letter ? LETTER_HEIGHT : A4_HEIGHT;
}

/* A line's baseline is its style's, whatever fonts its characters come from. */
static void faces_open(pdf_page *page) {
    for (int style = 0; style < TYPE_STYLES; style++) {
        PangoFontDescription *face = pango_font_description_from_string(styles[style].font);
        pango_font_description_set_absolute_size(face, styles[style].size * PANGO_SCALE);
        PangoFontMetrics *metrics = pango_context_get_metrics(page->context, face, NULL);
        double ascent = (double)pango_font_metrics_get_ascent(metrics) / PANGO_SCALE;
        double descent = (double)pango_font_metrics_get_descent(metrics) / PANGO_SCALE;
        page->baselines[style] = (styles[style].line_height - ascent - descent) / 2 + ascent;
        page->faces[style] = face;
        pango_font_metrics_unref(metrics);
    }
}

void page_open(pdf_page *page, const paper_sheet *sheet, const pdf_fonts *fonts, cairo_t *cairo,
               unsigned count, tally_error *err) {
    memset(page, 0, sizeof *page);
    page->sheet = sheet;
    page->fonts = fonts;
    page->cairo = cairo;
    page->err = err;
    page->paper_width = page_paper_width(sheet);
    page->paper_height = page_paper_height(sheet);
    page->left = MARGIN;
    page->width = page->paper_width - 2 * MARGIN;
    page->top = page->y = TOP;
    page->bottom = page->paper_height - BOTTOM;
    page->number = 1;
    page->count = count;
    page->context = pango_font_map_create_context(fonts->map);
    /* Neither the environment's language nor its screen's grid may shape a letter. */
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    pango_cairo_context_set_font_options(page->context, options);
    cairo_font_options_destroy(options);
    pango_cairo_context_set_resolution(page->context, 72);
    pango_context_set_round_glyph_positions(page->context, FALSE);
    pango_context_set_language(page->context, pango_language_from_string("en"));
    pango_context_set_base_dir(page->context, PANGO_DIRECTION_LTR);
    faces_open(page);
    watermark(page);
}

void page_break(pdf_page *page) {
    foot(page);
    if (page->cairo) cairo_show_page(page->cairo);
    page->number++;
    page->y = page->top;
    watermark(page);
}

void page_close(pdf_page *page) {
    digests(page);
    foot(page);
    if (page->cairo) cairo_show_page(page->cairo);
    for (int style = 0; style < TYPE_STYLES; style++)
        pango_font_description_free(page->faces[style]);
    g_object_unref(page->context);
}

bool page_need(pdf_page *page, double height) {
    if (page->y + height <= page->bottom || page->y <= page->top) return false;
    page_break(page);
    return true;
}
