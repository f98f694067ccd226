/* GitHub Copilot CLI (agent-logs section 8): one database has a row for each request; the events of
 * a session tell when somebody typed, and what was spent where there is no database. */
#include "copilot_metrics.h"
#include "database.h"
#include "title.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <tally/record.h>
#include <tally/time.h>

#define STATE_VERSION 1u
#define LOOK_ROWS     256 /* also in the query */
#define TEXT_BYTES    4096u
#define KEY_MAX_BYTES (2u * CAPTURE_ID_MAX_BYTES + 32u)

enum { TITLE_NONE, TITLE_PROMPT = 1, TITLE_AGENT = 3 };

typedef struct copilot {
    const capture_file *file;
    const capture_sink *sink;
    uint64_t number; /* of the line or row at hand */
    /* Events. */
    capture_id session, branch, commit, version;
    capture_path cwd, remote;
    capture_title title;
    uint32_t title_rank;
    bool announced;
    copilot_metrics metrics;
    /* Rows. */
    capture_database *database;
    capture_id described; /* the session that was announced last */
    int64_t last_row;
    capture_id last_time; /* of that row: tells whether it is still the same one */
    bool began, holds;
    uint64_t rows; /* in this look */
} copilot;

static int skip(const copilot *state, const char *why, tally_error *err) {
    return state->sink->skipped(state->sink->ctx, state->number, why, err);
}

/* --- rows ------------------------------------------------------------------------------------- */

enum usage_column {
    USAGE_ID,
    USAGE_SESSION,
    USAGE_TIME,
    USAGE_MODEL,
    USAGE_INPUT,
    USAGE_OUTPUT,
    USAGE_CACHE_READ,
    USAGE_CACHE_WRITE,
    USAGE_REASONING
};
#define USAGE_COLUMNS                                                                              \
    {                                                                                              \
        "id", "session_id", "created_at", "model", "input_tokens", "output_tokens",                \
            "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"                          \
    }
enum session_column { SESSION_ID, SESSION_CWD, SESSION_REPOSITORY, SESSION_BRANCH };

static const capture_query new_usage = {"assistant_usage_events", USAGE_COLUMNS,
                                        "WHERE id > ?1 ORDER BY id LIMIT 256"};
static const capture_query one_usage = {
    "assistant_usage_events", {"id", "created_at"}, "WHERE id = ?1"};
static const capture_query one_session = {
    "sessions", {"id", "cwd", "repository", "branch"}, "WHERE id = ?1"};

static tally_span text_of(const capture_value *value) {
    tally_span text = capture_value_span(value);
    return text.len <= CAPTURE_TEXT_MAX_BYTES && tally_utf8_valid(text) ? text : (tally_span){0};
}

static int take_session_row(void *ctx, const capture_value *row, tally_error *err) {
    const copilot *state = ctx;
    const capture_session seen = {.id = text_of(&row[SESSION_ID]),
                                  .cwd = text_of(&row[SESSION_CWD]),
                                  .remote = text_of(&row[SESSION_REPOSITORY]),
                                  .branch = text_of(&row[SESSION_BRANCH])};
    return state->sink->session(state->sink->ctx, &seen, err);
}

/* Describes a session before its costs; also one that has no row of its own. */
static int describe(copilot *state, const capture_value *id, tally_error *err) {
    tally_span text = text_of(id);
    if (tally_span_eq(text, capture_id_span(&state->described))) return 0;
    const capture_session seen = {.id = text};
    int rc = state->sink->session(state->sink->ctx, &seen, err);
    if (!rc)
        rc = capture_database_each(state->database, &one_session, id, 1, take_session_row, state,
                                   err);
    capture_id_set(&state->described, text);
    return rc == TALLY_ELIMIT ? 0 : rc;
}

