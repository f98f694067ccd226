/* tally prices list and prices set. Importing a price file is in prices_import.c. */
#include <stdlib.h>
#include <string.h>

#include <tally/money.h>

#include "commands.h"
#include "format/json_out.h"
#include "format/table_out.h"
#include "open.h"
#include "prices.h"

#define TOKENS_PER_PRICE 1000000 /* prices are shown and typed per million tokens */

static void rate_json(cli_json *json, const char *key, int64_t pico) {
    if (pico == TALLY_PRICE_UNKNOWN)
        cli_json_null(json, key);
    else
        cli_json_money(json, key, (tally_i128)pico * TOKENS_PER_PRICE);
}

static void card_json(cli_json *json, const tally_card *card) {
    rate_json(json, "input", card->input);
    rate_json(json, "output", card->output);
    rate_json(json, "cache_read", card->cache_read);
    rate_json(json, "cache_write_5m", card->cache_write_5m);
    rate_json(json, "cache_write_1h", card->cache_write_1h);
}

static void variant_json(cli_json *json, const char *key, const tally_card *card) {
    if (card->input == TALLY_PRICE_UNKNOWN) return;
    cli_json_open(json, key, '{');
    card_json(json, card);
    cli_json_close(json, '}');
}

static void ratio_json(cli_json *json, const char *key, tally_ratio ratio) {
    char text[32];
    if (!ratio.den) return;
    snprintf(text, sizeof text, "%u/%u", ratio.num, ratio.den);
    cli_json_string(json, key, text);
}

static void price_json(cli_json *json, const tally_price *price) {
    char from[TALLY_TIME_TEXT_BYTES];
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "model", price->model);
    cli_json_string(json, "currency", price->currency);
    tally_date_format(price->from_day, from);
    if (price->from_day == INT32_MIN)
        cli_json_null(json, "from");
    else
        cli_json_string(json, "from", from);
    card_json(json, &price->base);
    cli_json_open(json, "tiers", '[');
    for (uint32_t i = 0; i < price->tier_count && i < TALLY_PRICE_MAX_TIERS; i++) {
        cli_json_open(json, NULL, '{');
        cli_json_u64(json, "above_tokens", price->tiers[i].above_tokens);
        card_json(json, &price->tiers[i].card);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    variant_json(json, "priority", &price->priority);
    variant_json(json, "flex", &price->flex);
    ratio_json(json, "fast", price->fast);
    ratio_json(json, "batch", price->batch);
    ratio_json(json, "us", price->us);
    if (price->web_search != TALLY_PRICE_UNKNOWN)
        cli_json_money(json, "web_search", price->web_search);
    cli_json_string(json, "source", price->source);
    cli_json_close(json, '}');
}

static void rate_cell(cli_table *table, int64_t pico) {
    char text[TALLY_MONEY_TEXT_BYTES] = "unknown";
    if (pico != TALLY_PRICE_UNKNOWN)
        tally_pico_format((tally_i128)pico * TOKENS_PER_PRICE, 2, text);
    cli_cell(table, tally_span_str(text), pico == TALLY_PRICE_UNKNOWN ? CLI_WARNING : CLI_PLAIN);
}

static void price_line(cli_table *table, const tally_price *price) {
    char from[TALLY_TIME_TEXT_BYTES] = "always";
    if (price->from_day != INT32_MIN) tally_date_format(price->from_day, from);
    cli_table_line(table);
    cli_cell_text(table, price->model);
    cli_cell_text(table, from);
    rate_cell(table, price->base.input);
    rate_cell(table, price->base.output);
    rate_cell(table, price->base.cache_read);
    rate_cell(table, price->base.cache_write_5m);
    rate_cell(table, price->base.cache_write_1h);
    cli_cell_text(table, price->currency);
    cli_cell_text(table, price->source);
}

