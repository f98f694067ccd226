/* An invoice in a pack: the document that was frozen and its sums. What stands behind its lines is
 * in pack_row.c and pack_figure.c. */
#include "pack.h"

#include "../billing/invoice.h"

#define DAY_MIN_MS INT64_C(79200000) /* 22 hours */
#define DAY_MAX_MS INT64_C(93600000)

bool pack_document_done(const tally_pack *pack) {
    return pack->document_count == 0 ||
           pack->line == pack->documents[pack->document_count - 1].invoice->line_count;
}

/* ---- what was signed ---- */

static bool text_agrees(pack_line *line, const pack_item *item, const char *key, tally_span text) {
    tally_span signed_text;
    if (tally_body_str(&item->record, key, &signed_text) && tally_span_eq(signed_text, text))
        return true;
    pack_subject(line, "%s", key);
    return pack_bad(
        line, "the document and the record %.40s differ",
        (const char *)(pack_is_kind(item, "invoice.issue") ? "invoice.issue" : "contract.set"));
}

static bool heads_agree(pack_line *line, const pack_document *document) {
    const tally_invoice *invoice = document->invoice;
    const pack_item *issue = &line->pack->items[document->issue];
    const pack_item *contract = &line->pack->items[document->contract];
    int64_t total;
    if (!text_agrees(line, issue, "number", invoice->number) ||
        !text_agrees(line, issue, "contract", invoice->contract) ||
        !text_agrees(line, contract, "contract", invoice->contract) ||
        !text_agrees(line, issue, "client", invoice->client) ||
        !text_agrees(line, contract, "client", invoice->client) ||
        !text_agrees(line, issue, "currency", invoice->currency))
        return false;
    pack_subject(line, "total");
    if (!tally_body_i64(&issue->record, "total", &total) || total != invoice->total)
        return pack_bad(line, "the document and the record invoice.issue differ");
    pack_subject(line, "team");
    return tally_hash_eq(&invoice->team, &line->pack->team) ||
           pack_bad(line, "the document is another team's");
}

static bool trace_agrees(pack_line *line, const pack_document *document) {
    const tally_invoice *invoice = document->invoice;
    const uint8_t *digest;
    tally_hash own;
    pack_subject(line, "trace digest");
    if (!tally_body_bin(&line->pack->items[document->issue].record, "trace", TALLY_HASH_BYTES,
                        &digest) ||
        memcmp(digest, invoice->trace_digest.b, TALLY_HASH_BYTES) != 0)
        return pack_bad(line, "the document and the record invoice.issue differ");
    invoice_trace_digest(invoice, &own);
    return invoice->trace_count == 0 || tally_hash_eq(&own, &invoice->trace_digest) ||
           pack_bad(line, "the rows of its trace are others");
}

/* ---- sums ---- */

static tally_i128 away_from_zero(tally_i128 value, int64_t by) {
    return (value + (value < 0 ? -by / 2 : by / 2)) / by;
}

static bool amounts_hold(pack_line *line, const tally_invoice *invoice,
                         tally_i128 subtotals[TALLY_BLOCK_COUNT]) {
    for (size_t i = 0; i < invoice->line_count; i++) {
        const tally_invoice_line *l = &invoice->lines[i];
        pack_subject(line, "line %zu amount", i + 1);
        if (away_from_zero((tally_i128)l->quantity * l->price, 100) != l->amount)
            return pack_bad(line, "it is not its quantity times its price");
        subtotals[l->block] += l->amount;
    }
    return true;
}

static bool taxes_hold(pack_line *line, const tally_invoice *invoice, tally_i128 *tax) {
    for (size_t g = 0; g < invoice->tax_count; g++) {
        const tally_tax_group *group = &invoice->taxes[g];
        tally_i128 base = 0;
        for (size_t i = 0; i < invoice->line_count; i++)
            if (invoice->lines[i].tax_rate == group->rate &&
                tally_span_eq(invoice->lines[i].tax_category, group->category))
                base += invoice->lines[i].amount;
        pack_subject(line, "tax %zu", g + 1);
        if (base != group->base) return pack_bad(line, "its base is not the sum of its lines");
        if (away_from_zero(base * group->rate, 10000) != group->tax)
            return pack_bad(line, "it is not its base times its rate");
        *tax += group->tax;
    }
    return true;
}

