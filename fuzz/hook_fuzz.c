/* What comes to `tally hook` from agents, and the settings it edits: any bytes. The first byte says
 * which agent. What is added is there once, comes out again, and leaves the rest readable. */
#include <stdlib.h>
#include <string.h>

#include <tally/json.h>

#include "hook/settings_edit.h"

#define FUZZ_MAX_BYTES (64u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition) abort();
}

static tally_span span_of(const settings_text *text) {
    return tally_span_of(text->bytes, text->len);
}

static void event_try(const hook_agent *agent, tally_span text) {
    hook_event event;
    if (!hook_event_read(agent, text, &event)) return;
    must(strlen(event.session) <= HOOK_SESSION_MAX_BYTES);
    must(event.cwd[0] == '\0' || event.cwd[0] == '/');
}

static void hooks_try(const hook_agent *agent, tally_span text) {
    static settings_found found; /* too large for a stack with a sanitizer's walls */
    char command[64];
    settings_text once, twice, bare;
    tally_json root;
    snprintf(command, sizeof command, "/x/tally hook %s", agent->name);
    const settings_wanted ours = {agent, command, "/x/tally statusline"};
    if (settings_hooks_add(text, &ours, &once, NULL)) return;
    must(tally_json_parse(span_of(&once), &root) == 0);
    must(settings_hooks_find(span_of(&once), agent, &found, NULL) == 0 && found.events > 0);
    must(settings_hooks_add(span_of(&once), &ours, &twice, NULL) == 0);
    must(tally_span_eq(span_of(&once), span_of(&twice)));
    free(twice.bytes);
    if (settings_hooks_remove(span_of(&once), agent, &bare, NULL) == 0) {
        must(settings_hooks_find(span_of(&bare), agent, &found, NULL) == 0);
        must(found.events == 0 && !found.statusline[0]);
        free(bare.bytes);
    }
    free(once.bytes);
}

static void notify_try(tally_span text) {
    settings_text with, without;
    bool there = settings_notify_is_there(text);
    if (settings_notify_add(text, "/a \"b\"/tally", "/l", &with, NULL)) return;
    must(settings_notify_is_there(span_of(&with)));
    must(settings_notify_remove(span_of(&with), &without, NULL) == 0);
    must(there || tally_span_eq(span_of(&without), text));
    free(with.bytes);
    free(without.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > FUZZ_MAX_BYTES) return 0;
    const hook_agent *agent = hook_agent_at(data[0] % 3u);
    tally_span text = tally_span_of(data + 1, size - 1);
    must(agent != NULL);
    event_try(agent, text);
    hooks_try(agent, text);
    notify_try(text);
    return 0;
}
