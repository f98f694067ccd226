/* Whether an issued invoice bills records that count no more: a revocation took them back, or a
 * fork ended their feed before them. What is said of it is the callers'. */
#include "invoice.h"

#include "../feed_tree.h"

#include <tally/fork.h>
#include <tally/team.h>

#include <stdlib.h>

typedef struct billed_leaves {
    tally_hash *sorted;
    size_t count;
} billed_leaves;

static int compare(const void *a, const void *b) {
    return memcmp(a, b, TALLY_HASH_BYTES);
}

static int leaves_of(const tally_invoice *document, billed_leaves *out, tally_error *err) {
    out->count = document->trace_count + 1;
    out->sorted = calloc(out->count, sizeof *out->sorted);
    if (!out->sorted) return tally_fail(err, TALLY_ENOMEM, "no memory for an invoice's records");
    out->sorted[0] = document->contract_leaf;
    for (size_t i = 0; i < document->trace_count; i++)
        out->sorted[i + 1] = document->trace[i].leaf;
    qsort(out->sorted, out->count, sizeof *out->sorted, compare);
    return 0;
}

/* How many records of a feed count; nothing of an auditor's or a stranger's. */
static uint64_t counting(tally_txn *txn, const tally_device_id *device) {
    tally_team_device in;
    bool speaks = tally_team_device_get(txn, device, &in) == 0 && in.role != TALLY_ROLE_AUDITOR;
    return speaks ? in.limit : 0;
}

/* Of one feed: of the records that the invoice was made from, is one among its own that counts no
 * more? */
static int feed_fell(tally_txn *txn, const tally_frontier_entry *entry, const billed_leaves *leaves,
                     bool *out, tally_error *err) {
    tally_fork_state fork;
    tally_feed feed;
    uint32_t number;
    int rc = tally_feed_find(txn, &entry->device, &number);
    if (rc == TALLY_ENOTFOUND) return 0;
    if (rc == 0) rc = tally_feed_get(txn, number, &feed, err);
    if (rc != 0) return rc;
    uint64_t end = entry->size < feed.size ? entry->size : feed.size;
    *out = feed.size < entry->size && tally_fork_get(txn, &entry->device, &fork, NULL) == 0;
    for (uint64_t i = counting(txn, &entry->device); i < end && rc == 0 && !*out; i++) {
        tally_hash leaf;
        rc = feed_leaf(txn, number, i, &leaf, err);
        if (rc == 0)
            *out = bsearch(&leaf, leaves->sorted, leaves->count, sizeof leaf, compare) != NULL;
    }
    return rc;
}

int tally_invoice_fallen(tally_txn *txn, const tally_issued *issued, const tally_invoice *document,
                         bool *out, tally_error *err) {
    billed_leaves leaves;
    *out = false;
    int rc = leaves_of(document, &leaves, err);
    for (size_t i = 0; i < issued->frontier_count && rc == 0 && !*out; i++)
        rc = feed_fell(txn, &issued->frontier[i], &leaves, out, err);
    free(leaves.sorted);
    return rc;
}

typedef struct fallen_call {
    tally_txn *txn;
    tally_issued_fn *fn;
    void *ctx;
} fallen_call;

/* Most invoices need no look at their document: all that they were made from counts. */
static bool may_have_fallen(tally_txn *txn, const tally_issued *issued) {
    for (size_t i = 0; i < issued->frontier_count; i++) {
        const tally_frontier_entry *entry = &issued->frontier[i];
        tally_fork_state fork;
        if (counting(txn, &entry->device) < entry->size ||
            tally_fork_get(txn, &entry->device, &fork, NULL) == 0)
            return true;
    }
    return false;
}

static int pass_fallen(void *ctx, const tally_issued *issued, tally_error *err) {
    fallen_call *call = ctx;
    tally_invoice *document = NULL;
    bool fallen = false;
    if (issued->status == TALLY_INVOICE_VOID || !may_have_fallen(call->txn, issued)) return 0;
    int rc = tally_issued_document(call->txn, issued, &document, err);
    if (rc == TALLY_ENOTFOUND) return 0; /* of what is not here nothing is known */
    if (rc == 0) rc = tally_invoice_fallen(call->txn, issued, document, &fallen, err);
    tally_invoice_free(document);
    return rc == 0 && fallen ? call->fn(call->ctx, issued, err) : rc;
}

int tally_invoices_fallen(tally_txn *txn, int64_t day, tally_issued_fn *fn, void *ctx,
                          tally_error *err) {
    fallen_call call = {txn, fn, ctx};
    return tally_issued_each(txn, day, pass_fallen, &call, err);
}
