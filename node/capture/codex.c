/* Codex rollouts (agent-logs section 4): the adapter. Dispatches lines, tells the thread's own from
 * copied ones, and emits what was spent. */
#include "codex_count.h"
#include "codex_fork.h"
#include "codex_line.h"
#include "codex_model.h"
#include "codex_thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STATE_VERSION 2u
#define WAITING_MAX   8u   /* prompts that may stand before the line that ends a copied prefix */
#define REPEAT_MS     2000 /* one prompt may be written in both forms, within this */
#define KEY_MAX_BYTES (CAPTURE_ID_MAX_BYTES + 6 * 20 + 16)

typedef struct waiting_prompt {
    int64_t time_ms;
    bool human;
} waiting_prompt;

typedef struct codex {
    const capture_file *file;
    const capture_sink *sink;
    codex_thread thread;
    codex_counter counter;
    codex_fork fork;
    bool own;        /* past the copied prefix, if there is one */
    bool began;      /* a line of the conversation was seen */
    bool copy_known; /* a second session_meta proves that there is a copy */
    bool by_turns;   /* turn ids mark the boundary */
    uint64_t copied; /* token_count events of the prefix */
    uint64_t history_start;
    bool has_history_start;
    codex_model model;
    waiting_prompt waiting[WAITING_MAX];
    size_t waiting_count;
    uint64_t last_prompt; /* hash of its text */
    int64_t last_prompt_ms, last_ms;
    bool has_last;
    char *text; /* CODEX_PROMPT_BYTES */
} codex;

static int skip_line(const codex *state, const codex_line *line, const char *why,
                     tally_error *err) {
    return state->sink->skipped(state->sink->ctx, line->number, why, err);
}

/* The line's time, or that of the line before. */
static bool time_of(const codex *state, const codex_line *line, int64_t *time_ms) {
    *time_ms = line->has_time ? line->time_ms : state->last_ms;
    return line->has_time || state->has_last;
}

/* Does the line name a thread, and is it another one? */
static bool is_foreign(const codex *state, const codex_line *line) {
    capture_id thread;
    return capture_id_take(&thread, &line->field[CODEX_THREAD]) &&
           !tally_span_eq(capture_id_span(&thread), capture_id_span(&state->thread.id));
}

static bool names_own(const codex *state, const codex_line *line) {
    return line->field[CODEX_THREAD].type == TALLY_JSON_STRING && !is_foreign(state, line);
}

static int emit_cost(codex *state, const codex_line *line, tally_span key, const capture_id *model,
                     const codex_vector *spent, tally_error *err) {
    capture_cost cost = {
        .session = capture_id_span(&state->thread.id),
        .key = key,
        .model = capture_id_span(model),
        .reasoning = spent->reasoning < spent->output ? spent->reasoning : spent->output,
    };
    const char *why = codex_vector_usage(spent, state->model.tier, &cost.usage);
    if (!why && !time_of(state, line, &cost.time_ms)) why = "usage without a timestamp";
    if (why) return skip_line(state, line, why, err);
    int rc = codex_thread_announce(&state->thread, err);
    return rc != 0 ? rc : state->sink->cost(state->sink->ctx, &cost, err);
}

/* The key has no time in it: migration rewrites times. */
static size_t make_key(const codex *state, const codex_vector *total, char *key) {
    int len = snprintf(key, KEY_MAX_BYTES,
                       "%.*s:%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64,
                       (int)state->thread.id.len, state->thread.id.text, total->input,
                       total->cached, total->write, total->output, total->reasoning, total->total);
    return len < 0 ? 0 : (size_t)len;
}

/* The copied prefix ends: prompts that stood before the line that showed it are this thread's. */
static int become_own(codex *state, tally_error *err) {
    int rc = 0;
    state->own = true;
    for (size_t i = 0; rc == 0 && i < state->waiting_count; i++)
        rc = codex_thread_act(&state->thread, state->waiting[i].time_ms, state->waiting[i].human,
                              NULL, err);
    state->waiting_count = 0;
    return rc;
}

static int load_fork(codex *state, tally_error *err) {
    return codex_fork_load(&state->fork, &state->thread.id, &state->thread.origin.parent,
                           state->sink, err);
}