/* "2026-09-13T10:00:03.000Z", or SQLite's "2026-09-13 10:00:03", which is UTC too. */
static bool take_time(const capture_value *value, int64_t *ms) {
    char text[40];
    tally_span from = capture_value_span(value);
    if (from.len < 19 || from.len + 1 > sizeof text) return false;
    memcpy(text, from.ptr, from.len);
    size_t len = from.len;
    if (text[10] == ' ') {
        text[10] = 'T';
        if (text[len - 1] != 'Z') text[len++] = 'Z';
    }
    return tally_time_parse(tally_span_of(text, len), ms) == 0;
}

static bool take_count(const capture_value *value, uint64_t *out) {
    *out = value->number > 0 ? (uint64_t)value->number : 0;
    return value->type == CAPTURE_ABSENT || (value->type == CAPTURE_INTEGER && value->number >= 0 &&
                                             value->number <= INT64_C(1) << 53);
}

static const char *read_usage(const capture_value *row, capture_cost *cost) {
    copilot_counts counts;
    if (!take_count(&row[USAGE_INPUT], &counts.input) ||
        !take_count(&row[USAGE_OUTPUT], &counts.output) ||
        !take_count(&row[USAGE_CACHE_READ], &counts.cache_read) ||
        !take_count(&row[USAGE_CACHE_WRITE], &counts.cache_write) ||
        !take_count(&row[USAGE_REASONING], &counts.reasoning))
        return "a token count that is no count";
    if (!copilot_usage(&counts, &cost->usage, &cost->reasoning))
        return "more cached tokens than tokens";
    cost->model = text_of(&row[USAGE_MODEL]);
    if (cost->model.len == 0) return "tokens without a model";
    cost->session = text_of(&row[USAGE_SESSION]);
    if (cost->session.len == 0 || cost->session.len > CAPTURE_ID_MAX_BYTES)
        return "tokens without a usable session";
    return take_time(&row[USAGE_TIME], &cost->time_ms) ? NULL : "tokens without a timestamp";
}

/* The number alone is the file's own: another file may give it to another request. */
static int take_usage(void *ctx, const capture_value *row, tally_error *err) {
    copilot *state = ctx;
    capture_cost cost = {0};
    char key[KEY_MAX_BYTES];
    state->rows++;
    state->last_row = row[USAGE_ID].number;
    state->number = (uint64_t)state->last_row;
    capture_id_set(&state->last_time, capture_value_span(&row[USAGE_TIME]));
    const char *why = read_usage(row, &cost);
    if (why) return skip(state, why, err);
    if (cost.usage.input + cost.usage.output + cost.usage.cache_read + cost.usage.cache_write_5m ==
        0)
        return 0;
    int len = snprintf(key, sizeof key, "%.*s:%" PRId64 ":%" PRId64, (int)cost.session.len,
                       (const char *)cost.session.ptr, state->last_row, cost.time_ms);
    cost.key = tally_span_of(key, len > 0 && (size_t)len < sizeof key ? (size_t)len : 0);
    int rc = describe(state, &row[USAGE_SESSION], err);
    return rc ? rc : state->sink->cost(state->sink->ctx, &cost, err);
}

static int check_last(void *ctx, const capture_value *row, tally_error *err) {
    copilot *state = ctx;
    (void)err;
    state->holds = tally_span_eq(capture_value_span(&row[1]), capture_id_span(&state->last_time));
    return 0;
}

/* A database that was made anew counts from 1 again. */
static int begin(copilot *state, tally_error *err) {
    const capture_value row = capture_value_number(state->last_row);
    state->began = true;
    state->holds = false;
    int rc = state->last_row == 0 ? 0
                                  : capture_database_each(state->database, &one_usage, &row, 1,
                                                          check_last, state, err);
    if (!state->holds) state->last_row = 0;
    return rc;
}

static int copilot_rows(void *opaque, capture_database *database, tally_error *err) {
    copilot *state = opaque;
    state->database = database;
    int rc = state->began ? 0 : begin(state, err);
    const capture_value from = capture_value_number(state->last_row);
    state->rows = 0;
    if (!rc) rc = capture_database_each(database, &new_usage, &from, 1, take_usage, state, err);
    return rc ? rc : state->rows == LOOK_ROWS && state->last_row > from.number;
}

/* --- events ----------------------------------------------------------------------------------- */

