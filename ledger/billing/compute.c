/* Compute: tokens and expenses, one line for each category, provider and currency, passed on as the
 * contract's strategy says. Costs stay exact until their line, which is rounded once. */
#include "compute.h"

#include "../scan.h"

#include <stdlib.h>

typedef struct compute_group {
    tally_expense_category category;
    tally_span provider; /* as it is printed */
    tally_span currency;
    tally_i128 pico;
    size_t count;
    bool with_agent;
} compute_group;

typedef struct compute_item {
    tally_trace trace;
    uint32_t group;
} compute_item;

typedef struct compute_list {
    draft *d;
    compute_group *groups;
    compute_item *items;
    size_t group_count, group_room, item_count, item_room;
    uint64_t unpriced, unevidenced;
    const tally_price *price; /* of the item before, and its words */
    tally_span price_words;
    tally_hash decision; /* likewise */
    tally_attributed_by by;
    tally_span rule, said_words;
    tally_hash said_leaf;
} compute_list;

static int no_memory(draft *d) {
    return tally_fail(d->err, TALLY_ENOMEM, "no memory for compute costs");
}

static compute_group *group_of(compute_list *list, tally_expense_category category,
                               tally_span provider, tally_span currency) {
    for (size_t i = list->group_count; i-- > 0;) {
        compute_group *group = &list->groups[i];
        if (group->category == category && tally_span_eq(group->provider, provider) &&
            tally_span_eq(group->currency, currency))
            return group;
    }
    if (!draft_grow(list->d, (void **)&list->groups, &list->group_room, list->group_count,
                    sizeof *list->groups))
        return NULL;
    list->groups[list->group_count] = (compute_group){.category = category,
                                                      .provider = draft_copy(list->d, provider),
                                                      .currency = draft_copy(list->d, currency)};
    return &list->groups[list->group_count++];
}

/* Asks whether it is new, and keeps it if so. */
static int item_add(compute_list *list, compute_group *group, const tally_trace *trace,
                    uint64_t client_part) {
    draft *d = list->d;
    billed_share share = {trace->entry, LOCK_NO_DAY, trace->part, trace->parts, client_part};
    billed_answer answer;
    int rc = billed_ask(d->billed, &d->contract, &share, &answer, d->err);
    if (rc != 0 || answer.state != BILLED_NOT) return rc;
    if (!draft_grow(d, (void **)&list->items, &list->item_room, list->item_count,
                    sizeof *list->items))
        return no_memory(d);
    list->items[list->item_count++] = (compute_item){*trace, (uint32_t)(group - list->groups)};
    group->count++;
    if (tally_add_i128(group->pico, trace->pico, &group->pico) != 0)
        return tally_inexact("a sum of costs", d->err);
    return 0;
}

/* ---- tokens ---- */

static int cost_leaf(draft *d, const tally_entry_id *id, tally_hash *leaf) {
    tally_cost cost;
    tally_span bytes;
    uint64_t index;
    int rc = tally_cost_get(d->txn, id, &cost, &index);
    if (rc == 0) rc = tally_record_get(d->txn, cost.feed, index, &bytes, d->err);
    if (rc == 0) tally_leaf_hash(bytes, leaf);
    return rc == 0 ? 0 : tally_fail(d->err, rc, "cannot read a cost's record; run 'tally fsck'");
}

static tally_span price_words(compute_list *list, const tally_priced *priced) {
    draft *d = list->d;
    if (!priced->price) return tally_span_str("as stated");
    if (priced->price == list->price) return list->price_words;
    list->price = priced->price;
    tally_span from = priced->price->from_day == TALLY_PRICE_UNDATED
                          ? tally_span_str("always")
                          : draft_day(d, priced->price->from_day);
    list->price_words = draft_text(d, "list price of %s from %.*s (%s)", priced->price->model,
                                   SPAN(from), priced->price->source);
    return list->price_words;
}

static tally_span said_words(compute_list *list, const tally_attribution *said) {
    if (list->said_words.len && said->by == list->by &&
        tally_hash_eq(&said->decision, &list->decision) && tally_span_eq(said->rule, list->rule))
        return list->said_words;
    list->by = said->by;
    list->decision = said->decision;
    list->rule = said->rule;
    list->said_words = draft_said_words(list->d, said);
    draft_said_leaf(list->d, said, &list->said_leaf);
    return list->said_words;
}

