/* Conflicts met while scanning: pairs of rules and what hangs on each. Private to ledger/. */
#ifndef LEDGER_CONFLICT_H
#define LEDGER_CONFLICT_H

#include "intern.h"

#include <tally/report.h>

typedef struct conflict_list {
    tally_conflict *items;
    size_t count, room;
    index_map pairs, sessions; /* item + 1; 1 for a session seen in an item */
} conflict_list;

/* -1 when memory ran out, as below. */
int conflict_list_init(conflict_list *list);
void conflict_list_clear(conflict_list *list);
/* The item of the two rules of `said`, in which `session` is counted once; NULL when memory ran
 * out. The pointer is valid until the next call. */
tally_conflict *conflict_of(conflict_list *list, const tally_attribution *said, uint64_t session);
/* By the rules' names. */
void conflict_list_sort(conflict_list *list);

#endif
