/* The texts of a sheet. */
#include "sheet_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/printable.h"

struct sheet_piece {
    struct sheet_piece *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

void *sheet_take(paper_sheet *sheet, size_t count, size_t size) {
    struct sheet_piece *piece = NULL;
    size_t bytes;
    if (!__builtin_mul_overflow(count, size, &bytes) &&
        !__builtin_add_overflow(bytes, sizeof *piece, &bytes))
        piece = calloc(1, bytes);
    if (!piece) {
        sheet->out_of_memory = true;
        return NULL;
    }
    piece->next = sheet->pieces;
    sheet->pieces = piece;
    return piece->bytes;
}

/* A character never needs more than three bytes for each byte that it replaces. */
const char *sheet_clean(paper_sheet *sheet, tally_span text) {
    char *out = sheet_take(sheet, text.len + 1, 3), *at = out;
    if (!out) return "";
    while (text.len)
        at += cli_utf8(cli_printable(&text), at);
    return out;
}

const char *sheet_format(paper_sheet *sheet, const char *format, ...) {
    char *text = NULL, *out = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len >= 0) out = sheet_take(sheet, (size_t)len + 1, 1);
    if (out) memcpy(out, text, (size_t)len + 1);
    if (len < 0) sheet->out_of_memory = true;
    if (len >= 0) free(text);
    return out ? out : "";
}

void sheet_free(paper_sheet *sheet) {
    if (!sheet) return;
    while (sheet->pieces) {
        struct sheet_piece *piece = sheet->pieces;
        sheet->pieces = piece->next;
        free(piece);
    }
    free(sheet);
}
