/* What this node remembers of its teammates' nodes: when each was last heard, where it answers,
 * what it held. Local: never signed, never synced. */
#ifndef TALLY_PEER_H
#define TALLY_PEER_H

#include <tally/wire.h>

#define TALLY_PEER_ADDRESS_MAX_BYTES 255u

typedef struct tally_peer {
    tally_device_id device;
    int64_t seen_ms;      /* when its last hello or message came, Unix milliseconds, our clock */
    int64_t clock_off_ms; /* its clock less ours in its last hello */
    tally_span address;   /* "host:port" where it can be called; empty when unknown */
    const tally_wire_head *heads; /* its frontier then, ascending by device */
    size_t head_count;
} tally_peer;

/* Replaces what is remembered of peer->device. An empty address keeps the one that is there. */
int tally_peer_put(tally_txn *txn, const tally_peer *peer, tally_error *err);
/* In bytewise order of the device keys; what is passed lives during the call. A row that does not
 * read is passed over. */
typedef int tally_peer_fn(void *ctx, const tally_peer *peer, tally_error *err);
int tally_peer_each(tally_txn *txn, tally_peer_fn *fn, void *ctx, tally_error *err);
/* `heads` (TALLY_WIRE_MAX_HEADS of them) receives the frontier; the address lives as long as the
 * transaction. TALLY_ENOTFOUND. */
int tally_peer_get(tally_txn *txn, const tally_device_id *device, tally_wire_head *heads,
                   tally_peer *out, tally_error *err);

/* This store's own frontier: every feed with records, ascending by device. `heads` holds
 * TALLY_WIRE_MAX_HEADS. */
int tally_frontier(tally_txn *txn, tally_wire_head *heads, size_t *count, tally_error *err);

#endif
