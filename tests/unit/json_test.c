/* The JSON reader: which documents it takes and how it walks them (values are in
 * json_value_test.c). RFC 8259, with every document in a heap block of its exact size, so that the
 * sanitizer sees any read outside it. Expected values come from the RFC's grammar, Unicode and
 * arithmetic by hand. */
#include <tally/error.h>

#include "json_doc.h"

static int parse_rc(const char *text) {
    doc d = doc_str(text);
    doc_free(&d);
    return d.rc;
}

static void documents_of_rfc_8259_are_accepted(void **state) {
    (void)state;
    /* clang-format off */
    static const char *const valid[] = {
        "null", "true", "false", "0", "-0", "1", "-1", "10", "1.5", "-1.5", "1e5", "1E5", "1e+5",
        "1e-5", "0.0", "0e0", "0.0e-0", "123456789012345678901234567890", "\"\"", "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\\uD834\\uDd1e\"", "\"\\uD800\"", "\"\x7f\"",
        "\"\xc3\xa9\"", "\"\xff\xfe\"", "[]", "{}", " [ ] ", "\t{\n}\r\n", "[1]", "[1,2]",
        "[ 1 , 2 ]", "[[],{}]", "[[[[]]]]", "{\"a\":1}", "{\"a\":1,\"b\":[{}]}",
        " { \"a\" : { \"b\" : null } , \"c\" : [ true , false ] } ", "{\"\":\"\"}",
        "{\"a\":1,\"a\":2}", "[\"]\",\"}\",\"[\",\"{\",\",\"]", "\" \"", "[\"\\\\\",\"\\\"\"]",
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT(valid); i++)
        if (parse_rc(valid[i]) != 0) fail_msg("refused: %s", valid[i]);
}

static void documents_against_rfc_8259_are_refused(void **state) {
    (void)state;
    /* clang-format off */
    static const char *const invalid[] = {
        "", " ", "nul", "nulll", "True", "tru", "falsey", "NaN", "Infinity", "-Infinity",
        "undefined", "01", "-01", "00", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "1e-", "1E",
        "-.5", "0x10", "1_000", "1 2", "--1", "1-", "1e5.5", "1.5.5", "-a", "\"", "\"a", "a\"",
        "'a'", "\"\\\"", "\"\\a\"", "\"\\x41\"", "\"\\'\"", "\"\\0\"", "\"\\U0041\"", "\"\\u\"",
        "\"\\u004\"", "\"\\u00g0\"", "\"\\u004\\\"", "\"\\u+041\"", "\"\\u 041\"", "\"\\\n\"",
        "\"\n\"", "\"\t\"", "\"\x01\"", "\"\x1f\"", "\"a\" \"b\"", "[", "]", "[1", "[1,", "[1,]",
        "[,1]", "[,]", "[1 2]", "[1,,2]", "[1}", "[}", "[\"a\":1]", "{", "}", "{]", "{\"a\"",
        "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{,\"a\":1}", "{a:1}", "{1:1}",
        "{\"a\" 1}", "{\"a\",1}", "{\"a\"::1}", "{\"a\":}", "{\"a\":1 \"b\":2}",
        "{\"a\":1,,\"b\":2}", "{\"a\":1]", "{null:1}", "{[]:1}", "{\"a\"}", "[]]", "{}}", "[][]",
        "{}{}", "{}x", "nullnull", "[1]1", "/**/1", "1//", "[1]\x0b", "\x0c[]", "\xa0[]",
        "\xef\xbb\xbf[]", "[\"a]", "[\"\\\"]", "[tru]", "[1e]", "[-]", "{\"a\":tru}", "\"a\\",
        "[\"\\u12\"]", "[1:2]", ":", ",", "\\", "{\"a\":1:2}", "*",
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT(invalid); i++)
        if (parse_rc(invalid[i]) != TALLY_EFORMAT) fail_msg("accepted: %s", invalid[i]);
}

static void a_nul_byte_is_refused_everywhere(void **state) {
    (void)state;
    static const char text[] =
        "{ \"key\" : [ 12 , \"long enough for a whole vector, and more than one of "
        "them to be sure\" , true ] } ";
    size_t len = sizeof text - 1;
    char copy[sizeof text];
    for (size_t i = 0; i < len; i++) {
        memcpy(copy, text, len);
        copy[i] = '\0';
        doc d = doc_of(copy, len);
        if (d.rc != TALLY_EFORMAT) fail_msg("accepted a NUL at byte %zu", i);
        doc_free(&d);
    }
}

