/* What is billed already: the invoices there are, which of them live, and what they hold of an
 * entry. Private to ledger/billing. */
#ifndef LEDGER_BILLING_BILLED_H
#define LEDGER_BILLING_BILLED_H

#include "facts.h"

typedef struct billed billed;

typedef struct billed_issue {
    tally_hash leaf;
    tally_span number, contract, client;
    tally_span project; /* of its contract as it is now */
    uint32_t feed;
    tally_hlc hlc;
    bool voided;
    int64_t compute; /* minor units of compute on it */
    tally_record record;
    uint64_t left_out;         /* entries that a draft left out because they are on it */
    int64_t late_ms, late_day; /* time that came after it was issued, and the first day of such */
    int64_t earlier_ms, earlier_day; /* the same, of days before the draft's period */
    int64_t fewer_ms;                /* time that it billed and that is no longer there */
} billed_issue;

/* Whether an invoice.issue has an effect: its currency is one, and its amounts can be summed
 * (PROTOCOL section 15). */
bool billed_issue_counts(const tally_record *record);

/* Those that count. Valid as long as the transaction writes nothing. Free with billed_free. */
int billed_new(tally_txn *txn, billed **out, tally_error *err);
void billed_free(billed *b);
size_t billed_count(const billed *b);
billed_issue *billed_at(billed *b, size_t i); /* by leaf */
billed_issue *billed_find(billed *b, const tally_hash *leaf);

/* What a draft would bill: a share of an entry. `day` is LOCK_NO_DAY but for sessions. */
typedef struct billed_share {
    tally_entry_id entry;
    int32_t day;
    uint64_t part, parts;
    uint64_t client_part; /* of all of the client's shares of the entry, this one too */
} billed_share;

typedef enum billed_state {
    BILLED_NOT,      /* this share may be billed */
    BILLED_HERE,     /* under this contract already */
    BILLED_ELSEWHERE /* by another contract, or with this share more than the whole would be */
} billed_state;

typedef struct billed_answer {
    billed_state state;
    /* Of a session's day that is billed here, the first stretch of the share's time that is not:
     * minutes that came after the invoice. from_ms == to_ms: none can be told. */
    int64_t from_ms, to_ms;
    billed_issue *by;
} billed_answer;
/* Counts what is left out with the invoice that has it, and what may be billed with the shares of
 * the same entry that are asked for next: those follow each other. */
int billed_ask(billed *b, const tally_contract *contract, const billed_share *share,
               billed_answer *out, tally_error *err);

/* Two living invoices that bill one share, or together more than the whole of an entry, each pair
 * once. */
typedef int billed_conflict_fn(void *ctx, const billed_issue *a, const billed_issue *b,
                               uint64_t entries, tally_error *err);
int billed_conflicts(billed *b, billed_conflict_fn *fn, void *ctx, tally_error *err);

#endif
