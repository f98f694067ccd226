/* The records inside of commits: zstd frames made by hand from RFC 8878, and bombs. */
#include "wire_text.h"

#include <tally/wire.h>

#include "random.h"

/* RFC 8878 3.1.1: magic, descriptor, window or content size. Single segment: 0x20. */
#define MAGIC "28b52ffd "
/* 3.1.1.2: 3 bytes, little-endian: last (1 bit), type (2 bits: 0 raw, 1 RLE), size (21 bits). */
#define RAW_6_LAST  "310000 "
#define RLE_128_KIB "020010 \"x\" " /* 131072 times one byte */

#define TWO_BYTES "00000002\"ab\" " /* the record "ab" */
#define FRAME     MAGIC "20 06 " RAW_6_LAST TWO_BYTES

static tally_wire_packer *packer;
static tally_error err;

static int set_up(void **state) {
    (void)state;
    return tally_wire_packer_new(&packer, &err);
}

static int tear_down(void **state) {
    (void)state;
    tally_wire_packer_free(packer);
    return 0;
}

/* Into memory of just that size. */
static int unpack(tally_span packed, uint32_t raw_len, uint32_t count) {
    tally_wire_commits commits = {.count = count, .raw_len = raw_len, .packed = packed};
    uint8_t *raw = malloc(raw_len);
    assert_non_null(raw);
    err = (tally_error){0};
    int rc = tally_wire_unpack(packer, &commits, raw, &err);
    free(raw);
    return rc;
}

static int unpack_text(const char *text, uint32_t raw_len, uint32_t count) {
    wire_bytes bytes = wire_text(text);
    int rc = unpack(tally_span_of(bytes.b, bytes.len), raw_len, count);
    free(bytes.b);
    return rc;
}

static void assert_refused(const char *text, uint32_t raw_len, uint32_t count,
                           const char *because) {
    int rc = unpack_text(text, raw_len, count);
    if (rc != TALLY_EFORMAT) fail_msg("%s: %d", text, rc);
    if (!strstr(err.text, because)) fail_msg("'%s' does not say '%s'", err.text, because);
}

static void a_frame_made_by_hand_is_unpacked(void **state) {
    (void)state;
    wire_bytes bytes = wire_text(FRAME);
    tally_wire_commits commits = {
        .count = 1, .raw_len = 6, .packed = tally_span_of(bytes.b, bytes.len)};
    uint8_t raw[6];
    tally_span rest = tally_span_of(raw, sizeof raw), record;
    assert_int_equal(tally_wire_unpack(packer, &commits, raw, &err), 0);
    assert_memory_equal(raw, "\0\0\0\2ab", 6);
    assert_true(tally_wire_next_record(&rest, &record));
    assert_true(tally_span_is(record, "ab"));
    assert_false(tally_wire_next_record(&rest, &record));
    free(bytes.b);
}

static void windows_are_allowed_up_to_2_mib(void **state) {
    (void)state;
    /* no single segment, no content size; window 2^(10 + 11) */
    assert_int_equal(unpack_text(MAGIC "00 58" RAW_6_LAST TWO_BYTES, 6, 1), 0);
    assert_int_equal(unpack_text(MAGIC "00 57" RAW_6_LAST TWO_BYTES, 6, 1), 0);
    assert_int_equal(unpack_text(MAGIC "00 00" RAW_6_LAST TWO_BYTES, 6, 1), 0);
    assert_refused(MAGIC "00 59" RAW_6_LAST TWO_BYTES, 6, 1, "window");
    assert_refused(MAGIC "00 60" RAW_6_LAST TWO_BYTES, 6, 1, "window");
    assert_refused(MAGIC "00 f8" RAW_6_LAST TWO_BYTES, 6, 1, "window"); /* 2^41 */
}

