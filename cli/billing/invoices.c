/* Writing invoices out, and opening issued ones. */
#include "invoices.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

int cli_invoice_format(const cli *run, paper_format *out) {
    const char *name = cli_value(run, "format");
    if (!name) name = run->json ? "json" : "text";
    if (paper_format_parse(name, out) != 0)
        return cli_usage(run, "--format %s is none of " PAPER_FORMAT_NAMES, name);
    if (!paper_format_is_text(*out) && !cli_value(run, "output") && isatty(STDOUT_FILENO))
        return cli_usage(run, "--format %s needs --output FILE on a terminal", name);
    return CLI_DONE;
}

static int file_write(void *ctx, tally_span bytes, tally_error *err) {
    FILE *out = ctx;
    if (fwrite(bytes.ptr, 1, bytes.len, out) == bytes.len) return 0;
    return tally_fail(err, TALLY_EIO, "cannot write the invoice");
}

int cli_invoice_write(cli *run, const tally_invoice *invoice, paper_format format,
                      tally_error *err) {
    const char *path = cli_value(run, "output");
    cli_replace file = {.out = NULL};
    paper_sink sink = {file_write, NULL};
    if (!path) {
        sink.ctx = paper_format_is_text(format) ? cli_out_paged(run) : cli_out(run);
        return paper_write(invoice, format, &sink, err);
    }
    int code = cli_replace_open(&file, path, err);
    if (code) return code;
    sink.ctx = file.out;
    code = paper_write(invoice, format, &sink, err);
    tally_error closing;
    int closed = cli_replace_close(&file, code == 0, code ? &closing : err);
    return code ? code : closed;
}

/* ---- conflicts ---- */

void cli_invoice_conflict_words(const tally_invoice_conflict *conflict, char *out, size_t size) {
    char a[9], b[9];
    tally_hex(tally_span_of(conflict->issue.b, 4), a);
    tally_hex(tally_span_of(conflict->other_issue.b, 4), b);
    int number = (int)conflict->number.len, other = (int)conflict->other.len;
    if (conflict->entries)
        snprintf(out, size, "%llu entries are billed on both %.*s (%s) and %.*s (%s); void one",
                 (unsigned long long)conflict->entries, number, (const char *)conflict->number.ptr,
                 a, other, (const char *)conflict->other.ptr, b);
    else
        snprintf(out, size, "two invoices are %.*s (%s and %s); void one", number,
                 (const char *)conflict->number.ptr, a, b);
}

void cli_invoice_conflict_json(cli_json *json, const tally_invoice_conflict *conflict) {
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "number", conflict->number);
    cli_json_text(json, "other_number", conflict->other);
    cli_json_hex(json, "issue", tally_span_of(conflict->issue.b, sizeof conflict->issue.b));
    cli_json_hex(json, "other_issue",
                 tally_span_of(conflict->other_issue.b, sizeof conflict->other_issue.b));
    cli_json_u64(json, "entries", conflict->entries);
    cli_json_close(json, '}');
}

/* ---- fallen ---- */

static int fallen_json(void *ctx, const tally_issued *issued, tally_error *err) {
    cli_json *json = ctx;
    (void)err;
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "number", issued->number);
    cli_json_hex(json, "issue", tally_span_of(issued->issue.b, sizeof issued->issue.b));
    cli_json_close(json, '}');
    return 0;
}

void cli_invoice_fallen_words(const tally_issued *issued, char *out, size_t size) {
    char id[9];
    tally_hex(tally_span_of(issued->issue.b, 4), id);
    snprintf(out, size,
             "%.*s (%s) bills records that count no more, since a device was revoked or signed two "
             "histories; void it and issue it again",
             (int)issued->number.len, (const char *)issued->number.ptr, id);
}

int cli_invoices_fallen_json(cli_json *json, const char *key, tally_txn *txn, int64_t day,
                             tally_error *err) {
    cli_json_open(json, key, '[');
    int code = tally_invoices_fallen(txn, day, fallen_json, json, err);
    cli_json_close(json, ']');
    return code;
}

/* ---- what was issued ---- */

typedef struct frontier_copy {
    cli_issued *out;
    bool failed;
} frontier_copy;

static int copy_frontier(void *ctx, const tally_issued *issued, tally_error *err) {
    frontier_copy *copy = ctx;
    if (!tally_hash_eq(&issued->issue, &copy->out->issued.issue)) return 0;
    size_t bytes = (issued->frontier_count + 1) * sizeof *issued->frontier;
    copy->out->frontier = malloc(bytes);
    if (!copy->out->frontier) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    if (issued->frontier_count)
        memcpy(copy->out->frontier, issued->frontier,
               issued->frontier_count * sizeof *issued->frontier);
    copy->out->issued.frontier = copy->out->frontier;
    copy->out->issued.frontier_count = issued->frontier_count;
    return 0;
}

/* The snapshot ends before the texts are used. */
static void keep_texts(cli_issued *out) {
    tally_span *texts[] = {&out->issued.number,     &out->issued.contract, &out->issued.client,
                           &out->issued.currency,   &out->issued.member,   &out->issued.void_member,
                           &out->issued.void_reason};
    size_t used = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t len =
            texts[i]->len < sizeof out->texts - used ? texts[i]->len : sizeof out->texts - used;
        if (len) memcpy(out->texts + used, texts[i]->ptr, len);
        *texts[i] = tally_span_of(out->texts + used, len);
        used += len;
    }
    out->issued.device = (tally_span){0};
}

int cli_issued_open(cli *run, const char *name, cli_issued *out, tally_error *err) {
    tally_txn *txn = NULL;
    tally_team team;
    frontier_copy copy = {.out = out};
    *out = (cli_issued){.ledger = NULL};
    int code = cli_ledger_open(run, false, &out->ledger, err);
    if (!code) code = tally_read_begin(out->ledger, &txn, err);
    if (!code) code = tally_team_get(txn, &team, err);
    if (!code) code = cli_zone_load(team.timezone, &out->team_zone, err);
    if (!code) out->today = tally_zone_day(out->team_zone, cli_now_ms());
    if (!code) code = tally_issued_get(txn, tally_span_str(name), out->today, &out->issued, err);
    if (!code) code = tally_issued_each(txn, out->today, copy_frontier, &copy, err);
    if (!code) code = tally_issued_document(txn, &out->issued, &out->document, err);
    if (!code) code = cli_zone_load(out->document->timezone, &out->zone, err);
    if (!code) keep_texts(out);
    if (txn) tally_read_end(txn);
    return code;
}

void cli_issued_close(cli_issued *opened) {
    tally_invoice_free(opened->document);
    tally_zone_free(opened->zone);
    tally_zone_free(opened->team_zone);
    free(opened->frontier);
    tally_ledger_close(opened->ledger);
    *opened = (cli_issued){.ledger = NULL};
}
