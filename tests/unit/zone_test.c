/* Tests of time zones. Expected values: RFC 8536 B.2, the published rules of the zones worked out
 * by hand, and libc with the system's zone files (skipped where there are none). */
#include <tally/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ZONEINFO "/usr/share/zoneinfo/"

typedef struct transition {
    int64_t at;
    uint8_t type;
} transition;

/* What a file is made of; the version 1 block stays empty, as slim files have it. */
typedef struct tzif {
    const int32_t *offsets;
    size_t offset_count;
    const transition *transitions;
    size_t transition_count;
    const char *footer;
} tzif;

static uint8_t file_bytes[1024];

static size_t put_header(uint8_t *out, size_t transitions, size_t types) {
    memset(out, 0, 44);
    memcpy(out, "TZif3", 5);
    tally_put_be32(out + 32, (uint32_t)transitions);
    tally_put_be32(out + 36, (uint32_t)types);
    tally_put_be32(out + 40, 4);
    return 44;
}

static tally_span write_file(const tzif *zone) {
    uint8_t *out = file_bytes;
    out += put_header(out, 0, 1);
    memcpy(out, "\0\0\0\0\0\0LMT", 10);
    out += 10;
    out += put_header(out, zone->transition_count, zone->offset_count);
    for (size_t i = 0; i < zone->transition_count; i++, out += 8)
        tally_put_be64(out, (uint64_t)zone->transitions[i].at);
    for (size_t i = 0; i < zone->transition_count; i++)
        *out++ = zone->transitions[i].type;
    for (size_t i = 0; i < zone->offset_count; i++, out += 6) {
        memset(out, 0, 6);
        tally_put_be32(out, (uint32_t)zone->offsets[i]);
    }
    memcpy(out, "LMT", 4);
    out += 4;
    out += snprintf((char *)out, 200, "\n%s\n", zone->footer);
    return tally_span_of(file_bytes, (size_t)(out - file_bytes));
}

static tally_zone *parse(const tzif *zone) {
    tally_zone *parsed = NULL;
    tally_error err = {0};
    int rc = tally_zone_parse(write_file(zone), &parsed, &err);
    if (rc != 0) print_message("%s\n", err.text);
    assert_int_equal(rc, 0);
    return parsed;
}

static tally_zone *parse_footer(const char *footer) {
    static const int32_t offsets[] = {0};
    return parse(&(tzif){.offsets = offsets, .offset_count = 1, .footer = footer});
}

static int64_t ms(const char *text) {
    int64_t unix_ms = 0;
    assert_int_equal(tally_time_parse(tally_span_str(text), &unix_ms), 0);
    return unix_ms;
}

static void assert_day_starts(const tally_zone *zone, const char *date, const char *instant) {
    int64_t days = 0;
    char text[TALLY_TIME_TEXT_BYTES];
    assert_int_equal(tally_date_parse(tally_span_str(date), &days), 0);
    tally_time_format(tally_zone_day_start(zone, days), text);
    text[19] = '\0';
    assert_string_equal(text, instant);
}

/* The offset changes from `before` to `after` exactly at `instant`. */
static void assert_switch(const tally_zone *zone, const char *instant, int before, int after) {
    print_message("%s\n", instant);
    assert_int_equal(tally_zone_offset(zone, ms(instant) - 1), before);
    assert_int_equal(tally_zone_offset(zone, ms(instant)), after);
}

static tally_zone *system_zone(const char *name) {
    static uint8_t bytes[TALLY_ZONE_MAX_BYTES];
    char path[128];
    (void)snprintf(path, sizeof path, ZONEINFO "%s", name);
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    size_t len = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    tally_zone *zone = NULL;
    tally_error err = {0};
    if (tally_zone_parse(tally_span_of(bytes, len), &zone, &err) != 0) fail_msg("%s", err.text);
    return zone;
}

static void use_zone(const char *tz) {
    assert_int_equal(setenv("TZ", tz, 1), 0);
    tzset();
}