static int prices_print(cli *run, const tally_price *rows, size_t count) {
    static const cli_column columns[] = {
        {"MODEL", CLI_CUT},      {"FROM", CLI_LEFT},     {"INPUT", CLI_RIGHT},
        {"OUTPUT", CLI_RIGHT},   {"READ", CLI_RIGHT},    {"WRITE 5M", CLI_SPARE},
        {"WRITE 1H", CLI_SPARE}, {"CURRENCY", CLI_LEFT}, {"SOURCE", CLI_CUT}};
    cli_json json;
    if (run->json) {
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_json_u64(&json, "per_tokens", TOKENS_PER_PRICE);
        cli_json_open(&json, "prices", '[');
        for (size_t i = 0; i < count; i++)
            price_json(&json, &rows[i]);
        cli_json_close(&json, ']');
        cli_json_close(&json, '}');
        cli_json_end(&json);
        return 0;
    }
    if (!count) {
        cli_say("no prices are recorded yet; 'tally capture' records those of the models it finds");
        return 0;
    }
    cli_table *table = cli_table_new(cli_out_paged(run), columns, sizeof columns / sizeof *columns);
    if (!table) return -1;
    for (size_t i = 0; i < count; i++)
        price_line(table, &rows[i]);
    int code = cli_table_print(table);
    cli_table_free(table);
    return code;
}

static bool model_same(const char *a, const char *b) {
    char left[TALLY_MODEL_MAX_BYTES], right[TALLY_MODEL_MAX_BYTES];
    if (strcmp(a, b) == 0) return true;
    size_t n = tally_model_canonical(tally_span_str(a), left);
    return n && n == tally_model_canonical(tally_span_str(b), right) && memcmp(left, right, n) == 0;
}

static int shipped_run(cli *run, const char *model) {
    tally_error err = {0};
    tally_price *rows = NULL;
    size_t count = 0;
    int code = tally_price_shipped(tally_span_str(model), &rows, &count, &err);
    if (!code && !count)
        code = tally_fail(&err, TALLY_ENOTFOUND, "the shipped table has no price for '%s'", model);
    if (!code && prices_print(run, rows, count))
        code = tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    free(rows);
    return code ? cli_fail(&err) : CLI_DONE;
}

