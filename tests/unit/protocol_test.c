/* Holds the code to the test vectors of PROTOCOL.md, which were made with sha256sum, openssl and
 * Python's hashlib. */
#include <tally/beacon.h>
#include <tally/checkpoint.h>
#include <tally/cosign.h>
#include <tally/invite.h>
#include <tally/record.h>
#include <tally/view.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define HLC_0 0x019ca6b1dc000000u

static const char record_hex[2][200] = {
    "9401a77461672e616464cf019ca6b1dc00000083a56167656e74ab636c617564652d636f6465"
    "a773657373696f6ea27331a3746167a461636d65",
    "9401a77461672e616464cf019ca6b1dc00000183a56167656e74a5636f646578a77365737369"
    "6f6ea27332a3746167a77ac3bc72696368"};
static const char leaf_hex[2][65] = {
    "0033e1a1cc4f53040b27cd5069d155799720079931a850a22ecdf60f90436bf6",
    "94ab3a5e4dc754fb9cffcfe58a98da31da19b210972d3839140064e05ca5cc69"};
static const char root_hex[] = "72c576d70be8116e590207654ca787947c37ba38168976ecd8d109e54a0aeb23";
static const char device_hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char signature_hex[] =
    "e3f4feda7915c0d2d237f42734f390caf703fd483f0a31c6ac174ddb46a6866818a06bf27d2b9d8ac796c41cca1e46"
    "98ee0ebf74d7f9ad30137105c5016f7b0c";
static const char note_text[] =
    "tally.invalid/0033e1a1cc4f53040b27cd5069d155799720079931a850a22ecdf60f90436bf6/"
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n2\n"
    "csV21wvoEW5ZAgdlTKeHlHw3ujgWiXbs2NEJ5UoK6yM=\n\n\xe2\x80\x94 "
    "tally.invalid/0033e1a1cc4f53040b27cd5069d155799720079931a850a22ecdf60f90436bf6/"
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a "
    "GayEa+P0/tp5FcDS0jf0JzTzkMr3A/1IPwoxxqwXTdtGpoZoGKBr8n0rnYrHlsQcyh5GmO4Ov3TX+a0wE3EFxQFveww="
    "\n";

static void write_record(tally_writer *writer, int i, tally_span *out) {
    tally_writer_begin(writer);
    tally_put_str(writer, "tag", tally_span_str(i ? "z\xc3\xbcrich" : "acme"));
    tally_put_str(writer, "session", tally_span_str(i ? "s2" : "s1"));
    tally_put_str(writer, "agent", tally_span_str(i ? "codex" : "claude-code"));
    assert_int_equal(tally_writer_encode(writer, "tag.add", HLC_0 + (unsigned)i, out, NULL), 0);
}

static void records_and_leaves_are_those_of_the_protocol(void **state) {
    (void)state;
    tally_writer *writer;
    assert_int_equal(tally_writer_new(&writer, NULL), 0);
    for (int i = 0; i < 2; i++) {
        tally_span bytes;
        tally_hash leaf;
        char hex[400];
        write_record(writer, i, &bytes);
        tally_hex(bytes, hex);
        assert_string_equal(hex, record_hex[i]);
        tally_leaf_hash(bytes, &leaf);
        tally_hex(tally_span_of(leaf.b, sizeof leaf.b), hex);
        assert_string_equal(hex, leaf_hex[i]);
    }
    tally_writer_free(writer);
}

static void the_checkpoint_is_that_of_the_protocol(void **state) {
    (void)state;
    tally_hash leaf, root;
    tally_range range;
    tally_device_id device;
    tally_checkpoint cp = {.size = 2}, parsed;
    char hex[65], origin[TALLY_ORIGIN_MAX_BYTES], note[TALLY_CHECKPOINT_MAX_BYTES];
    tally_hash team;
    assert_int_equal(tally_unhex(tally_span_str(leaf_hex[0]), team.b, 32), 0);
    assert_int_equal(tally_unhex(tally_span_str(device_hex), device.b, 32), 0);
    assert_int_equal(tally_unhex(tally_span_str(signature_hex), cp.signature, 64), 0);
    tally_range_init(&range);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tally_unhex(tally_span_str(leaf_hex[i]), leaf.b, 32), 0);
        tally_range_append(&range, &leaf, NULL, NULL);
    }
    tally_range_root(&range, &root);
    tally_hex(tally_span_of(root.b, 32), hex);
    assert_string_equal(hex, root_hex);
    cp.root = root;
    tally_origin_format(&team, &device, origin);
    size_t len = tally_checkpoint_format(&device, origin, &cp, note);
    assert_int_equal(len, sizeof note_text - 1);
    assert_memory_equal(note, note_text, len);
    assert_int_equal(
        tally_checkpoint_parse(tally_span_str(note_text), &device, origin, &parsed, NULL), 0);
    cp.signature[0] ^= 1;
    assert_int_not_equal(tally_checkpoint_verify(&device, origin, &cp), 0);
}

