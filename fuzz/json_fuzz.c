/* Any bytes: what the reader accepts can be walked to the bottom, means the same with and without
 * an index, and lookups agree with iteration. */
#include <tally/error.h>
#include <tally/json.h>

#include <stdlib.h>

#include "json_scan.h"

#define FUZZ_MAX_BYTES  (64u * 1024u)
#define FUZZ_NAME_BYTES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

static bool same(const tally_json *a, const tally_json *b) {
    return a->type == b->type && a->raw.ptr == b->raw.ptr && a->raw.len == b->raw.len &&
           a->escaped == b->escaped;
}

static void read_scalar(const tally_json *value) {
    char text[FUZZ_NAME_BYTES];
    size_t len = sizeof text + 1;
    uint64_t number = 0;
    tally_json_text(value, text, sizeof text, &len);
    must(len <= sizeof text);
    must(!tally_json_u64(value, &number) || number <= UINT64_C(1) << 53);
    (void)tally_json_string_is(value, "text");
    (void)tally_json_true(value);
}

/* The member that iteration sees last under the name of `key` is the one that tally_json_get gives.
 */
static void look_up(const tally_json *object, const tally_json *key) {
    char name[FUZZ_NAME_BYTES + 1];
    size_t len = 0;
    tally_json_text(key, name, FUZZ_NAME_BYTES, &len);
    name[len] = '\0';
    tally_json_iter iter;
    tally_json other, value, last, got;
    bool seen = false;
    tally_json_iter_init(&iter, object);
    while (tally_json_next(&iter, &other, &value)) {
        if (!tally_json_key_is(&other, name)) continue;
        last = value;
        seen = true;
    }
    must(tally_json_get(object, name, &got) == seen);
    must(!seen || same(&last, &got));
}

/* Walks both trees in step; `lookups` bounds the quadratic part. */
static void walk(const tally_json *plain, const tally_json *indexed, unsigned *lookups) {
    tally_json_iter a, b;
    tally_json a_key, a_value, b_key, b_value;
    must(same(plain, indexed));
    read_scalar(plain);
    tally_json_iter_init(&a, plain);
    tally_json_iter_init(&b, indexed);
    while (tally_json_next(&a, &a_key, &a_value)) {
        must(tally_json_next(&b, &b_key, &b_value));
        if (plain->type == TALLY_JSON_OBJECT) {
            must(same(&a_key, &b_key));
            read_scalar(&a_key);
            if (*lookups > 0) {
                --*lookups;
                look_up(plain, &a_key);
            }
        }
        walk(&a_value, &b_value, lookups);
    }
    must(!tally_json_next(&b, &b_key, &b_value));
}

/* A value's own text is a document of the same meaning. */
static void parse_again(const tally_json *root) {
    tally_json again;
    if (root->type == TALLY_JSON_STRING) return; /* its span leaves out the quotes */
    must(tally_json_parse(root->raw, &again) == 0);
    must(same(root, &again));
}

/* Every quote in the bytes, taken as the start of a string: the scanners agree. */
static void compare_scanners(const uint8_t *data, size_t size) {
    const json_scanner *best = json_scanner_best();
    const uint8_t *end = data + size;
    for (size_t i = 0; i < size && i < 256; i++) {
        if (data[i] != '"') continue;
        const uint8_t *quote = best->check_string(data + i + 1, end);
        must(quote == json_scanner_portable.check_string(data + i + 1, end));
        if (!quote) continue;
        bool escaped, portably;
        must(best->skip_string(data + i + 1, end, &escaped) == quote);
        must(json_scanner_portable.skip_string(data + i + 1, end, &portably) == quote);
        must(escaped == portably);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > FUZZ_MAX_BYTES) return 0;
    compare_scanners(data, size);
    tally_json plain, indexed;
    tally_json_index index;
    int rc = tally_json_parse(tally_span_of(data, size), &plain);
    must(tally_json_parse_indexed(tally_span_of(data, size), &index, &indexed) == rc);
    must(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_ELIMIT);
    if (rc != 0) return 0;
    bool container = plain.type == TALLY_JSON_ARRAY || plain.type == TALLY_JSON_OBJECT;
    if (container) {
        const uint8_t *after = plain.raw.ptr + plain.raw.len;
        must(json_scanner_best()->skip_container(plain.raw.ptr, data + size) == after);
        must(json_scanner_portable.skip_container(plain.raw.ptr, data + size) == after);
    }
    unsigned lookups = 64;
    walk(&plain, &indexed, &lookups);
    parse_again(&plain);
    return 0;
}
