/* Wire messages against bytes made by hand from the msgpack specification, and their limits. zstd
 * is in wire_pack_test.c. */
#include "wire_text.h"

#include <tally/wire.h>

#include "random.h"
#include "wire_again.h"

#define DEVICE "c420 d1*32 "
#define ROOT   "c420 a1*32 "
#define SIGNED "c440 5a*64 "
#define LARGE  "cf7fffffffffffffff " /* 2^63 - 1 */
#define HUGE   "cf8000000000000000 "

static tally_wire_message message;
static tally_error err;

/* One of each. */
static const char *const vectors[] = {
    "95 a5\"hello\" 01 cf0000019ca89a3fc0 91 a4\"test\" 92 93" DEVICE "05" ROOT
    "93 c420 d2*32 cd0100 c420 a2*32",
    "95 a5\"hello\" 01 00 90 90",
    "99 a7\"commits\"" DEVICE "03 02 0d c403 010203 05" ROOT SIGNED,
    "96 a5\"cosig\"" DEVICE "05 c420 c5*32 ce69a40b18" SIGNED,
    "94 a4\"have\"" DEVICE "05" ROOT,
    "92 a9\"want_blob\" 92 c420 b1*32 c420 b2*32",
    "95 a4\"blob\" c420 b1*32 14 10 c404 01020304",
    "95 a4\"blob\" c420 b1*32 00 00 c400",
    "99 a4\"fork\"" DEVICE "05" ROOT "c440 51*64 06 c420 a2*32 c440 52*64 91 c420 ee*32",
    "92 a6\"credit\" ce00100000",
    "93 a3\"bye\" 03 a4\"done\""};
#define VECTOR_COUNT (sizeof vectors / sizeof *vectors)

static int decode(const char *text) {
    wire_bytes bytes = wire_text(text);
    err = (tally_error){0};
    int rc = tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err);
    free(bytes.b);
    return rc;
}

static void assert_decodes(const char *text) {
    if (decode(text) != 0) fail_msg("%s: %s", text, err.text);
}

static void assert_code(const char *text, int code) {
    int rc = decode(text);
    if (rc != code) fail_msg("%s: %d instead of %d (%s)", text, rc, code, err.text);
    assert_true(rc == 0 || message.type == TALLY_WIRE_UNKNOWN);
}

static void assert_filled(const void *bytes, int value, size_t len) {
    for (size_t i = 0; i < len; i++)
        assert_int_equal(((const uint8_t *)bytes)[i], value);
}

static void a_hello_is_read_element_by_element(void **state) {
    (void)state;
    wire_bytes bytes = wire_text(vectors[0]);
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    tally_wire_hello hello = message.as.hello;
    tally_wire_head head;
    tally_span text;
    assert_int_equal(message.type, TALLY_WIRE_HELLO);
    assert_true(tally_span_is(message.name, "hello"));
    assert_true(hello.clock_ms == 0x019ca89a3fc0);
    assert_int_equal(hello.features.count, 1);
    assert_true(tally_wire_next_text(&hello.features, &text));
    assert_true(tally_span_is(text, "test"));
    assert_false(tally_wire_next_text(&hello.features, &text));
    assert_int_equal(hello.frontier.count, 2);
    assert_true(tally_wire_next_head(&hello.frontier, &head));
    assert_filled(head.device.b, 0xd1, 32);
    assert_int_equal(head.size, 5);
    assert_filled(head.root.b, 0xa1, 32);
    assert_true(tally_wire_next_head(&hello.frontier, &head));
    assert_filled(head.device.b, 0xd2, 32);
    assert_int_equal(head.size, 256);
    assert_false(tally_wire_next_head(&hello.frontier, &head));
    free(bytes.b);
}

