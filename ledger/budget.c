/* Budgets: what of each one's limit is spent in its current period, in one pass over the costs of
 * the longest one. Which costs a filter lets through is scan.c's; telling people is not done here.
 */
#include "scan.h"

#include <tally/budget.h>

#include <stdlib.h>

#define PACE_PART  10 /* of the period: what the pace is taken over at least */
#define PERCENT    100
#define SHARE_ONE  10000 /* hundredths of a percent in the whole limit */
#define REMEMBERED 64u   /* budgets whose answer for a lane is kept */

typedef struct budget_state {
    tally_budget budget;
    tally_filter filter;
    uint64_t serial; /* of the last cost without a price that was counted */
} budget_state;

typedef struct budget_list {
    tally_txn *txn;
    const tally_budget_zones *zones;
    int64_t now_ms;
    budget_state *states;
    size_t count, room;
    tally_filter filter; /* the scan's: its period covers those of all budgets */
    scan *scan;
} budget_list;

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "no memory for budgets");
}

/* ---- rows ---- */

/* A client's days are its own. */
static int zone_of(const budget_list *list, tally_span client, const tally_zone **out,
                   tally_error *err) {
    const tally_budget_zones *zones = list->zones;
    tally_policy_row row;
    tally_span name;
    *out = zones->team;
    if (!zones->of_name || client.len == 0 ||
        tally_policy_get(list->txn, TALLY_POLICY_CLIENT, &client, 1, &row) != 0 ||
        !tally_body_str(&row.record, "timezone", &name))
        return 0;
    int rc = zones->of_name(zones->ctx, name, out, err);
    if (rc == 0) return 0;
    return tally_fail_while(err, "the time zone of client '%.*s'", (int)client.len,
                            (const char *)client.ptr);
}

static int period_of(const budget_list *list, tally_budget *b, tally_error *err) {
    static const struct {
        const char *every, *current;
    } periods[] = {{"daily", "today"}, {"weekly", "this-week"}, {"monthly", "this-month"}};
    const tally_zone *zone;
    int rc = zone_of(list, b->client, &zone, err);
    for (size_t i = 0; i < sizeof periods / sizeof *periods && rc == 0; i++)
        if (tally_span_is(b->every, periods[i].every))
            rc = tally_period_parse(tally_span_str(periods[i].current), zone, list->now_ms,
                                    &b->period, err);
    if (rc == 0) b->days_left = b->period.end_day - tally_zone_day(zone, list->now_ms);
    return rc;
}

static uint32_t percent_of(const tally_record *record, const char *key) {
    int64_t value = 0;
    return tally_body_i64(record, key, &value) && value > 0 ? (uint32_t)value : 0;
}

static int keep_budget(void *ctx, const tally_policy_row *row, tally_error *err) {
    budget_list *list = ctx;
    const tally_record *record = &row->record;
    tally_budget b = {.notify_at = percent_of(record, "notify_at"),
                      .stop_at = percent_of(record, "stop_at")};
    if (!tally_body_str(record, "budget", &b.budget) ||
        !tally_body_str(record, "period", &b.every) || !tally_body_i64(record, "limit", &b.limit))
        return 0;
    (void)tally_body_str(record, "agent", &b.agent);
    (void)tally_body_str(record, "client", &b.client);
    (void)tally_body_str(record, "project", &b.project);
    (void)tally_body_str(record, "tag", &b.tag);
    int rc = period_of(list, &b, err);
    if (rc != 0) return rc;
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 8;
        budget_state *grown = realloc(list->states, room * sizeof *grown);
        if (!grown) return no_memory(err);
        list->states = grown;
        list->room = room;
    }
    list->states[list->count++] = (budget_state){.budget = b,
                                                 .filter = {.agent = b.agent,
                                                            .client = b.client,
                                                            .project = b.project,
                                                            .tag = b.tag,
                                                            .period = b.period}};
    return 0;
}

/* ---- those that some work counts against ---- */

static int tag_order(const void *a, const void *b) {
    return tally_span_cmp(*(const tally_span *)a, *(const tally_span *)b);
}

