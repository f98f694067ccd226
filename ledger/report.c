/* Reports: groups the scan by any combination of keys and sums exactly. */
#include "conflict.h"
#include "scan.h"

#include <stdio.h>
#include <stdlib.h>

#define CALENDAR_TEXT_BYTES 16u

typedef struct group {
    tally_report_row row;
    uint64_t serial; /* of the cost added last */
} group;

/* The local day that the scan stands in, one a zone: costs come in time order, so it is worked out
 * once a day. */
typedef struct calendar {
    int64_t start_ms, end_ms;
    char *texts[3];     /* day, week, month: owned by the report */
    const char *finest; /* of those that are keys: the one that changes most often */
} calendar;

struct tally_report {
    size_t key_count;
    tally_report_key keys[TALLY_REPORT_MAX_KEYS];
    const tally_zone *zone; /* of those without one of their own */
    const tally_client_zone *zones;
    group *groups;
    size_t group_count, group_room;
    index_map group_index, session_index; /* group + 1; 1 for a (group, session) seen */
    tally_sums total;
    index_map total_sessions;
    bool uses[SCAN_FACTS]; /* which facts beside the session decide a row's keys */
    bool tagged;           /* one of the keys is the tag */
    bool apart;            /* a cost may stand in several groups: the total is summed by itself */
    uint64_t serial;       /* of the cost added to the total last */
    conflict_list conflicts;
    calendar *calendars; /* the team's, then each client's that has a zone */
    calendar *now;       /* that of the row in hand */
    char **texts;        /* what the calendars made */
    size_t text_count, text_room;
};

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "no memory for a report");
}

static char *keep_text(tally_report *report, const char *text) {
    if (report->text_count == report->text_room) {
        size_t room = report->text_room ? report->text_room * 2 : 64;
        char **grown = realloc(report->texts, room * sizeof(char *));
        if (!grown) return NULL;
        report->texts = grown;
        report->text_room = room;
    }
    char *copy = strdup(text);
    if (copy) report->texts[report->text_count++] = copy;
    return copy;
}

/* ISO 8601 week: the week belongs to the year of its Thursday. */
static void week_text(int64_t days, char *out, size_t size) {
    int64_t weekday = ((days + 3) % 7 + 7) % 7; /* Monday is 0 */
    int64_t thursday = days - weekday + 3, year;
    unsigned month, day;
    tally_civil_from_days(thursday, &year, &month, &day);
    int64_t week = (thursday - tally_days_from_civil(year, 1, 1)) / 7 + 1;
    (void)snprintf(out, size, "%04d-W%02d", (int)year, (int)week);
}

/* Weeks and months do not nest: with both as keys the day stands for them. */
static const char *finest_text(const tally_report *report) {
    bool week = false, month = false;
    for (size_t i = 0; i < report->key_count; i++) {
        if (report->keys[i] == TALLY_BY_DAY) return report->now->texts[0];
        week = week || report->keys[i] == TALLY_BY_WEEK;
        month = month || report->keys[i] == TALLY_BY_MONTH;
    }
    if (week && month) return report->now->texts[0];
    return week ? report->now->texts[1] : report->now->texts[2];
}

static int calendar_move(tally_report *report, uint32_t number, int64_t time_ms, tally_error *err) {
    calendar *now = report->now = &report->calendars[number];
    const tally_zone *zone = number == 0 ? report->zone : report->zones[number - 1].zone;
    if (time_ms >= now->start_ms && time_ms < now->end_ms) return 0;
    int64_t days = tally_zone_day(zone, time_ms), year;
    unsigned month, day;
    char text[3][CALENDAR_TEXT_BYTES];
    now->start_ms = tally_zone_day_start(zone, days);
    now->end_ms = tally_zone_day_start(zone, days + 1);
    tally_civil_from_days(days, &year, &month, &day);
    (void)snprintf(text[0], sizeof text[0], "%04d-%02u-%02u", (int)year, month, day);
    week_text(days, text[1], sizeof text[1]);
    (void)snprintf(text[2], sizeof text[2], "%04d-%02u", (int)year, month);
    for (int i = 0; i < 3; i++) {
        if (now->texts[i] && strcmp(now->texts[i], text[i]) == 0) continue;
        now->texts[i] = keep_text(report, text[i]);
        if (!now->texts[i]) return no_memory(err);
    }
    now->finest = finest_text(report);
    return 0;
}

