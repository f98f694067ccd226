/* Hours: sessions' engaged time by local day and typed time, and which of it is new. Turning it
 * into lines is in hour_lines.c. */
#include "hours.h"

#include "../intern.h"
#include "../scan.h"
#include "../view_typed.h"

#include <msgpack.h>
#include <stdlib.h>

#define LOOK_BACK_DAYS 92 /* before the period, for time that came after its invoice */

typedef struct hour_gather {
    draft *d;
    hour_list *list;
    scan *s;
    index_map index; /* of a session's share on a day, to its item */
} hour_gather;

static int no_memory(draft *d) {
    return tally_fail(d->err, TALLY_ENOMEM, "no memory for hours");
}

static hour_item *item_add(hour_gather *g, const hour_item *item) {
    hour_list *list = g->list;
    if (!draft_grow(g->d, (void **)&list->items, &list->room, list->count, sizeof *item))
        return NULL;
    list->items[list->count] = *item;
    return &list->items[list->count++];
}

/* ---- sessions ---- */

static tally_span first_tag(const tally_span *tags, size_t count) {
    return count ? tags[0] : (tally_span){0};
}

static hour_item *session_item(hour_gather *g, const scan_row *row, const tally_engaged *piece,
                               int64_t day) {
    uint64_t key = index_mix(index_mix(piece->session, (uint64_t)day),
                             row->share->project.len ? tally_string_ref(row->share->project) : 0);
    uint32_t *slot = index_map_slot(&g->index, key);
    if (!slot) return NULL;
    if (*slot != 0) return &g->list->items[*slot - 1];
    hour_item item = {.session = piece->session,
                      .is_session = true,
                      .day = day,
                      .time_ms = piece->start_ms,
                      .part = row->share->parts,
                      .parts = row->said->parts,
                      .client_part = draft_client_parts(g->d, row->said),
                      .project = row->share->project,
                      .member = row->feed->member,
                      .tag = first_tag(row->session->tags, row->session->tag_count),
                      .why = draft_said_words(g->d, row->said)};
    tally_put_be64(item.entry.b, piece->session);
    draft_said_leaf(g->d, row->said, &item.decided);
    hour_item *added = item_add(g, &item);
    if (added) *slot = (uint32_t)g->list->count;
    return added;
}

static int take_share(void *ctx, const scan_row *row, const tally_engaged *piece,
                      tally_error *err) {
    hour_gather *g = ctx;
    (void)err;
    int64_t day = tally_zone_day(g->d->asked->zone, piece->start_ms);
    if (!row->share || piece->engaged_ms == 0 || !draft_covers(g->d, row->share->project, day))
        return 0;
    hour_item *item = session_item(g, row, piece, day);
    if (!item) return no_memory(g->d);
    item->ms += piece->engaged_ms;
    if (piece->start_ms < item->time_ms) item->time_ms = piece->start_ms;
    return 0;
}

static int take_piece(void *ctx, const tally_engaged *piece) {
    hour_gather *g = ctx;
    return piece->engaged_ms == 0
               ? 0
               : scan_time(g->s, piece, g->d->asked->zone, take_share, g, g->d->err);
}

/* ---- typed time ---- */

static int take_time(void *ctx, const tally_time_facts *facts, tally_error *err) {
    hour_gather *g = ctx;
    const tally_time_entry *entry = facts->entry;
    view_typed typed = {.hlc = 0};
    (void)err;
    if (!facts->whose.share || facts->duration_ms == 0 ||
        !draft_covers(g->d, facts->whose.share->project, entry->day))
        return 0;
    (void)view_typed_get(g->d->txn, &entry->id, &typed);
    hour_item item = {.entry = entry->id,
                      .leaf = entry->leaf,
                      .day = entry->day,
                      .time_ms = entry->start_ms >= 0 ? entry->start_ms : INT64_MAX,
                      .hlc = typed.hlc,
                      .ms = facts->duration_ms,
                      .part = facts->whose.share->parts,
                      .parts = facts->whose.said->parts,
                      .client_part = draft_client_parts(g->d, facts->whose.said),
                      .project = facts->whose.share->project,
                      .member = facts->whose.member,
                      .tag = draft_copy(g->d, first_tag(facts->whose.tags, facts->whose.tag_count)),
                      .why = draft_said_words(g->d, facts->whose.said)};
    draft_said_leaf(g->d, facts->whose.said, &item.decided);
    return item_add(g, &item) ? 0 : no_memory(g->d);
}

/* ---- words ---- */

static uint64_t words_key(const tally_entry_id *entry, int64_t day) {
    return index_mix(index_mix(tally_get_be64(entry->b), tally_get_be64(entry->b + 8)),
                     (uint64_t)day);
}

