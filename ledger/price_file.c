/* Price files: tells the two formats apart and reads rows of our own schema. LiteLLM's entries are
 * read in price_litellm.c, the table that ships in price_table.c. */
#include "price_parse.h"

#include <tally/time.h>

#include <stddef.h>

#define PICO_PER_TOKEN_IN_MTOK 1000000 /* "usd_per_mtok" counts for this many tokens */

/* ---- values ---- */

/* The decimal text of a number, or of a string that holds one. */
static bool decimal_text(const tally_json *value, tally_span *text) {
    *text = value->raw;
    return value->type == TALLY_JSON_NUMBER ||
           (value->type == TALLY_JSON_STRING && !value->escaped);
}

static bool take_amount(const tally_json *value, int64_t *pico) {
    tally_span text;
    return decimal_text(value, &text) && tally_pico_parse(text, true, pico) == 0 && *pico >= 0;
}

bool price_take_per_token(const tally_json *value, int64_t *pico) {
    int64_t amount;
    if (value->type == TALLY_JSON_NULL) return true;
    if (!take_amount(value, &amount) || amount > TALLY_PRICE_MAX_PICO) return false;
    *pico = amount;
    return true;
}

static bool take_per_mtok(const tally_json *value, int64_t *pico) {
    int64_t amount;
    if (value->type == TALLY_JSON_NULL) return true;
    if (!take_amount(value, &amount) || amount % PICO_PER_TOKEN_IN_MTOK != 0) return false;
    *pico = amount / PICO_PER_TOKEN_IN_MTOK; /* below the limit: int64 / 1e6 < 1e15 */
    return *pico <= TALLY_PRICE_MAX_PICO;
}

bool price_take_ratio(const tally_json *value, tally_ratio *out) {
    int64_t pico;
    if (value->type == TALLY_JSON_NULL) return true;
    if (!take_amount(value, &pico) || pico == 0) return false;
    *out = price_ratio_of((uint64_t)pico, (uint64_t)TALLY_PICO);
    return out->den != 0;
}

bool price_take_model(const tally_json *value, char out[TALLY_MODEL_MAX_BYTES]) {
    size_t len;
    /* A longer name fills the buffer to its end but for a cut character, and is refused as a whole.
     */
    if (value->type != TALLY_JSON_STRING || value->raw.len >= TALLY_MODEL_MAX_BYTES ||
        !tally_utf8_valid(value->raw))
        return false;
    memset(out, 0,
           TALLY_MODEL_MAX_BYTES); /* equal rows are equal bytes, also after a repeated key */
    tally_json_text(value, out, TALLY_MODEL_MAX_BYTES - 1, &len);
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)out[i] < 0x20 || out[i] == 0x7f) return false;
    return len > 0;
}

int price_tier_above(tally_price *price, uint64_t tokens) {
    uint32_t at = 0;
    while (at < price->tier_count && price->tiers[at].above_tokens < tokens)
        at++;
    if (at < price->tier_count && price->tiers[at].above_tokens == tokens) return (int)at;
    if (price->tier_count == TALLY_PRICE_MAX_TIERS) return -1;
    tally_price blank;
    tally_price_init(&blank);
    memmove(&price->tiers[at + 1], &price->tiers[at],
            (price->tier_count - at) * sizeof price->tiers[0]);
    price->tiers[at] = blank.tiers[0];
    price->tiers[at].above_tokens = tokens;
    price->tier_count++;
    return (int)at;
}

/* ---- our own schema ---- */

static const struct {
    const char *key;
    size_t offset;
} CLASSES[] = {
    {"input", offsetof(tally_card, input)},
    {"output", offsetof(tally_card, output)},
    {"cache_read", offsetof(tally_card, cache_read)},
    {"cache_write_short", offsetof(tally_card, cache_write_5m)},
    {"cache_write_1h", offsetof(tally_card, cache_write_1h)},
};

static bool take_card(const tally_json *object, tally_card *card) {
    tally_json_iter iter;
    tally_json key, value;
    if (object->type == TALLY_JSON_NULL) return true;
    if (object->type != TALLY_JSON_OBJECT) return false;
    tally_json_iter_init(&iter, object);
    while (tally_json_next(&iter, &key, &value))
        for (size_t i = 0; i < sizeof CLASSES / sizeof CLASSES[0]; i++) {
            void *slot = (uint8_t *)card + CLASSES[i].offset;
            if (tally_json_key_is(&key, CLASSES[i].key) && !take_per_mtok(&value, slot))
                return false;
        }
    return true;
}

