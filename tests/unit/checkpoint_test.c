/* Checkpoints: a note built and signed by independent tools, published key ids, and every rule of
 * c2sp.org/signed-note and c2sp.org/tlog-checkpoint that a hostile note can break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <tally/checkpoint.h>

#define NOTE_ROOM_BYTES 16384

/* RFC 8032 section 7.1, test 3. The team is SHA-256("abc"); the root is that of the eight published
 * leaves in merkle_test.c. The signature was made with 'openssl pkeyutl -sign -rawin'. */
#define DEVICE_HEX "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
#define TEAM_HEX   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ROOT_HEX   "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
#define ORIGIN     "tally.invalid/" TEAM_HEX "/" DEVICE_HEX
#define ROOT_LINE  "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="
#define BODY       ORIGIN "\n8\n" ROOT_LINE "\n"
#define DASH       "\xe2\x80\x94 "
#define SIGNATURE                                                                                  \
    "KheH1zKS+AW/1MUfwERL2A/7I1gWjeR8B3V4ee4SZxKPvjCUnoe0XI3DsDLyQPYeTSt+iT/y+bI6Sqje1YQyiUiltQM="
#define OUR_LINE DASH ORIGIN " " SIGNATURE "\n"
#define NOTE     BODY "\n" OUR_LINE
/* A cosignature from the example of c2sp.org/tlog-cosignature. */
#define OTHER_SIGNATURE                                                                            \
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+"     \
    "mbIUBkBIfZ+qnA=="
#define OTHER_LINE DASH "witness.example.com/w1 " OTHER_SIGNATURE "\n"

static const char clear_key[] =
    "tally-key/1 clear\n"
    "device " DEVICE_HEX "\n"
    "box 8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a\n"
    "secret c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a\n"
    "check 945cfd6c78875f1095dd0095767f46127ef9c835a74a4b328f261f6ed7126593\n";

static tally_device_id device;
static tally_hash root;

static int read_constants(void **state) {
    (void)state;
    return tally_unhex(tally_span_str(DEVICE_HEX), device.b, sizeof device.b) |
           tally_unhex(tally_span_str(ROOT_HEX), root.b, sizeof root.b);
}

static int parse(tally_span note) {
    tally_checkpoint cp;
    tally_error err;
    int rc = tally_checkpoint_parse(note, &device, ORIGIN, &cp, &err);
    if (rc != 0) assert_int_equal(rc, err.code);
    return rc;
}

static void the_origin_names_team_and_device(void **state) {
    (void)state;
    tally_hash team;
    char origin[TALLY_ORIGIN_MAX_BYTES];
    tally_sha256(tally_span_str("abc"), &team);
    tally_origin_format(&team, &device, origin);
    assert_string_equal(origin, ORIGIN);
}

static void the_body_is_three_lines(void **state) {
    (void)state;
    char body[TALLY_CHECKPOINT_MAX_BYTES];
    assert_int_equal(tally_checkpoint_body(ORIGIN, 8, &root, body), strlen(BODY));
    assert_string_equal(body, BODY);
    (void)tally_checkpoint_body("o", UINT64_MAX, &root, body);
    assert_string_equal(body, "o\n18446744073709551615\n" ROOT_LINE "\n");
    (void)tally_checkpoint_body("o", 0, &root, body);
    assert_string_equal(body, "o\n0\n" ROOT_LINE "\n");
}

/* Verifier keys published with golang.org/x/mod/sumdb/note and c2sp.org/signed-note: name, id, key.
 */
