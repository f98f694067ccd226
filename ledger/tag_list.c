/* Gathers the tags of one target. The sets themselves are in view_tag.c. */
#include "tag_list.h"

#include <stdlib.h>

#define FIRST_ROOM 4u

static int keep_tag(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                    const tally_hash *add) {
    tag_list *list = ctx;
    (void)target, (void)add;
    if (list->count > 0 && tally_span_eq(list->tags[list->count - 1], tag)) return 0;
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : FIRST_ROOM;
        tally_span *grown = realloc(list->tags, room * sizeof *grown);
        if (!grown) return TALLY_ENOMEM;
        list->tags = grown;
        list->room = room;
    }
    list->tags[list->count++] = tag;
    return 0;
}

int tag_list_of(tally_txn *txn, const uint8_t target[TALLY_ENTRY_BYTES], tag_list *list) {
    list->count = 0;
    return tally_tag_each_of(txn, target, keep_tag, list) == 0 ? 0 : -1;
}

void tag_list_clear(tag_list *list) {
    free(list->tags);
    *list = (tag_list){0};
}

bool tag_list_has(const tally_span *tags, size_t count, tally_span wanted) {
    for (size_t i = 0; i < count; i++)
        if (tally_span_eq(tags[i], wanted)) return true;
    return false;
}
