/* The scan: joins costs with what is known about them, filters and prices. Grouping is in report.c.
 */
#include "scan.h"

#include "store.h"
#include "tag_list.h"

#include <stdlib.h>

#define RECENT 4096u

struct scan {
    tally_txn *txn;
    const tally_filter *filter;
    filter_period *periods; /* one more than the filter has zones */
    tally_span last_client; /* and its calendar */
    uint32_t last_calendar;
    tally_price_book *book;
    attributor attributor;
    uint64_t serial;
    index_map session_index, model_index;
    scan_session **sessions; /* pointers, so that they stay where they are */
    scan_model **models;
    size_t session_count, session_room, model_count, model_room;
    scan_feed *feeds;
    uint32_t feed_count;
    scan_session nobody;       /* in which manual time was spent */
    scan_lane *recent[RECENT]; /* by their refs' last bits: sessions and models take turns */
    bool any_tags;
    bool entry_tags;  /* some entry has tags of its own */
    bool asks_prices; /* the filter does */
    tally_span *row_tags;
    size_t row_tag_room;
    scan_fn *fn;
    void *ctx;
    tally_error *err;
};

/* ---- whose days ---- */

/* Clients seldom change from one row to the next. */
static uint32_t calendar_of(scan *s, tally_span client) {
    if (s->filter->zone_count == 0 || client.len == 0) return 0;
    if (client.ptr != s->last_client.ptr || client.len != s->last_client.len) {
        s->last_client = client;
        s->last_calendar = filter_calendar(s->filter, client);
    }
    return s->last_calendar;
}

/* The client's days decide whether a cost is in the period; time is cut instead. */
static bool share_passes(const scan *s, const scan_row *row) {
    const filter_period *period = &s->periods[row->calendar];
    if (row->cost &&
        (row->cost->time_ms < period->start_ms || row->cost->time_ms >= period->end_ms))
        return false;
    return filter_share(s->filter, row);
}

static bool session_tags(scan *s, scan_session *session) {
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    tag_list list = {0};
    tally_put_be64(target, session->ref);
    bool read = tag_list_of(s->txn, target, &list) == 0;
    session->tags = list.tags;
    session->tag_count = list.count;
    return read;
}

scan_session *scan_session_of(scan *s, uint64_t ref) {
    uint32_t *slot = index_map_slot(&s->session_index, ref);
    if (!slot) return NULL;
    if (*slot != 0) return s->sessions[*slot - 1];
    if (s->session_count == s->session_room) {
        size_t room = s->session_room ? s->session_room * 2 : 256;
        scan_session **grown = realloc(s->sessions, room * sizeof(scan_session *));
        if (!grown) return NULL;
        s->sessions = grown;
        s->session_room = room;
    }
    scan_session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->ref = ref;
    session->group = SCAN_NO_GROUP;
    s->sessions[s->session_count++] = session;
    *slot = (uint32_t)s->session_count;
    session->feed = TALLY_ENGAGED_NOBODY;
    if (tally_agent_session_get(s->txn, ref, &session->session) == 0)
        session->feed = session->session.feed;
    else
        session->session = (tally_agent_session){.ref = ref};
    if (s->any_tags && !session_tags(s, session)) return NULL;
    attributor_session(&s->attributor, &session->session, session->tags, session->tag_count,
                       &session->said);
    session->passes = filter_session(s->filter, session);
    return session;
}

static const scan_model *model_of(scan *s, uint64_t ref) {
    uint32_t *slot = index_map_slot(&s->model_index, ref);
    if (!slot) return NULL;
    if (*slot != 0) return s->models[*slot - 1];
    if (s->model_count == s->model_room) {
        size_t room = s->model_room ? s->model_room * 2 : 32;
        scan_model **grown = realloc(s->models, room * sizeof(scan_model *));
        if (!grown) return NULL;
        s->models = grown;
        s->model_room = room;
    }
    scan_model *model = calloc(1, sizeof *model);
    if (!model) return NULL;
    model->ref = ref;
    model->text = tally_string_get(s->txn, ref);
    model->passes = filter_model(s->filter->model, model->text);
    model->line = price_book_line(s->book, ref);
    if (!model->line) {
        free(model);
        return NULL;
    }
    s->models[s->model_count++] = model;
    *slot = (uint32_t)s->model_count;
    return model;
}

