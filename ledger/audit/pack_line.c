/* The grammar of a pack's lines: fields, read from left to right, each of which can be written in
 * one way only. What they mean is said elsewhere. */
#include "pack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_DIGITS 19u /* of 2^63 - 1 */

void pack_subject(pack_line *line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line->subject, sizeof line->subject, format, args);
    va_end(args);
}

bool(pack_bad)(pack_line *line, const char *format, ...) {
    tally_pack_verdict *verdict = line->pack->verdict;
    va_list args;
    verdict->ok = false;
    verdict->line = line->number;
    memcpy(verdict->subject, line->subject, sizeof verdict->subject);
    va_start(args, format);
    (void)vsnprintf(verdict->why, sizeof verdict->why, format, args);
    va_end(args);
    return false;
}

bool pack_out_of_memory(pack_line *line) {
    line->pack->no_memory = true;
    return false;
}

bool pack_grow(pack_line *line, void **items, size_t *room, size_t count, size_t size) {
    if (count < *room) return true;
    size_t wanted = *room ? *room * 2 : 64;
    void *grown = realloc(*items, wanted * size);
    if (!grown) return pack_out_of_memory(line);
    *items = grown;
    *room = wanted;
    return true;
}

/* A field ends at the one space after it, the last one where the line does. */
static bool take(pack_line *line, bool last, const char *what, tally_span *out) {
    size_t left = (size_t)(line->end - line->at);
    const uint8_t *space = left ? memchr(line->at, ' ', left) : NULL;
    *out = (tally_span){0};
    if (last && (space || !line->whole || left == 0))
        return pack_bad(line,
                        space          ? "%s is followed by more"
                        : !line->whole ? "%s does not end the line"
                                       : "it has no %s",
                        what);
    if (!last && (!space || space == line->at))
        return pack_bad(line, "%s is missing, or nothing follows it", what);
    const uint8_t *end = last ? line->end : space;
    *out = tally_span_of(line->at, (size_t)(end - line->at));
    line->at = last ? end : end + 1;
    return true;
}

bool pack_kind(pack_line *line, tally_span *out) {
    size_t left = (size_t)(line->end - line->at);
    const uint8_t *space = left ? memchr(line->at, ' ', left) : NULL;
    if (!space) return pack_bad(line, "it is no line of a pack");
    *out = tally_span_of(line->at, (size_t)(space - line->at));
    line->at = space + 1;
    return true;
}

static bool read_number(tally_span text, uint64_t *out) {
    uint64_t value = 0;
    if (text.len == 0 || text.len > NUMBER_DIGITS || (text.len > 1 && text.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *out = value;
    return value <= PACK_NUMBER;
}

bool pack_number(pack_line *line, bool last, const char *what, uint64_t *out) {
    tally_span text;
    *out = 0;
    return take(line, last, what, &text) &&
           (read_number(text, out) || pack_bad(line, "%s is no number", what));
}

bool pack_signed(pack_line *line, bool last, const char *what, int64_t *out) {
    tally_span text;
    uint64_t value;
    if (!take(line, last, what, &text)) return false;
    bool minus = text.ptr[0] == '-';
    if (!read_number(tally_span_of(text.ptr + minus, text.len - minus), &value) ||
        (minus && value == 0))
        return pack_bad(line, "%s is no number", what);
    *out = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

bool pack_next(pack_line *line, const char *what, size_t count) {
    uint64_t n;
    if (!pack_number(line, false, what, &n)) return false;
    return n == count || pack_bad(line, "its number is not the next, which is %zu", count);
}

bool pack_given(pack_line *line, bool last, const char *what, size_t count, size_t *out) {
    uint64_t n;
    if (!pack_number(line, last, what, &n)) return false;
    *out = (size_t)n;
    return n < count || pack_bad(line, "%s names a line that has not come", what);
}

bool pack_ref(pack_line *line, bool last, const char *what, size_t count, uint64_t *out) {
    tally_span text;
    if (!take(line, last, what, &text)) return false;
    *out = PACK_NONE;
    if (tally_span_is(text, "-")) return true;
    if (!read_number(text, out)) return pack_bad(line, "%s is no number", what);
    return *out < count || pack_bad(line, "%s names a line that has not come", what);
}

bool pack_list_of(pack_line *line, bool last, const char *what, size_t count, pack_list *out) {
    tally_span text;
    out->count = 0;
    if (!take(line, last, what, &text)) return false;
    if (tally_span_is(text, "-")) return true;
    for (const uint8_t *at = text.ptr, *end = text.ptr + text.len; at;) {
        const uint8_t *comma = memchr(at, ',', (size_t)(end - at));
        uint64_t n;
        if (out->count == PACK_LIST_MAX ||
            !read_number(tally_span_of(at, (size_t)((comma ? comma : end) - at)), &n))
            return pack_bad(line, "%s is no list of numbers", what);
        if (n >= count) return pack_bad(line, "%s names a line that has not come", what);
        out->items[out->count++] = (size_t)n;
        at = comma ? comma + 1 : NULL;
    }
    return true;
}

bool pack_hex(pack_line *line, bool last, const char *what, uint8_t *out, size_t len) {
    tally_span text;
    if (!take(line, last, what, &text)) return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
            return pack_bad(line, "%s is not in lower case", what);
    return tally_unhex(text, out, len) == 0 ||
           pack_bad(line, "%s is not %zu bytes in hex", what, len);
}

/* What is decoded stays: all of a text's base64 is shorter than the text. */
bool pack_base64(pack_line *line, bool last, const char *what, size_t len, uint8_t *bytes,
                 tally_span *out) {
    tally_pack *pack = line->pack;
    tally_span text;
    size_t got;
    if (!take(line, last, what, &text)) return false;
    uint8_t *to = pack->bytes + pack->bytes_used;
    if (tally_unbase64(text, false, to, pack->bytes_room - pack->bytes_used, &got) != 0 || got == 0)
        return pack_bad(line, "%s is no base64", what);
    if (len != 0 && got != len)
        return pack_bad(line, "%s has %zu bytes instead of %zu", what, got, len);
    if (len != 0) {
        memcpy(bytes, to, len);
        return true;
    }
    pack->bytes_used += got;
    *out = tally_span_of(to, got);
    return true;
}

static bool plain(uint8_t c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("._:/-", c));
}

static int upper_hex(uint8_t c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool pack_word(pack_line *line, bool last, const char *what) {
    tally_span text;
    if (!take(line, last, what, &text)) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (plain(text.ptr[i])) continue;
        if (text.ptr[i] != '%' || text.len - i < 3)
            return pack_bad(line, "%s holds what must be written as %%XX", what);
        int high = upper_hex(text.ptr[i + 1]), low = upper_hex(text.ptr[i + 2]);
        if (high < 0 || low < 0 || plain((uint8_t)(high * 16 + low)))
            return pack_bad(line, "%s is not written in the one way", what);
        i += 2;
    }
    return true;
}
