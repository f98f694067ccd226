/* Reading price files: LiteLLM's as it is published, with its noise, and our own table. Expected
 * rates are the published ones, by hand in pico-units a token (USD a million tokens x 10^6). */
#include <tally/price.h>
#include <tally/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_ROWS 2048
#define X        TALLY_PRICE_UNKNOWN

typedef struct seen {
    tally_price rows[MAX_ROWS];
    size_t count;
    char bad[8][64];
    size_t bad_count;
    int refuse; /* what the sink answers */
} seen;

static seen *all; /* of the running test; a row is large */

static int start(void **state) {
    (void)state;
    all = calloc(1, sizeof *all);
    return all ? 0 : -1;
}

static int finish(void **state) {
    (void)state;
    free(all);
    return 0;
}

static int keep(void *ctx, const tally_price *row, tally_error *err) {
    seen *s = ctx;
    assert_true(s->count < MAX_ROWS);
    s->rows[s->count++] = *row;
    return s->refuse ? tally_fail(err, s->refuse, "enough") : 0;
}

static void note_bad(void *ctx, tally_span model, const char *why) {
    seen *s = ctx;
    assert_non_null(why);
    assert_true(s->bad_count < 8 && model.len < sizeof s->bad[0]);
    memcpy(s->bad[s->bad_count++], model.ptr, model.len);
}

static int read_text(const char *json) {
    tally_error err = {0};
    return tally_price_parse_file(tally_span_str(json), "test", keep, note_bad, all, &err);
}

static void read_path(const char *path) {
    char *bytes = malloc(TALLY_PRICE_FILE_MAX_BYTES);
    FILE *file = fopen(path, "rb");
    tally_error err = {0};
    assert_non_null(bytes);
    assert_non_null(file);
    size_t len = fread(bytes, 1, TALLY_PRICE_FILE_MAX_BYTES, file);
    (void)fclose(file);
    assert_int_equal(tally_price_parse_file(tally_span_of(bytes, len), "LiteLLM 2026-07-24", keep,
                                            note_bad, all, &err),
                     0);
    free(bytes);
}

static const tally_price *row_of(const char *model) {
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->rows[i].model, model) == 0) return &all->rows[i];
    fail_msg("no row for %s", model);
    return NULL;
}

static void assert_card(tally_card card, int64_t input, int64_t output, int64_t read,
                        int64_t write_5m, int64_t write_1h) {
    assert_int_equal(card.input, input);
    assert_int_equal(card.output, output);
    assert_int_equal(card.cache_read, read);
    assert_int_equal(card.cache_write_5m, write_5m);
    assert_int_equal(card.cache_write_1h, write_1h);
}

static void assert_ratio(tally_ratio ratio, uint32_t num, uint32_t den) {
    assert_int_equal(ratio.num, num);
    assert_int_equal(ratio.den, den);
}

