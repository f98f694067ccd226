/* What JSON strings and numbers mean: decoding, comparing, exact integers (documents are in
 * json_test.c). Expected values come from RFC 8259, RFC 3629, Unicode 3.9 and arithmetic by hand.
 */

#include "json_doc.h"

/* The text of a JSON string document, cut to `size`. */
static size_t text_of(const char *json, char *out, size_t size) {
    doc d = doc_str(json);
    assert_int_equal(d.rc, 0);
    size_t len = 0;
    tally_json_text(&d.root, out, size, &len);
    doc_free(&d);
    return len;
}

static void integers_are_exact_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"7", true, 7},
        {"12", true, 12},
        {"12.0", true, 12},
        {"12.000", true, 12},
        {"1.2e3", true, 1200},
        {"1.2E+3", true, 1200},
        {"1200e-2", true, 12},
        {"0.5e1", true, 5},
        {"10", true, 10},
        {"100200", true, 100200},
        {"0.0", true, 0},
        {"0e99", true, 0},
        {"0e-99", true, 0},
        {"0.00e99999999999999999999", true, 0},
        {"1e15", true, UINT64_C(1000000000000000)},
        {"9007199254740992", true, UINT64_C(9007199254740992)}, /* 2^53 */
        {"9007199254740991", true, UINT64_C(9007199254740991)},
        {"9007199254740992.0", true, UINT64_C(9007199254740992)},
        {"9.007199254740992e15", true, UINT64_C(9007199254740992)},
        {"9007199254740993", false, 0}, /* 2^53 + 1 */
        {"9007199254740993.0", false, 0},
        {"9007199254740992.5", false, 0},
        {"90071992547409920", false, 0},
        {"18446744073709551616", false, 0}, /* 2^64 */
        {"18446744073709551628", false, 0}, /* 2^64 + 12 */
        {"1e16", false, 0},
        {"1e99999999999999999999", false, 0},
        {"1e-99999999999999999999", false, 0},
        {"1.5", false, 0},
        {"1.2e0", false, 0},
        {"12e-1", false, 0},
        {"0.1", false, 0},
        {"-0", false, 0},
        {"-1", false, 0},
        {"-12.0", false, 0},
        {"\"12\"", false, 0},
        {"true", false, 0},
        {"null", false, 0},
        {"[1]", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        doc d = doc_str(cases[i].text);
        assert_int_equal(d.rc, 0);
        uint64_t value = 42;
        bool ok = tally_json_u64(&d.root, &value);
        if (ok != cases[i].ok) fail_msg("%s: %d", cases[i].text, ok);
        if (ok) assert_int_equal(value, cases[i].value);
        doc_free(&d);
    }
}

static void text_is_decoded_to_utf8(void **state) {
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u00E9\\u20ac\"", "A\xc3\xa9\xc3\xa9\xe2\x82\xac"},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
        {"\"\\ud834\\udd1e\"", "\xf0\x9d\x84\x9e"}, /* U+1D11E, the example of RFC 8259 section 7 */
        {"\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\"a\\ud800\"", "a\xef\xbf\xbd"},
        {"\"\\udc00a\"", "\xef\xbf\xbd"
                         "a"},
        {"\"\\ud800\\ud800\\udc00\"", "\xef\xbf\xbd\xf0\x90\x80\x80"},
        {"\"\\udc00\\ud800\"", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\"\\ud800\\ue000\"", "\xef\xbf\xbd\xee\x80\x80"},
        {"\"\\ud800\\n\"", "\xef\xbf\xbd\n"},
        {"\"\\ud800\\u0041\"", "\xef\xbf\xbd"
                               "A"},
        {"\"\\ud800xxxxxx\"", "\xef\xbf\xbdxxxxxx"},
        {"\"a\\u0000b\"", "ab"},
        {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\"a\xff"
         "b\"",
         "a\xef\xbf\xbd"
         "b"},
        {"\"\x80\x80\"", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\"\xc0\xaf\"", "\xef\xbf\xbd\xef\xbf\xbd"}, /* overlong '/' */
        {"\"\xe2\x82\"", "\xef\xbf\xbd"},             /* cut short */
        {"\"\xe2\x82"
         "a\"",
         "\xef\xbf\xbd"
         "a"},
        {"\"\xf0\x9f\x98\"", "\xef\xbf\xbd"},
        {"\"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate in UTF-8 */
        {"\"\xe0\x80\xaf\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\"\xf4\x90\x80\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\"\xf5\"", "\xef\xbf\xbd"},
    };
    char text[64];
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = text_of(cases[i].json, text, sizeof text);
        if (len != strlen(cases[i].text)) fail_msg("%s: %zu bytes", cases[i].json, len);
        assert_memory_equal(text, cases[i].text, len);
    }
}

static void text_is_cut_at_a_character_boundary(void **state) {
    (void)state;
    /* One, two, three and four bytes, then one: boundaries at 1, 3, 6, 10, 11. */
    static const char *const forms[] = {"\"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\"",
                                        "\"\\u0061\\u00e9\\u20ac\\ud83d\\ude00\\u007a\""};
    static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t f = 0; f < COUNT(forms); f++) {
        for (size_t size = 0; size < COUNT(kept); size++) {
            char *exact = malloc(size ? size : 1);
            assert_non_null(exact);
            assert_int_equal(text_of(forms[f], exact, size), kept[size]);
            assert_memory_equal(exact, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", kept[size]);
            free(exact);
        }
    }
    char byte;
    size_t len = 9;
    doc d = doc_str("12");
    tally_json_text(&d.root, &byte, 1, &len);
    assert_int_equal(len, 0);
    doc_free(&d);
}

static void strings_compare_by_what_they_mean(void **state) {
    (void)state;
    static const struct {
        const char *json, *text;
        bool same;
    } cases[] = {
        {"\"abc\"", "abc", true},          {"\"abc\"", "ab", false},
        {"\"abc\"", "abcd", false},        {"\"\\u0061bc\"", "abc", true},
        {"\"a\\u0062\"", "abc", false},    {"\"a\\u0062c\"", "ab", false},
        {"\"\\u00e9\"", "\xc3\xa9", true}, {"\"\\\"\"", "\"", true},
        {"\"\\\"\"", "\\\"", false},       {"\"\"", "", true},
        {"\"\\u0000\"", "", false},        {"12", "12", false},
        {"true", "true", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        doc d = doc_str(cases[i].json);
        assert_int_equal(d.rc, 0);
        assert_int_equal(tally_json_string_is(&d.root, cases[i].text), cases[i].same);
        doc_free(&d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact_or_refused),
        cmocka_unit_test(text_is_decoded_to_utf8),
        cmocka_unit_test(text_is_cut_at_a_character_boundary),
        cmocka_unit_test(strings_compare_by_what_they_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
