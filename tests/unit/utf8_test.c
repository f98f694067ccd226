/* UTF-8 validity against the encoding rule of RFC 3629 section 3, applied forwards: what an encoder
 * of Unicode scalar values writes is valid, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/record.h>

/* The bits of `code` in a sequence of `len` bytes, whether or not that is its shortest form. */
static void encode(uint32_t code, size_t len, uint8_t *out) {
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC};
    for (size_t i = len; i-- > 1; code >>= 6)
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
    out[0] = (uint8_t)(lead[len] | code);
}

/* RFC 3629 section 3: the table of ranges. */
static size_t shortest(uint32_t code) {
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static bool valid(const uint8_t *bytes, size_t len) {
    return tally_utf8_valid(tally_span_of(bytes, len));
}

static void every_scalar_value_is_valid_in_its_shortest_form_only(void **state) {
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        uint8_t bytes[6];
        bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        for (size_t len = shortest(code); len <= 6; len++) {
            if (len == 1)
                bytes[0] = (uint8_t)code;
            else
                encode(code, len, bytes);
            bool want = len == shortest(code) && !surrogate;
            if (valid(bytes, len) != want) fail_msg("U+%04X in %zu bytes", code, len);
        }
    }
}

static void nothing_above_u_10ffff_is_valid(void **state) {
    (void)state;
    for (uint32_t code = 0x110000; code <= 0x1FFFFF; code += 0x3FF) {
        uint8_t bytes[4];
        encode(code, 4, bytes);
        assert_false(valid(bytes, 4));
    }
}

static void two_bytes_are_valid_when_both_are_ascii_or_they_encode_one_value(void **state) {
    (void)state;
    static bool encodes[0x10000];
    for (uint32_t code = 0x80; code < 0x800; code++) {
        uint8_t bytes[2];
        encode(code, 2, bytes);
        encodes[bytes[0] << 8 | bytes[1]] = true;
    }
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        uint8_t bytes[] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        bool ascii = bytes[0] < 0x80 && bytes[1] < 0x80;
        if (valid(bytes, 2) != (ascii || encodes[pair])) fail_msg("%02x %02x", bytes[0], bytes[1]);
    }
}

static void every_cut_sequence_is_invalid(void **state) {
    (void)state;
    static const uint32_t codes[] = {0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        uint8_t bytes[4];
        size_t len = shortest(codes[i]);
        encode(codes[i], len, bytes);
        for (size_t cut = 1; cut < len; cut++)
            assert_false(valid(bytes, cut));
    }
}

/* The reader steps eight ASCII bytes at a time: a fault must show wherever it stands. */
static void a_fault_shows_at_every_place_in_a_long_text(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        bool ok;
    } inserts[] = {{"\x80", 1, false},
                   {"\xff", 1, false},
                   {"\xc0\xaf", 2, false},
                   {"\xc3\xa4", 2, true},
                   {"\xed\xa0\x80", 3, false},
                   {"\xe2\x82\xac", 3, true},
                   {"\xf4\x90\x80\x80", 4, false},
                   {"\xf0\x9f\x92\xb6", 4, true},
                   {"\0", 1, true}};
    for (size_t i = 0; i < sizeof inserts / sizeof *inserts; i++)
        for (size_t at = 0; at + 4 <= 40; at++) {
            uint8_t bytes[40];
            memset(bytes, 'a', sizeof bytes);
            memcpy(bytes + at, inserts[i].bytes, inserts[i].len);
            assert_true(valid(bytes, sizeof bytes) == inserts[i].ok);
        }
    assert_true(tally_utf8_valid(tally_span_of(NULL, 0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_value_is_valid_in_its_shortest_form_only),
        cmocka_unit_test(nothing_above_u_10ffff_is_valid),
        cmocka_unit_test(two_bytes_are_valid_when_both_are_ascii_or_they_encode_one_value),
        cmocka_unit_test(every_cut_sequence_is_invalid),
        cmocka_unit_test(a_fault_shows_at_every_place_in_a_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