static bool sums_hold(pack_line *line, const tally_invoice *invoice) {
    static const char *const blocks[TALLY_BLOCK_COUNT] = {"engineering", "compute", "credits"};
    tally_i128 subtotals[TALLY_BLOCK_COUNT] = {0}, net = 0, tax = 0;
    if (!amounts_hold(line, invoice, subtotals)) return false;
    for (size_t b = 0; b < TALLY_BLOCK_COUNT; b++) {
        pack_subject(line, "subtotal %s", blocks[b]);
        if (subtotals[b] != invoice->subtotal[b])
            return pack_bad(line, "it is not the sum of its lines");
        net += subtotals[b];
    }
    pack_subject(line, "net");
    if (net != invoice->net) return pack_bad(line, "it is not the sum of the lines");
    if (!taxes_hold(line, invoice, &tax)) return false;
    pack_subject(line, "tax");
    if (tax != invoice->tax) return pack_bad(line, "it is not the sum of the taxes");
    pack_subject(line, "total");
    return net + tax == invoice->total || pack_bad(line, "it is not net and tax");
}

/* ---- the line ---- */

static bool content_agrees(pack_line *line, const pack_document *document, const pack_blob *blob,
                           tally_span content) {
    const pack_item *issue = &line->pack->items[document->issue];
    const uint8_t *id, *hash;
    tally_hash own;
    if (!pack_is_kind(issue, "invoice.issue")) return pack_bad(line, "it names no invoice.issue");
    if (!pack_is_kind(&line->pack->items[document->contract], "contract.set"))
        return pack_bad(line, "it names no contract.set");
    if (document->engaged != PACK_NONE &&
        !pack_is_kind(&line->pack->items[document->engaged], "engaged.set"))
        return pack_bad(line, "it names no engaged.set");
    if (!tally_body_bin(&issue->record, "document", TALLY_HASH_BYTES, &id) ||
        memcmp(id, blob->id.b, TALLY_HASH_BYTES) != 0)
        return pack_bad(line, "the blob is not what the invoice.issue names");
    tally_sha256(content, &own);
    return (tally_body_bin(&issue->record, "sha256", TALLY_HASH_BYTES, &hash) &&
            memcmp(hash, own.b, TALLY_HASH_BYTES) == 0) ||
           pack_bad(line, "its SHA-256 is not what the invoice.issue names");
}

static void begin_line(tally_pack *pack, const tally_invoice *invoice) {
    pack->row = pack->rows_end = 0;
    if (pack->line == invoice->line_count) return;
    const tally_invoice_line *l = &invoice->lines[pack->line];
    pack->row = l->trace_at;
    pack->rows_end = l->trace_at + l->trace_count;
    pack->line_recomputed = true;
}

/* A record of the pack says that the invoice counts no more. */
static bool is_void(const tally_pack *pack, const pack_document *document) {
    const pack_item *issue = &pack->items[document->issue];
    const uint8_t *named;
    for (size_t i = 0; i < pack->item_count; i++)
        if (pack_is_kind(&pack->items[i], "invoice.void") &&
            tally_body_bin(&pack->items[i].record, "issue", TALLY_HASH_BYTES, &named) &&
            memcmp(named, issue->leaf.b, TALLY_HASH_BYTES) == 0 &&
            tally_span_eq(pack_text_of(&pack->items[i], "number"), pack_text_of(issue, "number")))
            return true;
    return false;
}

