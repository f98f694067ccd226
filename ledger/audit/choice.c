/* Choosing what a pack shows: the records behind each row and line of its invoices, and which of
 * them are withheld because they name, or would give away, something of another client. */
#include "choice.h"

#include "../store.h"

#include <tally/blob.h>
#include <tally/view.h>

#include <stdlib.h>

int choice_init(choice *c, const shelf *s, const choice_invoice *invoices, size_t count,
                tally_error *err) {
    *c = (choice){.shelf = s, .invoices = invoices, .invoice_count = count};
    c->engaged = calloc(count + 1, sizeof *c->engaged);
    c->issues = calloc(count + 1, sizeof *c->issues);
    c->contracts = calloc(count + 1, sizeof *c->contracts);
    return index_map_init(&c->by_place) == 0 && c->engaged && c->issues && c->contracts
               ? 0
               : shelf_no_memory(err);
}

void choice_clear(choice *c) {
    free(c->items);
    free(c->devices);
    free(c->rows);
    free(c->engaged);
    free(c->issues);
    free(c->contracts);
    free(c->agreed);
    free(c->blobs);
    free(c->cosignatures);
    index_map_clear(&c->by_place);
    *c = (choice){.shelf = NULL};
}

static int bytes_of(const choice *c, shelf_place place, tally_span *out, tally_error *err) {
    return tally_record_get(c->shelf->txn, place.feed, place.index, out, err);
}

static int record_of(const choice *c, size_t item, tally_record *out, tally_error *err) {
    tally_span bytes;
    int rc = bytes_of(c, c->items[item].place, &bytes, err);
    return rc == 0 ? tally_record_parse(bytes, out, err) : rc;
}

int choice_add(choice *c, shelf_place place, size_t *out, tally_error *err) {
    tally_span bytes;
    uint32_t *slot = index_map_slot(&c->by_place, index_mix(place.index, (uint64_t)place.feed + 1));
    if (!slot) return shelf_no_memory(err);
    *out = *slot - 1u;
    if (*slot != 0) return 0;
    int rc = bytes_of(c, place, &bytes, err);
    if (rc != 0) return rc;
    if (!shelf_grow((void **)&c->items, &c->room, c->count, sizeof *c->items))
        return shelf_no_memory(err);
    choice_item *item = &c->items[c->count];
    *item = (choice_item){.place = place, .withheld = shelf_names_other(c->shelf, bytes)};
    tally_leaf_hash(bytes, &item->leaf);
    *out = c->count++;
    *slot = (uint32_t)c->count;
    return 0;
}

/* By leaf; CHOICE_NONE for zeros, or what is not here. */
static int add_leaf(choice *c, const tally_hash *leaf, size_t *out, tally_error *err) {
    const shelf_place *place = shelf_find(c->shelf, leaf);
    *out = CHOICE_NONE;
    return place ? choice_add(c, *place, out, err) : 0;
}

/* ---- sessions ---- */

static uint64_t size_at(const choice *c, const tally_invoice *invoice, uint32_t feed) {
    tally_feed head;
    if (tally_feed_get(c->shelf->txn, feed, &head, NULL) != 0) return 0;
    for (size_t i = 0; i < invoice->frontier_count; i++)
        if (memcmp(invoice->frontier[i].device.b, head.device.b, sizeof head.device.b) == 0)
            return invoice->frontier[i].size;
    return 0;
}

/* The last of these rows that was there when the invoice was made. */
static const shelf_row *last_before(const choice *c, const tally_invoice *invoice,
                                    const shelf_rows *rows, uint64_t ref) {
    size_t count;
    const shelf_row *first = shelf_rows_of(rows, ref, &count);
    while (count-- > 0)
        if (first[count].place.index < size_at(c, invoice, first[count].place.feed))
            return &first[count];
    return NULL;
}

static int add_activity(choice *c, const tally_invoice *invoice, uint64_t session,
                        tally_error *err) {
    size_t count, unused;
    const shelf_row *rows = shelf_rows_of(&c->shelf->activity, session, &count);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (rows[i].place.index < size_at(c, invoice, rows[i].place.feed))
            rc = choice_add(c, rows[i].place, &unused, err);
    return rc;
}

/* Up from a session to the one that `decided` names, or to the topmost where a rule decided. None,
 * when it names none of them. */
