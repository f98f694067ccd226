/* Shares: divides an amount so that the pieces add up to it exactly (largest remainder). */
#include <tally/attribution.h>

#include <assert.h>

/* amount * parts / total without overflow: amount / total * parts, and the rest of it apart. The
 * remainder is below total * parts, which is below 2^64. */
static tally_i128 piece_of(tally_i128 amount, uint64_t parts, uint64_t total, uint64_t *remainder) {
    tally_i128 whole = amount / total;
    tally_u128 rest = (tally_u128)(amount % total) * parts;
    *remainder = (uint64_t)(rest % total);
    return whole * parts + (tally_i128)(rest / total);
}

void tally_shares_divide(tally_i128 amount, const tally_share *shares, size_t count,
                         tally_i128 *out) {
    uint64_t total = 0, remainders[TALLY_MAX_SHARES];
    bool negative = amount < 0;
    tally_i128 left = negative ? -amount : amount;
    assert(count >= 1 && count <= TALLY_MAX_SHARES);
    for (size_t i = 0; i < count; i++)
        total += shares[i].parts;
    assert(total > 0);
    tally_i128 size = left;
    for (size_t i = 0; i < count; i++) {
        out[i] = piece_of(size, shares[i].parts, total, &remainders[i]);
        left -= out[i];
    }
    for (; left > 0; left--) { /* fewer than `count` units are left */
        size_t largest = 0;
        for (size_t i = 1; i < count; i++)
            if (remainders[i] > remainders[largest]) largest = i;
        out[largest]++;
        remainders[largest] = 0;
    }
    for (size_t i = 0; i < count && negative; i++)
        out[i] = -out[i];
}
