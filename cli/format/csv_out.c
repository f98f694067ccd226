/* The CSV writer. import_csv.c undoes the escapes. */
#include "csv_out.h"

/* Spreadsheets take what starts so for a formula. Apostrophes before it are counted in, so that
 * undoing the escape gives back exactly what was there. */
static bool runs_as_formula(tally_span text) {
    size_t at = 0;
    while (at < text.len && text.ptr[at] == '\'')
        at++;
    return at < text.len && text.ptr[at] && strchr("=+-@\t\r", text.ptr[at]) != NULL;
}

static bool needs_quotes(tally_span text) {
    for (size_t i = 0; i < text.len; i++)
        if (strchr(",\"\r\n", text.ptr[i]) && text.ptr[i]) return true;
    return text.len && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ');
}

static void cell_bytes(FILE *out, tally_span text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') fputc('"', out);
        fputc(text.ptr[i], out);
    }
}

void cli_csv_texts(FILE *out, const tally_span *texts, size_t count) {
    bool quotes = false, formula = count > 0 && runs_as_formula(texts[0]);
    for (size_t i = 0; i < count; i++)
        quotes = quotes || needs_quotes(texts[i]);
    if (quotes) fputc('"', out);
    if (formula) fputc('\'', out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(';', out);
        cell_bytes(out, texts[i]);
    }
    if (quotes) fputc('"', out);
    fputc(',', out);
}

void cli_csv_text(FILE *out, tally_span text) {
    cli_csv_texts(out, &text, 1);
}