static tally_span key_text(const tally_report *report, tally_report_key key, const scan_row *row,
                           tally_span tag) {
    const tally_agent_session *session = &row->session->session;
    switch (key) {
    case TALLY_BY_CLIENT: return row->client;
    case TALLY_BY_PROJECT: return row->project;
    case TALLY_BY_BRANCH: return session->branch;
    case TALLY_BY_TAG: return tag;
    case TALLY_BY_AGENT: return session->agent;
    case TALLY_BY_MODEL: return row->model->text;
    case TALLY_BY_MEMBER: return row->feed->member;
    case TALLY_BY_DEVICE: return row->feed->device;
    case TALLY_BY_SESSION: return session->id;
    case TALLY_BY_DAY: return tally_span_str(report->now->texts[0]);
    case TALLY_BY_WEEK: return tally_span_str(report->now->texts[1]);
    case TALLY_BY_MONTH: return tally_span_str(report->now->texts[2]);
    }
    return (tally_span){0};
}

/* A cheap identity for grouping: equal texts give equal numbers. Long texts are hashed byte by
 * byte. */
static uint64_t text_id(tally_span text) {
    uint64_t h = text.len, word = 0;
    if (text.len == 0) return 0;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        memcpy(&word, text.ptr + i, 8);
        h = index_mix(h, word);
    }
    for (word = 0; i < text.len; i++)
        word = (word << 8) | text.ptr[i];
    return index_mix(h, word);
}

static bool same_keys(const tally_report *report, const group *g, const tally_span *keys) {
    for (size_t i = 0; i < report->key_count; i++)
        if (!tally_span_eq(g->row.keys[i], keys[i])) return false;
    return true;
}

static int group_new(tally_report *report, const tally_span *keys, uint32_t *slot,
                     tally_error *err) {
    if (report->group_count == report->group_room) {
        size_t room = report->group_room ? report->group_room * 2 : 64;
        group *grown = realloc(report->groups, room * sizeof *grown);
        if (!grown) return no_memory(err);
        report->groups = grown;
        report->group_room = room;
    }
    group *g = &report->groups[report->group_count++];
    *g = (group){0};
    memcpy(g->row.keys, keys, report->key_count * sizeof *keys);
    *slot = (uint32_t)report->group_count;
    return 0;
}

static int group_of(tally_report *report, const tally_span *keys, uint32_t *index,
                    tally_error *err) {
    uint64_t id = 1;
    for (size_t i = 0; i < report->key_count; i++)
        id = index_mix(id, text_id(keys[i]));
    for (;; id++) { /* another number where two groups share one */
        uint32_t *slot = index_map_slot(&report->group_index, id);
        if (!slot) return no_memory(err);
        if (*slot == 0) {
            int rc = group_new(report, keys, slot, err);
            if (rc != 0) return rc;
        } else if (!same_keys(report, &report->groups[*slot - 1], keys)) {
            continue;
        }
        *index = *slot - 1;
        return 0;
    }
}

static int count_session(index_map *seen, uint64_t session, uint64_t within, uint64_t *count,
                         tally_error *err) {
    uint32_t *slot = index_map_slot(seen, index_mix(within + 1, session));
    if (!slot) return no_memory(err);
    if (*slot == 0) (*count)++;
    *slot = 1;
    return 0;
}

/* What beside the session decides the keys of a row: each pointer stands for one text during a
 * scan.
 */
static void facts_of(const tally_report *report, const scan_row *row,
                     const void *facts[SCAN_FACTS]) {
    facts[0] = report->uses[0] ? (const void *)row->model : NULL;
    facts[1] = report->uses[1] ? (const void *)row->feed : NULL;
    facts[2] = report->uses[2] ? (const void *)report->now->finest : NULL;
}