static int list_run(cli *run) {
    const char *model = run->argument_count ? run->arguments[0] : NULL;
    tally_error err = {0};
    cli_reading reading = {0};
    cli_price_rows rows = {0};
    if (cli_has(run, "shipped"))
        return model ? shipped_run(run, model) : cli_usage(run, "--shipped needs a MODEL");
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_price_rows_read(reading.txn, &rows, &err);
    size_t kept = 0;
    for (size_t i = 0; !code && i < rows.count; i++)
        if (!model || model_same(rows.rows[i].model, model)) rows.rows[kept++] = rows.rows[i];
    if (!code && model && !kept)
        code = tally_fail(&err, TALLY_ENOTFOUND,
                          "no price of '%s' is recorded; set one with 'tally prices set'", model);
    if (!code && prices_print(run, rows.rows, kept))
        code = tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    cli_price_rows_clear(&rows);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* Per million tokens as typed, to pico-units a token; only what is exact. */
static int rate_read(const cli *run, const char *option, bool needed, int64_t *out) {
    const char *text = cli_value(run, option);
    int64_t pico = 0;
    *out = TALLY_PRICE_UNKNOWN;
    if (!text && needed) return cli_usage(run, "--%s is needed", option);
    if (!text) return CLI_DONE;
    if (tally_pico_parse(tally_span_str(text), false, &pico) || pico < 0 || pico % TOKENS_PER_PRICE)
        return cli_usage(run, "--%s %s is no price per million tokens; write it like 2.50", option,
                         text);
    *out = pico / TOKENS_PER_PRICE;
    return CLI_DONE;
}

static int set_read(const cli *run, tally_price *price) {
    static const tally_card unknown = {TALLY_PRICE_UNKNOWN, TALLY_PRICE_UNKNOWN,
                                       TALLY_PRICE_UNKNOWN, TALLY_PRICE_UNKNOWN,
                                       TALLY_PRICE_UNKNOWN};
    const char *model = run->arguments[0], *currency = cli_value(run, "currency");
    *price = (tally_price){.priority = unknown,
                           .flex = unknown,
                           .web_search = TALLY_PRICE_UNKNOWN,
                           .source = TALLY_PRICE_TYPED};
    if (!*model || strlen(model) >= sizeof price->model)
        return cli_usage(run, "a model's name has 1 to %u bytes", TALLY_MODEL_MAX_BYTES - 1);
    memcpy(price->model, model, strlen(model) + 1);
    if (currency && tally_currency_decimals(tally_span_str(currency)) < 0)
        return cli_usage(run, "'%s' is no ISO 4217 currency; one like 'USD' is meant", currency);
    if (currency) memcpy(price->currency, currency, sizeof price->currency);
    int code = rate_read(run, "input", true, &price->base.input);
    if (!code) code = rate_read(run, "output", true, &price->base.output);
    if (!code) code = rate_read(run, "cache-read", false, &price->base.cache_read);
    if (!code) code = rate_read(run, "cache-write-5m", false, &price->base.cache_write_5m);
    if (!code) code = rate_read(run, "cache-write-1h", false, &price->base.cache_write_1h);
    return code;
}

/* Takes from the ledger what was not said: the currency, and from when the row holds. */
static int set_complete(cli *run, tally_price *price, tally_error *err) {
    const char *from = cli_value(run, "from");
    cli_reading reading = {0};
    cli_price_rows rows = {0};
    int code = cli_reading_open(run, &reading, err);
    if (!code) code = cli_price_rows_read(reading.txn, &rows, err);
    if (!code && !*price->currency)
        snprintf(price->currency, sizeof price->currency, "%s", TALLY_COST_CURRENCY);
    if (!code && from && tally_date_parse(tally_span_str(from), &price->from_day))
        code = tally_fail(err, TALLY_EINVAL, "--from %s is no date like 2026-03-01", from);
    if (!code && !from)
        price->from_day = cli_price_in_force(&rows, tally_span_str(price->model), 0)
                              ? cli_price_today()
                              : INT32_MIN;
    cli_price_rows_clear(&rows);
    cli_reading_close(&reading);
    return code;
}

static int set_run(cli *run) {
    tally_error err = {0};
    tally_price price;
    tally_ledger *ledger = NULL;
    cli_price_rows rows = {.rows = &price, .count = 1};
    cli_price_write write = {.rows = &rows, .to = 1};
    int code = set_read(run, &price);
    if (code) return code;
    code = set_complete(run, &price, &err);
    if (!code) code = tally_writer_new(&write.writer, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), cli_price_write_batch, &write, &err);
    if (!code && prices_print(run, &price, 1))
        code = tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    tally_ledger_close(ledger);
    tally_writer_free(write.writer);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option list_options[] = {
    {"shipped", NULL, "the rows for MODEL in the table that ships with tally"}, {NULL, NULL, NULL}};

const cli_command command_prices_list = {.name = "prices list",
                                         .arguments = "[MODEL]",
                                         .summary = "prices per million tokens, by model and date",
                                         .example = "tally prices list claude-sonnet-4-5",
                                         .options = list_options,
                                         .max_arguments = 1,
                                         .run = list_run};

static const cli_option set_options[] = {
    {"input", "AMOUNT", "per million input tokens"},
    {"output", "AMOUNT", "per million output tokens"},
    {"cache-read", "AMOUNT", "per million tokens read from the cache"},
    {"cache-write-5m", "AMOUNT", "per million tokens written for five minutes"},
    {"cache-write-1h", "AMOUNT", "per million tokens written for an hour"},
    {"from", "DATE", "in force from this day, UTC (default: today; always for a new model)"},
    {"currency", "C", "ISO 4217 (default: USD, the only one that reports sum)"},
    {NULL, NULL, NULL}};

const cli_command command_prices_set = {
    .name = "prices set",
    .arguments = "MODEL",
    .summary = "record a model's price per million tokens",
    .example = "tally prices set my-model --input 5 --output 25 --cache-read 0.5",
    .options = set_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = set_run};
