/* Gemini CLI chats (agent-logs section 6): a line for each message, written again when something
 * was added to it, or one document of all messages in older versions. */
#include "gemini_project.h"
#include "pack.h"
#include "title.h"

#include <stdio.h>
#include <stdlib.h>

#define STATE_VERSION 1u
#define TEXT_BYTES    4096u /* of a prompt: enough for its title and for what marks it */
#define KEY_MAX_BYTES (2u * CAPTURE_ID_MAX_BYTES + 1u)

enum { TITLE_NONE, TITLE_PROMPT = 1, TITLE_SUMMARY = 2 }; /* capture_session.title_rank */

typedef struct gemini {
    const capture_file *file;
    const capture_sink *sink;
    capture_id session, parent;
    bool subagent;
    capture_title title;
    uint32_t title_rank;
    bool announced; /* in this pass, with all that is known */
    uint64_t number;
    char text[TEXT_BYTES];
} gemini;

enum message_field {
    MESSAGE_ID,
    MESSAGE_TIME,
    MESSAGE_TYPE,
    MESSAGE_CONTENT,
    MESSAGE_TOKENS,
    MESSAGE_MODEL,
    MESSAGE_FIELDS
};
static const capture_field message_fields[MESSAGE_FIELDS] = {
    [MESSAGE_ID] = CAPTURE_FIELD("id"),         [MESSAGE_TIME] = CAPTURE_FIELD("timestamp"),
    [MESSAGE_TYPE] = CAPTURE_FIELD("type"),     [MESSAGE_CONTENT] = CAPTURE_FIELD("content"),
    [MESSAGE_TOKENS] = CAPTURE_FIELD("tokens"), [MESSAGE_MODEL] = CAPTURE_FIELD("model"),
};

/* What a line, `$set` and a document say about the conversation. */
enum chat_field { CHAT_SESSION, CHAT_KIND, CHAT_SUMMARY, CHAT_MESSAGES, CHAT_SET, CHAT_FIELDS };
static const capture_field chat_fields[CHAT_FIELDS] = {
    [CHAT_SESSION] = CAPTURE_FIELD("sessionId"), [CHAT_KIND] = CAPTURE_FIELD("kind"),
    [CHAT_SUMMARY] = CAPTURE_FIELD("summary"),   [CHAT_MESSAGES] = CAPTURE_FIELD("messages"),
    [CHAT_SET] = CAPTURE_FIELD("$set"),
};

static int skip(const gemini *state, const char *why, tally_error *err) {
    return state->sink->skipped(state->sink->ctx, state->number, why, err);
}

static int announce(gemini *state, tally_error *err) {
    if (state->announced) return 0;
    const capture_session seen = {
        .id = capture_id_span(&state->session),
        .parent = capture_id_span(&state->parent),
        .cwd = state->file->project,
        .title = capture_title_span(&state->title),
        .title_rank = state->title.len ? state->title_rank : TITLE_NONE,
    };
    int rc = state->sink->session(state->sink->ctx, &seen, err);
    state->announced = rc == 0;
    return rc;
}

static void take_title(gemini *state, const capture_title *title, uint32_t rank) {
    state->title = *title;
    state->title_rank = rank;
    state->announced = false;
}

/* A message is one of its session: some ids are hashes of texts that every session begins with. */
static tally_span key_of(const gemini *state, const capture_id *id, char key[KEY_MAX_BYTES]) {
    int len = snprintf(key, KEY_MAX_BYTES, "%.*s:%.*s", state->session.len, state->session.text,
                       id->len, id->text);
    return tally_span_of(key, len > 0 && (size_t)len < KEY_MAX_BYTES ? (size_t)len : 0);
}

/* Text is a string or a list of parts; only those with text count, so that what a tool answered has
 * none. */
static tally_span text_of(gemini *state, const tally_json *content) {
    static const capture_field text_field = CAPTURE_FIELD("text");
    tally_json part, text = *content;
    tally_json_iter iter;
    size_t len = 0;
    tally_json_iter_init(&iter, content);
    if (content->type == TALLY_JSON_ARRAY) do {
            text = (tally_json){0};
            if (!tally_json_next(&iter, NULL, &part)) break;
            capture_pick(&part, &text_field, 1, &text);
        } while (text.type != TALLY_JSON_STRING);
    if (text.type == TALLY_JSON_STRING)
        tally_json_text(&text, state->text, sizeof state->text, &len);
    return tally_span_of(state->text, len);
}

/* "/chat save" is a command; "/home/dev is full" is not. */
static bool is_command(tally_span text) {
    size_t at = 1;
    if (text.len < 2 || text.ptr[0] != '/') return false;
    while (at < text.len && ((text.ptr[at] >= 'a' && text.ptr[at] <= 'z') || text.ptr[at] == '-'))
        at++;
    return at > 1 && (at == text.len || text.ptr[at] <= ' ');
}

