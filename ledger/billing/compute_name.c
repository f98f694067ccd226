/* Names of compute: categories, and the products of those who sell inference. */
#include "compute.h"

static const struct {
    const char *words;
    bool monthly; /* hosting: the period is named */
} categories[TALLY_EXPENSE_CATEGORIES] = {
    [TALLY_EXPENSE_LLM] = {"LLM inference", false},
    [TALLY_EXPENSE_EMBEDDING] = {"Embedding", false},
    [TALLY_EXPENSE_VECTOR_DB] = {"Vector DB hosting", true},
    [TALLY_EXPENSE_GPU] = {"GPU hours", false},
    [TALLY_EXPENSE_EGRESS] = {"Egress", false},
    [TALLY_EXPENSE_MONITORING] = {"Monitoring", true},
    [TALLY_EXPENSE_OTHER] = {"Other", false},
};

static const struct {
    const char *provider, *product;
} products[] = {
    {"anthropic", "Anthropic Claude API"},
    {"openai", "OpenAI API"},
    {"google", "Google Gemini API"},
    {"mistral", "Mistral API"},
    {"xai", "xAI Grok API"},
    {"deepseek", "DeepSeek API"},
    {"meta", "Meta Llama"},
    {"alibaba", "Alibaba Qwen"},
    {"moonshot", "Moonshot Kimi API"},
    {"zai", "Z.ai GLM API"},
    {"cohere", "Cohere API"},
    {"openrouter", "OpenRouter"},
    {"bedrock", "Amazon Bedrock"},
    {"vertex_ai", "Google Vertex AI"},
    {"azure", "Azure OpenAI"},
    {"groq", "Groq"},
};

static bool same_letters(tally_span a, const char *b) {
    if (a.len != strlen(b)) return false;
    for (size_t i = 0; i < a.len; i++) {
        uint8_t c = a.ptr[i];
        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != (uint8_t)b[i]) return false;
    }
    return true;
}

tally_span compute_product(tally_span provider, char room[COMPUTE_NAME_BYTES]) {
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if (same_letters(provider, products[i].provider))
            return tally_span_str(products[i].product);
    size_t len = provider.len < COMPUTE_NAME_BYTES ? provider.len : COMPUTE_NAME_BYTES;
    if (len) memcpy(room, provider.ptr, len);
    return tally_span_of(room, len);
}

tally_span compute_maker(tally_span model, char room[COMPUTE_NAME_BYTES]) {
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if (tally_plan_covers(tally_span_str(products[i].provider), (tally_span){0}, model))
            return tally_span_str(products[i].product);
    const uint8_t *slash = model.len ? memchr(model.ptr, '/', model.len) : NULL;
    if (slash) model.len = (size_t)(slash - model.ptr);
    return model.len ? compute_product(model, room) : tally_span_str("unknown model");
}

tally_span compute_words(draft *d, tally_expense_category category, tally_span provider) {
    const char *words = categories[category].words;
    if (!categories[category].monthly) return draft_text(d, "%s (%.*s)", words, SPAN(provider));
    tally_span period = draft_period_words(d);
    return draft_text(d, "%s (%.*s, %.*s)", words, SPAN(provider), SPAN(period));
}