static void published_entries_come_out_exactly(void **state) {
    (void)state;
    read_path(TALLY_TEST_DATA "/fixtures/prices/litellm-sample.json");
    assert_int_equal(all->bad_count, 0);
    assert_int_equal(all->count, 12);

    const tally_price *opus = row_of("claude-opus-4-6");
    assert_card(opus->base, 5000000, 25000000, 500000, 6250000, 10000000);
    assert_ratio(opus->fast, 6, 1);
    assert_ratio(opus->us, 11, 10);
    assert_ratio(opus->batch, 1, 2);
    assert_int_equal(opus->web_search, 10000000000);
    assert_int_equal(opus->tier_count, 0);
    assert_int_equal(opus->from_day, TALLY_PRICE_UNDATED);
    assert_string_equal(opus->source, "LiteLLM 2026-07-24");
    assert_string_equal(opus->currency, "USD");

    const tally_price *regional = row_of("us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_card(regional->base, 3300000, 16500000, 330000, 4125000, 6600000);
    assert_int_equal(regional->tier_count, 1);
    assert_int_equal(regional->tiers[0].above_tokens, 200000);
    assert_card(regional->tiers[0].card, 6600000, 24750000, 660000, 8250000, 13200000);

    const tally_price *gpt = row_of("gpt-5.4");
    assert_card(gpt->base, 2500000, 15000000, 250000, X, X);
    assert_card(gpt->tiers[0].card, 5000000, 22500000, 500000, X, X);
    assert_int_equal(gpt->tiers[0].above_tokens, 272000);
    assert_card(gpt->priority, 5000000, 30000000, 500000, X, X);
    assert_card(gpt->flex, 1250000, 7500000, 130000, X, X);
    assert_ratio(gpt->batch, 1, 2);
    assert_true(gpt->write_is_input);
    assert_false(gpt->read_is_input);
    assert_card(row_of("azure/gpt-5.4")->tiers[0].priority, 10000000, 45000000, 1000000, X, X);
    assert_int_equal(row_of("gpt-5")->flex.cache_read, 62500); /* not a whole nano-unit */
    assert_false(row_of("gpt-5.6-luna")->write_is_input);
    assert_true(row_of("o3")->write_is_input);
}

static void other_shapes_of_entries_are_understood(void **state) {
    (void)state;
    read_path(TALLY_TEST_DATA "/fixtures/prices/litellm-sample.json");
    const tally_price *embedding = row_of("text-embedding-3-small");
    assert_card(embedding->base, 20000, 0, X, X, X);
    assert_ratio(embedding->batch, 1, 2);
    assert_card(row_of("deepseek/deepseek-chat")->base, 280000, 420000, 28000, 0, X);
    const tally_price *bands = row_of("dashscope/qwen3-coder-plus");
    assert_card(bands->base, 1000000, 5000000, 100000, X, X);
    assert_int_equal(bands->tier_count, 3);
    assert_int_equal(bands->tiers[0].above_tokens, 32000);
    assert_int_equal(bands->tiers[2].above_tokens, 256000);
    assert_card(bands->tiers[2].card, 6000000, 60000000, 600000, X, X);
    /* A search there costs more with more context, and no log says how much there was. */
    assert_int_equal(row_of("gpt-4o-search-preview")->web_search, X);
    assert_int_equal(row_of("gemini-3.1-pro-preview")->web_search, 14000000000);
    assert_card(row_of("gemini-3.1-pro-preview")->tiers[0].priority, 7200000, 32400000, 720000, X,
                X);
}

static void float_noise_is_rounded_away_and_real_digits_are_not(void **state) {
    (void)state;
    assert_int_equal(
        read_text("{\"a\":{\"mode\":\"chat\",\"input_cost_per_token\":1.0000000000000001e-07,"
                  "\"output_cost_per_token\":0.00000039999999999999998,"
                  "\"cache_read_input_token_cost\":1.875E-8},"
                  "\"b\":{\"mode\":\"chat\",\"input_cost_per_token\":1.5e-13,\"output_cost_per_"
                  "token\":1},"
                  "\"c\":{\"mode\":\"chat\",\"input_cost_per_token\":\"3e-06\",\"output_cost_per_"
                  "token\":null}}"),
        0);
    assert_int_equal(all->count, 2);
    assert_card(row_of("a")->base, 100000, 400000, 18750, X, X);
    assert_card(row_of("c")->base, 3000000, X, X, X, X);
    assert_int_equal(all->bad_count, 1);
    assert_string_equal(all->bad[0], "b");
}

static void thresholds_sort_themselves_whatever_their_order(void **state) {
    (void)state;
    assert_int_equal(
        read_text("{\"m\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6,"
                  "\"input_cost_per_token_above_272k_tokens\":4e-6,"
                  "\"input_cost_per_token_above_128k_tokens\":2e-6,"
                  "\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\":9e-6,"
                  "\"input_cost_per_token_above_200k_tokens\":3e-6,"
                  "\"output_cost_per_token_above_128k_tokens\":5e-6}}"),
        0);
    const tally_price *m = row_of("m");
    assert_int_equal(m->tier_count, 3);
    assert_int_equal(m->tiers[0].above_tokens, 128000);
    assert_card(m->tiers[0].card, 2000000, 5000000, X, X, X);
    assert_card(m->tiers[1].card, 3000000, X, X, X, 9000000);
    assert_int_equal(m->tiers[2].above_tokens, 272000);
}

static void malformed_entries_are_reported_and_the_rest_is_read(void **state) {
    (void)state;
    assert_int_equal(
        read_text(
            "{\"not-an-object\":7,"
            "\"negative\":{\"mode\":\"chat\",\"input_cost_per_token\":-1e-6},"
            "\"words\":{\"mode\":\"chat\",\"input_cost_per_token\":\"a lot\"},"
            "\"absurd\":{\"mode\":\"chat\",\"input_cost_per_token\":1001},"
            "\"ratio\":{\"input_cost_per_token\":1e-6,\"provider_specific_entry\":{\"us\":0}},"
            "\"five\":{\"input_cost_per_token\":1e-6,"
            "\"input_cost_per_token_above_1k_tokens\":1,\"input_cost_per_token_above_2k_tokens\":1,"
            "\"input_cost_per_token_above_3k_tokens\":1,\"input_cost_per_token_above_4k_tokens\":1,"
            "\"input_cost_per_token_above_5k_tokens\":1},"
            "\"band\":{\"tiered_pricing\":[{\"input_cost_per_token\":1e-6}]},"
            "\"good\":{\"mode\":\"chat\",\"input_cost_per_token\":1e-6}}"),
        0);
    static const char *const bad[] = {"not-an-object", "negative", "words", "absurd",
                                      "ratio",         "five",     "band"};
    assert_int_equal(all->bad_count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(all->bad[i], bad[i]);
    assert_int_equal(all->count, 1);
    assert_string_equal(all->rows[0].model, "good");
}

static void entries_without_a_token_price_are_passed_over(void **state) {
    (void)state;
    assert_int_equal(
        read_text(
            "{\"sample_spec\":{\"mode\":\"one of: chat, embedding\",\"input_cost_per_token\":0},"
            "\"image\":{\"mode\":\"image_generation\",\"input_cost_per_token\":1e-6},"
            "\"rerank\":{\"mode\":\"rerank\",\"input_cost_per_token\":1e-6},"
            "\"zero\":{\"mode\":\"chat\",\"input_cost_per_token\":0,\"output_cost_per_token\":0},"
            "\"none\":{\"mode\":\"chat\",\"input_cost_per_image\":1},"
            "\"pictures\":{\"mode\":\"chat\",\"input_cost_per_token_image\":1}}"),
        0);
    assert_int_equal(all->count, 0);
    assert_int_equal(all->bad_count, 0);
}

static void sellers_rules_fill_what_their_price_lists_leave_out(void **state) {
    (void)state;
    assert_int_equal(
        read_text("{\"claude-x\":{\"litellm_provider\":\"anthropic\",\"input_cost_per_token\":4e-6,"
                  "\"cache_creation_input_token_cost\":5e-6},"
                  "\"b/claude-x\":{\"litellm_provider\":\"bedrock\",\"input_cost_per_token\":4e-6,"
                  "\"cache_creation_input_token_cost\":5e-6},"
                  "\"gpt-5.5-x\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":4e-6},"
                  "\"gpt-5.6-x\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":4e-6},"
                  "\"gpt-4o-x\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":4e-6},"
                  "\"gpt-10-x\":{\"litellm_provider\":\"openai\",\"input_cost_per_token\":4e-6},"
                  "\"x/gpt-5\":{\"litellm_provider\":\"other\",\"input_cost_per_token\":4e-6}}"),
        0);
    assert_int_equal(row_of("claude-x")->base.cache_write_1h, 8000000);
    assert_int_equal(row_of("b/claude-x")->base.cache_write_1h, X);
    assert_true(row_of("gpt-5.5-x")->write_is_input && row_of("gpt-5.5-x")->read_is_input);
    assert_true(!row_of("gpt-5.6-x")->write_is_input && row_of("gpt-5.6-x")->read_is_input);
    assert_true(row_of("gpt-4o-x")->write_is_input);
    assert_false(row_of("gpt-10-x")->write_is_input);
    assert_true(!row_of("x/gpt-5")->write_is_input && !row_of("x/gpt-5")->read_is_input);
}