static void commits_and_cosig_are_read_element_by_element(void **state) {
    (void)state;
    wire_bytes bytes = wire_text(vectors[2]);
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    const tally_wire_commits *commits = &message.as.commits;
    assert_int_equal(message.type, TALLY_WIRE_COMMITS);
    assert_filled(commits->device.b, 0xd1, 32);
    assert_int_equal(commits->from, 3);
    assert_int_equal(commits->count, 2);
    assert_int_equal(commits->raw_len, 13);
    assert_true(tally_span_eq(commits->packed, tally_span_of("\1\2\3", 3)));
    assert_true(commits->packed.ptr > bytes.b && commits->packed.ptr < bytes.b + bytes.len);
    assert_int_equal(commits->checkpoint.size, 5);
    assert_filled(commits->checkpoint.root.b, 0xa1, 32);
    assert_filled(commits->checkpoint.signature, 0x5a, 64);
    free(bytes.b);

    assert_decodes(vectors[3]);
    const tally_wire_cosig *cosig = &message.as.cosig;
    assert_int_equal(message.type, TALLY_WIRE_COSIG);
    assert_filled(cosig->device.b, 0xd1, 32);
    assert_int_equal(cosig->size, 5);
    assert_filled(cosig->cosigner.b, 0xc5, 32);
    assert_true(cosig->time_s == 0x69a40b18);
    assert_filled(cosig->signature, 0x5a, 64);
}

static void have_blobs_and_forks_are_read_element_by_element(void **state) {
    (void)state;
    tally_hash hash;
    assert_decodes(vectors[4]);
    assert_int_equal(message.type, TALLY_WIRE_HAVE);
    assert_filled(message.as.have.device.b, 0xd1, 32);
    assert_int_equal(message.as.have.size, 5);
    assert_filled(message.as.have.root.b, 0xa1, 32);

    wire_bytes bytes = wire_text(vectors[5]);
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    assert_int_equal(message.type, TALLY_WIRE_WANT_BLOB);
    assert_int_equal(message.as.want_blob.count, 2);
    assert_true(tally_wire_next_hash(&message.as.want_blob, &hash));
    assert_filled(hash.b, 0xb1, 32);
    assert_true(tally_wire_next_hash(&message.as.want_blob, &hash));
    assert_filled(hash.b, 0xb2, 32);
    assert_false(tally_wire_next_hash(&message.as.want_blob, &hash));
    free(bytes.b);

    bytes = wire_text(vectors[6]);
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    assert_int_equal(message.type, TALLY_WIRE_BLOB);
    assert_filled(message.as.blob.id.b, 0xb1, 32);
    assert_int_equal(message.as.blob.total, 20);
    assert_int_equal(message.as.blob.offset, 16);
    assert_true(tally_span_eq(message.as.blob.bytes, tally_span_of("\1\2\3\4", 4)));
    free(bytes.b);

    bytes = wire_text(vectors[8]);
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    const tally_wire_fork *fork = &message.as.fork;
    assert_int_equal(message.type, TALLY_WIRE_FORK);
    assert_int_equal(fork->first.size, 5);
    assert_filled(fork->first.root.b, 0xa1, 32);
    assert_filled(fork->first.signature, 0x51, 64);
    assert_int_equal(fork->second.size, 6);
    assert_filled(fork->second.root.b, 0xa2, 32);
    assert_filled(fork->second.signature, 0x52, 64);
    assert_int_equal(fork->proof.count, 1);
    free(bytes.b);
}

static void credit_and_bye_are_read_element_by_element(void **state) {
    (void)state;
    assert_decodes(vectors[9]);
    assert_int_equal(message.type, TALLY_WIRE_CREDIT);
    assert_int_equal(message.as.credit, 0x100000);
    wire_bytes bytes = wire_text(vectors[10]);
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    assert_int_equal(message.type, TALLY_WIRE_BYE);
    assert_int_equal(message.as.bye.code, 3);
    assert_true(tally_span_is(message.as.bye.words, "done"));
    free(bytes.b);
}

static void what_was_read_is_written_as_the_same_bytes(void **state) {
    (void)state;
    tally_buffer out;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        wire_bytes bytes = wire_text(vectors[i]);
        uint8_t header[4];
        tally_buffer_init(&out, 10000);
        assert_int_equal(tally_buffer_add(&out, tally_span_str("before"), &err), 0);
        assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
        assert_int_equal(wire_again(&message, &out, &err), 0);
        assert_int_equal(out.len, 6 + 4 + bytes.len);
        tally_put_be32(header, (uint32_t)bytes.len);
        assert_memory_equal(out.ptr, "before", 6);
        assert_memory_equal(out.ptr + 6, header, 4);
        assert_memory_equal(out.ptr + 10, bytes.b, bytes.len);
        tally_buffer_clear(&out);
        free(bytes.b);
    }
}

