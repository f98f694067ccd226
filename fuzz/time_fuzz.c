/* Fuzzes the text parsers of time: instants, dates and periods. */
#include <tally/time.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) abort();
}

/* What was read once is printed and read again as the same. Instants can leave the four-digit years
 * by their offset. */
static void check_instant(tally_span text) {
    int64_t instant, again;
    char printed[TALLY_TIME_TEXT_BYTES];
    if (tally_time_parse(text, &instant) != 0) return;
    tally_time_format(instant, printed);
    if (strlen(printed) != strlen("2026-09-08T10:00:05.123Z")) return;
    require(tally_time_parse(tally_span_str(printed), &again) == 0 && again == instant);
}

static void check_date(tally_span text) {
    int64_t days;
    char printed[TALLY_TIME_TEXT_BYTES];
    if (tally_date_parse(text, &days) != 0) return;
    tally_date_format(days, printed);
    require(tally_span_is(text, printed));
}

static void check_period(tally_span text, const tally_zone *utc) {
    tally_period period;
    tally_error err;
    if (tally_period_parse(text, utc, 1772582400000, &period, &err) != 0) return;
    require(period.start_ms < period.end_ms && period.first_day < period.end_day);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_span text = tally_span_of(data, size);
    tally_zone *utc;
    if (tally_zone_utc(&utc, NULL) != 0) return 0;
    check_instant(text);
    check_date(text);
    check_period(text, utc);
    tally_zone_free(utc);
    return 0;
}
