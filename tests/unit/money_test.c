/* Tests of exact money. Expected values: arithmetic by hand, the limits of the integer types, ISO
 * 4217 list one. */
#include <tally/money.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PICO     ((tally_i128)TALLY_PICO)
#define I128_MAX ((tally_i128)(((tally_u128)1 << 127) - 1))
#define I128_MIN (-I128_MAX - 1)

static void decimal_text_becomes_pico_units_exactly(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t pico;
    } good[] = {
        {"0", 0},
        {"-0.00", 0},
        {"0e99999999999999999999", 0},
        {"1", 1000000000000},
        {"0.0154329", 15432900000},
        {"3e-06", 3000000},
        {"3E-6", 3000000},
        {"1.25e+2", 125000000000000},
        {"12345e-5", 123450000000},
        {"-3500", -3500000000000000},
        {"0.000000000001", 1},
        {"-1e-12", -1},
        {"1.0000000000000000000000", 1000000000000},
        {"10e-13", 1},
        {"0.00000000000001e2", 1},
        {"007.50", 7500000000000},
        {"9223372.036854775807", INT64_MAX},
        {"-9223372.036854775808", INT64_MIN},
        {"9223372036854775807e-12", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        for (int lenient = 0; lenient <= 1; lenient++) {
            int64_t pico = 42;
            print_message("%s\n", good[i].text);
            assert_int_equal(tally_pico_parse(tally_span_str(good[i].text), lenient != 0, &pico),
                             0);
            assert_int_equal(pico, good[i].pico);
        }
}

static void what_is_no_decimal_number_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      "1,234.50",
                                      "1.",
                                      ".5",
                                      "1..2",
                                      "1.2.3",
                                      "1e",
                                      "1e-",
                                      "e5",
                                      "1e+-",
                                      " 1",
                                      "1 ",
                                      "--1",
                                      "0x10",
                                      "NaN",
                                      "inf",
                                      "1e1.5",
                                      "$1",
                                      "1_000",
                                      "1'0",
                                      "\xc2\xbd",
                                      "1e-13",
                                      "0.0000000000001",
                                      "0.1234567890123",
                                      "1.000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t pico = 42;
        print_message("'%s'\n", bad[i]);
        assert_int_equal(tally_pico_parse(tally_span_str(bad[i]), false, &pico), TALLY_EFORMAT);
        assert_int_equal(pico, 42);
    }
}

static void a_number_of_endless_digits_is_refused_unread(void **state) {
    (void)state;
    char text[TALLY_DECIMAL_TEXT_MAX_BYTES + 1];
    int64_t pico;
    memset(text, '0', sizeof text);
    assert_int_equal(tally_pico_parse(tally_span_of(text, sizeof text - 1), false, &pico), 0);
    assert_int_equal(tally_pico_parse(tally_span_of(text, sizeof text), false, &pico),
                     TALLY_EFORMAT);
}

static void amounts_beyond_64_bits_are_an_overflow(void **state) {
    (void)state;
    static const char *const big[] = {"9223372.036854775808",   "-9223372.036854775809",
                                      "18446744.073709551616",  "1e7",
                                      "1e99999999999999999999", "99999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++) {
        int64_t pico = 42;
        assert_int_equal(tally_pico_parse(tally_span_str(big[i]), true, &pico), TALLY_EOVERFLOW);
        assert_int_equal(pico, 42);
    }
}

static void noise_of_floating_point_is_rounded_only_when_lenient(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t pico;
    } noisy[] = {
        {"3.0000000000000004e-06", 3000000},
        {"2.9999999999999997e-06", 3000000},
        {"0.30000000000000004", 300000000000},
        {"-0.30000000000000004", -300000000000},
        {"0.29999999999999999", 300000000000},
        {"0.000000000001001000", 1}, /* a change of exactly 1e-15 */
        {"0.000000000000999000", 1},
        {"1e-400", 0},
    };
    for (size_t i = 0; i < sizeof noisy / sizeof noisy[0]; i++) {
        int64_t pico = 42;
        tally_span text = tally_span_str(noisy[i].text);
        print_message("%s\n", noisy[i].text);
        assert_int_equal(tally_pico_parse(text, false, &pico), TALLY_EFORMAT);
        assert_int_equal(tally_pico_parse(text, true, &pico), 0);
        assert_int_equal(pico, noisy[i].pico);
    }
}

