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
    int64_t pico;         /* of cost, in `currency`, before rounding; 0: none */
    tally_span currency;
    uint64_t part, parts; /* the share of the record that is billed here; 1 of 1 for the whole */
    tally_span why;       /* what applied: whose it is and why, rate, price. Not in the document */
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
} tally_invoice;

typedef struct tally_draft {
    tally_span contract;
    tally_period period; /* in the zone of the contract's client: tally_contract_zone_name */
    const tally_zone *zone;
    uint32_t milestone; /* of a milestone contract: which one; 0: none is billed */
    int64_t issue_day;
    tally_span issuer; /* the member who would issue it; empty: the contract's, or the only one */
    const tally_zone *team_zone; /* of the months of plans, for a contract on the paid basis */
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

#endif
