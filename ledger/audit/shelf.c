/* One walk over all records of a ledger, which finds what a pack needs. What names other clients is
 * in shelf_others.c. */
#include "shelf_others.h"

#include "../store.h"

#include <tally/team.h>
#include <tally/view.h>

#include <stdlib.h>

bool shelf_grow(void **items, size_t *room, size_t count, size_t size) {
    if (count < *room) return true;
    size_t wanted = *room ? *room * 2 : 64;
    void *grown = realloc(*items, wanted * size);
    if (!grown) return false;
    *items = grown;
    *room = wanted;
    return true;
}

/* How much of each feed counts; nothing of an auditor's or a stranger's. */
static int read_limits(shelf *s, tally_error *err) {
    s->feeds = tally_feed_count(s->txn);
    s->limits = calloc((size_t)s->feeds + 1, sizeof *s->limits);
    if (!s->limits) return shelf_no_memory(err);
    for (uint32_t i = 0; i < s->feeds; i++) {
        tally_feed feed;
        tally_team_device device;
        int rc = tally_feed_get(s->txn, i, &feed, err);
        if (rc != 0) return rc;
        if (tally_team_device_get(s->txn, &feed.device, &device) != 0 ||
            device.role == TALLY_ROLE_AUDITOR)
            continue;
        s->limits[i] = device.limit < feed.size ? device.limit : feed.size;
    }
    return 0;
}

int shelf_init(shelf *s, tally_txn *txn, tally_span client, tally_error *err) {
    *s = (shelf){.txn = txn, .client = client};
    if (index_map_init(&s->by_leaf) != 0) return shelf_no_memory(err);
    return read_limits(s, err);
}

void shelf_clear(shelf *s) {
    shelf_others_clear(s);
    free(s->limits);
    free(s->leaves);
    free(s->sessions.items);
    free(s->activity.items);
    free(s->about.items);
    free(s->engaged.items);
    index_map_clear(&s->by_leaf);
    *s = (shelf){.txn = NULL};
}

int shelf_want(shelf *s, const tally_hash *leaf, tally_error *err) {
    static const tally_hash none;
    if (tally_hash_eq(leaf, &none)) return 0;
    uint32_t *slot = index_map_slot(&s->by_leaf, tally_get_be64(leaf->b));
    if (!slot) return shelf_no_memory(err);
    if (*slot != 0) return 0;
    if (!shelf_grow((void **)&s->leaves, &s->leaf_room, s->leaf_count, sizeof *s->leaves))
        return shelf_no_memory(err);
    s->leaves[s->leaf_count++] = (shelf_leaf){.leaf = *leaf};
    *slot = (uint32_t)s->leaf_count;
    return 0;
}

const shelf_place *shelf_find(const shelf *s, const tally_hash *leaf) {
    uint32_t at = index_map_find(&s->by_leaf, tally_get_be64(leaf->b));
    if (at == 0 || !s->leaves[at - 1].found || !tally_hash_eq(&s->leaves[at - 1].leaf, leaf))
        return NULL;
    return &s->leaves[at - 1].place;
}

/* ---- the walk ---- */

typedef enum shelf_kind {
    SHELF_SESSION,
    SHELF_ACTIVITY,
    SHELF_ABOUT,   /* an invoice: by `issue` */
    SHELF_ENGAGED, /* the one row there is */
    SHELF_NAMES    /* clients: looked at for what names others */
} shelf_kind;

static const struct {
    const char *kind;
    shelf_kind what;
} kinds[] = {
    {"session", SHELF_SESSION},       {"activity", SHELF_ACTIVITY},
    {"invoice.entries", SHELF_ABOUT}, {"invoice.void", SHELF_ABOUT},
    {"payment", SHELF_ABOUT},         {"engaged.set", SHELF_ENGAGED},
    {"engaged.unset", SHELF_ENGAGED}, {"client.set", SHELF_NAMES},
    {"project.set", SHELF_NAMES},     {"rule.set", SHELF_NAMES},
    {"rate.set", SHELF_NAMES},        {"contract.set", SHELF_NAMES},
    {"assign", SHELF_NAMES},          {"split", SHELF_NAMES},
    {"time.add", SHELF_NAMES},        {"expense", SHELF_NAMES},
    {"budget.set", SHELF_NAMES},      {"invoice.issue", SHELF_NAMES},
};

