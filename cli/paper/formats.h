/* The formats of paper.h, each in a file of its own. For this room only. */
#ifndef TALLY_PAPER_FORMATS_H
#define TALLY_PAPER_FORMATS_H

#include <stdio.h>

#include "paper.h"
#include "sheet.h"

/* A format reads the invoice or its sheet, writes to `out` and returns 0 or a TALLY_E code. That
 * all of it arrived is checked by the caller. */
typedef int paper_writer(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet,
                         tally_error *err);
paper_writer paper_text, paper_markdown, paper_csv, paper_json, paper_html, paper_pdf, paper_ubl;

/* Whether PDFs can be made here; else TALLY_ENOTFOUND, and what is missing. */
int paper_pdf_ready(tally_error *err);

#endif
