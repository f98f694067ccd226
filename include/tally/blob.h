/* Blobs that travel: which ones records refer to and this store lacks, taking them in, and
 * redaction. Making and reading one's own is in ledger.h. */
#ifndef TALLY_BLOB_H
#define TALLY_BLOB_H

#include <tally/ledger.h>
#include <tally/view.h>

#define TALLY_BLOB_STORED_MAX_BYTES   (TALLY_BLOB_SALT_BYTES + TALLY_BLOB_MAX_BYTES)
#define TALLY_REDACT_REASON_MAX_BYTES 1024u

/* Ids that counting records refer to, that are not here and not redacted, ascending, from `after`
 * (exclusive; NULL: from the first) on, at most `max`. */
int tally_blob_wanted(tally_txn *txn, const tally_hash *after, tally_hash *out, size_t max,
                      size_t *count, tally_error *err);
/* Salt and content as stored, to be handed on. TALLY_ENOTFOUND. The span lives as long as the
 * transaction writes nothing. */
int tally_blob_stored(tally_txn *txn, const tally_hash *id, tally_span *salted);
/* Inside a write: stores a blob that came from elsewhere; `salted` must not point into this ledger.
 * TALLY_EREFUSED when nothing refers to it or it was redacted, TALLY_EEXIST when it is here,
 * TALLY_EFORMAT when its hash is another, TALLY_ELIMIT above TALLY_BLOB_STORED_MAX_BYTES: nothing
 * was changed and the transaction goes on. */
int tally_blob_take(tally_txn *txn, const tally_hash *id, tally_span salted, tally_error *err);

/* Appends `redact`: the blob is deleted here, and on every node that the record reaches; it is
 * never taken in again. The record that refers to it, and every proof, stay. `reason` may be empty;
 * it is signed and kept for good. What was deleted may linger in pages of the store's file until
 * they are used again. TALLY_ENOTFOUND when nothing refers to this id, TALLY_EEXIST when it was
 * redacted before: nothing was changed. TALLY_EREFUSED when nothing that this device appends
 * counts, TALLY_EFORMAT and TALLY_ELIMIT for a reason that is not UTF-8 or too long: the
 * transaction must be given up. */
int tally_blob_redact(tally_txn *txn, const tally_hash *id, tally_span reason, tally_error *err);
bool tally_blob_redacted(tally_txn *txn, const tally_hash *id);

/* So that a text is not recorded again under a new id: whether a blob of this very content was
 * redacted while this store held it. Known by a hash that only this device's key can make; inside
 * tally_ledger_write. */
bool tally_blob_content_redacted(tally_txn *txn, tally_span content);
/* Whether the content of that redacted blob is so known. */
bool tally_blob_redacted_here(tally_txn *txn, const tally_hash *id);

/* Every title and description that a stored record ever gave a session (tally_session_ref),
 * counting or not,
 * perhaps several times. Reads all records. A result of `fn` other than 0 stops and is returned. */
typedef int tally_title_fn(void *ctx, const tally_hash *blob, tally_error *err);
int tally_session_titles(tally_txn *txn, uint64_t session, tally_title_fn *fn, void *ctx,
                         tally_error *err);
/* The same of an entry: what people ever said of it, without the words it was written down with. */
int tally_entry_words(tally_txn *txn, const tally_entry_id *entry, tally_title_fn *fn, void *ctx,
                      tally_error *err);

#endif
