/* The price table that ships with the program: ledger/prices/table.json, inside the binary. Built
 * with TALLY_PRICE_TABLE, the path of that file. */
#include "price_parse.h"

#include <assert.h>
#include <stdlib.h>

/* The assembler reads the file itself: no generated source, nothing to keep in step. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        ".globl tally_price_table_start\n"
        ".hidden tally_price_table_start\n"
        "tally_price_table_start:\n"
        ".incbin \"" TALLY_PRICE_TABLE "\"\n"
        ".globl tally_price_table_end\n"
        ".hidden tally_price_table_end\n"
        "tally_price_table_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const uint8_t tally_price_table_start[] __attribute__((visibility("hidden")));
extern const uint8_t tally_price_table_end[] __attribute__((visibility("hidden")));

static void table_rows(tally_json *rows) {
    size_t len = (size_t)((uintptr_t)tally_price_table_end - (uintptr_t)tally_price_table_start);
    tally_json root;
    int rc = tally_json_parse(tally_span_of(tally_price_table_start, len), &root);
    assert(rc == 0); /* our own file: only a bug can break it */
    (void)rc;
    bool found = tally_json_get(&root, "rows", rows);
    assert(found);
    (void)found;
}

/* "model" stands first in every row, so that finding it reads next to nothing. */
static tally_span row_model(const tally_json *row) {
    tally_json_iter iter;
    tally_json key, value;
    tally_json_iter_init(&iter, row);
    while (tally_json_next(&iter, &key, &value))
        if (tally_json_key_is(&key, "model")) return value.raw;
    return (tally_span){0};
}

static size_t count_rows(const tally_json *rows) {
    tally_json_iter iter;
    tally_json row;
    size_t count = 0;
    tally_json_iter_init(&iter, rows);
    while (tally_json_next(&iter, NULL, &row))
        count++;
    return count;
}

/* The names of all rows; the rows of one model are consecutive and dates ascend. */
static void collect_names(const tally_json *rows, tally_span *names) {
    tally_json_iter iter;
    tally_json row;
    tally_json_iter_init(&iter, rows);
    for (size_t i = 0; tally_json_next(&iter, NULL, &row); i++)
        names[i] = row_model(&row);
}

static void fill(const tally_json *rows, tally_span model, tally_price *out) {
    tally_json_iter iter;
    tally_json row;
    const char *why;
    size_t filled = 0;
    tally_json_iter_init(&iter, rows);
    while (tally_json_next(&iter, NULL, &row)) {
        if (!tally_span_eq(row_model(&row), model)) continue;
        price_entry kind = price_parse_own(&row, &out[filled++], &why);
        assert(kind == PRICE_ENTRY_ROW);
        (void)kind;
    }
}

int tally_price_shipped(tally_span model, tally_price **out, size_t *count, tally_error *err) {
    int rc = 0;
    tally_json rows;
    *out = NULL;
    *count = 0;
    table_rows(&rows);
    size_t total = count_rows(&rows);
    assert(total > 0);
    tally_span *names = calloc(total, sizeof *names);
    if (!names) return tally_fail(err, TALLY_ENOMEM, "no memory for the price table");
    collect_names(&rows, names);
    int at = tally_model_resolve(model, names, total);
    if (at < 0) goto done;
    size_t end = (size_t)at + 1;
    while (end < total && tally_span_eq(names[end], names[at]))
        end++;
    *out = calloc(end - (size_t)at, sizeof **out);
    if (!*out) {
        rc = tally_fail(err, TALLY_ENOMEM, "no memory for %zu price rows", end - (size_t)at);
        goto done;
    }
    *count = end - (size_t)at;
    fill(&rows, names[at], *out);
done:
    free(names);
    return rc;
}

int tally_price_shipped_each(tally_price_row_fn *fn, void *ctx, tally_error *err) {
    tally_json rows, row;
    tally_json_iter iter;
    tally_price price;
    const char *why;
    int rc = 0;
    table_rows(&rows);
    tally_json_iter_init(&iter, &rows);
    while (rc == 0 && tally_json_next(&iter, NULL, &row)) {
        price_entry kind = price_parse_own(&row, &price, &why);
        assert(kind == PRICE_ENTRY_ROW);
        (void)kind;
        rc = fn(ctx, &price, err);
    }
    return rc;
}
