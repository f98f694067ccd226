/* Figures of a pack worked out again: a row's cost or time from its records, a line's price and
 * quantity from its rows and what was agreed. */
#include "pack.h"

#include "../billing/hours.h"
#include "../timeline.h"

#include <limits.h>
#include <stdlib.h>

#define MINUTES_MAX 100000u /* of a contract's rounding */

/* amount x part / parts, rounded towards zero, or one more away from zero. */
static bool is_share(tally_i128 amount, uint64_t part, uint64_t parts, tally_i128 share) {
    bool minus = amount < 0;
    tally_i128 size = minus ? -amount : amount, own = minus ? -share : share;
    /* amount x part / parts without overflow; parts below 2^64 */
    tally_i128 whole =
        size / parts * part + (tally_i128)((tally_u128)(size % parts) * part / parts);
    return own == whole || (part < parts && own == whole + 1);
}

static bool share_holds(pack_line *line, tally_i128 amount, const tally_trace *row,
                        tally_i128 figure) {
    return is_share(amount, row->part, row->parts, figure) ||
           pack_bad(line, "its figure is not what its record and its rate come to");
}

/* ---- costs ---- */

static uint32_t tiers_of(const pack_item *cost) {
    static const struct {
        const char *key, *word;
        uint32_t flag;
    } flags[] = {{"speed", "fast", TALLY_TIER_FAST},
                 {"geo", "us", TALLY_TIER_US},
                 {"service", "batch", TALLY_TIER_BATCH},
                 {"service", "priority", TALLY_TIER_PRIORITY},
                 {"service", "flex", TALLY_TIER_FLEX}};
    uint32_t out = 0;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (tally_span_is(pack_text_of(cost, flags[i].key), flags[i].word)) out |= flags[i].flag;
    return out;
}

static uint64_t count_of(const pack_item *cost, const char *key) {
    uint64_t value;
    return tally_body_u64(&cost->record, key, &value) ? value : 0;
}

static bool entry_holds(pack_line *line, const tally_trace *row, const pack_item *cost) {
    tally_entry_id own;
    const uint8_t *kept;
    tally_entry_id_of(pack_text_of(cost, "agent"), pack_text_of(cost, "key"), &own);
    if (tally_span_is(pack_text_of(cost, "source"), "imported") &&
        tally_body_bin(&cost->record, "entry", TALLY_ENTRY_BYTES, &kept))
        memcpy(own.b, kept, TALLY_ENTRY_BYTES);
    return memcmp(own.b, row->entry.b, TALLY_ENTRY_BYTES) == 0 ||
           pack_bad(line, "its entry id is another");
}

/* By a price that stands in the pack. */
static bool priced_holds(pack_line *line, const tally_trace *row, const pack_item *cost,
                         const pack_item *rate, bool *recomputed) {
    tally_price price;
    int64_t pico;
    const char *why;
    uint64_t time = count_of(cost, "time");
    if (!pack_is_kind(rate, "price.set") || tally_price_read(&rate->record, &price, NULL) != 0)
        return pack_bad(line, "its rate is no price");
    tally_span model = pack_text_of(cost, "model"), name = tally_span_str(price.model);
    bool same = tally_span_eq(model, name);
    if (!same && tally_model_resolve(model, &name, 1) != 0) {
        *recomputed = false;
        return true;
    }
    if (price.from_day != TALLY_PRICE_UNDATED && price.from_day > (int64_t)(time / TALLY_DAY_MS))
        return pack_bad(line, "its price is of a later day");
    if (!tally_span_is(row->currency, price.currency))
        return pack_bad(line, "its price is in another currency");
    tally_usage usage = {.input = count_of(cost, "input"),
                         .output = count_of(cost, "output"),
                         .cache_read = count_of(cost, "cache_read"),
                         .cache_write_5m = count_of(cost, "cache_write_5m"),
                         .cache_write_1h = count_of(cost, "cache_write_1h"),
                         .web_searches = count_of(cost, "web_searches"),
                         .tier = tiers_of(cost)};
    if (!same && tally_model_is_regional(model) && !tally_model_is_regional(name))
        usage.tier |= TALLY_TIER_US;
    if (tally_price_apply(&price, &usage, &pico, &why) != 0)
        return pack_bad(line, "it has no price by that rate");
    return share_holds(line, pico, row, row->pico);
}