static void our_own_schema_is_told_by_its_rows(void **state) {
    (void)state;
    assert_int_equal(
        read_text(
            "{\"unit\":\"x\",\"rows\":["
            "{\"model\":\"m\",\"effective_from\":\"2026-07-09\",\"effective_to\":null,"
            "\"usd_per_mtok\":{\"input\":\"0.003625\",\"output\":\"30\",\"cache_read\":null},"
            "\"long_context\":{\"threshold_prompt_tokens\":272000,\"rule\":\"r\",\"input\":\"10\"},"
            "\"fast_multiplier\":\"2.5\",\"batch_multiplier\":\"0.5\",\"usd_per_web_search\":\"0."
            "01\","
            "\"sources\":[\"one\",\"two\"],\"confidence\":\"high\"},"
            "{\"model\":\"m\",\"effective_from\":\"2026-08-01\",\"unpriced\":true},"
            "{\"model\":\"unknown\",\"effective_from\":null,\"usd_per_mtok\":{\"input\":null}},"
            "{\"model\":\"too-fine\",\"usd_per_mtok\":{\"input\":\"0.0000001\"}},"
            "{\"model\":\"bad-day\",\"effective_from\":\"2026-02-30\",\"usd_per_mtok\":{\"input\":"
            "1}},"
            "{\"effective_from\":null,\"usd_per_mtok\":{\"input\":1}}]}"),
        0);
    assert_int_equal(all->count, 2);
    const tally_price *m = &all->rows[0];
    assert_card(m->base, 3625, 30000000, X, X, X);
    assert_int_equal(m->from_day, 20643); /* 2026-07-09 */
    assert_card(m->tiers[0].card, 10000000, X, X, X, X);
    assert_ratio(m->fast, 5, 2);
    assert_ratio(m->batch, 1, 2);
    assert_int_equal(m->web_search, 10000000000);
    assert_string_equal(m->source, "one; two");
    assert_card(all->rows[1].base, X, X, X, X, X);
    assert_string_equal(all->rows[1].source, "test");
    assert_int_equal(all->bad_count, 3);
    assert_string_equal(all->bad[0], "too-fine");
    assert_string_equal(all->bad[1], "bad-day");
    assert_string_equal(all->bad[2], "");
}

