/* Rows of policy tables as they are shown: one shape for all tables, from the ledger's fields. */
#include "policy_row.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include <tally/contract.h>
#include <tally/money.h>
#include <tally/view.h>

#define COLUMNS_MAX    9u /* of a list; the JSON has every field */
#define TITLE_BYTES    24u
#define PLAIN_DECIMALS 2 /* of hours, rates of exchange and limits */

/* What the row's amounts are in: said in it, or by its contract; else empty. */
static tally_span currency_of(tally_txn *txn, const tally_policy_row *row) {
    tally_span text = {0};
    tally_contract contract;
    if (tally_body_str(&row->record, "currency", &text)) return text;
    if (tally_body_str(&row->record, "contract", &text) &&
        tally_contract_get(txn, text, &contract, NULL) == 0)
        return contract.currency;
    return (tally_span){0};
}

static void field_json(cli_json *json, const tally_policy_field *field, const tally_record *record,
                       tally_span currency) {
    tally_span text;
    tally_i128 number;
    if (tally_body_str(record, field->name, &text))
        cli_json_text(json, field->name, text);
    else if (!tally_body_amount(record, field->name, &number))
        cli_json_null(json, field->name);
    else if (field->type == TALLY_FIELD_AMOUNT)
        cli_json_amount(json, field->name, number, currency);
    else if (field->type == TALLY_FIELD_PICO)
        cli_json_money(json, field->name, number);
    else
        cli_json_i64(json, field->name, (int64_t)number);
}

void cli_policy_row_json(cli_json *json, tally_txn *txn, const tally_policy_row *row) {
    size_t count, keys;
    const tally_policy_field *fields = tally_policy_fields(row->policy, &count, &keys);
    tally_span member = {0}, device = {0}, currency = currency_of(txn, row);
    (void)tally_feed_names(txn, row->feed, &member, &device);
    cli_json_open(json, NULL, '{');
    for (size_t i = 0; i < count; i++)
        field_json(json, &fields[i], &row->record, currency);
    cli_json_text(json, "set_by", member);
    cli_json_time(json, "set_at", tally_hlc_ms(row->hlc));
    cli_json_hex(json, "record", tally_span_of(row->leaf.b, sizeof row->leaf.b));
    cli_json_close(json, '}');
}

/* ---- tables ---- */

static bool is_said(const tally_record *record, const char *name) {
    tally_span text;
    tally_i128 number;
    return tally_body_str(record, name, &text) ? text.len > 0
                                               : tally_body_amount(record, name, &number);
}

void cli_policy_columns_add(cli_policy_columns *columns, const tally_policy_row *row) {
    size_t count, keys;
    const tally_policy_field *fields = tally_policy_fields(row->policy, &count, &keys);
    for (size_t i = 0; i < count && i < CLI_POLICY_FIELDS_MAX; i++)
        columns->said[i] = columns->said[i] || is_said(&row->record, fields[i].name);
}

/* What names the rows, then what any of them says, up to COLUMNS_MAX. */
static size_t columns_choose(cli_policy_columns *columns, size_t count, size_t keys) {
    size_t chosen = 0;
    for (size_t i = 0; i < count && i < CLI_POLICY_FIELDS_MAX; i++) {
        columns->said[i] = (columns->said[i] || i < keys) && chosen < COLUMNS_MAX;
        chosen += columns->said[i];
    }
    return chosen;
}

cli_table *cli_policy_table_new(FILE *out, tally_policy policy, cli_policy_columns *shown) {
    size_t count, keys, used = 0;
    const tally_policy_field *fields = tally_policy_fields(policy, &count, &keys);
    cli_column columns[COLUMNS_MAX];
    char titles[COLUMNS_MAX][TITLE_BYTES] = {{0}};
    size_t chosen = columns_choose(shown, count, keys);
    for (size_t i = 0; used < chosen; i++) {
        if (!shown->said[i]) continue;
        for (size_t k = 0; fields[i].name[k] && k + 1 < TITLE_BYTES; k++)
            titles[used][k] =
                fields[i].name[k] == '_' ? ' ' : (char)toupper((unsigned char)fields[i].name[k]);
        bool number = tally_field_is_number(fields[i].type);
        /* What names the row stays whole: it is typed to change or unset it. */
        bool cut =
            fields[i].type == TALLY_FIELD_TEXT || (fields[i].type == TALLY_FIELD_NAME && i >= keys);
        columns[used] = (cli_column){titles[used], number ? CLI_RIGHT : cut ? CLI_LEAN : CLI_LEFT};
        used++;
    }
    return cli_table_new(out, columns, chosen);
}

static void field_cell(cli_table *table, const tally_policy_field *field,
                       const tally_record *record, tally_span currency) {
    char shown[TALLY_MONEY_TEXT_BYTES] = "";
    tally_span text;
    tally_i128 number;
    if (tally_body_str(record, field->name, &text)) {
        cli_cell(table, text, CLI_PLAIN);
        return;
    }
    bool there = tally_body_amount(record, field->name, &number);
    if (there && field->type == TALLY_FIELD_AMOUNT)
        tally_pico_format_in(number, currency, shown);
    else if (there && field->type == TALLY_FIELD_PICO)
        tally_pico_format(number, PLAIN_DECIMALS, shown);
    else if (there)
        snprintf(shown, sizeof shown, "%" PRId64, (int64_t)number);
    cli_cell_text(table, shown);
}

void cli_policy_row_line(cli_table *table, tally_txn *txn, const cli_policy_columns *shown,
                         const tally_policy_row *row) {
    tally_span currency = currency_of(txn, row);
    size_t count, keys;
    const tally_policy_field *fields = tally_policy_fields(row->policy, &count, &keys);
    cli_table_line(table);
    for (size_t i = 0; i < count && i < CLI_POLICY_FIELDS_MAX; i++)
        if (shown->said[i]) field_cell(table, &fields[i], &row->record, currency);
}
