/* A small real ledger for fuzz targets that need one, in memory where there is some: device 0 made
 * it, the others are of the team as the target says. It goes with the process. */
#ifndef TALLY_FUZZ_LEDGER_FUZZ_H
#define TALLY_FUZZ_LEDGER_FUZZ_H

#include "store.h"

#include <tally/ingest.h>
#include <tally/team.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUZZ_NOW_MS      1788862805000 /* 2026-09-08T10:20:05Z */
#define FUZZ_DEVICES_MAX 6u

static tally_key *fuzz_keys[FUZZ_DEVICES_MAX];
static char fuzz_folder[256];

static inline void must(bool condition) {
    if (!condition) abort();
}

/* The input, taken from its front; an end that was passed gives zeros. */
static inline uint8_t take(tally_span *input) {
    if (input->len == 0) return 0;
    uint8_t byte = *input->ptr;
    *input = tally_span_of(input->ptr + 1, input->len - 1);
    return byte;
}

static inline tally_span take_some(tally_span *input, size_t len) {
    if (len > input->len) len = input->len;
    tally_span some = tally_span_of(input->ptr, len);
    *input = tally_span_of(input->ptr + len, input->len - len);
    return some;
}

static inline int fuzz_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void fuzz_remove_folder(void) {
    (void)nftw(fuzz_folder, fuzz_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int fuzz_device_add(tally_txn *txn, unsigned device, tally_role role,
                                  tally_error *err) {
    static const char *const members[] = {"ada", "bob", "eve"};
    tally_team_add add = {.device = *tally_key_device(fuzz_keys[device]),
                          .role = role,
                          .member = tally_span_str(members[device % 3]),
                          .name = tally_span_str("somewhere")};
    memcpy(add.box_key, tally_key_box_public(fuzz_keys[device]), sizeof add.box_key);
    return tally_team_device_add(txn, &add, err);
}

/* A filling: two admins and a member beside the one who made the team. */
static inline int fuzz_two_admins(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    int rc = fuzz_device_add(txn, 1, TALLY_ROLE_ADMIN, err);
    if (rc == 0) rc = fuzz_device_add(txn, 2, TALLY_ROLE_MEMBER, err);
    return rc != 0 ? rc : fuzz_device_add(txn, 3, TALLY_ROLE_ADMIN, err);
}

/* `fill` writes the team and what else stands there before any input; may be NULL. */
static inline tally_ledger *fuzz_ledger_make(tally_write_fn *fill) {
    const char *base = getenv("TMPDIR");
    char path[sizeof fuzz_folder + 32];
    tally_ledger *ledger;
    for (unsigned i = 0; i < FUZZ_DEVICES_MAX; i++) {
        const uint8_t seed[32] = {(uint8_t)(i + 1)};
        must(tally_key_from_seed(seed, &fuzz_keys[i], NULL) == 0);
    }
    if (!base) base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int n = snprintf(fuzz_folder, sizeof fuzz_folder, "%s/tally-fuzz-XXXXXX", base);
    must(n > 0 && (size_t)n < sizeof fuzz_folder);
    must(mkdtemp(fuzz_folder) != NULL && atexit(fuzz_remove_folder) == 0);
    (void)snprintf(path, sizeof path, "%s/" STORE_KEY_FILE, fuzz_folder);
    must(tally_key_write_file(fuzz_keys[0], (tally_span){0}, path, NULL) == 0);
    const tally_ledger_init init = {.dir = fuzz_folder,
                                    .team = tally_span_str("Acme"),
                                    .member = tally_span_str("ada"),
                                    .device = tally_span_str("laptop"),
                                    .timezone = tally_span_str("UTC"),
                                    .currency = tally_span_str("USD"),
                                    .now_ms = FUZZ_NOW_MS};
    const tally_ledger_options options = {.dir = fuzz_folder};
    must(tally_ledger_create(&init, NULL) == 0);
    must(tally_ledger_open(&options, &ledger, NULL) == 0);
    must(!fill || tally_ledger_write(ledger, FUZZ_NOW_MS, fill, NULL, NULL) == 0);
    return ledger;
}

#endif