static void a_digit_that_was_meant_is_never_rounded_away(void **state) {
    (void)state;
    static const char *const meant[] = {"1e-13",
                                        "0.000000000000001",  /* 15 decimals are meant */
                                        "0.0000000000010011", /* more than 1e-15 too much */
                                        "0.0000000000009989", /* more than 1e-15 too little */
                                        "0.0000000000015000",
                                        "0.12345678901234567"};
    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++) {
        int64_t pico = 42;
        print_message("%s\n", meant[i]);
        assert_int_equal(tally_pico_parse(tally_span_str(meant[i]), true, &pico), TALLY_EFORMAT);
        assert_int_equal(pico, 42);
    }
}

static void assert_exact(tally_i128 pico, int min_decimals, const char *expected) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format(pico, min_decimals, text);
    assert_string_equal(text, expected);
}

static void exact_text_has_no_superfluous_zeros(void **state) {
    (void)state;
    assert_exact(15432900000, 0, "0.0154329");
    assert_exact(12 * PICO, 2, "12.00");
    assert_exact(12 * PICO, 0, "12");
    assert_exact(1200 * PICO, 0, "1200");
    assert_exact(0, 0, "0");
    assert_exact(0, 2, "0.00");
    assert_exact(1, 0, "0.000000000001");
    assert_exact(-1, 2, "-0.000000000001");
    assert_exact(-PICO / 2, 2, "-0.50");
    assert_exact(PICO, 12, "1.000000000000");
    assert_exact(I128_MAX, 0, "170141183460469231731687303.715884105727");
    assert_exact(I128_MIN, 0, "-170141183460469231731687303.715884105728");
}

static void assert_rounded(tally_i128 pico, int decimals, bool group, const char *expected) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_rounded(pico, decimals, group, text);
    assert_string_equal(text, expected);
}

static void people_read_amounts_rounded_half_away_from_zero(void **state) {
    (void)state;
    assert_rounded(5000000000, 2, false, "0.01"); /* 0.005 */
    assert_rounded(4999999999, 2, false, "0.00");
    assert_rounded(-5000000000, 2, false, "-0.01");
    assert_rounded(-4999999999, 2, false, "0.00"); /* no minus zero */
    assert_rounded(25 * PICO / 10, 0, false, "3"); /* 2.5: not half-even */
    assert_rounded(-25 * PICO / 10, 0, false, "-3");
    assert_rounded(999995000000, 5, false, "1.00000"); /* 0.999995 */
    assert_rounded(1, 12, false, "0.000000000001");
    assert_rounded(9725 * PICO, 2, true, "9,725.00");
    assert_rounded(725 * PICO, 2, true, "725.00");
    assert_rounded(-1234567 * PICO, 0, true, "-1,234,567");
    assert_rounded(999999 * PICO + PICO / 2, 0, true, "1,000,000");
    assert_rounded(I128_MIN, 12, true, "-170,141,183,460,469,231,731,687,303.715884105728");
    assert_rounded(I128_MAX, 2, true, "170,141,183,460,469,231,731,687,303.72");
    assert_rounded(I128_MIN, 0, true, "-170,141,183,460,469,231,731,687,304");
}

static void minor_units_are_rounded_half_away_from_zero(void **state) {
    (void)state;
    assert_true(tally_pico_to_minor(145875 * PICO / 1000, 2) == 14588); /* 145.875 */
    assert_true(tally_pico_to_minor(-145875 * PICO / 1000, 2) == -14588);
    assert_true(tally_pico_to_minor(145875 * PICO / 1000 - 1, 2) == 14587);
    assert_true(tally_pico_to_minor(-145875 * PICO / 1000 + 1, 2) == -14587);
    assert_true(tally_pico_to_minor(PICO / 2, 0) == 1);
    assert_true(tally_pico_to_minor(PICO / 2 - 1, 0) == 0);
    assert_true(tally_pico_to_minor(-PICO / 2, 0) == -1);
    assert_true(tally_pico_to_minor(12345 * PICO / 10000, 3) == 1235); /* 1.2345 */
    assert_true(tally_pico_to_minor(0, 2) == 0);
    assert_true(tally_pico_to_minor(I128_MAX, 12) == I128_MAX);
    assert_true(tally_pico_to_minor(I128_MIN, 12) == I128_MIN);
    /* 170141183460469231731687303.715884 rounds to ....72; the cents are printed as pico-units. */
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format(tally_pico_to_minor(I128_MIN, 2), 0, text);
    assert_string_equal(text, "-17014118346046923.173168730372");
}