/* Those of the work and those that its session has, sorted and each once; the caller frees them. */
static int join_tags(const tally_attributable *what, const scan_session *known, tally_span **out,
                     size_t *count, tally_error *err) {
    size_t total = what->tag_count + known->tag_count, kept = 0;
    tally_span *tags = calloc(total + 1, sizeof *tags);
    if (!tags) return no_memory(err);
    for (size_t i = 0; i < total; i++)
        tags[i] = i < what->tag_count ? what->tags[i] : known->tags[i - what->tag_count];
    qsort(tags, total, sizeof *tags, tag_order);
    for (size_t i = 0; i < total; i++)
        if (kept == 0 || !tally_span_eq(tags[kept - 1], tags[i])) tags[kept++] = tags[i];
    *out = tags;
    *count = kept;
    return 0;
}

static void prefer(tally_span *known, tally_span given) {
    if (given.len > 0) *known = given;
}

static bool any_share_passes(const budget_state *state, scan_row *row,
                             const tally_attribution *said) {
    for (uint32_t i = 0; i == 0 || i < said->count; i++) {
        scan_row_share(row, said, i);
        if (scan_row_passes(&state->filter, row)) return true;
    }
    return false;
}

static void keep_passing(budget_list *list, scan_row *row, const tally_attribution *said) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (any_share_passes(&list->states[i], row, said)) list->states[kept++] = list->states[i];
    list->count = kept;
}

static int keep_asked(budget_list *list, const tally_budget_asked *asked, tally_error *err) {
    const tally_attributable *what = &asked->what;
    const scan_session *known = scan_session_of(list->scan, asked->session);
    attributor deciding;
    tally_attribution said;
    tally_span *tags = NULL;
    size_t tag_count = 0;
    if (!known) return no_memory(err);
    scan_session work = {.ref = known->ref, .passes = true, .session = known->session};
    prefer(&work.session.cwd, what->cwd);
    prefer(&work.session.remote, what->remote);
    prefer(&work.session.branch, what->branch);
    prefer(&work.session.agent, what->agent);
    int rc = attributor_init(&deciding, list->txn, err);
    if (rc == 0) rc = join_tags(what, known, &tags, &tag_count, err);
    if (rc == 0) {
        scan_row row = {.session = &work, .tags = tags, .tag_count = tag_count};
        attributor_session(&deciding, &work.session, tags, tag_count, &said);
        keep_passing(list, &row, &said);
    }
    free(tags);
    attributor_clear(&deciding);
    return rc;
}

/* ---- what is spent ---- */

static int add_to_budget(budget_state *state, const scan_row *row, tally_error *err) {
    tally_budget *b = &state->budget;
    if (row->cost->time_ms < b->period.start_ms || row->cost->time_ms >= b->period.end_ms) return 0;
    if (!row->priced.priced && state->serial != row->serial) b->unpriced_requests++;
    if (!row->priced.priced) state->serial = row->serial;
    if (row->priced.priced && tally_add_i128(b->spent, row->priced.pico, &b->spent) != 0)
        return tally_inexact("a sum of costs", err);
    return 0;
}

/* Which of the first budgets a row counts against, a bit each: of a lane, the same for all. */
static uint64_t counting_of(const budget_list *list, const scan_row *row) {
    uint64_t counting = 0;
    if (scan_memo_holds(row)) return row->lane->memo.value;
    for (size_t i = 0; i < list->count && i < REMEMBERED; i++)
        if (scan_row_passes(&list->states[i].filter, row)) counting |= UINT64_C(1) << i;
    if (row->lane)
        row->lane->memo =
            (scan_memo){.start_ms = INT64_MIN, .end_ms = INT64_MAX, .value = counting};
    return counting;
}

static int add_row(void *ctx, const scan_row *row, tally_error *err) {
    budget_list *list = ctx;
    int rc = 0;
    size_t i = 0;
    for (uint64_t counting = counting_of(list, row); counting && rc == 0; counting >>= 1, i++)
        if (counting & 1) rc = add_to_budget(&list->states[i], row, err);
    for (i = REMEMBERED; i < list->count && rc == 0; i++)
        if (scan_row_passes(&list->states[i].filter, row))
            rc = add_to_budget(&list->states[i], row, err);
    return rc;
}

