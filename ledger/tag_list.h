/* The tags of one session or entry, gathered: sorted, each once. Private to ledger/. */
#ifndef LEDGER_TAG_LIST_H
#define LEDGER_TAG_LIST_H

#include <tally/view.h>

typedef struct tag_list {
    tally_span *tags; /* spans live as long as the transaction writes nothing */
    size_t count, room;
} tag_list;

/* Replaces what the list held; `target` as in tally_tag_each_of. -1 when memory ran out or the tags
 * cannot be read. */
int tag_list_of(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES], tag_list *list);
void tag_list_clear(tag_list *list);
bool tag_list_has(const tally_span *tags, size_t count, tally_span wanted);

#endif
