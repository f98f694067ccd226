/* Cautions and clauses: what a person should settle before an invoice is issued, and the sentences
 * that are printed on it. */
#include "agreed.h"
#include "invoice.h"

#include "../store.h"

#include <inttypes.h>

#define TWIN_ID_BYTES 4u
#define SILENT_DAYS   3 /* a device without a record for so long may hold work that is not here */

/* ---- work that is nobody's ---- */

typedef struct nobodys {
    uint64_t requests, entries;
    tally_i128 pico;
    bool conflict;
} nobodys;

static int note_cost(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    nobodys *n = ctx;
    (void)err;
    n->requests++;
    n->conflict = n->conflict || facts->whose.said->by == TALLY_ATTRIBUTED_CONFLICT;
    return facts->priced.priced ? tally_add_i128(n->pico, facts->priced.pico, &n->pico) : 0;
}

static int note_time(void *ctx, const tally_time_facts *facts, tally_error *err) {
    nobodys *n = ctx;
    (void)err;
    n->entries++;
    n->conflict = n->conflict || facts->whose.said->by == TALLY_ATTRIBUTED_CONFLICT;
    return 0;
}

static int note_expense(void *ctx, const tally_expense_facts *facts, tally_error *err) {
    nobodys *n = ctx;
    (void)facts, (void)err;
    n->entries++;
    return 0;
}

static int unattributed(draft *d) {
    tally_filter filter = {.unattributed = true, .period = d->period, .has_period = true};
    nobodys n = {0};
    char cost[TALLY_MONEY_TEXT_BYTES];
    int rc = tally_costs_filter(d->txn, &filter, note_cost, &n, d->err);
    if (rc == 0) rc = tally_times_filter(d->txn, &filter, note_time, &n, d->err);
    if (rc == 0) rc = tally_expenses_filter(d->txn, &filter, note_expense, &n, d->err);
    tally_pico_format_rounded(n.pico, 2, true, cost);
    if (n.requests)
        draft_warn(d,
                   "%" PRIu64 " requests of this period (%s %s) are nobody's; 'tally report "
                   "--unattributed' shows them",
                   n.requests, cost, TALLY_COST_CURRENCY);
    if (n.entries)
        draft_warn(d,
                   "%" PRIu64 " typed entries of this period are nobody's; 'tally assign' says "
                   "whose they are",
                   n.entries);
    if (n.conflict)
        draft_warn(d, "rules of equal rank disagree on some of this period; 'tally status' names "
                      "them");
    return rc;
}

/* ---- bills that may have come in twice ---- */

typedef struct twins_on_draft {
    draft *d;
    tally_expense_twin first;
    size_t count;
} twins_on_draft;

static bool is_on_draft(const draft *d, const tally_entry_id *id) {
    for (size_t i = 0; i < d->trace_count; i++)
        if (memcmp(d->trace[i].entry.b, id->b, sizeof id->b) == 0) return true;
    return false;
}

static int note_twin(void *ctx, const tally_expense_twin *twin, tally_error *err) {
    twins_on_draft *t = ctx;
    (void)err;
    if (!is_on_draft(t->d, &twin->id) && !is_on_draft(t->d, &twin->other)) return 0;
    if (t->count++ == 0) t->first = *twin;
    return 0;
}

static int recorded_twice(draft *d) {
    twins_on_draft t = {.d = d};
    char amount[TALLY_MONEY_TEXT_BYTES], id[2 * TWIN_ID_BYTES + 1], other[2 * TWIN_ID_BYTES + 1];
    tally_span member = {0}, other_member = {0}, device;
    int rc = tally_expense_twins_each(d->txn, d->period.first_day, d->period.end_day, note_twin, &t,
                                      d->err);
    if (rc != 0 || t.count == 0) return rc;
    tally_pico_format_in(t.first.amount, t.first.currency, amount);
    tally_hex(tally_span_of(t.first.id.b, TWIN_ID_BYTES), id);
    tally_hex(tally_span_of(t.first.other.b, TWIN_ID_BYTES), other);
    (void)tally_feed_names(d->txn, t.first.feed, &member, &device);
    (void)tally_feed_names(d->txn, t.first.other_feed, &other_member, &device);
    tally_span day = draft_day(d, t.first.day);
    draft_warn(d,
               "%zu expenses were recorded alike on two devices: %s by %.*s and %s by %.*s, both "
               "%.*s %s %.*s of %.*s; if they are one bill, 'tally void' takes one out",
               t.count, id, SPAN(member), other, SPAN(other_member), SPAN(t.first.provider), amount,
               SPAN(t.first.currency), SPAN(day));
    return 0;
}

