/* Adapters: each turns the bytes of one agent's log file into what was observed. Pure: bytes in,
 * events out; no file, no clock, no store. One agent is one file beside this one and one row in
 * adapters.c. */
#ifndef TALLY_CAPTURE_ADAPTER_H
#define TALLY_CAPTURE_ADAPTER_H

#include <tally/bytes.h>
#include <tally/error.h>
#include <tally/price.h>

#define CAPTURE_STATE_MAX_BYTES 8192u /* of an adapter's saved state for one file */
#define CAPTURE_TEXT_MAX_BYTES  4096u /* of one string taken from a log (path, branch, id) */
#define CAPTURE_TITLE_MAX_BYTES 512u

/* All spans in events are borrowed until the sink's function returns. Empty spans mean "not known".
 */
typedef struct capture_session {
    tally_span id;     /* the agent's own id of the session */
    tally_span parent; /* of a fork or subagent thread */
    tally_span cwd, branch, remote, commit, version;
    tally_span title;    /* clean UTF-8: no control characters */
    uint32_t title_rank; /* larger wins; 0 for none */
} capture_session;

typedef struct capture_cost {
    tally_span session;
    tally_span key; /* what the provider calls the response; unique within the agent
                       (agent-logs 3.6, 4.3) */
    int64_t time_ms;
    tally_span model; /* raw */
    tally_usage usage;
    uint64_t reasoning; /* part of usage.output */
    bool has_reported;  /* the log itself states a cost */
    int64_t reported_pico;
    tally_span subagent; /* agent id of the subagent that asked, if any */
    bool sidechain; /* Claude: may be a replay of a main line with the same message id (3.6 rule 2)
                     */
    tally_span message; /* message id for that rule */
} capture_cost;

typedef struct capture_activity {
    tally_span session;
    int64_t time_ms;
    bool human;     /* else the agent worked */
    tally_span key; /* the event's own id (uuid), for copies in forked files; may be empty */
} capture_activity;

/* Where events go. Each function returns 0 or an error, which the adapter passes up at once. */
typedef struct capture_sink {
    void *ctx;
    int (*session)(void *ctx, const capture_session *seen, tally_error *err);
    int (*cost)(void *ctx, const capture_cost *seen, tally_error *err);
    int (*activity)(void *ctx, const capture_activity *seen, tally_error *err);
    /* A line that could not be read: counted and shown with its file, line and reason. */
    int (*skipped)(void *ctx, uint64_t line, const char *why, tally_error *err);
    /* Reads another log file of the same agent whole, line by line (a fork's parent, found by its
     * id); TALLY_ENOTFOUND when there is none. */
    int (*each_line_of)(void *ctx, tally_span id, int (*line)(void *line_ctx, tally_span text),
                        void *line_ctx, tally_error *err);
} capture_sink;

typedef struct capture_file {
    const char *path;   /* absolute; for ids in names */
    tally_span project; /* the directory that files beside the log name (capture_adapter.project) */
    int64_t now_ms;     /* wall clock of this pass */
    int64_t written_ms; /* when the file was last written */
    bool idle;          /* nothing was written for 10 minutes: what is pending is final */
    bool has_database;  /* of the agent: what also stands there is not to be counted again */
} capture_file;

/* A folder in which an agent leaves logs: BASE/below, where BASE is what the variable names, else
 * HOME/base. */
typedef struct capture_place {
    const char *variable; /* NULL: none */
    const char *base;     /* "" for the home directory itself */
    const char *below;    /* "" for the base itself */
    unsigned depth;       /* folders below it that are entered */
    /* Is this file a log? `path` is absolute. What its name ends in tells its form
     * (capture_form_of). NULL: sources.c knows a way of its own to find them. */
    bool (*wants)(const char *path, const char *name);
    unsigned id_up; /* the folder so many up names the session; 0: the file itself does */
    /* Walked only when the agent is asked for by its name: its logs lie among everything else.
     * Hidden folders are not entered. */
    bool asked;
} capture_place;

#define CAPTURE_PLACES_MAX 8u

typedef struct capture_database capture_database;

/* An adapter reads lines (`line`; a whole JSON document counts as one), rows of databases (`rows`),
 * or both. */
typedef struct capture_adapter {
    const char *agent;                        /* as records name it: "claude-code", "codex" */
    const char *alias;                        /* short, for --agent */
    capture_place places[CAPTURE_PLACES_MAX]; /* up to the first without `below` */
    const char *gap; /* what this agent's logs lack, for `tally doctor`; NULL: nothing known */
    /* Writes the directory that files beside the log at `path` name; false when none does. The one
     * function that may look at files. May be NULL. */
    bool (*project)(const char *path, char out[CAPTURE_TEXT_MAX_BYTES], size_t *len);
    /* The state for one file, made by capture_adapter_open: `begin` fills zeroed memory of this
     * size (false: no memory), `load` takes what `save` gave when the file was last read (false: it
     * is damaged). */
    size_t state_bytes;
    bool (*begin)(void *state, const capture_file *file, const capture_sink *sink);
    bool (*load)(void *state, tally_span saved);
    /* One complete line without its newline. `number` counts from 1 at the file's start; `offset`
     * is its first byte. */
    int (*line)(void *state, tally_span text, uint64_t number, uint64_t offset, tally_error *err);
    /* Reads some rows that the last pass did not (database.h) and emits what they say: 1 when there
     * may be more, 0 when not. What was emitted counts as read once it returned. */
    int (*rows)(void *state, capture_database *database, tally_error *err);
    /* No more complete lines in this pass: emit what is final. */
    int (*end)(void *state, tally_error *err);
    /* The byte from which the next pass must read again: the end of the last line, or the first
     * line of a response that is not final yet. `end_offset`/`end_line` describe the end of the
     * last complete line; of a document or a database they describe its end, and anything less
     * says that not all of it is final. */
    void (*resume)(void *state, uint64_t end_offset, uint64_t end_line, uint64_t *offset,
                   uint64_t *line);
    /* Serialises what the next pass needs; at most CAPTURE_STATE_MAX_BYTES. */
    int (*save)(void *state, uint8_t *out, size_t *len, tally_error *err);
    /* Frees what `begin` and the rest made, and `state` itself; also after a `begin` that failed.
     */
    void (*close)(void *state);
} capture_adapter;

extern const capture_adapter capture_claude;
extern const capture_adapter capture_codex;
extern const capture_adapter capture_gemini;
extern const capture_adapter capture_opencode;
extern const capture_adapter capture_antigravity;
extern const capture_adapter capture_copilot;
extern const capture_adapter capture_aider;

#endif
