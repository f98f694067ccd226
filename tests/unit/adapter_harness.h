/* Harness for adapter tests: a sink that collects what an adapter emits, the ledger's rules for
 * what is one response, and a driver that reads a folder of log files whole or in two passes.
 * Expectations live in the tests. */
#ifndef TALLY_TESTS_ADAPTER_HARNESS_H
#define TALLY_TESTS_ADAPTER_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>
#include <tally/json.h>
#include <tally/time.h>
#include <zstd.h>

#include "capture/adapters.h"

#define SEEN_MAX       512
#define FILES_MAX      16
#define TEXT_MAX       4200
#define JOINED_MAX     64
#define JOINED_BYTES   8192
#define FILE_MAX_BYTES (1u << 20)
#define NOW_MS         INT64_C(1800000000000) /* 2027-01-15: after all fixtures */

typedef struct seen_cost {
    char session[TEXT_MAX], key[TEXT_MAX], model[TEXT_MAX], message[TEXT_MAX], subagent[TEXT_MAX];
    int64_t time_ms;
    tally_usage usage;
    uint64_t reasoning;
    bool has_reported, sidechain;
    int64_t reported_pico;
} seen_cost;

typedef struct seen_activity {
    char session[TEXT_MAX], key[TEXT_MAX];
    int64_t time_ms;
    bool human;
} seen_activity;

typedef struct seen_session {
    char id[TEXT_MAX], parent[TEXT_MAX], cwd[TEXT_MAX], branch[TEXT_MAX], remote[TEXT_MAX],
        title[TEXT_MAX];
    uint32_t title_rank;
} seen_session;

typedef struct log_file {
    char path[1024];
    uint8_t *text;
    size_t len;
} log_file;

typedef struct world {
    const capture_adapter *adapter;
    log_file files[FILES_MAX];
    size_t file_count;
    seen_cost costs[SEEN_MAX];
    size_t cost_count;
    seen_activity acts[SEEN_MAX];
    size_t act_count;
    seen_session sessions[FILES_MAX];
    size_t session_count;
    char skipped[SEEN_MAX][120];
    uint64_t skipped_line[SEEN_MAX];
    size_t skipped_count;
    size_t orphans; /* costs and activity of sessions that were not announced before */
    bool idle, has_database;
    int64_t now_ms;
} world;

