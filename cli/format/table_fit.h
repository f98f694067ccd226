/* Making a table as narrow as the terminal, with a mark wherever something was left out. */
#ifndef TALLY_CLI_TABLE_FIT_H
#define TALLY_CLI_TABLE_FIT_H

#include <libsmartcols/libsmartcols.h>

#include "table_out.h"

#define CLI_COLUMNS_MAX 24u
#define CLI_BAR_WHOLE   65536 /* length of the longest bar, as a cell's user data */

/* Hides CLI_SPARE columns from the right, then shortens cells of CLI_CUT and CLI_LEAN ones, hiding
 * the latter where that is not enough, until `width` suffices or nothing more may go. Bars get what
 * room is left, or are hidden without a word. `aligns` has one entry a column. The titles of what
 * was hidden go to `hidden`, comma-separated. 0, or -1 when memory ran out. */
int cli_table_fit(struct libscols_table *table, const cli_align *aligns, size_t width, char *hidden,
                  size_t hidden_size);

#endif
