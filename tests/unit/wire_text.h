/* Messages as text, for the wire tests: hex digits, "text" as its bytes, xx*n for n times a byte,
 * {...}*n for n times a group, spaces in between. Groups do not nest. The caller frees the bytes.
 * Header only. */
#ifndef TESTS_WIRE_TEXT_H
#define TESTS_WIRE_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/hash.h>

#include <stdlib.h>

#define WIRE_TEXT_MAX_BYTES (5u * 1024u * 1024u)

typedef struct wire_bytes {
    uint8_t *b;
    size_t len;
} wire_bytes;

static inline void wire_bytes_add(wire_bytes *out, const void *bytes, size_t len) {
    assert_true(len <= WIRE_TEXT_MAX_BYTES - out->len);
    if (len > 0) memcpy(out->b + out->len, bytes, len);
    out->len += len;
}

/* Repeats what begins at `from` as the "*n" at `text` says, if there is one. */
static inline const char *wire_text_repeat(wire_bytes *out, size_t from, const char *text) {
    if (*text != '*') return text;
    char *end;
    unsigned long times = strtoul(text + 1, &end, 10);
    size_t len = out->len - from;
    if (times == 0) out->len = from;
    for (unsigned long i = 1; i < times; i++)
        wire_bytes_add(out, out->b + from, len);
    return end;
}

static inline wire_bytes wire_text(const char *text) {
    static uint8_t scratch[WIRE_TEXT_MAX_BYTES];
    wire_bytes out = {scratch, 0};
    size_t group = 0;
    while (*text) {
        size_t from = out.len;
        uint8_t byte;
        if (*text == ' ') {
            text++;
        } else if (*text == '{') {
            group = from;
            text++;
        } else if (*text == '}') {
            text = wire_text_repeat(&out, group, text + 1);
        } else if (*text == '"') {
            const char *end = strchr(text + 1, '"');
            assert_non_null(end);
            wire_bytes_add(&out, text + 1, (size_t)(end - text - 1));
            text = end + 1;
        } else {
            assert_int_equal(tally_unhex(tally_span_of(text, 2), &byte, 1), 0);
            wire_bytes_add(&out, &byte, 1);
            text = wire_text_repeat(&out, from, text + 2);
        }
    }
    /* just that size, so that the sanitizer sees a read past its end */
    out.b = malloc(out.len ? out.len : 1);
    assert_non_null(out.b);
    memcpy(out.b, scratch, out.len);
    return out;
}

#endif
