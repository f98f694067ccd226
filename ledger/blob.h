/* Blobs inside the ledger: what folds say about them. Private to ledger/. */
#ifndef LEDGER_BLOB_H
#define LEDGER_BLOB_H

#include "store.h"

#include <tally/blob.h>

/* A record that counts refers to this blob: it is wanted unless it is here or was redacted. The one
 * place where a fold says so. */
int blob_refer(tally_txn *txn, const tally_hash *id, tally_error *err);
/* Forgets all that is wanted: the fold that follows says it again. */
int blob_forget_wants(tally_txn *txn, tally_error *err);

static inline tally_span blob_key(const tally_hash *id) {
    return tally_span_of(id->b, TALLY_HASH_BYTES);
}

static inline bool blob_held(tally_txn *txn, store_table table, const tally_hash *id) {
    tally_span row;
    return store_get(txn, table, blob_key(id), &row, NULL) == 0;
}

#endif