static int64_t libc_day(int64_t at) {
    time_t t = (time_t)at;
    struct tm tm;
    assert_non_null(localtime_r(&t, &tm));
    return tally_days_from_civil(tm.tm_year + 1900LL, (unsigned)tm.tm_mon + 1,
                                 (unsigned)tm.tm_mday);
}

/* The latest day that the clock has shown by then: it may have been turned back since. */
static int64_t libc_latest_day(int64_t at) {
    int64_t day = libc_day(at);
    for (int64_t back = 60; back <= 26 * 3600; back += 60)
        if (libc_day(at - back) > day) day = libc_day(at - back);
    return day;
}

static long libc_offset(int64_t at) {
    time_t t = (time_t)at;
    struct tm tm;
    assert_non_null(localtime_r(&t, &tm));
    return tm.tm_gmtoff;
}

/* Where libc's offset differs between two instants, the switch is found by halving; both sides must
 * agree with us. */
static void compare_switch(const tally_zone *zone, int64_t low, int64_t high) {
    long before = libc_offset(low);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (libc_offset(middle) == before)
            low = middle;
        else
            high = middle;
    }
    assert_int_equal(tally_zone_offset(zone, low * 1000 + 999), before);
    assert_int_equal(tally_zone_offset(zone, high * 1000), libc_offset(high));
}

static void compare_offsets(const tally_zone *zone, int64_t from, int64_t to) {
    const int64_t step = 11 * 3600 + 1;
    for (int64_t at = from; at < to; at += step) {
        long offset = libc_offset(at);
        if (offset != tally_zone_offset(zone, at * 1000))
            fail_msg("at %lld: %d instead of %ld", (long long)at,
                     tally_zone_offset(zone, at * 1000), offset);
        int64_t day = tally_zone_day(zone, at * 1000);
        if (day != libc_day(at)) assert_int_equal(day, libc_latest_day(at));
        if (offset != libc_offset(at + step)) compare_switch(zone, at, at + step);
    }
}

/* A day has begun at its start and had not begun before, as libc sees it. */
static void compare_day_starts(const tally_zone *zone, int64_t from, int64_t to) {
    const int64_t half_hour = 1800;
    for (int64_t day = from / 86400; day < to / 86400; day++) {
        int64_t at = tally_zone_day_start(zone, day) / 1000;
        if (libc_day(at) < day || libc_day(at - 1) >= day)
            fail_msg("day %lld does not begin at %lld", (long long)day, (long long)at);
        for (int64_t back = 1; back <= 3; back++)
            assert_true(libc_day(at - back * half_hour) < day);
    }
}

static void utc_needs_no_file(void **state) {
    (void)state;
    tally_zone *utc;
    assert_int_equal(tally_zone_utc(&utc, NULL), 0);
    assert_int_equal(tally_zone_offset(utc, 0), 0);
    assert_int_equal(tally_zone_offset(utc, INT64_MAX), 0);
    assert_int_equal(tally_zone_day(utc, -1), -1);
    assert_int_equal(tally_zone_day(utc, 86400000), 1);
    assert_int_equal(tally_zone_day_start(utc, 20513), 20513 * 86400000LL);
    assert_int_equal(tally_zone_day_start(utc, INT64_MAX), INT64_MAX);
    assert_int_equal(tally_zone_day_start(utc, INT64_MIN), INT64_MIN);
    tally_zone_free(utc);
    tally_zone_free(NULL);
}