enum event_field { EVENT_TYPE, EVENT_DATA, EVENT_ID, EVENT_TIME, EVENT_AGENT, EVENT_FIELDS };
static const capture_field event_fields[EVENT_FIELDS] = {
    [EVENT_TYPE] = CAPTURE_FIELD("type"),     [EVENT_DATA] = CAPTURE_FIELD("data"),
    [EVENT_ID] = CAPTURE_FIELD("id"),         [EVENT_TIME] = CAPTURE_FIELD("timestamp"),
    [EVENT_AGENT] = CAPTURE_FIELD("agentId"),
};

static int announce(copilot *state, tally_error *err) {
    if (state->announced) return 0;
    const capture_session seen = {
        .id = capture_id_span(&state->session),
        .cwd = capture_path_span(&state->cwd),
        .remote = capture_path_span(&state->remote),
        .branch = capture_id_span(&state->branch),
        .commit = capture_id_span(&state->commit),
        .version = capture_id_span(&state->version),
        .title = capture_title_span(&state->title),
        .title_rank = state->title.len ? state->title_rank : TITLE_NONE,
    };
    int rc = state->sink->session(state->sink->ctx, &seen, err);
    state->announced = rc == 0;
    return rc;
}

/* The start and each resumption say where the session is held. */
static int take_start(copilot *state, const tally_json *data) {
    static const capture_field fields[] = {
        CAPTURE_FIELD("sessionId"), CAPTURE_FIELD("copilotVersion"), CAPTURE_FIELD("context")};
    static const capture_field context_fields[] = {CAPTURE_FIELD("cwd"), CAPTURE_FIELD("branch"),
                                                   CAPTURE_FIELD("repository"),
                                                   CAPTURE_FIELD("headCommit")};
    tally_json field[3], context[4];
    capture_id id;
    capture_pick(data, fields, 3, field);
    capture_pick(&field[2], context_fields, 4, context);
    if (!capture_id_is_long(&field[0]) && capture_id_take(&id, &field[0])) state->session = id;
    (void)capture_id_take(&state->version, &field[1]);
    (void)capture_path_take(&state->cwd, &context[0]);
    (void)capture_id_take(&state->branch, &context[1]);
    (void)capture_path_take(&state->remote, &context[2]);
    (void)capture_id_take(&state->commit, &context[3]);
    state->announced = false;
    return 0;
}

static void take_title(copilot *state, const tally_json *data) {
    static const capture_field field = CAPTURE_FIELD("title");
    tally_json title;
    capture_pick(data, &field, 1, &title);
    if (!capture_title_take(&state->title, &title)) return;
    state->title_rank = TITLE_AGENT;
    state->announced = false;
}

/* Skills, other agents and the autopilot write in the user's place. */
static bool is_typed(const tally_json *event, const tally_json *data, tally_json *content) {
    static const capture_field fields[] = {CAPTURE_FIELD("content"), CAPTURE_FIELD("source"),
                                           CAPTURE_FIELD("isAutopilotContinuation"),
                                           CAPTURE_FIELD("parentAgentTaskId")};
    tally_json field[4];
    capture_pick(data, fields, 4, field);
    *content = field[0];
    bool machine = field[1].type == TALLY_JSON_STRING && (capture_starts(field[1].raw, "skill-") ||
                                                          capture_starts(field[1].raw, "agent-"));
    return !machine && !capture_is_true(&field[2]) && field[3].type == TALLY_JSON_NULL &&
           event[EVENT_AGENT].type == TALLY_JSON_NULL;
}

static void take_prompt(copilot *state, const tally_json *content) {
    char text[TEXT_BYTES];
    size_t len = 0;
    if (state->title_rank != TITLE_NONE || content->type != TALLY_JSON_STRING) return;
    tally_json_text(content, text, sizeof text, &len);
    if (!capture_title_clean(tally_span_of(text, len), CAPTURE_PROMPT_TITLE_MAX_CHARS,
                             &state->title))
        return;
    state->title_rank = TITLE_PROMPT;
    state->announced = false;
}

