/* Fuzzes the Copilot CLI adapter with the events of whole sessions, read in two passes. Its
 * database is in database_fuzz.c. */
#include "adapter_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_adapter(&capture_copilot, data, size);
}
