/* The view of entries that people typed or imported: manual time and expenses. Rows hold the
 * records' own bodies, keyed by entry id, with an index by day. Whether one is void is in the
 * register of voids, as for costs. Private to ledger/. */
#ifndef LEDGER_VIEW_TYPED_H
#define LEDGER_VIEW_TYPED_H

#include "view_fold.h"

#include <tally/view.h>

typedef struct view_typed {
    tally_entry_kind kind;
    tally_entry_id id;
    tally_hash leaf;
    uint32_t feed;
    uint64_t index;
    tally_hlc hlc;
    int64_t day;         /* since 1970-01-01 */
    tally_record record; /* its body only; lives as long as the transaction writes nothing */
} view_typed;

/* The first 16 bytes of the record's leaf hash. */
void view_typed_id(const tally_hash *leaf, tally_entry_id *out);

/* Folds one entry. Of several records of one id the one with the smallest hlc counts, then the one
 * with the smaller device key. A body too long for a row, or a day out of a date's range, has no
 * effect. */
int view_typed_put(const view_source *source, const tally_record *record, tally_entry_kind kind,
                   int64_t day, const tally_entry_id *id, tally_error *err);
/* TALLY_ENOTFOUND. */
int view_typed_get(tally_txn *txn, const tally_entry_id *id, view_typed *out);
/* Entries of one kind with first_day <= day < end_day, by day, then by id, voided ones too. */
typedef int view_typed_fn(void *ctx, const view_typed *entry, tally_error *err);
int view_typed_each(tally_txn *txn, tally_entry_kind kind, int64_t first_day, int64_t end_day,
                    view_typed_fn *fn, void *ctx, tally_error *err);

#endif
