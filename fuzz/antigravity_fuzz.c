/* Fuzzes what Antigravity leaves: every input as a protocol buffer of its database, and as a
 * transcript read in two passes. */
#include "adapter_fuzz.h"

#include "capture/antigravity_generation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    antigravity_generation generation;
    capture_path path;
    const char *why = NULL;
    const tally_span bytes = tally_span_of(data, size);
    if (antigravity_generation_read(bytes, &generation, &why) == 0) {
        require(generation.reasoning <= generation.usage.output);
        require(generation.usage.input < COUNT_MAX && generation.usage.output < COUNT_MAX);
        require(generation.model.len <= CAPTURE_ID_MAX_BYTES && generation.time_ms >= 0);
    } else {
        require(why && *why);
    }
    if (antigravity_workspace_read(bytes, &path)) require(path.len > 0 && path.text[0] == '/');
    return fuzz_adapter(&capture_antigravity, data, size);
}
