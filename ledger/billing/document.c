/* The canonical document of an invoice, and the canonical bytes of its trace: tables of fields,
 * packed in the order of their keys and read back in no other. PROTOCOL.md section 15. */
#include "invoice.h"

#include "../amount.h"

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#define DOCUMENT_NAME      "tally-invoice/1"
#define DOCUMENT_TRACE_MAX 100000u /* longer traces stand in it by their digest only */

/* An invoice's own figures and days stay below this, so that whoever prints them may add two or
 * change a sign. Nobody owes as much. */
#define DOCUMENT_FIGURE_MAX (INT64_MAX / 4)

typedef enum doc_type {
    DOC_TEXT,
    DOC_I64,
    DOC_AMOUNT,
    DOC_FIGURE,
    DOC_U32,
    DOC_INT,
    DOC_SIZE,
    DOC_BOOL,
    DOC_HASH
} doc_type;

/* Ascending by key. */
typedef struct doc_field {
    const char *key;
    doc_type type;
    size_t at;
} doc_field;

#define FIELD(type, of, key, member)                                                               \
    { key, type, offsetof(of, member) }
#define COUNT(table) (sizeof(table) / sizeof *(table))

static const doc_field head_fields[] = {
    FIELD(DOC_TEXT, tally_invoice, "basis", basis),
    FIELD(DOC_TEXT, tally_invoice, "client", client),
    FIELD(DOC_TEXT, tally_invoice, "contract", contract),
    FIELD(DOC_TEXT, tally_invoice, "currency", currency),
    FIELD(DOC_INT, tally_invoice, "decimals", decimals),
    FIELD(DOC_FIGURE, tally_invoice, "due", due),
    FIELD(DOC_FIGURE, tally_invoice, "due_day", due_day),
    FIELD(DOC_FIGURE, tally_invoice, "end_day", end_day),
    FIELD(DOC_FIGURE, tally_invoice, "first_day", first_day),
    FIELD(DOC_FIGURE, tally_invoice, "issue_day", issue_day),
    FIELD(DOC_U32, tally_invoice, "milestone", milestone),
    FIELD(DOC_FIGURE, tally_invoice, "net", net),
    FIELD(DOC_TEXT, tally_invoice, "number", number),
    FIELD(DOC_FIGURE, tally_invoice, "paid", paid),
    FIELD(DOC_TEXT, tally_invoice, "po_number", po_number),
    FIELD(DOC_FIGURE, tally_invoice, "subtotal_compute", subtotal[TALLY_BLOCK_COMPUTE]),
    FIELD(DOC_FIGURE, tally_invoice, "subtotal_credits", subtotal[TALLY_BLOCK_CREDITS]),
    FIELD(DOC_FIGURE, tally_invoice, "subtotal_engineering", subtotal[TALLY_BLOCK_ENGINEERING]),
    FIELD(DOC_FIGURE, tally_invoice, "tax", tax),
    FIELD(DOC_HASH, tally_invoice, "team", team),
    FIELD(DOC_TEXT, tally_invoice, "terms", terms),
    FIELD(DOC_TEXT, tally_invoice, "timezone", timezone),
    FIELD(DOC_TEXT, tally_invoice, "title", title),
    FIELD(DOC_FIGURE, tally_invoice, "total", total),
    FIELD(DOC_HASH, tally_invoice, "trace_digest", trace_digest),
};

static const doc_field party_fields[] = {
    FIELD(DOC_TEXT, tally_party, "bic", bic),
    FIELD(DOC_TEXT, tally_party, "city", city),
    FIELD(DOC_TEXT, tally_party, "company_id", company_id),
    FIELD(DOC_TEXT, tally_party, "contact", contact),
    FIELD(DOC_TEXT, tally_party, "country", country),
    FIELD(DOC_TEXT, tally_party, "email", email),
    FIELD(DOC_TEXT, tally_party, "iban", iban),
    FIELD(DOC_TEXT, tally_party, "name", name),
    FIELD(DOC_TEXT, tally_party, "payee", payee),
    FIELD(DOC_TEXT, tally_party, "postcode", postcode),
    FIELD(DOC_TEXT, tally_party, "region", region),
    FIELD(DOC_TEXT, tally_party, "street", street),
    FIELD(DOC_TEXT, tally_party, "street2", street2),
    FIELD(DOC_TEXT, tally_party, "tax_id", tax_id),
};

