/* How an amount of money is packed. Private to ledger/. */
#ifndef LEDGER_AMOUNT_H
#define LEDGER_AMOUNT_H

#include <tally/money.h>

#include <msgpack.h>

void amount_pack(msgpack_packer *pk, tally_i128 pico);

#endif
