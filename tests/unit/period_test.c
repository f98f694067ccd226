/* Tests of periods as people type them. Expected values: the calendar, and the published rules of
 * the zones. */
#include <tally/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t ms(const char *text) {
    int64_t unix_ms = 0;
    assert_int_equal(tally_time_parse(tally_span_str(text), &unix_ms), 0);
    return unix_ms;
}

static int64_t day_of(const char *text) {
    int64_t days = 0;
    assert_int_equal(tally_date_parse(tally_span_str(text), &days), 0);
    return days;
}

/* Both days included, as people say it. */
static void assert_days(const char *text, const char *now, const char *first, const char *last) {
    tally_zone *utc;
    tally_period period;
    tally_error err;
    print_message("%s at %s\n", text, now);
    assert_int_equal(tally_zone_utc(&utc, &err), 0);
    assert_int_equal(tally_period_parse(tally_span_str(text), utc, ms(now), &period, &err), 0);
    assert_int_equal(period.first_day, day_of(first));
    assert_int_equal(period.end_day, day_of(last) + 1);
    assert_int_equal(period.start_ms, day_of(first) * 86400000);
    assert_int_equal(period.end_ms, (day_of(last) + 1) * 86400000);
    tally_zone_free(utc);
}

static void calendar_forms_name_whole_local_days(void **state) {
    (void)state;
    const char *now = "2026-09-08T10:00:00Z";
    assert_days("2026-03", now, "2026-03-01", "2026-03-31");
    assert_days("2026-12", now, "2026-12-01", "2026-12-31");
    assert_days("2024-02", now, "2024-02-01", "2024-02-29");
    assert_days("2026-Q1", now, "2026-01-01", "2026-03-31");
    assert_days("2026-q2", now, "2026-04-01", "2026-06-30");
    assert_days("2026-Q3", now, "2026-07-01", "2026-09-30");
    assert_days("2026-Q4", now, "2026-10-01", "2026-12-31");
    assert_days("2026", now, "2026-01-01", "2026-12-31");
    assert_days("0001", now, "0001-01-01", "0001-12-31");
    assert_days("2026-03-01", now, "2026-03-01", "2026-03-01");
    assert_days("2026-03-01..2026-03-15", now, "2026-03-01", "2026-03-15");
    assert_days("2025-12-31..2026-01-01", now, "2025-12-31", "2026-01-01");
    assert_days("2026-03-01..2026-03-01", now, "2026-03-01", "2026-03-01");
}

/* 2026-09-08 is a Tuesday. */
static void words_are_relative_to_now(void **state) {
    (void)state;
    const char *now = "2026-09-08T10:00:00Z";
    assert_days("today", now, "2026-09-08", "2026-09-08");
    assert_days("yesterday", now, "2026-09-07", "2026-09-07");
    assert_days("this-week", now, "2026-09-07", "2026-09-13");
    assert_days("last-week", now, "2026-08-31", "2026-09-06");
    assert_days("this-month", now, "2026-09-01", "2026-09-30");
    assert_days("last-month", now, "2026-08-01", "2026-08-31");
    assert_days("this-year", now, "2026-01-01", "2026-12-31");
    assert_days("last-year", now, "2025-01-01", "2025-12-31");
}

static void weeks_begin_on_monday_and_cross_years(void **state) {
    (void)state;
    assert_days("this-week", "2026-09-07T00:00:00Z", "2026-09-07", "2026-09-13");
    assert_days("this-week", "2026-09-13T23:59:59Z", "2026-09-07", "2026-09-13");
    assert_days("this-week", "2026-01-01T00:00:00Z", "2025-12-29", "2026-01-04");
    assert_days("last-week", "2026-01-01T00:00:00Z", "2025-12-22", "2025-12-28");
    assert_days("this-week", "1969-12-31T00:00:00Z", "1969-12-29", "1970-01-04");
    assert_days("last-month", "2026-01-31T00:00:00Z", "2025-12-01", "2025-12-31");
    assert_days("yesterday", "2026-01-01T00:00:00Z", "2025-12-31", "2025-12-31");
    assert_days("yesterday", "2024-03-01T00:00:00Z", "2024-02-29", "2024-02-29");
}

