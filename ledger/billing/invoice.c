/* Deriving an invoice: everything from the records of one transaction, nothing else. The lines are
 * made in the files of their kinds; here they are gathered, summed and taxed. */
#include "invoice.h"

#include "../store.h"

#include <msgpack.h>
#include <stdlib.h>

#define PERIOD_MAX_DAYS 3660

/* ---- beginning ---- */

typedef struct project_gather {
    draft *d;
    size_t room;
} project_gather;

/* A contract that names a project bills it; one of the same client that names none leaves it. */
static int keep_other_project(void *ctx, const tally_contract *other, tally_error *err) {
    project_gather *g = ctx;
    draft *d = g->d;
    (void)err;
    if (other->project.len == 0 || !tally_span_eq(other->client, d->contract.client) ||
        other->first_day >= d->period.end_day || other->end_day <= d->period.first_day)
        return 0;
    if (!draft_grow(d, (void **)&d->other_projects, &g->room, d->other_count,
                    sizeof *d->other_projects))
        return tally_fail(d->err, TALLY_ENOMEM, "no memory for a draft");
    d->other_projects[d->other_count++] =
        (draft_project){other->project, other->first_day, other->end_day};
    return 0;
}

/* What was asked, cut where the contract begins and ends. */
static int period_clip(draft *d) {
    const tally_contract *c = &d->contract;
    d->period = d->asked->period;
    if (d->period.first_day < c->first_day) {
        d->period.first_day = c->first_day;
        d->period.start_ms = tally_zone_day_start(d->asked->zone, c->first_day);
    }
    if (d->period.end_day > c->end_day) {
        d->period.end_day = c->end_day;
        d->period.end_ms = tally_zone_day_start(d->asked->zone, c->end_day);
    }
    if (d->period.first_day < d->period.end_day) return 0;
    return tally_fail(d->err, TALLY_EINVAL,
                      "contract %.*s is not in force in that period; 'tally contract show %.*s' "
                      "says when it is",
                      SPAN(c->contract), SPAN(c->contract));
}

static int draft_begin(draft *d) {
    project_gather g = {.d = d};
    int rc = tally_contract_get(d->txn, d->asked->contract, &d->contract, d->err);
    if (rc == 0 && d->asked->period.end_day - d->asked->period.first_day > PERIOD_MAX_DAYS)
        rc = tally_fail(d->err, TALLY_EINVAL,
                        "an invoice is for a period like 2026-03, of ten years at most");
    if (rc == 0) rc = period_clip(d);
    if (rc == 0) rc = tally_milestones_get(d->txn, &d->contract, &d->milestones, d->err);
    if (rc == 0) rc = billed_new(d->txn, &d->billed, d->err);
    return rc != 0 ? rc : tally_contract_each(d->txn, keep_other_project, &g, d->err);
}

/* ---- parties ---- */

static tally_span kept(draft *d, const tally_policy_row *row, const char *key) {
    tally_span text = {0};
    (void)tally_body_str(&row->record, key, &text);
    return draft_copy(d, text);
}

static void party_read(draft *d, const tally_policy_row *row, const char *name, tally_party *out) {
    *out = (tally_party){.name = kept(d, row, name),
                         .contact = kept(d, row, "contact"),
                         .email = kept(d, row, "email"),
                         .tax_id = kept(d, row, "tax_id"),
                         .company_id = kept(d, row, "company_id"),
                         .street = kept(d, row, "street"),
                         .street2 = kept(d, row, "street2"),
                         .city = kept(d, row, "city"),
                         .postcode = kept(d, row, "postcode"),
                         .region = kept(d, row, "region"),
                         .country = kept(d, row, "country")};
}

static void read_buyer(draft *d, tally_party *out) {
    tally_policy_row row;
    *out = (tally_party){.name = draft_copy(d, d->contract.client)};
    if (tally_policy_get(d->txn, TALLY_POLICY_CLIENT, &d->contract.client, 1, &row) != 0) return;
    party_read(d, &row, "title", out);
    if (out->name.len == 0) out->name = draft_copy(d, d->contract.client);
    if (out->street.len == 0) out->street = kept(d, &row, "address");
}

typedef struct issuer_count {
    size_t count;
    tally_span member;
} issuer_count;

static int count_issuer(void *ctx, const tally_policy_row *row, tally_error *err) {
    issuer_count *c = ctx;
    (void)err;
    c->count++;
    (void)tally_body_str(&row->record, "member", &c->member);
    return 0;
}

