/* Calendar arithmetic and words of a time axis, in integers. What stands on the axis is not known
 * here. */
#include "bins.h"

#include <inttypes.h>
#include <stdio.h>

#include <tally/time.h>

#define DAYS_MAX     62
#define WEEKS_MAX    80
#define QUARTERS_MAX 36u /* months, of which every third is named */
#define LABELS_WIDE  16u
#define LABELS_SMALL 6u
#define MONDAY_FIRST 3 /* 1970-01-01 was a Thursday: days to add before dividing by seven */

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

static int64_t number_of(cli_bin_step step, int64_t day) {
    int64_t year;
    unsigned month, date;
    tally_civil_from_days(day, &year, &month, &date);
    switch (step) {
    case CLI_BIN_DAY: return day;
    case CLI_BIN_WEEK: return tally_floor_div(day + MONDAY_FIRST, 7);
    case CLI_BIN_MONTH: return year * 12 + (int64_t)month - 1;
    case CLI_BIN_YEAR: return year;
    }
    return 0;
}

/* The first day of bin `i`. */
static int64_t day_of(const cli_bins *bins, size_t i) {
    int64_t number = bins->first + (int64_t)i;
    switch (bins->step) {
    case CLI_BIN_DAY: return number;
    case CLI_BIN_WEEK: return number * 7 - MONDAY_FIRST;
    case CLI_BIN_MONTH:
        return tally_days_from_civil(tally_floor_div(number, 12),
                                     (unsigned)tally_floor_mod(number, 12) + 1, 1);
    case CLI_BIN_YEAR: return tally_days_from_civil(number, 1, 1);
    }
    return 0;
}

int cli_bins_choose(int64_t first_day, int64_t last_day, cli_bins *out) {
    static const int64_t most[] = {DAYS_MAX, WEEKS_MAX, CLI_BINS_MAX, CLI_BINS_MAX};
    for (cli_bin_step step = CLI_BIN_DAY; step <= CLI_BIN_YEAR; step++) {
        int64_t first = number_of(step, first_day), last = number_of(step, last_day);
        if (last < first || last - first >= most[step]) continue;
        *out = (cli_bins){step, first, (size_t)(last - first + 1)};
        return 0;
    }
    return -1;
}

size_t cli_bins_at(const cli_bins *bins, int64_t day) {
    int64_t number = number_of(bins->step, day);
    if (number < bins->first || number - bins->first >= (int64_t)bins->count) return bins->count;
    return (size_t)(number - bins->first);
}

const char *cli_bins_word(const cli_bins *bins) {
    static const char *const words[] = {"day", "week", "month", "year"};
    return words[bins->step];
}

void cli_bins_label(const cli_bins *bins, size_t i, char out[CLI_BIN_WORD_BYTES]) {
    int64_t year;
    unsigned month, date;
    tally_civil_from_days(day_of(bins, i), &year, &month, &date);
    if (bins->step == CLI_BIN_YEAR || (bins->step == CLI_BIN_MONTH && month == 1))
        snprintf(out, CLI_BIN_WORD_BYTES, "%" PRId64, year);
    else if (bins->step == CLI_BIN_MONTH)
        snprintf(out, CLI_BIN_WORD_BYTES, "%.3s", months[month - 1]);
    else
        snprintf(out, CLI_BIN_WORD_BYTES, "%u %.3s", date, months[month - 1]);
}

void cli_bins_title(const cli_bins *bins, size_t i, char out[CLI_BIN_WORD_BYTES]) {
    static const char *const weekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    int64_t year, day = day_of(bins, i);
    unsigned month, date;
    tally_civil_from_days(day, &year, &month, &date);
    const char *name = months[month - 1];
    switch (bins->step) {
    case CLI_BIN_DAY:
        snprintf(out, CLI_BIN_WORD_BYTES, "%s %u %s %" PRId64,
                 weekdays[tally_floor_mod(day + MONDAY_FIRST, 7)], date, name, year);
        break;
    case CLI_BIN_WEEK:
        snprintf(out, CLI_BIN_WORD_BYTES, "Week from %u %s %" PRId64, date, name, year);
        break;
    case CLI_BIN_MONTH: snprintf(out, CLI_BIN_WORD_BYTES, "%s %" PRId64, name, year); break;
    case CLI_BIN_YEAR: snprintf(out, CLI_BIN_WORD_BYTES, "%" PRId64, year); break;
    }
}

/* What is labelled on a narrow page is among what is labelled on a wide one: their labels share a
 * line. */
bool cli_bins_labelled(const cli_bins *bins, size_t i, bool narrow) {
    size_t each = (bins->count + LABELS_WIDE - 1) / LABELS_WIDE;
    size_t fewer = (bins->count + LABELS_SMALL - 1) / LABELS_SMALL;
    int64_t number = bins->first + (int64_t)i, week = tally_floor_div(number + MONDAY_FIRST, 7);
    if (each > 1 && bins->step == CLI_BIN_DAY) /* weeks are what people look for among days, */
        return tally_floor_mod(number + MONDAY_FIRST, 7) == 0 &&
               (!narrow || bins->count <= DAYS_MAX / 2 || tally_floor_mod(week, 2) == 0);
    if (each > 1 && bins->step == CLI_BIN_MONTH) /* and years among months */
        return tally_floor_mod(number, narrow || bins->count > QUARTERS_MAX ? 12 : 3) == 0;
    return i % (narrow ? (fewer + each - 1) / each * each : each) == 0;
}

void cli_days_text(int64_t first_day, int64_t last_day, char out[CLI_BIN_WORD_BYTES]) {
    int64_t year, last_year;
    unsigned month, date, last_month, last_date;
    tally_civil_from_days(first_day, &year, &month, &date);
    tally_civil_from_days(last_day, &last_year, &last_month, &last_date);
    const char *name = months[month - 1], *last_name = months[last_month - 1];
    if (first_day == last_day)
        snprintf(out, CLI_BIN_WORD_BYTES, "%u %s %" PRId64, date, name, year);
    else if (year == last_year && month == last_month)
        snprintf(out, CLI_BIN_WORD_BYTES, "%u\xe2\x80\x93%u %s %" PRId64, date, last_date, name,
                 year);
    else if (year == last_year)
        snprintf(out, CLI_BIN_WORD_BYTES, "%u %s \xe2\x80\x93 %u %s %" PRId64, date, name,
                 last_date, last_name, year);
    else
        snprintf(out, CLI_BIN_WORD_BYTES, "%u %s %" PRId64 " \xe2\x80\x93 %u %s %" PRId64, date,
                 name, year, last_date, last_name, last_year);
}
