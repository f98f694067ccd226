/* Records, writing: the bytes that come out, against bytes written by hand from the msgpack
 * specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/hash.h>
#include <tally/record.h>

#include <stdio.h>

/* A cost of 2026-09-08T10:20:05.123Z with the clock 1788862805123 ms, counter 1. */
static const uint8_t cost_by_hand[] = {
    0x94,                                                                /* array of four */
    0x01,                                                                /* version */
    0xa4, 'c',  'o',  's',  't',                                         /* kind */
    0xcf, 0x01, 0xa0, 0x80, 0x88, 0x34, 0x83, 0x00, 0x01,                /* 0x01a080883483 ms, 1 */
    0x88,                                                                /* map of eight */
    0xa5, 'a',  'g',  'e',  'n',  't',                                   /* : */
    0xab, 'c',  'l',  'a',  'u',  'd',  'e',  '-',  'c',  'o', 'd', 'e', /* 11 bytes */
    0xaa, 'c',  'a',  'c',  'h',  'e',  '_',  'r',  'e',  'a', 'd',      /* : */
    0xce, 0x00, 0x01, 0x11, 0x70,                                        /* 70000 */
    0xa5, 'i',  'n',  'p',  'u',  't',                                   /* : */
    0x03,                                                                /* 3 */
    0xa3, 'k',  'e',  'y',                                               /* : */
    0xab, 'm',  's',  'g',  '_',  '1',  ':',  'r',  'e',  'q', '_', '1', /* 11 bytes */
    0xa5, 'm',  'o',  'd',  'e',  'l',                                   /* : */
    0xaf, 'c',  'l',  'a',  'u',  'd',  'e',  '-',  'o',  'p', 'u', 's',
    '-',  '4',  '-',  '7',  0xa6, 'o',  'u',  't',  'p',  'u', 't', /* : */
    0xcd, 0x01, 0x2c,                                               /* 300 */
    0xa7, 's',  'e',  's',  's',  'i',  'o',  'n',                  /* : */
    0xa2, 's',  '1',                                                /* 2 bytes */
    0xa4, 't',  'i',  'm',  'e',                                    /* : */
    0xcf, 0x00, 0x00, 0x01, 0xa0, 0x80, 0x88, 0x34, 0x83,           /* 1788862805123 */
};
#define COST_HLC UINT64_C(0x01a0808834830001)

static tally_writer *writer;

static int new_writer(void **state) {
    (void)state;
    return tally_writer_new(&writer, NULL);
}

static int free_writer(void **state) {
    (void)state;
    tally_writer_free(writer);
    return 0;
}

static tally_span encode(const char *kind, tally_hlc hlc) {
    tally_span out = {0};
    tally_error err = {0};
    if (tally_writer_encode(writer, kind, hlc, &out, &err) != 0) fail_msg("%s", err.text);
    tally_record record;
    if (tally_record_parse(out, &record, &err) != 0) fail_msg("%s", err.text);
    return out;
}

static void put_cost_fields(const char *const *order) {
    for (; *order; order++) {
        tally_span name = tally_span_str(*order);
        if (tally_span_is(name, "agent"))
            tally_put_str(writer, "agent", tally_span_str("claude-code"));
        if (tally_span_is(name, "key")) tally_put_str(writer, "key", tally_span_str("msg_1:req_1"));
        if (tally_span_is(name, "model"))
            tally_put_str(writer, "model", tally_span_str("claude-opus-4-7"));
        if (tally_span_is(name, "session")) tally_put_str(writer, "session", tally_span_str("s1"));
        if (tally_span_is(name, "time")) tally_put_i64(writer, "time", 1788862805123);
        if (tally_span_is(name, "input")) tally_put_u64(writer, "input", 3);
        if (tally_span_is(name, "output")) tally_put_u64(writer, "output", 300);
        if (tally_span_is(name, "cache_read")) tally_put_u64(writer, "cache_read", 70000);
    }
}

