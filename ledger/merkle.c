/* RFC 6962 section 2.1: compact ranges, provers over perfect subtrees, and the verifiers of RFC
 * 9162 sections 2.1.3.2 and 2.1.4.2. Where hashes are kept is the caller's business. */
#include <tally/merkle.h>

#include <assert.h>
#include <inttypes.h>

#define PROVABLE_MAX_LEAVES (UINT64_C(1) << 63)

void tally_range_init(tally_range *range) {
    range->size = 0;
    range->count = 0;
}

void tally_range_append(tally_range *range, const tally_hash *leaf, tally_subtree_fn *completed,
                        void *ctx) {
    assert(range->size < UINT64_MAX);
    assert(range->count == (uint32_t)__builtin_popcountll(range->size));
    tally_hash node = *leaf;
    unsigned level = 0;
    uint64_t index = range->size;
    for (;;) {
        if (completed) completed(ctx, level, index, &node);
        if (!(index & 1)) break;
        tally_node_hash(&range->nodes[--range->count], &node, &node);
        index >>= 1;
        level++;
    }
    range->nodes[range->count++] = node;
    range->size++;
}

void tally_range_root(const tally_range *range, tally_hash *root) {
    if (range->count == 0) {
        tally_sha256(tally_span_of(NULL, 0), root);
        return;
    }
    tally_hash node = range->nodes[range->count - 1];
    for (uint32_t i = range->count - 1; i > 0; i--)
        tally_node_hash(&range->nodes[i - 1], &node, &node);
    *root = node;
}

/* What a prover carries down the tree: the leaves [begin, end) still in question and the path,
 * root's end first. */
typedef struct descent {
    uint64_t begin, end;
    tally_subtree_get *get;
    void *ctx;
    tally_proof *path;
} descent;

/* k of RFC 6962: the largest power of two smaller than `count`; count > 1. */
static uint64_t split_of(uint64_t count) {
    return UINT64_C(1) << (63 - __builtin_clzll(count - 1));
}

/* MTH(D[begin:end]). In every subtree of an RFC 6962 tree `begin` is a multiple of its width
 * rounded up to a power of two, so the set bits of that width name the perfect subtrees it is made
 * of; they are joined from the right. */
static int push_subtree(descent *at, uint64_t begin, uint64_t end, tally_error *err) {
    assert(at->path->count < TALLY_PROOF_MAX_HASHES);
    tally_hash root;
    bool joined = false;
    for (uint64_t width = end - begin; width != 0; width &= width - 1) {
        unsigned level = (unsigned)__builtin_ctzll(width);
        end -= UINT64_C(1) << level;
        tally_hash node;
        int rc = at->get(at->ctx, level, end >> level, &node, err);
        if (rc != 0) return rc;
        if (joined)
            tally_node_hash(&node, &root, &root);
        else
            root = node;
        joined = true;
    }
    at->path->hashes[at->path->count++] = root;
    return 0;
}

/* One step towards the leaves: into [begin, begin + k) when `left`, else into the rest; the other
 * side joins the path. */
static int descend(descent *at, bool left, tally_error *err) {
    uint64_t middle = at->begin + split_of(at->end - at->begin);
    int rc =
        left ? push_subtree(at, middle, at->end, err) : push_subtree(at, at->begin, middle, err);
    if (left)
        at->end = middle;
    else
        at->begin = middle;
    return rc;
}

static void path_reverse(tally_proof *path) {
    for (uint32_t low = 0, high = path->count; low + 1 < high; low++) {
        tally_hash kept = path->hashes[low];
        path->hashes[low] = path->hashes[--high];
        path->hashes[high] = kept;
    }
}

int tally_inclusion_prove(uint64_t index, uint64_t size, tally_subtree_get *get, void *ctx,
                          tally_proof *out, tally_error *err) {
    out->count = 0;
    if (index >= size)
        return tally_fail(err, TALLY_EINVAL,
                          "no inclusion proof for leaf %" PRIu64 ": the tree has %" PRIu64
                          " leaves",
                          index, size);
    if (size > PROVABLE_MAX_LEAVES)
        return tally_fail(err, TALLY_ELIMIT, "no proof in a tree of more than 2^63 leaves");
    descent at = {0, size, get, ctx, out};
    while (at.end - at.begin > 1) {
        int rc = descend(&at, index - at.begin < split_of(at.end - at.begin), err);
        if (rc != 0) return rc;
    }
    path_reverse(out);
    return 0;
}