static void an_unknown_message_is_named_and_skipped(void **state) {
    (void)state;
    wire_bytes bytes = wire_text("94 a4\"moon\" 82 a1\"a\" c3 a1\"b\" 91 c0 ff c401 00");
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    assert_int_equal(message.type, TALLY_WIRE_UNKNOWN);
    assert_true(tally_span_is(message.name, "moon"));
    free(bytes.b);
    assert_decodes("91 a5\"hallo\"");
    assert_decodes("91 d920 {\"a\"}*32");
    assert_code("91 d921 {\"a\"}*33", TALLY_EFORMAT);
    assert_code("91 a0", TALLY_EFORMAT);
    assert_code("91 a5\"Hello\"", TALLY_EFORMAT);
    assert_code("91 a2 1b\"c\"", TALLY_EFORMAT);
    assert_code("91 c405\"hello\"", TALLY_EFORMAT);
    assert_code("91 05", TALLY_EFORMAT);
}

static void an_unknown_message_keeps_the_rules_of_msgpack(void **state) {
    (void)state;
    static const char *const bad[] = {"ca3f800000",               /* float */
                                      "d40100",                   /* extension */
                                      "cc01",                     /* not the shortest */
                                      "a1 ff",                    /* not UTF-8 */
                                      "81 01 01",                 /* a key that is no string */
                                      "82 a1\"b\" 01 a1\"a\" 01", /* keys out of order */
                                      "82 a1\"a\" 01 a1\"a\" 01", /* twice */
                                      "92 01",                    /* too few */
                                      "91 01 02",                 /* too many */
                                      "ddffffffff",               /* 2^32 - 1 announced */
                                      "dfffffffff"};
    char text[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(text, sizeof text, "92 a4\"moon\" %s", bad[i]);
        assert_code(text, TALLY_EFORMAT);
    }
    assert_decodes("92 a4\"moon\" 91*7 c0"); /* the message's own array is the first of eight */
    assert_code("92 a4\"moon\" 91*8 c0", TALLY_EFORMAT);
    assert_code("92 a4\"moon\" 91*4000000 c0", TALLY_EFORMAT);
}

static void every_truncation_and_every_byte_more_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        wire_bytes whole = wire_text(vectors[i]);
        for (size_t len = 0; len < whole.len; len++) {
            uint8_t *cut = malloc(len ? len : 1);
            assert_non_null(cut);
            memcpy(cut, whole.b, len);
            int rc = tally_wire_decode(tally_span_of(cut, len), &message, &err);
            if (rc != TALLY_EFORMAT) fail_msg("%s cut to %zu: %d", vectors[i], len, rc);
            free(cut);
        }
        uint8_t *more = calloc(1, whole.len + 1);
        assert_non_null(more);
        memcpy(more, whole.b, whole.len);
        assert_int_equal(tally_wire_decode(tally_span_of(more, whole.len + 1), &message, &err),
                         TALLY_EFORMAT);
        /* the same byte as one more element, one more or one fewer announced than there are */
        more[0]++;
        assert_int_equal(tally_wire_decode(tally_span_of(more, whole.len + 1), &message, &err),
                         TALLY_EFORMAT);
        assert_int_equal(tally_wire_decode(tally_span_of(more, whole.len), &message, &err),
                         TALLY_EFORMAT);
        more[0] -= 2;
        assert_int_equal(tally_wire_decode(tally_span_of(more, whole.len), &message, &err),
                         TALLY_EFORMAT);
        free(more);
        free(whole.b);
    }
}

static void what_is_no_array_or_not_canonical_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"c0",
                                      "a5\"hello\"",
                                      "81 a4\"have\" 01",
                                      "90",
                                      "dc0004 a4\"have\"" DEVICE "05" ROOT,
                                      "94 d904\"have\"" DEVICE "05" ROOT,
                                      "94 a4\"have\"" DEVICE "cc05" ROOT,
                                      "94 a4\"have\"" DEVICE "d005" ROOT,
                                      "94 a4\"have\" c50020 d1*32 05" ROOT,
                                      "94 a4\"have\"" DEVICE "ca40a00000" ROOT};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_code(bad[i], TALLY_EFORMAT);
}

