/* An invoice as GitHub-flavoured Markdown. Nothing in a text is taken for markup. */
#include "formats.h"

#include <string.h>

/* Backslashes before all that Markdown reads inside a paragraph or a cell; entities for HTML, which
 * also keeps addresses from becoming links. */
static void text(FILE *out, const char *at) {
    for (const char *start = at; *at; at++) {
        bool figure = at[1] >= '0' && at[1] <= '9';
        bool list = at == start && !figure && strchr("+-=", *at); /* or a heading's underline */
        bool number = at > start && !figure && (*at == '.' || *at == ')') &&
                      strspn(start, "0123456789") == (size_t)(at - start);
        if (*at == '<')
            fputs("&lt;", out);
        else if (*at == '&')
            fputs("&amp;", out);
        else if (*at == '@')
            fputs("&#64;", out);
        else if (*at == ':' && at[1] == '/')
            fputs("&#58;", out);
        else if (strchr("\\`*_{}[]>#|~!$", *at) || list || number)
            fprintf(out, "\\%c", *at);
        else
            fputc(*at, out);
    }
}

static void cell(FILE *out, const char *value) {
    fputs(" ", out);
    text(out, value);
    fputs(" |", out);
}

static void party(FILE *out, const char *label, const sheet_words *words) {
    fprintf(out, "**%s**  \n", label);
    for (size_t i = 0; i < words->count; i++) {
        text(out, words->at[i]);
        fputs(i + 1 < words->count ? "  \n" : "\n\n", out);
    }
}

static void pairs(FILE *out, const sheet_pairs *pairs) {
    if (!pairs->count) return;
    fputs("| | |\n|---|---|\n", out);
    for (size_t i = 0; i < pairs->count; i++) {
        fputc('|', out);
        cell(out, pairs->at[i].label);
        cell(out, pairs->at[i].value);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void line_row(FILE *out, const sheet_row *row) {
    fputs("| ", out);
    text(out, row->text);
    if (*row->detail) {
        fputs("<br><sub>", out);
        text(out, row->detail);
        fputs("</sub>", out);
    }
    fprintf(out, " | %s%s%s |", row->quantity, *row->unit ? " " : "", row->unit);
    cell(out, row->price);
    cell(out, row->amount);
    fputc('\n', out);
}

static void strong_row(FILE *out, const char *label, const char *amount) {
    fputs("| **", out);
    text(out, label);
    fputs("** | | | ", out);
    if (*amount) fprintf(out, "**%s** ", amount);
    fputs("|\n", out);
}

static void table(FILE *out, const paper_sheet *sheet) {
    fprintf(out, "| Description | Quantity | Rate | Amount (%s) |\n|:--|--:|--:|--:|\n",
            sheet->currency);
    for (size_t i = 0; i < sheet->row_count; i++) {
        const sheet_row *row = &sheet->rows[i];
        if (row->kind == SHEET_LINE)
            line_row(out, row);
        else
            strong_row(out, row->text, row->amount);
    }
    for (size_t i = 0; i < sheet->totals.count; i++) {
        fputc('|', out);
        cell(out, sheet->totals.at[i].label);
        fputs(" | |", out);
        cell(out, sheet->totals.at[i].value);
        fputc('\n', out);
    }
    strong_row(out, sheet->due.label, sheet->due.value);
    fputc('\n', out);
}

int paper_markdown(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet,
                   tally_error *err) {
    (void)invoice, (void)err;
    fprintf(out, "# %s ", sheet->kind);
    text(out, sheet->draft ? "DRAFT" : sheet->name);
    fputs("\n\n", out);
    party(out, "From", &sheet->seller);
    party(out, "Billed to", &sheet->buyer);
    pairs(out, &sheet->facts);
    if (*sheet->title) {
        fputs("## ", out);
        text(out, sheet->title);
        fputs("\n\n", out);
    }
    table(out, sheet);
    if (sheet->payment.count) fputs("## Payment\n\n", out);
    pairs(out, &sheet->payment);
    for (size_t i = 0; i < sheet->clauses.count; i++) {
        text(out, sheet->clauses.at[i]);
        fputs("\n\n", out);
    }
    for (size_t i = 0; i < sheet->digests.count; i++)
        fprintf(out, "<sub>%s `%s`</sub>%s\n", sheet->digests.at[i].label,
                sheet->digests.at[i].value, i + 1 < sheet->digests.count ? "  " : "");
    return 0;
}
