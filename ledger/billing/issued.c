/* Issued invoices as they stand: from invoice.issue, invoice.void and payments. Issuing is in
 * issue.c, deriving again in rederive.c. */
#include "invoice.h"

#include <tally/blob.h>

#include <inttypes.h>
#include <stdlib.h>

#define PAYMENTS_MAX    1000u /* of one invoice */
#define FRONTIER_MAX    4096u
#define KILL_DAYS       14
#define LATE_MONTHS_MAX 1200

const char *tally_invoice_status_text(tally_invoice_status status) {
    static const char *const texts[] = {"issued", "partly paid", "paid", "void", "credit"};
    return texts[status];
}

const char *tally_invoice_kind_text(int64_t total) {
    return total < 0 ? "credit_note" : "invoice";
}

/* ---- late fees ---- */

/* `months` after a day; the month's last day where it has no such one. */
static int64_t months_after(int64_t day, int64_t months) {
    int64_t year;
    unsigned month, of_month;
    tally_civil_from_days(day, &year, &month, &of_month);
    int64_t at = year * 12 + (int64_t)month - 1 + months;
    int64_t first =
        tally_days_from_civil(tally_floor_div(at, 12), (unsigned)tally_floor_mod(at, 12) + 1, 1);
    int64_t next = tally_days_from_civil(tally_floor_div(at + 1, 12),
                                         (unsigned)tally_floor_mod(at + 1, 12) + 1, 1);
    int64_t out = first + (int64_t)of_month - 1;
    return out < next ? out : next - 1;
}

int64_t tally_late_fee(int64_t total, int64_t due_day, uint32_t bp, const tally_paid *paid,
                       size_t paid_count, int64_t as_of) {
    tally_i128 fees = 0;
    for (int64_t month = 0; bp > 0; month++) {
        int64_t start = months_after(due_day + 1, month);
        tally_i128 open = total + fees;
        if (start > as_of) break;
        for (size_t i = 0; i < paid_count; i++)
            if (paid[i].day < start) open -= paid[i].amount;
        if (open <= 0) break;
        fees += (open * bp + 5000) / 10000;
        if (fees >= INVOICE_AMOUNT_LIMIT || month == LATE_MONTHS_MAX) return TALLY_LATE_FEE_UNTOLD;
    }
    return (int64_t)fees;
}

/* ---- reading ---- */

static int64_t day_of(const tally_record *record, const char *key) {
    tally_span date;
    int64_t day = 0;
    if (tally_body_str(record, key, &date)) (void)tally_date_parse(date, &day);
    return day;
}

static int64_t number_of(const tally_record *record, const char *key) {
    int64_t value = 0;
    return tally_body_i64(record, key, &value) ? value : 0;
}

static void hash_of(const tally_record *record, const char *key, tally_hash *out) {
    const uint8_t *bytes;
    if (tally_body_bin(record, key, TALLY_HASH_BYTES, &bytes)) memcpy(out->b, bytes, sizeof out->b);
}

static void issue_read(tally_txn *txn, const billed_issue *issue, tally_issued *out) {
    const tally_record *record = &issue->record;
    int64_t milestone = number_of(record, "milestone"), late = number_of(record, "late_fee_bp");
    *out = (tally_issued){.issue = issue->leaf,
                          .number = issue->number,
                          .contract = issue->contract,
                          .first_day = day_of(record, "from"),
                          .end_day = day_of(record, "to") + 1,
                          .issue_day = day_of(record, "issue_date"),
                          .due_day = day_of(record, "due_date"),
                          .milestone = milestone > 0 && milestone <= (int64_t)TALLY_MAX_MILESTONES
                                           ? (uint32_t)milestone
                                           : 0,
                          .late_fee_bp = late > 0 && late <= 10000 ? (uint32_t)late : 0,
                          .total = number_of(record, "total"),
                          .compute = number_of(record, "compute"),
                          .project = number_of(record, "project")};
    hash_of(record, "document", &out->document);
    hash_of(record, "sha256", &out->document_hash);
    hash_of(record, "trace", &out->trace_digest);
    (void)tally_body_str(record, "client", &out->client);
    (void)tally_feed_names(txn, issue->feed, &out->member, &out->device);
    (void)tally_body_str(record, "currency", &out->currency);
    out->decimals = tally_currency_decimals(out->currency);
}

