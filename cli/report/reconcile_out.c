/* Shows what was recorded beside what was billed, and whom the bill falls on, in cents that add up
 * to it. */
#include "reconcile_out.h"

#include <inttypes.h>
#include <stdlib.h>

#include <tally/money.h>

#include "format/table_out.h"

#define CENTS         2
#define PICO_PER_CENT (TALLY_PICO / 100)

/* A client's share of the bill. */
typedef struct client_share {
    tally_span client;
    tally_i128 list, paid, cents;
} client_share;

typedef struct client_shares {
    client_share *shares;
    size_t count;
} client_shares;

static tally_i128 variance(tally_i128 recorded, tally_i128 billed) {
    return billed - recorded; /* sums of 64-bit amounts are far from 128 bits */
}

static const char *alone(const cli_reconciled *shown, const tally_reconcile_row *row) {
    if (!shown->by_lines) return NULL;
    if (!row->on_bill) return "recorded";
    return row->requests == 0 ? "billed" : NULL;
}

/* Rows of the report that bear some of the bill. The report is by client. */
static int shares_of(const cli_reconciled *shown, client_shares *out) {
    size_t rows = shown->report ? tally_report_count(shown->report) : 0;
    tally_i128 *paid = calloc(2 * (rows ? rows : 1), sizeof *paid),
               *cents = paid ? paid + rows : NULL;
    out->shares = calloc(rows ? rows : 1, sizeof *out->shares);
    int code = paid && out->shares ? 0 : TALLY_ENOMEM;
    for (size_t i = 0; !code && i < rows; i++) {
        const tally_report_row *row = tally_report_at(shown->report, i);
        if (row->sums.unpaid_requests == row->sums.requests) continue;
        paid[out->count] = row->sums.paid_pico;
        out->shares[out->count++] = (client_share){
            .client = row->keys[0], .list = row->sums.covered_pico, .paid = row->sums.paid_pico};
    }
    if (!code) code = tally_pico_to_minor_parts(paid, out->count, CENTS, cents);
    for (size_t i = 0; !code && i < out->count; i++)
        out->shares[i].cents = cents[i];
    free(paid);
    return code;
}

/* ---- JSON ---- */

static void sides_json(cli_json *json, const tally_reconcile_row *row, bool billed,
                       tally_i128 amount) {
    cli_json_u64(json, "requests", row->requests);
    cli_json_u64(json, "unpriced_requests", row->unpriced_requests);
    cli_json_money(json, "recorded", row->recorded);
    cli_json_money_or_null(json, "billed", billed, amount);
    cli_json_money_or_null(json, "variance", billed, variance(row->recorded, amount));
}

static void row_json(cli_json *json, const cli_reconciled *shown, const tally_reconcile_row *row) {
    char date[TALLY_TIME_TEXT_BYTES];
    const char *only = alone(shown, row);
    tally_date_format(row->day, date);
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "date", date);
    cli_json_text_or_null(json, "model", row->model);
    sides_json(json, row, shown->by_lines, row->billed);
    if (only)
        cli_json_string(json, "only", only);
    else
        cli_json_null(json, "only");
    cli_json_close(json, '}');
}

static void shares_json(cli_json *json, const client_shares *shares) {
    tally_i128 sum = 0;
    cli_json_open(json, "shares", '[');
    for (size_t i = 0; i < shares->count; i++) {
        const client_share *share = &shares->shares[i];
        cli_json_open(json, NULL, '{');
        cli_json_text_or_null(json, "client", share->client);
        cli_json_money(json, "list_cost", share->list);
        cli_json_money(json, "paid_cost", share->paid);
        cli_json_money(json, "share", share->cents * PICO_PER_CENT);
        cli_json_close(json, '}');
        sum += share->cents;
    }
    cli_json_close(json, ']');
    cli_json_money(json, "shares_total", sum * PICO_PER_CENT);
}

static void reconciled_json(cli *run, const cli_reconciled *shown, const client_shares *shares) {
    cli_json json;
    tally_i128 outside;
    uint64_t lines = tally_reconciliation_outside(shown->compared, &outside);
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "provider", shown->provider);
    cli_period_json(&json, run, &shown->filter);
    cli_json_string(&json, "currency", TALLY_COST_CURRENCY);
    cli_json_open(&json, "rows", '[');
    for (size_t i = 0; i < tally_reconciliation_count(shown->compared); i++)
        row_json(&json, shown, tally_reconciliation_at(shown->compared, i));
    cli_json_close(&json, ']');
    cli_json_open(&json, "total", '{');
    sides_json(&json, tally_reconciliation_total(shown->compared), true, shown->billed);
    cli_json_close(&json, '}');
    cli_json_open(&json, "outside", '{');
    cli_json_u64(&json, "lines", lines);
    cli_json_money(&json, "amount", outside);
    cli_json_close(&json, '}');
    shares_json(&json, shares);
    cli_json_bool(&json, "apply", shown->apply);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

