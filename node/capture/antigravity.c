/* Antigravity (agent-logs section 5): a database for each conversation tells what was spent, the
 * command line's transcript beside it when somebody typed, and its history where. */
#include "antigravity_generation.h"
#include "database.h"
#include "pack.h"
#include "title.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <tally/record.h>

#define STATE_VERSION 1u
#define LOOK_ROWS     256 /* also in the query */
#define STEPS_MAX     65536u
#define TEXT_BYTES    4096u
#define TITLE_PROMPT  1u
#define NO_ROW        INT64_MIN

typedef struct antigravity {
    const capture_file *file;
    const capture_sink *sink;
    capture_id session;
    capture_path workspace;
    bool looked_for_workspace, announced, titled;
    capture_title title;
    int64_t last_row;
    bool again; /* the last pass read this row too */
    capture_database *database;
    uint64_t rows;   /* in this look */
    uint64_t number; /* of the line or row at hand */
    int64_t *steps;  /* when each step of the transcript was made; STEPS_MAX, 0: not known */
    bool looked_for_steps;
} antigravity;

/* The last row that was read is read again: it may have been written while it grew. */
static const capture_query generations = {
    "gen_metadata", {"idx"}, "WHERE idx >= ?1 ORDER BY idx LIMIT 256"};
static const capture_query generation_data = {"gen_metadata", {"data"}, "WHERE idx = ?1 LIMIT 1"};
static const capture_query workspaces = {"trajectory_metadata_blob", {"data"}, "LIMIT 1"};

static int skip(const antigravity *state, const char *why, tally_error *err) {
    return state->sink->skipped(state->sink->ctx, state->number, why, err);
}

static int announce(antigravity *state, tally_error *err) {
    if (state->announced) return 0;
    const capture_session seen = {
        .id = capture_id_span(&state->session),
        .cwd = capture_path_span(&state->workspace),
        .title = capture_title_span(&state->title),
        .title_rank = state->title.len ? TITLE_PROMPT : 0,
    };
    int rc = state->sink->session(state->sink->ctx, &seen, err);
    state->announced = rc == 0;
    return rc;
}

/* --- when: the transcript's steps ------------------------------------------------------------- */

enum step_field { STEP_INDEX, STEP_SOURCE, STEP_TYPE, STEP_TIME, STEP_CONTENT, STEP_FIELDS };
static const capture_field step_fields[STEP_FIELDS] = {
    [STEP_INDEX] = CAPTURE_FIELD("step_index"), [STEP_SOURCE] = CAPTURE_FIELD("source"),
    [STEP_TYPE] = CAPTURE_FIELD("type"),        [STEP_TIME] = CAPTURE_FIELD("created_at"),
    [STEP_CONTENT] = CAPTURE_FIELD("content"),
};

static int take_step_time(void *ctx, tally_span text) {
    antigravity *state = ctx;
    tally_json_index index;
    tally_json line, field[STEP_FIELDS];
    uint64_t step;
    int64_t time_ms;
    if (text.len == 0 || tally_json_parse_indexed(text, &index, &line)) return 0;
    capture_pick(&line, step_fields, STEP_FIELDS, field);
    if (tally_json_u64(&field[STEP_INDEX], &step) && step < STEPS_MAX &&
        capture_time(&field[STEP_TIME], &time_ms))
        state->steps[step] = time_ms;
    return 0;
}

static int load_steps(antigravity *state, tally_error *err) {
    if (state->looked_for_steps) return 0;
    state->looked_for_steps = true;
    state->steps = calloc(STEPS_MAX, sizeof *state->steps);
    if (!state->steps) return tally_fail(err, TALLY_ENOMEM, "no memory for a transcript's steps");
    int rc = state->sink->each_line_of(state->sink->ctx, capture_id_span(&state->session),
                                       take_step_time, state, err);
    return rc == TALLY_ENOTFOUND ? 0 : rc;
}

/* The row itself, else the step that it produced, or the last one before it; else the file. */
static int time_of(antigravity *state, const antigravity_generation *generation, int64_t *time_ms,
                   tally_error *err) {
    *time_ms = generation->time_ms;
    if (*time_ms) return 0;
    int rc = load_steps(state, err);
    if (rc) return rc;
    uint64_t step = generation->last_step < STEPS_MAX ? generation->last_step + 1 : STEPS_MAX;
    while (generation->has_step && step > 0 && !*time_ms)
        *time_ms = state->steps[--step];
    if (!*time_ms) *time_ms = state->file->written_ms;
    return 0;
}

/* --- the database ----------------------------------------------------------------------------- */

static int take_workspace(void *ctx, const capture_value *row, tally_error *err) {
    antigravity *state = ctx;
    (void)err;
    (void)antigravity_workspace_read(capture_value_span(&row[0]), &state->workspace);
    return 0;
}