static void all_is_every_instant(void **state) {
    (void)state;
    tally_zone *utc;
    tally_period period;
    tally_error err;
    assert_int_equal(tally_zone_utc(&utc, &err), 0);
    assert_int_equal(tally_period_parse(tally_span_str("all"), utc, 0, &period, &err), 0);
    assert_true(period.start_ms == INT64_MIN && period.end_ms == INT64_MAX);
    assert_true(period.first_day <= tally_zone_day(utc, INT64_MIN));
    assert_true(period.end_day > tally_zone_day(utc, INT64_MAX));
    tally_zone_free(utc);
}

static const char *const nonsense[] = {
    "",
    "2026-13",
    "2026-00",
    "2026-Q0",
    "2026-Q5",
    "2026-Q10",
    "2026-R1",
    "2026-02-30",
    "0000",
    "0000-01",
    "0000-01-01",
    "26",
    "20266",
    "2026-3",
    "2026-3-1",
    "2026/03",
    "tomorrow",
    "Today",
    "todays",
    "last-",
    "ALL",
    " today",
    "2026-03 ",
    "2026-03-01..",
    "..2026-03-01",
    "2026-03-01...2026-03-02",
    "2026-03-01..2026-03-32",
    "2026-03-01--2026-03-02",
    "2026-01..2026-03",
    "-2026",
    "2026-0a",
};

static void nonsense_is_refused_with_the_list_of_forms(void **state) {
    (void)state;
    tally_zone *utc;
    assert_int_equal(tally_zone_utc(&utc, NULL), 0);
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        tally_period period;
        tally_error err = {0};
        print_message("'%s'\n", nonsense[i]);
        assert_int_equal(tally_period_parse(tally_span_str(nonsense[i]), utc, 0, &period, &err),
                         TALLY_EINVAL);
        assert_int_equal(err.code, TALLY_EINVAL);
        assert_non_null(strstr(err.text, nonsense[i]));
        assert_non_null(strstr(err.text, "2026-Q1"));
        assert_non_null(strstr(err.text, "last-week"));
        assert_non_null(strstr(err.text, "or all"));
    }
    tally_zone_free(utc);
}

static void a_reversed_range_is_refused(void **state) {
    (void)state;
    tally_zone *utc;
    tally_period period;
    tally_error err = {0};
    assert_int_equal(tally_zone_utc(&utc, NULL), 0);
    assert_int_equal(
        tally_period_parse(tally_span_str("2026-03-15..2026-03-14"), utc, 0, &period, &err),
        TALLY_EINVAL);
    assert_non_null(strstr(err.text, "ends before it begins"));
    tally_zone_free(utc);
}

static void a_message_shows_no_control_characters_and_no_novels(void **state) {
    (void)state;
    tally_zone *utc;
    tally_period period;
    tally_error err = {0};
    uint8_t text[1000];
    memset(text, 'x', sizeof text);
    memcpy(text, "\x1b[2J\n\0\xff", 7);
    assert_int_equal(tally_zone_utc(&utc, NULL), 0);
    assert_int_equal(tally_period_parse(tally_span_of(text, sizeof text), utc, 0, &period, &err),
                     TALLY_EINVAL);
    assert_non_null(strstr(err.text, "'?[2J???xxx"));
    assert_non_null(strstr(err.text, "or all"));
    assert_true(strlen(err.text) < 400);
    tally_zone_free(utc);
}

