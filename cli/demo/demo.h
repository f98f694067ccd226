/* What the demo's parts share: the logs of its week (demo_logs.c), its two homes and the programs
 * that run in them (demo_stage.c), its story (demo_story.c), and the telling (demo.c). */
#ifndef TALLY_CLI_DEMO_H
#define TALLY_CLI_DEMO_H

#include <limits.h>
#include <sys/types.h>

#include "command.h"

/* ---- who ---- */

typedef enum demo_who { DEMO_ADA, DEMO_BEN, DEMO_PEOPLE } demo_who;

/* "ada", "ben": the prompt, and the folder of the home. */
const char *demo_who_name(demo_who who);

/* ---- logs ---- */

/* Days of the story. What happened on a day is written when the story gets there. */
typedef enum demo_part { DEMO_MONDAY_TUESDAY, DEMO_WEDNESDAY_FRIDAY, DEMO_TODAY } demo_part;

/* Writes the logs that `who`'s agents left in that part below `home`, as Claude Code and Codex
 * write them. The week begins at `monday_ms`, a midnight (UTC); what is of today ends at `now_ms`.
 */
int demo_logs_write(demo_who who, demo_part part, const char *home, int64_t monday_ms,
                    int64_t now_ms, tally_error *err);
/* The first letters of the id of the n-th session, by which commands know it. */
#define DEMO_SESSION_BYTES 9u
void demo_session_name(size_t n, char out[DEMO_SESSION_BYTES]);

/* ---- stage ---- */

#define DEMO_OUTPUT_BYTES  (256u * 1024u)
#define DEMO_ADDRESS_BYTES 64u
#define DEMO_WORDS_MAX     32u

typedef struct demo_output {
    char *text; /* DEMO_OUTPUT_BYTES, NUL-terminated */
    size_t len;
    int exit; /* of the program; -1 when a signal or the clock ended it */
} demo_output;

typedef struct demo_stage {
    char root[PATH_MAX - 64];               /* the demo's own folder */
    char homes[DEMO_PEOPLE][PATH_MAX];      /* below it */
    char tally[PATH_MAX], tallyd[PATH_MAX]; /* beside this program */
    char *environments[DEMO_PEOPLE][32];    /* of the programs: nothing of the user's ledger */
    bool kept;                              /* the folder stays */
    bool terminal;                          /* programs believe to be on one, as this is */
    pid_t daemon, running, inviting;        /* 0: none */
    int invite;                             /* what the one who invites prints */
    char address[DEMO_ADDRESS_BYTES];       /* where the daemon listens */
} demo_stage;

/* Makes the folder: `keep`, which must not be there or be empty, or one that goes away again. */
int demo_stage_open(demo_stage *stage, const char *keep, tally_error *err);
/* Ends what still runs, and removes the folder unless it is kept. */
void demo_stage_close(demo_stage *stage);

/* Runs `words` (they end with NULL; "tally" and "tallyd" are those beside this program) in the home
 * of `who` until the end. TALLY_EIO when it could not be run or was stopped. */
int demo_run(demo_stage *stage, demo_who who, char *const *words, demo_output *out,
             tally_error *err);
/* `words` invites; the line that it prints goes to `join`, of `guest`. `out` gets what both say. */
int demo_invite(demo_stage *stage, demo_who who, char *const *words, demo_output *out,
                tally_error *err);
int demo_join(demo_stage *stage, demo_who who, char *const *words, demo_output *out,
              tally_error *err);
/* Starts a daemon and waits until it listens; demo_daemon_stop ends it as systemd would. */
int demo_daemon_start(demo_stage *stage, demo_who who, char *const *words, demo_output *out,
                      tally_error *err);
int demo_daemon_stop(demo_stage *stage, tally_error *err);
/* Changes the one byte of `file` (below the home of `who`) that stands `skip` bytes from the first
 * `mark` in it. */
int demo_tamper(demo_stage *stage, demo_who who, const char *file, const char *mark, ptrdiff_t skip,
                tally_error *err);
/* Did somebody press Ctrl-C, or end this process otherwise? The signal, or 0. */
int demo_stopped(void);

/* ---- story ---- */

typedef enum demo_act {
    DEMO_RUN,    /* the command, to its end */
    DEMO_LOGS,   /* agents work: logs are written */
    DEMO_INVITE, /* the command waits for the next one, a DEMO_JOIN */
    DEMO_JOIN,
    DEMO_SERVE, /* the command is a daemon */
    DEMO_STOP,  /* it ends */
    DEMO_TAMPER
} demo_act;

typedef struct demo_step {
    const char *words;   /* what happens and why; NULL: goes on with the step before */
    const char *command; /* as typed; $NAMES are filled in */
    const char *expects; /* what its output has to hold; NULL: anything */
    demo_act act;
    demo_who who;
    demo_part part; /* DEMO_LOGS */
    int exit;       /* how the command has to end */
    int lines;      /* how many are shown; 0: all */
    bool same;      /* prints what the step before printed, byte for byte */
    bool optional;  /* the story goes on without it */
} demo_step;

extern const demo_step demo_steps[]; /* ends at the row without a command */

#endif
