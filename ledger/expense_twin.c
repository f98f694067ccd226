/* Expenses that two devices recorded alike, or from one file: perhaps one bill that came in twice.
 * Nothing is decided here; a person voids one of them, or knows better. */
#include "expense.h"

#include <tally/hash.h>

#include <stdlib.h>

#define FIRST_ROOM 64u

typedef struct expense_item {
    tally_expense_twin twin; /* the other side is not filled */
    const uint8_t *evidence; /* blob id, or NULL */
    tally_span content;      /* of the evidence; none where it is not here */
    tally_hash file;         /* of the content, where another has its length */
    bool alike;              /* another device said the same */
} expense_item;

typedef struct twin_list {
    expense_item *items;
    size_t count, room;
} twin_list;

static int keep(void *ctx, const tally_expense *expense, tally_error *err) {
    twin_list *list = ctx;
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : FIRST_ROOM;
        expense_item *grown = realloc(list->items, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory to compare expenses");
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = (expense_item){.twin = {.id = expense->id,
                                                         .feed = expense->feed,
                                                         .day = expense->day,
                                                         .category = expense->category,
                                                         .provider = expense->provider,
                                                         .currency = expense->currency,
                                                         .amount = expense->amount},
                                                .evidence = expense->evidence};
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

static int id_order(const expense_item *x, const expense_item *y) {
    return memcmp(x->twin.id.b, y->twin.id.b, sizeof x->twin.id.b);
}

static int twin_order(const void *a, const void *b) {
    const expense_item *x = a, *y = b;
    int order = said_order(&x->twin, &y->twin);
    return order != 0 ? order : id_order(x, y);
}

static int pair_tell(expense_item *item, const expense_item *other, tally_expense_twin_fn *fn,
                     void *ctx, tally_error *err) {
    item->twin.other = other->twin.id;
    item->twin.other_feed = other->twin.feed;
    return fn(ctx, &item->twin, err);
}

static int list_sorted(tally_txn *txn, int64_t first_day, int64_t end_day, twin_list *list,
                       tally_error *err) {
    int rc = tally_expense_each(txn, first_day, end_day, keep, list, err);
    if (rc == 0 && list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, twin_order);
    return rc;
}

static bool are_twins(const expense_item *before, const expense_item *at) {
    return before->twin.feed != at->twin.feed && said_order(&before->twin, &at->twin) == 0;
}

int tally_expense_twins_each(tally_txn *txn, int64_t first_day, int64_t end_day,
                             tally_expense_twin_fn *fn, void *ctx, tally_error *err) {
    twin_list list = {0};
    int rc = list_sorted(txn, first_day, end_day, &list, err);
    for (size_t i = 1; i < list.count && rc == 0; i++)
        if (are_twins(&list.items[i - 1], &list.items[i]))
            rc = pair_tell(&list.items[i - 1], &list.items[i], fn, ctx, err);
    free(list.items);
    return rc;
}

/* ---- evidence ---- */

static int length_order(const void *a, const void *b) {
    const expense_item *x = a, *y = b;
    if (x->content.len != y->content.len) return x->content.len < y->content.len ? -1 : 1;
    int order = memcmp(x->evidence, y->evidence, TALLY_HASH_BYTES);
    return order != 0 ? order : id_order(x, y);
}

static int file_order(const void *a, const void *b) {
    const expense_item *x = a, *y = b;
    int order = memcmp(x->file.b, y->file.b, sizeof x->file.b);
    if (order != 0) return order;
    if (x->twin.feed != y->twin.feed) return x->twin.feed < y->twin.feed ? -1 : 1;
    return id_order(x, y);
}

/* What nobody else said, and has its evidence here. */
static void list_narrow(tally_txn *txn, twin_list *list) {
    size_t kept = 0;
    for (size_t i = 1; i < list->count; i++)
        if (are_twins(&list->items[i - 1], &list->items[i]))
            list->items[i - 1].alike = list->items[i].alike = true;
    for (size_t i = 0; i < list->count; i++) {
        expense_item *item = &list->items[i];
        if (item->alike || !item->evidence ||
            tally_blob_get(txn, item->evidence, &item->content) != 0)
            continue;
        list->items[kept++] = *item;
    }
    list->count = kept;
}

/* Rows of one import share a blob, and only files of one length can be equal: few are read. */
static void files_hash(twin_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        expense_item *item = &list->items[i];
        const expense_item *before = i > 0 ? item - 1 : NULL;
        const expense_item *after = i + 1 < list->count ? item + 1 : NULL;
        bool one_blob = before && memcmp(before->evidence, item->evidence, TALLY_HASH_BYTES) == 0;
        bool shared = (before && before->content.len == item->content.len) ||
                      (after && after->content.len == item->content.len);
        if (one_blob)
            item->file = before->file;
        else if (shared)
            tally_sha256(item->content, &item->file);
        else
            memcpy(item->file.b, item->evidence, sizeof item->file.b);
    }
}

int tally_expense_same_evidence_each(tally_txn *txn, int64_t first_day, int64_t end_day,
                                     tally_expense_twin_fn *fn, void *ctx, tally_error *err) {
    twin_list list = {0};
    int rc = list_sorted(txn, first_day, end_day, &list, err);
    if (rc == 0) list_narrow(txn, &list);
    if (rc == 0 && list.count > 0) {
        qsort(list.items, list.count, sizeof *list.items, length_order);
        files_hash(&list);
        qsort(list.items, list.count, sizeof *list.items, file_order);
    }
    for (size_t i = 1; i < list.count && rc == 0; i++) {
        expense_item *before = &list.items[i - 1], *at = &list.items[i];
        if (before->twin.feed != at->twin.feed && tally_hash_eq(&before->file, &at->file))
            rc = pair_tell(before, at, fn, ctx, err);
    }
    free(list.items);
    return rc;
}
