/* Plans and bills: fees shared over the usage of their month. Who was sold what is in the records;
 * what a response costs at list price is view_price.c's. */
#include "store.h"

#include <tally/engaged.h>
#include <tally/money.h>
#include <tally/plan.h>

#include <stdlib.h>

#define MONTHS 12

/* A row of plan.set or bill.set. Months are counted from year 0. */
typedef struct plan_row {
    tally_span plan, provider, member, currency; /* plan: of a bill the provider */
    int64_t from, until;
    tally_i128 fee;
    bool bill, beyond;
} plan_row;

typedef struct plan_share {
    int64_t time_ms;
    tally_entry_id id;
    uint32_t month;   /* index into months */
    int64_t pico;     /* list price; then the share of the fee */
    tally_u128 below; /* what dividing left: the largest ones get the odd units */
} plan_share;

struct tally_plans {
    plan_row *rows;
    size_t row_count, row_room;
    tally_plan_month *months;
    size_t month_count, month_room;
    plan_share *shares; /* by time, then id: the order in which costs are scanned */
    size_t share_count, share_room;
};

typedef struct plan_gather {
    tally_plans *plans;
    tally_txn *txn;
    const tally_zone *zone;
    tally_price_book *book;
    int64_t day_start_ms, day_end_ms, month; /* of the cost before */
    uint64_t session, model;
    uint32_t feed; /* whose the session is; TALLY_ENGAGED_NOBODY: nobody described it */
    tally_span agent, model_name;
    bool known; /* session and model above are of the cost before */
    tally_error *err;
} plan_gather;

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "no memory for plans");
}

/* Room for one more; -1 when memory ran out. */
static int grow(void **items, size_t *room, size_t count, size_t size) {
    if (count < *room) return 0;
    size_t more = *room ? 2 * *room : 64;
    void *grown = realloc(*items, more * size);
    if (!grown) return -1;
    *items = grown;
    *room = more;
    return 0;
}

/* ---- whose usage ---- */

static uint8_t small(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool begins_with(tally_span text, tally_span prefix) {
    if (prefix.len == 0 || text.len < prefix.len) return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (small(text.ptr[i]) != small(prefix.ptr[i])) return false;
    return true;
}

/* A model named without its maker. Names with a region or a cloud's prefix are left out: what that
 * cloud bills is in nobody's plan. */
static tally_span maker_of(tally_span model) {
    static const struct {
        const char *prefix, *maker;
    } makers[] = {
        {"claude", "anthropic"}, {"gpt", "openai"},        {"o1", "openai"},
        {"o3", "openai"},        {"o4", "openai"},         {"codex", "openai"},
        {"chatgpt", "openai"},   {"gemini", "google"},     {"gemma", "google"},
        {"mistral", "mistral"},  {"codestral", "mistral"}, {"devstral", "mistral"},
        {"grok", "xai"},         {"deepseek", "deepseek"}, {"llama", "meta"},
        {"qwen", "alibaba"},     {"kimi", "moonshot"},     {"glm", "zai"},
    };
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (begins_with(model, tally_span_str(makers[i].prefix)))
            return tally_span_str(makers[i].maker);
    return (tally_span){0};
}

bool tally_plan_covers(tally_span provider, tally_span agent, tally_span model) {
    if (begins_with(agent, provider) &&
        (agent.len == provider.len || agent.ptr[provider.len] == '-'))
        return true;
    const uint8_t *slash = model.len ? memchr(model.ptr, '/', model.len) : NULL;
    tally_span vendor =
        slash ? tally_span_of(model.ptr, (size_t)(slash - model.ptr)) : maker_of(model);
    return vendor.len == provider.len && begins_with(vendor, provider);
}

/* ---- rows ---- */

/* "2026-03", checked when it was folded. */
static int64_t month_read(tally_span text) {
    int64_t year = 0, month = 0;
    for (size_t i = 0; i < 4; i++)
        year = year * 10 + (text.ptr[i] - '0');
    for (size_t i = 5; i < 7; i++)
        month = month * 10 + (text.ptr[i] - '0');
    return year * MONTHS + month - 1;
}

static int64_t month_of_day(int64_t day) {
    int64_t year;
    unsigned month, of_month;
    tally_civil_from_days(day, &year, &month, &of_month);
    return year * MONTHS + month - 1;
}

static int64_t month_first_day(int64_t month) {
    return tally_days_from_civil(tally_floor_div(month, MONTHS),
                                 (unsigned)tally_floor_mod(month, MONTHS) + 1, 1);
}

static int row_add(tally_plans *plans, const plan_row *row, tally_error *err) {
    if (grow((void **)&plans->rows, &plans->row_room, plans->row_count, sizeof *row) != 0)
        return no_memory(err);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): where there is room there are rows
    plans->rows[plans->row_count++] = *row;
    return 0;
}

