/* The USB stick: segments written on one node and read on others, late, twice, out of order, and
 * sometimes damaged. */
#include "sim.h"

#include <tally/segment.h>

#include <stdlib.h>

#define SEGMENT_MAX_BYTES (8u * 1024u * 1024u)

static int sink(void *ctx, tally_span bytes, tally_error *err) {
    return tally_buffer_add(ctx, bytes, err);
}

/* Everything that the node holds. */
static bool export_all(world *w, node *n, segment_file *file) {
    tally_txn *txn;
    tally_error err = {0};
    tally_buffer bytes;
    if (!node_up(n) || node_secrets(w, n) == 0) return false;
    tally_buffer_init(&bytes, SEGMENT_MAX_BYTES);
    if (tally_read_begin(n->ledger, &txn, &err) != 0) return false;
    tally_segment_write out = {.txn = txn,
                               .secret = &n->secrets[0],
                               .packer = w->packer,
                               .now_ms = node_now(w, n),
                               .sink = sink,
                               .ctx = &bytes};
    int rc = tally_segment_write_to(&out, &err);
    tally_read_end(txn);
    node_expect(w, n, rc, TALLY_ENOTFOUND, 0, "write a segment", &err);
    world_trace(w, "export", n->number, bytes.len, out.records);
    *file = (segment_file){bytes.ptr, bytes.len};
    if (rc == 0 && bytes.len > 0) return true;
    tally_buffer_clear(&bytes);
    return false;
}

void act_segment_export(world *w, node *n) {
    segment_file file;
    if (!export_all(w, n, &file)) return;
    bool room = w->segment_count < SIM_MAX_SEGMENTS;
    size_t at = room ? w->segment_count++ : dice_below(&w->dice, SIM_MAX_SEGMENTS);
    free(w->segments[at].bytes);
    w->segments[at] = file;
}

typedef struct reading {
    const segment_file *file;
    size_t at, flipped; /* the byte that is damaged; SIZE_MAX: none */
    tally_segment_read *segment;
} reading;

static int source(void *ctx, uint8_t *out, size_t size, size_t *len, tally_error *err) {
    reading *r = ctx;
    size_t left = r->file->len - r->at;
    (void)err;
    *len = size < left ? size : left;
    memcpy(out, r->file->bytes + r->at, *len);
    if (r->flipped >= r->at && r->flipped - r->at < *len) out[r->flipped - r->at] ^= 1;
    r->at += *len;
    return 0;
}

static int take(void *ctx, tally_txn *txn, tally_error *err) {
    reading *r = ctx;
    r->at = 0;
    return tally_segment_take(r->segment, txn, err);
}

void act_segment_import(world *w, node *n) {
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_error err = {0};
    if (!node_up(n) || w->segment_count == 0 || node_secrets(w, n) == 0) return;
    const segment_file *file = &w->segments[dice_below(&w->dice, w->segment_count)];
    reading r = {.file = file, .flipped = SIZE_MAX};
    tally_segment_read segment = {.secrets = n->secrets,
                                  .secret_count = n->secret_count,
                                  .packer = w->packer,
                                  .source = source,
                                  .ctx = &r,
                                  .heads = heads};
    r.segment = &segment;
    if (dice_chance(&w->dice, 15)) r.flipped = dice_below(&w->dice, file->len);
    int rc = tally_segment_check(&segment, &err);
    world_trace(w, "import", n->number, file->len, (uint64_t)(uint32_t)rc);
    node_expect(w, n, rc, TALLY_EFORMAT, r.flipped != SIZE_MAX ? TALLY_ELIMIT : 0,
                "check a segment", &err);
    if (rc == 0 && r.flipped != SIZE_MAX)
        world_fail(w, "node %u took a damaged segment for a whole one", n->number);
    if (rc != 0) return;
    (void)node_write(w, n, take, &r);
}

void act_steal(world *w, node *thief, node *from) {
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    segment_file file;
    tally_error err = {0};
    if (!export_all(w, from, &file)) return;
    reading r = {.file = &file, .flipped = SIZE_MAX};
    tally_segment_read segment = {.secrets = from->secrets,
                                  .secret_count = from->secret_count,
                                  .packer = w->packer,
                                  .source = source,
                                  .ctx = &r,
                                  .heads = heads};
    r.segment = &segment;
    int rc = tally_segment_check(&segment, &err);
    node_expect(w, from, rc, 0, 0, "check a segment of its own", &err);
    if (rc == 0) (void)node_write(w, thief, take, &r);
    free(file.bytes);
}

void act_segment_free(world *w) {
    for (size_t i = 0; i < SIM_MAX_SEGMENTS; i++)
        free(w->segments[i].bytes);
}
