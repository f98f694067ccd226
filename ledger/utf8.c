/* UTF-8 validity (RFC 3629): the one check that records and names share. */
#include <tally/record.h>

/* Length of the sequence that `lead` starts and the range its second byte must lie in; 0 for an
 * invalid lead. */
static size_t sequence(uint8_t lead, uint8_t *low, uint8_t *high) {
    *low = 0x80;
    *high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xE0) *low = 0xA0;
        if (lead == 0xED) *high = 0x9F;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (lead == 0xF0) *low = 0x90;
        if (lead == 0xF4) *high = 0x8F;
        return 4;
    }
    return 0;
}

static bool is_ascii(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return (word & 0x8080808080808080u) == 0;
}

bool tally_utf8_valid(tally_span text) {
    for (size_t i = 0; i < text.len;) {
        if (text.len - i >= 8 && is_ascii(text.ptr + i)) {
            i += 8;
            continue;
        }
        uint8_t lead = text.ptr[i];
        if (lead < 0x80) {
            i++;
            continue;
        }
        uint8_t low, high;
        size_t len = sequence(lead, &low, &high);
        if (len == 0 || text.len - i < len) return false;
        if (text.ptr[i + 1] < low || text.ptr[i + 1] > high) return false;
        for (size_t k = 2; k < len; k++)
            if ((text.ptr[i + k] & 0xC0) != 0x80) return false;
        i += len;
    }
    return true;
}
