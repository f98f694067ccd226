/* OpenCode (agent-logs section 7): the adapter of its database. Messages are followed by their row
 * numbers; what is not complete yet is looked at again. */
#include "database.h"
#include "opencode_message.h"
#include "pack.h"
#include "recent.h"
#include "title.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <tally/record.h>

#define STATE_VERSION 1u
#define LOOK_MESSAGES 256 /* new ones in one look; also in the query */
#define OPEN_MAX      256u
#define KEY_MAX_BYTES (2u * CAPTURE_ID_MAX_BYTES + 8u * 21u)
#define TITLE_RANK    3u /* given by the agent */

/* A message that was not complete; the hash of its id tells when the row is another one by now. */
typedef struct open_message {
    int64_t row;
    uint64_t id_hash;
} open_message;

typedef struct opencode {
    const capture_file *file;
    const capture_sink *sink;
    int64_t last_row; /* of the messages that were read */
    uint64_t last_hash;
    int64_t sessions_ms; /* last change of a session that was seen */
    int64_t since_ms;    /* the same when this pass began */
    open_message open[OPEN_MAX];
    size_t open_count;
    bool began; /* in this pass */
    capture_database *database;

    /* The session of the message at hand, and the message. */
    capture_id session, parent, version;
    capture_path directory;
    capture_title title;
    int64_t session_created_ms;
    bool announced;
    int64_t row;
    opencode_message message;
    bool is_copy, seen_part, seen_text, seen_step, hold;
    uint64_t text_hash;
    size_t steps;
} opencode;

#define MESSAGE_COLUMNS                                                                            \
    { "rowid", "id", "session_id" }
enum message_column { MESSAGE_ROW, MESSAGE_ID, MESSAGE_SESSION };
#define SESSION_COLUMNS                                                                            \
    { "id", "parent_id", "directory", "title", "version", "time_created", "time_updated" }
enum session_column {
    SESSION_ID,
    SESSION_PARENT,
    SESSION_DIRECTORY,
    SESSION_TITLE,
    SESSION_VERSION,
    SESSION_CREATED,
    SESSION_UPDATED
};

static const capture_query new_messages = {"message", MESSAGE_COLUMNS,
                                           "WHERE rowid > ?1 ORDER BY rowid LIMIT 256"};
static const capture_query one_message = {"message", MESSAGE_COLUMNS, "WHERE rowid = ?1"};
static const capture_query message_data = {"message", {"data"}, "WHERE rowid = ?1"};
static const capture_query parts = {
    "part", {"rowid", "time_updated"}, "WHERE message_id = ?1 ORDER BY id LIMIT 100000"};
static const capture_query part_data = {"part", {"data"}, "WHERE rowid = ?1"};
static const capture_query one_session = {"session", SESSION_COLUMNS, "WHERE id = ?1"};
static const capture_query all_sessions = {"session", SESSION_COLUMNS, ""};

static int skip(const opencode *state, const char *why, tally_error *err) {
    return state->sink->skipped(state->sink->ctx, (uint64_t)state->row, why, err);
}

static bool take_id(capture_id *out, const capture_value *value) {
    tally_span text = capture_value_span(value);
    out->len = 0;
    if (text.len == 0 || text.len > sizeof out->text || !tally_utf8_valid(text)) return false;
    capture_id_set(out, text);
    return true;
}

static void take_path(capture_path *out, const capture_value *value) {
    tally_span text = capture_value_span(value);
    out->len = 0;
    if (text.len == 0 || text.len > sizeof out->text) return;
    memcpy(out->text, text.ptr, text.len);
    out->len = (uint16_t)text.len;
}

/* --- sessions --------------------------------------------------------------------------------- */

/* "New session - 2026-11-21T05:40:50.072Z" says nothing. */
static void take_title(opencode *state, const capture_value *value) {
    tally_span text = capture_value_span(value);
    state->title.len = 0;
    if (capture_starts(text, "New session - ") || capture_starts(text, "Child session - ")) return;
    if (tally_utf8_valid(text)) (void)capture_title_clean(text, SIZE_MAX, &state->title);
}

static int take_session(void *ctx, const capture_value *row, tally_error *err) {
    opencode *state = ctx;
    (void)err;
    if (!take_id(&state->session, &row[SESSION_ID])) return 0;
    (void)take_id(&state->parent, &row[SESSION_PARENT]);
    (void)take_id(&state->version, &row[SESSION_VERSION]);
    take_path(&state->directory, &row[SESSION_DIRECTORY]);
    take_title(state, &row[SESSION_TITLE]);
    state->session_created_ms = row[SESSION_CREATED].number;
    if (row[SESSION_UPDATED].number > state->sessions_ms)
        state->sessions_ms = row[SESSION_UPDATED].number;
    state->announced = false;
    return 0;
}

