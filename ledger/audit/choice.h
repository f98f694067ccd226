/* What goes into a pack: which records, in which order, shown or withheld. Private to ledger/audit.
 */
#ifndef LEDGER_AUDIT_CHOICE_H
#define LEDGER_AUDIT_CHOICE_H

#include "shelf.h"

#include <tally/audit.h>
#include <tally/cosign.h>

/* An invoice that is packed: as it was frozen, and derived again. */
typedef struct choice_invoice {
    tally_hash issue; /* leaf */
    tally_hash blob;  /* its document */
    tally_invoice *derived;
    tally_zone *zone;
} choice_invoice;

typedef struct choice_item {
    shelf_place place;
    tally_hash leaf;
    bool withheld;
    uint32_t number; /* in the pack, when all are chosen */
} choice_item;

#define CHOICE_CHAIN_MAX 17u /* a session and its parents */
#define CHOICE_NONE      SIZE_MAX

/* What stands behind a row of a trace: positions in `items`. */
typedef struct choice_row {
    size_t item, decided, rate;
    size_t sessions[CHOICE_CHAIN_MAX];
    size_t session_count;
} choice_row;

typedef struct choice {
    const shelf *shelf;
    const choice_invoice *invoices;
    size_t invoice_count;
    choice_item *items;
    size_t count, room;
    size_t team_count; /* the first ones: the team's records, in their order */
    index_map by_place;
    tally_device_id *devices; /* whose records, checkpoints or seal are in it; the creator first */
    size_t device_count, device_room;
    choice_row *rows; /* of all invoices, one after the other */
    size_t row_count, row_room;
    size_t *engaged; /* of each invoice: position of the engaged.set in force, or CHOICE_NONE */
    size_t *issues, *contracts;
    size_t *agreed; /* of all lines of all invoices */
    size_t agreed_count, agreed_room;
    tally_cosignature *cosignatures; /* by device as it was met, then by size */
    size_t cosignature_count, cosignature_room;
    tally_hash *blobs;
    size_t blob_count, blob_room;
} choice;

/* Cleared with choice_clear also after an error. `sealer` and witnesses are devices too:
 * choice_device adds one. */
int choice_init(choice *c, const shelf *s, const choice_invoice *invoices, size_t count,
                tally_error *err);
void choice_clear(choice *c);
int choice_make(choice *c, bool withhold_blobs, tally_error *err);
int choice_device(choice *c, const tally_device_id *device, tally_error *err);
/* Its position; device_count when it is none of them. */
size_t choice_device_number(const choice *c, const tally_device_id *device);
/* The team's records that let these devices speak, before all others; then numbers. */
int choice_settle(choice *c, tally_error *err);

/* choice_witness.c: of each witness the first cosignatures that cover what was chosen. */
int choice_witnesses(choice *c, tally_error *err);
/* choice_team.c */
int choice_team(choice *c, tally_error *err);
/* Position of a record; added when it is new. */
int choice_add(choice *c, shelf_place place, size_t *out, tally_error *err);

#endif
