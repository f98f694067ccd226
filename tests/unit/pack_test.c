/* Packs that somebody changed: each changed byte is refused, under the name of what it stands in.
 * What a packer does who has a key and lies is in pack_liar_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"

#include <tally/audit.h>

#define SAMPLE     TALLY_TEST_DATA "/pack/sample.txt"
#define PACK_BYTES (256u * 1024u)
#define FLIPS      1000u

static uint8_t sample[PACK_BYTES], changed[PACK_BYTES];
static size_t sample_len;
static tally_pack_verdict verdict;

static int read_sample(void **state) {
    FILE *file = fopen(SAMPLE, "rb");
    (void)state;
    if (!file) return -1;
    sample_len = fread(sample, 1, sizeof sample, file);
    (void)fclose(file);
    return sample_len > 0 && sample_len < sizeof sample ? 0 : -1;
}

static bool holds(size_t len) {
    assert_int_equal(tally_pack_verify(tally_span_of(changed, len), &verdict, NULL), 0);
    return verdict.ok;
}

static void a_pack_that_nobody_changed_holds(void **state) {
    (void)state;
    memcpy(changed, sample, sample_len);
    if (!holds(sample_len)) fail_msg("%s: %s", verdict.subject, verdict.why);
    assert_int_equal(verdict.documents, 1);
    assert_int_equal(verdict.devices, 2);
    assert_int_equal(verdict.cosignatures, 1);
    assert_true(verdict.rows_recomputed > 0 && verdict.rows_recomputed < verdict.rows);
}

/* ---- single bytes ---- */

typedef struct place {
    uint64_t line; /* from 1 */
    size_t start, end;
} place;

static place place_of(size_t at) {
    place p = {.line = 1};
    for (size_t i = 0; i < at; i++)
        if (sample[i] == '\n') {
            p.line++;
            p.start = i + 1;
        }
    p.end = at;
    while (sample[p.end] != '\n')
        p.end++;
    return p;
}

/* The field of the line (0: its kind) in which a byte stands; a space belongs to what it ends. */
static size_t field_of(place p, size_t at) {
    size_t field = 0;
    for (size_t i = p.start; i < at; i++)
        field += sample[i] == ' ';
    return field;
}

/* Lines whose fields past these name one thing, which is what must be found. */
static const struct {
    const char *kind;
    size_t named_by;
    const char *subject;
} kinds[] = {{"record ", 3, "record "},
             {"leaf ", 3, "record "},
             {"blob ", 1, "blob "},
             {"checkpoint ", 3, "checkpoint "},
             {"cosignature ", 2, "cosignature "},
             {"document ", 1, "document "},
             {"seal ", 0, "seal"}};

static void flip_is_found(size_t at, uint8_t bit) {
    place p = place_of(at);
    memcpy(changed, sample, sample_len);
    changed[at] ^= (uint8_t)(1u << bit);
    if (holds(sample_len))
        fail_msg("byte %zu of line %llu: it holds", at, (unsigned long long)p.line);
    if (verdict.line < p.line)
        fail_msg("byte %zu of line %llu: found in line %llu before it", at,
                 (unsigned long long)p.line, (unsigned long long)verdict.line);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t len = strlen(kinds[i].kind);
        if (strncmp((const char *)sample + p.start, kinds[i].kind, len) != 0 ||
            field_of(p, at) <= kinds[i].named_by || verdict.line != p.line)
            continue;
        if (!strstr(verdict.subject, kinds[i].subject))
            fail_msg("byte %zu of a %sline: found as %s", at, kinds[i].kind, verdict.subject);
        return;
    }
}

static void every_changed_byte_is_found_under_its_name(void **state) {
    rng r = rng_begin("flips", 20261121);
    (void)state;
    for (unsigned i = 0; i < FLIPS; i++)
        flip_is_found((size_t)(rng_next(&r) % sample_len), (uint8_t)rng_below(&r, 8));
}

