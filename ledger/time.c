/* Calendar days and RFC 3339 text. Instants are Unix milliseconds, UTC; zones live in zone.c,
 * periods in period.c. */
#include <tally/time.h>

#include <assert.h>
#include <stdio.h>

/* The Gregorian calendar repeats every 400 years. Inside here a year begins in March, so that the
 * leap day comes last. */
#define ERA_YEARS       400
#define ERA_DAYS        146097
#define ERAS_TO_1970    4      /* whole eras between 0000-03-01 and 1970-01-01 ... */
#define DAYS_TO_1970    135080 /* ... and the days that remain */
#define MAX_FRACTION    9      /* digits */
#define DATE_TEXT_LEN   10
#define OFFSET_TEXT_LEN 6
#define SECONDS_IN_HOUR 3600
#define SECONDS_IN_MIN  60
#define MS_IN_SECOND    1000
#define MAX_SAFE_YEAR   25000000000000000LL /* a little less than INT64_MAX days */

int64_t tally_days_from_civil(int64_t year, unsigned month, unsigned day) {
    assert(month >= 1 && month <= 12);
    if (year > MAX_SAFE_YEAR) return INT64_MAX;
    if (year < -MAX_SAFE_YEAR) return INT64_MIN;
    int64_t march_year = month > 2 ? year : year - 1;
    int64_t era = tally_floor_div(march_year, ERA_YEARS);
    int64_t year_of_era = tally_floor_mod(march_year, ERA_YEARS);
    int64_t march_month = (month + 9) % 12;
    int64_t day_of_year = (153 * march_month + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (era - ERAS_TO_1970) * ERA_DAYS + day_of_era - DAYS_TO_1970;
}

void tally_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day) {
    /* Divided before it is shifted: days + 719468 could overflow. */
    int64_t era = tally_floor_div(days, ERA_DAYS);
    int64_t day_of_era = tally_floor_mod(days, ERA_DAYS) + DAYS_TO_1970;
    era += ERAS_TO_1970;
    if (day_of_era >= ERA_DAYS) {
        day_of_era -= ERA_DAYS;
        era++;
    }
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = era * ERA_YEARS + year_of_era + (*month <= 2);
}

/* Takes exactly `count` digits off the front of `text`. */
static bool take_digits(tally_span *text, size_t count, int64_t *value) {
    if (text->len < count) return false;
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t c = text->ptr[i];
        if (c < '0' || c > '9') return false;
        sum = sum * 10 + (c - '0');
    }
    *text = tally_span_of(text->ptr + count, text->len - count);
    *value = sum;
    return true;
}

static bool take_char(tally_span *text, char wanted) {
    if (text->len == 0 || text->ptr[0] != (uint8_t)wanted) return false;
    *text = tally_span_of(text->ptr + 1, text->len - 1);
    return true;
}

static bool take_date(tally_span *text, int64_t *days) {
    int64_t year, month, day;
    if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) ||
        !take_char(text, '-') || !take_digits(text, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1) return false;
    int64_t first = tally_days_from_civil(year, (unsigned)month, 1);
    int64_t next = month == 12 ? tally_days_from_civil(year + 1, 1, 1)
                               : tally_days_from_civil(year, (unsigned)month + 1, 1);
    if (day > next - first) return false;
    *days = first + day - 1;
    return true;
}

/* "hh:mm:ss" in seconds since midnight; 60 is the leap second's. */
static bool take_clock(tally_span *text, int64_t *seconds, bool *leap) {
    int64_t hour, minute, second;
    if (!take_digits(text, 2, &hour) || !take_char(text, ':') || !take_digits(text, 2, &minute) ||
        !take_char(text, ':') || !take_digits(text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
    *leap = second == 60;
    *seconds = hour * SECONDS_IN_HOUR + minute * SECONDS_IN_MIN + second;
    return true;
}

/* Nothing, or a point and 1 to 9 digits, of which three count. */
static bool take_fraction(tally_span *text, int64_t *ms) {
    *ms = 0;
    if (!take_char(text, '.')) return true;
    int64_t scale = MS_IN_SECOND;
    int64_t digit;
    size_t count = 0;
    while (count < MAX_FRACTION && take_digits(text, 1, &digit)) {
        scale /= 10;
        *ms += digit * scale;
        count++;
    }
    return count > 0;
}

/* Nothing, 'Z', or "+hh:mm": the whole rest of the text. */
static bool take_offset(tally_span *text, int64_t *seconds) {
    *seconds = 0;
    if (text->len == 0) return true;
    if (take_char(text, 'Z') || take_char(text, 'z')) return text->len == 0;
    bool west = text->ptr[0] == '-';
    int64_t hours, minutes;
    if (text->len != OFFSET_TEXT_LEN || !take_char(text, west ? '-' : '+') ||
        !take_digits(text, 2, &hours) || !take_char(text, ':') || !take_digits(text, 2, &minutes))
        return false;
    if (hours > 23 || minutes > 59) return false;
    *seconds = hours * SECONDS_IN_HOUR + minutes * SECONDS_IN_MIN;
    if (west) *seconds = -*seconds;
    return true;
}

int tally_time_parse(tally_span text, int64_t *unix_ms) {
    int64_t days, clock, ms, offset;
    bool leap;
    if (!take_date(&text, &days)) return TALLY_EFORMAT;
    if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' '))
        return TALLY_EFORMAT;
    if (!take_clock(&text, &clock, &leap) || !take_fraction(&text, &ms) ||
        !take_offset(&text, &offset))
        return TALLY_EFORMAT;
    int64_t seconds = days * TALLY_DAY_S + clock - offset;
    if (leap) {
        int64_t year;
        unsigned month, day;
        if (seconds % TALLY_DAY_S != 0) return TALLY_EFORMAT;
        tally_civil_from_days(seconds / TALLY_DAY_S, &year, &month, &day);
        if (day != 1) return TALLY_EFORMAT;
    }
    *unix_ms = seconds * MS_IN_SECOND + ms;
    return 0;
}

