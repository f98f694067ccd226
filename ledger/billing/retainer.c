/* A retainer: its fee for each month that begins in the period, once, and the hours of a month
 * that are above what the fee includes. */
#include "hours.h"

#include <inttypes.h>

typedef struct retainer_month {
    int64_t first_day, end_day;
    tally_span name;           /* "2026-03" */
    int64_t before_ms, new_ms; /* hours that are billed already, and those that are not */
} retainer_month;

static retainer_month month_of(draft *d, int64_t day) {
    int64_t year;
    unsigned month, of_month;
    tally_civil_from_days(day, &year, &month, &of_month);
    return (retainer_month){.first_day = tally_days_from_civil(year, month, 1),
                            .end_day = tally_days_from_civil(year, month + 1, 1),
                            .name = draft_text(d, "%04lld-%02u", (long long)year, month)};
}

static tally_span hours_words(draft *d, int64_t pico_hours) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format(pico_hours, 0, text);
    return draft_text(d, "%s", text);
}

static int fee_line(draft *d, const retainer_month *month, bool *made) {
    const tally_contract *c = &d->contract;
    bool done;
    tally_trace trace = {.leaf = c->leaf,
                         .what = tally_span_str("contract.set"),
                         .day = month->first_day,
                         .part = 1,
                         .parts = 1,
                         .why = draft_text(d, "retainer of %.*s", SPAN(month->name))};
    draft_thing_id(d, "retainer", month->name, &trace.entry);
    *made = false;
    if (month->first_day < d->period.first_day || month->first_day >= d->period.end_day) return 0;
    int rc = draft_thing_billed(d, &trace.entry, &done);
    if (rc != 0 || done) return rc;
    tally_span title = c->title.len ? c->title : tally_span_str("Retainer");
    tally_span hours = hours_words(d, c->included_hours);
    draft_line(d, (tally_invoice_line){
                      .kind = TALLY_LINE_RETAINER,
                      .description = c->included_hours ? draft_text(d, "%.*s, %.*s hours included",
                                                                    SPAN(title), SPAN(hours))
                                                       : title,
                      .detail = month->name,
                      .quantity = 100,
                      .unit = tally_span_str("month"),
                      .price = agreed_minor(c, c->retainer)});
    draft_trace(d, &trace);
    *made = true;
    return 0;
}

static int overage_price(draft *d, const retainer_month *month, hour_rate *out) {
    *out = (hour_rate){agreed_minor(&d->contract, d->contract.overage_rate),
                       tally_span_str("overage rate of the contract"), d->contract.leaf};
    if (d->contract.overage_rate > 0) return 0;
    return draft_rate(d, d->contract.project, (tally_span){0}, month->first_day, out);
}

static int64_t above(int64_t ms, int64_t included) {
    return ms > included ? ms - included : 0;
}

/* Adds up a month; the hours that are new stand on the overage line if there is one. */
static void month_sum(draft *d, const hour_list *list, retainer_month *month) {
    for (size_t i = 0; i < list->count; i++) {
        const hour_item *item = &list->items[i];
        if (item->day < month->first_day || item->day >= month->end_day) continue;
        *(item->billed ? &month->before_ms : &month->new_ms) +=
            hours_counted(&d->contract, item->after_ms, item->ms);
    }
}

static bool month_trace(draft *d, const hour_list *list, const retainer_month *month,
                        const hour_rate *rate) {
    bool agent = false;
    for (size_t i = 0; i < list->count; i++) {
        hour_item item = list->items[i];
        if (item.billed || item.day < month->first_day || item.day >= month->end_day) continue;
        if (rate) item.rate = *rate;
        agent = agent || item.is_session;
        hours_trace(d, &item);
    }
    return agent;
}

/* A contract that begins within a month asks no fee for it, which includes hours all the same. */
static void warn_no_fee(draft *d, const retainer_month *month) {
    int64_t worked = hours_quantity(month->new_ms);
    if (worked > 0 && d->contract.first_day > month->first_day)
        draft_warn(d,
                   "%.*s has %" PRId64 ".%02" PRId64
                   " h and no fee: the contract begins within it; 'tally contract set --from' or "
                   "a change order bills them",
                   SPAN(month->name), worked / 100, worked % 100);
}

