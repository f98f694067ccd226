/* Stored cosignatures, for those who make and count them. Private to ledger/. */
#ifndef LEDGER_COSIGN_STORE_H
#define LEDGER_COSIGN_STORE_H

#include <tally/cosign.h>
#include <tally/ingest.h>

#include "store.h"

#define COSIGN_LOOK_BACK    256u /* rows: one of one's own that lies further back is long ago */
#define COSIGN_MEMBER_BYTES 128u /* a name in the team has no more */

/* The witness's last one on a device's feed; TALLY_ENOTFOUND when none is among the last
 * COSIGN_LOOK_BACK. */
int cosign_last_by(tally_txn *txn, const tally_device_id *device, const tally_device_id *witness,
                   tally_cosignature *out, tally_error *err);
/* What this device has signed just now; TALLY_EEXIST when it is here. */
int cosign_keep_own(tally_txn *txn, const tally_cosignature *c, tally_error *err);

/* witness.c: how many members count as witnesses of the first `size` records of a feed. */
int witness_members(tally_txn *txn, uint32_t feed, uint64_t size, uint32_t *out, tally_error *err);

#endif
