/* tally backup: a consistent copy of the live ledger. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"

static int copy_make(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    int code = cli_ledger_open(run, true, &ledger, &err);
    if (!code) code = tally_backup(ledger, run->arguments[0], &err);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* LMDB copies by following its pages without doubting them: where they are damaged it may take the
 * process with it, so it gets one of its own. */
static int copy_in_child(cli *run) {
    tally_error err = {0};
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(copy_make(run));
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (child > 0 && WIFEXITED(status)) return WEXITSTATUS(status);
    if (child < 0)
        tally_fail(&err, TALLY_EIO, "the copy could not be started: %s", strerror(errno));
    else
        tally_fail(&err, TALLY_ECORRUPT,
                   "the ledger could not be copied: its pages are damaged, or the copying was "
                   "stopped; 'tally fsck' looks");
    return cli_fail(&err);
}

static int backup_run(cli *run) {
    int code = copy_in_child(run);
    if (code != CLI_DONE) return code;
    if (run->json) {
        cli_json json;
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_json_string(&json, "backup", run->arguments[0]);
        cli_json_close(&json, '}');
        cli_json_end(&json);
    } else {
        cli_say("copied the ledger to %s; the keys are not in it, keep them apart",
                run->arguments[0]);
    }
    return CLI_DONE;
}

const cli_command command_backup = {.name = "backup",
                                    .arguments = "FILE",
                                    .summary = "a consistent copy of the ledger, without keys",
                                    .example = "tally backup /media/stick/tally-2026-11-21.mdb",
                                    .min_arguments = 1,
                                    .max_arguments = 1,
                                    .run = backup_run};
