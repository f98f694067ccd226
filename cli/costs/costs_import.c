/* tally costs import: takes back what costs export wrote, each entry once. The two forms are read
 * in import_csv.c and import_json.c; here rows become records. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tally/money.h>

#include "commands.h"
#include "costs.h"
#include "file.h"
#include "sessions/sessions.h"

#define IMPORT_BATCH_ROWS                                                                          \
    4096u /* a transaction; commits in it end by themselves at their limits                        \
           */
#define KEY_PREFIX "import:"

typedef struct import_counts {
    uint64_t added, known, sessions, tags;
} import_counts;

typedef struct import_batch {
    const cli_import_rows *rows;
    size_t from, to;
    const uint32_t *order; /* rows by session, then as in the file */
    tally_span currency;
    tally_writer *writer;
    import_counts counts; /* of this batch; set anew when the write runs again */
} import_batch;

static int cost_append(import_batch *batch, tally_txn *txn, const cli_import_row *row,
                       tally_error *err) {
    char key[sizeof KEY_PREFIX + 2 * TALLY_ENTRY_BYTES] = KEY_PREFIX;
    tally_writer *writer = batch->writer;
    tally_hex(tally_span_of(row->id.b, sizeof row->id.b), key + sizeof KEY_PREFIX - 1);
    tally_writer_begin(writer);
    tally_put_str(writer, "agent", row->agent);
    tally_put_str(writer, "key", tally_span_str(key));
    tally_put_bin(writer, "entry", tally_span_of(row->id.b, sizeof row->id.b));
    tally_put_str(writer, "session", row->session);
    tally_put_u64(writer, "time", (uint64_t)row->time_ms);
    tally_put_str(writer, "model", row->model);
    tally_put_u64(writer, "input", row->input);
    tally_put_u64(writer, "output", row->output);
    tally_put_u64(writer, "cache_read", row->cache_read);
    tally_put_u64_opt(writer, "cache_write_5m", row->cache_write_5m);
    tally_put_u64_opt(writer, "cache_write_1h", row->cache_write_1h);
    tally_put_u64_opt(writer, "reasoning", row->reasoning);
    tally_put_str(writer, "source", tally_span_str("imported"));
    if (row->has_cost) tally_put_u64(writer, "stated", (uint64_t)row->pico);
    tally_put_str(writer, "currency", row->currency.len ? row->currency : batch->currency);
    batch->counts.added++;
    return tally_append(txn, "cost", writer, NULL, err);
}

static int session_append(import_batch *batch, tally_txn *txn, const cli_import_row *row,
                          tally_error *err) {
    tally_writer_begin(batch->writer);
    tally_put_str(batch->writer, "agent", row->agent);
    tally_put_str(batch->writer, "id", row->session);
    tally_put_str_opt(batch->writer, "cwd", row->cwd);
    tally_put_str_opt(batch->writer, "branch", row->branch);
    batch->counts.sessions++;
    return tally_append(txn, "session", batch->writer, NULL, err);
}

static int tags_append(import_batch *batch, tally_txn *txn, const cli_import_row *row,
                       bool whole_session, tally_error *err) {
    cli_tag_target session = {.agent = row->agent, .session = row->session};
    cli_tag_target entry = {.entry = &row->id};
    tally_span rest = row->tags, tag;
    bool added = false;
    int code = 0;
    while (!code && cli_tag_next(&rest, &tag)) {
        if (row->session.len && !whole_session && cli_tag_has(txn, &session, tag)) continue;
        code = cli_tag_add(txn, batch->writer, whole_session ? &session : &entry, tag, &added, err);
        batch->counts.tags += added;
    }
    return code;
}

/* A tag goes to the session only when the ledger has never seen it and all its rows carry the same
 * tags: then it says what the file says, in one record. Otherwise each entry gets its own. */
static bool tags_shared(const import_batch *batch, size_t first) {
    const cli_import_row *rows = batch->rows->rows;
    const cli_import_row *row = &rows[batch->order[first]];
    for (size_t i = first; i < batch->rows->count; i++) {
        const cli_import_row *other = &rows[batch->order[i]];
        if (other->ref != row->ref) break;
        if (!tally_span_eq(other->tags, row->tags)) return false;
    }
    return true;
}

/* The rows of one session from `at` on, as far as the batch goes. `*next` gets the first row after
 * them. */
static int session_apply(import_batch *batch, tally_txn *txn, size_t at, size_t *next,
                         tally_error *err) {
    const cli_import_row *rows = batch->rows->rows;
    const cli_import_row *first = &rows[batch->order[at]];
    tally_agent_session session;
    tally_cost known;
    bool seen = !first->session.len || tally_agent_session_get(txn, first->ref, &session) == 0;
    bool shared = !seen && tags_shared(batch, at);
    int code = 0;
    for (*next = at; !code && *next < batch->to; ++*next) {
        const cli_import_row *row = &rows[batch->order[*next]];
        uint64_t index;
        if (row->ref != first->ref) break;
        if (tally_cost_get(txn, &row->id, &known, &index) == 0) {
            batch->counts.known++;
            continue;
        }
        if (!seen) {
            code = session_append(batch, txn, row, err);
            if (!code && shared) code = tags_append(batch, txn, row, true, err);
            seen = true;
        }
        if (!code) code = cost_append(batch, txn, row, err);
        if (!code && !shared) code = tags_append(batch, txn, row, false, err);
    }
    return code;
}

