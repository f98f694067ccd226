/* Gathered view writes: the costs of one write transaction wait in memory, one of each entry, and
 * are written sorted, so that each table's pages are touched once, in order, and lie together in
 * the file. Private to ledger/. */
#ifndef LEDGER_VIEW_GATHER_H
#define LEDGER_VIEW_GATHER_H

#include "store.h"
#include "view_memo.h"

#define VIEW_ROW_BYTES    112u /* of view_costs; within it: */
#define VIEW_ROW_TIME_AT  0    /* 8 bytes */
#define VIEW_ROW_ID_AT    8
#define VIEW_ROW_FEED_AT  96    /* 4 bytes */
#define VIEW_DAY_BYTES    4u    /* a key of view_costs */
#define VIEW_ENTRY_BYTES  20u   /* of view_entries: time, feed, index */
#define VIEW_ID_BYTES     16u   /* an entry's id */
#define VIEW_GATHER_COSTS 8192u /* more are written at once */

typedef struct gathered_cost {
    uint8_t row[VIEW_ROW_BYTES];
    uint64_t index; /* of its record in the row's feed */
    tally_hlc hlc;
    bool shown; /* while it is written: it has a row */
} gathered_cost;

/* The place of an entry's cost, which the caller fills; with *held, the one that was noted before
 * and that it may replace. The same for costs that stand in the table is done when they are
 * written. Writes everything when the gathering is full. Valid until the next call. */
int view_gather_cost(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES], gathered_cost **out,
                     bool *held, tally_error *err);
/* What is gathered for an entry, or NULL. Valid until the next call. */
const gathered_cost *view_gather_find(const tally_txn *txn, const uint8_t id[VIEW_ID_BYTES]);
/* What is known of texts in this transaction: of sessions, and of models, whose names are stored
 * then. NULL: no memory. */
typedef struct view_texts {
    view_memo sessions, models;
} view_texts;
view_texts *view_gather_texts(tally_txn *txn, tally_error *err);
/* Writes what was gathered. Whoever reads the tables themselves inside a write transaction calls
 * this first; in a snapshot it does nothing. */
int view_gather_flush(tally_txn *txn, tally_error *err);
void view_gather_clear(tally_txn *txn);

/* Costs that are few and all of the own feed need not be written: its tail (feed_tail.h) says which
 * records they are, and every transaction that reads costs gathers them from there first. None of
 * their entries is in view_entries. */
int view_gather_recent(tally_txn *txn, tally_error *err);
/* The same only if one of them may be of this entry. */
int view_gather_meet(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES], tally_error *err);
/* Ends a write: notes in the tail what may wait, or writes it. */
int view_gather_settle(tally_txn *txn, tally_error *err);
/* Empties the gathering, and the tail when the write ends: all costs will be folded again. */
void view_gather_drop(tally_txn *txn);

/* What is gathered, as rows of the two tables, sorted as they are there. */
typedef struct gathered_row {
    size_t key_len, value_len;
    uint8_t key[VIEW_ID_BYTES], value[VIEW_ROW_BYTES];
} gathered_row;
/* In a snapshot, for reading them beside the tables: `out` holds FEED_TAIL_COSTS. */
int view_gather_rows(tally_txn *txn, store_table table, gathered_row *out, size_t *count,
                     tally_error *err);

/* view_cost.c: the table's key of a row. */
void view_cost_day(const uint8_t row[VIEW_ROW_BYTES], uint8_t day[VIEW_DAY_BYTES]);
/* view_cost.c: whether a gathered cost counts instead of the one that its entry stands for, whose
 * row is then taken out. */
int view_cost_contend(tally_txn *txn, const gathered_cost *cost,
                      const uint8_t entry[VIEW_ENTRY_BYTES], bool *wins, tally_error *err);
/* view_cost.c: the cost that a record of the own feed says. TALLY_ECORRUPT. */
int view_cost_recent(tally_txn *txn, uint64_t index, gathered_cost *out, tally_error *err);
/* view_cost.c: whether an entry is taken out of every figure. */
bool view_cost_void(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES]);

#endif
