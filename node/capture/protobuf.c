/* The wire format of protocol buffers (developers' guide, "Encoding"): varint, fixed and
 * length-delimited fields. Groups are refused. */
#include "protobuf.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static bool take_varint(tally_span *left, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 64 && left->len > 0; shift += 7) {
        uint8_t byte = left->ptr[0];
        *left = tally_span_of(left->ptr + 1, left->len - 1);
        if (shift == 63 && byte > 1) return false;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

static bool take_fixed(tally_span *left, size_t width, uint64_t *out) {
    *out = 0;
    if (left->len < width) return false;
    for (size_t i = width; i-- > 0;)
        *out = *out << 8 | left->ptr[i];
    *left = tally_span_of(left->ptr + width, left->len - width);
    return true;
}

static bool take_bytes(tally_span *left, tally_span *out) {
    uint64_t len;
    if (!take_varint(left, &len) || len > left->len) return false;
    *out = tally_span_of(left->ptr, (size_t)len);
    *left = tally_span_of(left->ptr + len, left->len - (size_t)len);
    return true;
}

bool protobuf_next(tally_span *left, protobuf_field *out) {
    tally_span at = *left;
    uint64_t tag;
    bool ok = false;
    *out = (protobuf_field){0};
    if (at.len == 0 || !take_varint(&at, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
        return false;
    out->number = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case WIRE_VARINT: ok = take_varint(&at, &out->value); break;
    case WIRE_FIXED64: ok = take_fixed(&at, 8, &out->value); break;
    case WIRE_FIXED32: ok = take_fixed(&at, 4, &out->value); break;
    case WIRE_BYTES:
        out->type = PROTOBUF_BYTES;
        ok = take_bytes(&at, &out->bytes);
        break;
    default: break;
    }
    if (ok) *left = at;
    return ok;
}

bool protobuf_number(tally_span message, uint32_t number, uint64_t *out) {
    protobuf_field field;
    bool found = false;
    *out = 0;
    while (protobuf_next(&message, &field)) {
        if (field.number != number || field.type != PROTOBUF_NUMBER) continue;
        *out = field.value;
        found = true;
    }
    return found;
}

bool protobuf_bytes(tally_span message, uint32_t number, tally_span *out) {
    protobuf_field field;
    bool found = false;
    *out = (tally_span){0};
    while (protobuf_next(&message, &field)) {
        if (field.number != number || field.type != PROTOBUF_BYTES) continue;
        *out = field.bytes;
        found = true;
    }
    return found;
}