const scan_feed *scan_feed_of(scan *s, uint32_t number) {
    static const scan_feed nobody = {.known = true}, anybody = {.known = true, .passes = true};
    const tally_filter *f = s->filter;
    if (number >= s->feed_count) return f->member.len || f->device.len ? &nobody : &anybody;
    scan_feed *feed = &s->feeds[number];
    if (feed->known) return feed;
    (void)tally_feed_names(s->txn, number, &feed->member, &feed->device);
    feed->passes = (f->member.len == 0 || tally_span_eq(feed->member, f->member)) &&
                   (f->device.len == 0 || tally_span_eq(feed->device, f->device));
    feed->known = true;
    return feed;
}

/* Joins the entry's own tags with its session's, sorted and each once. */
static int join_tags(scan *s, scan_row *row, const tally_entry_id *id) {
    row->tags = row->session->tags;
    row->tag_count = row->session->tag_count;
    if (!s->entry_tags) return 0;
    tag_list own = {0};
    bool failed = tag_list_of(s->txn, id->b, &own) != 0;
    size_t total = own.count + row->session->tag_count;
    if (!failed && own.count > 0 && total > s->row_tag_room) {
        tally_span *grown = realloc(s->row_tags, total * sizeof *grown);
        failed = !grown;
        if (grown) {
            s->row_tags = grown;
            s->row_tag_room = total;
        }
    }
    if (!failed && own.count > 0) {
        size_t i = 0, k = 0, n = 0;
        while (i < own.count || k < row->session->tag_count) {
            int order = i == own.count ? 1
                        : k == row->session->tag_count
                            ? -1
                            : tally_span_cmp(own.tags[i], row->session->tags[k]);
            s->row_tags[n++] = order <= 0 ? own.tags[i] : row->session->tags[k];
            if (order <= 0) i++;
            if (order >= 0) k++;
        }
        row->tags = s->row_tags;
        row->tag_count = n;
    }
    tag_list_clear(&own);
    return failed ? TALLY_ENOMEM : 0;
}

/* ---- shares ---- */

void scan_row_share(scan_row *row, const tally_attribution *said, uint32_t at) {
    row->said = said;
    row->share = said->count > 0 ? &said->shares[at] : NULL;
    row->client = row->share ? row->share->client : (tally_span){0};
    row->project = row->share ? row->share->project : (tally_span){0};
    if (row->project.len == 0) row->project = row->session->session.cwd;
}

static void row_share(scan *s, scan_row *row, const tally_attribution *said, uint32_t at) {
    scan_row_share(row, said, at);
    row->calendar = calendar_of(s, row->client);
}

/* Rules look at an entry's own tags like at its session's. */
static const tally_attribution *said_of(scan *s, const scan_row *row, tally_attribution *own) {
    if (attributor_entry(&s->attributor, &row->cost->id, own)) return own;
    if (row->tag_count == row->session->tag_count) return &row->session->said;
    attributor_session(&s->attributor, &row->session->session, row->tags, row->tag_count, own);
    return own;
}

static int pass_shares(scan *s, const scan_row *whole, const tally_attribution *said) {
    cost_pieces pieces;
    int rc = 0;
    cost_divide(whole, said, &pieces);
    for (uint32_t i = 0; i < said->count && rc == 0; i++) {
        scan_row row = *whole;
        tally_cost cost = *whole->cost;
        row.lane = NULL;
        row.usual = false;
        row_share(s, &row, said, i);
        if (!share_passes(s, &row)) continue;
        cost_take_piece(&pieces, i, &cost, &row);
        rc = s->fn(s->ctx, &row, s->err);
    }
    return rc;
}

static int pass_cost(scan *s, scan_row *row) {
    tally_attribution own;
    const tally_attribution *said = said_of(s, row, &own);
    if (said->count > 1) return pass_shares(s, row, said);
    row_share(s, row, said, 0);
    row->usual = said != &own;
    // NOLINTNEXTLINE(clang-analyzer-core.StackAddressEscape): who calls this is done with `row`
    return share_passes(s, row) ? s->fn(s->ctx, row, s->err) : 0;
}

bool scan_splits(const scan *s) {
    return s->attributor.any_splits;
}

