/* The auditor's page: a pack as one HTML file that checks itself. */
#ifndef TALLY_CLI_PACK_PAGE_H
#define TALLY_CLI_PACK_PAGE_H

#include <stdio.h>

#include <tally/bytes.h>

/* Writes the page of `pack`, a text of PROTOCOL.md section 16 that holds. It opens offline and asks
 * no address for anything. What `out` refuses shows in ferror(). */
void pack_page_write(FILE *out, tally_span pack);

#endif