bool pack_document_line(pack_line *line) {
    tally_pack *pack = line->pack;
    pack_document document = {0};
    size_t blob;
    tally_error why;
    if (!pack_next(line, "its number", pack->document_count)) return false;
    pack_subject(line, "document %zu", pack->document_count);
    if (!pack_given(line, false, "its blob", pack->blob_count, &blob) ||
        !pack_given(line, false, "its invoice.issue", pack->item_count, &document.issue) ||
        !pack_given(line, false, "its contract.set", pack->item_count, &document.contract) ||
        !pack_ref(line, true, "its engaged.set", pack->item_count, &document.engaged))
        return false;
    tally_span salted = pack->blobs[blob].salted;
    tally_span content =
        tally_span_of(salted.ptr + TALLY_BLOB_SALT_BYTES, salted.len - TALLY_BLOB_SALT_BYTES);
    if (!content_agrees(line, &document, &pack->blobs[blob], content)) return false;
    int rc = tally_invoice_decode(content, &document.invoice, &why);
    if (rc == TALLY_ENOMEM) return pack_out_of_memory(line);
    if (rc != 0) return pack_bad(line, "%.200s", why.text);
    if (!pack_grow(line, (void **)&pack->documents, &pack->document_room, pack->document_count,
                   sizeof document)) {
        tally_invoice_free(document.invoice);
        return false;
    }
    document.voided = is_void(pack, &document);
    pack->documents[pack->document_count++] = document;
    pack->line = pack->day_count = pack->parts_count = 0;
    index_map_clear(&pack->billed);
    if (index_map_init(&pack->billed) != 0) return pack_out_of_memory(line);
    pack->rows_begun = false;
    pack->verdict->voided += document.voided;
    begin_line(pack, document.invoice);
    return heads_agree(line, &document) && trace_agrees(line, &document) &&
           sums_hold(line, document.invoice);
}

bool pack_day_line(pack_line *line) {
    tally_pack *pack = line->pack;
    pack_day day;
    char date[TALLY_TIME_TEXT_BYTES];
    uint64_t start, end;
    if (!pack_signed(line, false, "its day", &day.day)) return false;
    if (day.day < PACK_DAY_FIRST || day.day > PACK_DAY_LAST)
        return pack_bad(line, "its day is out of range");
    tally_date_format(day.day, date);
    pack_subject(line, "day %s", date);
    if (!pack_number(line, false, "its start", &start) || !pack_number(line, true, "its end", &end))
        return false;
    day.start_ms = (int64_t)start;
    day.end_ms = (int64_t)end;
    const pack_day *last = pack->day_count ? &pack->days[pack->day_count - 1] : NULL;
    if (last && day.day <= last->day) return pack_bad(line, "it is not after the day before");
    if (day.end_ms - day.start_ms < DAY_MIN_MS || day.end_ms - day.start_ms > DAY_MAX_MS)
        return pack_bad(line, "it is not as long as a day");
    if (last &&
        (day.day == last->day + 1 ? day.start_ms != last->end_ms : day.start_ms < last->end_ms))
        return pack_bad(line, "it does not follow the day before");
    if (!pack_grow(line, (void **)&pack->days, &pack->day_room, pack->day_count, sizeof day))
        return false;
    pack->days[pack->day_count++] = day;
    return true;
}

bool pack_invoice_line(pack_line *line) {
    tally_pack *pack = line->pack;
    const pack_document *document = &pack->documents[pack->document_count - 1];
    uint64_t number, item;
    bool recomputed = false;
    if (!pack_number(line, false, "its number", &number)) return false;
    if (number != pack->line + 1)
        return pack_bad(line, "its number is not the next, which is %zu", pack->line + 1);
    pack_subject(line, "line %zu", pack->line + 1);
    if (!pack_ref(line, true, "its record", pack->item_count, &item) ||
        !pack_line_figure(line, document, pack->line, item == PACK_NONE ? NULL : &pack->items[item],
                          &recomputed))
        return false;
    pack->verdict->lines++;
    pack->verdict->lines_recomputed += recomputed && pack->line_recomputed;
    pack->rows_begun = true;
    pack->rate_count = 0;
    pack->line++;
    begin_line(pack, document->invoice);
    return true;
}
