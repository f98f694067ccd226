/* What was agreed within a contract: milestones with their share of the fee, and change orders. */
#include "agreed.h"

#include <tally/money.h>
#include <tally/time.h>

#define PERCENT_ALL 100

static uint32_t ordinal(tally_span text) {
    uint32_t value = 0;
    for (size_t i = 0; i < text.len; i++)
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
    return value;
}

static tally_span text_of(const tally_record *record, const char *key) {
    tally_span text = {0};
    (void)tally_body_str(record, key, &text);
    return text;
}

int64_t agreed_minor(const tally_contract *contract, tally_i128 pico) {
    return (int64_t)tally_pico_to_minor(pico, tally_currency_decimals(contract->currency));
}

int64_t agreed_value(const tally_contract *contract, const tally_milestones *milestones) {
    int64_t value = agreed_minor(contract, contract->fee);
    for (size_t i = 0; contract->fee == 0 && i < milestones->count; i++)
        if (__builtin_add_overflow(value, milestones->items[i].fee, &value)) return INT64_MAX;
    return value;
}

/* ---- milestones ---- */

typedef struct milestone_gather {
    const tally_contract *contract;
    tally_milestones *out;
    bool has_fee[TALLY_MAX_MILESTONES + 1]; /* by number */
    tally_hlc set_at[TALLY_MAX_MILESTONES + 1];
} milestone_gather;

static tally_milestone *milestone_find(tally_milestones *all, uint32_t number) {
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].number == number) return &all->items[i];
    return NULL;
}

static int keep_milestone(void *ctx, const tally_policy_row *row, tally_error *err) {
    milestone_gather *g = ctx;
    const tally_record *record = &row->record;
    tally_i128 fee;
    int64_t share;
    (void)err;
    if (!tally_span_eq(text_of(record, "contract"), g->contract->contract) ||
        g->out->count == TALLY_MAX_MILESTONES)
        return 0;
    tally_milestone *m = &g->out->items[g->out->count++];
    *m = (tally_milestone){.number = ordinal(text_of(record, "number")),
                           .title = text_of(record, "title"),
                           .section = text_of(record, "section"),
                           .criterion = text_of(record, "criterion"),
                           .leaf = row->leaf};
    g->set_at[m->number] = row->hlc;
    if (tally_body_amount(record, "fee", &fee))
        m->fee = agreed_minor(g->contract, fee);
    else if (tally_body_i64(record, "percent_bp", &share))
        m->fee = agreed_minor(g->contract, g->contract->fee * share / 10000);
    else
        return 0;
    g->has_fee[m->number] = true;
    return 0;
}

static int keep_acceptance(void *ctx, const tally_policy_row *row, tally_error *err) {
    milestone_gather *g = ctx;
    const tally_record *record = &row->record;
    (void)err;
    if (!tally_span_eq(text_of(record, "contract"), g->contract->contract)) return 0;
    tally_milestone *m = milestone_find(g->out, ordinal(text_of(record, "number")));
    if (!m) return 0;
    /* What was accepted is what stood then, as with change orders. */
    m->changed_since = row->hlc < g->set_at[m->number];
    if (m->changed_since) return 0;
    m->accepted = tally_date_parse(text_of(record, "date"), &m->accepted_day) == 0;
    (void)tally_body_bin(record, "evidence", TALLY_HASH_BYTES, &m->evidence);
    m->note = text_of(record, "note");
    m->accepted_leaf = row->leaf;
    return 0;
}

static void sort_milestones(tally_milestones *all) {
    for (size_t i = 1; i < all->count; i++) {
        tally_milestone m = all->items[i];
        size_t at = i;
        for (; at > 0 && all->items[at - 1].number > m.number; at--)
            all->items[at] = all->items[at - 1];
        all->items[at] = m;
    }
}

/* Those without a fee of their own share what the others leave of the contract's, in whole percents
 * of it; the last one takes the remainder: 30,000 in three is 9,900, 9,900 and 10,200. */
static void share_fee(milestone_gather *g) {
    tally_i128 left = agreed_minor(g->contract, g->contract->fee), given = 0;
    int64_t open = 0;
    for (size_t i = 0; i < g->out->count; i++) {
        if (g->has_fee[g->out->items[i].number])
            left -= g->out->items[i].fee;
        else
            open++;
    }
    if (left < 0) left = 0;
    for (size_t i = 0; i < g->out->count; i++) {
        tally_milestone *m = &g->out->items[i];
        if (g->has_fee[m->number]) continue;
        tally_i128 percents = PERCENT_ALL / open;
        m->fee = (int64_t)(left * percents / PERCENT_ALL);
        given += m->fee;
    }
    for (size_t i = g->out->count; i-- > 0 && open > 0;)
        if (!g->has_fee[g->out->items[i].number]) {
            g->out->items[i].fee += (int64_t)(left - given);
            break;
        }
}

int tally_milestones_get(tally_txn *txn, const tally_contract *contract, tally_milestones *out,
                         tally_error *err) {
    milestone_gather g = {.contract = contract, .out = out};
    out->count = 0;
    int rc = tally_policy_each(txn, TALLY_POLICY_MILESTONE, keep_milestone, &g, err);
    if (rc == 0) rc = tally_policy_each(txn, TALLY_POLICY_ACCEPTED, keep_acceptance, &g, err);
    sort_milestones(out);
    share_fee(&g);
    return rc;
}

/* ---- change orders ---- */

typedef struct change_call {
    tally_txn *txn;
    tally_span contract;
    tally_change_fn *fn;
    void *ctx;
} change_call;

static int pass_change(void *ctx, const tally_policy_row *row, tally_error *err) {
    change_call *call = ctx;
    tally_policy_row approved;
    tally_change change = {.number = text_of(&row->record, "number"),
                           .title = text_of(&row->record, "title"),
                           .leaf = row->leaf};
    if (!tally_span_eq(text_of(&row->record, "contract"), call->contract)) return 0;
    (void)tally_body_amount(&row->record, "amount", &change.amount);
    tally_span keys[] = {call->contract, change.number};
    /* What was approved is what stood then: a change of it since needs another approval. */
    if (tally_policy_get(call->txn, TALLY_POLICY_APPROVED, keys, 2, &approved) == 0 &&
        approved.hlc >= row->hlc) {
        change.approved =
            tally_date_parse(text_of(&approved.record, "date"), &change.approved_day) == 0;
        (void)tally_body_bin(&approved.record, "evidence", TALLY_HASH_BYTES, &change.evidence);
        change.approved_leaf = approved.leaf;
    }
    return call->fn(call->ctx, &change, err);
}

int tally_change_each(tally_txn *txn, tally_span contract, tally_change_fn *fn, void *ctx,
                      tally_error *err) {
    change_call call = {txn, contract, fn, ctx};
    return tally_policy_each(txn, TALLY_POLICY_CHANGE, pass_change, &call, err);
}
