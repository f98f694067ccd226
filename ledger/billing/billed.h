/* What is billed already: the invoices there are, which of them live, and what they hold of an
 * entry. Private to ledger/billing. */
#ifndef LEDGER_BILLING_BILLED_H
#define LEDGER_BILLING_BILLED_H

#include "facts.h"

typedef struct billed billed;

typedef struct billed_issue {
    tally_hash leaf;
    tally_span number, contract;
    uint32_t feed;
    tally_hlc hlc;
    bool voided;
    int64_t compute; /* minor units of compute on it */
    tally_record record;
    uint64_t left_out; /* entries that a draft left out because they are on it */
} billed_issue;

/* Valid as long as the transaction writes nothing. Free with billed_free. */
int billed_new(tally_txn *txn, billed **out, tally_error *err);
void billed_free(billed *b);
size_t billed_count(const billed *b);
billed_issue *billed_at(billed *b, size_t i); /* by leaf */
billed_issue *billed_find(billed *b, const tally_hash *leaf);

typedef enum billed_state {
    BILLED_NOT,      /* this share may be billed */
    BILLED_HERE,     /* under this contract already */
    BILLED_ELSEWHERE /* with this share more than the whole would be billed */
} billed_state;
/* Counts what is left out with the invoice that has it. `day` is LOCK_NO_DAY but for sessions. */
int billed_ask(billed *b, tally_span contract, const tally_entry_id *entry, int32_t day,
               uint64_t part, uint64_t parts, billed_state *out, tally_error *err);

/* Two living invoices that together bill more than the whole of an entry, each pair once. */
typedef int billed_conflict_fn(void *ctx, const billed_issue *a, const billed_issue *b,
                               uint64_t entries, tally_error *err);
int billed_conflicts(billed *b, billed_conflict_fn *fn, void *ctx, tally_error *err);

#endif
