/* verify_bench DIR: records a second of `tally verify`'s work on the ledger DIR, against checking
 * one Ed25519 signature for each of its records. Prints "ours signatures" in records a second. */
#include "bench.h"

#include <tally/ledger.h>

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#define RUNS       5u
#define SIGNATURES 4000u /* checked in one run */

typedef struct signed_record {
    uint8_t signature[TALLY_SIGNATURE_BYTES];
    tally_span bytes;
} signed_record;

static uint64_t per_second(uint64_t count, uint64_t ns) {
    return count * BENCH_NS_PER_S / (ns ? ns : 1);
}

/* Signs records from all over the own feed with a key of our own. */
static int sign_records(tally_txn *txn, const tally_key *key, signed_record *records,
                        tally_error *err) {
    tally_feed feed;
    int rc = tally_feed_get(txn, 0, &feed, err);
    for (uint64_t i = 0; i < SIGNATURES && rc == 0; i++) {
        rc = tally_record_get(txn, 0, feed.size * i / SIGNATURES, &records[i].bytes, err);
        if (rc == 0) tally_key_sign(key, records[i].bytes, records[i].signature);
    }
    return rc;
}

static int check_signatures(const tally_device_id *device, const signed_record *records,
                            uint64_t *rate, tally_error *err) {
    int bad = 0;
    uint64_t start = bench_now_ns();
    for (size_t i = 0; i < SIGNATURES; i++)
        bad |= crypto_sign_verify_detached(records[i].signature, records[i].bytes.ptr,
                                           records[i].bytes.len, device->b);
    *rate = per_second(SIGNATURES, bench_now_ns() - start);
    return bad ? tally_fail(err, TALLY_EFORMAT, "a fresh signature does not verify") : 0;
}

static int check_ledger(tally_ledger *ledger, uint64_t *rate, tally_error *err) {
    tally_check check = {.found = NULL};
    uint64_t start = bench_now_ns();
    int rc = tally_verify(ledger, false, &check, err);
    *rate = per_second(check.records, bench_now_ns() - start);
    if (rc == 0 && check.findings > 0)
        rc = tally_fail(err, TALLY_ECORRUPT, "the ledger of the benchmark is damaged");
    return rc;
}

/* The two in turn, so that a busy machine slows both. */
static int measure(tally_ledger *ledger, const tally_key *key, const signed_record *records,
                   tally_error *err) {
    uint64_t ours[RUNS], theirs[RUNS];
    int rc = 0;
    for (size_t run = 0; run < RUNS && rc == 0; run++) {
        rc = check_ledger(ledger, &ours[run], err);
        if (rc == 0) rc = check_signatures(tally_key_device(key), records, &theirs[run], err);
    }
    if (rc == 0)
        printf("%" PRIu64 " %" PRIu64 "\n", bench_median(ours, RUNS), bench_median(theirs, RUNS));
    return rc;
}

int main(int argc, char **argv) {
    static const uint8_t seed[32] = "a benchmark's key, known to all";
    static signed_record records[SIGNATURES];
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tally_txn *txn = NULL;
    tally_key *key = NULL;
    if (argc != 2) {
        fputs("usage: verify_bench DIR\n", stderr);
        return 2;
    }
    tally_ledger_options options = {.dir = argv[1], .read_only = true};
    int rc = tally_ledger_open(&options, &ledger, &err);
    if (rc == 0) rc = tally_key_from_seed(seed, &key, &err);
    if (rc == 0) rc = tally_read_begin(ledger, &txn, &err);
    if (rc == 0) rc = sign_records(txn, key, records, &err);
    if (rc == 0) rc = measure(ledger, key, records, &err);
    if (txn) tally_read_end(txn);
    tally_key_free(key);
    tally_ledger_close(ledger);
    if (rc != 0) fprintf(stderr, "verify_bench: %s\n", err.text);
    return rc == 0 ? 0 : 1;
}
