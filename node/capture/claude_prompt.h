/* Whether a line of a Claude Code transcript is a person acting (agent-logs 3.4). Looks at one
 * line, remembers nothing. */
#ifndef TALLY_CAPTURE_CLAUDE_PROMPT_H
#define TALLY_CAPTURE_CLAUDE_PROMPT_H

#include "claude_line.h"

#define CLAUDE_PROMPT_MAX_BYTES (256u * 1024u) /* of a prompt's text that is looked at */

typedef enum claude_author {
    CLAUDE_NOBODY, /* no prompt: a tool result, injected text, the agent's own */
    CLAUDE_SCRIPT, /* a prompt, but a program's */
    CLAUDE_PERSON
} claude_author;

typedef struct claude_prompt {
    claude_author author;
    tally_span text;  /* without envelopes; lives in the scratch buffer */
    bool command;     /* a slash or shell command: activity, but no title */
    bool usage_probe; /* /usage or /status: alone they make no session */
} claude_prompt;

/* Judges a `user`, `attachment` or `system` line; others are nobody's. `scratch` holds
 * CLAUDE_PROMPT_MAX_BYTES. */
void claude_prompt_judge(const claude_line *line, char *scratch, claude_prompt *out);

#endif
