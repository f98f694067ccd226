/* A sheet's parts, one after the other, into a PDF. */
#include "pdf.h"

#include <cairo-pdf.h>

#include "page.h"

typedef struct pdf_sink {
    pdf_write *write;
    void *ctx;
} pdf_sink;

static cairo_status_t sink_write(void *ctx, const unsigned char *bytes, unsigned len) {
    pdf_sink *sink = ctx;
    return sink->write(sink->ctx, bytes, len) == 0 ? CAIRO_STATUS_SUCCESS
                                                   : CAIRO_STATUS_WRITE_ERROR;
}

static bool words_need_others(const pdf_fonts *fonts, const char *text) {
    return fonts_missing(fonts, text) != 0;
}

static bool pairs_need_others(const pdf_fonts *fonts, const sheet_pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++)
        if (words_need_others(fonts, pairs->at[i].value)) return true;
    return false;
}

static bool list_needs_others(const pdf_fonts *fonts, const sheet_words *words) {
    for (size_t i = 0; i < words->count; i++)
        if (words_need_others(fonts, words->at[i])) return true;
    return false;
}

/* True if a text has characters that the fonts loaded first do not have. */
static bool needs_others(const pdf_fonts *fonts, const paper_sheet *sheet) {
    for (size_t i = 0; i < sheet->row_count; i++)
        if (words_need_others(fonts, sheet->rows[i].text) ||
            words_need_others(fonts, sheet->rows[i].detail))
            return true;
    return words_need_others(fonts, sheet->title) || words_need_others(fonts, sheet->name) ||
           list_needs_others(fonts, &sheet->seller) || list_needs_others(fonts, &sheet->buyer) ||
           list_needs_others(fonts, &sheet->clauses) || pairs_need_others(fonts, &sheet->facts) ||
           pairs_need_others(fonts, &sheet->totals) || pairs_need_others(fonts, &sheet->payment);
}

static int fonts_for(const paper_sheet *sheet, const pdf_fonts **out, tally_error *err) {
    int rc = fonts_get(false, out, err);
    return rc == 0 && needs_others(*out, sheet) ? fonts_get(true, out, err) : rc;
}

/* Without a date of its own a PDF says when it was made, and no two would be equal. */
static void metadata(cairo_surface_t *surface, const paper_sheet *sheet) {
    char *title = g_strdup_printf("%s %s", sheet->kind, sheet->name);
    char *date = g_strdup_printf("%sT00:00:00Z", sheet->issued);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, title);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_AUTHOR,
                                   sheet->seller.count ? sheet->seller.at[0] : "");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_SUBJECT, sheet->title);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "Tally");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, date);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_MOD_DATE, date);
    g_free(date);
    g_free(title);
}

/* Lays everything out, on paper if there is a `cairo`; says how many pages it took. */
static int pages(const paper_sheet *sheet, const pdf_fonts *fonts, cairo_t *cairo, unsigned *count,
                 tally_error *err) {
    pdf_page page;
    page_open(&page, sheet, fonts, cairo, *count, err);
    part_head(&page);
    part_table(&page);
    part_sums(&page);
    part_ending(&page);
    page_close(&page);
    *count = page.number;
    return page.failed;
}

__attribute__((visibility("default"))) int tally_pdf_draw(const paper_sheet *sheet,
                                                          pdf_write *write, void *ctx,
                                                          tally_error *err) {
    pdf_sink sink = {write, ctx};
    const pdf_fonts *fonts;
    cairo_surface_t *surface = NULL;
    cairo_t *cairo = NULL;
    unsigned count = 0;
    int rc = fonts_for(sheet, &fonts, err);
    if (rc == 0) rc = pages(sheet, fonts, NULL, &count, err);
    if (rc != 0) goto done;
    surface = cairo_pdf_surface_create_for_stream(sink_write, &sink, page_paper_width(sheet),
                                                  page_paper_height(sheet));
    metadata(surface, sheet);
    cairo = cairo_create(surface);
    rc = pages(sheet, fonts, cairo, &count, err);
    cairo_surface_finish(surface);
    cairo_status_t status = cairo_status(cairo);
    if (status == CAIRO_STATUS_SUCCESS) status = cairo_surface_status(surface);
    if (rc == 0 && status != CAIRO_STATUS_SUCCESS)
        rc = tally_fail(err, TALLY_ENOMEM, "cannot make the PDF: %s",
                        cairo_status_to_string(status));
done:
    if (cairo) cairo_destroy(cairo);
    if (surface) cairo_surface_destroy(surface);
    return rc;
}
