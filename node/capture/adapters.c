/* The table of agents. A new one is one file beside this, one row here and its places in sources.c.
 */
#include "adapters.h"

static const struct {
    const capture_adapter *adapter;
    const char *name, *alias;
} agents[] = {
    {&capture_claude, "claude-code", "claude"},
    {&capture_codex, "codex", "codex-cli"},
};

#define AGENT_COUNT (sizeof agents / sizeof agents[0])

bool capture_adapter_is(const capture_adapter *adapter, const char *wanted) {
    if (!wanted) return true;
    for (size_t i = 0; i < AGENT_COUNT; i++)
        if (agents[i].adapter == adapter)
            return strcmp(wanted, agents[i].name) == 0 || strcmp(wanted, agents[i].alias) == 0;
    return false;
}

const capture_adapter *capture_adapter_at(size_t i) {
    return i < AGENT_COUNT ? agents[i].adapter : NULL;
}

const char *capture_adapter_names(void) {
    return "claude-code, codex";
}
