/* What the wire tests share: decoding a message given as text (wire_text.h). Header only. */
#ifndef TESTS_WIRE_CASE_H
#define TESTS_WIRE_CASE_H

#include "wire_text.h"

#include <tally/wire.h>

#include <stdio.h>

#include "wire_again.h"

#define DEVICE "c420 d1*32 "
#define ROOT   "c420 a1*32 "
#define SIGNED "c440 5a*64 "
#define LARGE  "cf7fffffffffffffff " /* 2^63 - 1 */
#define HUGE   "cf8000000000000000 "

static tally_wire_message message;
static tally_error err;

static inline int decode(const char *text) {
    wire_bytes bytes = wire_text(text);
    err = (tally_error){0};
    int rc = tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err);
    free(bytes.b);
    return rc;
}

static inline void assert_decodes(const char *text) {
    if (decode(text) != 0) fail_msg("%s: %s", text, err.text);
}

static inline void assert_code(const char *text, int code) {
    int rc = decode(text);
    if (rc != code) fail_msg("%s: %d instead of %d (%s)", text, rc, code, err.text);
    assert_true(rc == 0 || message.type == TALLY_WIRE_UNKNOWN);
}

#endif
