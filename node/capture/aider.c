/* Aider (agent-logs section 9): two files in each project tell when somebody worked there, in local
 * time. What they say about tokens and money is rounded and is not taken. */
#include "field.h"
#include "pack.h"
#include "title.h"

#include <stdio.h>
#include <stdlib.h>
#include <tally/record.h>
#include <tally/time.h>
#include <time.h>

#define STATE_VERSION 1u
#define STAMP_BYTES   19u /* "2026-06-09 14:01:05" */
#define DAY_BYTES     10u
#define TITLE_PROMPT  1u
#define KEY_MAX_BYTES (CAPTURE_TEXT_MAX_BYTES + 64u)

typedef struct aider {
    const capture_file *file;
    const capture_sink *sink;
    capture_path project;
    capture_id stamp; /* of the prompt whose lines follow; local time as written */
    char session[KEY_MAX_BYTES];
    size_t session_len;
    char day[DAY_BYTES];    /* of the session that was announced last, in this pass */
    char titled[DAY_BYTES]; /* of the last one that was given a title, in any */
} aider;

/* "2026-06-09 14:01:05" in the machine's zone; an hour that the clock skipped or ran through twice
 * is what mktime makes of it. */
static bool read_stamp(tally_span text, int64_t *ms) {
    static const char shape[] = "dddd-dd-dd dd:dd:dd";
    int number[6] = {0};
    size_t part = 0;
    if (text.len < STAMP_BYTES) return false;
    for (size_t i = 0; i < STAMP_BYTES; i++) {
        uint8_t c = text.ptr[i];
        if (shape[i] != 'd') {
            if (c != (uint8_t)shape[i]) return false;
            part++;
        } else {
            if (c < '0' || c > '9') return false;
            number[part] = number[part] * 10 + (c - '0');
        }
    }
    struct tm local = {.tm_year = number[0] - 1900,
                       .tm_mon = number[1] - 1,
                       .tm_mday = number[2],
                       .tm_hour = number[3],
                       .tm_min = number[4],
                       .tm_sec = number[5],
                       .tm_isdst = -1};
    if (number[0] < 1970 || number[1] < 1 || number[1] > 12 || number[2] < 1 || number[2] > 31 ||
        number[3] > 23 || number[4] > 59 || number[5] > 60)
        return false;
    time_t seconds = mktime(&local);
    *ms = (int64_t)seconds * 1000;
    return seconds >= 0;
}

/* A session is a day in a project: neither file says which run a prompt belonged to. Its title is
 * its first prompt. */
static int announce(aider *state, tally_span stamp, const capture_title *title, tally_error *err) {
    if (memcmp(state->day, stamp.ptr, DAY_BYTES) == 0) return 0;
    bool titles = title && title->len > 0 && memcmp(state->titled, stamp.ptr, DAY_BYTES) != 0;
    int len = snprintf(state->session, sizeof state->session, "%.*s %.*s", state->project.len,
                       state->project.text, (int)DAY_BYTES, (const char *)stamp.ptr);
    state->session_len = len > 0 && (size_t)len < CAPTURE_TEXT_MAX_BYTES ? (size_t)len : 0;
    const capture_session seen = {
        .id = tally_span_of(state->session, state->session_len),
        .cwd = capture_path_span(&state->project),
        .title = titles ? capture_title_span(title) : (tally_span){0},
        .title_rank = titles ? TITLE_PROMPT : 0,
    };
    memcpy(state->day, stamp.ptr, DAY_BYTES);
    if (titles) memcpy(state->titled, stamp.ptr, DAY_BYTES);
    return state->sink->session(state->sink->ctx, &seen, err);
}

static int act(aider *state, tally_span stamp, bool human, const capture_title *title,
               tally_error *err) {
    char key[KEY_MAX_BYTES];
    capture_activity seen = {.human = human};
    if (!read_stamp(stamp, &seen.time_ms)) return 0;
    int rc = announce(state, stamp, title, err);
    int len = snprintf(key, sizeof key, "%.*s:%.*s", state->project.len, state->project.text,
                       (int)stamp.len, (const char *)stamp.ptr);
    bool fits = len > 0 && (size_t)len < CAPTURE_TEXT_MAX_BYTES;
    seen.session = tally_span_of(state->session, state->session_len);
    seen.key = human && fits ? tally_span_of(key, (size_t)len) : (tally_span){0};
    return rc ? rc : state->sink->activity(state->sink->ctx, &seen, err);
}

