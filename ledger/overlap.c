/* Overlaps: with which other sessions of its member a session shared its minutes. The sharing is in
 * timeline.c. */
#include "intern.h"

#include <tally/engaged.h>

#include <stdlib.h>

typedef struct overlap_list {
    tally_txn *txn;
    uint64_t session;
    tally_span member; /* of the moment that is open */
    int64_t start_ms, end_ms;
    uint64_t *present; /* sessions engaged in it */
    size_t present_count, present_room;
    index_map index;
    tally_overlapping *items;
    size_t count, room;
    int64_t engaged_ms;
} overlap_list;

static int64_t *ms_with(overlap_list *list, uint64_t session) {
    uint32_t *slot = index_map_slot(&list->index, session);
    if (!slot) return NULL;
    if (*slot == 0) {
        if (list->count == list->room) {
            size_t room = list->room ? 2 * list->room : 8;
            tally_overlapping *grown = realloc(list->items, room * sizeof *grown);
            if (!grown) return NULL;
            list->items = grown;
            list->room = room;
        }
        list->items[list->count++] = (tally_overlapping){.session = session};
        *slot = (uint32_t)list->count;
    }
    return &list->items[*slot - 1].ms;
}

/* Ends the moment: what was engaged in it beside the session is added up. */
static int close_moment(overlap_list *list) {
    bool there = false;
    for (size_t i = 0; i < list->present_count; i++)
        there = there || list->present[i] == list->session;
    for (size_t i = 0; there && i < list->present_count; i++) {
        if (list->present[i] == list->session) continue;
        int64_t *ms = ms_with(list, list->present[i]);
        if (!ms) return TALLY_ENOMEM;
        *ms += list->end_ms - list->start_ms;
    }
    if (there) list->engaged_ms += list->end_ms - list->start_ms;
    list->present_count = 0;
    return 0;
}

static int add_piece(void *ctx, const tally_engaged *piece) {
    overlap_list *list = ctx;
    tally_span member = {0}, device;
    int rc = 0;
    if (piece->engaged_ms == 0) return 0;
    (void)tally_feed_names(list->txn, piece->feed, &member, &device);
    if (piece->start_ms != list->start_ms || piece->end_ms != list->end_ms ||
        !tally_span_eq(member, list->member))
        rc = close_moment(list);
    if (rc == 0 && list->present_count == list->present_room) {
        size_t room = list->present_room ? 2 * list->present_room : 8;
        uint64_t *grown = realloc(list->present, room * sizeof *grown);
        if (!grown) return TALLY_ENOMEM;
        list->present = grown;
        list->present_room = room;
    }
    if (rc != 0) return rc;
    list->member = member;
    list->start_ms = piece->start_ms;
    list->end_ms = piece->end_ms;
    list->present[list->present_count++] = piece->session;
    return 0;
}

static int longest_first(const void *a, const void *b) {
    const tally_overlapping *x = a, *y = b;
    if (x->ms != y->ms) return x->ms < y->ms ? 1 : -1;
    return (x->session > y->session) - (x->session < y->session);
}

int tally_overlaps_each(tally_txn *txn, const tally_engaged_policy *policy, uint64_t session,
                        int64_t start_ms, int64_t end_ms, int64_t *engaged_ms,
                        tally_overlapping_fn *fn, void *ctx, tally_error *err) {
    tally_engaged_policy whole = *policy;
    overlap_list list = {.txn = txn, .session = session};
    whole.overlap = TALLY_OVERLAP_PARALLEL;
    int rc = index_map_init(&list.index) == 0 ? 0 : TALLY_ENOMEM;
    if (rc == 0)
        rc = tally_engaged_each(txn, &whole, start_ms, end_ms, NULL, add_piece, &list, err);
    if (rc == 0) rc = close_moment(&list);
    if (rc == TALLY_ENOMEM) tally_fail(err, rc, "no memory to look for overlapping sessions");
    *engaged_ms = list.engaged_ms;
    if (rc == 0 && list.count > 0) qsort(list.items, list.count, sizeof *list.items, longest_first);
    for (size_t i = 0; rc == 0 && i < list.count; i++)
        rc = fn(ctx, &list.items[i]);
    free(list.present);
    free(list.items);
    index_map_clear(&list.index);
    return rc;
}
