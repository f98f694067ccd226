/* Gathered view writes: cost rows and entries of one write transaction wait in memory and are
 * written sorted, so that each table's pages are touched once, in order, and lie together in the
 * file. Private to ledger/. */
#ifndef LEDGER_VIEW_GATHER_H
#define LEDGER_VIEW_GATHER_H

#include "store.h"

#define VIEW_ROW_BYTES   112u  /* of view_costs */
#define VIEW_ENTRY_BYTES 20u   /* of view_entries: time, feed, index */
#define VIEW_ID_BYTES    16u   /* an entry's id */
#define VIEW_GATHER_ROWS 8192u /* more are written at once */

/* Notes a row for `day` (its table key). Writes everything when the gathering is full. */
int view_gather_row(tally_txn *txn, const uint8_t day[4], const uint8_t row[VIEW_ROW_BYTES],
                    tally_error *err);
/* Notes where an entry stands now; replaces what was noted before. */
int view_gather_entry(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES],
                      const uint8_t value[VIEW_ENTRY_BYTES], tally_error *err);
/* An entry as this transaction sees it, gathered or stored: 0, TALLY_ENOTFOUND. */
int view_entry_get(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES], tally_span *value,
                   tally_error *err);
/* Writes what was gathered. Whoever reads the tables themselves inside a write transaction calls
 * this first. */
int view_gather_flush(tally_txn *txn, tally_error *err);
void view_gather_clear(tally_txn *txn);

#endif
