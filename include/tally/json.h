/* JSON reader: a pull cursor over one document that lies whole in memory. It validates what it
 * passes over, copies nothing, allocates nothing and skips what nobody asks for (RFC 8259). Used
 * for agents' logs and price files. */
#ifndef TALLY_JSON_H
#define TALLY_JSON_H

#include <tally/bytes.h>

#define TALLY_JSON_MAX_DEPTH 256

typedef enum tally_json_type {
    TALLY_JSON_NULL,
    TALLY_JSON_BOOL,
    TALLY_JSON_NUMBER,
    TALLY_JSON_STRING,
    TALLY_JSON_ARRAY,
    TALLY_JSON_OBJECT
} tally_json_type;

/* One value as it stands in the document. `raw` spans: for strings the bytes between the quotes,
 * still escaped; for numbers and literals their text; for arrays and objects the whole text with
 * its brackets. */
typedef struct tally_json {
    tally_json_type type;
    tally_span raw;
    bool escaped; /* string: a backslash occurs, so that raw differs from the text it means */
    const struct tally_json_index *index; /* of the document, or NULL */
} tally_json;

#define TALLY_JSON_INDEX_SLOTS     16u
#define TALLY_JSON_INDEX_MIN_BYTES 512u

/* Where the long containers of one document end, noted while it is validated, so that iterating
 * jumps over them instead of reading them again. Only an aid: the oldest notes make room for newer
 * ones. On the caller's stack; no init, no clear. */
typedef struct tally_json_index {
    uint32_t noted; /* in all; slot `noted % TALLY_JSON_INDEX_SLOTS` is written next */
    struct {
        const uint8_t *start, *end;
    } slots[TALLY_JSON_INDEX_SLOTS];
} tally_json_index;

/* Iterates over the members of an object or the elements of an array. */
typedef struct tally_json_iter {
    const uint8_t *at;
    const uint8_t *end;
    bool is_object;
    const tally_json_index *index;
} tally_json_iter;

/* Checks that `text` is exactly one JSON value with optional white space around it and describes it
 * in `out`. The whole text is validated (structure, literals, number and escape syntax, control
 * characters in strings, depth). Returns 0, TALLY_EFORMAT, or TALLY_ELIMIT when nested deeper than
 * TALLY_JSON_MAX_DEPTH. */
int tally_json_parse(tally_span text, tally_json *out);

/* The same for long documents of which little is read (log lines): values below `out` borrow
 * `index`, which must live and stay untouched as long as they are iterated over. */
int tally_json_parse_indexed(tally_span text, tally_json_index *index, tally_json *out);

/* Starts iterating over `value` (array or object, from tally_json_parse or an iterator; already
 * validated). Anything else gives an empty iteration. */
void tally_json_iter_init(tally_json_iter *iter, const tally_json *value);

/* Next member. For objects `key` is filled like a string value (see tally_json); pass NULL for
 * arrays. Returns true while there is one. */
bool tally_json_next(tally_json_iter *iter, tally_json *key, tally_json *value);

/* The last member of object `value` named `name` (a plain ASCII literal); false when absent. */
bool tally_json_get(const tally_json *value, const char *name, tally_json *out);

/* True for a string that means `text`, however it is escaped. */
bool tally_json_string_is(const tally_json *value, const char *text);

/* The same for names, of which a literal is compared with many: inline, so that the lengths settle
 * most. */
static inline bool tally_json_key_is(const tally_json *key, const char *name) {
    return key->escaped ? tally_json_string_is(key, name) : tally_span_is(key->raw, name);
}

bool tally_json_true(const tally_json *value);

/* Non-negative integer up to 2^53, also when written as 12.0 or 1.2e3 (exact only). False
 * otherwise. */
bool tally_json_u64(const tally_json *value, uint64_t *out);

/* Decodes string `value` into `buffer` (UTF-8; lone surrogates become U+FFFD; invalid UTF-8 bytes
 * become U+FFFD; U+0000 is dropped). `*len` gets the length; text beyond `size` is cut at a
 * character boundary. */
void tally_json_text(const tally_json *value, char *buffer, size_t size, size_t *len);

#endif