static const doc_field line_fields[] = {
    FIELD(DOC_FIGURE, tally_invoice_line, "amount", amount),
    FIELD(DOC_U32, tally_invoice_line, "block", block),
    FIELD(DOC_TEXT, tally_invoice_line, "category", category),
    FIELD(DOC_TEXT, tally_invoice_line, "description", description),
    FIELD(DOC_TEXT, tally_invoice_line, "detail", detail),
    FIELD(DOC_U32, tally_invoice_line, "kind", kind),
    FIELD(DOC_FIGURE, tally_invoice_line, "price", price),
    FIELD(DOC_FIGURE, tally_invoice_line, "quantity", quantity),
    FIELD(DOC_TEXT, tally_invoice_line, "tax_category", tax_category),
    FIELD(DOC_U32, tally_invoice_line, "tax_rate", tax_rate),
    FIELD(DOC_SIZE, tally_invoice_line, "trace_count", trace_count),
    FIELD(DOC_TEXT, tally_invoice_line, "unit", unit),
    FIELD(DOC_BOOL, tally_invoice_line, "with_agent", with_agent),
};

static const doc_field tax_fields[] = {
    FIELD(DOC_FIGURE, tally_tax_group, "base", base),
    FIELD(DOC_TEXT, tally_tax_group, "category", category),
    FIELD(DOC_U32, tally_tax_group, "rate", rate),
    FIELD(DOC_TEXT, tally_tax_group, "reason", reason),
    FIELD(DOC_FIGURE, tally_tax_group, "tax", tax),
};

_Static_assert(sizeof(tally_line_block) == sizeof(uint32_t), "a block is packed as a number");
_Static_assert(sizeof(tally_line_kind) == sizeof(uint32_t), "a kind is packed as a number");

/* ---- packing ---- */

static void pack_text(msgpack_packer *pk, tally_span text) {
    msgpack_pack_str(pk, text.len);
    msgpack_pack_str_body(pk, text.ptr, text.len);
}

static void pack_bin(msgpack_packer *pk, const uint8_t *bytes, size_t len) {
    msgpack_pack_bin(pk, len);
    msgpack_pack_bin_body(pk, bytes, len);
}

static void pack_field(msgpack_packer *pk, const doc_field *field, const void *of) {
    const uint8_t *at = (const uint8_t *)of + field->at;
    switch (field->type) {
    case DOC_TEXT: pack_text(pk, *(const tally_span *)(const void *)at); break;
    case DOC_I64:
    case DOC_FIGURE: msgpack_pack_int64(pk, *(const int64_t *)(const void *)at); break;
    case DOC_AMOUNT: amount_pack(pk, *(const tally_i128 *)(const void *)at); break;
    case DOC_U32: msgpack_pack_uint32(pk, *(const uint32_t *)(const void *)at); break;
    case DOC_INT: msgpack_pack_int(pk, *(const int *)(const void *)at); break;
    case DOC_SIZE: msgpack_pack_uint64(pk, *(const size_t *)(const void *)at); break;
    case DOC_BOOL: *(const bool *)at ? msgpack_pack_true(pk) : msgpack_pack_false(pk); break;
    case DOC_HASH: pack_bin(pk, at, TALLY_HASH_BYTES); break;
    }
}

