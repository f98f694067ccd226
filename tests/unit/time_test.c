/* Tests of calendar days and RFC 3339 text. Expected values: the calendar, GNU date, RFC 3339's own
 * examples. */
#include <tally/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void days_are_counted_from_1970(void **state) {
    (void)state;
    assert_int_equal(tally_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(tally_days_from_civil(1969, 12, 31), -1);
    assert_int_equal(tally_days_from_civil(2000, 2, 29), 11016);
    assert_int_equal(tally_days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(tally_days_from_civil(2026, 3, 1), 20513);
    assert_int_equal(tally_days_from_civil(0, 3, 1), -719468);
    assert_int_equal(tally_days_from_civil(1, 1, 1), -719162);
    assert_int_equal(tally_days_from_civil(9999, 12, 31), 2932896);
    assert_int_equal(tally_days_from_civil(INT64_MAX, 1, 1), INT64_MAX);
    assert_int_equal(tally_days_from_civil(INT64_MIN, 12, 31), INT64_MIN);
}

/* Walks the calendar by its rules alone: 30 days hath September. */
static void every_day_of_a_thousand_years_turns_into_its_date_and_back(void **state) {
    (void)state;
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected = -171499; /* 1500-06-15, as GNU date counts */
    int64_t year = 1500;
    unsigned month = 6, day = 15;
    for (; year < 2500; expected++) {
        int64_t got_year;
        unsigned got_month, got_day;
        assert_int_equal(tally_days_from_civil(year, month, day), expected);
        tally_civil_from_days(expected, &got_year, &got_month, &got_day);
        assert_true(got_year == year && got_month == month && got_day == day);
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        unsigned length = lengths[month - 1] + (month == 2 && leap ? 1u : 0u);
        if (++day > length) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
}

static void the_ends_of_the_day_range_do_not_overflow(void **state) {
    (void)state;
    char text[TALLY_TIME_TEXT_BYTES];
    int64_t year;
    unsigned month, day;
    tally_civil_from_days(INT64_MAX, &year, &month, &day);
    assert_true(year > 25000000000000000LL && month >= 1 && month <= 12);
    tally_civil_from_days(INT64_MIN, &year, &month, &day);
    assert_true(year < -25000000000000000LL && month >= 1 && month <= 12);
    /* The limits that Java's java.time documents for 64-bit milliseconds. */
    tally_time_format(INT64_MAX, text);
    assert_string_equal(text, "292278994-08-17T07:12:55.807Z");
    tally_time_format(INT64_MIN, text);
    assert_string_equal(text, "-292275055-05-16T16:47:04.192Z");
}

static const struct {
    const char *text;
    int64_t unix_ms;
} good_times[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"1985-04-12T23:20:50.52Z", 482196050520},        /* RFC 3339, 5.8 */
    {"1996-12-19T16:39:57-08:00", 851042397000},      /* RFC 3339, 5.8 */
    {"1996-12-20T00:39:57Z", 851042397000},           /* RFC 3339, 5.8: the same instant */
    {"1990-12-31T23:59:60Z", 662688000000},           /* RFC 3339, 5.8: a leap second */
    {"1990-12-31T15:59:60-08:00", 662688000000},      /* RFC 3339, 5.8: the same leap second */
    {"1937-01-01T12:00:27.87+00:20", -1041337172130}, /* RFC 3339, 5.8 */
    {"2026-09-08T10:00:05.123456Z", 1788861605123},
    {"2026-09-08 10:00:05.123999999", 1788861605123},
    {"2026-09-08t10:00:05.1z", 1788861605100},
    {"2026-09-08T10:00:05-00:00", 1788861605000},
    {"2026-09-08T15:30:05+05:30", 1788861605000},
    {"1969-12-31T23:59:59.999Z", -1},
    {"0000-01-01T00:00:00Z", -62167219200000},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
    {"9999-12-31T23:59:59.999-23:59", 253402387139999},
};

static void times_are_read_to_the_millisecond(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good_times / sizeof good_times[0]; i++) {
        int64_t unix_ms = 42;
        print_message("%s\n", good_times[i].text);
        assert_int_equal(tally_time_parse(tally_span_str(good_times[i].text), &unix_ms), 0);
        assert_int_equal(unix_ms, good_times[i].unix_ms);
    }
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2026-09-08",
        "2026-09-08T",
        "2026-09-08T10:00Z",
        "2026-09-08T10:00:05.Z",
        "2026-09-08T10:00:05.1234567890Z",
        "2026-09-08T10:00:05,5Z",
        "2026-09-08T10:00:05+0530",
        "2026-09-08T10:00:05+05",
        "2026-09-08T10:00:05+24:00",
        "2026-09-08T10:00:05+05:60",
        "2026-09-08T10:00:05+05:300",
        "2026-09-08T10:00:05ZZ",
        "2026-09-08T10:00:05Z ",
        " 2026-09-08T10:00:05Z",
        "2026-09-08_10:00:05Z",
        "2026-09-08T24:00:00Z",
        "2026-09-08T10:60:00Z",
        "2026-09-08T10:00:61Z",
        "2026-09-08T23:59:60Z",
        "1990-12-31T22:59:60Z",
        "2026-13-08T10:00:05Z",
        "2026-00-08T10:00:05Z",
        "2026-02-29T10:00:05Z",
        "2026-9-8T10:00:05Z",
        "-026-09-08T10:00:05Z",
        "12026-09-08T10:00:05Z",
        "2026-09-08T1a:00:05Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t unix_ms = 42;
        print_message("'%s'\n", bad[i]);
        assert_int_equal(tally_time_parse(tally_span_str(bad[i]), &unix_ms), TALLY_EFORMAT);
        assert_int_equal(unix_ms, 42);
    }
}

