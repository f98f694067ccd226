/* Invoices: what a client owes for a period under a contract, with every line traced to records. A
 * draft is a pure function of (frontier, contract, period, options): same records, same bytes, on
 * every peer. billing.md's rules stand in PROTOCOL.md section 15. */
#ifndef TALLY_INVOICE_H
#define TALLY_INVOICE_H

#include <tally/contract.h>
#include <tally/ledger.h>
#include <tally/money.h>
#include <tally/time.h>
#include <tally/view.h>

#define TALLY_INVOICE_MAX_LINES 10000u

/* Lines stand in blocks, in this order; each block has its own subtotal. */
typedef enum tally_line_block {
    TALLY_BLOCK_ENGINEERING, /* hours, milestone, project, retainer, overage, change orders */
    TALLY_BLOCK_COMPUTE,     /* LLM inference, embedding, vector DB, GPU hours, egress, monitoring,
                                other */
    TALLY_BLOCK_CREDITS,     /* deposit credits and corrections: negative */
    TALLY_BLOCK_COUNT
} tally_line_block;

typedef enum tally_line_kind {
    TALLY_LINE_HOURS,
    TALLY_LINE_MILESTONE,
    TALLY_LINE_PROJECT, /* a fixed bid */
    TALLY_LINE_RETAINER,
    TALLY_LINE_OVERAGE,
    TALLY_LINE_CHANGE,
    TALLY_LINE_COMPUTE,
    TALLY_LINE_DEPOSIT,
    TALLY_LINE_CREDIT
} tally_line_kind;

/* Printed quantity x printed price = printed amount, always. */
typedef struct tally_invoice_line {
    tally_line_block block;
    tally_line_kind kind;
    tally_span category; /* compute: "llm", "embedding", "vector_db", "gpu", "egress", "monitoring",
                            "other" */
    tally_span description; /* client-ready, never empty */
    tally_span
        detail;       /* provider, evidence, basis, exchange rate, contract section; may be empty */
    int64_t quantity; /* in hundredths of `unit`; 100 where nothing is counted */
    tally_span unit;  /* "hour", "month", "unit" */
    int64_t price;    /* minor units for one `unit`; may be negative */
    int64_t amount;   /* minor units: quantity x price / 100, rounded once, half away from zero */
    tally_span tax_category;      /* EN 16931 (UNCL5305): "S", "Z", "E", "AE", "O" */
    uint32_t tax_rate;            /* hundredths of a percent */
    bool with_agent;              /* entries behind it involved an agent */
    size_t trace_at, trace_count; /* in tally_invoice.trace */
    tally_hash agreed; /* leaf of the fx.set, milestone.set or change.set that it rests on; zeros:
                          none. Not in the document */
} tally_invoice_line;

/* One record behind a line, or a share of one. */
typedef struct tally_trace {
    tally_entry_id entry; /* cost, expense, time entry; of a session: its ref in the first 8 bytes,
                             then zeros */
    tally_hash leaf;      /* of the record; of a session, of the record that describes it */
    tally_span what;      /* "cost", "session", "time.add", "expense", "milestone.accept",
                             "change.approve", ... */
    int64_t day;          /* local day of the work; of a session one row a day */
    int64_t ms;           /* of engaged time that the line counts, before rounding; 0: none */
    tally_i128 pico;      /* of cost, in `currency`, before rounding; 0: none */
    tally_span currency;
    uint64_t part, parts; /* the share of the record that is billed here; 1 of 1 for the whole */
    int64_t after_ms;     /* of a session's day: time before this that other invoices have. Not in
                             the document */
    tally_span why;       /* what applied: whose it is and why, rate, price. Not in the document */
    tally_hash decided;   /* leaf of the assign, split or rule.set that says whose it is, */
    tally_hash rate;      /* and of the rate.set, contract.set or price.set; zeros: none. Not in the
                             document */
} tally_trace;

typedef struct tally_party {
    tally_span name, contact, email, tax_id, company_id;
    tally_span street, street2, city, postcode, region, country; /* country: ISO 3166-1 alpha-2 */
    tally_span iban, bic, payee;                                 /* of the seller */
} tally_party;

typedef struct tally_tax_group {
    tally_span category, reason; /* reason: of reverse charge and exemption */
    uint32_t rate;               /* hundredths of a percent */
    int64_t base, tax;           /* minor units */
} tally_tax_group;

typedef struct tally_frontier_entry {
    tally_device_id device;
    uint64_t size;
} tally_frontier_entry;

