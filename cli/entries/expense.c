/* tally expense add: one expense, with its evidence. */
#include <string.h>

#include "commands.h"
#include "evidence.h"
#include "expense_fields.h"
#include "expense_out.h"
#include "policy/clients.h"

typedef struct expense_adding {
    cli *run;
    tally_expense_entry entry;
    tally_span note;
    cli_evidence evidence;
    char client[TALLY_NAME_MAX_BYTES]; /* of a project that was named alone */
    tally_entry_id id;
} expense_adding;

static int add_apply(void *ctx, tally_txn *txn, tally_error *err) {
    expense_adding *adding = ctx;
    tally_expense_entry entry = adding->entry;
    tally_hash note, evidence;
    tally_span client;
    int code = 0;
    if (!entry.client.len && entry.project.len && cli_project_client(txn, entry.project, &client) &&
        client.len <= sizeof adding->client) {
        memcpy(adding->client, client.ptr, client.len); /* a write moves what it lies in */
        entry.client = tally_span_of((const uint8_t *)adding->client, client.len);
    }
    if (adding->note.len) code = cli_note_put(txn, adding->note, &note, err);
    if (!code && adding->evidence.bytes)
        code = cli_evidence_put(txn, &adding->evidence, &evidence, err);
    if (adding->note.len) entry.note = &note;
    if (adding->evidence.bytes) {
        entry.evidence = &evidence;
        entry.evidence_name = adding->evidence.name;
        entry.evidence_type = adding->evidence.type;
    }
    return code ? code : tally_expense_append(txn, &entry, &adding->id, err);
}

static void added_print(const expense_adding *adding, tally_ledger *ledger) {
    char hex[2 * TALLY_ENTRY_BYTES + 1];
    tally_expense expense;
    tally_txn *txn = NULL;
    cli_json json;
    if (tally_read_begin(ledger, &txn, NULL)) return;
    if (tally_expense_get(txn, &adding->id, &expense) == 0) {
        cli_names_note(txn, expense.client, expense.project);
        tally_hex(tally_span_of(adding->id.b, sizeof adding->id.b), hex);
        if (adding->run->json) {
            cli_json_begin(&json, cli_out(adding->run));
            cli_expense_json(&json, txn, &expense);
            cli_json_end(&json);
        } else {
            fprintf(cli_out(adding->run), "%s\n", hex);
        }
    }
    tally_read_end(txn);
}

/* Today, and the currency that holds where none is given, are the team's. */
static int add_read(expense_adding *adding, char *date, char *currency, tally_error *err) {
    const cli *run = adding->run;
    cli_reading reading = {0};
    int code = cli_reading_open(adding->run, &reading, err);
    if (!code) {
        tally_date_format(tally_zone_day(reading.zone, cli_now_ms()), date);
        snprintf(currency, TALLY_TIME_TEXT_BYTES, "%.*s", (int)reading.team.currency.len,
                 (const char *)reading.team.currency.ptr);
    }
    cli_reading_close(&reading);
    if (code) return code;
    const char *day = cli_value(run, "date"), *given = cli_value(run, "currency");
    cli_expense_texts texts = {.date = tally_span_str(day ? day : date),
                               .category = tally_span_str(cli_value(run, "category")),
                               .provider = tally_span_str(cli_value(run, "provider")),
                               .amount = tally_span_str(cli_value(run, "amount")),
                               .currency = tally_span_str(given ? given : currency),
                               .client = tally_span_str(cli_value(run, "client")),
                               .project = tally_span_str(cli_value(run, "project")),
                               .quantity = tally_span_str(cli_value(run, "quantity")),
                               .unit = tally_span_str(cli_value(run, "unit")),
                               .note =
                                   tally_span_str(run->argument_count ? run->arguments[0] : NULL)};
    const char *why = cli_expense_read(&texts, &adding->entry);
    adding->note = texts.note;
    return why ? tally_fail(err, TALLY_EINVAL, "%s", why) : 0;
}

static int add_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    expense_adding adding = {.run = run};
    char date[TALLY_TIME_TEXT_BYTES], currency[TALLY_TIME_TEXT_BYTES];
    static const char *const needed[] = {"category", "provider", "amount"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!cli_value(run, needed[i])) return cli_usage(run, "--%s is needed", needed[i]);
    int code = add_read(&adding, date, currency, &err);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    if (!code) code = cli_evidence_read(cli_value(run, "evidence"), &adding.evidence, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), add_apply, &adding, &err);
    if (!code) added_print(&adding, ledger);
    tally_ledger_close(ledger);
    cli_evidence_clear(&adding.evidence);
    if (code == TALLY_EINVAL) return cli_usage(run, "%s", err.text);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"category", "C", "llm, embedding, vector_db, gpu, egress, monitoring or other"},
    {"provider", "NAME", "whose bill it is (Cohere, Pinecone, Modal)"},
    {"amount", "AMOUNT", "what it cost; below zero: a credit"},
    {"currency", "C", "ISO 4217 (default: the team's)"},
    {"date", "DATE", "the day it was used or billed (default: today)"},
    {"client", "NAME", "whose it is (default: the project's client)"},
    {"project", "NAME", "and which project"},
    {"quantity", "NUMBER", "how much of it, with --unit"},
    {"unit", "UNIT", "of what (hours, GB, queries)"},
    {"evidence", "FILE", "the provider's bill, at most 16 MiB; kept with the ledger"},
    {NULL, NULL, NULL}};

const cli_command command_expense_add = {
    .name = "expense add",
    .arguments = "[NOTE]",
    .summary = "record an embedding, vector DB, GPU or other bill",
    .example = "tally expense add --category embedding --provider Cohere --amount 42.10 "
               "--client acme --evidence cohere-march.pdf",
    .options = options,
    .max_arguments = 1,
    .run = add_run};
