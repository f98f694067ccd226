/* Every figure that fold_fuzz.c compares between two orders of arrival, as one number; what must
 * add up is checked on the way. Feeds' numbers are a store's own matter and stay out. */
#ifndef TALLY_FUZZ_FOLD_FIGURES_H
#define TALLY_FUZZ_FOLD_FIGURES_H

#include "ledger_fuzz.h"

#include <tally/budget.h>
#include <tally/describe.h>
#include <tally/expense.h>
#include <tally/invoice.h>
#include <tally/plan.h>
#include <tally/report.h>
#include <tally/work.h>

#define FIGURES_MAX_CONTRACTS 4u
#define FIGURES_FIRST_DAY     20697 /* 2026-09-01 */
#define FIGURES_END_DAY       20727 /* 2026-10-01 */

typedef struct figures {
    tally_txn *txn;
    tally_zone *utc;
    uint64_t sum; /* FNV-1a over all that was seen */
    bool damaged; /* a row was changed behind the ledger's back: nothing may crash, all may fail */
    unsigned contracts;
    char names[FIGURES_MAX_CONTRACTS][TALLY_NAME_MAX_BYTES + 1];
} figures;

static inline void mix_bytes(figures *f, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++)
        f->sum = (f->sum ^ at[i]) * UINT64_C(1099511628211);
}

static inline void mix(figures *f, uint64_t value) {
    mix_bytes(f, &value, sizeof value);
}

static inline void mix_big(figures *f, tally_i128 value) {
    mix_bytes(f, &value, sizeof value);
}

static inline void mix_text(figures *f, tally_span text) {
    mix(f, text.len);
    if (text.len > 0) mix_bytes(f, text.ptr, text.len);
}

static inline void holds(const figures *f, bool condition) {
    must(f->damaged || condition);
}

static inline void mix_rc(figures *f, int rc) {
    mix(f, (uint64_t)(int64_t)rc);
    holds(f, rc == 0 || rc == TALLY_EOVERFLOW);
}

/* ---- reports ---- */

static inline void mix_sums(figures *f, const tally_sums *sums) {
    const uint64_t counts[] = {
        sums->sessions,        sums->requests,          sums->input,          sums->output,
        sums->reasoning,       sums->cache_read,        sums->cache_write_5m, sums->cache_write_1h,
        sums->unpaid_requests, sums->unpriced_requests, sums->engaged_ms,     sums->agent_ms,
        sums->time_entries,    sums->has_time};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        mix(f, counts[i]);
    mix_big(f, sums->pico);
    mix_big(f, sums->paid_pico);
    mix_big(f, sums->covered_pico);
}

/* Rows whose keys divide what there is add up to the total. */
static inline void mix_report(figures *f, const tally_filter *filter, const tally_report_key *keys,
                              size_t key_count, bool divides) {
    tally_report *report;
    tally_i128 pico = 0, paid = 0;
    uint64_t engaged = 0, output = 0;
    int rc = tally_report_run(f->txn, filter, keys, key_count, f->utc, &report, NULL);
    mix_rc(f, rc);
    if (rc != 0) return;
    for (size_t i = 0; i < tally_report_count(report); i++) {
        const tally_report_row *row = tally_report_at(report, i);
        for (size_t k = 0; k < key_count; k++)
            mix_text(f, row->keys[k]);
        mix_sums(f, &row->sums);
        pico += row->sums.pico;
        paid += row->sums.paid_pico;
        engaged += row->sums.engaged_ms;
        output += row->sums.output;
    }
    const tally_sums *total = tally_report_total(report);
    mix_sums(f, total);
    if (divides)
        holds(f, pico == total->pico && paid == total->paid_pico && output == total->output);
    if (divides && total->has_time) holds(f, engaged == total->engaged_ms);
    for (size_t i = 0; i < tally_report_conflict_count(report); i++)
        mix_text(f, tally_report_conflict_at(report, i)->rule);
    tally_report_free(report);
}

