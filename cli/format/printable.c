/* What a text of anybody's may print: decodes UTF-8, takes out what steers, hides or reorders. */
#include "printable.h"

#define REPLACEMENT 0xfffdu

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

uint32_t cli_printable(tally_span *rest) {
    size_t bytes;
    uint32_t character = decode(*rest, &bytes);
    *rest = tally_span_of(rest->ptr + bytes, rest->len - bytes);
    return printable(character);
}

size_t cli_utf8(uint32_t character, char *out) {
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t bytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = bytes; i > 1; i--, character >>= 6)
        out[i - 1] = (char)(0x80 | (character & 0x3f));
    out[0] = (char)(leads[bytes] | character);
    return bytes;
}