/* RFC 8536, B.2: the instants and offsets its table lists. */
static void honolulu_is_read_as_rfc_8536_prints_it(void **state) {
    (void)state;
    static const int32_t offsets[] = {-37886, -37800, -34200, -34200, -34200, -36000};
    static const transition transitions[] = {{-2334101314, 1}, {-1157283000, 2}, {-1155436200, 1},
                                             {-880198200, 3},  {-769395600, 4},  {-765376200, 1},
                                             {-712150200, 5}};
    tally_zone *zone = parse(&(tzif){offsets, 6, transitions, 7, "HST10"});
    assert_int_equal(tally_zone_offset(zone, INT64_MIN), -37886);
    assert_switch(zone, "1896-01-13T22:31:26Z", -37886, -37800);
    assert_switch(zone, "1933-04-30T12:30:00Z", -37800, -34200);
    assert_switch(zone, "1933-05-21T21:30:00Z", -34200, -37800);
    assert_switch(zone, "1942-02-09T12:30:00Z", -37800, -34200);
    assert_switch(zone, "1945-08-14T23:00:00Z", -34200, -34200);
    assert_switch(zone, "1945-09-30T11:30:00Z", -34200, -37800);
    assert_switch(zone, "1947-06-08T12:30:00Z", -37800, -36000);
    assert_int_equal(tally_zone_offset(zone, INT64_MAX), -36000);
    tally_zone_free(zone);
}