static int batch_apply(void *ctx, tally_txn *txn, tally_error *err) {
    import_batch *batch = ctx;
    batch->counts = (import_counts){0};
    int code = 0;
    for (size_t at = batch->from; !code && at < batch->to;)
        code = session_apply(batch, txn, at, &at, err);
    return code;
}

static int order_compare(const void *left, const void *right, void *rows) {
    const cli_import_row *all = rows;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (all[a].ref != all[b].ref) return all[a].ref < all[b].ref ? -1 : 1;
    return (a > b) - (a < b);
}

static uint32_t *order_new(const cli_import_rows *rows) {
    uint32_t *order = calloc(rows->count + 1, sizeof *order);
    if (!order) return NULL;
    for (size_t i = 0; i < rows->count; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, rows->count, sizeof *order, order_compare, rows->rows);
    return order;
}

static int batches_write(tally_ledger *ledger, import_batch *batch, import_counts *sum,
                         tally_error *err) {
    size_t count = batch->rows->count;
    int code = 0;
    while (!code && batch->to < count) {
        size_t left = count - batch->to;
        batch->from = batch->to;
        batch->to += left < IMPORT_BATCH_ROWS ? left : IMPORT_BATCH_ROWS;
        code = tally_ledger_write(ledger, cli_now_ms(), batch_apply, batch, err);
        if (code) break;
        sum->added += batch->counts.added;
        sum->known += batch->counts.known;
        sum->sessions += batch->counts.sessions;
        sum->tags += batch->counts.tags;
    }
    return code;
}

static int rows_record(cli *run, const cli_import_rows *rows, tally_span currency,
                       import_counts *sum, tally_error *err) {
    tally_ledger *ledger = NULL;
    uint32_t *order = order_new(rows);
    import_batch batch = {.rows = rows, .currency = currency, .order = order};
    int code = order ? 0 : tally_fail(err, TALLY_ENOMEM, "memory ran out");
    if (!code) code = tally_writer_new(&batch.writer, err);
    if (!code) code = cli_ledger_open(run, false, &ledger, err);
    if (!code) code = batches_write(ledger, &batch, sum, err);
    tally_ledger_close(ledger);
    tally_writer_free(batch.writer);
    free(order);
    return code;
}

static void result_print(cli *run, const import_counts *counts) {
    cli_json json;
    if (!run->json) {
        fprintf(cli_out(run),
                "added: %" PRIu64 " costs, %" PRIu64 " sessions, %" PRIu64
                " tags; already there: %" PRIu64 " costs\n",
                counts->added, counts->sessions, counts->tags, counts->known);
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "added", counts->added);
    cli_json_u64(&json, "already_there", counts->known);
    cli_json_u64(&json, "sessions", counts->sessions);
    cli_json_u64(&json, "tags", counts->tags);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

/* Told apart by the first byte: an object is JSON, everything else the CSV header. */
static int file_parse(uint8_t *text, size_t len, const tally_zone *zone, cli_import_rows *rows,
                      tally_error *err) {
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf}; /* spreadsheets put it before UTF-8 */
    if (len >= sizeof mark && memcmp(text, mark, sizeof mark) == 0) {
        text += sizeof mark;
        len -= sizeof mark;
    }
    if (!tally_utf8_valid(tally_span_of(text, len)) || memchr(text, 0, len))
        return tally_fail(err, TALLY_EFORMAT, "it is not UTF-8 text");
    size_t at = 0;
    while (at < len && strchr(" \t\r\n", text[at]))
        at++;
    int code = at < len && text[at] == '{' ? cli_import_json(text, len, rows, err)
                                           : cli_import_csv(text, len, zone, rows, err);
    const char *why = code ? NULL : cli_import_rows_join(rows);
    return why ? tally_fail(err, TALLY_EFORMAT, "%s", why) : code;
}

static int import_run(cli *run) {
    const char *path = run->arguments[0];
    tally_error err = {0};
    cli_reading reading = {0};
    cli_import_rows rows = {0};
    import_counts counts = {0};
    uint8_t *text = NULL;
    size_t len = 0;
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_file_read(path, CLI_IMPORT_MAX_BYTES, &text, &len, &err);
    if (!code) {
        code = file_parse(text, len, reading.zone, &rows, &err);
        if (code) tally_fail_while(&err, "cannot import %s, nothing was changed", path);
    }
    /* One process may not hold the ledger open twice. */
    cli_reading_close(&reading);
    if (!code) code = rows_record(run, &rows, tally_span_str(TALLY_COST_CURRENCY), &counts, &err);
    if (!code) result_print(run, &counts);
    cli_import_rows_clear(&rows);
    free(text);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_costs_import = {.name = "costs import",
                                          .arguments = "FILE",
                                          .summary =
                                              "take in what 'costs export' wrote, each entry once",
                                          .example = "tally costs import acme-march-2026.csv",
                                          .min_arguments = 1,
                                          .max_arguments = 1,
                                          .run = import_run};