/* ---- devices ---- */

/* By the records alone: what a device's own clock said last, against the period's end. */
static int silent_devices(draft *d) {
    uint32_t feeds = tally_feed_count(d->txn);
    int rc = 0;
    for (uint32_t i = 0; i < feeds && rc == 0; i++) {
        tally_span member = {0}, device = {0};
        tally_feed feed;
        rc = feed_now(d->txn, i, &feed, d->err);
        int64_t last = tally_hlc_ms(feed.last_hlc);
        if (rc != 0 || feed.size == 0 || last >= d->period.end_ms - SILENT_DAYS * TALLY_DAY_MS)
            continue;
        if (tally_feed_names(d->txn, i, &member, &device) != 0) continue;
        tally_span day = draft_day(d, tally_floor_div(last, TALLY_DAY_MS));
        draft_warn(d,
                   "nothing newer than %.*s is here of %.*s's device %.*s; 'tally sync now' "
                   "fetches it",
                   SPAN(day), SPAN(member), SPAN(device));
    }
    return rc;
}

/* ---- what is billed already ---- */

static int double_billed(void *ctx, const billed_issue *a, const billed_issue *b, uint64_t entries,
                         tally_error *err) {
    draft *d = ctx;
    (void)err;
    draft_warn(d, "%" PRIu64 " entries are on both %.*s and %.*s; void one of them", entries,
               SPAN(a->number), SPAN(b->number));
    return 0;
}

/* "0.25", and never nothing. */
static tally_span hours_words(draft *d, int64_t ms) {
    int64_t hundredths = (ms + HOUR_MS / 100 - 1) / (HOUR_MS / 100);
    return draft_text(d, "%" PRId64 ".%02" PRId64, hundredths / 100, hundredths % 100);
}

static void time_moved(draft *d, const billed_issue *issue) {
    tally_span late = hours_words(d, issue->late_ms), fewer = hours_words(d, issue->fewer_ms);
    tally_span day = draft_day(d, issue->late_day);
    if (issue->late_ms)
        draft_warn(d,
                   "%.*s h of sessions from %.*s on came after %.*s was issued, and can be billed "
                   "beside it",
                   SPAN(late), SPAN(day), SPAN(issue->number));
    tally_span earlier = hours_words(d, issue->earlier_ms);
    tally_span from = draft_day(d, issue->earlier_day), to = draft_day(d, d->period.first_day - 1);
    if (issue->earlier_ms)
        draft_warn(d,
                   "%.*s h of sessions from %.*s on came after %.*s was issued and are on no "
                   "invoice; 'tally invoice draft %.*s --period %.*s..%.*s' has them",
                   SPAN(earlier), SPAN(from), SPAN(issue->number), SPAN(d->contract.contract),
                   SPAN(from), SPAN(to));
    if (issue->fewer_ms)
        draft_warn(d,
                   "%.*s billed %.*s h more than its sessions have now; 'tally invoice credit' "
                   "gives them back",
                   SPAN(issue->number), SPAN(fewer));
}

static int left_out(draft *d) {
    for (size_t i = 0; i < billed_count(d->billed); i++) {
        const billed_issue *issue = billed_at(d->billed, i);
        time_moved(d, issue);
        if (!issue->left_out) continue;
        bool here = tally_span_eq(issue->contract, d->contract.contract);
        draft_warn(d, "%" PRIu64 " entries are on %.*s already%s", issue->left_out,
                   SPAN(issue->number),
                   here ? "" : ", another contract's, and are not billed again");
    }
    return billed_conflicts(d->billed, double_billed, d, d->err);
}