/* What Gemini CLI writes in the user's place. */
static bool is_injected(tally_span text) {
    return capture_starts(text, "<session_context>") || capture_starts(text, "<state_snapshot>");
}

static int act(gemini *state, int64_t time_ms, bool human, tally_span key, tally_error *err) {
    const capture_activity seen = {.session = capture_id_span(&state->session),
                                   .time_ms = time_ms,
                                   .human = human,
                                   .key = key};
    int rc = announce(state, err);
    return rc ? rc : state->sink->activity(state->sink->ctx, &seen, err);
}

static int take_user(gemini *state, const tally_json *field, tally_span key, int64_t time_ms,
                     bool listed, tally_error *err) {
    capture_title title;
    tally_span text = text_of(state, &field[MESSAGE_CONTENT]);
    if (text.len == 0) return listed ? 0 : act(state, time_ms, false, (tally_span){0}, err);
    if (is_injected(text) || is_command(text) || state->subagent) return 0;
    if (state->title_rank == TITLE_NONE &&
        capture_title_clean(text, CAPTURE_PROMPT_TITLE_MAX_CHARS, &title))
        take_title(state, &title, TITLE_PROMPT);
    return act(state, time_ms, true, key, err);
}

/* `cached` is part of `input`; `thoughts` and `tool` are in neither (agent-logs 1.2). */
static const char *read_tokens(const tally_json *tokens, capture_cost *cost) {
    static const capture_field fields[] = {CAPTURE_FIELD("input"), CAPTURE_FIELD("output"),
                                           CAPTURE_FIELD("cached"), CAPTURE_FIELD("thoughts"),
                                           CAPTURE_FIELD("tool")};
    tally_json field[5];
    uint64_t count[5];
    capture_pick(tokens, fields, 5, field);
    for (size_t i = 0; i < 5; i++)
        if (!capture_count(&field[i], &count[i])) return "a token count that is no count";
    if (count[2] > count[0]) return "more cached tokens than tokens";
    cost->usage.input = count[0] - count[2] + count[4];
    cost->usage.output = count[1] + count[3];
    cost->usage.cache_read = count[2];
    cost->reasoning = count[3];
    return NULL;
}

static int take_response(gemini *state, const tally_json *field, tally_span key, int64_t time_ms,
                         bool listed, tally_error *err) {
    capture_id model;
    capture_cost cost = {.session = capture_id_span(&state->session), .key = key};
    int rc = listed ? 0 : act(state, time_ms, false, key, err);
    if (rc || field[MESSAGE_TOKENS].type != TALLY_JSON_OBJECT) return rc;
    const char *why = read_tokens(&field[MESSAGE_TOKENS], &cost);
    if (!why && !capture_id_take(&model, &field[MESSAGE_MODEL])) why = "tokens without a model";
    if (why) return skip(state, why, err);
    if (cost.usage.input + cost.usage.output + cost.usage.cache_read == 0) return 0;
    cost.time_ms = time_ms;
    cost.model = capture_id_span(&model);
    rc = announce(state, err);
    return rc ? rc : state->sink->cost(state->sink->ctx, &cost, err);
}

/* `listed`: one of a list that repeats the conversation, with the times of the repetition. Its
 * prompts are known by their ids, and hours do not follow from it. */
static int take_message(gemini *state, const tally_json *message, bool listed, tally_error *err) {
    tally_json field[MESSAGE_FIELDS];
    capture_id id;
    char key[KEY_MAX_BYTES];
    int64_t time_ms;
    capture_pick(message, message_fields, MESSAGE_FIELDS, field);
    bool user = tally_json_string_is(&field[MESSAGE_TYPE], "user");
    if (!user && !tally_json_string_is(&field[MESSAGE_TYPE], "gemini")) return 0;
    if (capture_id_is_long(&field[MESSAGE_ID]) || !capture_id_take(&id, &field[MESSAGE_ID]))
        return skip(state, "a message without a usable id", err);
    if (!capture_time(&field[MESSAGE_TIME], &time_ms))
        return skip(state, "a message without a timestamp", err);
    tally_span name = key_of(state, &id, key);
    return user ? take_user(state, field, name, time_ms, listed, err)
                : take_response(state, field, name, time_ms, listed, err);
}

static int take_messages(gemini *state, const tally_json *messages, bool listed, tally_error *err) {
    tally_json message;
    tally_json_iter iter;
    int rc = 0;
    if (messages->type != TALLY_JSON_ARRAY) return 0;
    tally_json_iter_init(&iter, messages);
    while (!rc && tally_json_next(&iter, NULL, &message))
        rc = take_message(state, &message, listed, err);
    return rc;
}

