/* Prices: what a response costs under one row, exactly, and the price.set body of a row. Finding
 * the row that applies is the caller's; reading price files is in price_file.c. */
#include "price_parse.h"

#include <tally/time.h>

#include <assert.h>
#include <msgpack.h>
#include <stddef.h>

/* In the bytewise order of their keys, which is the order they are packed in. */
static const struct {
    const char *key;
    size_t offset;
} CLASSES[] = {
    {"cache_read", offsetof(tally_card, cache_read)},
    {"cache_write_1h", offsetof(tally_card, cache_write_1h)},
    {"cache_write_5m", offsetof(tally_card, cache_write_5m)},
    {"input", offsetof(tally_card, input)},
    {"output", offsetof(tally_card, output)},
};
/* Powers of two; five products of these are less than 2^63. */
#define PLAIN_MAX_TOKENS (1ull << 32)
#define PLAIN_MAX_RATE   (1ll << 28) /* pico-units a token: 268 units a million */
enum { CLASS_COUNT = sizeof CLASSES / sizeof CLASSES[0] };

static int64_t *rate_slot(tally_card *card, size_t i) {
    return (int64_t *)(void *)((uint8_t *)card + CLASSES[i].offset);
}

static int64_t rate_at(const tally_card *card, size_t i) {
    return *(const int64_t *)(const void *)((const uint8_t *)card + CLASSES[i].offset);
}

static bool known(int64_t rate) {
    return rate != TALLY_PRICE_UNKNOWN;
}

static tally_card unknown_card(void) {
    return (tally_card){TALLY_PRICE_UNKNOWN, TALLY_PRICE_UNKNOWN, TALLY_PRICE_UNKNOWN,
                        TALLY_PRICE_UNKNOWN, TALLY_PRICE_UNKNOWN};
}

void tally_price_init(tally_price *price) {
    memset(price, 0, sizeof *price);
    memcpy(price->currency, "USD", sizeof price->currency);
    price->from_day = TALLY_PRICE_UNDATED;
    price->base = price->priority = price->flex = unknown_card();
    for (size_t i = 0; i < TALLY_PRICE_MAX_TIERS; i++)
        price->tiers[i].card = price->tiers[i].priority = unknown_card();
    price->web_search = TALLY_PRICE_UNKNOWN;
}

/* ---- applying ---- */

/* The cards of one prompt size: standard, and what is published outright for the variants. */
typedef struct cards {
    const tally_card *standard, *priority, *flex; /* the last two may be NULL */
} cards;

static cards cards_for(const tally_price *price, uint64_t prompt) {
    cards found = {&price->base, &price->priority, &price->flex};
    for (uint32_t i = 0; i < price->tier_count && prompt > price->tiers[i].above_tokens; i++)
        found = (cards){&price->tiers[i].card, &price->tiers[i].priority, NULL};
    return found;
}

tally_ratio price_ratio_of(uint64_t num, uint64_t den) {
    uint64_t common = num, rest = den;
    while (rest) {
        uint64_t next = common % rest;
        common = rest;
        rest = next;
    }
    num /= common;
    den /= common;
    if (num > TALLY_PRICE_RATIO_MAX || den > TALLY_PRICE_RATIO_MAX) return (tally_ratio){0, 0};
    return (tally_ratio){(uint32_t)num, (uint32_t)den};
}

/* variant : base as one ratio, when input and output agree on it; den 0 otherwise. */
static tally_ratio ratio_between(const tally_card *variant, const tally_card *base) {
    tally_ratio none = {0, 0};
    if (variant->input <= 0 || variant->output < 0 || base->input <= 0 || base->output < 0)
        return none;
    if ((tally_i128)variant->input * base->output != (tally_i128)variant->output * base->input)
        return none;
    return price_ratio_of((uint64_t)variant->input, (uint64_t)base->input);
}

/* A line being priced: the card chosen and the multipliers on the sum. */
typedef struct line {
    const tally_card *card;
    tally_ratio ratios[3];
    size_t ratio_count;
    const char *why; /* no price, because ... */
} line;

static int multiply(line *l, tally_ratio ratio, const char *why) {
    if (ratio.den == 0) {
        l->why = why;
        return TALLY_ENOTFOUND;
    }
    assert(l->ratio_count < sizeof l->ratios / sizeof l->ratios[0]);
    l->ratios[l->ratio_count++] = ratio;
    return 0;
}

