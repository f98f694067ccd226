/* A ledger as two years of a busy developer leave it, made through the public API: the same records
 * each time, key included. Header only, because each benchmark is one file. */
#ifndef TESTS_BENCH_LEDGER_FILL_H
#define TESTS_BENCH_LEDGER_FILL_H

#include "bench.h"

#include <tally/ledger.h>
#include <tally/price.h>
#include <tally/time.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILL_SEED         UINT64_C(20241201)
#define FILL_MONTHS       24u /* 2024-12 to 2026-11 */
#define FILL_FIRST_YEAR   2024
#define FILL_FIRST_MONTH  12u
#define FILL_PROJECTS     12u
#define FILL_SESSIONS     400u  /* a month */
#define FILL_ACTIVE       4u    /* sessions that take turns at one time */
#define FILL_WRITE_COSTS  2000u /* a transaction, as capture writes them */
#define FILL_PATH_BYTES   1024u
#define FILL_PRICED_MODEL 3u

static const char *const fill_models[FILL_PRICED_MODEL] = {"claude-opus-4-8", "claude-sonnet-4-6",
                                                           "claude-haiku-4-5"};

typedef struct filler {
    bench_random random;
    tally_writer *writer;
    uint64_t costs, done; /* in all; written so far */
    uint64_t until;       /* of this write */
    uint64_t sessions;    /* a month; a multiple of FILL_ACTIVE */
} filler;

static inline int64_t fill_month_ms(uint64_t month) {
    unsigned at = FILL_FIRST_MONTH - 1 + (unsigned)month;
    return tally_days_from_civil(FILL_FIRST_YEAR + at / 12, at % 12 + 1, 1) * TALLY_DAY_MS;
}

static inline void fill_session_id(uint64_t session, char out[64]) {
    (void)snprintf(out, 64, "%08llx-5e55-4000-a000-%012llx", (unsigned long long)session,
                   (unsigned long long)session * 7919);
}

static inline int fill_session(filler *f, tally_txn *txn, uint64_t session, tally_error *err) {
    char id[64], cwd[64], branch[32];
    tally_writer *w = f->writer;
    fill_session_id(session, id);
    (void)snprintf(cwd, sizeof cwd, "/home/dev/clients/project-%02u",
                   (unsigned)(session * 5 % FILL_PROJECTS));
    (void)snprintf(branch, sizeof branch, "feature/%u", (unsigned)(session % 40));
    tally_writer_begin(w);
    tally_put_str(w, "agent", tally_span_str("claude-code"));
    tally_put_str(w, "id", tally_span_str(id));
    tally_put_str(w, "cwd", tally_span_str(cwd));
    tally_put_str(w, "branch", tally_span_str(branch));
    tally_put_str(w, "version", tally_span_str("2.1.240"));
    return tally_append(txn, "session", w, NULL, err);
}

/* Appends cost number `f->done`, as a record of that kind. */
static inline int fill_cost(filler *f, tally_txn *txn, const char *kind, tally_error *err) {
    uint64_t month = f->done * FILL_MONTHS / f->costs;
    uint64_t first = (month * f->costs + FILL_MONTHS - 1) / FILL_MONTHS;
    uint64_t count = f->costs / FILL_MONTHS + 1, place = f->done - first;
    int64_t from = fill_month_ms(month), to = fill_month_ms(month + 1);
    int64_t time_ms = from + (to - from) / (int64_t)count * (int64_t)place;
    uint64_t session = place * f->sessions / count / FILL_ACTIVE * FILL_ACTIVE +
                       bench_between(&f->random, 0, FILL_ACTIVE);
    char id[64], key[64];
    tally_writer *w = f->writer;
    fill_session_id(month * f->sessions + session, id);
    (void)snprintf(key, sizeof key, "msg_01%016llx:req_011%016llx",
                   (unsigned long long)bench_next(&f->random), (unsigned long long)f->done);
    const char *model = fill_models[bench_between(&f->random, 0, FILL_PRICED_MODEL)];
    tally_writer_begin(w);
    tally_put_str(w, "agent", tally_span_str("claude-code"));
    tally_put_str(w, "key", tally_span_str(key));
    tally_put_str(w, "session", tally_span_str(id));
    tally_put_i64(w, "time", time_ms);
    tally_put_str(w, "model", tally_span_str(model));
    tally_put_u64(w, "input", bench_between(&f->random, 1, 4000));
    tally_put_u64(w, "output", bench_between(&f->random, 60, 2500));
    tally_put_u64(w, "cache_read", bench_between(&f->random, 8000, 180000));
    tally_put_u64(w, "cache_write_5m", bench_between(&f->random, 200, 9000));
    f->done++;
    return tally_append(txn, kind, w, NULL, err);
}

