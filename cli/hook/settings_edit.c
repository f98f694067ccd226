/* Edits a JSON file of hooks by small splices, each followed by reading the whole again. Codex's
 * notify line is in settings_notify.c. */
#include "settings_edit.h"

#include <stdlib.h>
#include <string.h>

#include <tally/json.h>
#include <tally/record.h>

#define STEPS_MAX    1024u /* edits of one file */
#define INDENT_MAX   64u
#define INDENT_UNIT  "  "
#define SNIPPET_MAX  (2u * COMMAND_MAX_BYTES + 512u)
#define NAME_MAX_LEN 64u

/* A member of an object or an element of an array, as it stands in the text. */
typedef struct child {
    const uint8_t *start, *end;
    tally_json key, value;
} child;

static const uint8_t *value_start(const tally_json *value) {
    return value->raw.ptr - (value->type == TALLY_JSON_STRING);
}

static const uint8_t *value_end(const tally_json *value) {
    return value->raw.ptr + value->raw.len + (value->type == TALLY_JSON_STRING);
}

static bool child_next(tally_json_iter *iter, child *out) {
    bool member = iter->is_object;
    if (!tally_json_next(iter, member ? &out->key : NULL, &out->value)) return false;
    out->start = member ? out->key.raw.ptr - 1 : value_start(&out->value);
    out->end = value_end(&out->value);
    return true;
}

/* ---- splices ---- */

static int splice(settings_text *text, const uint8_t *from, const uint8_t *to, const char *with,
                  tally_error *err) {
    size_t at = (size_t)(from - text->bytes), gone = (size_t)(to - from), more = strlen(with);
    size_t len = text->len - gone + more;
    uint8_t *fresh = len <= SETTINGS_MAX_BYTES ? malloc(len + 1) : NULL;
    if (!fresh) return tally_fail(err, TALLY_ENOMEM, "no memory for the settings");
    memcpy(fresh, text->bytes, at);
    memcpy(fresh + at, with, more);
    memcpy(fresh + at + more, to, text->len - at - gone);
    fresh[len] = '\0';
    free(text->bytes);
    *text = (settings_text){fresh, len};
    return 1;
}

/* White space between the start of a line and `at`; false when something else stands there. */
static bool indent_of(const settings_text *text, const uint8_t *at, char out[INDENT_MAX]) {
    const uint8_t *from = at;
    while (from > text->bytes && (from[-1] == ' ' || from[-1] == '\t'))
        from--;
    out[0] = '\0';
    if (from > text->bytes && from[-1] != '\n') return false;
    if ((size_t)(at - from) >= INDENT_MAX) return false;
    memcpy(out, from, (size_t)(at - from));
    out[at - from] = '\0';
    return true;
}

/* The indentation of the line that `at` is in. */
static void line_indent(const settings_text *text, const uint8_t *at, char out[INDENT_MAX]) {
    const uint8_t *from = at;
    while (from > text->bytes && from[-1] != '\n')
        from--;
    while (from < at && (*from == ' ' || *from == '\t'))
        from++;
    (void)indent_of(text, from, out);
}

/* Puts `snippet` behind the last child of an object or array. */
static int append(settings_text *text, const tally_json *container, const char *snippet,
                  tally_error *err) {
    char buffer[SNIPPET_MAX + 4 * INDENT_MAX], indent[INDENT_MAX];
    tally_json_iter iter;
    child at, last = {.start = NULL};
    tally_json_iter_init(&iter, container);
    while (child_next(&iter, &at))
        last = at;
    const uint8_t *end = container->raw.ptr + container->raw.len - 1; /* its bracket */
    bool whole = container->type == TALLY_JSON_ARRAY;
    if (last.start && indent_of(text, last.start, indent))
        snprintf(buffer, sizeof buffer, ",\n%s%s", indent, snippet);
    else if (last.start)
        snprintf(buffer, sizeof buffer, ", %s", snippet);
    else if (whole)
        snprintf(buffer, sizeof buffer, "%s", snippet);
    else {
        line_indent(text, container->raw.ptr, indent);
        snprintf(buffer, sizeof buffer, "\n%s" INDENT_UNIT "%s\n%s", indent, snippet, indent);
    }
    const uint8_t *from = last.start ? last.end : container->raw.ptr + 1;
    return splice(text, from, last.start ? from : end, buffer, err);
}

