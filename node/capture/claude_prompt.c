/* The rules of agent-logs 3.4, in its order and numbering. A human stamp is only given on positive
 * evidence: an hour billed for a machine's line is worse than one missed. */
#include "claude_prompt.h"

/* Text collected from a message's content. */
typedef struct prompt_text {
    char *buffer;
    size_t len;
    bool has_image;
    bool has_text;
} prompt_text;

static void append_text(prompt_text *text, const tally_json *value) {
    if (value->type != TALLY_JSON_STRING) return;
    size_t len = 0;
    text->has_text = true;
    if (text->len > 0 && text->len < CLAUDE_PROMPT_MAX_BYTES) text->buffer[text->len++] = '\n';
    tally_json_text(value, text->buffer + text->len, CLAUDE_PROMPT_MAX_BYTES - text->len, &len);
    text->len += len;
}

/* Rule 3: a string, or an array with text or image blocks. */
static void collect(const tally_json *content, prompt_text *text) {
    static const capture_field block_fields[] = {CAPTURE_FIELD("type"), CAPTURE_FIELD("text")};
    tally_json_iter iter;
    tally_json block, field[2];
    append_text(text, content);
    if (content->type != TALLY_JSON_ARRAY) return;
    tally_json_iter_init(&iter, content);
    while (tally_json_next(&iter, NULL, &block)) {
        capture_pick(&block, block_fields, 2, field);
        if (tally_json_string_is(&field[0], "text")) append_text(text, &field[1]);
        if (tally_json_string_is(&field[0], "image")) text->has_image = true;
    }
}

static tally_span skip(tally_span text, size_t len) {
    return tally_span_of(text.ptr + len, text.len - len);
}

static tally_span trim(tally_span text) {
    while (text.len > 0 && (text.ptr[0] <= ' '))
        text = skip(text, 1);
    while (text.len > 0 && (text.ptr[text.len - 1] <= ' '))
        text.len--;
    return text;
}

/* Rule 4, first half: what the agent puts around a prompt. An envelope that does not end holds
 * everything. */
static tally_span strip_envelopes(tally_span text) {
    static const struct {
        const char *open, *close;
    } envelopes[] = {
        {"<system-reminder>", "</system-reminder>"},
        {"<ide_opened_file>", "</ide_opened_file>"},
        {"<ide_selection>", "</ide_selection>"},
    };
    const size_t count = sizeof envelopes / sizeof envelopes[0];
    for (size_t i = 0; i < count;) {
        text = trim(text);
        if (!capture_starts(text, envelopes[i].open)) {
            i++;
            continue;
        }
        size_t at = capture_find(text, envelopes[i].close);
        text = at == SIZE_MAX ? skip(text, text.len) : skip(text, at + strlen(envelopes[i].close));
        i = 0;
    }
    return text;
}

