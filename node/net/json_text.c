/* A JSON writer over a buffer. */
#include "json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <tally/time.h>

void net_json_init(net_json *json, size_t limit_bytes) {
    *json = (net_json){0};
    tally_buffer_init(&json->text, limit_bytes);
}

void net_json_clear(net_json *json) {
    tally_buffer_clear(&json->text);
}

static void raw(net_json *json, const char *text, size_t len) {
    if (!json->failed && tally_buffer_add(&json->text, tally_span_of(text, len), NULL) != 0)
        json->failed = true;
}

/* The length of the well-formed UTF-8 character at `at` (Unicode, table 3-7); 0 when there is none.
 */
static size_t utf8_len(const uint8_t *at, size_t left) {
    uint8_t lead = at[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead > 0xf4 || len == 0 || len > left) return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    bool low = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool high = (lead == 0xed && at[1] > 0x9f) || (lead == 0xf4 && at[1] > 0x8f);
    return low || high ? 0 : len;
}

static void string(net_json *json, const char *text) {
    size_t left = strlen(text);
    const uint8_t *at = (const uint8_t *)text;
    raw(json, "\"", 1);
    while (left > 0) {
        char escape[8];
        size_t len = utf8_len(at, left);
        if (len == 0) {
            raw(json, "\xef\xbf\xbd", 3);
            len = 1;
        } else if (*at == '"' || *at == '\\') {
            raw(json, (char[]){'\\', (char)*at}, 2);
        } else if (*at < 0x20 || *at == 0x7f) {
            int n = snprintf(escape, sizeof escape, "\\u%04x", *at);
            raw(json, escape, (size_t)n);
        } else {
            raw(json, (const char *)at, len);
        }
        at += len;
        left -= len;
    }
    raw(json, "\"", 1);
}

static void begin(net_json *json, const char *key) {
    if (json->filled) raw(json, ",", 1);
    json->filled = true;
    if (!key) return;
    string(json, key);
    raw(json, ":", 1);
}

void net_json_open(net_json *json, const char *key, char bracket) {
    begin(json, key);
    raw(json, &bracket, 1);
    json->filled = false;
}

void net_json_close(net_json *json, char bracket) {
    raw(json, &bracket, 1);
    json->filled = true;
}

void net_json_text(net_json *json, const char *key, const char *text) {
    begin(json, key);
    if (text)
        string(json, text);
    else
        raw(json, "null", 4);
}

void net_json_hex(net_json *json, const char *key, const uint8_t *bytes, size_t len) {
    begin(json, key);
    raw(json, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        static const char digits[] = "0123456789abcdef";
        raw(json, (char[]){digits[bytes[i] >> 4], digits[bytes[i] & 15]}, 2);
    }
    raw(json, "\"", 1);
}

void net_json_i64(net_json *json, const char *key, int64_t value) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, value);
    begin(json, key);
    raw(json, digits, (size_t)n);
}

void net_json_u64(net_json *json, const char *key, uint64_t value) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
    begin(json, key);
    raw(json, digits, (size_t)n);
}

void net_json_bool(net_json *json, const char *key, bool value) {
    begin(json, key);
    raw(json, value ? "true" : "false", value ? 4 : 5);
}

void net_json_null(net_json *json, const char *key) {
    net_json_text(json, key, NULL);
}

void net_json_time(net_json *json, const char *key, int64_t unix_ms) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_time_format(unix_ms, text);
    net_json_text(json, key, text);
}
