/* Stored rows that this version did not write, as on a damaged disk or after another version: in
 * local tables, and in the views of a small ledger that was folded. Whatever a row holds, reading
 * passes it over or fails; a rebuild makes the views as they were; what is sent comes to an end. */
#include "fold_figures.h"
#include "fold_world.h"
#include "row_local.h"
#include "view_fold.h"

#include <tally/folder.h>

#define MAX_ROWS      6u
#define MAX_GOOD_ROWS 24u
#define MAX_DAMAGES   4u
#define MAX_HOWS      64u  /* of what becomes of a claim */
#define MAX_CLAIMS    512u /* of the 20 messages that there can be, tried 10 times, and those */
#define ROW_KEY_BYTES 64u

/* What an input's first byte says: of views, or else of local tables; */
#define FLAG_VIEWS 1u
#define FLAG_SOUND 2u /* sound rows that are damaged, then sent or not; else any bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static world the_world;

/* ---- local tables ---- */

static int see_peer(void *ctx, const tally_peer *peer, tally_error *err) {
    (void)ctx, (void)err;
    must(peer->head_count <= TALLY_WIRE_MAX_HEADS);
    return 0;
}

static int see_hook(void *ctx, const tally_hook *hook, tally_error *err) {
    (void)ctx, (void)err;
    must(hook->name.len <= TALLY_HOOK_NAME_MAX_BYTES);
    return 0;
}

static int see_message(void *ctx, const tally_message *message, tally_error *err) {
    (void)ctx, (void)err;
    must(message->state <= TALLY_MESSAGE_DEAD);
    return 0;
}

static int see_running(void *ctx, uint64_t session, tally_error *err) {
    (void)ctx, (void)session, (void)err;
    return 0;
}

static void read_peers(tally_txn *txn, tally_span key) {
    static tally_wire_head heads[TALLY_WIRE_MAX_HEADS];
    tally_device_id device = {{0}};
    tally_peer peer;
    (void)tally_peer_each(txn, see_peer, NULL, NULL);
    if (key.len == sizeof device.b) memcpy(device.b, key.ptr, key.len);
    (void)tally_peer_get(txn, &device, heads, &peer, NULL);
}

static void read_folder(tally_txn *txn) {
    const tally_folder_file file = {tally_span_str(LOCAL_FILE), 4096};
    tally_folder_file next;
    tally_folder *folder;
    folder_row row;
    tally_segment_span span;
    must(tally_folder_new(&file, 1, &folder, NULL) == 0);
    if (folder_row_get(txn, file.name, &row) == 0)
        while (row.spans.count-- > 0)
            must(folder_row_next(&row.spans, &span));
    (void)tally_folder_next_read(folder, txn, &next, NULL);
    tally_folder_free(folder);
}

static void read_outbox(tally_txn *txn, tally_span key) {
    uint8_t id[TALLY_MESSAGE_ID_BYTES] = {0};
    tally_hook hook;
    int64_t at_ms;
    uint64_t count;
    (void)tally_hook_each(txn, see_hook, NULL, NULL);
    if (key.len > 1)
        (void)tally_hook_get(txn, tally_span_of(key.ptr + 1, key.len - 1), &hook, NULL);
    (void)tally_outbox_each(txn, see_message, NULL, NULL);
    (void)tally_outbox_next(txn, &at_ms, NULL);
    (void)tally_outbox_has(txn, id);
    (void)tally_outbox_generation(txn);
    (void)tally_outbox_seen(txn, 0);
    (void)tally_outbox_running_each(txn, see_running, NULL, NULL);
    (void)tally_outbox_revive(txn, FUZZ_NOW_MS, &count, NULL);
    (void)tally_outbox_forget(txn, FUZZ_NOW_MS, NULL);
}

static const store_table local_tables[] = {TABLE_LOCAL_PEERS, TABLE_LOCAL_FOLDERS,
                                           TABLE_LOCAL_OUTBOX, TABLE_LOCAL_WANTS,
                                           TABLE_LOCAL_REDACTED};

/* One row as the input has it. Keys that lead somewhere: a sort of the outbox, the file's name. */
static tally_span put_local(tally_txn *txn, tally_span *input) {
    store_table table = local_tables[take(input) % (sizeof local_tables / sizeof *local_tables)];
    tally_span key = take_some(input, 1u + take(input) % ROW_KEY_BYTES);
    tally_span value = take_some(input, (size_t)take(input) * 2u);
    if (table == TABLE_LOCAL_FOLDERS) key = tally_span_str(LOCAL_FILE);
    if (table == TABLE_LOCAL_PEERS)
        key = tally_span_of(tally_key_device(fuzz_keys[1])->b, TALLY_PUBLIC_KEY_BYTES);
    if (key.len > 0) (void)store_put(txn, table, key, value, 0, NULL);
    return key;
}

static int local_rows(void *ctx, tally_txn *txn, tally_error *err) {
    tally_span input = *(const tally_span *)ctx;
    for (unsigned i = 0; i < MAX_ROWS && input.len > 0; i++) {
        tally_span key = put_local(txn, &input);
        read_peers(txn, key);
        read_folder(txn);
        read_outbox(txn, key);
    }
    return tally_fail(err, TALLY_EREFUSED, "seen");
}

/* ---- damage ---- */