/* The words of another invoice's line for the same entry, if it has one. */
static int take_words(draft *d, hour_list *list) {
    const tally_invoice *from = d->asked->words_of;
    index_map lines;
    if (!from || index_map_init(&lines) != 0) return from ? no_memory(d) : 0;
    int rc = 0;
    for (size_t l = 0; l < from->line_count && rc == 0; l++) {
        const tally_invoice_line *line = &from->lines[l];
        for (size_t i = 0; i < line->trace_count && rc == 0; i++) {
            if (line->trace_at + i >= from->trace_count) break; /* too many to be kept */
            const tally_trace *trace = &from->trace[line->trace_at + i];
            uint32_t *slot = index_map_slot(&lines, words_key(&trace->entry, trace->day));
            if (slot)
                *slot = (uint32_t)l + 1;
            else
                rc = no_memory(d);
        }
    }
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        hour_item *item = &list->items[i];
        uint32_t line = index_map_find(&lines, words_key(&item->entry, item->day));
        if (line && !item->billed) item->text = draft_copy(d, from->lines[line - 1].description);
    }
    index_map_clear(&lines);
    return rc;
}

static void describe_items(draft *d, hour_list *list) {
    char room[TALLY_WORDS_SPARE_BYTES];
    uint64_t vague = 0;
    for (size_t i = 0; i < list->count; i++) {
        hour_item *item = &list->items[i];
        tally_description words = {0};
        tally_time_entry entry;
        if (item->billed) continue;
        if (item->is_session)
            tally_describe_session(d->txn, item->session, d->asked->zone, room, &words);
        else if (tally_time_get(d->txn, &item->entry, &entry) == 0)
            tally_describe_time(d->txn, &entry, room, &words);
        item->text = words.text.len ? draft_copy(d, words.text) : tally_span_str("Work");
        vague += words.vague || words.text.len == 0;
    }
    if (vague)
        draft_warn(d,
                   "%llu descriptions say little to a client; 'tally describe ENTRY \"words\"' "
                   "gives better ones",
                   (unsigned long long)vague);
}

/* ---- the record behind a session ---- */

/* The register holds the last description's clock and body: its record is these again, and the one
 * encoding there is has one hash. Zeros for a session that nothing describes. */
static int session_leaf(draft *d, uint64_t session, tally_hash *out) {
    uint8_t key[8];
    tally_span row;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    memset(out, 0, sizeof *out);
    tally_put_be64(key, session);
    int rc = store_get(d->txn, TABLE_VIEW_SESSIONS, tally_span_of(key, sizeof key), &row, d->err);
    if (rc == TALLY_ENOTFOUND || (rc == 0 && row.len < REGISTER_HEAD_BYTES)) return 0;
    if (rc != 0) return rc;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_uint8(&packer, TALLY_RECORD_VERSION);
    msgpack_pack_str(&packer, strlen("session"));
    msgpack_pack_str_body(&packer, "session", strlen("session"));
    msgpack_pack_uint64(&packer, tally_get_be64(row.ptr));
    int failed = msgpack_sbuffer_write(&bytes, (const char *)row.ptr + REGISTER_HEAD_BYTES,
                                       row.len - REGISTER_HEAD_BYTES);
    if (!failed) tally_leaf_hash(tally_span_of(bytes.data, bytes.size), out);
    msgpack_sbuffer_destroy(&bytes);
    return failed ? no_memory(d) : 0;
}

/* ---- what is new ---- */

static int item_order(const void *a, const void *b) {
    const hour_item *x = a, *y = b;
    if (x->day != y->day) return x->day < y->day ? -1 : 1;
    if (x->time_ms != y->time_ms) return x->time_ms < y->time_ms ? -1 : 1;
    if (x->hlc != y->hlc) return x->hlc < y->hlc ? -1 : 1;
    int order = memcmp(x->entry.b, y->entry.b, sizeof x->entry.b);
    if (order == 0) order = tally_span_cmp(x->project, y->project);
    return order != 0 ? order : (x->after_ms > y->after_ms) - (x->after_ms < y->after_ms);
}

/* An item that is billed here already: what came since is an item of its own. */
static hour_item *later_item(draft *d, hour_list *list, size_t at, const billed_answer *answer) {
    hour_item *item = &list->items[at], later = *item;
    int64_t end = item->ms < answer->to_ms ? item->ms : answer->to_ms;
    item->billed = true;
    if (end > answer->from_ms) {
        later.after_ms = answer->from_ms;
        later.ms = end - answer->from_ms;
        item->ms -= later.ms;
        if (answer->by->late_ms == 0) answer->by->late_day = item->day;
        answer->by->late_ms += later.ms;
        if (!draft_grow(d, (void **)&list->items, &list->room, list->count, sizeof later))
            return NULL;
        list->items[list->count++] = later;
    } else if (answer->to_ms == INT64_MAX) {
        answer->by->fewer_ms += answer->from_ms - item->ms;
    }
    return &list->items[at];
}

