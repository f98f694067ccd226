/* Invites and short codes. Lines and codes were made with Python's hashlib and base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/invite.h>

#include <sodium.h>
#include <stdlib.h>

#include "random.h"

#define EXPIRES_S 1772358300
/* Version 1, team aa.., inviter bb.., secret cc.., EXPIRES_S: what all lines below begin with. */
#define KEYS                                                                                       \
    "Aaqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqu7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7vMzM"   \
    "zMzMzMzMzMzMzMzMzMzMzMzMzMzMzM"
#define NEWER_KEYS                                                                                 \
    "Aqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqu7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7vMzM"   \
    "zMzMzMzMzMzMzMzMzMzMzMzMzMzMzM"
#define TWO_ADDRESSES "zMzMzMzMzAAAAABppAqcAhFkZXNrLmV4YW1wbGU6NzQxMQ5bZmQwMDo6MV06NzQxM"

static const char line[] = "tally1:" KEYS TWO_ADDRESSES "bWQKZo";

static tally_invite invite;
static tally_error err;

static int set_up(void **state) {
    (void)state;
    invite = (tally_invite){.expires_s = EXPIRES_S, .address_count = 2};
    memset(invite.team.b, 0xaa, sizeof invite.team.b);
    memset(invite.inviter, 0xbb, sizeof invite.inviter);
    memset(invite.secret, 0xcc, sizeof invite.secret);
    memcpy(invite.addresses[0], "desk.example:7411", 18);
    memcpy(invite.addresses[1], "[fd00::1]:7411", 15);
    return 0;
}

/* Decodes a copy of just that size at `now_s`; a refused invite leaves nothing behind. */
static int decode_at(const char *text, size_t len, int64_t now_s, tally_invite *out) {
    static const tally_invite nothing;
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(out, 0x55, sizeof *out);
    err = (tally_error){0};
    int rc = tally_invite_decode(tally_span_of(copy, len), now_s, out, &err);
    if (rc != 0) assert_memory_equal(out, &nothing, sizeof nothing);
    free(copy);
    return rc;
}

static int decode(const char *text) {
    tally_invite out;
    return decode_at(text, strlen(text), EXPIRES_S - 900, &out);
}

static void assert_refused(const char *text, int code, const char *because) {
    assert_int_equal(decode(text), code);
    if (!strstr(err.text, because)) fail_msg("'%s' does not say '%s'", err.text, because);
}

static void an_invite_is_the_line_of_the_vector(void **state) {
    (void)state;
    char out[TALLY_INVITE_LINE_MAX_BYTES];
    size_t len;
    tally_invite read;
    assert_int_equal(tally_invite_encode(&invite, out, &len, &err), 0);
    assert_string_equal(out, line);
    assert_int_equal(len, sizeof line - 1);
    assert_int_equal(decode_at(line, strlen(line), EXPIRES_S - 1, &read), 0);
    assert_memory_equal(&read, &invite, sizeof read);
}

static void an_invite_is_refused_from_the_second_it_expires(void **state) {
    (void)state;
    tally_invite out;
    assert_int_equal(decode_at(line, strlen(line), EXPIRES_S - 1, &out), 0);
    assert_int_equal(decode_at(line, strlen(line), EXPIRES_S, &out), TALLY_EREFUSED);
    assert_non_null(strstr(err.text, "expired"));
    assert_int_equal(decode_at(line, strlen(line), INT64_MAX, &out), TALLY_EREFUSED);
}

static void a_line_torn_anywhere_says_so(void **state) {
    (void)state;
    tally_invite out;
    for (size_t len = 7; len < sizeof line - 1; len++) {
        assert_int_equal(decode_at(line, len, 0, &out), TALLY_EFORMAT);
        if (!strstr(err.text, "cut off")) fail_msg("%zu bytes: %s", len, err.text);
    }
    for (size_t len = 0; len < 7; len++) {
        assert_int_equal(decode_at(line, len, 0, &out), TALLY_EFORMAT);
        assert_non_null(strstr(err.text, "not an invite"));
    }
}