static void footers_switch_on_the_right_second(void **state) {
    (void)state;
    tally_zone *berlin = parse_footer("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_switch(berlin, "2026-03-29T01:00:00Z", 3600, 7200);
    assert_switch(berlin, "2026-10-25T01:00:00Z", 7200, 3600);
    assert_switch(berlin, "2100-03-28T01:00:00Z", 3600, 7200);
    tally_zone_free(berlin);

    tally_zone *york = parse_footer("EST5EDT,M3.2.0,M11.1.0");
    assert_switch(york, "2026-03-08T07:00:00Z", -18000, -14400);
    assert_switch(york, "2026-11-01T06:00:00Z", -14400, -18000);
    tally_zone_free(york);

    tally_zone *howe = parse_footer("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");
    assert_switch(howe, "2026-04-04T15:00:00Z", 39600, 37800);
    assert_switch(howe, "2026-10-03T15:30:00Z", 37800, 39600);
    assert_int_equal(tally_zone_offset(howe, ms("2026-12-31T23:59:59Z")), 39600);
    assert_int_equal(tally_zone_offset(howe, ms("2027-01-01T00:00:00Z")), 39600);
    tally_zone_free(howe);

    /* Ireland calls its summer the standard and its winter "daylight saving" of minus an hour. */
    tally_zone *dublin = parse_footer("IST-1GMT0,M10.5.0,M3.5.0/1");
    assert_switch(dublin, "2026-03-29T01:00:00Z", 0, 3600);
    assert_switch(dublin, "2026-10-25T01:00:00Z", 3600, 0);
    tally_zone_free(dublin);

    /* Hour -1 of Sunday is Saturday 23:00, here at UTC-2. */
    tally_zone *nuuk = parse_footer("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
    assert_switch(nuuk, "2026-03-29T01:00:00Z", -7200, -3600);
    assert_switch(nuuk, "2026-10-25T01:00:00Z", -3600, -7200);
    tally_zone_free(nuuk);
}

static void footers_count_days_in_all_three_ways(void **state) {
    (void)state;
    /* J60 is 1 March in every year; 59 is 29 February in leap years and 1 March otherwise. */
    tally_zone *julian = parse_footer("AAA0BBB,J60/0,J300/0");
    assert_switch(julian, "2024-03-01T00:00:00Z", 0, 3600);
    assert_switch(julian, "2026-03-01T00:00:00Z", 0, 3600);
    tally_zone_free(julian);
    tally_zone *plain = parse_footer("AAA0BBB-2,59/0,300/0");
    assert_switch(plain, "2024-02-29T00:00:00Z", 0, 7200);
    assert_switch(plain, "2026-03-01T00:00:00Z", 0, 7200);
    tally_zone_free(plain);
    /* Hour 50 of the fourth Thursday, 26 March 2026, is Saturday 02:00 (Gaza). */
    tally_zone *gaza = parse_footer("EET-2EEST,M3.4.4/50,M10.4.4/50");
    assert_switch(gaza, "2026-03-28T00:00:00Z", 7200, 10800);
    tally_zone_free(gaza);
    /* RFC 8536, 3.3.1: daylight saving time all year. */
    tally_zone *all_year = parse_footer("EST5EDT,0/0,J365/25");
    assert_switch(all_year, "2027-01-01T04:00:00Z", -14400, -14400);
    assert_switch(all_year, "2027-01-01T05:00:00Z", -14400, -14400);
    assert_int_equal(tally_zone_offset(all_year, ms("2028-12-31T12:00:00Z")), -14400);
    tally_zone_free(all_year);
    /* Switches that fall into the next year: of 3 January 2027 the last was that of 2025, on 7
     * January 2026. */
    tally_zone *late = parse_footer("AAA0BBB,J365/167,J364/167");
    assert_int_equal(tally_zone_offset(late, ms("2027-01-03T00:00:00Z")), 3600);
    tally_zone_free(late);
    tally_zone *india = parse_footer("IST-5:30");
    assert_int_equal(tally_zone_offset(india, 0), 19800);
    tally_zone_free(india);
}

static void without_a_footer_the_last_type_stays(void **state) {
    (void)state;
    static const int32_t offsets[] = {0, 3600};
    static const transition transitions[] = {{1000, 1}};
    tally_zone *zone = parse(&(tzif){offsets, 2, transitions, 1, ""});
    assert_int_equal(tally_zone_offset(zone, 999999), 0);
    assert_int_equal(tally_zone_offset(zone, 1000000), 3600);
    assert_int_equal(tally_zone_offset(zone, INT64_MAX), 3600);
    tally_zone_free(zone);
}

/* The last transition a slim Berlin file lists, and what its footer says from there on, near and
 * far. */
static void a_rule_follows_the_last_transition(void **state) {
    (void)state;
    static const int32_t offsets[] = {3208, 7200, 3600};
    static const transition transitions[] = {{828234000, 1}, {846378000, 2}};
    tally_zone *zone = parse(&(tzif){offsets, 3, transitions, 2, "CET-1CEST,M3.5.0,M10.5.0/3"});
    assert_switch(zone, "1996-03-31T01:00:00Z", 3208, 7200);
    assert_switch(zone, "1996-10-27T01:00:00Z", 7200, 3600);
    assert_switch(zone, "1997-03-30T01:00:00Z", 3600, 7200);
    assert_switch(zone, "2026-10-25T01:00:00Z", 7200, 3600);
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    compare_offsets(zone, 846378000, 4102444800);
    tally_zone_free(zone);
}

/* Samoa left out 30 December 2011: at its midnight UTC-10 became UTC+14. */
static void a_day_left_out_begins_with_the_next(void **state) {
    (void)state;
    static const int32_t offsets[] = {-36000, 50400};
    static const transition transitions[] = {{1325239200, 1}};
    tally_zone *apia = parse(&(tzif){offsets, 2, transitions, 1, ""});
    assert_day_starts(apia, "2011-12-29", "2011-12-29T10:00:00");
    assert_day_starts(apia, "2011-12-30", "2011-12-30T10:00:00");
    assert_day_starts(apia, "2011-12-31", "2011-12-30T10:00:00");
    assert_day_starts(apia, "2012-01-01", "2011-12-31T10:00:00");
    int64_t day = tally_zone_day(apia, ms("2011-12-30T10:00:00Z"));
    assert_int_equal(day - tally_zone_day(apia, ms("2011-12-30T09:59:59Z")), 2);
    tally_zone_free(apia);
}

/* Brazil turned its clocks at midnight: 4 November 2018 began at 01:00, and 17 February 2019 had
 * its 23:00 twice before. */
static void a_day_without_midnight_begins_at_one(void **state) {
    (void)state;
    static const int32_t offsets[] = {-10800, -7200};
    static const transition transitions[] = {{1541300400, 1}, {1550368800, 0}};
    tally_zone *sao_paulo = parse(&(tzif){offsets, 2, transitions, 2, "<-03>3"});
    assert_day_starts(sao_paulo, "2018-11-03", "2018-11-03T03:00:00");
    assert_day_starts(sao_paulo, "2018-11-04", "2018-11-04T03:00:00");
    assert_day_starts(sao_paulo, "2018-11-05", "2018-11-05T02:00:00");
    assert_day_starts(sao_paulo, "2019-02-16", "2019-02-16T02:00:00");
    assert_day_starts(sao_paulo, "2019-02-17", "2019-02-17T03:00:00");
    tally_zone_free(sao_paulo);
}

/* Cuba turns 01:00 back to 00:00; Newfoundland turned 00:01 back to 23:01 of the day before. */
static void a_doubled_midnight_counts_the_first_time(void **state) {
    (void)state;
    tally_zone *havana = parse_footer("CST5CDT,M3.2.0/0,M11.1.0/1");
    assert_day_starts(havana, "2026-11-01", "2026-11-01T04:00:00");
    assert_day_starts(havana, "2026-11-02", "2026-11-02T05:00:00");
    assert_day_starts(havana, "2026-03-08", "2026-03-08T05:00:00");
    tally_zone_free(havana);
    tally_zone *st_johns = parse_footer("NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01");
    assert_day_starts(st_johns, "2010-11-07", "2010-11-07T02:30:00");
    assert_day_starts(st_johns, "2010-11-08", "2010-11-08T03:30:00");
    tally_zone_free(st_johns);
}

/* 7 November 2010 in Newfoundland began at 02:30 UTC; from 02:31 on its clocks showed 23:01 to
 * 23:59 of the 6th once more. An instant lies in the day whose start it is not before. */
static void an_instant_lies_in_the_last_day_that_has_begun(void **state) {
    (void)state;
    tally_zone *st_johns = parse_footer("NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01");
    static const struct {
        const char *instant;
        int64_t day;
    } cases[] = {{"2010-11-07T02:29:59Z", 14919},     {"2010-11-07T02:30:00Z", 14920},
                 {"2010-11-07T02:30:59.999Z", 14920}, {"2010-11-07T02:31:00Z", 14920},
                 {"2010-11-07T03:29:59Z", 14920},     {"2010-11-07T03:30:00Z", 14920},
                 {"2010-11-08T03:29:59Z", 14920},     {"2010-11-08T03:30:00Z", 14921}};
    assert_int_equal(tally_days_from_civil(2010, 11, 7), 14920);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tally_zone_day(st_johns, ms(cases[i].instant)), cases[i].day);
    tally_zone_free(st_johns);
    /* Whatever the zone: each instant is between its day's start and the next one's. */
    static const char *const names[] = {"America/St_Johns",  "America/Havana", "America/Goose_Bay",
                                        "America/Sao_Paulo", "Asia/Gaza",      "Pacific/Apia"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tally_zone *zone = system_zone(names[i]);
        if (!zone) continue;
        for (int64_t at = ms("2009-01-01T00:00:00Z"); at < ms("2012-01-10T00:00:00Z");
             at += 1861 * 1000) { /* 31 minutes and a second */
            int64_t day = tally_zone_day(zone, at);
            if (at < tally_zone_day_start(zone, day) || at >= tally_zone_day_start(zone, day + 1))
                fail_msg("%s: %lld is not in day %lld", names[i], (long long)at, (long long)day);
        }
        tally_zone_free(zone);
    }
}

static void assert_refused(tally_span file, const char *why) {
    tally_zone *zone = (tally_zone *)1;
    tally_error err = {0};
    assert_int_equal(tally_zone_parse(file, &zone, &err), TALLY_EFORMAT);
    assert_null(zone);
    if (why && !strstr(err.text, why)) fail_msg("'%s' instead of '%s'", err.text, why);
}

static void assert_footer_refused(const char *start, const char *end) {
    static const int32_t offsets[] = {0};
    char footer[64];
    (void)snprintf(footer, sizeof footer, "%s%s", start, end);
    print_message("%s\n", footer);
    assert_refused(write_file(&(tzif){offsets, 1, NULL, 0, footer}), "footer");
}

static void footers_that_posix_does_not_know_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"CET",      "CE-1",      "-1",      "CET-25",
                                        "CET-1:60", "CET-1CEST", "CET-1 ",  "<CET-1",
                                        "<+1>-1",   "<C T>-1",   ":Berlin", "CET-1\nCET-1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_footer_refused(names[i], "");
    static const char *const dates[] = {
        ",",      "M3.5.0",   ",M3.5.0", ",M13.5.0,M1.1.0", ",M0.5.0,M1.1.0", ",M3.6.0,M1.1.0",
        ",J0,J3", ",J366,J3", ",0,366",  ",M3.5,M1.1.0",    ",M3.0.0,M1.1.0", ",M3.5.7,M1.1.0",
        ",1,2,",  ",1,2,3",   "25,1,2",  ",1/168,2",        ",1/-168,2",      ",1,2/1:60"};
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++)
        assert_footer_refused("CET-1CEST", dates[i]);
}

