/* The JSON writer: RFC 8259 text, escaped so that any bytes come out as a valid document. */
#include "json_out.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <tally/hash.h>
#include <tally/money.h>
#include <tally/record.h>
#include <tally/time.h>

#define HEX_PIECE_BYTES 64u

void cli_json_begin(cli_json *json, FILE *out) {
    memset(json, 0, sizeof *json);
    json->out = out;
    json->pretty = isatty(fileno(out)) == 1;
}

void cli_json_end(cli_json *json) {
    assert(json->depth == 0);
    fputc('\n', json->out);
}

static void line_start(cli_json *json) {
    if (!json->pretty) return;
    fputc('\n', json->out);
    for (unsigned i = 0; i < json->depth; i++)
        fputs("  ", json->out);
}

size_t cli_character_bytes(tally_span text) {
    size_t want = text.ptr[0] < 0x80 ? 1 : text.ptr[0] < 0xe0 ? 2 : text.ptr[0] < 0xf0 ? 3 : 4;
    if (want > text.len || !tally_utf8_valid(tally_span_of(text.ptr, want))) return 0;
    return want;
}

/* How many bytes from the start stand for themselves: printable ASCII without quote and backslash.
 */
static size_t plain_bytes(tally_span text) {
    size_t n = 0;
    while (n < text.len && text.ptr[n] >= 0x20 && text.ptr[n] < 0x7f && text.ptr[n] != '"' &&
           text.ptr[n] != '\\')
        n++;
    return n;
}

/* One character that is not plain. */
static void special_character(FILE *out, const uint8_t *at, size_t bytes) {
    static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    if (bytes != 1) {
        fwrite(bytes ? (const void *)at : "\xef\xbf\xbd", 1, bytes ? bytes : 3, out);
        return;
    }
    for (size_t i = 0; escapes[i]; i += 2)
        if (*at == (uint8_t)escapes[i]) {
            fputc('\\', out);
            fputc(escapes[i + 1], out);
            return;
        }
    fprintf(out, "\\u%04x", *at);
}

static void quoted(FILE *out, tally_span text) {
    fputc('"', out);
    while (text.len) {
        size_t step = plain_bytes(text);
        if (step) {
            fwrite(text.ptr, 1, step, out);
        } else {
            size_t bytes = cli_character_bytes(text);
            special_character(out, text.ptr, bytes);
            step = bytes ? bytes : 1;
        }
        text = tally_span_of(text.ptr + step, text.len - step);
    }
    fputc('"', out);
}

void cli_json_key(cli_json *json, tally_span key) {
    if (json->filled[json->depth]) fputc(',', json->out);
    json->filled[json->depth] = true;
    line_start(json);
    quoted(json->out, key);
    fputs(json->pretty ? ": " : ":", json->out);
}

/* What stands before a value: a comma where one is due, and the key. After cli_json_key `key` is
 * "". */
static void value_start(cli_json *json, const char *key) {
    if (key && !*key) return;
    if (key) {
        cli_json_key(json, tally_span_str(key));
        return;
    }
    if (json->filled[json->depth]) fputc(',', json->out);
    json->filled[json->depth] = true;
    if (json->depth) line_start(json);
}

void cli_json_open(cli_json *json, const char *key, char bracket) {
    value_start(json, key);
    fputc(bracket, json->out);
    json->depth++;
    assert(json->depth < CLI_JSON_MAX_DEPTH);
    json->filled[json->depth] = false;
}

void cli_json_close(cli_json *json, char bracket) {
    bool filled = json->filled[json->depth];
    assert(json->depth > 0);
    json->depth--;
    if (filled) line_start(json);
    fputc(bracket, json->out);
}

void cli_json_text(cli_json *json, const char *key, tally_span text) {
    value_start(json, key);
    quoted(json->out, text);
}

void cli_json_string(cli_json *json, const char *key, const char *text) {
    cli_json_text(json, key, tally_span_str(text));
}

void cli_json_text_or_null(cli_json *json, const char *key, tally_span text) {
    if (text.len)
        cli_json_text(json, key, text);
    else
        cli_json_null(json, key);
}

void cli_json_texts(cli_json *json, const char *key, const tally_span *texts, size_t count) {
    cli_json_open(json, key, '[');
    for (size_t i = 0; i < count; i++)
        cli_json_text(json, NULL, texts[i]);
    cli_json_close(json, ']');
}

void cli_json_u64(cli_json *json, const char *key, uint64_t value) {
    value_start(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void cli_json_i64(cli_json *json, const char *key, int64_t value) {
    value_start(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void cli_json_bool(cli_json *json, const char *key, bool value) {
    value_start(json, key);
    fputs(value ? "true" : "false", json->out);
}

void cli_json_null(cli_json *json, const char *key) {
    value_start(json, key);
    fputs("null", json->out);
}

void cli_json_hex(cli_json *json, const char *key, tally_span bytes) {
    char text[2 * HEX_PIECE_BYTES + 1];
    value_start(json, key);
    fputc('"', json->out);
    for (size_t at = 0; at < bytes.len; at += HEX_PIECE_BYTES) {
        size_t left = bytes.len - at;
        tally_hex(tally_span_of(bytes.ptr + at, left < HEX_PIECE_BYTES ? left : HEX_PIECE_BYTES),
                  text);
        fputs(text, json->out);
    }
    fputc('"', json->out);
}

void cli_json_time(cli_json *json, const char *key, int64_t unix_ms) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_time_format(unix_ms, text);
    cli_json_string(json, key, text);
}

void cli_json_amount(cli_json *json, const char *key, tally_i128 pico, tally_span currency) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_in(pico, currency, text);
    cli_json_string(json, key, text);
}

void cli_json_money(cli_json *json, const char *key, tally_i128 pico) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format(pico, 2, text);
    cli_json_string(json, key, text);
}

void cli_json_u64_or_null(cli_json *json, const char *key, bool known, uint64_t value) {
    if (known)
        cli_json_u64(json, key, value);
    else
        cli_json_null(json, key);
}

void cli_json_time_or_null(cli_json *json, const char *key, bool known, int64_t unix_ms) {
    if (known)
        cli_json_time(json, key, unix_ms);
    else
        cli_json_null(json, key);
}

void cli_json_money_or_null(cli_json *json, const char *key, bool known, tally_i128 pico) {
    if (known)
        cli_json_money(json, key, pico);
    else
        cli_json_null(json, key);
}
