/* The texts of a sheet: kept together, cleaned of what must not reach paper. For sheet*.c only. */
#ifndef TALLY_PAPER_SHEET_TEXT_H
#define TALLY_PAPER_SHEET_TEXT_H

#include <tally/bytes.h>

#include "sheet.h"

/* The next character of `rest`, which is not empty, as it may be printed: line breaks and tabs are
 * spaces; what steers terminals, reorders or hides text, or is not UTF-8, is U+FFFD. */
uint32_t paper_character(tally_span *rest);
/* UTF-8 of a character into `out` of at least 4 bytes; how many there are. */
size_t paper_utf8(uint32_t character, char *out);

/* Zeroed memory that lives as long as the sheet. Out of memory is remembered; then NULL. */
void *sheet_take(paper_sheet *sheet, size_t count, size_t size);
/* `text` as it may be printed; "" when memory ran out. */
const char *sheet_clean(paper_sheet *sheet, tally_span text);
/* Our own words and texts that are clean already. */
const char *sheet_format(paper_sheet *sheet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
