/* Fuzzes the Gemini CLI adapter with whole chats, read in two passes. */
#include "adapter_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_adapter(&capture_gemini, data, size);
}