/* All spans and arrays are the invoice's. */
typedef struct tally_invoice {
    tally_span number;                                              /* empty: a draft */
    tally_span contract, title, client, po_number, currency, basis; /* basis: "list" or "paid" */
    int decimals;                                                   /* of the currency */
    tally_party seller, buyer;
    int64_t first_day, end_day; /* of the period, in the client's zone; end exclusive */
    tally_span timezone;
    int64_t issue_day,
        due_day;      /* days since 1970-01-01; of a draft as if it were issued on `issue_day` */
    tally_span terms; /* "Net 15" */
    const tally_invoice_line *lines; /* blocks in order, lines in the order they are printed */
    size_t line_count;
    int64_t subtotal[TALLY_BLOCK_COUNT];
    int64_t net, tax, total, paid, due; /* minor units; total = net + tax, due = total - paid */
    uint32_t milestone;                 /* that was asked for; 0: none */
    const tally_tax_group *taxes;
    size_t tax_count;
    const tally_span
        *clauses; /* late fee, kill fee, overlap policy, disclosure, notes: sentences to print */
    size_t clause_count;
    const tally_span *warnings; /* what a person should settle before issuing; of drafts */
    size_t warning_count;
    const tally_trace *trace;
    size_t trace_count;
    tally_hash trace_digest; /* SHA-256 of the trace's canonical bytes, PROTOCOL.md section 15 */
    const tally_frontier_entry *frontier; /* ascending by device */
    size_t frontier_count;
    tally_hash team;
    tally_hash
        contract_leaf; /* of the contract's record; zeros where it was read from a document */
} tally_invoice;

typedef struct tally_draft {
    tally_span contract;
    tally_period period; /* in the zone of the contract's client: tally_contract_zone_name */
    const tally_zone *zone;
    uint32_t milestone; /* of a milestone contract: which one; 0: none is billed */
    int64_t issue_day;
    tally_span issuer; /* the member who would issue it; empty: the contract's, or the only one */
    const tally_zone *team_zone; /* of the months of plans, for a contract on the paid basis */
    /* Its lines' words for the same entries, where they are wanted; NULL: those of the records. */
    const struct tally_invoice *words_of;
} tally_draft;

/* Derives. TALLY_ENOTFOUND (no such contract, no exchange rate, ...), TALLY_EREFUSED (a milestone
 * that is not accepted, a change order that is not approved), TALLY_EOVERFLOW. Free with
 * tally_invoice_free. */
int tally_invoice_derive(tally_txn *txn, const tally_draft *draft, tally_invoice **out,
                         tally_error *err);
void tally_invoice_free(tally_invoice *invoice);

/* The canonical document: what `invoice.issue` freezes and a reader of its blob gets back. Bytes
 * are in PROTOCOL.md section 15. `*out` is the caller's, to be freed with free(). */
int tally_invoice_encode(const tally_invoice *invoice, uint8_t **out, size_t *len,
                         tally_error *err);
int tally_invoice_decode(tally_span bytes, tally_invoice **out, tally_error *err);

/* ---- issued ---- */

typedef enum tally_invoice_status {
    TALLY_INVOICE_ISSUED,
    TALLY_INVOICE_PARTLY_PAID,
    TALLY_INVOICE_PAID,
    TALLY_INVOICE_VOID,
    TALLY_INVOICE_CREDIT /* its total is owed to the client: nothing can be paid on it */
} tally_invoice_status;
/* "issued", "partly paid", "paid", "void", "credit". */
const char *tally_invoice_status_text(tally_invoice_status status);
/* What a document with that total is: "invoice", or "credit_note" below zero. */
const char *tally_invoice_kind_text(int64_t total);

/* An invoice as it stands on a day. Spans live as long as the transaction writes nothing. */
typedef struct tally_issued {
    tally_hash issue; /* leaf of its invoice.issue: what names it */
    tally_span number, contract, client, currency;
    tally_span member, device; /* who issued it */
    int decimals;
    int64_t first_day, end_day, issue_day, due_day;
    uint32_t milestone, late_fee_bp;
    int64_t total, compute, project; /* minor units; project: milestones and fixed bids on it */
    int64_t paid, open;              /* open: total - paid; below zero it is owed to the client; 0
                                        when it is void */
    int64_t late_fee;                /* to date, on what was open meanwhile; below zero: too large
                                        to be told */
    int64_t late_days;               /* 0: nothing is overdue */
    tally_invoice_status status;
    tally_span void_member, void_reason; /* who made it void, and why */
    bool number_twice;                   /* another living invoice has the same number */
    tally_hash document, document_hash, trace_digest; /* blob id; SHA-256 of its content */
    const tally_frontier_entry *frontier;             /* as long as the call */
    size_t frontier_count;
} tally_issued;

/* By number, as of `day`: payments later than that do not count. */
typedef int tally_issued_fn(void *ctx, const tally_issued *issued, tally_error *err);
int tally_issued_each(tally_txn *txn, int64_t day, tally_issued_fn *fn, void *ctx,
                      tally_error *err);
/* The one with this number, living before void, or whose issue begins with these 8 or more hex
 * digits. `frontier` is not filled. TALLY_ENOTFOUND; TALLY_EINVAL where two living ones have it. */
int tally_issued_get(tally_txn *txn, tally_span name, int64_t day, tally_issued *out,
                     tally_error *err);
