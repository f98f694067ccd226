/* Noise handshakes: the published vectors, and everything that must be refused. Names and patterns
 * are tested in noise_pattern_test.c, the transport in noise_cipher_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "vectors/noise_vector.h"

#include "noise_pair.h"

#define VECTORS_MAX_BYTES (1024u * 1024u)
#define VECTORS_COUNT     55u

/* A failed side does nothing any more and tells nothing. */
static void must_be_dead(tally_noise *noise) {
    static uint8_t out[256];
    size_t len = 1;
    tally_noise_cipher *a, *b;
    assert_int_equal(tally_noise_next(noise), TALLY_NOISE_FAILED);
    assert_int_equal(read_by(noise, message_len), TALLY_EREFUSED);
    assert_int_equal(payload_len, 0);
    assert_int_equal(
        tally_noise_write_message(noise, tally_span_str("x"), out, sizeof out, &len, &err),
        TALLY_EREFUSED);
    assert_int_equal(len, 0);
    assert_int_equal(tally_noise_split(noise, &a, &b, &err), TALLY_EREFUSED);
    assert_null(a);
    assert_null(b);
    assert_null(tally_noise_handshake_hash(noise));
    assert_null(tally_noise_remote_static(noise));
    assert_int_equal(tally_noise_overhead(noise), 0);
}

static void must_refuse_next(int code) {
    tally_noise *to = reader();
    assert_int_equal(write_next(), 0);
    assert_int_equal(read_by(to, message_len), code);
    assert_int_equal(payload_len, 0);
    assert_memory_not_equal(payload, "payload", sizeof "payload" - 1);
    must_be_dead(to);
}

static int end(void **state) {
    (void)state;
    close_both();
    return 0;
}

static void every_published_vector_is_played_to_the_byte(void **state) {
    (void)state;
    static uint8_t bytes[VECTORS_MAX_BYTES];
    FILE *file = fopen(TALLY_TEST_DATA "/vectors/noise_25519_chachapoly_sha256.json", "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    tally_json document, list, vector;
    tally_json_iter iter;
    unsigned count = 0;
    assert_int_equal(tally_json_parse(tally_span_of(bytes, len), &document), 0);
    assert_true(tally_json_get(&document, "vectors", &list));
    tally_json_iter_init(&iter, &list);
    for (; tally_json_next(&iter, NULL, &vector); count++)
        if (noise_vector_play(&vector, &err) != 0) fail_msg("vector %u: %s", count, err.text);
    assert_int_equal(count, VECTORS_COUNT);
}

static void round_trip(tally_noise_cipher *send, tally_noise_cipher *receive) {
    assert_int_equal(tally_noise_cipher_encrypt(send, tally_span_str("transport"), message,
                                                sizeof message, &message_len, &err),
                     0);
    assert_int_equal(tally_noise_cipher_decrypt(receive, tally_span_of(message, message_len),
                                                payload, sizeof payload, &payload_len, &err),
                     0);
    assert_true(tally_span_is(tally_span_of(payload, payload_len), "transport"));
}

static void must_complete(const char *protocol, unsigned messages) {
    tally_noise_cipher *i_send, *i_receive, *r_send, *r_receive;
    open_protocol(protocol);
    must_pass(messages);
    assert_int_equal(tally_noise_next(initiator), TALLY_NOISE_SPLIT);
    assert_int_equal(tally_noise_next(responder), TALLY_NOISE_SPLIT);
    assert_true(tally_hash_eq(tally_noise_handshake_hash(initiator),
                              tally_noise_handshake_hash(responder)));
    assert_int_equal(tally_noise_split(initiator, &i_send, &i_receive, &err), 0);
    assert_int_equal(tally_noise_split(responder, &r_send, &r_receive, &err), 0);
    round_trip(i_send, r_receive);
    if (messages == 1) {
        assert_null(i_receive);
        assert_null(r_send);
    } else {
        round_trip(r_send, i_receive);
    }
    tally_noise_cipher_free(i_send);
    tally_noise_cipher_free(i_receive);
    tally_noise_cipher_free(r_send);
    tally_noise_cipher_free(r_receive);
}

static void every_pattern_with_every_psk_completes(void **state) {
    (void)state;
    static const struct {
        const char *names;
        unsigned messages;
    } groups[] = {
        {"N K X", 1},
        {"NN NK NX KN KK KX IN IK IX NK1 KK1 IK1", 2},
        {"XN XK XX NX1 XK1 XX1 K1N K1K K1K1 K1X KX1 K1X1 I1N I1K I1K1 I1X IX1 I1X1", 3},
        {"X1N X1K X1K1 X1X X1X1", 4},
    };
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        const unsigned messages = groups[g].messages;
        for (const char *at = groups[g].names; *at; at += strspn(at, " ")) {
            int base = (int)strcspn(at, " ");
            char name[96];
            (void)snprintf(name, sizeof name, NAME("%.*s"), base, at);
            must_complete(name, messages);
            for (unsigned psk = 0; psk <= messages; psk++) {
                (void)snprintf(name, sizeof name, NAME("%.*spsk%u"), base, at, psk);
                must_complete(name, messages);
            }
            (void)snprintf(name, sizeof name, NAME("%.*spsk0+psk%u"), base, at, messages);
            must_complete(name, messages);
            at += base;
        }
    }
}