/* A version 2 file without transitions: all comes from the footer. */
static tally_zone *zone_of_footer(const char *footer) {
    uint8_t file[256] = {0};
    size_t len = 0;
    for (int block = 0; block < 2; block++) {
        memcpy(file + len, "TZif2", 5);
        file[len + 39] = 1; /* type count */
        file[len + 43] = 1; /* bytes of abbreviations */
        len += 44 + 6 + 1;
    }
    file[len++] = '\n';
    memcpy(file + len, footer, strlen(footer));
    len += strlen(footer);
    file[len++] = '\n';
    tally_zone *zone = NULL;
    tally_error err = {0};
    assert_int_equal(tally_zone_parse(tally_span_of(file, len), &zone, &err), 0);
    return zone;
}

static void a_month_is_cut_in_the_zone_and_across_its_clock_change(void **state) {
    (void)state;
    tally_zone *berlin = zone_of_footer("CET-1CEST,M3.5.0,M10.5.0/3");
    tally_period period;
    tally_error err;
    assert_int_equal(tally_period_parse(tally_span_str("2026-03"), berlin, 0, &period, &err), 0);
    assert_int_equal(period.start_ms, ms("2026-02-28T23:00:00Z"));
    assert_int_equal(period.end_ms, ms("2026-03-31T22:00:00Z"));
    /* The day of 23 hours, and the day of 25. */
    assert_int_equal(tally_period_parse(tally_span_str("2026-03-29"), berlin, 0, &period, &err), 0);
    assert_int_equal(period.end_ms - period.start_ms, 23 * 3600000);
    assert_int_equal(tally_period_parse(tally_span_str("2026-10-25"), berlin, 0, &period, &err), 0);
    assert_int_equal(period.end_ms - period.start_ms, 25 * 3600000);
    tally_zone_free(berlin);
}

static void today_is_the_day_of_the_zone(void **state) {
    (void)state;
    tally_zone *york = zone_of_footer("EST5EDT,M3.2.0,M11.1.0");
    tally_period period;
    tally_error err;
    /* 22:30 on the last day of August in New York, September in UTC. */
    int64_t now = ms("2026-09-01T02:30:00Z");
    assert_int_equal(tally_period_parse(tally_span_str("today"), york, now, &period, &err), 0);
    assert_int_equal(period.first_day, day_of("2026-08-31"));
    assert_int_equal(period.start_ms, ms("2026-08-31T04:00:00Z"));
    assert_int_equal(period.end_ms, ms("2026-09-01T04:00:00Z"));
    assert_int_equal(tally_period_parse(tally_span_str("this-month"), york, now, &period, &err), 0);
    assert_int_equal(period.first_day, day_of("2026-08-01"));
    tally_zone_free(york);
}

static void the_ends_of_time_do_not_overflow(void **state) {
    (void)state;
    static const char *const forms[] = {"today",      "yesterday",  "this-week", "last-week",
                                        "this-month", "last-month", "this-year", "last-year"};
    tally_zone *berlin = zone_of_footer("CET-1CEST,M3.5.0,M10.5.0/3");
    tally_period period;
    tally_error err;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        tally_span form = tally_span_str(forms[i]);
        assert_int_equal(tally_period_parse(form, berlin, INT64_MAX, &period, &err), 0);
        assert_true(period.start_ms <= period.end_ms);
        assert_int_equal(tally_period_parse(form, berlin, INT64_MIN, &period, &err), 0);
        assert_true(period.start_ms <= period.end_ms);
    }
    tally_zone_free(berlin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_forms_name_whole_local_days),
        cmocka_unit_test(words_are_relative_to_now),
        cmocka_unit_test(weeks_begin_on_monday_and_cross_years),
        cmocka_unit_test(all_is_every_instant),
        cmocka_unit_test(nonsense_is_refused_with_the_list_of_forms),
        cmocka_unit_test(a_reversed_range_is_refused),
        cmocka_unit_test(a_message_shows_no_control_characters_and_no_novels),
        cmocka_unit_test(a_month_is_cut_in_the_zone_and_across_its_clock_change),
        cmocka_unit_test(today_is_the_day_of_the_zone),
        cmocka_unit_test(the_ends_of_time_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
