/* Frames: the streams of tally/frame.h, in whatever pieces they arrive, and what a reader may cost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/frame.h>

#include "random.h"

#define LEAST_BYTES 64u /* what frame.h allows a reader whatever has arrived */

static tally_frame_reader reader;
static tally_error err;

/* Feeds `len` bytes in one piece from a copy of just that size. 1, 0 or the error. */
static int feed(const void *bytes, size_t len, tally_span *frame) {
    static uint8_t *piece;
    free(piece);
    piece = malloc(len ? len : 1);
    assert_non_null(piece);
    if (len > 0) memcpy(piece, bytes, len);
    tally_span input = tally_span_of(piece, len);
    int rc = tally_frame_next(&reader, &input, frame, &err);
    if (rc == 0) assert_int_equal(input.len, 0);
    if (rc != 1) {
        free(piece);
        piece = NULL;
    }
    return rc;
}

static void a_packet_has_two_bytes_of_length_before_it(void **state) {
    (void)state;
    static const uint8_t stream[] = {0x00, 0x03, 'a', 'b', 'c', 0x00, 0x01, 'd'};
    tally_span input = tally_span_of(stream, sizeof stream), frame;
    tally_packet_reader_init(&reader);
    assert_int_equal(tally_frame_next(&reader, &input, &frame, &err), 1);
    assert_true(tally_span_is(frame, "abc"));
    assert_ptr_equal(frame.ptr, stream + 2); /* nothing was copied */
    assert_int_equal(tally_frame_next(&reader, &input, &frame, &err), 1);
    assert_true(tally_span_is(frame, "d"));
    assert_int_equal(tally_frame_next(&reader, &input, &frame, &err), 0);
    assert_null(reader.buffer.ptr);
    tally_frame_reader_clear(&reader);
}

static void a_message_has_four_bytes_of_length_before_it(void **state) {
    (void)state;
    static const uint8_t stream[] = {0x00, 0x00, 0x00, 0x02, 0x91, 0xc0};
    tally_span input = tally_span_of(stream, sizeof stream), frame;
    tally_message_reader_init(&reader, TALLY_MESSAGE_MAX_BYTES);
    assert_int_equal(tally_frame_next(&reader, &input, &frame, &err), 1);
    assert_true(tally_span_eq(frame, tally_span_of("\x91\xc0", 2)));
    tally_frame_reader_clear(&reader);
}

static void a_packet_header_is_big_endian(void **state) {
    (void)state;
    uint8_t header[TALLY_PACKET_HEADER_BYTES];
    tally_packet_header(header, 1);
    assert_memory_equal(header, "\x00\x01", 2);
    tally_packet_header(header, 0x1234);
    assert_memory_equal(header, "\x12\x34", 2);
    tally_packet_header(header, 65535);
    assert_memory_equal(header, "\xff\xff", 2);
}

static void a_frame_cut_anywhere_arrives_whole(void **state) {
    (void)state;
    static const uint8_t stream[] = {0x00, 0x00, 0x00, 0x05, 'h', 'e', 'l', 'l', 'o'};
    tally_span frame;
    for (size_t cut = 0; cut <= sizeof stream; cut++) {
        tally_message_reader_init(&reader, TALLY_MESSAGE_MAX_BYTES);
        if (cut < sizeof stream) {
            assert_int_equal(feed(stream, cut, &frame), 0);
            assert_null(frame.ptr);
        }
        size_t from = cut < sizeof stream ? cut : 0;
        assert_int_equal(feed(stream + from, sizeof stream - from, &frame), 1);
        assert_true(tally_span_is(frame, "hello"));
        tally_frame_reader_clear(&reader);
    }
}

static void bytes_that_come_one_by_one_make_the_same_frames(void **state) {
    (void)state;
    static const uint8_t stream[] = {0, 1, 'a', 0, 2, 'b', 'c', 0, 1, 'd'};
    char got[8];
    size_t len = 0;
    tally_packet_reader_init(&reader);
    for (size_t i = 0; i < sizeof stream; i++) {
        tally_span frame;
        int rc = feed(stream + i, 1, &frame);
        assert_true(rc == 0 || rc == 1);
        if (rc == 0) continue;
        memcpy(got + len, frame.ptr, frame.len);
        len += frame.len;
        got[len++] = '|';
    }
    assert_int_equal(len, 7);
    assert_memory_equal(got, "a|bc|d|", 7);
    tally_frame_reader_clear(&reader);
}