/* Rows of one plan come oldest first: the next one ends what this one says. */
static int keep_plan(void *ctx, const tally_policy_row *row, tally_error *err) {
    tally_plans *plans = ctx;
    tally_span text;
    plan_row *last = plans->row_count ? &plans->rows[plans->row_count - 1] : NULL;
    plan_row new = {.until = INT64_MAX};
    if (!tally_body_str(&row->record, "plan", &new.plan) ||
        !tally_body_str(&row->record, "provider", &new.provider) ||
        !tally_body_str(&row->record, "currency", &new.currency) ||
        !tally_body_amount(&row->record, "fee", &new.fee) ||
        !tally_body_str(&row->record, "from", &text))
        return 0;
    new.from = month_read(text);
    (void)tally_body_str(&row->record, "member", &new.member);
    if (tally_body_str(&row->record, "until", &text)) new.until = month_read(text);
    if (last && tally_span_eq(last->plan, new.plan) && last->until >= new.from)
        last->until = new.from - 1;
    return row_add(plans, &new, err);
}

static int keep_bill(void *ctx, const tally_policy_row *row, tally_error *err) {
    tally_span text;
    plan_row new = {.bill = true};
    if (!tally_body_str(&row->record, "provider", &new.provider) ||
        !tally_body_str(&row->record, "month", &text) ||
        !tally_body_str(&row->record, "currency", &new.currency) ||
        !tally_body_amount(&row->record, "amount", &new.fee))
        return 0;
    new.plan = new.provider;
    new.from = new.until = month_read(text);
    (void)tally_body_str(&row->record, "member", &new.member);
    new.beyond =
        tally_body_str(&row->record, "covers", &text) && tally_span_is(text, "beyond-plan");
    return row_add(ctx, &new, err);
}

static bool in_force(const plan_row *row, int64_t month) {
    return month >= row->from && month <= row->until;
}

static int month_add(tally_plans *plans, const plan_row *row, int64_t first_day, uint32_t *index,
                     tally_error *err) {
    if (plans->month_count == UINT32_MAX || grow((void **)&plans->months, &plans->month_room,
                                                 plans->month_count, sizeof *plans->months) != 0)
        return no_memory(err);
    *index = (uint32_t)plans->month_count;
    plans->months[plans->month_count++] = (tally_plan_month){.plan = row->plan,
                                                             .currency = row->currency,
                                                             .bill = row->bill,
                                                             .beyond = row->beyond,
                                                             .first_day = first_day,
                                                             .fee = row->fee};
    return 0;
}

/* Costs come in time order: a month that is listed stands near the end. */
static int month_of(tally_plans *plans, const plan_row *row, int64_t month, uint32_t *index,
                    tally_error *err) {
    int64_t first_day = month_first_day(month);
    for (size_t i = plans->month_count; i-- > 0 && plans->months[i].first_day == first_day;)
        if (plans->months[i].plan.ptr == row->plan.ptr) {
            *index = (uint32_t)i;
            return 0;
        }
    return month_add(plans, row, first_day, index, err);
}

/* ---- gathering usage ---- */

