/* Any bytes as git's log, and as words: what comes out is one short line of UTF-8; as an amount of
 * money, and as the value of any field of a policy: what is taken means the same when it is written
 * again. */
#include <tally/describe.h>
#include <tally/money.h>
#include <tally/plan.h>
#include <tally/policy.h>
#include <tally/price.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

static void try_money(tally_span text) {
    char printed[TALLY_MONEY_TEXT_BYTES];
    int64_t pico, again, lenient;
    int rc = tally_pico_parse(text, false, &pico);
    must(rc == 0 || rc == TALLY_EFORMAT || rc == TALLY_EOVERFLOW);
    if (rc != 0) return;
    must(tally_pico_parse(text, true, &lenient) == 0 && lenient == pico);
    for (int decimals = 0; decimals <= TALLY_PICO_DECIMALS; decimals += 4) {
        tally_pico_format(pico, decimals, printed);
        must(tally_pico_parse(tally_span_str(printed), false, &again) == 0 && again == pico);
    }
    for (int decimals = 0; decimals <= TALLY_PICO_DECIMALS; decimals++)
        tally_pico_format_rounded(pico, decimals, true, printed);
}

static void try_fields(tally_span text) {
    for (int type = TALLY_FIELD_NAME; type < TALLY_FIELD_BLOB; type++) {
        const char *fault = tally_field_text_fault((tally_field_type)type, text);
        must(!fault || *fault);
    }
}

static void try_model(tally_span text) {
    char canonical[TALLY_MODEL_MAX_BYTES];
    if (text.len < sizeof canonical) must(tally_model_canonical(text, canonical) <= text.len);
    (void)tally_plan_covers(text, text, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tally_span log = tally_span_of(data, size);
    char out[TALLY_WORDS_MAX_BYTES];
    int64_t ms;
    size_t n = tally_commit_words(log, tally_span_str("a@b.c"), 0, INT64_MAX, out);
    must(n <= sizeof out && tally_utf8_valid(tally_span_of((uint8_t *)out, n)));
    for (size_t i = 0; i < n; i++)
        must((uint8_t)out[i] >= 0x20 && out[i] != 0x7f);
    (void)tally_words_vague(log);
    if (tally_duration_parse(log, &ms) == 0) must(ms > 0);
    try_money(log);
    try_fields(log);
    try_model(log);
    return 0;
}
