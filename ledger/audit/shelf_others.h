/* What names other clients, gathered while a shelf is filled. Private to ledger/audit. */
#ifndef LEDGER_AUDIT_SHELF_OTHERS_H
#define LEDGER_AUDIT_SHELF_OTHERS_H

#include "shelf.h"

int shelf_others_take(shelf *s, const tally_record *record, tally_error *err);
/* What this client has too names nobody else. */
void shelf_others_settle(shelf *s);
void shelf_others_clear(shelf *s);

#endif
