/* The transport after a Noise handshake: nonces, rekeying, limits, forgeries. The handshake is
 * tested in noise_test.c, the published bytes of both in tests/vectors/noise_vector.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>

#include "../../sync/noise_cipher.h"

#define TAG TALLY_NOISE_TAG_BYTES

static const uint8_t key[TALLY_NOISE_KEY_BYTES] = "thirty-two bytes known to both..";
static tally_noise_cipher sender, receiver;
static uint8_t sent[TALLY_NOISE_MESSAGE_MAX_BYTES + 1], got[TALLY_NOISE_MESSAGE_MAX_BYTES];
static size_t sent_len, got_len;
static tally_error err;

static int fresh_pair(void **state) {
    (void)state;
    noise_cipher_set_key(&sender, key);
    noise_cipher_set_key(&receiver, key);
    memset(sent, 0, sizeof sent);
    memset(got, 0, sizeof got);
    return sodium_init() < 0 ? -1 : 0;
}

static int send_text(const char *text) {
    return tally_noise_cipher_encrypt(&sender, tally_span_str(text), sent, sizeof sent, &sent_len,
                                      &err);
}

static int receive(void) {
    return tally_noise_cipher_decrypt(&receiver, tally_span_of(sent, sent_len), got, sizeof got,
                                      &got_len, &err);
}

static void must_pass(const char *text) {
    assert_int_equal(send_text(text), 0);
    assert_int_equal(receive(), 0);
    assert_true(tally_span_is(tally_span_of(got, got_len), text));
}

static void a_message_is_chacha20_poly1305_under_its_number(void **state) {
    (void)state;
    /* Section 12.3: the 96-bit nonce is 32 bits of zeros, then the little-endian number. */
    static const uint8_t nonce[12] = {0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
    uint8_t want[64];
    unsigned long long want_len;
    assert_int_equal(tally_noise_cipher_skip_to(&sender, UINT64_C(0x0102030405060708), &err), 0);
    assert_int_equal(send_text("plain"), 0);
    crypto_aead_chacha20poly1305_ietf_encrypt(want, &want_len, (const uint8_t *)"plain", 5, NULL, 0,
                                              NULL, nonce, key);
    assert_int_equal(sent_len, want_len);
    assert_memory_equal(sent, want, sent_len);
    assert_int_equal(tally_noise_cipher_nonce(&sender), UINT64_C(0x0102030405060709));
}

