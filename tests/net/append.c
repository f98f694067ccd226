/* append LEDGER COSTS [NUMBER]: appends one session and that many costs to a ledger that is there.
 * Costs of another NUMBER are other costs. The tests over real sockets use it to have something to
 * send. */
#include "bench/ledger_fill.h"

#define COSTS_MAX 1000000u

static int write_session(void *ctx, tally_txn *txn, tally_error *err) {
    return fill_session(ctx, txn, 0, err);
}

static int append(const char *dir, uint64_t costs, uint64_t number, tally_error *err) {
    filler f = {.random = {FILL_SEED + number}, .costs = costs};
    tally_ledger *ledger = NULL;
    tally_ledger_options options = {.dir = dir};
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int rc = tally_writer_new(&f.writer, err);
    if (rc == 0) rc = tally_ledger_open(&options, &ledger, err);
    if (rc == 0)
        rc = tally_ledger_write(ledger, (int64_t)now.tv_sec * 1000, write_session, &f, err);
    while (rc == 0 && f.done < costs) {
        f.until = f.done + FILL_WRITE_COSTS < costs ? f.done + FILL_WRITE_COSTS : costs;
        rc = tally_ledger_write(ledger, (int64_t)now.tv_sec * 1000, fill_write_costs, &f, err);
        f.done = f.until;
    }
    tally_ledger_close(ledger);
    tally_writer_free(f.writer);
    return rc;
}

int main(int argc, char **argv) {
    tally_error err = {0};
    uint64_t costs = argc == 3 || argc == 4 ? bench_number(argv[2], COSTS_MAX) : 0;
    if (costs == 0) {
        fputs("usage: append LEDGER COSTS [NUMBER]\n", stderr);
        return 2;
    }
    if (append(argv[1], costs, argc == 4 ? bench_number(argv[3], COSTS_MAX) : 0, &err) == 0)
        return 0;
    fprintf(stderr, "append: %s\n", err.text);
    return 1;
}