/* Short strings with a long document after them take another path than long ones. */
static void a_control_byte_in_a_short_string_is_refused(void **state) {
    (void)state;
    char text[64];
    for (int c = 0; c <= 0x20; c++) {
        for (size_t i = 1; i <= 28; i++) {
            memset(text, ' ', sizeof text);
            memset(text, 'x', 30);
            text[0] = text[29] = '"';
            text[i] = (char)c;
            doc d = doc_of(text, sizeof text);
            if (d.rc != (c < 0x20 ? TALLY_EFORMAT : 0)) fail_msg("byte %d at %zu: %d", c, i, d.rc);
            doc_free(&d);
        }
    }
}

/* Every position in a string sees a control byte, an escape and a bad escape, whatever the width of
 * the scan. */
static void a_string_is_checked_at_every_offset(void **state) {
    (void)state;
    enum { LEN = 300 };
    char text[LEN];
    for (size_t i = 1; i + 2 < LEN; i++) {
        static const struct {
            const char *bytes;
            int rc;
        } cases[] = {{"\x1f", TALLY_EFORMAT},
                     {"\n", TALLY_EFORMAT},
                     {"\x20", 0},
                     {"\xe0", 0},
                     {"\x80", 0},
                     {"\\n", 0},
                     {"\\q", TALLY_EFORMAT},
                     {"\"", TALLY_EFORMAT},
                     {"\\\"", 0},
                     {"\\\\", 0}};
        for (size_t c = 0; c < COUNT(cases); c++) {
            memset(text, 'x', LEN);
            text[0] = text[LEN - 1] = '"';
            memcpy(text + i, cases[c].bytes, strlen(cases[c].bytes));
            doc d = doc_of(text, LEN);
            if (d.rc != cases[c].rc) fail_msg("case %zu at byte %zu: %d", c, i, d.rc);
            if (d.rc == 0) {
                assert_int_equal(d.root.raw.len, LEN - 2);
                assert_int_equal(d.root.escaped, cases[c].bytes[0] == '\\');
            }
            doc_free(&d);
        }
    }
}

/* Runs of backslashes end at every offset: an even run leaves the quote closing, an odd one escapes
 * it. */
static void runs_of_backslashes_are_counted_at_every_offset(void **state) {
    (void)state;
    char text[400];
    for (size_t lead = 0; lead < 140; lead++) {
        for (size_t run = 0; run < 70; run++) {
            size_t n = 0;
            text[n++] = '[';
            text[n++] = '"';
            memset(text + n, 'a', lead);
            n += lead;
            memset(text + n, '\\', run);
            n += run;
            memcpy(text + n, "\",\"b\"]", 6);
            n += 6;
            doc d = doc_of(text, n);
            bool even = run % 2 == 0;
            if ((d.rc == 0) != even) fail_msg("lead %zu, run %zu: %d", lead, run, d.rc);
            if (even) {
                tally_json_iter iter;
                tally_json value;
                tally_json_iter_init(&iter, &d.root);
                assert_true(tally_json_next(&iter, NULL, &value));
                assert_int_equal(value.raw.len, lead + run);
                assert_true(tally_json_next(&iter, NULL, &value));
                assert_true(tally_json_string_is(&value, "b"));
                assert_false(tally_json_next(&iter, NULL, &value));
            }
            doc_free(&d);
        }
    }
}

static const char sample[] = "{\"type\":\"assistant\",\"message\":{\"id\":\"msg_1\",\"type\":"
                             "\"message\",\"content\":[{\"type\":"
                             "\"text\",\"text\":\"a \\\"quoted\\\" line\\n} ] { [ and "
                             "\\u00e9\\ud83d\\ude00\"},[],{},[[{\"type\":"
                             "1}]]],\"usage\":{\"input_tokens\":12,\"output_tokens\":3.0,\"cost\":"
                             "1.5e-3}},\"n\":null,\"t\":true,"
                             "\"f\":false,\"neg\":-12,\"uuid\":\"u-1\"}";

