/* What is said of engaged time beside its figures. */
#ifndef TALLY_CLI_ENGAGED_H
#define TALLY_CLI_ENGAGED_H

#include <stdio.h>

#include "format/json_out.h"
#include "open.h"

/* "overlap": how minutes are counted in which one member has several sessions. */
void cli_overlap_json(cli_json *json, const cli_reading *reading);
/* What to say of hours that are counted more than once; NULL under the other policies. */
const char *cli_overlap_words(const cli_reading *reading);
/* The same as a line below them. */
void cli_overlap_note(FILE *out, const cli_reading *reading);

#endif
