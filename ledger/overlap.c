/* Overlaps: with which other sessions of its member a session shared its minutes, and how. The
 * sharing is in timeline.c. */
#include "intern.h"
#include "timeline.h"

#include <stdlib.h>

typedef struct other {
    tally_overlapping sum;
    interval_list together; /* ascending: a member's pieces come in time order */
} other;

typedef struct overlap_list {
    tally_txn *txn;
    uint64_t session;
    tally_span member; /* of the moment that is open */
    int64_t start_ms, end_ms;
    uint64_t *present; /* sessions engaged in it */
    size_t present_count, present_room;
    index_map index;
    other *items;
    size_t count, room;
    int64_t engaged_ms;
} overlap_list;

static other *other_of(overlap_list *list, uint64_t session) {
    uint32_t *slot = index_map_slot(&list->index, session);
    if (!slot) return NULL;
    if (*slot == 0) {
        if (list->count == list->room) {
            size_t room = list->room ? 2 * list->room : 8;
            other *grown = realloc(list->items, room * sizeof *grown);
            if (!grown) return NULL;
            list->items = grown;
            list->room = room;
        }
        list->items[list->count++] = (other){.sum = {.session = session}};
        *slot = (uint32_t)list->count;
    }
    return &list->items[*slot - 1];
}

/* Ends the moment: what was engaged in it beside the session is added up. */
static int close_moment(overlap_list *list) {
    bool there = false;
    for (size_t i = 0; i < list->present_count; i++)
        there = there || list->present[i] == list->session;
    for (size_t i = 0; there && i < list->present_count; i++) {
        if (list->present[i] == list->session) continue;
        other *with = other_of(list, list->present[i]);
        if (!with || interval_add(&with->together, list->start_ms, list->end_ms) != 0)
            return TALLY_ENOMEM;
        with->sum.ms += list->end_ms - list->start_ms;
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

/* What of a piece lies in the time that both were engaged. */
static int64_t joint_ms(const other *with, const tally_engaged *piece) {
    int64_t sum = 0;
    size_t low = 0, high = with->together.count;
    while (low < high) { /* the first that ends after the piece begins */
        size_t middle = low + (high - low) / 2;
        if (with->together.items[middle].end_ms <= piece->start_ms)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < with->together.count && with->together.items[low].start_ms < piece->end_ms;
         low++) {
        tally_engaged part;
        tally_engaged_cut(piece, with->together.items[low].start_ms,
                          with->together.items[low].end_ms, &part);
        sum += part.engaged_ms;
    }
    return sum;
}

static int add_counted(void *ctx, const tally_engaged *piece) {
    overlap_list *list = ctx;
    if (piece->engaged_ms == 0) return 0;
    if (piece->session == list->session) {
        for (size_t i = 0; i < list->count; i++)
            list->items[i].sum.here_ms += joint_ms(&list->items[i], piece);
        return 0;
    }
    uint32_t held = index_map_find(&list->index, piece->session);
    if (held > 0) list->items[held - 1].sum.there_ms += joint_ms(&list->items[held - 1], piece);
    return 0;
}

static int longest_first(const void *a, const void *b) {
    const tally_overlapping *x = &((const other *)a)->sum, *y = &((const other *)b)->sum;
    if (x->ms != y->ms) return x->ms < y->ms ? 1 : -1;
    return (x->session > y->session) - (x->session < y->session);
}

static void overlap_list_clear(overlap_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].together.items);
    free(list->present);
    free(list->items);
    index_map_clear(&list->index);
}

/* First who was there when, whatever the policy; then what it made of that. */
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
    if (rc == 0 && list.count > 0)
        rc = tally_engaged_each(txn, policy, start_ms, end_ms, NULL, add_counted, &list, err);
    *engaged_ms = list.engaged_ms;
    if (rc == 0 && list.count > 0) qsort(list.items, list.count, sizeof *list.items, longest_first);
    for (size_t i = 0; rc == 0 && i < list.count; i++)
        rc = fn(ctx, &list.items[i].sum);
    overlap_list_clear(&list);
    return rc;
}
