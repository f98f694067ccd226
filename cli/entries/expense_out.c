/* Expenses for people and for scripts. What they are is the ledger's (tally/expense.h). */
#include "expense_out.h"

#include <inttypes.h>
#include <string.h>

#include <tally/blob.h>
#include <tally/money.h>

#include "report/attribution_out.h"
#include "sessions/sessions.h"

static bool redacted(tally_txn *txn, const uint8_t *blob) {
    tally_hash id;
    memcpy(id.b, blob, sizeof id.b);
    return tally_blob_redacted(txn, &id);
}

tally_span cli_expense_note(tally_txn *txn, const tally_expense *expense) {
    tally_span text = {0};
    if (!expense->note || tally_blob_get(txn, expense->note, &text) == 0) return text;
    return redacted(txn, expense->note) ? tally_span_str(CLI_TITLE_REDACTED) : (tally_span){0};
}

static void evidence_json(cli_json *json, tally_txn *txn, const tally_expense *expense) {
    tally_span content;
    if (!expense->evidence) {
        cli_json_null(json, "evidence");
        return;
    }
    cli_json_open(json, "evidence", '{');
    cli_json_hex(json, "blob", tally_span_of(expense->evidence, TALLY_HASH_BYTES));
    cli_json_text(json, "name", expense->evidence_name);
    cli_json_text_or_null(json, "type", expense->evidence_type);
    cli_json_bool(json, "here", tally_blob_get(txn, expense->evidence, &content) == 0);
    cli_json_bool(json, "redacted", redacted(txn, expense->evidence));
    cli_json_close(json, '}');
}

static void quantity_json(cli_json *json, const tally_expense *expense) {
    char text[TALLY_MONEY_TEXT_BYTES];
    if (!expense->has_quantity) {
        cli_json_null(json, "quantity");
    } else {
        tally_pico_format(expense->quantity, 0, text);
        cli_json_string(json, "quantity", text);
    }
    cli_json_text_or_null(json, "unit", expense->unit);
}

void cli_expense_json(cli_json *json, tally_txn *txn, const tally_expense *expense) {
    char date[TALLY_TIME_TEXT_BYTES];
    tally_span member = {0}, device = {0};
    tally_date_format(expense->day, date);
    (void)tally_feed_names(txn, expense->feed, &member, &device);
    cli_json_open(json, NULL, '{');
    cli_json_hex(json, "id", tally_span_of(expense->id.b, sizeof expense->id.b));
    cli_json_string(json, "date", date);
    cli_json_string(json, "category", tally_expense_category_name(expense->category));
    cli_json_text(json, "provider", expense->provider);
    cli_json_amount(json, "amount", expense->amount, expense->currency);
    cli_json_text(json, "currency", expense->currency);
    quantity_json(json, expense);
    cli_attribution_json(json, txn, &expense->said);
    cli_json_open(json, "tags", '[');
    for (size_t i = 0; i < expense->tag_count; i++)
        cli_json_text(json, NULL, expense->tags[i]);
    cli_json_close(json, ']');
    cli_json_text_or_null(json, "note", cli_expense_note(txn, expense));
    evidence_json(json, txn, expense);
    cli_json_text(json, "member", member);
    cli_json_text(json, "device", device);
    cli_json_bool(json, "void", expense->is_void);
    cli_json_hex(json, "record", tally_span_of(expense->leaf.b, sizeof expense->leaf.b));
    cli_json_close(json, '}');
}

void cli_expense_sums_json(cli_json *json, const tally_expense_sums *sums) {
    cli_json_open(json, "expenses", '[');
    for (size_t i = 0; i < sums->count; i++) {
        const tally_expense_sum *sum = &sums->by_currency[i];
        cli_json_open(json, NULL, '{');
        cli_json_string(json, "currency", sum->currency);
        cli_json_amount(json, "amount", sum->pico, tally_span_str(sum->currency));
        cli_json_u64(json, "entries", sum->entries);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

void cli_expense_sums_text(FILE *out, const char *words, const tally_expense_sums *sums) {
    for (size_t i = 0; i < sums->count; i++) {
        const tally_expense_sum *sum = &sums->by_currency[i];
        char text[TALLY_MONEY_TEXT_BYTES];
        tally_pico_format_in(sum->pico, tally_span_str(sum->currency), text);
        fprintf(out, "%s: %s %s, %" PRIu64 " %s\n", words, text, sum->currency, sum->entries,
                sum->entries == 1 ? "entry" : "entries");
    }
}