/* The member who issues: as asked, else the contract's, else the only issuer there is. */
static int read_seller(draft *d, tally_party *out) {
    tally_policy_row row;
    tally_team team;
    issuer_count issuers = {0};
    tally_span member = d->asked->issuer.len ? d->asked->issuer : d->contract.issuer;
    int rc = tally_policy_each(d->txn, TALLY_POLICY_ISSUER, count_issuer, &issuers, d->err);
    if (rc == 0) rc = tally_team_get(d->txn, &team, d->err);
    if (rc != 0) return rc;
    if (member.len == 0 && issuers.count == 1) member = issuers.member;
    *out = (tally_party){.name = draft_copy(d, team.name)};
    if (member.len == 0 || tally_policy_get(d->txn, TALLY_POLICY_ISSUER, &member, 1, &row) != 0) {
        if (member.len == 0 && issuers.count > 1)
            draft_warn(d,
                       "several members issue, so a draft names none: an invoice names who issues "
                       "it, and 'tally contract set %.*s --issuer MEMBER' has drafts name one",
                       SPAN(d->contract.contract));
        else
            draft_warn(d, "the seller's name and address are not set; 'tally issuer set' does");
        return 0;
    }
    party_read(d, &row, "name", out);
    out->iban = kept(d, &row, "iban");
    out->bic = kept(d, &row, "bic");
    out->payee = kept(d, &row, "payee");
    return 0;
}

/* ---- sums ---- */

static const char *default_reason(tally_span category) {
    if (tally_span_is(category, "AE")) return "Reverse charge";
    if (tally_span_is(category, "E")) return "Exempt from VAT";
    return "";
}

/* A group for each category and rate, in the order in which lines bring them. */
static int tax_groups(draft *d, tally_invoice *invoice, size_t *count, tally_tax_group **out) {
    tally_tax_group *groups = draft_take(d, (d->line_count + 1) * sizeof *groups);
    *count = 0;
    *out = groups;
    if (!groups) return 0;
    for (size_t i = 0; i < d->line_count; i++) {
        const tally_invoice_line *line = &d->lines[i];
        size_t g = 0;
        while (g < *count && !(tally_span_eq(groups[g].category, line->tax_category) &&
                               groups[g].rate == line->tax_rate))
            g++;
        if (g == *count) {
            tally_span reason = tally_span_eq(line->tax_category, d->contract.tax_category)
                                    ? d->contract.tax_reason
                                    : (tally_span){0};
            if (reason.len == 0) reason = tally_span_str(default_reason(line->tax_category));
            groups[(*count)++] =
                (tally_tax_group){line->tax_category, draft_copy(d, reason), line->tax_rate, 0, 0};
        }
        if (__builtin_add_overflow(groups[g].base, line->amount, &groups[g].base))
            return tally_inexact("the sum of the lines", d->err);
    }
    for (size_t g = 0; g < *count; g++) {
        tally_i128 tax = (tally_i128)groups[g].base * groups[g].rate;
        groups[g].tax = (int64_t)((tax + (tax < 0 ? -5000 : 5000)) / 10000);
        if (__builtin_add_overflow(invoice->tax, groups[g].tax, &invoice->tax))
            return tally_inexact("the sum of the taxes", d->err);
    }
    return 0;
}

static int sum_up(draft *d, tally_invoice *invoice) {
    bool overflow = false;
    tally_tax_group *taxes;
    for (size_t i = 0; i < d->line_count; i++) {
        const tally_invoice_line *line = &d->lines[i];
        overflow |= __builtin_add_overflow(invoice->subtotal[line->block], line->amount,
                                           &invoice->subtotal[line->block]);
        overflow |= __builtin_add_overflow(invoice->net, line->amount, &invoice->net);
    }
    int rc = tax_groups(d, invoice, &invoice->tax_count, &taxes);
    invoice->taxes = taxes;
    overflow |= __builtin_add_overflow(invoice->net, invoice->tax, &invoice->total);
    if (rc == 0 && overflow) rc = tally_inexact("the sum of the lines", d->err);
    invoice->due = invoice->total;
    return rc;
}

/* ---- what it came from ---- */

static int frontier_order(const void *a, const void *b) {
    const tally_frontier_entry *x = a, *y = b;
    return memcmp(x->device.b, y->device.b, sizeof x->device.b);
}

static int read_frontier(draft *d, tally_invoice *invoice) {
    uint32_t feeds = tally_feed_count(d->txn);
    tally_frontier_entry *entries = draft_take(d, (feeds + 1u) * sizeof *entries);
    int rc = 0;
    if (!entries) return 0;
    for (uint32_t i = 0; i < feeds && rc == 0; i++) {
        tally_feed feed;
        rc = feed_now(d->txn, i, &feed, d->err);
        if (rc == 0 && feed.size > 0)
            entries[invoice->frontier_count++] = (tally_frontier_entry){feed.device, feed.size};
    }
    if (invoice->frontier_count)
        qsort(entries, invoice->frontier_count, sizeof *entries, frontier_order);
    invoice->frontier = entries;
    invoice->team = *tally_ledger_team(d->txn->ledger);
    return rc;
}