static int take_cost(void *ctx, const scan_row *row, tally_error *err) {
    compute_list *list = ctx;
    draft *d = list->d;
    bool paid = d->contract.paid_basis, known = paid ? row->paid : row->priced.priced;
    int64_t pico = paid ? row->paid_pico : row->priced.pico;
    (void)err;
    int64_t day = tally_zone_day(d->asked->zone, row->cost->time_ms);
    if (!row->share || !draft_covers(d, row->share->project, day)) return 0;
    if (d->contract.ai_cost == TALLY_AI_IN_RATE) return 0; /* the hour has it */
    if (!known) {
        list->unpriced++;
        return 0;
    }
    if (pico == 0) return 0;
    char name[COMPUTE_NAME_BYTES];
    compute_group *group = group_of(list, TALLY_EXPENSE_LLM, compute_maker(row->model->text, name),
                                    tally_span_str(TALLY_COST_CURRENCY));
    if (!group) return no_memory(d);
    group->with_agent = true;
    tally_trace trace = {.entry = row->cost->id,
                         .what = tally_span_str("cost"),
                         .day = day,
                         .pico = pico,
                         .currency = group->currency,
                         .part = row->share->parts,
                         .parts = row->said->parts};
    tally_span said = said_words(list, row->said);
    tally_span price =
        paid ? tally_span_str("share of a plan's fee") : price_words(list, &row->priced);
    trace.why = draft_join(d, said, price);
    trace.decided = list->said_leaf;
    if (!paid && row->priced.leaf) trace.rate = *row->priced.leaf;
    int rc = cost_leaf(d, &trace.entry, &trace.leaf);
    return rc != 0 ? rc : item_add(list, group, &trace, draft_client_parts(d, row->said));
}

static int take_costs(compute_list *list) {
    draft *d = list->d;
    tally_filter filter = {.client = d->contract.client, .period = d->period, .has_period = true};
    tally_plans *plans = NULL;
    scan *s = NULL;
    int rc = 0;
    if (d->contract.paid_basis) {
        const tally_zone *zone = d->asked->team_zone ? d->asked->team_zone : d->asked->zone;
        rc = tally_plans_new(d->txn, zone, &d->period, &plans, d->err);
        filter.plans = plans;
    }
    if (rc == 0) rc = scan_new(d->txn, &filter, &s, d->err);
    if (rc == 0) rc = scan_run(s, take_cost, list, d->err);
    scan_free(s);
    tally_plans_free(plans);
    return rc;
}

/* ---- expenses ---- */

static int take_expense(void *ctx, const tally_expense_facts *facts, tally_error *err) {
    compute_list *list = ctx;
    draft *d = list->d;
    const tally_expense *expense = facts->expense;
    char name[COMPUTE_NAME_BYTES];
    (void)err;
    if (!facts->whose.share || facts->amount == 0 ||
        !draft_covers(d, facts->whose.share->project, expense->day))
        return 0;
    if (d->contract.ai_cost == TALLY_AI_IN_RATE && expense->category == TALLY_EXPENSE_LLM) return 0;
    tally_span provider = expense->category == TALLY_EXPENSE_LLM
                              ? compute_product(expense->provider, name)
                              : expense->provider;
    compute_group *group = group_of(list, expense->category, provider, expense->currency);
    if (!group) return no_memory(d);
    list->unevidenced += !expense->evidence;
    tally_span file = expense->evidence_name;
    tally_span evidence =
        file.len ? draft_text(d, "evidence %.*s", SPAN(file)) : tally_span_str("no evidence");
    tally_trace trace = {.entry = expense->id,
                         .leaf = expense->leaf,
                         .what = tally_span_str("expense"),
                         .day = expense->day,
                         .pico = facts->amount,
                         .currency = group->currency,
                         .part = facts->whose.share->parts,
                         .parts = facts->whose.said->parts,
                         .why = draft_join(d, said_words(list, facts->whose.said), evidence)};
    trace.decided = list->said_leaf;
    return item_add(list, group, &trace, draft_client_parts(d, facts->whose.said));
}

/* ---- lines ---- */

static uint32_t markup_of(const tally_contract *c) {
    return c->ai_cost == TALLY_AI_MARKUP ? 100u + c->markup_percent : 100u;
}

static tally_span group_detail(draft *d, const compute_group *group, const rate_found *rate) {
    const tally_contract *c = &d->contract;
    char cost[TALLY_MONEY_TEXT_BYTES];
    tally_span detail = {0};
    tally_pico_format_rounded(group->pico, tally_currency_decimals(group->currency), true, cost);
    if (group->with_agent)
        detail = tally_span_str(c->paid_basis ? "what was paid under plans" : "API list prices");
    if (!tally_span_eq(group->currency, c->currency))
        detail = draft_join(
            d, detail,
            draft_text(d, "%s %.*s, %.*s", cost, SPAN(group->currency), SPAN(rate->words)));
    if (c->ai_cost == TALLY_AI_MARKUP && c->markup_percent)
        detail = draft_join(d, detail,
                            draft_text(d, "%s %.*s at cost plus %u %%", cost, SPAN(group->currency),
                                       c->markup_percent));
    return detail;
}

