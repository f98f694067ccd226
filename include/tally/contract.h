/* Contracts: what was agreed with a client, its milestones, change orders, deposits and credits.
 * Contracts, milestones, acceptances, change orders and issuers are rows of policy.h's tables;
 * money that came in and what is owed back are facts, kept as they were recorded. PROTOCOL.md
 * section 15. */
#ifndef TALLY_CONTRACT_H
#define TALLY_CONTRACT_H

#include <tally/policy.h>

#define TALLY_MAX_MILESTONES 99u
#define TALLY_MAX_CHANGES    1000u /* of one contract */
#define TALLY_MAX_CREDITS    100u  /* of a deposit's schedule */

typedef enum tally_rounding { TALLY_ROUND_UP, TALLY_ROUND_NEAREST } tally_rounding;
typedef enum tally_rounding_per {
    TALLY_PER_ENTRY,
    TALLY_PER_DAY,
    TALLY_PER_LINE
} tally_rounding_per;
typedef enum tally_ai_cost {
    TALLY_AI_AT_COST,
    TALLY_AI_MARKUP,
    TALLY_AI_IN_RATE, /* LLM inference is part of the hour; other compute is at cost */
    TALLY_AI_BUDGET,  /* at cost, up to ai_budget over the contract's life */
    TALLY_AI_NONE     /* no compute on invoices */
} tally_ai_cost;
typedef enum tally_lines_by {
    TALLY_LINES_DESCRIPTION, /* equal descriptions are one line */
    TALLY_LINES_ENTRY,
    TALLY_LINES_PROJECT,
    TALLY_LINES_DAY,
    TALLY_LINES_TAG
} tally_lines_by;

/* One contract, with what is absent in its record filled in. Money is pico-units of `currency`, 0:
 * not agreed. Spans live as long as the transaction writes nothing. */
typedef struct tally_contract {
    tally_span contract, client, project, title, currency;
    int64_t first_day, end_day; /* in force; end exclusive; INT64_MIN and INT64_MAX: open */
    tally_i128 rate;            /* an hour; 0: rate.set's, where hours are billed at all */
    tally_i128 fee;             /* a fixed bid, or what the milestones' percentages are of */
    tally_i128 retainer, overage_rate;
    int64_t included_hours; /* pico-hours a month */
    tally_lines_by lines;
    uint32_t rounding_minutes, minimum_minutes; /* 0: exact, none */
    tally_rounding rounding;
    tally_rounding_per rounding_per;
    tally_ai_cost ai_cost;
    uint32_t markup_percent;
    tally_i128 rate_extra, ai_budget;
    bool paid_basis;                                   /* else list prices */
    uint32_t terms_days, late_fee_bp, late_fee_max_bp; /* bp: hundredths of a percent */
    uint32_t kill_fee_bp;
    tally_span tax_category, tax_reason, compute_tax_category;
    uint32_t tax_rate, compute_tax_rate; /* hundredths of a percent */
    bool established, disclosure;
    tally_span po_number, issuer, notes;
    size_t milestones; /* how many it has */
    tally_hash leaf;   /* of its record */
} tally_contract;

/* TALLY_ENOTFOUND with a sentence. */
int tally_contract_get(tally_txn *txn, tally_span name, tally_contract *out, tally_error *err);
typedef int tally_contract_fn(void *ctx, const tally_contract *contract, tally_error *err);
int tally_contract_each(tally_txn *txn, tally_contract_fn *fn, void *ctx, tally_error *err);
/* The name of the zone in which the contract's days are cut: its client's, else the team's. */
int tally_contract_zone_name(tally_txn *txn, const tally_contract *contract, tally_span *out,
                             tally_error *err);
/* Whether its hours are billed by the hour: a rate of its own, or no fee, retainer or milestone. */
bool tally_contract_is_hourly(const tally_contract *contract);

typedef struct tally_milestone {
    uint32_t number;
    tally_span title, section, criterion;
    int64_t fee; /* minor units: as set, or its percentage of the contract's fee; those without
                    either share what is left in whole percents, the last one takes the remainder */
    tally_hash leaf;
    bool accepted;
    bool changed_since; /* it was accepted, and set to something else after that: not accepted */
    int64_t accepted_day;
    const uint8_t *evidence; /* blob id or NULL */
    tally_span note;
    tally_hash accepted_leaf;
} tally_milestone;
typedef struct tally_milestones {
    tally_milestone items[TALLY_MAX_MILESTONES]; /* by number */
    size_t count;
} tally_milestones;
int tally_milestones_get(tally_txn *txn, const tally_contract *contract, tally_milestones *out,
                         tally_error *err);

typedef struct tally_change {
    tally_span number, title;
    tally_i128 amount; /* pico-units of the contract's currency */
    tally_hash leaf;
    bool approved;
    int64_t approved_day;
    const uint8_t *evidence;
    tally_hash approved_leaf;
} tally_change;
/* In bytewise order of their numbers. */
typedef int tally_change_fn(void *ctx, const tally_change *change, tally_error *err);
int tally_change_each(tally_txn *txn, tally_span contract, tally_change_fn *fn, void *ctx,
                      tally_error *err);

/* What is credited of a deposit on a milestone's invoice. */
typedef struct tally_deposit_credit {
    uint32_t milestone; /* 0: on the next invoice, of a contract without milestones */
    int64_t amount;     /* minor units */
} tally_deposit_credit;
typedef struct tally_deposit {
    int64_t day;
    int64_t amount;      /* minor units */
    tally_span currency; /* of the contract when it came */
    tally_deposit_credit credits[TALLY_MAX_CREDITS];
    size_t credit_count; /* as recorded; else half to milestone 1 and the rest to 2 */
    tally_hash leaf;
} tally_deposit;
typedef int tally_deposit_fn(void *ctx, const tally_deposit *deposit, tally_error *err);
int tally_deposit_each(tally_txn *txn, const tally_contract *contract, tally_deposit_fn *fn,
                       void *ctx, tally_error *err);

/* A correction: taken off the contract's next invoice. */
typedef struct tally_credit {
    tally_span reason, invoice; /* invoice: the number it corrects; may be empty */
    int64_t amount;             /* minor units, above zero */
    tally_span currency;        /* of the contract when it was given */
    tally_hash leaf;
} tally_credit;
typedef int tally_credit_fn(void *ctx, const tally_credit *credit, tally_error *err);
int tally_credit_each(tally_txn *txn, const tally_contract *contract, tally_credit_fn *fn,
                      void *ctx, tally_error *err);

/* Inside a write. Amounts are minor units. TALLY_EINVAL with the rule that is broken. */
int tally_deposit_append(tally_txn *txn, const tally_contract *contract, int64_t amount,
                         int64_t day, const tally_deposit_credit *credits, size_t credit_count,
                         tally_error *err);
int tally_credit_append(tally_txn *txn, const tally_contract *contract, int64_t amount,
                        tally_span reason, tally_span invoice, tally_error *err);

/* What the rule for deposits asks for, by the project's size: up to 10,000 half of it from a new
 * client and a quarter from an established one, above a quarter from both. False for a contract
 * without a value. */
typedef struct tally_deposit_rule {
    int64_t value; /* of the project, minor units: the fee, or the sum of its milestones */
    uint32_t percent;
    int64_t amount;
    bool with_milestones; /* from 2,000 on: the rest is billed by milestones */
} tally_deposit_rule;
bool tally_deposit_rule_of(const tally_contract *contract, const tally_milestones *milestones,
                           tally_deposit_rule *out);

#endif
