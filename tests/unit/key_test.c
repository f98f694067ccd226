/* Keys and key files: RFC 8032 and RFC 7748 vectors, files built by hand from the documented
 * format, damage, passphrases and file modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <tally/key.h>
#include <unistd.h>

/* RFC 8032 section 7.1, test 3; RFC 7748 section 6.1, Alice. The check line is from sha256sum. */
#define SEED_HEX   "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
#define DEVICE_HEX "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
#define ALICE_HEX  "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
#define BOX_HEX    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define PUBLIC_LINES                                                                               \
    "device " DEVICE_HEX "\n"                                                                      \
    "box " BOX_HEX "\n"
static const char clear_file[] =
    "tally-key/1 clear\n" PUBLIC_LINES "secret " SEED_HEX ALICE_HEX "\n"
    "check 945cfd6c78875f1095dd0095767f46127ef9c835a74a4b328f261f6ed7126593\n";

#define PASSPHRASE    "a passphrase"
#define CHECK_CHARS   (strlen("check ") + 64 + 1)
#define CHEAP_PASSES  1
#define CHEAP_KIB     8192
#define CHEAP_COST    "argon2id 1 8192 "
#define SALT_HEX      "000102030405060708090a0b0c0d0e0f"
#define NONCE_HEX     "101112131415161718191a1b1c1d1e1f2021222324252627"
#define SEALED_HEADER "tally-key/1 sealed\n" PUBLIC_LINES

typedef struct key_text {
    char text[TALLY_KEY_FILE_MAX_BYTES];
    size_t len;
} key_text;

static tally_span span_of(const key_text *file) {
    return tally_span_of(file->text, file->len);
}

static void append(key_text *file, const char *text) {
    size_t len = strlen(text);
    assert_true(file->len + len < sizeof file->text);
    memcpy(file->text + file->len, text, len + 1);
    file->len += len;
}

static void append_check(key_text *file) {
    uint8_t check[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(check, (const uint8_t *)file->text, file->len);
    char hex[2 * sizeof check + 1];
    append(file, "check ");
    append(file, sodium_bin2hex(hex, sizeof hex, check, sizeof check));
    append(file, "\n");
}

/* Gives the file a right check line for whatever it says now, as somebody with intent would. */
static void repair_check(key_text *file) {
    file->len -= CHECK_CHARS;
    append_check(file);
}

static void from_hex(const char *hex, uint8_t *out, size_t len) {
    assert_int_equal(tally_unhex(tally_span_str(hex), out, len), 0);
}

/* A sealed file made with libsodium from the documented format, as cheap to open as the format
 * allows. */
static void build_sealed(key_text *file) {
    uint8_t salt[16], nonce[24], key[32], plain[64], sealed[80];
    from_hex(SALT_HEX, salt, sizeof salt);
    from_hex(NONCE_HEX, nonce, sizeof nonce);
    from_hex(SEED_HEX ALICE_HEX, plain, sizeof plain);
    assert_int_equal(crypto_pwhash(key, sizeof key, PASSPHRASE, strlen(PASSPHRASE), salt,
                                   CHEAP_PASSES, CHEAP_KIB * 1024, crypto_pwhash_ALG_ARGON2ID13),
                     0);
    file->len = 0;
    append(file, SEALED_HEADER CHEAP_COST SALT_HEX "\nnonce " NONCE_HEX "\n");
    assert_int_equal(crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, plain, sizeof plain,
                                                                (const uint8_t *)file->text,
                                                                file->len, NULL, nonce, key),
                     0);
    char hex[2 * sizeof sealed + 1];
    append(file, "secret ");
    append(file, sodium_bin2hex(hex, sizeof hex, sealed, sizeof sealed));
    append(file, "\n");
    append_check(file);
}

static int decode(tally_span file, const char *passphrase, tally_key **key) {
    tally_error err;
    int rc = tally_key_decode(file, tally_span_str(passphrase), key, &err);
    if (rc != 0) assert_null(*key);
    return rc;
}

