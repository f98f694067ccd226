/* The team's records as facts: what each says, whether or not its author was entitled to say it,
 * and the team's settings. Who belongs follows from all facts together: view_members.c. */
#include "view_fold.h"

#include <tally/view.h>

#define ROW_KEY_BYTES  (TALLY_PUBLIC_KEY_BYTES + 8u) /* author, index in its feed */
#define ROW_HEAD_BYTES 9u                            /* type, clock; then the record's body */

static const char settings_row[] = "team";

static const struct {
    const char *kind;
    team_row_type type;
} kinds[] = {
    {"device.add", TEAM_ROW_ADD},       {"device.revoke", TEAM_ROW_REVOKE},
    {"feed.resolve", TEAM_ROW_RESOLVE}, {"team.create", TEAM_ROW_CREATE},
    {"teamkey", TEAM_ROW_KEY},
};

static const struct {
    const char *text;
    tally_role role;
} roles[] = {
    {"admin", TALLY_ROLE_ADMIN}, {"member", TALLY_ROLE_MEMBER}, {"auditor", TALLY_ROLE_AUDITOR}};

bool team_role_parse(tally_span text, tally_role *out) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (!tally_span_is(text, roles[i].text)) continue;
        *out = roles[i].role;
        return true;
    }
    return false;
}

tally_span team_role_text(tally_role role) {
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (roles[i].role == role) return tally_span_str(roles[i].text);
    return (tally_span){0};
}

bool team_name_ok(tally_span name) {
    if (name.len == 0 || name.len > TEAM_NAME_MAX_BYTES || !tally_utf8_valid(name)) return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7f) return false;
    return true;
}

static const team_row_type *type_of(tally_span kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (tally_span_is(kind, kinds[i].kind)) return &kinds[i].type;
    return NULL;
}

bool view_team_kind(tally_span kind) {
    return type_of(kind) != NULL;
}

static bool add_ok(const tally_record *record) {
    const uint8_t *bytes;
    tally_span member, name, role;
    tally_role parsed;
    return tally_body_bin(record, "device", TALLY_PUBLIC_KEY_BYTES, &bytes) &&
           tally_body_bin(record, "box_key", 32, &bytes) && tally_body_str(record, "role", &role) &&
           team_role_parse(role, &parsed) && tally_body_str(record, "member", &member) &&
           team_name_ok(member) && tally_body_str(record, "name", &name) && team_name_ok(name);
}

static bool revoke_ok(const tally_record *record) {
    const uint8_t *device;
    uint64_t size;
    return tally_body_bin(record, "device", TALLY_PUBLIC_KEY_BYTES, &device) &&
           tally_body_u64(record, "size", &size);
}

/* Only the record that gave the team its id, and only in the feed of the device it names: anybody
 * can copy its bytes. */
static bool create_ok(const view_source *source, const tally_record *record) {
    const uint8_t *key;
    return source->index == 0 && tally_hash_eq(source->leaf, &source->txn->ledger->team) &&
           tally_body_bin(record, "sign_key", TALLY_PUBLIC_KEY_BYTES, &key) &&
           memcmp(key, source->device->b, TALLY_PUBLIC_KEY_BYTES) == 0 &&
           tally_body_bin(record, "box_key", 32, &key);
}

static bool key_ok(const tally_record *record) {
    uint64_t epoch;
    tally_value sealed;
    return tally_body_u64(record, "epoch", &epoch) && epoch >= 1 && epoch <= UINT32_MAX &&
           tally_body_get(record, "sealed", &sealed) && sealed.type == TALLY_VALUE_ARRAY;
}

static bool resolve_ok(const tally_record *record) {
    const uint8_t *bytes;
    uint64_t size;
    return tally_body_bin(record, "device", TALLY_PUBLIC_KEY_BYTES, &bytes) &&
           tally_body_u64(record, "size", &size) &&
           tally_body_bin(record, "root", TALLY_HASH_BYTES, &bytes);
}

static bool row_ok(team_row_type type, const view_source *source, const tally_record *record) {
    switch (type) {
    case TEAM_ROW_ADD: return add_ok(record);
    case TEAM_ROW_REVOKE: return revoke_ok(record);
    case TEAM_ROW_CREATE: return create_ok(source, record);
    case TEAM_ROW_KEY: return key_ok(record);
    case TEAM_ROW_RESOLVE: return resolve_ok(record);
    }
    return false;
}

