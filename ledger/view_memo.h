/* References of texts that came just before: sessions and models repeat from record to record, and
 * to look is cheaper than to hash. Private to ledger/. */
#ifndef LEDGER_VIEW_MEMO_H
#define LEDGER_VIEW_MEMO_H

#include <tally/bytes.h>

#define VIEW_MEMO_SLOTS      32u
#define VIEW_MEMO_TEXT_BYTES 80u /* of both texts; longer ones are not kept */

/* Zeroed: nothing is known. */
typedef struct view_memo {
    struct {
        uint64_t ref;
        bool used;
        uint8_t first, second; /* lengths */
        uint8_t text[VIEW_MEMO_TEXT_BYTES];
    } slots[VIEW_MEMO_SLOTS];
} view_memo;

bool view_memo_find(const view_memo *memo, tally_span first, tally_span second, uint64_t *ref);
/* Takes the place of what shares its slot. */
void view_memo_note(view_memo *memo, tally_span first, tally_span second, uint64_t ref);

#endif
