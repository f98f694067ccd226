/* An invoice with the memory it stands in. Private to ledger/billing. */
#ifndef LEDGER_BILLING_INVOICE_H
#define LEDGER_BILLING_INVOICE_H

#include "draft.h"

typedef struct invoice_box {
    tally_invoice invoice; /* first: the two have one address */
    tally_invoice_line *lines;
    tally_trace *trace;
    tally_span *warnings, *clauses;
    draft_chunk *memory;
} invoice_box;

/* What others may have recorded must not overflow where it is summed: a thousand of these fit 64
 * bits. Minor units, of one invoice or payment. */
#define INVOICE_AMOUNT_LIMIT (INT64_C(1) << 53)
static inline bool invoice_amount_ok(int64_t minor) {
    return minor > -INVOICE_AMOUNT_LIMIT && minor < INVOICE_AMOUNT_LIMIT;
}

/* SHA-256 of the trace's canonical bytes. */
void invoice_trace_digest(const tally_invoice *invoice, tally_hash *out);
void invoice_set_number(tally_invoice *invoice, const char *number);
/* Names what differs first, lines before all else. */
void invoice_difference(const tally_invoice *a, const tally_invoice *b,
                        char out[TALLY_DIFFERENCE_BYTES]);
/* A month's late fee in hundredths of a percent, legal maximum applied. */
uint32_t draft_late_fee(const tally_contract *contract);

#endif
