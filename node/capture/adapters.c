/* The table of agents. A new one is one file beside this, one row here. */
#include "adapters.h"

#include <stdlib.h>

static const capture_adapter *const agents[] = {
    &capture_claude,      &capture_codex,   &capture_gemini, &capture_opencode,
    &capture_antigravity, &capture_copilot, &capture_aider,
};

#define AGENT_COUNT (sizeof agents / sizeof agents[0])

bool capture_adapter_is(const capture_adapter *adapter, const char *wanted) {
    return !wanted || strcmp(wanted, adapter->agent) == 0 || strcmp(wanted, adapter->alias) == 0;
}

const capture_adapter *capture_adapter_at(size_t i) {
    return i < AGENT_COUNT ? agents[i] : NULL;
}

void capture_adapter_names(char *out, size_t size) {
    size_t len = 0;
    if (size) out[0] = '\0';
    for (size_t i = 0; i < AGENT_COUNT; i++) {
        const char *separator = i ? ", " : "";
        size_t need = strlen(separator) + strlen(agents[i]->agent);
        if (len + need >= size) return;
        memcpy(out + len, separator, strlen(separator));
        memcpy(out + len + strlen(separator), agents[i]->agent, strlen(agents[i]->agent) + 1);
        len += need;
    }
}

int capture_adapter_open(const capture_adapter *adapter, const capture_file *file, tally_span saved,
                         const capture_sink *sink, void **out, tally_error *err) {
    void *state = calloc(1, adapter->state_bytes);
    int rc = 0;
    *out = NULL;
    if (!state || !adapter->begin(state, file, sink))
        rc = tally_fail(err, TALLY_ENOMEM, "cannot read %s: out of memory", file->path);
    else if (saved.len > 0 && !adapter->load(state, saved))
        rc = tally_fail(err, TALLY_ECORRUPT,
                        "cannot go on reading %s: its saved state is damaged; read it again from "
                        "the start",
                        file->path);
    if (!rc)
        *out = state;
    else if (state)
        adapter->close(state);
    return rc;
}

size_t capture_place_count(const capture_adapter *adapter) {
    size_t count = 0;
    while (count < CAPTURE_PLACES_MAX && adapter->places[count].below)
        count++;
    return count;
}

capture_form capture_form_of(const char *name) {
    static const struct {
        const char *end;
        capture_form form;
    } forms[] = {{".json", CAPTURE_DOCUMENT}, {".db", CAPTURE_DATABASE}, {".zst", CAPTURE_ZSTD}};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t end = strlen(forms[i].end);
        if (len >= end && memcmp(name + len - end, forms[i].end, end) == 0) return forms[i].form;
    }
    return CAPTURE_LINES;
}