static bool take_tier(const tally_json *object, tally_price *out) {
    tally_json threshold, priority;
    uint64_t tokens;
    if (!tally_json_get(object, "threshold_prompt_tokens", &threshold) ||
        !tally_json_u64(&threshold, &tokens))
        return false;
    int at = price_tier_above(out, tokens);
    if (at < 0 || !take_card(object, &out->tiers[at].card)) return false;
    return !tally_json_get(object, "priority", &priority) ||
           take_card(&priority, &out->tiers[at].priority);
}

/* One card, or an array of them. */
static bool take_tiers(const tally_json *value, tally_price *out) {
    tally_json_iter iter;
    tally_json element;
    if (value->type == TALLY_JSON_NULL) return true;
    if (value->type == TALLY_JSON_OBJECT) return take_tier(value, out);
    if (value->type != TALLY_JSON_ARRAY) return false;
    tally_json_iter_init(&iter, value);
    while (tally_json_next(&iter, NULL, &element))
        if (element.type != TALLY_JSON_OBJECT || !take_tier(&element, out)) return false;
    return true;
}

static bool take_date(const tally_json *value, int64_t *day) {
    if (value->type == TALLY_JSON_NULL) return true;
    return value->type == TALLY_JSON_STRING && !value->escaped &&
           tally_date_parse(value->raw, day) == 0;
}

static bool take_flag(const tally_json *value, bool *out) {
    *out = tally_json_true(value);
    return value->type == TALLY_JSON_BOOL || value->type == TALLY_JSON_NULL;
}

/* "a; b; c", cut at a character boundary where it gets too long. */
static bool take_sources(const tally_json *array, char *out, size_t size) {
    tally_json_iter iter;
    tally_json element;
    size_t used = 0;
    if (array->type != TALLY_JSON_ARRAY) return array->type == TALLY_JSON_NULL;
    memset(out, 0, size);
    tally_json_iter_init(&iter, array);
    while (tally_json_next(&iter, NULL, &element) && used + 3 < size) {
        size_t len;
        if (element.type != TALLY_JSON_STRING) return false;
        if (used > 0) {
            memcpy(out + used, "; ", 2);
            used += 2;
        }
        tally_json_text(&element, out + used, size - 1 - used, &len);
        used += len;
    }
    for (size_t i = 0; i < used; i++)
        if ((uint8_t)out[i] < 0x20 || out[i] == 0x7f) out[i] = ' ';
    return true;
}

typedef struct own_row {
    tally_price *price;
    bool unpriced; /* says outright that from this day on there is no usable price */
} own_row;

/* Reads one member; the name of what is wrong with it, NULL when nothing is. */
static const char *take_own_field(own_row *row, const tally_json *key, const tally_json *value) {
    tally_price *out = row->price;
    if (tally_json_key_is(key, "model"))
        return price_take_model(value, out->model) ? NULL : "model is not a name";
    if (tally_json_key_is(key, "effective_from"))
        return take_date(value, &out->from_day) ? NULL : "effective_from is not YYYY-MM-DD";
    if (tally_json_key_is(key, "usd_per_mtok"))
        return take_card(value, &out->base) ? NULL : "usd_per_mtok holds what is no price";
    if (tally_json_key_is(key, "long_context"))
        return take_tiers(value, out) ? NULL : "long_context is not a list of cards";
    if (tally_json_key_is(key, "priority"))
        return take_card(value, &out->priority) ? NULL : "priority holds what is no price";
    if (tally_json_key_is(key, "flex"))
        return take_card(value, &out->flex) ? NULL : "flex holds what is no price";
    if (tally_json_key_is(key, "fast_multiplier"))
        return price_take_ratio(value, &out->fast) ? NULL : "fast_multiplier is not a ratio";
    if (tally_json_key_is(key, "batch_multiplier"))
        return price_take_ratio(value, &out->batch) ? NULL : "batch_multiplier is not a ratio";
    if (tally_json_key_is(key, "us_multiplier"))
        return price_take_ratio(value, &out->us) ? NULL : "us_multiplier is not a ratio";
    if (tally_json_key_is(key, "usd_per_web_search"))
        return price_take_per_token(value, &out->web_search) ? NULL
                                                             : "usd_per_web_search is no price";
    if (tally_json_key_is(key, "write_is_input"))
        return take_flag(value, &out->write_is_input) ? NULL
                                                      : "write_is_input is not true or false";
    if (tally_json_key_is(key, "read_is_input"))
        return take_flag(value, &out->read_is_input) ? NULL : "read_is_input is not true or false";
    if (tally_json_key_is(key, "unpriced"))
        return take_flag(value, &row->unpriced) ? NULL : "unpriced is not true or false";
    if (tally_json_key_is(key, "sources"))
        return take_sources(value, out->source, sizeof out->source) ? NULL
                                                                    : "sources is not a list";
    return NULL;
}