static bool cost_holds(pack_line *line, const pack_document *document, const tally_trace *row,
                       const pack_item *cost, const pack_item *rate, bool *recomputed) {
    bool sourced = pack_text_of(cost, "source").len > 0;
    int64_t stated;
    tally_span currency = pack_text_of(cost, "currency");
    if (!entry_holds(line, row, cost)) return false;
    if (tally_span_is(document->invoice->basis, "paid") || (rate && pack_is_leaf(rate))) {
        *recomputed = false; /* a share of a fee, which all usage of a month has its part in */
        return true;
    }
    if (rate) return priced_holds(line, row, cost, rate, recomputed);
    if (!sourced || !tally_body_i64(&cost->record, "stated", &stated)) {
        *recomputed = false;
        return true;
    }
    if (!tally_span_eq(row->currency,
                       currency.len ? currency : tally_span_str(TALLY_COST_CURRENCY)))
        return pack_bad(line, "it is stated in another currency");
    return share_holds(line, stated, row, row->pico);
}

/* ---- what was typed ---- */

static bool dated(const pack_item *item, const tally_trace *row) {
    int64_t day;
    return tally_date_parse(pack_text_of(item, "date"), &day) == 0 && day == row->day;
}

static bool expense_holds(pack_line *line, const tally_trace *row, const pack_item *item) {
    tally_i128 amount;
    if (!dated(item, row)) return pack_bad(line, "it is of another day");
    if (!tally_span_eq(pack_text_of(item, "currency"), row->currency) ||
        !tally_body_amount(&item->record, "amount", &amount))
        return pack_bad(line, "it is in another currency");
    return share_holds(line, amount, row, row->pico);
}

static bool time_holds(pack_line *line, const tally_trace *row, const pack_item *item) {
    uint64_t duration;
    if (!dated(item, row)) return pack_bad(line, "it is of another day");
    if (!tally_body_u64(&item->record, "duration", &duration))
        return pack_bad(line, "it has no duration");
    return share_holds(line, (tally_i128)duration, row, row->ms);
}

/* ---- sessions ---- */

typedef struct event_list {
    timeline_event *items;
    size_t count, room;
} event_list;

static bool event_add(pack_line *line, event_list *list, uint64_t start, uint64_t end, bool human) {
    if (end < start || end / TALLY_DAY_MS > UINT32_MAX) return true; /* as in every other figure */
    if (!pack_grow(line, (void **)&list->items, &list->room, list->count, sizeof *list->items))
        return false;
    list->items[list->count++] = (timeline_event){(int64_t)start, (int64_t)end, human};
    return true;
}

static bool events_of(pack_line *line, const pack_item *activity, event_list *list) {
    tally_value at, run, start, end;
    bool ok = true;
    if (tally_body_get(&activity->record, "human", &at) && at.type == TALLY_VALUE_ARRAY) {
        tally_cursor cursor = tally_cursor_of(&at);
        while (ok && tally_cursor_next(&cursor, &start))
            if (start.type == TALLY_VALUE_UINT)
                ok = event_add(line, list, start.as.uint, start.as.uint, true);
    }
    if (!ok || !tally_body_get(&activity->record, "runs", &at) || at.type != TALLY_VALUE_ARRAY)
        return ok;
    tally_cursor cursor = tally_cursor_of(&at);
    while (ok && tally_cursor_next(&cursor, &run)) {
        tally_cursor pair = tally_cursor_of(&run);
        if (run.type == TALLY_VALUE_ARRAY && run.count == 2 && tally_cursor_next(&pair, &start) &&
            tally_cursor_next(&pair, &end) && start.type == TALLY_VALUE_UINT &&
            end.type == TALLY_VALUE_UINT)
            ok = event_add(line, list, start.as.uint, end.as.uint, false);
    }
    return ok;
}

