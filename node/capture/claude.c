/* Claude Code transcripts (agent-logs section 3): the adapter. Dispatches lines to what reads
 * sessions, prompts and responses, and emits activity. */
#include "claude_prompt.h"
#include "claude_response.h"
#include "claude_session.h"

#include <stdlib.h>
#include <tally/time.h>

#define STATE_VERSION    1u
#define QUEUED_MAX       32u /* queued prompts that may come again as lines of their own */
#define SAVED_QUEUED_MAX 8u
#define QUEUED_REPEAT_MS (5 * 60 * 1000)

/* A prompt typed while the agent worked. Lines are kept so that reading them again decides the
 * same. */
typedef struct queued_prompt {
    uint64_t text; /* hash */
    int64_t time_ms;
    uint64_t line, repeat; /* where it stands, and the user line that repeated it (0: none yet) */
} queued_prompt;

typedef struct claude {
    const capture_file *file;
    const capture_sink *sink;
    claude_session session;
    claude_responses responses;
    queued_prompt queue[QUEUED_MAX]; /* oldest first */
    size_t queued_count;
    capture_id model; /* of the last response: whose side call a web search is */
    int64_t last_ms;  /* of the last line that has a time */
    bool has_last;
    uint64_t reported_line; /* bad lines up to here were reported in earlier passes */
    char *scratch;          /* CLAUDE_PROMPT_MAX_BYTES */
} claude;

static bool claude_load(void *opaque, tally_span saved) {
    claude *state = opaque;
    capture_unpacker unpacker = {.left = saved};
    if (capture_unpack_u8(&unpacker) != STATE_VERSION) unpacker.bad = true;
    state->has_last = capture_unpack_u8(&unpacker) != 0;
    state->last_ms = capture_unpack_i64(&unpacker);
    state->reported_line = capture_unpack_u64(&unpacker);
    capture_unpack_text(&unpacker, state->model.text, sizeof state->model.text, &state->model.len);
    claude_session_unpack(&state->session, &unpacker);
    claude_responses_unpack(&state->responses, &unpacker);
    state->queued_count = capture_unpack_u8(&unpacker);
    if (state->queued_count > QUEUED_MAX) unpacker.bad = true;
    for (size_t i = 0; !unpacker.bad && i < state->queued_count; i++) {
        state->queue[i].text = capture_unpack_u64(&unpacker);
        state->queue[i].time_ms = capture_unpack_i64(&unpacker);
        state->queue[i].line = capture_unpack_u64(&unpacker);
        state->queue[i].repeat = capture_unpack_u64(&unpacker);
    }
    return !unpacker.bad && unpacker.left.len == 0;
}

static void claude_close(void *opaque) {
    claude *state = opaque;
    if (!state) return;
    claude_responses_clear(&state->responses);
    claude_session_clear(&state->session);
    free(state->scratch);
    free(state);
}

static bool claude_begin(void *opaque, const capture_file *file, const capture_sink *sink) {
    claude *state = opaque;
    state->file = file;
    state->sink = sink;
    claude_session_init(&state->session, file->path);
    claude_responses_init(&state->responses, sink, !state->session.is_subagent);
    state->scratch = malloc(CLAUDE_PROMPT_MAX_BYTES);
    return state->scratch != NULL;
}

/* Reports a bad line once, also when it is read again in a later pass. */
static int report(claude *state, uint64_t number, const char *why, tally_error *err) {
    if (number <= state->reported_line) return 0;
    return state->sink->skipped(state->sink->ctx, number, why, err);
}

static int emit_activity(claude *state, const claude_line *line, int64_t time_ms, bool human,
                         tally_error *err) {
    capture_id uuid = {.len = 0};
    if (!state->session.worth) return 0;
    int rc =
        state->session.announced ? 0 : claude_session_announce(&state->session, state->sink, err);
    if (rc != 0) return rc;
    (void)capture_id_take(&uuid, &line->field[CLAUDE_UUID]);
    capture_activity activity = {
        .session = capture_id_span(&state->session.id),
        .time_ms = time_ms,
        .human = human,
        .key = capture_id_span(&uuid),
    };
    return state->sink->activity(state->sink->ctx, &activity, err);
}

static void remember_queued(claude *state, const claude_line *line, uint64_t text,
                            int64_t time_ms) {
    for (size_t i = 0; i < state->queued_count; i++)
        if (state->queue[i].line == line->number) return;
    if (state->queued_count == QUEUED_MAX) {
        memmove(&state->queue[0], &state->queue[1], (QUEUED_MAX - 1) * sizeof state->queue[0]);
        state->queued_count--;
    }
    state->queue[state->queued_count++] =
        (queued_prompt){.text = text, .time_ms = time_ms, .line = line->number};
}

