/* The arithmetic of engaged time. */
#include "timeline.h"

#include <stdlib.h>

int interval_add(interval_list *list, int64_t start_ms, int64_t end_ms) {
    if (end_ms <= start_ms) return 0;
    if (list->count > 0 && list->items[list->count - 1].end_ms >= start_ms) {
        interval *last = &list->items[list->count - 1];
        if (end_ms > last->end_ms) last->end_ms = end_ms;
        return 0;
    }
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        interval *grown = realloc(list->items, room * sizeof *grown);
        if (!grown) return -1;
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = (interval){start_ms, end_ms};
    return 0;
}

static int event_order(const void *a, const void *b) {
    const timeline_event *x = a, *y = b;
    if (x->start_ms != y->start_ms) return x->start_ms < y->start_ms ? -1 : 1;
    if (x->end_ms != y->end_ms) return x->end_ms < y->end_ms ? -1 : 1;
    return (x->human > y->human) - (x->human < y->human);
}

/* The parts of [start, end) that lie within `unattended` of a human event. `next` walks the events.
 */
static int add_attended(const timeline_event *events, size_t count, size_t *next, interval active,
                        int64_t unattended_ms, interval_list *engaged) {
    int rc = 0;
    for (; *next < count && rc == 0; (*next)++) {
        const timeline_event *e = &events[*next];
        if (e->start_ms >= active.end_ms) break;
        int64_t until = e->start_ms + unattended_ms;
        if (!e->human || until <= active.start_ms) continue;
        int64_t from = e->start_ms > active.start_ms ? e->start_ms : active.start_ms;
        rc = interval_add(engaged, from, until < active.end_ms ? until : active.end_ms);
        if (until > active.end_ms) break; /* it reaches into the next interval */
    }
    return rc;
}

int timeline_intervals(timeline_event *events, size_t count, const tally_engaged_policy *policy,
                       interval_list *engaged, interval_list *agent) {
    interval_list active = {0};
    int rc = 0;
    if (count == 0) return 0;
    qsort(events, count, sizeof *events, event_order);
    int64_t reached = events[0].start_ms;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const timeline_event *e = &events[i];
        int64_t from = e->start_ms;
        if (from > reached && from - reached <= policy->idle_ms) from = reached;
        if (from < e->end_ms) rc = interval_add(&active, from, e->end_ms);
        if (rc == 0 && !e->human) rc = interval_add(agent, from, e->end_ms);
        if (e->end_ms > reached) reached = e->end_ms;
    }
    size_t next = 0;
    for (size_t i = 0; i < active.count && rc == 0; i++)
        rc = add_attended(events, count, &next, active.items[i], policy->unattended_ms, engaged);
    free(active.items);
    return rc;
}

/* Where a session's engagement begins or ends. */
typedef struct edge {
    int64_t at_ms;
    size_t session;
    bool begins;
} edge;

static int edge_order(const void *a, const void *b) {
    const edge *x = a, *y = b;
    if (x->at_ms != y->at_ms) return x->at_ms < y->at_ms ? -1 : 1;
    if (x->session != y->session) return x->session < y->session ? -1 : 1;
    return (x->begins > y->begins) - (x->begins < y->begins);
}

typedef struct sweep {
    const timeline_session *sessions;
    size_t *open; /* the sessions engaged now, ascending */
    size_t open_count;
    tally_overlap overlap;
    timeline_share_fn *fn;
    void *ctx;
} sweep;

/* How many human events lie at or before `at`. */
static size_t humans_until(const timeline_session *session, int64_t at) {
    size_t low = 0, high = session->human_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (session->humans[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of the open sessions the one whose person acted last. */
static size_t in_focus(const sweep *s, int64_t at) {
    size_t best = s->open[0];
    int64_t latest = INT64_MIN;
    for (size_t i = 0; i < s->open_count; i++) {
        const timeline_session *session = &s->sessions[s->open[i]];
        size_t n = humans_until(session, at);
        if (n == 0 || session->humans[n - 1] <= latest) continue;
        latest = session->humans[n - 1];
        best = s->open[i];
    }
    return best;
}

static int share_piece(const sweep *s, int64_t start_ms, int64_t end_ms) {
    timeline_share share = {.start_ms = start_ms, .end_ms = end_ms, .sharing = 1};
    int rc = 0;
    if (s->overlap == TALLY_OVERLAP_FOCUS) {
        share.session = in_focus(s, start_ms);
        return s->fn(s->ctx, &share);
    }
    bool split = s->overlap == TALLY_OVERLAP_SPLIT;
    if (split) share.sharing = (uint32_t)s->open_count;
    for (size_t i = 0; i < s->open_count && rc == 0; i++) {
        share.session = s->open[i];
        share.place = split ? (uint32_t)i : 0;
        rc = s->fn(s->ctx, &share);
    }
    return rc;
}

/* Under focus a stretch ends at the next human event. */
static int64_t next_cut(const sweep *s, int64_t start_ms, int64_t end_ms) {
    int64_t cut = end_ms;
    for (size_t i = 0; s->overlap == TALLY_OVERLAP_FOCUS && i < s->open_count; i++) {
        const timeline_session *session = &s->sessions[s->open[i]];
        size_t n = humans_until(session, start_ms);
        if (n < session->human_count && session->humans[n] < cut) cut = session->humans[n];
    }
    return cut;
}

static int share_between(const sweep *s, int64_t start_ms, int64_t end_ms) {
    int rc = 0;
    while (rc == 0 && start_ms < end_ms && s->open_count > 0) {
        int64_t cut = next_cut(s, start_ms, end_ms);
        rc = share_piece(s, start_ms, cut);
        start_ms = cut;
    }
    return rc;
}

static void open_session(sweep *s, size_t session) {
    size_t at = s->open_count++;
    for (; at > 0 && s->open[at - 1] > session; at--)
        s->open[at] = s->open[at - 1];
    s->open[at] = session;
}

static void close_session(sweep *s, size_t session) {
    size_t at = 0;
    while (s->open[at] != session)
        at++;
    for (s->open_count--; at < s->open_count; at++)
        s->open[at] = s->open[at + 1];
}

static edge *all_edges(const timeline_session *sessions, size_t count, size_t *edge_count) {
    size_t n = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        n += 2 * sessions[i].engaged.count;
    edge *edges = malloc((n ? n : 1) * sizeof *edges);
    for (size_t i = 0; edges && i < count; i++)
        for (size_t k = 0; k < sessions[i].engaged.count; k++) {
            edges[at++] = (edge){sessions[i].engaged.items[k].start_ms, i, true};
            edges[at++] = (edge){sessions[i].engaged.items[k].end_ms, i, false};
        }
    if (edges && n > 0) qsort(edges, n, sizeof *edges, edge_order);
    *edge_count = n;
    return edges;
}

int timeline_share_each(const timeline_session *sessions, size_t count, tally_overlap overlap,
                        timeline_share_fn *fn, void *ctx) {
    size_t edge_count;
    edge *edges = all_edges(sessions, count, &edge_count);
    sweep s = {sessions, calloc(count ? count : 1, sizeof(size_t)), 0, overlap, fn, ctx};
    int rc = edges && s.open ? 0 : -1;
    for (size_t i = 0; i < edge_count && rc == 0; i++) {
        if (i > 0) rc = share_between(&s, edges[i - 1].at_ms, edges[i].at_ms);
        if (edges[i].begins)
            open_session(&s, edges[i].session);
        else
            close_session(&s, edges[i].session);
    }
    free(s.open);
    free(edges);
    return rc;
}
