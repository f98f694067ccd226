/* Fields: what adapters take out of one JSON object (names, ids, counts, instants), and texts of
 * bounded size. */
#ifndef TALLY_CAPTURE_FIELD_H
#define TALLY_CAPTURE_FIELD_H

#include <tally/json.h>

#include "adapter.h"

#define CAPTURE_ID_MAX_BYTES 256u /* of an id or a model name */

/* A short text: id, model, branch, version. Not NUL-terminated. */
typedef struct capture_id {
    uint16_t len;
    char text[CAPTURE_ID_MAX_BYTES];
} capture_id;

/* A long text: a path. */
typedef struct capture_path {
    uint16_t len;
    char text[CAPTURE_TEXT_MAX_BYTES];
} capture_path;

typedef struct capture_field {
    const char *name;
    size_t len;
} capture_field;

#define CAPTURE_FIELD(literal)                                                                     \
    { literal, sizeof literal - 1 }

#define CAPTURE_FIELDS_MAX 32u

/* Fills values[i] with the last member of `object` named fields[i]; members that are absent become
 * JSON null with an empty raw span. One walk over the object, whatever `count` (at most
 * CAPTURE_FIELDS_MAX). */
void capture_pick(const tally_json *object, const capture_field *fields, size_t count,
                  tally_json *values);

/* Takes a string; returns false and leaves `out` empty when `value` is no string or empty. Longer
 * text is cut. */
bool capture_id_take(capture_id *out, const tally_json *value);
bool capture_path_take(capture_path *out, const tally_json *value);
/* True when the string would be cut: for ids, of which a part must not stand for the whole. */
bool capture_id_is_long(const tally_json *value);
void capture_id_set(capture_id *out, tally_span text);

static inline tally_span capture_id_span(const capture_id *id) {
    return tally_span_of(id->text, id->len);
}
static inline tally_span capture_path_span(const capture_path *path) {
    return tally_span_of(path->text, path->len);
}

/* A token count: absent and null are 0; false for anything that is not an integer from 0 to 2^53.
 */
bool capture_count(const tally_json *value, uint64_t *out);
/* A timestamp string; false when absent or malformed. */
bool capture_time(const tally_json *value, int64_t *unix_ms);

static inline bool capture_is_true(const tally_json *value) {
    return value->type == TALLY_JSON_BOOL && tally_json_true(value);
}

/* True when `text` begins with the literal `prefix`. */
bool capture_starts(tally_span text, const char *prefix);
/* Position of `needle` in `text` or SIZE_MAX. */
size_t capture_find(tally_span text, const char *needle);

#endif
