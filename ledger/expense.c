/* Expenses: the body of an `expense`, its check, its fold and its row. Whose it is and what filters
 * make of it is in expense_filter.c. */
#include "expense.h"

#include "blob.h"

#include <stdlib.h>

#define KIND "expense"

static const char *const category_names[TALLY_EXPENSE_CATEGORIES] = {
    [TALLY_EXPENSE_LLM] = "llm",
    [TALLY_EXPENSE_EMBEDDING] = "embedding",
    [TALLY_EXPENSE_VECTOR_DB] = "vector_db",
    [TALLY_EXPENSE_GPU] = "gpu",
    [TALLY_EXPENSE_EGRESS] = "egress",
    [TALLY_EXPENSE_MONITORING] = "monitoring",
    [TALLY_EXPENSE_OTHER] = "other",
};

const char *tally_expense_category_name(tally_expense_category category) {
    return category_names[category];
}

bool tally_expense_category_parse(tally_span text, tally_expense_category *out) {
    for (int i = 0; i < TALLY_EXPENSE_CATEGORIES; i++)
        if (tally_span_is(text, category_names[i])) {
            *out = (tally_expense_category)i;
            return true;
        }
    return false;
}

/* ---- the body ---- */

/* False for a field that is there in another type. */
static bool opt_str(const tally_record *record, const char *key, tally_span *out) {
    tally_value value;
    if (!tally_body_get(record, key, &value)) return true;
    *out = value.bytes;
    return value.type == TALLY_VALUE_STR && value.bytes.len > 0;
}

static bool opt_hash(const tally_record *record, const char *key, const uint8_t **out) {
    tally_value value;
    return !tally_body_get(record, key, &value) ||
           tally_body_bin(record, key, TALLY_HASH_BYTES, out);
}

static bool opt_quantity(const tally_record *record, tally_expense *out) {
    tally_value value;
    out->has_quantity = tally_body_get(record, "quantity", &value);
    return !out->has_quantity || tally_body_i64(record, "quantity", &out->quantity);
}

static bool file_name_ok(tally_span name) {
    if (name.len > TALLY_EXPENSE_FILE_MAX_BYTES) return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 0x20 || name.ptr[i] == 0x7f || name.ptr[i] == '/') return false;
    return true;
}

static bool name_or_nothing(tally_span text) {
    return text.len == 0 || !tally_field_text_fault(TALLY_FIELD_NAME, text);
}

