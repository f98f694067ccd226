/* What listing, setting and importing prices share. */
#ifndef TALLY_CLI_PRICES_H
#define TALLY_CLI_PRICES_H

#include <tally/view.h>

/* All price rows of the ledger, models in bytewise order, oldest first. */
typedef struct cli_price_rows {
    tally_price *rows;
    size_t count, room;
} cli_price_rows;

/* Adds a copy; -1 when memory ran out or there are too many. */
int cli_price_rows_add(cli_price_rows *rows, const tally_price *row);
int cli_price_rows_read(tally_txn *txn, cli_price_rows *out, tally_error *err);
void cli_price_rows_clear(cli_price_rows *rows);
/* The row of exactly this model that holds on `day`, or its first row when none holds yet; NULL
 * without any. */
const tally_price *cli_price_in_force(const cli_price_rows *rows, tally_span model, int64_t day);

/* Appends price.set records of `rows` from `from` to the end, a commit at a time. */
typedef struct cli_price_write {
    const cli_price_rows *rows;
    size_t from, to;
    tally_writer *writer;
} cli_price_write;
tally_write_fn cli_price_write_batch;
#define CLI_PRICE_BATCH_ROWS 1024u

/* Today, in days since 1970-01-01 UTC: prices change at midnight UTC. */
int64_t cli_price_today(void);

#endif