static void a_cost_comes_out_as_the_bytes_written_by_hand_in_whatever_order_it_was_put(
    void **state) {
    (void)state;
    static const char *const orders[][9] = {
        {"agent", "cache_read", "input", "key", "model", "output", "session", "time", NULL},
        {"time", "session", "output", "model", "key", "input", "cache_read", "agent", NULL},
        {"model", "agent", "time", "key", "cache_read", "session", "input", "output", NULL}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        tally_writer_begin(writer);
        put_cost_fields(orders[i]);
        tally_span out = encode("cost", COST_HLC);
        assert_int_equal(out.len, sizeof cost_by_hand);
        assert_memory_equal(out.ptr, cost_by_hand, sizeof cost_by_hand);
    }
}

/* The bytes of the one field "v" of a record. */
static void assert_value(const char *hex) {
    uint8_t want[16];
    size_t len = strlen(hex) / 2, head = 8; /* 94 01 a1 6b 00 81 a1 76 */
    assert_int_equal(tally_unhex(tally_span_str(hex), want, len), 0);
    tally_span out = encode("k", 0);
    assert_int_equal(out.len, head + len);
    assert_memory_equal(out.ptr + head, want, len);
}

static void integers_take_their_shortest_form(void **state) {
    (void)state;
    static const struct {
        uint64_t value;
        const char *hex;
    } unsigneds[] = {{0, "00"},
                     {127, "7f"},
                     {128, "cc80"},
                     {255, "ccff"},
                     {256, "cd0100"},
                     {65535, "cdffff"},
                     {65536, "ce00010000"},
                     {UINT32_MAX, "ceffffffff"},
                     {4294967296u, "cf0000000100000000"},
                     {UINT64_MAX, "cfffffffffffffffff"}};
    static const struct {
        int64_t value;
        const char *hex;
    } integers[] = {{0, "00"},
                    {127, "7f"},
                    {128, "cc80"},
                    {40000, "cd9c40"},
                    {INT64_MAX, "cf7fffffffffffffff"},
                    {-1, "ff"},
                    {-32, "e0"},
                    {-33, "d0df"},
                    {-128, "d080"},
                    {-129, "d1ff7f"},
                    {-32768, "d18000"},
                    {-32769, "d2ffff7fff"},
                    {INT32_MIN, "d280000000"},
                    {(int64_t)INT32_MIN - 1, "d3ffffffff7fffffff"},
                    {INT64_MIN, "d38000000000000000"}};
    for (size_t i = 0; i < sizeof unsigneds / sizeof *unsigneds; i++) {
        tally_writer_begin(writer);
        tally_put_u64(writer, "v", unsigneds[i].value);
        assert_value(unsigneds[i].hex);
    }
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        tally_writer_begin(writer);
        tally_put_i64(writer, "v", integers[i].value);
        assert_value(integers[i].hex);
    }
}

static void other_values_come_out_as_msgpack_has_them(void **state) {
    (void)state;
    tally_writer_begin(writer);
    tally_put_true(writer, "v");
    assert_value("c3");
    tally_writer_begin(writer);
    tally_put_str(writer, "v", tally_span_of(NULL, 0));
    assert_value("a0");
    tally_writer_begin(writer);
    tally_put_bin(writer, "v", tally_span_of(NULL, 0));
    assert_value("c400");
    tally_writer_begin(writer);
    tally_put_str(writer, "v", tally_span_str("\xe2\x82\xac"));
    assert_value("a3e282ac");
    tally_writer_begin(writer);
    tally_put_raw(writer, "v", tally_span_of("\x92\x01\xc0", 3));
    assert_value("9201c0");
}