static int act(copilot *state, const tally_json *event, bool human, tally_error *err) {
    capture_activity seen = {.session = capture_id_span(&state->session), .human = human};
    capture_id id;
    if (!capture_time(&event[EVENT_TIME], &seen.time_ms))
        return skip(state, "an event without a timestamp", err);
    if (human && capture_id_take(&id, &event[EVENT_ID])) seen.key = capture_id_span(&id);
    int rc = announce(state, err);
    return rc ? rc : state->sink->activity(state->sink->ctx, &seen, err);
}

static int take_user(copilot *state, const tally_json *event, tally_error *err) {
    tally_json content;
    if (!is_typed(event, &event[EVENT_DATA], &content)) return 0;
    take_prompt(state, &content);
    return act(state, event, true, err);
}

typedef struct spent {
    copilot *state;
    int64_t time_ms;
} spent;

static int emit_growth(void *ctx, const capture_id *model, const copilot_counts *growth,
                       const copilot_counts *total, tally_error *err) {
    const spent *at = ctx;
    copilot *state = at->state;
    char key[KEY_MAX_BYTES];
    capture_cost cost = {.session = capture_id_span(&state->session),
                         .model = capture_id_span(model),
                         .time_ms = at->time_ms};
    if (!copilot_usage(growth, &cost.usage, &cost.reasoning))
        return skip(state, "more cached tokens than tokens", err);
    int len = snprintf(key, sizeof key, "%.*s:%.*s:%" PRIu64 "/%" PRIu64, state->session.len,
                       state->session.text, model->len, model->text, total->input, total->output);
    cost.key = tally_span_of(key, len > 0 && (size_t)len < sizeof key ? (size_t)len : 0);
    int rc = announce(state, err);
    return rc ? rc : state->sink->cost(state->sink->ctx, &cost, err);
}

/* The same spend as the rows of the database: counted only where there is none. */
static int take_shutdown(copilot *state, const tally_json *event, tally_error *err) {
    spent at = {.state = state};
    const char *why = NULL;
    if (state->file->has_database) return 0;
    if (!capture_time(&event[EVENT_TIME], &at.time_ms))
        return skip(state, "totals without a timestamp", err);
    int rc = copilot_metrics_take(&state->metrics, &event[EVENT_DATA], emit_growth, &at, &why, err);
    return why && !rc ? skip(state, why, err) : rc;
}

static bool type_starts(const tally_json *event, const char *prefix) {
    return event[EVENT_TYPE].type == TALLY_JSON_STRING &&
           capture_starts(event[EVENT_TYPE].raw, prefix);
}

static int copilot_line(void *opaque, tally_span text, uint64_t number, uint64_t offset,
                        tally_error *err) {
    copilot *state = opaque;
    tally_json_index index;
    tally_json line, event[EVENT_FIELDS];
    (void)offset;
    state->number = number;
    int rc = text.len ? tally_json_parse_indexed(text, &index, &line) : TALLY_EFORMAT;
    if (rc) return skip(state, rc == TALLY_ELIMIT ? "nested too deeply" : "not JSON", err);
    if (line.type != TALLY_JSON_OBJECT) return skip(state, "not a JSON object", err);
    capture_pick(&line, event_fields, EVENT_FIELDS, event);
    const tally_json *type = &event[EVENT_TYPE];
    if (tally_json_string_is(type, "session.start") || tally_json_string_is(type, "session.resume"))
        return take_start(state, &event[EVENT_DATA]);
    if (tally_json_string_is(type, "session.title_changed"))
        take_title(state, &event[EVENT_DATA]);
    else if (tally_json_string_is(type, "session.shutdown"))
        return take_shutdown(state, event, err);
    else if (tally_json_string_is(type, "user.message"))
        return take_user(state, event, err);
    else if (type_starts(event, "assistant.") || type_starts(event, "tool."))
        return act(state, event, false, err);
    return 0;
}

/* --- the adapter ------------------------------------------------------------------------------ */

