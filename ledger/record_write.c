/* Records, writing: collects fields, sorts their keys and packs them with msgpack-c. Reading is in
 * record.c. */
#include "amount.h"

#include <tally/record.h>

#include <assert.h>
#include <msgpack.h>
#include <stdlib.h>

typedef enum field_type {
    FIELD_STR,
    FIELD_BIN,
    FIELD_U64,
    FIELD_I64,
    FIELD_AMOUNT,
    FIELD_TRUE,
    FIELD_RAW
} field_type;

typedef struct field {
    tally_span key;
    field_type type;
    tally_span bytes;
    uint64_t uint;
    int64_t integer;
    tally_i128 amount;
} field;

struct tally_writer {
    uint32_t count;
    bool overflow; /* more was packed than a record may hold */
    size_t used;
    field fields[TALLY_BODY_MAX_FIELDS];
    uint8_t buffer[TALLY_RECORD_MAX_BYTES];
};

int tally_writer_new(tally_writer **out, tally_error *err) {
    *out = malloc(sizeof **out);
    if (!*out) return tally_fail(err, TALLY_ENOMEM, "no memory for a record writer");
    tally_writer_begin(*out);
    return 0;
}

void tally_writer_free(tally_writer *writer) {
    free(writer);
}

void tally_writer_begin(tally_writer *writer) {
    writer->count = 0;
    writer->used = 0;
    writer->overflow = false;
}

/* Keeps the fields sorted by key as they come: bodies are small. */
static field *add(tally_writer *writer, const char *key, field_type type) {
    assert(key && writer->count < TALLY_BODY_MAX_FIELDS);
    tally_span name = tally_span_str(key);
    uint32_t at = writer->count++;
    while (at > 0 && tally_span_cmp(writer->fields[at - 1].key, name) > 0) {
        writer->fields[at] = writer->fields[at - 1];
        at--;
    }
    assert(at == 0 || !tally_span_eq(writer->fields[at - 1].key, name));
    writer->fields[at] = (field){.key = name, .type = type};
    return &writer->fields[at];
}

void tally_put_str(tally_writer *writer, const char *key, tally_span text) {
    add(writer, key, FIELD_STR)->bytes = text;
}

void tally_put_str_opt(tally_writer *writer, const char *key, tally_span text) {
    if (text.len > 0) tally_put_str(writer, key, text);
}

void tally_put_bin(tally_writer *writer, const char *key, tally_span bytes) {
    add(writer, key, FIELD_BIN)->bytes = bytes;
}

void tally_put_u64(tally_writer *writer, const char *key, uint64_t value) {
    add(writer, key, FIELD_U64)->uint = value;
}

void tally_put_u64_opt(tally_writer *writer, const char *key, uint64_t value) {
    if (value > 0) tally_put_u64(writer, key, value);
}

void tally_put_i64(tally_writer *writer, const char *key, int64_t value) {
    add(writer, key, FIELD_I64)->integer = value;
}

void tally_put_amount(tally_writer *writer, const char *key, tally_i128 pico) {
    add(writer, key, FIELD_AMOUNT)->amount = pico;
}

void tally_put_true(tally_writer *writer, const char *key) {
    (void)add(writer, key, FIELD_TRUE);
}

void tally_put_raw(tally_writer *writer, const char *key, tally_span msgpack) {
    add(writer, key, FIELD_RAW)->bytes = msgpack;
}

static int buffer_write(void *data, const char *bytes, size_t len) {
    tally_writer *writer = data;
    if (len > sizeof writer->buffer - writer->used) {
        writer->overflow = true;
        return -1;
    }
    if (len > 0) memcpy(writer->buffer + writer->used, bytes, len);
    writer->used += len;
    return 0;
}

static void pack_str(msgpack_packer *pk, tally_span text) {
    msgpack_pack_str(pk, text.len);
    msgpack_pack_str_body(pk, text.ptr, text.len);
}

static void pack_field(msgpack_packer *pk, tally_writer *writer, const field *f) {
    pack_str(pk, f->key);
    switch (f->type) {
    case FIELD_STR: pack_str(pk, f->bytes); break;
    case FIELD_BIN:
        msgpack_pack_bin(pk, f->bytes.len);
        msgpack_pack_bin_body(pk, f->bytes.ptr, f->bytes.len);
        break;
    case FIELD_U64: msgpack_pack_uint64(pk, f->uint); break;
    case FIELD_I64: msgpack_pack_int64(pk, f->integer); break;
    case FIELD_AMOUNT: amount_pack(pk, f->amount); break;
    case FIELD_TRUE: msgpack_pack_true(pk); break;
    case FIELD_RAW: (void)buffer_write(writer, (const char *)f->bytes.ptr, f->bytes.len); break;
    }
}

int tally_writer_encode(tally_writer *writer, const char *kind, tally_hlc hlc, tally_span *out,
                        tally_error *err) {
    msgpack_packer pk;
    msgpack_packer_init(&pk, writer, buffer_write);
    writer->used = 0;
    writer->overflow = false;
    msgpack_pack_array(&pk, 4);
    msgpack_pack_uint8(&pk, TALLY_RECORD_VERSION);
    pack_str(&pk, tally_span_str(kind));
    msgpack_pack_uint64(&pk, hlc);
    msgpack_pack_map(&pk, writer->count);
    for (uint32_t i = 0; i < writer->count && !writer->overflow; i++) {
        const field *f = &writer->fields[i];
        if (f->type == FIELD_STR && !tally_utf8_valid(f->bytes))
            return tally_fail(err, TALLY_EINVAL, "cannot record %s: its field %.*s is not UTF-8",
                              kind, (int)f->key.len, (const char *)f->key.ptr);
        pack_field(&pk, writer, f);
    }
    if (writer->overflow)
        return tally_fail(err, TALLY_ELIMIT, "cannot record %s: it is larger than %u bytes", kind,
                          TALLY_RECORD_MAX_BYTES);
    *out = tally_span_of(writer->buffer, writer->used);
    return 0;
}