static void place_cost(plan_gather *g, const tally_cost *cost) {
    tally_agent_session session;
    if (cost->time_ms < g->day_start_ms || cost->time_ms >= g->day_end_ms) {
        int64_t day = tally_zone_day(g->zone, cost->time_ms);
        g->day_start_ms = tally_zone_day_start(g->zone, day);
        g->day_end_ms = tally_zone_day_start(g->zone, day + 1);
        g->month = month_of_day(day);
    }
    if (!g->known || cost->session != g->session) {
        bool described = tally_agent_session_get(g->txn, cost->session, &session) == 0;
        g->agent = described ? session.agent : (tally_span){0};
        g->feed = described ? session.feed : TALLY_ENGAGED_NOBODY;
    }
    if (!g->known || cost->model != g->model) g->model_name = tally_string_get(g->txn, cost->model);
    g->session = cost->session;
    g->model = cost->model;
    g->known = true;
}

static bool covers(const plan_gather *g, const plan_row *row, const tally_cost *cost) {
    tally_span member = {0}, device;
    if (!in_force(row, g->month) || !tally_plan_covers(row->provider, g->agent, g->model_name))
        return false;
    if (row->member.len == 0) return true;
    uint32_t feed = g->feed != TALLY_ENGAGED_NOBODY ? g->feed : cost->feed;
    (void)tally_feed_names(g->txn, feed, &member, &device);
    return tally_span_eq(member, row->member);
}

/* A bill says what was charged for all that it covers: no plan's fee is borne besides, unless it
 * is of what came on top of one. */
static bool billed_whole(const plan_gather *g, const tally_cost *cost) {
    for (size_t i = 0; i < g->plans->row_count; i++) {
        const plan_row *row = &g->plans->rows[i];
        if (row->bill && !row->beyond && covers(g, row, cost)) return true;
    }
    return false;
}

static int gather_cost(void *ctx, const tally_cost *cost) {
    plan_gather *g = ctx;
    tally_plans *plans = g->plans;
    tally_priced priced;
    int rc = tally_price_book_cost(g->book, cost, &priced, g->err);
    if (rc != 0 || !priced.priced || priced.pico < 0) return rc;
    place_cost(g, cost);
    bool no_plan = billed_whole(g, cost);
    for (size_t i = 0; i < plans->row_count && rc == 0; i++) {
        plan_share share = {.time_ms = cost->time_ms, .id = cost->id, .pico = priced.pico};
        if ((no_plan && !plans->rows[i].bill) || !covers(g, &plans->rows[i], cost)) continue;
        rc = month_of(plans, &plans->rows[i], g->month, &share.month, g->err);
        if (rc == 0 && grow((void **)&plans->shares, &plans->share_room, plans->share_count,
                            sizeof share) != 0)
            rc = no_memory(g->err);
        if (rc != 0) return rc;
        plans->months[share.month].requests++;
        plans->shares[plans->share_count++] = share;
    }
    return rc;
}

/* A month that was asked for alone is listed even if nothing was used in it. */
static int list_unused(tally_plans *plans, int64_t month, tally_error *err) {
    uint32_t index;
    int rc = 0;
    for (size_t i = 0; i < plans->row_count && rc == 0; i++)
        if (in_force(&plans->rows[i], month))
            rc = month_of(plans, &plans->rows[i], month, &index, err);
    return rc;
}

static int gather(tally_plans *plans, tally_txn *txn, const tally_zone *zone,
                  const tally_period *period, tally_error *err) {
    plan_gather g = {.plans = plans, .txn = txn, .zone = zone, .err = err};
    int64_t start_ms = 0, end_ms = INT64_MAX, first = 0, last = -1;
    int rc = 0;
    if (plans->row_count == 0) return 0;
    if (period) {
        first = month_of_day(tally_zone_day(zone, period->start_ms));
        last = month_of_day(tally_zone_day(zone, period->end_ms - 1));
        start_ms = tally_zone_day_start(zone, month_first_day(first));
        end_ms = tally_zone_day_start(zone, month_first_day(last + 1));
    }
    rc = tally_price_book_new(txn, &g.book, err);
    if (rc != 0) return rc;
    rc = tally_cost_each(txn, start_ms, end_ms, gather_cost, &g);
    if (rc == TALLY_EIO || rc == TALLY_ECORRUPT)
        (void)tally_fail(err, rc, "cannot read the cost view; run 'tally fsck'");
    tally_price_book_free(g.book);
    return rc == 0 && first == last ? list_unused(plans, first, err) : rc;
}

