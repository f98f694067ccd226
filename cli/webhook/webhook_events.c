/* Looking for what webhooks are to be told of: new records by how far feeds were looked through,
 * sessions by when they were last active, budgets as they stand. A look reads in one snapshot; what
 * it found is written at once, if nobody else has looked meanwhile. */
#include <stdlib.h>
#include <string.h>

#include <tally/engaged.h>
#include <tally/report.h>
#include <tally/team.h>

#include "policy/budgets.h"
#include "webhooks.h"

#define LOOKS_MAX 5 /* then others look all the time, and find it */

typedef struct hook_kept {
    char name[TALLY_HOOK_NAME_MAX_BYTES + 1];
    tally_hook hook; /* without its texts, which end with the snapshot */
} hook_kept;

typedef struct found {
    uint8_t id[TALLY_MESSAGE_ID_BYTES];
    size_t hook, event;
} found;

/* A session that was active since the last look, or was running then. */
typedef struct active {
    uint64_t session;
    bool kept; /* as running, in the store */
    bool over;
} active;

typedef struct look {
    cli_reading reading;
    int64_t now_ms;
    uint64_t generation;
    hook_kept hooks[TALLY_HOOK_MAX];
    size_t hook_count;
    uint32_t wanted; /* events that some endpoint wants */
    bool all;        /* some endpoint wants records of other devices */
    struct {
        uint32_t feed;
        uint64_t size;
    } * seen; /* feeds that have grown */
    size_t seen_count;
    active *sessions;
    size_t session_count, session_room;
    cli_event *events;
    size_t event_count, event_room;
    found *found;
    size_t found_count, found_room;
    bool late; /* somebody else has looked meanwhile */
} look;

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "memory ran out");
}

/* One more element of `*array`, zeroed; NULL when memory ran out. */
static void *one_more(void **array, size_t *count, size_t *room, size_t size) {
    if (*count == *room) {
        size_t larger = *room ? 2 * *room : 64;
        void *grown = realloc(*array, larger * size);
        if (!grown) return NULL;
        *array = grown;
        *room = larger;
    }
    return memset((char *)*array + size * (*count)++, 0, size);
}

/* ---- who wants it ---- */

static int keep_hook(void *ctx, const tally_hook *hook, tally_error *err) {
    look *l = ctx;
    (void)err;
    if (hook->disabled.len || l->hook_count == TALLY_HOOK_MAX) return 0;
    hook_kept *kept = &l->hooks[l->hook_count++];
    *kept = (hook_kept){.hook = *hook};
    memcpy(kept->name, hook->name.ptr, hook->name.len);
    kept->hook.name = tally_span_of(kept->name, hook->name.len);
    kept->hook.url = kept->hook.secret = kept->hook.old_secret = (tally_span){0};
    l->wanted |= hook->events;
    l->all = l->all || hook->all;
    return 0;
}

static bool wants(const look *l, tally_hook_event event) {
    return (l->wanted & 1u << event) != 0;
}

static bool hook_wants(const tally_hook *hook, const cli_event *event) {
    return (hook->events & 1u << event->type) != 0 && (event->own || hook->all) &&
           (event->type != TALLY_HOOK_ENTRY_FINISHED || event->time_ms >= hook->since_ms);
}

/* Takes the event's payload. */
static int event_keep(look *l, const cli_event *event, tally_error *err) {
    cli_event *kept = one_more((void **)&l->events, &l->event_count, &l->event_room, sizeof *kept);
    if (!kept) {
        free(event->payload);
        return no_memory(err);
    }
    *kept = *event;
    for (size_t i = 0; i < l->hook_count; i++) {
        found next = {.hook = i, .event = l->event_count - 1};
        if (!hook_wants(&l->hooks[i].hook, event)) continue;
        tally_message_id(&l->hooks[i].hook, event->type,
                         tally_span_of(event->seed, event->seed_len), next.id);
        if (tally_outbox_has(l->reading.txn, next.id)) continue;
        found *one = one_more((void **)&l->found, &l->found_count, &l->found_room, sizeof *one);
        if (!one) return no_memory(err);
        *one = next;
    }
    return 0;
}

/* ---- records ---- */

static int session_note(look *l, uint64_t session, bool kept, tally_error *err) {
    if (l->session_count && l->sessions[l->session_count - 1].session == session && !kept) return 0;
    active *one = one_more((void **)&l->sessions, &l->session_count, &l->session_room, sizeof *one);
    if (!one) return no_memory(err);
    *one = (active){.session = session, .kept = kept};
    return 0;
}

static int keep_running(void *ctx, uint64_t session, tally_error *err) {
    return session_note(ctx, session, true, err);
}

/* Whether a record says that something happened in a session, and in which. */
static bool session_of(const tally_record *record, uint64_t *out) {
    tally_span agent, id;
    const char *key = tally_span_is(record->kind, "session") ? "id" : "session";
    if (!tally_span_is(record->kind, "session") && !tally_span_is(record->kind, "activity") &&
        !tally_span_is(record->kind, "cost"))
        return false;
    if (!tally_body_str(record, "agent", &agent) || !tally_body_str(record, key, &id)) return false;
    *out = tally_session_ref(agent, id);
    return true;
}

