/* One record's proof as a C2SP tlog-proof (c2sp.org/tlog-proof@v1): index, hashes, and the first
 * checkpoint that somebody cosigned (else the first there is), with the cosignatures. */
#include "../feed_tree.h"

#include <tally/audit.h>
#include <tally/cosign.h>
#include <tally/ingest.h>

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_LINE_BYTES     48u
#define PROOF_MAX_WITNESSES (TALLY_NOTE_MAX_SIGNATURES - 1u)
#define PROOF_MAX_BYTES                                                                            \
    (64u + TALLY_PROOF_MAX_HASHES * HASH_LINE_BYTES + TALLY_CHECKPOINT_MAX_BYTES +                 \
     PROOF_MAX_WITNESSES * TALLY_COSIGNATURE_LINE_MAX_BYTES)

typedef struct proof_tree {
    tally_txn *txn;
    uint32_t feed;
} proof_tree;

static int read_subtree(void *ctx, unsigned level, uint64_t index, tally_hash *out,
                        tally_error *err) {
    const proof_tree *tree = ctx;
    return feed_subtree(tree->txn, tree->feed, level, index, out, err);
}

typedef struct proof_witnesses {
    tally_txn *txn;
    uint32_t feed;
    uint64_t feed_size;
    tally_checkpoint cp; /* size 0: none yet */
    tally_cosignature rows[PROOF_MAX_WITNESSES];
    uint32_t count;
} proof_witnesses;

/* They come by size: those of the first checkpoint of this history. */
static int take_witness(void *ctx, const tally_cosignature *row, tally_error *err) {
    proof_witnesses *w = ctx;
    tally_hash root;
    uint64_t size = row->checkpoint.size;
    if (size > w->feed_size || w->count == PROOF_MAX_WITNESSES) return 0;
    if (w->cp.size != 0 && size != w->cp.size) return 0;
    int rc = tally_feed_root(w->txn, w->feed, size, &root, err);
    if (rc != 0 || !tally_hash_eq(&root, &row->checkpoint.root)) return rc;
    w->cp = row->checkpoint;
    w->rows[w->count++] = *row;
    return 0;
}

static int prove(tally_txn *txn, uint32_t feed, uint64_t index, tally_checkpoint *cp,
                 tally_proof *proof, tally_error *err) {
    proof_tree tree = {txn, feed};
    tally_hash leaf;
    int rc = feed_leaf(txn, feed, index, &leaf, err);
    if (rc == 0 && cp->size == 0) rc = tally_checkpoint_get(txn, feed, index, cp, err);
    if (rc == 0) rc = tally_inclusion_prove(index, cp->size, read_subtree, &tree, proof, err);
    if (rc == 0 &&
        tally_inclusion_verify(index, cp->size, &leaf, proof->hashes, proof->count, &cp->root) != 0)
        rc = tally_fail(err, TALLY_ECORRUPT,
                        "record %" PRIu64 " is not what was signed; run 'tally fsck'", index);
    return rc;
}

int tally_record_proof(tally_txn *txn, uint32_t feed, uint64_t index, char **out, size_t *len,
                       tally_error *err) {
    tally_proof proof;
    tally_feed owner;
    proof_witnesses *w = calloc(1, sizeof *w);
    char origin[TALLY_ORIGIN_MAX_BYTES], hash[HASH_LINE_BYTES];
    char *text = malloc(PROOF_MAX_BYTES);
    *out = NULL;
    int rc = w && text ? 0 : tally_fail(err, TALLY_ENOMEM, "no memory for a proof");
    if (rc == 0) rc = tally_feed_get(txn, feed, &owner, err);
    if (rc == 0) {
        w->txn = txn;
        w->feed = feed;
        w->feed_size = owner.size;
        rc = tally_cosignature_each(txn, &owner.device, index + 1, take_witness, w, err);
    }
    if (rc == 0) rc = prove(txn, feed, index, &w->cp, &proof, err);
    if (rc != 0) {
        free(text);
        free(w);
        return rc;
    }
    size_t at = (size_t)snprintf(text, PROOF_MAX_BYTES,
                                 "c2sp.org/tlog-proof@v1\nindex %" PRIu64 "\n", index);
    for (uint32_t i = 0; i < proof.count; i++) {
        (void)sodium_bin2base64(hash, sizeof hash, proof.hashes[i].b, TALLY_HASH_BYTES,
                                sodium_base64_VARIANT_ORIGINAL);
        at += (size_t)snprintf(text + at, PROOF_MAX_BYTES - at, "%s\n", hash);
    }
    text[at++] = '\n';
    tally_origin_format(tally_ledger_team(txn->ledger), &owner.device, origin);
    at += tally_checkpoint_format(&owner.device, origin, &w->cp, text + at);
    for (uint32_t i = 0; i < w->count; i++)
        at += tally_cosignature_line(tally_ledger_team(txn->ledger), &w->rows[i], text + at);
    free(w);
    *out = text;
    *len = at;
    return 0;
}