static bool time_asked(const scan *s, const scan_session *session, const scan_feed *feed) {
    const tally_filter *f = s->filter;
    bool of_costs = f->model.len || f->unpriced || f->has_min_cost || f->has_max_cost;
    return !of_costs && session->passes && feed->passes &&
           (f->tag.len == 0 || tag_list_has(session->tags, session->tag_count, f->tag));
}

static uint64_t shares_below(const scan_row *row) {
    uint64_t below = 0;
    for (const tally_share *share = row->said->shares; share < row->share; share++)
        below += share->parts;
    return below;
}

/* One share's part of a piece, day by day if that is asked for. */
static int share_time(scan *s, const scan_row *row, const tally_engaged *piece,
                      const tally_zone *days, scan_time_fn *fn, void *ctx, tally_error *err) {
    const filter_period *period = &s->periods[row->calendar];
    int64_t at = piece->start_ms, end = piece->end_ms;
    int rc = 0;
    if (at < period->start_ms) at = period->start_ms;
    if (end > period->end_ms) end = period->end_ms;
    if (days && row->calendar > 0) days = s->filter->zones[row->calendar - 1].zone;
    while (rc == 0 && at < end) {
        tally_engaged part, whole;
        int64_t cut = end;
        if (days) cut = tally_zone_day_start(days, tally_zone_day(days, at) + 1);
        if (cut <= at || cut > end) cut = end;
        tally_engaged_cut(piece, at, cut, &whole);
        part = whole;
        if (row->said->count > 1)
            // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is one of `said`
            tally_engaged_divide(&whole, shares_below(row), row->share->parts, row->said->parts,
                                 &part);
        rc = fn(ctx, row, &part, err);
        at = cut;
    }
    return rc;
}

int scan_time(scan *s, const tally_engaged *piece, const tally_zone *days, scan_time_fn *fn,
              void *ctx, tally_error *err) {
    scan_row row = {.session = scan_session_of(s, piece->session),
                    .feed = scan_feed_of(s, piece->feed)};
    if (!row.session) return tally_fail(err, TALLY_ENOMEM, "no memory to read time");
    row.tags = row.session->tags;
    row.tag_count = row.session->tag_count;
    const tally_attribution *said = &row.session->said;
    int rc = 0;
    for (uint32_t i = 0; i == 0 || (i < said->count && rc == 0); i++) {
        row_share(s, &row, said, i);
        row.usual = said->count <= 1;
        if (share_passes(s, &row)) rc = share_time(s, &row, piece, days, fn, ctx, err);
    }
    return rc;
}

void scan_window_of(scan *s, const scan_session *session, int64_t *start_ms, int64_t *end_ms) {
    scan_row row = {.session = (scan_session *)(uintptr_t)session};
    *start_ms = INT64_MAX;
    *end_ms = INT64_MIN;
    for (uint32_t i = 0; i == 0 || i < session->said.count; i++) {
        row_share(s, &row, &session->said, i);
        if (!share_passes(s, &row)) continue;
        const filter_period *period = &s->periods[row.calendar];
        if (period->start_ms < *start_ms) *start_ms = period->start_ms;
        if (period->end_ms > *end_ms) *end_ms = period->end_ms;
    }
}

bool scan_time_passes(scan *s, const scan_session *session, const scan_feed *feed) {
    scan_row row = {.session = (scan_session *)(uintptr_t)session};
    if (!time_asked(s, session, feed)) return false;
    for (uint32_t i = 0; i == 0 || i < session->said.count; i++) {
        row_share(s, &row, &session->said, i);
        if (share_passes(s, &row)) return true;
    }
    return false;
}

/* ---- manual time ---- */

typedef struct work_pass {
    scan *scan;
    scan_work_fn *fn;
    void *ctx;
} work_pass;

/* A person's word on the entry, what was written down with it, or what rules say of its tags. */
static void work_said(scan *s, const tally_time_entry *entry, const scan_row *row,
                      tally_attribution *out) {
    tally_attributable what = {.tags = row->tags, .tag_count = row->tag_count};
    if (attributor_entry(&s->attributor, &entry->id, out)) return;
    if (entry->client.len + entry->project.len == 0) {
        tally_rules_decide(s->attributor.rules, &what, out);
        return;
    }
    *out = (tally_attribution){.by = TALLY_ATTRIBUTED_ASSIGN,
                               .count = 1,
                               .parts = 1,
                               .shares = {{entry->client, entry->project, 1}},
                               .decision = entry->leaf,
                               .feed = entry->feed};
}