static int look_at_record(look *l, uint32_t feed, tally_span bytes, tally_error *err) {
    tally_record record;
    tally_hash leaf;
    cli_event event;
    uint64_t session;
    if (tally_record_parse(bytes, &record, NULL) != 0) return 0; /* fsck's matter */
    if (session_of(&record, &session))
        return wants(l, TALLY_HOOK_ENTRY_FINISHED) ? session_note(l, session, false, err) : 0;
    tally_leaf_hash(bytes, &leaf);
    int code = cli_event_of_record(&l->reading, feed, &record, &leaf, &event, err);
    if (code) return code == TALLY_ENOTFOUND ? 0 : code;
    return event_keep(l, &event, err);
}

/* Records of a device that does not belong, or past its revocation, count for nothing. */
static int look_at_feed(look *l, uint32_t number, tally_error *err) {
    tally_txn *txn = l->reading.txn;
    tally_feed feed;
    tally_team_device device;
    int code = tally_feed_get(txn, number, &feed, err);
    uint64_t from = tally_outbox_seen(txn, number);
    if (code || from == feed.size) return code;
    l->seen[l->seen_count].feed = number;
    l->seen[l->seen_count++].size = feed.size;
    if (tally_team_device_get(txn, &feed.device, &device) != 0) return 0;
    for (uint64_t i = from; !code && i < feed.size && i < device.limit; i++) {
        tally_span bytes;
        code = tally_record_get(txn, number, i, &bytes, err);
        if (!code) code = look_at_record(l, number, bytes, err);
    }
    return code;
}

static int look_at_records(look *l, tally_error *err) {
    uint32_t feeds = l->all ? tally_feed_count(l->reading.txn) : 1;
    int code = 0;
    l->seen = calloc(feeds, sizeof *l->seen);
    if (!l->seen) return no_memory(err);
    for (uint32_t number = 0; !code && number < feeds; number++)
        code = look_at_feed(l, number, err);
    return code;
}

/* ---- sessions ---- */

static int by_session(const void *a, const void *b) {
    const active *x = a, *y = b;
    if (x->session != y->session) return x->session < y->session ? -1 : 1;
    return y->kept - x->kept;
}

/* Each once; one that is kept stands before one that is new. */
static void sessions_sort(look *l) {
    size_t kept = 0;
    if (l->session_count) qsort(l->sessions, l->session_count, sizeof *l->sessions, by_session);
    for (size_t i = 0; i < l->session_count; i++)
        if (!kept || l->sessions[kept - 1].session != l->sessions[i].session)
            l->sessions[kept++] = l->sessions[i];
    l->session_count = kept;
}

typedef struct span_ms {
    int64_t start_ms, end_ms;
} span_ms;

static int widen(void *ctx, const tally_activity *activity) {
    span_ms *span = ctx;
    if (activity->start_ms < span->start_ms) span->start_ms = activity->start_ms;
    if (activity->end_ms > span->end_ms) span->end_ms = activity->end_ms;
    return 0;
}

static bool is_over(const look *l, int64_t end_ms) {
    return end_ms <= l->now_ms - TALLY_ENGAGED_POLICY_DEFAULT.idle_ms;
}

/* The period in which all sessions lie that seem to be over; false when there are none. */
static bool over_period(look *l, tally_filter *out) {
    bool any = false;
    *out = (tally_filter){.has_period = true, .period = {.start_ms = INT64_MAX}};
    for (size_t i = 0; i < l->session_count; i++) {
        span_ms span = {INT64_MAX, INT64_MIN};
        (void)tally_activity_each(l->reading.txn, l->sessions[i].session, widen, &span);
        if (span.end_ms == INT64_MIN)
            *out = (tally_filter){.has_period = false}; /* costs alone tell when it was */
        else if (!is_over(l, span.end_ms))
            continue;
        any = l->sessions[i].over = true;
        if (span.start_ms < out->period.start_ms) out->period.start_ms = span.start_ms;
        if (span.end_ms >= out->period.end_ms) out->period.end_ms = span.end_ms + 1;
    }
    return any;
}

static int look_at_row(look *l, const tally_session_row *row, tally_error *err) {
    active wanted = {.session = row->session.ref};
    cli_event event;
    active *one = NULL;
    for (size_t low = 0, high = l->session_count; low < high && !one;) {
        size_t middle = low + (high - low) / 2;
        if (l->sessions[middle].session == wanted.session)
            one = &l->sessions[middle];
        else if (l->sessions[middle].session < wanted.session)
            low = middle + 1;
        else
            high = middle;
    }
    if (!one || !one->over) return 0;
    one->over = is_over(l, row->end_ms);
    if (!one->over) return 0;
    int code = cli_event_of_session(&l->reading, row, &event, err);
    return code ? code : event_keep(l, &event, err);
}

