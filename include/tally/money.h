/* Money: exact integers only. Pico-units are 1e-12 of the currency unit; minor units follow ISO
 * 4217. */
#ifndef TALLY_MONEY_H
#define TALLY_MONEY_H

#include <tally/bytes.h>
#include <tally/error.h>

#define TALLY_PICO             1000000000000LL /* pico-units in one currency unit */
#define TALLY_MONEY_TEXT_BYTES 64
#define TALLY_PICO_MAX_TEXT    "9,223,372.03" /* INT64_MAX pico-units, in whole cents */
/* Amounts of money are wider than prices of tokens: yen and rupiah come in billions. Below this
 * many units, so that one always fits 64 bits of any currency's minor units. */
#define TALLY_AMOUNT_LIMIT_UNITS     100000000000000LL
#define TALLY_AMOUNT_LIMIT           ((tally_i128)TALLY_AMOUNT_LIMIT_UNITS * TALLY_PICO)
#define TALLY_AMOUNT_LIMIT_TEXT      "100,000,000,000,000"
#define TALLY_PICO_DECIMALS          12
#define TALLY_DECIMAL_TEXT_MAX_BYTES 256 /* of a decimal number that is read */

/* Decimal text ("0.0154329", "1,234.50" is refused, "3e-06", "-3500") to pico-units. Digits below
 * 1e-12 must be zero, except that text with more than 15 decimals is rounded half-even when
 * `lenient` (IEEE noise in published tables: refuses a change above 1e-15). Digits stand on both
 * sides of a point; no plus sign, no spaces. TALLY_EFORMAT, TALLY_EOVERFLOW. */
int tally_pico_parse(tally_span text, bool lenient, int64_t *pico);
/* An amount of money as people type it, exact to the last digit: what lies between the negative of
 * TALLY_AMOUNT_LIMIT and that, both exclusive. TALLY_EFORMAT, TALLY_EOVERFLOW. */
int tally_amount_parse(tally_span text, tally_i128 *pico);

/* Exact decimal without exponent and without superfluous zeros, at least `min_decimals` (0..12)
 * decimals: "0.0154329", "12.00". Zero has no sign. `out` holds TALLY_MONEY_TEXT_BYTES. */
void tally_pico_format(tally_i128 pico, int min_decimals, char *out);

/* The same with at least the decimals of that currency; 2 where `currency` is none. */
void tally_pico_format_in(tally_i128 pico, tally_span currency, char *out);

/* Rounded half away from zero to `decimals` (0..12): what people read. With thousands separators
 * when `group`. What rounds to zero has no sign. */
void tally_pico_format_rounded(tally_i128 pico, int decimals, bool group, char *out);

/* Rounds half away from zero to the currency's minor unit of `decimals` (0..12), in minor units. */
tally_i128 tally_pico_to_minor(tally_i128 pico, int decimals);

/* value x num / den, rounded half away from zero, whatever the product comes to; `den` is above
 * zero. TALLY_EOVERFLOW when the result does not fit. */
int tally_pico_scale(tally_i128 value, tally_u128 num, tally_u128 den, tally_i128 *out);

/* TALLY_EOVERFLOW with a sentence about "a sum of costs" or whatever has no exact figure. */
int tally_inexact(const char *figure, tally_error *err);

/* Rounds parts of a sum, all of one sign, to `decimals` (0..12) so that they still add up to the
 * sum as tally_pico_to_minor rounds it: each is rounded towards zero, and what is left goes one
 * minor unit each to the largest remainders, of equal ones to the earlier. TALLY_ENOMEM. */
int tally_pico_to_minor_parts(const tally_i128 *pico, size_t count, int decimals, tally_i128 *out);

/* ISO 4217 minor-unit decimals: 2, 0 (JPY), 3 (KWD) ...; -1 for what is no active ISO 4217 code
 * (list one as of amendment 180, in force since 2026-01-01; capital letters). Codes to which ISO
 * gives no minor unit (XAU, XDR, XXX ...) count 2. */
int tally_currency_decimals(tally_span code);

#endif
