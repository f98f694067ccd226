/* The members: worked out from the team's facts by membership.c, kept one row a device, and asked
 * for each record whether it counts. */
#include "membership.h"
#include "view_fold.h"

#include <tally/view.h>

#include <assert.h>
#include <stdlib.h>

/* Row: role, creator, limit, box key, lengths of the two names, the names. */
enum row_at {
    AT_ROLE = 0,
    AT_CREATOR = 1,
    AT_LIMIT = 2,
    AT_BOX = 10,
    AT_LENGTHS = 42,
    AT_NAMES = 44
};
#define ROW_MAX_BYTES (AT_NAMES + 2 * TEAM_NAME_MAX_BYTES)

typedef struct member_row {
    tally_device_id device;
    size_t len;
    uint8_t bytes[ROW_MAX_BYTES];
} member_row;

/* All that is needed to work the members out, and what came of it. */
typedef struct working {
    team_fact *facts;
    size_t count, room;
    bool created;
    team_row creation; /* its body is borrowed from the facts' table */
    team_member *members;
    member_row *rows;
    size_t member_count;
} working;

static int note_fact(working *w, const team_fact *fact, tally_error *err) {
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 32;
        team_fact *grown = realloc(w->facts, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory to work out the team");
        w->facts = grown;
        w->room = room;
    }
    w->facts[w->count++] = *fact;
    return 0;
}

/* Rows were checked when they were folded; one that does not read is passed over all the same. */
bool team_fact_of(const team_row *row, team_fact *out) {
    const uint8_t *subject;
    tally_span role;
    *out = (team_fact){
        .hlc = row->hlc, .author = row->author, .index = row->index, .body = row->record.body};
    if (row->type != TEAM_ROW_ADD && row->type != TEAM_ROW_REVOKE) return false;
    if (!tally_body_bin(&row->record, "device", TALLY_PUBLIC_KEY_BYTES, &subject)) return false;
    memcpy(out->subject.b, subject, TALLY_PUBLIC_KEY_BYTES);
    out->type = row->type == TEAM_ROW_ADD ? TEAM_FACT_ADD : TEAM_FACT_REVOKE;
    return row->type == TEAM_ROW_ADD
               ? tally_body_str(&row->record, "role", &role) && team_role_parse(role, &out->role)
               : tally_body_u64(&row->record, "size", &out->size);
}

static int note_row(void *ctx, const team_row *row, tally_error *err) {
    working *w = ctx;
    team_fact fact;
    if (row->type == TEAM_ROW_CREATE) {
        w->created = true;
        w->creation = *row;
    }
    return team_fact_of(row, &fact) ? note_fact(w, &fact, err) : 0;
}

static size_t put_name(uint8_t *at, uint8_t *len, const tally_record *record, const char *key) {
    tally_span name;
    if (!tally_body_str(record, key, &name) || !team_name_ok(name)) name.len = 0;
    *len = (uint8_t)name.len;
    if (name.len > 0) memcpy(at, name.ptr, name.len);
    return name.len;
}

static void row_encode(const working *w, const team_member *member, member_row *out) {
    assert(member); /* of work_out, which has looked */
    bool creator = !member->added;
    tally_record record = {.body = creator ? w->creation.record.body : member->added->body};
    const uint8_t *box;
    out->device = member->device;
    out->bytes[AT_ROLE] = (uint8_t)member->role;
    out->bytes[AT_CREATOR] = creator;
    tally_put_be64(out->bytes + AT_LIMIT, member->limit);
    memset(out->bytes + AT_BOX, 0, 32);
    if (tally_body_bin(&record, "box_key", 32, &box)) memcpy(out->bytes + AT_BOX, box, 32);
    out->len = AT_NAMES;
    out->len += put_name(out->bytes + out->len, &out->bytes[AT_LENGTHS], &record, "member");
    out->len += put_name(out->bytes + out->len, &out->bytes[AT_LENGTHS + 1], &record,
                         creator ? "device" : "name");
}

static bool row_decode(tally_span device, tally_span row, tally_team_device *out) {
    if (device.len != TALLY_PUBLIC_KEY_BYTES || row.len < AT_NAMES) return false;
    size_t member = row.ptr[AT_LENGTHS], name = row.ptr[AT_LENGTHS + 1];
    if (row.len != AT_NAMES + member + name) return false;
    memcpy(out->device.b, device.ptr, TALLY_PUBLIC_KEY_BYTES);
    memcpy(out->box_key, row.ptr + AT_BOX, sizeof out->box_key);
    out->role = (tally_role)row.ptr[AT_ROLE];
    out->creator = row.ptr[AT_CREATOR] != 0;
    out->limit = tally_get_be64(row.ptr + AT_LIMIT);
    out->member = tally_span_of(row.ptr + AT_NAMES, member);
    out->name = tally_span_of(row.ptr + AT_NAMES + member, name);
    return true;
}