static inline void set_text(char *out, tally_span text) {
    assert_true(text.len < TEXT_MAX);
    if (text.len > 0) memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

static inline seen_session *find_session(world *w, const char *id) {
    for (size_t i = 0; i < w->session_count; i++)
        if (strcmp(w->sessions[i].id, id) == 0) return &w->sessions[i];
    return NULL;
}

static inline int take_session(void *ctx, const capture_session *seen, tally_error *err) {
    world *w = ctx;
    char id[TEXT_MAX];
    (void)err;
    set_text(id, seen->id);
    seen_session *at = find_session(w, id);
    if (!at) {
        assert_true(w->session_count < FILES_MAX);
        at = &w->sessions[w->session_count++];
        memset(at, 0, sizeof *at);
        set_text(at->id, seen->id);
    }
    if (at->cwd[0] == '\0') set_text(at->cwd, seen->cwd);
    if (at->parent[0] == '\0') set_text(at->parent, seen->parent);
    if (at->remote[0] == '\0') set_text(at->remote, seen->remote);
    if (seen->branch.len > 0) set_text(at->branch, seen->branch);
    if (seen->title.len > 0 && seen->title_rank >= at->title_rank) {
        set_text(at->title, seen->title);
        at->title_rank = seen->title_rank;
    }
    return 0;
}

/* As the ledger will: the largest output of a key wins, the first of equals. */
static inline int take_cost(void *ctx, const capture_cost *seen, tally_error *err) {
    world *w = ctx;
    seen_cost cost;
    (void)err;
    memset(&cost, 0, sizeof cost);
    set_text(cost.session, seen->session);
    set_text(cost.key, seen->key);
    set_text(cost.model, seen->model);
    set_text(cost.message, seen->message);
    set_text(cost.subagent, seen->subagent);
    cost.time_ms = seen->time_ms;
    cost.usage = seen->usage;
    cost.reasoning = seen->reasoning;
    cost.has_reported = seen->has_reported;
    cost.reported_pico = seen->reported_pico;
    cost.sidechain = seen->sidechain;
    if (!find_session(w, cost.session)) w->orphans++;
    for (size_t i = 0; i < w->cost_count; i++) {
        if (strcmp(w->costs[i].key, cost.key) != 0) continue;
        if (cost.usage.output > w->costs[i].usage.output) {
            memcpy(cost.session, w->costs[i].session, sizeof cost.session);
            w->costs[i] = cost;
        }
        return 0;
    }
    assert_true(w->cost_count < SEEN_MAX);
    w->costs[w->cost_count++] = cost;
    return 0;
}

/* Copies of an event carry its key; an event without one is known by session, time and kind. */
static inline int take_activity(void *ctx, const capture_activity *seen, tally_error *err) {
    world *w = ctx;
    seen_activity act;
    (void)err;
    memset(&act, 0, sizeof act);
    set_text(act.session, seen->session);
    set_text(act.key, seen->key);
    act.time_ms = seen->time_ms;
    act.human = seen->human;
    if (!find_session(w, act.session)) w->orphans++;
    for (size_t i = 0; i < w->act_count; i++) {
        const seen_activity *at = &w->acts[i];
        if (at->human != act.human || strcmp(at->key, act.key) != 0) continue;
        if (act.key[0] != '\0') return 0;
        if (at->time_ms == act.time_ms && strcmp(at->session, act.session) == 0) return 0;
    }
    assert_true(w->act_count < SEEN_MAX);
    w->acts[w->act_count++] = act;
    return 0;
}

static inline int take_skipped(void *ctx, uint64_t line, const char *why, tally_error *err) {
    world *w = ctx;
    (void)err;
    assert_true(w->skipped_count < SEEN_MAX);
    w->skipped_line[w->skipped_count] = line;
    (void)snprintf(w->skipped[w->skipped_count++], sizeof w->skipped[0], "%s", why);
    return 0;
}

/* Calls `fn` for each complete line; returns how many there are. */
static inline size_t each_line(const log_file *file, size_t *starts, size_t max) {
    size_t count = 0, at = 0;
    while (at < file->len) {
        const uint8_t *end = memchr(file->text + at, '\n', file->len - at);
        if (!end) break;
        assert_true(count < max);
        starts[count++] = at;
        at = (size_t)(end - file->text) + 1;
    }
    starts[count] = at;
    return count;
}

static inline int read_other(void *ctx, tally_span id, int (*fn)(void *, tally_span), void *fn_ctx,
                             tally_error *err) {
    world *w = ctx;
    char name[TEXT_MAX];
    size_t starts[SEEN_MAX + 1];
    set_text(name, id);
    for (size_t i = 0; i < w->file_count; i++) {
        if (!strstr(w->files[i].path, name)) continue;
        size_t count = each_line(&w->files[i], starts, SEEN_MAX);
        for (size_t n = 0; n < count; n++) {
            int rc = fn(fn_ctx,
                        tally_span_of(w->files[i].text + starts[n], starts[n + 1] - starts[n] - 1));
            if (rc != 0) return rc;
        }
        return 0;
    }
    return tally_fail(err, TALLY_ENOTFOUND, "no log of %s", name);
}

static inline capture_sink sink_of(world *w) {
    return (capture_sink){.ctx = w,
                          .session = take_session,
                          .cost = take_cost,
                          .activity = take_activity,
                          .skipped = take_skipped,
                          .each_line_of = read_other};
}

/* One pass from line `*first` up to `last`; the state goes in and out through `saved`. Every line
 * is handed over in a buffer of its own size, so that a read past its end is seen. */
static inline void read_pass(world *w, const log_file *file, const size_t *starts, size_t *first,
                             size_t last, uint8_t *saved, size_t *saved_len) {
    capture_sink sink = sink_of(w);
    capture_file info = {
        .path = file->path, .now_ms = w->now_ms, .idle = w->idle, .has_database = w->has_database};
    tally_error err = {0};
    void *state = NULL;
    assert_int_equal(capture_adapter_open(w->adapter, &info, tally_span_of(saved, *saved_len),
                                          &sink, &state, &err),
                     0);
    for (size_t n = *first; n < last; n++) {
        size_t len = starts[n + 1] - starts[n] - 1;
        uint8_t *line = malloc(len ? len : 1);
        assert_non_null(line);
        memcpy(line, file->text + starts[n], len);
        assert_int_equal(w->adapter->line(state, tally_span_of(line, len), n + 1, starts[n], &err),
                         0);
        free(line);
    }
    assert_int_equal(w->adapter->end(state, &err), 0);
    uint64_t offset = 0, line = 0;
    w->adapter->resume(state, starts[last], last, &offset, &line);
    assert_true(line <= last);
    assert_int_equal(offset, starts[line]);
    *first = (size_t)line;
    assert_int_equal(w->adapter->save(state, saved, saved_len, &err), 0);
    assert_true(*saved_len <= CAPTURE_STATE_MAX_BYTES);
    w->adapter->close(state);
}

/* Reads a file in two passes, the first up to line `split` (SIZE_MAX: all at once). */
static inline void read_file(world *w, const log_file *file, size_t split) {
    size_t starts[SEEN_MAX + 1], saved_len = 0, first = 0;
    uint8_t saved[CAPTURE_STATE_MAX_BYTES];
    size_t count = each_line(file, starts, SEEN_MAX);
    bool idle = w->idle;
    if (split < count) {
        /* While a file grows nothing is idle. */
        int64_t now = w->now_ms;
        w->idle = false;
        w->now_ms = 0;
        read_pass(w, file, starts, &first, split, saved, &saved_len);
        w->idle = idle;
        w->now_ms = now;
    }
    read_pass(w, file, starts, &first, count, saved, &saved_len);
}

/* A sidechain that repeats a main line's message is dropped (agent-logs 3.6 rule 2). */
static inline void drop_replays(world *w) {
    size_t kept = 0;
    for (size_t i = 0; i < w->cost_count; i++) {
        bool replay = false;
        for (size_t j = 0; w->costs[i].sidechain && j < w->cost_count; j++)
            replay |= !w->costs[j].sidechain &&
                      strcmp(w->costs[i].message, w->costs[j].message) == 0 &&
                      strcmp(w->costs[i].session, w->costs[j].session) == 0;
        if (!replay) w->costs[kept++] = w->costs[i];
    }
    w->cost_count = kept;
}

static inline uint8_t *read_bytes(const char *path, size_t *len) {
    FILE *in = fopen(path, "rb");
    uint8_t *text = malloc(FILE_MAX_BYTES);
    if (!in) print_error("cannot open %s\n", path);
    assert_non_null(in);
    assert_non_null(text);
    *len = fread(text, 1, FILE_MAX_BYTES, in);
    (void)fclose(in);
    assert_true(*len < FILE_MAX_BYTES);
    return text;
}

static inline bool ends_with(const char *text, const char *suffix) {
    size_t len = strlen(text), tail = strlen(suffix);
    return len >= tail && strcmp(text + len - tail, suffix) == 0;
}

static inline void add_file(world *w, const char *path, uint8_t *text, size_t len) {
    assert_true(w->file_count < FILES_MAX);
    log_file *file = &w->files[w->file_count++];
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    file->text = text;
    file->len = len;
}

static inline void load_log(world *w, const char *path) {
    size_t len;
    uint8_t *text = read_bytes(path, &len);
    if (ends_with(path, ".zst")) {
        uint8_t *plain = malloc(FILE_MAX_BYTES);
        assert_non_null(plain);
        len = ZSTD_decompress(plain, FILE_MAX_BYTES, text, len);
        assert_false(ZSTD_isError(len));
        free(text);
        text = plain;
    }
    add_file(w, path, text, len);
}

/* Loads the logs below a folder; sorted, a transcript ("x.jsonl") comes before its subagents
 * ("x/..."). */
static inline void load_folder(world *w, const char *folder) {
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    if (count < 0) print_error("cannot list %s\n", folder);
    assert_true(count >= 0);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            char path[1024];
            struct stat info;
            if (strcmp(names[i]->d_name, ".") == 0 || strcmp(names[i]->d_name, "..") == 0) continue;
            (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
            assert_int_equal(stat(path, &info), 0);
            if (S_ISDIR(info.st_mode) && pass == 1) load_folder(w, path);
            bool log = ends_with(path, ".jsonl") || ends_with(path, ".jsonl.zst");
            if (S_ISREG(info.st_mode) && pass == 0 && log && !ends_with(path, "history.jsonl"))
                load_log(w, path);
        }
    }
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static inline world *new_world(const capture_adapter *adapter) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->adapter = adapter;
    w->now_ms = NOW_MS;
    return w;
}

