/* Sessions with their sums, times and titles, newest first. */
#include "scan.h"

#include <stdlib.h>

struct tally_session_list {
    tally_session_row *rows;
    size_t count, room;
};

typedef struct gather {
    tally_txn *txn;
    uint64_t serial; /* of the cost added last: its shares follow each other */
    const tally_filter *filter;
    scan *scan;
    index_map index;
    tally_session_list *list;
    tally_error *err;
} gather;

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "no memory to list sessions");
}

static int row_of(gather *g, const scan_session *session, tally_session_row **out,
                  tally_error *err) {
    tally_session_list *list = g->list;
    uint32_t *slot = index_map_slot(&g->index, session->ref);
    if (!slot) return no_memory(err);
    if (*slot == 0) {
        if (list->count == list->room) {
            size_t room = list->room ? list->room * 2 : 128;
            tally_session_row *grown = realloc(list->rows, room * sizeof *grown);
            if (!grown) return no_memory(err);
            list->rows = grown;
            list->room = room;
        }
        list->rows[list->count++] = (tally_session_row){.session = session->session,
                                                        .start_ms = INT64_MAX,
                                                        .end_ms = INT64_MIN,
                                                        .said = session->said,
                                                        .tags = session->tags,
                                                        .tag_count = session->tag_count};
        *slot = (uint32_t)list->count;
    }
    *out = &list->rows[*slot - 1];
    return 0;
}

static void widen(tally_session_row *row, int64_t start_ms, int64_t end_ms) {
    if (start_ms < row->start_ms) row->start_ms = start_ms;
    if (end_ms > row->end_ms) row->end_ms = end_ms;
}

static int add_cost(void *ctx, const scan_row *cost, tally_error *err) {
    gather *g = ctx;
    tally_session_row *row = NULL;
    int rc = row_of(g, cost->session, &row, err);
    if (rc != 0) return rc;
    row->sums.sessions = 1;
    widen(row, cost->cost->time_ms, cost->cost->time_ms);
    bool again = g->serial == cost->serial;
    g->serial = cost->serial;
    return sums_add(&row->sums, cost, again, err);
}

typedef struct events {
    int64_t from_ms, until_ms; /* the period */
    int64_t start_ms, end_ms;
    uint64_t prompts, count;
} events;

static int add_event(void *ctx, const tally_activity *activity) {
    events *e = ctx;
    if (activity->end_ms < e->from_ms || activity->start_ms >= e->until_ms) return 0;
    if (activity->start_ms < e->start_ms) e->start_ms = activity->start_ms;
    if (activity->end_ms > e->end_ms) e->end_ms = activity->end_ms;
    e->prompts += activity->human;
    e->count++;
    return 0;
}

static int add_session(void *ctx, const tally_agent_session *described) {
    gather *g = ctx;
    const scan_session *session = scan_session_of(g->scan, described->ref);
    if (!session) return no_memory(g->err);
    events e = {.start_ms = INT64_MAX, .end_ms = INT64_MIN};
    scan_window_of(g->scan, session, &e.from_ms, &e.until_ms);
    int rc = tally_activity_each(g->txn, described->ref, add_event, &e);
    if (rc != 0)
        return tally_fail(g->err, rc, "cannot read a session's activity; run 'tally fsck'");
    bool alone =
        e.count > 0 && scan_time_passes(g->scan, session, scan_feed_of(g->scan, described->feed));
    tally_session_row *row = NULL;
    if (index_map_find(&g->index, described->ref) == 0 && !alone) return 0;
    if ((rc = row_of(g, session, &row, g->err)) != 0) return rc;
    row->prompts = e.prompts;
    if (e.count > 0) widen(row, e.start_ms, e.end_ms);
    if (described->title) (void)tally_blob_get(g->txn, described->title, &row->title);
    return 0;
}

static int add_time_share(void *ctx, const scan_row *row, const tally_engaged *piece,
                          tally_error *err) {
    gather *g = ctx;
    uint32_t held = index_map_find(&g->index, row->session->ref);
    return held == 0 ? 0 : sums_add_time(&g->list->rows[held - 1].sums, piece, err);
}

static int add_time(void *ctx, const tally_engaged *piece) {
    gather *g = ctx;
    return scan_time(g->scan, piece, NULL, add_time_share, g, g->err);
}

static int add_times(gather *g, tally_error *err) {
    tally_engaged_policy policy;
    int64_t start, end;
    for (size_t i = 0; i < g->list->count; i++)
        g->list->rows[i].sums.has_time = true;
    tally_engaged_policy_get(g->txn, &policy);
    tally_filter_window(g->filter, &start, &end);
    return tally_engaged_each(g->txn, &policy, start, end, NULL, add_time, g, err);
}

static bool sum_passes(const tally_filter *f, const tally_sums *sums) {
    if (f->has_min_cost && sums->pico < f->min_cost) return false;
    return !f->has_max_cost || sums->pico <= f->max_cost;
}

static int newest_first(const void *a, const void *b) {
    const tally_session_row *x = a, *y = b;
    if (x->start_ms != y->start_ms) return x->start_ms < y->start_ms ? 1 : -1;
    return tally_span_cmp(x->session.id, y->session.id);
}

/* The tags outlive the scan: the list takes its own copy of the array. */
static int finish(gather *g, const tally_filter *filter, tally_error *err) {
    tally_session_list *list = g->list;
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        tally_session_row row = list->rows[i];
        if (!sum_passes(filter, &row.sums)) continue;
        if (row.tag_count > 0) {
            tally_span *tags = malloc(row.tag_count * sizeof *tags);
            if (!tags) {
                list->count = kept;
                return no_memory(err);
            }
            memcpy(tags, row.tags, row.tag_count * sizeof *tags);
            row.tags = tags;
        }
        list->rows[kept++] = row;
    }
    list->count = kept;
    if (kept > 0) qsort(list->rows, kept, sizeof *list->rows, newest_first);
    return 0;
}

int tally_sessions_run(tally_txn *txn, const tally_filter *filter, tally_session_list **out,
                       tally_error *err) {
    tally_filter per_cost = *filter; /* the limits on cost are on a session's sum here */
    per_cost.has_min_cost = per_cost.has_max_cost = false;
    gather g = {.txn = txn, .filter = filter, .err = err};
    int rc = 0;
    *out = NULL;
    g.list = calloc(1, sizeof *g.list);
    if (!g.list || index_map_init(&g.index) != 0) rc = no_memory(err);
    if (rc == 0) rc = scan_new(txn, &per_cost, &g.scan, err);
    if (rc == 0) rc = scan_run(g.scan, add_cost, &g, err);
    if (rc == 0) rc = tally_agent_session_each(txn, add_session, &g);
    if (rc == 0) rc = add_times(&g, err);
    if (rc == 0)
        rc = finish(&g, filter, err);
    else if (g.list)
        g.list->count = 0;
    scan_free(g.scan);
    index_map_clear(&g.index);
    if (rc != 0) {
        tally_sessions_free(g.list);
        return rc;
    }
    *out = g.list;
    return 0;
}

size_t tally_sessions_count(const tally_session_list *list) {
    return list->count;
}

const tally_session_row *tally_sessions_at(const tally_session_list *list, size_t i) {
    return &list->rows[i];
}

void tally_sessions_free(tally_session_list *list) {
    if (!list) return;
    for (size_t i = 0; i < list->count; i++)
        free((void *)(uintptr_t)list->rows[i].tags);
    free(list->rows);
    free(list);
}
