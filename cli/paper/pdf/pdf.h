/* The PDF: a sheet set in type on pages. A module of its own, which the program loads when somebody
 * asks for a PDF, because pango and cairo would otherwise make every command start later. Inside
 * it, lengths are points (1/72 inch) and y grows downwards. */
#ifndef TALLY_PAPER_PDF_H
#define TALLY_PAPER_PDF_H

#include <tally/error.h>

#include "../sheet.h"

/* Writes the whole PDF; `write` returns 0, or -1 when it could not. TALLY_ENOTFOUND: a font is not
 * installed, or no font has a character. */
typedef int pdf_write(void *ctx, const unsigned char *bytes, size_t len);
typedef int pdf_draw(const paper_sheet *sheet, pdf_write *write, void *ctx, tally_error *err);
pdf_draw tally_pdf_draw;

#define PDF_MODULE        "tally-pdf.so"
#define PDF_MODULE_SYMBOL "tally_pdf_draw"

#endif