/* A turn that the ancestors do not have is the first own one. */
static int check_turn(codex *state, const codex_line *line, tally_error *err) {
    capture_id turn;
    if (state->own || !capture_id_take(&turn, &line->field[CODEX_TURN])) return 0;
    int rc = load_fork(state, err);
    if (rc != 0 || state->fork.missing || state->fork.turns.count == 0) return rc;
    state->by_turns = true;
    if (!codex_fork_has_turn(&state->fork, &turn)) return become_own(state, err);
    state->waiting_count = 0;
    return 0;
}

/* Without turn ids the copy is the longest run of events that is the parent's. */
static int check_event(codex *state, const codex_event *event, tally_error *err) {
    if (state->own || state->by_turns) return 0;
    int rc = load_fork(state, err);
    if (rc != 0 || state->fork.missing || codex_counter_is_repeat(&state->counter, event))
        return rc;
    if (!codex_fork_has_event(&state->fork, state->copied, event)) return become_own(state, err);
    state->copied++;
    return 0;
}

/* What ends the prefix whatever the line is: the ordinal that the file names; or, when the parent's
 * rollout is gone, that nothing was copied at all or that the burst of copying is over. */
static int check_line(codex *state, const codex_line *line, tally_error *err) {
    if (state->own || line->kind == CODEX_SESSION_META) return 0;
    if (state->has_history_start && line->has_ordinal)
        return line->ordinal >= state->history_start ? become_own(state, err) : 0;
    int rc = load_fork(state, err);
    if (rc != 0 || !state->fork.missing) return rc;
    bool late = line->has_time && state->thread.has_first &&
                (line->time_ms < state->thread.first_ms ||
                 line->time_ms - state->thread.first_ms > CODEX_COPY_MS);
    return late || !state->copy_known ? become_own(state, err) : 0;
}

static int take_meta(codex *state, const codex_line *line) {
    if (!state->thread.has_meta) {
        codex_thread_take_meta(&state->thread, line);
        state->own = state->own && !state->thread.origin.is_fork;
        state->has_history_start =
            tally_json_u64(&line->field[CODEX_HISTORY_START], &state->history_start);
        return 0;
    }
    capture_id id;
    bool other = capture_id_take(&id, &line->field[CODEX_ID]) &&
                 !tally_span_eq(capture_id_span(&id), capture_id_span(&state->thread.id));
    if (!other || state->began) return 0;
    /* A second head right after the first: the lines below it are its thread's. */
    state->copy_known = true;
    state->own = false;
    if (state->thread.origin.parent.len == 0) {
        state->thread.origin.parent = id;
        state->thread.origin.is_fork = true;
    }
    return 0;
}

static int take_turn_context(codex *state, const codex_line *line, tally_error *err) {
    codex_model_take_turn(&state->model, &line->field[CODEX_TURN], &line->field[CODEX_MODEL]);
    int rc = check_turn(state, line, err);
    if (rc == 0 && state->own) codex_thread_take_cwd(&state->thread, &line->field[CODEX_CWD]);
    return rc;
}

static int take_settings(codex *state, const codex_line *line, tally_error *err) {
    static const capture_field cwd_field = CAPTURE_FIELD("cwd");
    const tally_json *settings = &line->field[CODEX_THREAD_SETTINGS];
    tally_json cwd;
    if (is_foreign(state, line)) return 0;
    codex_model_take_settings(&state->model, settings);
    int rc = !state->own && names_own(state, line) ? become_own(state, err) : 0;
    capture_pick(settings, &cwd_field, 1, &cwd);
    if (rc == 0 && state->own) codex_thread_take_cwd(&state->thread, &cwd);
    return rc;
}

static int take_task_started(codex *state, const codex_line *line, tally_error *err) {
    codex_model_begin_turn(&state->model);
    return check_turn(state, line, err);
}

/* What a record is known by: its response, else the thread's counters with it. 1; 0 with `why`. */
static int name_record(const codex *state, const codex_line *line, const codex_vector *thread_usage,
                       capture_id *response, char *key, tally_span *name, const char **why) {
    *why = "response id is too long";
    if (capture_id_is_long(&line->field[CODEX_RESPONSE])) return 0;
    if (capture_id_take(response, &line->field[CODEX_RESPONSE])) {
        *name = capture_id_span(response);
        return 1;
    }
    *why = "usage record without a response id";
    if (!thread_usage) return 0;
    *name = tally_span_of(key, make_key(state, thread_usage, key));
    return 1;
}