/* Explicit rates for this prompt size, else the ratio of the explicit base rates, else `fallback`.
 */
static int choose_variant(line *l, const tally_card *explicit_card, const tally_card *explicit_base,
                          const tally_price *price, tally_ratio fallback, const char *why) {
    if (explicit_card && known(explicit_card->input)) {
        l->card = explicit_card;
        return 0;
    }
    tally_ratio ratio = ratio_between(explicit_base, &price->base);
    return multiply(l, ratio.den ? ratio : fallback, why);
}

static int choose_card(line *l, const tally_price *price, const tally_usage *usage,
                       uint64_t prompt) {
    cards found = cards_for(price, prompt);
    l->card = found.standard;
    int rc = 0;
    if (usage->tier & TALLY_TIER_PRIORITY)
        rc = choose_variant(l, found.priority, &price->priority, price, price->fast,
                            "no priority price is published for this model");
    else if (usage->tier & TALLY_TIER_FLEX)
        rc = choose_variant(l, found.flex, &price->flex, price, price->batch,
                            "no flex price is published for this model");
    else if (usage->tier & TALLY_TIER_BATCH)
        rc = multiply(l, price->batch, "no batch price is published for this model");
    if (rc == 0 && (usage->tier & TALLY_TIER_FAST) && !(usage->tier & TALLY_TIER_PRIORITY))
        rc = multiply(l, price->fast, "no fast-mode price is published for this model");
    if (rc == 0 && (usage->tier & TALLY_TIER_US))
        rc = multiply(l, price->us, "no regional price is published for this model");
    return rc;
}

static int add_class(line *l, tally_u128 *sum, uint64_t count, int64_t rate, const char *why) {
    tally_u128 amount;
    if (count == 0) return 0;
    if (!known(rate)) {
        l->why = why;
        return TALLY_ENOTFOUND;
    }
    if (tally_mul_u128(count, (tally_u128)rate, &amount) != 0 ||
        __builtin_add_overflow(*sum, amount, sum))
        return TALLY_EOVERFLOW;
    return 0;
}

static int add_tokens(line *l, const tally_price *price, const tally_usage *usage,
                      tally_u128 *sum) {
    const tally_card *card = l->card;
    int64_t read = card->cache_read, write_5m = card->cache_write_5m,
            write_1h = card->cache_write_1h;
    if (!known(read) && price->read_is_input) read = card->input;
    if (!known(write_5m) && price->write_is_input) write_5m = card->input;
    if (!known(write_1h) && price->write_is_input) write_1h = card->input;
    int rc = add_class(l, sum, usage->input, card->input, "no price is published for input");
    if (rc == 0)
        rc = add_class(l, sum, usage->output, card->output, "no price is published for output");
    if (rc == 0)
        rc = add_class(l, sum, usage->cache_read, read, "no price is published for cache reads");
    if (rc == 0)
        rc = add_class(l, sum, usage->cache_write_5m, write_5m,
                       "no price is published for cache writes");
    if (rc == 0)
        rc = add_class(l, sum, usage->cache_write_1h, write_1h,
                       "no price is published for one-hour cache writes");
    return rc;
}

/* sum x all ratios, rounded half-even once. */
static int scale(const line *l, tally_u128 *sum) {
    tally_u128 num = *sum, den = 1;
    for (size_t i = 0; i < l->ratio_count; i++) {
        if (tally_mul_u128(num, l->ratios[i].num, &num) != 0) return TALLY_EOVERFLOW;
        den *= l->ratios[i].den; /* three factors below 2^32 */
    }
    tally_u128 whole = num / den, twice = num % den * 2;
    if (twice > den || (twice == den && (whole & 1))) whole++;
    *sum = whole;
    return 0;
}

/* Most lines by far: no variant, and counts and rates whose products fit 64 bits. False when it is
 * not one of them. */
