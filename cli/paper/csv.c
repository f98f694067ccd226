/* An invoice as CSV: one row a line, figures without separators, formulas escaped. */
#include "formats.h"

#include <stdlib.h>

#include "figures.h"
#include "format/csv_out.h"
#include "sheet_text.h"

#define CHARACTER_MAX_BYTES 3u /* that one byte of a text can become: U+FFFD */

#define HEADER                                                                                     \
    "invoice,contract,client,period_start,period_end,line,block,kind,category,description,"        \
    "detail,quantity,unit,unit_price,amount,currency,tax_category,tax_rate_percent,with_agent,"    \
    "records\n"

static void money_cell(FILE *out, const tally_invoice *invoice, int64_t minor) {
    char text[PAPER_FIGURE_BYTES];
    paper_money(minor, invoice->decimals, false, text);
    fprintf(out, "%s,", text);
}

/* A text as it may be shown on a terminal: the document may be anybody's. */
static int text_cell(FILE *out, tally_span text) {
    char *clean = malloc(CHARACTER_MAX_BYTES * text.len + 1), *at = clean;
    if (!clean) return TALLY_ENOMEM;
    while (text.len > 0)
        at += paper_utf8(paper_character(&text), at);
    cli_csv_text(out, tally_span_of(clean, (size_t)(at - clean)));
    free(clean);
    return 0;
}

static int csv_row(FILE *out, const tally_invoice *invoice, const tally_invoice_line *line) {
    char first[TALLY_TIME_TEXT_BYTES], last[TALLY_TIME_TEXT_BYTES];
    char quantity[PAPER_FIGURE_BYTES], rate[PAPER_FIGURE_BYTES];
    tally_date_format(invoice->first_day, first);
    tally_date_format(invoice->end_day - 1, last);
    paper_money(line->quantity, 2, false, quantity);
    paper_short(line->tax_rate, rate);
    int rc = text_cell(out, invoice->number);
    if (rc == 0) rc = text_cell(out, invoice->contract);
    if (rc == 0) rc = text_cell(out, invoice->client);
    fprintf(out, "%s,%s,%zu,%s,%s,", first, last, (size_t)(line - invoice->lines) + 1,
            paper_block_key(line->block), paper_line_kind(line->kind));
    if (rc == 0) rc = text_cell(out, line->category);
    if (rc == 0) rc = text_cell(out, line->description);
    if (rc == 0) rc = text_cell(out, line->detail);
    fprintf(out, "%s,", quantity);
    if (rc == 0) rc = text_cell(out, line->unit);
    money_cell(out, invoice, line->price);
    money_cell(out, invoice, line->amount);
    if (rc == 0) rc = text_cell(out, invoice->currency);
    if (rc == 0) rc = text_cell(out, line->tax_category);
    fprintf(out, "%s,%s,%zu\n", rate, line->with_agent ? "true" : "false", line->trace_count);
    return rc;
}

int paper_csv(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet, tally_error *err) {
    int rc = 0;
    (void)sheet;
    fputs(HEADER, out);
    for (size_t i = 0; rc == 0 && i < invoice->line_count; i++)
        rc = csv_row(out, invoice, &invoice->lines[i]);
    return rc == 0 ? 0 : tally_fail(err, rc, "out of memory for the invoice's text");
}
