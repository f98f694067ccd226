/* Signatures of webhooks, against the vector of the specification's own reference libraries
 * (standard-webhooks/standard-webhooks, libraries, "sign function works"), and secrets' text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <webhook/sign.h>

#define VECTOR_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define VECTOR_ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define VECTOR_TIME   1614265330
#define VECTOR_BODY   "{\"test\": 2432232314}"
#define VECTOR        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static void the_reference_libraries_vector_comes_out(void **state) {
    uint8_t secret[TALLY_HOOK_SECRET_MAX_BYTES];
    char signatures[WEBHOOK_SIGNATURES_BYTES];
    size_t len;
    (void)state;
    assert_int_equal(webhook_secret_read(tally_span_str(VECTOR_SECRET), secret, &len, NULL), 0);
    assert_int_equal(len, 24);
    tally_span spans[] = {tally_span_of(secret, len), tally_span_of(secret, len)};
    webhook_sign(spans, 1, VECTOR_ID, VECTOR_TIME, tally_span_str(VECTOR_BODY), signatures);
    assert_string_equal(signatures, VECTOR);
    webhook_sign(spans, 2, VECTOR_ID, VECTOR_TIME, tally_span_str(VECTOR_BODY), signatures);
    assert_string_equal(signatures, VECTOR " " VECTOR);
}

static void the_longest_secret_is_taken_whole(void **state) {
    /* 64 bytes of 'k', the longest; base64 by hand: "a2tr" 21 times, then one 'k'. */
    uint8_t secret[TALLY_HOOK_SECRET_MAX_BYTES];
    char typed[128], again[WEBHOOK_SECRET_TEXT_BYTES];
    size_t len, at = 0;
    (void)state;
    at += (size_t)snprintf(typed, sizeof typed, "whsec_");
    for (int i = 0; i < 21; i++)
        at += (size_t)snprintf(typed + at, sizeof typed - at, "a2tr");
    (void)snprintf(typed + at, sizeof typed - at, "aw==");
    assert_int_equal(webhook_secret_read(tally_span_str(typed), secret, &len, NULL), 0);
    assert_int_equal(len, 64);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(secret[i], 'k');
    webhook_secret_write(tally_span_of(secret, len), again);
    assert_string_equal(again, typed);
}

static void what_is_no_secret_is_refused_and_not_repeated(void **state) {
    static const char *const bad[] = {
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa",   /* no whole group */
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==", /* 22 bytes */
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La-_Sw",
        ("whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr" /* 66 bytes */
         "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr"),
    };
    uint8_t secret[TALLY_HOOK_SECRET_MAX_BYTES];
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tally_error err = {0};
        assert_int_equal(webhook_secret_read(tally_span_str(bad[i]), secret, &len, &err),
                         TALLY_EINVAL);
        assert_null(strstr(err.text, "MfKQ9r8"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_libraries_vector_comes_out),
        cmocka_unit_test(the_longest_secret_is_taken_whole),
        cmocka_unit_test(what_is_no_secret_is_refused_and_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
