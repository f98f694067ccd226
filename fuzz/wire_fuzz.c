/* Any bytes as a stream of messages, cut into pieces as the first byte says: framing does not
 * depend on the pieces, what is decoded is written again as the same bytes, and commits unpack or
 * not. */
#include <tally/wire.h>

#include <stdlib.h>

#include "../tests/unit/wire_again.h"

/* Larger than any input, small enough to reach. */
#define MESSAGE_LIMIT_BYTES (64u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

static void unpack(const tally_wire_commits *commits) {
    static tally_wire_packer *packer;
    uint8_t *raw = malloc(commits->raw_len);
    if (!packer) must(tally_wire_packer_new(&packer, NULL) == 0);
    must(raw != NULL);
    if (tally_wire_unpack(packer, commits, raw, NULL) == 0) {
        tally_span rest = tally_span_of(raw, commits->raw_len), record;
        uint32_t count = 0;
        while (tally_wire_next_record(&rest, &record))
            count++;
        must(count == commits->count && rest.len == 0);
    }
    free(raw);
}

static void one_message(tally_span bytes) {
    tally_wire_message message;
    tally_buffer out;
    int rc = tally_wire_decode(bytes, &message, NULL);
    must(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_ELIMIT || rc == TALLY_EREFUSED);
    if (rc != 0 || message.type == TALLY_WIRE_UNKNOWN) return;
    tally_buffer_init(&out, TALLY_MESSAGE_HEADER_BYTES + bytes.len);
    must(wire_again(&message, &out, NULL) == 0);
    must(out.len == TALLY_MESSAGE_HEADER_BYTES + bytes.len);
    must(memcmp(out.ptr + TALLY_MESSAGE_HEADER_BYTES, bytes.ptr, bytes.len) == 0);
    tally_buffer_clear(&out);
    if (message.type == TALLY_WIRE_COMMITS) unpack(&message.as.commits);
}

/* The end of a stream read in pieces of `step` bytes: 0, or how it was refused. */
static int read_stream(tally_span stream, size_t step, size_t *messages) {
    tally_frame_reader reader;
    int rc = 0;
    *messages = 0;
    tally_message_reader_init(&reader, MESSAGE_LIMIT_BYTES);
    for (size_t at = 0; at < stream.len && rc == 0; at += step) {
        size_t len = stream.len - at < step ? stream.len - at : step;
        tally_span input = tally_span_of(stream.ptr + at, len), frame;
        while ((rc = tally_frame_next(&reader, &input, &frame, NULL)) == 1) {
            one_message(frame);
            ++*messages;
        }
        must(reader.buffer.capacity <= 64 || reader.buffer.capacity <= 2 * (at + len));
    }
    tally_frame_reader_clear(&reader);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t whole, pieces;
    if (size == 0) return 0;
    tally_span stream = tally_span_of(data + 1, size - 1);
    int rc = read_stream(stream, stream.len + 1, &whole);
    must(read_stream(stream, data[0] + 1u, &pieces) == rc && whole == pieces);
    one_message(stream);
    return 0;
}