static void pack_map(msgpack_packer *pk, const doc_field *fields, size_t count, const void *of) {
    msgpack_pack_map(pk, count);
    for (size_t i = 0; i < count; i++) {
        pack_text(pk, tally_span_str(fields[i].key));
        pack_field(pk, &fields[i], of);
    }
}

static void pack_trace(msgpack_packer *pk, const tally_invoice *invoice) {
    msgpack_pack_array(pk, invoice->trace_count);
    for (size_t i = 0; i < invoice->trace_count; i++) {
        const tally_trace *trace = &invoice->trace[i];
        msgpack_pack_array(pk, 9);
        pack_bin(pk, trace->entry.b, sizeof trace->entry.b);
        pack_bin(pk, trace->leaf.b, sizeof trace->leaf.b);
        pack_text(pk, trace->what);
        msgpack_pack_int64(pk, trace->day);
        msgpack_pack_int64(pk, trace->ms);
        amount_pack(pk, trace->pico);
        pack_text(pk, trace->currency);
        msgpack_pack_uint64(pk, trace->part);
        msgpack_pack_uint64(pk, trace->parts);
    }
}

void invoice_trace_digest(const tally_invoice *invoice, tally_hash *out) {
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
    pack_trace(&pk, invoice);
    tally_sha256(tally_span_of(buffer.data, buffer.size), out);
    msgpack_sbuffer_destroy(&buffer);
}

static void pack_document(msgpack_packer *pk, const tally_invoice *invoice) {
    msgpack_pack_array(pk, 9);
    pack_text(pk, tally_span_str(DOCUMENT_NAME));
    pack_map(pk, head_fields, COUNT(head_fields), invoice);
    pack_map(pk, party_fields, COUNT(party_fields), &invoice->seller);
    pack_map(pk, party_fields, COUNT(party_fields), &invoice->buyer);
    msgpack_pack_array(pk, invoice->line_count);
    for (size_t i = 0; i < invoice->line_count; i++)
        pack_map(pk, line_fields, COUNT(line_fields), &invoice->lines[i]);
    msgpack_pack_array(pk, invoice->tax_count);
    for (size_t i = 0; i < invoice->tax_count; i++)
        pack_map(pk, tax_fields, COUNT(tax_fields), &invoice->taxes[i]);
    msgpack_pack_array(pk, invoice->clause_count);
    for (size_t i = 0; i < invoice->clause_count; i++)
        pack_text(pk, invoice->clauses[i]);
    msgpack_pack_array(pk, invoice->frontier_count);
    for (size_t i = 0; i < invoice->frontier_count; i++) {
        msgpack_pack_array(pk, 2);
        pack_bin(pk, invoice->frontier[i].device.b, sizeof invoice->frontier[i].device.b);
        msgpack_pack_uint64(pk, invoice->frontier[i].size);
    }
    if (invoice->trace_count <= DOCUMENT_TRACE_MAX)
        pack_trace(pk, invoice);
    else
        msgpack_pack_array(pk, 0);
}

static bool figures_fit(const doc_field *fields, size_t count, const void *of) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type != DOC_FIGURE) continue;
        int64_t figure = *(const int64_t *)(const void *)((const uint8_t *)of + fields[i].at);
        if (figure < -DOCUMENT_FIGURE_MAX || figure > DOCUMENT_FIGURE_MAX) return false;
    }
    return true;
}

/* Nothing is written that cannot be read again. */
static bool document_fits(const tally_invoice *invoice) {
    bool fits = figures_fit(head_fields, COUNT(head_fields), invoice);
    for (size_t i = 0; fits && i < invoice->line_count; i++)
        fits = figures_fit(line_fields, COUNT(line_fields), &invoice->lines[i]);
    for (size_t i = 0; fits && i < invoice->tax_count; i++)
        fits = figures_fit(tax_fields, COUNT(tax_fields), &invoice->taxes[i]);
    return fits;
}

