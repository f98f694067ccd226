/* CSV writer: cells with RFC 4180 quoting that no spreadsheet runs as a formula, and that steer no
 * terminal: control characters but line feed and tab, and what hides or reorders text, are U+FFFD;
 * a carriage return is a space. Who needs the exact bytes takes JSON. */
#ifndef TALLY_CLI_CSV_OUT_H
#define TALLY_CLI_CSV_OUT_H

#include <stdio.h>

#include <tally/bytes.h>

/* A cell and the comma after it. */
void cli_csv_text(FILE *out, tally_span text);
/* Several texts in one cell with `;` between them. */
void cli_csv_texts(FILE *out, const tally_span *texts, size_t count);

#endif
