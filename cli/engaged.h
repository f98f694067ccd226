/* What is said of engaged time beside its figures. */
#ifndef TALLY_CLI_ENGAGED_H
#define TALLY_CLI_ENGAGED_H

#include <stdio.h>

#include "json_out.h"
#include "open.h"

/* "overlap": how minutes are counted in which one member has several sessions. */
void cli_overlap_json(cli_json *json, const cli_reading *reading);
/* A line below hours that are counted more than once; nothing under the other policies. */
void cli_overlap_note(FILE *out, const cli_reading *reading);

#endif
