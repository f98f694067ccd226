/* A provider's own bill as CSV. */
#ifndef TALLY_CLI_BILL_CSV_H
#define TALLY_CLI_BILL_CSV_H

#include <tally/reconcile.h>

#define CLI_BILL_MAX_BYTES (256u * 1024u * 1024u)
#define CLI_BILL_MAX_LINES 4000000u

typedef struct cli_bill {
    tally_bill_line *lines; /* texts borrow the file's bytes */
    size_t count, room;
} cli_bill;

/* Columns by name, in any order, others passed over:
 *   date, or usage_date_utc (Anthropic's cost export), or start_time_iso (OpenAI's): a day, or an
 *     instant that begins with one
 *   amount, or cost_usd, or amount_value: in TALLY_COST_CURRENCY, as every row's currency must be
 *   model, or line_item (OpenAI's: up to its first comma); if there is one
 *   currency, or amount_currency; if there is one
 * A row with neither amount nor model, as for a day without usage, is none. TALLY_EFORMAT with the
 * line. The reader changes the bytes. Free with cli_bill_clear, also after an error. */
int cli_bill_csv(uint8_t *text, size_t len, cli_bill *bill, tally_error *err);
void cli_bill_clear(cli_bill *bill);

#endif
