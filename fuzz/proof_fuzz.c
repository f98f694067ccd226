/* Fuzzes both proof verifiers: two numbers, two hashes, then the proof. Nothing but a proof of the
 * length that its sizes demand may hold. */
#include <stdlib.h>
#include <tally/merkle.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROOF_MAX_HASHES 256u
#define HEAD_BYTES       (2 * sizeof(uint64_t) + 2 * sizeof(tally_hash))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tally_hash proof[PROOF_MAX_HASHES];
    tally_hash hashes[2];
    if (size < HEAD_BYTES) return 0;
    uint64_t a = tally_get_be64(data), b = tally_get_be64(data + 8);
    memcpy(hashes, data + 16, sizeof hashes);
    size_t count = (size - HEAD_BYTES) / sizeof(tally_hash);
    if (count > PROOF_MAX_HASHES) count = PROOF_MAX_HASHES;
    memcpy(proof, data + HEAD_BYTES, count * sizeof proof[0]);

    bool included = tally_inclusion_verify(a, b, &hashes[0], proof, count, &hashes[1]) == 0;
    bool consistent = tally_consistency_verify(a, b, proof, count, &hashes[0], &hashes[1]) == 0;
    if (included && (a >= b || count > 64)) abort();
    if (consistent && (a > b || (a == b && count != 0) || count > 65)) abort();
    /* One hash more is never also a proof. */
    if (count < PROOF_MAX_HASHES) {
        proof[count] = hashes[0];
        if (included && tally_inclusion_verify(a, b, &hashes[0], proof, count + 1, &hashes[1]) == 0)
            abort();
        if (consistent &&
            tally_consistency_verify(a, b, proof, count + 1, &hashes[0], &hashes[1]) == 0)
            abort();
    }
    return 0;
}
