/* The gathering of view_gather.h. */
#include "view_gather.h"

#include "intern.h"

#include <stdlib.h>

typedef struct gathered_row {
    uint8_t day[4];
    uint8_t row[VIEW_ROW_BYTES];
} gathered_row;

typedef struct gathered_entry {
    uint8_t id[VIEW_ID_BYTES];
    uint8_t value[VIEW_ENTRY_BYTES];
} gathered_entry;

struct view_gather {
    gathered_row *rows;
    gathered_entry *entries;
    size_t row_count, row_room, entry_count, entry_room;
    index_map index; /* first 8 bytes of an id -> entry */
};

static struct view_gather *gather_of(tally_txn *txn, tally_error *err) {
    if (txn->gather) return txn->gather;
    struct view_gather *g = calloc(1, sizeof *g);
    if (g && index_map_init(&g->index) == 0) {
        txn->gather = g;
        return g;
    }
    free(g);
    (void)tally_fail(err, TALLY_ENOMEM, "no memory to update the views");
    return NULL;
}

/* Room for one more item: a commit of one record needs little, a large one doubles its way up. */
static int make_room(void **items, size_t count, size_t *room, size_t item_bytes,
                     tally_error *err) {
    if (count < *room) return 0;
    size_t more = *room ? *room * 2 : 16;
    void *grown = realloc(*items, more * item_bytes);
    if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory to update the views");
    *items = grown;
    *room = more;
    return 0;
}

int view_gather_row(tally_txn *txn, const uint8_t day[4], const uint8_t row[VIEW_ROW_BYTES],
                    tally_error *err) {
    struct view_gather *g = gather_of(txn, err);
    if (!g) return TALLY_ENOMEM;
    if (g->row_count == VIEW_GATHER_ROWS) {
        int rc = view_gather_flush(txn, err);
        if (rc != 0) return rc;
    }
    void *rows = g->rows;
    int rc = make_room(&rows, g->row_count, &g->row_room, sizeof *g->rows, err);
    g->rows = rows;
    if (rc != 0) return rc;
    gathered_row *slot = &g->rows[g->row_count++];
    memcpy(slot->day, day, sizeof slot->day);
    memcpy(slot->row, row, sizeof slot->row);
    return 0;
}

/* Two ids may share their first bytes: then the gathering is written out, and the table tells. */
int view_gather_entry(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES],
                      const uint8_t value[VIEW_ENTRY_BYTES], tally_error *err) {
    struct view_gather *g = gather_of(txn, err);
    if (!g) return TALLY_ENOMEM;
    for (;;) {
        uint32_t *slot = index_map_slot(&g->index, tally_get_be64(id));
        if (!slot) return tally_fail(err, TALLY_ENOMEM, "no memory to update the views");
        bool other = *slot != 0 && memcmp(g->entries[*slot - 1].id, id, VIEW_ID_BYTES) != 0;
        if (other || (*slot == 0 && g->entry_count == VIEW_GATHER_ROWS)) {
            int rc = view_gather_flush(txn, err);
            if (rc != 0) return rc;
            continue;
        }
        void *entries = g->entries;
        int rc = make_room(&entries, g->entry_count, &g->entry_room, sizeof *g->entries, err);
        g->entries = entries;
        if (rc != 0) return rc;
        if (*slot == 0) *slot = (uint32_t)++g->entry_count;
        memcpy(g->entries[*slot - 1].id, id, VIEW_ID_BYTES);
        memcpy(g->entries[*slot - 1].value, value, VIEW_ENTRY_BYTES);
        return 0;
    }
}

int view_entry_get(tally_txn *txn, const uint8_t id[VIEW_ID_BYTES], tally_span *value,
                   tally_error *err) {
    const struct view_gather *g = txn->gather;
    uint32_t held = g && g->entry_count > 0 ? index_map_find(&g->index, tally_get_be64(id)) : 0;
    if (held != 0 && memcmp(g->entries[held - 1].id, id, VIEW_ID_BYTES) == 0) {
        *value = tally_span_of(g->entries[held - 1].value, VIEW_ENTRY_BYTES);
        return 0;
    }
    return store_get(txn, TABLE_VIEW_ENTRIES, tally_span_of(id, VIEW_ID_BYTES), value, err);
}

static int row_order(const void *a, const void *b) {
    return memcmp(a, b, sizeof(gathered_row));
}

static int entry_order(const void *a, const void *b) {
    return memcmp(a, b, VIEW_ID_BYTES);
}

/* One cursor for all puts of a table: from one key to the next it stays near. */
static int put_all(tally_txn *txn, store_table table, const uint8_t *items, size_t count,
                   size_t item_bytes, size_t key_bytes, tally_error *err) {
    MDB_cursor *cursor;
    int rc = store_cursor(txn, table, &cursor, err);
    if (rc != 0) return rc;
    int mdb = 0;
    for (size_t i = 0; i < count && mdb == 0; i++) {
        const uint8_t *item = items + i * item_bytes;
        MDB_val k = store_val(tally_span_of(item, key_bytes));
        MDB_val v = store_val(tally_span_of(item + key_bytes, item_bytes - key_bytes));
        mdb = mdb_cursor_put(cursor, &k, &v, 0);
    }
    mdb_cursor_close(cursor);
    return mdb == 0 ? 0 : store_fail(txn, mdb, "cannot write the ledger", err);
}

int view_gather_flush(tally_txn *txn, tally_error *err) {
    struct view_gather *g = txn->gather;
    if (!g || (g->row_count == 0 && g->entry_count == 0)) return 0;
    if (g->row_count > 0) qsort(g->rows, g->row_count, sizeof *g->rows, row_order);
    if (g->entry_count > 0) qsort(g->entries, g->entry_count, sizeof *g->entries, entry_order);
    int rc = put_all(txn, TABLE_VIEW_COSTS, (const uint8_t *)g->rows, g->row_count, sizeof *g->rows,
                     sizeof g->rows->day, err);
    if (rc == 0)
        rc = put_all(txn, TABLE_VIEW_ENTRIES, (const uint8_t *)g->entries, g->entry_count,
                     sizeof *g->entries, VIEW_ID_BYTES, err);
    g->row_count = g->entry_count = 0;
    index_map_clear(&g->index);
    if (index_map_init(&g->index) != 0 && rc == 0) {
        view_gather_clear(txn);
        rc = tally_fail(err, TALLY_ENOMEM, "no memory to update the views");
    }
    return rc;
}

void view_gather_clear(tally_txn *txn) {
    if (!txn->gather) return;
    index_map_clear(&txn->gather->index);
    free(txn->gather->rows);
    free(txn->gather->entries);
    free(txn->gather);
    txn->gather = NULL;
}
