/* Model names: what is stripped, what resolves, and above all what does not. */
#include <tally/price.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_CANDIDATES 8

static void decorations_are_stripped_and_the_model_is_not(void **state) {
    (void)state;
    static const struct {
        const char *raw, *canonical;
    } cases[] = {
        {"claude-opus-4-8", "claudeopus48"},
        {"claude-sonnet-4-5-20250929", "claudesonnet45"},
        {"claude-fable-5-1[1m]", "claudefable51"},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claudesonnet45"},
        {"global.anthropic.claude-opus-5", "claudeopus5"},
        {"anthropic.claude-haiku-5-5", "claudehaiku55"},
        {"anthropic.claude-opus-4-6-v1", "claudeopus46"},
        {"claude-opus-5@default", "claudeopus5"},
        {"claude-sonnet-4@20250514", "claudesonnet4"},
        {"vertex_ai/claude-sonnet-4-5", "claudesonnet45"},
        {"arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
         "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "claudesonnet45"},
        {"anthropic/claude-sonnet-4.5", "claudesonnet45"},
        {"bedrock/anthropic.claude-opus-5", "claudeopus5"},
        {"openrouter/openai/gpt-5.6-sol:batch", "gpt56sol"},
        {"gpt-5.6-sol-2026-07-09", "gpt56sol"},
        {"models/gemini-3.1-pro-preview", "gemini31propreview"},
        {"Gemini 3.1 Pro (High)", "gemini31pro"},
        {"deepseek/deepseek-r1:free", "deepseekr1"},
        {" CLAUDE-Opus-5 ", "claudeopus5"},
        {"<synthetic>", "synthetic"},
        /* Not decorations: part of the model. */
        {"deepseek-v3", "deepseekv3"},
        {"claude-v2:1", "claudev21"},
        {"gpt-3.5-turbo-0125", "gpt35turbo0125"},
        {"gpt-5-20261399", "gpt520261399"},
        {"composer-2.5[fast=true]", "composer25fasttrue"},
        {"usual-model-1", "usualmodel1"},
        {"", ""},
        {"///", ""},
        {"-[1m]", ""},
    };
    char out[TALLY_MODEL_MAX_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = tally_model_canonical(tally_span_str(cases[i].raw), out);
        assert_string_equal(out, cases[i].canonical);
        assert_int_equal(len, strlen(cases[i].canonical));
    }
}

static void a_name_too_long_has_no_canonical_form(void **state) {
    (void)state;
    uint8_t name[TALLY_MODEL_MAX_BYTES];
    char out[TALLY_MODEL_MAX_BYTES];
    memset(name, 'a', sizeof name);
    assert_int_equal(tally_model_canonical(tally_span_of(name, sizeof name), out), 0);
    assert_int_equal(tally_model_canonical(tally_span_of(name, sizeof name - 1), out),
                     sizeof name - 1);
}

static void regions_with_a_price_of_their_own_are_told(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        bool regional;
    } cases[] = {{"us.anthropic.claude-opus-5", true},
                 {"eu.anthropic.claude-opus-5", true},
                 {"jp.anthropic.claude-opus-5", true},
                 {"au.anthropic.claude-opus-5", true},
                 {"apac.anthropic.claude-opus-5", true},
                 {"bedrock/us.anthropic.claude-opus-5", true},
                 {"arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-opus-5", true},
                 {"global.anthropic.claude-opus-5", false},
                 {"anthropic.claude-opus-5", false},
                 {"claude-opus-5", false},
                 {"user-model", false},
                 {"", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(tally_model_is_regional(tally_span_str(cases[i].raw)), cases[i].regional);
}

typedef struct resolution {
    const char *asked;
    const char *offered[MAX_CANDIDATES];
    int picked;
} resolution;

static void check_resolutions(const resolution *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tally_span names[MAX_CANDIDATES];
        size_t n = 0;
        for (; n < MAX_CANDIDATES && cases[i].offered[n]; n++)
            names[n] = tally_span_str(cases[i].offered[n]);
        int picked = tally_model_resolve(tally_span_str(cases[i].asked), names, n);
        if (picked != cases[i].picked) print_error("%s\n", cases[i].asked);
        assert_int_equal(picked, cases[i].picked);
    }
}

static void spelling_is_tried_before_the_canonical_form(void **state) {
    (void)state;
    static const resolution cases[] = {
        {"gpt-5.6", {"GPT-5.6", "gpt-5-6", "gpt-5.6"}, 2},
        {"gpt-5.6", {"GPT-5.6", "gpt56", "gpt-5-6"}, 2},
        {"gpt-5.6", {"openai/gpt-5.6", "gpt56", "GPT-5-6"}, 2},
        {"gpt-5.6", {"gpt56", "openai/gpt-5.6"}, 0},
        {"GLM-5.2", {"glm-5-2", "zai/glm-5.2"}, 0},
        {"claude-sonnet-4.5", {"claude-sonnet-4-5-20250929", "claude-sonnet-4-5"}, 1},
        {"gpt-5.6", {"gpt-5.6", "gpt-5.6", "gpt-5.6"}, 0}, /* several rows of one model */
    };
    check_resolutions(cases, sizeof cases / sizeof cases[0]);
}

static void canonical_forms_are_compared_whole(void **state) {
    (void)state;
    static const resolution cases[] = {
        {"claude-opus-9", {"claude-opus-4", "claude-opus-4-8", "claude-opus"}, -1},
        {"claude-opus-4", {"claude-opus-4-7", "claude-opus-4-1-20250805"}, -1},
        {"claude-haiku-5-5", {"claude-haiku-4-5", "claude-haiku-5"}, -1},
        {"gpt-5.6-sol", {"gpt-5.6", "gpt-5.6-sol-pro"}, -1},
        {"deepseek-v4", {"deepseek-v3", "deepseek"}, -1},
        {"<synthetic>", {"claude-opus-5"}, -1},
        {"", {"", "claude-opus-5"}, -1},
        {"claude-opus-5", {NULL}, -1},
    };
    check_resolutions(cases, sizeof cases / sizeof cases[0]);
}

static void the_undecorated_name_wins_and_equals_are_ambiguous(void **state) {
    (void)state;
    static const resolution cases[] = {
        {"anthropic/claude-opus-5", {"azure_ai/claude-opus-5", "claude-opus-5"}, 1},
        {"anthropic/claude-opus-5", {"azure_ai/claude-opus-5", "vertex_ai/claude-opus-5"}, -1},
        {"anthropic/claude-opus-5", {"azure_ai/claude-opus-5"}, 0},
        {"openrouter/x/kimi-2", {"a/kimi-2", "b/kimi-2", "kimi-2"}, 2}, /* better after a tie */
        {"claude-opus-5[1m]", {"claude-opus-5-20260724", "claude-opus-5"}, 1},
        {"claude-3-5-sonnet", {"claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022"}, -1},
        {"claude-sonnet-4", {"claude-sonnet-4-20250514"}, 0},
    };
    check_resolutions(cases, sizeof cases / sizeof cases[0]);
}

static void names_that_contradict_each_other_never_match(void **state) {
    (void)state;
    static const resolution cases[] = {
        /* Snapshots differ in price. */
        {"openai/gpt-4o-2024-05-13", {"gpt-4o-2024-08-06"}, -1},
        {"openai/gpt-4o-2024-05-13", {"gpt-4o", "gpt-4o-2024-05-13"}, 1},
        {"claude-sonnet-4@20250514", {"claude-sonnet-4-20250514", "claude-sonnet-4-0"}, 0},
        /* So do regions; without a row of its own the plain name stands in (and the caller adds the
           factor). */
        {"us.anthropic.claude-opus-5", {"eu.anthropic.claude-opus-5"}, -1},
        {"us.anthropic.claude-opus-5", {"claude-opus-5", "us.anthropic.claude-opus-5-v1:0"}, 1},
        {"us.anthropic.claude-opus-5", {"claude-opus-5", "anthropic.claude-opus-5"}, 0},
        {"claude-opus-5", {"us.anthropic.claude-opus-5"}, -1},
        {"global.anthropic.claude-opus-5", {"us.anthropic.claude-opus-5", "claude-opus-5"}, 1},
        /* And batches, and what is free. */
        {"openai/gpt-5.6-sol:batch", {"gpt-5.6-sol"}, -1},
        {"openai/gpt-5.6-sol:batch", {"gpt-5.6-sol", "openrouter/openai/gpt-5.6-sol:batch"}, 1},
        {"openai/gpt-5.6-sol", {"openrouter/openai/gpt-5.6-sol:batch"}, -1},
        {"deepseek/deepseek-r1:free", {"deepseek-r1"}, -1},
        {"deepseek/deepseek-r1:thinking", {"deepseek-r1"}, 0},
        {"amazon.titan-embed-2-v1:0", {"amazon.titan-embed-2-v2:0"}, -1},
    };
    check_resolutions(cases, sizeof cases / sizeof cases[0]);
}

/* The model name the shipped table has for `raw`, "" for none. */
static void shipped_name(const char *raw, char out[TALLY_MODEL_MAX_BYTES]) {
    tally_price *rows;
    size_t count;
    tally_error err = {0};
    assert_int_equal(tally_price_shipped(tally_span_str(raw), &rows, &count, &err), 0);
    out[0] = '\0';
    if (count > 0) memcpy(out, rows[0].model, TALLY_MODEL_MAX_BYTES);
    free(rows);
}

static void names_seen_in_logs_find_their_row_in_the_shipped_table(void **state) {
    (void)state;
    static const struct {
        const char *raw, *model;
    } cases[] = {
        {"claude-opus-4-8", "claude-opus-4-8"},
        {"claude-sonnet-4-5-20250929", "claude-sonnet-4-5"},
        {"claude-haiku-4-5-20251001", "claude-haiku-4-5"},
        {"claude-fable-5-1[1m]", "claude-fable-5-1"},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
         "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {"anthropic.claude-haiku-5-5", "claude-haiku-5-5"},
        {"claude-opus-5@default", "claude-opus-5"},
        {"claude-sonnet-4@20250514", "claude-sonnet-4-20250514"},
        {"anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"},
        {"claude-sonnet-4.5", "claude-sonnet-4-5"},
        {"openrouter/openai/gpt-5.6-sol:batch", "openrouter/openai/gpt-5.6-sol:batch"},
        {"openai/gpt-5.6", "gpt-5.6"},
        {"gpt-5.6-sol-2026-07-09", "gpt-5.6-sol"},
        {"gemini-3.1-pro-preview", "gemini-3.1-pro-preview"},
        {"models/gemini-3.1-pro-preview", "gemini-3.1-pro-preview"},
        {"claude-3-5-haiku-20241022", "claude-3-5-haiku"}, /* not Vertex's, which costs more */
        {"x-ai/grok-4", "grok-4"},
        {"us.anthropic.claude-opus-5-5",
         "claude-opus-5-5"}, /* regional: the caller adds the factor */
        {"gpt-5.3-spark", ""},
        {"codex-auto-review", ""},
        {"Gemini 3.1 Pro (High)", ""},
        {"<synthetic>", ""},
        {"k2p5", ""},
        {"claude-opus-9", ""},
        {"claude-fable-5-2", ""},
    };
    char found[TALLY_MODEL_MAX_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        shipped_name(cases[i].raw, found);
        if (strcmp(found, cases[i].model) != 0) print_error("%s\n", cases[i].raw);
        assert_string_equal(found, cases[i].model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decorations_are_stripped_and_the_model_is_not),
        cmocka_unit_test(a_name_too_long_has_no_canonical_form),
        cmocka_unit_test(regions_with_a_price_of_their_own_are_told),
        cmocka_unit_test(spelling_is_tried_before_the_canonical_form),
        cmocka_unit_test(canonical_forms_are_compared_whole),
        cmocka_unit_test(the_undecorated_name_wins_and_equals_are_ambiguous),
        cmocka_unit_test(names_that_contradict_each_other_never_match),
        cmocka_unit_test(names_seen_in_logs_find_their_row_in_the_shipped_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
