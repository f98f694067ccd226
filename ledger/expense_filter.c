/* Whose an expense is, and what of it a filter lets through. The expense itself is in expense.c. */
#include "attributor.h"
#include "expense.h"
#include "tag_list.h"

#include <stdlib.h>

/* What was typed counts like an assign that the record itself made. */
static void said_typed(tally_expense *expense) {
    tally_attribution *said = &expense->said;
    *said = (tally_attribution){.by = TALLY_ATTRIBUTED_NOTHING};
    if (expense->client.len + expense->project.len == 0) return;
    *said = (tally_attribution){.by = TALLY_ATTRIBUTED_ASSIGN,
                                .count = 1,
                                .parts = 1,
                                .shares = {{expense->client, expense->project, 1}},
                                .decision = expense->leaf,
                                .feed = expense->feed};
}

int tally_expense_get(tally_txn *txn, const tally_entry_id *id, tally_expense *out) {
    view_typed typed;
    int rc = view_typed_get(txn, id, &typed);
    if (rc != 0) return rc;
    if (!expense_of(txn, &typed, out)) return TALLY_ENOTFOUND;
    if (!tally_decision_get(txn, id->b, &out->said)) said_typed(out);
    return 0;
}

/* ---- all of a period ---- */

typedef struct expense_walk {
    tally_txn *txn;
    attributor attributor;
    tag_list tags;
    tally_expense_fn *fn;
    void *ctx;
} expense_walk;

static int walk_one(void *ctx, const view_typed *typed, tally_error *err) {
    expense_walk *walk = ctx;
    tally_expense expense;
    if (!expense_of(walk->txn, typed, &expense) || expense.is_void) return 0;
    if (tag_list_of(walk->txn, expense.id.b, &walk->tags) != 0)
        return tally_fail(err, TALLY_ENOMEM, "no memory to read tags");
    expense.tags = walk->tags.tags;
    expense.tag_count = walk->tags.count;
    tally_attributable what = {.tags = expense.tags, .tag_count = expense.tag_count};
    if (!attributor_entry(&walk->attributor, &expense.id, &expense.said)) {
        said_typed(&expense);
        if (expense.said.count == 0 && expense.tag_count > 0)
            tally_rules_decide(walk->attributor.rules, &what, &expense.said);
    }
    return walk->fn(walk->ctx, &expense, err);
}

int tally_expense_each(tally_txn *txn, int64_t first_day, int64_t end_day, tally_expense_fn *fn,
                       void *ctx, tally_error *err) {
    expense_walk walk = {.txn = txn, .fn = fn, .ctx = ctx};
    int rc = attributor_init(&walk.attributor, txn, err);
    if (rc == 0)
        rc = view_typed_each(txn, TALLY_ENTRY_EXPENSE, first_day, end_day, walk_one, &walk, err);
    tag_list_clear(&walk.tags);
    attributor_clear(&walk.attributor);
    return rc;
}

/* ---- filtered ---- */

typedef struct expense_pass {
    tally_txn *txn;
    const tally_filter *filter;
    tally_expense_facts_fn *fn;
    void *ctx;
} expense_pass;

/* An expense has none of what these ask about. */
static bool of_tokens(const tally_filter *f) {
    return f->agent.len || f->model.len || f->path.len || f->branch.len || f->session.len ||
           f->has_min_cost || f->has_max_cost || f->unpriced;
}

static bool passes(tally_span wanted, tally_span held) {
    return wanted.len == 0 || tally_span_eq(wanted, held);
}

static int pass_one(void *ctx, const tally_expense *expense, tally_error *err) {
    expense_pass *pass = ctx;
    const tally_filter *f = pass->filter;
    const tally_attribution *said = &expense->said;
    tally_i128 amounts[TALLY_MAX_SHARES] = {expense->amount};
    tally_expense_facts facts = {
        .expense = expense,
        .whose = {.said = said, .tags = expense->tags, .tag_count = expense->tag_count}};
    tally_whose *whose = &facts.whose;
    int rc = 0;
    (void)tally_feed_names(pass->txn, expense->feed, &whose->member, &whose->device);
    if (!passes(f->member, whose->member) || !passes(f->device, whose->device)) return 0;
    if (f->tag.len && !tag_list_has(expense->tags, expense->tag_count, f->tag)) return 0;
    if (said->count > 1) tally_shares_divide(expense->amount, said->shares, said->count, amounts);
    for (uint32_t i = 0; rc == 0 && (i == 0 || i < said->count); i++) {
        whose->share = said->count > 0 ? &said->shares[i] : NULL;
        whose->client = whose->share ? whose->share->client : (tally_span){0};
        whose->project = whose->share ? whose->share->project : (tally_span){0};
        facts.amount = amounts[i];
        if (!passes(f->client, whose->client) || !passes(f->project, whose->project) ||
            (f->unattributed && whose->share))
            continue;
        rc = pass->fn(pass->ctx, &facts, err);
    }
    return rc;
}

int tally_expenses_filter(tally_txn *txn, const tally_filter *filter, tally_expense_facts_fn *fn,
                          void *ctx, tally_error *err) {
    expense_pass pass = {.txn = txn, .filter = filter, .fn = fn, .ctx = ctx};
    if (of_tokens(filter)) return 0;
    return tally_expense_each(txn, filter->has_period ? filter->period.first_day : INT64_MIN,
                              filter->has_period ? filter->period.end_day : INT64_MAX, pass_one,
                              &pass, err);
}

/* ---- sums ---- */

typedef struct expense_summing {
    tally_expense_sums *sums;
    tally_entry_id last; /* of the share before: an entry counts once */
    bool any;
} expense_summing;

/* The place of a currency, kept in order of the codes. */
static tally_expense_sum *sum_of(tally_expense_sums *sums, tally_span currency) {
    size_t at = 0;
    while (at < sums->count &&
           tally_span_cmp(tally_span_str(sums->by_currency[at].currency), currency) < 0)
        at++;
    tally_expense_sum *sum = &sums->by_currency[at];
    if (at < sums->count && tally_span_is(currency, sum->currency)) return sum;
    if (sums->count == TALLY_EXPENSE_MAX_CURRENCIES || currency.len >= sizeof sum->currency)
        return NULL;
    memmove(sum + 1, sum, (sums->count++ - at) * sizeof *sum);
    *sum = (tally_expense_sum){.pico = 0};
    memcpy(sum->currency, currency.ptr, currency.len);
    return sum;
}

static int add_facts(void *ctx, const tally_expense_facts *facts, tally_error *err) {
    expense_summing *summing = ctx;
    tally_expense_sum *sum = sum_of(summing->sums, facts->expense->currency);
    if (!sum)
        return tally_fail(err, TALLY_ELIMIT, "the expenses are in more than %u currencies",
                          TALLY_EXPENSE_MAX_CURRENCIES);
    if (tally_add_i128(sum->pico, facts->amount, &sum->pico) != 0)
        return tally_inexact("a sum of expenses", err);
    const tally_entry_id *id = &facts->expense->id;
    if (!summing->any || memcmp(summing->last.b, id->b, sizeof id->b) != 0) sum->entries++;
    summing->last = *id;
    summing->any = true;
    return 0;
}

int tally_expenses_sum(tally_txn *txn, const tally_filter *filter, tally_expense_sums *out,
                       tally_error *err) {
    expense_summing summing = {.sums = out};
    *out = (tally_expense_sums){.count = 0};
    return tally_expenses_filter(txn, filter, add_facts, &summing, err);
}