static bool apply_plain(const tally_price *price, const tally_usage *usage, int64_t *pico) {
    const uint64_t many = usage->input | usage->output | usage->cache_read | usage->cache_write_5m |
                          usage->cache_write_1h;
    if (usage->tier != 0 || usage->web_searches != 0 || many >= PLAIN_MAX_TOKENS) return false;
    const tally_card *card = &price->base;
    if (price->tier_count != 0)
        card = cards_for(price, usage->input + usage->cache_read + usage->cache_write_5m +
                                    usage->cache_write_1h)
                   .standard;
    const int64_t rates =
        card->input | card->output | card->cache_read | card->cache_write_5m | card->cache_write_1h;
    if (rates < 0 || rates >= PLAIN_MAX_RATE) return false; /* unknown ones are negative */
    const uint64_t sum = usage->input * (uint64_t)card->input +
                         usage->output * (uint64_t)card->output +
                         usage->cache_read * (uint64_t)card->cache_read +
                         usage->cache_write_5m * (uint64_t)card->cache_write_5m +
                         usage->cache_write_1h * (uint64_t)card->cache_write_1h;
    *pico = (int64_t)sum;
    return true;
}

int tally_price_apply(const tally_price *price, const tally_usage *usage, int64_t *pico,
                      const char **why) {
    if (apply_plain(price, usage, pico)) {
        if (why) *why = NULL;
        return 0;
    }
    line l = {0};
    uint64_t prompt = usage->input;
    tally_u128 sum = 0;
    int rc = 0;
    *pico = 0;
    if (tally_add_u64(prompt, usage->cache_read, &prompt) != 0 ||
        tally_add_u64(prompt, usage->cache_write_5m, &prompt) != 0 ||
        tally_add_u64(prompt, usage->cache_write_1h, &prompt) != 0)
        rc = TALLY_EOVERFLOW;
    if (rc == 0) rc = choose_card(&l, price, usage, prompt);
    if (rc == 0) rc = add_tokens(&l, price, usage, &sum);
    if (rc == 0) rc = scale(&l, &sum);
    if (rc == 0)
        rc = add_class(&l, &sum, usage->web_searches, price->web_search,
                       "no price is published for web searches");
    if (rc == 0 && sum > INT64_MAX) rc = TALLY_EOVERFLOW;
    if (rc == TALLY_EOVERFLOW) l.why = "the cost does not fit";
    if (rc == 0) *pico = (int64_t)sum;
    if (why) *why = l.why;
    return rc;
}

/* ---- price.set: writing ---- */

typedef struct scratch {
    uint8_t *at;
    size_t left;
} scratch;

static int scratch_write(void *data, const char *bytes, size_t len) {
    scratch *s = data;
    bool fits = len <= s->left;
    assert(fits); /* TALLY_PRICE_SCRATCH_BYTES holds the largest row */
    if (!fits) return -1;
    memcpy(s->at, bytes, len);
    s->at += len;
    s->left -= len;
    return 0;
}

static void pack_key(msgpack_packer *packer, const char *key) {
    size_t len = strlen(key);
    msgpack_pack_str(packer, len);
    msgpack_pack_str_body(packer, key, len);
}

static size_t known_count(const tally_card *card) {
    size_t count = 0;
    for (size_t i = 0; i < CLASS_COUNT; i++)
        count += known(rate_at(card, i));
    return count;
}

static void pack_rates(msgpack_packer *packer, const tally_card *card) {
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        if (!known(rate_at(card, i))) continue;
        pack_key(packer, CLASSES[i].key);
        msgpack_pack_uint64(packer, (uint64_t)rate_at(card, i));
    }
}

static void put_card(tally_writer *writer, const char *key, const tally_card *card, scratch *s) {
    if (known_count(card) == 0) return;
    uint8_t *start = s->at;
    msgpack_packer packer;
    msgpack_packer_init(&packer, s, scratch_write);
    msgpack_pack_map(&packer, known_count(card));
    pack_rates(&packer, card);
    tally_put_raw(writer, key, tally_span_of(start, (size_t)(s->at - start)));
}

static void put_tiers(tally_writer *writer, const tally_price *price, scratch *s) {
    if (price->tier_count == 0) return;
    uint8_t *start = s->at;
    msgpack_packer packer;
    msgpack_packer_init(&packer, s, scratch_write);
    msgpack_pack_array(&packer, price->tier_count);
    for (uint32_t i = 0; i < price->tier_count; i++) {
        const tally_card *priority = &price->tiers[i].priority;
        size_t priority_count = known_count(priority);
        msgpack_pack_map(&packer, 1 + known_count(&price->tiers[i].card) + (priority_count > 0));
        pack_key(&packer, "above");
        msgpack_pack_uint64(&packer, price->tiers[i].above_tokens);
        pack_rates(&packer, &price->tiers[i].card);
        if (priority_count > 0) {
            pack_key(&packer, "priority");
            msgpack_pack_map(&packer, priority_count);
            pack_rates(&packer, priority);
        }
    }
    tally_put_raw(writer, "tiers", tally_span_of(start, (size_t)(s->at - start)));
}

