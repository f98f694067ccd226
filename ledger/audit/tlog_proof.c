/* One record's proof as a C2SP tlog-proof (c2sp.org/tlog-proof@v1): index, hashes, checkpoint. */
#include "../feed_tree.h"

#include <tally/audit.h>

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_LINE_BYTES 48u
#define PROOF_MAX_BYTES                                                                            \
    (64u + TALLY_PROOF_MAX_HASHES * HASH_LINE_BYTES + TALLY_CHECKPOINT_MAX_BYTES)

typedef struct proof_tree {
    tally_txn *txn;
    uint32_t feed;
} proof_tree;

static int read_subtree(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                        tally_error *err) {
    const proof_tree *tree = ctx;
    return feed_subtree(tree->txn, tree->feed, level, index, out, err);
}

static int prove(tally_txn *txn, uint32_t feed, uint64_t index, tally_checkpoint *cp,
                 tally_proof *proof, tally_error *err) {
    proof_tree tree = {txn, feed};
    tally_hash leaf;
    int rc = feed_leaf(txn, feed, index, &leaf, err);
    if (rc == 0) rc = tally_checkpoint_get(txn, feed, index, cp, err);
    if (rc == 0) rc = tally_inclusion_prove(index, cp->size, read_subtree, &tree, proof, err);
    if (rc == 0 &&
        tally_inclusion_verify(index, cp->size, &leaf, proof->hashes, proof->count, &cp->root) != 0)
        rc = tally_fail(err, TALLY_ECORRUPT,
                        "record %" PRIu64 " is not what was signed; run 'tally fsck'", index);
    return rc;
}

int tally_record_proof(tally_txn *txn, uint32_t feed, uint64_t index, char **out, size_t *len,
                       tally_error *err) {
    tally_checkpoint cp;
    tally_proof proof;
    tally_feed owner;
    char origin[TALLY_ORIGIN_MAX_BYTES], hash[HASH_LINE_BYTES];
    *out = NULL;
    int rc = tally_feed_get(txn, feed, &owner, err);
    if (rc == 0) rc = prove(txn, feed, index, &cp, &proof, err);
    if (rc != 0) return rc;
    char *text = malloc(PROOF_MAX_BYTES);
    if (!text) return tally_fail(err, TALLY_ENOMEM, "no memory for a proof");
    size_t at = (size_t)snprintf(text, PROOF_MAX_BYTES,
                                 "c2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", index);
    for (uint32_t i = 0; i < proof.count; i++) {
        (void)sodium_bin2base64(hash, sizeof hash, proof.hashes[i].b, TALLY_HASH_BYTES,
                                sodium_base64_VARIANT_ORIGINAL);
        at += (size_t)snprintf(text + at, PROOF_MAX_BYTES - at, "%s\n", hash);
    }
    text[at++] = '\n';
    tally_origin_format(tally_ledger_team(txn->ledger), &owner.device, origin);
    at += tally_checkpoint_format(&owner.device, origin, &cp, text + at);
    *out = text;
    *len = at;
    return 0;
}
