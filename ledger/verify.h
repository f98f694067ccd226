/* Checks that are not of feeds alone, and saying what they find. Private to ledger/. */
#ifndef LEDGER_VERIFY_H
#define LEDGER_VERIFY_H

#include "fork_store.h"

/* Counts a finding and tells of it. */
void verify_find(tally_check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* verify.c: all but the views, in any transaction. */
int verify_all(tally_txn *txn, bool deep, tally_check *check, tally_error *err);

/* verify_fork.c */
void verify_forks(tally_txn *txn, bool deep, tally_check *check);

/* verify_cosign.c: every cosignature stored; `deep`: their signatures too. */
int verify_cosignatures(tally_txn *txn, bool deep, tally_check *check, tally_error *err);

#endif
