/* Amounts of money as records hold them: an integer of pico-units, or, where 64 bits are too few,
 * units and pico-units apart. Each amount has one form. Decimal text is money.c's. */
#include "amount.h"

#include <tally/record.h>

#include <assert.h>

static bool fits_integer(tally_i128 pico) {
    return pico >= -INT64_MAX && pico <= INT64_MAX;
}

/* Rounded down, so that the pico-units are never below zero: -0.25 is [-1, 750000000000]. */
void amount_pack(msgpack_packer *pk, tally_i128 pico) {
    assert(pico > -TALLY_AMOUNT_LIMIT && pico < TALLY_AMOUNT_LIMIT);
    if (fits_integer(pico)) {
        msgpack_pack_int64(pk, (int64_t)pico);
        return;
    }
    tally_i128 units = pico / TALLY_PICO, rest = pico % TALLY_PICO;
    if (rest < 0) {
        units--;
        rest += TALLY_PICO;
    }
    msgpack_pack_array(pk, 2);
    msgpack_pack_int64(pk, (int64_t)units);
    msgpack_pack_int64(pk, (int64_t)rest);
}

static bool integer_of(const tally_value *value, tally_i128 *out) {
    bool positive = value->type == TALLY_VALUE_UINT;
    *out = positive ? (tally_i128)value->as.uint : (tally_i128)value->as.integer;
    return (positive || value->type == TALLY_VALUE_INT) && fits_integer(*out);
}

bool tally_value_amount(const tally_value *value, tally_i128 *out) {
    tally_value units, rest;
    tally_i128 whole;
    if (value->type != TALLY_VALUE_ARRAY) return integer_of(value, out);
    tally_cursor cursor = tally_cursor_of(value);
    if (value->count != 2 || !tally_cursor_next(&cursor, &units) || !integer_of(&units, &whole) ||
        !tally_cursor_next(&cursor, &rest) || rest.type != TALLY_VALUE_UINT ||
        rest.as.uint >= (uint64_t)TALLY_PICO)
        return false;
    *out = whole * TALLY_PICO + rest.as.uint;
    return !fits_integer(*out) && *out > -TALLY_AMOUNT_LIMIT && *out < TALLY_AMOUNT_LIMIT;
}

bool tally_body_amount(const tally_record *record, const char *key, tally_i128 *out) {
    tally_value value;
    return tally_body_get(record, key, &value) && tally_value_amount(&value, out);
}
