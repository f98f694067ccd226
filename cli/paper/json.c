/* An invoice as one JSON document: all that it holds, so that a program can check every figure. */
#include "formats.h"

#include <tally/hash.h>

#include "figures.h"
#include "format/json_out.h"

static void money(cli_json *json, const char *key, const tally_invoice *invoice, int64_t minor) {
    char text[PAPER_FIGURE_BYTES];
    paper_money(minor, invoice->decimals, false, text);
    cli_json_string(json, key, text);
}

static void hundredths(cli_json *json, const char *key, int64_t value) {
    char text[PAPER_FIGURE_BYTES];
    paper_money(value, 2, false, text);
    cli_json_string(json, key, text);
}

static void date(cli_json *json, const char *key, int64_t day) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_date_format(day, text);
    cli_json_string(json, key, text);
}

static void hash(cli_json *json, const char *key, const tally_hash *value) {
    cli_json_hex(json, key, tally_span_of(value->b, sizeof value->b));
}

static void party(cli_json *json, const char *key, const tally_party *of, bool is_seller) {
    cli_json_open(json, key, '{');
    cli_json_text(json, "name", of->name);
    cli_json_text_or_null(json, "contact", of->contact);
    cli_json_text_or_null(json, "email", of->email);
    cli_json_text_or_null(json, "tax_id", of->tax_id);
    cli_json_text_or_null(json, "company_id", of->company_id);
    cli_json_text_or_null(json, "street", of->street);
    cli_json_text_or_null(json, "street2", of->street2);
    cli_json_text_or_null(json, "city", of->city);
    cli_json_text_or_null(json, "postcode", of->postcode);
    cli_json_text_or_null(json, "region", of->region);
    cli_json_text_or_null(json, "country", of->country);
    if (is_seller) {
        cli_json_text_or_null(json, "iban", of->iban);
        cli_json_text_or_null(json, "bic", of->bic);
        cli_json_text_or_null(json, "payee", of->payee);
    }
    cli_json_close(json, '}');
}