static inline void mix_reports(figures *f) {
    static const tally_report_key by_client[] = {TALLY_BY_CLIENT, TALLY_BY_PROJECT, TALLY_BY_MEMBER,
                                                 TALLY_BY_AGENT};
    static const tally_report_key by_tag[] = {TALLY_BY_TAG, TALLY_BY_BRANCH, TALLY_BY_DEVICE};
    static const tally_report_key by_model[] = {TALLY_BY_DAY, TALLY_BY_MODEL, TALLY_BY_SESSION};
    tally_filter filter = {.period = {INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX}};
    tally_period month;
    tally_plans *plans = NULL;
    must(tally_period_parse(tally_span_str("2026-09"), f->utc, FUZZ_NOW_MS, &month, NULL) == 0);
    mix_report(f, &filter, by_client, 4, true);
    mix_report(f, &filter, by_tag, 3, false);
    filter.period = month;
    filter.has_period = true;
    int rc = tally_plans_new(f->txn, f->utc, &month, &plans, NULL);
    mix(f, (uint64_t)(int64_t)rc);
    if (rc == 0) filter.plans = plans;
    mix_report(f, &filter, by_model, 3, true);
    if (rc == 0) tally_plans_free(plans);
}

static inline void mix_session_list(figures *f) {
    const tally_filter filter = {0};
    tally_session_list *list;
    int rc = tally_sessions_run(f->txn, &filter, &list, NULL);
    mix(f, (uint64_t)(int64_t)rc);
    if (rc != 0) return;
    for (size_t i = 0; i < tally_sessions_count(list); i++) {
        const tally_session_row *row = tally_sessions_at(list, i);
        char room[TALLY_WORDS_SPARE_BYTES];
        tally_description line;
        mix_text(f, row->session.id);
        mix_text(f, row->title);
        mix(f, (uint64_t)row->start_ms ^ (uint64_t)row->end_ms << 1);
        mix(f, row->said.by);
        mix_sums(f, &row->sums);
        tally_describe_session(f->txn, row->session.ref, f->utc, room, &line);
        mix_text(f, line.text);
    }
    tally_sessions_free(list);
}

/* ---- what is typed ---- */

static inline int mix_policy_row(void *ctx, const tally_policy_row *row, tally_error *err) {
    figures *f = ctx;
    (void)err;
    mix_bytes(f, row->leaf.b, sizeof row->leaf.b);
    return 0;
}

static inline int mix_time(void *ctx, const tally_time_facts *facts, tally_error *err) {
    figures *f = ctx;
    (void)err;
    mix_bytes(f, facts->entry->id.b, sizeof facts->entry->id.b);
    mix_text(f, facts->whose.client);
    mix(f, (uint64_t)facts->duration_ms);
    return 0;
}

static inline int mix_expense(void *ctx, const tally_expense_facts *facts, tally_error *err) {
    figures *f = ctx;
    (void)err;
    mix_bytes(f, facts->expense->id.b, sizeof facts->expense->id.b);
    mix_text(f, facts->whose.client);
    mix(f, (uint64_t)facts->amount);
    return 0;
}

static inline int mix_budget(void *ctx, const tally_budget *budget, tally_error *err) {
    figures *f = ctx;
    (void)err;
    mix_text(f, budget->budget);
    mix_big(f, budget->spent);
    mix_big(f, budget->forecast);
    mix(f, budget->level);
    return 0;
}

static inline void mix_typed(figures *f) {
    const tally_filter filter = {0};
    for (int i = 0; i < TALLY_POLICY_COUNT; i++)
        mix_rc(f, tally_policy_each(f->txn, (tally_policy)i, mix_policy_row, f, NULL));
    mix_rc(f, tally_times_filter(f->txn, &filter, mix_time, f, NULL));
    mix_rc(f, tally_expenses_filter(f->txn, &filter, mix_expense, f, NULL));
    mix_rc(f, tally_budgets_each(f->txn, f->utc, FUZZ_NOW_MS, NULL, mix_budget, f, NULL));
}

/* ---- invoices ---- */

static inline int64_t whole_of(tally_i128 numerator, int64_t by) {
    tally_i128 half = numerator < 0 ? -by / 2 : by / 2;
    return (int64_t)((numerator + half) / by);
}

