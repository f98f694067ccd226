/* Collects a session's place and title from the lines of its transcript and announces them when
 * they change. */
#include "claude_session.h"

#define SAVED_LINE_IDS_MAX  32u
#define SAVED_SUMMARIES_MAX 2u

/* The name of the path's last component without its suffix. */
static tally_span stem_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strchr(name, '.');
    return tally_span_of(name, dot ? (size_t)(dot - name) : strlen(name));
}

void claude_session_init(claude_session *session, const char *path) {
    static const char below[] = "/subagents/";
    memset(session, 0, sizeof *session);
    capture_recent_init(&session->lines, CLAUDE_LINE_IDS_MAX);
    tally_span stem = stem_of(path);
    const char *end = strstr(path, below);
    if (end) {
        const char *start = end;
        while (start > path && start[-1] != '/')
            start--;
        stem = tally_span_of(start, (size_t)(end - start));
    }
    session->is_subagent = end || capture_starts(stem, "agent-");
    capture_id_set(&session->id, stem);
}

void claude_session_clear(claude_session *session) {
    capture_recent_clear(&session->lines);
}

/* Forgets one session and starts another in the same file. */
static void restart(claude_session *session, const capture_id *id) {
    bool is_subagent = session->is_subagent;
    capture_recent lines = session->lines;
    memset(session, 0, sizeof *session);
    session->lines = lines;
    session->is_subagent = is_subagent;
    session->id = *id;
}

int claude_session_announce(claude_session *session, const capture_sink *sink, tally_error *err) {
    if (session->announced && !session->changed) return 0;
    capture_session seen = {
        .id = capture_id_span(&session->id),
        .cwd = capture_path_span(&session->cwd),
        .branch = capture_id_span(&session->branch),
        .version = capture_id_span(&session->version),
        .title = capture_title_span(&session->title),
        .title_rank = session->title_rank,
    };
    int rc = sink->session(sink->ctx, &seen, err);
    if (rc != 0) return rc;
    session->announced = true;
    session->changed = false;
    return 0;
}

bool claude_session_is_probe(const claude_session *session) {
    return capture_find(capture_path_span(&session->cwd), "ClaudeProbe") != SIZE_MAX;
}

static void set_title(claude_session *session, const capture_title *title, uint32_t rank) {
    if (session->is_subagent || title->len == 0 || rank < session->title_rank) return;
    if (rank == session->title_rank &&
        tally_span_eq(capture_title_span(title), capture_title_span(&session->title)))
        return;
    session->title = *title;
    session->title_rank = rank;
    session->title_is_scripted = false;
    session->changed = true;
}

void claude_session_prompt(claude_session *session, const claude_prompt *prompt) {
    capture_title title;
    bool scripted = prompt->author == CLAUDE_SCRIPT;
    bool open =
        session->title_rank == CLAUDE_TITLE_NONE ||
        (session->title_rank == CLAUDE_TITLE_PROMPT && session->title_is_scripted && !scripted);
    if (!open || prompt->command) return;
    if (!capture_title_clean(prompt->text, CAPTURE_PROMPT_TITLE_MAX_CHARS, &title)) return;
    set_title(session, &title, CLAUDE_TITLE_PROMPT);
    session->title_is_scripted = scripted;
}

static void keep_summary(claude_session *session, uint64_t leaf, const capture_title *title) {
    if (session->summary_count == CLAUDE_SUMMARIES_MAX) {
        memmove(&session->summaries[0], &session->summaries[1],
                (CLAUDE_SUMMARIES_MAX - 1) * sizeof session->summaries[0]);
        session->summary_count--;
    }
    session->summaries[session->summary_count++] = (claude_summary){.leaf = leaf, .title = *title};
}

/* A summary may describe another session: it counts only when the line it names is in this file,
 * before or after it. */
static void read_summary(claude_session *session, const claude_line *line) {
    capture_title title;
    capture_id leaf;
    if (!capture_title_take(&title, &line->field[CLAUDE_SUMMARY])) return;
    if (!capture_id_take(&leaf, &line->field[CLAUDE_LEAF])) return;
    uint64_t hash = capture_hash(0, capture_id_span(&leaf));
    if (capture_recent_has(&session->lines, hash))
        set_title(session, &title, CLAUDE_TITLE_SUMMARY);
    else
        keep_summary(session, hash, &title);
}

static int remember_line(claude_session *session, const claude_line *line, tally_error *err) {
    capture_id uuid;
    if (!capture_id_take(&uuid, &line->field[CLAUDE_UUID])) return 0;
    uint64_t hash = capture_hash(0, capture_id_span(&uuid));
    for (size_t i = 0; i < session->summary_count; i++)
        if (session->summaries[i].leaf == hash)
            set_title(session, &session->summaries[i].title, CLAUDE_TITLE_SUMMARY);
    return capture_recent_add(&session->lines, hash, err);
}

/* The first directory stays: what a session costs belongs where it was started. */
static void read_place(claude_session *session, const claude_line *line) {
    static const capture_field original = CAPTURE_FIELD("originalCwd");
    tally_json value;
    capture_path path;
    capture_pick(&line->field[CLAUDE_WORKTREE], &original, 1, &value);
    bool told = capture_path_take(&path, &line->field[CLAUDE_RELOCATED_CWD]) ||
                capture_path_take(&path, &value);
    if (!told && (session->cwd.len > 0 || !capture_path_take(&path, &line->field[CLAUDE_CWD])))
        return;
    if (tally_span_eq(capture_path_span(&path), capture_path_span(&session->cwd))) return;
    session->cwd = path;
    session->changed = true;
}

