/* The memo of view_memo.h: one slot for each text, chosen by its last bytes. */
#include "view_memo.h"

#include "intern.h"

static size_t slot_of(tally_span text) {
    uint8_t last[8] = {0};
    size_t len = text.len < sizeof last ? text.len : sizeof last;
    if (len > 0) memcpy(last, text.ptr + text.len - len, len);
    return index_mix(text.len, tally_get_be64(last)) % VIEW_MEMO_SLOTS;
}

static bool fits(tally_span first, tally_span second) {
    return first.len <= VIEW_MEMO_TEXT_BYTES && second.len <= VIEW_MEMO_TEXT_BYTES - first.len;
}

bool view_memo_find(const view_memo *memo, tally_span first, tally_span second, uint64_t *ref) {
    size_t at = slot_of(second);
    const uint8_t *text = memo->slots[at].text;
    if (!memo->slots[at].used || !fits(first, second) ||
        !tally_span_eq(first, tally_span_of(text, memo->slots[at].first)) ||
        !tally_span_eq(second, tally_span_of(text + first.len, memo->slots[at].second)))
        return false;
    *ref = memo->slots[at].ref;
    return true;
}

void view_memo_note(view_memo *memo, tally_span first, tally_span second, uint64_t ref) {
    size_t at = slot_of(second);
    if (!fits(first, second)) return;
    if (first.len > 0) memcpy(memo->slots[at].text, first.ptr, first.len);
    if (second.len > 0) memcpy(memo->slots[at].text + first.len, second.ptr, second.len);
    memo->slots[at].first = (uint8_t)first.len;
    memo->slots[at].second = (uint8_t)second.len;
    memo->slots[at].ref = ref;
    memo->slots[at].used = true;
}