static inline void free_world(world *w) {
    for (size_t i = 0; i < w->file_count; i++)
        free(w->files[i].text);
    free(w);
}

/* Forgets what was seen, keeps the files. */
static inline void forget(world *w) {
    w->cost_count = w->act_count = w->session_count = w->skipped_count = w->orphans = 0;
}

/* Joins the lines of a log that a test writes; the text lives until the test has written some more.
 */
static inline const char *join_lines(const char *const *lines) {
    static char texts[JOINED_MAX][JOINED_BYTES];
    static size_t turn;
    char *text = texts[turn++ % JOINED_MAX];
    size_t len = 0;
    for (; *lines; lines++) {
        assert_true(len + strlen(*lines) < JOINED_BYTES);
        len += (size_t)snprintf(text + len, JOINED_BYTES - len, "%s", *lines);
    }
    return text;
}

#define LOG(...) join_lines((const char *const[]){__VA_ARGS__, NULL})

/* Adds a log written in the test: lines are given with single quotes for double ones. */
static inline void write_log(world *w, const char *path, const char *lines) {
    size_t len = strlen(lines);
    uint8_t *text = malloc(len + 1);
    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (uint8_t)(lines[i] == '\'' ? '"' : lines[i]);
    add_file(w, path, text, len);
}

static inline void read_all(world *w) {
    for (size_t i = 0; i < w->file_count; i++)
        read_file(w, &w->files[i], SIZE_MAX);
    drop_replays(w);
}