int tally_date_parse(tally_span text, int64_t *days) {
    int64_t parsed;
    if (text.len != DATE_TEXT_LEN || !take_date(&text, &parsed)) return TALLY_EFORMAT;
    *days = parsed;
    return 0;
}

void tally_date_format(int64_t days, char *out) {
    int64_t year;
    unsigned month, day;
    tally_civil_from_days(days, &year, &month, &day);
    (void)snprintf(out, TALLY_TIME_TEXT_BYTES, "%s%04lld-%02u-%02u", year < 0 ? "-" : "",
                   year < 0 ? -(long long)year : (long long)year, month, day);
}

void tally_time_format(int64_t unix_ms, char *out) {
    int64_t days = tally_floor_div(unix_ms, TALLY_DAY_MS);
    unsigned ms = (unsigned)tally_floor_mod(unix_ms, TALLY_DAY_MS);
    unsigned seconds = ms / MS_IN_SECOND;
    tally_date_format(days, out);
    size_t used = strlen(out);
    (void)snprintf(out + used, TALLY_TIME_TEXT_BYTES - used, "T%02u:%02u:%02u.%03uZ",
                   seconds / SECONDS_IN_HOUR, seconds / SECONDS_IN_MIN % 60, seconds % 60,
                   ms % MS_IN_SECOND);
}

/* ---- durations ---- */

#define DURATION_MAX_MS (10000 * INT64_C(3600000))

/* Digits, at most nine of them; false without any. */
static bool digits_take(tally_span *text, int64_t *value, int64_t *scale) {
    size_t n = 0;
    *value = 0;
    *scale = 1;
    for (; n < text->len && n < 10 && text->ptr[n] >= '0' && text->ptr[n] <= '9'; n++) {
        *value = *value * 10 + (text->ptr[n] - '0');
        *scale *= 10;
    }
    *text = tally_span_of(text->ptr + n, text->len - n);
    return n > 0 && n < 10;
}

static int hours_and_minutes(tally_span text, int64_t hours, int64_t *ms) {
    int64_t minutes, scale;
    text = tally_span_of(text.ptr + 1, text.len - 1);
    if (!digits_take(&text, &minutes, &scale) || scale != 100 || minutes > 59 || text.len > 0)
        return TALLY_EFORMAT;
    *ms = (hours * 60 + minutes) * 60000;
    return 0;
}

int tally_duration_parse(tally_span text, int64_t *ms) {
    static const struct {
        char name;
        int64_t ms;
    } units[] = {{'h', 3600000}, {'m', 60000}, {'s', 1000}};
    int64_t total = 0, whole, part, scale;
    for (size_t unit = 0; text.len > 0; unit++) {
        bool decimals = false;
        part = 0;
        if (!digits_take(&text, &whole, &scale) || text.len == 0) return TALLY_EFORMAT;
        if (text.ptr[0] == ':' && unit == 0) {
            if (hours_and_minutes(text, whole, &total) != 0) return TALLY_EFORMAT;
            break;
        }
        scale = 1;
        if (text.ptr[0] == '.') {
            decimals = true;
            text = tally_span_of(text.ptr + 1, text.len - 1);
            if (!digits_take(&text, &part, &scale) || text.len == 0) return TALLY_EFORMAT;
        }
        while (unit < 3 && units[unit].name != (char)text.ptr[0])
            unit++;
        if (unit == 3 || part * units[unit].ms % scale != 0) return TALLY_EFORMAT;
        total += whole * units[unit].ms + part * units[unit].ms / scale;
        text = tally_span_of(text.ptr + 1, text.len - 1);
        if (decimals && text.len > 0) return TALLY_EFORMAT;
    }
    if (total > DURATION_MAX_MS) return TALLY_EOVERFLOW;
    if (total <= 0) return TALLY_EFORMAT;
    *ms = total;
    return 0;
}
