/* Segments whose writer holds the team's secret and breaks the rules inside: each is refused by the
 * first pass, with nothing stored. Also lengths that promise more than there is. */
#include "segment_fixture.h"

#define SEALED_MAX_BYTES (2u * 1024u * 1024u)

static const tally_team_secret secret = {.epoch = 3, .bytes = {7, 7, 7}};
static tally_device_id device = {{0xd1}};
static tally_buffer plain;
static uint8_t sealed[SEALED_MAX_BYTES];
static taking t;
static tally_error error;

#define PUT(call) assert_int_equal(call, 0)

static void begin(void) {
    tally_buffer_clear(&plain);
    tally_buffer_init(&plain, SEALED_MAX_BYTES);
}

static void put_hello(void) {
    PUT(tally_wire_put_hello(&plain, 5, NULL, 0, NULL, 0, &error));
}

/* One record of no meaning, signed by nobody: the first pass looks at neither. */
static void put_commits(uint8_t author, uint64_t from, uint32_t count) {
    static uint8_t record[] = {0xc0};
    tally_buffer raw;
    tally_wire_commits c = {.device = device, .from = from, .count = count};
    tally_buffer_init(&raw, TALLY_WIRE_RAW_MAX_BYTES);
    for (uint32_t i = 0; i < count; i++)
        PUT(tally_wire_add_record(&raw, tally_span_of(record, 1), &error));
    c.device.b[1] = author;
    c.raw_len = (uint32_t)raw.len;
    c.checkpoint.size = from + count;
    PUT(tally_wire_pack(segment_packer(), tally_buffer_span(&raw), &c.packed, &error));
    PUT(tally_wire_put_commits(&plain, &c, &error));
    tally_buffer_clear(&raw);
}

/* A piece of the blob of zeros of `total` bytes; `id` 0: its right id. */
static void put_piece(uint8_t id, uint32_t total, uint32_t offset, uint32_t len) {
    static uint8_t zeros[1024];
    tally_wire_blob piece = {.total = total, .offset = offset, .bytes = {zeros, len}};
    if (id == 0)
        tally_sha256(tally_span_of(zeros, total), &piece.id);
    else
        piece.id.b[0] = id;
    PUT(tally_wire_put_blob(&plain, &piece, &error));
}

/* Checks `plain` in one chunk of its own, or in chunks of `step` bytes. */
static int check_in(size_t step) {
    seal s;
    size_t at = 0;
    seal_begin(&s, secret.bytes, sealed, sizeof sealed);
    while (plain.len - at > step) {
        assert_true(seal_chunk(&s, plain.ptr + at, step, SEAL_MESSAGE));
        at += step;
    }
    assert_true(seal_chunk(&s, plain.ptr + at, plain.len - at, SEAL_FINAL));
    taking_begin(&t, &secret, 1, sealed, s.len);
    error = (tally_error){0};
    return tally_segment_check(&t.read, &error);
}

static int check(void) {
    return check_in(SEGMENT_FILE_MAX_BYTES);
}

static void what_keeps_the_rules_is_accepted_in_chunks_of_any_length(void **state) {
    (void)state;
    begin();
    put_hello();
    put_commits(1, 5, 2);
    put_commits(2, 0, 1);
    put_commits(1, 7, 1);
    put_piece(0, 40, 0, 30);
    put_piece(0, 40, 30, 10);
    for (size_t step = 1; step < plain.len; step += 3) {
        assert_int_equal(check_in(step), 0);
        assert_int_equal(t.read.records, 4);
        assert_int_equal(t.read.blobs, 1);
        assert_int_equal(t.read.span_count, 2);
        assert_true(segment_spans[0].from == 5 && segment_spans[0].size == 8);
        assert_true(segment_spans[1].from == 0 && segment_spans[1].size == 1);
        assert_int_equal(t.read.epoch, 3);
        assert_true(t.read.clock_ms == 5);
    }
}

static void hello_comes_first_and_once(void **state) {
    (void)state;
    begin();
    assert_int_equal(check(), TALLY_EFORMAT); /* no message at all */
    put_commits(1, 0, 1);
    assert_int_equal(check(), TALLY_EFORMAT);
    put_hello();
    assert_int_equal(check(), TALLY_EFORMAT);
    begin();
    put_hello();
    assert_int_equal(check(), 0);
    put_hello();
    assert_int_equal(check(), TALLY_EFORMAT);
    begin(); /* of version 2 */
    PUT(tally_buffer_add(&plain, tally_span_of("\0\0\0\x0b\x95\xa5hello\2\0\x90\x90", 15), &error));
    assert_int_equal(check(), TALLY_EFORMAT);
    assert_int_equal(error.code, TALLY_EFORMAT);
}

