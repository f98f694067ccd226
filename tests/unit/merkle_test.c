/* RFC 6962 trees: ranges and proofs against published roots and against a naive reading of section
 * 2.1, kept here. The published proof vectors are run by tests/vectors/merkle_vectors.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/merkle.h>

#define TREE_MAX_LEAVES 130u
#define MUTATED_SIZE    13u

/* The eight leaves of the Certificate Transparency test data and the root after each. */
static const struct {
    tally_span leaf;
    const char *root;
} published[] = {
    {{(const uint8_t *)"", 0}, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {{(const uint8_t *)"\x00", 1},
     "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {{(const uint8_t *)"\x10", 1},
     "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {{(const uint8_t *)"\x20\x21", 2},
     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {{(const uint8_t *)"\x30\x31", 2},
     "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {{(const uint8_t *)"\x40\x41\x42\x43", 4},
     "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {{(const uint8_t *)"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
     "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {{(const uint8_t *)"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16},
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};
#define PUBLISHED_COUNT (sizeof published / sizeof published[0])

static tally_hash leaves[TREE_MAX_LEAVES];

static int make_leaves(void **state) {
    (void)state;
    for (uint32_t i = 0; i < TREE_MAX_LEAVES; i++) {
        uint8_t record[4];
        tally_put_be32(record, i);
        tally_leaf_hash(tally_span_of(record, sizeof record), &leaves[i]);
    }
    return 0;
}

/* MTH of RFC 6962 section 2.1, word for word. */
static tally_hash naive_root(uint64_t begin, uint64_t end) {
    tally_hash out;
    if (end == begin) {
        tally_sha256(tally_span_of(NULL, 0), &out);
        return out;
    }
    if (end - begin == 1) return leaves[begin];
    uint64_t k = 1;
    while (k * 2 < end - begin)
        k *= 2;
    tally_hash left = naive_root(begin, begin + k), right = naive_root(begin + k, end);
    tally_node_hash(&left, &right, &out);
    return out;
}

/* PATH of section 2.1.1. */
static void naive_path(uint64_t m, uint64_t begin, uint64_t end, tally_proof *out) {
    if (end - begin == 1) return;
    uint64_t k = 1;
    while (k * 2 < end - begin)
        k *= 2;
    if (m < k) {
        naive_path(m, begin, begin + k, out);
        out->hashes[out->count++] = naive_root(begin + k, end);
    } else {
        naive_path(m - k, begin + k, end, out);
        out->hashes[out->count++] = naive_root(begin, begin + k);
    }
}

/* SUBPROOF of section 2.1.2. */
static void naive_subproof(uint64_t m, uint64_t begin, uint64_t end, bool whole, tally_proof *out) {
    if (m == end - begin) {
        if (!whole) out->hashes[out->count++] = naive_root(begin, end);
        return;
    }
    uint64_t k = 1;
    while (k * 2 < end - begin)
        k *= 2;
    if (m <= k) {
        naive_subproof(m, begin, begin + k, whole, out);
        out->hashes[out->count++] = naive_root(begin + k, end);
    } else {
        naive_subproof(m - k, begin + k, end, false, out);
        out->hashes[out->count++] = naive_root(begin, begin + k);
    }
}

/* Serves perfect subtrees only, and only inside the tree of *ctx leaves. */
static int get_subtree(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                       tally_error *err) {
    (void)err;
    const uint64_t *size = ctx;
    uint64_t begin = index << level, end = begin + (UINT64_C(1) << level);
    assert_true(end <= *size);
    *out = naive_root(begin, end);
    return 0;
}

static int get_nothing(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                       tally_error *err) {
    (void)ctx, (void)out;
    return tally_fail(err, TALLY_ECORRUPT, "no subtree %u/%u", level, (unsigned)index);
}

static void assert_proofs_equal(const tally_proof *a, const tally_proof *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->hashes, b->hashes, a->count * sizeof a->hashes[0]);
}

static void the_published_leaves_give_the_published_roots(void **state) {
    (void)state;
    tally_range range;
    tally_hash root, leaf;
    char hex[2 * TALLY_HASH_BYTES + 1];
    tally_range_init(&range);
    tally_range_root(&range, &root);
    tally_hex(tally_span_of(root.b, sizeof root.b), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < PUBLISHED_COUNT; i++) {
        tally_leaf_hash(published[i].leaf, &leaf);
        tally_range_append(&range, &leaf, NULL, NULL);
        tally_range_root(&range, &root);
        tally_hex(tally_span_of(root.b, sizeof root.b), hex);
        assert_string_equal(hex, published[i].root);
    }
    assert_int_equal(range.size, 8);
    assert_int_equal(range.count, 1);
}

/* Counts the subtrees reported and checks each. */
static void check_subtree(void *ctx, unsigned level, uint64_t index, const tally_hash *hash) {
    uint64_t *count = ctx;
    ++*count;
    tally_hash expected = naive_root(index << level, (index + 1) << level);
    assert_true(tally_hash_eq(&expected, hash));
}

static void every_completed_subtree_is_reported_once(void **state) {
    (void)state;
    tally_range range;
    tally_range_init(&range);
    uint64_t reported = 0, expected = 0;
    for (uint64_t i = 0; i < TREE_MAX_LEAVES; i++) {
        tally_range_append(&range, &leaves[i], check_subtree, &reported);
        /* Leaf number n = i + 1 completes one subtree per power of two that divides n. */
        for (uint64_t n = i + 1; n > 0 && (n & 1) == 0; n >>= 1)
            expected++;
        expected++;
        assert_int_equal(reported, expected);
        tally_hash root, naive = naive_root(0, i + 1);
        tally_range_root(&range, &root);
        assert_true(tally_hash_eq(&root, &naive));
    }
}

static void inclusion_proofs_are_those_of_the_rfc_and_hold(void **state) {
    (void)state;
    tally_error err;
    for (uint64_t size = 1; size <= TREE_MAX_LEAVES; size++) {
        tally_hash root = naive_root(0, size);
        for (uint64_t i = 0; i < size; i++) {
            tally_proof proof, naive = {0};
            assert_int_equal(tally_inclusion_prove(i, size, get_subtree, &size, &proof, &err), 0);
            naive_path(i, 0, size, &naive);
            assert_proofs_equal(&proof, &naive);
            assert_int_equal(
                tally_inclusion_verify(i, size, &leaves[i], proof.hashes, proof.count, &root), 0);
        }
    }
}

static void consistency_proofs_are_those_of_the_rfc_and_hold(void **state) {
    (void)state;
    tally_error err;
    for (uint64_t size = 1; size <= TREE_MAX_LEAVES; size++) {
        tally_hash root = naive_root(0, size);
        for (uint64_t old = 1; old <= size; old++) {
            tally_proof proof, naive = {0};
            assert_int_equal(tally_consistency_prove(old, size, get_subtree, &size, &proof, &err),
                             0);
            naive_subproof(old, 0, size, true, &naive);
            assert_proofs_equal(&proof, &naive);
            tally_hash old_root = naive_root(0, old);
            assert_int_equal(
                tally_consistency_verify(old, size, proof.hashes, proof.count, &old_root, &root),
                0);
        }
    }
}

static void flip(void *bytes, size_t bit) {
    ((uint8_t *)bytes)[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void an_inclusion_proof_with_any_bit_changed_is_refused(void **state) {
    (void)state;
    uint64_t size = MUTATED_SIZE;
    for (uint64_t i = 0; i < size; i++) {
        tally_proof proof;
        tally_hash root = naive_root(0, size), leaf = leaves[i];
        assert_int_equal(tally_inclusion_prove(i, size, get_subtree, &size, &proof, NULL), 0);
        for (size_t bit = 0; bit < proof.count * 8u * TALLY_HASH_BYTES; bit++) {
            flip(proof.hashes, bit);
            assert_int_equal(
                tally_inclusion_verify(i, size, &leaf, proof.hashes, proof.count, &root),
                TALLY_EFORMAT);
            flip(proof.hashes, bit);
        }
        for (size_t bit = 0; bit < 8u * TALLY_HASH_BYTES; bit++) {
            flip(&leaf, bit);
            assert_int_equal(
                tally_inclusion_verify(i, size, &leaf, proof.hashes, proof.count, &root),
                TALLY_EFORMAT);
            flip(&leaf, bit);
        }
        for (uint64_t other = 0; other < size; other++)
            if (other != i)
                assert_int_equal(
                    tally_inclusion_verify(other, size, &leaf, proof.hashes, proof.count, &root),
                    TALLY_EFORMAT);
    }
}

static void a_consistency_proof_with_any_bit_changed_is_refused(void **state) {
    (void)state;
    uint64_t size = MUTATED_SIZE;
    for (uint64_t old = 1; old < size; old++) {
        tally_proof proof;
        tally_hash roots[2] = {naive_root(0, old), naive_root(0, size)};
        assert_int_equal(tally_consistency_prove(old, size, get_subtree, &size, &proof, NULL), 0);
        for (size_t bit = 0; bit < proof.count * 8u * TALLY_HASH_BYTES; bit++) {
            flip(proof.hashes, bit);
            assert_int_equal(tally_consistency_verify(old, size, proof.hashes, proof.count,
                                                      &roots[0], &roots[1]),
                             TALLY_EFORMAT);
            flip(proof.hashes, bit);
        }
        for (size_t bit = 0; bit < 2 * 8u * TALLY_HASH_BYTES; bit++) {
            flip(roots, bit);
            assert_int_equal(tally_consistency_verify(old, size, proof.hashes, proof.count,
                                                      &roots[0], &roots[1]),
                             TALLY_EFORMAT);
            flip(roots, bit);
        }
    }
}

static void equal_sizes_need_equal_roots_and_an_empty_proof(void **state) {
    (void)state;
    tally_hash a = leaves[0], b = leaves[1];
    for (uint64_t size = 0; size < 3; size++) {
        assert_int_equal(tally_consistency_verify(size, size, NULL, 0, &a, &a), 0);
        assert_int_equal(tally_consistency_verify(size, size, NULL, 0, &a, &b), TALLY_EFORMAT);
        assert_int_equal(tally_consistency_verify(size, size, &a, 1, &a, &a), TALLY_EFORMAT);
    }
}

static void a_proof_from_the_empty_tree_or_into_the_past_is_refused(void **state) {
    (void)state;
    tally_hash empty = naive_root(0, 0), one = leaves[0];
    assert_int_equal(tally_consistency_verify(0, 1, NULL, 0, &empty, &one), TALLY_EFORMAT);
    assert_int_equal(tally_consistency_verify(0, 1, &one, 1, &empty, &one), TALLY_EFORMAT);
    assert_int_equal(tally_consistency_verify(1, 0, NULL, 0, &one, &empty), TALLY_EFORMAT);
    assert_int_equal(tally_consistency_verify(1, 2, NULL, 0, &one, &one), TALLY_EFORMAT);
}

/* Roots made to measure: hashing on past the root would reach them, so only the lengths tell. */
static void a_hash_past_the_root_is_refused_even_when_it_leads_to_the_root_given(void **state) {
    (void)state;
    tally_hash extra = leaves[9], above, old_above, new_above, low = naive_root(0, 2);
    tally_node_hash(&extra, &leaves[0], &above);
    assert_int_equal(tally_inclusion_verify(0, 1, &leaves[0], &extra, 1, &above), TALLY_EFORMAT);
    tally_hash old_root = naive_root(0, 3), new_root = naive_root(0, 4);
    tally_hash proof[] = {leaves[2], leaves[3], low, extra};
    assert_int_equal(tally_consistency_verify(3, 4, proof, 3, &old_root, &new_root), 0);
    tally_node_hash(&extra, &old_root, &old_above);
    tally_node_hash(&extra, &new_root, &new_above);
    assert_int_equal(tally_consistency_verify(3, 4, proof, 4, &old_above, &new_above),
                     TALLY_EFORMAT);
}

/* The same the other way: a proof that ends below the root. */
static void a_proof_that_stops_short_is_refused_even_when_it_reaches_the_root_given(void **state) {
    (void)state;
    tally_hash pair = naive_root(0, 2);
    assert_int_equal(tally_inclusion_verify(0, 2, &leaves[0], &leaves[1], 1, &pair), 0);
    assert_int_equal(tally_inclusion_verify(0, 4, &leaves[0], &leaves[1], 1, &pair), TALLY_EFORMAT);
    assert_int_equal(tally_consistency_verify(1, 4, &leaves[1], 1, &leaves[0], &pair),
                     TALLY_EFORMAT);
}

static void extreme_sizes_and_counts_are_refused_without_harm(void **state) {
    (void)state;
    static tally_hash proof[200];
    tally_hash root = leaves[0];
    static const uint64_t sizes[] = {0, 1, 2, 3, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX};
    size_t n = sizeof sizes / sizeof sizes[0];
    for (size_t i = 0; i < n * n; i++) {
        uint64_t a = sizes[i / n], b = sizes[i % n];
        for (size_t count = 1; count <= 200; count++) {
            assert_int_equal(tally_inclusion_verify(a, b, &root, proof, count, &root),
                             TALLY_EFORMAT);
            assert_int_equal(tally_consistency_verify(a, b, proof, count, &root, &root),
                             TALLY_EFORMAT);
        }
    }
}

static void impossible_proofs_are_not_made(void **state) {
    (void)state;
    tally_error err;
    tally_proof proof;
    uint64_t size = 4, huge = (UINT64_C(1) << 63) + 1;
    assert_int_equal(tally_inclusion_prove(4, 4, get_subtree, &size, &proof, &err), TALLY_EINVAL);
    assert_int_equal(tally_inclusion_prove(0, 0, get_subtree, &size, &proof, &err), TALLY_EINVAL);
    assert_int_equal(tally_consistency_prove(0, 4, get_subtree, &size, &proof, &err), TALLY_EINVAL);
    assert_int_equal(tally_consistency_prove(5, 4, get_subtree, &size, &proof, &err), TALLY_EINVAL);
    assert_int_equal(tally_inclusion_prove(0, huge, get_subtree, &size, &proof, &err),
                     TALLY_ELIMIT);
    assert_int_equal(tally_consistency_prove(1, huge, get_subtree, &size, &proof, &err),
                     TALLY_ELIMIT);
}

static void a_missing_subtree_is_passed_on_with_its_words(void **state) {
    (void)state;
    tally_error err;
    tally_proof proof;
    assert_int_equal(tally_inclusion_prove(1, 4, get_nothing, NULL, &proof, &err), TALLY_ECORRUPT);
    assert_string_equal(err.text, "no subtree 1/1");
    assert_int_equal(tally_consistency_prove(3, 4, get_nothing, NULL, &proof, &err),
                     TALLY_ECORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_leaves_give_the_published_roots),
        cmocka_unit_test(every_completed_subtree_is_reported_once),
        cmocka_unit_test(inclusion_proofs_are_those_of_the_rfc_and_hold),
        cmocka_unit_test(consistency_proofs_are_those_of_the_rfc_and_hold),
        cmocka_unit_test(an_inclusion_proof_with_any_bit_changed_is_refused),
        cmocka_unit_test(a_consistency_proof_with_any_bit_changed_is_refused),
        cmocka_unit_test(equal_sizes_need_equal_roots_and_an_empty_proof),
        cmocka_unit_test(a_proof_from_the_empty_tree_or_into_the_past_is_refused),
        cmocka_unit_test(a_hash_past_the_root_is_refused_even_when_it_leads_to_the_root_given),
        cmocka_unit_test(a_proof_that_stops_short_is_refused_even_when_it_reaches_the_root_given),
        cmocka_unit_test(extreme_sizes_and_counts_are_refused_without_harm),
        cmocka_unit_test(impossible_proofs_are_not_made),
        cmocka_unit_test(a_missing_subtree_is_passed_on_with_its_words),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