static void cover_periods(budget_list *list) {
    tally_period *all = &list->filter.period;
    list->filter.has_period = true;
    *all = list->states[0].budget.period;
    for (size_t i = 1; i < list->count; i++) {
        const tally_period *p = &list->states[i].budget.period;
        if (p->start_ms < all->start_ms) all->start_ms = p->start_ms;
        if (p->end_ms > all->end_ms) all->end_ms = p->end_ms;
    }
}

/* amount x by / of, rounded to zero, without the product in between; `by` and `of` are positive. */
static int scale(tally_i128 amount, int64_t by, int64_t of, tally_i128 *out) {
    tally_i128 whole;
    if (__builtin_mul_overflow(amount / of, (tally_i128)by, &whole)) return -1;
    return tally_add_i128(whole, amount % of * by / of, out);
}

static int forecast(tally_budget *b, int64_t now_ms) {
    int64_t length = b->period.end_ms - b->period.start_ms;
    int64_t elapsed = now_ms - b->period.start_ms, left = b->period.end_ms - now_ms;
    tally_i128 more;
    b->forecast = b->spent;
    if (elapsed < length / PACE_PART) elapsed = length / PACE_PART;
    if (b->spent <= 0 || elapsed <= 0 || left <= 0) return 0;
    if (scale(b->spent, left, elapsed, &more) != 0) return -1;
    return tally_add_i128(b->spent, more, &b->forecast);
}

static bool reached(const tally_budget *b, uint32_t percent) {
    tally_i128 spent;
    if (percent == 0) return false;
    return __builtin_mul_overflow(b->spent, (tally_i128)PERCENT, &spent)
               ? b->spent > 0
               : spent >= (tally_i128)b->limit * percent;
}

static int judge(tally_budget *b, int64_t now_ms, tally_error *err) {
    b->level = reached(b, b->stop_at)     ? TALLY_BUDGET_STOP
               : reached(b, b->notify_at) ? TALLY_BUDGET_NOTIFY
                                          : TALLY_BUDGET_FINE;
    if (scale(b->spent, SHARE_ONE, b->limit, &b->share) == 0 && forecast(b, now_ms) == 0) return 0;
    return tally_fail(err, TALLY_EOVERFLOW, "what budget '%.*s' comes to is too large to be exact",
                      (int)b->budget.len, (const char *)b->budget.ptr);
}

static int states_fill(budget_list *list, const tally_budget_asked *asked, tally_error *err) {
    int rc = tally_policy_each(list->txn, TALLY_POLICY_BUDGET, keep_budget, list, err);
    if (rc != 0 || list->count == 0) return rc;
    rc = scan_new(list->txn, &list->filter, &list->scan, err);
    if (rc == 0 && asked) rc = keep_asked(list, asked, err);
    if (rc != 0 || list->count == 0) return rc;
    cover_periods(list);
    rc = scan_run(list->scan, add_row, list, err);
    for (size_t i = 0; i < list->count && rc == 0; i++)
        rc = judge(&list->states[i].budget, list->now_ms, err);
    return rc;
}

int tally_budgets_each_zoned(tally_txn *txn, const tally_budget_zones *zones, int64_t now_ms,
                             const tally_budget_asked *asked, tally_budget_fn *fn, void *ctx,
                             tally_error *err) {
    budget_list list = {.txn = txn, .zones = zones, .now_ms = now_ms};
    int rc = states_fill(&list, asked, err);
    for (size_t i = 0; i < list.count && rc == 0; i++)
        rc = fn(ctx, &list.states[i].budget, err);
    scan_free(list.scan);
    free(list.states);
    return rc;
}

int tally_budgets_each(tally_txn *txn, const tally_zone *zone, int64_t now_ms,
                       const tally_budget_asked *asked, tally_budget_fn *fn, void *ctx,
                       tally_error *err) {
    tally_budget_zones zones = {.team = zone};
    return tally_budgets_each_zoned(txn, &zones, now_ms, asked, fn, ctx, err);
}