static void assert_is_the_known_key(const tally_key *key) {
    uint8_t device[32], box[32];
    from_hex(DEVICE_HEX, device, sizeof device);
    from_hex(BOX_HEX, box, sizeof box);
    assert_memory_equal(tally_key_device(key)->b, device, sizeof device);
    assert_memory_equal(tally_key_box_public(key), box, sizeof box);
}

static void a_clear_file_written_by_hand_signs_as_rfc_8032_says(void **state) {
    (void)state;
    tally_key *key;
    assert_int_equal(decode(tally_span_str(clear_file), NULL, &key), 0);
    assert_is_the_known_key(key);
    uint8_t signature[64], expected[64];
    from_hex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
             "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
             expected, sizeof expected);
    tally_span message = tally_span_of("\xaf\x82", 2);
    tally_key_sign(key, message, signature);
    assert_memory_equal(signature, expected, sizeof signature);
    assert_int_equal(tally_signature_verify(tally_key_device(key), message, signature), 0);
    tally_key_free(key);
}

static void a_signature_with_any_bit_changed_is_refused(void **state) {
    (void)state;
    tally_device_id device;
    uint8_t signature[64];
    from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", device.b, 32);
    from_hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
             "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
             signature, sizeof signature);
    tally_span empty = tally_span_of(NULL, 0);
    assert_int_equal(tally_signature_verify(&device, empty, signature), 0);
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(tally_signature_verify(&device, empty, signature), TALLY_EFORMAT);
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(tally_signature_verify(&device, tally_span_str("x"), signature),
                     TALLY_EFORMAT);
}

static void encoding_in_the_clear_gives_the_documented_text(void **state) {
    (void)state;
    tally_key *key;
    assert_int_equal(decode(tally_span_str(clear_file), NULL, &key), 0);
    uint8_t out[TALLY_KEY_FILE_MAX_BYTES];
    size_t len;
    assert_int_equal(tally_key_encode(key, tally_span_of(NULL, 0), out, sizeof out, &len, NULL), 0);
    assert_true(tally_span_is(tally_span_of(out, len), clear_file));
    assert_false(tally_key_is_sealed(tally_span_of(out, len)));
    for (size_t size = 0; size < len; size += 7)
        assert_int_equal(tally_key_encode(key, tally_span_of(NULL, 0), out, size, &len, NULL),
                         TALLY_ELIMIT);
    tally_key_free(key);
}

static void a_sealed_file_built_from_the_documentation_opens(void **state) {
    (void)state;
    key_text file;
    build_sealed(&file);
    tally_key *key;
    assert_true(tally_key_is_sealed(span_of(&file)));
    assert_int_equal(decode(span_of(&file), PASSPHRASE, &key), 0);
    assert_is_the_known_key(key);
    tally_key_free(key);
    assert_int_equal(decode(span_of(&file), "another passphrase", &key), TALLY_EREFUSED);
    assert_int_equal(decode(span_of(&file), "", &key), TALLY_EREFUSED);
}

static void what_we_seal_opens_under_its_passphrase_only(void **state) {
    (void)state;
    tally_key *key, *again;
    uint8_t out[TALLY_KEY_FILE_MAX_BYTES];
    size_t len;
    assert_int_equal(decode(tally_span_str(clear_file), NULL, &key), 0);
    assert_int_equal(tally_key_encode(key, tally_span_str(PASSPHRASE), out, sizeof out, &len, NULL),
                     0);
    tally_key_free(key);
    tally_span file = tally_span_of(out, len);
    assert_true(tally_key_is_sealed(file));
    assert_null(memmem(out, len, SEED_HEX, 64));
    assert_non_null(memmem(out, len, "argon2id 3 262144 ", 18));
    assert_int_equal(decode(file, PASSPHRASE, &again), 0);
    assert_is_the_known_key(again);
    tally_key_free(again);
    assert_int_equal(decode(file, PASSPHRASE " ", &again), TALLY_EREFUSED);
}

