/* Rows of local tables in the making: canonical msgpack into a buffer. Private to sync/; header
 * only. */
#ifndef TALLY_ROW_H
#define TALLY_ROW_H

#include <tally/frame.h>

#include <msgpack.h>

/* The first failure stays. The caller clears `bytes`. */
typedef struct row_writer {
    tally_buffer bytes;
    msgpack_packer packer;
    tally_error *err;
    int rc;
} row_writer;

static inline int row_append(void *data, const char *bytes, size_t len) {
    row_writer *row = data;
    if (row->rc == 0) row->rc = tally_buffer_add(&row->bytes, tally_span_of(bytes, len), row->err);
    return row->rc;
}

static inline void row_begin(row_writer *row, size_t limit_bytes, size_t elements,
                             tally_error *err) {
    row->err = err;
    row->rc = 0;
    tally_buffer_init(&row->bytes, limit_bytes);
    msgpack_packer_init(&row->packer, row, row_append);
    (void)msgpack_pack_array(&row->packer, elements);
}

static inline void row_put_array(row_writer *row, size_t count) {
    (void)msgpack_pack_array(&row->packer, count);
}

static inline void row_put_uint(row_writer *row, uint64_t value) {
    (void)msgpack_pack_uint64(&row->packer, value);
}

static inline void row_put_int(row_writer *row, int64_t value) {
    (void)msgpack_pack_int64(&row->packer, value);
}

static inline void row_put_bytes(row_writer *row, const void *bytes, size_t len) {
    (void)msgpack_pack_bin(&row->packer, len);
    (void)msgpack_pack_bin_body(&row->packer, bytes, len);
}

static inline void row_put_text(row_writer *row, tally_span text) {
    (void)msgpack_pack_str(&row->packer, text.len);
    (void)msgpack_pack_str_body(&row->packer, text.ptr, text.len);
}

#endif
