/* The gathering of view_gather.h. */
#include "view_gather.h"

#include "intern.h"

#include <stdlib.h>

#define FIRST_ROOM 16u

struct view_gather {
    gathered_cost *costs;
    size_t count, room;
    index_map index; /* first 8 bytes of an id -> cost */
    view_texts texts;
};

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "no memory to update the views");
}

static struct view_gather *gather_of(tally_txn *txn) {
    if (txn->gather) return txn->gather;
    struct view_gather *g = calloc(1, sizeof *g);
    if (g && index_map_init(&g->index) == 0) return txn->gather = g;
    free(g);
    return NULL;
}

view_texts *view_gather_texts(tally_txn *txn, tally_error *err) {
    struct view_gather *g = gather_of(txn);
    if (!g) (void)no_memory(err);
    return g ? &g->texts : NULL;
}

static const uint8_t *id_of(const gathered_cost *cost) {
    return cost->row + VIEW_ROW_ID_AT;
}

/* Room for one more: a commit of one record needs little, a large one doubles its way up. */
static bool make_room(struct view_gather *g) {
    if (g->count < g->room) return true;
    size_t room = g->room ? g->room * 2 : FIRST_ROOM;
    gathered_cost *grown = realloc(g->costs, room * sizeof *grown);
    if (!grown) return false;
    g->costs = grown;
    g->room = room;
    return true;
}

/* Two ids may share their first bytes: then the gathering is written out, and the table tells. */
int view_gather_cost(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES], gathered_cost **out,
                     bool *held, tally_error *err) {
    for (;;) {
        struct view_gather *g = gather_of(txn);
        uint32_t *slot = g ? index_map_slot(&g->index, tally_get_be64(id)) : NULL;
        if (!slot || !make_room(g)) return no_memory(err);
        *held = *slot != 0;
        bool other = *held && memcmp(id_of(&g->costs[*slot - 1]), id, VIEW_ID_BYTES) != 0;
        if (!other && (*held || g->count < VIEW_GATHER_COSTS)) {
            if (!*held) *slot = (uint32_t)++g->count;
            *out = &g->costs[*slot - 1];
            return 0;
        }
        int rc = view_gather_flush(txn, err);
        if (rc != 0) return rc;
    }
}

const gathered_cost *view_gather_find(const tally_txn *txn, const uint8_t id[VIEW_ID_BYTES]) {
    const struct view_gather *g = txn->gather;
    uint32_t at = g && g->count > 0 ? index_map_find(&g->index, tally_get_be64(id)) : 0;
    bool found = at != 0 && memcmp(id_of(&g->costs[at - 1]), id, VIEW_ID_BYTES) == 0;
    return found ? &g->costs[at - 1] : NULL;
}

/* ---- writing ---- */

/* A cost and what it is sorted by. Of an id the first bytes do: no two here share them. */
typedef struct ordered {
    uint64_t major, minor;
    gathered_cost *cost;
} ordered;

static int order_of(const void *a, const void *b) {
    const ordered *left = a, *right = b;
    if (left->major != right->major) return left->major < right->major ? -1 : 1;
    return (left->minor > right->minor) - (left->minor < right->minor);
}

static size_t order_by_id(struct view_gather *g, ordered *list) {
    for (size_t i = 0; i < g->count; i++)
        list[i] = (ordered){tally_get_be64(id_of(&g->costs[i])), 0, &g->costs[i]};
    qsort(list, g->count, sizeof *list, order_of);
    return g->count;
}

/* Those that have a row. They were gathered in an order that is often this one already. */
static size_t order_by_time(struct view_gather *g, ordered *list) {
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++) {
        gathered_cost *cost = &g->costs[i];
        uint64_t time = tally_get_be64(cost->row + VIEW_ROW_TIME_AT);
        if (cost->shown) list[count++] = (ordered){time, tally_get_be64(id_of(cost)), cost};
    }
    qsort(list, count, sizeof *list, order_of);
    return count;
}

