/* The records inside of a commits message: joined, compressed, and back. zstd is held to one frame
 * of exactly the announced length (RFC 8878 section 3.1.1), so that no bomb gets anywhere. */
#include <tally/wire.h>

#include <stdlib.h>
#include <zstd.h>

_Static_assert(TALLY_WIRE_RAW_MAX_BYTES <= 1u << TALLY_WIRE_ZSTD_WINDOW_LOG, "our own window");
_Static_assert(TALLY_WIRE_PACKED_MAX_BYTES >= ZSTD_COMPRESSBOUND(TALLY_WIRE_RAW_MAX_BYTES),
               "what does not compress fits as well");

#define FRAME_MAGIC           0x28b52ffdu /* as its bytes stand */
#define FRAME_HEADER_LEAST    6u          /* magic, descriptor, window or content size */
#define FRAME_DICTIONARY_BITS 0x03u
#define FRAME_SINGLE_SEGMENT  0x20u
#define FRAME_SIZE_BITS       0xc0u
#define WINDOW_LOG_LEAST      10u

struct tally_wire_packer {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
    tally_buffer packed;
};

int tally_wire_add_record(tally_buffer *raw, tally_span record, tally_error *err) {
    if (record.len == 0 || record.len > TALLY_RECORD_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "cannot send a record of %zu bytes: 1 to %u may be",
                          record.len, TALLY_RECORD_MAX_BYTES);
    uint8_t *at;
    int rc = tally_buffer_extend(raw, TALLY_WIRE_RECORD_HEADER_BYTES + record.len, &at, err);
    if (rc != 0) return rc;
    tally_put_be32(at, (uint32_t)record.len);
    memcpy(at + TALLY_WIRE_RECORD_HEADER_BYTES, record.ptr, record.len);
    return 0;
}

/* False at the end and for a length that is wrong; tally_wire_unpack tells the two apart. */
bool tally_wire_next_record(tally_span *raw, tally_span *record) {
    const size_t header = TALLY_WIRE_RECORD_HEADER_BYTES;
    if (raw->len < header) return false;
    uint32_t len = tally_get_be32(raw->ptr);
    if (len == 0 || len > TALLY_RECORD_MAX_BYTES || len > raw->len - header) return false;
    *record = tally_span_of(raw->ptr + header, len);
    *raw = tally_span_of(raw->ptr + header + len, raw->len - header - len);
    return true;
}

int tally_wire_packer_new(tally_wire_packer **out, tally_error *err) {
    *out = calloc(1, sizeof **out);
    if (!*out) return tally_fail(err, TALLY_ENOMEM, "no memory to pack records");
    tally_buffer_init(&(*out)->packed, TALLY_WIRE_PACKED_MAX_BYTES);
    return 0;
}

void tally_wire_packer_free(tally_wire_packer *packer) {
    if (!packer) return;
    tally_buffer_clear(&packer->packed);
    (void)ZSTD_freeDCtx(packer->decompress);
    (void)ZSTD_freeCCtx(packer->compress);
    free(packer);
}

int tally_wire_pack(tally_wire_packer *packer, tally_span raw, tally_span *packed,
                    tally_error *err) {
    *packed = (tally_span){0};
    if (raw.len == 0 || raw.len > TALLY_WIRE_RAW_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "cannot pack %zu bytes of records: 1 to %u may be",
                          raw.len, TALLY_WIRE_RAW_MAX_BYTES);
    if (!packer->compress) packer->compress = ZSTD_createCCtx();
    if (!packer->compress) return tally_fail(err, TALLY_ENOMEM, "no memory to compress records");
    packer->packed.len = 0;
    size_t bound = ZSTD_compressBound(raw.len);
    uint8_t *at;
    int rc = tally_buffer_extend(&packer->packed, bound, &at, err);
    if (rc != 0) return rc;
    size_t len =
        ZSTD_compressCCtx(packer->compress, at, bound, raw.ptr, raw.len, TALLY_WIRE_ZSTD_LEVEL);
    if (ZSTD_isError(len))
        return tally_fail(err, TALLY_ENOMEM, "cannot compress records: %s", ZSTD_getErrorName(len));
    *packed = tally_span_of(at, len);
    return 0;
}

/* What is wrong with the frame as such, or NULL. Looks at its headers only. */
static const char *frame_fault(tally_span packed, uint32_t raw_len) {
    if (packed.len < FRAME_HEADER_LEAST || tally_get_be32(packed.ptr) != FRAME_MAGIC)
        return "are not a zstd frame";
    uint8_t descriptor = packed.ptr[4];
    bool single_segment = (descriptor & FRAME_SINGLE_SEGMENT) != 0;
    bool sized = single_segment || (descriptor & FRAME_SIZE_BITS) != 0;
    if ((descriptor & FRAME_DICTIONARY_BITS) != 0) return "need a zstd dictionary";
    if (!single_segment) {
        /* a window of 2^log * (1 + mantissa / 8) bytes */
        unsigned log = WINDOW_LOG_LEAST + (packed.ptr[5] >> 3), mantissa = packed.ptr[5] & 7u;
        if (log > TALLY_WIRE_ZSTD_WINDOW_LOG || (log == TALLY_WIRE_ZSTD_WINDOW_LOG && mantissa > 0))
            return "need too large a zstd window";
    }
    /* `sized`, because zstd takes a size of 2^64 - 1 for none. */
    unsigned long long content = ZSTD_getFrameContentSize(packed.ptr, packed.len);
    if (content == ZSTD_CONTENTSIZE_ERROR) return "have a broken zstd header";
    if (sized && content != raw_len) return "do not have the length announced";
    size_t whole = ZSTD_findFrameCompressedSize(packed.ptr, packed.len);
    if (ZSTD_isError(whole)) return "are a zstd frame that is cut off";
    if (whole != packed.len) return "are followed by more bytes";
    return NULL;
}

/* Exactly `count` records and nothing else. */
static bool is_records(tally_span raw, uint32_t count) {
    tally_span record;
    uint32_t found = 0;
    while (tally_wire_next_record(&raw, &record))
        found++;
    return found == count && raw.len == 0;
}

int tally_wire_unpack(tally_wire_packer *packer, const tally_wire_commits *commits, uint8_t *raw,
                      tally_error *err) {
    const char *fault = frame_fault(commits->packed, commits->raw_len);
    if (fault) return tally_fail(err, TALLY_EFORMAT, "refused commits: the records %s", fault);
    if (!packer->decompress) packer->decompress = ZSTD_createDCtx();
    if (!packer->decompress)
        return tally_fail(err, TALLY_ENOMEM, "no memory to decompress records");
    /* A frame that holds more than it should fails at the end of `raw`, before it is written. */
    size_t len = ZSTD_decompressDCtx(packer->decompress, raw, commits->raw_len, commits->packed.ptr,
                                     commits->packed.len);
    if (ZSTD_isError(len) || len != commits->raw_len)
        return tally_fail(
            err, TALLY_EFORMAT,
            "refused commits: the records are damaged or not of the length announced");
    if (!is_records(tally_span_of(raw, len), commits->count))
        return tally_fail(err, TALLY_EFORMAT,
                          "refused commits: the bytes are not exactly %u records", commits->count);
    return 0;
}