static void every_element_of_another_type_is_refused(void **state) {
    (void)state;
    tally_buffer out;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        wire_bytes bytes = wire_text(vectors[i]);
        tally_cursor cursor = {bytes.b + 1, bytes.b + bytes.len};
        tally_value value;
        for (size_t element = 0; cursor.at < cursor.end; element++) {
            const uint8_t *at = cursor.at;
            assert_true(tally_cursor_next(&cursor, &value));
            tally_buffer_init(&out, 10000);
            (void)tally_buffer_add(&out, tally_span_of(bytes.b, (size_t)(at - bytes.b)), &err);
            (void)tally_buffer_add(&out, tally_span_of("\xc3", 1), &err); /* true */
            (void)tally_buffer_add(&out, tally_span_of(cursor.at, (size_t)(cursor.end - cursor.at)),
                                   &err);
            int rc = tally_wire_decode(tally_buffer_span(&out), &message, &err);
            if (rc == 0) fail_msg("%s: element %zu may be true", vectors[i], element);
            tally_buffer_clear(&out);
        }
        free(bytes.b);
    }
}

static void a_hello_keeps_its_limits(void **state) {
    (void)state;
    assert_code("95 a5\"hello\" 02 00 90 90", TALLY_EREFUSED);
    assert_code("92 a5\"hello\" 02", TALLY_EREFUSED);
    assert_code("95 a5\"hello\" 00 00 90 90", TALLY_EREFUSED);
    assert_decodes("95 a5\"hello\" 01" LARGE "90 90");
    assert_code("95 a5\"hello\" 01" HUGE "90 90", TALLY_ELIMIT);
    assert_code("95 a5\"hello\" 01 ff 90 90", TALLY_EFORMAT);
    assert_decodes("95 a5\"hello\" 01 00 dc0020 {d920 \"a\" 62*31}*32 90");
    assert_code("95 a5\"hello\" 01 00 dc0021 {a1\"a\"}*33 90", TALLY_ELIMIT);
    assert_code("95 a5\"hello\" 01 00 91 d921 61*33 90", TALLY_ELIMIT);
    assert_code("95 a5\"hello\" 01 00 91 a0 90", TALLY_EFORMAT);
    assert_code("95 a5\"hello\" 01 00 91 a1 ff 90", TALLY_EFORMAT);
    assert_code("95 a5\"hello\" 01 00 ddffffffff 90", TALLY_ELIMIT);
    assert_code("95 a5\"hello\" 01 00 90 ddffffffff", TALLY_ELIMIT);
}

static void a_frontier_is_sorted_and_names_each_device_once(void **state) {
    (void)state;
    static const char hello[] = "95 a5\"hello\" 01 00 90 ";
    static const struct {
        const char *text;
        int code;
    } cases[] = {{"91 93" DEVICE "01" ROOT, 0},
                 {"91 93" DEVICE LARGE ROOT, 0},
                 {"91 93" DEVICE "00" ROOT, TALLY_EFORMAT},
                 {"91 93" DEVICE HUGE ROOT, TALLY_EFORMAT},
                 {"91 92" DEVICE "01", TALLY_EFORMAT},
                 {"91 94" DEVICE "01" ROOT "01", TALLY_EFORMAT},
                 {"91 93 c41f d1*31 01" ROOT, TALLY_EFORMAT},
                 {"91 93" DEVICE "01 c421 a1*33", TALLY_EFORMAT},
                 {"91 c0", TALLY_EFORMAT},
                 {"92 93 c420 d1*32 01" ROOT "93 c420 d1*31 d2 01" ROOT, 0},
                 {"92 93 c420 d1*31 d2 01" ROOT "93 c420 d1*32 01" ROOT, TALLY_EFORMAT},
                 {"92 93" DEVICE "01" ROOT "93" DEVICE "01" ROOT, TALLY_EFORMAT},
                 {"92 93" DEVICE "01" ROOT "93" DEVICE "02" ROOT, TALLY_EFORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];
        (void)snprintf(text, sizeof text, "%s%s", hello, cases[i].text);
        assert_code(text, cases[i].code);
    }
}

/* Devices 0, 1, 2 .. in big-endian. */
static tally_wire_head *heads_new(size_t count) {
    tally_wire_head *heads = calloc(count, sizeof *heads);
    assert_non_null(heads);
    for (size_t i = 0; i < count; i++) {
        tally_put_be32(heads[i].device.b, (uint32_t)i);
        heads[i].size = i + 1;
    }
    return heads;
}

