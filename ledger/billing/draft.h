/* A draft while it is worked out: what was asked, what is known of the contract, and the lines,
 * traces, warnings and clauses found so far. Each kind of line has a file of its own. Private to
 * ledger/billing. */
#ifndef LEDGER_BILLING_DRAFT_H
#define LEDGER_BILLING_DRAFT_H

#include "agreed.h"
#include "billed.h"

#include <tally/describe.h>
#include <tally/expense.h>
#include <tally/invoice.h>
#include <tally/work.h>

#define MINUTE_MS        INT64_C(60000)
#define HOUR_MS          INT64_C(3600000)
#define DRAFT_TEXT_BYTES 512u /* of a sentence that is made up here */

typedef struct draft_chunk draft_chunk;

/* A project that a contract of its own bills, and the days on which it does. */
typedef struct draft_project {
    tally_span project;
    int64_t first_day, end_day;
} draft_project;

typedef struct draft {
    tally_txn *txn;
    const tally_draft *asked;
    tally_contract contract;
    tally_milestones milestones;
    tally_period period; /* what was asked, as far as the contract is in force */
    billed *billed;
    draft_project *other_projects; /* of the client */
    size_t other_count;
    draft_chunk *memory;
    tally_invoice_line *lines;
    tally_trace *trace;
    tally_span *warnings, *clauses;
    size_t line_count, line_room, trace_count, trace_room;
    size_t warning_count, warning_room, clause_count, clause_room;
    bool failed; /* memory ran out, or there are too many lines */
    tally_error *err;
} draft;

void draft_memory_free(draft_chunk *memory);
/* Memory that lives as long as the invoice; NULL (and d->failed) when there is none. */
void *draft_take(draft *d, size_t size);
tally_span draft_copy(draft *d, tally_span text);
tally_span draft_text(draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void draft_warn(draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void draft_clause(draft *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "first; second", or the one there is. */
tally_span draft_join(draft *d, tally_span first, tally_span second);
#define SPAN(s) (int)(s).len, (const char *)(s).ptr

/* A line with quantity, price, kind, texts; its block, amount and tax follow. Its traces follow it:
 * draft_trace adds to the last line. */
void draft_line(draft *d, tally_invoice_line line);
void draft_trace(draft *d, const tally_trace *trace);
/* Room for one more item of a growing array of the caller's; false when memory ran out. */
bool draft_grow(draft *d, void **items, size_t *room, size_t count, size_t size);

/* A thing that is billed once and is no observed entry: SHA-256(what || 00 || contract || 00 ||
 * name), its first 16 bytes. */
void draft_thing_id(const draft *d, const char *what, tally_span name, tally_entry_id *out);
int draft_thing_billed(draft *d, const tally_entry_id *id, bool *out);
/* What an issued invoice says. `what` it was wanted for begins the error where its document is not
 * here (TALLY_ENOTFOUND). Free with tally_invoice_free. */
int draft_document(draft *d, const billed_issue *issue, tally_span what, tally_invoice **out);
/* Whether a client's project (empty: none) is billed by this contract on that day. */
bool draft_covers(const draft *d, tally_span project, int64_t day);
/* The parts of an entry that are this client's, in all its projects. */
uint64_t draft_client_parts(const draft *d, const tally_attribution *said);
/* Minor units as people read them: "1,110.00". */
tally_span draft_money(draft *d, int64_t minor);
tally_span draft_day(draft *d, int64_t day);
/* "March 2026" for a whole calendar month, else "2026-03-01 to 2026-03-15". */
tally_span draft_period_words(draft *d);
/* Whose a share is, for the trace. */
tally_span draft_said_words(draft *d, const tally_attribution *said);
/* The leaf of the record that said so; zeros where nothing did. */
void draft_said_leaf(draft *d, const tally_attribution *said, tally_hash *out);

/* The kinds of lines, in the order in which they stand. Each returns 0 or an error in d->err. */
int draft_hours(draft *d);    /* hourly lines, or the retainer with its overage */
int draft_agreed(draft *d);   /* milestone, project, change orders */
int draft_compute(draft *d);  /* tokens and expenses */
int draft_credits(draft *d);  /* deposit credits and corrections */
int draft_cautions(draft *d); /* warnings about what the lines do not show */
void draft_say_clauses(draft *d);

/* Minor units that living invoices of the contract have credited of a deposit; of one with a
 * schedule of its own 0 where that names later milestones. TALLY_ENOTFOUND where a document is not
 * here. */
int deposit_credited(draft *d, const tally_deposit *deposit, tally_i128 *out);

/* ---- rates of exchange and of hours ---- */

typedef struct rate_found {
    int64_t num, den; /* of the exchange: amounts are multiplied by num / den */
    tally_span words; /* "USD to EUR at 0.92 (2026-03-31, ECB)" */
    tally_hash leaf;  /* of its record; zeros where nothing is exchanged */
} rate_found;
/* The newest rate dated `day` or before, either way round. TALLY_ENOTFOUND. */
int draft_exchange(draft *d, tally_span from, tally_span to, int64_t day, rate_found *out);
/* pico * num / den * percent / 100, rounded once, half away from zero, to minor units.
 * TALLY_EOVERFLOW. */
int draft_to_minor(draft *d, tally_i128 pico, const rate_found *rate, uint32_t percent,
                   int64_t *out);

typedef struct hour_rate {
    int64_t price; /* minor units an hour */
    tally_span words;
    tally_hash leaf; /* of the record that it stands in */
} hour_rate;
/* What an hour is worth. TALLY_ENOTFOUND with what to set. */
int draft_rate(draft *d, tally_span project, tally_span member, int64_t day, hour_rate *out);

#endif
