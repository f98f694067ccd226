/* QR codes on a terminal. */
#ifndef TALLY_CLI_QR_H
#define TALLY_CLI_QR_H

#include <stdio.h>

#include <tally/bytes.h>
#include <tally/error.h>

/* Draws `text` (up to 2,953 bytes) with half blocks, black on white whatever the terminal's theme,
 * with the quiet zone around it. `columns` (0: unknown) is the width there is: TALLY_ELIMIT, with
 * nothing drawn, when it is too narrow. */
int cli_qr_draw(FILE *out, tally_span text, unsigned columns, tally_error *err);

#endif
