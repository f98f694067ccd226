/* The agents whose logs can be read. */
#ifndef CAPTURE_ADAPTERS_H
#define CAPTURE_ADAPTERS_H

#include "adapter.h"

#define CAPTURE_NAMES_MAX_BYTES 256u

typedef enum capture_form {
    CAPTURE_LINES,    /* appended to, line by line */
    CAPTURE_ZSTD,     /* the same, compressed */
    CAPTURE_DOCUMENT, /* one JSON value, written anew as a whole */
    CAPTURE_DATABASE  /* SQLite */
} capture_form;

/* True when `wanted` (NULL: all) names the adapter's agent: "claude-code", or "claude" for short.
 */
bool capture_adapter_is(const capture_adapter *adapter, const char *wanted);
/* The `i`th adapter; NULL after the last. */
const capture_adapter *capture_adapter_at(size_t i);
/* The agents' names, for messages: "claude-code, codex". At most CAPTURE_NAMES_MAX_BYTES. */
void capture_adapter_names(char *out, size_t size);
/* Opens the state for one file, to be closed with the adapter's `close`. `saved` is empty when the
 * file was never read; TALLY_ECORRUPT when it is damaged. */
int capture_adapter_open(const capture_adapter *adapter, const capture_file *file, tally_span saved,
                         const capture_sink *sink, void **out, tally_error *err);
size_t capture_place_count(const capture_adapter *adapter);
/* By what the file's name ends in. */
capture_form capture_form_of(const char *name);

#endif
