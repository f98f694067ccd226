/* A thread's place, title and stamps. What a thread costs is not known here. */
#include "codex_thread.h"

#define NAME_TIME_BYTES 20u /* "2026-09-11T10-00-00-" in a rollout's name */

/* rollout-<local time>-<thread>[_<rollout>].jsonl[.zst] */
static tally_span thread_of(const char *path) {
    static const char prefix[] = "rollout-";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strcspn(name, ".");
    const size_t head = sizeof prefix - 1 + NAME_TIME_BYTES;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || len <= head)
        return tally_span_of(name, len);
    const char *underscore = memchr(name + head, '_', len - head);
    return tally_span_of(name + head, underscore ? (size_t)(underscore - name) - head : len - head);
}

void codex_thread_init(codex_thread *thread, const char *path, const capture_sink *sink) {
    memset(thread, 0, sizeof *thread);
    thread->sink = sink;
    capture_id_set(&thread->id, thread_of(path));
}

/* A remote may carry a password; nothing of it may reach a record. */
static void drop_credentials(capture_path *remote) {
    tally_span text = capture_path_span(remote);
    size_t start = capture_find(text, "://");
    if (start == SIZE_MAX) return;
    start += 3;
    size_t end = start, at = SIZE_MAX;
    for (; end < text.len && text.ptr[end] != '/'; end++)
        if (text.ptr[end] == '@') at = end;
    if (at == SIZE_MAX) return;
    memmove(remote->text + start, remote->text + at + 1, text.len - at - 1);
    remote->len = (uint16_t)(text.len - (at + 1 - start));
}

void codex_thread_take_meta(codex_thread *thread, const codex_line *line) {
    static const capture_field git_fields[] = {
        CAPTURE_FIELD("commit_hash"), CAPTURE_FIELD("branch"), CAPTURE_FIELD("repository_url")};
    tally_json git[3];
    if (thread->has_meta) return;
    thread->has_meta = true;
    thread->changed = true;
    capture_id id;
    if (!capture_id_is_long(&line->field[CODEX_ID]) && capture_id_take(&id, &line->field[CODEX_ID]))
        thread->id = id;
    codex_origin_read(line, &thread->origin);
    codex_thread_take_cwd(thread, &line->field[CODEX_CWD]);
    (void)capture_id_take(&thread->version, &line->field[CODEX_VERSION]);
    capture_pick(&line->field[CODEX_GIT], git_fields, 3, git);
    (void)capture_id_take(&thread->commit, &git[0]);
    (void)capture_id_take(&thread->branch, &git[1]);
    if (capture_path_take(&thread->remote, &git[2])) drop_credentials(&thread->remote);
}

void codex_thread_take_cwd(codex_thread *thread, const tally_json *cwd) {
    if (thread->has_cwd || !capture_path_take(&thread->cwd, cwd)) return;
    thread->has_cwd = true;
    thread->changed = true;
}

void codex_thread_take_name(codex_thread *thread, const tally_json *name) {
    capture_title title;
    if (!capture_title_take(&title, name)) return;
    thread->title = title;
    thread->title_rank = CODEX_TITLE_NAME;
    thread->changed = true;
}

bool codex_thread_is_typed(const codex_thread *thread) {
    return !thread->origin.is_subagent && !thread->origin.is_exec;
}

void codex_thread_take_prompt(codex_thread *thread, tally_span text) {
    capture_title title;
    bool scripted = !codex_thread_is_typed(thread);
    bool replaces =
        thread->title_rank == CODEX_TITLE_PROMPT && thread->title_is_scripted && !scripted;
    if (thread->origin.is_subagent) return;
    if (thread->title_rank != CODEX_TITLE_NONE && !replaces) return;
    if (!capture_title_clean(text, CAPTURE_PROMPT_TITLE_MAX_CHARS, &title)) return;
    thread->title = title;
    thread->title_rank = CODEX_TITLE_PROMPT;
    thread->title_is_scripted = scripted;
    thread->changed = true;
}