int tally_invoice_encode(const tally_invoice *invoice, uint8_t **out, size_t *len,
                         tally_error *err) {
    *out = NULL;
    *len = 0;
    if (!document_fits(invoice))
        return tally_fail(err, TALLY_EOVERFLOW,
                          "the invoice's figures are too large to be written");
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    tally_value value;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
    pack_document(&pk, invoice);
    int rc = tally_value_check(tally_span_of(buffer.data, buffer.size), &value, err);
    if (rc == 0 && buffer.size > TALLY_BLOB_MAX_BYTES)
        rc = tally_fail(err, TALLY_ELIMIT, "the invoice's document is over %u bytes",
                        TALLY_BLOB_MAX_BYTES);
    *len = buffer.size;
    if (rc == 0)
        *out = (uint8_t *)msgpack_sbuffer_release(&buffer);
    else
        msgpack_sbuffer_destroy(&buffer);
    return rc;
}

/* ---- reading ---- */

static bool read_i64(const tally_value *value, int64_t least, int64_t most, int64_t *out) {
    if (value->type == TALLY_VALUE_UINT) {
        *out = (int64_t)value->as.uint;
        return value->as.uint <= (uint64_t)most;
    }
    *out = value->as.integer;
    return value->type == TALLY_VALUE_INT && *out >= least;
}

static bool read_field(const doc_field *field, const tally_value *value, void *of) {
    uint8_t *at = (uint8_t *)of + field->at;
    bool uint = value->type == TALLY_VALUE_UINT;
    uint64_t number = uint ? value->as.uint : 0;
    switch (field->type) {
    case DOC_TEXT: *(tally_span *)(void *)at = value->bytes; return value->type == TALLY_VALUE_STR;
    case DOC_I64: return read_i64(value, INT64_MIN, INT64_MAX, (int64_t *)(void *)at);
    case DOC_FIGURE:
        return read_i64(value, -DOCUMENT_FIGURE_MAX, DOCUMENT_FIGURE_MAX, (int64_t *)(void *)at);
    case DOC_AMOUNT: return tally_value_amount(value, (tally_i128 *)(void *)at);
    case DOC_U32: *(uint32_t *)(void *)at = (uint32_t)number; return uint && number <= UINT32_MAX;
    case DOC_INT: *(int *)(void *)at = (int)(number & 15u); return uint && number <= 12;
    case DOC_SIZE: *(size_t *)(void *)at = (size_t)number; return uint && number <= UINT32_MAX;
    case DOC_BOOL:
        if (value->type != TALLY_VALUE_BOOL) return false;
        *(bool *)at = value->as.boolean;
        return true;
    case DOC_HASH:
        if (value->type != TALLY_VALUE_BIN || value->bytes.len != TALLY_HASH_BYTES) return false;
        memcpy(at, value->bytes.ptr, TALLY_HASH_BYTES);
        return true;
    }
    return false;
}

static bool read_map(const tally_value *map, const doc_field *fields, size_t count, void *of) {
    tally_value key, value;
    if (map->type != TALLY_VALUE_MAP || map->count != count) return false;
    tally_cursor cursor = tally_cursor_of(map);
    for (size_t i = 0; i < count; i++)
        if (!tally_cursor_next(&cursor, &key) || !tally_span_is(key.bytes, fields[i].key) ||
            !tally_cursor_next(&cursor, &value) || !read_field(&fields[i], &value, of))
            return false;
    return true;
}

static bool read_lines(const tally_value *list, invoice_box *box) {
    tally_value item;
    size_t at = 0;
    if (list->type != TALLY_VALUE_ARRAY || list->count > TALLY_INVOICE_MAX_LINES) return false;
    box->lines = calloc((size_t)list->count + 1, sizeof *box->lines);
    box->invoice.lines = box->lines;
    if (!box->lines) return false;
    tally_cursor cursor = tally_cursor_of(list);
    while (tally_cursor_next(&cursor, &item)) {
        tally_invoice_line *line = &box->lines[box->invoice.line_count++];
        if (!read_map(&item, line_fields, COUNT(line_fields), line) ||
            line->block >= TALLY_BLOCK_COUNT || line->kind > TALLY_LINE_CREDIT)
            return false;
        line->trace_at = at;
        if (__builtin_add_overflow(at, line->trace_count, &at)) return false;
    }
    return true;
}