static void a_frame_of_no_bytes_is_refused_for_good(void **state) {
    (void)state;
    tally_span frame;
    tally_packet_reader_init(&reader);
    assert_int_equal(feed("\0\0", 2, &frame), TALLY_EFORMAT);
    assert_int_equal(feed("\0\1a", 3, &frame), TALLY_EFORMAT);
    tally_frame_reader_clear(&reader);
    tally_message_reader_init(&reader, TALLY_MESSAGE_MAX_BYTES);
    assert_int_equal(feed("\0\0", 2, &frame), 0);
    assert_int_equal(feed("\0\0", 2, &frame), TALLY_EFORMAT);
    assert_int_equal(feed("\0\0\0\1a", 5, &frame), TALLY_EFORMAT);
    tally_frame_reader_clear(&reader);
}

static void the_longest_packet_and_message_pass_and_one_byte_more_is_refused(void **state) {
    (void)state;
    uint8_t *stream = calloc(1, TALLY_MESSAGE_HEADER_BYTES + TALLY_MESSAGE_MAX_BYTES);
    tally_span frame;
    assert_non_null(stream);
    tally_packet_reader_init(&reader);
    memcpy(stream, "\xff\xff", 2);
    assert_int_equal(feed(stream, 2 + 65535, &frame), 1);
    assert_int_equal(frame.len, 65535);
    tally_frame_reader_clear(&reader);

    tally_message_reader_init(&reader, TALLY_MESSAGE_MAX_BYTES);
    memcpy(stream, "\x00\x40\x00\x00", 4); /* 4 MiB */
    assert_int_equal(feed(stream, 4 + 4194304, &frame), 1);
    assert_int_equal(frame.len, 4194304);
    memcpy(stream, "\x00\x40\x00\x01", 4);
    assert_int_equal(feed(stream, 4, &frame), TALLY_ELIMIT);
    tally_frame_reader_clear(&reader);

    tally_message_reader_init(&reader, 3);
    assert_int_equal(feed("\0\0\0\3abc", 7, &frame), 1);
    assert_int_equal(feed("\0\0\0\4", 4, &frame), TALLY_ELIMIT);
    tally_frame_reader_clear(&reader);
    free(stream);
}

static void an_announced_length_costs_nothing(void **state) {
    (void)state;
    tally_span frame;
    tally_message_reader_init(&reader, TALLY_MESSAGE_MAX_BYTES);
    assert_int_equal(feed("\xff\xff\xff\xff", 4, &frame), TALLY_ELIMIT); /* 4 GiB */
    assert_null(reader.buffer.ptr);
    tally_frame_reader_clear(&reader);

    tally_message_reader_init(&reader, TALLY_MESSAGE_MAX_BYTES);
    assert_int_equal(feed("\x00\x40\x00\x00", 4, &frame), 0); /* 4 MiB, and nothing follows */
    assert_in_range(reader.buffer.capacity, 4, LEAST_BYTES);
    tally_frame_reader_clear(&reader);
}

/* A message of `len` bytes in pieces of 1000. */
static void assert_cost_is_bounded(uint32_t len) {
    static const uint8_t piece[1000] = {0};
    const size_t total = 4 + (size_t)len;
    size_t arrived = 4;
    uint8_t header[4];
    tally_span frame;
    int rc = 0;
    tally_put_be32(header, len);
    tally_message_reader_init(&reader, TALLY_MESSAGE_MAX_BYTES);
    assert_int_equal(feed(header, 4, &frame), 0);
    while (rc == 0) {
        size_t n = total - arrived < sizeof piece ? total - arrived : sizeof piece;
        rc = feed(piece, n, &frame);
        arrived += n;
        assert_in_range(reader.buffer.capacity, arrived, 2 * arrived);
        assert_in_range(reader.buffer.capacity, arrived, total);
    }
    assert_int_equal(rc, 1);
    assert_int_equal(arrived, total);
    assert_int_equal(frame.len, len);
    /* and is given back with the next call */
    assert_int_equal(feed("", 0, &frame), 0);
    assert_int_equal(reader.buffer.capacity, 0);
    tally_frame_reader_clear(&reader);
}