price_entry price_parse_own(const tally_json *entry, tally_price *out, const char **why) {
    tally_json_iter iter;
    tally_json key, value;
    own_row row = {out, false};
    tally_price_init(out);
    *why = entry->type == TALLY_JSON_OBJECT ? NULL : "a row is not an object";
    tally_json_iter_init(&iter, entry);
    while (!*why && tally_json_next(&iter, &key, &value))
        *why = take_own_field(&row, &key, &value);
    if (!*why && !out->model[0]) *why = "model is missing";
    if (*why) return PRICE_ENTRY_BAD;
    if (row.unpriced) out->base.input = TALLY_PRICE_UNKNOWN;
    return row.unpriced || out->base.input != TALLY_PRICE_UNKNOWN ? PRICE_ENTRY_ROW
                                                                  : PRICE_ENTRY_NO_PRICE;
}

/* ---- files ---- */

typedef struct reader {
    const char *source;
    tally_price_row_fn *fn;
    tally_price_bad_fn *bad;
    void *ctx;
} reader;

static int hand_on(const reader *r, price_entry entry, tally_price *price, tally_span name,
                   const char *why, tally_error *err) {
    if (entry == PRICE_ENTRY_BAD && r->bad) r->bad(r->ctx, name, why);
    if (entry != PRICE_ENTRY_ROW) return 0;
    if (!price->source[0] && r->source) {
        size_t len = strnlen(r->source, sizeof price->source - 1);
        memcpy(price->source, r->source, len);
        price->source[len] = '\0';
    }
    return r->fn(r->ctx, price, err);
}

static int read_own(const reader *r, const tally_json *rows, tally_error *err) {
    tally_json_iter iter;
    tally_json entry;
    tally_price price;
    const char *why;
    int rc = 0;
    tally_json_iter_init(&iter, rows);
    while (rc == 0 && tally_json_next(&iter, NULL, &entry)) {
        price_entry kind = price_parse_own(&entry, &price, &why);
        rc = hand_on(r, kind, &price, tally_span_str(price.model), why, err);
    }
    return rc;
}

static int read_litellm(const reader *r, const tally_json *root, tally_error *err) {
    tally_json_iter iter;
    tally_json key, entry;
    tally_price price;
    const char *why;
    int rc = 0;
    tally_json_iter_init(&iter, root);
    while (rc == 0 && tally_json_next(&iter, &key, &entry)) {
        price_entry kind = price_parse_litellm(&key, &entry, &price, &why);
        rc = hand_on(r, kind, &price, key.raw, why, err);
    }
    return rc;
}

int tally_price_parse_file(tally_span json, const char *source, tally_price_row_fn *fn,
                           tally_price_bad_fn *bad, void *ctx, tally_error *err) {
    reader r = {source, fn, bad, ctx};
    tally_json root, rows;
    const char *name = source ? source : "the price file";
    if (json.len > TALLY_PRICE_FILE_MAX_BYTES)
        return tally_fail(err, TALLY_ELIMIT, "cannot read %s: it is larger than %u MiB", name,
                          TALLY_PRICE_FILE_MAX_BYTES >> 20);
    if (tally_json_parse(json, &root) != 0 || root.type != TALLY_JSON_OBJECT)
        return tally_fail(err, TALLY_EFORMAT,
                          "cannot read %s: it is not a JSON object; take LiteLLM's "
                          "model_prices_and_context_window.json",
                          name);
    if (tally_json_get(&root, "rows", &rows) && rows.type == TALLY_JSON_ARRAY)
        return read_own(&r, &rows, err);
    return read_litellm(&r, &root, err);
}