/* True when the response is counted already, by the event that came before the record; otherwise
 * the event that is still to come repeats it. */
static bool meet_event(codex *state, const codex_line *line, const codex_vector *usage,
                       const codex_vector *thread_usage) {
    uint64_t turn = codex_model_number_of(&state->model, &line->field[CODEX_TURN]);
    if (codex_counter_claim(&state->counter, usage, thread_usage, turn)) return true;
    /* What is compacted is a copy of a record that normally stands in the file itself. */
    if (line->kind != CODEX_COMPACTED) codex_counter_expect_twin(&state->counter, usage);
    return false;
}

static int take_record(codex *state, const codex_line *line, tally_error *err) {
    codex_vector usage, thread_usage;
    capture_id response;
    char key[KEY_MAX_BYTES];
    tally_span name;
    const char *why = NULL, *no_thread_usage;
    int rc = codex_vector_read(&line->field[CODEX_USAGE], &usage, &why);
    if (rc < 0) return skip_line(state, line, why, err);
    if (rc == 0) return 0;
    bool has_thread_usage =
        codex_vector_read(&line->field[CODEX_THREAD_USAGE], &thread_usage, &no_thread_usage) == 1;
    const codex_vector *thread = has_thread_usage ? &thread_usage : NULL;
    rc = names_own(state, line) && !state->own ? become_own(state, err) : 0;
    if (rc != 0) return rc;
    if (is_foreign(state, line) || !state->own ||
        (line->kind == CODEX_COMPACTED && !names_own(state, line))) {
        (void)meet_event(state, line, &usage, thread);
        return 0;
    }
    if (!name_record(state, line, thread, &response, key, &name, &why))
        return skip_line(state, line, why, err);
    rc = codex_counter_is_first(&state->counter, name, err);
    if (rc != 1) return rc;
    if (meet_event(state, line, &usage, thread)) return 0;
    return emit_cost(state, line, name, codex_model_of(&state->model, &line->field[CODEX_TURN]),
                     &usage, err);
}

static int take_compacted(codex *state, const codex_line *line, tally_error *err) {
    codex_line copy = *line;
    codex_payload_read(&line->field[CODEX_LATEST_RECORD], copy.field);
    return take_record(state, &copy, err);
}

/* `spent` tells whether the agent worked: most of these events only repeat counters. */
static int take_token_count(codex *state, const codex_line *line, bool *spent, tally_error *err) {
    codex_event event;
    codex_vector usage;
    char key[KEY_MAX_BYTES];
    const char *why = NULL;
    *spent = false;
    int rc = codex_event_read(&line->field[CODEX_INFO], &event, &why);
    if (rc < 0) return skip_line(state, line, why, err);
    if (rc == 0) return 0;
    codex_counter_complete(&state->counter, &event);
    rc = check_event(state, &event, err);
    if (rc != 0) return rc;
    if (!state->own) {
        state->waiting_count = 0;
        return codex_counter_pass(&state->counter, &event, err);
    }
    rc = codex_counter_spend(&state->counter, &event, state->model.begun, &usage, &why, err);
    if (why && rc == 0) return skip_line(state, line, why, err);
    if (rc != 1) return rc;
    *spent = true;
    return emit_cost(state, line, tally_span_of(key, make_key(state, &event.total, key)),
                     codex_model_of(&state->model, NULL), &usage, err);
}

/* Lines before the boundary may already be new where prompts are written before the turn's context:
 * they wait, unless the parent has the same text. */
static int wait_for_boundary(codex *state, tally_span text, int64_t time_ms, tally_error *err) {
    int rc = load_fork(state, err);
    if (rc != 0 || state->fork.missing || codex_fork_has_prompt(&state->fork, text)) return rc;
    if (state->waiting_count == WAITING_MAX) return 0;
    codex_thread_take_prompt(&state->thread, text);
    state->waiting[state->waiting_count++] =
        (waiting_prompt){.time_ms = time_ms, .human = codex_thread_is_typed(&state->thread)};
    return 0;
}

