/* Time zones: TZif bytes (RFC 8536, version 2 and later) and their footer rule; offsets and day
 * boundaries from them. Opens no file. */
#include <tally/time.h>

#include <assert.h>
#include <stdlib.h>

#define INSTANT_DAYS_MAX      3000000 /* beyond every date that people write */
#define HEADER_BYTES          44
#define VERSION_AT            4
#define COUNTS_AT             20
#define MAX_TYPES             256 /* an index to one is a byte */
#define TYPE_BYTES            6
#define V1_TIME_BYTES         4
#define V2_TIME_BYTES         8
#define LEAP_CORRECTION_BYTES 4
/* RFC 8536, 3.2: what a local time type may differ from UTC, in seconds. */
#define MIN_OFFSET_S (-89999)
#define MAX_OFFSET_S 93599
/* RFC 8536, 3.3.1 and POSIX: what a footer may say. */
#define MAX_RULE_OFFSET_HOURS 24
#define MAX_RULE_TIME_HOURS   167
#define MIN_NAME_LETTERS      3
#define DEFAULT_RULE_TIME_S   7200 /* 02:00 */
#define HOUR_S                3600
#define WEEK_DAYS             7
#define THURSDAY              4 /* 1970-01-01; Sunday is 0 */
/* An event of one year can move this many years, by its time of day and offset. */
#define RULE_YEARS_AROUND 2
/* The rule's switches of the years people ask about are kept as transitions: finding one takes a
 * tenth of the time that working out a rule takes. */
#define KEEP_FROM_S  (-2208988800) /* 1900 */
#define KEEP_UNTIL_S 3471292800    /* 2080 */
#define MAX_KEPT     400

typedef enum date_form { DATE_JULIAN, DATE_ZERO_BASED, DATE_MONTH_WEEK } date_form;

/* One switch of a footer rule: a day of the year and a local time on it. */
typedef struct rule_date {
    date_form form;
    unsigned day;   /* of the year (both day forms) or of the week */
    unsigned month; /* the month form only, as is `week`; week 5 is the last */
    unsigned week;
    int32_t time_s;
} rule_date;

typedef struct zone_rule {
    bool present, has_dst;
    int32_t std_s, dst_s; /* to add to UTC */
    rule_date start, end; /* of daylight saving time, each in the local time before it */
} zone_rule;

struct tally_zone {
    size_t count;      /* of transitions */
    int64_t *at;       /* seconds, ascending */
    int32_t *offset_s; /* from each transition on */
    int32_t first_s;   /* before the first */
    zone_rule rule;    /* from the last transition on */
};

/* A stretch of time with one offset. */
typedef struct segment {
    int32_t offset_s;
    int64_t until; /* exclusive; INT64_MAX when it never ends */
} segment;

/* --- the footer: a POSIX TZ string --- */

static bool take_char(tally_span *text, char wanted) {
    if (text->len == 0 || text->ptr[0] != (uint8_t)wanted) return false;
    *text = tally_span_of(text->ptr + 1, text->len - 1);
    return true;
}

static bool next_is(tally_span text, char wanted) {
    return text.len > 0 && text.ptr[0] == (uint8_t)wanted;
}