static const int32_t two_offsets[] = {0, 3600};
static const transition two_transitions[] = {{1000, 1}, {2000, 0}};
static const tzif small_file = {two_offsets, 2, two_transitions, 2, "CET-1"};
/* Where things are in the small file: first header and block 44 + 10, second header 44. */
enum {
    SECOND = 54,
    BLOCK = SECOND + 44,
    INDICES = BLOCK + 16,
    TYPES = INDICES + 2,
    NAMES = TYPES + 12
};

static void a_file_cut_anywhere_is_refused(void **state) {
    (void)state;
    tally_span whole = write_file(&small_file);
    tally_zone *zone;
    assert_int_equal(tally_zone_parse(whole, &zone, NULL), 0);
    tally_zone_free(zone);
    for (size_t len = 0; len < whole.len; len++) {
        /* In memory of its own, so that a byte read too far is seen. */
        uint8_t *cut = malloc(len + 1);
        assert_non_null(cut);
        memcpy(cut + 1, whole.ptr, len);
        assert_refused(tally_span_of(cut + 1, len), NULL);
        free(cut);
    }
}

static void damaged_files_say_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        const char *why;
    } damage[] = {{0, 'X', "no TZif"},
                  {4, 0, "version 1"},
                  {32, 0xff, "cut short"}, /* four thousand million transitions, in either block */
                  {SECOND, 'X', "second header"},
                  {SECOND + 20, 0xff, "indicators"},
                  {SECOND + 27, 1, "indicators"},
                  {SECOND + 31, 1, "leap seconds"},
                  {SECOND + 32, 0xff, "cut short"},
                  {SECOND + 36, 0xff, "local time types"},
                  {SECOND + 39, 0, "local time types"},
                  {SECOND + 40, 0xff, "cut short"},
                  {SECOND + 43, 0, "local time types"},
                  {BLOCK + 6, 0xff, "not in order"},
                  {INDICES, 2, "no local time type"},
                  {TYPES, 0x7f, "more than a day"},
                  {TYPES, 0x80, "more than a day"},
                  {TYPES + 4, 2, "damaged"},
                  {TYPES + 5, 4, "damaged"},
                  {NAMES + 3, 'T', "do not end"},
                  {NAMES + 4, 'x', "footer"}};
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        tally_span file = write_file(&small_file);
        print_message("byte %zu\n", damage[i].at);
        file_bytes[damage[i].at] = damage[i].value;
        assert_refused(file, damage[i].why);
    }
}