static void note_key(tally_report *report, tally_report_key key) {
    switch (key) {
    case TALLY_BY_MODEL: report->uses[0] = true; break;
    case TALLY_BY_MEMBER:
    case TALLY_BY_DEVICE: report->uses[1] = true; break;
    case TALLY_BY_DAY:
    case TALLY_BY_WEEK:
    case TALLY_BY_MONTH: report->uses[2] = true; break;
    case TALLY_BY_TAG: report->tagged = true; break;
    default: break;
    }
}

/* The group of a session's rows seldom changes from one to the next: then no text is compared.
 * Rows that may go to several groups are looked up each time. */
static int add_to_group(tally_report *report, const scan_row *row, tally_span tag, bool apart,
                        tally_error *err) {
    scan_session *session = row->session;
    const void *facts[SCAN_FACTS];
    uint32_t index = session->group;
    facts_of(report, row, facts);
    bool same = !apart && index < SCAN_SEVERAL_GROUPS &&
                memcmp(facts, session->group_facts, sizeof facts) == 0;
    int rc = 0;
    if (!same) {
        tally_span keys[TALLY_REPORT_MAX_KEYS];
        for (size_t i = 0; i < report->key_count; i++)
            keys[i] = key_text(report, report->keys[i], row, tag);
        rc = group_of(report, keys, &index, err);
        if (rc != 0) return rc;
        memcpy(session->group_facts, facts, sizeof facts);
    }
    group *g = &report->groups[index];
    if (session->group != index)
        rc = count_session(&report->session_index, session->ref, index, &g->row.sums.sessions, err);
    /* what was looked up for this row alone is no guide to the next */
    session->group = apart ? SCAN_SEVERAL_GROUPS : index;
    if (rc != 0) return rc;
    bool again = g->serial == row->serial;
    g->serial = row->serial;
    return sums_add(&g->row.sums, row, again, err);
}

static int add_to_total(tally_report *report, const scan_row *row, tally_error *err) {
    bool again = report->serial == row->serial;
    report->serial = row->serial;
    return sums_add(&report->total, row, again, err);
}

/* What rules disagree on stands under no client: it is named beside the rows. Manual time, in no
 * session, is just unattributed. */
static int note_conflict(tally_report *report, const scan_row *row, tally_error *err) {
    if (row->session->ref == 0) return 0;
    tally_conflict *conflict = conflict_of(&report->conflicts, row->said, row->session->ref);
    if (!conflict) return no_memory(err);
    if (!row->cost) return 0;
    conflict->requests++;
    if (row->priced.priced &&
        tally_add_i128(conflict->pico, row->priced.pico, &conflict->pico) != 0)
        return tally_inexact("a sum of costs", err);
    return 0;
}

/* Rows of a lane go where its last one went, until the day that is a key ends. */
static void remember(const tally_report *report, const scan_row *row) {
    if (!row->lane || report->tagged || row->said->by == TALLY_ATTRIBUTED_CONFLICT) return;
    scan_memo *memo = &row->lane->memo;
    *memo = (scan_memo){.end_ms = INT64_MAX, .value = row->session->group};
    if (!report->uses[2]) return;
    memo->start_ms = report->now->start_ms;
    memo->end_ms = report->now->end_ms;
}

static int add_new(tally_report *report, const scan_row *row, tally_error *err) {
    int rc = calendar_move(report, row->calendar, row->cost->time_ms, err);
    if (rc == 0 && row->said->by == TALLY_ATTRIBUTED_CONFLICT) rc = note_conflict(report, row, err);
    if (rc == 0 && row->session->group == SCAN_NO_GROUP)
        rc = count_session(&report->total_sessions, row->session->ref, 0, &report->total.sessions,
                           err);
    if (rc == 0 && report->apart) rc = add_to_total(report, row, err);
    if (rc != 0) return rc;
    if (!report->tagged || row->tag_count == 0)
        rc = add_to_group(report, row, (tally_span){0}, report->tagged || !row->usual, err);
    for (size_t i = 0; report->tagged && i < row->tag_count && rc == 0; i++)
        rc = add_to_group(report, row, row->tags[i], true, err);
    if (rc == 0) remember(report, row);
    return rc;
}

