/* Where the history that a Codex fork or subagent copied from its parent ends (agent-logs 4.4). */
#ifndef TALLY_CAPTURE_CODEX_FORK_H
#define TALLY_CAPTURE_CODEX_FORK_H

#include "codex_count.h"
#include "codex_line.h"

#define CODEX_ANCESTORS_MAX 8u
#define CODEX_TURNS_MAX     16384u /* turn ids of the ancestors */
#define CODEX_PROMPTS_MAX   4096u
#define CODEX_EVENTS_MAX    65536u        /* token_count events of the parent */
#define CODEX_PROMPT_BYTES  (64u * 1024u) /* of a prompt's text that is looked at */
#define CODEX_COPY_MS       5000 /* a copy is written at once; used where nothing else tells */

/* What the ancestors' rollouts hold. */
typedef struct codex_fork {
    bool loaded, missing;
    capture_recent turns;   /* turn ids */
    capture_recent prompts; /* hashes of prompts' texts */
    uint64_t *events;       /* the parent's token_count events in order, repetitions left out */
    size_t event_count, event_cap;
} codex_fork;

void codex_fork_init(codex_fork *fork);
void codex_fork_clear(codex_fork *fork);

/* Reads the rollouts of `parent` and its ancestors, once; a parent that is not there sets
 * `missing`. */
int codex_fork_load(codex_fork *fork, const capture_id *own, const capture_id *parent,
                    const capture_sink *sink, tally_error *err);

bool codex_fork_has_turn(const codex_fork *fork, const capture_id *turn);
bool codex_fork_has_prompt(const codex_fork *fork, tally_span text);
/* True when the parent's event number `at` is this one. */
bool codex_fork_has_event(const codex_fork *fork, uint64_t at, const codex_event *event);

#endif