static void offsets_end_where_rfc_8536_ends_them(void **state) {
    (void)state;
    static const int32_t good[] = {-89999, 93599}, low[] = {-90000}, high[] = {93600};
    tally_zone_free(parse(&(tzif){.offsets = good, .offset_count = 2, .footer = ""}));
    tzif zone = {.offsets = low, .offset_count = 1, .footer = ""};
    assert_refused(write_file(&zone), "more than a day");
    zone.offsets = high;
    assert_refused(write_file(&zone), "more than a day");
}

static void a_huge_file_is_refused_unread(void **state) {
    (void)state;
    tally_zone *zone;
    tally_error err;
    uint8_t *bytes = calloc(1, TALLY_ZONE_MAX_BYTES + 1);
    assert_non_null(bytes);
    assert_int_equal(tally_zone_parse(tally_span_of(bytes, TALLY_ZONE_MAX_BYTES + 1), &zone, &err),
                     TALLY_ELIMIT);
    assert_int_equal(tally_zone_parse(tally_span_of(bytes, TALLY_ZONE_MAX_BYTES), &zone, &err),
                     TALLY_EFORMAT);
    free(bytes);
}

static const char *const named_zones[] = {
    "Europe/Berlin",     "America/New_York",  "Australia/Lord_Howe", "Asia/Kolkata",
    "Africa/Casablanca", "Pacific/Apia",      "America/Sao_Paulo",   "Europe/Dublin",
    "America/Nuuk",      "America/Havana",    "America/St_Johns",    "Asia/Gaza",
    "Asia/Tehran",       "Pacific/Kwajalein", "Antarctica/Troll",    "Africa/Cairo"};