static void a_bomb_stops_at_the_announced_length(void **state) {
    (void)state;
    /* 2 MB that hold 64 GiB */
    assert_refused(MAGIC "00 58 {" RLE_128_KIB "}*500000 010000", 2097152, 1, "damaged");
    /* 4 bytes that hold 128 KiB; 2 MiB in 16 of them is the most there can be */
    assert_refused(MAGIC "00 58" RLE_128_KIB "010000", 6, 1, "damaged");
    assert_refused(MAGIC "00 58 {" RLE_128_KIB "}*17 010000", 2097152, 1, "damaged");
    assert_refused(MAGIC "00 58 {" RLE_128_KIB "}*16 010000", 2097152, 1, "exactly 1 records");
    /* a content size of 4 GiB, of 2^64 - 1 */
    assert_refused(MAGIC "a0 ffffffff" RLE_128_KIB "010000", 2097152, 1, "length announced");
    assert_refused(MAGIC "e0 ff*8 " RLE_128_KIB "010000", 2097152, 1, "length announced");
    assert_refused(MAGIC "e0 ff*8 " RAW_6_LAST TWO_BYTES, 6, 1, "length announced");
    assert_refused(MAGIC "c0 58 ff*8 " RAW_6_LAST TWO_BYTES, 6, 1, "length announced");
    assert_refused(MAGIC "e0 feffffffffffffff" RLE_128_KIB "010000", 2097152, 1, "zstd header");
    assert_refused(MAGIC "e0 fdffffffffffffff" RLE_128_KIB "010000", 2097152, 1, "announced");
}

static void a_record_of_repeated_bytes_is_no_bomb(void **state) {
    (void)state;
    /* content size 1004 - 256; the length 1000 raw, then 1000 times 'x' */
    assert_int_equal(unpack_text(MAGIC "60 ec02 200000 000003e8 431f00 \"x\"", 1004, 1), 0);
}

static void another_length_than_announced_is_refused(void **state) {
    (void)state;
    assert_refused(FRAME, 5, 1, "length announced");
    assert_refused(FRAME, 7, 1, "length announced");
    /* without a content size only the end tells */
    assert_refused(MAGIC "00 58" RAW_6_LAST TWO_BYTES, 5, 1, "length announced");
    assert_refused(MAGIC "00 58" RAW_6_LAST TWO_BYTES, 7, 1, "length announced");
    /* a content size that is as announced, but not true */
    assert_refused(MAGIC "20 07" RAW_6_LAST TWO_BYTES, 7, 1, "damaged");
    assert_refused(MAGIC "20 05" RAW_6_LAST TWO_BYTES, 5, 1, "damaged");
}

static void exactly_one_frame_is_allowed(void **state) {
    (void)state;
    static const char skippable[] = "502a4d18 04000000 00*4";
    char text[300];
    assert_refused(FRAME "00", 6, 1, "followed");
    assert_refused(FRAME FRAME, 12, 2, "length announced");
    assert_refused(MAGIC "00 58" RAW_6_LAST TWO_BYTES FRAME, 12, 2, "followed");
    assert_refused(FRAME MAGIC "20 00 010000", 6, 1, "followed"); /* an empty one */
    (void)snprintf(text, sizeof text, "%s%s", FRAME, skippable);
    assert_refused(text, 6, 1, "followed");
    (void)snprintf(text, sizeof text, "%s%s", skippable, FRAME);
    assert_refused(text, 6, 1, "not a zstd frame");
    assert_refused(skippable, 6, 1, "not a zstd frame");
    assert_refused("5f2a4d18 00000000", 6, 1, "not a zstd frame");
    assert_refused("502a4d18 ffffffff", 6, 1, "not a zstd frame");
    assert_refused("27b52ffd 20 06" RAW_6_LAST TWO_BYTES, 6, 1, "not a zstd frame"); /* 0.7 */
    assert_refused("1f8b0800*40", 6, 1, "not a zstd frame");
}

static void dictionaries_are_refused(void **state) {
    (void)state;
    assert_refused(MAGIC "21 07 06" RAW_6_LAST TWO_BYTES, 6, 1, "dictionary");
    assert_refused(MAGIC "22 0700 06" RAW_6_LAST TWO_BYTES, 6, 1, "dictionary");
    assert_refused(MAGIC "23 07000000 06" RAW_6_LAST TWO_BYTES, 6, 1, "dictionary");
    assert_refused(MAGIC "21 00 06" RAW_6_LAST TWO_BYTES, 6, 1, "dictionary"); /* id 0 */
}