/* Takes a child out, with the comma that belongs to it. */
static int cut(settings_text *text, const tally_json *container, const uint8_t *start,
               tally_error *err) {
    tally_json_iter iter;
    child at, before = {.start = NULL};
    const uint8_t *end = NULL;
    tally_json_iter_init(&iter, container);
    while (child_next(&iter, &at)) {
        if (end) return splice(text, start, at.start, "", err);
        if (at.start == start)
            end = at.end;
        else
            before = at;
    }
    if (before.start) return splice(text, before.end, end, "", err);
    return splice(text, container->raw.ptr + 1, container->raw.ptr + container->raw.len - 1, "",
                  err);
}

/* ---- what is ours ---- */

/* "PATH/tally hook AGENT", perhaps quoted, perhaps with --ledger behind it. */
static bool command_is_ours(const tally_json *value, const char *words, char *text) {
    size_t len = 0;
    if (value->type != TALLY_JSON_STRING) return false;
    tally_json_text(value, text, COMMAND_MAX_BYTES, &len);
    if (len == COMMAND_MAX_BYTES) return false;
    text[len] = '\0';
    const char *name = NULL;
    for (char *at = strstr(text, "tally"); at; at = strstr(at + 1, "tally")) {
        const char *rest = at + strlen("tally");
        bool starts = at == text || at[-1] == '/' || at[-1] == '\'';
        rest += *rest == '\'';
        size_t n = strlen(words);
        if (!starts || *rest != ' ' || strncmp(rest + 1, words, n) != 0) continue;
        rest += 1 + n;
        if (!*rest || strncmp(rest, " --ledger ", strlen(" --ledger ")) == 0) name = at;
    }
    return name != NULL;
}

static void hook_words(const hook_agent *agent, char out[NAME_MAX_LEN]) {
    snprintf(out, NAME_MAX_LEN, "hook %s", agent->name);
}

/* A hook of ours in an event's array: the group it stands in, its list and itself. */
typedef struct ours {
    child group, hook;
    tally_json list, command;
} ours;

static bool ours_find(const tally_json *array, const hook_agent *agent, ours *out, char *text) {
    char words[NAME_MAX_LEN];
    tally_json_iter groups, hooks;
    hook_words(agent, words);
    tally_json_iter_init(&groups, array);
    while (array->type == TALLY_JSON_ARRAY && child_next(&groups, &out->group)) {
        if (!tally_json_get(&out->group.value, "hooks", &out->list) ||
            out->list.type != TALLY_JSON_ARRAY)
            continue;
        tally_json_iter_init(&hooks, &out->list);
        while (child_next(&hooks, &out->hook))
            if (tally_json_get(&out->hook.value, "command", &out->command) &&
                command_is_ours(&out->command, words, text))
                return true;
    }
    return false;
}

static bool statusline_get(const tally_json *root, tally_json *command) {
    tally_json line;
    return tally_json_get(root, "statusLine", &line) && tally_json_get(&line, "command", command);
}

/* ---- reading ---- */

static int root_read(const settings_text *text, tally_json *root, tally_error *err) {
    int code = tally_json_parse(tally_span_of(text->bytes, text->len), root);
    if (!code && root->type == TALLY_JSON_OBJECT) return 0;
    return tally_fail(err, TALLY_EFORMAT,
                      "it is no JSON object as we read it (comments are none); mend it, or put the "
                      "hooks there by hand");
}

static int text_start(tally_span text, settings_text *out, tally_error *err) {
    static const char empty[] = "{}\n";
    bool blank = true;
    for (size_t i = 0; i < text.len && blank; i++)
        blank = text.ptr[i] && strchr(" \t\r\n", text.ptr[i]);
    if (blank) text = tally_span_str(empty);
    *out = (settings_text){malloc(text.len + 1), text.len};
    if (!out->bytes) return tally_fail(err, TALLY_ENOMEM, "no memory for the settings");
    memcpy(out->bytes, text.ptr, text.len);
    out->bytes[text.len] = '\0';
    return 0;
}

