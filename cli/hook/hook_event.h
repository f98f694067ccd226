/* The agents that call `tally hook`: what they call their events, what they send, and in which
 * words they take a refusal. Pure. */
#ifndef TALLY_CLI_HOOK_EVENT_H
#define TALLY_CLI_HOOK_EVENT_H

#include <limits.h>

#include <tally/bytes.h>

#include "format/json_out.h"

#define HOOK_SESSION_MAX_BYTES 256u
#define HOOK_EVENTS_MAX        8u

/* What an event is to us. */
typedef enum hook_moment {
    HOOK_OTHER, /* only captured */
    HOOK_START, /* a session begins: a budget that runs low is told */
    HOOK_PROMPT,
    HOOK_TOOL /* both may be refused */
} hook_moment;

typedef struct hook_agent {
    const char *name;  /* as records name it */
    const char *alias; /* short, on the command line */
    /* Its settings: FOLDER/file in which hooks stand as JSON; FOLDER is what the variable names,
     * else ~/folder. */
    const char *variable, *below, *folder, *file;
    struct {
        const char *name;
        hook_moment moment;
    } events[HOOK_EVENTS_MAX]; /* that are asked for */
    const char *timeout;       /* of a hook, in the agent's unit */
    const char *deny;          /* what it calls the refusal of a prompt */
    bool stops_turn;  /* `continue: false` at a tool ends the turn; else the tool is denied */
    const char *note; /* what a person must do besides; NULL: nothing */
} hook_agent;

/* By name or alias; NULL when there is none. */
const hook_agent *hook_agent_find(const char *name);
/* The `i`th; NULL after the last. */
const hook_agent *hook_agent_at(size_t i);

typedef struct hook_event {
    const char *name; /* of the table; "" for one that was not asked for */
    hook_moment moment;
    char session[HOOK_SESSION_MAX_BYTES + 1];
    char cwd[PATH_MAX]; /* absolute, or empty */
} hook_event;

/* Reads what the agent sent. False when it is no JSON object. Nothing of a prompt is kept. */
bool hook_event_read(const hook_agent *agent, tally_span text, hook_event *out);

/* Answers on `out`: `sentence` is why the prompt or tool is refused, or only a word to the person.
 */
void hook_refuse(FILE *out, const hook_agent *agent, const hook_event *event, const char *sentence);
void hook_tell(FILE *out, const char *sentence);

#endif
