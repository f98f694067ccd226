/* tally audit cosign: puts this device's name to what it holds of the others' feeds, now. */
#include <inttypes.h>

#include <tally/cosign.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"

static int cosign(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_cosign(txn, true, ctx, err);
}

static int cosign_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    uint64_t made = 0;
    cli_json json;
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), cosign, &made, &err);
    if (!code && run->json) {
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_json_u64(&json, "cosigned", made);
        cli_json_close(&json, '}');
        cli_json_end(&json);
    } else if (!code && made) {
        cli_say("cosigned the heads of %" PRIu64 " %s; the others get this with the next sync",
                made, made == 1 ? "feed" : "feeds");
    } else if (!code) {
        cli_say("nothing to cosign: this device has put its name to all that it holds of others");
    }
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_audit_cosign = {.name = "audit cosign",
                                          .arguments = "",
                                          .summary =
                                              "put this device's name to what it holds of others",
                                          .example = "tally audit cosign --json",
                                          .run = cosign_run};