static void take_chat(gemini *state, const tally_json *field) {
    capture_id session;
    capture_title title;
    if (!capture_id_is_long(&field[CHAT_SESSION]) &&
        capture_id_take(&session, &field[CHAT_SESSION]) &&
        !tally_span_eq(capture_id_span(&session), capture_id_span(&state->session))) {
        state->session = session;
        state->announced = false;
    }
    if (tally_json_string_is(&field[CHAT_KIND], "subagent")) state->subagent = true;
    if (capture_title_take(&title, &field[CHAT_SUMMARY])) take_title(state, &title, TITLE_SUMMARY);
}

static int gemini_line(void *opaque, tally_span text, uint64_t number, uint64_t offset,
                       tally_error *err) {
    gemini *state = opaque;
    tally_json_index index;
    tally_json line, chat[CHAT_FIELDS], set[CHAT_FIELDS];
    (void)offset;
    state->number = number;
    int rc = tally_json_parse_indexed(text, &index, &line);
    if (rc) return skip(state, rc == TALLY_ELIMIT ? "nested too deeply" : "not JSON", err);
    if (line.type != TALLY_JSON_OBJECT) return skip(state, "not a JSON object", err);
    capture_pick(&line, chat_fields, CHAT_FIELDS, chat);
    take_chat(state, chat);
    capture_pick(&chat[CHAT_SET], chat_fields, CHAT_FIELDS, set);
    take_chat(state, set);
    if (chat[CHAT_SET].type == TALLY_JSON_OBJECT)
        return take_messages(state, &set[CHAT_MESSAGES], true, err);
    if (chat[CHAT_MESSAGES].type == TALLY_JSON_ARRAY)
        return take_messages(state, &chat[CHAT_MESSAGES], false, err);
    return take_message(state, &line, false, err);
}

/* A title that came after the last message. */
static int gemini_end(void *opaque, tally_error *err) {
    gemini *state = opaque;
    return state->title.len ? announce(state, err) : 0;
}

/* Every line is final when it is written: what is added comes in a line of its own. */
static void gemini_resume(void *opaque, uint64_t end_offset, uint64_t end_line, uint64_t *offset,
                          uint64_t *line) {
    (void)opaque;
    *offset = end_offset;
    *line = end_line;
}

static int gemini_save(void *opaque, uint8_t *out, size_t *len, tally_error *err) {
    const gemini *state = opaque;
    capture_packer packer = {.out = out, .size = CAPTURE_STATE_MAX_BYTES};
    (void)err;
    capture_pack_u8(&packer, STATE_VERSION);
    capture_pack_u8(&packer, (uint8_t)state->title_rank);
    capture_pack_u8(&packer, state->subagent);
    capture_pack_text(&packer, capture_id_span(&state->session));
    *len = packer.len;
    return 0;
}

static bool gemini_load(void *opaque, tally_span saved) {
    gemini *state = opaque;
    capture_unpacker unpacker = {.left = saved};
    if (capture_unpack_u8(&unpacker) != STATE_VERSION) return false;
    state->title_rank = capture_unpack_u8(&unpacker);
    state->subagent = capture_unpack_u8(&unpacker) != 0;
    capture_unpack_text(&unpacker, state->session.text, sizeof state->session.text,
                        &state->session.len);
    return !unpacker.bad && unpacker.left.len == 0 && state->title_rank <= TITLE_SUMMARY;
}

/* chats/session-<time>-<start of the id>.jsonl, chats/<parent session>/<subagent session>.jsonl */
static void take_path(gemini *state) {
    const char *below = gemini_chats(state->file->path);
    const char *slash = strrchr(state->file->path, '/');
    const char *name = slash ? slash + 1 : state->file->path;
    capture_id_set(&state->session, tally_span_of(name, strcspn(name, ".")));
    if (!below || slash < below + strlen("/chats/")) return;
    below += strlen("/chats/");
    capture_id_set(&state->parent, tally_span_of(below, (size_t)(slash - below)));
    state->subagent = true;
}

static bool gemini_begin(void *opaque, const capture_file *file, const capture_sink *sink) {
    gemini *state = opaque;
    state->file = file;
    state->sink = sink;
    take_path(state);
    return true;
}

static bool is_chat(const char *path, const char *name) {
    size_t len = strlen(name);
    bool log = (len > 6 && strcmp(name + len - 6, ".jsonl") == 0) ||
               (len > 5 && strcmp(name + len - 5, ".json") == 0);
    return log && gemini_chats(path);
}

const capture_adapter capture_gemini = {
    .agent = "gemini-cli",
    .alias = "gemini",
    .places = {{"GEMINI_CLI_HOME", "", ".gemini/tmp", 3, is_chat, 0, false}},
    .gap = "routing, summary and loop checks are billed and not logged",
    .project = gemini_project,
    .state_bytes = sizeof(gemini),
    .begin = gemini_begin,
    .load = gemini_load,
    .line = gemini_line,
    .end = gemini_end,
    .resume = gemini_resume,
    .save = gemini_save,
    .close = free,
};
