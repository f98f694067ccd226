/* An invoice on 80 columns of plain text. */
#include "formats.h"

#include <string.h>

#include "columns.h"

#define PAGE      80
#define GAP       2
#define HALF      ((PAGE - GAP) / 2)
#define FACT      18 /* the label's width */
#define LEAST     28 /* of what a line says, however wide the figures */
#define MARGIN    2  /* before a detail */
#define HALF_RULE 40

/* The widths of the columns of figures. */
typedef struct figure_columns {
    size_t text, quantity, price, amount;
} figure_columns;

static void spaces(FILE *out, size_t count) {
    fprintf(out, "%*s", (int)count, "");
}

static void right(FILE *out, const char *text, size_t columns) {
    size_t used = columns_of(text);
    spaces(out, used < columns ? columns - used : 0);
    fputs(text, out);
}

static void rule(FILE *out, char mark) {
    for (size_t i = 0; i < PAGE; i++)
        fputc(mark, out);
    fputc('\n', out);
}

static void paragraph(FILE *out, const char *text, size_t indent) {
    columns_line line;
    while (columns_next(&text, PAGE - indent, &line)) {
        spaces(out, indent);
        fprintf(out, "%.*s\n", (int)line.bytes, line.at);
    }
}

/* Who sends it and who gets it, side by side. */
static void parties(FILE *out, const paper_sheet *sheet) {
    const char *left = NULL, *other = NULL;
    size_t l = 0, r = 0;
    fprintf(out, "%-*sBilled to\n", HALF + GAP, "From");
    for (;;) {
        columns_line line = {"", 0, 0};
        if (!left && l < sheet->seller.count) left = sheet->seller.at[l++];
        if (!other && r < sheet->buyer.count) other = sheet->buyer.at[r++];
        if (!left && !other) break;
        columns_next(&left, HALF, &line);
        fprintf(out, "%.*s", (int)line.bytes, line.at);
        if (other) {
            spaces(out, HALF + GAP - line.columns);
            columns_next(&other, HALF, &line);
            fprintf(out, "%.*s", (int)line.bytes, line.at);
        }
        fputc('\n', out);
    }
}

static void pairs(FILE *out, const sheet_pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        const char *rest = pairs->at[i].value;
        columns_line line;
        fprintf(out, "%-*s", FACT, pairs->at[i].label);
        for (size_t n = 0; columns_next(&rest, PAGE - FACT, &line); n++) {
            spaces(out, n ? FACT : 0);
            fprintf(out, "%.*s\n", (int)line.bytes, line.at);
        }
    }
}

static void widen(size_t *columns, const char *text) {
    size_t needed = columns_of(text);
    if (needed > *columns) *columns = needed;
}

static void quantity_text(const sheet_row *row, char *out, size_t size) {
    snprintf(out, size, "%s%s%s", row->quantity, *row->unit ? " " : "", row->unit);
}

static figure_columns measure(const paper_sheet *sheet) {
    figure_columns columns = {0, strlen("Quantity"), strlen("Rate"), strlen("Amount")};
    for (size_t i = 0; i < sheet->row_count; i++) {
        char quantity[HALF_RULE * 2];
        quantity_text(&sheet->rows[i], quantity, sizeof quantity);
        widen(&columns.quantity, quantity);
        widen(&columns.price, sheet->rows[i].price);
        widen(&columns.amount, sheet->rows[i].amount);
    }
    for (size_t i = 0; i < sheet->totals.count; i++)
        widen(&columns.amount, sheet->totals.at[i].value);
    widen(&columns.amount, sheet->due.value);
    size_t figures = columns.quantity + columns.price + columns.amount + 3 * GAP;
    columns.text = figures + LEAST > PAGE ? LEAST : PAGE - figures;
    return columns;
}

static void figures(FILE *out, const figure_columns *columns, const char *quantity,
                    const char *price, const char *amount) {
    right(out, quantity, columns->quantity + GAP);
    right(out, price, columns->price + GAP);
    right(out, amount, columns->amount + GAP);
    fputc('\n', out);
}

static void line_row(FILE *out, const figure_columns *columns, const sheet_row *row) {
    char quantity[HALF_RULE * 2];
    const char *text = row->text, *detail = row->detail;
    columns_line line;
    quantity_text(row, quantity, sizeof quantity);
    for (size_t n = 0; columns_next(&text, columns->text, &line); n++) {
        fprintf(out, "%.*s", (int)line.bytes, line.at);
        if (n) {
            fputc('\n', out);
            continue;
        }
        spaces(out, columns->text - line.columns);
        figures(out, columns, quantity, row->price, row->amount);
    }
    while (columns_next(&detail, columns->text - MARGIN, &line)) {
        spaces(out, MARGIN);
        fprintf(out, "%.*s\n", (int)line.bytes, line.at);
    }
}

/* A label that ends where the amounts begin, and its amount. */
static void sum_row(FILE *out, const figure_columns *columns, const char *label,
                    const char *amount) {
    right(out, label, columns->text + columns->quantity + columns->price + 2 * GAP);
    right(out, amount, columns->amount + GAP);
    fputc('\n', out);
}

static void table(FILE *out, const paper_sheet *sheet, const figure_columns *columns) {
    for (size_t i = 0; i < sheet->row_count; i++) {
        const sheet_row *row = &sheet->rows[i];
        if (row->kind == SHEET_BLOCK) {
            fputc('\n', out);
            fprintf(out, "%-*s", (int)columns->text, row->text);
            figures(out, columns, "Quantity", "Rate", "Amount");
            rule(out, '-');
        } else if (row->kind == SHEET_LINE) {
            line_row(out, columns, row);
        } else {
            sum_row(out, columns, row->text, row->amount);
        }
    }
    fputc('\n', out);
    rule(out, '-');
    for (size_t i = 0; i < sheet->totals.count; i++)
        sum_row(out, columns, sheet->totals.at[i].label, sheet->totals.at[i].value);
    sum_row(out, columns, sheet->due.label, sheet->due.value);
    rule(out, '=');
}

int paper_text(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet,
               tally_error *err) {
    (void)invoice, (void)err;
    figure_columns columns = measure(sheet);
    fprintf(out, "%s %s\n", sheet->kind, sheet->draft ? "DRAFT" : sheet->name);
    rule(out, '=');
    parties(out, sheet);
    fputc('\n', out);
    pairs(out, &sheet->facts);
    if (*sheet->title) {
        fputc('\n', out);
        paragraph(out, sheet->title, 0);
    }
    table(out, sheet, &columns);
    if (sheet->payment.count) fputs("\nPayment\n", out);
    pairs(out, &sheet->payment);
    for (size_t i = 0; i < sheet->clauses.count; i++) {
        fputc('\n', out);
        paragraph(out, sheet->clauses.at[i], 0);
    }
    fputc('\n', out);
    for (size_t i = 0; i < sheet->digests.count; i++)
        fprintf(out, "%-9s %s\n", sheet->digests.at[i].label, sheet->digests.at[i].value);
    return 0;
}