static void system_zones_agree_with_libc_from_1970_to_2100(void **state) {
    (void)state;
    size_t compared = 0;
    for (size_t i = 0; i < sizeof named_zones / sizeof named_zones[0]; i++) {
        tally_zone *zone = system_zone(named_zones[i]);
        if (!zone) continue;
        print_message("%s\n", named_zones[i]);
        use_zone(named_zones[i]);
        compare_offsets(zone, 0, 4102444800);
        compare_day_starts(zone, 0, 4102444800);
        tally_zone_free(zone);
        compared++;
    }
    if (compared == 0) skip();
}

/* Rules alone, as slim files have them; libc takes the same text in TZ. */
static void footers_agree_with_libc_for_a_century(void **state) {
    (void)state;
    static const char *const footers[] = {"CET-1CEST,M3.5.0,M10.5.0/3",
                                          "EST5EDT,M3.2.0,M11.1.0",
                                          "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                                          "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                          "IST-1GMT0,M10.5.0,M3.5.0/1",
                                          "EET-2EEST,M3.4.4/50,M10.4.4/50",
                                          "AAA3BBB,J60/0,J300/0",
                                          "NZST-12NZDT,M9.5.0,M4.1.0/3"};
    for (size_t i = 0; i < sizeof footers / sizeof footers[0]; i++) {
        tally_zone *zone = parse_footer(footers[i]);
        print_message("%s\n", footers[i]);
        use_zone(footers[i]);
        compare_offsets(zone, 0, 4102444800);
        tally_zone_free(zone);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utc_needs_no_file),
        cmocka_unit_test(honolulu_is_read_as_rfc_8536_prints_it),
        cmocka_unit_test(footers_switch_on_the_right_second),
        cmocka_unit_test(footers_count_days_in_all_three_ways),
        cmocka_unit_test(without_a_footer_the_last_type_stays),
        cmocka_unit_test(a_rule_follows_the_last_transition),
        cmocka_unit_test(a_day_left_out_begins_with_the_next),
        cmocka_unit_test(a_day_without_midnight_begins_at_one),
        cmocka_unit_test(an_instant_lies_in_the_last_day_that_has_begun),
        cmocka_unit_test(a_doubled_midnight_counts_the_first_time),
        cmocka_unit_test(footers_that_posix_does_not_know_are_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(damaged_files_say_what_is_wrong),
        cmocka_unit_test(offsets_end_where_rfc_8536_ends_them),
        cmocka_unit_test(a_huge_file_is_refused_unread),
        cmocka_unit_test(system_zones_agree_with_libc_from_1970_to_2100),
        cmocka_unit_test(footers_agree_with_libc_for_a_century),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
