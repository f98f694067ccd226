/* LiteLLM's model_prices_and_context_window.json: one entry to one price row. Its field names are a
 * class, then what narrows it: input_cost_per_token + _above_272k_tokens + _priority. */
#include "price_parse.h"

#define THOUSAND_TOKENS 1000u

typedef enum variant { STANDARD, BATCH, PRIORITY, FLEX, VARIANT_COUNT } variant;
typedef enum class { INPUT, OUTPUT, CACHE_READ, CACHE_WRITE, CACHE_HIT } class;

static const struct {
    const char *name;
    class is;
} CLASS_NAMES[] = {{"input_cost_per_token_cache_hit", CACHE_HIT}, /* DeepSeek's word for a read */
                   {"input_cost_per_token", INPUT},
                   {"output_cost_per_token", OUTPUT},
                   {"cache_read_input_token_cost", CACHE_READ},
                   {"cache_creation_input_token_cost", CACHE_WRITE}};

static const struct {
    const char *suffix;
    variant is;
} VARIANT_SUFFIXES[] = {{"_batches", BATCH}, {"_priority", PRIORITY}, {"_flex", FLEX}};

/* What a field's name says. */
typedef struct field {
    class is;
    variant sold_as;
    uint64_t above; /* tokens; 0 for the base card */
    bool one_hour;
} field;

typedef struct entry {
    tally_price *price;
    tally_card batch;
    int64_t cache_hit;
    tally_span seller; /* litellm_provider */
    tally_span mode;
    const char *why;
} entry;

static bool eat(tally_span *text, const char *prefix) {
    size_t len = strlen(prefix);
    if (text->len < len || memcmp(text->ptr, prefix, len) != 0) return false;
    *text = tally_span_of(text->ptr + len, text->len - len);
    return true;
}

/* "_above_272k_tokens" */
static bool eat_threshold(tally_span *text, uint64_t *tokens) {
    tally_span rest = *text;
    uint64_t thousands = 0;
    size_t digits = 0;
    if (!eat(&rest, "_above_")) return false;
    for (; digits < rest.len && digits < 6 && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9';
         digits++)
        thousands = thousands * 10 + (uint64_t)(rest.ptr[digits] - '0');
    rest = tally_span_of(rest.ptr + digits, rest.len - digits);
    if (thousands == 0 || !eat(&rest, "k_tokens")) return false;
    *tokens = thousands * THOUSAND_TOKENS;
    *text = rest;
    return true;
}

/* False for every field that is no price of text tokens. */
static bool parse_name(tally_span name, field *out) {
    bool found = false;
    *out = (field){0};
    for (size_t i = 0; i < sizeof CLASS_NAMES / sizeof CLASS_NAMES[0] && !found; i++) {
        found = eat(&name, CLASS_NAMES[i].name);
        out->is = CLASS_NAMES[i].is;
    }
    if (!found) return false;
    out->one_hour = out->is == CACHE_WRITE && eat(&name, "_above_1hr");
    (void)eat_threshold(&name, &out->above);
    for (size_t i = 0; i < sizeof VARIANT_SUFFIXES / sizeof VARIANT_SUFFIXES[0]; i++)
        if (eat(&name, VARIANT_SUFFIXES[i].suffix)) {
            out->sold_as = VARIANT_SUFFIXES[i].is;
            break;
        }
    return name.len == 0;
}

static int64_t *rate_in(tally_card *card, const field *f) {
    switch (f->is) {
    case INPUT: return &card->input;
    case OUTPUT: return &card->output;
    case CACHE_READ: return &card->cache_read;
    case CACHE_WRITE: return f->one_hour ? &card->cache_write_1h : &card->cache_write_5m;
    case CACHE_HIT: break;
    }
    return NULL;
}

/* The card a field belongs to; NULL when it is one we have no place for, with `why` when that loses
 * a price. */
static tally_card *card_for(entry *e, const field *f) {
    if (f->above == 0) {
        tally_card *const cards[VARIANT_COUNT] = {&e->price->base, &e->batch, &e->price->priority,
                                                  &e->price->flex};
        return cards[f->sold_as];
    }
    if (f->sold_as != STANDARD && f->sold_as != PRIORITY) return NULL;
    int at = price_tier_above(e->price, f->above);
    if (at < 0) {
        e->why = "more context tiers than can be kept";
        return NULL;
    }
    return f->sold_as == PRIORITY ? &e->price->tiers[at].priority : &e->price->tiers[at].card;
}