static void every_letter_mistyped_is_noticed(void **state) {
    (void)state;
    char typed[sizeof line];
    for (size_t i = 7; i < sizeof line - 1; i++) {
        memcpy(typed, line, sizeof line);
        typed[i] = line[i] == 'Z' ? 'Y' : 'Z';
        assert_int_equal(decode(typed), TALLY_EFORMAT);
        typed[i] = '!';
        assert_refused(typed, TALLY_EFORMAT, "mistyped");
    }
    memcpy(typed, line, sizeof line);
    typed[sizeof line - 2] = 'p'; /* the last letter's unused bits are not zero */
    assert_int_equal(decode(typed), TALLY_EFORMAT);
    memcpy(typed, line, sizeof line);
    typed[40] = 'x';
    assert_refused(typed, TALLY_EFORMAT, "mistyped");
}

static void what_stands_around_the_line_is_refused(void **state) {
    (void)state;
    char longer[sizeof line + 3];
    static const char *const ends[] = {"=", "==", "\n", " ", "A", "AAAA"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        (void)snprintf(longer, sizeof longer, "%s%s", line, ends[i]);
        assert_int_equal(decode(longer), TALLY_EFORMAT);
    }
    (void)snprintf(longer, sizeof longer, " %s", line);
    assert_refused(longer, TALLY_EFORMAT, "not an invite");
    assert_refused("Tally1:AAAA", TALLY_EFORMAT, "not an invite");
    assert_refused("tally:AAAA", TALLY_EFORMAT, "not an invite");
    assert_refused("https://example.org/", TALLY_EFORMAT, "not an invite");
}

static void a_line_longer_than_any_invite_is_refused(void **state) {
    (void)state;
    static char text[10000];
    memset(text, 'A', sizeof text - 1);
    memcpy(text, "tally1:", 7);
    assert_int_equal(decode(text), TALLY_EFORMAT);
}

static void an_invite_of_a_future_version_says_to_update(void **state) {
    (void)state;
    assert_refused("tally2:" NEWER_KEYS TWO_ADDRESSES "XXLkm0", TALLY_EREFUSED, "update");
    assert_refused("tally1:" NEWER_KEYS TWO_ADDRESSES "XXLkm0", TALLY_EREFUSED, "version 2");
    assert_refused("tally10:whatever", TALLY_EREFUSED, "update");
    /* but a mistyped version is a mistake in typing */
    assert_refused("tally1:" NEWER_KEYS TWO_ADDRESSES "bWQKZo", TALLY_EFORMAT, "mistyped");
}

static void what_a_right_check_covers_is_checked_all_the_same(void **state) {
    (void)state;
    static const char *const bad[] = {
        /* no address */
        "tally1:" KEYS "zMzMzMzMzAAAAABppAqcAEAOpmc",
        /* nine */
        "tally1:" KEYS
        "zMzMzMzMzAAAAABppAqcCQNhOjEDYToxA2E6MQNhOjEDYToxA2E6MQNhOjEDYToxA2E6MYVkBo0",
        /* 2^63 seconds */
        "tally1:" KEYS "zMzMzMzMzIAAAAAAAAAAAhFkZXNrLmV4YW1wbGU6NzQxMQ5bZmQwMDo6MV06NzQxMXKHxKo",
        /* -oProxy:1 */
        "tally1:" KEYS "zMzMzMzMzAAAAABppAqcAQktb1Byb3h5OjEku9rm",
        /* a byte after the addresses */
        "tally1:" KEYS TWO_ADDRESSES "Xieq4XT",
        /* two where the count says one */
        "tally1:" KEYS "zMzMzMzMzAAAAABppAqcARFkZXNrLmV4YW1wbGU6NzQxMQ5bZmQwMDo6MV06NzQxMZD-eGM"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i], TALLY_EFORMAT, "no usable address or time");
}

