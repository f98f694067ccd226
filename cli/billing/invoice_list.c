/* tally invoice list, invoice aging: what was issued, what of it is open and how late it is. */
#include <string.h>

#include "commands.h"
#include "format/table_out.h"
#include "invoices.h"

#define ID_SHOWN_BYTES 4u
#define AGES           5u

static const char *const age_names[AGES] = {"current", "1-30", "31-60", "61-90", "90+"};

/* The day a list is about; its spans are the command line's. */
typedef struct invoice_listing {
    cli *run;
    int64_t day;
    bool open_only;
    cli_json *json;
    cli_table *table;
    size_t lines;
    tally_error *err;
} invoice_listing;

static size_t age_of(int64_t days) {
    return days <= 0 ? 0 : days <= 30 ? 1 : days <= 60 ? 2 : days <= 90 ? 3 : 4;
}

static void issued_json(cli_json *json, const tally_issued *issued) {
    int d = issued->decimals;
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "number", issued->number);
    cli_json_hex(json, "issue", tally_span_of(issued->issue.b, sizeof issued->issue.b));
    cli_json_string(json, "kind", tally_invoice_kind_text(issued->total));
    cli_json_text(json, "contract", issued->contract);
    cli_json_text(json, "client", issued->client);
    cli_json_text(json, "issuer", issued->member);
    cli_json_text(json, "currency", issued->currency);
    cli_json_string(json, "status", tally_invoice_status_text(issued->status));
    cli_json_text_or_null(json, "voided_by", issued->void_member);
    cli_json_text_or_null(json, "void_reason", issued->void_reason);
    cli_json_day(json, "from", issued->first_day);
    cli_json_day(json, "to", issued->end_day - 1);
    cli_json_day(json, "issue_date", issued->issue_day);
    cli_json_day(json, "due_date", issued->due_day);
    cli_json_minor(json, "total", issued->total, d);
    cli_json_minor(json, "paid", issued->paid, d);
    cli_json_minor(json, "open", issued->open, d);
    if (issued->late_fee == TALLY_LATE_FEE_UNTOLD)
        cli_json_null(json, "late_fee");
    else
        cli_json_minor(json, "late_fee", issued->late_fee, d);
    cli_json_i64(json, "days_late", issued->late_days);
    cli_json_string(json, "age", age_names[age_of(issued->late_days)]);
    cli_json_bool(json, "number_twice", issued->number_twice);
    cli_json_close(json, '}');
}

static void minor_cell(cli_table *table, int64_t minor, int decimals) {
    char text[TALLY_MONEY_TEXT_BYTES];
    cli_minor_text(minor, decimals, true, text);
    cli_cell_text(table, text);
}

static void day_cell(cli_table *table, int64_t day) {
    char text[TALLY_TIME_TEXT_BYTES];
    tally_date_format(day, text);
    cli_cell_text(table, text);
}

static void issued_line(const invoice_listing *listing, const tally_issued *issued) {
    cli_table *table = listing->table;
    char id[2 * ID_SHOWN_BYTES + 1];
    tally_hex(tally_span_of(issued->issue.b, ID_SHOWN_BYTES), id);
    cli_table_line(table);
    cli_cell(table, issued->number, issued->number_twice ? CLI_WARNING : CLI_PLAIN);
    cli_cell(table, issued->client, CLI_PLAIN);
    cli_cell_text(table, listing->open_only ? age_names[age_of(issued->late_days)]
                                            : tally_invoice_status_text(issued->status));
    day_cell(table, issued->due_day);
    minor_cell(table, issued->total, issued->decimals);
    minor_cell(table, issued->open, issued->decimals);
    if (issued->late_fee == TALLY_LATE_FEE_UNTOLD)
        cli_cell_text(table, "too large");
    else
        minor_cell(table, issued->late_fee, issued->decimals);
    cli_cell(table, issued->currency, CLI_PLAIN);
    cli_cell_text(table, id);
}

static int list_issued(void *ctx, const tally_issued *issued, tally_error *err) {
    invoice_listing *listing = ctx;
    const char *client = cli_value(listing->run, "client");
    (void)err;
    if (client && !tally_span_is(issued->client, client)) return 0;
    if (listing->open_only && (issued->status == TALLY_INVOICE_VOID || issued->open <= 0)) return 0;
    listing->lines++;
    if (listing->json)
        issued_json(listing->json, issued);
    else
        issued_line(listing, issued);
    return 0;
}