static bool is_letter(uint8_t c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* An unsigned number of up to three digits, from `min` to `max`. */
static bool take_number(tally_span *text, unsigned min, unsigned max, unsigned *value) {
    const size_t max_digits = 3;
    unsigned sum = 0;
    size_t len = 0;
    while (len < text->len && len < max_digits && text->ptr[len] >= '0' && text->ptr[len] <= '9')
        sum = sum * 10 + (unsigned)(text->ptr[len++] - '0');
    if (len == 0 || sum < min || sum > max) return false;
    *text = tally_span_of(text->ptr + len, text->len - len);
    *value = sum;
    return true;
}

/* "EST" or "<+1030>". Nobody asks for names here, so they are only passed. */
static bool pass_name(tally_span *text) {
    bool quoted = take_char(text, '<');
    size_t len = 0;
    for (; len < text->len; len++) {
        uint8_t c = text->ptr[len];
        bool fits = is_letter(c) || (quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-'));
        if (!fits) break;
    }
    if (len < MIN_NAME_LETTERS) return false;
    *text = tally_span_of(text->ptr + len, text->len - len);
    return !quoted || take_char(text, '>');
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool take_hms(tally_span *text, unsigned max_hours, int32_t *seconds) {
    unsigned hours, minutes = 0, rest = 0;
    bool negative = take_char(text, '-');
    if (!negative) (void)take_char(text, '+');
    if (!take_number(text, 0, max_hours, &hours)) return false;
    if (take_char(text, ':')) {
        if (!take_number(text, 0, 59, &minutes)) return false;
        if (take_char(text, ':') && !take_number(text, 0, 59, &rest)) return false;
    }
    int32_t sum = (int32_t)(hours * HOUR_S + minutes * 60 + rest);
    *seconds = negative ? -sum : sum;
    return true;
}

/* ",Mm.w.d[/time]", ",Jn[/time]" or ",n[/time]". */
static bool take_rule_date(tally_span *text, rule_date *out) {
    *out = (rule_date){.time_s = DEFAULT_RULE_TIME_S};
    if (!take_char(text, ',')) return false;
    if (take_char(text, 'M')) {
        out->form = DATE_MONTH_WEEK;
        if (!take_number(text, 1, 12, &out->month) || !take_char(text, '.') ||
            !take_number(text, 1, 5, &out->week) || !take_char(text, '.') ||
            !take_number(text, 0, 6, &out->day))
            return false;
    } else if (take_char(text, 'J')) {
        out->form = DATE_JULIAN;
        if (!take_number(text, 1, 365, &out->day)) return false;
    } else {
        out->form = DATE_ZERO_BASED;
        if (!take_number(text, 0, 365, &out->day)) return false;
    }
    return !take_char(text, '/') || take_hms(text, MAX_RULE_TIME_HOURS, &out->time_s);
}

/* POSIX counts west of Greenwich as positive; we add to UTC, so signs turn. */
static bool read_rule(tally_span text, zone_rule *rule) {
    int32_t west_s;
    rule->present = text.len > 0;
    if (!rule->present) return true;
    if (!pass_name(&text) || !take_hms(&text, MAX_RULE_OFFSET_HOURS, &west_s)) return false;
    rule->std_s = -west_s;
    if (text.len == 0) return true;
    rule->has_dst = true;
    rule->dst_s = rule->std_s + HOUR_S;
    if (!pass_name(&text)) return false;
    if (!next_is(text, ',')) {
        if (!take_hms(&text, MAX_RULE_OFFSET_HOURS, &west_s)) return false;
        rule->dst_s = -west_s;
    }
    return take_rule_date(&text, &rule->start) && take_rule_date(&text, &rule->end) &&
           text.len == 0;
}

static bool is_leap_year(int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The day of `year` a rule means, in days since 1970-01-01. */
static int64_t rule_day(const rule_date *date, int64_t year) {
    if (date->form != DATE_MONTH_WEEK) {
        int64_t day = tally_days_from_civil(year, 1, 1) + date->day;
        if (date->form == DATE_ZERO_BASED) return day;
        /* Jn counts from 1 and never counts 29 February. */
        const unsigned last_of_february = 59;
        return day - 1 + (date->day > last_of_february && is_leap_year(year) ? 1 : 0);
    }
    int64_t first = tally_days_from_civil(year, date->month, 1);
    int64_t next = date->month == 12 ? tally_days_from_civil(year + 1, 1, 1)
                                     : tally_days_from_civil(year, date->month + 1, 1);
    int64_t weekday = tally_floor_mod(first + THURSDAY, WEEK_DAYS);
    int64_t day = first + ((int64_t)date->day - weekday + WEEK_DAYS) % WEEK_DAYS +
                  (int64_t)(date->week - 1) * WEEK_DAYS;
    return day < next ? day : day - WEEK_DAYS; /* week 5 is the last there is */
}

static int64_t rule_instant(const rule_date *date, int64_t year, int32_t offset_before_s) {
    return rule_day(date, year) * TALLY_DAY_S + date->time_s - offset_before_s;
}

/* The latest switch at or before `at` decides. Where an end and a start meet, the start does: that
 * is how a footer says that daylight saving time lasts all year (RFC 8536, 3.3.1). */
static segment rule_segment(const zone_rule *rule, int64_t at) {
    segment now = {.offset_s = rule->std_s, .until = INT64_MAX};
    if (!rule->has_dst) return now;
    int64_t year, latest = INT64_MIN;
    unsigned month, day;
    tally_civil_from_days(tally_floor_div(at, TALLY_DAY_S), &year, &month, &day);
    for (int64_t y = year - RULE_YEARS_AROUND; y <= year + RULE_YEARS_AROUND; y++) {
        int64_t end = rule_instant(&rule->end, y, rule->dst_s);
        int64_t start = rule_instant(&rule->start, y, rule->std_s);
        if (end > at && end < now.until) now.until = end;
        if (start > at && start < now.until) now.until = start;
        if (end <= at && end > latest) {
            latest = end;
            now.offset_s = rule->std_s;
        }
        if (start <= at && start >= latest) {
            latest = start;
            now.offset_s = rule->dst_s;
        }
    }
    assert(now.until > at);
    return now;
}

/* --- the file --- */

/* Counts of a data block, in the order of the header. */
typedef struct block_counts {
    uint32_t isut, isstd, leap, time, type, chars;
} block_counts;

static bool take_bytes(tally_span *rest, uint64_t len, tally_span *out) {
    if (len > rest->len) return false;
    *out = tally_span_of(rest->ptr, (size_t)len);
    *rest = tally_span_of(rest->ptr + len, rest->len - (size_t)len);
    return true;
}

static bool take_header(tally_span *rest, block_counts *counts, uint8_t *version) {
    static const char magic[] = {'T', 'Z', 'i', 'f'};
    tally_span header;
    if (!take_bytes(rest, HEADER_BYTES, &header)) return false;
    if (memcmp(header.ptr, magic, sizeof magic) != 0) return false;
    *version = header.ptr[VERSION_AT];
    const uint8_t *at = header.ptr + COUNTS_AT;
    *counts = (block_counts){
        .isut = tally_get_be32(at),
        .isstd = tally_get_be32(at + 4),
        .leap = tally_get_be32(at + 8),
        .time = tally_get_be32(at + 12),
        .type = tally_get_be32(at + 16),
        .chars = tally_get_be32(at + 20),
    };
    return true;
}

/* At most 2^32 times a small number, six times: far from overflow in 64 bits. */
static uint64_t block_bytes(const block_counts *counts, uint64_t time_bytes) {
    return counts->time * (time_bytes + 1) + (uint64_t)counts->type * TYPE_BYTES + counts->chars +
           counts->leap * (time_bytes + LEAP_CORRECTION_BYTES) + counts->isstd + counts->isut;
}

static const char *check_counts(const block_counts *counts) {
    if (counts->leap != 0)
        return "it counts leap seconds (a 'right/' zone), which Unix time does not";
    if (counts->type == 0 || counts->type > MAX_TYPES || counts->chars == 0)
        return "it has no usable local time types";
    if ((counts->isut != 0 && counts->isut != counts->type) ||
        (counts->isstd != 0 && counts->isstd != counts->type))
        return "its indicators do not match its local time types";
    return NULL;
}

static const char *read_types(const block_counts *counts, tally_span types, tally_span names,
                              int32_t offsets[MAX_TYPES]) {
    assert(counts->type > 0);
    if (names.ptr[names.len - 1] != '\0') return "its abbreviations do not end";
    for (size_t i = 0; i < counts->type; i++) {
        const uint8_t *at = types.ptr + i * TYPE_BYTES;
        offsets[i] = (int32_t)tally_get_be32(at);
        if (offsets[i] < MIN_OFFSET_S || offsets[i] > MAX_OFFSET_S)
            return "an offset from UTC is more than a day";
        if (at[4] > 1 || at[5] >= counts->chars) return "a local time type is damaged";
    }
    return NULL;
}

/* Before the first transition the first type is in force (RFC 8536, 3.2). */
static const char *read_transitions(const block_counts *counts, tally_span times,
                                    tally_span indices, const int32_t offsets[MAX_TYPES],
                                    tally_zone *zone) {
    // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): read_types set counts->type
    zone->first_s = offsets[0];
    for (size_t i = 0; i < counts->time; i++) {
        zone->at[i] = (int64_t)tally_get_be64(times.ptr + i * V2_TIME_BYTES);
        if (i > 0 && zone->at[i] <= zone->at[i - 1]) return "its transitions are not in order";
        if (indices.ptr[i] >= counts->type) return "a transition names no local time type";
        zone->offset_s[i] = offsets[indices.ptr[i]];
    }
    zone->count = counts->time;
    return NULL;
}

static const char *read_footer(tally_span rest, zone_rule *rule) {
    if (rest.len < 2 || rest.ptr[0] != '\n' || rest.ptr[rest.len - 1] != '\n')
        return "its footer is missing or torn";
    if (!read_rule(tally_span_of(rest.ptr + 1, rest.len - 2), rule))
        return "its footer is no rule that POSIX knows";
    return NULL;
}

static void keep_switches(tally_zone *zone) {
    if (!zone->rule.has_dst || zone->count == 0) return;
    int64_t at = zone->at[zone->count - 1];
    if (at < KEEP_FROM_S) return;
    for (size_t kept = 0; kept < MAX_KEPT && at < KEEP_UNTIL_S; kept++) {
        at = rule_segment(&zone->rule, at).until;
        zone->at[zone->count] = at;
        zone->offset_s[zone->count++] = rule_segment(&zone->rule, at).offset_s;
    }
}

/* Allocates nothing before the bytes that fill it are known to be there. */
static int read_block(const block_counts *counts, tally_span rest, tally_zone *zone,
                      const char **why) {
    tally_span times, indices, types, names, indicators;
    int32_t offsets[MAX_TYPES];
    *why = check_counts(counts);
    if (*why) return TALLY_EFORMAT;
    *why = "it is cut short";
    if (!take_bytes(&rest, (uint64_t)counts->time * V2_TIME_BYTES, &times) ||
        !take_bytes(&rest, counts->time, &indices) ||
        !take_bytes(&rest, (uint64_t)counts->type * TYPE_BYTES, &types) ||
        !take_bytes(&rest, counts->chars, &names) ||
        !take_bytes(&rest, (uint64_t)counts->isstd + counts->isut, &indicators))
        return TALLY_EFORMAT;
    zone->at = calloc((size_t)counts->time + MAX_KEPT, sizeof *zone->at);
    zone->offset_s = calloc((size_t)counts->time + MAX_KEPT, sizeof *zone->offset_s);
    if (!zone->at || !zone->offset_s) return TALLY_ENOMEM;
    *why = read_types(counts, types, names, offsets);
    if (!*why) *why = read_transitions(counts, times, indices, offsets, zone);
    if (!*why) *why = read_footer(rest, &zone->rule);
    if (*why) return TALLY_EFORMAT;
    keep_switches(zone);
    return 0;
}

static int read_file(tally_span rest, tally_zone *zone, const char **why) {
    block_counts counts;
    tally_span skipped;
    uint8_t version;
    *why = "it is no TZif file";
    if (!take_header(&rest, &counts, &version)) return TALLY_EFORMAT;
    *why = "it is of version 1, which stops in 2037; version 2 or later is needed";
    if (version < '2') return TALLY_EFORMAT;
    *why = "it is cut short";
    if (!take_bytes(&rest, block_bytes(&counts, V1_TIME_BYTES), &skipped)) return TALLY_EFORMAT;
    *why = "its second header is missing";
    if (!take_header(&rest, &counts, &version)) return TALLY_EFORMAT;
    return read_block(&counts, rest, zone, why);
}

static int zone_new(tally_zone **out, tally_error *err) {
    *out = calloc(1, sizeof **out);
    return *out ? 0 : tally_fail(err, TALLY_ENOMEM, "cannot read a time zone: memory ran out");
}

int tally_zone_parse(tally_span tzif, tally_zone **out, tally_error *err) {
    tally_zone *zone = NULL;
    const char *why = NULL;
    *out = NULL;
    if (tzif.len > TALLY_ZONE_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT,
                          "cannot read the time zone file: it has %zu bytes, more than %u; choose "
                          "one of the system's zone files",
                          tzif.len, TALLY_ZONE_MAX_BYTES);
    int rc = zone_new(&zone, err);
    if (rc != 0) goto out;
    rc = read_file(tzif, zone, &why);
    if (rc == TALLY_ENOMEM) {
        (void)tally_fail(err, rc, "cannot read the time zone: memory ran out");
    } else if (rc != 0) {
        (void)tally_fail(
            err, rc,
            "cannot read the time zone file: %s; reinstall the system's tzdata or choose "
            "another zone",
            why);
    } else {
        *out = zone;
        zone = NULL;
    }
out:
    tally_zone_free(zone);
    return rc;
}

int tally_zone_utc(tally_zone **out, tally_error *err) {
    return zone_new(out, err);
}

void tally_zone_free(tally_zone *zone) {
    if (!zone) return;
    free(zone->offset_s);
    free(zone->at);
    free(zone);
}

/* --- questions --- */

/* The first transition after an instant; their count where there is none. */
static size_t next_transition(const tally_zone *zone, int64_t at) {
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->at[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static segment segment_from(const tally_zone *zone, size_t next, int64_t at) {
    if (next == zone->count && zone->rule.present) return rule_segment(&zone->rule, at);
    return (segment){.offset_s = next == 0 ? zone->first_s : zone->offset_s[next - 1],
                     .until = next < zone->count ? zone->at[next] : INT64_MAX};
}

static segment segment_at(const tally_zone *zone, int64_t at) {
    return segment_from(zone, next_transition(zone, at), at);
}

int32_t tally_zone_offset(const tally_zone *zone, int64_t unix_ms) {
    return segment_at(zone, tally_floor_div(unix_ms, 1000)).offset_s;
}

/* True where the clock may have shown a later day before: it was turned so lately that it could. */
static bool turned_lately(const tally_zone *zone, size_t next, int64_t at) {
    if (next == zone->count && zone->rule.present && zone->rule.has_dst) return true;
    return next > 0 && at - zone->at[next - 1] < MAX_OFFSET_S - MIN_OFFSET_S;
}

int64_t tally_zone_day(const tally_zone *zone, int64_t unix_ms) {
    int64_t at = tally_floor_div(unix_ms, 1000);
    size_t next = next_transition(zone, at);
    int64_t day = tally_floor_div(at + segment_from(zone, next, at).offset_s, TALLY_DAY_S);
    if (!turned_lately(zone, next, at)) return day;
    /* At the end of time, where no day begins any more, the clock says all there is to say. */
    for (int64_t start; (start = tally_zone_day_start(zone, day + 1)) <= unix_ms;) {
        if (start == INT64_MAX || start == INT64_MIN) break;
        day++;
    }
    return day;
}

int64_t tally_zone_day_start(const tally_zone *zone, int64_t days) {
    /* Two days of room, so that no offset can carry an instant past the ends. */
    const int64_t max_days = INT64_MAX / TALLY_DAY_MS - 2;
    if (days > max_days) return INT64_MAX;
    if (days < -max_days) return INT64_MIN;
    int64_t midnight = days * TALLY_DAY_S;
    /* Offsets are at most MAX_OFFSET_S, so the local clock cannot have reached midnight before
     * this. */
    int64_t at = midnight - MAX_OFFSET_S;
    for (;;) {
        segment now = segment_at(zone, at);
        if (at + now.offset_s >= midnight) break;
        if (midnight - now.offset_s < now.until) {
            at = midnight - now.offset_s;
            break;
        }
        at = now.until;
    }
    return at * 1000;
}

/* The clock is ahead of UTC by what it is somewhere within a day of there: what both offsets give
 * is tried, the earlier instant first. */
int tally_zone_instant(const tally_zone *zone, int64_t days, int minute, int64_t *unix_ms) {
    if (days < -INSTANT_DAYS_MAX || days > INSTANT_DAYS_MAX) return TALLY_ENOTFOUND;
    int64_t local = days * TALLY_DAY_MS + minute * INT64_C(60000);
    int32_t before = tally_zone_offset(zone, local - TALLY_DAY_MS);
    int32_t after = tally_zone_offset(zone, local + TALLY_DAY_MS);
    const int32_t offsets[] = {before > after ? before : after, before > after ? after : before};
    for (size_t i = 0; i < 2; i++) {
        *unix_ms = local - offsets[i] * INT64_C(1000);
        if (*unix_ms + tally_zone_offset(zone, *unix_ms) * INT64_C(1000) == local) return 0;
    }
    return TALLY_ENOTFOUND;
}
