/* Figures as they stand on paper: exact decimals, dates and periods in words. Every `out` holds
 * PAPER_FIGURE_BYTES. */
#ifndef TALLY_PAPER_FIGURES_H
#define TALLY_PAPER_FIGURES_H

#include <tally/invoice.h>

#define PAPER_FIGURE_BYTES 96

/* Minor units of a currency with `decimals`: "1110.00", with `group` "1,110.00". */
void paper_money(int64_t minor, int decimals, bool group, char *out);
/* Hundredths: "4.50". */
void paper_hundredths(int64_t hundredths, char *out);
/* Hundredths without a fraction that is zero: "19", "7.5". */
void paper_short(int64_t hundredths, char *out);
/* "31 March 2026". */
void paper_day(int64_t day, char *out);
/* "1-31 March 2026" with an en dash, "15 March - 2 April 2026", or with both years. */
void paper_period(int64_t first_day, int64_t end_day, char *out);
/* "Hours" as printed after a figure: "h", "months"; "" for what is only counted. */
const char *paper_unit(tally_span unit, int64_t hundredths);
const char *paper_block(tally_line_block block);     /* "Engineering" */
const char *paper_block_key(tally_line_block block); /* "engineering", for programs */
const char *paper_line_kind(tally_line_kind kind);   /* "hours", for programs */
/* A country's English name by its ISO 3166-1 alpha-2 code in capitals; NULL for no such code. */
const char *paper_country(tally_span code);
/* True for an identifier that starts with the letters of a country, as BR-CO-09 of EN 16931 asks of
 * one for VAT. */
bool paper_is_vat_number(tally_span id);
/* SHA-256 of the team and then, of each feed, the device's key and the size as 8 big-endian bytes.
 */
int paper_frontier_digest(const tally_invoice *invoice, tally_hash *out);

#endif
