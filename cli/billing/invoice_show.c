/* tally invoice show, explain, verify: what was frozen, the records behind a line, and whether the
 * same comes out again. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "format/table_out.h"
#include "invoices.h"

#define SPAN(s)        (int)(s).len, (const char *)(s).ptr
#define ID_SHOWN_BYTES 8u

static void void_note(const tally_issued *issued) {
    tally_span by = issued->void_member, why = issued->void_reason;
    if (issued->status != TALLY_INVOICE_VOID) return;
    cli_say("note: this invoice is void%s%.*s%s%.*s", by.len ? ", by " : "", SPAN(by),
            why.len ? ": " : "", SPAN(why));
}

static int show_run(cli *run) {
    tally_error err = {0};
    cli_issued opened;
    paper_format format;
    if (cli_invoice_format(run, &format) != CLI_DONE) return CLI_USAGE;
    int code = cli_issued_open(run, run->arguments[0], &opened, &err);
    if (!code) void_note(&opened.issued);
    if (!code) code = cli_invoice_write(run, opened.document, format, &err);
    cli_issued_close(&opened);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- verify ---- */

/* What came out when it was derived again. */
typedef struct verdict {
    bool figures, words; /* the same */
    size_t lines, devices;
    char difference[TALLY_DIFFERENCE_BYTES];
} verdict;

static void verify_json(cli *run, const cli_issued *opened, const verdict *said) {
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "number", opened->issued.number);
    cli_json_bool(&json, "verified", said->figures);
    cli_json_bool(&json, "words_verified", said->words);
    cli_json_text_or_null(&json, "difference", tally_span_str(said->difference));
    cli_json_hex(&json, "document",
                 tally_span_of(opened->issued.document_hash.b, TALLY_HASH_BYTES));
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void verify_text(const cli_issued *opened, const verdict *said) {
    const char *lines = said->lines == 1 ? "line" : "lines";
    const char *devices = said->devices == 1 ? "device's" : "devices'";
    if (said->words)
        cli_say("%.*s: %zu %s, derived again from %zu %s records, byte for byte",
                SPAN(opened->issued.number), said->lines, lines, said->devices, devices);
    else if (said->figures)
        cli_say("%.*s: %zu %s, every figure derived again from %zu %s records; words differ, "
                "redacted or late: %s",
                SPAN(opened->issued.number), said->lines, lines, said->devices, devices,
                said->difference);
    else
        cli_say("%.*s differs: %s", SPAN(opened->issued.number), said->difference);
}

/* Derived from the records alone, or with the words that were frozen. */
static int derive_and_compare(const cli_issued *opened, bool frozen_words, verdict *said,
                              bool *same, tally_error *err) {
    tally_invoice *derived = NULL;
    char difference[TALLY_DIFFERENCE_BYTES] = "";
    int code = tally_invoice_rederive_figures(opened->ledger, &opened->issued,
                                              frozen_words ? opened->document : NULL, opened->zone,
                                              opened->team_zone, &derived, err);
    if (code) return code;
    *same = tally_invoice_same(&opened->issued, opened->document, derived, difference);
    said->lines = derived->line_count;
    said->devices = derived->frontier_count;
    /* What differs besides words says more than they do. */
    if (!*same) snprintf(said->difference, sizeof said->difference, "%s", difference);
    tally_invoice_free(derived);
    return 0;
}

/* All records of its frontier are folded again, of every client: whose an entry is, and what other
 * invoices have of it, follows from all of them. To trust the views that stand would be no proof.
 */
static int verify_run(cli *run) {
    tally_error err = {0};
    cli_issued opened;
    verdict said = {.figures = false};
    int code = cli_issued_open(run, run->arguments[0], &opened, &err);
    if (!code) code = derive_and_compare(&opened, false, &said, &said.words, &err);
    said.figures = said.words;
    if (!code && !said.words) code = derive_and_compare(&opened, true, &said, &said.figures, &err);
    if (!code && run->json)
        verify_json(run, &opened, &said);
    else if (!code)
        verify_text(&opened, &said);
    cli_issued_close(&opened);
    if (code) return cli_fail(&err);
    return said.figures ? CLI_DONE : CLI_FAILED;
}

/* ---- explain ---- */

static void trace_json(cli_json *json, const tally_trace *trace) {
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "what", trace->what);
    cli_json_hex(json, "entry", tally_span_of(trace->entry.b, sizeof trace->entry.b));
    cli_json_hex(json, "record", tally_span_of(trace->leaf.b, sizeof trace->leaf.b));
    cli_json_day(json, "date", trace->day);
    if (trace->ms)
        cli_json_i64(json, "duration_ms", trace->ms);
    else
        cli_json_null(json, "duration_ms");
    if (trace->pico)
        cli_json_amount(json, "cost", trace->pico, trace->currency);
    else
        cli_json_null(json, "cost");
    cli_json_text_or_null(json, "currency", trace->currency);
    cli_json_u64(json, "part", trace->part);
    cli_json_u64(json, "parts", trace->parts);
    cli_json_text_or_null(json, "why", trace->why);
    cli_json_close(json, '}');
}