static int emit_cost(antigravity *state, const antigravity_generation *generation,
                     tally_error *err) {
    char key[CAPTURE_ID_MAX_BYTES + 32];
    capture_cost cost = {.session = capture_id_span(&state->session),
                         .key = capture_id_span(&generation->response),
                         .model = capture_id_span(&generation->model),
                         .usage = generation->usage,
                         .reasoning = generation->reasoning};
    const tally_usage *usage = &cost.usage;
    if (usage->input + usage->output + usage->cache_read + usage->cache_write_5m == 0) return 0;
    if (cost.model.len == 0) return skip(state, "tokens without a model", err);
    if (cost.key.len == 0) {
        int len = snprintf(key, sizeof key, "%.*s:%" PRId64, state->session.len,
                           state->session.text, state->last_row);
        cost.key = tally_span_of(key, len > 0 ? (size_t)len : 0);
    }
    int rc = time_of(state, generation, &cost.time_ms, err);
    if (!rc) rc = announce(state, err);
    return rc ? rc : state->sink->cost(state->sink->ctx, &cost, err);
}

static int take_data(void *ctx, const capture_value *row, tally_error *err) {
    antigravity *state = ctx;
    antigravity_generation generation;
    const char *why = NULL;
    if (antigravity_generation_read(capture_value_span(&row[0]), &generation, &why))
        return state->again ? 0 : skip(state, why, err);
    return generation.has_usage ? emit_cost(state, &generation, err) : 0;
}

static int take_generation(void *ctx, const capture_value *row, tally_error *err) {
    antigravity *state = ctx;
    state->again = state->last_row == row[0].number;
    state->last_row = row[0].number;
    state->number = (uint64_t)row[0].number;
    state->rows++;
    int rc =
        capture_database_each(state->database, &generation_data, &row[0], 1, take_data, state, err);
    return rc == TALLY_ELIMIT ? skip(state, "the row is too long", err) : rc;
}

static int antigravity_rows(void *opaque, capture_database *database, tally_error *err) {
    antigravity *state = opaque;
    const capture_value from = capture_value_number(state->last_row);
    int rc = 0;
    state->database = database;
    if (!state->looked_for_workspace)
        rc = capture_database_each(database, &workspaces, NULL, 0, take_workspace, state, err);
    state->looked_for_workspace = true;
    state->rows = 0;
    if (!rc || rc == TALLY_ELIMIT)
        rc = capture_database_each(database, &generations, &from, 1, take_generation, state, err);
    return rc ? rc : state->rows == LOOK_ROWS && state->last_row > from.number;
}

/* --- lines: transcript and history ------------------------------------------------------------ */

/* What was typed stands between <USER_REQUEST> and its end. */
static void take_title(antigravity *state, const tally_json *content) {
    static const char open[] = "<USER_REQUEST>", close[] = "</USER_REQUEST>";
    char buffer[TEXT_BYTES];
    size_t len = 0;
    if (state->titled || content->type != TALLY_JSON_STRING) return;
    tally_json_text(content, buffer, sizeof buffer, &len);
    tally_span text = tally_span_of(buffer, len);
    if (capture_starts(text, open))
        text = tally_span_of(text.ptr + sizeof open - 1, text.len - (sizeof open - 1));
    size_t end = capture_find(text, close);
    if (end != SIZE_MAX) text.len = end;
    state->titled = capture_title_clean(text, CAPTURE_PROMPT_TITLE_MAX_CHARS, &state->title);
    if (state->titled) state->announced = false;
}

static int take_step(antigravity *state, const tally_json *line, tally_error *err) {
    tally_json field[STEP_FIELDS];
    char key[CAPTURE_ID_MAX_BYTES + 32];
    capture_activity seen = {.session = capture_id_span(&state->session)};
    uint64_t step = 0;
    capture_pick(line, step_fields, STEP_FIELDS, field);
    bool typed = tally_json_string_is(&field[STEP_SOURCE], "USER_EXPLICIT") &&
                 tally_json_string_is(&field[STEP_TYPE], "USER_INPUT");
    if (!typed && !tally_json_string_is(&field[STEP_SOURCE], "MODEL")) return 0;
    if (!capture_time(&field[STEP_TIME], &seen.time_ms))
        return skip(state, "a step without a timestamp", err);
    seen.human = typed;
    if (typed) {
        take_title(state, &field[STEP_CONTENT]);
        (void)tally_json_u64(&field[STEP_INDEX], &step);
        int len = snprintf(key, sizeof key, "%.*s:%" PRIu64, state->session.len,
                           state->session.text, step);
        seen.key = tally_span_of(key, len > 0 ? (size_t)len : 0);
    }
    int rc = announce(state, err);
    return rc ? rc : state->sink->activity(state->sink->ctx, &seen, err);
}