/* A command as a JSON string. False for one that is no clean UTF-8. */
static bool command_quote(const char *command, char *out, size_t size) {
    size_t used = 0;
    if (!tally_utf8_valid(tally_span_str(command))) return false;
    for (; *command; command++) {
        if (used + 4 > size || (unsigned char)*command < 0x20) return false;
        if (used == 0) out[used++] = '"';
        if (*command == '"' || *command == '\\') out[used++] = '\\';
        out[used++] = *command;
    }
    if (used + 2 > size) return false;
    memcpy(out + used, "\"", 2);
    return true;
}

/* ---- steps: each makes one edit (1), finds nothing to do (0), or fails ---- */

static int member_step(settings_text *text, const tally_json *object, const char *name,
                       tally_json_type type, const char *value, tally_json *out, tally_error *err) {
    char snippet[SNIPPET_MAX];
    if (tally_json_get(object, name, out))
        return out->type == type
                   ? 0
                   : tally_fail(err, TALLY_EFORMAT, "its \"%s\" is not what we know", name);
    int n = snprintf(snippet, sizeof snippet, "\"%s\": %s", name, value);
    if (n < 0 || (size_t)n >= sizeof snippet)
        return tally_fail(err, TALLY_ELIMIT, "the path of this program is too long");
    return append(text, object, snippet, err);
}

static int event_step(settings_text *text, const tally_json *hooks, const char *event,
                      const settings_wanted *wanted, const char *quoted, tally_error *err) {
    char group[SNIPPET_MAX], all[SNIPPET_MAX + 2], there[COMMAND_MAX_BYTES];
    tally_json array;
    ours found;
    snprintf(group, sizeof group,
             "{\"hooks\": [{\"type\": \"command\", \"command\": %s, \"timeout\": %s}]}", quoted,
             wanted->agent->timeout);
    snprintf(all, sizeof all, "[%s]", group);
    int did = member_step(text, hooks, event, TALLY_JSON_ARRAY, all, &array, err);
    if (did) return did;
    if (!ours_find(&array, wanted->agent, &found, there)) return append(text, &array, group, err);
    if (strcmp(there, wanted->command) == 0) return 0;
    return splice(text, value_start(&found.command), value_end(&found.command), quoted, err);
}

static int statusline_step(settings_text *text, const tally_json *root, const char *command,
                           tally_error *err) {
    char quoted[COMMAND_MAX_BYTES], value[SNIPPET_MAX], there[COMMAND_MAX_BYTES];
    tally_json line, known;
    if (!command_quote(command, quoted, sizeof quoted))
        return tally_fail(err, TALLY_EINVAL, "the path of this program is no plain text");
    snprintf(value, sizeof value, "{\"type\": \"command\", \"command\": %s}", quoted);
    if (!tally_json_get(root, "statusLine", &line))
        return member_step(text, root, "statusLine", TALLY_JSON_OBJECT, value, &line, err);
    if (!statusline_get(root, &known) || !command_is_ours(&known, "statusline", there) ||
        strcmp(there, command) == 0)
        return 0;
    return splice(text, value_start(&known), value_end(&known), quoted, err);
}

static int add_step(settings_text *text, const void *ctx, tally_error *err) {
    const settings_wanted *wanted = ctx;
    char quoted[COMMAND_MAX_BYTES];
    tally_json root, hooks;
    if (!command_quote(wanted->command, quoted, sizeof quoted))
        return tally_fail(err, TALLY_EINVAL, "the path of this program is no plain text");
    int did = root_read(text, &root, err);
    if (!did) did = member_step(text, &root, "hooks", TALLY_JSON_OBJECT, "{}", &hooks, err);
    for (size_t i = 0; !did && i < HOOK_EVENTS_MAX && wanted->agent->events[i].name; i++)
        did = event_step(text, &hooks, wanted->agent->events[i].name, wanted, quoted, err);
    if (!did && wanted->statusline) did = statusline_step(text, &root, wanted->statusline, err);
    return did;
}

