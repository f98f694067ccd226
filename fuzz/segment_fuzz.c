/* Any bytes as a segment: below the cipher, and above it, sealed under the known secret in chunks
 * as the second byte says. The first pass stores nothing, and what it says does not depend on the
 * chunks; the second takes it into a small ledger, where what was taken whole is nothing new the
 * next time, and what that ledger then says of itself is whole. */
#include "ledger_fuzz.h"
#include "view_fold.h"

#include <tally/segment.h>

#include "../tests/unit/segment_seal.h"

#define SEALED_MAX_BYTES (512u * 1024u)
#define INPUT_MAX_BYTES  (64u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const tally_team_secret secret = {.epoch = 1, .bytes = {0x5e, 0xc2, 0xe7}};

static tally_wire_packer *packer;
static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
static tally_segment_span spans[TALLY_WIRE_MAX_HEADS];

static tally_segment_read reading_of(seal_source *source) {
    static tally_key *key;
    const uint8_t seed[32] = {1};
    if (!packer) must(tally_wire_packer_new(&packer, NULL) == 0);
    if (!key) must(tally_key_from_seed(seed, &key, NULL) == 0);
    source->at = 0;
    return (tally_segment_read){.secrets = &secret,
                                .secret_count = 1,
                                .key = key,
                                .packer = packer,
                                .source = seal_read,
                                .ctx = source,
                                .heads = heads,
                                .spans = spans};
}

/* ---- the first pass ---- */

typedef struct outcome {
    int rc;
    uint64_t records, blobs, forks;
    size_t heads, spans;
    int64_t clock_ms;
} outcome;

static outcome check(const uint8_t *bytes, size_t len) {
    seal_source source = {.bytes = bytes, .len = len};
    tally_segment_read read = reading_of(&source);
    int rc = tally_segment_check(&read, NULL);
    must(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_ELIMIT);
    must(rc != 0 || source.at == len);
    must(read.head_count <= TALLY_WIRE_MAX_HEADS && read.span_count <= TALLY_WIRE_MAX_HEADS);
    for (size_t i = 0; i < read.span_count; i++)
        must(spans[i].from < spans[i].size);
    return (outcome){
        rc, read.records, read.blobs, read.forks, read.head_count, read.span_count, read.clock_ms};
}

/* ---- the second ---- */

static int sink(void *ctx, tally_span bytes, tally_error *err) {
    return tally_buffer_add(ctx, bytes, err);
}

/* All that is here, as a segment that is in order and holds nothing that is not here. */
static void write_back(tally_txn *txn) {
    tally_buffer out;
    tally_buffer_init(&out, SEALED_MAX_BYTES);
    tally_segment_write written = {.txn = txn,
                                   .secret = &secret,
                                   .packer = packer,
                                   .now_ms = FUZZ_NOW_MS,
                                   .sink = sink,
                                   .ctx = &out};
    must(tally_segment_write_to(&written, NULL) == 0);
    outcome again = check(out.ptr, out.len);
    must(again.rc == 0 && again.records == written.records && again.forks == written.forks);
    tally_buffer_clear(&out);
}

/* Ends in an error, so that the ledger is as it was for the next input. */
static int take_it(void *ctx, tally_txn *txn, tally_error *err) {
    seal_source *source = ctx;
    tally_hash folded, rebuilt;
    tally_segment_read read = reading_of(source);
    int rc = tally_segment_take(&read, txn, NULL);
    must(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_ELIMIT);
    if (rc != 0) return tally_fail(err, TALLY_EREFUSED, "seen");
    bool whole = read.skipped == 0; /* else what was left out may be taken now, or be refused */
    read = reading_of(source);
    rc = tally_segment_take(&read, txn, NULL);
    must(rc == 0 ? !whole || read.forked == 0 : !whole && rc == TALLY_EFORMAT);
    if (rc != 0) return tally_fail(err, TALLY_EREFUSED, "seen");
    write_back(txn);
    must(tally_view_digest(txn, &folded, NULL) == 0 && view_rebuild_in(txn, NULL) == 0);
    must(tally_view_digest(txn, &rebuilt, NULL) == 0 && tally_hash_eq(&folded, &rebuilt));
    return tally_fail(err, TALLY_EREFUSED, "seen");
}

static void take_sealed(const uint8_t *sealed, size_t len) {
    static tally_ledger *ledger;
    seal_source source = {.bytes = sealed, .len = len};
    if (!ledger) ledger = fuzz_ledger_make(fuzz_two_admins);
    must(tally_ledger_write(ledger, FUZZ_NOW_MS, take_it, &source, NULL) == TALLY_EREFUSED);
}

/* ---- sealing ---- */

static outcome check_sealed(const uint8_t *plain, size_t len, size_t step) {
    static uint8_t sealed[SEALED_MAX_BYTES];
    seal s;
    seal_begin(&s, secret.bytes, sealed, sizeof sealed);
    for (; len > step; plain += step, len -= step)
        must(seal_chunk(&s, plain, step, SEAL_MESSAGE));
    must(seal_chunk(&s, plain, len, SEAL_FINAL));
    outcome first = check(sealed, s.len);
    if (first.rc == 0 && step == INPUT_MAX_BYTES) take_sealed(sealed, s.len);
    return first;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > INPUT_MAX_BYTES) return 0;
    if (data[0] == 0) {
        (void)check(data + 1, size - 1);
        return 0;
    }
    outcome whole = check_sealed(data + 2, size - 2, INPUT_MAX_BYTES);
    outcome pieces = check_sealed(data + 2, size - 2, 4u + data[1]);
    must(whole.rc == pieces.rc);
    if (whole.rc == 0)
        must(whole.records == pieces.records && whole.blobs == pieces.blobs &&
             whole.forks == pieces.forks && whole.heads == pieces.heads &&
             whole.spans == pieces.spans && whole.clock_ms == pieces.clock_ms);
    return 0;
}