/* A user line that only repeats a queued prompt (agent-logs 3.4 rule 7). One prompt is repeated
 * once. */
static bool repeats_queued(claude *state, const claude_line *line, uint64_t text) {
    for (size_t i = 0; i < state->queued_count; i++) {
        queued_prompt *at = &state->queue[i];
        if (at->text != text || at->line >= line->number) continue;
        if (at->repeat != 0 && at->repeat != line->number) continue;
        if (line->time_ms < at->time_ms || line->time_ms > at->time_ms + QUEUED_REPEAT_MS) continue;
        at->repeat = line->number;
        return true;
    }
    return false;
}

/* When a queued prompt was typed: the attachment may say it where the line does not. */
static bool queued_time(const claude_line *line, int64_t *time_ms) {
    static const capture_field field = CAPTURE_FIELD("timestamp");
    tally_json value;
    *time_ms = line->time_ms;
    if (line->has_time) return true;
    capture_pick(&line->field[CLAUDE_ATTACHMENT], &field, 1, &value);
    return capture_time(&value, time_ms);
}

static int take_prompt(claude *state, const claude_line *line, const claude_prompt *prompt,
                       tally_error *err) {
    int64_t time_ms;
    uint64_t text = capture_hash(0, prompt->text);
    bool queued = claude_line_is(line, CLAUDE_TYPE, "attachment");
    bool timed = queued_time(line, &time_ms);
    if (!prompt->usage_probe && !claude_session_is_probe(&state->session))
        state->session.worth = true;
    claude_session_prompt(&state->session, prompt);
    if (!timed) return 0;
    if (!queued && repeats_queued(state, line, text)) return 0;
    if (queued) remember_queued(state, line, text, time_ms);
    return emit_activity(state, line, time_ms, prompt->author == CLAUDE_PERSON, err);
}

/* The search tool asks a model of its own whose answer is in no log; only the number of searches is
 * (agent-logs 3.3). */
static int take_web_search(claude *state, const claude_line *line, tally_error *err) {
    static const capture_field count_field = CAPTURE_FIELD("searchCount");
    static const capture_field content_field = CAPTURE_FIELD("content");
    static const capture_field tool_field = CAPTURE_FIELD("tool_use_id");
    static const char suffix[] = "|web_search";
    tally_json value, content, first;
    tally_json_iter iter;
    capture_id tool;
    uint64_t searches;
    char key[CAPTURE_ID_MAX_BYTES + sizeof suffix];
    capture_pick(&line->field[CLAUDE_TOOL_RESULT], &count_field, 1, &value);
    if (!capture_count(&value, &searches) || searches == 0 || !line->has_time) return 0;
    capture_pick(&line->field[CLAUDE_MESSAGE], &content_field, 1, &content);
    tally_json_iter_init(&iter, &content);
    if (content.type != TALLY_JSON_ARRAY || !tally_json_next(&iter, NULL, &first)) return 0;
    capture_pick(&first, &tool_field, 1, &value);
    if (capture_id_is_long(&value) || !capture_id_take(&tool, &value)) return 0;
    memcpy(key, tool.text, tool.len);
    memcpy(key + tool.len, suffix, sizeof suffix - 1);
    capture_id agent = {.len = 0};
    (void)capture_id_take(&agent, &line->field[CLAUDE_AGENT]);
    capture_cost cost = {
        .session = capture_id_span(&state->session.id),
        .key = tally_span_of(key, tool.len + sizeof suffix - 1),
        .time_ms = line->time_ms,
        .model = capture_id_span(&state->model),
        .usage.web_searches = searches,
        .subagent = capture_id_span(&agent),
    };
    state->session.worth = true;
    int rc = claude_session_announce(&state->session, state->sink, err);
    return rc != 0 ? rc : state->sink->cost(state->sink->ctx, &cost, err);
}

/* What a response needs that its line may lack: the session of the file, the time of the line
 * before. */
static const char *complete_block(const claude *state, const claude_line *line,
                                  claude_block *block) {
    if (block->session.len == 0) block->session = state->session.id;
    if (block->agent.len == 0 && state->session.is_subagent) {
        const char *slash = strrchr(state->file->path, '/');
        const char *name = slash ? slash + 1 : state->file->path;
        if (strncmp(name, "agent-", 6) == 0)
            capture_id_set(&block->agent, tally_span_of(name + 6, strcspn(name + 6, ".")));
    }
    if (line->has_time) return NULL;
    if (!state->has_last) return "usage without a timestamp";
    char text[TALLY_TIME_TEXT_BYTES];
    block->time_ms = state->last_ms;
    tally_time_format(block->time_ms, text);
    capture_id_set(&block->time_text, tally_span_str(text));
    return NULL;
}

