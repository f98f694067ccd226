/* sync_bench fetch LEDGER HOST:PORT: calls that node until nothing is lacking, as `tally sync now`
 * does, and prints "MICROSECONDS RECORDS BYTES COSTS": from the connection to the end, what was
 * taken, what went over the wire in both directions, and the costs in the view then.
 *
 * sync_bench latency FROM TO ROUNDS: appends one cost at a time to the ledger FROM and waits until
 * the view of the ledger TO shows it; prints "MEDIAN P95" in microseconds. Two daemons carry it. */
#include "ledger_fill.h"

#include <net/net.h>
#include <tally/view.h>

#include <inttypes.h>

#define ROUNDS_MAX      10000u
#define SYNC_TIMEOUT_MS 120000
#define POLL_NS         200000                          /* between two looks at the view */
#define IDLE_NS         50000000                        /* between two rounds: the pair is idle */
#define PATIENCE_NS     (UINT64_C(10) * BENCH_NS_PER_S) /* then the round has failed */
#define PERCENTILE      95u

static void pause_ns(long ns) {
    const struct timespec time = {.tv_nsec = ns};
    (void)nanosleep(&time, NULL);
}

static int count_cost(void *ctx, const tally_cost *cost) {
    uint64_t *count = ctx;
    (void)cost;
    (*count)++;
    return 0;
}

static int costs_of(tally_ledger *ledger, uint64_t *count, tally_error *err) {
    tally_txn *txn;
    int rc = tally_read_begin(ledger, &txn, err);
    if (rc != 0) return rc;
    *count = 0;
    rc = tally_cost_each(txn, 0, INT64_MAX, count_cost, count);
    tally_read_end(txn);
    return rc;
}

static void ignore(void *ctx, const net_news *news) {
    (void)ctx, (void)news;
}

static int fetch(const char *dir, const char *address, tally_error *err) {
    tally_ledger *ledger = NULL;
    tally_ledger_options options = {.dir = dir};
    net_sync_result result = {0};
    uint64_t costs = 0;
    int rc = tally_ledger_open(&options, &ledger, err);
    if (rc != 0) return rc;
    net_sync_options sync = {.ledger = ledger,
                             .addresses = &address,
                             .address_count = 1,
                             .timeout_ms = SYNC_TIMEOUT_MS,
                             .news = ignore};
    uint64_t start = bench_now_ns();
    rc = net_sync(&sync, &result, err);
    uint64_t us = (bench_now_ns() - start) / 1000;
    if (rc == 0) rc = costs_of(ledger, &costs, err);
    if (rc == 0)
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", us, result.records_in,
               result.bytes_in + result.bytes_out, costs);
    tally_ledger_close(ledger);
    return rc;
}

typedef struct round {
    tally_writer *writer;
    char key[64];
    int64_t time_ms;
} round;

static int append_cost(void *ctx, tally_txn *txn, tally_error *err) {
    const round *r = ctx;
    tally_writer *w = r->writer;
    tally_writer_begin(w);
    tally_put_str(w, "agent", tally_span_str("claude-code"));
    tally_put_str(w, "key", tally_span_str(r->key));
    tally_put_str(w, "session", tally_span_str("latency"));
    tally_put_i64(w, "time", r->time_ms);
    tally_put_str(w, "model", tally_span_str(fill_models[0]));
    tally_put_u64(w, "input", 1000);
    tally_put_u64(w, "output", 200);
    return tally_append(txn, "cost", w, NULL, err);
}

static int64_t clock_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Nanoseconds until the view of `to` shows the cost with that key. */
static int wait_for(tally_ledger *to, const char *key, uint64_t *ns, tally_error *err) {
    tally_entry_id id;
    uint64_t start = bench_now_ns();
    tally_entry_id_of(tally_span_str("claude-code"), tally_span_str(key), &id);
    for (;;) {
        tally_txn *txn;
        tally_cost cost;
        uint64_t index;
        int rc = tally_read_begin(to, &txn, err);
        if (rc != 0) return rc;
        rc = tally_cost_get(txn, &id, &cost, &index);
        tally_read_end(txn);
        *ns = bench_now_ns() - start;
        if (rc != TALLY_ENOTFOUND) return rc;
        if (*ns > PATIENCE_NS)
            return tally_fail(err, TALLY_EIO, "a cost did not arrive; are both daemons connected?");
        pause_ns(POLL_NS);
    }
}

static int rounds_run(tally_ledger *from, tally_ledger *to, uint64_t *ns, size_t count,
                      tally_error *err) {
    round r = {.time_ms = clock_ms()};
    int64_t run = r.time_ms; /* keys of two runs differ */
    int rc = tally_writer_new(&r.writer, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        r.time_ms = clock_ms();
        (void)snprintf(r.key, sizeof r.key, "latency:%" PRId64 ":%zu", run, i);
        rc = tally_ledger_write(from, r.time_ms, append_cost, &r, err);
        if (rc == 0) rc = wait_for(to, r.key, &ns[i], err);
        pause_ns(IDLE_NS);
    }
    tally_writer_free(r.writer);
    return rc;
}

static int latency(const char *from_dir, const char *to_dir, size_t count, tally_error *err) {
    static uint64_t ns[ROUNDS_MAX];
    tally_ledger *from = NULL, *to = NULL;
    tally_ledger_options options = {.dir = from_dir}, look = {.dir = to_dir, .read_only = true};
    int rc = tally_ledger_open(&options, &from, err);
    if (rc == 0) rc = tally_ledger_open(&look, &to, err);
    if (rc == 0) rc = rounds_run(from, to, ns, count, err);
    if (rc == 0) {
        uint64_t median = bench_median(ns, count);
        printf("%" PRIu64 " %" PRIu64 "\n", median / 1000, ns[count * PERCENTILE / 100] / 1000);
    }
    tally_ledger_close(to);
    tally_ledger_close(from);
    return rc;
}

int main(int argc, char **argv) {
    tally_error err = {0};
    int rc = 2;
    uint64_t rounds = argc == 5 ? bench_number(argv[4], ROUNDS_MAX) : 0;
    if (argc == 4 && strcmp(argv[1], "fetch") == 0)
        rc = fetch(argv[2], argv[3], &err);
    else if (rounds > 0 && strcmp(argv[1], "latency") == 0)
        rc = latency(argv[2], argv[3], rounds, &err);
    else
        fputs("usage: sync_bench fetch LEDGER HOST:PORT | latency FROM TO ROUNDS\n", stderr);
    if (rc == 0 || rc == 2) return rc;
    fprintf(stderr, "sync_bench: %s\n", err.text);
    return 1;
}
