/* Shared folders: the rows of the local table that say what is known of each file.
 *
 * A row's key is the file's name, its value the canonical msgpack of
 * [1, own, counter, size, epoch, written, forks, held, spans], held being empty when nothing was
 * skipped and spans an array of [device, from, size, root]. */
#include "folder_state.h"

#include <tally/peer.h>

#include <stdlib.h>

#include "row.h"

_Static_assert(sizeof(tally_wire_head) == 2 * TALLY_HASH_BYTES + 8, "no padding to be hashed");

#define ROW_VERSION   1u
#define ROW_ELEMENTS  9u
#define ROW_MAX_BYTES (256u + TALLY_WIRE_MAX_HEADS * 96u)

static bool take_uint(tally_cursor *cursor, uint64_t *out) {
    tally_value v;
    if (!tally_cursor_next(cursor, &v) || v.type != TALLY_VALUE_UINT) return false;
    *out = v.as.uint;
    return true;
}

static bool take_bytes(tally_cursor *cursor, void *out, size_t len) {
    tally_value v;
    if (!tally_cursor_next(cursor, &v) || v.type != TALLY_VALUE_BIN || v.bytes.len != len)
        return false;
    memcpy(out, v.bytes.ptr, len);
    return true;
}

bool folder_row_next(tally_wire_list *spans, tally_segment_span *out) {
    tally_value v;
    if (!tally_cursor_next(&spans->at, &v) || v.type != TALLY_VALUE_ARRAY || v.count != 4)
        return false;
    tally_cursor at = tally_cursor_of(&v);
    return take_bytes(&at, out->device.b, sizeof out->device.b) && take_uint(&at, &out->from) &&
           take_uint(&at, &out->size) && take_bytes(&at, out->root.b, sizeof out->root.b) &&
           out->from < out->size;
}

/* The last two elements, and nothing after them. */
static bool take_rest(tally_cursor *at, folder_row *out) {
    tally_value held, spans;
    tally_segment_span span;
    if (!tally_cursor_next(at, &held) || held.type != TALLY_VALUE_BIN) return false;
    out->skipped = held.bytes.len == sizeof out->held.b;
    if (out->skipped)
        memcpy(out->held.b, held.bytes.ptr, sizeof out->held.b);
    else if (held.bytes.len > 0)
        return false;
    if (!tally_cursor_next(at, &spans) || spans.type != TALLY_VALUE_ARRAY || at->at != at->end)
        return false;
    out->spans = (tally_wire_list){tally_cursor_of(&spans), spans.count};
    tally_wire_list walk = out->spans;
    for (uint32_t i = 0; i < spans.count; i++)
        if (!folder_row_next(&walk, &span)) return false;
    return spans.count <= TALLY_WIRE_MAX_HEADS;
}

bool folder_row_read(tally_span bytes, folder_row *out) {
    tally_cursor whole = {bytes.ptr, bytes.ptr + bytes.len};
    tally_value row;
    uint64_t version, own, written;
    *out = (folder_row){0};
    if (bytes.len == 0 || !tally_cursor_next(&whole, &row) || row.type != TALLY_VALUE_ARRAY ||
        row.count != ROW_ELEMENTS || whole.at != whole.end)
        return false;
    tally_cursor at = tally_cursor_of(&row);
    if (!take_uint(&at, &version) || version != ROW_VERSION || !take_uint(&at, &own) || own > 1 ||
        !take_uint(&at, &out->counter) || !take_uint(&at, &out->size) ||
        !take_uint(&at, &out->epoch) || !take_uint(&at, &written) || written > INT64_MAX ||
        !take_uint(&at, &out->forks))
        return false;
    out->own = own == 1;
    out->written_ms = (int64_t)written;
    return take_rest(&at, out);
}

int folder_row_get(tally_txn *txn, tally_span name, folder_row *out) {
    tally_span stored;
    int rc = tally_local_get(txn, TALLY_LOCAL_FOLDERS, name, &stored);
    if (rc == 0 && !folder_row_read(stored, out)) rc = TALLY_ENOTFOUND;
    return rc;
}

int folder_row_put(tally_txn *txn, tally_span name, const folder_row *row,
                   const tally_segment_span *spans, size_t count, tally_error *err) {
    row_writer w;
    row_begin(&w, ROW_MAX_BYTES, ROW_ELEMENTS, err);
    row_put_uint(&w, ROW_VERSION);
    row_put_uint(&w, row->own);
    row_put_uint(&w, row->counter);
    row_put_uint(&w, row->size);
    row_put_uint(&w, row->epoch);
    row_put_uint(&w, row->written_ms > 0 ? (uint64_t)row->written_ms : 0);
    row_put_uint(&w, row->forks);
    row_put_bytes(&w, row->held.b, row->skipped ? sizeof row->held.b : 0);
    row_put_array(&w, count);
    for (size_t i = 0; i < count && w.rc == 0; i++) {
        row_put_array(&w, 4);
        row_put_bytes(&w, spans[i].device.b, sizeof spans[i].device.b);
        row_put_uint(&w, spans[i].from);
        row_put_uint(&w, spans[i].size);
        row_put_bytes(&w, spans[i].root.b, sizeof spans[i].root.b);
    }
    int rc = w.rc;
    if (rc == 0)
        rc = tally_local_put(txn, TALLY_LOCAL_FOLDERS, name, tally_buffer_span(&w.bytes), err);
    tally_buffer_clear(&w.bytes);
    return rc;
}

int folder_held_digest(tally_txn *txn, tally_hash *out, tally_error *err) {
    size_t count;
    tally_wire_head *heads = calloc(TALLY_WIRE_MAX_HEADS, sizeof *heads);
    if (!heads) return tally_fail(err, TALLY_ENOMEM, "no memory for a frontier");
    int rc = tally_frontier(txn, heads, &count, err);
    if (rc == 0) tally_sha256(tally_span_of(heads, count * sizeof *heads), out);
    free(heads);
    return rc;
}

bool folder_item_row(tally_txn *txn, const folder_item *item, folder_row *out) {
    return !item->partial && !item->gone && folder_row_get(txn, folder_name(item), out) == 0 &&
           out->size == item->size && out->size > 0;
}
