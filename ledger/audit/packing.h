/* A pack while it is made: what was asked, the invoices that were derived for it, its text. Private
 * to pack_write.c and pack_derive.c. */
#ifndef LEDGER_AUDIT_PACKING_H
#define LEDGER_AUDIT_PACKING_H

#include "choice.h"

typedef struct pack_text {
    uint8_t *bytes;
    size_t len, room;
    bool failed;
} pack_text;

typedef struct packing {
    tally_ledger *ledger;
    const tally_pack_options *options;
    tally_pack_zone_fn *zones;
    void *zones_ctx;
    choice_invoice *invoices;
    size_t count, room, left_out;
    tally_zone *team_zone;
    pack_text text;
} packing;

/* The invoices that were asked for, each derived again; also after an error packing_clear frees
 * them. */
int packing_derive(packing *p, tally_error *err);
void packing_clear(packing *p);

#endif