static void a_frontier_has_at_most_1024_devices(void **state) {
    (void)state;
    tally_wire_head *heads = heads_new(1025);
    tally_buffer out;
    tally_buffer_init(&out, 1u << 20);
    assert_int_equal(tally_wire_put_hello(&out, 0, NULL, 0, heads, 1024, &err), 0);
    /* u32, array, "hello", 1, 0, [], array 16; each [32, size, 32]: 1 + 34 + size + 34,
     * sizes 1..127 in one byte, ..255 in two, ..1024 in three */
    assert_int_equal(out.len, 4 + 1 + 6 + 1 + 1 + 1 + 3 + 1024 * 69 + 127 + 128 * 2 + 769 * 3);
    out.len = 0;
    assert_int_equal(tally_wire_put_hello(&out, 0, NULL, 0, heads, 1025, &err), TALLY_ELIMIT);
    assert_int_equal(out.len, 0);
    tally_buffer_clear(&out);
    free(heads);
}

static void commits_keep_their_limits(void **state) {
    (void)state;
#define COMMITS "99 a7\"commits\"" DEVICE
#define TAIL    ROOT SIGNED
    assert_decodes(COMMITS "00 01 05 c401 00 01" TAIL);
    assert_code(COMMITS "00 00 05 c401 00 00" TAIL, TALLY_EFORMAT);
    assert_code(COMMITS "00 01 04 c401 00 01" TAIL, TALLY_EFORMAT); /* no room for a record */
    assert_code(COMMITS "00 02 09 c401 00 02" TAIL, TALLY_EFORMAT);
    assert_code(COMMITS "00 01 05 c400 01" TAIL, TALLY_EFORMAT);
    assert_code(COMMITS "00 01 05 c401 00 02" TAIL, TALLY_EFORMAT); /* size is not from + count */
    assert_code(COMMITS "01 01 05 c401 00 01" TAIL, TALLY_EFORMAT);
    assert_decodes(COMMITS "00 cd1000 cd5000 c401 00 cd1000" TAIL);
    assert_code(COMMITS "00 cd1001 cd5005 c401 00 cd1001" TAIL, TALLY_ELIMIT);
    assert_decodes(COMMITS "00 01 ce00200000 c401 00 01" TAIL);
    assert_code(COMMITS "00 01 ce00200001 c401 00 01" TAIL, TALLY_ELIMIT);
    assert_decodes(COMMITS "00 01 ce00200000 c600202000 00*2105344 01" TAIL);
    assert_code(COMMITS "00 01 ce00200000 c600202001 00*2105345 01" TAIL, TALLY_ELIMIT);
    assert_decodes(COMMITS "cf7ffffffffffffffe 01 05 c401 00" LARGE TAIL);
    assert_code(COMMITS LARGE "01 05 c401 00" HUGE TAIL, TALLY_ELIMIT);
    assert_code(COMMITS "cfffffffffffffffff 01 05 c401 00 00" TAIL, TALLY_ELIMIT);
}

static void cosignatures_and_news_keep_their_limits(void **state) {
    (void)state;
    assert_decodes("96 a5\"cosig\"" DEVICE LARGE DEVICE LARGE SIGNED);
    assert_code("96 a5\"cosig\"" DEVICE HUGE DEVICE "00" SIGNED, TALLY_ELIMIT);
    assert_code("96 a5\"cosig\"" DEVICE "01" DEVICE HUGE SIGNED, TALLY_ELIMIT);
    assert_code("96 a5\"cosig\"" DEVICE "00" DEVICE "00" SIGNED, TALLY_EFORMAT);
    assert_code("96 a5\"cosig\"" DEVICE "01" DEVICE "00 c43f 5a*63", TALLY_EFORMAT);
    assert_code("96 a5\"cosig\"" DEVICE "01" DEVICE "00 c441 5a*65", TALLY_EFORMAT);
    assert_code("94 a4\"have\"" DEVICE "00" ROOT, TALLY_EFORMAT);
    assert_code("94 a4\"have\"" DEVICE HUGE ROOT, TALLY_ELIMIT);
    assert_code("94 a4\"have\" c421 d1*33 01" ROOT, TALLY_EFORMAT);
}

