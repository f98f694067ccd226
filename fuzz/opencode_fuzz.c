/* Fuzzes what OpenCode keeps as JSON in its rows: every text as a message and as a part. */
#include <stdlib.h>

#include "capture/opencode_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds) abort();
}

static void use(const opencode_tokens *tokens, const char *version) {
    const uint64_t max = UINT64_C(1) << 55; /* of a sum of counts up to 2^53 */
    tally_usage usage;
    uint64_t reasoning;
    (void)opencode_usage(tokens, tally_span_str(version), &usage, &reasoning);
    require(reasoning <= usage.output && usage.output < max && usage.input < max);
    require(usage.cache_read < max && usage.cache_write_5m < max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    opencode_message message;
    opencode_part part;
    const char *why = NULL;
    const tally_span text = tally_span_of(data, size);
    if (opencode_message_read(text, &message, &why) == 0) {
        require(message.model.len <= CAPTURE_ID_MAX_BYTES && message.created_ms >= 0);
        use(&message.tokens, "1.18.33");
    } else {
        require(why && *why);
    }
    if (opencode_part_read(text, &part, &why) == 0) use(&part.tokens, "0.15.2");
    return 0;
}