/* Keyed by author and place, which two records never share; their hash they may. */
int view_team_fold(const view_source *source, const tally_record *record, tally_error *err) {
    uint8_t key[ROW_KEY_BYTES], value[ROW_HEAD_BYTES + TALLY_RECORD_MAX_BYTES];
    const team_row_type *type = type_of(record->kind);
    if (!type || !row_ok(*type, source, record)) return 0;
    memcpy(key, source->device->b, TALLY_PUBLIC_KEY_BYTES);
    tally_put_be64(key + TALLY_PUBLIC_KEY_BYTES, source->index);
    value[0] = (uint8_t)*type;
    tally_put_be64(value + 1, record->hlc);
    memcpy(value + ROW_HEAD_BYTES, record->body.ptr, record->body.len);
    int rc = store_put(source->txn, TABLE_VIEW_TEAM_FACTS, tally_span_of(key, sizeof key),
                       tally_span_of(value, ROW_HEAD_BYTES + record->body.len), 0, err);
    if (rc == 0 && *type == TEAM_ROW_CREATE)
        rc = view_register_put(source, TABLE_VIEW_TEAM, tally_span_str(settings_row), record->hlc,
                               record->body, err);
    if (*type == TEAM_ROW_KEY) return rc;
    source->txn->forks_changed = true;
    if (*type != TEAM_ROW_RESOLVE) source->txn->team_changed = true;
    return rc;
}

int view_team_cut(tally_txn *txn, const tally_device_id *device, uint64_t from, tally_error *err) {
    uint8_t key[ROW_KEY_BYTES];
    MDB_cursor *cursor;
    int mdb = 0, rc = store_cursor(txn, TABLE_VIEW_TEAM_FACTS, &cursor, err);
    if (rc != 0) return rc;
    memcpy(key, device->b, TALLY_PUBLIC_KEY_BYTES);
    tally_put_be64(key + TALLY_PUBLIC_KEY_BYTES, from);
    while (mdb == 0) {
        MDB_val k = {sizeof key, key}, v;
        mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        if (mdb == 0 &&
            (k.mv_size != sizeof key || memcmp(k.mv_data, device->b, TALLY_PUBLIC_KEY_BYTES) != 0))
            break;
        if (mdb == 0) mdb = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    return mdb == 0 || mdb == MDB_NOTFOUND ? 0 : store_fail(txn, mdb, "cannot cut a view", err);
}

static bool row_decode(tally_span key, tally_span value, team_row *out) {
    if (key.len != ROW_KEY_BYTES || value.len <= ROW_HEAD_BYTES) return false;
    out->type = (team_row_type)value.ptr[0];
    memcpy(out->author.b, key.ptr, TALLY_PUBLIC_KEY_BYTES);
    out->index = tally_get_be64(key.ptr + TALLY_PUBLIC_KEY_BYTES);
    out->hlc = tally_get_be64(value.ptr + 1);
    out->record = (tally_record){
        .hlc = out->hlc,
        .body = tally_span_of(value.ptr + ROW_HEAD_BYTES, value.len - ROW_HEAD_BYTES)};
    return true;
}

int view_team_fail(int rc, tally_error *err) {
    if (rc == TALLY_ENOMEM) return tally_fail(err, rc, "no memory to read the team");
    return tally_fail(err, rc, "the view of the team is damaged; run 'tally rebuild'");
}

int view_team_each_row(tally_txn *txn, team_row_fn *fn, void *ctx, tally_error *err) {
    MDB_cursor *cursor;
    MDB_val k, v;
    team_row row;
    int mdb = 0, rc = store_cursor(txn, TABLE_VIEW_TEAM_FACTS, &cursor, err);
    if (rc != 0) return rc;
    while (rc == 0 && (mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
        rc = row_decode(store_span(k), store_span(v), &row) ? fn(ctx, &row, err)
                                                            : view_team_fail(TALLY_ECORRUPT, err);
    mdb_cursor_close(cursor);
    return rc != 0 || mdb == MDB_NOTFOUND ? rc : store_fail(txn, mdb, "cannot read a view", err);
}

int tally_team_get(tally_txn *txn, tally_team *out, tally_error *err) {
    tally_span body;
    *out = (tally_team){0};
    int rc = view_register_get(txn, TABLE_VIEW_TEAM, tally_span_str(settings_row), NULL, &body);
    if (rc == TALLY_ENOTFOUND)
        return tally_fail(err, rc,
                          "the team's settings are not here yet: they come with the first feed of "
                          "a teammate; if there was one, run 'tally rebuild'");
    if (rc != 0)
        return tally_fail(err, TALLY_ECORRUPT,
                          "the team's settings are damaged; run 'tally rebuild'");
    tally_record record = {.body = body};
    (void)tally_body_str(&record, "team", &out->name);
    (void)tally_body_str(&record, "timezone", &out->timezone);
    (void)tally_body_str(&record, "currency", &out->currency);
    return 0;
}
