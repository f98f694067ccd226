/* What webhooks are told, as JSON. When they are told it is webhook_events.c's matter. */
#include <stdlib.h>
#include <string.h>

#include <tally/budget.h>
#include <tally/describe.h>
#include <tally/invoice.h>
#include <tally/money.h>
#include <tally/report.h>

#include "costs/cost_row.h"
#include "format/memstream.h"
#include "policy/budgets.h"
#include "report/attribution_out.h"
#include "webhooks.h"

#define TEXT_MAX_BYTES 512u /* of a text in a message: it shall stay small */

/* ---- the frame ---- */

typedef struct framed {
    FILE *out;
    cli_json json;
} framed;

static int frame_open(framed *f, const char *type, int64_t time_ms, cli_event *event,
                      tally_error *err) {
    f->out = open_memstream(&event->payload, &event->payload_len);
    if (!f->out) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    event->time_ms = time_ms;
    cli_json_begin(&f->json, f->out);
    cli_json_open(&f->json, NULL, '{');
    cli_json_string(&f->json, "type", type);
    cli_json_time(&f->json, "timestamp", time_ms);
    return 0;
}

static int frame_close(framed *f, cli_event *event, tally_error *err) {
    cli_json_close(&f->json, '}');
    if (cli_memstream_close(f->out, &event->payload) &&
        event->payload_len <= TALLY_OUTBOX_PAYLOAD_MAX_BYTES)
        return 0;
    free(event->payload);
    event->payload = NULL;
    return tally_fail(err, TALLY_ENOMEM, "a webhook's message could not be written");
}

static void seed_add(cli_event *event, tally_span bytes) {
    size_t room = sizeof event->seed - event->seed_len;
    size_t len = bytes.len < room ? bytes.len : room;
    if (len) memcpy(event->seed + event->seed_len, bytes.ptr, len);
    event->seed_len += len;
}

static void seed_add_number(cli_event *event, uint64_t number) {
    uint8_t bytes[8];
    tally_put_be64(bytes, number);
    seed_add(event, tally_span_of(bytes, sizeof bytes));
}

/* Cut between characters. */
static void text_json(cli_json *json, const char *key, tally_span text) {
    size_t len = text.len < TEXT_MAX_BYTES ? text.len : TEXT_MAX_BYTES;
    while (len > 0 && len < text.len && (text.ptr[len] & 0xc0) == 0x80)
        len--;
    cli_json_text_or_null(json, key, tally_span_of(text.ptr, len));
}

/* ---- invoices and payments ---- */

static void field_json(cli_json *json, const char *key, const tally_record *record,
                       const char *field) {
    tally_span text = {0};
    (void)tally_body_str(record, field, &text);
    text_json(json, key, text);
}

static void hash_json(cli_json *json, const char *key, const tally_record *record,
                      const char *field) {
    const uint8_t *bytes;
    if (tally_body_bin(record, field, TALLY_HASH_BYTES, &bytes))
        cli_json_hex(json, key, tally_span_of(bytes, TALLY_HASH_BYTES));
    else
        cli_json_null(json, key);
}

/* Minor units of the record's currency as a decimal; null where either is missing. */
static void amount_json(cli_json *json, const char *key, const tally_record *amount,
                        const char *field, const tally_record *currency) {
    tally_span code = {0};
    int64_t minor;
    char text[TALLY_MONEY_TEXT_BYTES];
    (void)tally_body_str(currency, "currency", &code);
    int decimals = tally_currency_decimals(code);
    if (decimals < 0 || !tally_body_i64(amount, field, &minor)) {
        cli_json_null(json, key);
        return;
    }
    tally_i128 pico = minor;
    for (int i = decimals; i < TALLY_PICO_DECIMALS; i++)
        pico *= 10;
    tally_pico_format(pico, decimals, text);
    cli_json_string(json, key, text);
}

/* The invoice.issue that a record is about; of one that is not here nothing is known. */
static void issue_find(tally_txn *txn, const tally_record *record, tally_record *out) {
    static const uint8_t empty_map[] = {0x80};
    const uint8_t *leaf;
    char hex[2 * TALLY_HASH_BYTES + 1];
    uint32_t feed;
    uint64_t index;
    tally_span bytes;
    *out = (tally_record){.body = tally_span_of(empty_map, sizeof empty_map)};
    if (!tally_body_bin(record, "issue", TALLY_HASH_BYTES, &leaf)) return;
    tally_hex(tally_span_of(leaf, TALLY_HASH_BYTES), hex);
    tally_record found;
    if (tally_record_find(txn, tally_span_str(hex), &feed, &index, NULL) == 0 &&
        tally_record_get(txn, feed, index, &bytes, NULL) == 0 &&
        tally_record_parse(bytes, &found, NULL) == 0 && tally_span_is(found.kind, "invoice.issue"))
        *out = found;
}

/* "invoice" or "credit_note"; null where the invoice is not here. */
static void kind_json(cli_json *json, const tally_record *issue) {
    int64_t total;
    if (tally_body_i64(issue, "total", &total))
        cli_json_string(json, "kind", tally_invoice_kind_text(total));
    else
        cli_json_null(json, "kind");
}

static void issued_json(cli_json *json, const tally_record *record, const tally_record *issue) {
    cli_json_open(json, "period", '{');
    field_json(json, "from", record, "from");
    field_json(json, "to", record, "to");
    cli_json_close(json, '}');
    field_json(json, "issue_date", record, "issue_date");
    field_json(json, "due_date", record, "due_date");
    amount_json(json, "total", record, "total", issue);
    hash_json(json, "document", record, "document");
    hash_json(json, "document_sha256", record, "sha256");
}

