/* Price files from strangers: whatever parses must be a row that a price.set record can hold and
 * give back. */
#include <tally/price.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) abort();
}

static bool is_rate(int64_t rate) {
    return rate >= TALLY_PRICE_UNKNOWN && rate <= TALLY_PRICE_MAX_PICO;
}

static void check_card(const tally_card *card) {
    check(is_rate(card->input) && is_rate(card->output) && is_rate(card->cache_read) &&
          is_rate(card->cache_write_5m) && is_rate(card->cache_write_1h));
}

static int check_row(void *ctx, const tally_price *row, tally_error *err) {
    tally_writer *writer = ctx;
    uint8_t scratch[TALLY_PRICE_SCRATCH_BYTES];
    char canonical[TALLY_MODEL_MAX_BYTES];
    tally_span bytes;
    tally_record record;
    tally_price again;
    int64_t pico;
    tally_usage usage = {1, 2, 3, 4, 5, 6, TALLY_TIER_US | TALLY_TIER_PRIORITY};
    check_card(&row->base);
    for (uint32_t i = 0; i < row->tier_count; i++)
        check_card(&row->tiers[i].card);
    (void)tally_price_apply(row, &usage, &pico, NULL);
    (void)tally_model_canonical(tally_span_str(row->model), canonical);
    tally_span name = tally_span_str(row->model);
    check(tally_model_resolve(name, &name, 1) == 0);
    tally_writer_begin(writer);
    tally_price_put(writer, row, scratch, sizeof scratch);
    check(tally_writer_encode(writer, "price.set", 1, &bytes, err) == 0);
    check(tally_record_parse(bytes, &record, err) == 0);
    check(tally_price_read(&record, &again, err) == 0);
    check(memcmp(row, &again, sizeof again) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_error err = {0};
    tally_writer *writer;
    if (tally_writer_new(&writer, &err) != 0) return 0;
    (void)tally_price_parse_file(tally_span_of(data, size), "fuzz", check_row, NULL, writer, &err);
    tally_writer_free(writer);
    return 0;
}
