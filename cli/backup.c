/* tally backup: a consistent copy of the live ledger. */
#include "commands.h"
#include "json_out.h"
#include "open.h"

static int backup_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    int code = cli_ledger_open(run, true, &ledger, &err);
    if (!code) code = tally_backup(ledger, run->arguments[0], &err);
    tally_ledger_close(ledger);
    if (code) return cli_fail(&err);
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
