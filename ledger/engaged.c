/* Engaged time of a ledger: gathers the events of a period, a member's sessions together, and
 * shares the time out. The arithmetic is in timeline.c. */
#include "intern.h"
#include "timeline.h"

#include <stdlib.h>

/* Everything known of one session near the period. */
typedef struct track {
    uint64_t session;
    uint32_t feed;
    tally_span member;
    timeline_event *events;
    size_t event_count, event_room;
    int64_t *humans;
    size_t human_count;
    interval_list engaged, agent;
} track;

typedef struct gathering {
    track *tracks;
    size_t count, room;
    index_map index;
    bool failed;
} gathering;

typedef struct emitter {
    const track *tracks; /* of one member */
    const tally_zone *zone;
    tally_engaged_fn *fn;
    void *ctx;
    int rc; /* what `fn` returned */
} emitter;

static track *track_of(gathering *g, uint64_t session) {
    uint32_t *slot = index_map_slot(&g->index, session);
    if (!slot) return NULL;
    if (*slot != 0) return &g->tracks[*slot - 1];
    if (g->count == g->room) {
        size_t room = g->room ? g->room * 2 : 64;
        track *grown = realloc(g->tracks, room * sizeof *grown);
        if (!grown) return NULL;
        g->tracks = grown;
        g->room = room;
    }
    g->tracks[g->count] = (track){.session = session};
    *slot = (uint32_t)++g->count;
    return &g->tracks[g->count - 1];
}

static int take_event(void *ctx, const tally_activity *activity) {
    gathering *g = ctx;
    track *t = track_of(g, activity->session);
    if (t && t->event_count == t->event_room) {
        size_t room = t->event_room ? t->event_room * 2 : 16;
        timeline_event *grown = realloc(t->events, room * sizeof *grown);
        if (grown) {
            t->events = grown;
            t->event_room = room;
        }
    }
    if (!t || t->event_count == t->event_room) {
        g->failed = true;
        return TALLY_ENOMEM;
    }
    t->events[t->event_count++] =
        (timeline_event){activity->start_ms, activity->end_ms, activity->human};
    return 0;
}

/* Intervals of one session, and its human events in order. */
static int work_out(track *t, const tally_engaged_policy *policy) {
    if (timeline_intervals(t->events, t->event_count, policy, &t->engaged, &t->agent) != 0)
        return -1;
    t->humans = malloc((t->event_count ? t->event_count : 1) * sizeof *t->humans);
    if (!t->humans) return -1;
    for (size_t i = 0; i < t->event_count; i++)
        if (t->events[i].human) t->humans[t->human_count++] = t->events[i].start_ms;
    return 0;
}

/* Members together; within one in an order that is the same everywhere. */
static int track_order(const void *a, const void *b) {
    const track *x = a, *y = b;
    int order = tally_span_cmp(x->member, y->member);
    if (order != 0) return order;
    return (x->session > y->session) - (x->session < y->session);
}

/* A piece, cut where days begin. */
static int emit(emitter *e, const track *t, tally_engaged piece) {
    int64_t at = piece.start_ms, end = piece.end_ms;
    piece.session = t->session;
    piece.feed = t->feed;
    while (e->rc == 0 && at < end) {
        tally_engaged part;
        int64_t cut = end;
        if (e->zone) cut = tally_zone_day_start(e->zone, tally_zone_day(e->zone, at) + 1);
        if (cut <= at || cut > end) cut = end;
        tally_engaged_cut(&piece, at, cut, &part);
        if (part.engaged_ms > 0 || part.agent_ms > 0) e->rc = e->fn(e->ctx, &part);
        at = cut;
    }
    return e->rc;
}

static int emit_share(void *ctx, const timeline_share *share) {
    emitter *e = ctx;
    return emit(e, &e->tracks[share->session],
                (tally_engaged){.start_ms = share->start_ms,
                                .end_ms = share->end_ms,
                                .place = share->place,
                                .sharing = share->sharing});
}

