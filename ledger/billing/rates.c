/* Rates in force: of exchange, dated, either way round; and of an hour, the most specific first. */
#include "draft.h"

typedef struct exchange_search {
    tally_span from, to;
    int64_t day;
    int64_t direct, direct_day, inverse, inverse_day; /* 0: none yet */
    tally_span direct_source, inverse_source;
    tally_hash direct_leaf, inverse_leaf;
} exchange_search;

/* Dates ascend within a pair of currencies: the last one that fits is the newest. */
static int weigh_exchange(void *ctx, const tally_policy_row *row, tally_error *err) {
    exchange_search *s = ctx;
    tally_span base, quote, date, source = {0};
    int64_t day, rate;
    (void)err;
    if (!tally_body_str(&row->record, "base", &base) ||
        !tally_body_str(&row->record, "quote", &quote) ||
        !tally_body_str(&row->record, "date", &date) || tally_date_parse(date, &day) != 0 ||
        !tally_body_i64(&row->record, "rate", &rate) || day > s->day)
        return 0;
    (void)tally_body_str(&row->record, "source", &source);
    if (tally_span_eq(base, s->from) && tally_span_eq(quote, s->to)) {
        s->direct = rate;
        s->direct_day = day;
        s->direct_source = source;
        s->direct_leaf = row->leaf;
    }
    if (tally_span_eq(base, s->to) && tally_span_eq(quote, s->from)) {
        s->inverse = rate;
        s->inverse_day = day;
        s->inverse_source = source;
        s->inverse_leaf = row->leaf;
    }
    return 0;
}

static tally_span exchange_words(draft *d, tally_span from, tally_span to, int64_t rate,
                                 int64_t day, tally_span source) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_span date = draft_day(d, day);
    tally_pico_format(rate, 0, text);
    return draft_text(d, "1 %.*s = %s %.*s (%.*s%s%.*s)", SPAN(from), text, SPAN(to), SPAN(date),
                      source.len ? ", " : "", SPAN(source));
}

int draft_exchange(draft *d, tally_span from, tally_span to, int64_t day, rate_found *out) {
    exchange_search s = {.from = from, .to = to, .day = day};
    *out = (rate_found){.num = 1, .den = 1};
    if (tally_span_eq(from, to)) return 0;
    int rc = tally_policy_each(d->txn, TALLY_POLICY_FX, weigh_exchange, &s, d->err);
    if (rc != 0) return rc;
    tally_span date = draft_day(d, day);
    if (!s.direct && !s.inverse)
        return tally_fail(d->err, TALLY_ENOTFOUND,
                          "no rate for %.*s->%.*s on %.*s or before; add one with 'tally fx set "
                          "%.*s %.*s --date %.*s --rate R'",
                          SPAN(from), SPAN(to), SPAN(date), SPAN(from), SPAN(to), SPAN(date));
    if (s.direct && (!s.inverse || s.direct_day >= s.inverse_day))
        *out = (rate_found){s.direct, TALLY_PICO,
                            exchange_words(d, from, to, s.direct, s.direct_day, s.direct_source),
                            s.direct_leaf};
    else
        *out = (rate_found){TALLY_PICO, s.inverse,
                            exchange_words(d, to, from, s.inverse, s.inverse_day, s.inverse_source),
                            s.inverse_leaf};
    return 0;
}

int draft_to_minor(draft *d, tally_i128 pico, const rate_found *rate, uint32_t percent,
                   int64_t *out) {
    int decimals = tally_currency_decimals(d->contract.currency);
    tally_u128 num = (tally_u128)rate->num * percent, den = (tally_u128)rate->den * 100u;
    tally_i128 minor;
    for (int i = decimals; i < TALLY_PICO_DECIMALS; i++)
        den *= 10u;
    if (tally_pico_scale(pico, num, den, &minor) != 0 || minor > INT64_MAX || minor < -INT64_MAX)
        return tally_inexact("a cost of this period", d->err);
    *out = (int64_t)minor;
    return 0;
}

/* ---- hours ---- */

typedef struct rate_search {
    draft *d;
    tally_span project, member;
    int64_t day;
    int best; /* how specific the best row is; -1: none */
    int64_t best_day;
    tally_i128 amount;
    tally_policy_row row;
} rate_search;

/* Client before project before member; of equal ones the newest, and its dates ascend. */
static int weigh_rate(void *ctx, const tally_policy_row *row, tally_error *err) {
    rate_search *s = ctx;
    const struct {
        const char *key;
        tally_span wanted;
        int weight;
    } keys[] = {
        {"client", s->d->contract.client, 4}, {"project", s->project, 2}, {"member", s->member, 1}};
    tally_span text;
    int64_t from = INT64_MIN;
    tally_i128 amount;
    int rank = 0;
    (void)err;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!tally_body_str(&row->record, keys[i].key, &text)) continue;
        if (!tally_span_eq(text, keys[i].wanted)) return 0;
        rank += keys[i].weight;
    }
    if (tally_body_str(&row->record, "from", &text) && tally_date_parse(text, &from) != 0) return 0;
    if (!tally_body_str(&row->record, "currency", &text) ||
        !tally_span_eq(text, s->d->contract.currency) ||
        !tally_body_amount(&row->record, "amount", &amount) || from > s->day || rank < s->best)
        return 0;
    if (rank == s->best && from < s->best_day) return 0;
    s->best = rank;
    s->best_day = from;
    s->amount = amount;
    s->row = *row;
    return 0;
}

static tally_span rate_words(draft *d, const rate_search *s) {
    char hex[17];
    tally_hex(tally_span_of(s->row.leaf.b, 8), hex);
    if (s->best_day == INT64_MIN) return draft_text(d, "rate of record %s", hex);
    tally_span day = draft_day(d, s->best_day);
    return draft_text(d, "rate of record %s, from %.*s", hex, SPAN(day));
}

static int no_rate(draft *d, tally_span member, int64_t day) {
    tally_span date = draft_day(d, day);
    const tally_contract *c = &d->contract;
    return tally_fail(d->err, TALLY_ENOTFOUND,
                      "contract %.*s: no hourly rate in %.*s for %.*s on %.*s; add one with 'tally "
                      "rate set --client %.*s --currency %.*s --amount A'",
                      SPAN(c->contract), SPAN(c->currency), SPAN(member), SPAN(date),
                      SPAN(c->client), SPAN(c->currency));
}

int draft_rate(draft *d, tally_span project, tally_span member, int64_t day, hour_rate *out) {
    const tally_contract *c = &d->contract;
    rate_search s = {.d = d, .project = project, .member = member, .day = day, .best = -1};
    tally_i128 pico = c->rate;
    out->words = tally_span_str("rate of the contract");
    out->leaf = c->leaf;
    if (pico == 0) {
        int rc = tally_policy_each(d->txn, TALLY_POLICY_RATE, weigh_rate, &s, d->err);
        if (rc != 0) return rc;
        if (s.best < 0) return no_rate(d, member, day);
        pico = s.amount;
        out->words = rate_words(d, &s);
        out->leaf = s.row.leaf;
    }
    if (c->ai_cost == TALLY_AI_IN_RATE) pico += c->rate_extra; /* both far below the limit */
    out->price = agreed_minor(c, pico);
    return 0;
}