static void take_rate(entry *e, const field *f, const tally_json *value) {
    if (value->type == TALLY_JSON_NULL) return;
    tally_card *card = f->is == CACHE_HIT ? NULL : card_for(e, f);
    int64_t *slot = f->is == CACHE_HIT ? &e->cache_hit : card ? rate_in(card, f) : NULL;
    if (slot && !price_take_per_token(value, slot)) e->why = "a token price is not a price";
}

/* {"us": 1.1, "fast": 2} */
static void take_specific(entry *e, const tally_json *object) {
    tally_json value;
    if (tally_json_get(object, "us", &value) && !price_take_ratio(&value, &e->price->us))
        e->why = "provider_specific_entry.us is not a ratio";
    if (tally_json_get(object, "fast", &value) && !price_take_ratio(&value, &e->price->fast))
        e->why = "provider_specific_entry.fast is not a ratio";
}

/* Known only when a search costs the same whatever its context size, which no log states. */
static void take_searches(entry *e, const tally_json *object) {
    tally_json_iter iter;
    tally_json key, value;
    int64_t common = TALLY_PRICE_UNKNOWN;
    tally_json_iter_init(&iter, object);
    while (object->type == TALLY_JSON_OBJECT && tally_json_next(&iter, &key, &value)) {
        int64_t price = TALLY_PRICE_UNKNOWN;
        if (!price_take_per_token(&value, &price)) {
            e->why = "search_context_cost_per_query holds what is no price";
            return;
        }
        if (common != TALLY_PRICE_UNKNOWN && price != common) return;
        common = price;
    }
    e->price->web_search = common;
}

/* tiered_pricing: [{"range": [0, 256000], ...}, {"range": [256000, 1000000], ...}] */
static void take_bands(entry *e, const tally_json *array) {
    tally_json_iter bands, fields, range;
    tally_json band, key, value, from;
    field f;
    tally_json_iter_init(&bands, array);
    while (array->type == TALLY_JSON_ARRAY && tally_json_next(&bands, NULL, &band)) {
        uint64_t above;
        bool ok = tally_json_get(&band, "range", &value) && value.type == TALLY_JSON_ARRAY;
        if (ok) tally_json_iter_init(&range, &value);
        if (!ok || !tally_json_next(&range, NULL, &from) || !tally_json_u64(&from, &above)) {
            e->why = "tiered_pricing has a band without a range";
            return;
        }
        tally_json_iter_init(&fields, &band);
        while (tally_json_next(&fields, &key, &value)) {
            if (!parse_name(key.raw, &f) || f.above != 0 || f.sold_as != STANDARD) continue;
            f.above = above;
            take_rate(e, &f, &value);
        }
    }
}

static void take_field(entry *e, const tally_json *key, const tally_json *value) {
    field f;
    if (tally_json_key_is(key, "mode"))
        e->mode = value->raw;
    else if (tally_json_key_is(key, "litellm_provider"))
        e->seller = value->raw;
    else if (tally_json_key_is(key, "tiered_pricing"))
        take_bands(e, value);
    else if (tally_json_key_is(key, "provider_specific_entry"))
        take_specific(e, value);
    else if (tally_json_key_is(key, "search_context_cost_per_query"))
        take_searches(e, value);
    else if (tally_json_key_is(key, "regional_processing_uplift_multiplier_us")) {
        if (!price_take_ratio(value, &e->price->us)) e->why = "the US multiplier is not a ratio";
    } else if (!key->escaped && parse_name(key->raw, &f))
        take_rate(e, &f, value);
}

/* ---- the sellers' own rules ---- */

static bool sold_by(const entry *e, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (tally_span_is(e->seller, names[i])) return true;
    return false;
}

/* OpenAI's models by name, path and version stripped: "gpt-5.6" gives 5 and 6. False for other
 * makers. */
static bool openai_version(const char *model, unsigned *major, unsigned *minor) {
    static const char *const OLD[] = {
        "o1",      "o3",      "o4",      "chatgpt-", "codex-", "text-embedding-",
        "davinci", "babbage", "gpt-oss", "ft:"};
    const char *slash = strrchr(model, '/');
    tally_span name = tally_span_str(slash ? slash + 1 : model);
    *major = *minor = 0;
    for (size_t i = 0; i < sizeof OLD / sizeof OLD[0]; i++)
        if (eat(&name, OLD[i])) return true;
    if (!eat(&name, "gpt-")) return false;
    unsigned *const parts[] = {major, minor};
    size_t digits = 0, at = 0;
    for (size_t part = 0; part < 2 && at < name.len; part++) {
        for (digits = 0; at < name.len && digits < 3 && name.ptr[at] >= '0' && name.ptr[at] <= '9';
             at++, digits++)
            *parts[part] = *parts[part] * 10 + (unsigned)(name.ptr[at] - '0');
        if (digits == 0 || at == name.len || name.ptr[at] != '.') break;
        at++;
    }
    if (*major == 0) *major = UINT32_MAX; /* "gpt-chat-latest": no telling which */
    return true;
}