static int take_assistant(claude *state, const claude_line *line, tally_error *err) {
    claude_block block;
    const char *why = NULL;
    if (!claude_session_is_probe(&state->session)) state->session.worth = true;
    int rc = claude_block_read(line, &block, &why);
    if (rc == 1) {
        const char *missing = complete_block(state, line, &block);
        if (missing) why = missing;
        rc = missing ? TALLY_EFORMAT : 1;
    }
    if (why) {
        int reported = report(state, line->number, why, err);
        if (reported != 0) return reported;
    }
    if (rc != 1) return 0;
    state->session.worth = true;
    state->model = block.model;
    rc = claude_session_announce(&state->session, state->sink, err);
    return rc != 0 ? rc : claude_responses_add(&state->responses, &block, err);
}

static int take(claude *state, const claude_line *line, tally_error *err) {
    claude_prompt prompt;
    int rc = claude_session_read(&state->session, line, state->sink, err);
    if (rc != 0) return rc;
    if (state->session.is_subagent) state->session.worth = true;
    if (claude_line_is(line, CLAUDE_TYPE, "assistant")) {
        rc = take_assistant(state, line, err);
        if (rc != 0) return rc;
    } else {
        claude_prompt_judge(line, state->scratch, &prompt);
        if (state->session.is_subagent) prompt.author = CLAUDE_NOBODY;
        if (prompt.author != CLAUDE_NOBODY) return take_prompt(state, line, &prompt, err);
        rc = take_web_search(state, line, err);
        if (rc != 0) return rc;
    }
    return line->has_time ? emit_activity(state, line, line->time_ms, false, err) : 0;
}

static int claude_take_line(void *opaque, tally_span text, uint64_t number, uint64_t offset,
                            tally_error *err) {
    claude *state = opaque;
    claude_line line;
    const char *why = NULL;
    if (text.len == 0) return 0;
    int rc = claude_line_read(text, number, offset, &line, &why);
    rc = rc != 0 ? report(state, number, why, err) : take(state, &line, err);
    if (rc != 0) return rc;
    if (!why && line.has_time) {
        state->last_ms = line.time_ms;
        state->has_last = true;
    }
    if (number > state->reported_line) state->reported_line = number;
    return 0;
}

static int claude_end(void *opaque, tally_error *err) {
    claude *state = opaque;
    int rc = state->session.worth ? claude_session_announce(&state->session, state->sink, err) : 0;
    if (rc != 0) return rc;
    return claude_responses_end(&state->responses, state->file->now_ms, state->file->idle, err);
}

static void claude_resume(void *opaque, uint64_t end_offset, uint64_t end_line, uint64_t *offset,
                          uint64_t *line) {
    const claude *state = opaque;
    uint64_t number;
    *offset = end_offset;
    *line = end_line;
    if (claude_responses_pending(&state->responses, offset, &number)) *line = number - 1;
}

static int claude_save(void *opaque, uint8_t *out, size_t *len, tally_error *err) {
    const claude *state = opaque;
    capture_packer packer = {.out = out, .size = CAPTURE_STATE_MAX_BYTES};
    size_t first =
        state->queued_count > SAVED_QUEUED_MAX ? state->queued_count - SAVED_QUEUED_MAX : 0;
    capture_pack_u8(&packer, STATE_VERSION);
    capture_pack_u8(&packer, state->has_last);
    capture_pack_u64(&packer, (uint64_t)state->last_ms);
    capture_pack_u64(&packer, state->reported_line);
    capture_pack_text(&packer, capture_id_span(&state->model));
    claude_session_pack(&state->session, &packer);
    claude_responses_pack(&state->responses, &packer);
    capture_pack_u8(&packer, (uint8_t)(state->queued_count - first));
    for (size_t i = first; i < state->queued_count; i++) {
        capture_pack_u64(&packer, state->queue[i].text);
        capture_pack_u64(&packer, (uint64_t)state->queue[i].time_ms);
        capture_pack_u64(&packer, state->queue[i].line);
        capture_pack_u64(&packer, state->queue[i].repeat);
    }
    *len = packer.len;
    if (!packer.full) return 0;
    return tally_fail(err, TALLY_ELIMIT,
                      "cannot save where %s was read: its state is larger than %u bytes",
                      state->file->path, CAPTURE_STATE_MAX_BYTES);
}

const capture_adapter capture_claude = {
    .agent = "claude-code",
    .alias = "claude",
    .places = {{"CLAUDE_CONFIG_DIR", ".claude", "projects", 0, NULL, 0, false}},
    .state_bytes = sizeof(claude),
    .begin = claude_begin,
    .load = claude_load,
    .line = claude_take_line,
    .end = claude_end,
    .resume = claude_resume,
    .save = claude_save,
    .close = claude_close,
};