/* Cuts intervals at the period's edges. */
static int clip(interval_list *list, int64_t start_ms, int64_t end_ms) {
    interval_list kept = {0};
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        int64_t from = list->items[i].start_ms, until = list->items[i].end_ms;
        rc =
            interval_add(&kept, from > start_ms ? from : start_ms, until < end_ms ? until : end_ms);
    }
    free(list->items);
    *list = kept;
    return rc;
}

static int emit_agent(emitter *e, const track *t) {
    int rc = 0;
    for (size_t i = 0; i < t->agent.count && rc == 0; i++) {
        interval it = t->agent.items[i];
        rc = emit(e, t,
                  (tally_engaged){.start_ms = it.start_ms,
                                  .end_ms = it.end_ms,
                                  .agent_ms = it.end_ms - it.start_ms,
                                  .sharing = 1});
    }
    return rc;
}

static int share_member(emitter *e, const track *tracks, size_t count, tally_overlap overlap) {
    timeline_session *sessions = calloc(count, sizeof *sessions);
    if (!sessions) return -1;
    for (size_t i = 0; i < count; i++)
        sessions[i] =
            (timeline_session){tracks[i].engaged, tracks[i].humans, tracks[i].human_count};
    e->tracks = tracks;
    int rc = timeline_share_each(sessions, count, overlap, emit_share, e);
    free(sessions);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = emit_agent(e, &tracks[i]);
    return rc;
}

static int gather(tally_txn *txn, const tally_engaged_policy *policy, int64_t start_ms,
                  int64_t end_ms, gathering *g) {
    int64_t before = TALLY_DAY_MS + policy->idle_ms + policy->unattended_ms;
    int64_t from = start_ms > before ? start_ms - before : 0;
    int64_t until = end_ms < INT64_MAX - before ? end_ms + before : INT64_MAX;
    int rc = tally_activity_each_between(txn, from, until, take_event, g);
    for (size_t i = 0; i < g->count && rc == 0; i++) {
        track *t = &g->tracks[i];
        tally_agent_session session;
        tally_span device;
        if (work_out(t, policy) != 0 || clip(&t->engaged, start_ms, end_ms) != 0 ||
            clip(&t->agent, start_ms, end_ms) != 0)
            return TALLY_ENOMEM;
        t->feed = TALLY_ENGAGED_NOBODY;
        if (tally_agent_session_get(txn, t->session, &session) != 0) continue;
        t->feed = session.feed;
        (void)tally_feed_names(txn, t->feed, &t->member, &device);
    }
    if (rc == 0 && g->count > 0) qsort(g->tracks, g->count, sizeof *g->tracks, track_order);
    return rc;
}

static void gathering_clear(gathering *g) {
    for (size_t i = 0; i < g->count; i++) {
        free(g->tracks[i].events);
        free(g->tracks[i].humans);
        free(g->tracks[i].engaged.items);
        free(g->tracks[i].agent.items);
    }
    free(g->tracks);
    index_map_clear(&g->index);
}

int tally_engaged_each(tally_txn *txn, const tally_engaged_policy *policy, int64_t start_ms,
                       int64_t end_ms, const tally_zone *zone, tally_engaged_fn *fn, void *ctx,
                       tally_error *err) {
    gathering g = {0};
    emitter e = {NULL, zone, fn, ctx, 0};
    int rc =
        index_map_init(&g.index) == 0 ? gather(txn, policy, start_ms, end_ms, &g) : TALLY_ENOMEM;
    for (size_t i = 0, end; i < g.count && rc == 0; i = end) {
        tally_span member = g.tracks[i].member; /* what nobody described shares with nothing */
        for (end = i + 1;
             end < g.count && member.len && tally_span_eq(g.tracks[end].member, member); end++)
            ;
        rc = share_member(&e, g.tracks + i, end - i, policy->overlap);
    }
    gathering_clear(&g);
    if (e.rc != 0) return e.rc;
    if (rc == TALLY_ENOMEM || rc == -1 || g.failed)
        return tally_fail(err, TALLY_ENOMEM, "no memory to work out engaged time");
    return rc == 0 ? 0 : tally_fail(err, rc, "cannot read activity; run 'tally fsck'");
}
