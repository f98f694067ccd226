/* A commit being taken in. Private to ledger/. */
#ifndef LEDGER_INCOMING_H
#define LEDGER_INCOMING_H

#include "store.h"

/* A record that was checked. */
typedef struct checked {
    tally_record record;
    tally_hash leaf;
} checked;

/* Cached hashes that a commit can complete. */
#define INCOMING_SUBTREES ((TALLY_COMMIT_MAX_RECORDS >> TALLY_SUBTREE_LEVEL) + 1)

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
    tally_range grown;    /* once the root is checked: the feed's edge with them, */
    size_t subtree_count; /* and the subtrees from that of `from` on that they complete */
    tally_hash subtrees[INCOMING_SUBTREES];
} incoming;

#endif
