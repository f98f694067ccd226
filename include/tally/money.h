/* Money: exact integers only. Pico-units are 1e-12 of the currency unit; minor units follow ISO
 * 4217. */
#ifndef TALLY_MONEY_H
#define TALLY_MONEY_H

#include <tally/bytes.h>
#include <tally/error.h>

#define TALLY_PICO                   1000000000000LL /* pico-units in one currency unit */
#define TALLY_MONEY_TEXT_BYTES       64
#define TALLY_PICO_MAX_TEXT          "9,223,372.03" /* INT64_MAX pico-units, in whole cents */
#define TALLY_PICO_DECIMALS          12
#define TALLY_DECIMAL_TEXT_MAX_BYTES 256 /* of a decimal number that is read */

/* Decimal text ("0.0154329", "1,234.50" is refused, "3e-06", "-3500") to pico-units. Digits below
 * 1e-12 must be zero, except that text with more than 15 decimals is rounded half-even when
 * `lenient` (IEEE noise in published tables: refuses a change above 1e-15). Digits stand on both
 * sides of a point; no plus sign, no spaces. TALLY_EFORMAT, TALLY_EOVERFLOW. */
int tally_pico_parse(tally_span text, bool lenient, int64_t *pico);

/* Exact decimal without exponent and without superfluous zeros, at least `min_decimals` (0..12)
 * decimals: "0.0154329", "12.00". Zero has no sign. `out` holds TALLY_MONEY_TEXT_BYTES. */
void tally_pico_format(tally_i128 pico, int min_decimals, char *out);

/* Rounded half away from zero to `decimals` (0..12): what people read. With thousands separators
 * when `group`. What rounds to zero has no sign. */
void tally_pico_format_rounded(tally_i128 pico, int decimals, bool group, char *out);

/* Rounds half away from zero to the currency's minor unit of `decimals` (0..12), in minor units. */
tally_i128 tally_pico_to_minor(tally_i128 pico, int decimals);

/* Rounds parts of a sum, all of one sign, to `decimals` (0..12) so that they still add up to the
 * sum as tally_pico_to_minor rounds it: each is rounded towards zero, and what is left goes one
 * minor unit each to the largest remainders, of equal ones to the earlier. TALLY_ENOMEM. */
int tally_pico_to_minor_parts(const tally_i128 *pico, size_t count, int decimals, tally_i128 *out);

/* ISO 4217 minor-unit decimals: 2, 0 (JPY), 3 (KWD) ...; -1 for what is no active ISO 4217 code
 * (list one as of amendment 180, in force since 2026-01-01; capital letters). Codes to which ISO
 * gives no minor unit (XAU, XDR, XXX ...) count 2. */
int tally_currency_decimals(tally_span code);

#endif