static void messages_of_sessions_are_refused_and_unknown_ones_passed_over(void **state) {
    (void)state;
    tally_wire_head head = {.device = device, .size = 1};
    tally_wire_mark mark = {.size = 1};
    tally_cosignature cosig = {.device = device, .checkpoint.size = 1, .witness = device};
    tally_fork_branch branch = {.checkpoint = {.size = 1}};
    tally_hash id = {{0}};
    for (int which = 0; which < 10; which++) {
        begin();
        put_hello();
        switch (which) {
        case 0: PUT(tally_wire_put_have(&plain, &head, &error)); break;
        case 1: PUT(tally_wire_put_want_blob(&plain, &id, 1, &error)); break;
        case 2: PUT(tally_wire_put_trail(&plain, &device, &mark, 1, &error)); break;
        case 3: PUT(tally_wire_put_branch(&plain, &device, 0, &id, &branch, &error)); break;
        case 4: PUT(tally_wire_put_credit(&plain, 1, &error)); break;
        case 5: PUT(tally_wire_put_ping(&plain, &error)); break;
        case 6:
            PUT(tally_wire_put_join(&plain, &device, cosig.signature, text("a"), text("b"),
                                    &error));
            break;
        case 7: PUT(tally_wire_put_bye(&plain, 0, text(""), &error)); break;
        case 8: PUT(tally_wire_put_cosig(&plain, &cosig, &error)); break;
        default: PUT(tally_buffer_add(&plain, tally_span_of("\0\0\0\6\x91\xa4moon", 10), &error));
        }
        int rc = check();
        if (rc != (which < 8 ? TALLY_EFORMAT : 0)) fail_msg("message %d: %d", which, rc);
    }
}

static void the_commits_of_a_device_follow_each_other(void **state) {
    (void)state;
    static const struct {
        uint64_t first, second;
        int code;
    } cases[] = {{0, 2, 0}, {0, 3, TALLY_EFORMAT}, {0, 1, TALLY_EFORMAT}, {4, 0, TALLY_EFORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        put_hello();
        put_commits(1, cases[i].first, 2);
        put_commits(1, cases[i].second, 2);
        assert_int_equal(check(), cases[i].code);
    }
}

static void records_of_more_than_1024_devices_are_refused(void **state) {
    (void)state;
    begin();
    put_hello();
    for (uint32_t i = 0; i < 1024; i++) {
        device.b[2] = (uint8_t)(i >> 8);
        put_commits((uint8_t)i, 0, 1);
    }
    assert_int_equal(check_in(60000), 0);
    assert_int_equal(t.read.span_count, 1024);
    device.b[2] = 4;
    put_commits(0, 0, 1);
    assert_int_equal(check_in(60000), TALLY_ELIMIT);
    device.b[2] = 0;
}

static void the_pieces_of_a_blob_follow_each_other_and_make_its_id(void **state) {
    (void)state;
    static const struct {
        uint8_t id;
        uint32_t total, offset, len;
    } pieces[][2] = {{{0, 40, 0, 30}, {0, 40, 31, 9}},  /* a gap */
                     {{0, 40, 0, 30}, {0, 40, 29, 11}}, /* twice */
                     {{0, 40, 10, 30}, {0, 40, 0, 10}}, /* from its middle */
                     {{0, 40, 0, 30}, {0, 41, 30, 11}}, /* another length */
                     {{0, 40, 0, 30}, {5, 40, 30, 10}}, /* another id */
                     {{5, 40, 0, 30}, {5, 40, 30, 10}}, /* not its hash */
                     {{0, 40, 0, 20}, {0, 40, 20, 10}}, /* cut off */
                     {{0, 40, 0, 40}, {5, 0, 0, 0}}};   /* it is not there */
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        begin();
        put_hello();
        for (size_t j = 0; j < 2; j++)
            put_piece(pieces[i][j].id, pieces[i][j].total, pieces[i][j].offset, pieces[i][j].len);
        if (check() != TALLY_EFORMAT) fail_msg("pieces %zu were accepted", i);
    }
    begin();
    put_hello();
    put_piece(0, 40, 0, 30);
    put_commits(1, 0, 1); /* in between */
    put_piece(0, 40, 30, 10);
    assert_int_equal(check(), TALLY_EFORMAT);
}

