/* make_sync_bench DIR COSTS: two ledgers of one team. DIR/a holds COSTS costs; DIR/b has joined and
 * holds what came before them. DIR/records holds the bytes of the same records, each after its
 * length (u32 big-endian), for another program to replicate. Prints "BYTES ZSTD CHUNKED": the
 * records' bytes, the same by zstd -3 in one piece and in chunks of 1 MiB. */
#include "ledger_fill.h"

#include <tally/ingest.h>
#include <tally/team.h>

#include <inttypes.h>
#include <zstd.h>

#define COSTS_MAX   10000000u
#define CHUNK_BYTES ((size_t)1024 * 1024)
#define ZSTD_LEVEL  3

typedef struct pair {
    char dir_a[FILL_PATH_BYTES], dir_b[FILL_PATH_BYTES], records[FILL_PATH_BYTES];
    tally_ledger *a, *b;
    tally_key *key_b;
    uint64_t first; /* index of the first cost in a's feed */
} pair;

/* The records joined: what zstd is measured on. */
typedef struct bytes {
    uint8_t *ptr;
    size_t len, capacity;
} bytes;

static int bytes_add(bytes *out, tally_span more, tally_error *err) {
    if (more.len > out->capacity - out->len) {
        size_t capacity = 2 * (out->capacity + more.len);
        uint8_t *larger = realloc(out->ptr, capacity);
        if (!larger) return tally_fail(err, TALLY_ENOMEM, "no memory for the records");
        out->ptr = larger;
        out->capacity = capacity;
    }
    memcpy(out->ptr + out->len, more.ptr, more.len);
    out->len += more.len;
    return 0;
}

