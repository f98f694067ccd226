/* The texts of a sheet. */
#include "sheet_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define REPLACEMENT 0xfffdu

struct sheet_piece {
    struct sheet_piece *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

typedef struct span_of_characters {
    uint32_t first, last;
} span_of_characters;

/* Unicode 15: Cc but white space, Zl, Zp, and Cf but the joiners, which scripts need. */
static const span_of_characters unprintable[] = {
    {0x00, 0x08},     {0x0e, 0x1f},     {0x7f, 0x84},       {0x86, 0x9f},
    {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},   {0x200b, 0x200b},
    {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f},   {0xfeff, 0xfeff},
    {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0x1d173, 0x1d17a}, {0xe0000, 0xe007f}};

static bool is_break(uint32_t character) {
    return (character >= 0x09 && character <= 0x0d) || character == 0x85 || character == 0x2028 ||
           character == 0x2029;
}

static uint32_t printable(uint32_t character) {
    if (is_break(character)) return ' ';
    for (size_t i = 0; i < sizeof unprintable / sizeof *unprintable; i++)
        if (character >= unprintable[i].first && character <= unprintable[i].last)
            return REPLACEMENT;
    return character;
}

/* The well-formed character at the start (Unicode 15, table 3-7); `*bytes` is 1 for a bad byte. */
static uint32_t decode(tally_span text, size_t *bytes) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = text.ptr[0];
    size_t want = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t character = want == 1 ? lead : want == 2 ? lead & 0x1fu : lead & (0x7fu >> want);
    *bytes = 1;
    if (want == 0 || lead > 0xf4 || want > text.len) return REPLACEMENT;
    for (size_t i = 1; i < want; i++) {
        if ((text.ptr[i] & 0xc0) != 0x80) return REPLACEMENT;
        character = character << 6 | (text.ptr[i] & 0x3fu);
    }
    bool surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character < least[want] || surrogate || character > 0x10ffff) return REPLACEMENT;
    *bytes = want;
    return character;
}

uint32_t paper_character(tally_span *rest) {
    size_t bytes;
    uint32_t character = decode(*rest, &bytes);
    *rest = tally_span_of(rest->ptr + bytes, rest->len - bytes);
    return printable(character);
}

size_t paper_utf8(uint32_t character, char *out) {
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = bytes; i > 1; i--, character >>= 6)
        out[i - 1] = (char)(0x80 | (character & 0x3f));
    out[0] = (char)(leads[bytes] | character);
    return bytes;
}

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
        at += paper_utf8(paper_character(&text), at);
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