static void a_document_truncated_at_any_byte_is_refused(void **state) {
    (void)state;
    for (size_t len = 0; len < sizeof sample - 1; len++) {
        doc d = doc_of(sample, len);
        if (d.rc != TALLY_EFORMAT) fail_msg("accepted the first %zu bytes", len);
        doc_free(&d);
    }
    assert_int_equal(parse_rc(sample), 0);
}

static void members_are_found_at_their_own_level_only(void **state) {
    (void)state;
    doc d = doc_str(sample);
    tally_json value, message, usage;
    uint64_t n = 0;
    assert_true(tally_json_get(&d.root, "type", &value));
    assert_true(tally_json_string_is(&value, "assistant"));
    assert_true(tally_json_get(&d.root, "message", &message));
    assert_true(tally_json_get(&message, "type", &value));
    assert_true(tally_json_string_is(&value, "message"));
    assert_true(tally_json_get(&message, "usage", &usage));
    assert_true(tally_json_get(&usage, "input_tokens", &value));
    assert_true(tally_json_u64(&value, &n));
    assert_int_equal(n, 12);
    assert_false(tally_json_get(&d.root, "usage", &value));
    assert_false(tally_json_get(&d.root, "text", &value));
    assert_false(tally_json_get(&d.root, "typ", &value));
    assert_false(tally_json_get(&d.root, "types", &value));
    assert_true(tally_json_get(&d.root, "uuid", &value));
    assert_true(tally_json_string_is(&value, "u-1"));
    doc_free(&d);
}

static void every_type_is_told_with_its_raw_text(void **state) {
    (void)state;
    static const struct {
        tally_json_type type;
        const char *raw;
    } expected[] = {{TALLY_JSON_NULL, "null"},        {TALLY_JSON_BOOL, "true"},
                    {TALLY_JSON_BOOL, "false"},       {TALLY_JSON_NUMBER, "-1.5e3"},
                    {TALLY_JSON_STRING, "a\\n"},      {TALLY_JSON_ARRAY, "[1, 2]"},
                    {TALLY_JSON_OBJECT, "{\"a\":{}}"}};
    doc d = doc_str(" [null ,true,false\t, -1.5e3\n,\"a\\n\",[1, 2],{\"a\":{}} ] ");
    assert_int_equal(d.rc, 0);
    assert_int_equal(d.root.type, TALLY_JSON_ARRAY);
    tally_json_iter iter;
    tally_json value;
    tally_json_iter_init(&iter, &d.root);
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_true(tally_json_next(&iter, NULL, &value));
        assert_int_equal(value.type, expected[i].type);
        assert_true(tally_span_is(value.raw, expected[i].raw));
        assert_int_equal(tally_json_true(&value), i == 1);
        assert_int_equal(value.escaped, expected[i].type == TALLY_JSON_STRING);
    }
    assert_false(tally_json_next(&iter, NULL, &value));
    assert_false(tally_json_next(&iter, NULL, &value));
    doc_free(&d);
}

