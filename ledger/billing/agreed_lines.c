/* Lines of what was agreed: milestones, a fixed bid, approved change orders; and what is taken off:
 * deposit credits and corrections. */
#include "draft.h"

/* A line for a thing that is billed once; nothing, and it is said, when it was billed before. */
static int thing_line(draft *d, const char *what, tally_span name, tally_invoice_line line,
                      tally_trace trace) {
    bool done;
    draft_thing_id(d, what, name, &trace.entry);
    trace.part = trace.parts = 1;
    int rc = draft_thing_billed(d, &trace.entry, &done);
    if (rc != 0 || done) return rc;
    line.quantity = 100;
    line.unit = tally_span_str("unit");
    draft_line(d, line);
    draft_trace(d, &trace);
    return 0;
}

/* ---- milestones ---- */

static const tally_milestone *milestone_find(const draft *d, uint32_t number) {
    for (size_t i = 0; i < d->milestones.count; i++)
        if (d->milestones.items[i].number == number) return &d->milestones.items[i];
    return NULL;
}

static int milestone_refuse(draft *d, const tally_milestone *m) {
    tally_span name = d->contract.contract;
    if (!m)
        return tally_fail(
            d->err, TALLY_ENOTFOUND,
            "contract %.*s has no milestone %u; 'tally contract show %.*s' lists them", SPAN(name),
            d->asked->milestone, SPAN(name));
    return tally_fail(d->err, TALLY_EREFUSED,
                      "milestone %u of %.*s %s, so it cannot be billed; record it with "
                      "'tally milestone accept %.*s %u --date D --evidence FILE'",
                      m->number, SPAN(name),
                      m->changed_since ? "was changed after it was accepted" : "is not accepted",
                      SPAN(name), m->number);
}

static int milestone_line(draft *d) {
    const tally_milestone *m = milestone_find(d, d->asked->milestone);
    if (d->asked->milestone == 0) return 0;
    if (!m || !m->accepted) return milestone_refuse(d, m);
    if (!m->evidence)
        draft_warn(d,
                   "milestone %u was accepted without evidence; 'tally milestone accept "
                   "--evidence FILE' adds it",
                   m->number);
    tally_span number = draft_text(d, "%u", m->number), on = draft_day(d, m->accepted_day);
    tally_span title = m->title.len ? m->title : draft_text(d, "Milestone %u", m->number);
    tally_invoice_line line = {.kind = TALLY_LINE_MILESTONE,
                               .description =
                                   m->criterion.len || m->section.len
                                       ? draft_text(d, "%.*s%s%.*s%s%.*s%s", SPAN(title),
                                                    m->criterion.len ? ", " : "",
                                                    SPAN(m->criterion), m->section.len ? " (" : "",
                                                    SPAN(m->section), m->section.len ? ")" : "")
                                       : title,
                               .detail = draft_text(d, "milestone %u of %zu, accepted %.*s",
                                                    m->number, d->milestones.count, SPAN(on)),
                               .price = m->fee,
                               .agreed = m->leaf};
    tally_trace trace = {.leaf = m->accepted_leaf,
                         .what = tally_span_str("milestone.accept"),
                         .day = m->accepted_day,
                         .why = m->note};
    return thing_line(d, "milestone", number, line, trace);
}

static int project_line(draft *d) {
    const tally_contract *c = &d->contract;
    if (c->fee == 0 || d->milestones.count > 0) return 0;
    tally_invoice_line line = {.kind = TALLY_LINE_PROJECT,
                               .description = c->title.len ? c->title : c->contract,
                               .detail = tally_span_str("fixed bid"),
                               .price = agreed_minor(c, c->fee)};
    tally_trace trace = {
        .leaf = c->leaf, .what = tally_span_str("contract.set"), .day = d->period.first_day};
    return thing_line(d, "fee", (tally_span){0}, line, trace);
}

/* ---- change orders ---- */

