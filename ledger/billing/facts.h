/* The view of billing facts: deposits, credits, invoices issued and voided, payments, and which
 * entries are billed where. Facts are a set: each record is a row of its own. Private to ledger/.
 */
#ifndef LEDGER_BILLING_FACTS_H
#define LEDGER_BILLING_FACTS_H

#include "view_fold.h"

#include <tally/contract.h>
#include <tally/view.h>

typedef enum fact_kind {
    FACT_DEPOSIT = 1, /* subject: the contract */
    FACT_CREDIT = 2,  /* the contract */
    FACT_ISSUE = 3,   /* the number */
    FACT_VOID = 4,    /* the number */
    FACT_PAYMENT = 5  /* the number */
} fact_kind;

typedef struct fact {
    tally_span subject;
    tally_hlc hlc;
    uint32_t feed;
    tally_hash leaf;
    tally_record record; /* its body only */
} fact;

/* Of one kind and, unless `subject` is empty, of one subject: by subject, then by clock. */
typedef int fact_fn(void *ctx, const fact *f, tally_error *err);
int facts_each(tally_txn *txn, fact_kind kind, tally_span subject, fact_fn *fn, void *ctx,
               tally_error *err);

/* After an append: TALLY_EREFUSED where the record does not count, an auditor's for one. */
int facts_check_kept(tally_txn *txn, fact_kind kind, tally_span subject, const tally_hash *leaf,
                     tally_error *err);

/* What an invoice holds of an entry. `day` is LOCK_NO_DAY except for the days of sessions. */
#define LOCK_NO_DAY    INT32_MIN
#define LOCK_MAX_PARTS 1000000u
typedef struct lock {
    tally_entry_id entry;
    int32_t day;
    tally_hash issue; /* leaf of its invoice.issue */
    uint64_t part, parts;
    int64_t ms;
    int64_t after_ms; /* of a session's day: time of the share before these, on other invoices */
} lock;
/* One element of `entries`; false for what is none. */
bool lock_read(const tally_value *item, lock *out);
typedef int lock_fn(void *ctx, const lock *l, tally_error *err);
/* All locks of all invoices, voided ones too, by entry, then day. */
int locks_each(tally_txn *txn, lock_fn *fn, void *ctx, tally_error *err);
/* Those of one entry, or of one day of a session. */
int locks_of(tally_txn *txn, const tally_entry_id *entry, int32_t day, lock_fn *fn, void *ctx,
             tally_error *err);

#endif