static bool read_trace(const tally_value *item, tally_trace *out) {
    static const doc_field fields[] = {
        FIELD(DOC_TEXT, tally_trace, "what", what), FIELD(DOC_I64, tally_trace, "day", day),
        FIELD(DOC_I64, tally_trace, "ms", ms), FIELD(DOC_AMOUNT, tally_trace, "pico", pico),
        FIELD(DOC_TEXT, tally_trace, "currency", currency)};
    tally_value v;
    if (item->type != TALLY_VALUE_ARRAY || item->count != 9) return false;
    tally_cursor cursor = tally_cursor_of(item);
    if (!tally_cursor_next(&cursor, &v) || v.type != TALLY_VALUE_BIN ||
        v.bytes.len != TALLY_ENTRY_BYTES)
        return false;
    memcpy(out->entry.b, v.bytes.ptr, TALLY_ENTRY_BYTES);
    if (!tally_cursor_next(&cursor, &v) || v.type != TALLY_VALUE_BIN ||
        v.bytes.len != TALLY_HASH_BYTES)
        return false;
    memcpy(out->leaf.b, v.bytes.ptr, TALLY_HASH_BYTES);
    for (size_t i = 0; i < COUNT(fields); i++)
        if (!tally_cursor_next(&cursor, &v) || !read_field(&fields[i], &v, out)) return false;
    if (!tally_cursor_next(&cursor, &v) || v.type != TALLY_VALUE_UINT) return false;
    out->part = v.as.uint;
    if (!tally_cursor_next(&cursor, &v) || v.type != TALLY_VALUE_UINT) return false;
    out->parts = v.as.uint;
    return true;
}

/* All of it, or none where it is too long to stand in the document. */
static bool read_traces(const tally_value *list, invoice_box *box) {
    tally_invoice *invoice = &box->invoice;
    tally_value item;
    size_t wanted = 0;
    for (size_t i = 0; i < invoice->line_count; i++)
        wanted += box->lines[i].trace_count;
    if (list->type != TALLY_VALUE_ARRAY || list->count > DOCUMENT_TRACE_MAX ||
        list->count != (wanted > DOCUMENT_TRACE_MAX ? 0 : wanted))
        return false;
    box->trace = calloc((size_t)list->count + 1, sizeof *box->trace);
    invoice->trace = box->trace;
    if (!box->trace) return false;
    tally_cursor cursor = tally_cursor_of(list);
    while (tally_cursor_next(&cursor, &item))
        if (!read_trace(&item, &box->trace[invoice->trace_count++])) return false;
    for (size_t i = 0; i < invoice->line_count && list->count == 0; i++)
        box->lines[i].trace_at = box->lines[i].trace_count = 0;
    return true;
}

static bool read_taxes(const tally_value *list, draft *memory, tally_invoice *invoice) {
    tally_value item;
    if (list->type != TALLY_VALUE_ARRAY || list->count > TALLY_INVOICE_MAX_LINES) return false;
    tally_tax_group *groups = draft_take(memory, (list->count + 1u) * sizeof *groups);
    invoice->taxes = groups;
    if (!groups) return false;
    tally_cursor cursor = tally_cursor_of(list);
    while (tally_cursor_next(&cursor, &item))
        if (!read_map(&item, tax_fields, COUNT(tax_fields), &groups[invoice->tax_count++]))
            return false;
    return true;
}

#define CLAUSES_MAX 100u