static void every_truncated_frame_is_refused(void **state) {
    (void)state;
    wire_bytes bytes = wire_text(FRAME);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, bytes.b, len);
        assert_int_equal(unpack(tally_span_of(cut, len), 6, 1), TALLY_EFORMAT);
        free(cut);
    }
    free(bytes.b);
}

static void damage_that_zstd_can_see_is_refused(void **state) {
    (void)state;
    assert_refused(MAGIC "28 06" RAW_6_LAST TWO_BYTES, 6, 1, "records"); /* reserved bit */
    assert_refused(MAGIC "20 06 370000" TWO_BYTES, 6, 1, "records");     /* reserved block */
    assert_refused(MAGIC "24 06" RAW_6_LAST TWO_BYTES "00000000", 6, 1, "records"); /* checksum */
}

static void bytes_that_are_not_those_records_are_refused(void **state) {
    (void)state;
#define TEN MAGIC "20 0a 510000 "
    assert_int_equal(unpack_text(TEN "00000001 61 00000001 62", 10, 2), 0);
    assert_refused(TEN "00000001 61 00000001 62", 10, 1, "exactly 1 records");
    assert_refused(TEN "00000001 61 00000001 62", 10, 3, "exactly 3 records");
    assert_refused(TEN "00000001 61 00000002 62", 10, 2, "exactly");
    assert_refused(TEN "00000001 61 00000000 62", 10, 2, "exactly");
    assert_refused(TEN "00000005 61*6", 10, 1, "exactly");
    assert_refused(TEN "00000007 61*6", 10, 1, "exactly");
    assert_refused(TEN "ffffffff 61*6", 10, 1, "exactly");
    assert_int_equal(unpack_text(TEN "00000006 61*6", 10, 1), 0);
}

static void a_record_has_1_to_65536_bytes(void **state) {
    (void)state;
    static const uint8_t zeros[65537] = {0};
    tally_buffer raw;
    tally_span packed;
    tally_buffer_init(&raw, TALLY_WIRE_RAW_MAX_BYTES);
    assert_int_equal(tally_wire_add_record(&raw, tally_span_of(zeros, 65536), &err), 0);
    assert_int_equal(raw.len, 65540);
    assert_int_equal(tally_wire_add_record(&raw, tally_span_of(zeros, 65537), &err), TALLY_ELIMIT);
    assert_int_equal(tally_wire_add_record(&raw, tally_span_of(zeros, 0), &err), TALLY_ELIMIT);
    assert_int_equal(raw.len, 65540);
    assert_int_equal(tally_wire_pack(packer, tally_buffer_span(&raw), &packed, &err), 0);
    assert_int_equal(unpack(packed, 65540, 1), 0);
    tally_buffer_clear(&raw);
    /* 00010001, then 65537 times 'x' */
    assert_refused(MAGIC "00 58 200000 00010001 0b0008 78", 65541, 1, "exactly");
    assert_int_equal(unpack_text(MAGIC "00 58 200000 00010000 030008 78", 65540, 1), 0);
}

static void the_largest_commits_are_packed_and_one_byte_more_is_not(void **state) {
    (void)state;
    rng r = rng_begin("pack", 0x7061636b);
    static uint8_t bytes[TALLY_WIRE_RAW_MAX_BYTES + 1];
    tally_span packed, rest, record;
    /* 32 records of 65532 random bytes each: nothing to compress */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rng_next(&r);
    for (size_t i = 0; i < 32; i++)
        tally_put_be32(bytes + i * 65536, 65532);
    tally_span raw = tally_span_of(bytes, TALLY_WIRE_RAW_MAX_BYTES);
    assert_int_equal(tally_wire_pack(packer, raw, &packed, &err), 0);
    assert_in_range(packed.len, raw.len, TALLY_WIRE_PACKED_MAX_BYTES);
    assert_int_equal(unpack(packed, (uint32_t)raw.len, 32), 0);
    rest = raw;
    for (size_t i = 0; i < 32; i++)
        assert_true(tally_wire_next_record(&rest, &record) && record.len == 65532);
    assert_int_equal(rest.len, 0);
    raw.len++;
    assert_int_equal(tally_wire_pack(packer, raw, &packed, &err), TALLY_ELIMIT);
    raw.len = 0;
    assert_int_equal(tally_wire_pack(packer, raw, &packed, &err), TALLY_ELIMIT);
    assert_null(packed.ptr);
}