static int pass_entry(void *ctx, const tally_time_entry *entry, tally_error *err) {
    work_pass *pass = ctx;
    scan *s = pass->scan;
    const tally_filter *f = s->filter;
    scan_row row = {.session = &s->nobody, .feed = scan_feed_of(s, entry->feed)};
    tally_attribution said;
    tally_i128 ms[TALLY_MAX_SHARES] = {entry->duration_ms};
    if (!row.feed->passes) return 0;
    if (join_tags(s, &row, &entry->id) != 0)
        return tally_fail(err, TALLY_ENOMEM, "no memory to read tags");
    if (f->tag.len && !tag_list_has(row.tags, row.tag_count, f->tag)) return 0;
    work_said(s, entry, &row, &said);
    if (said.count > 1) tally_shares_divide(entry->duration_ms, said.shares, said.count, ms);
    row.serial = ++s->serial;
    int rc = 0;
    for (uint32_t i = 0; i == 0 || (i < said.count && rc == 0); i++) {
        row_share(s, &row, &said, i);
        if (filter_share(f, &row)) rc = pass->fn(pass->ctx, &row, entry, (int64_t)ms[i], err);
    }
    return rc;
}

int scan_work(scan *s, scan_work_fn *fn, void *ctx, tally_error *err) {
    const tally_filter *f = s->filter;
    work_pass pass = {s, fn, ctx};
    int64_t first = f->has_period ? f->period.first_day : 0;
    int64_t end = f->has_period ? f->period.end_day : INT64_MAX;
    return filter_work(f) ? tally_time_each(s->txn, first, end, pass_entry, &pass, err) : 0;
}

/* ---- costs ---- */

/* What a lane's costs have in common, as far as their session decides it. */
static void lane_fill(scan *s, scan_lane *lane, scan_session *session, const scan_model *model) {
    const tally_filter *f = s->filter;
    scan_row *row = &lane->row;
    bool described = session->feed != TALLY_ENGAGED_NOBODY;
    *row = (scan_row){.session = session, .model = model, .usual = true, .lane = lane};
    row->feed = scan_feed_of(s, described ? session->feed : lane->feed);
    row->tags = session->tags;
    row->tag_count = session->tag_count;
    lane->passes = session->passes && model->passes && row->feed->passes;
    lane->end_ms = INT64_MAX;
    if (s->entry_tags || s->attributor.entry_decisions) return;
    if (f->tag.len && !tag_list_has(row->tags, row->tag_count, f->tag)) lane->passes = false;
    row->said = &session->said;
    if (row->said->count > 1) return;
    row_share(s, row, row->said, 0);
    if (!filter_share(f, row)) lane->passes = false;
    lane->start_ms = s->periods[row->calendar].start_ms;
    lane->end_ms = s->periods[row->calendar].end_ms;
}

static scan_lane *lane_find(scan *s, const tally_cost *cost) {
    scan_session *session = scan_session_of(s, cost->session);
    const scan_model *model = model_of(s, cost->model);
    if (!session || !model) return NULL;
    for (scan_lane *lane = session->lanes; lane; lane = lane->next)
        if (lane->model == cost->model && lane->feed == cost->feed) return lane;
    scan_lane *lane = calloc(1, sizeof *lane);
    if (!lane) return NULL;
    *lane = (scan_lane){
        .next = session->lanes, .session = cost->session, .model = cost->model, .feed = cost->feed};
    session->lanes = lane;
    lane_fill(s, lane, session, model);
    return lane;
}

static scan_lane *lane_of(scan *s, const tally_cost *cost) {
    scan_lane **recent = &s->recent[(cost->session ^ cost->model) % RECENT];
    const scan_lane *lane = *recent;
    if (!lane || lane->session != cost->session || lane->model != cost->model ||
        lane->feed != cost->feed)
        *recent = lane_find(s, cost);
    return *recent;
}

/* False when the filter asks for other prices. */
static bool price_row(scan *s, scan_row *row) {
    price_line_cost(s->book, row->model->line, row->cost, &row->priced);
    if (s->filter->plans)
        row->paid = tally_plans_paid(s->filter->plans, row->cost, &row->paid_pico);
    return !s->asks_prices || filter_price(s->filter, &row->priced);
}

