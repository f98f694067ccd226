/* Between the two readers of price files and the shipped table: one entry in, one row out. Internal
 * to ledger/. */
#ifndef TALLY_LEDGER_PRICE_PARSE_H
#define TALLY_LEDGER_PRICE_PARSE_H

#include <tally/json.h>
#include <tally/price.h>

typedef enum price_entry {
    PRICE_ENTRY_ROW,      /* `out` is filled, but for `source` where the entry names none */
    PRICE_ENTRY_NO_PRICE, /* nothing about tokens in it */
    PRICE_ENTRY_BAD       /* `*why` says what is wrong with it */
} price_entry;

/* One element of "rows" in our own schema (ledger/prices/PROVENANCE.txt). */
price_entry price_parse_own(const tally_json *entry, tally_price *out, const char **why);
/* One member of LiteLLM's file. */
price_entry price_parse_litellm(const tally_json *key, const tally_json *entry, tally_price *out,
                                const char **why);

/* Shared readings of one value. Each returns false on what is neither null nor right; null leaves
 * `out` as it is. */
bool price_take_model(const tally_json *value, char out[TALLY_MODEL_MAX_BYTES]);
bool price_take_per_token(const tally_json *value,
                          int64_t *pico); /* in currency units: LiteLLM's unit */
bool price_take_ratio(const tally_json *value, tally_ratio *out); /* "1.1", 2.5 */
/* num : den in lowest terms; den 0 when that still exceeds TALLY_PRICE_RATIO_MAX. Both positive. */
tally_ratio price_ratio_of(uint64_t num, uint64_t den);
/* The card above `tokens`, made when there is none yet, thresholds ascending; -1 when there are too
 * many. */
int price_tier_above(tally_price *price, uint64_t tokens);

#endif
