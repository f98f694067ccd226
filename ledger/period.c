/* Periods as people type them ("2026-03", "last-week"), as whole local days of a zone. Billing
 * periods of contracts are not made here. */
#include <tally/time.h>

#define FORMS                                                                                      \
    "2026-03, 2026-Q1, 2026, 2026-03-01, 2026-03-01..2026-03-15 (both included), today, "          \
    "yesterday, this-week, last-week, this-month, last-month, this-year, last-year or all"

#define MAX_SHOWN_BYTES 40 /* of what was typed, in a message */
#define WEEK_DAYS       7
#define YEAR_MONTHS     12
#define QUARTER_MONTHS  3
#define DATE_LEN        10
/* 1970-01-01 was a Thursday: the fourth day of a week that begins on Monday. */
#define DAYS_SINCE_MONDAY_IN_1970 3

/* Local days, end exclusive. */
typedef struct day_range {
    int64_t first, end;
} day_range;

typedef enum span_unit { UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR } span_unit;

static const struct {
    const char *word;
    span_unit unit;
    int back; /* units before the current one */
} words[] = {
    {"today", UNIT_DAY, 0},      {"yesterday", UNIT_DAY, 1},    {"this-week", UNIT_WEEK, 0},
    {"last-week", UNIT_WEEK, 1}, {"this-month", UNIT_MONTH, 0}, {"last-month", UNIT_MONTH, 1},
    {"this-year", UNIT_YEAR, 0}, {"last-year", UNIT_YEAR, 1},
};

/* `months` counts from January of the year 0. */
static int64_t month_start(int64_t months) {
    return tally_days_from_civil(tally_floor_div(months, YEAR_MONTHS),
                                 (unsigned)tally_floor_mod(months, YEAR_MONTHS) + 1, 1);
}

/* `count` months from `month` (0 is January) of `year`; the month may be negative. */
static day_range month_range(int64_t year, int64_t month, int64_t count) {
    int64_t first = year * YEAR_MONTHS + month;
    return (day_range){.first = month_start(first), .end = month_start(first + count)};
}

static day_range relative(span_unit unit, int back, int64_t today) {
    int64_t year, monday;
    unsigned month, day;
    tally_civil_from_days(today, &year, &month, &day);
    switch (unit) {
    case UNIT_WEEK:
        monday = today - tally_floor_mod(today + DAYS_SINCE_MONDAY_IN_1970, WEEK_DAYS) -
                 (int64_t)back * WEEK_DAYS;
        return (day_range){monday, monday + WEEK_DAYS};
    case UNIT_MONTH: return month_range(year, (int64_t)month - 1 - back, 1);
    case UNIT_YEAR: return month_range(year - back, 0, YEAR_MONTHS);
    case UNIT_DAY: break;
    }
    return (day_range){today - back, today - back + 1};
}

static bool read_word(tally_span text, int64_t today, day_range *out) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!tally_span_is(text, words[i].word)) continue;
        *out = relative(words[i].unit, words[i].back, today);
        return true;
    }
    return false;
}

static bool read_digits(tally_span text, size_t at, size_t count, int64_t *value) {
    *value = 0;
    for (size_t i = at; i < at + count; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        *value = *value * 10 + (text.ptr[i] - '0');
    }
    return true;
}

/* "2026", "2026-03" and "2026-Q1": told apart by their length. */
static bool read_calendar(tally_span text, day_range *out) {
    enum { YEAR_LEN = 4, MONTH_LEN = 7 };
    int64_t year, part;
    if (text.len != YEAR_LEN && text.len != MONTH_LEN) return false;
    if (!read_digits(text, 0, YEAR_LEN, &year) || year == 0) return false;
    if (text.len == YEAR_LEN) {
        *out = month_range(year, 0, YEAR_MONTHS);
        return true;
    }
    if (text.ptr[YEAR_LEN] != '-') return false;
    if (text.ptr[5] == 'Q' || text.ptr[5] == 'q') {
        if (!read_digits(text, 6, 1, &part) || part < 1 || part > 4) return false;
        *out = month_range(year, (part - 1) * QUARTER_MONTHS, QUARTER_MONTHS);
        return true;
    }
    if (!read_digits(text, 5, 2, &part) || part < 1 || part > YEAR_MONTHS) return false;
    *out = month_range(year, part - 1, 1);
    return true;
}

/* A date of the years that periods know. */
static bool read_date(tally_span text, int64_t *days) {
    return tally_date_parse(text, days) == 0 && *days >= tally_days_from_civil(1, 1, 1);
}

/* "2026-03-01" and "2026-03-01..2026-03-15". A reversed range is read; the caller refuses it. */
static bool read_dates(tally_span text, day_range *out) {
    static const char dots[] = {'.', '.'};
    int64_t last;
    if (text.len < DATE_LEN || !read_date(tally_span_of(text.ptr, DATE_LEN), &out->first))
        return false;
    last = out->first;
    if (text.len > DATE_LEN) {
        tally_span rest = tally_span_of(text.ptr + DATE_LEN, text.len - DATE_LEN);
        if (rest.len != sizeof dots + DATE_LEN || memcmp(rest.ptr, dots, sizeof dots) != 0)
            return false;
        if (!read_date(tally_span_of(rest.ptr + sizeof dots, DATE_LEN), &last)) return false;
    }
    out->end = last + 1;
    return true;
}

/* What was typed, safe to show: cut, with '?' for whatever is not plain ASCII. */
static void show(tally_span text, char out[MAX_SHOWN_BYTES + 1]) {
    size_t len = text.len < MAX_SHOWN_BYTES ? text.len : MAX_SHOWN_BYTES;
    for (size_t i = 0; i < len; i++)
        out[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? (char)text.ptr[i] : '?';
    out[len] = '\0';
}

static int refuse(tally_span text, const char *why, tally_error *err) {
    char shown[MAX_SHOWN_BYTES + 1];
    show(text, shown);
    return tally_fail(err, TALLY_EINVAL, "cannot read the period '%s': %s; write %s", shown, why,
                      FORMS);
}

int tally_period_parse(tally_span text, const tally_zone *zone, int64_t now_ms, tally_period *out,
                       tally_error *err) {
    day_range days;
    if (tally_span_is(text, "all")) {
        *out = (tally_period){
            .start_ms = INT64_MIN,
            .end_ms = INT64_MAX,
            .first_day = tally_floor_div(INT64_MIN, TALLY_DAY_MS),
            .end_day = tally_floor_div(INT64_MAX, TALLY_DAY_MS) + 1,
        };
        return 0;
    }
    if (!read_word(text, tally_zone_day(zone, now_ms), &days) && !read_calendar(text, &days) &&
        !read_dates(text, &days))
        return refuse(text, "it is none that the calendar has", err);
    if (days.end <= days.first) return refuse(text, "it ends before it begins", err);
    *out = (tally_period){
        .start_ms = tally_zone_day_start(zone, days.first),
        .end_ms = tally_zone_day_start(zone, days.end),
        .first_day = days.first,
        .end_day = days.end,
    };
    return 0;
}
