/* Whose days a filter means: each client's by its own clock, the others' by the period's. What
 * passes is scan.c's. */
#include "scan.h"

uint32_t filter_calendar(const tally_filter *f, tally_span client) {
    size_t low = 0, high = f->zone_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = tally_span_cmp(f->zones[middle].client, client);
        if (order == 0) return (uint32_t)middle + 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

filter_period filter_days(const tally_filter *f, uint32_t calendar) {
    if (!f->has_period) return (filter_period){0, INT64_MAX};
    if (calendar == 0) return (filter_period){f->period.start_ms, f->period.end_ms};
    const tally_zone *zone = f->zones[calendar - 1].zone;
    return (filter_period){tally_zone_day_start(zone, f->period.first_day),
                           tally_zone_day_start(zone, f->period.end_day)};
}

void tally_filter_window(const tally_filter *filter, int64_t *start_ms, int64_t *end_ms) {
    filter_period window = filter_days(filter, 0);
    for (uint32_t i = 1; i <= filter->zone_count; i++) {
        filter_period own = filter_days(filter, i);
        if (own.start_ms < window.start_ms) window.start_ms = own.start_ms;
        if (own.end_ms > window.end_ms) window.end_ms = own.end_ms;
    }
    *start_ms = window.start_ms;
    *end_ms = window.end_ms;
}
