/* Gathers the devices of the team with what is held and remembered of each, and lists them. How
 * people name them is in device_find.c. */
#include "device.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <tally/peer.h>

typedef struct gathering {
    tally_ledger *ledger;
    tally_txn *txn;
    cli_devices *out;
    tally_wire_head *heads; /* this store's frontier */
    size_t head_count;
    tally_error *err;
} gathering;

static int id_compare(const tally_device_id *a, const tally_device_id *b) {
    return memcmp(a->b, b->b, sizeof a->b);
}

static cli_device *row_of(cli_devices *devices, const tally_device_id *id) {
    for (size_t i = 0; i < devices->count; i++)
        if (id_compare(&devices->rows[i].in.device, id) == 0) return &devices->rows[i];
    return NULL;
}

/* The clock of a device's first record: when it began to take part. */
static int first_time(tally_txn *txn, uint32_t feed, cli_device *row, tally_error *err) {
    tally_span bytes;
    tally_record record;
    int code = tally_record_get(txn, feed, 0, &bytes, err);
    if (!code) code = tally_record_parse(bytes, &record, err);
    if (code) return code;
    row->first_ms = tally_hlc_ms(record.hlc);
    row->began = true;
    return 0;
}

static int feed_read(const gathering *all, cli_device *row) {
    tally_feed feed;
    uint32_t number;
    int code = tally_feed_find(all->txn, &row->in.device, &number);
    if (code == TALLY_ENOTFOUND) return 0;
    if (!code) code = tally_feed_get(all->txn, number, &feed, all->err);
    if (code || !feed.size) return code;
    uint64_t limit = row->in.role == TALLY_ROLE_AUDITOR ? 0 : row->in.limit;
    row->records = feed.size;
    row->counting = feed.size < limit ? feed.size : limit;
    all->out->records += feed.size;
    return first_time(all->txn, number, row, all->err);
}

static int device_take(void *ctx, const tally_team_device *device) {
    gathering *all = ctx;
    if (all->out->count == TALLY_TEAM_MAX_DEVICES) return TALLY_ELIMIT;
    cli_device *row = &all->out->rows[all->out->count++];
    *row = (cli_device){.in = *device};
    row->itself = id_compare(&device->device, tally_ledger_device(all->ledger)) == 0;
    return feed_read(all, row);
}

static int fork_take(void *ctx, const tally_fork_state *state, tally_error *err) {
    gathering *all = ctx;
    cli_device *row = row_of(all->out, &state->proof.device);
    (void)err;
    if (!row) return 0;
    row->frozen = true;
    row->resolved = state->resolved;
    row->common = state->proof.common;
    row->end = state->size;
    return 0;
}

/* What a teammate held of a frozen feed past its end is evidence, and not what this store lacks. */
static uint64_t lacking(const gathering *all, const tally_device_id *device, uint64_t theirs,
                        uint64_t ours) {
    const cli_device *row = row_of(all->out, device);
    if (row && row->frozen && theirs > row->end) theirs = row->end;
    return theirs > ours ? theirs - ours : 0;
}

/* Both frontiers ascend by device. */
static void frontiers_compare(const gathering *all, const tally_peer *peer, cli_device *row) {
    size_t ours = 0, theirs = 0;
    while (ours < all->head_count || theirs < peer->head_count) {
        const tally_wire_head *o = ours < all->head_count ? &all->heads[ours] : NULL;
        const tally_wire_head *t = theirs < peer->head_count ? &peer->heads[theirs] : NULL;
        int order = !o ? 1 : !t ? -1 : id_compare(&o->device, &t->device);
        assert((order > 0 || o) && (order < 0 || t)); /* the loop ends when both are none */
        uint64_t here = order <= 0 ? o->size : 0, there = order >= 0 ? t->size : 0;
        row->has += there;
        if (here > there) row->they_lack += here - there;
        row->we_lack += lacking(all, order <= 0 ? &o->device : &t->device, there, here);
        ours += order <= 0;
        theirs += order >= 0;
    }
}

static int peer_take(void *ctx, const tally_peer *peer, tally_error *err) {
    gathering *all = ctx;
    cli_device *row = row_of(all->out, &peer->device);
    (void)err;
    if (!row || row->itself) return 0;
    row->met = true;
    row->seen_ms = peer->seen_ms;
    row->clock_off_ms = peer->clock_off_ms;
    row->address = peer->address;
    frontiers_compare(all, peer, row);
    return 0;
}

static int row_compare(const void *left, const void *right) {
    const cli_device *a = left, *b = right;
    if (a->itself != b->itself) return a->itself ? -1 : 1;
    int order = tally_span_cmp(a->in.member, b->in.member);
    if (order == 0) order = tally_span_cmp(a->in.name, b->in.name);
    return order != 0 ? order : id_compare(&a->in.device, &b->in.device);
}

int cli_devices_read(tally_ledger *ledger, tally_txn *txn, cli_devices *out, tally_error *err) {
    gathering all = {.ledger = ledger, .txn = txn, .out = out, .err = err};
    memset(out, 0, sizeof *out);
    out->rows = calloc(TALLY_TEAM_MAX_DEVICES, sizeof *out->rows);
    all.heads = calloc(TALLY_WIRE_MAX_HEADS, sizeof *all.heads);
    if (!out->rows || !all.heads) {
        free(all.heads);
        return tally_fail(err, TALLY_ENOMEM, "no memory to list the devices");
    }
    int code = tally_team_device_each(txn, device_take, &all);
    if (code) tally_fail(err, code, "the devices cannot be read; run 'tally fsck'");
    if (!code) code = tally_frontier(txn, all.heads, &all.head_count, err);
    if (!code) code = tally_fork_each(txn, fork_take, &all, err);
    if (!code) code = tally_peer_each(txn, peer_take, &all, err);
    if (!code) qsort(out->rows, out->count, sizeof *out->rows, row_compare);
    free(all.heads);
    return code;
}

void cli_devices_free(cli_devices *devices) {
    free(devices->rows);
    memset(devices, 0, sizeof *devices);
}

static int table_print(cli *run, const cli_devices_view *view, const cli_reading *reading,
                       const cli_devices *devices, tally_error *err) {
    cli_table *table = cli_table_new(cli_out_paged(run), view->columns, view->column_count);
    for (size_t i = 0; table && i < devices->count; i++)
        view->line(table, reading, &devices->rows[i]);
    int failed = !table || cli_table_print(table);
    cli_table_free(table);
    if (failed) return tally_fail(err, TALLY_ENOMEM, "no memory to print the devices");
    if (view->after) view->after(devices);
    return 0;
}

int cli_devices_show(cli *run, const cli_devices_view *view) {
    tally_error err = {0};
    cli_reading reading = {0};
    cli_devices devices = {0};
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_devices_read(reading.ledger, reading.txn, &devices, &err);
    if (!code && run->json)
        view->json(run, &reading, &devices);
    else if (!code)
        code = table_print(run, view, &reading, &devices, &err);
    cli_devices_free(&devices);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}