static void put_ratio(tally_writer *writer, const char *key, tally_ratio ratio, scratch *s) {
    if (ratio.den == 0) return;
    uint8_t *start = s->at;
    msgpack_packer packer;
    msgpack_packer_init(&packer, s, scratch_write);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint32(&packer, ratio.num);
    msgpack_pack_uint32(&packer, ratio.den);
    tally_put_raw(writer, key, tally_span_of(start, (size_t)(s->at - start)));
}

/* "YYYY-MM-DD" into the scratch buffer, where the writer may borrow it. */
static void put_from(tally_writer *writer, int64_t from_day, scratch *s) {
    if (from_day == TALLY_PRICE_UNDATED) return;
    assert(s->left >= TALLY_TIME_TEXT_BYTES);
    char *text = (char *)s->at;
    tally_date_format(from_day, text);
    s->at += strlen(text);
    s->left -= strlen(text);
    tally_put_str(writer, "from", tally_span_str(text));
}

void tally_price_put(tally_writer *writer, const tally_price *price, void *scratch_bytes,
                     size_t scratch_size) {
    scratch s = {scratch_bytes, scratch_size};
    tally_put_str(writer, "model", tally_span_str(price->model));
    tally_put_str(writer, "currency", tally_span_str(price->currency));
    tally_put_str_opt(writer, "source", tally_span_str(price->source));
    put_from(writer, price->from_day, &s);
    for (size_t i = 0; i < CLASS_COUNT; i++)
        if (known(rate_at(&price->base, i)))
            tally_put_u64(writer, CLASSES[i].key, (uint64_t)rate_at(&price->base, i));
    put_tiers(writer, price, &s);
    put_card(writer, "priority", &price->priority, &s);
    put_card(writer, "flex", &price->flex, &s);
    put_ratio(writer, "fast", price->fast, &s);
    put_ratio(writer, "batch", price->batch, &s);
    put_ratio(writer, "us", price->us, &s);
    if (known(price->web_search)) tally_put_u64(writer, "web_search", (uint64_t)price->web_search);
    if (price->write_is_input) tally_put_true(writer, "write_is_input");
    if (price->read_is_input) tally_put_true(writer, "read_is_input");
}

/* ---- price.set: reading ---- */

static bool read_rate(const tally_value *value, int64_t *rate) {
    if (value->type != TALLY_VALUE_UINT || value->as.uint > (uint64_t)TALLY_PRICE_MAX_PICO)
        return false;
    *rate = (int64_t)value->as.uint;
    return true;
}

/* Reads `value` into the class named `key`; false when it is no rate. Other keys are left to newer
 * versions. */
static bool read_class(tally_card *card, tally_span key, const tally_value *value) {
    for (size_t i = 0; i < CLASS_COUNT; i++)
        if (tally_span_is(key, CLASSES[i].key)) return read_rate(value, rate_slot(card, i));
    return true;
}

static bool read_card(const tally_value *map, tally_card *card) {
    if (map->type != TALLY_VALUE_MAP) return false;
    tally_cursor cursor = tally_cursor_of(map);
    tally_value key, value;
    while (tally_cursor_next(&cursor, &key) && tally_cursor_next(&cursor, &value))
        if (!read_class(card, key.bytes, &value)) return false;
    return true;
}

static bool read_tier(const tally_value *map, uint64_t *above, tally_card *card,
                      tally_card *priority) {
    bool has_above = false;
    if (!read_card(map, card)) return false;
    tally_cursor cursor = tally_cursor_of(map);
    tally_value key, value;
    while (tally_cursor_next(&cursor, &key) && tally_cursor_next(&cursor, &value)) {
        if (tally_span_is(key.bytes, "above")) {
            if (value.type != TALLY_VALUE_UINT) return false;
            *above = value.as.uint;
            has_above = true;
        }
        if (tally_span_is(key.bytes, "priority") && !read_card(&value, priority)) return false;
    }
    return has_above;
}