static void assert_decimals(const char *codes, int decimals) {
    for (; *codes != '\0'; codes += 4) {
        print_message("%.3s\n", codes);
        assert_int_equal(tally_currency_decimals(tally_span_of(codes, 3)), decimals);
    }
}

static void currencies_have_the_decimals_of_iso_4217(void **state) {
    (void)state;
    assert_decimals("JPY KRW VND CLP ISK PYG UGX XAF XOF XPF RWF KMF DJF GNF BIF VUV UYI ", 0);
    assert_decimals("USD EUR GBP CHF AUD CAD CNY INR SEK NOK DKK PLN CZK HUF RON BRL MXN ZAR "
                    "AED ZMW IDR MGA MRU VED XCG XAD ZWG SLE ",
                    2);
    assert_decimals("BHD IQD JOD KWD LYD OMR TND ", 3);
    assert_decimals("CLF UYW ", 4);
}

static void what_is_no_active_currency_has_no_decimals(void **state) {
    (void)state;
    assert_decimals("AAA usd Usd DEM FRF HRK BGN ANG ZWL SLL CUC BTC XYZ US  D E ", -1);
    assert_int_equal(tally_currency_decimals(tally_span_str("")), -1);
    assert_int_equal(tally_currency_decimals(tally_span_str("US")), -1);
    assert_int_equal(tally_currency_decimals(tally_span_str("USDX")), -1);
    assert_int_equal(tally_currency_decimals(tally_span_of("U\0D", 3)), -1);
}

/* 351.17 over 180, 120 and 40 of 340, in pico-units by hand: rounded down the cents make 351.16,
 * and the one left goes to the third. */
static void parts_in_minor_units_add_up_to_the_sum_rounded(void **state) {
    (void)state;
    const tally_i128 bill[] = {185913529411765, 123942352941176, 41314117647059};
    const tally_i128 thirds[] = {PICO / 3, PICO / 3, PICO - 2 * (PICO / 3)};
    const tally_i128 halves[] = {PICO / 200, PICO / 200}; /* half a cent each */
    const tally_i128 credits[] = {-PICO / 200, -PICO / 200};
    tally_i128 out[3];
    assert_int_equal(tally_pico_to_minor_parts(bill, 3, 2, out), 0);
    assert_true(out[0] == 18591 && out[1] == 12394 && out[2] == 4132);
    assert_int_equal(tally_pico_to_minor_parts(thirds, 3, 2, out), 0);
    assert_true(out[0] == 33 && out[1] == 33 && out[2] == 34);
    assert_int_equal(tally_pico_to_minor_parts(halves, 2, 2, out), 0);
    assert_true(out[0] == 1 && out[1] == 0);
    assert_int_equal(tally_pico_to_minor_parts(credits, 2, 2, out), 0);
    assert_true(out[0] == -1 && out[1] == 0);
    assert_int_equal(tally_pico_to_minor_parts(NULL, 0, 2, out), 0);
}

/* List one of 2026 has 178 codes: the 181 of 2023, less ANG, BGN, CUC, HRK, SLL and ZWL, and XAD,
 * XCG and ZWG. */
static void the_list_of_currencies_is_complete(void **state) {
    (void)state;
    int count = 0;
    for (int i = 0; i < 26 * 26 * 26; i++) {
        char code[] = {(char)('A' + i / 676), (char)('A' + i / 26 % 26), (char)('A' + i % 26)};
        count += tally_currency_decimals(tally_span_of(code, sizeof code)) >= 0;
    }
    assert_int_equal(count, 178);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_text_becomes_pico_units_exactly),
        cmocka_unit_test(what_is_no_decimal_number_is_refused),
        cmocka_unit_test(a_number_of_endless_digits_is_refused_unread),
        cmocka_unit_test(amounts_beyond_64_bits_are_an_overflow),
        cmocka_unit_test(noise_of_floating_point_is_rounded_only_when_lenient),
        cmocka_unit_test(a_digit_that_was_meant_is_never_rounded_away),
        cmocka_unit_test(exact_text_has_no_superfluous_zeros),
        cmocka_unit_test(people_read_amounts_rounded_half_away_from_zero),
        cmocka_unit_test(minor_units_are_rounded_half_away_from_zero),
        cmocka_unit_test(parts_in_minor_units_add_up_to_the_sum_rounded),
        cmocka_unit_test(currencies_have_the_decimals_of_iso_4217),
        cmocka_unit_test(what_is_no_active_currency_has_no_decimals),
        cmocka_unit_test(the_list_of_currencies_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
