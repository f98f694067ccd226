/* Limits of wire messages: for each number, length and count the last that is taken and the first
 * that is not. */
#include "wire_case.h"

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
#define COSIG "98 a5\"cosig\"" DEVICE
    assert_decodes(COSIG LARGE ROOT SIGNED DEVICE LARGE SIGNED);
    assert_code(COSIG HUGE ROOT SIGNED DEVICE "00" SIGNED, TALLY_ELIMIT);
    assert_code(COSIG "01" ROOT SIGNED DEVICE HUGE SIGNED, TALLY_ELIMIT);
    assert_code(COSIG "00" ROOT SIGNED DEVICE "00" SIGNED, TALLY_EFORMAT);
    assert_code(COSIG "01" ROOT SIGNED DEVICE "00 c43f 5a*63", TALLY_EFORMAT);
    assert_code(COSIG "01" ROOT SIGNED DEVICE "00 c441 5a*65", TALLY_EFORMAT);
    assert_code("96 a5\"cosig\"" DEVICE "01" DEVICE "00" SIGNED, TALLY_EFORMAT);
#define MARK "93 c420 d1*32 01 00 "
    assert_code("92 a8\"cosigned\" 92" MARK MARK, TALLY_EFORMAT);
    assert_code("92 a8\"cosigned\" 92 93 c420 d2*32 01 00" MARK, TALLY_EFORMAT);
    assert_code("92 a8\"cosigned\" 91 93" DEVICE "00 00", TALLY_EFORMAT);
    assert_code("92 a8\"cosigned\" dc4001 {" MARK "}*16385", TALLY_ELIMIT);
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

static void trails_have_1_to_64_ascending_marks(void **state) {
    (void)state;
#define TRAIL "93 a5\"trail\"" DEVICE
    assert_decodes(TRAIL "91 92 01" ROOT);
    assert_decodes(TRAIL "92 92 01" ROOT "92" LARGE ROOT);
    assert_code(TRAIL "90", TALLY_EFORMAT);
    assert_code(TRAIL "91 92 00" ROOT, TALLY_EFORMAT);
    assert_code(TRAIL "91 92" HUGE ROOT, TALLY_EFORMAT);
    assert_code(TRAIL "92 92 02" ROOT "92 01" ROOT, TALLY_EFORMAT);
    assert_code(TRAIL "92 92 01" ROOT "92 01" ROOT, TALLY_EFORMAT);
    assert_code(TRAIL "91 91 01", TALLY_EFORMAT);
    assert_code(TRAIL "91 93 01" ROOT "01", TALLY_EFORMAT);
    assert_code(TRAIL "91 92 01 c41f a1*31", TALLY_EFORMAT);
    assert_code(TRAIL "91 01", TALLY_EFORMAT);
    assert_code(TRAIL "dc0041 {92 01 c420 a1*32}*65", TALLY_ELIMIT);
    assert_code(TRAIL "ddffffffff", TALLY_ELIMIT);

    tally_wire_mark marks[65] = {0};
    tally_device_id device = {{0}};
    tally_buffer out;
    for (size_t i = 0; i < 65; i++)
        marks[i].size = i + 1;
    tally_buffer_init(&out, 10000);
    assert_int_equal(tally_wire_put_trail(&out, &device, marks, 64, &err), 0);
    assert_int_equal(out.len, 4 + 1 + 6 + 34 + 3 + 64 * (1 + 1 + 34));
    out.len = 0;
    assert_int_equal(tally_wire_put_trail(&out, &device, marks, 65, &err), TALLY_ELIMIT);
    assert_int_equal(out.len, 0);
    tally_buffer_clear(&out);
}

static void a_branch_lies_past_its_common_size(void **state) {
    (void)state;
#define BRANCH "95 a6\"branch\"" DEVICE
#define NEXT   "c420 4e*32 "
#define BASE   "c420 ba*32 "
    assert_decodes(BRANCH "00" BASE "96 01" ROOT SIGNED NEXT "90 90");
    assert_decodes(BRANCH "cf7ffffffffffffffe" BASE "96" LARGE ROOT SIGNED NEXT "90 90");
    assert_code(BRANCH LARGE BASE "96" LARGE ROOT SIGNED NEXT "90 90", TALLY_ELIMIT);
    assert_code(BRANCH "01" BASE "96 01" ROOT SIGNED NEXT "90 90", TALLY_EFORMAT);
    assert_code(BRANCH "02" BASE "96 01" ROOT SIGNED NEXT "90 90", TALLY_EFORMAT);
    assert_code(BRANCH "00" BASE "96 00" ROOT SIGNED NEXT "90 90", TALLY_EFORMAT);
    assert_code(BRANCH "00" BASE "96" HUGE ROOT SIGNED NEXT "90 90", TALLY_ELIMIT);
    assert_code(BRANCH "00 c41f ba*31 96 01" ROOT SIGNED NEXT "90 90", TALLY_EFORMAT);
}

