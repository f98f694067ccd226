/* The policy view: one register a row of the tables in tally/policy.h. What a field may hold is
 * policy_field.c's; what a row means is decided where it is used (rule.c and others). */
#include "blob.h"
#include "policy_field.h"
#include "view_fold.h"

#define POLICY_MAX_KEYS   4u
#define POLICY_MAX_FIELDS 46u
#define POLICY_KEY_BYTES  (1u + POLICY_MAX_KEYS * (TALLY_NAME_MAX_BYTES + 1u))

/* The first `keys` fields name a row. A rule has a use only with one of its conditions, which begin
 * at `any_from`. */
static const struct {
    const char *set, *unset;
    uint32_t keys;
    uint32_t any_from; /* at least one of the fields from here on; 0: none is asked for */
    tally_policy_field fields[POLICY_MAX_FIELDS];
} kinds[TALLY_POLICY_COUNT] = {
    [TALLY_POLICY_CLIENT] = {"client.set",
                             "client.unset",
                             1,
                             0,
                             {{"client", TALLY_FIELD_NAME, true},
                              {"title", TALLY_FIELD_TEXT, false},
                              {"timezone", TALLY_FIELD_NAME, false},
                              {"currency", TALLY_FIELD_CURRENCY, false},
                              {"email", TALLY_FIELD_TEXT, false},
                              {"address", TALLY_FIELD_TEXT, false},
                              {"contact", TALLY_FIELD_TEXT, false},
                              {"street", TALLY_FIELD_TEXT, false},
                              {"street2", TALLY_FIELD_TEXT, false},
                              {"city", TALLY_FIELD_TEXT, false},
                              {"postcode", TALLY_FIELD_TEXT, false},
                              {"region", TALLY_FIELD_TEXT, false},
                              {"country", TALLY_FIELD_COUNTRY, false},
                              {"tax_id", TALLY_FIELD_TEXT, false},
                              {"company_id", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_PROJECT] = {"project.set",
                              "project.unset",
                              1,
                              0,
                              {{"project", TALLY_FIELD_NAME, true},
                               {"client", TALLY_FIELD_NAME, true},
                               {"title", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_RULE] = {"rule.set",
                           "rule.unset",
                           1,
                           4,
                           {{"rule", TALLY_FIELD_NAME, true},
                            {"client", TALLY_FIELD_NAME, true},
                            {"project", TALLY_FIELD_NAME, false},
                            {"priority", TALLY_FIELD_PRIORITY, false},
                            {"path", TALLY_FIELD_TEXT, false},
                            {"remote", TALLY_FIELD_TEXT, false},
                            {"branch", TALLY_FIELD_TEXT, false},
                            {"agent", TALLY_FIELD_NAME, false},
                            {"tag", TALLY_FIELD_NAME, false}}},
    [TALLY_POLICY_RATE] = {"rate.set",
                           "rate.unset",
                           4,
                           0,
                           {{"client", TALLY_FIELD_NAME, false},
                            {"project", TALLY_FIELD_NAME, false},
                            {"member", TALLY_FIELD_NAME, false},
                            {"from", TALLY_FIELD_DATE, false},
                            {"amount", TALLY_FIELD_AMOUNT, true},
                            {"currency", TALLY_FIELD_CURRENCY, true}}},
    [TALLY_POLICY_PLAN] = {"plan.set",
                           "plan.unset",
                           2,
                           0,
                           {{"plan", TALLY_FIELD_NAME, true},
                            {"from", TALLY_FIELD_MONTH, true},
                            {"provider", TALLY_FIELD_NAME, true},
                            {"member", TALLY_FIELD_NAME, false},
                            {"fee", TALLY_FIELD_AMOUNT, true},
                            {"currency", TALLY_FIELD_CURRENCY, true},
                            {"until", TALLY_FIELD_MONTH, false}}},
    [TALLY_POLICY_FX] = {"fx.set",
                         "fx.unset",
                         3,
                         0,
                         {{"base", TALLY_FIELD_CURRENCY, true},
                          {"quote", TALLY_FIELD_CURRENCY, true},
                          {"date", TALLY_FIELD_DATE, true},
                          {"rate", TALLY_FIELD_PICO, true},
                          {"source", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_BUDGET] = {"budget.set",
                             "budget.unset",
                             1,
                             0,
                             {{"budget", TALLY_FIELD_NAME, true},
                              {"period", TALLY_FIELD_PERIOD, true},
                              {"limit", TALLY_FIELD_PICO, true},
                              {"notify_at", TALLY_FIELD_PERCENT, false},
                              {"stop_at", TALLY_FIELD_PERCENT, false},
                              {"agent", TALLY_FIELD_NAME, false},
                              {"client", TALLY_FIELD_NAME, false},
                              {"project", TALLY_FIELD_NAME, false},
                              {"tag", TALLY_FIELD_NAME, false}}},
    [TALLY_POLICY_BILL] = {"bill.set",
                           "bill.unset",
                           3,
                           0,
                           {{"provider", TALLY_FIELD_NAME, true},
                            {"month", TALLY_FIELD_MONTH, true},
                            {"member", TALLY_FIELD_NAME, false},
                            {"amount", TALLY_FIELD_AMOUNT, true},
                            {"currency", TALLY_FIELD_CURRENCY, true},
                            {"covers", TALLY_FIELD_COVERS, false},
                            {"source", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_ENGAGED] = {"engaged.set",
                              "engaged.unset",
                              0,
                              0,
                              {{"overlap", TALLY_FIELD_OVERLAP, false},
                               {"idle_minutes", TALLY_FIELD_MINUTES, false},
                               {"unattended_minutes", TALLY_FIELD_MINUTES, false}}},
    [TALLY_POLICY_CONTRACT] = {"contract.set",
                               "contract.unset",
                               1,
                               0,
                               {{"contract", TALLY_FIELD_NAME, true},
                                {"client", TALLY_FIELD_NAME, true},
                                {"project", TALLY_FIELD_NAME, false},
                                {"title", TALLY_FIELD_TEXT, false},
                                {"currency", TALLY_FIELD_CURRENCY, false},
                                {"from", TALLY_FIELD_DATE, false},
                                {"until", TALLY_FIELD_DATE, false},
                                {"rate", TALLY_FIELD_AMOUNT, false},
                                {"fee", TALLY_FIELD_AMOUNT, false},
                                {"retainer", TALLY_FIELD_AMOUNT, false},
                                {"included_hours", TALLY_FIELD_PICO, false},
                                {"overage_rate", TALLY_FIELD_AMOUNT, false},
                                {"lines", TALLY_FIELD_LINES, false},
                                {"rounding_minutes", TALLY_FIELD_STEP, false},
                                {"rounding", TALLY_FIELD_ROUNDING, false},
                                {"rounding_per", TALLY_FIELD_PER, false},
                                {"minimum_minutes", TALLY_FIELD_STEP, false},
                                {"ai_cost", TALLY_FIELD_AI_COST, false},
                                {"markup_percent", TALLY_FIELD_PERCENT, false},
                                {"rate_extra", TALLY_FIELD_AMOUNT, false},
                                {"ai_budget", TALLY_FIELD_AMOUNT, false},
                                {"basis", TALLY_FIELD_BASIS, false},
                                {"terms_days", TALLY_FIELD_DAYS, false},
                                {"late_fee_bp", TALLY_FIELD_PART, false},
                                {"late_fee_max_bp", TALLY_FIELD_PART, false},
                                {"kill_fee_bp", TALLY_FIELD_PART, false},
                                {"tax_category", TALLY_FIELD_TAX, false},
                                {"tax_rate_bp", TALLY_FIELD_PART, false},
                                {"tax_reason", TALLY_FIELD_TEXT, false},
                                {"compute_tax_category", TALLY_FIELD_TAX, false},
                                {"compute_tax_rate_bp", TALLY_FIELD_PART, false},
                                {"established", TALLY_FIELD_YES_NO, false},
                                {"disclosure", TALLY_FIELD_YES_NO, false},
                                {"po_number", TALLY_FIELD_TEXT, false},
                                {"issuer", TALLY_FIELD_NAME, false},
                                {"notes", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_MILESTONE] = {"milestone.set",
                                "milestone.unset",
                                2,
                                0,
                                {{"contract", TALLY_FIELD_NAME, true},
                                 {"number", TALLY_FIELD_ORDINAL, true},
                                 {"title", TALLY_FIELD_TEXT, false},
                                 {"fee", TALLY_FIELD_AMOUNT, false},
                                 {"percent_bp", TALLY_FIELD_PART, false},
                                 {"section", TALLY_FIELD_TEXT, false},
                                 {"criterion", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_ACCEPTED] = {"milestone.accept",
                               "milestone.reopen",
                               2,
                               0,
                               {{"contract", TALLY_FIELD_NAME, true},
                                {"number", TALLY_FIELD_ORDINAL, true},
                                {"date", TALLY_FIELD_DATE, true},
                                {"evidence", TALLY_FIELD_BLOB, false},
                                {"note", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_CHANGE] = {"change.set",
                             "change.unset",
                             2,
                             0,
                             {{"contract", TALLY_FIELD_NAME, true},
                              {"number", TALLY_FIELD_NAME, true},
                              {"title", TALLY_FIELD_TEXT, true},
                              {"amount", TALLY_FIELD_AMOUNT, true}}},
    [TALLY_POLICY_APPROVED] = {"change.approve",
                               "change.withdraw",
                               2,
                               0,
                               {{"contract", TALLY_FIELD_NAME, true},
                                {"number", TALLY_FIELD_NAME, true},
                                {"date", TALLY_FIELD_DATE, true},
                                {"evidence", TALLY_FIELD_BLOB, false},
                                {"note", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_ISSUER] = {"issuer.set",
                             "issuer.unset",
                             1,
                             0,
                             {{"member", TALLY_FIELD_NAME, true},
                              {"name", TALLY_FIELD_TEXT, true},
                              {"prefix", TALLY_FIELD_NAME, false},
                              {"contact", TALLY_FIELD_TEXT, false},
                              {"email", TALLY_FIELD_TEXT, false},
                              {"street", TALLY_FIELD_TEXT, false},
                              {"street2", TALLY_FIELD_TEXT, false},
                              {"city", TALLY_FIELD_TEXT, false},
                              {"postcode", TALLY_FIELD_TEXT, false},
                              {"region", TALLY_FIELD_TEXT, false},
                              {"country", TALLY_FIELD_COUNTRY, false},
                              {"tax_id", TALLY_FIELD_TEXT, false},
                              {"company_id", TALLY_FIELD_TEXT, false},
                              {"iban", TALLY_FIELD_TEXT, false},
                              {"bic", TALLY_FIELD_TEXT, false},
                              {"payee", TALLY_FIELD_TEXT, false}}},
    [TALLY_POLICY_AUDIT] = {"audit.set",
                            "audit.unset",
                            0,
                            0,
                            {{"quorum", TALLY_FIELD_QUORUM, false},
                             {"witnesses", TALLY_FIELD_WITNESS, false},
                             {"backdate_limit", TALLY_FIELD_HOURS, false}}},
};

const tally_policy_field *tally_policy_fields(tally_policy policy, size_t *count, size_t *keys) {
    *count = 0;
    while (*count < POLICY_MAX_FIELDS && kinds[policy].fields[*count].name)
        ++*count;
    *keys = kinds[policy].keys;
    return kinds[policy].fields;
}

/* The first field that is wrong; NULL when all is well. With `unset` only those that name the row
 * matter. */
static const char *body_fault(tally_policy policy, const tally_record *record, bool unset,
                              const char **name) {
    uint32_t any_from = kinds[policy].any_from, found = 0;
    for (uint32_t i = 0; i < POLICY_MAX_FIELDS && kinds[policy].fields[i].name; i++) {
        bool there;
        if (unset && i >= kinds[policy].keys) break;
        *name = kinds[policy].fields[i].name;
        const char *fault = policy_field_fault(&kinds[policy].fields[i], record, &there);
        if (fault) return fault;
        found += there && i >= any_from;
    }
    *name = "path, remote, branch, agent or tag";
    return unset || any_from == 0 || found > 0 ? NULL : "given";
}

/* ---- rows ---- */

/* The policy's number, then each key's text and a zero: names in bytewise order, and within them
 * dates ascending. */
static size_t row_key(tally_policy policy, const tally_span *keys, size_t count,
                      uint8_t out[POLICY_KEY_BYTES]) {
    size_t len = 0;
    out[len++] = (uint8_t)policy;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].len > TALLY_NAME_MAX_BYTES) return 0;
        if (keys[i].len > 0) memcpy(out + len, keys[i].ptr, keys[i].len);
        len += keys[i].len;
        out[len++] = 0;
    }
    return len;
}

static size_t key_of(tally_policy policy, const tally_record *record,
                     uint8_t out[POLICY_KEY_BYTES]) {
    tally_span keys[POLICY_MAX_KEYS] = {0};
    for (uint32_t i = 0; i < kinds[policy].keys; i++)
        (void)tally_body_str(record, kinds[policy].fields[i].name, &keys[i]);
    return row_key(policy, keys, kinds[policy].keys, out);
}

static bool find_kind(tally_span kind, tally_policy *policy, bool *unset) {
    for (int i = 0; i < TALLY_POLICY_COUNT; i++) {
        *policy = (tally_policy)i;
        *unset = tally_span_is(kind, kinds[i].unset);
        if (*unset || tally_span_is(kind, kinds[i].set)) return true;
    }
    return false;
}

bool view_policy_kind(tally_span kind) {
    tally_policy policy;
    bool unset;
    return find_kind(kind, &policy, &unset);
}

/* Files that the row names are wanted, whether or not the row counts in the end. */
static int refer_blobs(const view_source *source, tally_policy policy, const tally_record *record,
                       tally_error *err) {
    const uint8_t *bytes;
    tally_hash id;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < POLICY_MAX_FIELDS && kinds[policy].fields[i].name; i++) {
        if (kinds[policy].fields[i].type != TALLY_FIELD_BLOB ||
            !tally_body_bin(record, kinds[policy].fields[i].name, TALLY_HASH_BYTES, &bytes))
            continue;
        memcpy(id.b, bytes, sizeof id.b);
        rc = blob_refer(source->txn, &id, err);
    }
    return rc;
}

/* Value of the register: the leaf, then the body; the leaf alone where the row was unset. */
int view_fold_policy(const view_source *source, const tally_record *record, tally_error *err) {
    uint8_t key[POLICY_KEY_BYTES], value[TALLY_HASH_BYTES + TALLY_RECORD_MAX_BYTES];
    const char *name;
    tally_policy policy;
    bool unset;
    if (!find_kind(record->kind, &policy, &unset)) return 0;
    if (body_fault(policy, record, unset, &name)) return 0;
    size_t len = TALLY_HASH_BYTES, key_len = key_of(policy, record, key);
    memcpy(value, source->leaf->b, TALLY_HASH_BYTES);
    if (!unset) {
        if (record->body.len > TALLY_RECORD_MAX_BYTES - TALLY_HASH_BYTES) return 0;
        memcpy(value + len, record->body.ptr, record->body.len);
        len += record->body.len;
    }
    int rc = unset ? 0 : refer_blobs(source, policy, record, err);
    return rc != 0 ? rc
                   : view_register_put(source, TABLE_VIEW_POLICY, tally_span_of(key, key_len),
                                       record->hlc, tally_span_of(value, len), err);
}

/* False for a row that was unset. */
static bool row_decode(tally_policy policy, tally_span row, tally_policy_row *out) {
    if (row.len <= REGISTER_HEAD_BYTES + TALLY_HASH_BYTES) return false;
    const uint8_t *value = row.ptr + REGISTER_HEAD_BYTES;
    out->policy = policy;
    out->hlc = tally_get_be64(row.ptr);
    out->feed = tally_get_be32(row.ptr + REGISTER_FEED_AT);
    memcpy(out->leaf.b, value, TALLY_HASH_BYTES);
    out->record =
        (tally_record){.kind = tally_span_str(kinds[policy].set),
                       .hlc = out->hlc,
                       .body = tally_span_of(value + TALLY_HASH_BYTES,
                                             row.len - REGISTER_HEAD_BYTES - TALLY_HASH_BYTES)};
    return true;
}

int tally_policy_get(tally_txn *txn, tally_policy policy, const tally_span *keys, size_t key_count,
                     tally_policy_row *out) {
    uint8_t key[POLICY_KEY_BYTES];
    tally_span row;
    if (key_count != kinds[policy].keys) return TALLY_ENOTFOUND;
    size_t len = row_key(policy, keys, key_count, key);
    if (len == 0) return TALLY_ENOTFOUND;
    int rc = store_get(txn, TABLE_VIEW_POLICY, tally_span_of(key, len), &row, NULL);
    if (rc != 0) return rc;
    return row_decode(policy, row, out) ? 0 : TALLY_ENOTFOUND;
}

int tally_policy_each(tally_txn *txn, tally_policy policy, tally_policy_fn *fn, void *ctx,
                      tally_error *err) {
    MDB_cursor *cursor;
    uint8_t first = (uint8_t)policy;
    MDB_val k = {1, &first}, v;
    int rc = store_cursor(txn, TABLE_VIEW_POLICY, &cursor, err);
    if (rc != 0) return rc;
    int mdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && mdb == 0 && k.mv_size > 0 && *(const uint8_t *)k.mv_data == first) {
        tally_policy_row row;
        if (row_decode(policy, store_span(v), &row)) rc = fn(ctx, &row, err);
        if (rc == 0) mdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc == 0 && mdb != 0 && mdb != MDB_NOTFOUND)
        rc = store_fail(txn, mdb, "cannot read policy", err);
    return rc;
}

/* ---- appending ---- */

/* What the writer holds, as a record that can be looked at before it is appended. */
static int preview(tally_writer *writer, const char *kind, tally_record *out, tally_error *err) {
    tally_span bytes;
    int rc = tally_writer_encode(writer, kind, 1, &bytes, err);
    return rc != 0 ? rc : tally_record_parse(bytes, out, err);
}

/* What holds never is a slip, though no fault of a record. */
static bool ends_before_it_begins(const tally_record *record) {
    tally_span from, until;
    return tally_body_str(record, "from", &from) && tally_body_str(record, "until", &until) &&
           tally_span_cmp(until, from) < 0;
}

/* What only a slip types: kept out here, and not in folding, which must read as it always did. */
static const char *typed_fault(tally_policy policy, const tally_record *record, const char **name) {
    tally_span text, quote;
    for (uint32_t i = 0; i < POLICY_MAX_FIELDS && kinds[policy].fields[i].name; i++) {
        *name = kinds[policy].fields[i].name;
        if (!tally_body_str(record, *name, &text)) continue;
        const char *fault = tally_field_typed_fault(kinds[policy].fields[i].type, text);
        if (fault) return fault;
    }
    *name = "quote";
    return policy == TALLY_POLICY_FX && tally_body_str(record, "base", &text) &&
                   tally_body_str(record, "quote", &quote) && tally_span_eq(text, quote)
               ? "another currency than base"
               : NULL;
}

static int append_checked(tally_txn *txn, tally_policy policy, bool unset, tally_writer *writer,
                          tally_error *err) {
    const char *kind = unset ? kinds[policy].unset : kinds[policy].set, *name;
    uint8_t key[POLICY_KEY_BYTES];
    tally_record record;
    tally_policy_row row;
    tally_span held;
    int rc = preview(writer, kind, &record, err);
    if (rc != 0) return rc;
    const char *fault = body_fault(policy, &record, unset, &name);
    if (!fault && !unset) fault = typed_fault(policy, &record, &name);
    if (fault) return tally_fail(err, TALLY_EINVAL, "%s: %s must be %s", kind, name, fault);
    if (!unset && ends_before_it_begins(&record))
        return tally_fail(err, TALLY_EINVAL, "%s: until must not be before from", kind);
    size_t len = key_of(policy, &record, key);
    if (unset && (store_get(txn, TABLE_VIEW_POLICY, tally_span_of(key, len), &held, NULL) != 0 ||
                  !row_decode(policy, held, &row)))
        return tally_fail(err, TALLY_ENOTFOUND, "%s: there is no such row; list them first", kind);
    return tally_append(txn, kind, writer, NULL, err);
}

int tally_policy_set(tally_txn *txn, tally_policy policy, tally_writer *writer, tally_error *err) {
    return append_checked(txn, policy, false, writer, err);
}

int tally_policy_unset(tally_txn *txn, tally_policy policy, tally_writer *writer,
                       tally_error *err) {
    return append_checked(txn, policy, true, writer, err);
}