static size_t frontier_read(const tally_record *record, tally_frontier_entry *out) {
    tally_value list, pair, device, size;
    size_t count = 0;
    if (!tally_body_get(record, "frontier", &list) || list.type != TALLY_VALUE_ARRAY) return 0;
    tally_cursor cursor = tally_cursor_of(&list);
    while (count < FRONTIER_MAX && tally_cursor_next(&cursor, &pair)) {
        tally_cursor of_pair = tally_cursor_of(&pair);
        if (!tally_cursor_next(&of_pair, &device) || device.type != TALLY_VALUE_BIN ||
            device.bytes.len != sizeof out->device.b || !tally_cursor_next(&of_pair, &size) ||
            size.type != TALLY_VALUE_UINT)
            return 0;
        memcpy(out[count].device.b, device.bytes.ptr, sizeof out->device.b);
        out[count++].size = size.as.uint;
    }
    return count;
}

typedef struct payment_gather {
    const tally_issued *issued;
    int64_t day;
    tally_paid *paid;
    size_t count;
} payment_gather;

static int keep_payment(void *ctx, const fact *f, tally_error *err) {
    payment_gather *g = ctx;
    tally_paid paid = {day_of(&f->record, "date"), number_of(&f->record, "amount")};
    const uint8_t *issue;
    (void)err;
    if (tally_body_bin(&f->record, "issue", TALLY_HASH_BYTES, &issue) &&
        memcmp(issue, g->issued->issue.b, TALLY_HASH_BYTES) == 0 && paid.amount > 0 &&
        invoice_amount_ok(paid.amount) && paid.day <= g->day && g->count < PAYMENTS_MAX)
        g->paid[g->count++] = paid;
    return 0;
}

typedef struct void_gather {
    tally_txn *txn;
    tally_issued *out;
} void_gather;

static int keep_void(void *ctx, const fact *f, tally_error *err) {
    void_gather *g = ctx;
    tally_issued *out = g->out;
    tally_span device;
    const uint8_t *issue;
    (void)err;
    if (out->void_member.len > 0 || /* the first to do so did it */
        !tally_body_bin(&f->record, "issue", TALLY_HASH_BYTES, &issue) ||
        memcmp(issue, out->issue.b, TALLY_HASH_BYTES) != 0)
        return 0;
    (void)tally_body_str(&f->record, "reason", &out->void_reason);
    (void)tally_feed_names(g->txn, f->feed, &out->void_member, &device);
    return 0;
}

static int stand_on(tally_txn *txn, const billed_issue *issue, int64_t day, tally_issued *out,
                    tally_error *err) {
    tally_paid paid[PAYMENTS_MAX];
    payment_gather g = {out, day, paid, 0};
    void_gather v = {txn, out};
    int rc = facts_each(txn, FACT_PAYMENT, out->number, keep_payment, &g, err);
    for (size_t i = 0; i < g.count; i++)
        out->paid += paid[i].amount;
    out->open = issue->voided ? 0 : out->total - out->paid;
    out->status = issue->voided    ? TALLY_INVOICE_VOID
                  : out->total < 0 ? TALLY_INVOICE_CREDIT
                  : out->open <= 0 ? TALLY_INVOICE_PAID
                  : out->paid > 0  ? TALLY_INVOICE_PARTLY_PAID
                                   : TALLY_INVOICE_ISSUED;
    if (rc == 0 && issue->voided) rc = facts_each(txn, FACT_VOID, out->number, keep_void, &v, err);
    if (issue->voided) return rc;
    out->late_fee = tally_late_fee(out->total, out->due_day, out->late_fee_bp, paid, g.count, day);
    if (out->open > 0 && day > out->due_day) out->late_days = day - out->due_day;
    return rc;
}