static void lines(cli_json *json, const tally_invoice *invoice) {
    cli_json_open(json, "lines", '[');
    for (size_t i = 0; i < invoice->line_count; i++) {
        const tally_invoice_line *line = &invoice->lines[i];
        cli_json_open(json, NULL, '{');
        cli_json_u64(json, "line", i + 1);
        cli_json_string(json, "block", paper_block_key(line->block));
        cli_json_string(json, "kind", paper_line_kind(line->kind));
        cli_json_text_or_null(json, "category", line->category);
        cli_json_text(json, "description", line->description);
        cli_json_text_or_null(json, "detail", line->detail);
        hundredths(json, "quantity", line->quantity);
        cli_json_text(json, "unit", line->unit);
        money(json, "unit_price", invoice, line->price);
        money(json, "amount", invoice, line->amount);
        cli_json_text_or_null(json, "tax_category", line->tax_category);
        hundredths(json, "tax_rate_percent", line->tax_rate);
        cli_json_bool(json, "with_agent", line->with_agent);
        cli_json_u64(json, "trace_at", line->trace_at);
        cli_json_u64(json, "trace_count", line->trace_count);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void taxes(cli_json *json, const tally_invoice *invoice) {
    cli_json_open(json, "taxes", '[');
    for (size_t i = 0; i < invoice->tax_count; i++) {
        const tally_tax_group *tax = &invoice->taxes[i];
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "category", tax->category);
        hundredths(json, "rate_percent", tax->rate);
        money(json, "base", invoice, tax->base);
        money(json, "tax", invoice, tax->tax);
        cli_json_text_or_null(json, "reason", tax->reason);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void totals(cli_json *json, const tally_invoice *invoice) {
    cli_json_open(json, "subtotals", '{');
    for (int block = 0; block < TALLY_BLOCK_COUNT; block++)
        money(json, paper_block_key((tally_line_block)block), invoice, invoice->subtotal[block]);
    cli_json_close(json, '}');
    money(json, "net", invoice, invoice->net);
    money(json, "tax", invoice, invoice->tax);
    money(json, "total", invoice, invoice->total);
    money(json, "paid", invoice, invoice->paid);
    money(json, "due", invoice, invoice->due);
}

static void sentences(cli_json *json, const char *key, const tally_span *texts, size_t count) {
    cli_json_open(json, key, '[');
    for (size_t i = 0; i < count; i++)
        cli_json_text(json, NULL, texts[i]);
    cli_json_close(json, ']');
}

static void trace(cli_json *json, const tally_invoice *invoice) {
    cli_json_open(json, "trace", '[');
    for (size_t i = 0; i < invoice->trace_count; i++) {
        const tally_trace *of = &invoice->trace[i];
        cli_json_open(json, NULL, '{');
        cli_json_hex(json, "entry", tally_span_of(of->entry.b, sizeof of->entry.b));
        hash(json, "leaf", &of->leaf);
        cli_json_text(json, "what", of->what);
        date(json, "day", of->day);
        cli_json_i64(json, "engaged_ms", of->ms);
        cli_json_amount(json, "cost", of->pico, of->currency);
        cli_json_text_or_null(json, "currency", of->currency);
        cli_json_u64(json, "part", of->part);
        cli_json_u64(json, "parts", of->parts);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    hash(json, "trace_digest", &invoice->trace_digest);
}

static int frontier(cli_json *json, const tally_invoice *invoice) {
    tally_hash digest;
    int rc = paper_frontier_digest(invoice, &digest);
    hash(json, "team", &invoice->team);
    cli_json_open(json, "frontier", '[');
    for (size_t i = 0; i < invoice->frontier_count; i++) {
        const tally_frontier_entry *feed = &invoice->frontier[i];
        cli_json_open(json, NULL, '{');
        cli_json_hex(json, "device", tally_span_of(feed->device.b, sizeof feed->device.b));
        cli_json_u64(json, "size", feed->size);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    if (rc == 0) hash(json, "frontier_digest", &digest);
    return rc;
}

static void head(cli_json *json, const tally_invoice *invoice) {
    cli_json_text_or_null(json, "number", invoice->number);
    cli_json_bool(json, "draft", invoice->number.len == 0);
    cli_json_string(json, "kind", tally_invoice_kind_text(invoice->total));
    cli_json_text(json, "contract", invoice->contract);
    cli_json_text_or_null(json, "title", invoice->title);
    cli_json_text(json, "client", invoice->client);
    cli_json_text_or_null(json, "po_number", invoice->po_number);
    cli_json_text(json, "currency", invoice->currency);
    cli_json_text(json, "basis", invoice->basis);
    date(json, "period_start", invoice->first_day);
    date(json, "period_end", invoice->end_day - 1);
    cli_json_text(json, "timezone", invoice->timezone);
    date(json, "issue_date", invoice->issue_day);
    date(json, "due_date", invoice->due_day);
    cli_json_text_or_null(json, "terms", invoice->terms);
}

int paper_json(FILE *out, const tally_invoice *invoice, const paper_sheet *sheet,
               tally_error *err) {
    cli_json json;
    (void)sheet;
    cli_json_begin(&json, out);
    json.pretty = true; /* on a terminal and elsewhere: the same bytes */
    cli_json_open(&json, NULL, '{');
    head(&json, invoice);
    party(&json, "seller", &invoice->seller, true);
    party(&json, "buyer", &invoice->buyer, false);
    lines(&json, invoice);
    totals(&json, invoice);
    taxes(&json, invoice);
    sentences(&json, "clauses", invoice->clauses, invoice->clause_count);
    sentences(&json, "warnings", invoice->warnings, invoice->warning_count);
    trace(&json, invoice);
    int rc = frontier(&json, invoice);
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return rc == 0 ? 0 : tally_fail(err, rc, "out of memory for the invoice's frontier");
}