static void explain_json(cli *run, const tally_invoice *invoice, size_t number) {
    const tally_invoice_line *line = &invoice->lines[number - 1];
    char quantity[TALLY_MONEY_TEXT_BYTES];
    cli_json json;
    cli_minor_text(line->quantity, 2, false, quantity);
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_text_or_null(&json, "number", invoice->number);
    cli_json_u64(&json, "line", number);
    cli_json_text(&json, "description", line->description);
    cli_json_text_or_null(&json, "detail", line->detail);
    cli_json_string(&json, "quantity", quantity);
    cli_json_text(&json, "unit", line->unit);
    cli_json_minor(&json, "unit_price", line->price, invoice->decimals);
    cli_json_minor(&json, "amount", line->amount, invoice->decimals);
    cli_json_open(&json, "records", '[');
    for (size_t i = 0; i < line->trace_count; i++)
        trace_json(&json, &invoice->trace[line->trace_at + i]);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void trace_line(cli_table *table, const tally_trace *trace) {
    char record[2 * ID_SHOWN_BYTES + 1], day[TALLY_TIME_TEXT_BYTES];
    char figure[TALLY_MONEY_TEXT_BYTES + 8] = "", part[48] = "";
    tally_hex(tally_span_of(trace->leaf.b, ID_SHOWN_BYTES), record);
    tally_date_format(trace->day, day);
    if (trace->ms)
        snprintf(figure, sizeof figure, "%" PRId64 ":%02" PRId64 ":%02" PRId64, trace->ms / 3600000,
                 trace->ms / 60000 % 60, trace->ms / 1000 % 60);
    if (trace->pico) tally_pico_format_in(trace->pico, trace->currency, figure);
    if (trace->parts > 1)
        snprintf(part, sizeof part, "%" PRIu64 " of %" PRIu64, trace->part, trace->parts);
    cli_table_line(table);
    cli_cell(table, trace->what, CLI_PLAIN);
    cli_cell_text(table, record);
    cli_cell_text(table, day);
    cli_cell_text(table, figure);
    cli_cell(table, trace->currency, CLI_PLAIN);
    cli_cell_text(table, part);
    cli_cell(table, trace->why, CLI_PLAIN);
}

static int explain_text(cli *run, const tally_invoice *invoice, size_t number, tally_error *err) {
    static const cli_column columns[] = {
        {"WHAT", CLI_LEFT}, {"RECORD", CLI_LEFT}, {"DATE", CLI_LEFT}, {"FIGURE", CLI_RIGHT},
        {"", CLI_LEFT},     {"PART", CLI_LEFT},   {"WHY", CLI_CUT}};
    const tally_invoice_line *line = &invoice->lines[number - 1];
    char quantity[TALLY_MONEY_TEXT_BYTES], price[TALLY_MONEY_TEXT_BYTES];
    char amount[TALLY_MONEY_TEXT_BYTES], head[2048];
    cli_minor_text(line->quantity, 2, true, quantity);
    cli_minor_text(line->price, invoice->decimals, true, price);
    cli_minor_text(line->amount, invoice->decimals, true, amount);
    snprintf(head, sizeof head, "%zu. %.*s", number, SPAN(line->description));
    cli_text_one_line(head);
    FILE *out = cli_out_paged(run);
    fprintf(out, "%s\n   %s x %s = %s %.*s\n", head, quantity, price, amount,
            SPAN(invoice->currency));
    if (line->detail.len) fprintf(out, "   %.*s\n", SPAN(line->detail));
    cli_table *table = cli_table_new(out, columns, sizeof columns / sizeof *columns);
    if (!table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    for (size_t i = 0; i < line->trace_count; i++)
        trace_line(table, &invoice->trace[line->trace_at + i]);
    int code = cli_table_print(table) ? tally_fail(err, TALLY_ENOMEM, "memory ran out") : 0;
    cli_table_free(table);
    return code;
}

/* From what is derived again: it knows why each record counts. With the frozen words its lines are
 * those that were issued. */
static int explain_run(cli *run) {
    tally_error err = {0};
    cli_issued opened;
    tally_invoice *derived = NULL;
    char *end;
    errno = 0;
    unsigned long number = strtoul(run->arguments[1], &end, 10);
    if (errno || *end || number == 0)
        return cli_usage(run, "'%s' is no line's number", run->arguments[1]);
    int code = cli_issued_open(run, run->arguments[0], &opened, &err);
    if (!code)
        code = tally_invoice_rederive_figures(opened.ledger, &opened.issued, opened.document,
                                              opened.zone, opened.team_zone, &derived, &err);
    if (!code && number > derived->line_count)
        code = tally_fail(&err, TALLY_ENOTFOUND, "invoice %s has %zu lines", run->arguments[0],
                          derived->line_count);
    if (!code && run->json)
        explain_json(run, derived, number);
    else if (!code)
        code = explain_text(run, derived, number, &err);
    tally_invoice_free(derived);
    cli_issued_close(&opened);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option show_options[] = {CLI_INVOICE_FORMAT_OPTIONS, {NULL, NULL, NULL}};

const cli_command command_invoice_show = {
    .name = "invoice show",
    .arguments = "NUMBER",
    .summary = "an issued invoice, as it was frozen",
    .example = "tally invoice show AK-2026-0007 --format pdf --output AK-2026-0007.pdf",
    .options = show_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = show_run};
const cli_command command_invoice_explain = {
    .name = "invoice explain",
    .arguments = "NUMBER LINE",
    .summary = "every record behind a line, with what applied to it",
    .example = "tally invoice explain AK-2026-0007 3",
    .min_arguments = 2,
    .max_arguments = 2,
    .run = explain_run};
const cli_command command_invoice_verify = {
    .name = "invoice verify",
    .arguments = "NUMBER",
    .summary = "derive it again from every record behind it, and compare",
    .example = "tally invoice verify AK-2026-0007",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = verify_run};
