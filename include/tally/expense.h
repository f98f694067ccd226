/* Expenses: what a project cost beside its agents' tokens: embedding, vector databases, GPU hours,
 * egress, monitoring. Each is typed or imported once, with its evidence; amounts are in the
 * currency of the bill and are never summed with token costs. */
#ifndef TALLY_EXPENSE_H
#define TALLY_EXPENSE_H

#include <tally/attribution.h>
#include <tally/report.h>

#define TALLY_EXPENSE_KEY_BYTES      32u   /* of an import's row */
#define TALLY_EXPENSE_TEXT_MAX_BYTES 64u   /* provider, unit: as names of policy.h */
#define TALLY_EXPENSE_FILE_MAX_BYTES 255u  /* name of an evidence file */
#define TALLY_EXPENSE_NOTE_MAX_BYTES 4096u /* content of the note's blob */

typedef enum tally_expense_category {
    TALLY_EXPENSE_LLM,
    TALLY_EXPENSE_EMBEDDING,
    TALLY_EXPENSE_VECTOR_DB,
    TALLY_EXPENSE_GPU,
    TALLY_EXPENSE_EGRESS,
    TALLY_EXPENSE_MONITORING,
    TALLY_EXPENSE_OTHER,
    TALLY_EXPENSE_CATEGORIES
} tally_expense_category;
/* "llm", "embedding", "vector_db", "gpu", "egress", "monitoring", "other". */
const char *tally_expense_category_name(tally_expense_category category);
bool tally_expense_category_parse(tally_span text, tally_expense_category *out);

/* One expense. Spans and pointers live as long as the transaction writes nothing. */
typedef struct tally_expense {
    tally_entry_id id; /* the first 16 bytes of the record's leaf hash; of an import, of
                          SHA-256("expense" 00 key) */
    tally_hash leaf;   /* of the record that counts */
    uint32_t feed;     /* who recorded it */
    uint64_t index;    /* and where in that feed */
    int64_t day;       /* calendar day, since 1970-01-01; of no time zone */
    tally_expense_category category;
    tally_span provider;
    tally_i128 amount;                       /* pico-units of `currency`; below zero: a credit */
    tally_span currency;                     /* ISO 4217 */
    bool has_quantity;                       /* `quantity` and `unit` are given */
    int64_t quantity;                        /* pico-units of `unit` */
    tally_span unit;                         /* "hours", "GB" */
    tally_span client, project;              /* as typed; `said` is whose it is */
    const uint8_t *note;                     /* blob id, or NULL */
    const uint8_t *evidence;                 /* blob id of a file, or NULL */
    tally_span evidence_name, evidence_type; /* of that file; its media type */
    bool is_void;
    /* Whose it is: a person's assign or split of this entry, else what was typed (as an assign by
     * its own record), else what rules say of its tags. */
    tally_attribution said;
    const tally_span *tags; /* its own, sorted, each once; as long as the call */
    size_t tag_count;
} tally_expense;
typedef int tally_expense_fn(void *ctx, const tally_expense *expense, tally_error *err);

/* Calls `fn` for every expense of first_day <= day < end_day, by day, then by id; voided ones are
 * left out. A result of `fn` other than 0 stops and is returned. */
int tally_expense_each(tally_txn *txn, int64_t first_day, int64_t end_day, tally_expense_fn *fn,
                       void *ctx, tally_error *err);
/* One expense, voided or not, without its tags: `said` is by assign, split or what was typed.
 * TALLY_ENOTFOUND. */
int tally_expense_get(tally_txn *txn, const tally_entry_id *id, tally_expense *out);

/* A share of an expense (the whole, where nobody split it) that passes a filter. */
typedef struct tally_expense_facts {
    const tally_expense *expense;
    tally_i128 amount; /* of the share; shares add up to the expense's to the last pico-unit */
    tally_whose whose; /* client and project of the share, tags of the expense */
} tally_expense_facts;
typedef int tally_expense_facts_fn(void *ctx, const tally_expense_facts *facts, tally_error *err);
/* A filter's period, client, project, tag, member, device and unattributed apply. With any other
 * one nothing passes: an expense has no agent, model, path, branch, session or token cost. */
int tally_expenses_filter(tally_txn *txn, const tally_filter *filter, tally_expense_facts_fn *fn,
                          void *ctx, tally_error *err);

/* Sums by currency, in order of the codes. */
#define TALLY_EXPENSE_MAX_CURRENCIES 32u
typedef struct tally_expense_sum {
    char currency[4];
    tally_i128 pico;
    uint64_t entries;
} tally_expense_sum;
typedef struct tally_expense_sums {
    tally_expense_sum by_currency[TALLY_EXPENSE_MAX_CURRENCIES];
    size_t count;
} tally_expense_sums;
/* TALLY_ELIMIT for more currencies than that. */
int tally_expenses_sum(tally_txn *txn, const tally_filter *filter, tally_expense_sums *out,
                       tally_error *err);

/* Two expenses that devices of their own recorded alike: of one day, category, provider, amount and
 * currency. Two people may have spent the same; or one bill came in twice, and would be billed
 * twice. */
typedef struct tally_expense_twin {
    tally_entry_id id, other;
    uint32_t feed, other_feed;
    int64_t day;
    tally_expense_category category;
    tally_span provider, currency;
    tally_i128 amount;
} tally_expense_twin;
typedef int tally_expense_twin_fn(void *ctx, const tally_expense_twin *twin, tally_error *err);
/* Calls `fn` for each of first_day <= day < end_day, voided ones left out, by day. */
int tally_expense_twins_each(tally_txn *txn, int64_t first_day, int64_t end_day,
                             tally_expense_twin_fn *fn, void *ctx, tally_error *err);
/* The same for two that say different things, yet whose evidence is one file, byte for byte: a bill
 * that one of them mistyped, or a bill of several rows. One pair for each two devices and file.
 * Evidence that is not here is not compared. */
int tally_expense_same_evidence_each(tally_txn *txn, int64_t first_day, int64_t end_day,
                                     tally_expense_twin_fn *fn, void *ctx, tally_error *err);

/* What is to be recorded. Empty spans: not given. */
typedef struct tally_expense_entry {
    int64_t day;
    tally_expense_category category;
    tally_span provider, currency, unit, client, project;
    tally_i128 amount;
    int64_t quantity;
    bool has_quantity;
    const tally_hash *note, *evidence; /* blobs that are stored already; NULL: none */
    tally_span evidence_name, evidence_type;
    const tally_hash *key; /* imports: SHA-256 of the file's hash and the row; NULL: typed */
} tally_expense_entry;
/* Whether the row of an import was recorded, by this device or another; also when it is void. */
bool tally_expense_known(tally_txn *txn, const tally_hash *key);
/* NULL, or what a field must be: "provider must be 1 to 64 bytes without control characters". */
const char *tally_expense_fault(const tally_expense_entry *entry);
/* Inside a write: appends `expense`; `id` (may be NULL) gets its entry id. TALLY_EINVAL with what
 * is wrong; TALLY_EEXIST, appending nothing, for a key that was recorded before. */
int tally_expense_append(tally_txn *txn, const tally_expense_entry *entry, tally_entry_id *id,
                         tally_error *err);

#endif