static void the_root_span_leaves_out_the_white_space_around_it(void **state) {
    (void)state;
    static const char *const cases[][2] = {{" \r\n\t{ } ", "{ }"},
                                           {" [1 ]\n", "[1 ]"},
                                           {" \"a\" ", "a"},
                                           {" 12 ", "12"},
                                           {"\ntrue ", "true"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        doc d = doc_str(cases[i][0]);
        assert_int_equal(d.rc, 0);
        assert_true(tally_span_is(d.root.raw, cases[i][1]));
        doc_free(&d);
    }
}

static void iterating_over_a_scalar_or_nothing_gives_nothing(void **state) {
    (void)state;
    static const char *const cases[] = {"1", "\"[1]\"", "null", "true", "[]", "{}", "[ ]", "{\n}"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        doc d = doc_str(cases[i]);
        tally_json_iter iter;
        tally_json key, value;
        tally_json_iter_init(&iter, &d.root);
        assert_false(tally_json_next(&iter, &key, &value));
        assert_false(tally_json_get(&d.root, "a", &value));
        doc_free(&d);
    }
}

static void the_last_of_duplicate_keys_counts(void **state) {
    (void)state;
    doc d = doc_str("{\"a\":1,\"b\":5,\"a\":2,\"\\u0061\":3,\"A\":4}");
    tally_json value;
    uint64_t n = 0;
    assert_true(tally_json_get(&d.root, "a", &value));
    assert_true(tally_json_u64(&value, &n));
    assert_int_equal(n, 3);
    doc_free(&d);
}

static void escaped_names_mean_the_same_as_plain_ones(void **state) {
    (void)state;
    doc d = doc_str("{\"\\u0074y\\u0070e\":1,\"a\\/b\":2,\"ty\\u0000pe\":3,\"type\\u0000\":4}");
    tally_json value;
    assert_true(tally_json_get(&d.root, "type", &value));
    assert_true(tally_span_is(value.raw, "1"));
    assert_true(tally_json_get(&d.root, "a/b", &value));
    assert_true(tally_span_is(value.raw, "2"));
    assert_false(tally_json_get(&d.root, "a", &value));
    assert_false(tally_json_get(&d.root, "a/bc", &value));
    doc_free(&d);
}

static doc doc_nested(const char *open, const char *inner, const char *close, size_t depth) {
    size_t open_len = strlen(open), inner_len = strlen(inner), close_len = strlen(close);
    char *text = malloc(depth * (open_len + close_len) + inner_len);
    assert_non_null(text);
    char *at = text;
    for (size_t i = 0; i < depth; i++, at += open_len)
        memcpy(at, open, open_len);
    memcpy(at, inner, inner_len);
    at += inner_len;
    for (size_t i = 0; i < depth; i++, at += close_len)
        memcpy(at, close, close_len);
    doc d = doc_of(text, (size_t)(at - text));
    free(text);
    return d;
}

static void nesting_stops_at_its_limit(void **state) {
    (void)state;
    static const char *const shapes[][3] = {
        {"[", "", "]"}, {"{\"a\":", "1", "}"}, {"[{\"a\":", "1", "}]"}, {" [ 1 , ", "2", " ] "}};
    static const size_t levels[] = {1, 1, 2, 1};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        size_t most = TALLY_JSON_MAX_DEPTH / levels[i];
        doc fits = doc_nested(shapes[i][0], shapes[i][1], shapes[i][2], most);
        doc deep = doc_nested(shapes[i][0], shapes[i][1], shapes[i][2], most + 1);
        doc hostile = doc_nested(shapes[i][0], shapes[i][1], "", 100000);
        assert_int_equal(fits.rc, 0);
        assert_int_equal(deep.rc, TALLY_ELIMIT);
        assert_int_equal(hostile.rc, TALLY_ELIMIT);
        doc_free(&fits);
        doc_free(&deep);
        doc_free(&hostile);
    }
}

/* Brackets of both kinds at every depth: the stack of kinds must tell them apart. */
static void a_wrong_bracket_is_refused_at_every_depth(void **state) {
    (void)state;
    char text[4 * TALLY_JSON_MAX_DEPTH];
    for (size_t depth = 1; depth <= TALLY_JSON_MAX_DEPTH; depth++) {
        for (size_t wrong = 0; wrong <= depth; wrong++) { /* wrong == depth: none is */
            size_t n = depth, width = 2 * depth;
            memset(text, '[', depth);
            memset(text + n, ']', depth);
            if (wrong < depth) text[n + wrong] = '}';
            doc d = doc_of(text, width);
            assert_int_equal(d.rc, wrong < depth ? TALLY_EFORMAT : 0);
            doc_free(&d);
        }
    }
}

/* Containers longer than any vector are skipped to the right bracket, whatever lies in their
 * strings. */
static void nested_values_are_skipped_at_every_offset(void **state) {
    (void)state;
    static const char *const inner[] = {
        "{}",
        "[[],[[]]]",
        "{\"a\":\"}\"}",
        "[\"\\\"]\"]",
        "{\"b\\\\\":[1,{\"c\":\"[[[[\\\\\"}]}",
        "[\"\\\\\\\\\\\"\",\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\"]"};
    char text[512];
    for (size_t i = 0; i < COUNT(inner); i++) {
        for (size_t pad = 0; pad < 200; pad++) {
            size_t n = 0, len = strlen(inner[i]);
            text[n++] = '[';
            text[n++] = '[';
            memset(text + n, ' ', pad);
            n += pad;
            memcpy(text + n, inner[i], len);
            n += len;
            memcpy(text + n, "],7]", 4);
            n += 4;
            doc d = doc_of(text, n);
            assert_int_equal(d.rc, 0);
            tally_json_iter iter;
            tally_json value;
            tally_json_iter_init(&iter, &d.root);
            assert_true(tally_json_next(&iter, NULL, &value));
            assert_int_equal(value.raw.len, pad + len + 2);
            assert_true(tally_json_next(&iter, NULL, &value));
            assert_true(tally_span_is(value.raw, "7"));
            assert_false(tally_json_next(&iter, NULL, &value));
            doc_free(&d);
        }
    }
}