static inline void adds_up(const tally_invoice *invoice) {
    int64_t net = 0, tax = 0;
    size_t at = 0;
    for (size_t i = 0; i < invoice->line_count; i++) {
        const tally_invoice_line *line = &invoice->lines[i];
        must(line->amount == whole_of((tally_i128)line->quantity * line->price, 100));
        must(line->description.len > 0 && line->trace_at == at);
        at += line->trace_count;
        net += line->amount;
    }
    for (size_t i = 0; i < invoice->tax_count; i++) {
        const tally_tax_group *group = &invoice->taxes[i];
        must(group->tax == whole_of((tally_i128)group->base * group->rate, 10000));
        tax += group->tax;
    }
    must(at == invoice->trace_count && net == invoice->net && tax == invoice->tax);
    must(invoice->total == net + tax && invoice->due == invoice->total - invoice->paid);
}

static inline void mix_draft(figures *f, const char *contract, uint32_t milestone) {
    tally_draft asked = {.contract = tally_span_str(contract),
                         .zone = f->utc,
                         .team_zone = f->utc,
                         .issue_day = FIGURES_END_DAY,
                         .milestone = milestone};
    tally_invoice *invoice, *again;
    uint8_t *bytes, *twice;
    size_t len, twice_len;
    must(tally_period_parse(tally_span_str("2026-09"), f->utc, FUZZ_NOW_MS, &asked.period, NULL) ==
         0);
    int rc = tally_invoice_derive(f->txn, &asked, &invoice, NULL);
    mix(f, (uint64_t)(int64_t)rc);
    if (rc != 0) return;
    if (!f->damaged) adds_up(invoice);
    rc = tally_invoice_encode(invoice, &bytes, &len, NULL);
    mix(f, (uint64_t)(int64_t)rc);
    if (rc == 0) {
        mix_bytes(f, bytes, len);
        must(tally_invoice_decode(tally_span_of(bytes, len), &again, NULL) == 0);
        must(tally_invoice_encode(again, &twice, &twice_len, NULL) == 0);
        must(twice_len == len && memcmp(bytes, twice, len) == 0);
        tally_invoice_free(again);
        free(twice);
        free(bytes);
    }
    tally_invoice_free(invoice);
}

static inline int note_contract(void *ctx, const tally_contract *contract, tally_error *err) {
    figures *f = ctx;
    (void)err;
    if (f->contracts == FIGURES_MAX_CONTRACTS) return 0;
    (void)snprintf(f->names[f->contracts++], sizeof f->names[0], "%.*s",
                   (int)contract->contract.len, (const char *)contract->contract.ptr);
    return 0;
}

static inline int mix_issued(void *ctx, const tally_issued *issued, tally_error *err) {
    figures *f = ctx;
    (void)err;
    mix_bytes(f, issued->issue.b, sizeof issued->issue.b);
    mix_text(f, issued->member);
    mix(f, (uint64_t)issued->total ^ (uint64_t)issued->paid << 1 ^ (uint64_t)issued->open << 2);
    mix(f, (uint64_t)issued->late_fee);
    mix(f, issued->status);
    return 0;
}

static inline int mix_conflict(void *ctx, const tally_invoice_conflict *conflict,
                               tally_error *err) {
    figures *f = ctx;
    (void)err;
    mix_bytes(f, conflict->issue.b, sizeof conflict->issue.b);
    mix_bytes(f, conflict->other_issue.b, sizeof conflict->other_issue.b);
    mix(f, conflict->entries);
    return 0;
}

static inline void mix_billing(figures *f) {
    mix_rc(f, tally_contract_each(f->txn, note_contract, f, NULL));
    for (unsigned i = 0; i < f->contracts; i++)
        for (uint32_t milestone = 0; milestone < 2; milestone++)
            mix_draft(f, f->names[i], milestone);
    mix(f, (uint64_t)(int64_t)tally_issued_each(f->txn, FIGURES_END_DAY + 90, mix_issued, f, NULL));
    mix(f, (uint64_t)(int64_t)tally_invoice_conflicts(f->txn, mix_conflict, f, NULL));
}

static inline uint64_t figures_of(tally_txn *txn, bool damaged) {
    figures f = {.txn = txn, .damaged = damaged, .sum = UINT64_C(14695981039346656037)};
    must(tally_zone_utc(&f.utc, NULL) == 0);
    mix_reports(&f);
    mix_session_list(&f);
    mix_typed(&f);
    mix_billing(&f);
    tally_zone_free(f.utc);
    return f.sum;
}

#endif