static void what_is_not_a_price_file_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"", "[]", "null", "{\"a\":", "{} {}", "<html>"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(read_text(texts[i]), TALLY_EFORMAT);
    assert_int_equal(read_text("{}"), 0);
    assert_int_equal(all->count, 0);
}

static void an_error_of_the_sink_ends_the_reading(void **state) {
    (void)state;
    all->refuse = TALLY_ENOSPC;
    assert_int_equal(
        read_text("{\"a\":{\"input_cost_per_token\":1e-6},\"b\":{\"input_cost_per_token\":1e-6}}"),
        TALLY_ENOSPC);
    assert_int_equal(all->count, 1);
}

static void the_shipped_table_is_sound(void **state) {
    (void)state;
    read_path(TALLY_TEST_DATA "/../ledger/prices/table.json");
    assert_int_equal(all->bad_count, 0);
    assert_true(all->count > 1600);
    for (size_t i = 0; i < all->count; i++) {
        const tally_price *row = &all->rows[i];
        assert_true(row->source[0] != '\0');
        if (i == 0) continue;
        int order = strcmp(row[-1].model, row->model);
        /* One model's rows stand together, oldest first; models in bytewise order. */
        assert_true(order < 0 || (order == 0 && row[-1].from_day < row->from_day));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(published_entries_come_out_exactly, start, finish),
        cmocka_unit_test_setup_teardown(other_shapes_of_entries_are_understood, start, finish),
        cmocka_unit_test_setup_teardown(float_noise_is_rounded_away_and_real_digits_are_not, start,
                                        finish),
        cmocka_unit_test_setup_teardown(thresholds_sort_themselves_whatever_their_order, start,
                                        finish),
        cmocka_unit_test_setup_teardown(malformed_entries_are_reported_and_the_rest_is_read, start,
                                        finish),
        cmocka_unit_test_setup_teardown(entries_without_a_token_price_are_passed_over, start,
                                        finish),
        cmocka_unit_test_setup_teardown(sellers_rules_fill_what_their_price_lists_leave_out, start,
                                        finish),
        cmocka_unit_test_setup_teardown(our_own_schema_is_told_by_its_rows, start, finish),
        cmocka_unit_test_setup_teardown(what_is_not_a_price_file_is_refused, start, finish),
        cmocka_unit_test_setup_teardown(an_error_of_the_sink_ends_the_reading, start, finish),
        cmocka_unit_test_setup_teardown(the_shipped_table_is_sound, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