/* ---- all of them ---- */

static int number_order(const void *a, const void *b) {
    const billed_issue *x = *(billed_issue *const *)a, *y = *(billed_issue *const *)b;
    int order = tally_span_cmp(x->number, y->number);
    if (order != 0) return order;
    if (x->hlc != y->hlc) return x->hlc < y->hlc ? -1 : 1;
    return memcmp(x->leaf.b, y->leaf.b, sizeof x->leaf.b);
}

static billed_issue **by_number(billed *b) {
    billed_issue **sorted = malloc((billed_count(b) + 1) * sizeof(billed_issue *));
    if (!sorted) return NULL;
    for (size_t i = 0; i < billed_count(b); i++)
        sorted[i] = billed_at(b, i);
    if (billed_count(b)) qsort(sorted, billed_count(b), sizeof *sorted, number_order);
    return sorted;
}

static bool same_number(billed_issue *const *sorted, size_t count, size_t i, size_t k) {
    return k < count && !sorted[i]->voided && !sorted[k]->voided &&
           tally_span_eq(sorted[i]->number, sorted[k]->number);
}

int tally_issued_each(tally_txn *txn, int64_t day, tally_issued_fn *fn, void *ctx,
                      tally_error *err) {
    billed *b;
    int rc = billed_new(txn, &b, err);
    if (rc != 0) return rc;
    size_t count = billed_count(b);
    billed_issue **sorted = by_number(b);
    tally_frontier_entry *frontier = malloc(FRONTIER_MAX * sizeof *frontier);
    if (!sorted || !frontier) rc = tally_fail(err, TALLY_ENOMEM, "no memory for invoices");
    for (size_t i = 0; i < count && rc == 0; i++) {
        tally_issued issued;
        // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): a list has as many as it counts
        issue_read(txn, sorted[i], &issued);
        issued.number_twice =
            same_number(sorted, count, i, i + 1) || (i > 0 && same_number(sorted, count, i, i - 1));
        issued.frontier = frontier;
        issued.frontier_count = frontier_read(&sorted[i]->record, frontier);
        rc = stand_on(txn, sorted[i], day, &issued, err);
        if (rc == 0) rc = fn(ctx, &issued, err);
    }
    free(frontier);
    free(sorted);
    billed_free(b);
    return rc;
}

typedef struct issued_search {
    tally_span name;
    tally_issued *out;
    size_t living, found;
} issued_search;

static bool names_issue(tally_span name, const tally_issued *issued) {
    char hex[2 * TALLY_HASH_BYTES + 1];
    if (tally_span_eq(name, issued->number)) return true;
    tally_hex(tally_span_of(issued->issue.b, sizeof issued->issue.b), hex);
    return name.len >= 8 && name.len < sizeof hex && memcmp(hex, name.ptr, name.len) == 0;
}

static int match_issued(void *ctx, const tally_issued *issued, tally_error *err) {
    issued_search *s = ctx;
    bool living = issued->status != TALLY_INVOICE_VOID;
    (void)err;
    if (!names_issue(s->name, issued)) return 0;
    if (living || s->living == 0) {
        *s->out = *issued;
        s->out->frontier = NULL;
        s->out->frontier_count = 0;
    }
    s->living += living;
    s->found++;
    return 0;
}

int tally_issued_get(tally_txn *txn, tally_span name, int64_t day, tally_issued *out,
                     tally_error *err) {
    issued_search s = {.name = name, .out = out};
    int rc = tally_issued_each(txn, day, match_issued, &s, err);
    if (rc != 0) return rc;
    int len = (int)(name.len < TALLY_NAME_MAX_BYTES ? name.len : TALLY_NAME_MAX_BYTES);
    if (s.found == 0)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "there is no invoice '%.*s'; 'tally invoice list' shows them", len,
                          (const char *)name.ptr);
    if (s.living > 1)
        return tally_fail(err, TALLY_EINVAL,
                          "two invoices are '%.*s'; name one by the id that 'tally invoice list' "
                          "shows",
                          len, (const char *)name.ptr);
    return 0;
}