/* What is hashed, signed or proved is found where it stands: nothing later is asked first. */
static void a_changed_record_blob_or_checkpoint_is_found_in_its_own_line(void **state) {
    (void)state;
    for (size_t i = 0; i < 6; i++)
        for (size_t at = 0; at + 40 < sample_len; at++) {
            size_t len = strlen(kinds[i].kind);
            if ((at > 0 && sample[at - 1] != '\n') ||
                strncmp((const char *)sample + at, kinds[i].kind, len) != 0)
                continue;
            place p = place_of(at);
            memcpy(changed, sample, sample_len);
            changed[p.end - 3] ^= 1;
            assert_false(holds(sample_len));
            assert_int_equal(verdict.line, p.line);
        }
}

/* ---- whole lines ---- */

static void a_pack_cut_short_anywhere_is_bad(void **state) {
    (void)state;
    for (size_t len = 0; len < sample_len; len += 97) {
        memcpy(changed, sample, len);
        assert_false(holds(len));
    }
    for (size_t len = 0; len < sample_len; len++)
        if (sample[len] == '\n') {
            memcpy(changed, sample, len); /* without the line feed */
            assert_false(holds(len));
        }
    memcpy(changed, sample, sample_len);
    changed[sample_len] = '\n';
    assert_false(holds(sample_len + 1));
}

static void a_line_left_out_or_written_twice_is_bad(void **state) {
    (void)state;
    for (size_t start = 0; start < sample_len;) {
        size_t end = place_of(start).end + 1;
        memcpy(changed, sample, start);
        memcpy(changed + start, sample + end, sample_len - end);
        assert_false(holds(sample_len - (end - start)));
        memcpy(changed, sample, end);
        memcpy(changed + end, sample + start, sample_len - start);
        assert_false(holds(sample_len + (end - start)));
        start = end;
    }
}

/* ---- forms ---- */

static void other_ways_to_write_the_same_are_bad(void **state) {
    static const struct {
        const char *was, *is, *subject;
    } cases[] = {{"\nteam ", "\nteam  ", "team"},
                 {"\nteam 9", "\nteam A", "team"},
                 {"\nabout invoice AK", "\nabout invoice %41K", "about"},
                 {"\nabout invoice ", "\nabout Invoice ", "about"},
                 {"\ndevice 0 ", "\ndevice 00 ", "pack line 4"},
                 {"\ndevice 1 ", "\ndevice 2 ", "pack line 5"},
                 {"\nnode 0 ", "\nnode +0 ", "pack line 6"},
                 {"=\nnode 1 ", "\nnode 1 ", "node 0"},
                 {"=\nnode 1 ", "==\nnode 1 ", "node 0"},
                 {"=\nnode 1 ", "=\r\nnode 1 ", "node 0"},
                 {"\ncheckpoint 0 0 ", "\ncheckpoint 0 9 ", NULL},
                 {"\nrecord 0 0 0 ", "\nrecord 0 0 00 ", NULL},
                 {"\nseal 0 ", "\nseal 9 ", "seal"},
                 {"tally-audit-pack/1", "tally-audit-pack/2", "pack line 1"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t was = strlen(cases[i].was), is = strlen(cases[i].is), at = 0;
        while (at + was < sample_len && memcmp(sample + at, cases[i].was, was) != 0)
            at++;
        if (at + was >= sample_len) fail_msg("the sample lacks '%s'", cases[i].was);
        memcpy(changed, sample, at);
        memcpy(changed + at, cases[i].is, is);
        memcpy(changed + at + is, sample + at + was, sample_len - at - was);
        if (holds(sample_len + is - was)) fail_msg("'%s' holds", cases[i].is);
        if (cases[i].subject) assert_string_equal(verdict.subject, cases[i].subject);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pack_that_nobody_changed_holds),
        cmocka_unit_test(every_changed_byte_is_found_under_its_name),
        cmocka_unit_test(a_changed_record_blob_or_checkpoint_is_found_in_its_own_line),
        cmocka_unit_test(a_pack_cut_short_anywhere_is_bad),
        cmocka_unit_test(a_line_left_out_or_written_twice_is_bad),
        cmocka_unit_test(other_ways_to_write_the_same_are_bad)};
    return cmocka_run_group_tests(tests, read_sample, NULL);
}