static void finish_words(draft *d, tally_invoice *invoice) {
    const tally_contract *c = &d->contract;
    invoice->contract = draft_copy(d, c->contract);
    invoice->title = draft_copy(d, c->title);
    invoice->contract_leaf = c->leaf;
    invoice->client = draft_copy(d, c->client);
    invoice->po_number = draft_copy(d, c->po_number);
    invoice->currency = draft_copy(d, c->currency);
    invoice->basis = tally_span_str(c->paid_basis ? "paid" : "list");
    invoice->decimals = tally_currency_decimals(c->currency);
    invoice->first_day = d->asked->period.first_day;
    invoice->end_day = d->asked->period.end_day;
    invoice->milestone = d->asked->milestone;
    invoice->issue_day = d->asked->issue_day;
    invoice->due_day = d->asked->issue_day + c->terms_days;
    invoice->terms =
        c->terms_days ? draft_text(d, "Net %u", c->terms_days) : tally_span_str("Due on receipt");
}

/* Lines and traces hold texts of the transaction: they must outlive it. */
static void keep_texts(draft *d) {
    for (size_t i = 0; i < d->line_count; i++) {
        tally_invoice_line *line = &d->lines[i];
        line->description = draft_copy(d, line->description);
        line->detail = draft_copy(d, line->detail);
        line->tax_category = draft_copy(d, line->tax_category);
    }
    tally_span last = {0}, copy = {0};
    for (size_t i = 0; i < d->trace_count; i++) {
        tally_trace *trace = &d->trace[i];
        if (trace->why.ptr != last.ptr || trace->why.len != last.len) {
            last = trace->why;
            copy = draft_copy(d, last);
        }
        trace->why = copy;
    }
}

static void box_fill(invoice_box *box, draft *d) {
    tally_invoice *invoice = &box->invoice;
    invoice->lines = box->lines = d->lines;
    invoice->line_count = d->line_count;
    invoice->trace = box->trace = d->trace;
    invoice->trace_count = d->trace_count;
    invoice->warnings = box->warnings = d->warnings;
    invoice->warning_count = d->warning_count;
    invoice->clauses = box->clauses = d->clauses;
    invoice->clause_count = d->clause_count;
    invoice_trace_digest(invoice, &invoice->trace_digest);
    box->memory = d->memory;
}

static int zone_name(draft *d, tally_invoice *invoice) {
    tally_span name = {0};
    int rc = tally_contract_zone_name(d->txn, &d->contract, &name, d->err);
    invoice->timezone = draft_copy(d, name);
    return rc;
}

static int derive(draft *d, tally_invoice *invoice) {
    int rc = draft_begin(d);
    if (rc == 0) rc = read_seller(d, &invoice->seller);
    if (rc == 0) rc = draft_hours(d);
    if (rc == 0) rc = draft_agreed(d);
    if (rc == 0) rc = draft_compute(d);
    if (rc == 0) rc = draft_credits(d);
    if (rc == 0) rc = draft_cautions(d);
    if (rc == 0) rc = read_frontier(d, invoice);
    if (rc == 0) rc = zone_name(d, invoice);
    if (rc == 0 && d->line_count == TALLY_INVOICE_MAX_LINES && d->failed)
        rc = tally_fail(d->err, TALLY_ELIMIT,
                        "the draft has more than %u lines; 'tally contract set --lines project' "
                        "makes fewer",
                        TALLY_INVOICE_MAX_LINES);
    if (rc != 0) return rc;
    draft_say_clauses(d);
    read_buyer(d, &invoice->buyer);
    finish_words(d, invoice);
    keep_texts(d);
    rc = sum_up(d, invoice);
    if (rc == 0 && d->failed)
        rc = tally_fail(d->err, TALLY_ENOMEM,
                        "no memory for the draft, or an amount in it is too "
                        "large to be exact");
    return rc;
}

int tally_invoice_derive(tally_txn *txn, const tally_draft *asked, tally_invoice **out,
                         tally_error *err) {
    tally_error unused;
    draft *d = calloc(1, sizeof *d);
    invoice_box *box = calloc(1, sizeof *box);
    *out = NULL;
    int rc = d && box ? 0 : tally_fail(err, TALLY_ENOMEM, "no memory for a draft");
    if (rc == 0) {
        d->txn = txn;
        d->asked = asked;
        d->err = err ? err : &unused;
        rc = derive(d, &box->invoice);
    }
    if (d) {
        billed_free(d->billed);
        free(d->other_projects);
    }
    if (d && box) box_fill(box, d);
    free(d);
    if (rc == 0)
        *out = &box->invoice;
    else if (box)
        tally_invoice_free(&box->invoice);
    return rc;
}

void tally_invoice_free(tally_invoice *invoice) {
    invoice_box *box = (invoice_box *)invoice; /* its first member */
    if (!box) return;
    free(box->lines);
    free(box->trace);
    free(box->warnings);
    free(box->clauses);
    draft_memory_free(box->memory);
    free(box);
}
