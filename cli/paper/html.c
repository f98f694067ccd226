/* An invoice as one HTML page that needs nothing beside itself: no script, no address, no font. Its
 * look is sheet.css, which is inside the program. */
#include "formats.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include <tally/hash.h>

#define HASH_BASE64_BYTES 45 /* of 32 bytes, with the NUL */

/* The assembler reads the file itself: no generated source, nothing to keep in step. */
__asm__(".pushsection .rodata\n"
        ".globl tally_sheet_css_start\n"
        ".hidden tally_sheet_css_start\n"
        "tally_sheet_css_start:\n"
        ".incbin \"" TALLY_SHEET_CSS "\"\n"
        ".globl tally_sheet_css_end\n"
        ".hidden tally_sheet_css_end\n"
        "tally_sheet_css_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const uint8_t tally_sheet_css_start[] __attribute__((visibility("hidden")));
extern const uint8_t tally_sheet_css_end[] __attribute__((visibility("hidden")));

/* A sheet's texts hold no character that could steer: only markup is left to escape. */
static void text(FILE *out, const char *at) {
    static const char marks[] = "&<>\"'";
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (; *at; at++) {
        const char *mark = strchr(marks, *at);
        if (mark)
            fputs(entities[mark - marks], out);
        else
            fputc(*at, out);
    }
}

/* A figure: with the minus sign that belongs to figures. */
static void figure(FILE *out, const char *value) {
    bool negative = value[0] == '-';
    if (negative) fputs("\u2212", out);
    text(out, value + negative);
}

/* <TAG>text</TAG>, the text keeping its direction to itself. */
static void element(FILE *out, const char *tag, const char *value) {
    fprintf(out, "<%s dir=\"auto\">", tag);
    text(out, value);
    fprintf(out, "</%s>\n", tag);
}

/* The policy lets this page apply its own style and nothing else. The paper's size is the only
 * thing in it that differs between pages. */
static void head(FILE *out, const paper_sheet *sheet) {
    size_t css = (size_t)((uintptr_t)tally_sheet_css_end - (uintptr_t)tally_sheet_css_start);
    char hash[HASH_BASE64_BYTES], page[256];
    tally_hash digest;
    snprintf(
        page, sizeof page,
        "@page { size: %s; margin: 18mm 20mm 20mm; @bottom-right { content: counter(page) \" / "
        "\" counter(pages); color: #5b6270; font: 8pt sans-serif; } }\n",
        sheet->letter ? "letter" : "A4");
    const tally_span parts[] = {tally_span_str(page), {tally_sheet_css_start, css}};
    tally_sha256_parts(parts, sizeof parts / sizeof *parts, &digest);
    sodium_bin2base64(hash, sizeof hash, digest.b, sizeof digest.b, sodium_base64_VARIANT_ORIGINAL);
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
            "'sha256-%s'; base-uri 'none'; form-action 'none'\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s ",
            hash, sheet->kind);
    text(out, sheet->name);
    fprintf(out, "</title>\n<style>%s", page);
    fwrite(tally_sheet_css_start, 1, css, out);
    fputs("</style>\n</head>\n<body>\n<main>\n", out);
}

static void party(FILE *out, const char *label, const sheet_words *words) {
    fprintf(out, "<address class=\"party\"><div class=\"label\">%s</div>\n", label);
    for (size_t i = 0; i < words->count; i++)
        element(out, "p", words->at[i]);
    fputs("</address>\n", out);
}

static void pairs(FILE *out, const char *class, const sheet_pairs *pairs) {
    if (!pairs->count) return;
    fprintf(out, "<dl class=\"%s\">\n", class);
    for (size_t i = 0; i < pairs->count; i++) {
        fputs("<dt>", out);
        text(out, pairs->at[i].label);
        fputs("</dt><dd>", out);
        figure(out, pairs->at[i].value);
        fputs("</dd>\n", out);
    }
    fputs("</dl>\n", out);
}

