/* Frames: a growing buffer with a limit, and a connection's bytes cut into packets and messages.
 * What is inside them is the business of noise.c and wire_read.c. */
#include <tally/frame.h>

#include <assert.h>
#include <stdlib.h>

#define BUFFER_LEAST_BYTES 64u

void tally_buffer_init(tally_buffer *buffer, size_t limit_bytes) {
    *buffer = (tally_buffer){.limit = limit_bytes};
}

void tally_buffer_clear(tally_buffer *buffer) {
    free(buffer->ptr);
    tally_buffer_init(buffer, buffer->limit);
}

/* At least `needed`, which is within the limit: doubled, so that many small pieces stay cheap. */
static size_t capacity_for(const tally_buffer *buffer, size_t needed) {
    size_t room = buffer->limit - buffer->capacity;
    size_t twice = room < buffer->capacity ? buffer->limit : 2 * buffer->capacity;
    if (twice < BUFFER_LEAST_BYTES) twice = BUFFER_LEAST_BYTES;
    if (twice > buffer->limit) twice = buffer->limit;
    return twice > needed ? twice : needed;
}

int tally_buffer_extend(tally_buffer *buffer, size_t len, uint8_t **at, tally_error *err) {
    assert(buffer->len <= buffer->limit);
    *at = NULL;
    if (len > buffer->limit - buffer->len)
        return tally_fail(err, TALLY_ELIMIT, "%zu more bytes do not fit a buffer of %zu with %zu",
                          len, buffer->limit, buffer->len);
    size_t needed = buffer->len + len;
    if (!buffer->ptr || needed > buffer->capacity) {
        size_t capacity = capacity_for(buffer, needed);
        uint8_t *grown = realloc(buffer->ptr, capacity ? capacity : 1);
        if (!grown)
            return tally_fail(err, TALLY_ENOMEM, "no memory for a buffer of %zu bytes", capacity);
        buffer->ptr = grown;
        buffer->capacity = capacity;
    }
    *at = buffer->ptr + buffer->len;
    buffer->len = needed;
    return 0;
}

int tally_buffer_add(tally_buffer *buffer, tally_span bytes, tally_error *err) {
    uint8_t *at;
    int rc = tally_buffer_extend(buffer, bytes.len, &at, err);
    if (at && bytes.len > 0) memcpy(at, bytes.ptr, bytes.len);
    return rc;
}

void tally_buffer_drop(tally_buffer *buffer, size_t len) {
    assert(len <= buffer->len);
    buffer->len -= len;
    if (buffer->len > 0) memmove(buffer->ptr, buffer->ptr + len, buffer->len);
}

void tally_packet_header(uint8_t out[TALLY_PACKET_HEADER_BYTES], size_t len) {
    assert(len > 0 && len <= TALLY_PACKET_MAX_BYTES);
    out[0] = (uint8_t)(len >> 8);
    out[1] = (uint8_t)len;
}

static void reader_init(tally_frame_reader *reader, size_t header_bytes, size_t limit_bytes) {
    *reader = (tally_frame_reader){.header_bytes = header_bytes, .max_frame_bytes = limit_bytes};
    tally_buffer_init(&reader->buffer, header_bytes + limit_bytes);
}

void tally_packet_reader_init(tally_frame_reader *reader) {
    reader_init(reader, TALLY_PACKET_HEADER_BYTES, TALLY_PACKET_MAX_BYTES);
}

void tally_message_reader_init(tally_frame_reader *reader, size_t limit_bytes) {
    assert(limit_bytes > 0 && limit_bytes <= TALLY_MESSAGE_MAX_BYTES);
    reader_init(reader, TALLY_MESSAGE_HEADER_BYTES, limit_bytes);
}

void tally_frame_reader_clear(tally_frame_reader *reader) {
    tally_buffer_clear(&reader->buffer);
}

/* The content's length from a whole header, or 0 when it is refused. */
static size_t frame_length(tally_frame_reader *reader, const uint8_t *header, tally_error *err) {
    size_t len = 0;
    for (size_t i = 0; i < reader->header_bytes; i++)
        len = len << 8 | header[i];
    if (len == 0) {
        reader->failed = tally_fail(err, TALLY_EFORMAT, "refused a frame of no bytes");
    } else if (len > reader->max_frame_bytes) {
        reader->failed =
            tally_fail(err, TALLY_ELIMIT, "refused a frame of %zu bytes: the limit is %zu", len,
                       reader->max_frame_bytes);
        len = 0;
    }
    return len;
}

static tally_span take(tally_span *input, size_t len) {
    tally_span front = tally_span_of(input->ptr, len);
    *input = tally_span_of(input->ptr + len, input->len - len);
    return front;
}

/* Fills the buffer up to `total` bytes as far as the input goes. 1 when they are there. The limit
 * is what keeps doubling from running ahead of the frame. */
static int gather(tally_frame_reader *reader, tally_span *input, size_t total, tally_error *err) {
    size_t missing = total - reader->buffer.len;
    size_t len = input->len < missing ? input->len : missing;
    if (len == 0) return missing == 0;
    reader->buffer.limit = total > BUFFER_LEAST_BYTES ? total : BUFFER_LEAST_BYTES;
    int rc = tally_buffer_add(&reader->buffer, tally_span_of(input->ptr, len), err);
    if (rc != 0) return reader->failed = rc;
    (void)take(input, len);
    return len == missing;
}

/* Makes room for the next frame; a large buffer is not kept for peers that are quiet. */
static void forget_taken(tally_frame_reader *reader) {
    reader->taken = false;
    reader->buffer.len = 0;
    if (reader->buffer.capacity > TALLY_FRAME_KEEP_BYTES) tally_buffer_clear(&reader->buffer);
}

int tally_frame_next(tally_frame_reader *reader, tally_span *input, tally_span *frame,
                     tally_error *err) {
    const size_t header = reader->header_bytes;
    *frame = (tally_span){0};
    if (reader->failed) return tally_fail(err, reader->failed, "a frame before was refused");
    if (reader->taken) forget_taken(reader);

    if (reader->buffer.len == 0 && input->len >= header) {
        size_t len = frame_length(reader, input->ptr, err);
        if (len == 0) return reader->failed;
        if (input->len - header >= len) {
            (void)take(input, header);
            *frame = take(input, len);
            return 1;
        }
    }
    if (reader->buffer.len < header) {
        int rc = gather(reader, input, header, err);
        if (rc != 1) return rc;
    }
    size_t len = frame_length(reader, reader->buffer.ptr, err);
    if (len == 0) return reader->failed;
    int rc = gather(reader, input, header + len, err);
    if (rc != 1) return rc;
    reader->taken = true;
    *frame = tally_span_of(reader->buffer.ptr + header, len);
    return 1;
}