static inline size_t count_human(const world *w) {
    size_t count = 0;
    for (size_t i = 0; i < w->act_count; i++)
        count += w->acts[i].human;
    return count;
}

static inline bool has_human_at(const world *w, int64_t time_ms) {
    for (size_t i = 0; i < w->act_count; i++)
        if (w->acts[i].human && w->acts[i].time_ms == time_ms) return true;
    return false;
}

static inline const seen_cost *find_cost(const world *w, const char *key) {
    for (size_t i = 0; i < w->cost_count; i++)
        if (strcmp(w->costs[i].key, key) == 0) return &w->costs[i];
    return NULL;
}

static inline int64_t ms_of(const char *text) {
    int64_t ms = 0;
    assert_int_equal(tally_time_parse(tally_span_str(text), &ms), 0);
    return ms;
}

static inline tally_json member(const tally_json *object, const char *name) {
    tally_json value = {.type = TALLY_JSON_NULL};
    (void)tally_json_get(object, name, &value);
    return value;
}

static inline uint64_t number(const tally_json *object, const char *name) {
    tally_json value = member(object, name);
    uint64_t out = 0;
    if (value.type != TALLY_JSON_NULL) assert_true(tally_json_u64(&value, &out));
    return out;
}

static inline bool text_is(const tally_json *object, const char *name, const char *text) {
    tally_json value = member(object, name);
    return value.type == TALLY_JSON_STRING && tally_json_string_is(&value, text);
}

/* True when the cost is the request of an expected.json. */
static inline bool is_expected(const seen_cost *cost, const tally_json *request) {
    tally_json tokens = member(request, "tokens"), time = member(request, "timestamp");
    tally_json reasoning = member(&tokens, "reasoning_included_in_output");
    int64_t ms;
    assert_int_equal(tally_time_parse(time.raw, &ms), 0);
    return text_is(request, "session", cost->session) && text_is(request, "model", cost->model) &&
           cost->time_ms == ms && cost->usage.input == number(&tokens, "input_uncached") &&
           cost->usage.output == number(&tokens, "output") &&
           cost->usage.cache_write_5m == number(&tokens, "cache_write_5m") &&
           cost->usage.cache_write_1h == number(&tokens, "cache_write_1h") &&
           cost->usage.cache_read == number(&tokens, "cache_read") &&
           (reasoning.type == TALLY_JSON_NULL ||
            cost->reasoning == number(&tokens, "reasoning_included_in_output"));
}

