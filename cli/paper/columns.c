/* Text in columns. */
#include "columns.h"

#include <stdbool.h>
#include <stdint.h>

#include "format/printable.h"
#include "sheet_text.h"

typedef struct character_range {
    uint32_t first, last;
} character_range;

/* Combining marks of the scripts that have them (Unicode 15, Mn and Me), and the joiners. */
static const character_range narrowest[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x5bf, 0x5bf},   {0x5c1, 0x5c2},
    {0x5c4, 0x5c5},   {0x5c7, 0x5c7},   {0x610, 0x61a},   {0x64b, 0x65f},   {0x670, 0x670},
    {0x6d6, 0x6dc},   {0x6df, 0x6e4},   {0x6e7, 0x6e8},   {0x6ea, 0x6ed},   {0x93c, 0x93c},
    {0x941, 0x948},   {0x94d, 0x94d},   {0xe31, 0xe31},   {0xe34, 0xe3a},   {0xe47, 0xe4e},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200c, 0x200d}, {0x20d0, 0x20ff}, {0x302a, 0x302d},
    {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};

/* East Asian Wide and Fullwidth (Unicode 15, UAX 11), unassigned gaps included. */
static const character_range widest[] = {
    {0x1100, 0x115f},  {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x26aa, 0x26ab},
    {0x2705, 0x2705},  {0x270a, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x274c},
    {0x2753, 0x2757},  {0x2795, 0x2797},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b55},
    {0x2e80, 0x303e},  {0x3041, 0x4dbf},   {0x4e00, 0xa4cf},   {0xa960, 0xa97f},
    {0xac00, 0xd7a3},  {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},
    {0xffe0, 0xffe6},  {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd}};

static bool in(const character_range *ranges, size_t count, uint32_t character) {
    for (size_t i = 0; i < count; i++)
        if (character <= ranges[i].last) return character >= ranges[i].first;
    return false;
}

static size_t width(uint32_t character) {
    if (character < 0x300) return 1;
    if (in(narrowest, sizeof narrowest / sizeof *narrowest, character)) return 0;
    return in(widest, sizeof widest / sizeof *widest, character) ? 2 : 1;
}

size_t columns_of(const char *text) {
    tally_span rest = tally_span_str(text);
    size_t columns = 0;
    while (rest.len)
        columns += width(cli_printable(&rest));
    return columns;
}

/* Spaces before a break take no part. */
static void end_at(columns_line *line, const uint8_t *end, size_t columns) {
    line->bytes = (size_t)(end - (const uint8_t *)line->at);
    line->columns = columns;
    for (; line->bytes && line->at[line->bytes - 1] == ' '; line->bytes--)
        line->columns--;
}

int columns_next(const char **rest, size_t columns, columns_line *out) {
    const char *start = *rest;
    while (start && *start == ' ')
        start++;
    *rest = NULL;
    if (!start || !*start) return 0;
    tally_span text = tally_span_str(start);
    size_t used = 0;
    bool broken = false, after_wide = false;
    *out = (columns_line){start, 0, 0};
    while (text.len) {
        const uint8_t *at = text.ptr;
        size_t wide = width(cli_printable(&text));
        bool may_break = *at == ' ' || (at != (const uint8_t *)start && (wide == 2 || after_wide));
        if (may_break && wide > 0) end_at(out, at, used), broken = true;
        if (used + wide > columns) {
            if (!broken) end_at(out, at, used);
            *rest = out->at + out->bytes; /* spaces at its start are passed over */
            return 1;
        }
        used += wide;
        after_wide = wide == 2 || (wide == 0 && after_wide);
    }
    end_at(out, text.ptr, used);
    return 1;
}