static void addresses_are_host_and_port(void **state) {
    (void)state;
    static const char *const good[] = {
        "a:1",     "desk.local:7411",     "192.168.1.20:65535",      "my-desk:80",
        "[::1]:1", "[fd00::ABCD:1]:7411", "xn--bcher-kva.example:1", "[::ffff:10.0.0.1]:9"};
    static const char *const bad[] = {"",
                                      ":1",
                                      "a",
                                      "a:",
                                      "a:0",
                                      "a:01",
                                      "a:65536",
                                      "a:99999",
                                      "a:123456",
                                      "a:-1",
                                      "a:+1",
                                      "a: 1",
                                      "a b:1",
                                      "-a:1",
                                      "a-:1",
                                      "a.-b:1",
                                      "a..b:1",
                                      ".a:1",
                                      "a.:1",
                                      "a_b:1",
                                      "a/b:1",
                                      "u@a:1",
                                      "::1:1",
                                      "[::1]",
                                      "[::1]:",
                                      "[::1]:0",
                                      "[]:1",
                                      "[:]:1",
                                      "[a:b]:1",
                                      "[::g]:1",
                                      "[fe80::1%eth0]:1",
                                      "[::1:1",
                                      "::1]:1",
                                      "[1.2.3.4]:1",
                                      "a:1\n",
                                      "b\xc3\xbc:1",
                                      "a:1:",
                                      "[::1]x:1",
                                      "$(id):1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!tally_address_valid(tally_span_str(good[i]))) fail_msg("refused '%s'", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tally_address_valid(tally_span_str(bad[i]))) fail_msg("accepted '%s'", bad[i]);
    assert_false(tally_address_valid(tally_span_of("a\0b:1", 5)));
}

/* `label` bytes of 'a', again and again with dots between, `len` in all, then ":1". */
static tally_span long_name(char *out, size_t len, size_t label) {
    for (size_t i = 0; i < len; i++)
        out[i] = i % (label + 1) == label ? '.' : 'a';
    memcpy(out + len, ":1", 2);
    return tally_span_of(out, len + 2);
}

static void names_and_labels_have_their_limits(void **state) {
    (void)state;
    char text[400];
    assert_true(tally_address_valid(long_name(text, 63, 63)));
    assert_false(tally_address_valid(long_name(text, 64, 64)));
    assert_true(tally_address_valid(long_name(text, 253, 63)));
    assert_false(tally_address_valid(long_name(text, 254, 63)));
    memcpy(text, "[", 1); /* 45 bytes inside of the brackets, then 46 */
    memset(text + 1, ':', 46);
    memcpy(text + 46, "]:1", 3);
    assert_true(tally_address_valid(tally_span_of(text, 49)));
    memcpy(text + 46, ":]:1", 4);
    assert_false(tally_address_valid(tally_span_of(text, 50)));
}

static void an_invite_that_could_not_be_read_is_not_written(void **state) {
    (void)state;
    char out[TALLY_INVITE_LINE_MAX_BYTES];
    tally_invite wrong = invite;
    wrong.address_count = 0;
    assert_int_equal(tally_invite_encode(&wrong, out, NULL, &err), TALLY_EINVAL);
    wrong.address_count = 9;
    assert_int_equal(tally_invite_encode(&wrong, out, NULL, &err), TALLY_EINVAL);
    wrong = invite;
    wrong.expires_s = -1;
    assert_int_equal(tally_invite_encode(&wrong, out, NULL, &err), TALLY_EINVAL);
    wrong = invite;
    memcpy(wrong.addresses[1], "desk", 5);
    assert_int_equal(tally_invite_encode(&wrong, out, NULL, &err), TALLY_EINVAL);
    assert_non_null(strstr(err.text, "address 2"));
    memset(wrong.addresses[1], 'a', sizeof wrong.addresses[1]); /* no NUL */
    assert_int_equal(tally_invite_encode(&wrong, out, NULL, &err), TALLY_EINVAL);
}

static void the_longest_invite_fits_a_line_and_a_qr_code(void **state) {
    (void)state;
    char out[TALLY_INVITE_LINE_MAX_BYTES];
    tally_invite read;
    size_t len;
    invite.address_count = TALLY_INVITE_MAX_ADDRESSES;
    invite.expires_s = INT64_MAX;
    for (size_t i = 0; i < TALLY_INVITE_MAX_ADDRESSES; i++) {
        memset(invite.addresses[i], 0, sizeof invite.addresses[i]);
        assert_int_equal(long_name(invite.addresses[i], 253, 63).len, 255);
    }
    assert_int_equal(tally_invite_encode(&invite, out, &len, &err), 0);
    /* 97 + 8 + 1 + 8 * 256 + 4 = 2158 bytes: 719 groups of four letters and two letters for a byte
     */
    assert_int_equal(len, 7 + 719 * 4 + 2);
    assert_true(len <= 2953);
    assert_int_equal(decode_at(out, len, EXPIRES_S, &read), 0);
    assert_memory_equal(&read, &invite, sizeof read);
}

static void random_invites_come_back_as_they_were(void **state) {
    (void)state;
    rng r = rng_begin("invites", 0x696e76);
    for (unsigned round = 0; round < 500; round++) {
        char out[TALLY_INVITE_LINE_MAX_BYTES];
        tally_invite written = {0}, read;
        size_t len;
        for (size_t i = 0; i < 32; i++) {
            written.team.b[i] = (uint8_t)rng_next(&r);
            written.inviter[i] = (uint8_t)rng_next(&r);
            written.secret[i] = (uint8_t)rng_next(&r);
        }
        written.expires_s = (int64_t)(rng_next(&r) >> 1 | 1);
        written.address_count = (uint8_t)(1 + rng_below(&r, TALLY_INVITE_MAX_ADDRESSES));
        for (size_t i = 0; i < written.address_count; i++)
            (void)long_name(written.addresses[i], 1 + rng_below(&r, 60), 63);
        assert_int_equal(tally_invite_encode(&written, out, &len, &err), 0);
        assert_int_equal(decode_at(out, len, 0, &read), 0);
        assert_memory_equal(&read, &written, sizeof read);
    }
}

static void a_short_code_is_six_digits_of_the_hash(void **state) {
    (void)state;
    tally_hash handshake = {{0}};
    char code[TALLY_SHORT_CODE_BYTES];
    /* 27 53 de 46 3a ec: 39 83 222 70 58 236 */
    tally_short_code(&handshake, code);
    assert_string_equal(code, "932 086");
    /* 5c 12 98 c0 82 be: 92 18 152 192 130 190 */
    memset(handshake.b, 0xff, sizeof handshake.b);
    tally_short_code(&handshake, code);
    assert_string_equal(code, "282 200");
}

static void a_byte_that_would_favour_some_digits_is_skipped(void **state) {
    (void)state;
    tally_hash handshake = {{1}};
    char code[TALLY_SHORT_CODE_BYTES];
    /* fc 99 35 6c 95 b9 3e: 252 is skipped, then 153 53 108 149 185 62 */
    tally_short_code(&handshake, code);
    assert_string_equal(code, "338 952");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_invite_is_the_line_of_the_vector, set_up),
        cmocka_unit_test_setup(an_invite_is_refused_from_the_second_it_expires, set_up),
        cmocka_unit_test_setup(a_line_torn_anywhere_says_so, set_up),
        cmocka_unit_test_setup(every_letter_mistyped_is_noticed, set_up),
        cmocka_unit_test_setup(what_stands_around_the_line_is_refused, set_up),
        cmocka_unit_test_setup(a_line_longer_than_any_invite_is_refused, set_up),
        cmocka_unit_test_setup(an_invite_of_a_future_version_says_to_update, set_up),
        cmocka_unit_test_setup(what_a_right_check_covers_is_checked_all_the_same, set_up),
        cmocka_unit_test_setup(addresses_are_host_and_port, set_up),
        cmocka_unit_test_setup(names_and_labels_have_their_limits, set_up),
        cmocka_unit_test_setup(an_invite_that_could_not_be_read_is_not_written, set_up),
        cmocka_unit_test_setup(the_longest_invite_fits_a_line_and_a_qr_code, set_up),
        cmocka_unit_test_setup(random_invites_come_back_as_they_were, set_up),
        cmocka_unit_test_setup(a_short_code_is_six_digits_of_the_hash, set_up),
        cmocka_unit_test_setup(a_byte_that_would_favour_some_digits_is_skipped, set_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