/* The history names the workspace of each prompt's conversation. */
static int take_history(antigravity *state, const tally_json *field, tally_error *err) {
    capture_id session;
    capture_path path;
    char text[CAPTURE_TEXT_MAX_BYTES];
    size_t len = 0;
    if (field[1].type != TALLY_JSON_STRING || capture_id_is_long(&field[0]) ||
        !capture_id_take(&session, &field[0]))
        return 0;
    tally_json_text(&field[1], text, sizeof text, &len);
    if (!antigravity_path(tally_span_of(text, len), &path)) return 0;
    const capture_session seen = {.id = capture_id_span(&session), .cwd = capture_path_span(&path)};
    return state->sink->session(state->sink->ctx, &seen, err);
}

static int antigravity_line(void *opaque, tally_span text, uint64_t number, uint64_t offset,
                            tally_error *err) {
    static const capture_field history[] = {CAPTURE_FIELD("conversationId"),
                                            CAPTURE_FIELD("workspace")};
    antigravity *state = opaque;
    tally_json_index index;
    tally_json line, field[2];
    (void)offset;
    state->number = number;
    int rc = text.len ? tally_json_parse_indexed(text, &index, &line) : TALLY_EFORMAT;
    if (rc) return skip(state, rc == TALLY_ELIMIT ? "nested too deeply" : "not JSON", err);
    if (line.type != TALLY_JSON_OBJECT) return skip(state, "not a JSON object", err);
    capture_pick(&line, history, 2, field);
    if (field[0].type == TALLY_JSON_STRING) return take_history(state, field, err);
    return take_step(state, &line, err);
}

/* --- the adapter ------------------------------------------------------------------------------ */

static int antigravity_end(void *opaque, tally_error *err) {
    (void)opaque, (void)err;
    return 0;
}

static void antigravity_resume(void *opaque, uint64_t end_offset, uint64_t end_line,
                               uint64_t *offset, uint64_t *line) {
    (void)opaque;
    *offset = end_offset;
    *line = end_line;
}

static int antigravity_save(void *opaque, uint8_t *out, size_t *len, tally_error *err) {
    const antigravity *state = opaque;
    capture_packer packer = {.out = out, .size = CAPTURE_STATE_MAX_BYTES};
    (void)err;
    capture_pack_u8(&packer, STATE_VERSION);
    capture_pack_u8(&packer, state->titled);
    capture_pack_u64(&packer, (uint64_t)state->last_row);
    *len = packer.len;
    return 0;
}

static bool antigravity_load(void *opaque, tally_span saved) {
    antigravity *state = opaque;
    capture_unpacker unpacker = {.left = saved};
    if (capture_unpack_u8(&unpacker) != STATE_VERSION) return false;
    state->titled = capture_unpack_u8(&unpacker) != 0;
    state->last_row = capture_unpack_i64(&unpacker);
    return !unpacker.bad && unpacker.left.len == 0;
}

static void antigravity_close(void *opaque) {
    antigravity *state = opaque;
    if (!state) return;
    free(state->steps);
    free(state);
}

/* conversations/ID.db, brain/ID/.system_generated/logs/transcript.jsonl */
static tally_span session_of(const char *path) {
    const char *brain = NULL;
    for (const char *at = strstr(path, "/brain/"); at; at = strstr(at + 1, "/brain/"))
        brain = at;
    if (brain) return tally_span_of(brain + strlen("/brain/"), strcspn(brain + 7, "/"));
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return tally_span_of(name, strcspn(name, "."));
}

static bool antigravity_begin(void *opaque, const capture_file *file, const capture_sink *sink) {
    antigravity *state = opaque;
    state->file = file;
    state->sink = sink;
    state->last_row = NO_ROW;
    capture_id_set(&state->session, session_of(file->path));
    return true;
}

static bool is_conversation(const char *path, const char *name) {
    size_t len = strlen(name);
    (void)path;
    return len > 3 && strcmp(name + len - 3, ".db") == 0;
}

static bool is_transcript(const char *path, const char *name) {
    return strcmp(name, "transcript.jsonl") == 0 && strstr(path, "/.system_generated/logs/");
}

static bool is_history(const char *path, const char *name) {
    (void)path;
    return strcmp(name, "history.jsonl") == 0;
}

const capture_adapter capture_antigravity = {
    .agent = "antigravity",
    .alias = "agy",
    .places = {{NULL, "", ".gemini/antigravity-cli/conversations", 0, is_conversation, 0, false},
               {NULL, "", ".gemini/antigravity-cli/brain", 3, is_transcript, 3, false},
               {NULL, "", ".gemini/antigravity-cli", 0, is_history, 0, false},
               {NULL, "", ".gemini/antigravity/conversations", 0, is_conversation, 0, false},
               {NULL, "", ".gemini/antigravity-ide/conversations", 0, is_conversation, 0, false}},
    .gap = "old conversations (.pb) are encrypted; only the command line logs when somebody typed",
    .state_bytes = sizeof(antigravity),
    .begin = antigravity_begin,
    .load = antigravity_load,
    .line = antigravity_line,
    .rows = antigravity_rows,
    .end = antigravity_end,
    .resume = antigravity_resume,
    .save = antigravity_save,
    .close = antigravity_close,
};