static void every_bit_flip_of(const key_text *good, const char *passphrase) {
    tally_key *key;
    for (size_t bit = 0; bit < 8 * good->len; bit++) {
        key_text bad = *good;
        bad.text[bit / 8] = (char)(bad.text[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(decode(span_of(&bad), passphrase, &key), TALLY_EFORMAT);
    }
}

static void every_bit_flip_of_a_file_is_found_as_damage(void **state) {
    (void)state;
    key_text file = {.len = 0};
    append(&file, clear_file);
    every_bit_flip_of(&file, NULL);
    build_sealed(&file);
    every_bit_flip_of(&file, PASSPHRASE);
}

/* Every field is authenticated: a changed file with a right check line is refused by the tag. */
static void a_forged_field_with_a_right_check_line_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } forgeries[] = {
        {"device fc", "device fd"},
        {"box 85", "box 86"},
        {"argon2id 1 8192 ", "argon2id 2 8192 "},
        {"argon2id 1 8192 ", "argon2id 1 8193 "},
        {"argon2id 1 8192 00", "argon2id 1 8192 01"},
        {"nonce 10", "nonce 11"},
    };
    tally_key *key;
    key_text good, bad;
    build_sealed(&good);
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        bad = good;
        char *at = strstr(bad.text, forgeries[i].from);
        assert_non_null(at);
        memcpy(at, forgeries[i].to, strlen(forgeries[i].to));
        repair_check(&bad);
        assert_int_equal(decode(span_of(&bad), PASSPHRASE, &key), TALLY_EREFUSED);
    }
    for (size_t offset = 0; offset < 160; offset += 53) {
        bad = good;
        char *at = strstr(bad.text, "secret ") + strlen("secret ") + offset;
        *at = *at == '0' ? '1' : '0';
        repair_check(&bad);
        assert_int_equal(decode(span_of(&bad), PASSPHRASE, &key), TALLY_EREFUSED);
    }
}

static void a_clear_secret_of_another_device_is_refused(void **state) {
    (void)state;
    static const char *const halves[] = {"secret c5", "251b26645", "device fc", "box 85"};
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        key_text file = {.len = 0};
        append(&file, clear_file);
        char *at = strstr(file.text, halves[i]) + strlen(halves[i]) - 1;
        *at = *at == '4' ? '3' : '4';
        repair_check(&file);
        tally_key *key;
        assert_int_equal(decode(span_of(&file), NULL, &key), TALLY_EFORMAT);
    }
}

static void absurd_argon2id_costs_are_refused_before_they_are_paid(void **state) {
    (void)state;
    static const char *const costs[] = {
        "argon2id 0 8192 ",   "argon2id 11 8192 ",      "argon2id 1 8191 ",
        "argon2id 1 524289 ", "argon2id 1 4294967296 ", "argon2id 18446744073709551617 8192 ",
        "argon2id 01 8192 ",  "argon2id 1 08192 ",      "argon2id +1 8192 ",
        "argon2id 1  8192 ",  "argon2i 1 8192 ",        "argon2id 1 ",
    };
    for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
        key_text good, bad = {.len = 0};
        build_sealed(&good);
        append(&bad, SEALED_HEADER);
        append(&bad, costs[i]);
        append(&bad, strstr(good.text, SALT_HEX));
        repair_check(&bad);
        tally_key *key;
        assert_int_equal(decode(span_of(&bad), PASSPHRASE, &key), TALLY_EFORMAT);
    }
}

static void a_truncated_or_extended_file_is_refused(void **state) {
    (void)state;
    tally_key *key;
    key_text file;
    build_sealed(&file);
    for (size_t len = 0; len < file.len; len++)
        assert_int_equal(decode(tally_span_of(file.text, len), PASSPHRASE, &key), TALLY_EFORMAT);
    append(&file, "\n");
    assert_int_equal(decode(span_of(&file), PASSPHRASE, &key), TALLY_EFORMAT);
    static uint8_t endless[TALLY_KEY_FILE_MAX_BYTES + 1];
    memcpy(endless, clear_file, sizeof clear_file);
    assert_int_equal(decode(tally_span_of(endless, sizeof endless), NULL, &key), TALLY_EFORMAT);
}

