/* An invoice as CSV: one row a line, figures without separators, formulas escaped. */
#include "formats.h"

#include "figures.h"
#include "format/csv_out.h"

#define HEADER                                                                                     \
    "invoice,contract,client,period_start,period_end,line,block,kind,category,description,"        \
    "detail,quantity,unit,unit_price,amount,currency,tax_category,tax_rate_percent,with_agent,"    \
    "records\n"

static void money_cell(FILE *out, const tally_invoice *invoice, int64_t minor) {
    char text[PAPER_FIGURE_BYTES];
    paper_money(minor, invoice->decimals, false, text);
    fprintf(out, "%s,", text);
}

static void csv_row(FILE *out, const tally_invoice *invoice, const tally_invoice_line *line) {
    char first[TALLY_TIME_TEXT_BYTES], last[TALLY_TIME_TEXT_BYTES];
    char quantity[PAPER_FIGURE_BYTES], rate[PAPER_FIGURE_BYTES];
    tally_date_format(invoice->first_day, first);
    tally_date_format(invoice->end_day - 1, last);
    paper_money(line->quantity, 2, false, quantity);
    paper_short(line->tax_rate, rate);
    cli_csv_text(out, invoice->number);
    cli_csv_text(out, invoice->contract);
    cli_csv_text(out, invoice->client);
    fprintf(out, "%s,%s,%zu,%s,%s,", first, last, (size_t)(line - invoice->lines) + 1,
            paper_block_key(line->block), paper_line_kind(line->kind));
    cli_csv_text(out, line->category);
    cli_csv_text(out, line->description);
    cli_csv_text(out, line->detail);
    fprintf(out, "%s,", quantity);
    cli_csv_text(out, line->unit);
    money_cell(out, invoice, line->price);
    money_cell(out, invoice, line->amount);
    cli_csv_text(out, invoice->currency);
    cli_csv_text(out, line->tax_category);
    fprintf(out, "%s,%s,%zu\n", rate, line->with_agent ? "true" : "false", line->trace_count);
}

int paper_csv(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet, tally_error *err) {
    (void)sheet, (void)err;
    fputs(HEADER, out);
    for (size_t i = 0; i < invoice->line_count; i++)
        csv_row(out, invoice, &invoice->lines[i]);
    return 0;
}
