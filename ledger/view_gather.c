/* The gathering of view_gather.h. */
#include "view_gather.h"
#include "feed_tail.h"

#include "intern.h"

#include <stdlib.h>

#define FIRST_ROOM 16u

struct view_gather {
    gathered_cost *costs;
    size_t count, room;
    index_map index; /* first 8 bytes of an id -> cost */
    view_texts texts;
    bool tail_known; /* these are the own feed's: */
    size_t waiting_count;
    waiting_cost waiting[FEED_TAIL_COSTS];
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

/* ---- the own feed's tail ---- */

static int stands_in_table(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES], bool *out,
                           tally_error *err) {
    tally_span entry;
    int rc = store_get(txn, TABLE_VIEW_ENTRIES, tally_span_of(id, VIEW_ID_BYTES), &entry, err);
    *out = rc == 0;
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

/* One that stands in the table as well would count twice: writers see to it, and fsck does, which
 * spares whoever reads a look at as many pages. */
static int take_one(tally_txn *txn, struct view_gather *g, waiting_cost waiting, tally_error *err) {
    gathered_cost cost = {0};
    bool stands = false;
    int rc = view_cost_recent(txn, waiting.index, &cost, err);
    if (rc == 0 && txn->write) rc = stands_in_table(txn, id_of(&cost), &stands, err);
    if (rc != 0) return rc;
    uint32_t *slot = index_map_slot(&g->index, tally_get_be64(id_of(&cost)));
    if (!slot || !make_room(g)) return no_memory(err);
    if (stands || *slot != 0 || tally_get_be64(id_of(&cost)) != waiting.id)
        return tally_fail(err, TALLY_ECORRUPT,
                          "record %llu is noted as a cost to come and is there, or is another; run "
                          "'tally rebuild'",
                          (unsigned long long)waiting.index);
    g->costs[g->count++] = cost;
    *slot = (uint32_t)g->count;
    return 0;
}

/* What waits in the tail, unless it is gathered already. */
static int look_at_tail(tally_txn *txn, struct view_gather **out, tally_error *err) {
    feed_tail tail;
    struct view_gather *g = *out = gather_of(txn);
    if (!g) return no_memory(err);
    if (g->tail_known) return 0;
    int rc = feed_tail_load(txn, 0, &tail, err);
    if (rc != 0) return rc;
    g->waiting_count = tail.costs;
    memcpy(g->waiting, tail.cost, sizeof tail.cost);
    g->tail_known = true;
    return 0;
}

int view_gather_recent(tally_txn *txn, tally_error *err) {
    struct view_gather *g;
    if (txn->recent_taken || txn->fold_again) return 0;
    int rc = look_at_tail(txn, &g, err);
    for (size_t i = 0; rc == 0 && i < g->waiting_count; i++)
        rc = take_one(txn, g, g->waiting[i], err);
    txn->recent_taken = rc == 0;
    if (rc != 0) view_gather_clear(txn); /* some of them would look like all */
    return rc;
}

int view_gather_meet(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES], tally_error *err) {
    struct view_gather *g;
    if (txn->recent_taken || txn->fold_again) return 0;
    int rc = look_at_tail(txn, &g, err);
    for (size_t i = 0; rc == 0 && i < g->waiting_count; i++)
        if (g->waiting[i].id == tally_get_be64(id)) return view_gather_recent(txn, err);
    return rc;
}

/* ---- gathering ---- */