/* An empty ledger that may take in a's records. */
static int b_create(pair *p, tally_error *err) {
    static const uint8_t seed[32] = "the other device of a benchmark";
    char path[FILL_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/device.key", p->dir_b);
    if (mkdir(p->dir_b, 0700) != 0) return tally_fail(err, TALLY_EIO, "cannot make %s", p->dir_b);
    tally_ledger_init init = {.dir = p->dir_b, .join = tally_ledger_team(p->a)};
    tally_ledger_options options = {.dir = p->dir_b};
    int rc = tally_key_from_seed(seed, &p->key_b, err);
    if (rc == 0) rc = tally_key_write_file(p->key_b, (tally_span){0}, path, err);
    if (rc == 0) rc = tally_ledger_create(&init, err);
    return rc == 0 ? tally_ledger_open(&options, &p->b, err) : rc;
}

static int b_add(void *ctx, tally_txn *txn, tally_error *err) {
    const pair *p = ctx;
    tally_team_add add = {.device = *tally_key_device(p->key_b),
                          .role = TALLY_ROLE_MEMBER,
                          .member = tally_span_str("Bob Example"),
                          .name = tally_span_str("desktop")};
    memcpy(add.box_key, tally_key_box_public(p->key_b), sizeof add.box_key);
    return tally_team_device_add(txn, &add, err);
}

/* One commit of a on its way to b. */
typedef struct passing {
    const tally_device_id *device;
    uint64_t from;
    size_t count;
    tally_span records[TALLY_COMMIT_MAX_RECORDS];
    tally_checkpoint cp;
} passing;

static int passing_add(void *ctx, uint64_t index, tally_span record, tally_error *err) {
    passing *c = ctx;
    (void)index;
    if (c->count == TALLY_COMMIT_MAX_RECORDS) return tally_fail(err, TALLY_ELIMIT, "a long commit");
    c->records[c->count++] = record;
    return 0;
}

static int passing_take(void *ctx, tally_txn *txn, tally_error *err) {
    const passing *c = ctx;
    return tally_ingest(txn, c->device, c->from, c->records, c->count, &c->cp, err);
}

/* Hands b what a has so far: the team, and that b is in it. */
static int b_join(pair *p, tally_error *err) {
    passing c = {.device = tally_ledger_device(p->a)};
    tally_txn *txn = NULL;
    int rc = tally_read_begin(p->a, &txn, err);
    while (rc == 0) {
        c.count = 0;
        rc = tally_commit_get(txn, 0, c.from, &c.cp, passing_add, &c, err);
        if (rc == 0) rc = tally_ledger_write(p->b, fill_month_ms(0), passing_take, &c, err);
        if (rc == 0) c.from += c.count;
    }
    if (txn) tally_read_end(txn);
    p->first = c.from;
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

static int a_fill(pair *p, uint64_t costs, tally_error *err) {
    filler f = {.random = {FILL_SEED}, .costs = costs, .sessions = FILL_SESSIONS};
    int rc = tally_writer_new(&f.writer, err);
    while (rc == 0 && f.done < costs) {
        f.until = f.done + FILL_WRITE_COSTS < costs ? f.done + FILL_WRITE_COSTS : costs;
        rc = tally_ledger_write(p->a, fill_month_ms(FILL_MONTHS - 1), fill_write_costs, &f, err);
        f.done = f.until;
    }
    tally_writer_free(f.writer);
    return rc;
}

static int records_write(pair *p, uint64_t costs, bytes *joined, tally_error *err) {
    FILE *file = fopen(p->records, "wb");
    tally_txn *txn = NULL;
    if (!file) return tally_fail(err, TALLY_EIO, "cannot write %s", p->records);
    int rc = tally_read_begin(p->a, &txn, err);
    for (uint64_t i = p->first; rc == 0 && i < p->first + costs; i++) {
        tally_span record;
        uint8_t header[4];
        rc = tally_record_get(txn, 0, i, &record, err);
        if (rc != 0) break;
        tally_put_be32(header, (uint32_t)record.len);
        if (fwrite(header, 1, sizeof header, file) != sizeof header ||
            fwrite(record.ptr, 1, record.len, file) != record.len)
            rc = tally_fail(err, TALLY_EIO, "cannot write %s", p->records);
        if (rc == 0) rc = bytes_add(joined, record, err);
    }
    if (txn) tally_read_end(txn);
    if (fclose(file) != 0 && rc == 0)
        rc = tally_fail(err, TALLY_EIO, "%s is not whole", p->records);
    return rc;
}

static int zstd_size(tally_span in, size_t piece, uint64_t *total, tally_error *err) {
    size_t capacity = ZSTD_compressBound(piece);
    uint8_t *out = malloc(capacity);
    *total = 0;
    int rc = out ? 0 : tally_fail(err, TALLY_ENOMEM, "no memory to compress");
    for (size_t at = 0; rc == 0 && at < in.len; at += piece) {
        size_t len = in.len - at < piece ? in.len - at : piece;
        size_t packed = ZSTD_compress(out, capacity, in.ptr + at, len, ZSTD_LEVEL);
        if (ZSTD_isError(packed)) rc = tally_fail(err, TALLY_EIO, "zstd failed");
        *total += packed;
    }
    free(out);
    return rc;
}

static int make(const char *dir, uint64_t costs, tally_error *err) {
    pair p = {.first = 0};
    bytes joined = {0};
    uint64_t whole = 0, chunked = 0;
    if (strlen(dir) > FILL_PATH_BYTES - 16 || (mkdir(dir, 0700) != 0 && errno != EEXIST))
        return tally_fail(err, TALLY_EIO, "cannot make %s", dir);
    (void)snprintf(p.dir_a, sizeof p.dir_a, "%s/a", dir);
    (void)snprintf(p.dir_b, sizeof p.dir_b, "%s/b", dir);
    (void)snprintf(p.records, sizeof p.records, "%s/records", dir);
    tally_ledger_options options = {.dir = p.dir_a};
    int rc = fill_create(p.dir_a, err);
    if (rc == 0) rc = tally_ledger_open(&options, &p.a, err);
    if (rc == 0) rc = b_create(&p, err);
    if (rc == 0) rc = tally_ledger_write(p.a, fill_month_ms(0), b_add, &p, err);
    if (rc == 0) rc = b_join(&p, err);
    if (rc == 0) rc = a_fill(&p, costs, err);
    if (rc == 0) rc = records_write(&p, costs, &joined, err);
    tally_span all = tally_span_of(joined.ptr, joined.len);
    if (rc == 0) rc = zstd_size(all, all.len, &whole, err);
    if (rc == 0) rc = zstd_size(all, CHUNK_BYTES, &chunked, err);
    if (rc == 0) printf("%zu %" PRIu64 " %" PRIu64 "\n", all.len, whole, chunked);
    free(joined.ptr);
    tally_ledger_close(p.a);
    tally_ledger_close(p.b);
    tally_key_free(p.key_b);
    return rc;
}

int main(int argc, char **argv) {
    tally_error err = {0};
    uint64_t costs = argc == 3 ? bench_number(argv[2], COSTS_MAX) : 0;
    if (costs == 0) {
        fputs("usage: make_sync_bench DIR COSTS\n", stderr);
        return 2;
    }
    if (make(argv[1], costs, &err) == 0) return 0;
    fprintf(stderr, "make_sync_bench: %s\n", err.text);
    return 1;
}
