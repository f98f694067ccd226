/* What commands about contracts and invoices share: amounts in minor units, dates, and finding the
 * contract and its time zone. */
#ifndef TALLY_CLI_BILLING_H
#define TALLY_CLI_BILLING_H

#include <tally/invoice.h>

#include "format/json_out.h"
#include "open.h"

/* Minor units as decimal text, "1110.00"; grouped, "1,110.00", for people. */
void cli_minor_text(int64_t minor, int decimals, bool group, char out[TALLY_MONEY_TEXT_BYTES]);
void cli_json_minor(cli_json *json, const char *key, int64_t minor, int decimals);
/* TALLY_EINVAL for what is no amount above zero of that many decimals. */
int cli_minor_read(const char *text, int decimals, int64_t *out, tally_error *err);
/* --NAME as a day; `otherwise` when it is not given. TALLY_EINVAL. */
int cli_day_read(const cli *run, const char *name, int64_t otherwise, int64_t *out,
                 tally_error *err);
/* The same for what has happened: not later than tomorrow. */
int cli_day_past_read(const cli *run, const char *name, int64_t today, int64_t *out,
                      tally_error *err);
/* Days as dates in JSON. */
void cli_json_day(cli_json *json, const char *key, int64_t day);

/* The contract that is named, or the only one of the client; its spans live as long as the reading.
 * `zone` is the contract's and the caller's to free. TALLY_ENOTFOUND, TALLY_EINVAL. */
typedef struct cli_contract {
    tally_contract contract;
    tally_zone *zone;
    int64_t today;
} cli_contract;
int cli_contract_find(cli_reading *reading, const char *name, const char *client, cli_contract *out,
                      tally_error *err);

#endif