/* Entries have tags or decisions of their own: each is asked about. */
static int scan_entry(scan *s, const scan_lane *lane, const tally_cost *cost) {
    scan_row row = lane->row;
    row.lane = NULL;
    row.cost = cost;
    row.serial = ++s->serial;
    if (join_tags(s, &row, &cost->id) != 0)
        return tally_fail(s->err, TALLY_ENOMEM, "no memory to read tags");
    if (s->filter->tag.len && !tag_list_has(row.tags, row.tag_count, s->filter->tag)) return 0;
    return price_row(s, &row) ? pass_cost(s, &row) : 0;
}

static int scan_cost(void *ctx, const tally_cost *cost) {
    scan *s = ctx;
    scan_lane *lane = lane_of(s, cost);
    if (!lane) return tally_fail(s->err, TALLY_ENOMEM, "no memory to read costs");
    if (!lane->passes || cost->time_ms < lane->start_ms || cost->time_ms >= lane->end_ms) return 0;
    scan_row *row = &lane->row;
    if (!row->said) return scan_entry(s, lane, cost);
    row->cost = cost;
    row->serial = ++s->serial;
    if (!price_row(s, row)) return 0;
    return row->said->count > 1 ? pass_shares(s, row, row->said) : s->fn(s->ctx, row, s->err);
}

static int note_entry_tag(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                          const tally_hash *add) {
    scan *s = ctx;
    static const uint8_t zeros[TALLY_ENTRY_BYTES - 8];
    (void)tag, (void)add;
    s->any_tags = true;
    s->entry_tags = s->entry_tags || memcmp(target + 8, zeros, sizeof zeros) != 0;
    return 0;
}

int scan_new(tally_txn *txn, const tally_filter *filter, scan **out, tally_error *err) {
    scan *s = calloc(1, sizeof *s);
    if (!s) return tally_fail(err, TALLY_ENOMEM, "no memory to read costs");
    s->txn = txn;
    s->filter = filter;
    s->asks_prices = filter->unpriced || filter->has_min_cost || filter->has_max_cost;
    s->feed_count = tally_feed_count(txn);
    s->feeds = calloc(s->feed_count ? s->feed_count : 1, sizeof *s->feeds);
    s->periods = calloc(filter->zone_count + 1, sizeof *s->periods);
    for (uint32_t i = 0; s->periods && i <= filter->zone_count; i++)
        s->periods[i] = filter_days(filter, i);
    int rc = s->feeds && s->periods && index_map_init(&s->session_index) == 0 &&
                     index_map_init(&s->model_index) == 0
                 ? 0
                 : tally_fail(err, TALLY_ENOMEM, "no memory to read costs");
    if (rc == 0) rc = tally_price_book_new(txn, &s->book, err);
    if (rc == 0) rc = tally_tag_each(txn, note_entry_tag, s);
    if (rc == 0) rc = attributor_init(&s->attributor, txn, err);
    if (rc != 0) {
        scan_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void scan_free(scan *s) {
    if (!s) return;
    for (size_t i = 0; i < s->session_count; i++) {
        while (s->sessions[i]->lanes) {
            scan_lane *lane = s->sessions[i]->lanes;
            s->sessions[i]->lanes = lane->next;
            free(lane);
        }
        free(s->sessions[i]->tags);
        free(s->sessions[i]);
    }
    for (size_t i = 0; i < s->model_count; i++)
        free(s->models[i]);
    free(s->sessions);
    free(s->models);
    free(s->feeds);
    free(s->periods);
    free(s->row_tags);
    index_map_clear(&s->session_index);
    index_map_clear(&s->model_index);
    tally_price_book_free(s->book);
    attributor_clear(&s->attributor);
    free(s);
}

int scan_run(scan *s, scan_fn *fn, void *ctx, tally_error *err) {
    int64_t start, end;
    s->fn = fn;
    s->ctx = ctx;
    s->err = err;
    tally_filter_window(s->filter, &start, &end);
    int rc = tally_cost_each(s->txn, start, end, scan_cost, s);
    if (rc == TALLY_EIO || rc == TALLY_ECORRUPT)
        return tally_fail(err, rc, "cannot read the cost view; run 'tally fsck'");
    return rc;
}