/* ---- text ---- */

static void sides_cells(cli_table *table, const tally_reconcile_row *row, bool billed,
                        tally_i128 amount) {
    cli_cell_u64(table, row->requests);
    cli_cell_money(table, row->recorded);
    if (!billed) {
        cli_cell_text(table, "");
        cli_cell_text(table, "");
        return;
    }
    cli_cell_money(table, amount);
    cli_cell_money(table, variance(row->recorded, amount));
}

static int rows_text(FILE *out, const cli_reconciled *shown) {
    static const cli_column columns[] = {{"DAY", CLI_LEFT},       {"MODEL", CLI_CUT},
                                         {"REQUESTS", CLI_RIGHT}, {"RECORDED", CLI_RIGHT},
                                         {"BILLED", CLI_RIGHT},   {"VARIANCE", CLI_RIGHT},
                                         {"ONLY", CLI_LEFT}};
    cli_table *table = cli_table_new(out, columns, sizeof columns / sizeof *columns);
    if (!table) return TALLY_ENOMEM;
    for (size_t i = 0; i < tally_reconciliation_count(shown->compared); i++) {
        const tally_reconcile_row *row = tally_reconciliation_at(shown->compared, i);
        char date[TALLY_TIME_TEXT_BYTES];
        const char *only = alone(shown, row);
        tally_date_format(row->day, date);
        cli_table_line(table);
        cli_cell_text(table, date);
        cli_cell(table, row->model.len ? row->model : tally_span_str("(not named)"),
                 row->model.len ? CLI_PLAIN : CLI_WARNING);
        sides_cells(table, row, shown->by_lines, row->billed);
        cli_cell(table, tally_span_str(only), CLI_WARNING);
    }
    cli_table_line(table);
    cli_cell(table, tally_span_str("total"), CLI_STRONG);
    cli_cell_text(table, "");
    sides_cells(table, tally_reconciliation_total(shown->compared), true, shown->billed);
    int code = cli_table_print(table) ? TALLY_ENOMEM : 0;
    cli_table_free(table);
    return code;
}

static void share_cells(cli_table *table, const client_share *share, cli_tone tone) {
    char text[TALLY_MONEY_TEXT_BYTES];
    cli_table_line(table);
    cli_cell(table, share->client, tone);
    cli_cell_money(table, share->list);
    tally_pico_format_rounded(share->cents * PICO_PER_CENT, CENTS, true, text);
    cli_cell(table, tally_span_str(text), tone == CLI_STRONG ? CLI_STRONG : CLI_PLAIN);
}

static int shares_text(FILE *out, const client_shares *shares) {
    static const cli_column columns[] = {
        {"CLIENT", CLI_CUT}, {"LIST", CLI_RIGHT}, {"SHARE", CLI_RIGHT}};
    client_share total = {.client = tally_span_str("total")};
    if (shares->count == 0) return 0;
    cli_table *table = cli_table_new(out, columns, sizeof columns / sizeof *columns);
    if (!table) return TALLY_ENOMEM;
    fputc('\n', out);
    for (size_t i = 0; i < shares->count; i++) {
        client_share share = shares->shares[i];
        bool named = share.client.len > 0;
        if (!named) share.client = tally_span_str("(unattributed)");
        share_cells(table, &share, named ? CLI_PLAIN : CLI_WARNING);
        total.list += share.list;
        total.cents += share.cents;
    }
    share_cells(table, &total, CLI_STRONG);
    int code = cli_table_print(table) ? TALLY_ENOMEM : 0;
    cli_table_free(table);
    fprintf(out, "The bill, shared in proportion to list price; cents left over go to the largest "
                 "remainders.\n");
    return code;
}

static int reconciled_text(cli *run, const cli_reconciled *shown, const client_shares *shares) {
    FILE *out = cli_out_paged(run);
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_i128 outside;
    uint64_t lines = tally_reconciliation_outside(shown->compared, &outside);
    uint64_t unpriced = tally_reconciliation_total(shown->compared)->unpriced_requests;
    int code = rows_text(out, shown);
    if (!code && lines) {
        tally_pico_format(outside, CENTS, text);
        fprintf(out,
                "Left out: %" PRIu64 " lines of the bill, %s " TALLY_COST_CURRENCY
                ", on other days.\n",
                lines, text);
    }
    if (!code && unpriced)
        fprintf(out, "Unpriced: %" PRIu64 " requests are in no amount above; see 'tally prices'.\n",
                unpriced);
    return code ? code : shares_text(out, shares);
}

int cli_reconciled_print(cli *run, const cli_reconciled *shown, tally_error *err) {
    client_shares shares = {0};
    int code = shares_of(shown, &shares);
    if (!code && run->json)
        reconciled_json(run, shown, &shares);
    else if (!code)
        code = reconciled_text(run, shown, &shares);
    free(shares.shares);
    return code ? tally_fail(err, TALLY_ENOMEM, "memory ran out") : 0;
}
