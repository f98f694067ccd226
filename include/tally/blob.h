/* Blobs that travel: which ones records refer to and this store lacks, taking them in, and
 * redaction. Making and reading one's own is in ledger.h. */
#ifndef TALLY_BLOB_H
#define TALLY_BLOB_H

#include <tally/ledger.h>

/* Ids that counting records refer to, that are not here and not redacted, ascending, from `after`
 * (exclusive; NULL: from the first) on, at most `max`. */
int tally_blob_wanted(tally_txn *txn, const tally_hash *after, tally_hash *out, size_t max,
                      size_t *count, tally_error *err);
/* Salt and content as stored, to be handed on. TALLY_ENOTFOUND. The span lives as long as the
 * transaction writes nothing. */
int tally_blob_stored(tally_txn *txn, const tally_hash *id, tally_span *salted);
/* Inside a write: stores a blob that came from elsewhere. TALLY_EREFUSED when nothing refers to it
 * or it was redacted, TALLY_EEXIST when it is here, TALLY_EFORMAT when its hash is another,
 * TALLY_ELIMIT above TALLY_BLOB_MAX_BYTES and its salt: nothing was changed and the transaction
 * goes on. */
int tally_blob_take(tally_txn *txn, const tally_hash *id, tally_span salted, tally_error *err);

/* Appends `redact`: the blob is deleted here, and on every node that the record reaches; it is
 * never taken in again. The record that refers to it, and every proof, stay. TALLY_ENOTFOUND when
 * nothing refers to this id. */
int tally_blob_redact(tally_txn *txn, const tally_hash *id, tally_span reason, tally_error *err);
bool tally_blob_redacted(tally_txn *txn, const tally_hash *id);

#endif