static int add_as_before(tally_report *report, const scan_row *row, tally_error *err) {
    group *g = &report->groups[row->lane->memo.value];
    int rc = report->apart ? add_to_total(report, row, err) : 0;
    g->serial = row->serial;
    return rc == 0 ? sums_add(&g->row.sums, row, false, err) : rc;
}

static int add_row(void *ctx, const scan_row *row, tally_error *err) {
    tally_report *report = ctx;
    return scan_memo_holds(row) ? add_as_before(report, row, err) : add_new(report, row, err);
}

/* Ascending by keys; what has no key comes last. */
static int group_order(const void *a, const void *b) {
    const group *left = a, *right = b;
    for (size_t i = 0; i < TALLY_REPORT_MAX_KEYS; i++) {
        tally_span x = left->row.keys[i], y = right->row.keys[i];
        if ((x.len == 0) != (y.len == 0)) return x.len == 0 ? 1 : -1;
        int order = tally_span_cmp(x, y);
        if (order != 0) return order;
    }
    return 0;
}

typedef struct time_pass {
    tally_report *report;
    scan *scan;
    tally_error *err;
} time_pass;

static int add_time_to_group(tally_report *report, const scan_row *row, tally_span tag,
                             const tally_engaged *piece, tally_error *err) {
    tally_span keys[TALLY_REPORT_MAX_KEYS];
    uint32_t index = 0;
    for (size_t i = 0; i < report->key_count; i++)
        keys[i] = key_text(report, report->keys[i], row, tag);
    int rc = group_of(report, keys, &index, err);
    if (rc != 0) return rc;
    group *g = &report->groups[index];
    g->row.sums.time_entries += g->serial < row->serial; /* only manual time has a serial here */
    if (row->serial > g->serial) g->serial = row->serial;
    return sums_add_time(&g->row.sums, piece, err);
}

static int add_time_share(void *ctx, const scan_row *row, const tally_engaged *piece,
                          tally_error *err) {
    tally_report *report = ctx;
    int rc = sums_add_time(&report->total, piece, err);
    report->total.time_entries += report->serial < row->serial;
    if (row->serial > report->serial) report->serial = row->serial;
    if (rc == 0 && report->uses[2]) rc = calendar_move(report, row->calendar, piece->start_ms, err);
    if (rc == 0 && row->said->by == TALLY_ATTRIBUTED_CONFLICT) rc = note_conflict(report, row, err);
    if (rc != 0) return rc;
    if (!report->tagged || row->tag_count == 0)
        return add_time_to_group(report, row, (tally_span){0}, piece, err);
    for (size_t i = 0; i < row->tag_count && rc == 0; i++)
        rc = add_time_to_group(report, row, row->tags[i], piece, err);
    return rc;
}

static int add_time(void *ctx, const tally_engaged *piece) {
    time_pass *pass = ctx;
    const scan_session *session = scan_session_of(pass->scan, piece->session);
    if (!session) return no_memory(pass->err);
    if (!scan_time_passes(pass->scan, session, scan_feed_of(pass->scan, piece->feed))) return 0;
    return scan_time(pass->scan, piece, pass->report->uses[2] ? pass->report->zone : NULL,
                     add_time_share, pass->report, pass->err);
}

static int add_work(void *ctx, const scan_row *row, const tally_time_entry *entry,
                    int64_t duration_ms, tally_error *err) {
    tally_report *report = ctx;
    const tally_zone *zone =
        row->calendar == 0 ? report->zone : report->zones[row->calendar - 1].zone;
    const tally_engaged piece = {.feed = entry->feed,
                                 .start_ms = tally_zone_day_start(zone, entry->day),
                                 .engaged_ms = duration_ms};
    return add_time_share(report, row, &piece, err);
}

/* A response has one model; the minutes around it do not. */
static bool time_applies(const tally_report *report, const tally_filter *f) {
    for (size_t i = 0; i < report->key_count; i++)
        if (report->keys[i] == TALLY_BY_MODEL) return false;
    return !f->model.len && !f->unpriced && !f->has_min_cost && !f->has_max_cost;
}

