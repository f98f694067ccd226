/* What of the price book is the scan's alone: a model's line in it, looked up once for many costs.
 * Private to ledger/. */
#ifndef LEDGER_PRICE_BOOK_H
#define LEDGER_PRICE_BOOK_H

#include <tally/view.h>

typedef struct price_line price_line;
/* The model's line, valid as long as the book; NULL when memory ran out. */
price_line *price_book_line(tally_price_book *book, uint64_t model);
/* As tally_price_book_cost, for a cost of that line's model. */
void price_line_cost(const tally_price_book *book, price_line *line, const tally_cost *cost,
                     tally_priced *out);

#endif