static void random_records_come_back_through_a_message(void **state) {
    (void)state;
    rng r = rng_begin("records", 0x726563);
    static uint8_t record[2000], raw_out[TALLY_WIRE_RAW_MAX_BYTES];
    for (unsigned round = 0; round < 60; round++) {
        tally_buffer raw, out;
        tally_wire_message message;
        tally_wire_commits commits = {.from = rng_below(&r, 1000), .count = 1 + rng_below(&r, 300)};
        tally_buffer_init(&raw, TALLY_WIRE_RAW_MAX_BYTES);
        tally_buffer_init(&out, TALLY_MESSAGE_MAX_BYTES);
        for (uint32_t i = 0; i < commits.count; i++) {
            size_t len = 1 + rng_below(&r, sizeof record);
            memset(record, (int)rng_below(&r, 256), len);
            assert_int_equal(tally_wire_add_record(&raw, tally_span_of(record, len), &err), 0);
        }
        commits.raw_len = (uint32_t)raw.len;
        commits.checkpoint.size = commits.from + commits.count;
        assert_int_equal(tally_wire_pack(packer, tally_buffer_span(&raw), &commits.packed, &err),
                         0);
        assert_int_equal(tally_wire_put_commits(&out, &commits, &err), 0);
        tally_span bytes = tally_span_of(out.ptr + 4, out.len - 4);
        assert_int_equal(tally_wire_decode(bytes, &message, &err), 0);
        assert_int_equal(tally_wire_unpack(packer, &message.as.commits, raw_out, &err), 0);
        assert_memory_equal(raw_out, raw.ptr, raw.len);
        tally_buffer_clear(&out);
        tally_buffer_clear(&raw);
    }
}

static void any_bit_of_a_packed_frame_flipped_does_no_harm(void **state) {
    (void)state;
    tally_buffer raw;
    tally_span packed;
    char record[64];
    tally_buffer_init(&raw, TALLY_WIRE_RAW_MAX_BYTES);
    for (unsigned i = 0; i < 30; i++) {
        int len = snprintf(record, sizeof record, "record %u of a feed: cost %u", i, i * 7919);
        tally_span span = tally_span_of(record, (size_t)len);
        assert_int_equal(tally_wire_add_record(&raw, span, &err), 0);
    }
    assert_int_equal(tally_wire_pack(packer, tally_buffer_span(&raw), &packed, &err), 0);
    uint8_t *copy = malloc(packed.len);
    assert_non_null(copy);
    memcpy(copy, packed.ptr, packed.len);
    for (size_t bit = 0; bit < 8 * packed.len; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int rc = unpack(tally_span_of(copy, packed.len), (uint32_t)raw.len, 30);
        assert_true(rc == 0 || rc == TALLY_EFORMAT);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(unpack(tally_span_of(copy, packed.len), (uint32_t)raw.len, 30), 0);
    free(copy);
    tally_buffer_clear(&raw);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_frame_made_by_hand_is_unpacked),
        TEST(windows_are_allowed_up_to_2_mib),
        TEST(a_bomb_stops_at_the_announced_length),
        TEST(a_record_of_repeated_bytes_is_no_bomb),
        TEST(another_length_than_announced_is_refused),
        TEST(exactly_one_frame_is_allowed),
        TEST(dictionaries_are_refused),
        TEST(every_truncated_frame_is_refused),
        TEST(damage_that_zstd_can_see_is_refused),
        TEST(bytes_that_are_not_those_records_are_refused),
        TEST(a_record_has_1_to_65536_bytes),
        TEST(the_largest_commits_are_packed_and_one_byte_more_is_not),
        TEST(random_records_come_back_through_a_message),
        TEST(any_bit_of_a_packed_frame_flipped_does_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
