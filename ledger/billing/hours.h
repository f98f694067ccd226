/* Hours that a contract is about. Private to ledger/billing. */
#ifndef LEDGER_BILLING_HOURS_H
#define LEDGER_BILLING_HOURS_H

#include "draft.h"

/* A session's share on one local day, or a share of typed time. */
typedef struct hour_item {
    tally_entry_id entry;
    tally_hash leaf, decided;
    bool is_session;
    bool billed; /* under this contract already */
    uint64_t session;
    int64_t day, time_ms; /* time_ms: when it began, INT64_MAX where that is not known */
    tally_hlc hlc;        /* of typed time: the order in which it was written down */
    int64_t ms;           /* exact */
    int64_t counted_ms;   /* as the contract rounds it */
    int64_t after_ms;     /* time of the share before this, billed already */
    uint64_t part, parts, client_part;
    tally_span project, member, tag, text, why;
    hour_rate rate;
    uint32_t group; /* the line it is on */
} hour_item;

typedef struct hour_list {
    hour_item *items; /* by day, then time */
    size_t count, room;
} hour_list;

/* A line for each group of unbilled hours, at its rate. */
int hours_bill_lines(draft *d, hour_list *list);
/* The monthly fee, and what is above its hours. */
int hours_bill_retainer(draft *d, hour_list *list);

/* As the contract rounds a sum. */
int64_t hours_round(const tally_contract *contract, int64_t ms);
/* What `ms` add to the `after_ms` of the same entry that came before them. */
int64_t hours_counted(const tally_contract *contract, int64_t after_ms, int64_t ms);
/* Parts of an entry count what the whole counts, wherever it is cut. */
bool hours_add_up(const tally_contract *contract);
/* Milliseconds as hundredths of hours. */
int64_t hours_quantity(int64_t ms);
void hours_trace(draft *d, const hour_item *item);

#endif
