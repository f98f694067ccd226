/* Any bytes as git's log, and as words: what comes out is one short line of UTF-8. */
#include <tally/describe.h>
#include <tally/record.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
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
    return 0;
}