/* More long containers than an index has slots, so that some are jumped over and some are read
 * again. */
static void an_index_changes_only_the_time(void **state) {
    (void)state;
    enum { ROWS = 2 * TALLY_JSON_INDEX_SLOTS, ROW = TALLY_JSON_INDEX_MIN_BYTES + 40 };
    char *text = malloc(ROWS * ROW + 2);
    assert_non_null(text);
    memset(text, ' ', ROWS * ROW + 2);
    text[0] = '[';
    for (size_t i = 0; i < ROWS; i++) {
        char *row = text + 1 + i * ROW;
        row[0] = '[';
        row[1] = '"';
        memset(row + 2, ']', TALLY_JSON_INDEX_MIN_BYTES);
        memcpy(row + 2 + TALLY_JSON_INDEX_MIN_BYTES, "\",7]", 4);
        row[ROW - 1] = i + 1 < ROWS ? ',' : ' ';
    }
    text[ROWS * ROW + 1] = ']';
    tally_json root, value, seven;
    tally_json_index index;
    tally_json_iter rows, row;
    assert_int_equal(tally_json_parse_indexed(tally_span_of(text, ROWS * ROW + 2), &index, &root),
                     0);
    assert_int_equal(index.noted, ROWS + 1);
    assert_ptr_equal(index.slots[ROWS % TALLY_JSON_INDEX_SLOTS].start, root.raw.ptr);
    assert_ptr_equal(index.slots[ROWS % TALLY_JSON_INDEX_SLOTS].end, text + ROWS * ROW + 2);
    tally_json_iter_init(&rows, &root);
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(tally_json_next(&rows, NULL, &value));
        assert_ptr_equal(value.raw.ptr, text + 1 + i * ROW);
        assert_int_equal(value.raw.len, TALLY_JSON_INDEX_MIN_BYTES + 6);
        tally_json_iter_init(&row, &value);
        assert_true(tally_json_next(&row, NULL, &seven));
        assert_int_equal(seven.raw.len, TALLY_JSON_INDEX_MIN_BYTES);
        assert_true(tally_json_next(&row, NULL, &seven));
        assert_true(tally_span_is(seven.raw, "7"));
        assert_false(tally_json_next(&row, NULL, &seven));
    }
    assert_false(tally_json_next(&rows, NULL, &value));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_of_rfc_8259_are_accepted),
        cmocka_unit_test(documents_against_rfc_8259_are_refused),
        cmocka_unit_test(a_nul_byte_is_refused_everywhere),
        cmocka_unit_test(a_control_byte_in_a_short_string_is_refused),
        cmocka_unit_test(a_string_is_checked_at_every_offset),
        cmocka_unit_test(runs_of_backslashes_are_counted_at_every_offset),
        cmocka_unit_test(a_document_truncated_at_any_byte_is_refused),
        cmocka_unit_test(members_are_found_at_their_own_level_only),
        cmocka_unit_test(every_type_is_told_with_its_raw_text),
        cmocka_unit_test(the_root_span_leaves_out_the_white_space_around_it),
        cmocka_unit_test(iterating_over_a_scalar_or_nothing_gives_nothing),
        cmocka_unit_test(the_last_of_duplicate_keys_counts),
        cmocka_unit_test(escaped_names_mean_the_same_as_plain_ones),
        cmocka_unit_test(nesting_stops_at_its_limit),
        cmocka_unit_test(a_wrong_bracket_is_refused_at_every_depth),
        cmocka_unit_test(nested_values_are_skipped_at_every_offset),
        cmocka_unit_test(an_index_changes_only_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