/* By hand, as in section 3 but with 32-byte keys: e; e, s + tag, tag; s + tag, tag. A psk encrypts
 * the first payload, too (section 9.2). */
static void message_sizes_are_those_of_section_3(void **state) {
    (void)state;
    static const struct {
        const char *protocol;
        size_t overhead[3];
    } cases[] = {{NAME("XX"), {32, 32 + 48 + 16, 48 + 16}},
                 {NAME("XXpsk0"), {32 + 16, 32 + 48 + 16, 48 + 16}},
                 {NAME("XXpsk1"), {32 + 16, 32 + 48 + 16, 48 + 16}},
                 {NAME("XXpsk3"), {32 + 16, 32 + 48 + 16, 48 + 16}},
                 {NAME("IXpsk2"), {32 + 48 + 16, 32 + 48 + 16, 0}},
                 {NAME("IX"), {32 + 32, 32 + 48 + 16, 0}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_protocol(cases[i].protocol);
        for (size_t m = 0; m < 3; m++) {
            size_t want = cases[i].overhead[m];
            assert_int_equal(tally_noise_overhead(initiator), want);
            assert_int_equal(tally_noise_overhead(responder), want);
            if (want == 0) break;
            must_pass(1);
            assert_int_equal(message_len, want + sizeof "payload" - 1);
        }
        assert_int_equal(tally_noise_overhead(initiator), 0);
    }
}

/* Flips bit `bit` of message `index` on the way; what the reader says. */
static int pass_flipped(unsigned index, size_t bit) {
    open_both();
    must_pass(index);
    tally_noise *to = reader();
    assert_int_equal(write_next(), 0);
    message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    return read_by(to, message_len);
}

static void a_flipped_bit_in_an_authenticated_message_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *protocol;
        unsigned messages;
    } cases[] = {{NAME("XXpsk0"), 3}, {NAME("IKpsk1"), 2}, {NAME("X"), 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_protocol(cases[i].protocol);
        for (unsigned m = 0; m < cases[i].messages; m++) {
            message_len = 1;
            for (size_t bit = 0; bit < message_len * 8; bit++) {
                if (pass_flipped(m, bit) != TALLY_EFORMAT)
                    fail_msg("%s: message %u, bit %zu", cases[i].protocol, m, bit);
                must_be_dead(m % 2 == 0 ? responder : initiator);
            }
        }
    }
}

/* A first message in the clear proves nothing; the answer to it does, because h has it. */
static void a_flipped_bit_in_a_cleartext_message_breaks_the_next(void **state) {
    (void)state;
    static const char *const protocols[] = {NAME("NN"), NAME("XX"), NAME("IX"), NAME("NK1")};
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        open_protocol(protocols[i]);
        message_len = 1;
        size_t len = 1;
        for (size_t bit = 0; bit < len * 8; bit++) {
            assert_int_equal(pass_flipped(0, bit), 0);
            len = message_len;
            must_refuse_next(TALLY_EFORMAT);
        }
    }
}

static void truncated_and_lengthened_messages_are_refused(void **state) {
    (void)state;
    static const char *const protocols[] = {NAME("XXpsk0"), NAME("IK"), NAME("X1X1psk4")};
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        open_protocol(protocols[i]);
        for (unsigned m = 0; tally_noise_next(initiator) != TALLY_NOISE_SPLIT; m++) {
            for (size_t len = 0; len <= tally_noise_overhead(initiator) + 8; len++) {
                tally_noise *to = reader();
                assert_int_equal(write_next(), 0);
                message[message_len] = 0;
                bool whole = len == message_len;
                assert_int_equal(read_by(to, len), whole ? 0 : TALLY_EFORMAT);
                if (!whole) must_be_dead(to);
                open_both();
                must_pass(m);
            }
            must_pass(1);
        }
    }
}

