/* Records: the canonical msgpack of [version, kind, hlc, body]. One meaning has one encoding: keys
 * sorted bytewise and unique, shortest integers, no floats, no extensions, valid UTF-8, depth <= 8,
 * size <= 64 KiB. PROTOCOL.md section 1. */
#ifndef TALLY_RECORD_H
#define TALLY_RECORD_H

#include <tally/bytes.h>
#include <tally/error.h>

#define TALLY_RECORD_VERSION        1
#define TALLY_RECORD_MAX_BYTES      (64u * 1024u)
#define TALLY_RECORD_MAX_DEPTH      8 /* the outer array counts as 1 */
#define TALLY_RECORD_KIND_MAX_BYTES 64u
#define TALLY_BODY_MAX_FIELDS       48u /* that our own writer makes */

/* Hybrid logical clock: 48 bits of Unix milliseconds, then 16 bits of counter. */
typedef uint64_t tally_hlc;
/* The next stamp after `last` at wall clock `now_ms`: never goes back. */
tally_hlc tally_hlc_next(tally_hlc last, int64_t now_ms);
static inline int64_t tally_hlc_ms(tally_hlc hlc) {
    return (int64_t)(hlc >> 16);
}

typedef struct tally_record {
    tally_span kind; /* borrowed from the bytes parsed */
    tally_hlc hlc;
    tally_span body; /* the msgpack map */
} tally_record;

/* Parses and validates every byte. TALLY_EFORMAT with the byte offset and the rule broken. Borrows
 * from `bytes`. */
int tally_record_parse(tally_span bytes, tally_record *out, tally_error *err);

typedef enum tally_value_type {
    TALLY_VALUE_NIL,
    TALLY_VALUE_BOOL,
    TALLY_VALUE_UINT,
    TALLY_VALUE_INT, /* negative only */
    TALLY_VALUE_STR,
    TALLY_VALUE_BIN,
    TALLY_VALUE_ARRAY,
    TALLY_VALUE_MAP
} tally_value_type;

typedef struct tally_value {
    tally_value_type type;
    union {
        bool boolean;
        uint64_t uint;
        int64_t integer;
    } as;
    tally_span bytes; /* str, bin: the content; array, map: the bytes of the elements */
    uint32_t count;   /* array: elements, map: pairs */
} tally_value;

/* Cursor over already validated msgpack. Returns false at the end. */
typedef struct tally_cursor {
    const uint8_t *at, *end;
} tally_cursor;
bool tally_cursor_next(tally_cursor *cursor, tally_value *out);
/* Cursor over the elements of an array, or key, value, key, value of a map (also of
 * tally_record.body). */
tally_cursor tally_cursor_of(const tally_value *container);
tally_cursor tally_cursor_of_body(const tally_record *record);

/* TALLY_EFORMAT unless `bytes` are exactly one value in the canonical form of records, of whatever
 * length: then a cursor may walk it. */
int tally_value_check(tally_span bytes, tally_value *out, tally_error *err);

/* Typed field access; each returns false when the field is absent or of another type. */
bool tally_body_get(const tally_record *record, const char *key, tally_value *out);
bool tally_body_str(const tally_record *record, const char *key, tally_span *out);
bool tally_body_bin(const tally_record *record, const char *key, size_t len, const uint8_t **out);
bool tally_body_u64(const tally_record *record, const char *key, uint64_t *out);
bool tally_body_i64(const tally_record *record, const char *key, int64_t *out);
/* An amount of money in pico-units, in the one of its two forms that is its own: an integer, or
 * [units, pico] for what does not fit one. PROTOCOL.md section 1. */
bool tally_body_amount(const tally_record *record, const char *key, tally_i128 *out);
bool tally_value_amount(const tally_value *value, tally_i128 *out);
bool tally_body_true(const tally_record *record, const char *key);

/* Writer: put fields in any order, then encode; keys are sorted, integers shortest. Values are
 * borrowed until then. Reusable after tally_writer_begin. */
typedef struct tally_writer tally_writer;
int tally_writer_new(tally_writer **out, tally_error *err);
void tally_writer_free(tally_writer *writer);
void tally_writer_begin(tally_writer *writer);
void tally_put_str(tally_writer *writer, const char *key, tally_span text);
void tally_put_str_opt(tally_writer *writer, const char *key,
                       tally_span text); /* nothing when empty */
void tally_put_bin(tally_writer *writer, const char *key, tally_span bytes);
void tally_put_u64(tally_writer *writer, const char *key, uint64_t value);
void tally_put_u64_opt(tally_writer *writer, const char *key, uint64_t value); /* nothing when 0 */
void tally_put_i64(tally_writer *writer, const char *key, int64_t value);
/* `pico` is within TALLY_AMOUNT_LIMIT (money.h). */
void tally_put_amount(tally_writer *writer, const char *key, tally_i128 pico);
void tally_put_true(tally_writer *writer, const char *key);
/* A ready canonical msgpack value (an array or a map). */
void tally_put_raw(tally_writer *writer, const char *key, tally_span msgpack);
/* Encodes what was put. The span is the writer's, valid until its next use. TALLY_ELIMIT when over
 * 64 KiB, TALLY_EINVAL when a text is not UTF-8. */
int tally_writer_encode(tally_writer *writer, const char *kind, tally_hlc hlc, tally_span *out,
                        tally_error *err);

/* True when `text` is valid UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). */
bool tally_utf8_valid(tally_span text);

#endif
