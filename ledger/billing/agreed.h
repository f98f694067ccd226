/* Small things that the billing room shares about contracts. Private to ledger/billing. */
#ifndef LEDGER_BILLING_AGREED_H
#define LEDGER_BILLING_AGREED_H

#include <tally/contract.h>

/* Pico-units of the contract's currency in minor units, rounded half away from zero. */
int64_t agreed_minor(const tally_contract *contract, tally_i128 pico);
/* Of the whole project: the fee, or the sum of its milestones. */
int64_t agreed_value(const tally_contract *contract, const tally_milestones *milestones);

#endif