static void blobs_keep_their_limits(void **state) {
    (void)state;
#define BLOB "95 a4\"blob\" c420 b1*32 "
    assert_decodes("92 a9\"want_blob\" dc0040 {c420 b1*32}*64");
    assert_code("92 a9\"want_blob\" dc0041 {c420 b1*32}*65", TALLY_ELIMIT);
    assert_code("92 a9\"want_blob\" 90", TALLY_EFORMAT);
    assert_code("92 a9\"want_blob\" 91 c41f b1*31", TALLY_EFORMAT);
    assert_decodes(BLOB "ce01000010 00 c401 00"); /* 16 MiB and the salt */
    assert_code(BLOB "ce01000011 00 c401 00", TALLY_ELIMIT);
    assert_decodes(BLOB "ce01000010 ce0100000f c401 00");
    assert_code(BLOB "ce01000010 ce01000010 c401 00", TALLY_EFORMAT);
    assert_code(BLOB "10 11 c401 00", TALLY_EFORMAT);
    assert_code(BLOB "10 ceffffffff c401 00", TALLY_ELIMIT);
    assert_decodes(BLOB "ce00040000 00 c600040000 00*262144");
    assert_code(BLOB "ce00040001 00 c600040001 00*262145", TALLY_ELIMIT);
    assert_code(BLOB "0f 00 c401 00", TALLY_EFORMAT); /* no room for a salt */
    assert_decodes(BLOB "10 00 c410 00*16");
    assert_code(BLOB "10 00 c411 00*17", TALLY_EFORMAT);
    assert_code(BLOB "10 00 c400", TALLY_EFORMAT);
    assert_code(BLOB "00 01 c400", TALLY_EFORMAT);
    assert_code(BLOB "00 00 c401 00", TALLY_EFORMAT);
}

static void forks_have_one_order_and_a_proof_of_at_most_64_hashes(void **state) {
    (void)state;
#define FORK "99 a4\"fork\"" DEVICE
#define LOW  "c420 a1*32 c440 51*64 "
#define HIGH "c420 a1*31 a2 c440 52*64 "
    assert_decodes(FORK "01" LOW "01" HIGH "90");
    assert_code(FORK "01" HIGH "01" LOW "90", TALLY_EFORMAT);
    assert_code(FORK "01" LOW "01" LOW "90", TALLY_EFORMAT);
    assert_code(FORK "01" LOW "01" HIGH "91 c420 00*32", TALLY_EFORMAT);
    assert_decodes(FORK "01" HIGH "02" LOW "90");
    assert_code(FORK "02" LOW "01" HIGH "90", TALLY_EFORMAT);
    assert_code(FORK "00" LOW "01" HIGH "90", TALLY_EFORMAT);
    assert_decodes(FORK "01" LOW LARGE LOW "dc0040 {c420 ee*32}*64");
    assert_code(FORK "01" LOW LARGE LOW "dc0041 {c420 ee*32}*65", TALLY_ELIMIT);
    assert_code(FORK "01" LOW HUGE LOW "90", TALLY_ELIMIT);
    assert_code(FORK "01" LOW "02" LOW "91 c421 ee*33", TALLY_EFORMAT);
}

static void credit_and_words_keep_their_limits(void **state) {
    (void)state;
    assert_decodes("92 a6\"credit\" 01");
    assert_decodes("92 a6\"credit\"" LARGE);
    assert_code("92 a6\"credit\" 00", TALLY_EFORMAT);
    assert_code("92 a6\"credit\"" HUGE, TALLY_ELIMIT);
    assert_decodes("93 a3\"bye\" ceffffffff a0");
    assert_code("93 a3\"bye\" cf0000000100000000 a0", TALLY_ELIMIT);
    assert_code("93 a3\"bye\" ff a0", TALLY_EFORMAT);
    assert_decodes("93 a3\"bye\" 00 d9c8 61*200");
    assert_code("93 a3\"bye\" 00 d9c9 61*201", TALLY_ELIMIT);
    assert_decodes("93 a3\"bye\" 00 a2 c3bc");
    assert_code("93 a3\"bye\" 00 a2 c3c3", TALLY_EFORMAT);
    assert_code("93 a3\"bye\" 00 a1 1b", TALLY_EFORMAT);
    assert_code("93 a3\"bye\" 00 a1 0a", TALLY_EFORMAT);
    assert_code("93 a3\"bye\" 00 a1 7f", TALLY_EFORMAT);
    assert_code("93 a3\"bye\" 00 a2 c29b", TALLY_EFORMAT); /* CSI */
    assert_decodes("93 a3\"bye\" 00 a2 c2a0");
}