static int group_line(compute_list *list, const compute_group *group, const compute_item **items) {
    draft *d = list->d;
    rate_found rate;
    int64_t amount;
    int rc = draft_exchange(d, group->currency, d->contract.currency, d->asked->period.end_day - 1,
                            &rate);
    if (rc == 0) rc = draft_to_minor(d, group->pico, &rate, markup_of(&d->contract), &amount);
    if (rc != 0 || amount == 0) return rc; /* less than can be paid: it waits for more */
    draft_line(d, (tally_invoice_line){
                      .kind = TALLY_LINE_COMPUTE,
                      .category = tally_span_str(tally_expense_category_name(group->category)),
                      .description = compute_words(d, group->category, group->provider),
                      .detail = group_detail(d, group, &rate),
                      .quantity = 100,
                      .unit = tally_span_str("unit"),
                      .price = amount,
                      .with_agent = group->with_agent,
                      .agreed = rate.leaf});
    for (size_t i = 0; i < group->count; i++)
        draft_trace(d, &items[i]->trace);
    return 0;
}

/* Of what lines come to: what is above the budget of the contract's whole life is not billed. */
static void budget_line(draft *d, size_t from) {
    int64_t budget = agreed_minor(&d->contract, d->contract.ai_budget);
    tally_i128 before = 0, now = 0;
    for (size_t i = 0; i < billed_count(d->billed); i++) {
        const billed_issue *issue = billed_at(d->billed, i);
        if (!issue->voided && tally_span_eq(issue->contract, d->contract.contract))
            before += issue->compute;
    }
    for (size_t i = from; i < d->line_count; i++)
        now += d->lines[i].amount;
    tally_i128 above = before + now - budget;
    tally_i128 over = above > now ? now : above > 0 ? above : 0;
    if (d->contract.ai_cost != TALLY_AI_BUDGET || over <= 0) return;
    tally_span words = draft_money(d, budget);
    draft_line(
        d, (tally_invoice_line){
               .kind = TALLY_LINE_COMPUTE,
               .category = tally_span_str("other"),
               .description = draft_text(d, "Above the AI budget of %.*s, not billed", SPAN(words)),
               .quantity = 100,
               .unit = tally_span_str("unit"),
               .price = over > INT64_MAX ? -INT64_MAX : -(int64_t)over});
    draft_warn(d, "the AI budget of contract %.*s is used up", SPAN(d->contract.contract));
}

/* By category, then provider. */
static int group_order(const void *a, const void *b) {
    const compute_group *x = *(compute_group *const *)a, *y = *(compute_group *const *)b;
    if (x->category != y->category) return x->category < y->category ? -1 : 1;
    int order = tally_span_cmp(x->provider, y->provider);
    return order != 0 ? order : tally_span_cmp(x->currency, y->currency);
}

static int lines_make(compute_list *list) {
    draft *d = list->d;
    size_t from = d->line_count;
    int rc = 0;
    const compute_item **sorted = draft_take(d, (list->item_count + 1) * sizeof *sorted);
    size_t *next = draft_take(d, (list->group_count + 1) * sizeof *next);
    compute_group **ordered = draft_take(d, (list->group_count + 1) * sizeof(compute_group *));
    if (!sorted || !next || !ordered) return no_memory(d);
    next[0] = 0;
    for (size_t g = 0; g < list->group_count; g++)
        next[g + 1] = next[g] + list->groups[g].count;
    for (size_t i = 0; i < list->item_count; i++)
        sorted[next[list->items[i].group]++] = &list->items[i];
    for (size_t g = 0; g < list->group_count; g++)
        ordered[g] = &list->groups[g];
    if (list->group_count) qsort(ordered, list->group_count, sizeof *ordered, group_order);
    for (size_t i = 0; i < list->group_count && rc == 0; i++) {
        size_t g = (size_t)(ordered[i] - list->groups);
        rc = group_line(list, ordered[i], sorted + next[g] - ordered[i]->count);
    }
    if (rc == 0 && !d->failed) budget_line(d, from);
    return rc;
}

int draft_compute(draft *d) {
    compute_list list = {.d = d};
    tally_filter filter = {.client = d->contract.client, .period = d->period, .has_period = true};
    if (d->contract.ai_cost == TALLY_AI_NONE) return 0;
    int rc = take_costs(&list);
    if (rc == 0) rc = tally_expenses_filter(d->txn, &filter, take_expense, &list, d->err);
    if (rc == 0) rc = lines_make(&list);
    if (list.unpriced)
        draft_warn(d,
                   d->contract.paid_basis
                       ? "%llu requests are covered by no plan and not on the draft; set a plan or "
                         "bill at list price"
                       : "%llu requests have no price and are not on the draft; 'tally prices set' "
                         "gives their model one",
                   (unsigned long long)list.unpriced);
    if (list.unevidenced)
        draft_warn(d,
                   "%llu expenses have no evidence; 'tally expense add --evidence FILE' keeps it",
                   (unsigned long long)list.unevidenced);
    free(list.groups);
    free(list.items);
    return rc;
}