static int announce(opencode *state, tally_error *err) {
    if (state->announced) return 0;
    const capture_session seen = {
        .id = capture_id_span(&state->session),
        .parent = capture_id_span(&state->parent),
        .cwd = capture_path_span(&state->directory),
        .version = capture_id_span(&state->version),
        .title = capture_title_span(&state->title),
        .title_rank = state->title.len ? TITLE_RANK : 0,
    };
    int rc = state->sink->session(state->sink->ctx, &seen, err);
    state->announced = rc == 0;
    return rc;
}

static int take_changed_session(void *ctx, const capture_value *row, tally_error *err) {
    opencode *state = ctx;
    if (row[SESSION_UPDATED].number < state->since_ms) return 0;
    state->session.len = 0;
    int rc = take_session(state, row, err);
    return rc || state->session.len == 0 ? rc : announce(state, err);
}

/* The session of a message; messages of one session mostly follow each other. */
static int find_session(opencode *state, const capture_value *id, tally_error *err) {
    tally_span wanted = capture_value_span(id);
    if (wanted.len == 0 || tally_span_eq(wanted, capture_id_span(&state->session))) return 0;
    state->session.len = state->parent.len = state->version.len = 0;
    state->directory.len = state->title.len = 0;
    state->session_created_ms = 0;
    state->announced = false;
    int rc = capture_database_each(state->database, &one_session, id, 1, take_session, state, err);
    if (rc == TALLY_ELIMIT) rc = 0; /* a title without end: its messages still count */
    if (!rc && state->session.len == 0) (void)take_id(&state->session, id);
    return rc;
}

/* --- one message ------------------------------------------------------------------------------ */

static int act(opencode *state, int64_t time_ms, bool human, tally_span key, tally_error *err) {
    const capture_activity seen = {.session = capture_id_span(&state->session),
                                   .time_ms = time_ms,
                                   .human = human,
                                   .key = key};
    int rc = announce(state, err);
    return rc ? rc : state->sink->activity(state->sink->ctx, &seen, err);
}

/* A fork copies messages under new ids: what they have in common is the key. The time of completion
 * is not part of it, so that what was read before it counts once. */
static int emit_cost(opencode *state, const opencode_tokens *tokens, tally_error *err) {
    const opencode_message *message = &state->message;
    char key[KEY_MAX_BYTES];
    capture_cost cost = {.session = capture_id_span(&state->session),
                         .model = capture_id_span(&message->model)};
    if (!opencode_usage(tokens, capture_id_span(&state->version), &cost.usage, &cost.reasoning))
        return 0;
    if (message->model.len == 0) return skip(state, "tokens without a model", err);
    int len = snprintf(key, sizeof key,
                       "%" PRId64 "/%.*s/%.*s/%zu/%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
                       ",%" PRIu64,
                       message->created_ms, message->provider.len, message->provider.text,
                       message->model.len, message->model.text, state->steps, tokens->input,
                       tokens->output, tokens->reasoning, tokens->cache_read, tokens->cache_write);
    cost.key = tally_span_of(key, len > 0 && (size_t)len < sizeof key ? (size_t)len : 0);
    cost.time_ms = message->completed_ms ? message->completed_ms : message->created_ms;
    int rc = announce(state, err);
    return rc ? rc : state->sink->cost(state->sink->ctx, &cost, err);
}

/* Is the message as it will stay? */
static bool is_complete(const opencode *state) {
    return state->message.completed_ms != 0;
}

static int take_part_data(void *ctx, const capture_value *row, tally_error *err) {
    opencode *state = ctx;
    opencode_part part;
    const char *why;
    if (opencode_part_read(capture_value_span(&row[0]), &part, &why)) return skip(state, why, err);
    if (part.kind == OPENCODE_TEXT && !state->seen_text) {
        state->seen_text = true;
        state->text_hash = part.text_hash;
    }
    if (part.kind != OPENCODE_STEP || state->message.role != OPENCODE_ASSISTANT) return 0;
    state->seen_step = true;
    int rc = part.has_tokens && !state->hold ? emit_cost(state, &part.tokens, err) : 0;
    state->steps++;
    return rc;
}

/* A row whose content cannot be had is passed over; the others count. */
static int read_data(opencode *state, const capture_query *query, int64_t row, capture_row_fn *fn,
                     tally_error *err) {
    const capture_value argument = capture_value_number(row);
    int rc = capture_database_each(state->database, query, &argument, 1, fn, state, err);
    return rc == TALLY_ELIMIT ? skip(state, "the row is too long", err) : rc;
}

