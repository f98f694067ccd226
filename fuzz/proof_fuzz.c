/* Proofs, from outside and our own: two numbers, two hashes and a proof as they come; then in a
 * small tree the numbers say what is proven, and the hashes what is bent. Nothing but a proof of
 * the length that its sizes demand may hold, what is proven holds, and bent it does not. */
#include <stdlib.h>
#include <tally/merkle.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROOF_MAX_HASHES 256u
#define HEAD_BYTES       (2 * sizeof(uint64_t) + 2 * sizeof(tally_hash))
#define TREE_LEAVES      200u
#define NO_FAILURE       UINT64_MAX

static void must(bool condition) {
    if (!condition) abort();
}

/* ---- from outside ---- */

static void try_any(uint64_t a, uint64_t b, const tally_hash hashes[2], tally_hash *proof,
                    size_t count) {
    bool included = tally_inclusion_verify(a, b, &hashes[0], proof, count, &hashes[1]) == 0;
    bool consistent = tally_consistency_verify(a, b, proof, count, &hashes[0], &hashes[1]) == 0;
    must(!included || (a < b && count <= 64));
    must(!consistent || (a <= b && (a != b || count == 0) && count <= 65));
    /* One hash more is never also a proof. */
    if (count == PROOF_MAX_HASHES) return;
    proof[count] = hashes[0];
    must(!included || tally_inclusion_verify(a, b, &hashes[0], proof, count + 1, &hashes[1]) != 0);
    must(!consistent ||
         tally_consistency_verify(a, b, proof, count + 1, &hashes[0], &hashes[1]) != 0);
}

/* ---- our own ---- */

typedef struct tree {
    tally_hash leaves[TREE_LEAVES];
    uint64_t left; /* subtrees that are given before one is not */
} tree;

static void root_of(const tree *t, uint64_t begin, uint64_t end, tally_hash *out) {
    tally_range range;
    tally_range_init(&range);
    for (uint64_t i = begin; i < end; i++)
        tally_range_append(&range, &t->leaves[i], NULL, NULL);
    tally_range_root(&range, out);
}

static int subtree_of(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                      tally_error *err) {
    tree *t = ctx;
    if (t->left == 0) return tally_fail(err, TALLY_ECORRUPT, "on purpose");
    t->left--;
    must((index + 1) << level <= TREE_LEAVES);
    root_of(t, index << level, (index + 1) << level, out);
    return 0;
}

static void bend(tally_proof *proof, const uint8_t how[4]) {
    if (proof->count == 0) return;
    uint8_t *byte = &proof->hashes[how[0] % proof->count].b[how[1] % 32u];
    *byte = (uint8_t)(*byte ^ 1u << how[2] % 8u);
}

static void try_inclusion(tree *t, uint64_t index, uint64_t size, const uint8_t how[4]) {
    tally_proof proof;
    tally_hash root;
    root_of(t, 0, size, &root);
    int rc = tally_inclusion_prove(index, size, subtree_of, t, &proof, NULL);
    must(index < size ? rc == 0 || (rc == TALLY_ECORRUPT && t->left == 0) : rc == TALLY_EINVAL);
    if (rc != 0) return;
    const tally_hash *leaf = &t->leaves[index];
    must(tally_inclusion_verify(index, size, leaf, proof.hashes, proof.count, &root) == 0);
    must(tally_inclusion_verify(index, size, &t->leaves[(index + 1 + how[3] % 100u) % TREE_LEAVES],
                                proof.hashes, proof.count, &root) != 0);
    bend(&proof, how);
    must(proof.count == 0 ||
         tally_inclusion_verify(index, size, leaf, proof.hashes, proof.count, &root) != 0);
}

static void try_consistency(tree *t, uint64_t before, uint64_t size, const uint8_t how[4]) {
    tally_proof proof;
    tally_hash old, root;
    int rc = tally_consistency_prove(before, size, subtree_of, t, &proof, NULL);
    must(before > 0 && before <= size ? rc == 0 || (rc == TALLY_ECORRUPT && t->left == 0)
                                      : rc == TALLY_EINVAL);
    if (rc != 0) return;
    root_of(t, 0, before, &old);
    root_of(t, 0, size, &root);
    must(tally_consistency_verify(before, size, proof.hashes, proof.count, &old, &root) == 0);
    must(before == size ||
         tally_consistency_verify(before, size, proof.hashes, proof.count, &root, &old) != 0);
    bend(&proof, how);
    must(proof.count == 0 ||
         tally_consistency_verify(before, size, proof.hashes, proof.count, &old, &root) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tally_hash proof[PROOF_MAX_HASHES];
    static tree made;
    tally_hash hashes[2];
    if (size < HEAD_BYTES) return 0;
    uint64_t a = tally_get_be64(data), b = tally_get_be64(data + 8);
    memcpy(hashes, data + 16, sizeof hashes);
    size_t count = (size - HEAD_BYTES) / sizeof(tally_hash);
    if (count > PROOF_MAX_HASHES) count = PROOF_MAX_HASHES;
    memcpy(proof, data + HEAD_BYTES, count * sizeof proof[0]);
    try_any(a, b, hashes, proof, count);

    for (unsigned i = 0; i < TREE_LEAVES; i++)
        made.leaves[i].b[0] = (uint8_t)(i + 1);
    const uint8_t *how = hashes[0].b;
    made.left = how[4] & 1 ? how[5] % 16u : NO_FAILURE;
    try_inclusion(&made, a % TREE_LEAVES, b % (TREE_LEAVES + 1), how);
    try_consistency(&made, a % (TREE_LEAVES + 1), b % (TREE_LEAVES + 1), how);
    tally_proof huge;
    made.left = NO_FAILURE;
    if (b > UINT64_C(1) << 63 && a < b && a > 0)
        must(tally_inclusion_prove(a, b, subtree_of, &made, &huge, NULL) == TALLY_ELIMIT &&
             tally_consistency_prove(a, b, subtree_of, &made, &huge, NULL) == TALLY_ELIMIT);
    return 0;
}
