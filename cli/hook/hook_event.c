/* Events of the agents' hooks in, answers out (agent-logs 11). */
#include "hook_event.h"

#include <string.h>

#include <tally/json.h>

static const hook_agent agents[] = {
    {.name = "claude-code",
     .alias = "claude",
     .variable = "CLAUDE_CONFIG_DIR",
     .below = "",
     .folder = ".claude",
     .file = "settings.json",
     .events = {{"SessionStart", HOOK_START},
                {"UserPromptSubmit", HOOK_PROMPT},
                {"PreToolUse", HOOK_TOOL},
                {"Stop", HOOK_OTHER},
                {"SessionEnd", HOOK_OTHER}},
     .timeout = "10",
     .deny = "block",
     .stops_turn = true},
    {.name = "codex",
     .alias = "codex-cli",
     .variable = "CODEX_HOME",
     .below = "",
     .folder = ".codex",
     .file = "hooks.json",
     .events = {{"SessionStart", HOOK_START},
                {"UserPromptSubmit", HOOK_PROMPT},
                {"PreToolUse", HOOK_TOOL},
                {"Stop", HOOK_OTHER}},
     .timeout = "10",
     .deny = "block",
     .note = "Codex runs new hooks only once you trust them: type /hooks in it"},
    {.name = "gemini-cli",
     .alias = "gemini",
     .variable = "GEMINI_CLI_HOME",
     .below = "/.gemini",
     .folder = ".gemini",
     .file = "settings.json",
     .events = {{"SessionStart", HOOK_START},
                {"BeforeAgent", HOOK_PROMPT},
                {"BeforeTool", HOOK_TOOL},
                {"AfterAgent", HOOK_OTHER},
                {"SessionEnd", HOOK_OTHER}},
     .timeout = "10000",
     .deny = "deny",
     .stops_turn = true},
};

const hook_agent *hook_agent_at(size_t i) {
    return i < sizeof agents / sizeof agents[0] ? &agents[i] : NULL;
}

const hook_agent *hook_agent_find(const char *name) {
    for (size_t i = 0; hook_agent_at(i); i++)
        if (strcmp(agents[i].name, name) == 0 || strcmp(agents[i].alias, name) == 0)
            return &agents[i];
    return NULL;
}

/* The text of the first of `names` that is there; false when it is longer than `size` - 1. */
static bool text_take(const tally_json *root, const char *const *names, char *out, size_t size) {
    tally_json value;
    size_t len = 0;
    for (; *names; names++) {
        if (!tally_json_get(root, *names, &value) || value.type != TALLY_JSON_STRING) continue;
        tally_json_text(&value, out, size, &len);
        if (len == size) break; /* may have been cut: better none than another */
        out[len] = '\0';
        return true;
    }
    out[0] = '\0';
    return false;
}

bool hook_event_read(const hook_agent *agent, tally_span text, hook_event *out) {
    static const char *const sessions[] = {"session_id", "thread-id", NULL};
    static const char *const folders[] = {"cwd", NULL};
    tally_json root, name;
    *out = (hook_event){.name = "", .moment = HOOK_OTHER};
    if (tally_json_parse(text, &root) || root.type != TALLY_JSON_OBJECT) return false;
    (void)text_take(&root, sessions, out->session, sizeof out->session);
    if (!text_take(&root, folders, out->cwd, sizeof out->cwd) || out->cwd[0] != '/')
        out->cwd[0] = '\0';
    if (!tally_json_get(&root, "hook_event_name", &name)) return true;
    for (size_t i = 0; i < HOOK_EVENTS_MAX && agent->events[i].name; i++) {
        if (!tally_json_string_is(&name, agent->events[i].name)) continue;
        out->name = agent->events[i].name;
        out->moment = agent->events[i].moment;
    }
    return true;
}

void hook_refuse(FILE *out, const hook_agent *agent, const hook_event *event,
                 const char *sentence) {
    cli_json json;
    cli_json_begin(&json, out);
    cli_json_open(&json, NULL, '{');
    if (event->moment == HOOK_TOOL && agent->stops_turn) {
        /* No more than this: a denial beside it would count before it, and the turn would go on
         * spending with the next tool. The tool that was asked for may still run: it is paid. */
        cli_json_bool(&json, "continue", false);
        cli_json_string(&json, "stopReason", sentence);
    } else if (event->moment == HOOK_TOOL) {
        cli_json_open(&json, "hookSpecificOutput", '{');
        cli_json_string(&json, "hookEventName", event->name);
        cli_json_string(&json, "permissionDecision", "deny");
        cli_json_string(&json, "permissionDecisionReason", sentence);
        cli_json_close(&json, '}');
    } else {
        cli_json_string(&json, "decision", agent->deny);
        cli_json_string(&json, "reason", sentence);
    }
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

void hook_tell(FILE *out, const char *sentence) {
    cli_json json;
    cli_json_begin(&json, out);
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "systemMessage", sentence);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}
