/* The state codec: see pack.h. Knows bytes, not what they mean. */
#include "pack.h"

#include <assert.h>

static uint8_t *claim(capture_packer *packer, size_t len) {
    if (packer->full || packer->size - packer->len < len) {
        packer->full = true;
        return NULL;
    }
    uint8_t *at = packer->out + packer->len;
    packer->len += len;
    return at;
}

void capture_pack_u8(capture_packer *packer, uint8_t value) {
    uint8_t *at = claim(packer, 1);
    if (at) *at = value;
}

void capture_pack_u64(capture_packer *packer, uint64_t value) {
    uint8_t *at = claim(packer, 8);
    if (at) tally_put_be64(at, value);
}

void capture_pack_text(capture_packer *packer, tally_span text) {
    assert(text.len <= UINT16_MAX);
    uint8_t *at = claim(packer, text.len + 2);
    if (!at) return;
    at[0] = (uint8_t)(text.len >> 8);
    at[1] = (uint8_t)text.len;
    if (text.len > 0) memcpy(at + 2, text.ptr, text.len);
}

size_t capture_pack_room(const capture_packer *packer) {
    return packer->full ? 0 : packer->size - packer->len;
}

static const uint8_t *take(capture_unpacker *unpacker, size_t len) {
    if (unpacker->bad || unpacker->left.len < len) {
        unpacker->bad = true;
        return NULL;
    }
    const uint8_t *at = unpacker->left.ptr;
    unpacker->left = tally_span_of(at + len, unpacker->left.len - len);
    return at;
}

uint8_t capture_unpack_u8(capture_unpacker *unpacker) {
    const uint8_t *at = take(unpacker, 1);
    return at ? *at : 0;
}

uint64_t capture_unpack_u64(capture_unpacker *unpacker) {
    const uint8_t *at = take(unpacker, 8);
    return at ? tally_get_be64(at) : 0;
}

void capture_unpack_text(capture_unpacker *unpacker, char *out, size_t size, uint16_t *len) {
    *len = 0;
    const uint8_t *head = take(unpacker, 2);
    if (!head) return;
    size_t count = ((size_t)head[0] << 8) | head[1];
    if (count > size) {
        unpacker->bad = true;
        return;
    }
    const uint8_t *at = take(unpacker, count);
    if (!at) return;
    if (count > 0) memcpy(out, at, count);
    *len = (uint16_t)count;
}
