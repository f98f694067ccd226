/* Wire messages against bytes made by hand from the msgpack specification. Their limits are in
 * wire_limit_test.c, zstd is in wire_pack_test.c. */
#include "wire_case.h"

#include "random.h"

#define SIDE "96 05" ROOT SIGNED "c420 4e*32 91 c420 ee*32 92 {c420 ef*32}*2 "

/* One of each. */
static const char *const vectors[] = {
    "95 a5\"hello\" 01 cf0000019ca89a3fc0 91 a4\"test\" 92 93" DEVICE "05" ROOT
    "93 c420 d2*32 cd0100 c420 a2*32",
    "95 a5\"hello\" 01 00 90 90",
    "99 a7\"commits\"" DEVICE "03 02 0d c403 010203 05" ROOT SIGNED,
    "98 a5\"cosig\"" DEVICE "05" ROOT SIGNED "c420 c5*32 ce69a40b18 c440 c0*64",
    "94 a4\"have\"" DEVICE "05" ROOT,
    "92 a9\"want_blob\" 92 c420 b1*32 c420 b2*32",
    "95 a4\"blob\" c420 b1*32 14 10 c404 01020304",
    "95 a4\"blob\" c420 b1*32 00 00 c400",
    "93 a5\"trail\"" DEVICE "92 92 03" ROOT "92 cd0100 c420 a2*32",
    "95 a6\"branch\"" DEVICE "03 c420 ba*32 " SIDE,
    "96 a4\"fork\"" DEVICE "03 c420 ba*32 " SIDE "96 04 c420 a2*32 c440 52*64 c420 4f*32 90 90",
    "92 a6\"credit\" ce00100000",
    "91 a4\"ping\"",
    "95 a4\"join\"" DEVICE SIGNED "a3\"ada\" a6\"laptop\"",
    "93 a3\"bye\" 03 a4\"done\"",
    "92 a8\"cosigned\" 92 93" DEVICE "01 cfffffffffffffffff 93 c420 d2*32 07 00",
    "92 a8\"cosigned\" 90"};
#define VECTOR_COUNT (sizeof vectors / sizeof *vectors)

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
    const tally_cosignature *cosig = &message.as.cosig;
    assert_int_equal(message.type, TALLY_WIRE_COSIG);
    assert_filled(cosig->device.b, 0xd1, 32);
    assert_int_equal(cosig->checkpoint.size, 5);
    assert_filled(cosig->checkpoint.root.b, 0xa1, 32);
    assert_filled(cosig->checkpoint.signature, 0x5a, 64);
    assert_filled(cosig->witness.b, 0xc5, 32);
    assert_true(cosig->time_s == 0x69a40b18);
    assert_filled(cosig->signature, 0xc0, 64);
}

static void a_summary_of_cosignatures_is_read_mark_by_mark(void **state) {
    (void)state;
    wire_bytes bytes = wire_text(vectors[VECTOR_COUNT - 2]);
    tally_wire_cosigned mark;
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    tally_wire_list marks = message.as.cosigned;
    assert_int_equal(message.type, TALLY_WIRE_COSIGNED);
    assert_int_equal(marks.count, 2);
    assert_true(tally_wire_next_cosigned(&marks, &mark));
    assert_filled(mark.device.b, 0xd1, 32);
    assert_int_equal(mark.size, 1);
    assert_true(mark.digest == UINT64_MAX);
    assert_true(tally_wire_next_cosigned(&marks, &mark));
    assert_filled(mark.device.b, 0xd2, 32);
    assert_int_equal(mark.size, 7);
    assert_int_equal(mark.digest, 0);
    assert_false(tally_wire_next_cosigned(&marks, &mark));
    free(bytes.b);
}

static void have_and_blobs_are_read_element_by_element(void **state) {
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
}

/* SIDE, as a fork's branch */
static void assert_side(const tally_wire_side *side) {
    tally_fork_branch branch;
    memset(&branch, 0x77, sizeof branch);
    tally_wire_side_get(side, &branch);
    assert_int_equal(branch.checkpoint.size, 5);
    assert_filled(branch.checkpoint.root.b, 0xa1, 32);
    assert_filled(branch.checkpoint.signature, 0x5a, 64);
    assert_filled(branch.next.b, 0x4e, 32);
    assert_int_equal(branch.to_common.count, 1);
    assert_filled(branch.to_common.hashes[0].b, 0xee, 32);
    assert_int_equal(branch.to_next.count, 2);
    assert_filled(branch.to_next.hashes[0].b, 0xef, 32);
    assert_filled(branch.to_next.hashes[1].b, 0xef, 32);
}