static int fill_time(tally_report *report, tally_txn *txn, const tally_filter *f, scan *s,
                     tally_error *err) {
    if (!time_applies(report, f)) return 0;
    time_pass pass = {report, s, err};
    tally_engaged_policy policy;
    int64_t start, end;
    tally_engaged_policy_get(txn, &policy);
    tally_filter_window(f, &start, &end);
    int rc = tally_engaged_each(txn, &policy, start, end, NULL, add_time, &pass, err);
    if (rc == 0) rc = scan_work(s, add_work, report, err);
    report->total.has_time = rc == 0;
    for (size_t i = 0; i < report->group_count; i++)
        report->groups[i].row.sums.has_time = rc == 0;
    return rc;
}

/* Every cost stands in exactly one group, unless the total was summed by itself. */
static int sum_groups(tally_report *report, tally_error *err) {
    int rc = 0;
    for (size_t i = 0; i < report->group_count && rc == 0 && !report->apart; i++)
        rc = sums_join(&report->total, &report->groups[i].row.sums, err);
    return rc;
}

static int report_fill(tally_report *report, tally_txn *txn, const tally_filter *filter,
                       tally_error *err) {
    scan *s;
    if (!report->calendars || index_map_init(&report->group_index) != 0 ||
        index_map_init(&report->session_index) != 0 ||
        index_map_init(&report->total_sessions) != 0 || conflict_list_init(&report->conflicts) != 0)
        return no_memory(err);
    int rc = scan_new(txn, filter, &s, err);
    if (rc != 0) return rc;
    report->apart = report->tagged || scan_splits(s);
    rc = scan_run(s, add_row, report, err);
    if (rc == 0) rc = sum_groups(report, err);
    if (rc == 0) rc = fill_time(report, txn, filter, s, err);
    scan_free(s);
    if (rc == 0 && report->group_count > 0)
        qsort(report->groups, report->group_count, sizeof *report->groups, group_order);
    conflict_list_sort(&report->conflicts);
    return rc;
}

int tally_report_run(tally_txn *txn, const tally_filter *filter, const tally_report_key *keys,
                     size_t key_count, const tally_zone *zone, tally_report **out,
                     tally_error *err) {
    *out = NULL;
    if (key_count == 0 || key_count > TALLY_REPORT_MAX_KEYS)
        return tally_fail(err, TALLY_EINVAL, "a report has 1 to %u keys", TALLY_REPORT_MAX_KEYS);
    tally_report *report = calloc(1, sizeof *report);
    if (!report) return no_memory(err);
    report->key_count = key_count;
    report->zone = zone;
    report->zones = filter->zones;
    report->now = report->calendars = calloc(filter->zone_count + 1, sizeof *report->calendars);
    memcpy(report->keys, keys, key_count * sizeof *keys);
    for (size_t i = 0; i < key_count; i++)
        note_key(report, keys[i]);
    int rc = report_fill(report, txn, filter, err);
    if (rc != 0) {
        tally_report_free(report);
        return rc;
    }
    *out = report;
    return 0;
}

size_t tally_report_count(const tally_report *report) {
    return report->group_count;
}

const tally_report_row *tally_report_at(const tally_report *report, size_t i) {
    return &report->groups[i].row;
}

const tally_sums *tally_report_total(const tally_report *report) {
    return &report->total;
}

size_t tally_report_conflict_count(const tally_report *report) {
    return report->conflicts.count;
}

const tally_conflict *tally_report_conflict_at(const tally_report *report, size_t i) {
    return &report->conflicts.items[i];
}

void tally_report_free(tally_report *report) {
    if (!report) return;
    for (size_t i = 0; i < report->text_count; i++)
        free(report->texts[i]);
    free(report->texts);
    free(report->calendars);
    free(report->groups);
    index_map_clear(&report->group_index);
    index_map_clear(&report->session_index);
    index_map_clear(&report->total_sessions);
    conflict_list_clear(&report->conflicts);
    free(report);
}