/* Changes a byte of the `step`th row of a table or of its key, cuts it, or lengthens it. */
static void damage(tally_txn *txn, store_table table, tally_span *input) {
    static uint8_t bytes[65536];
    unsigned steps = take(input), how = take(input);
    MDB_cursor *cursor;
    MDB_val key, value;
    must(store_cursor(txn, table, &cursor, NULL) == 0);
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (unsigned i = 0; i < steps % 16u && rc == 0; i++)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    if (rc == 0 && value.mv_size < sizeof bytes - 256u) {
        size_t len = value.mv_size;
        memcpy(bytes, value.mv_data, len);
        if (how % 4u == 0 && len > 0) len = take(input) % len;
        if (how % 4u == 1) bytes[len++] = take(input);
        if (how % 4u >= 2 && len > 0) bytes[take(input) % len] = take(input);
        uint8_t kept[512];
        must(key.mv_size <= sizeof kept);
        memcpy(kept, key.mv_data, key.mv_size);
        if (how & 16) kept[take(input) % key.mv_size] = take(input);
        (void)mdb_cursor_del(cursor, 0);
        mdb_cursor_close(cursor);
        (void)store_put(txn, table, tally_span_of(kept, key.mv_size), tally_span_of(bytes, len), 0,
                        NULL);
        return;
    }
    mdb_cursor_close(cursor);
}

static int sound_rows(void *ctx, tally_txn *txn, tally_error *err) {
    static const store_table tables[] = {TABLE_LOCAL_OUTBOX, TABLE_LOCAL_OUTBOX, TABLE_LOCAL_PEERS,
                                         TABLE_LOCAL_FOLDERS};
    tally_span input = *(const tally_span *)ctx;
    tally_span damages = take_some(&input, 1u + MAX_DAMAGES * take(&input) % 32u);
    bool sends = take(&damages) & 1;
    for (unsigned i = 0; i < MAX_GOOD_ROWS && input.len > 0; i++)
        local_row(txn, &input);
    for (unsigned i = 0; i < MAX_DAMAGES && damages.len > 0; i++)
        damage(txn, tables[take(&damages) % 4u], &damages);
    read_peers(txn, (tally_span){0});
    read_folder(txn);
    if (sends) return 0;
    read_outbox(txn, tally_span_str("ha"));
    return tally_fail(err, TALLY_EREFUSED, "seen");
}

/* ---- sending ---- */

static int drop_outbox(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    for (size_t i = 0; i < 3; i++)
        if (mdb_drop(txn->txn, txn->ledger->tables[local_tables[i]], 0) != 0)
            return tally_fail(err, TALLY_EIO, "not on purpose");
    return 0;
}

/* Whatever came of the ones before, sending comes to an end: in time each message was tried as
 * often as one is, or is an error. */
static void send_all(tally_ledger *ledger, tally_span input) {
    int64_t now_ms = FUZZ_NOW_MS;
    tally_outbox_place place = {{0}};
    for (unsigned i = 0;; i++) {
        uint8_t how = i < MAX_HOWS ? take(&input) : 0;
        tally_claim_options options = {.now_ms = now_ms,
                                       .lease_ms = 60000,
                                       .early = how & 16,
                                       .started_ms = FUZZ_NOW_MS,
                                       .place = how & 32 ? &place : NULL};
        tally_claim claim;
        if (tally_outbox_claim(ledger, &options, &claim, NULL) != 0) {
            if (how == 0) break;
            continue;
        }
        must(i < MAX_CLAIMS && claim.message.tries <= TALLY_OUTBOX_TRIES);
        tally_outcome outcome = {.delivered = how & 1,
                                 .gone = how & 2,
                                 .hold = how & 4,
                                 .untried = how & 8,
                                 .status = how,
                                 .why = "no answer"};
        (void)tally_outbox_settle(ledger, &claim, &outcome, now_ms, NULL);
        tally_claim_clear(&claim);
        now_ms += TALLY_OUTBOX_WAIT_MAX_MS;
    }
    must(tally_ledger_write(ledger, FUZZ_NOW_MS, drop_outbox, NULL, NULL) == 0);
}

/* ---- views ---- */

static int view_rows(void *ctx, tally_txn *txn, tally_error *err) {
    static feed_way ways[WORLD_DEVICES];
    tally_span input = *(const tally_span *)ctx;
    tally_span damages = take_some(&input, 24);
    tally_hash before, after;
    world_read(&the_world, &input);
    feed_ways(&the_world, ways);
    for (unsigned d = 0; d < WORLD_DEVICES; d++)
        if (ways[d].count > 0) send_some(txn, d, &ways[d], ways[d].count);
    must(tally_view_digest(txn, &before, NULL) == 0);
    while (damages.len > 0) {
        uint8_t table = take(&damages) % (TABLE_COUNT - TABLE_VIEW_FIRST);
        damage(txn, (store_table)(TABLE_VIEW_FIRST + table), &damages);
    }
    (void)figures_of(txn, true);
    must(view_rebuild_in(txn, NULL) == 0 && tally_view_digest(txn, &after, NULL) == 0);
    must(tally_hash_eq(&before, &after));
    return tally_fail(err, TALLY_EREFUSED, "seen");
}

static int fill(void *ctx, tally_txn *txn, tally_error *err) {
    (void)ctx;
    return world_team(&the_world, txn, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tally_ledger *ledger;
    if (size == 0) return 0;
    tally_span input = tally_span_of(data + 1, size - 1);
    if (!ledger) {
        must(tally_writer_new(&the_world.writer, NULL) == 0);
        ledger = fuzz_ledger_make(fill);
    }
    tally_write_fn *rows = data[0] & FLAG_VIEWS   ? view_rows
                           : data[0] & FLAG_SOUND ? sound_rows
                                                  : local_rows;
    if (tally_ledger_write(ledger, FUZZ_NOW_MS, rows, &input, NULL) == 0) send_all(ledger, input);
    return 0;
}