static void apply_openai(tally_price *price) {
    unsigned major, minor;
    if (!openai_version(price->model, &major, &minor)) return;
    bool before_5_6 = major < 5 || (major == 5 && minor < 6);
    price->write_is_input = price->base.cache_write_5m == TALLY_PRICE_UNKNOWN && before_5_6;
    price->read_is_input = price->base.cache_read == TALLY_PRICE_UNKNOWN;
}

static void fill_hour_write(tally_card *card) {
    bool missing = card->cache_write_1h == TALLY_PRICE_UNKNOWN && card->cache_write_5m >= 0;
    if (missing && card->input >= 0 && card->input <= TALLY_PRICE_MAX_PICO / 2)
        card->cache_write_1h = 2 * card->input;
}

/* One-hour writes cost twice the input, batches half, inference kept in the US 1.1 times, a search
 * one cent. */
static void apply_anthropic(tally_price *price) {
    fill_hour_write(&price->base);
    for (uint32_t i = 0; i < price->tier_count; i++)
        fill_hour_write(&price->tiers[i].card);
    if (price->batch.den == 0) price->batch = (tally_ratio){1, 2};
    if (price->us.den == 0) price->us = (tally_ratio){11, 10};
    if (price->web_search == TALLY_PRICE_UNKNOWN) price->web_search = TALLY_PICO / 100;
}

/* The batch rates as one multiplier; none when input and output disagree. */
static void fold_batch(entry *e) {
    const tally_card *base = &e->price->base;
    if (e->batch.input <= 0 || base->input <= 0) return;
    if (base->output > 0 && (e->batch.output < 0 || (tally_i128)e->batch.output * base->input !=
                                                        (tally_i128)e->batch.input * base->output))
        return;
    e->price->batch = price_ratio_of((uint64_t)e->batch.input, (uint64_t)base->input);
}

static price_entry finish(entry *e) {
    static const char *const OPENAI[] = {"openai", "text-completion-openai", "azure", "azure_ai"};
    static const char *const ANTHROPIC[] = {"anthropic"};
    tally_card *base = &e->price->base;
    if (base->cache_read == TALLY_PRICE_UNKNOWN) base->cache_read = e->cache_hit;
    if (tally_span_is(e->mode, "embedding") && base->output == TALLY_PRICE_UNKNOWN)
        base->output = 0;
    /* Zero for both is how the table writes "not known". */
    if (base->input == TALLY_PRICE_UNKNOWN || (base->input == 0 && base->output <= 0))
        return PRICE_ENTRY_NO_PRICE;
    fold_batch(e);
    if (sold_by(e, OPENAI, sizeof OPENAI / sizeof OPENAI[0])) apply_openai(e->price);
    if (sold_by(e, ANTHROPIC, 1)) apply_anthropic(e->price);
    return PRICE_ENTRY_ROW;
}

static bool mode_is_text(tally_span mode) {
    static const char *const MODES[] = {"", "chat", "responses", "completion", "embedding"};
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++)
        if (tally_span_is(mode, MODES[i])) return true;
    return false;
}

price_entry price_parse_litellm(const tally_json *key, const tally_json *value, tally_price *out,
                                const char **why) {
    tally_price_init(out);
    entry e = {.price = out, .batch = out->priority, .cache_hit = TALLY_PRICE_UNKNOWN};
    tally_json_iter iter;
    tally_json name, member;
    if (value->type != TALLY_JSON_OBJECT)
        e.why = "the entry is not an object";
    else if (!price_take_model(key, out->model))
        e.why = "the model's name is not one";
    tally_json_iter_init(&iter, value);
    while (!e.why && tally_json_next(&iter, &name, &member))
        take_field(&e, &name, &member);
    *why = e.why;
    if (!mode_is_text(e.mode)) return PRICE_ENTRY_NO_PRICE;
    return e.why ? PRICE_ENTRY_BAD : finish(&e);
}
