/* Reads a fork's ancestors for what a copy of their lines would repeat: turn ids, prompts,
 * counters. Times are of no use: a copied line carries the time of the copy. */
#include "codex_fork.h"

#include <stdlib.h>

typedef struct loader {
    codex_fork *fork;
    codex_counter counter;
    capture_id next; /* the ancestor's own parent */
    bool has_meta;
    bool is_parent; /* the events of more distant ancestors stand in the parent's file, if anywhere
                     */
    char *text;     /* CODEX_PROMPT_BYTES */
    tally_error *err;
} loader;

void codex_fork_init(codex_fork *fork) {
    memset(fork, 0, sizeof *fork);
    capture_recent_init(&fork->turns, CODEX_TURNS_MAX);
    capture_recent_init(&fork->prompts, CODEX_PROMPTS_MAX);
}

void codex_fork_clear(codex_fork *fork) {
    capture_recent_clear(&fork->turns);
    capture_recent_clear(&fork->prompts);
    free(fork->events);
    codex_fork_init(fork);
}

static uint64_t event_hash(const codex_event *event) {
    return codex_vector_hash(codex_vector_hash(event->has_last, &event->last), &event->total);
}

static int add_event(loader *load, const codex_line *line) {
    codex_fork *fork = load->fork;
    codex_event event;
    const char *why;
    if (codex_event_read(&line->field[CODEX_INFO], &event, &why) != 1) return 0;
    codex_counter_complete(&load->counter, &event);
    if (codex_counter_is_repeat(&load->counter, &event)) return 0;
    int rc = codex_counter_pass(&load->counter, &event, load->err);
    if (rc != 0 || fork->event_count == CODEX_EVENTS_MAX) return rc;
    if (fork->event_count == fork->event_cap) {
        size_t cap = fork->event_cap ? fork->event_cap * 2 : 256;
        uint64_t *grown = realloc(fork->events, cap * sizeof *grown);
        if (!grown)
            return tally_fail(load->err, TALLY_ENOMEM,
                              "cannot read a parent rollout: out of memory");
        fork->events = grown;
        fork->event_cap = cap;
    }
    fork->events[fork->event_count++] = event_hash(&event);
    return 0;
}

static int add_turn(loader *load, const codex_line *line) {
    capture_id turn;
    if (!capture_id_take(&turn, &line->field[CODEX_TURN])) return 0;
    return capture_recent_add(&load->fork->turns, capture_hash(0, capture_id_span(&turn)),
                              load->err);
}

static int add_prompt(loader *load, const codex_line *line) {
    bool has_image;
    size_t len = codex_prompt_text(line, load->text, CODEX_PROMPT_BYTES, &has_image);
    if (len == 0) return 0;
    return capture_recent_add(&load->fork->prompts, capture_hash(0, tally_span_of(load->text, len)),
                              load->err);
}

static int take_meta(loader *load, const codex_line *line) {
    codex_origin origin;
    if (load->has_meta) return 0;
    codex_origin_read(line, &origin);
    load->has_meta = true;
    load->next = origin.parent;
    return 0;
}

/* Lines that cannot matter are most of a rollout: they are told by a word that they lack. */
static bool may_matter(tally_span text) {
    static const char *const words[] = {"turn_id", "token_count", "session_meta", "user_message"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (capture_find(text, words[i]) != SIZE_MAX) return true;
    return false;
}

static int take_line(void *ctx, tally_span text) {
    loader *load = ctx;
    codex_line line;
    const char *why;
    if (!may_matter(text) || codex_line_read(text, 0, &line, &why) != 0) return 0;
    switch (line.kind) {
    case CODEX_SESSION_META: return take_meta(load, &line);
    case CODEX_TURN_CONTEXT:
    case CODEX_TASK_STARTED: return add_turn(load, &line);
    case CODEX_TOKEN_COUNT: return load->is_parent ? add_event(load, &line) : 0;
    case CODEX_USER_MESSAGE: return add_prompt(load, &line);
    default: return 0;
    }
}

int codex_fork_load(codex_fork *fork, const capture_id *own, const capture_id *parent,
                    const capture_sink *sink, tally_error *err) {
    if (fork->loaded) return 0;
    capture_id at = *parent;
    loader load = {.fork = fork, .err = err};
    load.text = malloc(CODEX_PROMPT_BYTES);
    if (!load.text)
        return tally_fail(err, TALLY_ENOMEM, "cannot read a parent rollout: out of memory");
    int rc = 0;
    for (unsigned depth = 0; depth < CODEX_ANCESTORS_MAX && at.len > 0; depth++) {
        if (tally_span_eq(capture_id_span(&at), capture_id_span(own))) break;
        codex_counter_init(&load.counter);
        load.next.len = 0;
        load.has_meta = false;
        load.is_parent = depth == 0;
        rc = sink->each_line_of(sink->ctx, capture_id_span(&at), take_line, &load, err);
        codex_counter_clear(&load.counter);
        if (rc != 0) break;
        at = load.next;
    }
    free(load.text);
    if (rc == TALLY_ENOTFOUND) {
        fork->missing = tally_span_eq(capture_id_span(&at), capture_id_span(parent));
        rc = 0;
    }
    fork->loaded = rc == 0;
    return rc;
}

bool codex_fork_has_turn(const codex_fork *fork, const capture_id *turn) {
    return capture_recent_has(&fork->turns, capture_hash(0, capture_id_span(turn)));
}

bool codex_fork_has_prompt(const codex_fork *fork, tally_span text) {
    return capture_recent_has(&fork->prompts, capture_hash(0, text));
}

bool codex_fork_has_event(const codex_fork *fork, uint64_t at, const codex_event *event) {
    return at < fork->event_count && fork->events[at] == event_hash(event);
}
