/* Codex's `notify`, in a TOML file that is not parsed: ours is a line of its own at the very start,
 * where it is at the top level. Anything that could be another notify is left alone. */
#include <stdlib.h>
#include <string.h>

#include <tally/record.h>

#include "settings_edit.h"

#define LINE_HEAD "notify = [\""
#define LINE_TAIL "] # by tally hook install\n"
#define LINE_ROOM (2u * COMMAND_MAX_BYTES + 128u)

/* The line that starts at `from`, its newline included. */
static tally_span line_at(tally_span text, size_t from) {
    const uint8_t *end = memchr(text.ptr + from, '\n', text.len - from);
    size_t len = end ? (size_t)(end - text.ptr) + 1 - from : text.len - from;
    return tally_span_of(text.ptr + from, len);
}

static bool line_is_ours(tally_span line) {
    size_t head = strlen(LINE_HEAD), tail = strlen(LINE_TAIL);
    return line.len >= head + tail && memcmp(line.ptr, LINE_HEAD, head) == 0 &&
           memcmp(line.ptr + line.len - tail, LINE_TAIL, tail) == 0;
}

static size_t blanks(tally_span line, size_t at) {
    while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t'))
        at++;
    return at;
}

/* Whether a line could set `notify`, quoted, dotted, or with an escape in its key. A line inside a
 * longer text may only look so: then a person decides. */
static bool line_may_notify(tally_span line) {
    static const char word[] = "notify";
    size_t at = blanks(line, 0), n = strlen(word);
    uint8_t quote =
        at < line.len && (line.ptr[at] == '"' || line.ptr[at] == '\'') ? line.ptr[at] : 0;
    if (quote) at++;
    if (quote == '"' && at < line.len && line.ptr[at] == '\\') return true;
    if (line.len - at < n || memcmp(line.ptr + at, word, n) != 0) {
        /* "no\u0074ify" */
        const uint8_t *escape = quote == '"' ? memchr(line.ptr + at, '\\', line.len - at) : NULL;
        const uint8_t *end = quote == '"' ? memchr(line.ptr + at, '"', line.len - at) : NULL;
        return escape && end && escape < end;
    }
    at += n;
    if (quote && at < line.len && line.ptr[at] == quote) at++;
    at = blanks(line, at);
    return at < line.len && (line.ptr[at] == '=' || line.ptr[at] == '.');
}

/* A TOML basic string, with a comma before it unless it is the first. False for what is no clean
 * UTF-8, or too long. */
static bool word_put(char *out, size_t *used, const char *word) {
    if (!tally_utf8_valid(tally_span_str(word)) || strlen(word) > COMMAND_MAX_BYTES / 2)
        return false;
    if (out[*used - 1] == '"') {
        memcpy(out + *used, ", ", 2);
        *used += 2;
    }
    out[(*used)++] = '"';
    for (; *word; word++) {
        if ((unsigned char)*word < 0x20 || *word == 0x7f) return false;
        if (*word == '"' || *word == '\\') out[(*used)++] = '\\';
        out[(*used)++] = *word;
    }
    out[(*used)++] = '"';
    return true;
}

static int joined(tally_span a, tally_span b, tally_span c, settings_text *out, tally_error *err) {
    size_t len = a.len + b.len + c.len;
    *out = (settings_text){malloc(len + 1), len};
    if (!out->bytes) return tally_fail(err, TALLY_ENOMEM, "no memory for the settings");
    if (a.len) memcpy(out->bytes, a.ptr, a.len);
    if (b.len) memcpy(out->bytes + a.len, b.ptr, b.len);
    if (c.len) memcpy(out->bytes + a.len + b.len, c.ptr, c.len);
    out->bytes[len] = '\0';
    return 0;
}

int settings_notify_add(tally_span text, const char *program, const char *ledger,
                        settings_text *out, tally_error *err) {
    char line[LINE_ROOM] = "notify = [";
    size_t used = strlen(line);
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
        return tally_fail(err, TALLY_EFORMAT, "it begins with a byte order mark; remove that");
    for (size_t from = 0; from < text.len;) {
        tally_span at = line_at(text, from);
        from += at.len;
        if (line_is_ours(at)) return joined(text, (tally_span){0}, (tally_span){0}, out, err);
        if (line_may_notify(at))
            return tally_fail(err, TALLY_EEXIST,
                              "it has a notify already, and Codex runs one program only; have that "
                              "program call 'tally hook codex' with its last argument");
    }
    bool fits = word_put(line, &used, program) && word_put(line, &used, "hook") &&
                word_put(line, &used, "codex") &&
                (!ledger || (word_put(line, &used, "--ledger") && word_put(line, &used, ledger)));
    if (!fits) return tally_fail(err, TALLY_EINVAL, "the path of this program is no plain text");
    memcpy(line + used, LINE_TAIL, strlen(LINE_TAIL));
    used += strlen(LINE_TAIL);
    return joined(tally_span_of(line, used), text, (tally_span){0}, out, err);
}

int settings_notify_remove(tally_span text, settings_text *out, tally_error *err) {
    for (size_t from = 0; from < text.len;) {
        tally_span line = line_at(text, from);
        if (line_is_ours(line))
            return joined(tally_span_of(text.ptr, from),
                          tally_span_of(line.ptr + line.len, text.len - from - line.len),
                          (tally_span){0}, out, err);
        from += line.len;
    }
    return joined(text, (tally_span){0}, (tally_span){0}, out, err);
}

bool settings_notify_is_there(tally_span text) {
    for (size_t from = 0; from < text.len;) {
        tally_span line = line_at(text, from);
        if (line_is_ours(line)) return true;
        from += line.len;
    }
    return false;
}
