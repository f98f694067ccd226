/* append_bench DIR: microseconds of one durable append of one record to a ledger, against a bare
 * LMDB put of the same bytes in a transaction of its own, on the same disk and equally durable.
 * Prints "ours lmdb" in nanoseconds. DIR must not exist. */
#include "ledger_fill.h"

#include <inttypes.h>
#include <lmdb.h>

#define PREFILL_COSTS 50000u /* so that trees have their usual depth */
#define ROUNDS        2000u
#define MAP_BYTES     ((size_t)1 << 30)

typedef struct bare {
    MDB_env *env;
    MDB_dbi table;
    uint64_t next;
} bare;

typedef struct one_cost {
    tally_writer *writer;
    const char *kind;
    uint64_t number;
    size_t record_bytes;
} one_cost;

static int append_one(void *ctx, tally_txn *txn, tally_error *err) {
    one_cost *one = ctx;
    filler f = {.random = {one->number},
                .writer = one->writer,
                .costs = PREFILL_COSTS,
                .sessions = FILL_SESSIONS,
                .done = PREFILL_COSTS - 1};
    return fill_cost(&f, txn, one->kind, err);
}

static int bare_put(bare *b, const uint8_t *bytes, size_t len) {
    MDB_txn *txn = NULL;
    uint8_t key[12] = {0};
    tally_put_be64(key + 4, b->next++);
    MDB_val k = {sizeof key, key}, v = {len, (void *)(uintptr_t)bytes};
    int rc = mdb_txn_begin(b->env, NULL, 0, &txn);
    if (rc == 0) rc = mdb_put(txn, b->table, &k, &v, MDB_APPEND);
    if (rc == 0) return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

/* The same durability: no flag that weakens it. */
static int bare_open(bare *b, const char *dir) {
    char path[FILL_PATH_BYTES];
    MDB_txn *txn = NULL;
    int n = snprintf(path, sizeof path, "%s/bare.mdb", dir);
    if (n < 0 || (size_t)n >= sizeof path) return EINVAL;
    int rc = mdb_env_create(&b->env);
    if (rc == 0) rc = mdb_env_set_maxdbs(b->env, 1);
    if (rc == 0) rc = mdb_env_set_mapsize(b->env, MAP_BYTES);
    if (rc == 0) rc = mdb_env_open(b->env, path, MDB_NOSUBDIR, 0600);
    if (rc == 0) rc = mdb_txn_begin(b->env, NULL, 0, &txn);
    if (rc == 0) rc = mdb_dbi_open(txn, "records", MDB_CREATE, &b->table);
    if (rc == 0) return mdb_txn_commit(txn);
    if (txn) mdb_txn_abort(txn);
    return rc;
}

/* As many rows as the ledger has records, in one transaction. */
static int bare_fill(bare *b, uint64_t rows, const uint8_t *bytes, size_t len) {
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(b->env, NULL, 0, &txn);
    while (rc == 0 && b->next < rows) {
        uint8_t key[12] = {0};
        tally_put_be64(key + 4, b->next++);
        MDB_val k = {sizeof key, key}, v = {len, (void *)(uintptr_t)bytes};
        rc = mdb_put(txn, b->table, &k, &v, MDB_APPEND);
    }
    if (rc == 0) return mdb_txn_commit(txn);
    if (txn) mdb_txn_abort(txn);
    return rc;
}

/* Bytes of a record as the ledger stores it. */
static int record_size(tally_ledger *ledger, uint64_t *count, size_t *len, tally_error *err) {
    tally_txn *txn;
    tally_feed feed;
    tally_span bytes = {0};
    int rc = tally_read_begin(ledger, &txn, err);
    if (rc != 0) return rc;
    rc = tally_feed_get(txn, 0, &feed, err);
    if (rc == 0) rc = tally_record_get(txn, 0, feed.size - 1, &bytes, err);
    *count = rc == 0 ? feed.size : 0;
    *len = bytes.len;
    tally_read_end(txn);
    return rc;
}

/* Appends one record of that kind. */
static int timed_append(tally_ledger *ledger, one_cost *one, const char *kind, uint64_t *ns,
                        tally_error *err) {
    one->kind = kind;
    one->number++;
    uint64_t start = bench_now_ns();
    int rc = tally_ledger_write(ledger, fill_month_ms(FILL_MONTHS), append_one, one, err);
    *ns = bench_now_ns() - start;
    return rc;
}

static int timed_put(bare *b, const uint8_t *bytes, size_t len, uint64_t *ns, tally_error *err) {
    uint64_t start = bench_now_ns();
    int mdb = bare_put(b, bytes, len);
    *ns = bench_now_ns() - start;
    return mdb == 0 ? 0 : tally_fail(err, TALLY_EIO, "bare put: %s", mdb_strerror(mdb));
}

static int measure(tally_ledger *ledger, bare *b, one_cost *one, const uint8_t *bytes,
                   tally_error *err) {
    static uint64_t costs[ROUNDS], plain[ROUNDS], puts[ROUNDS];
    int rc = 0;
    for (size_t i = 0; i < ROUNDS && rc == 0; i++) {
        rc = timed_append(ledger, one, "cost", &costs[i], err);
        if (rc == 0) rc = timed_append(ledger, one, "bench.note", &plain[i], err);
        if (rc == 0) rc = timed_put(b, bytes, one->record_bytes, &puts[i], err);
    }
    if (rc == 0)
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", bench_median(costs, ROUNDS),
               bench_median(plain, ROUNDS), bench_median(puts, ROUNDS));
    return rc;
}

int main(int argc, char **argv) {
    static const uint8_t bytes[TALLY_RECORD_MAX_BYTES];
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    bare b = {.env = NULL};
    one_cost one = {.writer = NULL};
    uint64_t count = 0;
    if (argc != 2) {
        fputs("usage: append_bench DIR\n", stderr);
        return 2;
    }
    tally_ledger_options options = {.dir = argv[1]};
    int rc = fill_ledger(argv[1], PREFILL_COSTS, FILL_SESSIONS, &err);
    if (rc == 0) rc = tally_writer_new(&one.writer, &err);
    if (rc == 0) rc = tally_ledger_open(&options, &ledger, &err);
    if (rc == 0) rc = record_size(ledger, &count, &one.record_bytes, &err);
    if (rc == 0 && (bare_open(&b, argv[1]) != 0 || bare_fill(&b, count, bytes, one.record_bytes)))
        rc = tally_fail(&err, TALLY_EIO, "cannot make the bare environment");
    if (rc == 0) rc = measure(ledger, &b, &one, bytes, &err);
    if (b.env) mdb_env_close(b.env);
    tally_ledger_close(ledger);
    tally_writer_free(one.writer);
    if (rc != 0) fprintf(stderr, "append_bench: %s\n", err.text);
    return rc == 0 ? 0 : 1;
}
