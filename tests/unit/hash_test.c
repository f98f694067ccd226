/* SHA-256, the two RFC 6962 hashes, hex and base64, against FIPS 180-4 and RFC 4648 examples,
 * published Certificate Transparency hashes and libsodium. Trees are in merkle_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <tally/hash.h>

#define MILLION 1000000u
#define THREADS 4
#define ROUNDS  2000

static void assert_hex(const tally_hash *hash, const char *expected) {
    char hex[2 * TALLY_HASH_BYTES + 1];
    tally_hex(tally_span_of(hash->b, sizeof hash->b), hex);
    assert_string_equal(hex, expected);
}

static void sha256_gives_the_fips_180_4_examples(void **state) {
    (void)state;
    tally_hash hash;
    tally_sha256(tally_span_of(NULL, 0), &hash);
    assert_hex(&hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    tally_sha256(tally_span_str("abc"), &hash);
    assert_hex(&hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    tally_sha256(tally_span_str("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), &hash);
    assert_hex(&hash, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    uint8_t *million = malloc(MILLION);
    assert_non_null(million);
    memset(million, 'a', MILLION);
    tally_sha256(tally_span_of(million, MILLION), &hash);
    free(million);
    assert_hex(&hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void parts_hash_like_their_concatenation(void **state) {
    (void)state;
    const char *text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    size_t len = strlen(text);
    for (size_t i = 0; i <= len; i++) {
        tally_span parts[] = {tally_span_of(text, i), tally_span_of(NULL, 0),
                              tally_span_of(text + i, len - i)};
        tally_hash hash;
        tally_sha256_parts(parts, 3, &hash);
        assert_hex(&hash, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    }
    tally_hash nothing;
    tally_sha256_parts(NULL, 0, &nothing);
    assert_hex(&nothing, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void leaf_hashes_are_the_published_ones(void **state) {
    (void)state;
    tally_hash hash;
    tally_leaf_hash(tally_span_of(NULL, 0), &hash);
    assert_hex(&hash, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    tally_leaf_hash(tally_span_str("L123456"), &hash);
    assert_hex(&hash, "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
}

static void leaf_hashes_of_every_length_agree_with_libsodium(void **state) {
    (void)state;
    uint8_t prefixed[2100] = {0x00};
    for (size_t i = 1; i < sizeof prefixed; i++)
        prefixed[i] = (uint8_t)(i * 31);
    for (size_t len = 0; len + 1 <= sizeof prefixed; len++) {
        tally_hash expected, hash;
        crypto_hash_sha256(expected.b, prefixed, len + 1);
        tally_leaf_hash(tally_span_of(prefixed + 1, len), &hash);
        assert_true(tally_hash_eq(&expected, &hash));
    }
}

static void a_node_hash_prefixes_one_and_may_overwrite_its_operands(void **state) {
    (void)state;
    tally_hash left, right, both;
    tally_leaf_hash(tally_span_of(NULL, 0), &left);
    tally_leaf_hash(tally_span_of("\0", 1), &right);
    tally_node_hash(&left, &right, &both);
    assert_hex(&both, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    tally_node_hash(&left, &right, &right);
    assert_true(tally_hash_eq(&both, &right));
}

static void *hash_repeatedly(void *wrong) {
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint8_t record[250];
        memset(record, (int)(i & 0xff), sizeof record);
        uint8_t prefixed[sizeof record + 1] = {0x00};
        memcpy(prefixed + 1, record, sizeof record);
        tally_hash hash, expected;
        crypto_hash_sha256(expected.b, prefixed, sizeof prefixed);
        tally_leaf_hash(tally_span_of(record, sizeof record), &hash);
        if (!tally_hash_eq(&hash, &expected)) ++*(uint32_t *)wrong;
    }
    return NULL;
}

static void threads_hash_side_by_side(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    uint32_t wrong[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_repeatedly, &wrong[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(wrong[i], 0);
    }
}

static void hex_is_written_lower_and_read_in_either_case(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x9a, 0xbc, 0xde, 0xf0};
    char hex[2 * sizeof bytes + 1];
    tally_hex(tally_span_of(bytes, sizeof bytes), hex);
    assert_string_equal(hex, "009abcdef0");
    uint8_t out[sizeof bytes];
    assert_int_equal(tally_unhex(tally_span_str("009aBCdEf0"), out, sizeof out), 0);
    assert_memory_equal(out, bytes, sizeof bytes);
}

static void hex_of_another_length_or_alphabet_is_refused(void **state) {
    (void)state;
    uint8_t out[2];
    static const char *const refused[] = {"",       "00",   "000",  "00000",
                                          "000000", "0g00", " 000", "00:0"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(tally_unhex(tally_span_str(refused[i]), out, sizeof out), -1);
    assert_int_equal(tally_unhex(tally_span_of(NULL, 0), out, 0), 0);
}

static void assert_unbase64(const char *text, bool for_url, const char *expected) {
    uint8_t out[16];
    size_t len;
    assert_int_equal(tally_unbase64(tally_span_str(text), for_url, out, sizeof out, &len), 0);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(out, expected, len);
}

static void base64_gives_the_rfc_4648_examples(void **state) {
    (void)state;
    assert_unbase64("", false, "");
    assert_unbase64("Zg==", false, "f");
    assert_unbase64("Zm8=", false, "fo");
    assert_unbase64("Zm9v", false, "foo");
    assert_unbase64("Zm9vYmFy", false, "foobar");
    assert_unbase64("Zm9vYg", true, "foob");
    assert_unbase64("_-_-", true, "\xff\xef\xfe");
}

/* libsodium 1.0.18 reads bytes from 0x80 on as the last digit. */
static void base64_has_one_spelling(void **state) {
    static const char *const refused[] = {
        "Zg",    "Zg=",     "Zh==",          " Zm9v",   "Zm9v\n",          "_-_-",
        "Zm9v=", "Zm9vYmF", "\xc3\x89\x39v", "Zm9\xff", "\x80\x80\x80\x80"};
    uint8_t out[16];
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(tally_unbase64(tally_span_str(refused[i]), false, out, sizeof out, &len),
                         -1);
    assert_int_equal(tally_unbase64(tally_span_str("Zm9v"), false, out, 2, &len), -1);
    assert_int_equal(tally_unbase64(tally_span_str("Zg=="), true, out, sizeof out, &len), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_fips_180_4_examples),
        cmocka_unit_test(parts_hash_like_their_concatenation),
        cmocka_unit_test(leaf_hashes_are_the_published_ones),
        cmocka_unit_test(leaf_hashes_of_every_length_agree_with_libsodium),
        cmocka_unit_test(a_node_hash_prefixes_one_and_may_overwrite_its_operands),
        cmocka_unit_test(threads_hash_side_by_side),
        cmocka_unit_test(hex_is_written_lower_and_read_in_either_case),
        cmocka_unit_test(hex_of_another_length_or_alphabet_is_refused),
        cmocka_unit_test(base64_gives_the_rfc_4648_examples),
        cmocka_unit_test(base64_has_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