static void a_side_has_six_elements_and_proofs_of_at_most_64_hashes(void **state) {
    (void)state;
#define SIDE_OF BRANCH "00" BASE
#define SIX     "96 01" ROOT SIGNED NEXT
    assert_decodes(SIDE_OF SIX "dc0040 {c420 ee*32}*64 dc0040 {c420 ee*32}*64");
    assert_code(SIDE_OF SIX "dc0041 {c420 ee*32}*65 90", TALLY_ELIMIT);
    assert_code(SIDE_OF SIX "90 dc0041 {c420 ee*32}*65", TALLY_ELIMIT);
    assert_code(SIDE_OF SIX "91 c421 ee*33 90", TALLY_EFORMAT);
    assert_code(SIDE_OF SIX "90 91 c41f ee*31", TALLY_EFORMAT);
    assert_code(SIDE_OF "96 01" ROOT "c43f 5a*63" NEXT "90 90", TALLY_EFORMAT);
    assert_code(SIDE_OF "96 01" ROOT SIGNED "c41f 4e*31 90 90", TALLY_EFORMAT);
    assert_code(SIDE_OF "95 01" ROOT SIGNED NEXT "90", TALLY_EFORMAT);
    assert_code(SIDE_OF "97 01" ROOT SIGNED NEXT "90 90 90", TALLY_EFORMAT);
    assert_code(SIDE_OF "90", TALLY_EFORMAT);
    assert_code(SIDE_OF "c0", TALLY_EFORMAT);
}

static void the_sides_of_a_fork_have_one_order(void **state) {
    (void)state;
#define FORK "96 a4\"fork\"" DEVICE "02" BASE
#define LOW  "96 03" ROOT SIGNED "c420 4e*32 90 90 "
#define HIGH "96 03" ROOT SIGNED "c420 4e*31 4f 90 90 "
    assert_decodes(FORK LOW HIGH);
    assert_code(FORK HIGH LOW, TALLY_EFORMAT);
    assert_code(FORK LOW LOW, TALLY_EFORMAT);
    assert_decodes(FORK "96" LARGE ROOT SIGNED "c420 4e*32 90 90" HIGH);
    assert_code(FORK LOW "96 02" ROOT SIGNED "c420 4f*32 90 90", TALLY_EFORMAT);
    assert_code(FORK "96 02" ROOT SIGNED "c420 4e*32 90 90" HIGH, TALLY_EFORMAT);
}

static void a_joiner_has_names_of_1_to_128_plain_bytes(void **state) {
    (void)state;
#define JOIN "95 a4\"join\"" DEVICE SIGNED
    assert_decodes(JOIN "d980 61*128 d980 62*128");
    assert_code(JOIN "d981 61*129 a1\"b\"", TALLY_ELIMIT);
    assert_code(JOIN "a1\"a\" d981 62*129", TALLY_ELIMIT);
    assert_code(JOIN "a0 a1\"b\"", TALLY_EFORMAT);
    assert_code(JOIN "a1\"a\" a0", TALLY_EFORMAT);
    assert_code(JOIN "a1 1b a1\"b\"", TALLY_EFORMAT);
    assert_code(JOIN "a1\"a\" a1 0a", TALLY_EFORMAT);
    assert_code(JOIN "a1\"a\" a1 ff", TALLY_EFORMAT);
    assert_code(JOIN "c401\"a\" a1\"b\"", TALLY_EFORMAT);
    assert_code("95 a4\"join\"" DEVICE "c43f 5a*63 a1\"a\" a1\"b\"", TALLY_EFORMAT);
    assert_code("92 a4\"ping\" 00", TALLY_EFORMAT);
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
    tally_cosignature cosig = {.checkpoint.size = 1, .time_s = -1};
    tally_fork fork = {.common = 1, .branches[0].checkpoint.size = 1};
    char words[201];
    memset(words, 'a', sizeof words);
    tally_buffer_init(&out, 1000);
    assert_int_equal(tally_wire_put_credit(&out, 1, &err), 0);
    size_t before = out.len;
    assert_int_equal(before, 4 + 1 + 7 + 1);
    assert_int_equal(tally_wire_put_have(&out, &head, &err), TALLY_EFORMAT);
    assert_int_equal(tally_wire_put_cosig(&out, &cosig, &err), TALLY_ELIMIT);
    assert_int_equal(tally_wire_put_fork(&out, &fork, &err), TALLY_EFORMAT);
    assert_int_equal(
        tally_wire_put_branch(&out, &fork.device, 1, &fork.base, &fork.branches[0], &err),
        TALLY_EFORMAT);
    assert_int_equal(tally_wire_put_trail(&out, &fork.device, NULL, 0, &err), TALLY_EFORMAT);
    assert_int_equal(tally_wire_put_join(&out, &fork.device, cosig.signature, tally_span_str("a"),
                                         tally_span_str(""), &err),
                     TALLY_EFORMAT);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_keeps_its_limits),
        cmocka_unit_test(a_frontier_is_sorted_and_names_each_device_once),
        cmocka_unit_test(a_frontier_has_at_most_1024_devices),
        cmocka_unit_test(commits_keep_their_limits),
        cmocka_unit_test(cosignatures_and_news_keep_their_limits),
        cmocka_unit_test(blobs_keep_their_limits),
        cmocka_unit_test(trails_have_1_to_64_ascending_marks),
        cmocka_unit_test(a_branch_lies_past_its_common_size),
        cmocka_unit_test(a_side_has_six_elements_and_proofs_of_at_most_64_hashes),
        cmocka_unit_test(the_sides_of_a_fork_have_one_order),
        cmocka_unit_test(a_joiner_has_names_of_1_to_128_plain_bytes),
        cmocka_unit_test(credit_and_words_keep_their_limits),
        cmocka_unit_test(a_message_has_at_most_4_mib),
        cmocka_unit_test(what_would_be_refused_is_not_written),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
