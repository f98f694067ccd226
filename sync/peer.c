/* What is remembered of teammates' nodes: rows of the local table of peers, and this store's own
 * frontier. Who writes them when is the session's matter.
 *
 * A row's key is the device key, its value the canonical msgpack of
 * [1, seen, clock off, address, frontier], the frontier as in a hello (wire.h). */
#include <tally/peer.h>

#include <stdlib.h>

#include "row.h"

#define ROW_VERSION   1u
#define ROW_ELEMENTS  5u
#define ROW_MAX_BYTES (64u + TALLY_PEER_ADDRESS_MAX_BYTES + TALLY_WIRE_MAX_HEADS * 80u)

/* ---- the own frontier ---- */

static int head_cmp(const void *a, const void *b) {
    const tally_wire_head *x = a, *y = b;
    return memcmp(x->device.b, y->device.b, sizeof x->device.b);
}

int tally_frontier(tally_txn *txn, tally_wire_head *heads, size_t *count, tally_error *err) {
    uint32_t feeds = tally_feed_count(txn);
    *count = 0;
    for (uint32_t number = 0; number < feeds; number++) {
        tally_feed feed;
        int rc = tally_feed_get(txn, number, &feed, err);
        if (rc != 0) return rc;
        if (feed.size == 0) continue;
        if (*count == TALLY_WIRE_MAX_HEADS)
            return tally_fail(err, TALLY_ELIMIT, "more than %u devices have records here",
                              TALLY_WIRE_MAX_HEADS);
        tally_wire_head *head = &heads[(*count)++];
        head->device = feed.device;
        head->size = feed.size;
        tally_range_root(&feed.range, &head->root);
    }
    qsort(heads, *count, sizeof *heads, head_cmp);
    return 0;
}

/* ---- rows ---- */

static void row_make(row_writer *row, const tally_peer *peer, tally_span address) {
    row_put_uint(row, ROW_VERSION);
    row_put_int(row, peer->seen_ms);
    row_put_int(row, peer->clock_off_ms);
    row_put_text(row, address);
    row_put_array(row, peer->head_count);
    for (size_t i = 0; i < peer->head_count && row->rc == 0; i++) {
        const tally_wire_head *head = &peer->heads[i];
        row_put_array(row, 3);
        row_put_bytes(row, head->device.b, sizeof head->device.b);
        row_put_uint(row, head->size);
        row_put_bytes(row, head->root.b, sizeof head->root.b);
    }
}

static bool take_int(tally_cursor *cursor, int64_t *out) {
    tally_value v;
    if (!tally_cursor_next(cursor, &v)) return false;
    if (v.type == TALLY_VALUE_UINT && v.as.uint > INT64_MAX) return false;
    if (v.type == TALLY_VALUE_UINT)
        *out = (int64_t)v.as.uint;
    else
        *out = v.as.integer;
    return v.type == TALLY_VALUE_UINT || v.type == TALLY_VALUE_INT;
}

static bool address_ok(tally_span address) {
    return address.len <= TALLY_PEER_ADDRESS_MAX_BYTES && tally_utf8_valid(address);
}

/* `heads` holds TALLY_WIRE_MAX_HEADS. False for a row that does not read. */
static bool row_read(tally_span key, tally_span bytes, tally_wire_head *heads, tally_peer *out) {
    tally_cursor whole = {bytes.ptr, bytes.ptr + bytes.len};
    tally_value row, version, address, frontier;
    *out = (tally_peer){.heads = heads};
    if (key.len != sizeof out->device.b || bytes.len == 0) return false;
    memcpy(out->device.b, key.ptr, key.len);
    if (!tally_cursor_next(&whole, &row) || row.type != TALLY_VALUE_ARRAY ||
        row.count != ROW_ELEMENTS || whole.at != whole.end)
        return false;
    tally_cursor cursor = tally_cursor_of(&row);
    if (!tally_cursor_next(&cursor, &version) || version.type != TALLY_VALUE_UINT ||
        version.as.uint != ROW_VERSION)
        return false;
    if (!take_int(&cursor, &out->seen_ms) || !take_int(&cursor, &out->clock_off_ms)) return false;
    if (!tally_cursor_next(&cursor, &address) || address.type != TALLY_VALUE_STR ||
        !address_ok(address.bytes))
        return false;
    if (!tally_cursor_next(&cursor, &frontier) || frontier.type != TALLY_VALUE_ARRAY ||
        frontier.count > TALLY_WIRE_MAX_HEADS)
        return false;
    out->address = address.bytes;
    tally_wire_list list = {tally_cursor_of(&frontier), frontier.count};
    while (out->head_count < frontier.count) {
        if (!tally_wire_next_head(&list, &heads[out->head_count])) return false;
        out->head_count++;
    }
    return true;
}

