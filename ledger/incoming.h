/* A commit being taken in. Private to ledger/. */
#ifndef LEDGER_INCOMING_H
#define LEDGER_INCOMING_H

#include "store.h"

/* A record that was checked. */
typedef struct checked {
    tally_record record;
    tally_hash leaf;
} checked;

typedef struct incoming {
    tally_txn *txn;
    const tally_device_id *device;
    uint64_t from;
    const tally_span *records;
    size_t count;
    const tally_checkpoint *cp;
    char name[17];   /* the device, short */
    bool stored;     /* there is a feed of the device already: */
    tally_feed feed; /* this */
    bool forked;     /* and it is known to be */
    checked *list;
} incoming;

#endif