static int conflict_say(void *ctx, const tally_invoice_conflict *conflict, tally_error *err) {
    char words[160];
    (void)ctx, (void)err;
    cli_invoice_conflict_words(conflict, words, sizeof words);
    cli_say("conflict: %s", words);
    return 0;
}

static int fallen_say(void *ctx, const tally_issued *issued, tally_error *err) {
    char words[320];
    (void)ctx, (void)err;
    cli_invoice_fallen_words(issued, words, sizeof words);
    cli_say("conflict: %s", words);
    return 0;
}

static int conflict_json(void *ctx, const tally_invoice_conflict *conflict, tally_error *err) {
    (void)err;
    cli_invoice_conflict_json(ctx, conflict);
    return 0;
}

static int list_json(cli_reading *reading, invoice_listing *listing, tally_error *err) {
    cli_json json;
    listing->json = &json;
    cli_json_begin(&json, cli_out(listing->run));
    cli_json_open(&json, NULL, '{');
    cli_json_day(&json, "as_of", listing->day);
    cli_json_open(&json, "invoices", '[');
    int code = tally_issued_each(reading->txn, listing->day, list_issued, listing, err);
    cli_json_close(&json, ']');
    cli_json_open(&json, "conflicts", '[');
    if (!code) code = tally_invoice_conflicts(reading->txn, conflict_json, &json, err);
    cli_json_close(&json, ']');
    if (!code) code = cli_invoices_fallen_json(&json, "fallen", reading->txn, listing->day, err);
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static int list_table(cli_reading *reading, invoice_listing *listing, tally_error *err) {
    const cli_column columns[] = {{"NUMBER", CLI_LEFT},
                                  {"CLIENT", CLI_CUT},
                                  {listing->open_only ? "AGE" : "STATUS", CLI_LEFT},
                                  {"DUE", CLI_LEFT},
                                  {"TOTAL", CLI_RIGHT},
                                  {"OPEN", CLI_RIGHT},
                                  {"LATE FEE", CLI_RIGHT},
                                  {"", CLI_LEFT},
                                  {"ID", CLI_SPARE}};
    listing->table =
        cli_table_new(cli_out_paged(listing->run), columns, sizeof columns / sizeof *columns);
    if (!listing->table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int code = tally_issued_each(reading->txn, listing->day, list_issued, listing, err);
    if (!code && !listing->lines)
        cli_say(listing->open_only ? "nothing is open" : "no invoice was issued yet");
    if (!code && cli_table_print(listing->table))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_table_free(listing->table);
    if (!code) code = tally_invoices_fallen(reading->txn, listing->day, fallen_say, NULL, err);
    return code ? code : tally_invoice_conflicts(reading->txn, conflict_say, NULL, err);
}

static int listing_run(cli *run, bool open_only) {
    tally_error err = {0};
    cli_reading reading = {0};
    invoice_listing listing = {.run = run, .open_only = open_only, .err = &err};
    int code = cli_reading_open(run, &reading, &err);
    if (!code)
        code = cli_day_read(run, "date", tally_zone_day(reading.zone, cli_now_ms()), &listing.day,
                            &err);
    if (!code)
        code =
            run->json ? list_json(&reading, &listing, &err) : list_table(&reading, &listing, &err);
    cli_reading_close(&reading);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

static int list_run(cli *run) {
    return listing_run(run, false);
}

static int aging_run(cli *run) {
    return listing_run(run, true);
}

static const cli_option options[] = {{"client", "NAME", "this client's"},
                                     {"date", "DATE", "as it stood on that day (default: today)"},
                                     {NULL, NULL, NULL}};

const cli_command command_invoice_list = {.name = "invoice list",
                                          .arguments = "",
                                          .summary = "what was issued, paid and voided",
                                          .example = "tally invoice list --client acme",
                                          .options = options,
                                          .run = list_run};
const cli_command command_invoice_aging = {.name = "invoice aging",
                                           .arguments = "",
                                           .summary = "what is open, how late, with late fees",
                                           .example = "tally invoice aging --date 2026-05-16",
                                           .options = options,
                                           .run = aging_run};
