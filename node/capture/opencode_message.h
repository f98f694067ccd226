/* What OpenCode keeps as JSON in the rows of its messages and parts (agent-logs 7.2). Knows the
 * format, decides nothing about rows. */
#ifndef CAPTURE_OPENCODE_MESSAGE_H
#define CAPTURE_OPENCODE_MESSAGE_H

#include "field.h"

typedef enum opencode_role { OPENCODE_OTHER, OPENCODE_USER, OPENCODE_ASSISTANT } opencode_role;

typedef struct opencode_tokens {
    uint64_t input, output, reasoning, cache_read, cache_write, total;
    bool has_total;
} opencode_tokens;

typedef struct opencode_message {
    opencode_role role;
    int64_t created_ms, completed_ms; /* completed: 0 until it is */
    capture_id provider, model;
    opencode_tokens tokens; /* of the last step only */
    bool has_tokens;
} opencode_message;

typedef enum opencode_part_kind { OPENCODE_PART, OPENCODE_TEXT, OPENCODE_STEP } opencode_part_kind;

typedef struct opencode_part {
    opencode_part_kind kind; /* OPENCODE_TEXT only for text that a person wrote */
    opencode_tokens tokens;  /* of a step */
    bool has_tokens;
    uint64_t text_hash; /* of a text */
} opencode_part;

/* 0, or TALLY_EFORMAT with a static sentence in `why`. */
int opencode_message_read(tally_span json, opencode_message *out, const char **why);
int opencode_part_read(tally_span json, opencode_part *out, const char **why);

/* The token classes; false when nothing was used. `version` is of the OpenCode that wrote the
 * session. */
bool opencode_usage(const opencode_tokens *tokens, tally_span version, tally_usage *usage,
                    uint64_t *reasoning);

#endif