int codex_thread_announce(codex_thread *thread, tally_error *err) {
    if (thread->announced && !thread->changed) return 0;
    capture_session seen = {
        .id = capture_id_span(&thread->id),
        .parent = capture_id_span(&thread->origin.parent),
        .cwd = capture_path_span(&thread->cwd),
        .branch = capture_id_span(&thread->branch),
        .remote = capture_path_span(&thread->remote),
        .commit = capture_id_span(&thread->commit),
        .version = capture_id_span(&thread->version),
        .title = capture_title_span(&thread->title),
        .title_rank = thread->title.len > 0 ? thread->title_rank : 0,
    };
    int rc = thread->sink->session(thread->sink->ctx, &seen, err);
    if (rc != 0) return rc;
    thread->announced = true;
    thread->changed = false;
    return 0;
}

static int emit(codex_thread *thread, int64_t time_ms, bool human, const capture_id *key,
                tally_error *err) {
    int rc = thread->announced ? 0 : codex_thread_announce(thread, err);
    if (rc != 0) return rc;
    capture_activity activity = {
        .session = capture_id_span(&thread->id),
        .time_ms = time_ms,
        .human = human,
        .key = key ? capture_id_span(key) : tally_span_of(NULL, 0),
    };
    return thread->sink->activity(thread->sink->ctx, &activity, err);
}

int codex_thread_act(codex_thread *thread, int64_t time_ms, bool human, const capture_id *key,
                     tally_error *err) {
    if (thread->varied) return emit(thread, time_ms, human, key, err);
    if (human && !thread->held_human && key) thread->held_key = *key;
    thread->held_human |= human;
    thread->held_agent |= !human;
    return 0;
}

int codex_thread_take_time(codex_thread *thread, int64_t time_ms, tally_error *err) {
    if (!thread->has_first) {
        thread->has_first = true;
        thread->first_ms = time_ms;
    }
    if (thread->varied || time_ms == thread->first_ms) return 0;
    thread->varied = true;
    int rc = thread->held_agent ? emit(thread, thread->first_ms, false, NULL, err) : 0;
    if (rc == 0 && thread->held_human)
        rc = emit(thread, thread->first_ms, true, &thread->held_key, err);
    thread->held_agent = thread->held_human = false;
    return rc;
}

/* Texts that were announced are known to the ledger; only what decides about later lines is kept.
 */
void codex_thread_pack(const codex_thread *thread, capture_packer *packer) {
    const bool flags[] = {thread->title_is_scripted,  thread->has_meta,      thread->has_cwd,
                          thread->announced,          thread->has_first,     thread->varied,
                          thread->held_human,         thread->held_agent,    thread->origin.is_fork,
                          thread->origin.is_subagent, thread->origin.is_exec};
    uint64_t bits = 0;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        bits |= (uint64_t)flags[i] << i;
    capture_pack_u64(packer, bits);
    capture_pack_u8(packer, (uint8_t)thread->title_rank);
    capture_pack_u64(packer, (uint64_t)thread->first_ms);
    capture_pack_text(packer, capture_id_span(&thread->id));
    capture_pack_text(packer, capture_id_span(&thread->origin.parent));
    capture_pack_text(packer, capture_id_span(&thread->held_key));
}

void codex_thread_unpack(codex_thread *thread, capture_unpacker *unpacker) {
    bool *const flags[] = {
        &thread->title_is_scripted,  &thread->has_meta,      &thread->has_cwd,
        &thread->announced,          &thread->has_first,     &thread->varied,
        &thread->held_human,         &thread->held_agent,    &thread->origin.is_fork,
        &thread->origin.is_subagent, &thread->origin.is_exec};
    uint64_t bits = capture_unpack_u64(unpacker);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        *flags[i] = (bits >> i & 1) != 0;
    thread->title_rank = capture_unpack_u8(unpacker);
    thread->first_ms = capture_unpack_i64(unpacker);
    capture_unpack_text(unpacker, thread->id.text, sizeof thread->id.text, &thread->id.len);
    capture_unpack_text(unpacker, thread->origin.parent.text, sizeof thread->origin.parent.text,
                        &thread->origin.parent.len);
    capture_unpack_text(unpacker, thread->held_key.text, sizeof thread->held_key.text,
                        &thread->held_key.len);
}
