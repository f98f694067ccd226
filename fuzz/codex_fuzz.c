/* Fuzzes the Codex adapter with whole log files, read in two passes. */
#include "adapter_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_adapter(&capture_codex, data, size);
}
