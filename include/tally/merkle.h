/* RFC 6962 Merkle trees (section 2.1) over leaf hashes: compact ranges, roots, inclusion and
 * consistency proofs. No I/O: provers ask a callback for subtree hashes. */
#ifndef TALLY_MERKLE_H
#define TALLY_MERKLE_H

#include <tally/error.h>
#include <tally/hash.h>

#define TALLY_MERKLE_MAX_LEVELS 64
#define TALLY_PROOF_MAX_HASHES  64 /* no proof for a tree of up to 2^63 leaves is longer */

/* The right edge of a tree of `size` leaves: one perfect subtree root per set bit of size, largest
 * first. */
typedef struct tally_range {
    uint64_t size;
    uint32_t count;
    tally_hash nodes[TALLY_MERKLE_MAX_LEVELS];
} tally_range;

void tally_range_init(tally_range *range);
/* Appends one leaf hash. If `completed` is not NULL it is called for every perfect subtree this
 * leaf completes, from level 0 (the leaf itself) up: level, index of the subtree at that level, its
 * hash. */
typedef void tally_subtree_fn(void *ctx, unsigned level, uint64_t index, const tally_hash *hash);
void tally_range_append(tally_range *range, const tally_hash *leaf, tally_subtree_fn *completed,
                        void *ctx);
/* The root; SHA-256 of nothing for an empty tree. */
void tally_range_root(const tally_range *range, tally_hash *root);

typedef struct tally_proof {
    uint32_t count;
    tally_hash hashes[TALLY_PROOF_MAX_HASHES];
} tally_proof;

/* Fetches the hash of the perfect subtree at (level, index): leaves index << level .. +2^level. */
typedef int tally_subtree_get(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                              tally_error *err);

/* PATH(index, D[size]) of RFC 6962 2.1.1; index < size. */
int tally_inclusion_prove(uint64_t index, uint64_t size, tally_subtree_get *get, void *ctx,
                          tally_proof *out, tally_error *err);
/* PROOF(size1, D[size2]) of RFC 6962 2.1.2; 0 < size1 <= size2 (empty when equal). */
int tally_consistency_prove(uint64_t size1, uint64_t size2, tally_subtree_get *get, void *ctx,
                            tally_proof *out, tally_error *err);

/* 0 when the proof holds, TALLY_EFORMAT otherwise. Hash counts come from outside: any value is
 * safe. */
int tally_inclusion_verify(uint64_t index, uint64_t size, const tally_hash *leaf,
                           const tally_hash *proof, size_t count, const tally_hash *root);
int tally_consistency_verify(uint64_t size1, uint64_t size2, const tally_hash *proof, size_t count,
                             const tally_hash *root1, const tally_hash *root2);

#endif
