/* What a Codex rollout says about its thread, and the thread's activity (agent-logs 4.5, 4.6). */
#ifndef TALLY_CAPTURE_CODEX_THREAD_H
#define TALLY_CAPTURE_CODEX_THREAD_H

#include "codex_line.h"
#include "pack.h"
#include "title.h"

enum codex_title_rank { CODEX_TITLE_NONE, CODEX_TITLE_PROMPT = 1, CODEX_TITLE_NAME = 3 };

typedef struct codex_thread {
    const capture_sink *sink;
    capture_id id, branch, commit, version;
    codex_origin origin;
    capture_path cwd, remote;
    capture_title title;
    uint32_t title_rank;
    bool title_is_scripted;
    bool has_meta, has_cwd;
    bool announced, changed;
    /* Migrated rollouts carry one time on all lines, which says nothing about hours: activity is
     * held until a second time is seen. What is held has that one time, so it is one stamp of each
     * kind. */
    bool has_first, varied, held_human, held_agent;
    int64_t first_ms;
    capture_id held_key;
} codex_thread;

/* The thread that the file's name tells, until its first session_meta does. */
void codex_thread_init(codex_thread *thread, const char *path, const capture_sink *sink);

/* Takes the thread's own session_meta, the first of the file. */
void codex_thread_take_meta(codex_thread *thread, const codex_line *line);
/* The directory of a turn, where session_meta had none. */
void codex_thread_take_cwd(codex_thread *thread, const tally_json *cwd);
void codex_thread_take_name(codex_thread *thread, const tally_json *name);
void codex_thread_take_prompt(codex_thread *thread, tally_span text);

/* Whether its prompts are a person's. */
bool codex_thread_is_typed(const codex_thread *thread);

int codex_thread_announce(codex_thread *thread, tally_error *err);

/* Every line's time passes through here before its activity. */
int codex_thread_take_time(codex_thread *thread, int64_t time_ms, tally_error *err);
int codex_thread_act(codex_thread *thread, int64_t time_ms, bool human, const capture_id *key,
                     tally_error *err);

void codex_thread_pack(const codex_thread *thread, capture_packer *packer);
void codex_thread_unpack(codex_thread *thread, capture_unpacker *unpacker);

#endif
