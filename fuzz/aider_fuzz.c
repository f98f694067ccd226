/* Fuzzes the Aider adapter with whole histories, read in two passes. */
#include "adapter_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_adapter_at(&capture_aider, "/p/.aider.input.history", data, size) |
           fuzz_adapter_at(&capture_aider, "/p/.aider.chat.history.md", data, size);
}
