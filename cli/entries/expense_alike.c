/* Finds the rows of an import that the ledger has under another key. What is done about them is in
 * expense_import.c. */
#include "expense_alike.h"

#include <stdlib.h>
#include <string.h>

#include "expense_out.h"

#define FIRST_ROOM 64u
#define NUMBERS    5u /* and texts that an expense is made of */
#define TEXTS      6u

typedef struct likeness {
    tally_hash said; /* all that an expense says; compared here and never recorded */
    size_t taken;    /* in the first of equal ones: how many of them have their row */
} likeness;

typedef struct likenesses {
    tally_txn *txn;
    likeness *items;
    size_t count, room;
} likenesses;

static void likeness_make(const tally_expense_entry *e, tally_span note, tally_hash *out) {
    const tally_span texts[TEXTS] = {e->provider, e->currency, e->unit,
                                     e->client,   e->project,  note};
    uint8_t numbers[8 * (NUMBERS + TEXTS)] = {0};
    tally_span parts[TEXTS + 1];
    tally_put_be64(numbers, (uint64_t)e->day);
    tally_put_be64(numbers + 8, (uint64_t)e->category);
    tally_put_be64(numbers + 16, (uint64_t)e->amount);
    tally_put_be64(numbers + 24, (uint64_t)(e->amount >> 64));
    tally_put_be64(numbers + 32, e->has_quantity ? (uint64_t)e->quantity : 0);
    parts[0] = tally_span_of(numbers, sizeof numbers);
    for (size_t i = 0; i < TEXTS; i++) {
        tally_put_be64(numbers + 8 * (NUMBERS + i), texts[i].len);
        parts[i + 1] = texts[i];
    }
    tally_sha256_parts(parts, TEXTS + 1, out);
}

static int expense_gather(void *ctx, const tally_expense *expense, tally_error *err) {
    likenesses *all = ctx;
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : FIRST_ROOM;
        likeness *grown = realloc(all->items, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
        all->items = grown;
        all->room = room;
    }
    const tally_expense_entry entry = {.day = expense->day,
                                       .category = expense->category,
                                       .provider = expense->provider,
                                       .currency = expense->currency,
                                       .unit = expense->unit,
                                       .client = expense->client,
                                       .project = expense->project,
                                       .amount = expense->amount,
                                       .quantity = expense->quantity,
                                       .has_quantity = expense->has_quantity};
    likeness *item = &all->items[all->count++];
    item->taken = 0;
    likeness_make(&entry, cli_expense_note(all->txn, expense), &item->said);
    return 0;
}

static int likeness_order(const void *a, const void *b) {
    return memcmp(((const likeness *)a)->said.b, ((const likeness *)b)->said.b, TALLY_HASH_BYTES);
}

static bool likeness_take(likenesses *all, const tally_hash *said) {
    size_t low = 0, high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(all->items[middle].said.b, said->b, TALLY_HASH_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == all->count || !tally_hash_eq(&all->items[low].said, said)) return false;
    size_t next = low + all->items[low].taken;
    if (next == all->count || !tally_hash_eq(&all->items[next].said, said)) return false;
    all->items[low].taken++;
    return true;
}

static void rows_match(likenesses *all, const cli_expense_rows *rows, bool known, bool *alike,
                       size_t *count) {
    for (size_t i = 0; i < rows->count; i++) {
        const cli_expense_row *row = &rows->rows[i];
        tally_hash said;
        if (tally_expense_known(all->txn, &row->key) != known) continue;
        likeness_make(&row->entry, row->note, &said);
        alike[i] = likeness_take(all, &said) && !known;
        *count += alike[i];
    }
}

int cli_expenses_alike(tally_txn *txn, const cli_expense_rows *rows, bool *alike, size_t *count,
                       tally_error *err) {
    likenesses all = {.txn = txn};
    int64_t first = INT64_MAX, last = INT64_MIN;
    *count = 0;
    if (rows->count == 0) return 0;
    for (size_t i = 0; i < rows->count; i++) {
        const int64_t day = rows->rows[i].entry.day;
        if (day < first) first = day;
        if (day > last) last = day;
    }
    int code = tally_expense_each(txn, first, last + 1, expense_gather, &all, err);
    if (!code) {
        if (all.count) qsort(all.items, all.count, sizeof *all.items, likeness_order);
        rows_match(&all, rows, true, alike, count); /* what a row recorded is no other row's */
        rows_match(&all, rows, false, alike, count);
    }
    free(all.items);
    return code;
}
