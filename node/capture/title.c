/* Cleans text from transcripts before it is shown as a title. Text comes from models and tools: it
 * may carry terminal escapes, and characters that make a line read differently from what it says.
 */
#include "title.h"

#define ESC 0x1bu
#define BEL 0x07u

/* Length of the UTF-8 character at `text` and its code point; a stray byte counts as one character.
 */
static size_t decode(tally_span text, uint32_t *point) {
    uint8_t lead = text.ptr[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0xc0 || len > text.len) {
        *point = lead;
        return 1;
    }
    *point = lead & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        *point = (*point << 6) | (text.ptr[i] & 0x3fu);
    return len;
}

/* Length of the terminal escape that starts at text[0] == ESC (ECMA-48: CSI, OSC and the two-byte
 * ones). */
static size_t escape_len(tally_span text) {
    if (text.len < 2) return text.len;
    size_t at = 2;
    if (text.ptr[1] == '[') {
        while (at < text.len && (text.ptr[at] < 0x40 || text.ptr[at] > 0x7e))
            at++;
        return at < text.len ? at + 1 : at;
    }
    if (text.ptr[1] != ']') return text.ptr[1] < 0x80 ? 2 : 1;
    for (; at < text.len; at++) {
        if (text.ptr[at] == BEL) return at + 1;
        if (text.ptr[at] == ESC) return at + 1 < text.len && text.ptr[at + 1] == '\\' ? at + 2 : at;
    }
    return at;
}

static bool is_hidden(uint32_t point) {
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff},
    };
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (point >= hidden[i].first && point <= hidden[i].last) return true;
    return false;
}

bool capture_title_clean(tally_span text, size_t max_chars, capture_title *out) {
    out->len = 0;
    size_t chars = 0;
    bool space = false;
    for (size_t at = 0; at < text.len;) {
        tally_span rest = tally_span_of(text.ptr + at, text.len - at);
        uint32_t point = 0;
        size_t len = rest.ptr[0] == ESC ? escape_len(rest) : decode(rest, &point);
        at += len;
        if (rest.ptr[0] == ESC) continue;
        if ((point == '\n' || point == '\r') && out->len > 0) break;
        if (point == ' ' || point == '\t' || point == '\n' || point == '\r') {
            space = out->len > 0;
            continue;
        }
        if (is_hidden(point)) continue;
        size_t need = len + (space ? 1u : 0u);
        if (chars + (space ? 2u : 1u) > max_chars || out->len + need > sizeof out->text) break;
        if (space) out->text[out->len++] = ' ';
        chars += space ? 2 : 1;
        space = false;
        memcpy(out->text + out->len, rest.ptr, len);
        out->len = (uint16_t)(out->len + len);
    }
    return out->len > 0;
}

bool capture_title_take(capture_title *out, const tally_json *value) {
    char text[4 * CAPTURE_TITLE_MAX_BYTES];
    size_t len = 0;
    out->len = 0;
    if (value->type != TALLY_JSON_STRING) return false;
    tally_json_text(value, text, sizeof text, &len);
    return capture_title_clean(tally_span_of(text, len), SIZE_MAX, out);
}
