/* Issuing, voiding, paying: the records that freeze an invoice and hold its entries. */
#include "invoice.h"

#include "../store.h"

#include <assert.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#define ENTRIES_A_RECORD 1200u /* of about 50 bytes each: below 64 KiB */
#define PREFIX_BYTES     (TALLY_NAME_MAX_BYTES + 1u)
#define NUMBER_DIGITS    4

/* ---- numbers ---- */

/* "AL" of Ada Lovelace, "AD" of Ada; "INV" where no letters are. */
static void initials(tally_span member, char out[PREFIX_BYTES]) {
    size_t count = 0;
    bool start = true;
    for (size_t i = 0; i < member.len && count < 3; i++) {
        uint8_t c = member.ptr[i];
        uint8_t upper = c >= 'a' && c <= 'z' ? (uint8_t)(c - ('a' - 'A')) : c;
        bool letter = upper >= 'A' && upper <= 'Z';
        if (letter && start) out[count++] = (char)upper;
        start = !letter && c < 0x80;
    }
    if (count == 1 && member.len > 1) {
        uint8_t c = member.ptr[1];
        uint8_t upper = c >= 'a' && c <= 'z' ? (uint8_t)(c - ('a' - 'A')) : c;
        if (upper >= 'A' && upper <= 'Z') out[count++] = (char)upper;
    }
    memcpy(out + count, count ? "" : "INV", count ? 1 : 4);
}

static void prefix_of(tally_txn *txn, tally_span member, char out[PREFIX_BYTES]) {
    tally_policy_row row;
    tally_span prefix;
    initials(member, out);
    if (tally_policy_get(txn, TALLY_POLICY_ISSUER, &member, 1, &row) != 0 ||
        !tally_body_str(&row.record, "prefix", &prefix) || prefix.len >= PREFIX_BYTES - 16)
        return;
    memcpy(out, prefix.ptr, prefix.len);
    out[prefix.len] = '\0';
}

/* The number behind `stem`, or 0. */
static uint64_t number_after(tally_span number, const char *stem) {
    size_t len = strlen(stem);
    uint64_t value = 0;
    if (number.len <= len || number.len > len + 9 || memcmp(number.ptr, stem, len) != 0) return 0;
    for (size_t i = len; i < number.len; i++) {
        if (number.ptr[i] < '0' || number.ptr[i] > '9') return 0;
        value = value * 10 + (uint64_t)(number.ptr[i] - '0');
    }
    return value;
}

/* One more than the highest that this ledger knows, voided ones too. */
static int next_number(tally_txn *txn, tally_span member, int64_t day,
                       char out[TALLY_NAME_MAX_BYTES + 1], tally_error *err) {
    char prefix[PREFIX_BYTES], stem[PREFIX_BYTES + 16];
    int64_t year;
    unsigned month, of_month;
    uint64_t highest = 0;
    billed *b;
    int rc = billed_new(txn, &b, err);
    if (rc != 0) return rc;
    prefix_of(txn, member, prefix);
    tally_civil_from_days(day, &year, &month, &of_month);
    (void)snprintf(stem, sizeof stem, "%s-%04lld-", prefix, (long long)year);
    for (size_t i = 0; i < billed_count(b); i++) {
        uint64_t number = number_after(billed_at(b, i)->number, stem);
        if (number > highest) highest = number;
    }
    billed_free(b);
    int len = snprintf(out, TALLY_NAME_MAX_BYTES + 1, "%s%0*llu", stem, NUMBER_DIGITS,
                       (unsigned long long)highest + 1);
    return len > 0 && len <= (int)TALLY_NAME_MAX_BYTES
               ? 0
               : tally_fail(err, TALLY_EINVAL, "the issuer's prefix is too long");
}

/* ---- records ---- */

static bool traced_by_day(const tally_trace *trace) {
    return tally_span_is(trace->what, "session");
}

static void pack_lock(msgpack_packer *pk, const tally_trace *trace) {
    bool by_day = traced_by_day(trace);
    bool later = by_day && trace->after_ms > 0;
    msgpack_pack_array(pk, later ? 6 : by_day ? 5 : 4);
    msgpack_pack_bin(pk, sizeof trace->entry.b);
    msgpack_pack_bin_body(pk, trace->entry.b, sizeof trace->entry.b);
    msgpack_pack_uint64(pk, trace->part);
    msgpack_pack_uint64(pk, trace->parts);
    msgpack_pack_uint64(pk, (uint64_t)trace->ms);
    if (by_day) msgpack_pack_uint64(pk, (uint64_t)trace->day);
    if (later) msgpack_pack_uint64(pk, (uint64_t)trace->after_ms);
}