static void texts_and_bytes_of_every_length_are_canonical(void **state) {
    (void)state;
    static uint8_t content[65000];
    static const size_t lengths[] = {31, 32, 255, 256, 65000};
    memset(content, 'x', sizeof content);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        tally_record record;
        tally_span text;
        const uint8_t *bin;
        tally_writer_begin(writer);
        tally_put_str(writer, "v", tally_span_of(content, lengths[i]));
        assert_int_equal(tally_record_parse(encode("k", 0), &record, NULL), 0);
        assert_true(tally_body_str(&record, "v", &text));
        assert_true(tally_span_eq(text, tally_span_of(content, lengths[i])));
        tally_writer_begin(writer);
        tally_put_bin(writer, "v", tally_span_of(content, lengths[i]));
        assert_int_equal(tally_record_parse(encode("k", 0), &record, NULL), 0);
        assert_true(tally_body_bin(&record, "v", lengths[i], &bin));
        assert_memory_equal(bin, content, lengths[i]);
    }
}

static void optional_fields_that_say_nothing_are_left_out(void **state) {
    (void)state;
    tally_writer_begin(writer);
    tally_put_str_opt(writer, "a", tally_span_of(NULL, 0));
    tally_put_u64_opt(writer, "b", 0);
    tally_span out = encode("k", 0);
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.ptr, "\x94\x01\xa1k\x00\x80", 6);
    tally_put_str_opt(writer, "a", tally_span_str("x"));
    tally_put_u64_opt(writer, "b", 1);
    out = encode("k", 0);
    assert_int_equal(out.len, 13);
    static const uint8_t both[] = {0x94, 1, 0xa1, 'k', 0, 0x82, 0xa1, 'a', 0xa1, 'x', 0xa1, 'b', 1};
    assert_memory_equal(out.ptr, both, sizeof both);
}

static void a_body_holds_forty_eight_fields(void **state) {
    (void)state;
    char names[TALLY_BODY_MAX_FIELDS][4];
    tally_record record;
    uint64_t value;
    tally_writer_begin(writer);
    for (uint32_t i = TALLY_BODY_MAX_FIELDS; i-- > 0;) {
        (void)snprintf(names[i], sizeof names[i], "%02u", i % 100);
        tally_put_u64(writer, names[i], i);
    }
    assert_int_equal(tally_record_parse(encode("k", 0), &record, NULL), 0);
    for (uint32_t i = 0; i < TALLY_BODY_MAX_FIELDS; i++)
        assert_true(tally_body_u64(&record, names[i], &value) && value == i);
}

static void what_is_too_large_or_no_text_is_refused_and_the_writer_goes_on(void **state) {
    (void)state;
    static uint8_t content[TALLY_RECORD_MAX_BYTES];
    tally_span out;
    tally_error err;
    size_t most = TALLY_RECORD_MAX_BYTES - 8 - 3; /* head of "k" and "v", head of a bin 16 */
    tally_writer_begin(writer);
    tally_put_bin(writer, "v", tally_span_of(content, most));
    assert_int_equal(encode("k", 0).len, TALLY_RECORD_MAX_BYTES);
    tally_writer_begin(writer);
    tally_put_bin(writer, "v", tally_span_of(content, most + 1));
    assert_int_equal(tally_writer_encode(writer, "k", 0, &out, &err), TALLY_ELIMIT);
    tally_writer_begin(writer);
    tally_put_str(writer, "v", tally_span_str("\xff"));
    assert_int_equal(tally_writer_encode(writer, "k", 0, &out, &err), TALLY_EINVAL);
    assert_non_null(strstr(err.text, "v is not UTF-8"));
    tally_writer_begin(writer);
    tally_put_u64(writer, "v", 7);
    assert_value("07");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_cost_comes_out_as_the_bytes_written_by_hand_in_whatever_order_it_was_put),
        cmocka_unit_test(integers_take_their_shortest_form),
        cmocka_unit_test(other_values_come_out_as_msgpack_has_them),
        cmocka_unit_test(texts_and_bytes_of_every_length_are_canonical),
        cmocka_unit_test(optional_fields_that_say_nothing_are_left_out),
        cmocka_unit_test(a_body_holds_forty_eight_fields),
        cmocka_unit_test(what_is_too_large_or_no_text_is_refused_and_the_writer_goes_on),
    };
    return cmocka_run_group_tests(tests, new_writer, free_writer);
}
