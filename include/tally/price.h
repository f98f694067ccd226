/* Prices: what one API response costs, in exact integers. A card holds the pico-units per token of
 * each class; a price row is a model's cards in force from a UTC date. Pure functions; where rows
 * come from is the caller's matter. */
#ifndef TALLY_PRICE_H
#define TALLY_PRICE_H

#include <tally/bytes.h>
#include <tally/error.h>
#include <tally/money.h>
#include <tally/record.h>

#define TALLY_MODEL_MAX_BYTES      256u
#define TALLY_PRICE_MAX_TIERS      4u
#define TALLY_PRICE_UNKNOWN        (-1) /* a class without a published price */
#define TALLY_PRICE_UNDATED        INT32_MIN
#define TALLY_PRICE_MAX_PICO       (1000 * TALLY_PICO) /* per token or search; more is nonsense */
#define TALLY_PRICE_RATIO_MAX      1000000u            /* of either part of a multiplier */
#define TALLY_PRICE_FILE_MAX_BYTES (64u * 1024u * 1024u)
#define TALLY_PRICE_TYPED          "typed" /* the source of a row that a person set */

/* Pico-units per token, each TALLY_PRICE_UNKNOWN where nothing is published. */
typedef struct tally_card {
    int64_t input, output, cache_read, cache_write_5m, cache_write_1h;
} tally_card;

typedef struct tally_ratio {
    uint32_t num, den; /* den 0: no such variant is sold */
} tally_ratio;

typedef struct tally_price {
    char model[TALLY_MODEL_MAX_BYTES]; /* as the source names it, NUL-terminated */
    char currency[4];
    int64_t
        from_day; /* days since 1970-01-01 UTC; TALLY_PRICE_UNDATED when the source gives no date */
    tally_card
        base; /* .input unknown: from that day on the model is known to have no usable price */
    uint32_t tier_count; /* whole-request cards, ascending by threshold */
    struct {
        uint64_t above_tokens; /* applies when the prompt is strictly larger */
        tally_card card;       /* all unknown: the threshold is known, its rates are not */
        tally_card
            priority; /* explicit priority rates above the threshold, like `priority` below */
    } tiers[TALLY_PRICE_MAX_TIERS];
    tally_card priority; /* explicit priority rates; .input unknown when none are published */
    tally_card flex;
    tally_ratio fast, batch, us; /* multipliers on the whole line */
    int64_t web_search;          /* pico-units a search; TALLY_PRICE_UNKNOWN when none */
    bool write_is_input; /* no cache-write price exists: written tokens are ordinary input (OpenAI
                            before 5.6) */
    bool read_is_input;  /* no cache-read price: charged at the input rate */
    char source[160];
} tally_price;

/* Nothing known yet: every class TALLY_PRICE_UNKNOWN, no variant sold, USD, undated. */
void tally_price_init(tally_price *price);

typedef enum tally_tier_flag {
    TALLY_TIER_FAST = 1u << 0,
    TALLY_TIER_US = 1u << 1,
    TALLY_TIER_BATCH = 1u << 2,
    TALLY_TIER_PRIORITY = 1u << 3,
    TALLY_TIER_FLEX = 1u << 4
} tally_tier_flag;

/* Disjoint token classes; output contains reasoning. */
typedef struct tally_usage {
    uint64_t input, output, cache_read, cache_write_5m, cache_write_1h;
    uint64_t web_searches;
    uint32_t tier; /* tally_tier_flag */
} tally_usage;

/* Tiers: batch, priority and flex exclude each other (the first of priority, flex, batch counts),
 * and so do fast and priority; us multiplies whatever else applies. Explicit priority and flex
 * rates come first; on a card without any the ratio of the explicit base rates stands in if input
 * and output agree on it, then `fast` (priority) or `batch` (flex).
 *
 * The price of `usage` under `price`, rounded half-even once to a pico-unit. 0; TALLY_ENOTFOUND
 * when a class that was used has no published price (the caller shows it as unpriced; `why` may be
 * NULL, else gets a static sentence); TALLY_EOVERFLOW. The card is the tier with the largest
 * threshold below the prompt (input + cache_read + cache_write_5m + cache_write_1h), the whole
 * request, output included. */
int tally_price_apply(const tally_price *price, const tally_usage *usage, int64_t *pico,
                      const char **why);

/* Canonical model name for comparison: region, provider, ARN, version, date and
 * bracket decorations stripped, lower case, only letters and digits. Returns the length; 0 when
 * nothing is left. `out` holds TALLY_MODEL_MAX_BYTES. */
size_t tally_model_canonical(tally_span model, char *out);
/* True when the name carries a regional prefix (us. eu. jp. au. apac.; not global.) whose price
 * differs. The resolver may find such a name only without its prefix: then the caller adds
 * TALLY_TIER_US, so that the regional factor stays in the price (tally_model_is_regional of the raw
 * name, but not of the row's). */
bool tally_model_is_regional(tally_span model);

/* price.set body <-> tally_price: model, currency, from ("YYYY-MM-DD"), the classes of tally_card
 * by name, tiers (array of maps: above, classes, priority), priority and flex (maps), fast, batch
 * and us ([num, den]), web_search, write_is_input, read_is_input, source; absent what is unknown.
 * `price` and `scratch` are borrowed until the writer encodes. Reading is strict: TALLY_EFORMAT on
 * nonsense. */
void tally_price_put(tally_writer *writer, const tally_price *price, void *scratch,
                     size_t scratch_size);
#define TALLY_PRICE_SCRATCH_BYTES 2048u
int tally_price_read(const tally_record *record, tally_price *out, tally_error *err);

/* The table that ships with the program: every row for which the resolver finds `model`
 * (exact, '.'->'-', case, canonical; ambiguous counts as none), oldest first. `*count` 0 when
 * unknown. The rows are the caller's to free with free(). */
int tally_price_shipped(tally_span model, tally_price **rows, size_t *count, tally_error *err);

typedef int tally_price_row_fn(void *ctx, const tally_price *row, tally_error *err);
/* Calls `fn` for every row of that table, the rows of one model one after the other, oldest first.
 * Ends at the first return other than 0, which it returns. */
int tally_price_shipped_each(tally_price_row_fn *fn, void *ctx, tally_error *err);

/* Which of `count` candidate names the resolver picks for `model`; -1 for none or ambiguous. Exact,
 * then with '.' as
 * '-', then whatever the case, then by canonical form. Of equal canonical forms none counts whose
 * region, version, date or :batch/:free variant contradicts `model`'s; the best keeps the region,
 * then needs no provider prefix stripped, then has the same date, then the same version. Repeated
 * names count once. */
int tally_model_resolve(tally_span model, const tally_span *candidates, size_t count);

/* Streams the rows of a price file: LiteLLM's model_prices_and_context_window.json or our own
 * table's schema, told apart by content. `fn` is called for each row; entries that hold no token
 * price are passed over; a malformed entry calls `bad` (may be NULL) with its name and why, and the
 * rest goes on. TALLY_EFORMAT when the file is not JSON. */
typedef void tally_price_bad_fn(void *ctx, tally_span model, const char *why);
int tally_price_parse_file(tally_span json, const char *source, tally_price_row_fn *fn,
                           tally_price_bad_fn *bad, void *ctx, tally_error *err);

#endif