static tally_wire_head *heads_new(tally_error *err) {
    tally_wire_head *heads = malloc(TALLY_WIRE_MAX_HEADS * sizeof *heads);
    if (!heads) (void)tally_fail(err, TALLY_ENOMEM, "no memory for what peers hold");
    return heads;
}

static int check(const tally_peer *peer, tally_error *err) {
    if (!address_ok(peer->address))
        return tally_fail(err, TALLY_EINVAL, "a peer's address has at most %u bytes of UTF-8",
                          TALLY_PEER_ADDRESS_MAX_BYTES);
    if (peer->head_count > TALLY_WIRE_MAX_HEADS)
        return tally_fail(err, TALLY_ELIMIT, "a frontier names at most %u devices",
                          TALLY_WIRE_MAX_HEADS);
    return 0;
}

int tally_peer_put(tally_txn *txn, const tally_peer *peer, tally_error *err) {
    tally_span key = tally_span_of(peer->device.b, sizeof peer->device.b), stored;
    tally_span address = peer->address;
    tally_peer known;
    int rc = check(peer, err);
    if (rc != 0) return rc;
    tally_wire_head *heads = heads_new(err);
    if (!heads) return TALLY_ENOMEM;
    if (address.len == 0 && tally_local_get(txn, TALLY_LOCAL_PEERS, key, &stored) == 0 &&
        row_read(key, stored, heads, &known))
        address = known.address;
    row_writer row;
    row_begin(&row, ROW_MAX_BYTES, ROW_ELEMENTS, err);
    row_make(&row, peer, address);
    rc = row.rc;
    if (rc == 0)
        rc = tally_local_put(txn, TALLY_LOCAL_PEERS, key, tally_buffer_span(&row.bytes), err);
    tally_buffer_clear(&row.bytes);
    free(heads);
    return rc;
}

typedef struct peer_walk {
    tally_peer_fn *fn;
    void *ctx;
    tally_wire_head *heads;
} peer_walk;

static int each_row(void *ctx, tally_span key, tally_span value, tally_error *err) {
    const peer_walk *walk = ctx;
    tally_peer peer;
    return row_read(key, value, walk->heads, &peer) ? walk->fn(walk->ctx, &peer, err) : 0;
}

int tally_peer_each(tally_txn *txn, tally_peer_fn *fn, void *ctx, tally_error *err) {
    peer_walk walk = {fn, ctx, heads_new(err)};
    if (!walk.heads) return TALLY_ENOMEM;
    int rc = tally_local_each(txn, TALLY_LOCAL_PEERS, each_row, &walk, err);
    free(walk.heads);
    return rc;
}

int tally_peer_get(tally_txn *txn, const tally_device_id *device, tally_wire_head *heads,
                   tally_peer *out, tally_error *err) {
    tally_span key = tally_span_of(device->b, sizeof device->b), stored;
    int rc = tally_local_get(txn, TALLY_LOCAL_PEERS, key, &stored);
    if (rc == 0 && !row_read(key, stored, heads, out)) rc = TALLY_ENOTFOUND;
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, rc, "nothing is remembered of this device's node");
    return rc == 0 ? 0 : tally_fail(err, rc, "cannot read what is remembered of peers");
}