int tally_issued_document(tally_txn *txn, const tally_issued *issued, tally_invoice **out,
                          tally_error *err) {
    tally_span content;
    tally_hash hash;
    *out = NULL;
    if (tally_blob_get(txn, issued->document.b, &content) != 0)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "the document of %.*s is not here yet; 'tally sync now' fetches it",
                          SPAN(issued->number));
    tally_sha256(content, &hash);
    if (!tally_hash_eq(&hash, &issued->document_hash))
        return tally_fail(err, TALLY_ECORRUPT,
                          "the document of %.*s is not the one that was signed",
                          SPAN(issued->number));
    int rc = tally_invoice_decode(content, out, err);
    if (rc != 0) return rc;
    (*out)->paid = issued->paid;
    (*out)->due = issued->total - issued->paid;
    return 0;
}

/* ---- conflicts ---- */

typedef struct conflict_call {
    tally_invoice_conflict_fn *fn;
    void *ctx;
} conflict_call;

static int pass_conflict(void *ctx, const billed_issue *a, const billed_issue *b, uint64_t entries,
                         tally_error *err) {
    conflict_call *call = ctx;
    tally_invoice_conflict conflict = {a->number, b->number, a->leaf, b->leaf, entries};
    return call->fn(call->ctx, &conflict, err);
}

int tally_invoice_conflicts(tally_txn *txn, tally_invoice_conflict_fn *fn, void *ctx,
                            tally_error *err) {
    conflict_call call = {fn, ctx};
    billed *b;
    int rc = billed_new(txn, &b, err);
    if (rc != 0) return rc;
    billed_issue **sorted = by_number(b);
    if (!sorted) rc = tally_fail(err, TALLY_ENOMEM, "no memory for invoices");
    for (size_t i = 0; i + 1 < billed_count(b) && rc == 0; i++)
        if (same_number(sorted, billed_count(b), i, i + 1))
            rc = pass_conflict(&call, sorted[i], sorted[i + 1], 0, err);
    if (rc == 0) rc = billed_conflicts(b, pass_conflict, &call, err);
    free(sorted);
    billed_free(b);
    return rc;
}

/* ---- kill fee ---- */

typedef struct project_paid {
    tally_span contract;
    int64_t paid;
} project_paid;

/* Of a paid invoice, and of one that credits cover, all that it bills of the project; of one paid
 * in part, at most what came. */
static int add_project(void *ctx, const tally_issued *issued, tally_error *err) {
    project_paid *p = ctx;
    (void)err;
    if (issued->status == TALLY_INVOICE_VOID || !tally_span_eq(issued->contract, p->contract))
        return 0;
    bool all = issued->status == TALLY_INVOICE_PAID || issued->status == TALLY_INVOICE_CREDIT ||
               issued->paid > issued->project;
    if (__builtin_add_overflow(p->paid, all ? issued->project : issued->paid, &p->paid))
        p->paid = INT64_MAX;
    return 0;
}

int tally_kill_fee_get(tally_txn *txn, const tally_contract *contract, int64_t day,
                       tally_kill_fee *out, tally_error *err) {
    tally_milestones *milestones = malloc(sizeof *milestones);
    project_paid p = {.contract = contract->contract};
    if (!milestones) return tally_fail(err, TALLY_ENOMEM, "no memory for milestones");
    int rc = tally_milestones_get(txn, contract, milestones, err);
    if (rc == 0) rc = tally_issued_each(txn, day, add_project, &p, err);
    if (rc == 0) {
        *out = (tally_kill_fee){.value = agreed_value(contract, milestones),
                                .paid = p.paid,
                                .due_day = day + KILL_DAYS,
                                .bp = contract->kill_fee_bp};
        out->remaining = out->value > out->paid ? out->value - out->paid : 0;
        out->fee = (int64_t)(((tally_i128)out->remaining * out->bp + 5000) / 10000);
    }
    free(milestones);
    return rc;
}
