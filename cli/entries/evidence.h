/* Evidence: the file behind an expense, kept as a blob. */
#ifndef TALLY_CLI_EVIDENCE_H
#define TALLY_CLI_EVIDENCE_H

#include <tally/ledger.h>

typedef struct cli_evidence {
    uint8_t *bytes;
    size_t len;
    tally_span name; /* of the file, without its directories; borrows the path */
    tally_span type; /* its media type, told from the name's ending */
    uint8_t salt[TALLY_BLOB_SALT_BYTES];
} cli_evidence;

/* NULL for a path reads nothing. TALLY_ELIMIT for a file over TALLY_BLOB_MAX_BYTES, TALLY_EINVAL
 * for an empty one. The caller frees with cli_evidence_clear, also after an error. */
int cli_evidence_read(const char *path, cli_evidence *out, tally_error *err);
void cli_evidence_clear(cli_evidence *evidence);
/* Inside a write: stores it. The same each time the write runs. */
int cli_evidence_put(tally_txn *txn, const cli_evidence *evidence, tally_hash *id,
                     tally_error *err);
/* A text as a blob under a salt of its own. */
int cli_note_put(tally_txn *txn, tally_span text, tally_hash *id, tally_error *err);

#endif