int tally_consistency_prove(uint64_t size1, uint64_t size2, tally_subtree_get *get, void *ctx,
                            tally_proof *out, tally_error *err) {
    out->count = 0;
    if (size1 == 0 || size1 > size2)
        return tally_fail(err, TALLY_EINVAL,
                          "no consistency proof from size %" PRIu64 " to size %" PRIu64
                          ": the first must be at least 1 and not above the second",
                          size1, size2);
    if (size2 > PROVABLE_MAX_LEAVES)
        return tally_fail(err, TALLY_ELIMIT, "no proof in a tree of more than 2^63 leaves");
    descent at = {0, size2, get, ctx, out};
    while (at.end != size1) {
        int rc = descend(&at, size1 - at.begin <= split_of(at.end - at.begin), err);
        if (rc != 0) return rc;
    }
    /* A subtree that starts at leaf 0 is the whole old tree, whose root the verifier has. */
    if (at.begin != 0) {
        int rc = push_subtree(&at, at.begin, at.end, err);
        if (rc != 0) return rc;
    }
    path_reverse(out);
    return 0;
}

/* Where a verifier stands: `fn` and `sn` of RFC 9162, the path's node and the last node on the
 * current level. */
typedef struct ascent {
    uint64_t fn, sn;
} ascent;

/* True when the next proof hash is a left sibling; skips the levels on which the node has no
 * sibling. */
static bool sibling_is_left(ascent *at) {
    bool left = (at->fn & 1) != 0 || at->fn == at->sn;
    while (left && !(at->fn & 1) && at->fn != 0) {
        at->fn >>= 1;
        at->sn >>= 1;
    }
    return left;
}

static void ascend(ascent *at) {
    at->fn >>= 1;
    at->sn >>= 1;
}

int tally_inclusion_verify(uint64_t index, uint64_t size, const tally_hash *leaf,
                           const tally_hash *proof, size_t count, const tally_hash *root) {
    if (index >= size) return TALLY_EFORMAT;
    ascent at = {index, size - 1};
    tally_hash node = *leaf;
    for (size_t i = 0; i < count; i++) {
        if (at.sn == 0) return TALLY_EFORMAT;
        if (sibling_is_left(&at))
            tally_node_hash(&proof[i], &node, &node);
        else
            tally_node_hash(&node, &proof[i], &node);
        ascend(&at);
    }
    return at.sn == 0 && tally_hash_eq(&node, root) ? 0 : TALLY_EFORMAT;
}

int tally_consistency_verify(uint64_t size1, uint64_t size2, const tally_hash *proof, size_t count,
                             const tally_hash *root1, const tally_hash *root2) {
    if (size1 == size2) return count == 0 && tally_hash_eq(root1, root2) ? 0 : TALLY_EFORMAT;
    /* An empty tree is a prefix of everything: a proof from it would state nothing, and RFC 9162
     * defines none. */
    if (size1 == 0 || size1 > size2 || count == 0) return TALLY_EFORMAT;
    ascent at = {size1 - 1, size2 - 1};
    while (at.fn & 1)
        ascend(&at);
    /* fn is 0 exactly when size1 is a power of two: the old root is then itself the proof's first
     * node. */
    size_t next = at.fn == 0 ? 0 : 1;
    tally_hash old_root = at.fn == 0 ? *root1 : proof[0];
    tally_hash new_root = old_root;
    for (; next < count; next++) {
        if (at.sn == 0) return TALLY_EFORMAT;
        if (sibling_is_left(&at)) {
            tally_node_hash(&proof[next], &old_root, &old_root);
            tally_node_hash(&proof[next], &new_root, &new_root);
        } else {
            tally_node_hash(&new_root, &proof[next], &new_root);
        }
        ascend(&at);
    }
    bool holds = at.sn == 0 && tally_hash_eq(&old_root, root1) && tally_hash_eq(&new_root, root2);
    return holds ? 0 : TALLY_EFORMAT;
}
