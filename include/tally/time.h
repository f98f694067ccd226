/* Time: instants are signed 64-bit Unix milliseconds, UTC, no leap seconds. Zones come from TZif
 * bytes handed in. */
#ifndef TALLY_TIME_H
#define TALLY_TIME_H

#include <tally/bytes.h>
#include <tally/error.h>

#define TALLY_TIME_TEXT_BYTES 32
#define TALLY_ZONE_MAX_BYTES  (256u * 1024u) /* of a TZif file */
#define TALLY_DAY_S           86400
#define TALLY_DAY_MS          86400000LL

/* Quotient rounded towards minus infinity, and the rest that belongs to it, 0..divisor-1; `divisor`
 * is positive. */
static inline int64_t tally_floor_div(int64_t value, int64_t divisor) {
    return value / divisor - (value % divisor < 0);
}

static inline int64_t tally_floor_mod(int64_t value, int64_t divisor) {
    return value % divisor + (value % divisor < 0 ? divisor : 0);
}

/* Proleptic Gregorian date <-> days since 1970-01-01. `month` is 1..12; `day` may run past the
 * month's end. A date beyond the year 2.5e16 (or before -2.5e16) gives INT64_MAX (INT64_MIN). */
int64_t tally_days_from_civil(int64_t year, unsigned month, unsigned day);
void tally_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

/* RFC 3339 / ISO 8601 "2026-09-08T10:00:05.123456Z": date-time with 'T' or ' ', 0-9 fraction
 * digits, 'Z' or +hh:mm (or none: UTC). Fractions beyond milliseconds are cut. A leap second (":60"
 * at a month's end, UTC) is the first second of the next month, as POSIX counts. 0 or
 * TALLY_EFORMAT. */
int tally_time_parse(tally_span text, int64_t *unix_ms);
/* "YYYY-MM-DD" to days since 1970-01-01; refuses 2026-02-30. 0 or TALLY_EFORMAT. */
int tally_date_parse(tally_span text, int64_t *days);

/* How long: "1h30m", "1.5h", "90m", "45s", "1:30" (hours and minutes). Units descend, each at most
 * once; only the last may have decimals; whole milliseconds, more than none. TALLY_EFORMAT also for
 * a bare number, TALLY_EOVERFLOW beyond 10,000 hours. */
int tally_duration_parse(tally_span text, int64_t *ms);

/* RFC 3339 UTC with milliseconds, "2026-09-08T10:00:05.123Z". `out` holds TALLY_TIME_TEXT_BYTES. */
void tally_time_format(int64_t unix_ms, char *out);
void tally_date_format(int64_t days, char *out);

/* A time zone parsed from TZif version 2+ (RFC 8536), footer rule included. */
typedef struct tally_zone tally_zone;
/* Parses `tzif` (copied). The caller frees with tally_zone_free. TALLY_EFORMAT on damage,
 * TALLY_ELIMIT on size. */
int tally_zone_parse(tally_span tzif, tally_zone **out, tally_error *err);
/* UTC without a file. */
int tally_zone_utc(tally_zone **out, tally_error *err);
void tally_zone_free(tally_zone *zone);
/* Seconds to add to UTC at that instant. */
int32_t tally_zone_offset(const tally_zone *zone, int64_t unix_ms);
/* The instant at which local day `days` begins: the first at which the local clock shows 00:00 of
 * that day or later. So midnight may be skipped or doubled, and a day the zone left out begins
 * where the next one does. Days beyond the range of int64_t milliseconds give its nearest end. */
int64_t tally_zone_day_start(const tally_zone *zone, int64_t days);
/* Local calendar day of an instant, in days since 1970-01-01: the last that has begun. Where the
 * clock goes back over midnight that is the day it showed before, so that days follow each other
 * and those of a period add up to it. */
int64_t tally_zone_day(const tally_zone *zone, int64_t unix_ms);

/* The instant at which the local clock shows `minute` (0..1439) of local day `days`: the first of
 * them where it does so twice. TALLY_ENOTFOUND where it never does. */
int tally_zone_instant(const tally_zone *zone, int64_t days, int minute, int64_t *unix_ms);

/* A period of whole local days: [start_ms, end_ms). */
typedef struct tally_period {
    int64_t start_ms, end_ms;   /* instants */
    int64_t first_day, end_day; /* local days, end exclusive */
} tally_period;

/* "2026-03", "2026-Q1", "2026", "2026-03-01..2026-03-15" (both included), "2026-03-01", "today",
 * "yesterday", "this-week", "last-week" (weeks start on Monday), "this-month", "last-month",
 * "this-year", "last-year", "all". Years are 0001..9999. "all" is every instant: INT64_MIN to
 * INT64_MAX, far too many days to walk one by one. TALLY_EINVAL with a sentence that lists the
 * forms. */
int tally_period_parse(tally_span text, const tally_zone *zone, int64_t now_ms, tally_period *out,
                       tally_error *err);

#endif