static int activity_order(const void *a, const void *b) {
    const pack_activity *x = a, *y = b;
    if (x->session != y->session) return x->session < y->session ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* All activity of the pack by session, made when it is first asked for. */
static bool activity_sorted(pack_line *line) {
    tally_pack *pack = line->pack;
    if (pack->activity_known) return true;
    for (size_t i = 0; i < pack->item_count; i++) {
        if (!pack_is_kind(&pack->items[i], "activity")) continue;
        if (!pack_grow(line, (void **)&pack->activity, &pack->activity_room, pack->activity_count,
                       sizeof *pack->activity))
            return false;
        pack->activity[pack->activity_count++] =
            (pack_activity){tally_session_ref(pack_text_of(&pack->items[i], "agent"),
                                              pack_text_of(&pack->items[i], "session")),
                            i};
    }
    if (pack->activity_count)
        qsort(pack->activity, pack->activity_count, sizeof *pack->activity, activity_order);
    pack->activity_known = true;
    return true;
}

static bool session_events(pack_line *line, const pack_item *session, event_list *list) {
    tally_pack *pack = line->pack;
    uint64_t ref = tally_session_ref(pack_text_of(session, "agent"), pack_text_of(session, "id"));
    size_t low = 0, high;
    if (!activity_sorted(line)) return false;
    for (high = pack->activity_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (pack->activity[middle].session < ref)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < pack->activity_count && pack->activity[low].session == ref; low++)
        if (!events_of(line, &pack->items[pack->activity[low].item], list)) return false;
    return true;
}

static tally_engaged_policy policy_of(const tally_pack *pack, const pack_document *document) {
    tally_engaged_policy policy = TALLY_ENGAGED_POLICY_DEFAULT;
    uint64_t minutes;
    if (document->engaged == PACK_NONE) return policy;
    const tally_record *record = &pack->items[document->engaged].record;
    if (tally_body_u64(record, "idle_minutes", &minutes) && minutes <= MINUTES_MAX)
        policy.idle_ms = (int64_t)minutes * MINUTE_MS;
    if (tally_body_u64(record, "unattended_minutes", &minutes) && minutes <= MINUTES_MAX)
        policy.unattended_ms = (int64_t)minutes * MINUTE_MS;
    return policy;
}

static int64_t within(const interval_list *list, const pack_day *day) {
    int64_t sum = 0;
    for (size_t i = 0; i < list->count; i++) {
        int64_t from = list->items[i].start_ms, until = list->items[i].end_ms;
        if (from < day->start_ms) from = day->start_ms;
        if (until > day->end_ms) until = day->end_ms;
        if (from < until) sum += until - from;
    }
    return sum;
}

static const pack_day *day_of(const tally_pack *pack, int64_t day) {
    for (size_t i = pack->day_count; i-- > 0;)
        if (pack->days[i].day == day) return &pack->days[i];
    return NULL;
}

static bool session_holds(pack_line *line, const pack_document *document, const tally_trace *row,
                          const pack_item *session, bool *recomputed) {
    tally_engaged_policy policy = policy_of(line->pack, document);
    const pack_day *day = day_of(line->pack, row->day);
    event_list events = {0};
    interval_list engaged = {0}, agent = {0};
    if (!day) {
        *recomputed = false;
        return true;
    }
    bool ok = session_events(line, session, &events);
    if (ok && timeline_intervals(events.items, events.count, &policy, &engaged, &agent) != 0)
        ok = pack_out_of_memory(line);
    int64_t alone = within(&engaged, day), before = 0;
    ok = ok && pack_time_before(line, document, row, &before);
    int64_t held = row->ms + (before == PACK_NOT_SAID ? 0 : before);
    if (ok && alone < held)
        ok = pack_bad(line, "its activity shows less engaged time than it bills");
    *recomputed = *recomputed && before != PACK_NOT_SAID && alone == held;
    free(events.items);
    free(engaged.items);
    free(agent.items);
    return ok;
}

bool pack_row_figure(pack_line *line, const pack_document *document, const tally_trace *row,
                     const pack_item *item, const pack_item *rate, bool *recomputed) {
    if (!item || pack_is_leaf(item)) return true; /* claimed */
    if (tally_span_is(row->what, "cost"))
        return cost_holds(line, document, row, item, rate, recomputed);
    if (tally_span_is(row->what, "expense")) return expense_holds(line, row, item);
    if (tally_span_is(row->what, "time.add")) return time_holds(line, row, item);
    return session_holds(line, document, row, item, recomputed);
}

/* ---- lines ---- */

typedef struct line_check {
    pack_line *line;
    const pack_document *document;
    const tally_invoice_line *l;
    const pack_item *contract, *item;
    size_t n;
    bool *recomputed;
} line_check;

static bool claimed(const line_check *c) {
    *c->recomputed = false;
    return true;
}

static tally_i128 pico_of(const pack_item *item, const char *key) {
    tally_i128 value;
    return tally_body_amount(&item->record, key, &value) ? value : 0;
}

static bool price_is(const line_check *c, tally_i128 pico) {
    pack_subject(c->line, "line %zu price", c->n + 1);
    return tally_pico_to_minor(pico, c->document->invoice->decimals) == c->l->price ||
           pack_bad(c->line, "it is not what was agreed");
}

/* The rate that a row names, pico-units an hour; -1: it cannot be known, -2: it is none. */
static tally_i128 rate_of(const line_check *c, const pack_item *rate, const tally_trace *row) {
    int64_t from;
    tally_i128 extra = 0;
    tally_span client = pack_text_of(rate, "client"), date = pack_text_of(rate, "from");
    if (tally_span_is(pack_text_of(c->contract, "ai_cost"), "in_rate"))
        extra = pico_of(c->contract, "rate_extra");
    if (pack_is_leaf(rate)) return -1;
    if (rate == c->contract) return pico_of(rate, "rate") + extra;
    if (!pack_is_kind(rate, "rate.set") ||
        (client.len && !tally_span_eq(client, c->document->invoice->client)) ||
        !tally_span_eq(pack_text_of(rate, "currency"), c->document->invoice->currency))
        return -2;
    if (date.len && (tally_date_parse(date, &from) != 0 || from > row->day)) return -2;
    return pico_of(rate, "amount") + extra;
}

static bool rates_hold(const line_check *c) {
    const tally_pack *pack = c->line->pack;
    for (size_t i = 0; i < pack->rate_count; i++) {
        const tally_trace *row = &c->document->invoice->trace[c->l->trace_at + i];
        const pack_item *rate = pack->rates[i] == PACK_NONE ? NULL : &pack->items[pack->rates[i]];
        tally_i128 pico = rate ? rate_of(c, rate, row) : -1;
        pack_subject(c->line, "line %zu price", c->n + 1);
        if (pico == -2) return pack_bad(c->line, "a row's rate is no rate of this invoice");
        if (pico == -1)
            *c->recomputed = false;
        else if (!price_is(c, pico))
            return false;
    }
    return true;
}

/* The rounding of the contract; false where its numbers are out of all proportion. */
static bool rounding_of(const line_check *c, tally_contract *out) {
    uint64_t rounding = 0, least = 0;
    tally_span per = pack_text_of(c->contract, "rounding_per");
    (void)tally_body_u64(&c->contract->record, "rounding_minutes", &rounding);
    (void)tally_body_u64(&c->contract->record, "minimum_minutes", &least);
    *out =
        (tally_contract){.rounding_minutes = (uint32_t)(rounding & UINT32_MAX),
                         .minimum_minutes = (uint32_t)(least & UINT32_MAX),
                         .rounding = tally_span_is(pack_text_of(c->contract, "rounding"), "nearest")
                                         ? TALLY_ROUND_NEAREST
                                         : TALLY_ROUND_UP,
                         .rounding_per = tally_span_is(per, "day")    ? TALLY_PER_DAY
                                         : tally_span_is(per, "line") ? TALLY_PER_LINE
                                                                      : TALLY_PER_ENTRY};
    return rounding <= MINUTES_MAX && least <= MINUTES_MAX;
}

static bool quantity_holds(const line_check *c) {
    const tally_invoice *invoice = c->document->invoice;
    tally_contract rule;
    int64_t sum = 0, open = 0, before;
    bool known = true;
    if (!rounding_of(c, &rule)) return claimed(c);
    for (size_t i = 0; i < c->l->trace_count; i++) {
        const tally_trace *row = &invoice->trace[c->l->trace_at + i];
        if (rule.rounding_per == TALLY_PER_DAY && i > 0 && row[-1].day != row->day) {
            sum += hours_round(&rule, open);
            open = 0;
        }
        if (!pack_time_before(c->line, c->document, row, &before)) return false;
        known = known && before != PACK_NOT_SAID;
        open += hours_counted(&rule, before == PACK_NOT_SAID ? 0 : before, row->ms);
        if (rule.rounding_per != TALLY_PER_ENTRY) continue;
        sum += open;
        open = 0;
    }
    sum += hours_round(&rule, open);
    if (!known && !hours_add_up(&rule)) return claimed(c);
    pack_subject(c->line, "line %zu quantity", c->n + 1);
    return hours_quantity(sum) == c->l->quantity ||
           pack_bad(c->line, "it is not the time of its rows, rounded as agreed");
}

static bool hours_hold(const line_check *c) {
    return rates_hold(c) && quantity_holds(c);
}

/* The exchange as a fraction; false when the line's record is none of it. */
static bool exchange_of(const line_check *c, tally_span from, tally_u128 *num, tally_u128 *den) {
    tally_span to = c->document->invoice->currency;
    int64_t day, rate;
    if (!pack_is_kind(c->item, "fx.set") ||
        tally_date_parse(pack_text_of(c->item, "date"), &day) != 0 ||
        day >= c->document->invoice->end_day || !tally_body_i64(&c->item->record, "rate", &rate) ||
        rate <= 0)
        return false;
    tally_span base = pack_text_of(c->item, "base"), quote = pack_text_of(c->item, "quote");
    bool direct = tally_span_eq(base, from) && tally_span_eq(quote, to);
    if (!direct && !(tally_span_eq(base, to) && tally_span_eq(quote, from))) return false;
    *num = direct ? (tally_u128)rate : TALLY_PICO;
    *den = direct ? TALLY_PICO : (tally_u128)rate;
    return true;
}

/* pico x num x percent / (den x 100) in minor units, half away from zero; false on overflow. */
static bool minor_of(const line_check *c, tally_i128 pico, tally_u128 num, tally_u128 den,
                     tally_i128 *out) {
    uint64_t markup = 0;
    if (tally_span_is(pack_text_of(c->contract, "ai_cost"), "markup"))
        (void)tally_body_u64(&c->contract->record, "markup_percent", &markup);
    if (markup > MINUTES_MAX) return false;
    den *= 100u;
    for (int i = c->document->invoice->decimals; i < TALLY_PICO_DECIMALS; i++)
        den *= 10u;
    return tally_pico_scale(pico, num * (100u + markup), den, out) == 0;
}

static bool compute_holds(const line_check *c) {
    const tally_trace *rows = c->document->invoice->trace + c->l->trace_at;
    tally_i128 pico = 0, minor;
    tally_u128 num = 1, den = 1;
    if (c->l->trace_count == 0) return claimed(c);
    pack_subject(c->line, "line %zu price", c->n + 1);
    for (size_t i = 0; i < c->l->trace_count; i++) {
        if (!tally_span_eq(rows[i].currency, rows[0].currency))
            return pack_bad(c->line, "its rows are in several currencies");
        pico += rows[i].pico;
    }
    if (!tally_span_eq(rows[0].currency, c->document->invoice->currency)) {
        if (!c->item || pack_is_leaf(c->item)) return claimed(c);
        if (!exchange_of(c, rows[0].currency, &num, &den))
            return pack_bad(c->line, "its rate of exchange is none between its currencies");
    }
    return (minor_of(c, pico, num, den, &minor) && minor == c->l->price) ||
           pack_bad(c->line, "it is not the sum of its rows");
}

static bool milestone_holds(const line_check *c) {
    int64_t percent;
    tally_i128 fee;
    if (!c->item || !pack_is_kind(c->item, "milestone.set")) return claimed(c);
    if (tally_body_amount(&c->item->record, "fee", &fee)) return price_is(c, fee);
    if (!tally_body_i64(&c->item->record, "percent_bp", &percent)) return claimed(c);
    if (__builtin_mul_overflow(pico_of(c->contract, "fee"), (tally_i128)percent, &fee))
        return pack_bad(c->line, "it is not what was agreed");
    return price_is(c, fee / 10000);
}

static bool change_holds(const line_check *c) {
    if (!c->item || !pack_is_kind(c->item, "change.set")) return claimed(c);
    return price_is(c, pico_of(c->item, "amount"));
}

static bool project_holds(const line_check *c) {
    return price_is(c, pico_of(c->contract, "fee"));
}

static bool retainer_holds(const line_check *c) {
    return price_is(c, pico_of(c->contract, "retainer"));
}

bool pack_line_figure(pack_line *line, const pack_document *document, size_t n,
                      const pack_item *item, bool *recomputed) {
    static bool (*const checks[])(const line_check *) = {
        [TALLY_LINE_HOURS] = hours_hold,      [TALLY_LINE_MILESTONE] = milestone_holds,
        [TALLY_LINE_PROJECT] = project_holds, [TALLY_LINE_RETAINER] = retainer_holds,
        [TALLY_LINE_OVERAGE] = claimed,       [TALLY_LINE_CHANGE] = change_holds,
        [TALLY_LINE_COMPUTE] = compute_holds, [TALLY_LINE_DEPOSIT] = claimed,
        [TALLY_LINE_CREDIT] = claimed};
    line_check c = {.line = line,
                    .document = document,
                    .l = &document->invoice->lines[n],
                    .contract = &line->pack->items[document->contract],
                    .item = item,
                    .n = n,
                    .recomputed = recomputed};
    *recomputed = true;
    return checks[c.l->kind](&c);
}
