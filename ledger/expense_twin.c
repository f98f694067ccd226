/* Expenses that two devices recorded alike: perhaps one bill that came in twice. Nothing is decided
 * here; a person voids one of them, or knows better. */
#include "expense.h"

#include <stdlib.h>

#define FIRST_ROOM 64u

typedef struct twin_list {
    tally_expense_twin *items; /* the other side is not filled */
    size_t count, room;
} twin_list;

static int keep(void *ctx, const tally_expense *expense, tally_error *err) {
    twin_list *list = ctx;
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : FIRST_ROOM;
        tally_expense_twin *grown = realloc(list->items, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory to compare expenses");
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = (tally_expense_twin){.id = expense->id,
                                                      .feed = expense->feed,
                                                      .day = expense->day,
                                                      .category = expense->category,
                                                      .provider = expense->provider,
                                                      .currency = expense->currency,
                                                      .amount = expense->amount};
    return 0;
}

/* 0 for two that say the same. */
static int said_order(const tally_expense_twin *x, const tally_expense_twin *y) {
    if (x->day != y->day) return x->day < y->day ? -1 : 1;
    if (x->category != y->category) return x->category < y->category ? -1 : 1;
    if (x->amount != y->amount) return x->amount < y->amount ? -1 : 1;
    int order = tally_span_cmp(x->provider, y->provider);
    return order != 0 ? order : tally_span_cmp(x->currency, y->currency);
}

static int twin_order(const void *a, const void *b) {
    const tally_expense_twin *x = a, *y = b;
    int order = said_order(x, y);
    return order != 0 ? order : memcmp(x->id.b, y->id.b, sizeof x->id.b);
}

int tally_expense_twins_each(tally_txn *txn, int64_t first_day, int64_t end_day,
                             tally_expense_twin_fn *fn, void *ctx, tally_error *err) {
    twin_list list = {0};
    int rc = tally_expense_each(txn, first_day, end_day, keep, &list, err);
    if (rc == 0 && list.count > 0) qsort(list.items, list.count, sizeof *list.items, twin_order);
    for (size_t i = 1; i < list.count && rc == 0; i++) {
        tally_expense_twin *before = &list.items[i - 1], *at = &list.items[i];
        if (before->feed == at->feed || said_order(before, at) != 0) continue;
        before->other = at->id;
        before->other_feed = at->feed;
        rc = fn(ctx, before, err);
    }
    free(list.items);
    return rc;
}
