/* Beacons. Vectors were made with Python's hashlib.blake2b. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/beacon.h>
#include <tally/time.h>

#define DAY    20513                         /* 2026-03-01 */
#define NOON_S (DAY * 86400LL + 12 * 3600LL) /* noon of that day, UTC */
#define PORT   7411

/* Secret 00 01 .. 1f, nonce 40 41 .. 4f, any time of DAY, PORT. */
static const char vector_hex[] =
    "01404142434445464748494a4b4c4d4e4fd12965a0c71682a63ce133e8182bf6d8f3d5";

/* The same with port 0. */
static const char portless_hex[] =
    "01404142434445464748494a4b4c4d4e4fa1850ced3cf091bb971d91d3754d1369ef26";

static tally_team_secret ours;
static uint8_t nonce[TALLY_BEACON_NONCE_BYTES];
static tally_error err;

static int set_up(void **state) {
    (void)state;
    for (uint8_t i = 0; i < sizeof ours.bytes; i++)
        ours.bytes[i] = i;
    for (uint8_t i = 0; i < sizeof nonce; i++)
        nonce[i] = (uint8_t)(0x40 + i);
    return 0;
}

static void make(uint8_t out[TALLY_BEACON_BYTES], int64_t now_s) {
    assert_int_equal(tally_beacon_make(ours.bytes, nonce, now_s, PORT, out, &err), 0);
}

static bool seen(const uint8_t *beacon, size_t len, int64_t now_s) {
    uint16_t port = 0;
    bool found = tally_beacon_recognise(tally_span_of(beacon, len), &ours, 1, now_s, &port, NULL);
    assert_int_equal(port, found ? PORT : 0);
    return found;
}

static void a_beacon_is_the_bytes_of_the_vector(void **state) {
    (void)state;
    uint8_t expected[TALLY_BEACON_BYTES], beacon[TALLY_BEACON_BYTES];
    assert_int_equal(TALLY_BEACON_BYTES, 35);
    assert_int_equal(tally_unhex(tally_span_str(vector_hex), expected, sizeof expected), 0);
    make(beacon, NOON_S);
    assert_memory_equal(beacon, expected, sizeof beacon);
    assert_true(seen(expected, sizeof expected, NOON_S));
}

static void a_beacon_holds_from_the_day_before_to_the_day_after(void **state) {
    (void)state;
    const int64_t first = (DAY - 1) * 86400LL, end = (DAY + 2) * 86400LL;
    uint8_t beacon[TALLY_BEACON_BYTES];
    make(beacon, NOON_S);
    assert_false(seen(beacon, sizeof beacon, first - 1));
    assert_true(seen(beacon, sizeof beacon, first));
    assert_true(seen(beacon, sizeof beacon, DAY * 86400LL));
    assert_true(seen(beacon, sizeof beacon, end - 1));
    assert_false(seen(beacon, sizeof beacon, end));
}

static void the_first_and_the_last_day_number_work(void **state) {
    (void)state;
    const int64_t last = ((int64_t)UINT32_MAX + 1) * 86400 - 1;
    uint8_t beacon[TALLY_BEACON_BYTES];
    make(beacon, 0);
    assert_true(seen(beacon, sizeof beacon, 0));
    assert_true(seen(beacon, sizeof beacon, 86400));
    make(beacon, last);
    assert_true(seen(beacon, sizeof beacon, last));
    assert_false(seen(beacon, sizeof beacon, 0));
}

static void any_of_several_secrets_is_found_and_named(void **state) {
    (void)state;
    tally_team_secret secrets[TALLY_TEAM_MAX_SECRETS] = {{0}};
    uint8_t beacon[TALLY_BEACON_BYTES] = {0};
    tally_span payload = tally_span_of(beacon, sizeof beacon);
    uint16_t port = 0;
    make(beacon, NOON_S);
    for (size_t i = 0; i < TALLY_TEAM_MAX_SECRETS; i++)
        memset(secrets[i].bytes, (int)(0x80 + i), sizeof secrets[i].bytes);
    size_t which = 99;
    const size_t all = TALLY_TEAM_MAX_SECRETS;
    assert_false(tally_beacon_recognise(payload, secrets, all, NOON_S, &port, &which));
    assert_false(tally_beacon_recognise(payload, secrets, 0, NOON_S, &port, &which));
    assert_int_equal(which, 99);
    for (size_t i = 0; i < all; i++) {
        tally_team_secret kept = secrets[i];
        secrets[i] = ours;
        assert_true(tally_beacon_recognise(payload, secrets, all, NOON_S, &port, &which));
        assert_int_equal(which, i);
        assert_int_equal(port, PORT);
        secrets[i] = kept;
    }
}