static void a_reader_holds_at_most_twice_what_has_arrived(void **state) {
    (void)state;
    assert_cost_is_bounded(4194304);
    assert_cost_is_bounded(70000); /* less than doubling would come to */
}

static void random_streams_in_random_pieces_come_out_as_they_went_in(void **state) {
    (void)state;
    rng r = rng_begin("frames", 0x66726d73);
    static uint8_t stream[40000];
    for (unsigned round = 0; round < 200; round++) {
        bool packets = rng_below(&r, 2) == 0;
        size_t header = packets ? 2 : 4, len = 0, count = 0, starts[64], lens[64];
        while (count < 64 && len + header + 600 <= sizeof stream) {
            size_t n = 1 + rng_below(&r, rng_below(&r, 4) == 0 ? 600 : 20);
            if (!packets) stream[len] = stream[len + 1] = 0;
            stream[len + header - 2] = (uint8_t)(n >> 8);
            stream[len + header - 1] = (uint8_t)n;
            starts[count] = len + header;
            lens[count++] = n;
            for (size_t i = 0; i < n; i++)
                stream[len + header + i] = (uint8_t)rng_next(&r);
            len += header + n;
        }
        if (packets)
            tally_packet_reader_init(&reader);
        else
            tally_message_reader_init(&reader, 600);
        size_t seen = 0;
        for (size_t at = 0; at < len;) {
            size_t n = 1 + rng_below(&r, rng_below(&r, 3) == 0 ? 900 : 7);
            if (n > len - at) n = len - at;
            tally_span input = tally_span_of(stream + at, n), frame;
            int rc;
            while ((rc = tally_frame_next(&reader, &input, &frame, &err)) == 1) {
                assert_true(seen < count);
                assert_int_equal(frame.len, lens[seen]);
                assert_memory_equal(frame.ptr, stream + starts[seen], frame.len);
                seen++;
            }
            assert_int_equal(rc, 0);
            at += n;
        }
        assert_int_equal(seen, count);
        tally_frame_reader_clear(&reader);
    }
}

static void a_buffer_takes_its_limit_and_not_a_byte_more(void **state) {
    (void)state;
    tally_buffer buffer;
    uint8_t *at;
    tally_buffer_init(&buffer, 5);
    assert_int_equal(tally_buffer_add(&buffer, tally_span_str("abc"), &err), 0);
    assert_int_equal(tally_buffer_add(&buffer, tally_span_str("def"), &err), TALLY_ELIMIT);
    assert_int_equal(tally_buffer_extend(&buffer, SIZE_MAX, &at, &err), TALLY_ELIMIT);
    assert_null(at);
    assert_true(tally_span_is(tally_buffer_span(&buffer), "abc"));
    assert_int_equal(tally_buffer_extend(&buffer, 2, &at, &err), 0);
    memcpy(at, "de", 2);
    assert_true(tally_span_is(tally_buffer_span(&buffer), "abcde"));
    tally_buffer_drop(&buffer, 2);
    assert_true(tally_span_is(tally_buffer_span(&buffer), "cde"));
    tally_buffer_drop(&buffer, 3);
    assert_int_equal(buffer.len, 0);
    assert_int_equal(tally_buffer_add(&buffer, tally_span_str("fghij"), &err), 0);
    assert_true(tally_span_is(tally_buffer_span(&buffer), "fghij"));
    tally_buffer_clear(&buffer);
    assert_int_equal(buffer.limit, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_has_two_bytes_of_length_before_it),
        cmocka_unit_test(a_message_has_four_bytes_of_length_before_it),
        cmocka_unit_test(a_packet_header_is_big_endian),
        cmocka_unit_test(a_frame_cut_anywhere_arrives_whole),
        cmocka_unit_test(bytes_that_come_one_by_one_make_the_same_frames),
        cmocka_unit_test(a_frame_of_no_bytes_is_refused_for_good),
        cmocka_unit_test(the_longest_packet_and_message_pass_and_one_byte_more_is_refused),
        cmocka_unit_test(an_announced_length_costs_nothing),
        cmocka_unit_test(a_reader_holds_at_most_twice_what_has_arrived),
        cmocka_unit_test(random_streams_in_random_pieces_come_out_as_they_went_in),
        cmocka_unit_test(a_buffer_takes_its_limit_and_not_a_byte_more)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
