/* Packing of an adapter's state between two passes: big-endian integers and length-prefixed texts,
 * nothing else. */
#ifndef TALLY_CAPTURE_PACK_H
#define TALLY_CAPTURE_PACK_H

#include <tally/bytes.h>

/* Writes into `out`; what does not fit sets `full` and writes nothing more. */
typedef struct capture_packer {
    uint8_t *out;
    size_t len, size;
    bool full;
} capture_packer;

/* Reads what a packer wrote; the first read past the end sets `bad`, and every read then gives
 * zeros. */
typedef struct capture_unpacker {
    tally_span left;
    bool bad;
} capture_unpacker;

void capture_pack_u8(capture_packer *packer, uint8_t value);
void capture_pack_u64(capture_packer *packer, uint64_t value);
/* At most 65,535 bytes. */
void capture_pack_text(capture_packer *packer, tally_span text);
/* Bytes that still fit. */
size_t capture_pack_room(const capture_packer *packer);

uint8_t capture_unpack_u8(capture_unpacker *unpacker);
uint64_t capture_unpack_u64(capture_unpacker *unpacker);
/* Copies the text to `out`; text longer than `size` is bad. */
void capture_unpack_text(capture_unpacker *unpacker, char *out, size_t size, uint16_t *len);

static inline int64_t capture_unpack_i64(capture_unpacker *unpacker) {
    return (int64_t)capture_unpack_u64(unpacker);
}

#endif
