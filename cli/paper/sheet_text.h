/* The texts of a sheet: kept together, cleaned of what must not reach paper. For sheet*.c only. */
#ifndef TALLY_PAPER_SHEET_TEXT_H
#define TALLY_PAPER_SHEET_TEXT_H

#include <tally/bytes.h>

#include "sheet.h"

/* Zeroed memory that lives as long as the sheet. Out of memory is remembered; then NULL. */
void *sheet_take(paper_sheet *sheet, size_t count, size_t size);
/* `text` as it may be printed; "" when memory ran out. */
const char *sheet_clean(paper_sheet *sheet, tally_span text);
/* Our own words and texts that are clean already. */
const char *sheet_format(paper_sheet *sheet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