static int chain_add(choice *c, const tally_invoice *invoice, tally_span agent, tally_span id,
                     const tally_record *decided, choice_row *row, tally_error *err) {
    bool whole = tally_span_is(decided->kind, "rule.set");
    tally_span wanted = {0};
    (void)tally_body_str(decided, "session", &wanted);
    for (row->session_count = 0; row->session_count < CHOICE_CHAIN_MAX;) {
        tally_record session;
        size_t item;
        const shelf_row *at =
            last_before(c, invoice, &c->shelf->sessions, tally_session_ref(agent, id));
        if (!at) break;
        int rc = choice_add(c, at->place, &item, err);
        if (rc == 0) rc = record_of(c, item, &session, err);
        if (rc != 0) return rc;
        row->sessions[row->session_count++] = item;
        if (!whole && tally_span_eq(id, wanted)) return 0;
        if (!tally_body_str(&session, "parent", &id)) break;
    }
    if (!whole) row->session_count = 0;
    return 0;
}

static int sessions_add(choice *c, const tally_invoice *invoice, const tally_trace *trace,
                        choice_row *row, tally_error *err) {
    tally_record item, decided;
    tally_span agent = {0}, id = {0};
    const uint8_t *entry;
    bool session = tally_span_is(trace->what, "session");
    if (row->item == CHOICE_NONE || row->decided == CHOICE_NONE ||
        !(session || tally_span_is(trace->what, "cost")))
        return 0;
    int rc = record_of(c, row->item, &item, err);
    if (rc == 0) rc = record_of(c, row->decided, &decided, err);
    if (rc != 0) return rc;
    (void)tally_body_str(&item, "agent", &agent);
    (void)tally_body_str(&item, session ? "id" : "session", &id);
    if (session) rc = add_activity(c, invoice, tally_session_ref(agent, id), err);
    if (rc != 0 || tally_body_bin(&decided, "entry", TALLY_ENTRY_BYTES, &entry)) return rc;
    return chain_add(c, invoice, agent, id, &decided, row, err);
}

/* ---- rows and lines ---- */

static int row_add(choice *c, const tally_invoice *invoice, const tally_trace *trace,
                   tally_error *err) {
    choice_row row = {0};
    int rc = add_leaf(c, &trace->leaf, &row.item, err);
    if (rc == 0) rc = add_leaf(c, &trace->decided, &row.decided, err);
    if (rc == 0) rc = add_leaf(c, &trace->rate, &row.rate, err);
    if (rc != 0) return rc;
    /* Of what is shared with others the whole would tell their part. */
    bool shared =
        row.decided != CHOICE_NONE && trace->part != trace->parts && c->items[row.decided].withheld;
    if (shared && row.item != CHOICE_NONE) c->items[row.item].withheld = true;
    if (!shared) rc = sessions_add(c, invoice, trace, &row, err);
    if (rc == 0 && !shelf_grow((void **)&c->rows, &c->row_room, c->row_count, sizeof row))
        return shelf_no_memory(err);
    if (rc == 0) c->rows[c->row_count++] = row;
    return rc;
}

static int line_add(choice *c, const tally_invoice_line *line, tally_error *err) {
    size_t item;
    int rc = add_leaf(c, &line->agreed, &item, err);
    if (rc == 0 && !shelf_grow((void **)&c->agreed, &c->agreed_room, c->agreed_count, sizeof item))
        return shelf_no_memory(err);
    if (rc == 0) c->agreed[c->agreed_count++] = item;
    return rc;
}

static int engaged_add(choice *c, size_t n, tally_error *err) {
    const shelf_row *row = last_before(c, c->invoices[n].derived, &c->shelf->engaged, 0);
    tally_record record;
    size_t item;
    c->engaged[n] = CHOICE_NONE;
    int rc = row ? choice_add(c, row->place, &item, err) : 0;
    if (rc != 0 || !row) return rc;
    rc = record_of(c, item, &record, err);
    if (rc == 0 && tally_span_is(record.kind, "engaged.set")) c->engaged[n] = item;
    return rc;
}

static int invoice_add(choice *c, size_t n, tally_error *err) {
    const choice_invoice *packed = &c->invoices[n];
    const tally_invoice *invoice = packed->derived;
    size_t count, unused;
    int rc = add_leaf(c, &packed->issue, &c->issues[n], err);
    if (rc == 0) rc = add_leaf(c, &invoice->contract_leaf, &c->contracts[n], err);
    if (rc == 0 && (c->issues[n] == CHOICE_NONE || c->contracts[n] == CHOICE_NONE))
        rc = tally_fail(err, TALLY_ENOTFOUND,
                        "the records of invoice %.*s are not here; 'tally sync now' fetches them",
                        (int)invoice->number.len, (const char *)invoice->number.ptr);
    if (rc != 0) return rc;
    c->items[c->issues[n]].withheld = c->items[c->contracts[n]].withheld = false;
    rc = engaged_add(c, n, err);
    for (size_t i = 0; i < invoice->trace_count && rc == 0; i++)
        rc = row_add(c, invoice, &invoice->trace[i], err);
    for (size_t i = 0; i < invoice->line_count && rc == 0; i++)
        rc = line_add(c, &invoice->lines[i], err);
    const shelf_row *rows =
        shelf_rows_of(&c->shelf->about, tally_get_be64(packed->issue.b), &count);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = choice_add(c, rows[i].place, &unused, err);
    return rc;
}

