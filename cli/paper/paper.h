/* Paper: an invoice in the forms that people and their programs read. Pure: the same invoice gives
 * the same bytes, whatever locale, time zone, terminal, home or font settings surround it. What an
 * invoice says is decided in ledger/; nothing is derived here. */
#ifndef TALLY_PAPER_H
#define TALLY_PAPER_H

#include <tally/invoice.h>

typedef enum paper_format {
    PAPER_TEXT, /* 80 columns */
    PAPER_MARKDOWN,
    PAPER_CSV, /* one row a line */
    PAPER_JSON,
    PAPER_HTML, /* one page that needs nothing else */
    PAPER_PDF,
    PAPER_UBL, /* UBL 2.1 after EN 16931 */
    PAPER_FORMATS
} paper_format;

#define PAPER_FORMAT_NAMES "text, md, csv, json, html, pdf or ubl"

/* "text", "md", ...: 0, or -1 for what is no format. */
int paper_format_parse(const char *name, paper_format *out);
/* False for what a terminal cannot show. */
bool paper_format_is_text(paper_format format);

/* Where the bytes go: called once, with all of them, when nothing can fail any more. Returns 0 or a
 * TALLY_E code. */
typedef struct paper_sink {
    int (*write)(void *ctx, tally_span bytes, tally_error *err);
    void *ctx;
} paper_sink;

/* Warnings of a draft stand in the JSON only: the others are for the client. A draft says that it
 * is one. TALLY_EREFUSED (UBL: what EN 16931 asks for is missing or cannot be said),
 * TALLY_ENOTFOUND (PDF: a font is not installed, or none has a character; the sentence names it),
 * TALLY_ENOMEM. */
int paper_write(const tally_invoice *invoice, paper_format format, paper_sink *sink,
                tally_error *err);

#endif
