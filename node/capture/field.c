/* Takes named members out of a JSON object and turns them into bounded texts, counts and instants.
 */
#include "field.h"

#include <tally/time.h>

/* The first byte settles most: a line has many members and many are asked for. */
static bool is_name(tally_span key, const capture_field *field) {
    return key.len == field->len && key.ptr[0] == (uint8_t)field->name[0] &&
           memcmp(key.ptr, field->name, key.len) == 0;
}

void capture_pick(const tally_json *object, const capture_field *fields, size_t count,
                  tally_json *values) {
    const tally_json whole = *object; /* `values` may be where `object` stands */
    memset(values, 0, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i].type = TALLY_JSON_NULL;
    if (whole.type != TALLY_JSON_OBJECT) return;
    tally_json_iter iter;
    tally_json key, value;
    tally_json_iter_init(&iter, &whole);
    while (tally_json_next(&iter, &key, &value)) {
        for (size_t i = 0; i < count; i++) {
            bool same = key.escaped ? tally_json_key_is(&key, fields[i].name)
                                    : is_name(key.raw, &fields[i]);
            if (!same) continue;
            values[i] = value;
            break;
        }
    }
}

static bool take_text(char *out, size_t size, uint16_t *len, const tally_json *value) {
    *len = 0;
    if (value->type != TALLY_JSON_STRING) return false;
    size_t used = 0;
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