static int append_locks(tally_txn *txn, tally_writer *writer, const tally_invoice *invoice,
                        const tally_hash *issue, tally_error *err) {
    int rc = 0;
    for (size_t at = 0; at < invoice->trace_count && rc == 0; at += ENTRIES_A_RECORD) {
        size_t left = invoice->trace_count - at;
        size_t count = left < ENTRIES_A_RECORD ? left : ENTRIES_A_RECORD;
        msgpack_sbuffer list;
        msgpack_packer pk;
        msgpack_sbuffer_init(&list);
        msgpack_packer_init(&pk, &list, msgpack_sbuffer_write);
        msgpack_pack_array(&pk, count);
        for (size_t i = 0; i < count; i++)
            pack_lock(&pk, &invoice->trace[at + i]);
        tally_writer_begin(writer);
        tally_put_bin(writer, "issue", tally_span_of(issue->b, sizeof issue->b));
        tally_put_raw(writer, "entries", tally_span_of(list.data, list.size));
        rc = tally_append(txn, "invoice.entries", writer, NULL, err);
        msgpack_sbuffer_destroy(&list);
    }
    return rc;
}

static void pack_frontier(msgpack_sbuffer *out, const tally_invoice *invoice) {
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, invoice->frontier_count);
    for (size_t i = 0; i < invoice->frontier_count; i++) {
        const tally_frontier_entry *entry = &invoice->frontier[i];
        msgpack_pack_array(&pk, 2);
        msgpack_pack_bin(&pk, sizeof entry->device.b);
        msgpack_pack_bin_body(&pk, entry->device.b, sizeof entry->device.b);
        msgpack_pack_uint64(&pk, entry->size);
    }
}

static bool project_sum(const tally_invoice *invoice, int64_t *sum) {
    *sum = 0;
    for (size_t i = 0; i < invoice->line_count; i++)
        if ((invoice->lines[i].kind == TALLY_LINE_MILESTONE ||
             invoice->lines[i].kind == TALLY_LINE_PROJECT) &&
            __builtin_add_overflow(*sum, invoice->lines[i].amount, sum))
            return false;
    return true;
}

typedef struct issue_dates {
    char from[TALLY_TIME_TEXT_BYTES], to[TALLY_TIME_TEXT_BYTES], issued[TALLY_TIME_TEXT_BYTES],
        due[TALLY_TIME_TEXT_BYTES];
} issue_dates;

static int append_issue(tally_txn *txn, tally_writer *writer, const tally_invoice *invoice,
                        uint32_t late_fee_bp, const tally_hash *document, const tally_hash *sha256,
                        tally_hash *leaf, tally_error *err) {
    issue_dates dates;
    msgpack_sbuffer frontier;
    int64_t compute = invoice->subtotal[TALLY_BLOCK_COMPUTE], project;
    if (!project_sum(invoice, &project) || !invoice_amount_ok(invoice->total) ||
        !invoice_amount_ok(compute) || !invoice_amount_ok(project))
        return tally_fail(err, TALLY_EREFUSED,
                          "the invoice is too large; bill a shorter period, or fewer milestones");
    tally_date_format(invoice->first_day, dates.from);
    tally_date_format(invoice->end_day - 1, dates.to);
    tally_date_format(invoice->issue_day, dates.issued);
    tally_date_format(invoice->due_day, dates.due);
    msgpack_sbuffer_init(&frontier);
    pack_frontier(&frontier, invoice);
    tally_writer_begin(writer);
    tally_put_str(writer, "number", invoice->number);
    tally_put_str(writer, "contract", invoice->contract);
    tally_put_str(writer, "client", invoice->client);
    tally_put_str(writer, "currency", invoice->currency);
    tally_put_str(writer, "from", tally_span_str(dates.from));
    tally_put_str(writer, "to", tally_span_str(dates.to));
    tally_put_str(writer, "issue_date", tally_span_str(dates.issued));
    tally_put_str(writer, "due_date", tally_span_str(dates.due));
    tally_put_u64_opt(writer, "milestone", invoice->milestone);
    tally_put_u64_opt(writer, "late_fee_bp", late_fee_bp);
    tally_put_i64(writer, "total", invoice->total);
    tally_put_u64_opt(writer, "compute", compute > 0 ? (uint64_t)compute : 0);
    tally_put_u64_opt(writer, "project", (uint64_t)project);
    tally_put_bin(writer, "document", tally_span_of(document->b, sizeof document->b));
    tally_put_bin(writer, "sha256", tally_span_of(sha256->b, sizeof sha256->b));
    tally_put_bin(writer, "trace", tally_span_of(invoice->trace_digest.b, TALLY_HASH_BYTES));
    tally_put_raw(writer, "frontier", tally_span_of(frontier.data, frontier.size));
    int rc = tally_append(txn, "invoice.issue", writer, leaf, err);
    if (rc == 0) rc = facts_check_kept(txn, FACT_ISSUE, invoice->number, leaf, err);
    msgpack_sbuffer_destroy(&frontier);
    return rc;
}

/* ---- issuing ---- */

