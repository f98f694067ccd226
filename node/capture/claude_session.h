/* What a Claude Code transcript says about its session: place, branch, version, title
 * (agent-logs 3.5). */
#ifndef TALLY_CAPTURE_CLAUDE_SESSION_H
#define TALLY_CAPTURE_CLAUDE_SESSION_H

#include "claude_line.h"
#include "claude_prompt.h"
#include "pack.h"
#include "recent.h"
#include "title.h"

#define CLAUDE_LINE_IDS_MAX  4096u /* uuids of lines that a summary may name */
#define CLAUDE_SUMMARIES_MAX 8u    /* summaries whose line was not seen yet */

enum claude_title_rank {
    CLAUDE_TITLE_NONE,
    CLAUDE_TITLE_PROMPT,
    CLAUDE_TITLE_SUMMARY,
    CLAUDE_TITLE_AI,
    CLAUDE_TITLE_CUSTOM
};

typedef struct claude_summary {
    uint64_t leaf;
    capture_title title;
} claude_summary;

typedef struct claude_session {
    capture_id id, branch, version;
    capture_path cwd;
    capture_title title;
    uint32_t title_rank;
    bool title_is_scripted; /* from a program's prompt: a person's replaces it */
    bool is_subagent; /* the file is a subagent's: it says nothing about its parent but where it
                         works */
    bool worth;       /* something happened in it; a mere look at /usage is nothing */
    bool announced, changed;
    capture_recent lines; /* hashes of uuids */
    claude_summary summaries[CLAUDE_SUMMARIES_MAX];
    size_t summary_count;
} claude_session;

/* The session that the path names: the stem, or for a subagent's file the directory above
 * `subagents`. */
void claude_session_init(claude_session *session, const char *path);
void claude_session_clear(claude_session *session);

/* Takes what a line says about the session. A line of another session first announces this one and
 * starts that one. */
int claude_session_read(claude_session *session, const claude_line *line, const capture_sink *sink,
                        tally_error *err);
/* Takes a prompt as title if it is the first. */
void claude_session_prompt(claude_session *session, const claude_prompt *prompt);

/* True for the probes of other usage trackers, whose sessions are nobody's work. */
bool claude_session_is_probe(const claude_session *session);

/* Tells the sink what is new. */
int claude_session_announce(claude_session *session, const capture_sink *sink, tally_error *err);

void claude_session_pack(const claude_session *session, capture_packer *packer);
void claude_session_unpack(claude_session *session, capture_unpacker *unpacker);

#endif
