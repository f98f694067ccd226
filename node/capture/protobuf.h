/* Reading protocol buffers without a schema: the fields of one message, in the order in which they
 * stand. Nothing is copied, and nothing is believed: lengths are checked against what is there. */
#ifndef CAPTURE_PROTOBUF_H
#define CAPTURE_PROTOBUF_H

#include <tally/bytes.h>

typedef struct protobuf_field {
    uint32_t number;
    enum { PROTOBUF_NUMBER, PROTOBUF_BYTES } type; /* numbers: varint and fixed width */
    uint64_t value;
    tally_span bytes;
} protobuf_field;

/* Takes the next field off `left`; false at its end and at anything malformed, where `left` keeps
 * what could not be read. */
bool protobuf_next(tally_span *left, protobuf_field *out);

/* The last field of that number and type; false, and zeros, when there is none. An embedded message
 * is a field of bytes. */
bool protobuf_number(tally_span message, uint32_t number, uint64_t *out);
bool protobuf_bytes(tally_span message, uint32_t number, tally_span *out);

#endif
