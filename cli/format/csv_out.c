/* The CSV writer. csv_read.c undoes the escapes. */
#include "csv_out.h"

#include "csv_formula.h"
#include "printable.h"

static bool needs_quotes(tally_span text) {
    for (size_t i = 0; i < text.len; i++)
        if (strchr(",\"\n", text.ptr[i]) && text.ptr[i]) return true;
    return text.len && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ');
}

/* Line feeds and tabs stay as they are, for import: in quotes they are the cell's own. */
static void cell_put(FILE *out, tally_span text) {
    char bytes[4];
    while (text.len) {
        size_t plain = 0;
        while (plain < text.len && text.ptr[plain] >= ' ' && text.ptr[plain] < 0x7f &&
               text.ptr[plain] != '"')
            plain++;
        fwrite(text.ptr, 1, plain, out);
        text = tally_span_of(text.ptr + plain, text.len - plain);
        if (!text.len) return;
        uint8_t first = text.ptr[0];
        uint32_t character = cli_printable(&text);
        if (first == '\n' || first == '\t') character = first;
        if (character == '"') fputc('"', out);
        size_t len = cli_utf8(character, bytes);
        fwrite(bytes, 1, len, out);
    }
}

void cli_csv_texts(FILE *out, const tally_span *texts, size_t count) {
    bool quotes = false, formula = count > 0 && cli_csv_is_formula(texts[0]);
    for (size_t i = 0; i < count; i++)
        quotes = quotes || needs_quotes(texts[i]);
    if (quotes) fputc('"', out);
    if (formula) fputc('\'', out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(';', out);
        cell_put(out, texts[i]);
    }
    if (quotes) fputc('"', out);
    fputc(',', out);
}

void cli_csv_text(FILE *out, tally_span text) {
    cli_csv_texts(out, &text, 1);
}