static void key_ids_are_those_of_published_verifier_keys(void **state) {
    (void)state;
    static const struct {
        const char *name, *id, *key;
    } known[] = {
        {"PeterNeumann", "c74f20a3",
         "1a5cd907143c384c41e830c5bce12aa8817ec5649aaabf2c31388b35b2d744d6"},
        {"EnochRoot", "af0cfe78",
         "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"},
        {"example.com/foo", "530d903a",
         "e932791ae6e7a840a46164c904786426d5e7821dd8b29a00d61cae72afdd4da4"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        tally_device_id key;
        uint8_t id[4];
        char hex[2 * sizeof id + 1];
        assert_int_equal(tally_unhex(tally_span_str(known[i].key), key.b, sizeof key.b), 0);
        tally_note_key_id(known[i].name, TALLY_NOTE_ED25519, &key, id);
        tally_hex(tally_span_of(id, sizeof id), hex);
        assert_string_equal(hex, known[i].id);
    }
}

static void signing_and_formatting_give_the_note_built_by_other_tools(void **state) {
    (void)state;
    tally_key *key;
    assert_int_equal(
        tally_key_decode(tally_span_str(clear_key), tally_span_of(NULL, 0), &key, NULL), 0);
    tally_checkpoint cp = {.size = 8, .root = root};
    tally_checkpoint_sign(key, ORIGIN, &cp);
    char note[TALLY_CHECKPOINT_MAX_BYTES];
    assert_int_equal(tally_checkpoint_format(&device, ORIGIN, &cp, note), strlen(NOTE));
    assert_string_equal(note, NOTE);
    assert_int_equal(tally_checkpoint_verify(&device, ORIGIN, &cp), 0);
    cp.size++;
    assert_int_equal(tally_checkpoint_verify(&device, ORIGIN, &cp), TALLY_EFORMAT);
    tally_key_free(key);
}

static void the_longest_note_fits(void **state) {
    (void)state;
    tally_checkpoint cp = {.size = UINT64_MAX, .root = root};
    char origin[TALLY_ORIGIN_MAX_BYTES], note[TALLY_CHECKPOINT_MAX_BYTES];
    memset(origin, 'o', sizeof origin);
    origin[sizeof origin - 1] = '\0';
    /* 191 + 20 + 44 and three newlines; newline, dash and space, 191, space, 92, newline. */
    assert_int_equal(tally_checkpoint_format(&device, origin, &cp, note), 258 + 290);
    assert_int_equal(strlen(note), 258 + 290);
}

static void a_sound_note_gives_its_size_root_and_signature(void **state) {
    (void)state;
    tally_checkpoint cp;
    assert_int_equal(tally_checkpoint_parse(tally_span_str(NOTE), &device, ORIGIN, &cp, NULL), 0);
    assert_int_equal(cp.size, 8);
    assert_true(tally_hash_eq(&cp.root, &root));
    assert_int_equal(tally_checkpoint_verify(&device, ORIGIN, &cp), 0);
}

static void signatures_of_others_are_ignored(void **state) {
    (void)state;
    assert_int_equal(parse(tally_span_str(BODY "\n" OTHER_LINE OUR_LINE)), 0);
    assert_int_equal(parse(tally_span_str(BODY "\n" OUR_LINE OTHER_LINE OTHER_LINE)), 0);
    /* Our name with another key id, and our key id under another name, are unknown keys. */
    assert_int_equal(parse(tally_span_str(BODY "\n" DASH ORIGIN " " OTHER_SIGNATURE "\n" OUR_LINE)),
                     0);
    assert_int_equal(parse(tally_span_str(BODY "\n" DASH "else " SIGNATURE "\n" OUR_LINE)), 0);
    /* Key id and one byte is the shortest signature there is. */
    assert_int_equal(parse(tally_span_str(BODY "\n" DASH "x AAAAAAA=\n" OUR_LINE)), 0);
}

static void a_note_that_breaks_a_rule_is_refused(void **state) {
    (void)state;
    static const char *const refused[] = {
        "",
        "\n",
        "\n\n",
        BODY,
        BODY "\n",
        "\n" OUR_LINE,
        BODY OUR_LINE,
        BODY "\n" OTHER_LINE,
        BODY "\n" OUR_LINE OUR_LINE,
        BODY "\n" OUR_LINE "\n",
        BODY "\n" OUR_LINE "rest",
        BODY "\n\n" OUR_LINE,
        "\n" NOTE,
        BODY "\n" DASH ORIGIN " " SIGNATURE,
        /* origin, size and root lines */
        "another"
        "\n8\n" ROOT_LINE "\n\n" OUR_LINE,
        ORIGIN "\n08\n" ROOT_LINE "\n\n" OUR_LINE,
        ORIGIN "\n+8\n" ROOT_LINE "\n\n" OUR_LINE,
        ORIGIN "\n8 \n" ROOT_LINE "\n\n" OUR_LINE,
        ORIGIN "\n0x8\n" ROOT_LINE "\n\n" OUR_LINE,
        ORIGIN "\n9\n" ROOT_LINE "\n\n" OUR_LINE,
        ORIGIN "\n18446744073709551624\n" ROOT_LINE "\n\n" OUR_LINE,
        ORIGIN "\n\n" ROOT_LINE "\n\n" OUR_LINE,
        ORIGIN "\n8\n\n" OUR_LINE,
        ORIGIN "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg\n\n" OUR_LINE,
        ORIGIN "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n\n" OUR_LINE,
        ORIGIN "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz-Nw7_RgQyg=\n\n" OUR_LINE,
        ORIGIN "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQw==\n\n" OUR_LINE,
        ORIGIN "\n8\n" ROOT_LINE "AAAA\n\n" OUR_LINE,
        BODY "an extension line\n\n" OUR_LINE,
        /* text */
        ORIGIN "\r\n8\r\n" ROOT_LINE "\r\n\n" OUR_LINE,
        BODY "\n" DASH "tab\t.example " OTHER_SIGNATURE "\n" OUR_LINE,
        BODY "\n" DASH "bad\xff.example " OTHER_SIGNATURE "\n" OUR_LINE,
        BODY "\n" DASH "long\xc0\xaf.example " OTHER_SIGNATURE "\n" OUR_LINE,
        /* signature lines */
        BODY "\n- " ORIGIN " " SIGNATURE "\n",
        BODY "\n\xe2\x80\x94" ORIGIN " " SIGNATURE "\n",
        BODY "\n" DASH " " SIGNATURE "\n" OUR_LINE,
        BODY "\n" DASH ORIGIN "\n" OUR_LINE,
        BODY "\n" DASH ORIGIN "  " SIGNATURE "\n",
        BODY "\n" DASH ORIGIN " " SIGNATURE " \n",
        BODY "\n" DASH "plus+name " OTHER_SIGNATURE "\n" OUR_LINE,
        BODY "\n" DASH "no\xc2\xa0"
             "break " OTHER_SIGNATURE "\n" OUR_LINE,
        BODY "\n" DASH "ideographic\xe3\x80\x80space " OTHER_SIGNATURE "\n" OUR_LINE,
        BODY "\n" DASH "x AAAAAA==\n" OUR_LINE,
        BODY "\n" DASH "x \n" OUR_LINE,
        BODY "\n" DASH "x !!!!\n" OUR_LINE,
        /* our key id with a signature of another length or another signature */
        BODY "\n" DASH ORIGIN " KheH1w==\n",
        BODY "\n" DASH ORIGIN " KheH1zI=\n" OUR_LINE,
        BODY "\n" DASH ORIGIN
             " KheH1zKS+AW/1MUfwERL2A/7I1gWjeR8B3V4ee4SZxKPvjCUnoe0XI3DsDLyQPYeTSt+iT/"
             "y+bI6Sqje1YQyiUiltQMA\n",
        BODY "\n" DASH ORIGIN
             " KheH1zKS+AW/1MUfwERL2A/7I1gWjeR8B3V4ee4SZxKPvjCUnoe0XI3DsDLyQPYeTSt+iT/"
             "y+bI6Sqje1YQyiUiltQQ=\n",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (parse(tally_span_str(refused[i])) != TALLY_EFORMAT)
            fail_msg("note %zu is not refused", i);
    assert_int_equal(parse(tally_span_of(NULL, 0)), TALLY_EFORMAT);
}

static void every_bit_flip_and_every_cut_of_a_note_is_refused(void **state) {
    (void)state;
    char note[sizeof NOTE];
    memcpy(note, NOTE, sizeof NOTE);
    size_t len = strlen(NOTE);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        note[bit / 8] = (char)(note[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(parse(tally_span_of(note, len)), TALLY_EFORMAT);
        note[bit / 8] = (char)(note[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(parse(tally_span_of(note, cut)), TALLY_EFORMAT);
}

static void the_note_of_another_device_or_origin_is_refused(void **state) {
    (void)state;
    tally_checkpoint cp;
    tally_device_id other = device;
    other.b[0] ^= 1;
    assert_int_equal(tally_checkpoint_parse(tally_span_str(NOTE), &other, ORIGIN, &cp, NULL),
                     TALLY_EFORMAT);
    assert_int_equal(tally_checkpoint_parse(tally_span_str(NOTE), &device, ORIGIN "0", &cp, NULL),
                     TALLY_EFORMAT);
}

static void up_to_the_limit_signatures_are_read_and_no_more(void **state) {
    (void)state;
    static char note[NOTE_ROOM_BYTES];
    for (unsigned others = TALLY_NOTE_MAX_SIGNATURES - 1; others <= TALLY_NOTE_MAX_SIGNATURES;
         others++) {
        int len = snprintf(note, sizeof note, "%s", NOTE);
        for (unsigned i = 0; i < others; i++)
            len += snprintf(note + len, sizeof note - (size_t)len, "%s", OTHER_LINE);
        assert_true((size_t)len < sizeof note);
        assert_int_equal(parse(tally_span_of(note, (size_t)len)),
                         others < TALLY_NOTE_MAX_SIGNATURES ? 0 : TALLY_ELIMIT);
    }
}

static void a_post_quantum_signature_is_ignored_and_a_huge_note_refused(void **state) {
    (void)state;
    static char note[TALLY_NOTE_MAX_BYTES + 1];
    /* 6,536 base64 characters: 4,901 zero bytes, key id included. */
    int len = snprintf(note, sizeof note, "%s%spq.example ", NOTE, DASH);
    memset(note + len, 'A', 6532);
    len += 6532;
    len += snprintf(note + len, sizeof note - (size_t)len, "AAA=\n");
    assert_int_equal(parse(tally_span_of(note, (size_t)len)), 0);
    memset(note, 'a', sizeof note);
    assert_int_equal(parse(tally_span_of(note, sizeof note)), TALLY_ELIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_origin_names_team_and_device),
        cmocka_unit_test(the_body_is_three_lines),
        cmocka_unit_test(key_ids_are_those_of_published_verifier_keys),
        cmocka_unit_test(signing_and_formatting_give_the_note_built_by_other_tools),
        cmocka_unit_test(the_longest_note_fits),
        cmocka_unit_test(a_sound_note_gives_its_size_root_and_signature),
        cmocka_unit_test(signatures_of_others_are_ignored),
        cmocka_unit_test(a_note_that_breaks_a_rule_is_refused),
        cmocka_unit_test(every_bit_flip_and_every_cut_of_a_note_is_refused),
        cmocka_unit_test(the_note_of_another_device_or_origin_is_refused),
        cmocka_unit_test(up_to_the_limit_signatures_are_read_and_no_more),
        cmocka_unit_test(a_post_quantum_signature_is_ignored_and_a_huge_note_refused),
    };
    return cmocka_run_group_tests(tests, read_constants, NULL);
}