/* Two ids may share their first bytes: then the gathering is written out, and the table tells. */
int view_gather_cost(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES], gathered_cost **out,
                     bool *held, tally_error *err) {
    int rc = view_gather_meet(txn, id, err);
    while (rc == 0) {
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
        rc = view_gather_flush(txn, err);
    }
    return rc;
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

static void entry_of(const gathered_cost *cost, uint8_t out[VIEW_ENTRY_BYTES]) {
    memcpy(out, cost->row + VIEW_ROW_TIME_AT, 8);
    memcpy(out + 8, cost->row + VIEW_ROW_FEED_AT, 4);
    tally_put_be64(out + 12, cost->index);
}

/* Notes in the table where the entry stands now, unless what it names there counts instead. */
static int put_entry(tally_txn *txn, MDB_cursor *cursor, const gathered_cost *cost, bool *wins,
                     tally_error *err) {
    uint8_t entry[VIEW_ENTRY_BYTES], held[VIEW_ENTRY_BYTES];
    entry_of(cost, entry);
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
    if (!txn->write) return 0;
    int rc = view_gather_recent(txn, err);
    struct view_gather *g = txn->gather;
    if (rc != 0 || !g || g->count == 0) return rc;
    rc = txn->fold_again ? 0 : write_out(txn, g, err);
    g->count = 0;
    index_map_clear(&g->index);
    if (index_map_init(&g->index) == 0) return rc;
    view_gather_clear(txn);
    return rc != 0 ? rc : no_memory(err);
}

static int index_order(const void *a, const void *b) {
    uint64_t left = ((const waiting_cost *)a)->index, right = ((const waiting_cost *)b)->index;
    return (left > right) - (left < right);
}

/* Notes in the tail what is gathered; *waits is false when that is too much, of others, or of
 * entries that stand in the table. */
static int note_recent(tally_txn *txn, feed_tail *tail, bool *waits, tally_error *err) {
    const struct view_gather *g = txn->gather;
    size_t count = g ? g->count : 0;
    int rc = 0;
    if (txn->recent_taken) tail->costs = 0; /* they are among those */
    *waits = tail->costs + count <= FEED_TAIL_COSTS;
    for (size_t i = 0; i < count && *waits && rc == 0; i++) {
        const gathered_cost *cost = &g->costs[i];
        bool stands = false;
        rc = stands_in_table(txn, id_of(cost), &stands, err);
        *waits = !stands && tally_get_be32(cost->row + VIEW_ROW_FEED_AT) == 0;
        tail->cost[tail->costs++] = (waiting_cost){cost->index, tally_get_be64(id_of(cost))};
    }
    qsort(tail->cost, tail->costs, sizeof *tail->cost, index_order);
    return rc;
}

int view_gather_settle(tally_txn *txn, tally_error *err) {
    feed_tail tail;
    bool waits;
    if (!txn->recent_taken && (!txn->gather || txn->gather->count == 0)) return 0;
    int rc = feed_tail_load(txn, 0, &tail, err);
    if (rc != 0) return rc;
    feed_tail was = tail;
    rc = note_recent(txn, &tail, &waits, err);
    if (rc == 0 && !waits) {
        rc = view_gather_flush(txn, err);
        tail.costs = 0;
    }
    bool same =
        tail.costs == was.costs && memcmp(tail.cost, was.cost, tail.costs * sizeof *tail.cost) == 0;
    return rc != 0 || same ? rc : feed_tail_store(txn, 0, &tail, err);
}

void view_gather_drop(tally_txn *txn) {
    view_gather_clear(txn);
    txn->recent_taken = true;
}

static int row_order(const void *a, const void *b) {
    const gathered_row *left = a, *right = b;
    int keys = memcmp(left->key, right->key, left->key_len);
    return keys != 0 ? keys : memcmp(left->value, right->value, left->value_len);
}

int view_gather_rows(tally_txn *txn, store_table table, gathered_row *out, size_t *count,
                     tally_error *err) {
    bool costs = table == TABLE_VIEW_COSTS;
    *count = 0;
    if ((!costs && table != TABLE_VIEW_ENTRIES) || txn->write) return 0;
    int rc = view_gather_recent(txn, err);
    const struct view_gather *g = rc == 0 ? txn->gather : NULL;
    for (size_t i = 0; g && i < g->count; i++) {
        const gathered_cost *cost = &g->costs[i];
        gathered_row *row = &out[*count];
        if (costs && view_cost_void(txn, id_of(cost))) continue;
        row->key_len = costs ? VIEW_DAY_BYTES : VIEW_ID_BYTES;
        row->value_len = costs ? VIEW_ROW_BYTES : VIEW_ENTRY_BYTES;
        if (costs) {
            view_cost_day(cost->row, row->key);
            memcpy(row->value, cost->row, VIEW_ROW_BYTES);
        } else {
            memcpy(row->key, id_of(cost), VIEW_ID_BYTES);
            entry_of(cost, row->value);
        }
        (*count)++;
    }
    qsort(out, *count, sizeof *out, row_order);
    return rc;
}

void view_gather_clear(tally_txn *txn) {
    if (!txn->gather) return;
    index_map_clear(&txn->gather->index);
    free(txn->gather->costs);
    free(txn->gather);
    txn->gather = NULL;
}