static int take_part(void *ctx, const capture_value *row, tally_error *err) {
    opencode *state = ctx;
    const opencode_message *message = &state->message;
    int64_t last_ms = message->completed_ms ? message->completed_ms : state->file->now_ms;
    int64_t time_ms = row[1].number;
    state->seen_part = true;
    bool worked = message->role == OPENCODE_ASSISTANT && !state->is_copy && !state->hold &&
                  time_ms >= message->created_ms && time_ms <= last_ms;
    int rc = worked ? act(state, time_ms, false, (tally_span){0}, err) : 0;
    return rc ? rc : read_data(state, &part_data, row[0].number, take_part_data, err);
}

static int read_parts(opencode *state, const capture_value *id, tally_error *err) {
    state->seen_part = state->seen_text = state->seen_step = false;
    state->steps = 0;
    return capture_database_each(state->database, &parts, id, 1, take_part, state, err);
}

static int take_assistant(opencode *state, const capture_value *id, tally_error *err) {
    const opencode_message *message = &state->message;
    state->hold = !is_complete(state) && !state->file->idle;
    bool works = !state->is_copy && !state->hold;
    int rc = works ? act(state, message->created_ms, false, (tally_span){0}, err) : 0;
    if (!rc) rc = read_parts(state, id, err);
    if (!rc && works && is_complete(state))
        rc = act(state, message->completed_ms, false, (tally_span){0}, err);
    if (rc || state->hold || state->seen_step || !message->has_tokens) return rc;
    return emit_cost(state, &message->tokens, err); /* no step says it: all there is */
}

/* A person types in root sessions only; a copy keeps the key of its original. */
static int take_user(opencode *state, const capture_value *id, tally_error *err) {
    char key[64];
    int rc = read_parts(state, id, err);
    if (rc || !state->seen_text || state->parent.len > 0) return rc;
    int len = snprintf(key, sizeof key, "user:%" PRId64 ":%016" PRIx64, state->message.created_ms,
                       state->text_hash);
    return act(state, state->message.created_ms, true, tally_span_of(key, (size_t)len), err);
}

static int take_message_data(void *ctx, const capture_value *row, tally_error *err) {
    opencode *state = ctx;
    const char *why;
    if (opencode_message_read(capture_value_span(&row[0]), &state->message, &why) == 0) return 0;
    state->message.role = OPENCODE_OTHER;
    return skip(state, why, err);
}

/* `*settled`: nothing more will come of this message. */
static int take_message(opencode *state, const capture_value *row, bool *settled,
                        tally_error *err) {
    *settled = true;
    state->row = row[MESSAGE_ROW].number;
    state->message = (opencode_message){.role = OPENCODE_OTHER};
    int rc = read_data(state, &message_data, state->row, take_message_data, err);
    if (rc || state->message.role == OPENCODE_OTHER) return rc;
    rc = find_session(state, &row[MESSAGE_SESSION], err);
    if (rc) return rc;
    if (state->session.len == 0) return skip(state, "a message without a session", err);
    state->is_copy = state->message.created_ms < state->session_created_ms;
    if (state->message.role == OPENCODE_USER) {
        state->hold = false;
        rc = take_user(state, &row[MESSAGE_ID], err);
        *settled = state->seen_part;
    } else {
        rc = take_assistant(state, &row[MESSAGE_ID], err);
        *settled = is_complete(state);
    }
    return rc;
}

/* --- rows that are new, and those that were not complete ---------------------------------------
 */

static uint64_t hash_of(const capture_value *id) {
    return capture_hash(0, capture_value_span(id));
}

/* When there are too many the oldest is let go: it was left behind by a process that was killed. */
static void keep_open(opencode *state, int64_t row, uint64_t id_hash) {
    if (state->open_count == OPEN_MAX) {
        state->open_count--;
        memmove(state->open, state->open + 1, state->open_count * sizeof *state->open);
    }
    state->open[state->open_count++] = (open_message){row, id_hash};
}

typedef struct look {
    opencode *state;
    uint64_t rows, id_hash;
    bool settled;
} look;

static int take_new(void *ctx, const capture_value *row, tally_error *err) {
    look *new = ctx;
    opencode *state = new->state;
    bool settled;
    int rc = take_message(state, row, &settled, err);
    if (rc) return rc;
    new->rows++;
    state->last_row = row[MESSAGE_ROW].number;
    state->last_hash = hash_of(&row[MESSAGE_ID]);
    if (!settled) keep_open(state, state->last_row, state->last_hash);
    return 0;
}

static int take_open(void *ctx, const capture_value *row, tally_error *err) {
    look *again = ctx;
    if (hash_of(&row[MESSAGE_ID]) != again->id_hash) return 0;
    return take_message(again->state, row, &again->settled, err);
}

static int look_again(opencode *state, tally_error *err) {
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < state->open_count; i++) {
        const open_message held = state->open[i];
        const capture_value row = capture_value_number(held.row);
        look again = {.state = state, .id_hash = held.id_hash, .settled = true};
        if (!rc)
            rc = capture_database_each(state->database, &one_message, &row, 1, take_open, &again,
                                       err);
        if (rc || !again.settled) state->open[kept++] = held;
    }
    state->open_count = kept;
    return rc;
}