static void times_end_where_their_span_ends(void **state) {
    (void)state;
    int64_t unix_ms;
    const char *text = "1970-01-01T00:00:01.5Z garbage";
    assert_int_equal(tally_time_parse(tally_span_of(text, 22), &unix_ms), 0);
    assert_int_equal(unix_ms, 1500);
    for (size_t len = 0; len < 19; len++)
        assert_int_equal(tally_time_parse(tally_span_of(text, len), &unix_ms), TALLY_EFORMAT);
}

static void dates_know_the_lengths_of_months(void **state) {
    (void)state;
    int64_t days;
    assert_int_equal(tally_date_parse(tally_span_str("2026-03-01"), &days), 0);
    assert_int_equal(days, 20513);
    assert_int_equal(tally_date_parse(tally_span_str("2024-02-29"), &days), 0);
    assert_int_equal(tally_date_parse(tally_span_str("2000-02-29"), &days), 0);
    static const char *const bad[] = {"2026-02-30",
                                      "2026-02-29",
                                      "1900-02-29",
                                      "2026-04-31",
                                      "2026-01-00",
                                      "2026-00-01",
                                      "2026-13-01",
                                      "2026-1-01",
                                      "2026-01-1",
                                      "2026-01-011",
                                      "2026/01/01",
                                      "20260101",
                                      ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(tally_date_parse(tally_span_str(bad[i]), &days), TALLY_EFORMAT);
}

static void times_and_dates_are_printed_in_full(void **state) {
    (void)state;
    char text[TALLY_TIME_TEXT_BYTES];
    tally_time_format(1788861605123, text);
    assert_string_equal(text, "2026-09-08T10:00:05.123Z");
    tally_time_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    tally_time_format(-62167219200001, text);
    assert_string_equal(text, "-0001-12-31T23:59:59.999Z");
    tally_date_format(20513, text);
    assert_string_equal(text, "2026-03-01");
    tally_date_format(-719162, text);
    assert_string_equal(text, "0001-01-01");
}

static void quotients_round_towards_minus_infinity(void **state) {
    (void)state;
    assert_int_equal(tally_floor_div(7, 2), 3);
    assert_int_equal(tally_floor_div(-7, 2), -4);
    assert_int_equal(tally_floor_div(-8, 2), -4);
    assert_int_equal(tally_floor_div(INT64_MIN, 1), INT64_MIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_counted_from_1970),
        cmocka_unit_test(every_day_of_a_thousand_years_turns_into_its_date_and_back),
        cmocka_unit_test(the_ends_of_the_day_range_do_not_overflow),
        cmocka_unit_test(times_are_read_to_the_millisecond),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(times_end_where_their_span_ends),
        cmocka_unit_test(dates_know_the_lengths_of_months),
        cmocka_unit_test(times_and_dates_are_printed_in_full),
        cmocka_unit_test(quotients_round_towards_minus_infinity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