/* Marks what is billed already; what is billed elsewhere goes. */
static int sift(draft *d, hour_list *list) {
    size_t kept = 0, count = list->count;
    for (size_t i = 0; i < count; i++) {
        const hour_item *item = &list->items[i];
        billed_answer answer;
        billed_share share = {item->entry, item->is_session ? (int32_t)item->day : LOCK_NO_DAY,
                              item->part, item->parts, item->client_part};
        int rc = billed_ask(d->billed, &d->contract, &share, &answer, d->err);
        if (rc != 0) return rc;
        if (answer.state == BILLED_ELSEWHERE) continue;
        if (answer.state == BILLED_HERE && !later_item(d, list, i, &answer)) return no_memory(d);
        list->items[kept++] = list->items[i];
    }
    for (size_t i = count; i < list->count; i++) /* what came later */
        list->items[kept++] = list->items[i];
    list->count = kept;
    return 0;
}

static void sort_items(hour_list *list) {
    if (list->count) qsort(list->items, list->count, sizeof *list->items, item_order);
}

/* What is billed on other contracts is left out; what is billed on this one is marked. A day of a
 * session of which more time came since then is two items. The caller frees list->items. */
static int gather(draft *d, const tally_period *period, hour_list *list) {
    tally_filter filter = {.client = d->contract.client, .period = *period, .has_period = true};
    hour_gather g = {.d = d, .list = list};
    tally_engaged_policy policy;
    tally_engaged_policy_get(d->txn, &policy);
    int rc = index_map_init(&g.index) == 0 ? 0 : no_memory(d);
    if (rc == 0) rc = scan_new(d->txn, &filter, &g.s, d->err);
    if (rc == 0)
        rc = tally_engaged_each(d->txn, &policy, period->start_ms, period->end_ms, NULL, take_piece,
                                &g, d->err);
    /* Names of a scan's rows live as long as the transaction, its tags as long as the scan. */
    for (size_t i = 0; i < list->count; i++)
        list->items[i].tag = draft_copy(d, list->items[i].tag);
    if (rc == 0) rc = tally_times_filter(d->txn, &filter, take_time, &g, d->err);
    sort_items(list); /* shares of one entry follow each other */
    if (rc == 0) rc = sift(d, list);
    sort_items(list);
    scan_free(g.s);
    index_map_clear(&g.index);
    return rc;
}

/* Hours of a retainer count by whole months, of which another part may be billed already. */
static tally_period whole_months(const draft *d) {
    tally_period out = d->period;
    int64_t year;
    unsigned month, of_month;
    tally_civil_from_days(out.first_day, &year, &month, &of_month);
    out.first_day = tally_days_from_civil(year, month, 1);
    tally_civil_from_days(out.end_day - 1, &year, &month, &of_month);
    out.end_day = tally_days_from_civil(year, month + 1, 1);
    out.start_ms = tally_zone_day_start(d->asked->zone, out.first_day);
    out.end_ms = tally_zone_day_start(d->asked->zone, out.end_day);
    return out;
}

static void keep_period(const draft *d, hour_list *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const hour_item *item = &list->items[i];
        if (item->billed || (item->day >= d->period.first_day && item->day < d->period.end_day))
            list->items[kept++] = *item;
    }
    list->count = kept;
}

static bool has_invoices(draft *d) {
    for (size_t i = 0; i < billed_count(d->billed); i++) {
        const billed_issue *issue = billed_at(d->billed, i);
        if (!issue->voided && tally_span_eq(issue->contract, d->contract.contract)) return true;
    }
    return false;
}

/* Nobody drafts a month again that was invoiced: what came later for its days is warned of here. */
static int look_back(draft *d) {
    hour_list list = {0};
    tally_period period = {.first_day = d->period.first_day - LOOK_BACK_DAYS,
                           .end_day = d->period.first_day};
    if (period.first_day < d->contract.first_day) period.first_day = d->contract.first_day;
    if (period.first_day >= period.end_day || !has_invoices(d)) return 0;
    period.start_ms = tally_zone_day_start(d->asked->zone, period.first_day);
    period.end_ms = tally_zone_day_start(d->asked->zone, period.end_day);
    int rc = gather(d, &period, &list);
    for (size_t i = 0; i < billed_count(d->billed); i++) {
        billed_issue *issue = billed_at(d->billed, i);
        issue->earlier_ms = issue->late_ms;
        issue->earlier_day = issue->late_day;
        issue->late_ms = issue->fewer_ms = 0;
        issue->left_out = 0;
    }
    free(list.items);
    return rc;
}

int draft_hours(draft *d) {
    hour_list list = {0};
    bool retainer = d->contract.retainer > 0;
    if (!retainer && !tally_contract_is_hourly(&d->contract)) return 0; /* the fee covers them */
    int looked = look_back(d);
    if (looked != 0) return looked;
    tally_period period = retainer ? whole_months(d) : d->period;
    int rc = gather(d, &period, &list);
    keep_period(d, &list);
    if (rc == 0) describe_items(d, &list);
    if (rc == 0) rc = take_words(d, &list);
    for (size_t i = 0; i < list.count && rc == 0; i++)
        if (list.items[i].is_session)
            rc = session_leaf(d, list.items[i].session, &list.items[i].leaf);
    if (rc == 0) rc = retainer ? hours_bill_retainer(d, &list) : hours_bill_lines(d, &list);
    free(list.items);
    return rc;
}