/* The witness's key is that of RFC 8032 section 7.1, test 2. Made with openssl and sha256sum. */
static void the_cosignature_is_that_of_the_protocol(void **state) {
    (void)state;
    static const char witness_hex[] =
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    static const char cosignature_hex[] = "43d6090a48a7dae4c0b9964d469a48cc96b2d09c10e82993794914cb"
                                          "55b22b597baf1cc7dbb007f6830979912961"
                                          "755ab1dcf410cb70406a8b57863d95f14f05";
    static const char line[] =
        "\xe2\x80\x94 "
        "tally.invalid/0033e1a1cc4f53040b27cd5069d155799720079931a850a22ecdf60f90436bf6/"
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c "
        "zM5ssQAAAABpVbkAQ9YJCkin2uTAuZZNRppIzJay0JwQ6CmTeUkUy1WyK1l7rxzH27AH9oMJeZEpYXVasdz0EMtwQG"
        "q"
        "LV4Y9lfFPBQ==\n";
    char origin[TALLY_ORIGIN_MAX_BYTES], got[TALLY_COSIGNATURE_LINE_MAX_BYTES];
    tally_cosignature c = {.checkpoint.size = 2, .time_s = 1767225600};
    tally_hash team;
    assert_int_equal(tally_unhex(tally_span_str(witness_hex), c.witness.b, 32), 0);
    assert_int_equal(tally_unhex(tally_span_str(cosignature_hex), c.signature, 64), 0);
    assert_int_equal(tally_unhex(tally_span_str(leaf_hex[0]), team.b, 32), 0);
    assert_int_equal(tally_unhex(tally_span_str(device_hex), c.device.b, 32), 0);
    assert_int_equal(tally_unhex(tally_span_str(root_hex), c.checkpoint.root.b, 32), 0);
    tally_origin_format(&team, &c.device, origin);
    assert_int_equal(tally_cosignature_line(&team, &c, got), sizeof line - 1);
    assert_string_equal(got, line);
    assert_int_equal(tally_cosignature_verify(origin, &c), 0);
    c.time_s++;
    assert_int_equal(tally_cosignature_verify(origin, &c), TALLY_EFORMAT);
}

static void entry_ids_are_those_of_the_protocol(void **state) {
    (void)state;
    tally_entry_id id;
    char hex[33];
    tally_entry_id_of(tally_span_str("claude-code"), tally_span_str("msg_01|req_01"), &id);
    tally_hex(tally_span_of(id.b, sizeof id.b), hex);
    assert_string_equal(hex, "61076843a53602bd0bce8516b6adc7fb");
}

static void counting_up(uint8_t *out, size_t len, uint8_t from) {
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(from + i);
}

static void the_invite_and_its_short_code_are_those_of_the_protocol(void **state) {
    (void)state;
    tally_invite invite = {.expires_s = 1790000000, .address_count = 1};
    tally_hash handshake;
    char line[TALLY_INVITE_LINE_MAX_BYTES], code[TALLY_SHORT_CODE_BYTES];
    counting_up(invite.team.b, 32, 0);
    counting_up(invite.inviter, 32, 32);
    memset(invite.secret, 0xab, 32);
    memcpy(invite.addresses[0], "127.0.0.1:7117", sizeof "127.0.0.1:7117");
    assert_int_equal(tally_invite_encode(&invite, line, NULL, NULL), 0);
    assert_string_equal(
        line, "tally1:AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0"
              "NTY3ODk6Ozw9Pj-rq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urqwAAAABqsTuAAQ4xMjcuMC4w"
              "LjE6NzExN_vlhIA");
    counting_up(handshake.b, 32, 0);
    tally_short_code(&handshake, code);
    assert_string_equal(code, "282 057");
}

static void the_beacon_is_that_of_the_protocol(void **state) {
    (void)state;
    uint8_t secret[TALLY_TEAM_SECRET_BYTES], nonce[TALLY_BEACON_NONCE_BYTES];
    uint8_t out[TALLY_BEACON_BYTES];
    char hex[2 * TALLY_BEACON_BYTES + 1];
    memset(secret, 0xab, sizeof secret);
    counting_up(nonce, sizeof nonce, 0);
    assert_int_equal(tally_beacon_make(secret, nonce, 20758 * INT64_C(86400), 7117, out, NULL), 0);
    tally_hex(tally_span_of(out, sizeof out), hex);
    assert_string_equal(hex,
                        "01000102030405060708090a0b0c0d0e0fdf8930cf89eaab01880206f1666a868938b7");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_leaves_are_those_of_the_protocol),
        cmocka_unit_test(the_checkpoint_is_that_of_the_protocol),
        cmocka_unit_test(the_cosignature_is_that_of_the_protocol),
        cmocka_unit_test(entry_ids_are_those_of_the_protocol),
        cmocka_unit_test(the_invite_and_its_short_code_are_those_of_the_protocol),
        cmocka_unit_test(the_beacon_is_that_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
