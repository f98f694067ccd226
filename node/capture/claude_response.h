/* Responses of one Claude Code transcript that are being written: several lines in, one cost event
 * out when it is final (agent-logs 1.3, 3.6). Knows nothing of sessions' names, prompts or titles.
 */
#ifndef TALLY_CAPTURE_CLAUDE_RESPONSE_H
#define TALLY_CAPTURE_CLAUDE_RESPONSE_H

#include "claude_line.h"
#include "pack.h"
#include "recent.h"

#define CLAUDE_OPEN_MAX 256u /* responses held at once; more push out the oldest */
#define CLAUDE_ANONYMOUS_MAX                                                                       \
    16u /* responses without a request id that are remembered after they were emitted */
#define CLAUDE_MAIN_IDS_MAX 4096u
#define CLAUDE_IDLE_MS      (10 * 60 * 1000)

typedef struct claude_response claude_response;

/* A response without a request id is known by the time of its first line (some gateways use one
 * message id for all their responses), so that time must outlive the passes in which its lines are
 * read. */
typedef struct claude_anonymous {
    uint64_t group, prompt; /* which response; hash of its prompt counters */
    uint64_t first_number, last_number;
    capture_id first_time;
    bool stopped;
} claude_anonymous;

typedef struct claude_responses {
    const capture_sink *sink;
    bool hold_sidechains;
    claude_response *open[CLAUDE_OPEN_MAX]; /* by first line */
    size_t count;
    capture_recent main_ids; /* (session, message id) of lines that are no sidechain */
    claude_anonymous anonymous[CLAUDE_ANONYMOUS_MAX]; /* oldest first */
    size_t anonymous_count;
} claude_responses;

/* `hold_sidechains`: the file may hold main lines too, which sidechains may repeat. */
void claude_responses_init(claude_responses *set, const capture_sink *sink, bool hold_sidechains);
void claude_responses_clear(claude_responses *set);

/* Takes one line's block. Emits what this line proves final: earlier responses of the same chain.
 */
int claude_responses_add(claude_responses *set, const claude_block *block, tally_error *err);

/* The pass is over: emits what is final at `now_ms`, everything when the file is `idle`. */
int claude_responses_end(claude_responses *set, int64_t now_ms, bool idle, tally_error *err);

/* First line of the earliest response that is still open; false when there is none. */
bool claude_responses_pending(const claude_responses *set, uint64_t *offset, uint64_t *number);

/* The remembered responses without request ids. */
void claude_responses_pack(const claude_responses *set, capture_packer *packer);
void claude_responses_unpack(claude_responses *set, capture_unpacker *unpacker);

#endif