static bool read_tiers(const tally_value *array, tally_price *out) {
    if (array->type != TALLY_VALUE_ARRAY || array->count > TALLY_PRICE_MAX_TIERS) return false;
    tally_cursor cursor = tally_cursor_of(array);
    tally_value map;
    while (tally_cursor_next(&cursor, &map)) {
        uint32_t i = out->tier_count++;
        if (!read_tier(&map, &out->tiers[i].above_tokens, &out->tiers[i].card,
                       &out->tiers[i].priority))
            return false;
        if (i > 0 && out->tiers[i].above_tokens <= out->tiers[i - 1].above_tokens) return false;
    }
    return true;
}

static bool read_ratio(const tally_value *array, tally_ratio *out) {
    if (array->type != TALLY_VALUE_ARRAY || array->count != 2) return false;
    tally_cursor cursor = tally_cursor_of(array);
    tally_value part[2];
    for (size_t i = 0; i < 2; i++)
        if (!tally_cursor_next(&cursor, &part[i]) || part[i].type != TALLY_VALUE_UINT ||
            part[i].as.uint == 0 || part[i].as.uint > TALLY_PRICE_RATIO_MAX)
            return false;
    *out = (tally_ratio){(uint32_t)part[0].as.uint, (uint32_t)part[1].as.uint};
    return true;
}

/* Text of at most size - 1 bytes without control characters, NUL-terminated in `out`. */
static bool read_text(const tally_value *value, char *out, size_t size) {
    if (value->type != TALLY_VALUE_STR || value->bytes.len == 0 || value->bytes.len >= size)
        return false;
    for (size_t i = 0; i < value->bytes.len; i++)
        if (value->bytes.ptr[i] < 0x20 || value->bytes.ptr[i] == 0x7f) return false;
    memcpy(out, value->bytes.ptr, value->bytes.len);
    out[value->bytes.len] = '\0';
    return true;
}

static bool read_currency(const tally_value *value, char *out) {
    return read_text(value, out, 4) && tally_currency_decimals(value->bytes) >= 0;
}

static bool read_from(const tally_value *value, int64_t *from_day) {
    return value->type == TALLY_VALUE_STR && tally_date_parse(value->bytes, from_day) == 0;
}

static bool read_flag(const tally_value *value, bool *out) {
    *out = value->type == TALLY_VALUE_BOOL && value->as.boolean;
    return value->type == TALLY_VALUE_BOOL;
}

static bool read_field(tally_price *out, tally_span key, const tally_value *value) {
    if (tally_span_is(key, "model")) return read_text(value, out->model, sizeof out->model);
    if (tally_span_is(key, "currency")) return read_currency(value, out->currency);
    if (tally_span_is(key, "source")) return read_text(value, out->source, sizeof out->source);
    if (tally_span_is(key, "from")) return read_from(value, &out->from_day);
    if (tally_span_is(key, "tiers")) return read_tiers(value, out);
    if (tally_span_is(key, "priority")) return read_card(value, &out->priority);
    if (tally_span_is(key, "flex")) return read_card(value, &out->flex);
    if (tally_span_is(key, "fast")) return read_ratio(value, &out->fast);
    if (tally_span_is(key, "batch")) return read_ratio(value, &out->batch);
    if (tally_span_is(key, "us")) return read_ratio(value, &out->us);
    if (tally_span_is(key, "web_search")) return read_rate(value, &out->web_search);
    if (tally_span_is(key, "write_is_input")) return read_flag(value, &out->write_is_input);
    if (tally_span_is(key, "read_is_input")) return read_flag(value, &out->read_is_input);
    return read_class(&out->base, key, value);
}

int tally_price_read(const tally_record *record, tally_price *out, tally_error *err) {
    tally_price_init(out);
    out->currency[0] = '\0';
    tally_cursor cursor = tally_cursor_of_body(record);
    tally_value key, value;
    while (tally_cursor_next(&cursor, &key) && tally_cursor_next(&cursor, &value))
        if (!read_field(out, key.bytes, &value))
            return tally_fail(err, TALLY_EFORMAT, "price.set: '%.*s' is not what it must be",
                              (int)key.bytes.len, (const char *)key.bytes.ptr);
    if (!out->model[0] || !out->currency[0])
        return tally_fail(err, TALLY_EFORMAT, "price.set: model or currency is missing");
    return 0;
}
