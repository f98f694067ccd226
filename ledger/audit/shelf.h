/* The records of a ledger as a packer needs them: where a leaf stands, the versions of a session
 * and its activity, and what names other clients. Private to ledger/audit. */
#ifndef LEDGER_AUDIT_SHELF_H
#define LEDGER_AUDIT_SHELF_H

#include "../intern.h"

#include <tally/invoice.h>
#include <tally/ledger.h>

/* Where a record stands. */
typedef struct shelf_place {
    uint32_t feed;
    uint64_t index;
} shelf_place;

typedef struct shelf_leaf {
    tally_hash leaf;
    shelf_place place;
    bool found;
} shelf_leaf;

/* A session's description, or its activity; or what is about an invoice. */
typedef struct shelf_row {
    uint64_t ref; /* tally_session_ref, or the first 8 bytes of an invoice.issue's leaf */
    tally_hlc hlc;
    shelf_place place;
} shelf_row;

typedef struct shelf_rows {
    shelf_row *items; /* by ref, then clock, when the shelf is filled */
    size_t count, room;
} shelf_rows;

typedef struct shelf {
    tally_txn *txn;
    tally_span client; /* whose pack it is; empty: everybody's */
    uint64_t *limits;  /* of each feed: so many of its records count */
    uint32_t feeds;
    shelf_leaf *leaves; /* that are wanted */
    size_t leaf_count, leaf_room;
    index_map by_leaf;
    shelf_rows sessions, activity, about, engaged;
    tally_span *others; /* what names another client; lower case, each once; own memory */
    size_t other_count, other_room;
    tally_span *own; /* likewise of this client */
    size_t own_count, own_room;
} shelf;

int shelf_init(shelf *s, tally_txn *txn, tally_span client, tally_error *err);
void shelf_clear(shelf *s);
/* Before it is filled: asks where this leaf stands. Zeros are nothing. */
int shelf_want(shelf *s, const tally_hash *leaf, tally_error *err);
/* One walk over all records. */
int shelf_fill(shelf *s, tally_error *err);
/* NULL: no record that counts has this leaf. */
const shelf_place *shelf_find(const shelf *s, const tally_hash *leaf);
/* The first of the rows with this ref, and how many there are. */
const shelf_row *shelf_rows_of(const shelf_rows *rows, uint64_t ref, size_t *count);
/* Whether bytes name another client: any of its names, projects, tags, paths, remotes. */
bool shelf_names_other(const shelf *s, tally_span bytes);

static inline int shelf_no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "no memory for a pack");
}
/* Room for one more item of a growing array. */
bool shelf_grow(void **items, size_t *room, size_t count, size_t size);

#endif
