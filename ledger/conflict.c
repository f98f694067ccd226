/* Conflicts between rules, and sessions that nothing attributes: counted, so that they can be
 * settled; and whose one session is. Which rules conflict is decided in rule.c. */
#include "conflict.h"
#include "scan.h"

#include <stdlib.h>

int conflict_list_init(conflict_list *list) {
    *list = (conflict_list){0};
    return index_map_init(&list->pairs) == 0 && index_map_init(&list->sessions) == 0 ? 0 : -1;
}

void conflict_list_clear(conflict_list *list) {
    free(list->items);
    index_map_clear(&list->pairs);
    index_map_clear(&list->sessions);
}

/* Within a transaction a rule's name stands at one place: its address tells rules apart. */
static uint64_t pair_id(const tally_attribution *said) {
    return index_mix((uint64_t)(uintptr_t)said->rule.ptr, (uint64_t)(uintptr_t)said->other.ptr);
}

static tally_conflict *item_of(conflict_list *list, const tally_attribution *said) {
    uint32_t *slot = index_map_slot(&list->pairs, pair_id(said));
    if (!slot) return NULL;
    if (*slot != 0) return &list->items[*slot - 1];
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 8;
        tally_conflict *grown = realloc(list->items, room * sizeof *grown);
        if (!grown) return NULL;
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = (tally_conflict){.rule = said->rule, .other = said->other};
    *slot = (uint32_t)list->count;
    return &list->items[list->count - 1];
}

tally_conflict *conflict_of(conflict_list *list, const tally_attribution *said, uint64_t session) {
    tally_conflict *item = item_of(list, said);
    if (!item) return NULL;
    uint32_t *seen = index_map_slot(&list->sessions, index_mix(pair_id(said), session));
    if (!seen) return NULL;
    item->sessions += *seen == 0;
    *seen = 1;
    return item;
}

static int name_order(const void *a, const void *b) {
    const tally_conflict *x = a, *y = b;
    int order = tally_span_cmp(x->rule, y->rule);
    return order != 0 ? order : tally_span_cmp(x->other, y->other);
}

void conflict_list_sort(conflict_list *list) {
    if (list->count > 0) qsort(list->items, list->count, sizeof *list->items, name_order);
}

/* ---- sessions, without their costs ---- */

int tally_attribution_get(tally_txn *txn, uint64_t session, tally_attribution *out,
                          tally_error *err) {
    const tally_filter all = {.has_period = false};
    scan *s;
    int rc = scan_new(txn, &all, &s, err);
    if (rc != 0) return rc;
    const scan_session *found = scan_session_of(s, session);
    if (found)
        *out = found->said;
    else
        rc = tally_fail(err, TALLY_ENOMEM, "no memory to attribute a session");
    scan_free(s);
    return rc;
}

typedef struct gap_count {
    scan *scan;
    tally_gaps *gaps;
    conflict_list conflicts;
} gap_count;

static int count_session(void *ctx, const tally_agent_session *described) {
    gap_count *c = ctx;
    const scan_session *session = scan_session_of(c->scan, described->ref);
    if (!session) return TALLY_ENOMEM;
    c->gaps->sessions++;
    c->gaps->unattributed += session->said.count == 0;
    if (session->said.by != TALLY_ATTRIBUTED_CONFLICT) return 0;
    c->gaps->conflicting++;
    return conflict_of(&c->conflicts, &session->said, session->ref) ? 0 : TALLY_ENOMEM;
}

int tally_gaps_count(tally_txn *txn, tally_gaps *out, tally_conflict_fn *fn, void *ctx,
                     tally_error *err) {
    const tally_filter all = {.has_period = false};
    gap_count c = {.gaps = out};
    *out = (tally_gaps){0};
    int rc = conflict_list_init(&c.conflicts) == 0
                 ? scan_new(txn, &all, &c.scan, err)
                 : tally_fail(err, TALLY_ENOMEM, "no memory to look for conflicts");
    if (rc == 0) {
        rc = tally_agent_session_each(txn, count_session, &c);
        if (rc == TALLY_ENOMEM)
            rc = tally_fail(err, rc, "no memory to look for conflicts");
        else if (rc != 0)
            rc = tally_fail(err, rc, "the sessions cannot be read; run 'tally fsck'");
    }
    conflict_list_sort(&c.conflicts);
    for (size_t i = 0; rc == 0 && i < c.conflicts.count; i++)
        rc = fn(ctx, &c.conflicts.items[i]);
    conflict_list_clear(&c.conflicts);
    scan_free(c.scan);
    return rc;
}