static int freeze(tally_txn *txn, const tally_invoice *invoice, uint32_t late_fee_bp,
                  const uint8_t salt[TALLY_BLOB_SALT_BYTES], tally_error *err) {
    uint8_t *bytes = NULL;
    size_t len;
    tally_hash document, sha256, leaf;
    tally_writer *writer = NULL;
    int rc = tally_invoice_encode(invoice, &bytes, &len, err);
    if (rc == 0) rc = tally_writer_new(&writer, err);
    if (rc == 0) rc = tally_blob_put(txn, salt, tally_span_of(bytes, len), &document, err);
    if (rc == 0) {
        tally_sha256(tally_span_of(bytes, len), &sha256);
        rc = append_issue(txn, writer, invoice, late_fee_bp, &document, &sha256, &leaf, err);
    }
    if (rc == 0) rc = append_locks(txn, writer, invoice, &leaf, err);
    tally_writer_free(writer);
    free(bytes);
    return rc;
}

int tally_invoice_issue(tally_txn *txn, const tally_draft *asked,
                        const uint8_t salt[TALLY_BLOB_SALT_BYTES], tally_invoice **out,
                        tally_error *err) {
    tally_span member = {0}, device;
    tally_draft own = *asked;
    tally_contract contract;
    char number[TALLY_NAME_MAX_BYTES + 1];
    *out = NULL;
    assert(txn->write && !txn->own_grew);
    int rc = tally_feed_names(txn, 0, &member, &device);
    if (rc != 0) return tally_fail(err, rc, "this device is in no team yet; it cannot issue");
    own.issuer = member;
    rc = tally_contract_get(txn, asked->contract, &contract, err);
    uint32_t late_fee_bp = rc == 0 ? draft_late_fee(&contract) : 0;
    if (rc == 0) rc = tally_invoice_derive(txn, &own, out, err);
    if (rc == 0 && (*out)->line_count == 0)
        rc = tally_fail(err, TALLY_ENOTFOUND,
                        "nothing is left to bill under %.*s in that period; 'tally invoice draft' "
                        "says why",
                        SPAN(asked->contract));
    if (rc == 0) rc = next_number(txn, member, asked->issue_day, number, err);
    if (rc == 0) invoice_set_number(*out, number);
    if (rc == 0) rc = freeze(txn, *out, late_fee_bp, salt, err);
    if (rc != 0) {
        tally_invoice_free(*out);
        *out = NULL;
    }
    return rc;
}

static int append_about(tally_txn *txn, const tally_issued *issued, fact_kind about,
                        const char *kind, tally_writer *writer, tally_error *err) {
    tally_hash leaf;
    tally_put_str(writer, "number", issued->number);
    tally_put_bin(writer, "issue", tally_span_of(issued->issue.b, sizeof issued->issue.b));
    int rc = tally_append(txn, kind, writer, &leaf, err);
    if (rc == 0) rc = facts_check_kept(txn, about, issued->number, &leaf, err);
    tally_writer_free(writer);
    return rc;
}

int tally_invoice_void(tally_txn *txn, const tally_issued *issued, tally_span reason,
                       tally_error *err) {
    tally_writer *writer;
    const char *fault = reason.len ? tally_field_typed_fault(TALLY_FIELD_TEXT, reason) : NULL;
    if (fault) return tally_fail(err, TALLY_EINVAL, "a reason must be %s", fault);
    if (issued->status == TALLY_INVOICE_VOID)
        return tally_fail(err, TALLY_EEXIST, "invoice %.*s is void already", SPAN(issued->number));
    int rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    tally_put_str_opt(writer, "reason", reason);
    return append_about(txn, issued, FACT_VOID, "invoice.void", writer, err);
}

int tally_invoice_pay(tally_txn *txn, const tally_issued *issued, int64_t amount, int64_t day,
                      tally_span note, tally_error *err) {
    char date[TALLY_TIME_TEXT_BYTES];
    tally_writer *writer;
    const char *fault = note.len ? tally_field_typed_fault(TALLY_FIELD_TEXT, note) : NULL;
    if (fault) return tally_fail(err, TALLY_EINVAL, "a note must be %s", fault);
    if (issued->status == TALLY_INVOICE_VOID)
        return tally_fail(err, TALLY_EREFUSED, "invoice %.*s is void: nothing is owed on it",
                          SPAN(issued->number));
    if (issued->status == TALLY_INVOICE_CREDIT)
        return tally_fail(
            err, TALLY_EREFUSED,
            "%.*s is a credit note: its total is owed to the client, who pays nothing "
            "on it; 'tally invoice void' takes it back",
            SPAN(issued->number));
    if (amount <= 0) return tally_fail(err, TALLY_EINVAL, "a payment is an amount above zero");
    if (!invoice_amount_ok(amount))
        return tally_fail(err, TALLY_EINVAL, "a payment of that size is no payment");
    int rc = tally_writer_new(&writer, err);
    if (rc != 0) return rc;
    tally_date_format(day, date);
    tally_put_u64(writer, "amount", (uint64_t)amount);
    tally_put_str(writer, "date", tally_span_str(date));
    tally_put_str_opt(writer, "note", note);
    return append_about(txn, issued, FACT_PAYMENT, "payment", writer, err);
}