/* ---- blobs ---- */

static int blob_add(choice *c, const tally_hash *id, bool document, tally_error *err) {
    tally_span salted;
    for (size_t i = 0; i < c->blob_count; i++)
        if (tally_hash_eq(&c->blobs[i], id)) return 0;
    if (tally_blob_stored(c->shelf->txn, id, &salted) != 0 ||
        (!document &&
         (salted.len > TALLY_PACK_EVIDENCE_MAX_BYTES || shelf_names_other(c->shelf, salted))))
        return 0;
    if (!shelf_grow((void **)&c->blobs, &c->blob_room, c->blob_count, sizeof *id))
        return shelf_no_memory(err);
    c->blobs[c->blob_count++] = *id;
    return 0;
}

/* What records that are shown refer to: descriptions of typed time, notes and evidence. */
static int blobs_add(choice *c, tally_error *err) {
    static const struct {
        const char *kind, *key;
    } refers[] = {{"time.add", "text"},
                  {"expense", "note"},
                  {"expense", "evidence"},
                  {"milestone.accept", "evidence"},
                  {"change.approve", "evidence"}};
    int rc = 0;
    for (size_t i = 0; i < c->count && rc == 0; i++) {
        tally_record record;
        const uint8_t *id;
        if (c->items[i].withheld) continue;
        rc = record_of(c, i, &record, err);
        for (size_t r = 0; r < sizeof refers / sizeof *refers && rc == 0; r++) {
            tally_hash blob;
            if (!tally_span_is(record.kind, refers[r].kind) ||
                !tally_body_bin(&record, refers[r].key, TALLY_HASH_BYTES, &id))
                continue;
            memcpy(blob.b, id, sizeof blob.b);
            rc = blob_add(c, &blob, false, err);
        }
    }
    return rc;
}

int choice_make(choice *c, bool withhold_blobs, tally_error *err) {
    int rc = 0;
    for (size_t n = 0; n < c->invoice_count && rc == 0; n++) {
        rc = invoice_add(c, n, err);
        if (rc == 0) rc = blob_add(c, &c->invoices[n].blob, true, err);
    }
    return rc == 0 && !withhold_blobs ? blobs_add(c, err) : rc;
}

/* ---- order ---- */

size_t choice_device_number(const choice *c, const tally_device_id *device) {
    size_t i = 0;
    while (i < c->device_count && memcmp(c->devices[i].b, device->b, sizeof device->b) != 0)
        i++;
    return i;
}

int choice_device(choice *c, const tally_device_id *device, tally_error *err) {
    if (choice_device_number(c, device) < c->device_count) return 0;
    if (!shelf_grow((void **)&c->devices, &c->device_room, c->device_count, sizeof *device))
        return shelf_no_memory(err);
    c->devices[c->device_count++] = *device;
    return 0;
}

static int order_of(const void *a, const void *b) {
    const choice_item *x = *(choice_item *const *)a, *y = *(choice_item *const *)b;
    if (x->place.feed != y->place.feed) return x->place.feed < y->place.feed ? -1 : 1;
    return (x->place.index > y->place.index) - (x->place.index < y->place.index);
}

int choice_settle(choice *c, tally_error *err) {
    size_t shown = c->count;
    int rc = 0;
    for (size_t i = 0; i < shown && rc == 0; i++) {
        tally_feed feed;
        rc = tally_feed_get(c->shelf->txn, c->items[i].place.feed, &feed, err);
        if (rc == 0) rc = choice_device(c, &feed.device, err);
    }
    if (rc == 0) rc = choice_witnesses(c, err);
    if (rc == 0) rc = choice_team(c, err);
    if (rc != 0) return rc;
    choice_item **order = calloc(c->count + 1, sizeof(choice_item *));
    if (!order) return shelf_no_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->items[i].number == 0) order[count++] = &c->items[i];
    qsort(order, count, sizeof(choice_item *), order_of);
    for (size_t i = 0; i < count; i++)
        order[i]->number = (uint32_t)(c->team_count + i + 1);
    for (size_t i = 0; i < c->count; i++)
        c->items[i].number--; /* from 1 while 0 said that it had none */
    free(order);
    return 0;
}