/* Reads the facts and applies the rules; the rows outlive what they were read from. */
static int work_out(tally_txn *txn, working *w, tally_error *err) {
    int rc = view_team_each_row(txn, note_row, w, err);
    if (rc != 0 || !w->created) return rc;
    w->members = calloc(TALLY_TEAM_MAX_DEVICES, sizeof *w->members);
    if (w->members)
        rc = membership_work_out(&w->creation.author, w->facts, w->count, w->members,
                                 &w->member_count);
    if (w->members && rc == 0) w->rows = calloc(w->member_count, sizeof *w->rows);
    if (!w->rows) return tally_fail(err, TALLY_ENOMEM, "no memory to work out the team");
    for (size_t i = 0; i < w->member_count; i++)
        row_encode(w, &w->members[i], &w->rows[i]);
    return 0;
}

static uint64_t counting(const tally_team_device *device) {
    return device->role == TALLY_ROLE_AUDITOR ? 0 : device->limit;
}

/* How many of a device's records count by the rows that stand; none of a stranger's. */
static uint64_t counting_now(tally_txn *txn, const tally_device_id *id) {
    tally_span key = tally_span_of(id->b, sizeof id->b), row;
    tally_team_device device;
    if (store_get(txn, TABLE_VIEW_DEVICES, key, &row, NULL) != 0) return 0;
    return row_decode(key, row, &device) ? counting(&device) : 0;
}

static uint64_t counting_then(const working *w, const tally_device_id *id) {
    for (size_t i = 0; i < w->member_count; i++) {
        const team_member *member = &w->members[i];
        if (memcmp(member->device.b, id->b, sizeof id->b) != 0) continue;
        return member->role == TALLY_ROLE_AUDITOR ? 0 : member->limit;
    }
    return 0;
}

/* Stored records that counted and no longer do, or the other way round. */
static int compare_feeds(tally_txn *txn, const working *w, tally_error *err) {
    uint32_t feeds = tally_feed_count(txn);
    for (uint32_t number = 0; number < feeds; number++) {
        tally_feed feed;
        int rc = feed_now(txn, number, &feed, err);
        if (rc != 0) return rc;
        uint64_t now = counting_now(txn, &feed.device), then = counting_then(w, &feed.device);
        if ((now < feed.size ? now : feed.size) != (then < feed.size ? then : feed.size))
            txn->fold_again = true;
    }
    return 0;
}

static int put_rows(tally_txn *txn, const working *w, tally_error *err) {
    int mdb = mdb_drop(txn->txn, txn->ledger->tables[TABLE_VIEW_DEVICES], 0);
    if (mdb != 0) return store_fail(txn, mdb, "cannot empty a view", err);
    for (size_t i = 0; i < w->member_count; i++) {
        const member_row *row = &w->rows[i];
        int rc =
            store_put(txn, TABLE_VIEW_DEVICES, tally_span_of(row->device.b, sizeof row->device.b),
                      tally_span_of(row->bytes, row->len), 0, err);
        if (rc != 0) return rc;
    }
    return 0;
}

int view_members_settle(tally_txn *txn, tally_error *err) {
    working w = {0};
    int rc = work_out(txn, &w, err);
    if (rc == 0) rc = compare_feeds(txn, &w, err);
    if (rc == 0) rc = put_rows(txn, &w, err);
    if (rc == 0) txn->team_changed = txn->gate_known = false;
    free(w.rows);
    free(w.members);
    free(w.facts);
    return rc;
}

int view_members_gate(const view_source *source, bool *counts, tally_error *err) {
    tally_txn *txn = source->txn;
    int rc = txn->team_changed ? view_members_settle(txn, err) : 0;
    if (rc != 0) return rc;
    if (!txn->gate_known || txn->gate_feed != source->feed) {
        txn->gate_limit = counting_now(txn, source->device);
        txn->gate_feed = source->feed;
        txn->gate_known = true;
    }
    *counts = source->index < txn->gate_limit;
    return 0;
}

int tally_team_device_get(tally_txn *txn, const tally_device_id *device, tally_team_device *out) {
    tally_span key = tally_span_of(device->b, sizeof device->b), row;
    int rc = txn->team_changed ? view_members_settle(txn, NULL) : 0;
    if (rc == 0) rc = store_get(txn, TABLE_VIEW_DEVICES, key, &row, NULL);
    if (rc != 0) return rc;
    return row_decode(key, row, out) ? 0 : TALLY_ECORRUPT;
}

int tally_team_device_each(tally_txn *txn, tally_team_device_fn *fn, void *ctx) {
    MDB_cursor *cursor;
    MDB_val k, v;
    tally_team_device device;
    int rc = txn->team_changed ? view_members_settle(txn, NULL) : 0;
    if (rc == 0) rc = store_cursor(txn, TABLE_VIEW_DEVICES, &cursor, NULL);
    if (rc != 0) return rc;
    while (rc == 0 && mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
        rc = row_decode(store_span(k), store_span(v), &device) ? fn(ctx, &device) : TALLY_ECORRUPT;
    mdb_cursor_close(cursor);
    return rc;
}

int tally_feed_names(tally_txn *txn, uint32_t feed, tally_span *member, tally_span *device) {
    tally_device_id id;
    tally_team_device names;
    *member = *device = (tally_span){0};
    int rc = view_feed_device(txn, feed, &id, NULL);
    if (rc == 0) rc = tally_team_device_get(txn, &id, &names);
    if (rc != 0) return rc;
    *member = names.member;
    *device = names.name;
    return 0;
}
