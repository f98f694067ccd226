/* tally prices import: takes from a price file (LiteLLM's, or our own form) the rows that differ
 * from the ledger's. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "file.h"
#include "format/json_out.h"
#include "open.h"
#include "prices.h"

typedef struct price_import {
    cli_price_rows known, shipped, fresh;
    tally_span *names; /* of `shipped`, for the resolver */
    int64_t from;      /* for models that have a price already */
    uint64_t unchanged, malformed;
} price_import;

static bool card_same(const tally_card *a, const tally_card *b) {
    return a->input == b->input && a->output == b->output && a->cache_read == b->cache_read &&
           a->cache_write_5m == b->cache_write_5m && a->cache_write_1h == b->cache_write_1h;
}

static bool ratio_same(tally_ratio a, tally_ratio b) {
    return a.den == b.den && (a.den == 0 || a.num == b.num);
}

/* Whether two rows charge the same; where they come from and since when does not matter. */
static bool price_same(const tally_price *a, const tally_price *b) {
    if (strcmp(a->currency, b->currency) != 0 || a->tier_count != b->tier_count) return false;
    for (uint32_t i = 0; i < a->tier_count && i < TALLY_PRICE_MAX_TIERS; i++)
        if (a->tiers[i].above_tokens != b->tiers[i].above_tokens ||
            !card_same(&a->tiers[i].card, &b->tiers[i].card) ||
            !card_same(&a->tiers[i].priority, &b->tiers[i].priority))
            return false;
    return card_same(&a->base, &b->base) && card_same(&a->priority, &b->priority) &&
           card_same(&a->flex, &b->flex) && ratio_same(a->fast, b->fast) &&
           ratio_same(a->batch, b->batch) && ratio_same(a->us, b->us) &&
           a->web_search == b->web_search && a->write_is_input == b->write_is_input &&
           a->read_is_input == b->read_is_input;
}

static int shipped_keep(void *ctx, const tally_price *row, tally_error *err) {
    return cli_price_rows_add(ctx, row) ? tally_fail(err, TALLY_ENOMEM, "memory ran out") : 0;
}

static int by_model(const void *left, const void *right) {
    const tally_price *a = left, *b = right;
    int order = strcmp(a->model, b->model);
    return order ? order : (a->from_day > b->from_day) - (a->from_day < b->from_day);
}

static int shipped_read(price_import *import, tally_error *err) {
    cli_price_rows *shipped = &import->shipped;
    int code = tally_price_shipped_each(shipped_keep, shipped, err);
    if (code) return code;
    qsort(shipped->rows, shipped->count, sizeof *shipped->rows, by_model);
    import->names = calloc(shipped->count, sizeof *import->names);
    if (!import->names) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    for (size_t i = 0; i < shipped->count; i++)
        import->names[i] = tally_span_str(shipped->rows[i].model);
    return 0;
}

/* What the model costs already: by the ledger, or by the shipped rows that capture records with its
 * first response. Without those, a file imported before the first capture would hold since ever. */
static const tally_price *row_known(const price_import *import, const char *name, int64_t day) {
    tally_span model = tally_span_str(name);
    const tally_price *known = cli_price_in_force(&import->known, model, day);
    if (known) return known;
    int at = tally_model_resolve(model, import->names, import->shipped.count);
    return at < 0 ? NULL : cli_price_in_force(&import->shipped, import->names[at], day);
}

static int row_take(void *ctx, const tally_price *row, tally_error *err) {
    price_import *import = ctx;
    tally_price fresh = *row;
    bool dated = row->from_day != INT32_MIN;
    const tally_price *known = row_known(import, row->model, dated ? row->from_day : import->from);
    if (known && price_same(known, row)) {
        import->unchanged++;
        return 0;
    }
    if (known && !dated) fresh.from_day = import->from;
    if (cli_price_rows_add(&import->fresh, &fresh))
        return tally_fail(err, TALLY_ELIMIT, "the file has too many rows");
    return 0;
}

static void row_bad(void *ctx, tally_span model, const char *why) {
    price_import *import = ctx;
    import->malformed++;
    cli_say("%.*s: %s", (int)(model.len < 200 ? model.len : 200), (const char *)model.ptr, why);
}

static int file_take(cli *run, price_import *import, tally_error *err) {
    const char *path = run->arguments[0];
    const char *slash = strrchr(path, '/');
    uint8_t *text = NULL;
    size_t len = 0;
    int code = cli_file_read(path, TALLY_PRICE_FILE_MAX_BYTES, &text, &len, err);
    if (code) return code;
    code = tally_price_parse_file(tally_span_of(text, len), slash ? slash + 1 : path, row_take,
                                  row_bad, import, err);
    if (!code && !import->fresh.count && !import->unchanged && !import->malformed)
        code = tally_fail(err, TALLY_ENOTFOUND,
                          "it holds no price; take LiteLLM's model_prices_and_context_window.json");
    if (code) tally_fail_while(err, "cannot import %s, nothing was changed", path);
    free(text);
    return code;
}

static int rows_write(cli *run, const cli_price_rows *rows, tally_error *err) {
    tally_ledger *ledger = NULL;
    cli_price_write write = {.rows = rows};
    if (!rows->count) return 0;
    int code = tally_writer_new(&write.writer, err);
    if (!code) code = cli_ledger_open(run, false, &ledger, err);
    while (!code && write.to < rows->count) {
        size_t left = rows->count - write.to;
        write.from = write.to;
        write.to += left < CLI_PRICE_BATCH_ROWS ? left : CLI_PRICE_BATCH_ROWS;
        code = tally_ledger_write(ledger, cli_now_ms(), cli_price_write_batch, &write, err);
    }
    tally_ledger_close(ledger);
    tally_writer_free(write.writer);
    return code;
}

static void result_print(cli *run, const price_import *import) {
    cli_json json;
    if (!run->json) {
        fprintf(cli_out(run), "added %zu prices; %llu unchanged, %llu malformed\n",
                import->fresh.count, (unsigned long long)import->unchanged,
                (unsigned long long)import->malformed);
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "added", import->fresh.count);
    cli_json_u64(&json, "unchanged", import->unchanged);
    cli_json_u64(&json, "malformed", import->malformed);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int import_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    price_import import = {.from = cli_price_today()};
    const char *from = cli_value(run, "from");
    if (from && tally_date_parse(tally_span_str(from), &import.from))
        return cli_usage(run, "--from %s is no date like 2026-03-01", from);
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_price_rows_read(reading.txn, &import.known, &err);
    cli_reading_close(&reading);
    if (!code) code = shipped_read(&import, &err);
    if (!code) code = file_take(run, &import, &err);
    if (!code) code = rows_write(run, &import.fresh, &err);
    if (!code) result_print(run, &import);
    cli_price_rows_clear(&import.known);
    cli_price_rows_clear(&import.shipped);
    cli_price_rows_clear(&import.fresh);
    free(import.names);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"from", "DATE", "changed prices hold from this day, UTC (default: today)"},
    {NULL, NULL, NULL}};

const cli_command command_prices_import = {
    .name = "prices import",
    .arguments = "FILE",
    .summary = "record what differs in a LiteLLM price file",
    .example = "tally prices import model_prices_and_context_window.json --from 2026-09-01",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = import_run};