/* Rule 4, second half: texts that the agent writes in the user's place. */
static bool is_injected(tally_span text) {
    static const char *const prefixes[] = {
        "This session is being continued",
        "Caveat: The messages below",
        "<local-command-",
        "<command-stdout",
        "<bash-stdout",
        "<bash-stderr",
        "<task-notification>",
        "<user-memory-input>",
        "Stop hook feedback:",
        "[Request interrupted",
        "<tool_use_error>",
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (capture_starts(text, prefixes[i])) return true;
    return false;
}

/* Rules 5 and 6: commands are activity, but say nothing about the work. */
static void mark_command(claude_prompt *prompt) {
    static const char name[] = "<command-name>";
    tally_span text = prompt->text;
    size_t at = capture_starts(text, "<command-") ? capture_find(text, name) : SIZE_MAX;
    if (at != SIZE_MAX) {
        tally_span command = trim(skip(text, at + sizeof name - 1));
        prompt->usage_probe =
            capture_starts(command, "/usage<") || capture_starts(command, "/status<");
    }
    prompt->command = capture_starts(text, "<command-") || capture_starts(text, "<bash-input>") ||
                      capture_starts(text, "!") || capture_starts(text, "/");
}

enum verdict { VERDICT_UNKNOWN, VERDICT_NO, VERDICT_SCRIPT, VERDICT_PERSON };

/* Rule 2 on the origin; an origin that is not known is not a person's. */
static enum verdict judge_origin(const tally_json *origin) {
    static const capture_field kind_field = CAPTURE_FIELD("kind");
    tally_json kind;
    capture_pick(origin, &kind_field, 1, &kind);
    if (kind.type != TALLY_JSON_STRING) return VERDICT_UNKNOWN;
    bool person = tally_json_string_is(&kind, "human") || tally_json_string_is(&kind, "user");
    return person ? VERDICT_PERSON : VERDICT_NO;
}

static enum verdict judge_source(const tally_json *source) {
    if (source->type != TALLY_JSON_STRING) return VERDICT_UNKNOWN;
    if (tally_json_string_is(source, "typed") || tally_json_string_is(source, "queued"))
        return VERDICT_PERSON;
    if (tally_json_string_is(source, "sdk")) return VERDICT_SCRIPT;
    return tally_json_string_is(source, "system") ? VERDICT_NO : VERDICT_UNKNOWN;
}

/* Rule 1. */
static bool is_excluded(const claude_line *line) {
    return line->sidechain || capture_is_true(&line->field[CLAUDE_META]) ||
           capture_is_true(&line->field[CLAUDE_COMPACT_SUMMARY]) ||
           capture_is_true(&line->field[CLAUDE_TRANSCRIPT_ONLY]) ||
           line->field[CLAUDE_TOOL_RESULT].type != TALLY_JSON_NULL ||
           line->field[CLAUDE_SOURCE_TOOL].type != TALLY_JSON_NULL;
}

static bool is_scripted(const claude_line *line) {
    const tally_json *entrypoint = &line->field[CLAUDE_ENTRYPOINT];
    return entrypoint->type == TALLY_JSON_STRING && capture_starts(entrypoint->raw, "sdk-");
}

/* Rules 2 to 8 on the content of a prompt. */
static void judge(const claude_line *line, const tally_json *content, const tally_json *own_origin,
                  char *scratch, claude_prompt *out) {
    prompt_text text = {.buffer = scratch};
    collect(content, &text);
    if (!text.has_text && !text.has_image) return;
    out->text = strip_envelopes(tally_span_of(scratch, text.len));
    bool plain = (out->text.len > 0 || text.has_image) && !is_injected(out->text);
    mark_command(out);

    enum verdict verdict = judge_origin(own_origin);
    if (verdict == VERDICT_UNKNOWN) verdict = judge_origin(&line->field[CLAUDE_ORIGIN]);
    bool by_origin = verdict == VERDICT_PERSON;
    if (verdict == VERDICT_UNKNOWN) verdict = judge_source(&line->field[CLAUDE_PROMPT_SOURCE]);
    if (verdict == VERDICT_UNKNOWN) verdict = plain ? VERDICT_PERSON : VERDICT_NO;
    if (verdict == VERDICT_PERSON && !by_origin && is_scripted(line)) verdict = VERDICT_SCRIPT;
    if (verdict == VERDICT_SCRIPT && !plain) verdict = VERDICT_NO;

    if (!plain) out->command = true;
    if (verdict == VERDICT_PERSON) out->author = CLAUDE_PERSON;
    if (verdict == VERDICT_SCRIPT) out->author = CLAUDE_SCRIPT;
}

/* Rule 7: a prompt typed while the agent works. Its text must pass rule 4 whoever sent it. */
static void judge_queued(const claude_line *line, char *scratch, claude_prompt *out) {
    static const capture_field queued_fields[] = {CAPTURE_FIELD("type"),
                                                  CAPTURE_FIELD("commandMode"),
                                                  CAPTURE_FIELD("prompt"), CAPTURE_FIELD("origin")};
    tally_json field[4];
    capture_pick(&line->field[CLAUDE_ATTACHMENT], queued_fields, 4, field);
    if (!tally_json_string_is(&field[0], "queued_command")) return;
    if (!tally_json_string_is(&field[1], "prompt")) return;
    judge(line, &field[2], &field[3], scratch, out);
    if (is_injected(out->text)) out->author = CLAUDE_NOBODY;
}

void claude_prompt_judge(const claude_line *line, char *scratch, claude_prompt *out) {
    static const capture_field content_field = CAPTURE_FIELD("content");
    static const tally_json none = {.type = TALLY_JSON_NULL};
    *out = (claude_prompt){.author = CLAUDE_NOBODY};
    if (is_excluded(line)) return;
    if (claude_line_is(line, CLAUDE_TYPE, "user")) {
        tally_json content;
        capture_pick(&line->field[CLAUDE_MESSAGE], &content_field, 1, &content);
        judge(line, &content, &none, scratch, out);
    } else if (claude_line_is(line, CLAUDE_TYPE, "attachment")) {
        judge_queued(line, scratch, out);
    } else if (claude_line_is(line, CLAUDE_TYPE, "system") &&
               claude_line_is(line, CLAUDE_SUBTYPE, "local_command")) {
        judge(line, &line->field[CLAUDE_CONTENT], &none, scratch, out);
        if (capture_find(out->text, "<command-name>") == SIZE_MAX) out->author = CLAUDE_NOBODY;
    }
}