/* ---- the fee in the costs' currency ---- */

typedef struct rate_search {
    tally_span base;
    int64_t last_day, rate; /* 0: none yet */
} rate_search;

/* Dates ascend within a pair of currencies. */
static int weigh_rate(void *ctx, const tally_policy_row *row, tally_error *err) {
    rate_search *search = ctx;
    tally_span base, quote, date;
    int64_t day, rate;
    (void)err;
    if (tally_body_str(&row->record, "base", &base) && tally_span_eq(base, search->base) &&
        tally_body_str(&row->record, "quote", &quote) &&
        tally_span_is(quote, TALLY_COST_CURRENCY) && tally_body_str(&row->record, "date", &date) &&
        tally_date_parse(date, &day) == 0 && day <= search->last_day &&
        tally_body_i64(&row->record, "rate", &rate))
        search->rate = rate;
    return 0;
}

static int fee_put(tally_plan_month *month, tally_i128 pico, tally_error *err) {
    if (pico > INT64_MAX)
        return tally_fail(err, TALLY_EOVERFLOW,
                          "the fee or bill of %.*s is above %s a month, which is too large to be "
                          "shared out exactly",
                          (int)month->plan.len, (const char *)month->plan.ptr,
                          TALLY_PICO_MAX_TEXT " " TALLY_COST_CURRENCY);
    month->pico = (int64_t)pico;
    return 0;
}

/* Rounded half up to a pico-unit. */
static int convert_fee(tally_txn *txn, tally_plan_month *month, tally_error *err) {
    rate_search search = {.base = month->currency,
                          .last_day = month_first_day(month_of_day(month->first_day) + 1) - 1};
    char text[TALLY_TIME_TEXT_BYTES];
    if (tally_span_is(month->currency, TALLY_COST_CURRENCY)) return fee_put(month, month->fee, err);
    int rc = tally_policy_each(txn, TALLY_POLICY_FX, weigh_rate, &search, err);
    if (rc != 0) return rc;
    tally_date_format(search.last_day, text);
    if (search.rate == 0)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "what %s %.*s cost is not known: no rate for %.*s->%s on %s or before; "
                          "add one with 'tally fx set'",
                          month->bill ? "the bill of" : "plan", (int)month->plan.len,
                          (const char *)month->plan.ptr, (int)month->currency.len,
                          (const char *)month->currency.ptr, TALLY_COST_CURRENCY, text);
    tally_i128 pico;
    if (tally_pico_scale(month->fee, (tally_u128)search.rate, TALLY_PICO, &pico) != 0)
        pico = TALLY_AMOUNT_LIMIT;
    return fee_put(month, pico, err);
}

/* ---- sharing ---- */

/* The largest remainder first; of equal ones the earlier cost. */
static int below_order(const void *a, const void *b) {
    const plan_share *x = *(plan_share *const *)a, *y = *(plan_share *const *)b;
    if (x->below != y->below) return x->below < y->below ? 1 : -1;
    return (x > y) - (x < y);
}

/* Without any list price in a month its responses share alike. */
static void divide(plan_share **shares, size_t count, int64_t fee) {
    tally_u128 total = 0;
    int64_t left = fee;
    for (size_t i = 0; i < count; i++)
        total += (uint64_t)shares[i]->pico;
    for (size_t i = 0; i < count; i++) {
        tally_u128 weight = total ? (uint64_t)shares[i]->pico : 1;
        tally_u128 part = (tally_u128)fee * weight, whole = total ? total : count;
        shares[i]->pico = (int64_t)(part / whole);
        shares[i]->below = part % whole;
        left -= shares[i]->pico;
    }
    qsort(shares, count, sizeof *shares, below_order);
    for (size_t i = 0; left > 0; i++, left--) /* fewer than `count` units are left */
        shares[i]->pico++;
}

/* The shares of a month stand together with those of other plans in it: `at` is the first. */
static size_t pick_month(tally_plans *plans, uint32_t month, size_t at, plan_share **picked) {
    size_t count = 0, wanted = plans->months[month].requests;
    for (size_t i = at; count < wanted; i++)
        if (plans->shares[i].month == month) picked[count++] = &plans->shares[i];
    return count;
}

