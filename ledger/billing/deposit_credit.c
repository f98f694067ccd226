/* What invoices have credited of a deposit so far. A deposit's own schedule follows the milestones
 * that its contract has now; which may have been others when an invoice was issued. */
#include "draft.h"

#define SCHEDULE_MAX 2u /* the last milestone that a schedule of no deposit's own names */

typedef struct holder {
    draft *d;
    const billed_issue *issue; /* the first living one under the contract */
} holder;

static int keep_holder(void *ctx, const lock *l, tally_error *err) {
    holder *h = ctx;
    const billed_issue *issue = billed_find(h->d->billed, &l->issue);
    (void)err;
    if (!h->issue && issue && !issue->voided &&
        tally_span_eq(issue->contract, h->d->contract.contract))
        h->issue = issue;
    return 0;
}

/* Of the lines that rest on this thing. */
static tally_i128 taken_off(const tally_invoice *invoice, const tally_entry_id *thing) {
    tally_i128 sum = 0;
    for (size_t i = 0; i < invoice->line_count; i++) {
        const tally_invoice_line *line = &invoice->lines[i];
        for (size_t k = 0; line->kind == TALLY_LINE_DEPOSIT && k < line->trace_count; k++)
            if (memcmp(invoice->trace[line->trace_at + k].entry.b, thing->b, sizeof thing->b) == 0)
                sum -= line->amount;
    }
    return sum;
}

static int read_credit(draft *d, const billed_issue *issue, const tally_entry_id *thing,
                       tally_i128 *out) {
    tally_invoice *invoice;
    tally_span what = draft_text(d, "what %.*s credited of a deposit", SPAN(issue->number));
    int rc = draft_document(d, issue, what, &invoice);
    if (rc != 0) return rc;
    *out += taken_off(invoice, thing);
    tally_invoice_free(invoice);
    return 0;
}

int deposit_credited(draft *d, const tally_deposit *deposit, tally_i128 *out) {
    char hex[2 * TALLY_HASH_BYTES + 1];
    int rc = 0;
    *out = 0;
    tally_hex(tally_span_of(deposit->leaf.b, sizeof deposit->leaf.b), hex);
    for (uint32_t milestone = 0; milestone <= SCHEDULE_MAX && rc == 0; milestone++) {
        holder h = {.d = d};
        tally_entry_id thing;
        draft_thing_id(d, "deposit", draft_text(d, "%s %u", hex, milestone), &thing);
        rc = locks_of(d->txn, &thing, LOCK_NO_DAY, keep_holder, &h, d->err);
        if (rc == 0 && h.issue) rc = read_credit(d, h.issue, &thing, out);
    }
    return rc;
}