static void a_message_that_is_cut_off_or_follows_is_refused(void **state) {
    (void)state;
    begin();
    put_hello();
    put_commits(1, 0, 1);
    size_t whole = plain.len;
    size_t hello = 4 + tally_get_be32(plain.ptr);
    for (plain.len = 0; plain.len < whole; plain.len++)
        assert_int_equal(check(), plain.len == hello ? 0 : TALLY_EFORMAT);
    PUT(tally_buffer_add(&plain, tally_span_of("\0", 1), &error));
    assert_int_equal(check(), TALLY_EFORMAT);
    plain.len = whole;
    PUT(tally_buffer_add(&plain, tally_span_of("\xff\xff\xff\xff", 4), &error)); /* 4 GiB */
    assert_int_equal(check(), TALLY_ELIMIT);
    plain.len = whole;
    PUT(tally_buffer_add(&plain, tally_span_of("\0\0\0\0", 4), &error));
    assert_int_equal(check(), TALLY_EFORMAT);
}

static void chunks_with_other_tags_or_none_at_the_end_are_refused(void **state) {
    (void)state;
    seal s;
    begin();
    put_hello();
    for (uint8_t tag = 0; tag < 4; tag++) {
        seal_begin(&s, secret.bytes, sealed, sizeof sealed);
        assert_true(seal_chunk(&s, plain.ptr, plain.len, tag));
        taking_begin(&t, &secret, 1, sealed, s.len);
        assert_int_equal(tally_segment_check(&t.read, &error),
                         tag == SEAL_FINAL ? 0 : TALLY_EFORMAT);
    }
    seal_begin(&s, secret.bytes, sealed, sizeof sealed);
    assert_true(seal_chunk(&s, NULL, 0, SEAL_MESSAGE)); /* empty ones are lawful */
    assert_true(seal_chunk(&s, plain.ptr, plain.len, SEAL_MESSAGE));
    assert_true(seal_chunk(&s, NULL, 0, SEAL_FINAL));
    taking_begin(&t, &secret, 1, sealed, s.len);
    assert_int_equal(tally_segment_check(&t.read, &error), 0);
}

static void a_length_is_checked_before_anything_is_read_for_it(void **state) {
    (void)state;
    static const struct {
        uint32_t len;
        int code;
    } cases[] = {{0xffffffff, TALLY_ELIMIT}, {0x80000000, TALLY_ELIMIT}, {65554, TALLY_ELIMIT},
                 {65553, TALLY_EFORMAT},     {16, TALLY_EFORMAT},        {0, TALLY_EFORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(sealed, 0, 100000);
        tally_put_be32(sealed + SEAL_FIRST_CHUNK, cases[i].len);
        taking_begin(&t, &secret, 1, sealed, 100000);
        assert_int_equal(tally_segment_check(&t.read, &error), cases[i].code);
        assert_int_equal(t.source.at, SEAL_FIRST_CHUNK + 4 + (cases[i].len == 65553 ? 65553 : 0));
    }
    memset(sealed, 0, 100000);
    memcpy(sealed, "\x04\x01", 2); /* 1025 keys */
    taking_begin(&t, &secret, 1, sealed, 100000);
    assert_int_equal(tally_segment_check(&t.read, &error), TALLY_ELIMIT);
    assert_int_equal(t.source.at, 2);
}

static void bombs_of_zstd_are_refused(void **state) {
    (void)state;
    begin();
    put_hello();
    size_t at = plain.len;
    put_commits(1, 0, 4000);
    /* announces one byte less than there is: the raw length stands behind device, from and count */
    uint8_t *raw_len = plain.ptr + at + 4 + 1 + 8 + 34 + 1 + 3;
    assert_int_equal(raw_len[0], 0xcd);
    raw_len[2]--;
    assert_int_equal(check(), TALLY_EFORMAT);
    raw_len[2]++;
    assert_int_equal(check(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_keeps_the_rules_is_accepted_in_chunks_of_any_length),
        cmocka_unit_test(hello_comes_first_and_once),
        cmocka_unit_test(messages_of_sessions_are_refused_and_unknown_ones_passed_over),
        cmocka_unit_test(the_commits_of_a_device_follow_each_other),
        cmocka_unit_test(records_of_more_than_1024_devices_are_refused),
        cmocka_unit_test(the_pieces_of_a_blob_follow_each_other_and_make_its_id),
        cmocka_unit_test(a_message_that_is_cut_off_or_follows_is_refused),
        cmocka_unit_test(chunks_with_other_tags_or_none_at_the_end_are_refused),
        cmocka_unit_test(a_length_is_checked_before_anything_is_read_for_it),
        cmocka_unit_test(bombs_of_zstd_are_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tally_buffer_clear(&plain);
    tally_wire_packer_free(segment_packer());
    return failed;
}
