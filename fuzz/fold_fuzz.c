/* Records of a team, most of them sound, taken in as signed commits in two orders: views and every
 * figure that is derived from them are the same, a rebuild gives the same views, sums of rows are
 * the total, and what is billed adds up. */
#include "fold_figures.h"
#include "fold_world.h"
#include "view_fold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    world *w;
    uint8_t order; /* 0: feed after feed; else from the last feed on, in pieces of so many */
    tally_hash views;
    uint64_t figures;
} outcome;

/* ---- taking in ---- */

static void send_all(tally_txn *txn, outcome *o) {
    static feed_way ways[WORLD_DEVICES];
    size_t left = o->w->count;
    feed_ways(o->w, ways);
    while (left > 0)
        for (unsigned i = 0; i < WORLD_DEVICES; i++) {
            unsigned d = o->order ? WORLD_DEVICES - 1 - i : i;
            size_t count = ways[d].count - ways[d].sent;
            if (o->order && count > o->order) count = o->order;
            if (count > 0) send_some(txn, d, &ways[d], count);
            left -= count;
        }
}

/* ---- what must hold ---- */

static tally_hash digest_of(tally_txn *txn) {
    tally_hash digest;
    must(tally_view_digest(txn, &digest, NULL) == 0);
    return digest;
}

/* Ends in an error, so that the ledger is as it was for the next order. */
static int one_order(void *ctx, tally_txn *txn, tally_error *err) {
    outcome *o = ctx;
    send_all(txn, o);
    o->views = digest_of(txn);
    o->figures = figures_of(txn, false);
    if (o->order) {
        must(view_rebuild_in(txn, NULL) == 0);
        tally_hash rebuilt = digest_of(txn);
        must(tally_hash_eq(&rebuilt, &o->views));
        must(figures_of(txn, false) == o->figures);
    }
    return tally_fail(err, TALLY_EREFUSED, "seen");
}

/* ---- making the ledger, once ---- */

static world the_world;

static int fill(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    return world_team(&the_world, txn, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tally_ledger *ledger;
    tally_span input = tally_span_of(data, size);
    if (!ledger) {
        must(tally_writer_new(&the_world.writer, NULL) == 0);
        ledger = fuzz_ledger_make(fill);
    }
    outcome straight = {.w = &the_world}, mixed = {.w = &the_world};
    mixed.order = (uint8_t)(1u + take(&input) % 4u);
    world_read(&the_world, &input);
    must(tally_ledger_write(ledger, FUZZ_NOW_MS, one_order, &straight, NULL) == TALLY_EREFUSED);
    must(tally_ledger_write(ledger, FUZZ_NOW_MS, one_order, &mixed, NULL) == TALLY_EREFUSED);
    must(tally_hash_eq(&straight.views, &mixed.views));
    must(straight.figures == mixed.figures);
    return 0;
}
