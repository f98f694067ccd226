/* Sealing team secrets: for the first one, which is made with the ledger. Private to ledger/. */
#ifndef LEDGER_TEAM_H
#define LEDGER_TEAM_H

#include <tally/team.h>

/* Appends `secret` as that of `epoch`, sealed to every device that is in the team. */
int team_secret_append(tally_txn *txn, tally_writer *writer, uint64_t epoch,
                       const uint8_t secret[TALLY_TEAM_SECRET_BYTES], tally_error *err);

#endif