static void messages_above_65535_bytes_are_refused_before_anything(void **state) {
    (void)state;
    open_protocol(NAME("NN"));
    static uint8_t big[TALLY_NOISE_MESSAGE_MAX_BYTES];
    assert_int_equal(tally_noise_write_message(initiator, tally_span_of(big, 65535 - 31), message,
                                               sizeof message, &message_len, &err),
                     TALLY_ELIMIT);
    assert_int_equal(tally_noise_write_message(initiator, tally_span_of(big, SIZE_MAX), message,
                                               sizeof message, &message_len, &err),
                     TALLY_ELIMIT);
    assert_int_equal(tally_noise_write_message(initiator, tally_span_of(big, 65535 - 32), message,
                                               sizeof message, &message_len, &err),
                     0);
    assert_int_equal(message_len, 65535);
    assert_int_equal(read_by(responder, message_len), 0);
    assert_int_equal(payload_len, 65535 - 32);
    open_both();
    assert_int_equal(read_by(responder, 65536), TALLY_ELIMIT);
    must_be_dead(responder);
}

static void another_psk_is_refused_where_it_is_mixed_in(void **state) {
    (void)state;
    static const struct {
        const char *protocol;
        unsigned good;
        size_t psk;
    } cases[] = {{NAME("XXpsk0"), 0, 0},      {NAME("NNpsk1"), 0, 0}, {NAME("NNpsk2"), 1, 0},
                 {NAME("XXpsk3"), 2, 0},      {NAME("Xpsk1"), 0, 0},  {NAME("X1Kpsk4"), 3, 0},
                 {NAME("XXpsk0+psk3"), 2, 1}, {NAME("Npsk0"), 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_protocol(cases[i].protocol);
        alice.psks[cases[i].psk][KEY - 1] ^= 1;
        open_both();
        must_pass(cases[i].good);
        must_refuse_next(TALLY_EFORMAT);
    }
}

static void another_prologue_or_protocol_name_is_refused(void **state) {
    (void)state;
    open_protocol(NAME("XXpsk0"));
    bob.options.prologue = tally_span_str("prologuf");
    open_both();
    must_refuse_next(TALLY_EFORMAT);
    open_protocol(NAME("XX"));
    bob.options.protocol = tally_span_str(NAME("XX1"));
    open_both();
    must_pass(1); /* both begin with a bare e */
    must_refuse_next(TALLY_EFORMAT);
}

static void another_static_key_is_refused(void **state) {
    (void)state;
    /* Known beforehand: the responder is not whom the initiator means; then the reverse. */
    open_protocol(NAME("IK"));
    bob.s[5] ^= 1;
    open_both();
    must_refuse_next(TALLY_EFORMAT);
    open_protocol(NAME("KK"));
    alice.s[5] ^= 1;
    open_both();
    must_refuse_next(TALLY_EFORMAT);
    open_protocol(NAME("KN"));
    alice.s[5] ^= 1;
    open_both();
    must_pass(1);
    must_refuse_next(TALLY_EFORMAT);
}

static void a_transmitted_static_key_must_be_the_one_expected(void **state) {
    (void)state;
    uint8_t want[KEY];
    open_protocol(NAME("XXpsk0"));
    assert_null(tally_noise_remote_static(initiator));
    must_pass(3);
    crypto_scalarmult_base(want, bob.s);
    assert_memory_equal(tally_noise_remote_static(initiator), want, KEY);
    memcpy(alice.rs, want, KEY);
    crypto_scalarmult_base(want, alice.s);
    assert_memory_equal(tally_noise_remote_static(responder), want, KEY);
    alice.options.remote_static = tally_span_of(alice.rs, KEY);
    open_both();
    must_pass(3);
    alice.rs[0] ^= 1;
    open_both();
    must_pass(1);
    must_refuse_next(TALLY_EREFUSED);
}

/* The points of small order that are canonical or differ by p, from cr.yp.to/ecdh.html: none gives
 * a shared secret. */
static void low_order_points_end_the_handshake(void **state) {
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        open_protocol(NAME("NN"));
        assert_int_equal(tally_unhex(tally_span_str(points[i]), message, KEY), 0);
        assert_int_equal(read_by(responder, KEY), 0);
        assert_int_equal(tally_noise_write_message(responder, tally_span_str("secret"), message,
                                                   sizeof message, &message_len, &err),
                         TALLY_EFORMAT);
        assert_int_equal(message_len, 0);
        must_be_dead(responder);
        open_protocol(NAME("NK"));
        assert_int_equal(tally_unhex(tally_span_str(points[i]), message, KEY), 0);
        assert_int_equal(read_by(responder, KEY + TALLY_NOISE_TAG_BYTES), TALLY_EFORMAT);
        must_be_dead(responder);
    }
}

