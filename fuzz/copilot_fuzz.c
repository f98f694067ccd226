/* Fuzzes the Copilot CLI adapter with the events of whole sessions, read in two passes. Its
 * database is in database_fuzz.c. */
#include "adapter_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = size > 0 && data[0] & 1 ? "/h/.copilot/session-state/0a1b/events.jsonl"
                                               : "/h/.copilot/session-state/0a1b.jsonl";
    return fuzz_adapter_at(&capture_copilot, path, data, size);
}