const char *tally_expense_fault(const tally_expense_entry *e) {
    const struct {
        bool fine;
        const char *fault;
    } rules[] = {
        {!tally_field_text_fault(TALLY_FIELD_NAME, e->provider),
         "the provider must be 1 to 64 bytes without control characters"},
        {tally_currency_decimals(e->currency) >= 0,
         "the currency must be an ISO 4217 code such as EUR"},
        {e->amount > -TALLY_AMOUNT_LIMIT && e->amount < TALLY_AMOUNT_LIMIT,
         "the amount must be below " TALLY_AMOUNT_LIMIT_TEXT},
        {name_or_nothing(e->client), "the client must be 1 to 64 bytes without control characters"},
        {name_or_nothing(e->project),
         "the project must be 1 to 64 bytes without control characters"},
        {name_or_nothing(e->unit), "the unit must be 1 to 64 bytes without control characters"},
        {e->has_quantity == (e->unit.len > 0), "a quantity needs a unit, and a unit a quantity"},
        {!e->has_quantity || e->quantity > 0, "the quantity must be above zero"},
        {file_name_ok(e->evidence_name),
         "the evidence's file name must be 1 to 255 bytes without slashes and control characters"},
        {name_or_nothing(e->evidence_type),
         "the evidence's media type must be 1 to 64 bytes without control characters"},
        {(e->evidence_name.len > 0) == (e->evidence != NULL),
         "evidence needs a file name, and a file name evidence"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!rules[i].fine) return rules[i].fault;
    return NULL;
}

/* The same rules as for what is typed here. */
static bool expense_ok(const tally_expense *x) {
    static const tally_hash some;
    tally_expense_entry entry = {.category = x->category,
                                 .provider = x->provider,
                                 .currency = x->currency,
                                 .unit = x->unit,
                                 .client = x->client,
                                 .project = x->project,
                                 .amount = x->amount,
                                 .quantity = x->quantity,
                                 .has_quantity = x->has_quantity,
                                 .evidence = x->evidence ? &some : NULL,
                                 .evidence_name = x->evidence_name,
                                 .evidence_type = x->evidence_type};
    return !tally_expense_fault(&entry);
}

/* Reads a body; false when it has no effect. `key` gets that of an import, or NULL. */
static bool body_read(const tally_record *record, tally_expense *out, const uint8_t **key) {
    tally_span date, category;
    *out = (tally_expense){0};
    *key = NULL;
    return tally_body_str(record, "date", &date) && tally_date_parse(date, &out->day) == 0 &&
           tally_body_str(record, "category", &category) &&
           tally_expense_category_parse(category, &out->category) &&
           tally_body_str(record, "provider", &out->provider) &&
           tally_body_amount(record, "amount", &out->amount) &&
           tally_body_str(record, "currency", &out->currency) && opt_quantity(record, out) &&
           opt_str(record, "unit", &out->unit) && opt_str(record, "client", &out->client) &&
           opt_str(record, "project", &out->project) && opt_hash(record, "note", &out->note) &&
           opt_hash(record, "evidence", &out->evidence) &&
           opt_str(record, "evidence_name", &out->evidence_name) &&
           opt_str(record, "evidence_type", &out->evidence_type) && opt_hash(record, "key", key) &&
           expense_ok(out);
}

/* An import's row is known by its key, wherever and however often it is imported. */
static void key_entry_id(const uint8_t *key, tally_entry_id *out) {
    static const uint8_t domain[] = {'e', 'x', 'p', 'e', 'n', 's', 'e', 0};
    tally_span parts[] = {tally_span_of(domain, sizeof domain),
                          tally_span_of(key, TALLY_EXPENSE_KEY_BYTES)};
    tally_hash hash;
    tally_sha256_parts(parts, 2, &hash);
    memcpy(out->b, hash.b, sizeof out->b);
}

/* ---- the view ---- */

static int refer(tally_txn *txn, const uint8_t *blob, tally_error *err) {
    tally_hash id;
    if (!blob) return 0;
    memcpy(id.b, blob, sizeof id.b);
    return blob_refer(txn, &id, err);
}

int view_fold_expense(const view_source *source, const tally_record *record, tally_error *err) {
    tally_expense expense;
    tally_entry_id id;
    const uint8_t *key;
    if (!body_read(record, &expense, &key)) return 0;
    if (key)
        key_entry_id(key, &id);
    else
        view_typed_id(source->leaf, &id);
    int rc = view_typed_put(source, record, TALLY_ENTRY_EXPENSE, expense.day, &id, err);
    if (rc == 0) rc = refer(source->txn, expense.note, err);
    return rc != 0 ? rc : refer(source->txn, expense.evidence, err);
}

bool expense_of(tally_txn *txn, const view_typed *typed, tally_expense *out) {
    const uint8_t *key;
    if (typed->kind != TALLY_ENTRY_EXPENSE || !body_read(&typed->record, out, &key)) return false;
    out->id = typed->id;
    out->leaf = typed->leaf;
    out->feed = typed->feed;
    out->index = typed->index;
    out->is_void = tally_cost_is_void(txn, &typed->id);
    return true;
}

/* ---- appending ---- */

static tally_span hash_span(const void *hash) {
    return tally_span_of(hash, TALLY_HASH_BYTES);
}

static void body_put(tally_writer *writer, const tally_expense_entry *e, const char *date) {
    tally_writer_begin(writer);
    tally_put_str(writer, "date", tally_span_str(date));
    tally_put_str(writer, "category", tally_span_str(category_names[e->category]));
    tally_put_str(writer, "provider", e->provider);
    tally_put_amount(writer, "amount", e->amount);
    tally_put_str(writer, "currency", e->currency);
    if (e->has_quantity) tally_put_i64(writer, "quantity", e->quantity);
    tally_put_str_opt(writer, "unit", e->unit);
    tally_put_str_opt(writer, "client", e->client);
    tally_put_str_opt(writer, "project", e->project);
    if (e->note) tally_put_bin(writer, "note", hash_span(e->note->b));
    if (e->evidence) tally_put_bin(writer, "evidence", hash_span(e->evidence->b));
    tally_put_str_opt(writer, "evidence_name", e->evidence_name);
    tally_put_str_opt(writer, "evidence_type", e->evidence_type);
    if (e->key) tally_put_bin(writer, "key", hash_span(e->key->b));
}

bool tally_expense_known(tally_txn *txn, const tally_hash *key) {
    tally_entry_id id;
    key_entry_id(key->b, &id);
    return tally_entry_kind_of(txn, &id) != TALLY_ENTRY_NONE;
}

/* Beyond tally_expense_fault, which reads what was recorded before as well. */
static int typed_check(const tally_expense_entry *e, const char *date, tally_error *err) {
    const struct {
        const char *what;
        tally_field_type type;
        tally_span text;
    } fields[] = {{"date", TALLY_FIELD_DATE, tally_span_str(date)},
                  {"provider", TALLY_FIELD_NAME, e->provider},
                  {"client", TALLY_FIELD_NAME, e->client},
                  {"project", TALLY_FIELD_NAME, e->project},
                  {"unit", TALLY_FIELD_NAME, e->unit}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *fault =
            fields[i].text.len ? tally_field_typed_fault(fields[i].type, fields[i].text) : NULL;
        if (fault) return tally_fail(err, TALLY_EINVAL, "the %s must be %s", fields[i].what, fault);
    }
    return 0;
}

int tally_expense_append(tally_txn *txn, const tally_expense_entry *entry, tally_entry_id *id,
                         tally_error *err) {
    char date[TALLY_TIME_TEXT_BYTES];
    const char *fault = tally_expense_fault(entry);
    tally_writer *writer;
    tally_entry_id made;
    tally_hash leaf;
    if (fault) return tally_fail(err, TALLY_EINVAL, "%s", fault);
    tally_date_format(entry->day, date);
    int rc = typed_check(entry, date, err);
    if (rc != 0) return rc;
    if (entry->key) key_entry_id(entry->key->b, &made);
    if (entry->key && tally_expense_known(txn, entry->key))
        return tally_fail(err, TALLY_EEXIST, "this row was imported before");
    rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    body_put(writer, entry, date);
    rc = tally_append(txn, KIND, writer, &leaf, err);
    tally_writer_free(writer);
    if (!entry->key) view_typed_id(&leaf, &made);
    if (rc == 0 && id) *id = made;
    return rc;
}