static void a_message_has_at_most_4_mib(void **state) {
    (void)state;
    uint8_t *bytes = calloc(1, TALLY_MESSAGE_MAX_BYTES + 1);
    assert_non_null(bytes);
    const size_t head = 11; /* ["moon", bin 32 of the rest] */
    memcpy(bytes, "\x92\xa4moon\xc6", 7);
    tally_put_be32(bytes + 7, (uint32_t)(TALLY_MESSAGE_MAX_BYTES - head));
    tally_span most = tally_span_of(bytes, TALLY_MESSAGE_MAX_BYTES);
    assert_int_equal(tally_wire_decode(most, &message, &err), 0);
    tally_put_be32(bytes + 7, (uint32_t)(TALLY_MESSAGE_MAX_BYTES + 1 - head));
    tally_span more = tally_span_of(bytes, TALLY_MESSAGE_MAX_BYTES + 1);
    assert_int_equal(tally_wire_decode(more, &message, &err), TALLY_ELIMIT);
    free(bytes);
}

static void what_would_be_refused_is_not_written(void **state) {
    (void)state;
    tally_buffer out;
    tally_wire_head head = {.size = 0};
    tally_wire_cosig cosig = {.size = 1, .time_s = -1};
    tally_wire_fork fork = {.first.size = 2, .second.size = 1};
    char words[201];
    memset(words, 'a', sizeof words);
    tally_buffer_init(&out, 1000);
    assert_int_equal(tally_wire_put_credit(&out, 1, &err), 0);
    size_t before = out.len;
    assert_int_equal(before, 4 + 1 + 7 + 1);
    assert_int_equal(tally_wire_put_have(&out, &head, &err), TALLY_EFORMAT);
    assert_int_equal(tally_wire_put_cosig(&out, &cosig, &err), TALLY_ELIMIT);
    assert_int_equal(tally_wire_put_fork(&out, &fork, NULL, 0, &err), TALLY_EFORMAT);
    assert_int_equal(tally_wire_put_credit(&out, 0, &err), TALLY_EFORMAT);
    assert_int_equal(tally_wire_put_hello(&out, -1, NULL, 0, NULL, 0, &err), TALLY_ELIMIT);
    assert_int_equal(tally_wire_put_want_blob(&out, NULL, 0, &err), TALLY_EFORMAT);
    assert_int_equal(tally_wire_put_bye(&out, 0, tally_span_of(words, 201), &err), TALLY_ELIMIT);
    assert_int_equal(tally_wire_put_bye(&out, 0, tally_span_str("\n"), &err), TALLY_EFORMAT);
    assert_int_equal(out.len, before);
    tally_buffer_clear(&out);
}

static void a_full_buffer_is_left_as_it_was(void **state) {
    (void)state;
    tally_buffer out;
    for (size_t limit = 0; limit < 13; limit++) {
        tally_buffer_init(&out, limit);
        assert_int_equal(tally_wire_put_credit(&out, 1, &err), TALLY_ELIMIT);
        assert_int_equal(out.len, 0);
        tally_buffer_clear(&out);
    }
    tally_buffer_init(&out, 13);
    assert_int_equal(tally_wire_put_credit(&out, 1, &err), 0);
    assert_int_equal(tally_wire_put_credit(&out, 1, &err), TALLY_ELIMIT);
    assert_int_equal(out.len, 13);
    tally_buffer_clear(&out);
}

/* Decodes bytes that came to harm; what is accepted has no second encoding. */
static void must_hold(tally_span bytes) {
    tally_buffer out;
    int rc = tally_wire_decode(bytes, &message, &err);
    assert_true(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_ELIMIT || rc == TALLY_EREFUSED);
    if (rc != 0 || message.type == TALLY_WIRE_UNKNOWN) return;
    tally_buffer_init(&out, TALLY_MESSAGE_MAX_BYTES);
    assert_int_equal(wire_again(&message, &out, &err), 0);
    assert_int_equal(out.len, 4 + bytes.len);
    assert_memory_equal(out.ptr + 4, bytes.ptr, bytes.len);
    tally_buffer_clear(&out);
}

static void any_bit_flipped_does_no_harm(void **state) {
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        wire_bytes bytes = wire_text(vectors[i]);
        for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
            bytes.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            must_hold(tally_span_of(bytes.b, bytes.len));
            bytes.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(bytes.b);
    }
}

static void fill(rng *r, void *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)rng_next(r);
}

/* 1 .. 2^63-1, of any length in bits. */
static uint64_t number(rng *r) {
    uint64_t n = rng_next(r) >> (1 + rng_below(r, 63));
    return n ? n : 1;
}