static void a_seed_always_gives_the_same_two_unrelated_pairs(void **state) {
    (void)state;
    uint8_t seed[32] = {7}, sub[32];
    tally_key *a, *b;
    assert_int_equal(tally_key_from_seed(seed, &a, NULL), 0);
    assert_int_equal(tally_key_from_seed(seed, &b, NULL), 0);
    assert_memory_equal(tally_key_device(a)->b, tally_key_device(b)->b, 32);
    assert_memory_equal(tally_key_box_public(a), tally_key_box_public(b), 32);
    /* libsodium's key derivation is keyed BLAKE2b with the number as salt, the context as person.
     */
    uint8_t salt[16] = {2}, person[16] = "tallykey", public[32];
    assert_int_equal(
        crypto_generichash_blake2b_salt_personal(sub, 32, NULL, 0, seed, 32, salt, person), 0);
    assert_int_equal(crypto_scalarmult_base(public, sub), 0);
    assert_memory_equal(tally_key_box_public(a), public, 32);
    tally_key_free(b);
    seed[31] ^= 1;
    assert_int_equal(tally_key_from_seed(seed, &b, NULL), 0);
    assert_memory_not_equal(tally_key_device(a)->b, tally_key_device(b)->b, 32);
    tally_key_free(a);
    tally_key_free(b);
}

static void generated_keys_differ(void **state) {
    (void)state;
    tally_key *a, *b;
    assert_int_equal(tally_key_generate(&a, NULL), 0);
    assert_int_equal(tally_key_generate(&b, NULL), 0);
    assert_memory_not_equal(tally_key_device(a)->b, tally_key_device(b)->b, 32);
    assert_memory_not_equal(tally_key_box_public(a), tally_key_box_public(b), 32);
    tally_key_free(a);
    tally_key_free(b);
    tally_key_free(NULL);
}

/* A directory of its own for each test that needs files. */
typedef struct place {
    char directory[64], path[96];
} place;

static int place_make(void **state) {
    place *at = calloc(1, sizeof *at);
    if (!at) return -1;
    (void)snprintf(at->directory, sizeof at->directory, "/tmp/tally-key-test-XXXXXX");
    if (!mkdtemp(at->directory)) return -1;
    (void)snprintf(at->path, sizeof at->path, "%s/device.key", at->directory);
    *state = at;
    return 0;
}

/* rmdir fails, and so the test, when anything but the key file was left behind. */
static int place_remove(void **state) {
    place *at = *state;
    (void)unlink(at->path);
    int rc = rmdir(at->directory);
    free(at);
    return rc;
}

static void a_key_file_is_private_and_never_overwritten(void **state) {
    const place *at = *state;
    tally_key *key, *again;
    tally_error err;
    mode_t before = umask(0);
    assert_int_equal(tally_key_generate(&key, &err), 0);
    assert_int_equal(tally_key_write_file(key, tally_span_of(NULL, 0), at->path, &err), 0);
    (void)umask(before);
    struct stat info;
    assert_int_equal(stat(at->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_nlink, 1);
    assert_int_equal(tally_key_write_file(key, tally_span_of(NULL, 0), at->path, &err),
                     TALLY_EEXIST);
    assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &again, &err), 0);
    assert_memory_equal(tally_key_device(key)->b, tally_key_device(again)->b, 32);
    assert_memory_equal(tally_key_box_public(key), tally_key_box_public(again), 32);
    tally_key_free(key);
    tally_key_free(again);
}

static void write_text(const char *path, const void *text, size_t len, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void a_key_file_open_to_others_is_refused(void **state) {
    const place *at = *state;
    static const mode_t refused[] = {0640, 0604, 0620, 0602, 0610, 0601, 0666, 0777};
    tally_key *key;
    tally_error err;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        write_text(at->path, clear_file, strlen(clear_file), refused[i]);
        assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &key, &err), TALLY_EREFUSED);
        assert_non_null(strstr(err.text, "chmod 600"));
    }
    write_text(at->path, clear_file, strlen(clear_file), 0400);
    assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &key, &err), 0);
    assert_is_the_known_key(key);
    tally_key_free(key);
}

