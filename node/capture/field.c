/* Takes named members out of a JSON object and turns them into bounded texts, counts and instants.
 */
#include "field.h"

#include <assert.h>
#include <tally/time.h>

#define LENGTH_CLASSES 16u /* lengths modulo this; a power of two */

/* Names are short: for most, two loads that may overlap are the whole comparison. */
static bool same_bytes(const uint8_t *a, const char *b, size_t len) {
    uint64_t x, y, v, w;
    if (len < sizeof x || len > 2 * sizeof x) return memcmp(a, b, len) == 0;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    memcpy(&v, a + len - sizeof v, sizeof v);
    memcpy(&w, b + len - sizeof w, sizeof w);
    return ((x ^ y) | (v ^ w)) == 0;
}

/* Which field a plain name is; `count` when none. Only those of its length are candidates. */
static size_t find_plain(tally_span key, const capture_field *fields, uint32_t candidates,
                         size_t count) {
    for (; candidates; candidates &= candidates - 1) {
        size_t i = (size_t)__builtin_ctz(candidates);
        if (key.len == fields[i].len && key.ptr[0] == (uint8_t)fields[i].name[0] &&
            same_bytes(key.ptr, fields[i].name, key.len))
            return i;
    }
    return count;
}

static size_t find_escaped(const tally_json *key, const capture_field *fields, size_t count) {
    size_t i = 0;
    while (i < count && !tally_json_key_is(key, fields[i].name))
        i++;
    return i;
}

_Static_assert(TALLY_JSON_NULL == 0, "cleared values are null");

void capture_pick(const tally_json *object, const capture_field *fields, size_t count,
                  tally_json *values) {
    assert(count <= CAPTURE_FIELDS_MAX);
    const tally_json whole = *object; /* `values` may be where `object` stands */
    memset(values, 0, count * sizeof *values);
    if (whole.type != TALLY_JSON_OBJECT) return;
    uint32_t by_length[LENGTH_CLASSES] = {0};
    for (size_t i = 0; i < count; i++)
        by_length[fields[i].len % LENGTH_CLASSES] |= UINT32_C(1) << i;
    tally_json_iter iter;
    tally_json key, value;
    tally_json_iter_init(&iter, &whole);
    while (tally_json_next(&iter, &key, &value)) {
        uint32_t candidates = by_length[key.raw.len % LENGTH_CLASSES];
        size_t at = key.escaped ? find_escaped(&key, fields, count)
                                : find_plain(key.raw, fields, candidates, count);
        if (at < count) values[at] = value;
    }
}

/* Text that needs no decoding: no escapes, nothing beyond ASCII. (JSON allows no bare NUL.) */
static bool is_verbatim(const tally_json *value) {
    const uint8_t *at = value->raw.ptr, *end = at + value->raw.len;
    uint64_t seen = 0;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        seen |= word;
    }
    for (; at < end; at++)
        seen |= *at;
    return !value->escaped && (seen & UINT64_C(0x8080808080808080)) == 0;
}

static bool take_text(char *out, size_t size, uint16_t *len, const tally_json *value) {
    *len = 0;
    if (value->type != TALLY_JSON_STRING) return false;
    size_t used = value->raw.len;
    if (used <= size && is_verbatim(value))
        memcpy(out, value->raw.ptr, used);
    else
        tally_json_text(value, out, size, &used);
    *len = (uint16_t)used;
    return used > 0;
}

bool capture_id_take(capture_id *out, const tally_json *value) {
    return take_text(out->text, sizeof out->text, &out->len, value);
}

bool capture_path_take(capture_path *out, const tally_json *value) {
    return take_text(out->text, sizeof out->text, &out->len, value);
}

bool capture_id_is_long(const tally_json *value) {
    return value->type == TALLY_JSON_STRING && value->raw.len > CAPTURE_ID_MAX_BYTES;
}

void capture_id_set(capture_id *out, tally_span text) {
    out->len = (uint16_t)(text.len < sizeof out->text ? text.len : sizeof out->text);
    if (out->len > 0) memcpy(out->text, text.ptr, out->len);
}

bool capture_count(const tally_json *value, uint64_t *out) {
    *out = 0;
    return value->type == TALLY_JSON_NULL || tally_json_u64(value, out);
}

bool capture_time(const tally_json *value, int64_t *unix_ms) {
    return value->type == TALLY_JSON_STRING && tally_time_parse(value->raw, unix_ms) == 0;
}

bool capture_starts(tally_span text, const char *prefix) {
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

size_t capture_find(tally_span text, const char *needle) {
    const uint8_t *at = text.len ? memmem(text.ptr, text.len, needle, strlen(needle)) : NULL;
    return at ? (size_t)(at - text.ptr) : SIZE_MAX;
}