static bool read_clauses(const tally_value *list, invoice_box *box) {
    tally_value item;
    if (list->type != TALLY_VALUE_ARRAY || list->count > CLAUSES_MAX) return false;
    box->clauses = calloc((size_t)list->count + 1, sizeof *box->clauses);
    box->invoice.clauses = box->clauses;
    if (!box->clauses) return false;
    tally_cursor cursor = tally_cursor_of(list);
    while (tally_cursor_next(&cursor, &item)) {
        if (item.type != TALLY_VALUE_STR) return false;
        box->clauses[box->invoice.clause_count++] = item.bytes;
    }
    return true;
}

#define FRONTIER_MAX 4096u

static bool read_frontier(const tally_value *list, draft *memory, tally_invoice *invoice) {
    tally_value item, device, size;
    if (list->type != TALLY_VALUE_ARRAY || list->count > FRONTIER_MAX) return false;
    tally_frontier_entry *entries = draft_take(memory, (list->count + 1u) * sizeof *entries);
    invoice->frontier = entries;
    if (!entries) return false;
    tally_cursor cursor = tally_cursor_of(list);
    while (tally_cursor_next(&cursor, &item)) {
        if (item.type != TALLY_VALUE_ARRAY || item.count != 2) return false;
        tally_cursor pair = tally_cursor_of(&item);
        if (!tally_cursor_next(&pair, &device) || device.type != TALLY_VALUE_BIN ||
            device.bytes.len != sizeof entries->device.b || !tally_cursor_next(&pair, &size) ||
            size.type != TALLY_VALUE_UINT)
            return false;
        tally_frontier_entry *entry = &entries[invoice->frontier_count++];
        memcpy(entry->device.b, device.bytes.ptr, sizeof entry->device.b);
        entry->size = size.as.uint;
    }
    return true;
}

static bool read_document(const tally_value *document, draft *memory, invoice_box *box) {
    tally_invoice *invoice = &box->invoice;
    tally_value part[9];
    if (document->type != TALLY_VALUE_ARRAY || document->count != COUNT(part)) return false;
    tally_cursor cursor = tally_cursor_of(document);
    for (size_t i = 0; i < COUNT(part); i++)
        if (!tally_cursor_next(&cursor, &part[i])) return false;
    return part[0].type == TALLY_VALUE_STR && tally_span_is(part[0].bytes, DOCUMENT_NAME) &&
           read_map(&part[1], head_fields, COUNT(head_fields), invoice) &&
           read_map(&part[2], party_fields, COUNT(party_fields), &invoice->seller) &&
           read_map(&part[3], party_fields, COUNT(party_fields), &invoice->buyer) &&
           read_lines(&part[4], box) && read_taxes(&part[5], memory, invoice) &&
           read_clauses(&part[6], box) && read_frontier(&part[7], memory, invoice) &&
           read_traces(&part[8], box);
}

int tally_invoice_decode(tally_span bytes, tally_invoice **out, tally_error *err) {
    draft memory = {.err = err};
    tally_value document;
    *out = NULL;
    if (bytes.len > TALLY_BLOB_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "an invoice's document of %zu bytes is too long",
                          bytes.len);
    invoice_box *box = calloc(1, sizeof *box);
    if (!box) return tally_fail(err, TALLY_ENOMEM, "no memory for an invoice");
    tally_span copy = draft_copy(&memory, bytes); /* the invoice's texts lie in it */
    int rc = tally_value_check(copy, &document, err);
    if (rc == 0 && !read_document(&document, &memory, box))
        rc = tally_fail(err, TALLY_EFORMAT, "these bytes are no invoice's document");
    box->memory = memory.memory;
    if (rc == 0)
        *out = &box->invoice;
    else
        tally_invoice_free(&box->invoice);
    return rc;
}

/* ---- comparing ---- */

