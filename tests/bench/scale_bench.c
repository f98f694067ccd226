/* scale_bench DIR COSTS: makes a ledger whose sessions grow with its costs, as capture writes it,
 * and then appends some costs one by one. Prints "nanoseconds-a-cost nanoseconds-an-append bytes":
 * of the making, the median of the single durable appends, and the store's size. */
#include "ledger_fill.h"

#include <inttypes.h>

#define COSTS_MAX       100000000u
#define COSTS_A_SESSION 100u
#define APPENDS         500u
#define SESSIONS_A_MONTH(costs)                                                                    \
    ((costs) / COSTS_A_SESSION / FILL_MONTHS / FILL_ACTIVE * FILL_ACTIVE + FILL_ACTIVE)

static int append_one(void *ctx, tally_txn *txn, tally_error *err) {
    filler f = *(filler *)ctx;
    return fill_cost(&f, txn, "cost", err);
}

/* Other costs than those of the filling: the keys come from other random numbers. */
static int append_singly(const char *dir, uint64_t costs, uint64_t *median, tally_error *err) {
    static uint64_t ns[APPENDS];
    filler f = {.costs = costs, .done = costs - 1, .sessions = SESSIONS_A_MONTH(costs)};
    tally_ledger *ledger = NULL;
    tally_ledger_options options = {.dir = dir};
    int rc = tally_writer_new(&f.writer, err);
    if (rc == 0) rc = tally_ledger_open(&options, &ledger, err);
    for (size_t i = 0; i < APPENDS && rc == 0; i++) {
        f.random.state = ~(uint64_t)i;
        uint64_t start = bench_now_ns();
        rc = tally_ledger_write(ledger, fill_month_ms(FILL_MONTHS), append_one, &f, err);
        ns[i] = bench_now_ns() - start;
    }
    *median = bench_median(ns, APPENDS);
    tally_ledger_close(ledger);
    tally_writer_free(f.writer);
    return rc;
}

static uint64_t store_bytes(const char *dir) {
    char path[FILL_PATH_BYTES];
    struct stat status;
    int n = snprintf(path, sizeof path, "%s/ledger.mdb", dir);
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &status) != 0) return 0;
    return (uint64_t)status.st_blocks * 512;
}

int main(int argc, char **argv) {
    tally_error err = {0};
    uint64_t single = 0, costs = argc == 3 ? bench_number(argv[2], COSTS_MAX) : 0;
    if (costs == 0) {
        fputs("usage: scale_bench DIR COSTS\n", stderr);
        return 2;
    }
    uint64_t start = bench_now_ns();
    int rc = fill_ledger(argv[1], costs, SESSIONS_A_MONTH(costs), &err);
    uint64_t all = bench_now_ns() - start;
    if (rc == 0) rc = append_singly(argv[1], costs, &single, &err);
    if (rc == 0)
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", all / costs, single, store_bytes(argv[1]));
    else
        fprintf(stderr, "scale_bench: %s\n", err.text);
    return rc == 0 ? 0 : 1;
}