/* ---- more than was agreed, and sooner ---- */

/* What milestones and the fixed bid came to on living invoices, in minor units. */
static tally_i128 project_billed(const draft *d) {
    tally_i128 sum = 0;
    for (size_t i = 0; i < billed_count(d->billed); i++) {
        const billed_issue *issue = billed_at(d->billed, i);
        int64_t project;
        if (!issue->voided && tally_span_eq(issue->contract, d->contract.contract) &&
            tally_body_i64(&issue->record, "project", &project) && invoice_amount_ok(project))
            sum += project;
    }
    return sum;
}

/* A fee that is changed after another milestone was billed brings more than the contract's. */
static void above_fee(draft *d) {
    char all[TALLY_MONEY_TEXT_BYTES], agreed[TALLY_MONEY_TEXT_BYTES];
    int decimals = tally_currency_decimals(d->contract.currency);
    tally_i128 fee = agreed_minor(&d->contract, d->contract.fee), here = 0, minor = TALLY_PICO;
    for (size_t i = 0; i < d->line_count; i++)
        if (d->lines[i].kind == TALLY_LINE_MILESTONE || d->lines[i].kind == TALLY_LINE_PROJECT)
            here += d->lines[i].price;
    if (fee == 0 || here == 0) return;
    tally_i128 sum = here + project_billed(d);
    if (sum <= fee) return;
    for (int i = 0; i < decimals; i++)
        minor /= 10;
    tally_pico_format_rounded(sum * minor, decimals, true, all);
    tally_pico_format_rounded(fee * minor, decimals, true, agreed);
    draft_warn(d, "with this one, invoices under %.*s come to %s of a fee of %s",
               SPAN(d->contract.contract), all, agreed);
}

static void dated_before(draft *d) {
    tally_span on = draft_day(d, d->asked->issue_day), from = draft_day(d, d->period.first_day);
    if (d->asked->issue_day < d->period.first_day)
        draft_warn(
            d, "it is dated %.*s, before its period begins on %.*s: late fees count from its date",
            SPAN(on), SPAN(from));
}

int draft_cautions(draft *d) {
    int rc = unattributed(d);
    above_fee(d);
    dated_before(d);
    if (rc == 0) rc = recorded_twice(d);
    if (rc == 0) rc = silent_devices(d);
    return rc != 0 ? rc : left_out(d);
}

/* ---- clauses ---- */

static tally_span percent_words(draft *d, uint32_t hundredths) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format((tally_i128)hundredths * (TALLY_PICO / 100), 0, text);
    return draft_text(d, "%s", text);
}

uint32_t draft_late_fee(const tally_contract *c) {
    return c->late_fee_bp < c->late_fee_max_bp ? c->late_fee_bp : c->late_fee_max_bp;
}

void draft_say_clauses(draft *d) {
    const tally_contract *c = &d->contract;
    tally_span late = percent_words(d, draft_late_fee(c)), kill = percent_words(d, c->kill_fee_bp);
    tally_engaged_policy policy;
    size_t agents = 0;
    tally_engaged_policy_get(d->txn, &policy);
    if (draft_late_fee(c))
        draft_clause(d,
                     "Late fee: %.*s percent per month, compounding, from the day after the due "
                     "date.",
                     SPAN(late));
    if (c->kill_fee_bp && (c->fee || d->milestones.count))
        draft_clause(d,
                     "If Client terminates this agreement after work has begun, a kill fee of "
                     "%.*s percent of the remaining unpaid project value is due within 14 "
                     "calendar days of termination.",
                     SPAN(kill));
    for (size_t i = 0; i < d->line_count; i++)
        agents += d->lines[i].with_agent;
    if (agents && policy.overlap == TALLY_OVERLAP_PARALLEL)
        draft_clause(d, "Hours: where several sessions ran at once, the time is counted in each.");
    if (agents && c->disclosure)
        draft_clause(d, "Work on %zu of %zu lines was done with AI coding agents.", agents,
                     d->line_count);
    if (c->notes.len) draft_clause(d, "%.*s", SPAN(c->notes));
}