static void trails_branches_and_forks_are_read_element_by_element(void **state) {
    (void)state;
    wire_bytes bytes = wire_text(vectors[8]);
    tally_wire_mark mark;
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    assert_int_equal(message.type, TALLY_WIRE_TRAIL);
    assert_filled(message.as.trail.device.b, 0xd1, 32);
    assert_int_equal(message.as.trail.marks.count, 2);
    assert_true(tally_wire_next_mark(&message.as.trail.marks, &mark));
    assert_int_equal(mark.size, 3);
    assert_filled(mark.root.b, 0xa1, 32);
    assert_true(tally_wire_next_mark(&message.as.trail.marks, &mark));
    assert_int_equal(mark.size, 256);
    assert_filled(mark.root.b, 0xa2, 32);
    assert_false(tally_wire_next_mark(&message.as.trail.marks, &mark));
    free(bytes.b);

    bytes = wire_text(vectors[9]);
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    assert_int_equal(message.type, TALLY_WIRE_BRANCH);
    assert_filled(message.as.branch.device.b, 0xd1, 32);
    assert_int_equal(message.as.branch.common, 3);
    assert_filled(message.as.branch.base.b, 0xba, 32);
    assert_side(&message.as.branch.side);
    free(bytes.b);

    bytes = wire_text(vectors[10]);
    tally_fork_branch other;
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    assert_int_equal(message.type, TALLY_WIRE_FORK);
    assert_filled(message.as.fork.device.b, 0xd1, 32);
    assert_int_equal(message.as.fork.common, 3);
    assert_filled(message.as.fork.base.b, 0xba, 32);
    assert_side(&message.as.fork.sides[0]);
    tally_wire_side_get(&message.as.fork.sides[1], &other);
    assert_int_equal(other.checkpoint.size, 4);
    assert_filled(other.checkpoint.root.b, 0xa2, 32);
    assert_filled(other.checkpoint.signature, 0x52, 64);
    assert_filled(other.next.b, 0x4f, 32);
    assert_int_equal(other.to_common.count, 0);
    assert_int_equal(other.to_next.count, 0);
    free(bytes.b);
}

static void credit_ping_join_and_bye_are_read_element_by_element(void **state) {
    (void)state;
    assert_decodes(vectors[12]);
    assert_int_equal(message.type, TALLY_WIRE_PING);
    wire_bytes bytes = wire_text(vectors[13]);
    assert_int_equal(tally_wire_decode(tally_span_of(bytes.b, bytes.len), &message, &err), 0);
    assert_int_equal(message.type, TALLY_WIRE_JOIN);
    assert_filled(message.as.join.device.b, 0xd1, 32);
    assert_filled(message.as.join.signature, 0x5a, 64);
    assert_true(tally_span_is(message.as.join.member, "ada"));
    assert_true(tally_span_is(message.as.join.name, "laptop"));
    free(bytes.b);
    assert_decodes(vectors[11]);
    assert_int_equal(message.type, TALLY_WIRE_CREDIT);
    assert_int_equal(message.as.credit, 0x100000);
    bytes = wire_text(vectors[14]);
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
        cmocka_unit_test(a_summary_of_cosignatures_is_read_mark_by_mark),
        cmocka_unit_test(have_and_blobs_are_read_element_by_element),
        cmocka_unit_test(trails_branches_and_forks_are_read_element_by_element),
        cmocka_unit_test(credit_ping_join_and_bye_are_read_element_by_element),
        cmocka_unit_test(what_was_read_is_written_as_the_same_bytes),
        cmocka_unit_test(an_unknown_message_is_named_and_skipped),
        cmocka_unit_test(an_unknown_message_keeps_the_rules_of_msgpack),
        cmocka_unit_test(every_truncation_and_every_byte_more_is_refused),
        cmocka_unit_test(what_is_no_array_or_not_canonical_is_refused),
        cmocka_unit_test(every_element_of_another_type_is_refused),
        cmocka_unit_test(any_bit_flipped_does_no_harm),
        cmocka_unit_test(random_heads_and_commits_come_back_as_they_were),
        cmocka_unit_test(random_bytes_put_into_messages_do_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
