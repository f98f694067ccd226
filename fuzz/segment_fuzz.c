/* Any bytes as a segment: below the cipher, and above it, sealed under the known secret in chunks
 * as the second byte says. The first pass stores nothing, and what it says does not depend on the
 * chunks. */
#include <tally/segment.h>

#include <stdlib.h>

#include "../tests/unit/segment_seal.h"

#define SEALED_MAX_BYTES (512u * 1024u)
#define INPUT_MAX_BYTES  (64u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const tally_team_secret secret = {.epoch = 1, .bytes = {0x5e, 0xc2, 0xe7}};

static void must(bool condition) {
    if (!condition) abort();
}

typedef struct outcome {
    int rc;
    uint64_t records, blobs, forks;
    size_t heads, spans;
    int64_t clock_ms;
} outcome;

static outcome check(const uint8_t *bytes, size_t len) {
    static tally_wire_packer *packer;
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    static tally_segment_span spans[TALLY_WIRE_MAX_HEADS];
    static tally_key *key;
    const uint8_t seed[32] = {1};
    seal_source source = {.bytes = bytes, .len = len};
    if (!packer) must(tally_wire_packer_new(&packer, NULL) == 0);
    if (!key) must(tally_key_from_seed(seed, &key, NULL) == 0);
    tally_segment_read read = {.secrets = &secret,
                               .secret_count = 1,
                               .key = key,
                               .packer = packer,
                               .source = seal_read,
                               .ctx = &source,
                               .heads = heads,
                               .spans = spans};
    int rc = tally_segment_check(&read, NULL);
    must(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_ELIMIT);
    must(rc != 0 || source.at == len);
    must(read.head_count <= TALLY_WIRE_MAX_HEADS && read.span_count <= TALLY_WIRE_MAX_HEADS);
    for (size_t i = 0; i < read.span_count; i++)
        must(spans[i].from < spans[i].size);
    return (outcome){
        rc, read.records, read.blobs, read.forks, read.head_count, read.span_count, read.clock_ms};
}

static outcome check_sealed(const uint8_t *plain, size_t len, size_t step) {
    static uint8_t sealed[SEALED_MAX_BYTES];
    seal s;
    seal_begin(&s, secret.bytes, sealed, sizeof sealed);
    for (; len > step; plain += step, len -= step)
        must(seal_chunk(&s, plain, step, SEAL_MESSAGE));
    must(seal_chunk(&s, plain, len, SEAL_FINAL));
    return check(sealed, s.len);
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
