/* One line of a Claude Code transcript, taken apart: its fields, and for an assistant line what it
 * says about one API response. Knows the format (agent-logs 3.2, 3.3), decides nothing. */
#ifndef TALLY_CAPTURE_CLAUDE_LINE_H
#define TALLY_CAPTURE_CLAUDE_LINE_H

#include "field.h"

#define CLAUDE_EXTRAS_MAX     8u  /* billable iterations beside the response itself */
#define CLAUDE_ITERATIONS_MAX 64u /* looked at in one response */

enum claude_field {
    CLAUDE_TYPE,
    CLAUDE_SUBTYPE,
    CLAUDE_UUID,
    CLAUDE_SESSION,
    CLAUDE_TIMESTAMP,
    CLAUDE_CWD,
    CLAUDE_BRANCH,
    CLAUDE_VERSION,
    CLAUDE_ENTRYPOINT,
    CLAUDE_SIDECHAIN,
    CLAUDE_META,
    CLAUDE_COMPACT_SUMMARY,
    CLAUDE_TRANSCRIPT_ONLY,
    CLAUDE_AGENT,
    CLAUDE_PROMPT_SOURCE,
    CLAUDE_ORIGIN,
    CLAUDE_API_ERROR,
    CLAUDE_REQUEST,
    CLAUDE_BLOCK_INDEX,
    CLAUDE_COST_USD,
    CLAUDE_ADVISOR_MODEL,
    CLAUDE_MESSAGE,
    CLAUDE_TOOL_RESULT,
    CLAUDE_SOURCE_TOOL,
    CLAUDE_ATTACHMENT,
    CLAUDE_CONTENT,
    CLAUDE_AI_TITLE,
    CLAUDE_CUSTOM_TITLE,
    CLAUDE_SUMMARY,
    CLAUDE_LEAF,
    CLAUDE_RELOCATED_CWD,
    CLAUDE_WORKTREE,
    CLAUDE_FIELDS
};

typedef struct claude_line {
    tally_json_index index; /* of the fields' values */
    tally_json field[CLAUDE_FIELDS];
    uint64_t number, offset;
    int64_t time_ms;
    bool has_time;
    bool sidechain;
} claude_line;

/* One iteration that is billed on its own (an advisor's, under its own model). */
typedef struct claude_extra {
    capture_id model;
    tally_usage usage;
    uint64_t reasoning;
} claude_extra;

/* What one assistant line says about the response it belongs to: a snapshot, taken or left whole.
 */
typedef struct claude_block {
    capture_id message, request, session, agent, model;
    capture_id time_text; /* the timestamp as written */
    int64_t time_ms;
    uint64_t number, offset; /* of the line */
    uint64_t index;          /* apiBlockIndex */
    bool stopped;            /* stop_reason is set */
    bool sidechain;
    bool has_reported;
    int64_t reported_pico;
    tally_usage usage;
    uint64_t reasoning;
    size_t extra_count;
    claude_extra extras[CLAUDE_EXTRAS_MAX];
} claude_block;

/* Reads a line's top-level fields. 0, or TALLY_EFORMAT with a static sentence in `why`. */
int claude_line_read(tally_span text, uint64_t number, uint64_t offset, claude_line *out,
                     const char **why);

static inline bool claude_line_is(const claude_line *line, enum claude_field field,
                                  const char *text) {
    return line->field[field].type == TALLY_JSON_STRING &&
           tally_json_string_is(&line->field[field], text);
}

/* Reads the response an assistant line belongs to. 1 when there is one to bill, 0 when there is
 * none (a synthetic or error line, no usage), TALLY_EFORMAT with `why` when it is there but cannot
 * be trusted. `why` may also be set with 1: the response is right, but something beside it was left
 * out. Session and time are the caller's to complete. */
int claude_block_read(const claude_line *line, claude_block *out, const char **why);

#endif