static void a_beacon_with_any_bit_changed_is_not_recognised(void **state) {
    (void)state;
    uint8_t beacon[TALLY_BEACON_BYTES];
    make(beacon, NOON_S);
    for (size_t bit = 0; bit < 8 * sizeof beacon; bit++) {
        beacon[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (seen(beacon, sizeof beacon, NOON_S)) fail_msg("bit %zu makes no difference", bit);
        beacon[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(seen(beacon, sizeof beacon, NOON_S));
}

static void a_beacon_of_another_length_is_not_recognised(void **state) {
    (void)state;
    uint8_t beacon[TALLY_BEACON_BYTES + 1] = {0};
    make(beacon, NOON_S);
    for (size_t len = 0; len < TALLY_BEACON_BYTES; len++)
        assert_false(seen(beacon, len, NOON_S));
    assert_false(seen(beacon, sizeof beacon, NOON_S));
}

static void another_nonce_changes_tag_and_port_as_well(void **state) {
    (void)state;
    uint8_t one[TALLY_BEACON_BYTES], other[TALLY_BEACON_BYTES];
    make(one, NOON_S);
    nonce[0] ^= 1;
    make(other, NOON_S);
    assert_memory_not_equal(one + 17, other + 17, 16);
    assert_memory_not_equal(one + 33, other + 33, 2);
    /* the port in clear is 7411 = 0x1cf3 in neither */
    assert_memory_not_equal(one + 33, "\x1c\xf3", 2);
    assert_memory_not_equal(other + 33, "\x1c\xf3", 2);
}

static void a_beacon_that_says_port_0_is_not_recognised(void **state) {
    (void)state;
    uint8_t beacon[TALLY_BEACON_BYTES];
    assert_int_equal(tally_unhex(tally_span_str(portless_hex), beacon, sizeof beacon), 0);
    assert_false(seen(beacon, sizeof beacon, NOON_S));
}

static void a_beacon_without_a_port_or_a_sane_clock_is_not_made(void **state) {
    (void)state;
    const int64_t too_late = ((int64_t)UINT32_MAX + 1) * 86400;
    uint8_t out[TALLY_BEACON_BYTES], beacon[TALLY_BEACON_BYTES];
    assert_int_equal(tally_beacon_make(ours.bytes, nonce, NOON_S, 0, out, &err), TALLY_EINVAL);
    assert_int_equal(tally_beacon_make(ours.bytes, nonce, -1, PORT, out, &err), TALLY_EINVAL);
    assert_int_equal(tally_beacon_make(ours.bytes, nonce, too_late, PORT, out, &err), TALLY_EINVAL);
    make(beacon, NOON_S);
    assert_false(seen(beacon, sizeof beacon, -1));
    assert_false(seen(beacon, sizeof beacon, too_late));
    assert_false(seen(beacon, sizeof beacon, INT64_MIN));
    assert_false(seen(beacon, sizeof beacon, INT64_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_beacon_is_the_bytes_of_the_vector, set_up),
        cmocka_unit_test_setup(a_beacon_holds_from_the_day_before_to_the_day_after, set_up),
        cmocka_unit_test_setup(the_first_and_the_last_day_number_work, set_up),
        cmocka_unit_test_setup(any_of_several_secrets_is_found_and_named, set_up),
        cmocka_unit_test_setup(a_beacon_with_any_bit_changed_is_not_recognised, set_up),
        cmocka_unit_test_setup(a_beacon_of_another_length_is_not_recognised, set_up),
        cmocka_unit_test_setup(another_nonce_changes_tag_and_port_as_well, set_up),
        cmocka_unit_test_setup(a_beacon_that_says_port_0_is_not_recognised, set_up),
        cmocka_unit_test_setup(a_beacon_without_a_port_or_a_sane_clock_is_not_made, set_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