/* What the start said is not kept for the next pass: it goes out now. */
static int copilot_end(void *opaque, tally_error *err) {
    copilot *state = opaque;
    return state->cwd.len || state->title.len ? announce(state, err) : 0;
}

static void copilot_resume(void *opaque, uint64_t end_offset, uint64_t end_line, uint64_t *offset,
                           uint64_t *line) {
    (void)opaque;
    *offset = end_offset;
    *line = end_line;
}

static int copilot_save(void *opaque, uint8_t *out, size_t *len, tally_error *err) {
    const copilot *state = opaque;
    capture_packer packer = {.out = out, .size = CAPTURE_STATE_MAX_BYTES};
    capture_pack_u8(&packer, STATE_VERSION);
    capture_pack_u8(&packer, (uint8_t)state->title_rank);
    capture_pack_text(&packer, capture_id_span(&state->session));
    capture_pack_u64(&packer, (uint64_t)state->last_row);
    capture_pack_text(&packer, capture_id_span(&state->last_time));
    copilot_metrics_pack(&state->metrics, &packer);
    *len = packer.len;
    if (!packer.full) return 0;
    return tally_fail(err, TALLY_ELIMIT,
                      "cannot save where %s was read: its state is larger than %u bytes",
                      state->file->path, CAPTURE_STATE_MAX_BYTES);
}

static bool copilot_load(void *opaque, tally_span saved) {
    copilot *state = opaque;
    capture_unpacker unpacker = {.left = saved};
    if (capture_unpack_u8(&unpacker) != STATE_VERSION) return false;
    state->title_rank = capture_unpack_u8(&unpacker);
    capture_unpack_text(&unpacker, state->session.text, sizeof state->session.text,
                        &state->session.len);
    state->last_row = capture_unpack_i64(&unpacker);
    capture_unpack_text(&unpacker, state->last_time.text, sizeof state->last_time.text,
                        &state->last_time.len);
    copilot_metrics_unpack(&state->metrics, &unpacker);
    return !unpacker.bad && unpacker.left.len == 0 && state->title_rank <= TITLE_AGENT;
}

/* session-state/ID/events.jsonl, session-state/ID.jsonl in old versions: until the start says it.
 */
static tally_span session_of(const char *path) {
    const char *end = strrchr(path, '/'), *name = end ? end + 1 : path;
    if (!end || strcmp(name, "events.jsonl") != 0) return tally_span_of(name, strcspn(name, "."));
    const char *from = memrchr(path, '/', (size_t)(end - path));
    return from ? tally_span_of(from + 1, (size_t)(end - from) - 1) : (tally_span){0};
}

static bool copilot_begin(void *opaque, const capture_file *file, const capture_sink *sink) {
    copilot *state = opaque;
    state->file = file;
    state->sink = sink;
    capture_id_set(&state->session, session_of(file->path));
    return true;
}

static bool is_store(const char *path, const char *name) {
    (void)path;
    return strcmp(name, "session-store.db") == 0;
}

/* Below a session's folder only its events; beside the folders the files of old versions. */
static bool is_events(const char *path, const char *name) {
    static const char root[] = "/session-state/";
    size_t len = strlen(name);
    const char *below = NULL;
    for (const char *at = strstr(path, root); at; at = strstr(at + 1, root))
        below = at + sizeof root - 1;
    if (!below || len <= 6 || strcmp(name + len - 6, ".jsonl") != 0) return false;
    return below + len == path + strlen(path) || strcmp(name, "events.jsonl") == 0;
}

const capture_adapter capture_copilot = {
    .agent = "copilot-cli",
    .alias = "copilot",
    .places = {{"COPILOT_HOME", ".copilot", "", 0, is_store, 0, false},
               {"COPILOT_HOME", ".copilot", "session-state", 1, is_events, 0, false}},
    .gap = "costs are list prices of the models; GitHub bills AI credits",
    .state_bytes = sizeof(copilot),
    .begin = copilot_begin,
    .load = copilot_load,
    .line = copilot_line,
    .rows = copilot_rows,
    .end = copilot_end,
    .resume = copilot_resume,
    .save = copilot_save,
    .close = free,
};
