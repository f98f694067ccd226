/* make_ledger_bench DIR COSTS: makes a ledger. make_ledger_bench --rows DIR: prints its costs as
 * CSV (time, month, project, session, tokens, pico-units) for another database to hold the same
 * rows. */
#include "ledger_fill.h"

#include <tally/report.h>

#include <inttypes.h>

#define COSTS_MAX 100000000u

static int print_row(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    const tally_zone *zone = ctx;
    const tally_usage *u = &facts->cost->usage;
    int64_t year, time_ms = facts->cost->time_ms;
    unsigned month, day;
    if (!facts->priced.priced)
        return tally_fail(err, TALLY_ENOTFOUND, "a cost of the benchmark has no price");
    tally_civil_from_days(tally_zone_day(zone, time_ms), &year, &month, &day);
    printf("%" PRId64 ",%04" PRId64 "-%02u,%.*s,%.*s,", time_ms, year, month,
           (int)facts->whose.project.len, (const char *)facts->whose.project.ptr,
           (int)facts->session->id.len, (const char *)facts->session->id.ptr);
    printf("%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRId64 "\n", u->input, u->output,
           u->cache_read, u->cache_write_5m + u->cache_write_1h, facts->priced.pico);
    return 0;
}

/* The ledger's zone, from the machine's own files. */
static int load_zone(tally_zone **zone, tally_error *err) {
    static uint8_t bytes[TALLY_ZONE_MAX_BYTES];
    FILE *file = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    if (!file) return tally_fail(err, TALLY_EIO, "no time zone files; install tzdata");
    size_t len = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    return tally_zone_parse(tally_span_of(bytes, len), zone, err);
}

static int print_rows(const char *dir, tally_error *err) {
    tally_ledger_options options = {.dir = dir, .read_only = true};
    tally_ledger *ledger = NULL;
    tally_txn *txn = NULL;
    tally_zone *zone = NULL;
    tally_filter all = {.has_period = false};
    int rc = load_zone(&zone, err);
    if (rc == 0) rc = tally_ledger_open(&options, &ledger, err);
    if (rc == 0) rc = tally_read_begin(ledger, &txn, err);
    if (rc == 0) rc = tally_costs_filter(txn, &all, print_row, zone, err);
    if (txn) tally_read_end(txn);
    tally_ledger_close(ledger);
    tally_zone_free(zone);
    return rc;
}

int main(int argc, char **argv) {
    tally_error err = {0};
    bool rows = argc == 3 && strcmp(argv[1], "--rows") == 0;
    uint64_t costs = argc == 3 ? bench_number(argv[2], COSTS_MAX) : 0;
    if (!rows && costs == 0) {
        fputs("usage: make_ledger_bench DIR COSTS | --rows DIR\n", stderr);
        return 2;
    }
    int rc = rows ? print_rows(argv[2], &err) : fill_ledger(argv[1], costs, FILL_SESSIONS, &err);
    if (rc == 0) return 0;
    fprintf(stderr, "make_ledger_bench: %s\n", err.text);
    return 1;
}