/* Notes in the table where the entry stands now, unless what it names there counts instead. */
static int put_entry(tally_txn *txn, MDB_cursor *cursor, const gathered_cost *cost, bool *wins,
                     tally_error *err) {
    uint8_t entry[VIEW_ENTRY_BYTES], held[VIEW_ENTRY_BYTES];
    memcpy(entry, cost->row + VIEW_ROW_TIME_AT, 8);
    memcpy(entry + 8, cost->row + VIEW_ROW_FEED_AT, 4);
    tally_put_be64(entry + 12, cost->index);
    MDB_val k = store_val(tally_span_of(id_of(cost), VIEW_ID_BYTES));
    MDB_val v = store_val(tally_span_of(entry, sizeof entry));
    int rc = 0, mdb = mdb_cursor_put(cursor, &k, &v, MDB_NOOVERWRITE);
    *wins = mdb == 0;
    if (mdb == MDB_KEYEXIST && v.mv_size != sizeof held)
        return tally_fail(err, TALLY_ECORRUPT, "a view row is damaged; run 'tally rebuild'");
    if (mdb == MDB_KEYEXIST) {
        memcpy(held, v.mv_data, sizeof held);
        rc = view_cost_contend(txn, cost, held, wins, err);
        v = store_val(tally_span_of(entry, sizeof entry));
        mdb = rc == 0 && *wins ? mdb_cursor_put(cursor, &k, &v, 0) : 0;
    }
    return rc != 0 || mdb == 0 ? rc : store_fail(txn, mdb, "cannot write the ledger", err);
}

/* One cursor for all puts of a table: from one key to the next it stays near. */
static int put_entries(tally_txn *txn, const ordered *list, size_t count, tally_error *err) {
    MDB_cursor *cursor;
    int rc = store_cursor(txn, TABLE_VIEW_ENTRIES, &cursor, err);
    if (rc != 0) return rc;
    for (size_t i = 0; i < count && rc == 0; i++) {
        gathered_cost *cost = list[i].cost;
        rc = put_entry(txn, cursor, cost, &cost->shown, err);
        if (rc == 0 && cost->shown) cost->shown = !view_cost_void(txn, id_of(cost));
    }
    mdb_cursor_close(cursor);
    return rc;
}

/* The last row of a day, or the day's first moment when it has none. */
static int last_row(tally_txn *txn, MDB_cursor *cursor, uint8_t day[VIEW_DAY_BYTES],
                    uint8_t row[VIEW_ROW_BYTES], tally_error *err) {
    MDB_val k = {VIEW_DAY_BYTES, day}, v;
    memset(row, 0, VIEW_ROW_BYTES);
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET);
    if (mdb == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_LAST_DUP);
    if (mdb == MDB_NOTFOUND) return 0;
    if (mdb != 0) return store_fail(txn, mdb, "cannot read a view", err);
    if (v.mv_size == VIEW_ROW_BYTES) memcpy(row, v.mv_data, VIEW_ROW_BYTES);
    return 0;
}

/* A row past the last of its day is appended: that leaves pages full where LMDB would split them in
 * halves. */
static int put_rows(tally_txn *txn, const ordered *list, size_t count, tally_error *err) {
    MDB_cursor *cursor;
    uint8_t day[VIEW_DAY_BYTES], of_last[VIEW_DAY_BYTES], last[VIEW_ROW_BYTES];
    int mdb = 0, rc = store_cursor(txn, TABLE_VIEW_COSTS, &cursor, err);
    if (rc != 0) return rc;
    for (size_t i = 0; i < count && rc == 0 && mdb == 0; i++) {
        const uint8_t *row = list[i].cost->row;
        view_cost_day(row, day);
        if (i == 0 || memcmp(day, of_last, sizeof day) != 0)
            rc = last_row(txn, cursor, day, last, err);
        memcpy(of_last, day, sizeof day);
        unsigned flags = memcmp(row, last, sizeof last) > 0 ? MDB_APPENDDUP : 0;
        MDB_val k = {sizeof day, day}, v = store_val(tally_span_of(row, VIEW_ROW_BYTES));
        if (rc == 0) mdb = mdb_cursor_put(cursor, &k, &v, flags);
    }
    mdb_cursor_close(cursor);
    return rc != 0 || mdb == 0 ? rc : store_fail(txn, mdb, "cannot write the ledger", err);
}

static int write_out(tally_txn *txn, struct view_gather *g, tally_error *err) {
    ordered *list = malloc(g->count * sizeof *list);
    if (!list) return no_memory(err);
    int rc = put_entries(txn, list, order_by_id(g, list), err);
    if (rc == 0) rc = put_rows(txn, list, order_by_time(g, list), err);
    free(list);
    return rc;
}

/* When everything will be folded again, what waits is part of that, and may be of records that are
 * gone. */
int view_gather_flush(tally_txn *txn, tally_error *err) {
    struct view_gather *g = txn->gather;
    if (!g || g->count == 0) return 0;
    int rc = txn->fold_again ? 0 : write_out(txn, g, err);
    g->count = 0;
    index_map_clear(&g->index);
    if (index_map_init(&g->index) == 0) return rc;
    view_gather_clear(txn);
    return rc != 0 ? rc : no_memory(err);
}

void view_gather_clear(tally_txn *txn) {
    if (!txn->gather) return;
    index_map_clear(&txn->gather->index);
    free(txn->gather->costs);
    free(txn->gather);
    txn->gather = NULL;
}
