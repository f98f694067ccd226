/* Records, reading: random canonical records mean what msgpack-c's own unpacker reads, and whatever
 * else is accepted is what its packer writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tally/record.h>

#include <msgpack.h>
#include <stdlib.h>

#include "random.h"

#define RANDOM_RECORDS 2000u
#define RANDOM_MUTANTS 20u /* of each */
#define RANDOM_SEED    20260908u

static void pack_random_string(msgpack_packer *pk, rng *r) {
    static const char *const words[] = {
        "", "a", "ab", "claude-code", "\xc3\xa4\xe2\x82\xac", "\xf0\x9f\x92\xb6 money"};
    char word[300];
    size_t len = 0;
    if (rng_below(r, 8) == 0)
        memset(word, 'x', len = rng_below(r, sizeof word));
    else
        len = (size_t)snprintf(word, sizeof word, "%s", words[rng_below(r, 6)]);
    msgpack_pack_str(pk, len);
    msgpack_pack_str_body(pk, word, len);
}

static void pack_random(msgpack_packer *pk, rng *r, unsigned depth);

static void pack_random_map(msgpack_packer *pk, rng *r, unsigned depth) {
    uint32_t count = rng_below(r, depth == 2 ? 20 : 4);
    msgpack_pack_map(pk, count);
    for (uint32_t i = 0; i < count; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%c%c", (int)('a' + i), (int)('a' + rng_below(r, 26)));
        msgpack_pack_str(pk, 2);
        msgpack_pack_str_body(pk, key, 2);
        pack_random(pk, r, depth + 1);
    }
}

/* A value that stands at `depth`, in canonical form: msgpack-c packs integers shortest. */
static void pack_random(msgpack_packer *pk, rng *r, unsigned depth) {
    uint8_t raw[8];
    uint64_t number = rng_next(r) >> rng_below(r, 64);
    switch (rng_below(r, depth <= TALLY_RECORD_MAX_DEPTH ? 9 : 6)) {
    case 0: msgpack_pack_nil(pk); break;
    case 1: msgpack_pack_true(pk); break;
    case 2: msgpack_pack_uint64(pk, number); break;
    case 3: msgpack_pack_int64(pk, -1 - (int64_t)(number >> 1)); break;
    case 4: pack_random_string(pk, r); break;
    case 5:
        tally_put_be64(raw, number);
        msgpack_pack_bin(pk, 5);
        msgpack_pack_bin_body(pk, raw, 5);
        break;
    case 6:
    case 7: {
        uint32_t count = rng_below(r, 5);
        msgpack_pack_array(pk, count);
        for (uint32_t i = 0; i < count; i++)
            pack_random(pk, r, depth + 1);
        break;
    }
    default: pack_random_map(pk, r, depth); break;
    }
}

static void pack_random_record(msgpack_sbuffer *out, rng *r) {
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, 4);
    msgpack_pack_int(&pk, 1);
    msgpack_pack_str(&pk, 4);
    msgpack_pack_str_body(&pk, "cost", 4);
    msgpack_pack_uint64(&pk, rng_next(r) >> rng_below(r, 64));
    pack_random_map(&pk, r, 2);
}

