/* Sessions that are to be described by themselves: from commits made meanwhile, or by the person's
 * own program. Only this device's sessions: other devices' directories are not here. */
#ifndef TALLY_CLI_DESCRIBE_JOBS_H
#define TALLY_CLI_DESCRIBE_JOBS_H

#include <tally/describe.h>

#include "command.h"

#define CLI_DESCRIBE_GRACE_MS                                                                      \
    (10 * 60 * 1000) /* a commit so long after the last event is of it                             \
                      */
#define CLI_SETTING_COMMITS   "describe.commits"
#define CLI_SETTING_COMMAND   "describe.command"
#define CLI_COMMAND_MAX_BYTES 4096u
#define CLI_COMMAND_SPLIT_MAX 32u /* words of it */

typedef struct cli_describe_job {
    uint64_t ref;
    char *agent, *id, *cwd;   /* owned */
    int64_t start_ms, end_ms; /* first and last event */
    char *commits;            /* owned; what they say, NULL for nothing */
    tally_subjects *subjects; /* owned; the same one by one */
    bool recorded;            /* one of its lines is new */
    char *said;               /* owned; what the command said, NULL for nothing */
} cli_describe_job;

typedef struct cli_describe_jobs {
    cli_describe_job *items;
    size_t count, room;
} cli_describe_jobs;

/* Adds a session of this device that has events; others are passed over. */
int cli_describe_job_add(cli_describe_jobs *jobs, tally_txn *txn, uint64_t session,
                         tally_error *err);
void cli_describe_jobs_clear(cli_describe_jobs *jobs);
/* First and last event of a session; false when it has none. */
bool cli_session_window(tally_txn *txn, uint64_t session, int64_t *start_ms, int64_t *end_ms);

/* Asks git, once for each directory: fills `commits` and `subjects`. Changes the jobs' order. */
void cli_describe_git(cli_describe_jobs *jobs);
/* Inside a write: appends what is new of `commits`. What was redacted stays away. */
int cli_describe_write(cli_describe_jobs *jobs, tally_txn *txn, tally_error *err);
/* Runs `command` for at most `max` jobs: those that no person has described, each once for the same
 * input, and records what it says. Needs no snapshot to be open. */
int cli_describe_command(cli_describe_jobs *jobs, tally_ledger *ledger, const char *command,
                         size_t max, bool quiet, tally_error *err);

/* After a capture: describes the sessions that have ended since the last time, as the settings say.
 * Looks at new records and at sessions that wait for their end, at nothing else. */
int cli_describe_due(tally_ledger *ledger, bool quiet, tally_error *err);

/* The settings; `command` holds CLI_COMMAND_MAX_BYTES + 1 and is empty when there is none. */
void cli_describe_settings(tally_txn *txn, bool *commits, char *command);

#endif