static int share_fees(tally_plans *plans, tally_txn *txn, tally_error *err) {
    plan_share **picked = malloc((plans->share_count ? plans->share_count : 1) * sizeof *picked);
    int64_t all = 0; /* of one calendar month: what a cost bears of all plans fits */
    size_t at = 0;
    int rc = picked ? 0 : no_memory(err);
    for (uint32_t i = 0; i < plans->month_count && rc == 0; i++) {
        tally_plan_month *month = &plans->months[i];
        if (i > 0 && plans->months[i - 1].first_day != month->first_day) all = 0;
        if (month->requests == 0) continue;
        rc = convert_fee(txn, month, err);
        if (rc == 0 && __builtin_add_overflow(all, month->pico, &all))
            rc = tally_fail(err, TALLY_EOVERFLOW,
                            "the fees and bills of one month are too large to be exact");
        if (rc != 0) break;
        while (plans->shares[at].month < i)
            at++;
        divide(picked, pick_month(plans, i, at, picked), month->pico);
    }
    free(picked);
    return rc;
}

/* Shares what the rows say, unless reading them failed; takes the plans. */
static int finish(tally_plans *plans, tally_txn *txn, const tally_zone *zone,
                  const tally_period *period, int rc, tally_plans **out, tally_error *err) {
    if (rc == 0) rc = gather(plans, txn, zone, period, err);
    if (rc == 0) rc = share_fees(plans, txn, err);
    if (rc != 0)
        tally_plans_free(plans);
    else
        *out = plans;
    return rc;
}

int tally_plans_new(tally_txn *txn, const tally_zone *zone, const tally_period *period,
                    tally_plans **out, tally_error *err) {
    *out = NULL;
    tally_plans *plans = calloc(1, sizeof *plans);
    if (!plans) return no_memory(err);
    int rc = tally_policy_each(txn, TALLY_POLICY_PLAN, keep_plan, plans, err);
    if (rc == 0) rc = tally_policy_each(txn, TALLY_POLICY_BILL, keep_bill, plans, err);
    return finish(plans, txn, zone, period, rc, out, err);
}

int tally_plans_of_bill(tally_txn *txn, const tally_zone *zone, const tally_plan_bill *bill,
                        tally_plans **out, tally_error *err) {
    int64_t month = month_of_day(bill->first_day);
    const plan_row row = {.plan = bill->provider,
                          .provider = bill->provider,
                          .member = bill->member,
                          .currency = tally_span_str(TALLY_COST_CURRENCY),
                          .from = month,
                          .until = month,
                          .fee = bill->pico,
                          .bill = true};
    const tally_period period = {.start_ms = tally_zone_day_start(zone, month_first_day(month)),
                                 .end_ms = tally_zone_day_start(zone, month_first_day(month + 1))};
    *out = NULL;
    tally_plans *plans = calloc(1, sizeof *plans);
    if (!plans) return no_memory(err);
    return finish(plans, txn, zone, &period, row_add(plans, &row, err), out, err);
}

void tally_plans_free(tally_plans *plans) {
    if (!plans) return;
    free(plans->rows);
    free(plans->months);
    free(plans->shares);
    free(plans);
}

static int share_order(const plan_share *share, const tally_cost *cost) {
    if (share->time_ms != cost->time_ms) return share->time_ms < cost->time_ms ? -1 : 1;
    return memcmp(share->id.b, cost->id.b, sizeof cost->id.b);
}

bool tally_plans_paid(const tally_plans *plans, const tally_cost *cost, int64_t *pico) {
    size_t low = 0, high = plans->share_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (share_order(&plans->shares[middle], cost) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool covered = false;
    *pico = 0;
    for (; low < plans->share_count && share_order(&plans->shares[low], cost) == 0; low++) {
        *pico += plans->shares[low].pico; /* the sum of all fees fits */
        covered = true;
    }
    return covered;
}

size_t tally_plans_count(const tally_plans *plans) {
    return plans->month_count;
}

const tally_plan_month *tally_plans_at(const tally_plans *plans, size_t i) {
    return &plans->months[i];
}