static int take_prompt(codex *state, const codex_line *line, tally_error *err) {
    static const capture_field id_field = CAPTURE_FIELD("id");
    tally_json id;
    capture_id key = {.len = 0};
    int64_t time_ms;
    bool has_image;
    size_t len = codex_prompt_text(line, state->text, CODEX_PROMPT_BYTES, &has_image);
    tally_span text = tally_span_of(state->text, len);
    if ((len == 0 && !has_image) || codex_prompt_is_injected(text) || is_foreign(state, line))
        return 0;
    if (!time_of(state, line, &time_ms)) return 0;
    if (!state->own) return wait_for_boundary(state, text, time_ms, err);
    uint64_t hash = capture_hash(0, text);
    bool again = hash == state->last_prompt && time_ms - state->last_prompt_ms <= REPEAT_MS &&
                 time_ms >= state->last_prompt_ms;
    if (again) return 0;
    state->last_prompt = hash;
    state->last_prompt_ms = time_ms;
    codex_thread_take_prompt(&state->thread, text);
    capture_pick(&line->field[CODEX_ITEM], &id_field, 1, &id);
    (void)capture_id_take(&key, &id);
    return codex_thread_act(&state->thread, time_ms, codex_thread_is_typed(&state->thread), &key,
                            err);
}

static int take(codex *state, const codex_line *line, tally_error *err) {
    int rc = 0;
    bool worked = false;
    switch (line->kind) {
    case CODEX_SESSION_META: return take_meta(state, line);
    case CODEX_USER_MESSAGE: return take_prompt(state, line, err);
    case CODEX_SETTINGS: return take_settings(state, line, err);
    case CODEX_OTHER: return 0;
    case CODEX_THREAD_NAME:
        if (state->own && !is_foreign(state, line))
            codex_thread_take_name(&state->thread, &line->field[CODEX_NAME]);
        return 0;
    case CODEX_TURN_COMPLETED:
        if (line->field[CODEX_USAGE].type != TALLY_JSON_OBJECT) break;
        return skip_line(state, line, "turn.completed has totals of the thread: not billable", err);
    case CODEX_TOKEN_COUNT: rc = take_token_count(state, line, &worked, err); break;
    case CODEX_TURN_CONTEXT: rc = take_turn_context(state, line, err); break;
    case CODEX_TASK_STARTED: rc = take_task_started(state, line, err); break;
    case CODEX_USAGE_RECORD: rc = take_record(state, line, err); break;
    case CODEX_COMPACTED: rc = take_compacted(state, line, err); break;
    case CODEX_RESPONSE_ITEM:
    case CODEX_EVENT: break;
    }
    worked |= line->kind != CODEX_TOKEN_COUNT;
    if (rc != 0 || !worked || !state->own || !line->has_time) return rc;
    return codex_thread_act(&state->thread, line->time_ms, false, NULL, err);
}

static int codex_take_line(void *opaque, tally_span text, uint64_t number, uint64_t offset,
                           tally_error *err) {
    codex *state = opaque;
    codex_line line = {.number = number};
    const char *why = NULL;
    (void)offset;
    if (text.len == 0) return 0;
    if (codex_line_read(text, number, &line, &why) != 0) return skip_line(state, &line, why, err);
    int rc = line.has_time ? codex_thread_take_time(&state->thread, line.time_ms, err) : 0;
    if (rc == 0) rc = check_line(state, &line, err);
    if (rc == 0) rc = take(state, &line, err);
    state->began |=
        line.kind != CODEX_SESSION_META && line.kind != CODEX_SETTINGS && line.kind != CODEX_OTHER;
    if (!line.has_time) return rc;
    state->last_ms = line.time_ms;
    state->has_last = true;
    return rc;
}

static int codex_end(void *opaque, tally_error *err) {
    codex *state = opaque;
    return state->thread.has_meta ? codex_thread_announce(&state->thread, err) : 0;
}

/* Every line of a rollout is final when it is written. */
static void codex_resume(void *opaque, uint64_t end_offset, uint64_t end_line, uint64_t *offset,
                         uint64_t *line) {
    (void)opaque;
    *offset = end_offset;
    *line = end_line;
}

