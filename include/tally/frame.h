/* Frames: how one connection's bytes are cut into pieces, and the growing buffer both sides use.
 *
 * Outer stream: packets, each u16 big-endian length (1..65535) || one Noise message of that length.
 * Inner stream: the plaintexts of the transport messages, joined, are one stream of messages, each
 * u32 big-endian length (1..TALLY_MESSAGE_MAX_BYTES) || one msgpack array of that length (wire.h).
 * Packets and messages need not begin or end together. */
#ifndef TALLY_FRAME_H
#define TALLY_FRAME_H

#include <tally/bytes.h>
#include <tally/error.h>

#define TALLY_PACKET_HEADER_BYTES  2u
#define TALLY_PACKET_MAX_BYTES     65535u /* of the Noise message, without its header */
#define TALLY_MESSAGE_HEADER_BYTES 4u
#define TALLY_MESSAGE_MAX_BYTES    (4u * 1024u * 1024u) /* without its header */
/* A reader gives back a larger buffer as soon as the frame in it has been used. */
#define TALLY_FRAME_KEEP_BYTES (64u * 1024u)

/* Bytes that grow, up to a limit. Read `ptr` and `len`; change them through the functions only. */
typedef struct tally_buffer {
    uint8_t *ptr;
    size_t len, capacity, limit;
} tally_buffer;

/* Empty; allocates nothing. The caller frees with tally_buffer_clear. */
void tally_buffer_init(tally_buffer *buffer, size_t limit_bytes);
/* Frees; empty again, with the same limit. */
void tally_buffer_clear(tally_buffer *buffer);
/* Points `at` to `len` uninitialised bytes at the end, to be filled by the caller; valid until the
 * next change. TALLY_ELIMIT (over the limit) and TALLY_ENOMEM leave the buffer as it was. */
int tally_buffer_extend(tally_buffer *buffer, size_t len, uint8_t **at, tally_error *err);
/* Appends `bytes`, which must not lie in the buffer. Errors as above. */
int tally_buffer_add(tally_buffer *buffer, tally_span bytes, tally_error *err);
/* Drops the first `len` bytes, at most all, and moves the others to the front: for batches, not for
 * every few bytes sent. Keeps the memory. */
void tally_buffer_drop(tally_buffer *buffer, size_t len);
static inline tally_span tally_buffer_span(const tally_buffer *buffer) {
    return tally_span_of(buffer->ptr, buffer->len);
}

/* Writes the header of a packet; `len` is 1..TALLY_PACKET_MAX_BYTES. */
void tally_packet_header(uint8_t out[TALLY_PACKET_HEADER_BYTES], size_t len);

/* Cuts a stream into frames. What is allocated is at most twice what has arrived of the frame under
 * way (64 bytes at least) and never more than that frame; an announced length alone costs nothing.
 */
typedef struct tally_frame_reader {
    tally_buffer buffer;    /* header and content of a frame that arrives in pieces */
    size_t header_bytes;    /* 2: packets, 4: messages */
    size_t max_frame_bytes; /* of the content */
    bool taken;             /* the frame in the buffer has been given out */
    int failed;             /* the code of the refusal: the stream cannot be read on */
} tally_frame_reader;

/* Allocates nothing. The caller frees with tally_frame_reader_clear. */
void tally_packet_reader_init(tally_frame_reader *reader);
/* `limit_bytes`: of one message, 1..TALLY_MESSAGE_MAX_BYTES. Smaller before the other side is
 * known. */
void tally_message_reader_init(tally_frame_reader *reader, size_t limit_bytes);
void tally_frame_reader_clear(tally_frame_reader *reader);

/* Takes bytes off the front of `input`, whatever their number, up to the end of the first frame.
 * 1: `frame` is its content, borrowed from `input` or the reader until the next call; call again,
 * more may follow. 0: `input` is used up and the frame goes on. TALLY_EFORMAT for a length of 0,
 * TALLY_ELIMIT for one above the limit, TALLY_ENOMEM; each is final and comes again on every call.
 */
int tally_frame_next(tally_frame_reader *reader, tally_span *input, tally_span *frame,
                     tally_error *err);

#endif
