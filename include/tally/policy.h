/* Policy: the tables that people keep and figures are derived from: clients, projects, rules,
 * rates, plans, exchange rates, budgets, bills, witnesses, engaged time. Each row is a register:
 * the last
 * `.set` or `.unset` of its key by hlc, then larger device key, counts. Rows are the records' own
 * bodies; the getters here give them typed. Setting one never changes a record: history follows at
 * once.
 *
 * A table is described by a row of `policy_kinds` in ledger/policy.c: its kind, the body keys that
 * name a row, and a check of its body. A body that fails its check has no effect. */
#ifndef TALLY_POLICY_H
#define TALLY_POLICY_H

#include <tally/ledger.h>

#define TALLY_NAME_MAX_BYTES                                                                       \
    64u /* of a client, project, rule, plan, budget: 1 to 64 bytes of UTF-8, no control characters \
         */

typedef enum tally_policy {
    TALLY_POLICY_CLIENT,  /* client.set: client, title?, timezone?, currency?, email?, address?,
                             contact?, street?, street2?, city?, postcode?, region?, country?,
                             tax_id?, company_id? */
    TALLY_POLICY_PROJECT, /* project.set: project, client, title? */
    TALLY_POLICY_RULE, /* rule.set: rule, client, project?, path?, remote?, branch?, agent?, tag?,
                          priority? (-1000..1000) */
    TALLY_POLICY_RATE, /* rate.set: amount (pico-units an hour), currency, client?, project?,
                          member?, from? (date) */
    TALLY_POLICY_PLAN, /* plan.set: plan, provider (agent or vendor name), member?, fee (pico-units
                          a month), currency, from (month), until? */
    TALLY_POLICY_FX,   /* fx.set: base, quote (ISO 4217), date, rate (pico-units of quote for one
                          base), source? */
    TALLY_POLICY_BUDGET,    /* budget.set: budget, period ("daily", "weekly", "monthly"), limit
                               (pico-units USD), notify_at?, stop_at? (percent), agent?, client?,
                               project?, tag? */
    TALLY_POLICY_BILL,      /* bill.set: provider, month, member?, amount (pico-units), currency,
                               covers? ("all", "beyond-plan"), source? */
    TALLY_POLICY_ENGAGED,   /* engaged.set, of which there is one row: idle_minutes?,
                               unattended_minutes?, overlap? (tally/engaged.h) */
    TALLY_POLICY_CONTRACT,  /* contract.set and the four below: contract.h gives them typed */
    TALLY_POLICY_MILESTONE, /* milestone.set: contract, number, title?, fee?, percent_bp?, section?,
                               criterion? */
    TALLY_POLICY_ACCEPTED,  /* milestone.accept (taken back: milestone.reopen): contract, number,
                               date, evidence?, note? */
    TALLY_POLICY_CHANGE,    /* change.set: contract, number, title, amount */
    TALLY_POLICY_APPROVED,  /* change.approve (change.withdraw): contract, number, date, evidence?,
                               note? */
    TALLY_POLICY_ISSUER,    /* issuer.set: member, name, prefix?, address, tax_id?, iban?, ... */
    TALLY_POLICY_AUDIT,     /* audit.set, one row: quorum?, witnesses? ("any", "admin", "member",
                               "auditor"), backdate_limit? (hours) */
    TALLY_POLICY_COUNT
} tally_policy;