static void random_heads_and_commits_come_back_as_they_were(void **state) {
    (void)state;
    rng r = rng_begin("wire", 0x77697265);
    static uint8_t packed[3000];
    tally_buffer out;
    tally_buffer_init(&out, 1u << 20);
    for (unsigned round = 0; round < 500; round++) {
        tally_wire_commits c = {.count = 1 + rng_below(&r, 4096)};
        fill(&r, &c.device, sizeof c.device);
        fill(&r, &c.checkpoint, sizeof c.checkpoint);
        fill(&r, packed, sizeof packed);
        c.from = number(&r) >> 1;
        c.checkpoint.size = c.from + c.count;
        c.raw_len = 5 * c.count + rng_below(&r, 2000000);
        c.packed = tally_span_of(packed, 1 + rng_below(&r, sizeof packed));
        out.len = 0;
        assert_int_equal(tally_wire_put_commits(&out, &c, &err), 0);
        tally_span bytes = tally_span_of(out.ptr + 4, out.len - 4);
        assert_int_equal(tally_wire_decode(bytes, &message, &err), 0);
        const tally_wire_commits *got = &message.as.commits;
        assert_memory_equal(&got->device, &c.device, sizeof c.device);
        assert_memory_equal(&got->checkpoint, &c.checkpoint, sizeof c.checkpoint);
        assert_true(got->from == c.from && got->count == c.count && got->raw_len == c.raw_len);
        assert_true(tally_span_eq(got->packed, c.packed));

        tally_wire_head head = {.size = number(&r)};
        fill(&r, &head.device, sizeof head.device);
        fill(&r, &head.root, sizeof head.root);
        out.len = 0;
        assert_int_equal(tally_wire_put_have(&out, &head, &err), 0);
        bytes = tally_span_of(out.ptr + 4, out.len - 4);
        assert_int_equal(tally_wire_decode(bytes, &message, &err), 0);
        assert_memory_equal(&message.as.have, &head, sizeof head);
    }
    tally_buffer_clear(&out);
}

static void random_bytes_put_into_messages_do_no_harm(void **state) {
    (void)state;
    rng r = rng_begin("wire harm", 0x6861726d);
    for (unsigned round = 0; round < 20000; round++) {
        wire_bytes bytes = wire_text(vectors[rng_below(&r, VECTOR_COUNT)]);
        for (unsigned i = 1 + rng_below(&r, 3); i > 0; i--)
            bytes.b[rng_below(&r, (uint32_t)bytes.len)] = (uint8_t)rng_next(&r);
        must_hold(tally_span_of(bytes.b, bytes.len));
        free(bytes.b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_is_read_element_by_element),
        cmocka_unit_test(commits_and_cosig_are_read_element_by_element),
        cmocka_unit_test(have_blobs_and_forks_are_read_element_by_element),
        cmocka_unit_test(credit_and_bye_are_read_element_by_element),
        cmocka_unit_test(what_was_read_is_written_as_the_same_bytes),
        cmocka_unit_test(an_unknown_message_is_named_and_skipped),
        cmocka_unit_test(an_unknown_message_keeps_the_rules_of_msgpack),
        cmocka_unit_test(every_truncation_and_every_byte_more_is_refused),
        cmocka_unit_test(what_is_no_array_or_not_canonical_is_refused),
        cmocka_unit_test(every_element_of_another_type_is_refused),
        cmocka_unit_test(a_hello_keeps_its_limits),
        cmocka_unit_test(a_frontier_is_sorted_and_names_each_device_once),
        cmocka_unit_test(a_frontier_has_at_most_1024_devices),
        cmocka_unit_test(commits_keep_their_limits),
        cmocka_unit_test(cosignatures_and_news_keep_their_limits),
        cmocka_unit_test(blobs_keep_their_limits),
        cmocka_unit_test(forks_have_one_order_and_a_proof_of_at_most_64_hashes),
        cmocka_unit_test(credit_and_words_keep_their_limits),
        cmocka_unit_test(a_message_has_at_most_4_mib),
        cmocka_unit_test(what_would_be_refused_is_not_written),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was),
        cmocka_unit_test(any_bit_flipped_does_no_harm),
        cmocka_unit_test(random_heads_and_commits_come_back_as_they_were),
        cmocka_unit_test(random_bytes_put_into_messages_do_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