/* Compares what was seen with a case's expected.json; says what differs. */
static inline bool matches_expected(const world *w, const char *folder, const char *when) {
    char path[1024];
    size_t len, requests = 0, found = 0, human = 0, stamps = 0;
    tally_json root, list, item;
    tally_json_iter iter;
    (void)snprintf(path, sizeof path, "%s/expected.json", folder);
    uint8_t *text = read_bytes(path, &len);
    assert_int_equal(tally_json_parse(tally_span_of(text, len), &root), 0);
    list = member(&root, "requests");
    tally_json_iter_init(&iter, &list);
    while (tally_json_next(&iter, NULL, &item)) {
        requests++;
        bool one = false;
        for (size_t i = 0; i < w->cost_count; i++)
            one |= is_expected(&w->costs[i], &item);
        found += one;
    }
    list = member(&root, "human_prompts");
    tally_json_iter_init(&iter, &list);
    while (tally_json_next(&iter, NULL, &item)) {
        int64_t ms;
        assert_int_equal(tally_time_parse(item.raw, &ms), 0);
        stamps++;
        human += has_human_at(w, ms);
    }
    item = member(&root, "title");
    bool title = item.type == TALLY_JSON_NULL ||
                 (w->session_count > 0 && tally_json_string_is(&item, w->sessions[0].title));
    bool skipped = w->skipped_count == number(&root, "malformed_lines");
    bool same = requests == found && requests == w->cost_count && human == stamps &&
                stamps == count_human(w) && title && skipped && w->orphans == 0;
    if (!same)
        print_error(
            "%s (%s): %zu of %zu requests found, %zu seen; %zu of %zu prompts, %zu seen; title "
            "%s; %zu skipped; %zu orphans\n",
            folder, when, found, requests, w->cost_count, human, stamps, count_human(w),
            title ? "right" : "wrong", w->skipped_count, w->orphans);
    for (size_t i = 0; !same && i < w->cost_count; i++)
        print_error("  %s %s %s in %lu out %lu\n", w->costs[i].session, w->costs[i].key,
                    w->costs[i].model, (unsigned long)w->costs[i].usage.input,
                    (unsigned long)w->costs[i].usage.output);
    free(text);
    return same;
}

/* Checks a case read whole, and with each of its files cut in two passes at every line. */
typedef bool check_fn(const world *w, const char *folder, const char *when);

static inline void check_whole_and_split(const capture_adapter *adapter, const char *folder,
                                         check_fn *check) {
    world *w = new_world(adapter);
    size_t failures = 0;
    load_folder(w, folder);
    assert_true(w->file_count > 0);
    read_all(w);
    failures += !check(w, folder, "whole");
    for (size_t f = 0; f < w->file_count; f++) {
        size_t starts[SEEN_MAX + 1];
        size_t count = each_line(&w->files[f], starts, SEEN_MAX);
        for (size_t split = 0; split < count; split++) {
            char when[64];
            (void)snprintf(when, sizeof when, "file %zu cut after line %zu", f, split);
            forget(w);
            for (size_t i = 0; i < w->file_count; i++)
                read_file(w, &w->files[i], i == f ? split : SIZE_MAX);
            drop_replays(w);
            failures += !check(w, folder, when);
        }
    }
    free_world(w);
    assert_int_equal(failures, 0);
}

/* Runs every case folder below `folder`. */
static inline void check_every_case(const capture_adapter *adapter, const char *folder,
                                    size_t at_least) {
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    size_t cases = 0;
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && names[i]->d_type == DT_DIR) {
            check_whole_and_split(adapter, path, matches_expected);
            cases++;
        }
        free(names[i]);
    }
    free(names);
    assert_true(cases >= at_least);
}

#endif