/* A hook of ours in any event, then whatever its going leaves empty. */
static int remove_from(settings_text *text, const tally_json *root, const child *hooks,
                       const hook_agent *agent, tally_error *err) {
    char there[COMMAND_MAX_BYTES];
    tally_json_iter events, more;
    child event, other;
    ours found;
    tally_json_iter_init(&events, &hooks->value);
    while (child_next(&events, &event)) {
        if (!ours_find(&event.value, agent, &found, there)) continue;
        tally_json_iter_init(&more, &found.list);
        (void)child_next(&more, &other);
        if (child_next(&more, &other)) return cut(text, &found.list, found.hook.start, err);
        tally_json_iter_init(&more, &event.value);
        (void)child_next(&more, &other);
        if (child_next(&more, &other)) return cut(text, &event.value, found.group.start, err);
        tally_json_iter_init(&more, &hooks->value);
        (void)child_next(&more, &other);
        if (child_next(&more, &other)) return cut(text, &hooks->value, event.start, err);
        return cut(text, root, hooks->start, err);
    }
    return 0;
}

static int remove_step(settings_text *text, const void *ctx, tally_error *err) {
    const hook_agent *agent = ctx;
    char there[COMMAND_MAX_BYTES];
    tally_json root, command;
    tally_json_iter members;
    child member;
    int did = root_read(text, &root, err);
    tally_json_iter_init(&members, &root);
    while (!did && child_next(&members, &member)) {
        if (tally_json_key_is(&member.key, "hooks") && member.value.type == TALLY_JSON_OBJECT)
            did = remove_from(text, &root, &member, agent, err);
        else if (tally_json_key_is(&member.key, "statusLine") &&
                 tally_json_get(&member.value, "command", &command) &&
                 command_is_ours(&command, "statusline", there))
            did = cut(text, &root, member.start, err);
    }
    return did;
}

static int steps(tally_span text, int (*step)(settings_text *, const void *, tally_error *),
                 const void *ctx, settings_text *out, tally_error *err) {
    int did = text_start(text, out, err);
    if (did) return did;
    unsigned count = 0;
    while ((did = step(out, ctx, err)) == 1 && ++count < STEPS_MAX)
        continue;
    if (did == 1) did = tally_fail(err, TALLY_ELIMIT, "it has too many hooks of ours");
    if (did == 0) return 0;
    free(out->bytes);
    *out = (settings_text){NULL, 0};
    return did;
}

int settings_hooks_add(tally_span text, const settings_wanted *wanted, settings_text *out,
                       tally_error *err) {
    return steps(text, add_step, wanted, out, err);
}

int settings_hooks_remove(tally_span text, const hook_agent *agent, settings_text *out,
                          tally_error *err) {
    return steps(text, remove_step, agent, out, err);
}

int settings_hooks_find(tally_span text, const hook_agent *agent, settings_found *out,
                        tally_error *err) {
    settings_text copy;
    tally_json root, hooks, array, command;
    char there[COMMAND_MAX_BYTES];
    ours found;
    *out = (settings_found){.events = 0};
    int code = text_start(text, &copy, err);
    if (!code) code = root_read(&copy, &root, err);
    for (size_t i = 0; !code && i < HOOK_EVENTS_MAX && agent->events[i].name; i++) {
        if (!tally_json_get(&root, "hooks", &hooks) ||
            !tally_json_get(&hooks, agent->events[i].name, &array) ||
            !ours_find(&array, agent, &found, there))
            continue;
        if (out->events++ == 0) memcpy(out->command, there, sizeof there);
    }
    if (!code && statusline_get(&root, &command)) {
        if (command_is_ours(&command, "statusline", there))
            memcpy(out->statusline, there, sizeof there);
        else
            out->other_statusline = true;
    }
    free(copy.bytes);
    return code;
}