static void pack_waiting(const codex *state, capture_packer *packer) {
    capture_pack_u8(packer, (uint8_t)state->waiting_count);
    for (size_t i = 0; i < state->waiting_count; i++) {
        capture_pack_u64(packer, (uint64_t)state->waiting[i].time_ms);
        capture_pack_u8(packer, state->waiting[i].human);
    }
}

static int codex_save(void *opaque, uint8_t *out, size_t *len, tally_error *err) {
    const codex *state = opaque;
    capture_packer packer = {.out = out, .size = CAPTURE_STATE_MAX_BYTES};
    uint8_t flags =
        (uint8_t)(state->own | state->began << 1 | state->copy_known << 2 | state->by_turns << 3 |
                  state->has_history_start << 4 | state->has_last << 5);
    capture_pack_u8(&packer, STATE_VERSION);
    capture_pack_u8(&packer, flags);
    capture_pack_u64(&packer, state->copied);
    capture_pack_u64(&packer, state->history_start);
    capture_pack_u64(&packer, state->last_prompt);
    capture_pack_u64(&packer, (uint64_t)state->last_prompt_ms);
    capture_pack_u64(&packer, (uint64_t)state->last_ms);
    codex_model_pack(&state->model, &packer);
    codex_thread_pack(&state->thread, &packer);
    pack_waiting(state, &packer);
    codex_counter_pack(&state->counter, &packer);
    *len = packer.len;
    if (!packer.full) return 0;
    return tally_fail(err, TALLY_ELIMIT,
                      "cannot save where %s was read: its state is larger than %u bytes",
                      state->file->path, CAPTURE_STATE_MAX_BYTES);
}

static void unpack_waiting(codex *state, capture_unpacker *unpacker) {
    state->waiting_count = capture_unpack_u8(unpacker);
    if (state->waiting_count > WAITING_MAX) {
        state->waiting_count = 0;
        unpacker->bad = true;
    }
    for (size_t i = 0; i < state->waiting_count; i++) {
        state->waiting[i].time_ms = capture_unpack_i64(unpacker);
        state->waiting[i].human = capture_unpack_u8(unpacker) != 0;
    }
}

static bool codex_load(void *opaque, tally_span saved) {
    codex *state = opaque;
    capture_unpacker unpacker = {.left = saved};
    if (capture_unpack_u8(&unpacker) != STATE_VERSION) return false;
    uint8_t flags = capture_unpack_u8(&unpacker);
    state->own = (flags & 1) != 0;
    state->began = (flags & 2) != 0;
    state->copy_known = (flags & 4) != 0;
    state->by_turns = (flags & 8) != 0;
    state->has_history_start = (flags & 16) != 0;
    state->has_last = (flags & 32) != 0;
    state->copied = capture_unpack_u64(&unpacker);
    state->history_start = capture_unpack_u64(&unpacker);
    state->last_prompt = capture_unpack_u64(&unpacker);
    state->last_prompt_ms = capture_unpack_i64(&unpacker);
    state->last_ms = capture_unpack_i64(&unpacker);
    codex_model_unpack(&state->model, &unpacker);
    codex_thread_unpack(&state->thread, &unpacker);
    unpack_waiting(state, &unpacker);
    codex_counter_unpack(&state->counter, &unpacker);
    return !unpacker.bad && unpacker.left.len == 0;
}

static void codex_close(void *opaque) {
    codex *state = opaque;
    if (!state) return;
    codex_counter_clear(&state->counter);
    codex_fork_clear(&state->fork);
    free(state->text);
    free(state);
}

static bool codex_begin(void *opaque, const capture_file *file, const capture_sink *sink) {
    codex *state = opaque;
    state->file = file;
    state->sink = sink;
    state->own = true;
    codex_thread_init(&state->thread, file->path, sink);
    codex_counter_init(&state->counter);
    codex_fork_init(&state->fork);
    state->text = malloc(CODEX_PROMPT_BYTES);
    return state->text != NULL;
}

const capture_adapter capture_codex = {
    .agent = "codex",
    .alias = "codex-cli",
    .places = {{"CODEX_HOME", ".codex", "sessions", 0, NULL, 0, false}},
    .state_bytes = sizeof(codex),
    .begin = codex_begin,
    .load = codex_load,
    .line = codex_take_line,
    .end = codex_end,
    .resume = codex_resume,
    .save = codex_save,
    .close = codex_close,
};