static void take_changed(capture_id *known, const tally_json *value, bool *changed) {
    capture_id now;
    if (!capture_id_take(&now, value)) return;
    if (tally_span_eq(capture_id_span(&now), capture_id_span(known))) return;
    *known = now;
    *changed = true;
}

/* The last branch wins, but a detached HEAD says less than any name. */
static void read_branch(claude_session *session, const claude_line *line) {
    const tally_json *branch = &line->field[CLAUDE_BRANCH];
    if (session->branch.len > 0 && claude_line_is(line, CLAUDE_BRANCH, "HEAD")) return;
    take_changed(&session->branch, branch, &session->changed);
}

static void read_titles(claude_session *session, const claude_line *line) {
    capture_title title;
    if (claude_line_is(line, CLAUDE_TYPE, "custom-title")) {
        (void)capture_title_take(&title, &line->field[CLAUDE_CUSTOM_TITLE]);
        set_title(session, &title, CLAUDE_TITLE_CUSTOM);
    } else if (claude_line_is(line, CLAUDE_TYPE, "ai-title")) {
        (void)capture_title_take(&title, &line->field[CLAUDE_AI_TITLE]);
        set_title(session, &title, CLAUDE_TITLE_AI);
    } else if (claude_line_is(line, CLAUDE_TYPE, "summary")) {
        read_summary(session, line);
    }
}

int claude_session_read(claude_session *session, const claude_line *line, const capture_sink *sink,
                        tally_error *err) {
    capture_id id;
    if (capture_id_take(&id, &line->field[CLAUDE_SESSION]) &&
        !tally_span_eq(capture_id_span(&id), capture_id_span(&session->id))) {
        int rc = session->worth ? claude_session_announce(session, sink, err) : 0;
        if (rc != 0) return rc;
        /* Nothing but titles so far: they stood above the first line that names the session. */
        if (session->worth || session->cwd.len > 0)
            restart(session, &id);
        else
            session->id = id;
    }
    read_place(session, line);
    read_branch(session, line);
    take_changed(&session->version, &line->field[CLAUDE_VERSION], &session->changed);
    read_titles(session, line);
    return remember_line(session, line, err);
}

void claude_session_pack(const claude_session *session, capture_packer *packer) {
    uint8_t flags = (uint8_t)(session->title_is_scripted | session->worth << 1 |
                              session->announced << 2 | session->changed << 3);
    capture_pack_u8(packer, flags);
    capture_pack_u8(packer, (uint8_t)session->title_rank);
    capture_pack_text(packer, capture_id_span(&session->id));
    capture_pack_text(packer, capture_id_span(&session->branch));
    capture_pack_text(packer, capture_id_span(&session->version));
    capture_pack_text(packer, capture_path_span(&session->cwd));
    capture_pack_text(packer, capture_title_span(&session->title));
    size_t first = session->summary_count > SAVED_SUMMARIES_MAX
                       ? session->summary_count - SAVED_SUMMARIES_MAX
                       : 0;
    capture_pack_u8(packer, (uint8_t)(session->summary_count - first));
    for (size_t i = first; i < session->summary_count; i++) {
        capture_pack_u64(packer, session->summaries[i].leaf);
        capture_pack_text(packer, capture_title_span(&session->summaries[i].title));
    }
    uint32_t lines =
        session->lines.count < SAVED_LINE_IDS_MAX ? session->lines.count : SAVED_LINE_IDS_MAX;
    capture_pack_u8(packer, (uint8_t)lines);
    for (uint32_t age = lines; age-- > 0;)
        capture_pack_u64(packer, capture_recent_newest(&session->lines, age));
}

static void unpack_lists(claude_session *session, capture_unpacker *unpacker) {
    session->summary_count = capture_unpack_u8(unpacker);
    if (session->summary_count > SAVED_SUMMARIES_MAX) {
        session->summary_count = 0;
        unpacker->bad = true;
    }
    for (size_t i = 0; i < session->summary_count; i++) {
        claude_summary *summary = &session->summaries[i];
        summary->leaf = capture_unpack_u64(unpacker);
        capture_unpack_text(unpacker, summary->title.text, sizeof summary->title.text,
                            &summary->title.len);
    }
    for (uint8_t left = capture_unpack_u8(unpacker); left > 0 && !unpacker->bad; left--) {
        uint64_t hash = capture_unpack_u64(unpacker);
        if (capture_recent_add(&session->lines, hash, NULL) != 0) unpacker->bad = true;
    }
}

void claude_session_unpack(claude_session *session, capture_unpacker *unpacker) {
    uint8_t flags = capture_unpack_u8(unpacker);
    session->title_is_scripted = (flags & 1) != 0;
    session->worth = (flags & 2) != 0;
    session->announced = (flags & 4) != 0;
    session->changed = (flags & 8) != 0;
    session->title_rank = capture_unpack_u8(unpacker);
    capture_unpack_text(unpacker, session->id.text, sizeof session->id.text, &session->id.len);
    capture_unpack_text(unpacker, session->branch.text, sizeof session->branch.text,
                        &session->branch.len);
    capture_unpack_text(unpacker, session->version.text, sizeof session->version.text,
                        &session->version.len);
    capture_unpack_text(unpacker, session->cwd.text, sizeof session->cwd.text, &session->cwd.len);
    capture_unpack_text(unpacker, session->title.text, sizeof session->title.text,
                        &session->title.len);
    unpack_lists(session, unpacker);
}