static int look_at_sessions(look *l, tally_error *err) {
    tally_filter filter;
    tally_session_list *list = NULL;
    sessions_sort(l);
    if (!over_period(l, &filter)) return 0;
    int code = tally_sessions_run(l->reading.txn, &filter, &list, err);
    for (size_t i = 0; !code && i < tally_sessions_count(list); i++)
        code = look_at_row(l, tally_sessions_at(list, i), err);
    tally_sessions_free(list);
    return code;
}

/* ---- budgets ---- */

static int look_at_budget(void *ctx, const tally_budget *budget, tally_error *err) {
    look *l = ctx;
    cli_event event;
    if (budget->level == TALLY_BUDGET_FINE) return 0;
    int code = cli_event_of_budget(budget, l->now_ms, &event, err);
    return code ? code : event_keep(l, &event, err);
}

/* ---- a look ---- */

static int reading_begin(look *l, tally_ledger *ledger, tally_error *err) {
    cli_reading *reading = &l->reading;
    int code = tally_read_begin(ledger, &reading->txn, err);
    if (!code) code = tally_hook_each(reading->txn, keep_hook, l, err);
    if (code || !l->hook_count) return code;
    code = tally_team_get(reading->txn, &reading->team, err);
    if (!code) code = cli_zone_load(reading->team.timezone, &reading->zone, err);
    reading->zone_name = reading->team.timezone;
    return code;
}

static int look_around(look *l, tally_ledger *ledger, tally_error *err) {
    int code = reading_begin(l, ledger, err);
    if (!code && l->hook_count) {
        tally_txn *txn = l->reading.txn;
        l->generation = tally_outbox_generation(txn);
        code = tally_outbox_running_each(txn, keep_running, l, err);
        if (!code) code = look_at_records(l, err);
        if (!code) code = look_at_sessions(l, err);
        if (!code && wants(l, TALLY_HOOK_BUDGET_REACHED))
            code = cli_budgets_each(txn, l->reading.zone, l->now_ms, NULL, look_at_budget, l, err);
    }
    cli_reading_close(&l->reading); /* its ledger is NULL: ours stays open */
    return code;
}

static void look_clear(look *l) {
    for (size_t i = 0; i < l->event_count; i++)
        free(l->events[i].payload);
    free(l->events);
    free(l->found);
    free(l->sessions);
    free(l->seen);
}

static int found_add(look *l, const found *one, tally_txn *txn, tally_error *err) {
    const cli_event *event = &l->events[one->event];
    tally_message message = {.hook = l->hooks[one->hook].hook.name,
                             .type = tally_span_str(tally_hook_event_name(event->type)),
                             .payload = tally_span_of(event->payload, event->payload_len),
                             .event_ms = event->time_ms,
                             .made_ms = l->now_ms};
    tally_hook there;
    /* Removed meanwhile; its messages went with it. */
    if (tally_hook_get(txn, message.hook, &there, NULL) != 0) return 0;
    memcpy(message.id, one->id, sizeof message.id);
    return tally_outbox_add(txn, &message, err);
}

static int found_write(void *ctx, tally_txn *txn, tally_error *err) {
    look *l = ctx;
    int code = 0;
    l->late = tally_outbox_generation(txn) != l->generation;
    if (l->late) return 0;
    for (size_t i = 0; !code && i < l->found_count; i++)
        code = found_add(l, &l->found[i], txn, err);
    for (size_t i = 0; !code && i < l->seen_count; i++)
        code = tally_outbox_seen_put(txn, l->seen[i].feed, l->seen[i].size, err);
    for (size_t i = 0; !code && i < l->session_count; i++)
        if (l->sessions[i].over == l->sessions[i].kept)
            code = tally_outbox_running_put(txn, l->sessions[i].session, !l->sessions[i].over, err);
    if (!code) code = tally_outbox_forget(txn, l->now_ms, err);
    return code ? code : tally_outbox_generation_raise(txn, err);
}

static bool anything_new(const look *l) {
    if (l->found_count || l->seen_count) return true;
    for (size_t i = 0; i < l->session_count; i++)
        if (l->sessions[i].over == l->sessions[i].kept) return true;
    return false;
}

static bool any_running(const look *l) {
    for (size_t i = 0; i < l->session_count; i++)
        if (!l->sessions[i].over) return true;
    return false;
}

int cli_webhooks_collect(tally_ledger *ledger, bool *running, tally_error *err) {
    int code = 0;
    bool late = true;
    for (int looks = 0; !code && late && looks < LOOKS_MAX; looks++) {
        look *l = calloc(1, sizeof *l);
        if (!l) return no_memory(err);
        l->now_ms = cli_now_ms();
        code = look_around(l, ledger, err);
        if (!code && anything_new(l))
            code = tally_ledger_write(ledger, l->now_ms, found_write, l, err);
        late = l->late;
        if (running) *running = any_running(l);
        look_clear(l);
        free(l);
    }
    return code;
}