/* A field as a person reads it. */
static void field_show(const doc_field *field, const void *of, char *out, size_t size) {
    const uint8_t *at = (const uint8_t *)of + field->at;
    char hex[17];
    switch (field->type) {
    case DOC_TEXT: {
        tally_span text = *(const tally_span *)(const void *)at;
        (void)snprintf(out, size, "'%.*s'", (int)(text.len < 100 ? text.len : 100),
                       (const char *)text.ptr);
        break;
    }
    case DOC_I64:
    case DOC_FIGURE:
        (void)snprintf(out, size, "%lld", (long long)*(const int64_t *)(const void *)at);
        break;
    case DOC_AMOUNT: tally_pico_format(*(const tally_i128 *)(const void *)at, 0, out); break;
    case DOC_U32: (void)snprintf(out, size, "%u", *(const uint32_t *)(const void *)at); break;
    case DOC_INT: (void)snprintf(out, size, "%d", *(const int *)(const void *)at); break;
    case DOC_SIZE: (void)snprintf(out, size, "%zu", *(const size_t *)(const void *)at); break;
    case DOC_BOOL: (void)snprintf(out, size, "%s", *(const bool *)at ? "yes" : "no"); break;
    case DOC_HASH:
        tally_hex(tally_span_of(at, 8), hex);
        (void)snprintf(out, size, "%s", hex);
        break;
    }
}

/* Names the first field that differs; false when none does. */
static bool map_differs(const char *where, const doc_field *fields, size_t count, const void *a,
                        const void *b, char out[TALLY_DIFFERENCE_BYTES]) {
    for (size_t i = 0; i < count; i++) {
        char x[128], y[128];
        bool texts = fields[i].type == DOC_TEXT, differ;
        const uint8_t *p = (const uint8_t *)a + fields[i].at,
                      *q = (const uint8_t *)b + fields[i].at;
        field_show(&fields[i], a, x, sizeof x);
        field_show(&fields[i], b, y, sizeof y);
        differ = texts ? !tally_span_eq(*(const tally_span *)(const void *)p,
                                        *(const tally_span *)(const void *)q)
                       : strcmp(x, y) != 0;
        if (!differ) continue;
        (void)snprintf(out, TALLY_DIFFERENCE_BYTES, "%s, %s: issued %s, derived %s", where,
                       fields[i].key, x, y);
        return true;
    }
    return false;
}

static bool lines_differ(const tally_invoice *a, const tally_invoice *b,
                         char out[TALLY_DIFFERENCE_BYTES]) {
    size_t count = a->line_count < b->line_count ? a->line_count : b->line_count;
    for (size_t i = 0; i < count; i++) {
        char where[32];
        (void)snprintf(where, sizeof where, "line %zu", i + 1);
        if (map_differs(where, line_fields, COUNT(line_fields), &a->lines[i], &b->lines[i], out))
            return true;
    }
    if (a->line_count == b->line_count) return false;
    (void)snprintf(out, TALLY_DIFFERENCE_BYTES, "issued with %zu lines, derived %zu", a->line_count,
                   b->line_count);
    return true;
}

/* Lines first: they explain what the sums only show. */
void invoice_difference(const tally_invoice *a, const tally_invoice *b,
                        char out[TALLY_DIFFERENCE_BYTES]) {
    if (lines_differ(a, b, out) ||
        map_differs("invoice", head_fields, COUNT(head_fields), a, b, out) ||
        map_differs("seller", party_fields, COUNT(party_fields), &a->seller, &b->seller, out) ||
        map_differs("buyer", party_fields, COUNT(party_fields), &a->buyer, &b->buyer, out))
        return;
    (void)snprintf(out, TALLY_DIFFERENCE_BYTES, "taxes, clauses, frontier or trace");
}

void invoice_set_number(tally_invoice *invoice, const char *number) {
    invoice_box *box = (invoice_box *)invoice; /* its first member */
    draft memory = {.memory = box->memory};
    invoice->number = draft_copy(&memory, tally_span_str(number));
    box->memory = memory.memory;
}