static inline int fill_prices(filler *f, tally_txn *txn, tally_error *err) {
    int rc = 0;
    for (size_t m = 0; m < FILL_PRICED_MODEL && rc == 0; m++) {
        tally_price *rows = NULL;
        size_t count = 0;
        rc = tally_price_shipped(tally_span_str(fill_models[m]), &rows, &count, err);
        for (size_t i = 0; i < count && rc == 0; i++) {
            uint8_t scratch[TALLY_PRICE_SCRATCH_BYTES];
            rows[i].from_day = i == 0 ? TALLY_PRICE_UNDATED : rows[i].from_day;
            tally_writer_begin(f->writer);
            tally_price_put(f->writer, &rows[i], scratch, sizeof scratch);
            rc = tally_append(txn, "price.set", f->writer, NULL, err);
        }
        free(rows);
    }
    return rc;
}

/* How many sessions are recorded once `done` costs are. */
static inline uint64_t fill_described(const filler *f, uint64_t done) {
    return done == 0 ? 0 : ((done - 1) * FILL_MONTHS / f->costs + 1) * f->sessions;
}

/* One write transaction. Works on a copy, since a write that outgrows the map runs again. */
static inline int fill_write(void *ctx, tally_txn *txn, tally_error *err) {
    filler f = *(filler *)ctx;
    uint64_t described = fill_described(&f, f.done);
    f.random.state += f.done;
    int rc = f.done == 0 ? fill_prices(&f, txn, err) : 0;
    while (rc == 0 && f.done < f.until) {
        while (rc == 0 && described < fill_described(&f, f.done + 1))
            rc = fill_session(&f, txn, described++, err);
        if (rc == 0) rc = fill_cost(&f, txn, "cost", err);
    }
    return rc;
}

/* One write transaction of costs alone: no sessions, no prices. */
static inline int fill_write_costs(void *ctx, tally_txn *txn, tally_error *err) {
    filler f = *(filler *)ctx;
    f.random.state += f.done;
    int rc = 0;
    while (rc == 0 && f.done < f.until)
        rc = fill_cost(&f, txn, "cost", err);
    return rc;
}

/* The key comes from a seed: what a benchmark reads is the same on every machine. */
static inline int fill_create(const char *dir, tally_error *err) {
    static const uint8_t seed[32] = "a benchmark's key, known to all";
    char path[FILL_PATH_BYTES];
    tally_key *key = NULL;
    int n = snprintf(path, sizeof path, "%s/device.key", dir);
    if (n < 0 || (size_t)n >= sizeof path || (mkdir(dir, 0700) != 0 && errno != EEXIST))
        return tally_fail(err, TALLY_EIO, "cannot make %s", dir);
    int rc = tally_key_from_seed(seed, &key, err);
    if (rc == 0) rc = tally_key_write_file(key, (tally_span){0}, path, err);
    tally_key_free(key);
    if (rc != 0) return rc;
    tally_ledger_init init = {.dir = dir,
                              .team = tally_span_str("Bench"),
                              .member = tally_span_str("Ada Example"),
                              .device = tally_span_str("laptop"),
                              .timezone = tally_span_str("Europe/Berlin"),
                              .currency = tally_span_str("USD"),
                              .now_ms = fill_month_ms(0)};
    return tally_ledger_create(&init, err);
}

/* Makes the ledger `dir` with `costs` costs in so many sessions a month. */
static inline int fill_ledger(const char *dir, uint64_t costs, uint64_t sessions,
                              tally_error *err) {
    filler f = {.random = {FILL_SEED}, .costs = costs, .sessions = sessions};
    tally_ledger *ledger = NULL;
    tally_ledger_options options = {.dir = dir};
    int rc = fill_create(dir, err);
    if (rc == 0) rc = tally_writer_new(&f.writer, err);
    if (rc == 0) rc = tally_ledger_open(&options, &ledger, err);
    while (rc == 0 && f.done < costs) {
        f.until = f.done + FILL_WRITE_COSTS < costs ? f.done + FILL_WRITE_COSTS : costs;
        rc = tally_ledger_write(ledger, fill_month_ms(FILL_MONTHS), fill_write, &f, err);
        f.done = f.until;
    }
    tally_ledger_close(ledger);
    tally_writer_free(f.writer);
    return rc;
}

#endif