static void voided_json(cli_json *json, const tally_record *record, const tally_record *issue) {
    hash_json(json, "invoice", record, "issue");
    amount_json(json, "total", issue, "total", issue);
    field_json(json, "reason", record, "reason");
}

static void paid_json(cli_json *json, const tally_record *record, const tally_record *issue) {
    hash_json(json, "invoice", record, "issue");
    amount_json(json, "amount", record, "amount", issue);
    field_json(json, "date", record, "date");
    field_json(json, "note", record, "note");
}

static const struct {
    const char *kind;
    tally_hook_event type;
    void (*write)(cli_json *json, const tally_record *record, const tally_record *issue);
} record_events[] = {{"invoice.issue", TALLY_HOOK_INVOICE_ISSUED, issued_json},
                     {"invoice.void", TALLY_HOOK_INVOICE_VOIDED, voided_json},
                     {"payment", TALLY_HOOK_PAYMENT_RECEIVED, paid_json}};

static void author_json(cli_json *json, tally_txn *txn, uint32_t feed) {
    tally_span member = {0}, device = {0};
    (void)tally_feed_names(txn, feed, &member, &device);
    cli_json_text_or_null(json, "member", member);
    cli_json_text_or_null(json, "device", device);
}

int cli_event_of_record(const cli_reading *reading, uint32_t feed, const tally_record *record,
                        const tally_hash *leaf, cli_event *out, tally_error *err) {
    size_t at = 0, count = sizeof record_events / sizeof *record_events;
    tally_record issue = *record;
    tally_span number;
    framed f;
    while (at < count && !tally_span_is(record->kind, record_events[at].kind))
        at++;
    if (at == count || !tally_body_str(record, "number", &number)) return TALLY_ENOTFOUND;
    *out = (cli_event){.type = record_events[at].type, .own = feed == 0};
    seed_add(out, tally_span_of(leaf->b, sizeof leaf->b));
    if (out->type != TALLY_HOOK_INVOICE_ISSUED) issue_find(reading->txn, record, &issue);
    int code =
        frame_open(&f, tally_hook_event_name(out->type), tally_hlc_ms(record->hlc), out, err);
    if (code) return code;
    cli_json_open(&f.json, "data", '{');
    cli_json_hex(&f.json, "id", tally_span_of(leaf->b, sizeof leaf->b));
    text_json(&f.json, "number", number);
    kind_json(&f.json, &issue);
    field_json(&f.json, "contract", &issue, "contract");
    field_json(&f.json, "client", &issue, "client");
    field_json(&f.json, "currency", &issue, "currency");
    record_events[at].write(&f.json, record, &issue);
    author_json(&f.json, reading->txn, feed);
    cli_json_close(&f.json, '}');
    return frame_close(&f, out, err);
}

/* ---- entries ---- */

int cli_event_of_session(const cli_reading *reading, const tally_session_row *row, cli_event *out,
                         tally_error *err) {
    framed f;
    char room[TALLY_WORDS_SPARE_BYTES];
    tally_description line;
    tally_describe_session(reading->txn, row->session.ref, reading->zone, room, &line);
    *out = (cli_event){.type = TALLY_HOOK_ENTRY_FINISHED, .own = row->session.feed == 0};
    seed_add_number(out, row->session.ref);
    seed_add_number(out, (uint64_t)row->end_ms);
    int code = frame_open(&f, tally_hook_event_name(out->type), row->end_ms, out, err);
    if (code) return code;
    cli_json_open(&f.json, "data", '{');
    text_json(&f.json, "id", row->session.id);
    text_json(&f.json, "agent", row->session.agent);
    text_json(&f.json, "parent", row->session.parent);
    cli_attribution_json(&f.json, reading->txn, &row->said);
    cli_json_time(&f.json, "start", row->start_ms);
    cli_json_time(&f.json, "end", row->end_ms);
    cli_hours_json(&f.json, &row->sums);
    cli_json_money_or_null(&f.json, "total_cost", cli_sums_priced(&row->sums), row->sums.pico);
    cli_json_string(&f.json, "currency", TALLY_COST_CURRENCY);
    cli_json_u64(&f.json, "requests", row->sums.requests);
    cli_json_u64(&f.json, "unpriced_requests", row->sums.unpriced_requests);
    text_json(&f.json, "description", line.text);
    cli_json_bool(&f.json, "description_vague", line.vague);
    author_json(&f.json, reading->txn, row->session.feed);
    cli_json_close(&f.json, '}');
    return frame_close(&f, out, err);
}

/* ---- budgets ---- */

int cli_event_of_budget(const tally_budget *budget, int64_t now_ms, cli_event *out,
                        tally_error *err) {
    framed f;
    tally_hash name;
    *out = (cli_event){.type = TALLY_HOOK_BUDGET_REACHED, .own = true};
    tally_sha256(budget->budget, &name);
    seed_add(out, tally_span_of(name.b, sizeof name.b));
    seed_add_number(out, (uint64_t)budget->period.start_ms);
    seed_add_number(out, (uint64_t)budget->period.end_ms);
    seed_add_number(out, (uint64_t)budget->limit);
    seed_add_number(out, (uint64_t)budget->level);
    int code = frame_open(&f, tally_hook_event_name(out->type), now_ms, out, err);
    if (code) return code;
    cli_budget_json(&f.json, "data", budget);
    return frame_close(&f, out, err);
}

int cli_event_ping(tally_span hook, int64_t now_ms, cli_event *out, tally_error *err) {
    framed f;
    *out = (cli_event){.own = true};
    int code = frame_open(&f, "ping", now_ms, out, err);
    if (code) return code;
    cli_json_open(&f.json, "data", '{');
    cli_json_text(&f.json, "webhook", hook);
    cli_json_close(&f.json, '}');
    return frame_close(&f, out, err);
}