/* "# 2026-06-09 14:01:05.123456" and, below it, the prompt's lines after a plus. A prompt may hold
 * lines of any form, but they come after a plus too. */
static int take_input(aider *state, tally_span text, tally_error *err) {
    capture_title title = {.len = 0};
    int64_t ms;
    if (capture_starts(text, "# ")) {
        tally_span stamp = tally_span_of(text.ptr + 2, text.len - 2);
        capture_id_set(&state->stamp, read_stamp(stamp, &ms) ? stamp : (tally_span){0});
        return 0;
    }
    if (text.len < 2 || text.ptr[0] != '+' || state->stamp.len == 0) return 0;
    tally_span prompt = tally_span_of(text.ptr + 1, text.len - 1);
    if (tally_utf8_valid(prompt))
        (void)capture_title_clean(prompt, CAPTURE_PROMPT_TITLE_MAX_CHARS, &title);
    int rc = act(state, capture_id_span(&state->stamp), true, &title, err);
    state->stamp.len = 0;
    return rc;
}

static int aider_line(void *opaque, tally_span text, uint64_t number, uint64_t offset,
                      tally_error *err) {
    static const char started[] = "# aider chat started at ";
    aider *state = opaque;
    (void)number, (void)offset;
    if (text.len == 0) return 0;
    if (strstr(state->file->path, ".aider.input.history")) return take_input(state, text, err);
    if (!capture_starts(text, started)) return 0;
    return act(state, tally_span_of(text.ptr + sizeof started - 1, text.len - (sizeof started - 1)),
               false, NULL, err);
}

static int aider_end(void *opaque, tally_error *err) {
    (void)opaque, (void)err;
    return 0;
}

static void aider_resume(void *opaque, uint64_t end_offset, uint64_t end_line, uint64_t *offset,
                         uint64_t *line) {
    (void)opaque;
    *offset = end_offset;
    *line = end_line;
}

static int aider_save(void *opaque, uint8_t *out, size_t *len, tally_error *err) {
    const aider *state = opaque;
    capture_packer packer = {.out = out, .size = CAPTURE_STATE_MAX_BYTES};
    (void)err;
    capture_pack_u8(&packer, STATE_VERSION);
    capture_pack_text(&packer, capture_id_span(&state->stamp));
    capture_pack_text(&packer, tally_span_of(state->titled, DAY_BYTES));
    *len = packer.len;
    return 0;
}

static bool aider_load(void *opaque, tally_span saved) {
    aider *state = opaque;
    capture_unpacker unpacker = {.left = saved};
    uint16_t len = 0;
    if (capture_unpack_u8(&unpacker) != STATE_VERSION) return false;
    capture_unpack_text(&unpacker, state->stamp.text, sizeof state->stamp.text, &state->stamp.len);
    capture_unpack_text(&unpacker, state->titled, sizeof state->titled, &len);
    return !unpacker.bad && unpacker.left.len == 0 && len == DAY_BYTES;
}

static bool aider_begin(void *opaque, const capture_file *file, const capture_sink *sink) {
    const char *slash = strrchr(file->path, '/');
    size_t len = slash ? (size_t)(slash - file->path) : 0;
    aider *state = opaque;
    state->file = file;
    state->sink = sink;
    if (len > sizeof state->project.text) len = sizeof state->project.text;
    memcpy(state->project.text, file->path, len);
    state->project.len = (uint16_t)len;
    return true;
}

static bool is_history(const char *path, const char *name) {
    (void)path;
    return strcmp(name, ".aider.chat.history.md") == 0 || strcmp(name, ".aider.input.history") == 0;
}

const capture_adapter capture_aider = {
    .agent = "aider",
    .alias = "aider",
    .places = {{NULL, "", "", 5, is_history, 0, true}},
    .gap = "its tokens and costs are rounded and not taken, only times and projects",
    .state_bytes = sizeof(aider),
    .begin = aider_begin,
    .load = aider_load,
    .line = aider_line,
    .end = aider_end,
    .resume = aider_resume,
    .save = aider_save,
    .close = free,
};
