/* One line of a Codex rollout: envelope and payload fields (agent-logs 4.2). Knows the format,
 * decides nothing. */
#ifndef TALLY_CAPTURE_CODEX_LINE_H
#define TALLY_CAPTURE_CODEX_LINE_H

#include "field.h"

typedef enum codex_kind {
    CODEX_OTHER,
    CODEX_SESSION_META,
    CODEX_TURN_CONTEXT,
    CODEX_RESPONSE_ITEM,
    CODEX_USAGE_RECORD,
    CODEX_COMPACTED,
    CODEX_TOKEN_COUNT,  /* from here on: events */
    CODEX_USER_MESSAGE, /* a prompt, in either form */
    CODEX_SETTINGS,
    CODEX_THREAD_NAME,
    CODEX_TASK_STARTED,
    CODEX_TURN_COMPLETED,
    CODEX_EVENT
} codex_kind;

enum codex_field {
    CODEX_TYPE,
    CODEX_ID,
    CODEX_THREAD,
    CODEX_TURN,
    CODEX_MODEL,
    CODEX_CWD,
    CODEX_INFO,
    CODEX_USAGE,
    CODEX_RESPONSE,
    CODEX_THREAD_USAGE,
    CODEX_LATEST_RECORD,
    CODEX_MESSAGE,
    CODEX_IMAGES,
    CODEX_ITEM,
    CODEX_THREAD_SETTINGS,
    CODEX_NAME,
    CODEX_FORKED_FROM,
    CODEX_PARENT,
    CODEX_SOURCE,
    CODEX_THREAD_SOURCE,
    CODEX_HISTORY_START,
    CODEX_VERSION,
    CODEX_GIT,
    CODEX_FIELDS
};

typedef struct codex_line {
    tally_json_index index; /* of the fields' values */
    codex_kind kind;
    tally_json field[CODEX_FIELDS]; /* of the payload */
    uint64_t ordinal;
    bool has_ordinal;
    uint64_t number;
    int64_t time_ms;
    bool has_time;
} codex_line;

/* 0, or TALLY_EFORMAT with a static sentence in `why`. */
int codex_line_read(tally_span text, uint64_t number, codex_line *out, const char **why);

/* The fields of a payload or of an object shaped like one (the copy in `compacted`). */
void codex_payload_read(const tally_json *payload, tally_json field[CODEX_FIELDS]);

/* Takes the thread that session_meta names as this one's origin: the fork's, else the subagent's
 * parent; and whether the thread is run by a program. */
typedef struct codex_origin {
    capture_id parent;
    bool is_fork;     /* the file begins with a copy of the parent's lines */
    bool is_subagent; /* no person types here */
    bool is_exec;     /* run from a script, or from one: nobody knows */
} codex_origin;
void codex_origin_read(const codex_line *meta, codex_origin *out);

/* Text of a prompt (CODEX_USER_MESSAGE) into `buffer`; `*has_image` tells of pictures beside or
 * instead of it. */
size_t codex_prompt_text(const codex_line *line, char *buffer, size_t size, bool *has_image);
/* True for what Codex writes in the user's place (agent-logs 4.5). */
bool codex_prompt_is_injected(tally_span text);

#endif