/* The kind without reading the rest: most records are none of these. */
static tally_span kind_of(tally_span record) {
    size_t len, at = 3;
    if (record.len < 4) return (tally_span){0};
    if ((record.ptr[2] & 0xe0u) == 0xa0u)
        len = record.ptr[2] & 0x1fu;
    else {
        len = record.ptr[3];
        at = 4;
    }
    return len <= record.len - at ? tally_span_of(record.ptr + at, len) : (tally_span){0};
}

static uint64_t ref_of(shelf_kind what, const tally_record *record) {
    tally_span agent = {0}, id = {0};
    const uint8_t *issue;
    if (what == SHELF_ENGAGED) return 0;
    if (what == SHELF_ABOUT)
        return tally_body_bin(record, "issue", TALLY_HASH_BYTES, &issue) ? tally_get_be64(issue)
                                                                         : 0;
    (void)tally_body_str(record, "agent", &agent);
    (void)tally_body_str(record, what == SHELF_SESSION ? "id" : "session", &id);
    return tally_session_ref(agent, id);
}

static int keep(shelf *s, shelf_kind what, const tally_record *record, shelf_place place,
                tally_error *err) {
    shelf_rows *rows = what == SHELF_SESSION    ? &s->sessions
                       : what == SHELF_ACTIVITY ? &s->activity
                       : what == SHELF_ABOUT    ? &s->about
                                                : &s->engaged;
    if (!shelf_grow((void **)&rows->items, &rows->room, rows->count, sizeof *rows->items))
        return shelf_no_memory(err);
    rows->items[rows->count++] = (shelf_row){ref_of(what, record), record->hlc, place};
    return 0;
}

static int look_at(shelf *s, shelf_place place, tally_span stored, tally_error *err) {
    uint32_t wanted = index_map_find(&s->by_leaf, tally_get_be64(stored.ptr));
    tally_span bytes =
        tally_span_of(stored.ptr + RECORD_CHECK_BYTES, stored.len - RECORD_CHECK_BYTES);
    tally_span kind = kind_of(bytes);
    tally_record record;
    if (wanted && !s->leaves[wanted - 1].found) {
        tally_hash leaf;
        tally_leaf_hash(bytes, &leaf);
        s->leaves[wanted - 1].found = tally_hash_eq(&leaf, &s->leaves[wanted - 1].leaf);
        s->leaves[wanted - 1].place = place;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!tally_span_is(kind, kinds[i].kind)) continue;
        if (tally_record_parse(bytes, &record, NULL) != 0) return 0;
        return kinds[i].what == SHELF_NAMES ? shelf_others_take(s, &record, err)
                                            : keep(s, kinds[i].what, &record, place, err);
    }
    return 0;
}

static int row_order(const void *a, const void *b) {
    const shelf_row *x = a, *y = b;
    if (x->ref != y->ref) return x->ref < y->ref ? -1 : 1;
    if (x->hlc != y->hlc) return x->hlc < y->hlc ? -1 : 1;
    if (x->place.feed != y->place.feed) return x->place.feed < y->place.feed ? -1 : 1;
    return (x->place.index > y->place.index) - (x->place.index < y->place.index);
}

static void sort_rows(shelf_rows *rows) {
    if (rows->count) qsort(rows->items, rows->count, sizeof *rows->items, row_order);
}

int shelf_fill(shelf *s, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    int mdb, rc = store_cursor(s->txn, TABLE_RECORDS, &cursor, err);
    if (rc != 0) return rc;
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (k.mv_size != FEED_INDEX_KEY_BYTES || v.mv_size <= RECORD_CHECK_BYTES) continue;
        shelf_place place = {tally_get_be32(k.mv_data),
                             tally_get_be64((const uint8_t *)k.mv_data + 4)};
        if (place.feed < s->feeds && place.index < s->limits[place.feed])
            rc = look_at(s, place, store_span(v), err);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != MDB_NOTFOUND) rc = store_fail(s->txn, mdb, "cannot read the ledger", err);
    sort_rows(&s->sessions);
    sort_rows(&s->activity);
    sort_rows(&s->about);
    sort_rows(&s->engaged);
    shelf_others_settle(s);
    return rc;
}

const shelf_row *shelf_rows_of(const shelf_rows *rows, uint64_t ref, size_t *count) {
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows->items[middle].ref < ref)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < rows->count && rows->items[low + *count].ref == ref;)
        ++*count;
    return *count ? &rows->items[low] : NULL;
}
