/* tally rebuild: drops all views and folds every record again. */
#include "commands.h"
#include "open.h"

static int rebuild_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_rebuild(ledger, cli_now_ms(), &err);
    tally_ledger_close(ledger);
    if (code) return cli_fail(&err);
    if (run->json)
        fprintf(cli_out(run), "{\"rebuilt\":true}\n");
    else
        cli_say("all views were made anew from the records");
    return CLI_DONE;
}

const cli_command command_rebuild = {.name = "rebuild",
                                     .arguments = "",
                                     .summary = "make all views anew from the records",
                                     .example = "tally rebuild",
                                     .run = rebuild_run};