static void calls_out_of_turn_and_small_buffers_change_nothing(void **state) {
    (void)state;
    tally_noise_cipher *a, *b;
    open_protocol(NAME("XXpsk0"));
    for (unsigned m = 0; m < 3; m++) {
        tally_noise *from = writer(), *to = reader();
        size_t whole = tally_noise_overhead(from) + sizeof "payload" - 1;
        assert_int_equal(read_by(from, 60), TALLY_EINVAL);
        assert_int_equal(tally_noise_write_message(to, tally_span_str("x"), message, sizeof message,
                                                   &message_len, &err),
                         TALLY_EINVAL);
        assert_int_equal(tally_noise_split(from, &a, &b, &err), TALLY_EINVAL);
        assert_null(tally_noise_handshake_hash(from));
        assert_int_equal(tally_noise_write_message(from, tally_span_str("payload"), message,
                                                   whole - 1, &message_len, &err),
                         TALLY_EINVAL);
        assert_int_equal(tally_noise_write_message(from, tally_span_str("payload"), message, whole,
                                                   &message_len, &err),
                         0);
        assert_int_equal(tally_noise_read_message(to, tally_span_of(message, message_len), payload,
                                                  sizeof "payload" - 2, &payload_len, &err),
                         TALLY_EINVAL);
        assert_int_equal(read_by(to, message_len), 0);
    }
    assert_int_equal(read_by(initiator, 60), TALLY_EINVAL);
    assert_int_equal(tally_noise_split(initiator, &a, &b, &err), 0);
    tally_noise_cipher_free(a);
    tally_noise_cipher_free(b);
    assert_int_equal(tally_noise_next(initiator), TALLY_NOISE_DONE);
    assert_int_equal(tally_noise_split(initiator, &a, &b, &err), TALLY_EINVAL);
    assert_null(a);
    assert_true(tally_hash_eq(tally_noise_handshake_hash(initiator),
                              tally_noise_handshake_hash(responder)));
}

/* Takes `alice` as she is now: her options must be refused. */
static void must_refuse_options(void) {
    tally_noise *noise = initiator;
    assert_int_equal(tally_noise_new(&alice.options, &noise, &err), TALLY_EINVAL);
    assert_null(noise);
    assert_int_equal(tally_noise_new(&alice.options, &noise, NULL), TALLY_EINVAL);
}

static void missing_wrong_and_useless_keys_are_refused(void **state) {
    (void)state;
    party_init(&alice, NAME("XXpsk0"), true);
    alice.options.static_private.len = 0;
    must_refuse_options();
    alice.options.static_private.len = KEY - 1;
    must_refuse_options();
    party_init(&alice, NAME("XXpsk0"), true);
    alice.options.ephemeral_private.len = 0;
    must_refuse_options();
    party_init(&alice, NAME("XXpsk0"), true);
    alice.options.psk_count = 0;
    must_refuse_options();
    alice.options.psk_count = 2;
    must_refuse_options();
    alice.options.psk_count = 1;
    alice.psk_spans[0].len = KEY + 1;
    must_refuse_options();
    party_init(&alice, NAME("IK"), true);
    alice.options.remote_static.len = 0;
    must_refuse_options();
    party_init(&alice, NAME("NN"), true);
    alice.options.remote_static = tally_span_of(alice.rs, KEY);
    must_refuse_options();
    alice.options.protocol = tally_span_str("Noise_NN_448_ChaChaPoly_SHA256");
    must_refuse_options();
}

int main(void) {
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_published_vector_is_played_to_the_byte, end),
        cmocka_unit_test_teardown(every_pattern_with_every_psk_completes, end),
        cmocka_unit_test_teardown(message_sizes_are_those_of_section_3, end),
        cmocka_unit_test_teardown(a_flipped_bit_in_an_authenticated_message_is_refused, end),
        cmocka_unit_test_teardown(a_flipped_bit_in_a_cleartext_message_breaks_the_next, end),
        cmocka_unit_test_teardown(truncated_and_lengthened_messages_are_refused, end),
        cmocka_unit_test_teardown(messages_above_65535_bytes_are_refused_before_anything, end),
        cmocka_unit_test_teardown(another_psk_is_refused_where_it_is_mixed_in, end),
        cmocka_unit_test_teardown(another_prologue_or_protocol_name_is_refused, end),
        cmocka_unit_test_teardown(another_static_key_is_refused, end),
        cmocka_unit_test_teardown(a_transmitted_static_key_must_be_the_one_expected, end),
        cmocka_unit_test_teardown(low_order_points_end_the_handshake, end),
        cmocka_unit_test_teardown(calls_out_of_turn_and_small_buffers_change_nothing, end),
        cmocka_unit_test_teardown(missing_wrong_and_useless_keys_are_refused, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