static void a_flipped_bit_is_refused_and_the_right_message_still_read(void **state) {
    (void)state;
    must_pass("first");
    assert_int_equal(send_text("second"), 0);
    for (size_t bit = 0; bit < sent_len * 8; bit++) {
        sent[bit / 8] ^= (uint8_t)(1u << bit % 8);
        memset(got, 0xaa, sizeof "second");
        assert_int_equal(receive(), TALLY_EFORMAT);
        assert_int_equal(got_len, 0);
        assert_memory_not_equal(got, "second", 6);
        assert_int_equal(tally_noise_cipher_nonce(&receiver), 1);
        sent[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(receive(), 0);
    assert_true(tally_span_is(tally_span_of(got, got_len), "second"));
}

static void repeated_reordered_and_shortened_messages_are_refused(void **state) {
    (void)state;
    must_pass("one");
    assert_int_equal(receive(), TALLY_EFORMAT); /* again */
    assert_int_equal(send_text("two"), 0);
    assert_int_equal(send_text("three"), 0);
    assert_int_equal(receive(), TALLY_EFORMAT); /* three before two */
    for (size_t len = sent_len; len-- > 0;) {
        int rc = tally_noise_cipher_decrypt(&receiver, tally_span_of(sent, len), got, sizeof got,
                                            &got_len, &err);
        assert_int_equal(rc, TALLY_EFORMAT);
        assert_int_equal(got_len, 0);
    }
    assert_int_equal(tally_noise_cipher_skip_to(&receiver, 2, &err), 0);
    assert_int_equal(receive(), 0); /* two is given up */
}

static void the_last_nonce_is_never_used(void **state) {
    (void)state;
    assert_int_equal(tally_noise_cipher_skip_to(&sender, UINT64_MAX - 1, &err), 0);
    assert_int_equal(tally_noise_cipher_skip_to(&receiver, UINT64_MAX - 1, &err), 0);
    must_pass("the last one");
    assert_int_equal(tally_noise_cipher_nonce(&sender), UINT64_MAX);
    assert_int_equal(receive(), TALLY_ELIMIT);
    assert_int_equal(got_len, 0);
    assert_int_equal(send_text("one too many"), TALLY_ELIMIT);
    assert_int_equal(sent_len, 0);
    /* Rekeying gives no new numbers. */
    tally_noise_cipher_rekey(&sender);
    assert_int_equal(send_text("one too many"), TALLY_ELIMIT);
    assert_int_equal(tally_noise_cipher_skip_to(&sender, UINT64_MAX, &err), 0);
    assert_int_equal(send_text("one too many"), TALLY_ELIMIT);
}

static void nonces_never_go_back(void **state) {
    (void)state;
    assert_int_equal(tally_noise_cipher_skip_to(&sender, 5, &err), 0);
    assert_int_equal(tally_noise_cipher_skip_to(&sender, 4, &err), TALLY_EINVAL);
    assert_int_equal(tally_noise_cipher_nonce(&sender), 5);
    assert_int_equal(tally_noise_cipher_skip_to(&sender, 5, &err), 0);
}

/* Section 4.2: the first 32 bytes of ENCRYPT(k, 2^64 - 1, "", zeros). An AEAD ciphertext of zeros
 * is ChaCha20's stream from block 1 on (RFC 8439 section 2.8), so the new key is that stream. */
static void a_rekeyed_cipher_uses_the_key_of_section_4_2(void **state) {
    (void)state;
    static const uint8_t max_nonce[12] = {0,    0,    0,    0,    0xff, 0xff,
                                          0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t nonce_1[12] = {0, 0, 0, 0, 1};
    uint8_t new_key[TALLY_NOISE_KEY_BYTES] = {0}, want[TAG + 5];
    crypto_stream_chacha20_ietf_xor_ic(new_key, new_key, sizeof new_key, max_nonce, 1, key);
    must_pass("under the old key");
    tally_noise_cipher_rekey(&sender);
    assert_int_equal(tally_noise_cipher_nonce(&sender), 1); /* section 11.3: n stays */
    assert_int_equal(send_text("plain"), 0);
    crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, (const uint8_t *)"plain", 5, NULL, 0,
                                              NULL, nonce_1, new_key);
    assert_int_equal(sent_len, sizeof want);
    assert_memory_equal(sent, want, sizeof want);
    assert_int_equal(receive(), TALLY_EFORMAT); /* only one side has changed its key */
    tally_noise_cipher_rekey(&receiver);
    assert_int_equal(receive(), 0);
    must_pass("under the new key");
}

static void messages_up_to_65535_bytes_pass_and_longer_ones_do_not(void **state) {
    (void)state;
    static uint8_t plain[TALLY_NOISE_MESSAGE_MAX_BYTES];
    const size_t most = 65535 - 16;
    randombytes_buf_deterministic(plain, sizeof plain, key);
    assert_int_equal(tally_noise_cipher_encrypt(&sender, tally_span_of(plain, most + 1), sent,
                                                sizeof sent, &sent_len, &err),
                     TALLY_ELIMIT);
    assert_int_equal(tally_noise_cipher_nonce(&sender), 0);
    assert_int_equal(tally_noise_cipher_encrypt(&sender, tally_span_of(plain, most), sent,
                                                sizeof sent, &sent_len, &err),
                     0);
    assert_int_equal(sent_len, 65535);
    assert_int_equal(tally_noise_cipher_decrypt(&receiver, tally_span_of(sent, 65536), got,
                                                sizeof got, &got_len, &err),
                     TALLY_ELIMIT);
    assert_int_equal(receive(), 0);
    assert_int_equal(got_len, most);
    assert_memory_equal(got, plain, most);
}

static void a_small_buffer_is_refused_and_uses_no_nonce(void **state) {
    (void)state;
    const tally_span text = tally_span_str("twelve bytes");
    assert_int_equal(tally_noise_cipher_encrypt(&sender, text, sent, 12 + TAG - 1, &sent_len, &err),
                     TALLY_EINVAL);
    assert_int_equal(tally_noise_cipher_nonce(&sender), 0);
    assert_int_equal(tally_noise_cipher_encrypt(&sender, text, sent, 12 + TAG, &sent_len, &err), 0);
    assert_int_equal(tally_noise_cipher_decrypt(&receiver, tally_span_of(sent, sent_len), got, 11,
                                                &got_len, &err),
                     TALLY_EINVAL);
    assert_int_equal(tally_noise_cipher_decrypt(&receiver, tally_span_of(sent, sent_len), got, 12,
                                                &got_len, &err),
                     0);
}

static void messages_are_made_and_read_in_place_and_may_be_empty(void **state) {
    (void)state;
    memcpy(sent, "in place", 8);
    assert_int_equal(tally_noise_cipher_encrypt(&sender, tally_span_of(sent, 8), sent, sizeof sent,
                                                &sent_len, &err),
                     0);
    assert_int_equal(tally_noise_cipher_decrypt(&receiver, tally_span_of(sent, sent_len), sent,
                                                sizeof sent, &sent_len, &err),
                     0);
    assert_true(tally_span_is(tally_span_of(sent, sent_len), "in place"));
    must_pass("");
    assert_int_equal(sent_len, TAG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_message_is_chacha20_poly1305_under_its_number, fresh_pair),
        cmocka_unit_test_setup(a_flipped_bit_is_refused_and_the_right_message_still_read,
                               fresh_pair),
        cmocka_unit_test_setup(repeated_reordered_and_shortened_messages_are_refused, fresh_pair),
        cmocka_unit_test_setup(the_last_nonce_is_never_used, fresh_pair),
        cmocka_unit_test_setup(nonces_never_go_back, fresh_pair),
        cmocka_unit_test_setup(a_rekeyed_cipher_uses_the_key_of_section_4_2, fresh_pair),
        cmocka_unit_test_setup(messages_up_to_65535_bytes_pass_and_longer_ones_do_not, fresh_pair),
        cmocka_unit_test_setup(a_small_buffer_is_refused_and_uses_no_nonce, fresh_pair),
        cmocka_unit_test_setup(messages_are_made_and_read_in_place_and_may_be_empty, fresh_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
