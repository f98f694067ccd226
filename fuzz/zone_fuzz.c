/* Fuzzes the TZif parser, and asks every zone it lets through where days begin. */
#include <tally/time.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) abort();
}

/* Whatever the zone, days begin in order, and no instant comes before the beginning of its own day.
 */
static void check_days(const tally_zone *zone, int64_t unix_ms) {
    int64_t day = tally_zone_day(zone, unix_ms);
    int64_t start = tally_zone_day_start(zone, day);
    require(start <= unix_ms || start == INT64_MAX);
    require(start <= tally_zone_day_start(zone, day + 1));
    int32_t offset_s = tally_zone_offset(zone, unix_ms);
    require(offset_s >= -89999 && offset_s <= 93599);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int64_t instants[] = {INT64_MIN,
                                       -2334101314000,
                                       -1,
                                       0,
                                       1325239200000,
                                       1772582400000,
                                       1793491200000,
                                       1793491199999,
                                       4102444800000,
                                       92233720368540,
                                       INT64_MAX};
    tally_zone *zone;
    tally_error err;
    if (tally_zone_parse(tally_span_of(data, size), &zone, &err) != 0) return 0;
    for (size_t i = 0; i < sizeof instants / sizeof instants[0]; i++)
        check_days(zone, instants[i]);
    tally_zone_free(zone);
    return 0;
}