static int change_line(void *ctx, const tally_change *change, tally_error *err) {
    draft *d = ctx;
    (void)err;
    if (!change->approved) {
        draft_warn(d, "change order %.*s is not approved and not billed", SPAN(change->number));
        return 0;
    }
    if (change->approved_day >= d->asked->period.end_day) return 0;
    if (!change->evidence)
        draft_warn(d, "change order %.*s was approved without evidence", SPAN(change->number));
    tally_span on = draft_day(d, change->approved_day);
    tally_invoice_line line = {.kind = TALLY_LINE_CHANGE,
                               .description = draft_text(d, "Change order %.*s: %.*s",
                                                         SPAN(change->number), SPAN(change->title)),
                               .detail = draft_text(d, "approved %.*s", SPAN(on)),
                               .price = agreed_minor(&d->contract, change->amount),
                               .agreed = change->leaf};
    tally_trace trace = {.leaf = change->approved_leaf,
                         .what = tally_span_str("change.approve"),
                         .day = change->approved_day};
    return thing_line(d, "change", draft_copy(d, change->number), line, trace);
}

int draft_agreed(draft *d) {
    int rc = milestone_line(d);
    if (rc == 0) rc = project_line(d);
    if (rc == 0) rc = tally_change_each(d->txn, d->contract.contract, change_line, d, d->err);
    return rc;
}

/* ---- what is taken off ---- */

/* Money that came in, or is owed, is what it was then, and no other currency's figure. */
static int taken_off_line(draft *d, const char *what, tally_span name, tally_span currency,
                          tally_invoice_line line, tally_trace trace) {
    const tally_contract *c = &d->contract;
    tally_entry_id id;
    bool done;
    draft_thing_id(d, what, name, &id);
    int rc = draft_thing_billed(d, &id, &done);
    if (rc != 0 || done) return rc;
    if (!tally_span_eq(currency, c->currency))
        return tally_fail(d->err, TALLY_EREFUSED,
                          "a %s for %.*s is in %.*s, and the contract is in %.*s by now; 'tally "
                          "contract set %.*s --currency %.*s' bills in what it was",
                          what, SPAN(c->contract), SPAN(currency), SPAN(c->currency),
                          SPAN(c->contract), SPAN(currency));
    return thing_line(d, what, name, line, trace);
}

static int deposit_lines(void *ctx, const tally_deposit *deposit, tally_error *err) {
    draft *d = ctx;
    tally_span on = draft_day(d, deposit->day);
    int rc = 0;
    (void)err;
    for (size_t i = 0; i < deposit->credit_count && rc == 0; i++) {
        const tally_deposit_credit *credit = &deposit->credits[i];
        char hex[2 * TALLY_HASH_BYTES + 1];
        int64_t amount = credit->amount;
        tally_i128 gone;
        if (credit->amount == 0 || credit->milestone != d->asked->milestone) continue;
        if (deposit->day >= d->asked->period.end_day && d->asked->milestone == 0) continue;
        if ((rc = deposit_credited(d, deposit, &gone)) != 0) break;
        if (gone >= deposit->amount) continue;
        if (amount > deposit->amount - gone) amount = (int64_t)(deposit->amount - gone);
        tally_hex(tally_span_of(deposit->leaf.b, sizeof deposit->leaf.b), hex);
        tally_invoice_line line = {.kind = TALLY_LINE_DEPOSIT,
                                   .description = tally_span_str("Deposit credit"),
                                   .detail =
                                       draft_text(d, "of the deposit received %.*s", SPAN(on)),
                                   .price = -amount};
        tally_trace trace = {
            .leaf = deposit->leaf, .what = tally_span_str("deposit.receive"), .day = deposit->day};
        rc = taken_off_line(d, "deposit", draft_text(d, "%s %u", hex, credit->milestone),
                            deposit->currency, line, trace);
    }
    return rc;
}

static int credit_line(void *ctx, const tally_credit *credit, tally_error *err) {
    draft *d = ctx;
    char hex[2 * TALLY_HASH_BYTES + 1];
    (void)err;
    tally_hex(tally_span_of(credit->leaf.b, sizeof credit->leaf.b), hex);
    tally_invoice_line line = {
        .kind = TALLY_LINE_CREDIT,
        .description = draft_copy(d, credit->reason),
        .detail = credit->invoice.len
                      ? draft_text(d, "correction of invoice %.*s", SPAN(credit->invoice))
                      : (tally_span){0},
        .price = -credit->amount};
    tally_trace trace = {
        .leaf = credit->leaf, .what = tally_span_str("credit.add"), .day = d->period.first_day};
    return taken_off_line(d, "credit", draft_text(d, "%s", hex), credit->currency, line, trace);
}

int draft_credits(draft *d) {
    int rc = tally_deposit_each(d->txn, &d->contract, deposit_lines, d, d->err);
    return rc != 0 ? rc : tally_credit_each(d->txn, &d->contract, credit_line, d, d->err);
}
