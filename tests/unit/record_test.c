/* Records, reading: what the strict decoder takes and refuses, judged by the msgpack
 * specification. Random records are in record_random_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/hash.h>
#include <tally/record.h>

#include <stdio.h>
#include <stdlib.h>

#define MAX_TEST_BYTES  (TALLY_RECORD_MAX_BYTES + 64u)
#define HEX_VALUE_BYTES 64u

/* A record under construction. */
typedef struct bytes {
    uint8_t b[MAX_TEST_BYTES];
    size_t len;
} bytes;

static void put(bytes *out, const void *data, size_t len) {
    assert_true(len <= sizeof out->b - out->len);
    memcpy(out->b + out->len, data, len);
    out->len += len;
}

static void put_hex(bytes *out, const char *hex) {
    uint8_t raw[HEX_VALUE_BYTES];
    size_t len = strlen(hex) / 2;
    assert_true(len <= sizeof raw);
    assert_int_equal(tally_unhex(tally_span_str(hex), raw, len), 0);
    put(out, raw, len);
}

/* [1, "k", 0, {"v": VALUE}]: the value follows. */
static void begin_value(bytes *out) {
    out->len = 0;
    put_hex(out, "9401a16b0081a176");
}

static int parse(const bytes *record, tally_record *out, tally_error *err) {
    /* a copy of just that size, so that the sanitizer sees a read past its end */
    uint8_t *copy = malloc(record->len ? record->len : 1);
    assert_non_null(copy);
    memcpy(copy, record->b, record->len);
    int rc = tally_record_parse(tally_span_of(copy, record->len), out, err);
    free(copy);
    return rc;
}

static void assert_accepted(const bytes *record) {
    tally_record out;
    tally_error err = {0};
    if (parse(record, &out, &err) != 0) fail_msg("%s", err.text);
}

static void assert_refused(const bytes *record, const char *because) {
    tally_record out;
    tally_error err = {0};
    assert_int_equal(parse(record, &out, &err), TALLY_EFORMAT);
    if (!strstr(err.text, because)) fail_msg("'%s' does not say '%s'", err.text, because);
}

static void every_integer_in_its_shortest_form_is_accepted_and_read(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        uint64_t uint;
        int64_t integer; /* negative: a signed one */
    } good[] = {{"00", 0, 0},
                {"7f", 127, 0},
                {"cc80", 128, 0},
                {"ccff", 255, 0},
                {"cd0100", 256, 0},
                {"cdffff", 65535, 0},
                {"ce00010000", 65536, 0},
                {"ceffffffff", UINT32_MAX, 0},
                {"cf0000000100000000", 4294967296u, 0},
                {"cfffffffffffffffff", UINT64_MAX, 0},
                {"ff", 0, -1},
                {"e0", 0, -32},
                {"d0df", 0, -33},
                {"d080", 0, -128},
                {"d1ff7f", 0, -129},
                {"d18000", 0, -32768},
                {"d2ffff7fff", 0, -32769},
                {"d280000000", 0, INT32_MIN},
                {"d3ffffffff7fffffff", 0, (int64_t)INT32_MIN - 1},
                {"d38000000000000000", 0, INT64_MIN}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bytes record;
        tally_record out;
        tally_value value;
        begin_value(&record);
        put_hex(&record, good[i].hex);
        assert_accepted(&record);
        assert_int_equal(tally_record_parse(tally_span_of(record.b, record.len), &out, NULL), 0);
        assert_true(tally_body_get(&out, "v", &value));
        if (good[i].integer < 0) {
            assert_int_equal(value.type, TALLY_VALUE_INT);
            assert_true(value.as.integer == good[i].integer);
        } else {
            assert_int_equal(value.type, TALLY_VALUE_UINT);
            assert_true(value.as.uint == good[i].uint);
        }
    }
}