static void figure_cell(FILE *out, const char *class, const char *value, const char *unit) {
    fprintf(out, "<td class=\"figure%s\">", class);
    figure(out, value);
    if (*unit) fprintf(out, "<span class=\"unit\">%s</span>", unit);
    fputs("</td>", out);
}

static void line_row(FILE *out, const sheet_row *row) {
    fputs("<tr><td class=\"what\" dir=\"auto\">", out);
    text(out, row->text);
    if (*row->detail) {
        fputs("<small dir=\"auto\">", out);
        text(out, row->detail);
        fputs("</small>", out);
    }
    fputs("</td>", out);
    figure_cell(out, "", row->quantity, row->unit);
    figure_cell(out, " rate", row->price, "");
    figure_cell(out, "", row->amount, "");
    fputs("</tr>\n", out);
}

static void table(FILE *out, const paper_sheet *sheet) {
    fputs("<table>\n<thead><tr><th scope=\"col\">Description</th>"
          "<th scope=\"col\" class=\"figure\">Quantity</th><th scope=\"col\" "
          "class=\"figure\">Rate</th>"
          "<th scope=\"col\" class=\"figure\">Amount (",
          out);
    text(out, sheet->currency);
    fputs(")</th></tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < sheet->row_count; i++) {
        const sheet_row *row = &sheet->rows[i];
        if (row->kind == SHEET_BLOCK) {
            fprintf(out, "<tr class=\"block\"><th scope=\"rowgroup\" colspan=\"4\">%s</th></tr>\n",
                    row->text);
        } else if (row->kind == SHEET_LINE) {
            line_row(out, row);
        } else {
            fprintf(out, "<tr class=\"subtotal\"><td class=\"what\" colspan=\"3\">%s</td>",
                    row->text);
            figure_cell(out, "", row->amount, "");
            fputs("</tr>\n", out);
        }
    }
    fputs("</tbody>\n</table>\n", out);
}

static void sums(FILE *out, const paper_sheet *sheet) {
    fputs("<section class=\"sums\">\n", out);
    if (sheet->payment.count) {
        fputs("<div class=\"payment\"><h3>Payment</h3>\n", out);
        pairs(out, "account", &sheet->payment);
        fputs("</div>\n", out);
    }
    fputs("<div class=\"sum\">\n", out);
    pairs(out, "totals", &sheet->totals);
    fprintf(out, "<p class=\"due\"><span>%s</span> <strong>", sheet->due.label);
    text(out, sheet->due.value);
    fputs("</strong></p>\n</div></section>\n", out);
}

static void ending(FILE *out, const paper_sheet *sheet) {
    if (sheet->clauses.count) fputs("<section class=\"clauses\">\n", out);
    for (size_t i = 0; i < sheet->clauses.count; i++)
        element(out, "p", sheet->clauses.at[i]);
    if (sheet->clauses.count) fputs("</section>\n", out);
    fputs("<footer>\n", out);
    pairs(out, "digests", &sheet->digests);
    fputs("</footer>\n</main>\n</body>\n</html>\n", out);
}

int paper_html(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet,
               tally_error *err) {
    (void)invoice, (void)err;
    head(out, sheet);
    if (sheet->draft)
        fputs("<div class=\"watermark\" aria-hidden=\"true\"><span>DRAFT</span></div>\n", out);
    fprintf(out, "<header><h1>%s</h1><div class=\"number\">", sheet->kind);
    if (sheet->draft)
        fputs("<span class=\"draft\">DRAFT</span>", out);
    else
        text(out, sheet->name);
    fputs("</div></header>\n<section class=\"parties\">\n", out);
    party(out, "From", &sheet->seller);
    party(out, "Billed to", &sheet->buyer);
    pairs(out, "facts", &sheet->facts);
    fputs("</section>\n", out);
    if (*sheet->title) element(out, "h2", sheet->title);
    table(out, sheet);
    sums(out, sheet);
    ending(out, sheet);
    return 0;
}