static void assert_same_value(const tally_value *v, const msgpack_object *o) {
    tally_cursor cursor = tally_cursor_of(v);
    tally_value item;
    switch (v->type) {
    case TALLY_VALUE_NIL: assert_int_equal(o->type, MSGPACK_OBJECT_NIL); return;
    case TALLY_VALUE_BOOL:
        assert_int_equal(o->type, MSGPACK_OBJECT_BOOLEAN);
        assert_true(v->as.boolean == o->via.boolean);
        return;
    case TALLY_VALUE_UINT:
        assert_int_equal(o->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
        assert_true(v->as.uint == o->via.u64);
        return;
    case TALLY_VALUE_INT:
        assert_int_equal(o->type, MSGPACK_OBJECT_NEGATIVE_INTEGER);
        assert_true(v->as.integer == o->via.i64);
        return;
    case TALLY_VALUE_STR:
        assert_int_equal(o->type, MSGPACK_OBJECT_STR);
        assert_true(tally_span_eq(v->bytes, tally_span_of(o->via.str.ptr, o->via.str.size)));
        return;
    case TALLY_VALUE_BIN:
        assert_int_equal(o->type, MSGPACK_OBJECT_BIN);
        assert_true(tally_span_eq(v->bytes, tally_span_of(o->via.bin.ptr, o->via.bin.size)));
        return;
    case TALLY_VALUE_ARRAY:
        assert_int_equal(o->type, MSGPACK_OBJECT_ARRAY);
        assert_int_equal(v->count, o->via.array.size);
        for (uint32_t i = 0; i < v->count; i++) {
            assert_true(tally_cursor_next(&cursor, &item));
            assert_same_value(&item, &o->via.array.ptr[i]);
        }
        break;
    case TALLY_VALUE_MAP:
        assert_int_equal(o->type, MSGPACK_OBJECT_MAP);
        assert_int_equal(v->count, o->via.map.size);
        for (uint32_t i = 0; i < 2 * v->count; i++) {
            const msgpack_object_kv *pair = &o->via.map.ptr[i / 2];
            assert_true(tally_cursor_next(&cursor, &item));
            assert_same_value(&item, i % 2 == 0 ? &pair->key : &pair->val);
        }
        break;
    }
    assert_false(tally_cursor_next(&cursor, &item));
}

static void assert_same_record(tally_span record) {
    tally_cursor cursor = {record.ptr, record.ptr + record.len};
    tally_value whole;
    msgpack_unpacked object;
    msgpack_unpacked_init(&object);
    assert_int_equal(msgpack_unpack_next(&object, (const char *)record.ptr, record.len, NULL),
                     MSGPACK_UNPACK_SUCCESS);
    assert_true(tally_cursor_next(&cursor, &whole));
    assert_same_value(&whole, &object.data);
    msgpack_unpacked_destroy(&object);
}

/* msgpack-c, which packs everything shortest, must give the very bytes back. */
static void assert_canonical(tally_span record) {
    msgpack_unpacked object;
    msgpack_sbuffer again;
    msgpack_packer pk;
    msgpack_unpacked_init(&object);
    msgpack_sbuffer_init(&again);
    msgpack_packer_init(&pk, &again, msgpack_sbuffer_write);
    assert_int_equal(msgpack_unpack_next(&object, (const char *)record.ptr, record.len, NULL),
                     MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(msgpack_pack_object(&pk, object.data), 0);
    assert_int_equal(again.size, record.len);
    assert_memory_equal(again.data, record.ptr, record.len);
    msgpack_sbuffer_destroy(&again);
    msgpack_unpacked_destroy(&object);
}

static void random_records_mean_what_msgpack_c_reads_and_mutants_are_refused_or_canonical(
    void **state) {
    (void)state;
    rng r = rng_begin("random records", RANDOM_SEED);
    unsigned mutants = 0;
    for (unsigned i = 0; i < RANDOM_RECORDS; i++) {
        msgpack_sbuffer packed;
        tally_record record;
        tally_error err = {0};
        msgpack_sbuffer_init(&packed);
        pack_random_record(&packed, &r);
        tally_span whole = tally_span_of(packed.data, packed.size);
        if (tally_record_parse(whole, &record, &err) != 0) fail_msg("record %u: %s", i, err.text);
        assert_same_record(whole);
        for (unsigned m = 0; m < RANDOM_MUTANTS; m++) {
            uint8_t *at = (uint8_t *)packed.data + rng_below(&r, (uint32_t)packed.size);
            uint8_t kept = *at;
            *at = (uint8_t)rng_next(&r);
            if (tally_record_parse(whole, &record, NULL) == 0) {
                assert_canonical(whole);
                assert_same_record(whole);
                mutants++;
            }
            *at = kept;
        }
        msgpack_sbuffer_destroy(&packed);
    }
    assert_true(mutants > RANDOM_RECORDS); /* the test must have had something to look at */
}

static void assert_refused(const uint8_t *data, size_t len, const char *because) {
    tally_record out;
    tally_error err = {0};
    uint8_t *copy = malloc(len); /* of just that size: a read past its end shows */
    assert_non_null(copy);
    memcpy(copy, data, len);
    assert_int_equal(tally_record_parse(tally_span_of(copy, len), &out, &err), TALLY_EFORMAT);
    if (!strstr(err.text, because)) fail_msg("'%s' does not say '%s'", err.text, because);
    free(copy);
}

static void every_truncation_and_every_trailing_byte_is_refused(void **state) {
    (void)state;
    rng r = rng_begin("truncations", RANDOM_SEED + 1);
    for (unsigned i = 0; i < 50; i++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init(&packed);
        pack_random_record(&packed, &r);
        size_t whole = packed.size;
        msgpack_sbuffer_write(&packed, "", 1);
        assert_refused((const uint8_t *)packed.data, whole + 1, "bytes follow the record");
        for (size_t len = 1; len < whole; len++)
            assert_refused((const uint8_t *)packed.data, len, "");
        msgpack_sbuffer_destroy(&packed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            random_records_mean_what_msgpack_c_reads_and_mutants_are_refused_or_canonical),
        cmocka_unit_test(every_truncation_and_every_trailing_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