static void every_longer_form_is_refused(void **state) {
    (void)state;
    static const char shortest[] = "not in its shortest form", reserved[] = "not allowed";
    static const struct {
        const char *hex, *because;
    } bad[] = {
        {"cc00", shortest},
        {"cc7f", shortest},
        {"cd00ff", shortest},
        {"ce0000ffff", shortest},
        {"cf00000000ffffffff", shortest},
        {"d0e0", shortest},
        {"d0ff", shortest},
        {"d07f", shortest}, /* positive, in a signed form */
        {"d1ff80", shortest},
        {"d10080", shortest},
        {"d2ffff8000", shortest},
        {"d200008000", shortest},
        {"d3ffffffff80000000", shortest},
        {"d30000000080000000", shortest},
        {"d900", shortest},
        {"d90161", shortest},
        {"d91f6161616161616161616161616161616161616161616161616161616161616161", shortest},
        {"da000161", shortest},
        {"db0000000161", shortest},
        {"c50001ff", shortest},
        {"c600000001ff", shortest},
        {"dc0000", shortest},
        {"dc000100", shortest},
        {"dd0000000100", shortest},
        {"de0000", shortest},
        {"df00000000", shortest},
        {"ca3f800000", reserved},         /* float 32 */
        {"cb3ff0000000000000", reserved}, /* float 64 */
        {"c1", reserved},                 /* never used */
        {"d40100", reserved},             /* fixext 1 */
        {"d5010000", reserved},
        {"d6ff00000000", reserved}, /* a timestamp */
        {"d70100000000000000", reserved},
        {"d80100000000000000", reserved},
        {"c7000100", reserved},
        {"c800010100", reserved},
        {"c9000000010100", reserved},
        {"a180", "UTF-8"},
        {"a2c080", "UTF-8"},
        {"a3eda080", "UTF-8"},
        {"8200c0a161c0", "a map key is not a string"},
        {"81c400c0", "a map key is not a string"},
        {"82a162c0a161c0", "not sorted or not unique"},
        {"82a161c0a161c0", "not sorted or not unique"},
        {"82a26161c0a161c0", "not sorted or not unique"}, /* "aa" before "a" */
        {"9181a16182a162c0a161c0", "not sorted or not unique"},
        {"81a16182a161c0a161c0", "not sorted or not unique"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bytes record;
        begin_value(&record);
        put_hex(&record, bad[i].hex);
        assert_refused(&record, bad[i].because);
    }
}

/* `first` head bytes, then the length in `width` bytes, then that many content bytes. */
static void put_sized(bytes *out, uint8_t first, size_t width, size_t len, size_t content,
                      uint8_t fill) {
    put(out, &first, 1);
    for (size_t i = width; i-- > 0;) {
        uint8_t byte = (uint8_t)(len >> (8 * i));
        put(out, &byte, 1);
    }
    for (size_t i = 0; i < content; i++)
        put(out, &fill, 1);
}

/* A map of `pairs` keys of five letters in order, each nil. */
static void put_pairs(bytes *out, size_t pairs) {
    for (size_t i = 0; i < pairs; i++) {
        char key[24];
        (void)snprintf(key, sizeof key, "%05zu", i);
        put_hex(out, "a5");
        put(out, key, 5);
        put_hex(out, "c0");
    }
}

static void lengths_take_the_width_they_need_and_no_other(void **state) {
    (void)state;
    static const struct {
        uint8_t first;
        size_t width, len;
        bool ok;
    } cases[] = {
        {0xbf, 0, 31, true},     {0xd9, 1, 32, true},     {0xd9, 1, 31, false},
        {0xd9, 1, 255, true},    {0xda, 2, 256, true},    {0xda, 2, 255, false},
        {0xda, 2, 65000, true},  {0xdb, 4, 65000, false}, {0xc4, 1, 0, true},
        {0xc4, 1, 255, true},    {0xc5, 2, 256, true},    {0xc5, 2, 255, false},
        {0xc5, 2, 65000, true},  {0xc6, 4, 65000, false}, {0x9f, 0, 15, true},
        {0xdc, 2, 16, true},     {0xdc, 2, 15, false},    {0xdc, 2, 65000, true},
        {0xdd, 4, 65000, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes record;
        begin_value(&record);
        put_sized(&record, cases[i].first, cases[i].width, cases[i].len, cases[i].len, 'a');
        if (cases[i].ok)
            assert_accepted(&record);
        else
            assert_refused(&record, "a length is not in its shortest form");
    }
    static const struct {
        const char *head;
        size_t pairs;
        bool ok;
    } maps[] = {
        {"8f", 15, true}, {"de0010", 16, true}, {"de000f", 15, false}, {"df00000010", 16, false}};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        bytes record;
        begin_value(&record);
        put_hex(&record, maps[i].head);
        put_pairs(&record, maps[i].pairs);
        if (maps[i].ok)
            assert_accepted(&record);
        else
            assert_refused(&record, "a length is not in its shortest form");
    }
}

static void a_length_beyond_the_bytes_is_refused_before_anything_is_spent(void **state) {
    (void)state;
    static const char *const heads[] = {"dbffffffff", "c6ffffffff", "ddffffffff",
                                        "dfffffffff", "da0100",     "dc0010",
                                        "de0010",     "9f",         "8f"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        bytes record;
        begin_value(&record);
        put_hex(&record, heads[i]);
        assert_refused(&record, "the bytes end too early");
    }
}

static void depth_eight_is_the_deepest(void **state) {
    (void)state;
    for (unsigned arrays = 1; arrays <= 9; arrays++) {
        bytes record; /* the outer array is 1, the body 2 */
        begin_value(&record);
        for (unsigned i = 1; i < arrays; i++)
            put_hex(&record, "91");
        put_hex(&record, "90");
        if (2 + arrays <= 8)
            assert_accepted(&record);
        else
            assert_refused(&record, "nested too deep");
    }
}

static void a_record_of_64_kib_is_the_largest(void **state) {
    (void)state;
    bytes *record = malloc(sizeof *record);
    assert_non_null(record);
    begin_value(record);
    size_t content = 65536 - record->len - 3;
    put_sized(record, 0xc5, 2, content, content, 0xff);
    assert_int_equal(record->len, 65536);
    assert_accepted(record);
    begin_value(record);
    put_sized(record, 0xc5, 2, content + 1, content + 1, 0xff);
    tally_record out;
    tally_error err;
    assert_int_equal(parse(record, &out, &err), TALLY_ELIMIT);
    free(record);
}

static void the_envelope_is_exactly_version_kind_clock_and_body(void **state) {
    (void)state;
    static const struct {
        const char *hex, *because;
    } cases[] = {
        {"9401a16b0080", NULL},
        {"9401a16bcf7fffffffffffffff80", NULL},
        {"", "it is empty"},
        {"80", "not an array of four"},
        {"9301a16b00", "not an array of four"},
        {"9501a16b0080c0", "not an array of four"},
        {"dc000401a16b0080", "not an array of four"},
        {"9400a16b0080", "version is not 1"},
        {"9402a16b0080", "version is not 1"},
        {"94cc01a16b0080", "version is not 1"},
        {"94", "version is not 1"},
        {"9401c00080", "the kind is not a short name"},
        {"940190a0", "the kind is not a short name"},
        {"9401a00080", "the kind is not a short name"},
        {"9401a16bff80", "the clock"},
        {"9401a16bcc0080", "the clock"},
        {"9401a16ba13180", "the clock"},
        {"9401a16bc080", "the clock"},
        {"9401a16b00c0", "the body is not a map"},
        {"9401a16b0090", "the body is not a map"},
        {"9401a16b00de0000", "the body is not a map"},
        {"9401a16b0080c0", "bytes follow the record"},
        {"9401a16b008000", "bytes follow the record"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes record = {.len = 0};
        put_hex(&record, cases[i].hex);
        if (cases[i].because)
            assert_refused(&record, cases[i].because);
        else
            assert_accepted(&record);
    }
}

static void a_kind_is_1_to_64_lower_case_letters_digits_dots_dashes_and_underscores(void **state) {
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool ok = c < 128 && c != 0 && strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", (int)c);
        bytes record = {.len = 0};
        uint8_t kind[] = {0xa1, (uint8_t)c};
        put_hex(&record, "9401");
        put(&record, kind, 2);
        put_hex(&record, "0080");
        if (ok)
            assert_accepted(&record);
        else
            assert_refused(&record, c < 128 ? "the kind is not a short name" : "UTF-8");
    }
    for (size_t len = 63; len <= 65; len++) {
        bytes record = {.len = 0};
        put_hex(&record, "9401");
        put_sized(&record, 0xd9, 1, len, len, 'z');
        put_hex(&record, "0080");
        if (len <= 64)
            assert_accepted(&record);
        else
            assert_refused(&record, "the kind is not a short name");
    }
}

/* ---- typed access and the clock ---- */

static void fields_are_found_by_name_and_only_in_their_type(void **state) {
    (void)state;
    bytes record = {.len = 0};
    /* {"a": 5, "b": -5, "c": "x", "d": h'0102', "e": true, "f": false, "g": 2^63, "h": [1]} */
    put_hex(&record, "9401a16b0a88a16105a162fba163a178a164c4020102a165c3a166c2");
    put_hex(&record, "a167cf8000000000000000a1689101");
    tally_record out;
    tally_error err = {0};
    assert_int_equal(tally_record_parse(tally_span_of(record.b, record.len), &out, &err), 0);
    assert_true(tally_span_is(out.kind, "k"));
    assert_true(out.hlc == 10);
    uint64_t u = 99;
    int64_t s = 99;
    tally_span text = {0};
    const uint8_t *bin = NULL;
    tally_value value;
    assert_true(tally_body_u64(&out, "a", &u) && u == 5);
    assert_true(tally_body_i64(&out, "a", &s) && s == 5);
    assert_true(tally_body_i64(&out, "b", &s) && s == -5);
    assert_true(tally_body_str(&out, "c", &text) && tally_span_is(text, "x"));
    assert_true(tally_body_bin(&out, "d", 2, &bin) && bin[0] == 1 && bin[1] == 2);
    assert_true(tally_body_true(&out, "e"));
    assert_true(tally_body_u64(&out, "g", &u) && u == UINT64_C(1) << 63);
    assert_true(tally_body_get(&out, "h", &value) && value.count == 1);
    assert_false(tally_body_true(&out, "f"));
    assert_false(tally_body_true(&out, "a"));
    assert_false(tally_body_u64(&out, "b", &u));
    assert_false(tally_body_i64(&out, "g", &s)); /* does not fit */
    assert_false(tally_body_i64(&out, "c", &s));
    assert_false(tally_body_str(&out, "d", &text));
    assert_false(tally_body_bin(&out, "d", 3, &bin));
    assert_false(tally_body_bin(&out, "c", 1, &bin));
    static const char *const absent[] = {"", "0", "aa", "bb", "i", "zz"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_false(tally_body_get(&out, absent[i], &value));
}

static void a_cursor_over_nothing_ends_at_once(void **state) {
    (void)state;
    tally_record none = {0};
    tally_value value = {.type = TALLY_VALUE_UINT, .as.uint = 7};
    tally_cursor body = tally_cursor_of_body(&none), scalar = tally_cursor_of(&value);
    assert_false(tally_cursor_next(&body, &value));
    assert_false(tally_cursor_next(&scalar, &value));
}

static void the_clock_never_goes_back(void **state) {
    (void)state;
    const tally_hlc at_1000 = UINT64_C(1000) << 16;
    assert_true(tally_hlc_next(0, 1000) == at_1000);
    assert_true(tally_hlc_next(at_1000, 1000) == at_1000 + 1);
    assert_true(tally_hlc_next(at_1000, 999) == at_1000 + 1);
    assert_true(tally_hlc_next(at_1000, -5) == at_1000 + 1);
    assert_true(tally_hlc_next(at_1000, 1001) == UINT64_C(1001) << 16);
    assert_true(tally_hlc_next(at_1000 + 0xffff, 1000) == UINT64_C(1001) << 16);
    assert_true(tally_hlc_next(0, INT64_MAX) == UINT64_C(0xffffffffffff0000));
    assert_true(tally_hlc_ms(at_1000 + 5) == 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_integer_in_its_shortest_form_is_accepted_and_read),
        cmocka_unit_test(every_longer_form_is_refused),
        cmocka_unit_test(lengths_take_the_width_they_need_and_no_other),
        cmocka_unit_test(a_length_beyond_the_bytes_is_refused_before_anything_is_spent),
        cmocka_unit_test(depth_eight_is_the_deepest),
        cmocka_unit_test(a_record_of_64_kib_is_the_largest),
        cmocka_unit_test(the_envelope_is_exactly_version_kind_clock_and_body),
        cmocka_unit_test(a_kind_is_1_to_64_lower_case_letters_digits_dots_dashes_and_underscores),
        cmocka_unit_test(fields_are_found_by_name_and_only_in_their_type),
        cmocka_unit_test(a_cursor_over_nothing_ends_at_once),
        cmocka_unit_test(the_clock_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