/* What was frozen. TALLY_ENOTFOUND when its blob is not here, TALLY_ECORRUPT when it is not what
 * was signed. `paid` and `due` are those of `issued`. Free with tally_invoice_free. */
int tally_issued_document(tally_txn *txn, const tally_issued *issued, tally_invoice **out,
                          tally_error *err);

/* Inside a write, before anything else is appended in it: derives the draft, gives it the issuing
 * member's next number, and appends invoice.issue with its document (a blob under `salt`) and the
 * locks of its entries. `asked->issuer` is ignored: it is this device's member. TALLY_ENOTFOUND
 * when there is nothing to bill. `*out` is the caller's. */
int tally_invoice_issue(tally_txn *txn, const tally_draft *asked,
                        const uint8_t salt[TALLY_BLOB_SALT_BYTES], tally_invoice **out,
                        tally_error *err);
/* Inside a write. Void is for good: the entries are free again, the number is not. TALLY_EEXIST
 * when it is void already. */
int tally_invoice_void(tally_txn *txn, const tally_issued *issued, tally_span reason,
                       tally_error *err);
/* `amount` in minor units, above zero. TALLY_EREFUSED on a void invoice and on a credit
 * note. */
int tally_invoice_pay(tally_txn *txn, const tally_issued *issued, int64_t amount, int64_t day,
                      tally_span note, tally_error *err);

/* The number of a living invoice that bills this cost, expense or manual time; empty: none does. It
 * lives as long as the transaction writes nothing. */
int tally_entry_billed_on(tally_txn *txn, const tally_entry_id *entry, tally_span *number,
                          tally_error *err);

/* Living invoices that conflict: one number twice, or entries billed by more than the whole. */
typedef struct tally_invoice_conflict {
    tally_span number, other;
    tally_hash issue, other_issue;
    uint64_t entries; /* billed by both; 0: the two have one number */
} tally_invoice_conflict;
typedef int tally_invoice_conflict_fn(void *ctx, const tally_invoice_conflict *conflict,
                                      tally_error *err);
int tally_invoice_conflicts(tally_txn *txn, tally_invoice_conflict_fn *fn, void *ctx,
                            tally_error *err);

/* Whether it bills records that count no more: a revocation took them back, or a fork ended their
 * feed before them. `document` is what was frozen, or the same derived again. */
int tally_invoice_fallen(tally_txn *txn, const tally_issued *issued, const tally_invoice *document,
                         bool *out, tally_error *err);
/* The living ones of which that is so, by number, as tally_issued_each. */
int tally_invoices_fallen(tally_txn *txn, int64_t day, tally_issued_fn *fn, void *ctx,
                          tally_error *err);

/* Derives again what was issued, from the records that its frontier names, inside a write that is
 * thrown away; nothing changes. The zones are those of its client and of the team. TALLY_ENOTFOUND
 * when records or the document are not here. Free with tally_invoice_free. */
int tally_invoice_rederive(tally_ledger *ledger, const tally_issued *issued, const tally_zone *zone,
                           const tally_zone *team_zone, tally_invoice **out, tally_error *err);
/* The same with the words of the frozen document for the entries that it names: words may have been
 * redacted since, or may have come later than the invoice, and lines are made of equal words. */
int tally_invoice_rederive_figures(tally_ledger *ledger, const tally_issued *issued,
                                   const tally_invoice *frozen, const tally_zone *zone,
                                   const tally_zone *team_zone, tally_invoice **out,
                                   tally_error *err);
#define TALLY_DIFFERENCE_BYTES 512u
/* True when `derived` gives byte for byte the document whose hash was signed; else `out` names the
 * first line and field in which it differs from the `frozen` one. */
bool tally_invoice_same(const tally_issued *issued, const tally_invoice *frozen,
                        const tally_invoice *derived, char out[TALLY_DIFFERENCE_BYTES]);

/* Interest on what is open: `bp` hundredths of a percent a month, compounding, for each month
 * started since the day after `due_day`, rounded half away from zero at each step. Payments count
 * for the months that start after their day. TALLY_LATE_FEE_UNTOLD beyond what is counted exactly:
 * 2^53 minor units, or a hundred years. */
#define TALLY_LATE_FEE_UNTOLD (-1)
typedef struct tally_paid {
    int64_t day, amount;
} tally_paid;
int64_t tally_late_fee(int64_t total, int64_t due_day, uint32_t bp, const tally_paid *paid,
                       size_t paid_count, int64_t as_of);

/* What ending the contract would cost on `day`. */
typedef struct tally_kill_fee {
    int64_t value, paid, remaining, fee; /* minor units */
    int64_t due_day;
    uint32_t bp;
} tally_kill_fee;
int tally_kill_fee_get(tally_txn *txn, const tally_contract *contract, int64_t day,
                       tally_kill_fee *out, tally_error *err);

#endif