static int check_last(void *ctx, const capture_value *row, tally_error *err) {
    look *last = ctx;
    (void)err;
    last->settled = hash_of(&row[MESSAGE_ID]) == last->id_hash;
    return 0;
}

/* Row numbers are used again after messages were deleted, and change when the file is compacted:
 * then everything is read once more, and counts once. */
static int begin(opencode *state, tally_error *err) {
    if (state->last_row == 0) return 0;
    look last = {.state = state, .id_hash = state->last_hash};
    const capture_value row = capture_value_number(state->last_row);
    int rc = capture_database_each(state->database, &one_message, &row, 1, check_last, &last, err);
    if (rc) return rc;
    if (!last.settled) {
        state->last_row = 0;
        state->open_count = 0;
        return 0;
    }
    state->since_ms = state->sessions_ms;
    rc = capture_database_each(state->database, &all_sessions, NULL, 0, take_changed_session, state,
                               err);
    return rc && rc != TALLY_ELIMIT ? rc : look_again(state, err);
}

static int opencode_rows(void *opaque, capture_database *database, tally_error *err) {
    opencode *state = opaque;
    look new = {.state = state};
    state->database = database;
    int rc = state->began ? 0 : begin(state, err);
    if (rc) return rc;
    state->began = true;
    const capture_value row = capture_value_number(state->last_row);
    rc = capture_database_each(database, &new_messages, &row, 1, take_new, &new, err);
    return rc ? rc : new.rows == LOOK_MESSAGES;
}

static int opencode_end(void *opaque, tally_error *err) {
    (void)opaque, (void)err;
    return 0;
}

static void opencode_resume(void *opaque, uint64_t end_offset, uint64_t end_line, uint64_t *offset,
                            uint64_t *line) {
    const opencode *state = opaque;
    *offset = state->open_count > 0 ? 0 : end_offset;
    *line = end_line;
}

static int opencode_save(void *opaque, uint8_t *out, size_t *len, tally_error *err) {
    const opencode *state = opaque;
    capture_packer packer = {.out = out, .size = CAPTURE_STATE_MAX_BYTES};
    (void)err;
    capture_pack_u8(&packer, STATE_VERSION);
    capture_pack_u64(&packer, (uint64_t)state->last_row);
    capture_pack_u64(&packer, state->last_hash);
    capture_pack_u64(&packer, (uint64_t)state->sessions_ms);
    capture_pack_u64(&packer, state->open_count);
    for (size_t i = 0; i < state->open_count; i++) {
        capture_pack_u64(&packer, (uint64_t)state->open[i].row);
        capture_pack_u64(&packer, state->open[i].id_hash);
    }
    *len = packer.len;
    return 0;
}

static bool opencode_load(void *opaque, tally_span saved) {
    opencode *state = opaque;
    capture_unpacker unpacker = {.left = saved};
    if (capture_unpack_u8(&unpacker) != STATE_VERSION) return false;
    state->last_row = capture_unpack_i64(&unpacker);
    state->last_hash = capture_unpack_u64(&unpacker);
    state->sessions_ms = capture_unpack_i64(&unpacker);
    uint64_t count = capture_unpack_u64(&unpacker);
    if (count > OPEN_MAX) return false;
    for (; state->open_count < count; state->open_count++) {
        state->open[state->open_count].row = capture_unpack_i64(&unpacker);
        state->open[state->open_count].id_hash = capture_unpack_u64(&unpacker);
    }
    return !unpacker.bad && unpacker.left.len == 0 && state->last_row >= 0;
}

static bool opencode_begin(void *opaque, const capture_file *file, const capture_sink *sink) {
    opencode *state = opaque;
    state->file = file;
    state->sink = sink;
    return true;
}

/* opencode.db, and opencode-CHANNEL.db of other release channels. */
static bool is_database(const char *path, const char *name) {
    static const char prefix[] = "opencode";
    size_t len = strlen(name), head = sizeof prefix - 1;
    (void)path;
    return len >= head + 3 && strncmp(name, prefix, head) == 0 &&
           strcmp(name + len - 3, ".db") == 0 && (name[head] == '.' || name[head] == '-');
}

const capture_adapter capture_opencode = {
    .agent = "opencode",
    .alias = "opencode",
    .places = {{"XDG_DATA_HOME", ".local/share", "opencode", 0, is_database, 0, false}},
    .gap = "requests for titles are billed and not logged; versions before 1.2 are not read",
    .state_bytes = sizeof(opencode),
    .begin = opencode_begin,
    .load = opencode_load,
    .rows = opencode_rows,
    .end = opencode_end,
    .resume = opencode_resume,
    .save = opencode_save,
    .close = free,
};