/* ---- overage that living invoices ask for ---- */

/* The detail of an overage line begins with its month. */
static int64_t overage_in(const tally_invoice *invoice, tally_span month) {
    int64_t sum = 0;
    for (size_t i = 0; i < invoice->line_count; i++) {
        const tally_invoice_line *line = &invoice->lines[i];
        if (line->kind == TALLY_LINE_OVERAGE && line->detail.len > month.len &&
            memcmp(line->detail.ptr, month.ptr, month.len) == 0)
            sum += line->quantity;
    }
    return sum;
}

static bool reaches(const tally_record *record, const retainer_month *month) {
    tally_span from, to;
    int64_t first, last;
    return tally_body_str(record, "from", &from) && tally_body_str(record, "to", &to) &&
           tally_date_parse(from, &first) == 0 && tally_date_parse(to, &last) == 0 &&
           first < month->end_day && last >= month->first_day;
}

static int overage_on(draft *d, const billed_issue *issue, tally_span month, int64_t *sum) {
    tally_invoice *invoice;
    tally_span what = draft_text(d, "the overage on %.*s", SPAN(issue->number));
    int rc = draft_document(d, issue, what, &invoice);
    if (rc != 0) return rc;
    *sum += overage_in(invoice, month);
    tally_invoice_free(invoice);
    return 0;
}

/* Where an earlier invoice was voided, later ones ask for hours as overage that are within what is
 * included now: so many hundredths of an hour more than those that are billed come to. */
static int overage_ahead(draft *d, const retainer_month *month, int64_t due, int64_t *out) {
    int64_t sum = 0;
    int rc = 0;
    for (size_t i = 0; i < billed_count(d->billed) && rc == 0; i++) {
        const billed_issue *issue = billed_at(d->billed, i);
        if (!issue->voided && tally_span_eq(issue->contract, d->contract.contract) &&
            reaches(&issue->record, month))
            rc = overage_on(d, issue, month->name, &sum);
    }
    *out = sum > due ? sum - due : 0;
    return rc;
}

/* ---- a month ---- */

static int month_bill(draft *d, const hour_list *list, retainer_month *month) {
    const tally_contract *c = &d->contract;
    hour_rate rate = {0};
    bool fee;
    int rc = fee_line(d, month, &fee);
    if (rc != 0) return rc;
    month_sum(d, list, month);
    int64_t included = (int64_t)((tally_i128)c->included_hours * HOUR_MS / TALLY_PICO);
    int64_t over =
        above(month->before_ms + month->new_ms, included) - above(month->before_ms, included);
    int64_t quantity = hours_quantity(hours_round(c, over)), ahead = 0;
    int64_t due = hours_quantity(hours_round(c, above(month->before_ms, included)));
    if (quantity > 0 && (rc = overage_ahead(d, month, due, &ahead)) != 0) return rc;
    quantity = quantity > ahead ? quantity - ahead : 0;
    if (quantity == 0) {
        warn_no_fee(d, month);
        if (fee && month_trace(d, list, month, NULL)) d->lines[d->line_count - 1].with_agent = true;
        return 0;
    }
    if ((rc = overage_price(d, month, &rate)) != 0) return rc;
    tally_span hours = hours_words(d, c->included_hours);
    int64_t worked = hours_quantity(month->before_ms + month->new_ms);
    draft_line(
        d, (tally_invoice_line){
               .kind = TALLY_LINE_OVERAGE,
               .description = draft_text(d, "Overage, hours above the %.*s included", SPAN(hours)),
               .detail = draft_text(d, "%.*s: %" PRId64 ".%02" PRId64 " hours worked",
                                    SPAN(month->name), worked / 100, worked % 100),
               .quantity = quantity,
               .unit = tally_span_str("hour"),
               .price = rate.price});
    if (month_trace(d, list, month, &rate)) d->lines[d->line_count - 1].with_agent = true;
    return 0;
}

int hours_bill_retainer(draft *d, hour_list *list) {
    int rc = 0;
    for (int64_t day = d->period.first_day; day < d->period.end_day && rc == 0;) {
        retainer_month month = month_of(d, day);
        rc = month_bill(d, list, &month);
        day = month.end_day;
    }
    return rc;
}
