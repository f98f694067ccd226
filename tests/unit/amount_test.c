/* Amounts of money in records: each has one form, and no other is read. The bytes are written by
 * hand from the msgpack specification; products were worked out with Python's integers. */
#include <tally/hash.h>
#include <tally/money.h>
#include <tally/record.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"

#define PICO       ((tally_i128)TALLY_PICO)
#define HEAD_BYTES 8u /* of a record of kind "k" with the one key "v" */

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

static void assert_i128(tally_i128 got, tally_i128 want) {
    char a[TALLY_MONEY_TEXT_BYTES], b[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format(got, 0, a);
    tally_pico_format(want, 0, b);
    assert_string_equal(a, b);
}

/* Below 2^63 pico-units every amount keeps the form that it always had. */
static void an_amount_is_an_integer_where_it_fits_one_and_two_where_not(void **state) {
    (void)state;
    const struct {
        tally_i128 pico;
        const char *hex;
    } forms[] = {
        {0, "00"},
        {1, "01"},
        {-1, "ff"},
        {INT64_MAX, "cf7fffffffffffffff"},
        {(tally_i128)INT64_MAX + 1, "92ce008cbccccf0000000894b74000"},
        {-INT64_MAX, "d38000000000000001"},
        {INT64_MIN, "92d2ff734333cf000000e03fedd000"},
        {10000000 * PICO, "92ce0098968000"},
        {-10000000 * PICO - PICO / 4, "92d2ff67697fcf000000ae9f7bcc00"},
        {TALLY_AMOUNT_LIMIT - 1, "92cf00005af3107a3fffcf000000e8d4a50fff"},
        {-TALLY_AMOUNT_LIMIT + 1, "92d3ffffa50cef85c00001"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        uint8_t want[32];
        size_t len = strlen(forms[i].hex) / 2;
        tally_span out;
        tally_record record;
        tally_i128 back = 0;
        assert_int_equal(tally_unhex(tally_span_str(forms[i].hex), want, len), 0);
        tally_writer_begin(writer);
        tally_put_amount(writer, "v", forms[i].pico);
        assert_int_equal(tally_writer_encode(writer, "k", 0, &out, NULL), 0);
        assert_int_equal(out.len, HEAD_BYTES + len);
        assert_memory_equal(out.ptr + HEAD_BYTES, want, len);
        assert_int_equal(tally_record_parse(out, &record, NULL), 0);
        assert_true(tally_body_amount(&record, "v", &back));
        assert_i128(back, forms[i].pico);
    }
}

static void another_form_of_an_amount_is_none(void **state) {
    (void)state;
    static const char *const bad[] = {
        "cf8000000000000000",             /* 2^63 */
        "d38000000000000000",             /* -2^63 */
        "920000",                         /* 0 */
        "92ce008cbccccf0000000894b73fff", /* 2^63 - 1, which is an integer */
        "92ce00989680cf000000e8d4a51000", /* 10^12 pico-units are a unit */
        "92ce00989680ff",                 /* pico-units below zero */
        "91ce00989680",                   /* one number */
        "93ce009896800000",               /* three */
        "92a13100",                       /* a text */
        "92ce00989680a130",               /* likewise */
        "92cf00005af3107a400000",         /* 10^14 units */
        "92d3ffffa50cef85c00000",         /* -10^14 units */
        "92cfffffffffffffffff00",         /* 2^64 - 1 units */
        "a831303030303030",               /* "1000000" */
        "9292ce009896800000",             /* two in two */
        "c0",                             /* nil */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t bytes[32];
        size_t len = strlen(bad[i]) / 2;
        tally_value value;
        tally_i128 pico;
        print_message("%s\n", bad[i]);
        assert_int_equal(tally_unhex(tally_span_str(bad[i]), bytes, len), 0);
        if (tally_value_check(tally_span_of(bytes, len), &value, NULL) != 0) continue;
        assert_false(tally_value_amount(&value, &pico));
    }
}

static void every_amount_comes_back_and_in_the_same_bytes(void **state) {
    (void)state;
    rng r = rng_begin("amounts", 20261121);
    for (int i = 0; i < 20000; i++) {
        tally_u128 wide = (tally_u128)rng_next(&r) << 64 | rng_next(&r);
        tally_i128 pico =
            (tally_i128)((wide >> rng_below(&r, 128)) % (tally_u128)TALLY_AMOUNT_LIMIT);
        tally_i128 back;
        tally_record record;
        tally_span out;
        if (rng_below(&r, 2)) pico = -pico;
        tally_writer_begin(writer);
        tally_put_amount(writer, "v", pico);
        assert_int_equal(tally_writer_encode(writer, "k", 0, &out, NULL), 0);
        assert_int_equal(tally_record_parse(out, &record, NULL), 0);
        assert_true(tally_body_amount(&record, "v", &back));
        assert_i128(back, pico);
    }
}

static void amounts_are_typed_below_ten_to_the_fourteen(void **state) {
    (void)state;
    const struct {
        const char *text;
        tally_i128 pico;
    } good[] = {{"10000000", 10000000 * PICO},
                {"-123456789.123456789012", -123456789 * PICO - 123456789012},
                {"99999999999999.999999999999", TALLY_AMOUNT_LIMIT - 1},
                {"-99999999999999.999999999999", -TALLY_AMOUNT_LIMIT + 1},
                {"1.234", 1234000000000}};
    static const struct {
        const char *text;
        int rc;
    } bad[] = {{"100000000000000", TALLY_EOVERFLOW},
               {"-100000000000000", TALLY_EOVERFLOW},
               {"340282366920938463463374607.431768211456", TALLY_EOVERFLOW}, /* 2^128 */
               {"1e99", TALLY_EOVERFLOW},
               {"1.0000000000001", TALLY_EFORMAT},
               {"10,000,000", TALLY_EFORMAT},
               {"", TALLY_EFORMAT}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tally_i128 pico = 0;
        assert_int_equal(tally_amount_parse(tally_span_str(good[i].text), &pico), 0);
        assert_i128(pico, good[i].pico);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tally_i128 pico;
        assert_int_equal(tally_amount_parse(tally_span_str(bad[i].text), &pico), bad[i].rc);
    }
}

/* high x 10^19 + low: what no literal can say. */
static tally_i128 wide(uint64_t high, uint64_t low) {
    return (tally_i128)high * 10000000000000000000u + low;
}

static void products_wider_than_128_bits_are_exact(void **state) {
    (void)state;
    const tally_i128 max = (tally_i128)(((tally_u128)1 << 127) - 1);
    const struct {
        tally_i128 value;
        tally_u128 num, den;
        tally_i128 want;
    } good[] = {
        {7, 1, 2, 4},
        {-7, 1, 2, -4},
        {1, 1, 3, 0},
        {2, 1, 3, 1},
        {0, ~(tally_u128)0, 1, 0},
        /* 123,456,789 at 155 to one, to 12 decimals: 796,495.412903225806451613 */
        {123456789 * PICO * 1000000, TALLY_PICO, 155 * (tally_u128)PICO,
         wide(79649, 5412903225806451613u)},
        {(tally_i128)1 << 126, 3, 4, (tally_i128)3 << 124},
        {max, (tally_u128)max, (tally_u128)max, max},
        {wide(1000000000000000000u, 0), ~(tally_u128)0, ~(tally_u128)0,
         wide(1000000000000000000u, 0)},
        {TALLY_AMOUNT_LIMIT - 1, INT64_MAX, (tally_u128)TALLY_AMOUNT_LIMIT, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        tally_i128 got = 42;
        assert_int_equal(tally_pico_scale(good[i].value, good[i].num, good[i].den, &got), 0);
        assert_i128(got, good[i].want);
    }
    tally_i128 got;
    assert_int_equal(tally_pico_scale(max, 2, 1, &got), TALLY_EOVERFLOW);
    assert_int_equal(tally_pico_scale(max, ~(tally_u128)0, 1, &got), TALLY_EOVERFLOW);
    assert_int_equal(tally_pico_scale(-max, 3, 2, &got), TALLY_EOVERFLOW);
}

static void an_amount_is_shown_with_the_decimals_of_its_currency(void **state) {
    (void)state;
    static const struct {
        tally_i128 pico;
        const char *currency, *text;
    } shown[] = {{10000000 * PICO, "JPY", "10000000"},
                 {PICO / 2, "JPY", "0.5"},
                 {12 * PICO, "USD", "12.00"},
                 {1234 * PICO / 1000, "KWD", "1.234"},
                 {5 * PICO, "KWD", "5.000"},
                 {5 * PICO, "", "5.00"},
                 {2500000000 * PICO, "IDR", "2500000000.00"}};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char text[TALLY_MONEY_TEXT_BYTES];
        tally_pico_format_in(shown[i].pico, tally_span_str(shown[i].currency), text);
        assert_string_equal(text, shown[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_amount_is_an_integer_where_it_fits_one_and_two_where_not),
        cmocka_unit_test(another_form_of_an_amount_is_none),
        cmocka_unit_test(every_amount_comes_back_and_in_the_same_bytes),
        cmocka_unit_test(amounts_are_typed_below_ten_to_the_fourteen),
        cmocka_unit_test(products_wider_than_128_bits_are_exact),
        cmocka_unit_test(an_amount_is_shown_with_the_decimals_of_its_currency),
    };
    return cmocka_run_group_tests_name("amount", tests, new_writer, free_writer);
}
