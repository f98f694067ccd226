/* One model generation as Antigravity stores it, a protocol buffer (agent-logs 5.3). Knows the
 * format, decides nothing about rows. */
#ifndef CAPTURE_ANTIGRAVITY_GENERATION_H
#define CAPTURE_ANTIGRAVITY_GENERATION_H

#include "field.h"

typedef struct antigravity_generation {
    bool has_usage;
    tally_usage usage;
    uint64_t reasoning;
    capture_id response; /* id; may be empty */
    capture_id
        model; /* as prices name it, where the display name is known; else the routing label */
    int64_t time_ms; /* 0: not said */
    bool has_step;
    uint64_t last_step; /* of those that it produced */
} antigravity_generation;

/* 0, or TALLY_EFORMAT with a static sentence in `why`. */
int antigravity_generation_read(tally_span bytes, antigravity_generation *out, const char **why);

/* The workspace of a conversation, from trajectory_metadata_blob; false when it names none. */
bool antigravity_workspace_read(tally_span bytes, capture_path *out);
/* "file:///home/dev/acme" or a plain path as a path. */
bool antigravity_path(tally_span uri, capture_path *out);

#endif