static void what_is_not_a_key_file_is_refused(void **state) {
    const place *at = *state;
    tally_key *key;
    tally_error err;
    assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &key, &err), TALLY_ENOTFOUND);
    assert_int_equal(tally_key_read_file(at->directory, NULL, NULL, &key, &err), TALLY_EREFUSED);
    assert_int_equal(mkfifo(at->path, 0600), 0);
    assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &key, &err), TALLY_EREFUSED);
    assert_int_equal(unlink(at->path), 0);
    write_text(at->path, clear_file, strlen(clear_file) - 1, 0600);
    assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &key, &err), TALLY_EFORMAT);
    write_text(at->path, "", 0, 0600);
    assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &key, &err), TALLY_EFORMAT);
    static char endless[2 * TALLY_KEY_FILE_MAX_BYTES];
    write_text(at->path, endless, sizeof endless, 0600);
    assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &key, &err), TALLY_EFORMAT);
    assert_null(key);
}

static void a_key_file_cannot_be_written_where_there_is_no_directory(void **state) {
    (void)state;
    tally_key *key;
    tally_error err;
    assert_int_equal(tally_key_generate(&key, &err), 0);
    assert_int_equal(
        tally_key_write_file(key, tally_span_of(NULL, 0), "/nonexistent/place/device.key", &err),
        TALLY_ENOTFOUND);
    tally_key_free(key);
}

typedef struct asked {
    const char *answer;
    unsigned times;
} asked;

static int answer(void *ctx, char *out, size_t size, size_t *len, tally_error *err) {
    asked *a = ctx;
    a->times++;
    if (!a->answer) return tally_fail(err, TALLY_EREFUSED, "nobody is there");
    *len = strlen(a->answer);
    assert_true(*len <= size);
    memcpy(out, a->answer, *len);
    return 0;
}

static void a_passphrase_is_asked_for_sealed_files_only(void **state) {
    const place *at = *state;
    tally_key *key;
    tally_error err;
    key_text file;
    asked right = {PASSPHRASE, 0}, wrong = {"wrong", 0}, nobody = {NULL, 0};
    write_text(at->path, clear_file, strlen(clear_file), 0600);
    assert_int_equal(tally_key_read_file(at->path, answer, &right, &key, &err), 0);
    assert_int_equal(right.times, 0);
    tally_key_free(key);

    build_sealed(&file);
    write_text(at->path, file.text, file.len, 0600);
    assert_int_equal(tally_key_read_file(at->path, answer, &right, &key, &err), 0);
    assert_int_equal(right.times, 1);
    assert_is_the_known_key(key);
    tally_key_free(key);
    assert_int_equal(tally_key_read_file(at->path, answer, &wrong, &key, &err), TALLY_EREFUSED);
    assert_int_equal(tally_key_read_file(at->path, answer, &nobody, &key, &err), TALLY_EREFUSED);
    assert_string_equal(err.text, "nobody is there");
    assert_int_equal(tally_key_read_file(at->path, NULL, NULL, &key, &err), TALLY_EREFUSED);
}

int main(void) {
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clear_file_written_by_hand_signs_as_rfc_8032_says),
        cmocka_unit_test(a_signature_with_any_bit_changed_is_refused),
        cmocka_unit_test(encoding_in_the_clear_gives_the_documented_text),
        cmocka_unit_test(a_sealed_file_built_from_the_documentation_opens),
        cmocka_unit_test(what_we_seal_opens_under_its_passphrase_only),
        cmocka_unit_test(every_bit_flip_of_a_file_is_found_as_damage),
        cmocka_unit_test(a_forged_field_with_a_right_check_line_is_refused),
        cmocka_unit_test(a_clear_secret_of_another_device_is_refused),
        cmocka_unit_test(absurd_argon2id_costs_are_refused_before_they_are_paid),
        cmocka_unit_test(a_truncated_or_extended_file_is_refused),
        cmocka_unit_test(a_seed_always_gives_the_same_two_unrelated_pairs),
        cmocka_unit_test(generated_keys_differ),
        cmocka_unit_test_setup_teardown(a_key_file_is_private_and_never_overwritten, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(a_key_file_open_to_others_is_refused, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(what_is_not_a_key_file_is_refused, place_make,
                                        place_remove),
        cmocka_unit_test(a_key_file_cannot_be_written_where_there_is_no_directory),
        cmocka_unit_test_setup_teardown(a_passphrase_is_asked_for_sealed_files_only, place_make,
                                        place_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
