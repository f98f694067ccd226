/* The agents whose logs can be read. */
#ifndef CAPTURE_ADAPTERS_H
#define CAPTURE_ADAPTERS_H

#include "adapter.h"

/* True when `wanted` (NULL: all) names the adapter's agent: "claude-code", or "claude" for short.
 */
bool capture_adapter_is(const capture_adapter *adapter, const char *wanted);
/* The `i`th adapter; NULL after the last. */
const capture_adapter *capture_adapter_at(size_t i);
/* The agents' names, for messages: "claude-code, codex". */
const char *capture_adapter_names(void);

#endif
