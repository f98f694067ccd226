/* tally expense import: the rows of a CSV, all of them or none, each once however often it is
 * imported. Reading rows is in expense_fields.c. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "evidence.h"
#include "expense_alike.h"
#include "expense_fields.h"
#include "file.h"
#include "format/json_out.h"
#include "open.h"
#include "policy/clients.h"

/* What becomes of rows that are equal to expenses recorded otherwise. */
typedef enum alike_way { ALIKE_ASK, ALIKE_SKIP, ALIKE_ADD } alike_way;

typedef struct expense_importing {
    cli_expense_rows *rows;
    const cli_evidence *evidence;
    alike_way way;
    bool *alike;           /* of each row */
    uint64_t added, known; /* set anew when the write runs again */
} expense_importing;

/* The same evidence for all rows; stored when the first of them is new. */
static int row_apply(expense_importing *importing, tally_txn *txn, const cli_expense_row *row,
                     tally_hash *evidence, tally_error *err) {
    tally_expense_entry entry = row->entry;
    tally_hash note;
    int code = 0;
    if (row->note.len) code = cli_note_put(txn, row->note, &note, err);
    if (!code && importing->evidence->bytes && importing->added == 0)
        code = cli_evidence_put(txn, importing->evidence, evidence, err);
    if (code) return code;
    if (row->note.len) entry.note = &note;
    if (importing->evidence->bytes) {
        entry.evidence = evidence;
        entry.evidence_name = importing->evidence->name;
        entry.evidence_type = importing->evidence->type;
    }
    entry.key = &row->key;
    code = tally_expense_append(txn, &entry, NULL, err);
    importing->added += code == 0;
    return code;
}

/* As for what is typed. The name is copied: a write moves what it lies in. */
static void clients_complete(cli_expense_rows *rows, tally_txn *txn) {
    for (size_t i = 0; i < rows->count; i++) {
        cli_expense_row *row = &rows->rows[i];
        tally_span client;
        if (row->entry.client.len || !row->entry.project.len ||
            !cli_project_client(txn, row->entry.project, &client) ||
            client.len > sizeof row->client)
            continue;
        memcpy(row->client, client.ptr, client.len);
        row->entry.client = tally_span_of(row->client, client.len);
    }
}

/* The same file saved anew, or with more rows, is another file: only a person knows it is not. */
static int alike_find(expense_importing *importing, tally_txn *txn, tally_error *err) {
    size_t count = 0;
    memset(importing->alike, 0, importing->rows->count * sizeof *importing->alike);
    if (importing->way == ALIKE_ADD) return 0;
    int code = cli_expenses_alike(txn, importing->rows, importing->alike, &count, err);
    if (code || count == 0 || importing->way == ALIKE_SKIP) return code;
    return tally_fail(err, TALLY_EEXIST,
                      "%zu of these %zu rows are equal to expenses that are recorded already, from "
                      "another file or by hand; nothing was changed. '--alike skip' records the "
                      "other rows, '--alike add' all of them",
                      count, importing->rows->count);
}

static int import_apply(void *ctx, tally_txn *txn, tally_error *err) {
    expense_importing *importing = ctx;
    tally_hash evidence;
    clients_complete(importing->rows, txn);
    int code = alike_find(importing, txn, err);
    importing->added = importing->known = 0;
    for (size_t i = 0; !code && i < importing->rows->count; i++) {
        const cli_expense_row *row = &importing->rows->rows[i];
        if (importing->alike[i] || tally_expense_known(txn, &row->key))
            importing->known++;
        else
            code = row_apply(importing, txn, row, &evidence, err);
    }
    return code;
}

static void result_print(cli *run, const expense_importing *importing) {
    cli_json json;
    if (!run->json) {
        fprintf(cli_out(run), "added: %" PRIu64 " expenses; already there: %" PRIu64 "\n",
                importing->added, importing->known);
        if (importing->evidence->bytes && importing->added == 0)
            cli_say("the evidence was not recorded: it goes with new rows only");
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "added", importing->added);
    cli_json_u64(&json, "already_there", importing->known);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

/* The team's currency holds where a row names none. */
static int file_read(cli *run, uint8_t **text, char currency[8], cli_expense_rows *rows,
                     tally_error *err) {
    const char *path = run->arguments[0];
    cli_reading reading = {0};
    size_t len = 0;
    int code = cli_reading_open(run, &reading, err);
    if (!code)
        snprintf(currency, 8, "%.*s", (int)reading.team.currency.len,
                 (const char *)reading.team.currency.ptr);
    cli_reading_close(&reading); /* one process may not hold the ledger open twice */
    if (!code) code = cli_file_read(path, CLI_EXPENSE_FILE_MAX_BYTES, text, &len, err);
    if (code) return code;
    code = cli_expense_csv(*text, len, tally_span_str(currency), rows, err);
    if (code) tally_fail_while(err, "cannot import %s, nothing was changed", path);
    return code;
}

static int way_read(const cli *run, alike_way *out) {
    const char *text = cli_value(run, "alike");
    *out = !text ? ALIKE_ASK : strcmp(text, "skip") == 0 ? ALIKE_SKIP : ALIKE_ADD;
    if (*out != ALIKE_ADD || strcmp(text, "add") == 0) return CLI_DONE;
    return cli_usage(run, "--alike is skip or add, not '%s'", text);
}

static int import_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    cli_expense_rows rows = {0};
    cli_evidence evidence = {0};
    uint8_t *text = NULL;
    char currency[8] = "";
    expense_importing importing = {.rows = &rows, .evidence = &evidence};
    int usage = way_read(run, &importing.way);
    if (usage) return usage;
    int code = file_read(run, &text, currency, &rows, &err);
    importing.alike = calloc(rows.count + 1, sizeof *importing.alike);
    if (!code && !importing.alike) code = tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    if (!code) code = cli_evidence_read(cli_value(run, "evidence"), &evidence, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), import_apply, &importing, &err);
    if (!code) result_print(run, &importing);
    tally_ledger_close(ledger);
    cli_evidence_clear(&evidence);
    cli_expense_rows_clear(&rows);
    free(importing.alike);
    free(text);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"evidence", "FILE",
     "the bill behind all rows, at most 16 MiB. Columns of the CSV, by name: date, category, "
     "provider, amount; and, if you like, currency, client, project, quantity, unit, note"},
    {"alike", "skip|add",
     "what to do with rows equal to expenses from another file or typed by hand (default: refuse)"},
    {NULL, NULL, NULL}};

const cli_command command_expense_import = {
    .name = "expense import",
    .arguments = "FILE",
    .summary = "record the rows of a CSV, all or none, each once",
    .example = "tally expense import march.csv --evidence march.pdf",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = import_run};