/* What a field holds: texts as they are, numbers as unsigned or signed integers. */
typedef enum tally_field_type {
    TALLY_FIELD_NAME,     /* TALLY_NAME_MAX_BYTES */
    TALLY_FIELD_TEXT,     /* 1 to 1,024 bytes without control characters */
    TALLY_FIELD_DATE,     /* YYYY-MM-DD */
    TALLY_FIELD_MONTH,    /* YYYY-MM */
    TALLY_FIELD_CURRENCY, /* ISO 4217 */
    TALLY_FIELD_ORDINAL,  /* 1 to 99, in decimal */
    TALLY_FIELD_COUNTRY,  /* ISO 3166-1 alpha-2 */
    TALLY_FIELD_PERIOD,   /* daily, weekly, monthly: the first of the types that are one of few */
    TALLY_FIELD_COVERS,   /* all, beyond-plan */
    TALLY_FIELD_OVERLAP,  /* split, focus, parallel */
    TALLY_FIELD_ROUNDING, /* up, nearest */
    TALLY_FIELD_PER,      /* entry, day, line */
    TALLY_FIELD_AI_COST,  /* at_cost, markup, in_rate, budget, none */
    TALLY_FIELD_BASIS,    /* list, paid */
    TALLY_FIELD_LINES,    /* description, entry, project, day, tag */
    TALLY_FIELD_TAX,      /* S, Z, E, AE, O: UNCL5305 */
    TALLY_FIELD_YES_NO,   /* yes, no */
    TALLY_FIELD_WITNESS,  /* any, admin, member, auditor */
    TALLY_FIELD_BLOB,     /* no text: a blob id, 32 bytes */
    TALLY_FIELD_AMOUNT,   /* of money, above zero: the first of the types that are numbers. Read
                             it with tally_body_amount */
    TALLY_FIELD_PICO,     /* pico-units, 1 to INT64_MAX */
    TALLY_FIELD_PERCENT,  /* 1 to 10,000 */
    TALLY_FIELD_PRIORITY, /* -1,000 to 1,000 */
    TALLY_FIELD_MINUTES,  /* 1 to 1,440 */
    TALLY_FIELD_STEP,     /* minutes, 0 to 1,440 */
    TALLY_FIELD_DAYS,     /* 0 to 365 */
    TALLY_FIELD_PART,     /* 0 to 10,000: hundredths of a percent */
    TALLY_FIELD_QUORUM,   /* 1 to TALLY_QUORUM_MAX */
    TALLY_FIELD_HOURS     /* 1 to TALLY_BACKDATE_MAX_HOURS */
} tally_field_type;

typedef struct tally_policy_field {
    const char *name; /* of the body's key */
    tally_field_type type;
    bool needed;
} tally_policy_field;

/* The fields of a table's rows; the first `*keys` of them name a row. */
const tally_policy_field *tally_policy_fields(tally_policy policy, size_t *count, size_t *keys);
static inline bool tally_field_is_number(tally_field_type type) {
    return type >= TALLY_FIELD_AMOUNT;
}
/* NULL, or what a text of that type must be: "a date as 2026-03-31". */
const char *tally_field_text_fault(tally_field_type type, tally_span text);
/* The same of a text that is to be recorded now, which must also be UTF-8, more than blanks, and of
 * the year 1 or later. Records that break only this keep their effect. */
const char *tally_field_typed_fault(tally_field_type type, tally_span text);

/* One row as recorded. Spans live as long as the transaction writes nothing. */
typedef struct tally_policy_row {
    tally_policy policy;
    tally_record record; /* its body only; read it with tally_body_str and the like */
    uint32_t feed;       /* who set it */
    tally_hlc hlc;
    tally_hash leaf; /* of the record that set it */
} tally_policy_row;

/* In bytewise order of the rows' keys (names first, dates ascending within them); rows that were
 * unset are left out. */
typedef int tally_policy_fn(void *ctx, const tally_policy_row *row, tally_error *err);
int tally_policy_each(tally_txn *txn, tally_policy policy, tally_policy_fn *fn, void *ctx,
                      tally_error *err);
/* The row whose key fields have these texts, in the order of the table; TALLY_ENOTFOUND. */
int tally_policy_get(tally_txn *txn, tally_policy policy, const tally_span *keys, size_t key_count,
                     tally_policy_row *out);

/* Inside a write: appends `.set` (or, with `unset`, `.unset` with the key fields alone) of what
 * `writer` holds, after the same check that folding makes. TALLY_EINVAL with the rule that the body
 * breaks; TALLY_ENOTFOUND for an `.unset` of a row that is not there. */
int tally_policy_set(tally_txn *txn, tally_policy policy, tally_writer *writer, tally_error *err);
int tally_policy_unset(tally_txn *txn, tally_policy policy, tally_writer *writer, tally_error *err);

#endif
