/* Price rows in memory: read from the ledger, looked up, written as records. */
#include "prices.h"

#include <stdlib.h>
#include <string.h>

#include "command.h"

#define PRICE_ROWS_MAX 100000u
#define DAY_MS         86400000

int64_t cli_price_today(void) {
    return cli_now_ms() / DAY_MS;
}

int cli_price_rows_add(cli_price_rows *rows, const tally_price *row) {
    if (rows->count == rows->room) {
        size_t room = rows->room ? rows->room * 2 : 256;
        tally_price *larger =
            rows->count < PRICE_ROWS_MAX ? realloc(rows->rows, room * sizeof *larger) : NULL;
        if (!larger) return -1;
        rows->rows = larger;
        rows->room = room;
    }
    rows->rows[rows->count++] = *row;
    return 0;
}

static int row_keep(void *ctx, const tally_price *price, const tally_hash *leaf) {
    (void)leaf;
    return cli_price_rows_add(ctx, price) ? TALLY_ELIMIT : 0;
}

int cli_price_rows_read(tally_txn *txn, cli_price_rows *out, tally_error *err) {
    int code = tally_price_each(txn, row_keep, out);
    if (!code) return 0;
    return tally_fail(err, code, "the prices cannot be read; run 'tally fsck'");
}

void cli_price_rows_clear(cli_price_rows *rows) {
    free(rows->rows);
    memset(rows, 0, sizeof *rows);
}

const tally_price *cli_price_in_force(const cli_price_rows *rows, tally_span model, int64_t day) {
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tally_span_cmp(tally_span_str(rows->rows[middle].model), model) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const tally_price *found = NULL;
    for (; low < rows->count && tally_span_is(model, rows->rows[low].model); low++)
        if (!found || rows->rows[low].from_day <= day) found = &rows->rows[low];
    return found;
}

int cli_price_write_batch(void *ctx, tally_txn *txn, tally_error *err) {
    const cli_price_write *write = ctx;
    uint8_t scratch[TALLY_PRICE_SCRATCH_BYTES];
    int code = 0;
    for (size_t i = write->from; !code && i < write->to; i++) {
        tally_writer_begin(write->writer);
        tally_price_put(write->writer, &write->rows->rows[i], scratch, sizeof scratch);
        code = tally_append(txn, "price.set", write->writer, NULL, err);
    }
    return code;
}
