/* tally sync import: takes in what a teammate exported, whole or not at all. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"
#include "segment_kit.h"

static void result_json(cli *run, const tally_segment_read *taken) {
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "records", taken->records);
    cli_json_u64(&json, "blobs", taken->blobs);
    cli_json_u64(&json, "skipped", taken->skipped);
    cli_json_time(&json, "written", taken->clock_ms);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void result_text(const char *path, const tally_segment_read *taken) {
    char time[TALLY_TIME_TEXT_BYTES], amount[CLI_AMOUNT_TEXT_BYTES];
    tally_time_format(taken->clock_ms, time);
    cli_amount_text(taken->records, taken->blobs, amount);
    if (taken->records || taken->blobs)
        cli_say("took %s from %s, written at %s", amount, path, time);
    else if (!taken->skipped)
        cli_say("nothing new in %s, written at %s", path, time);
    if (taken->skipped)
        cli_say("%" PRIu64 " commits were not taken: their device is not known here yet, something "
                "before them is missing, or their feed is frozen; import again after the next sync",
                taken->skipped);
}

static int import_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    cli_segment_kit kit = {.ledger = NULL};
    tally_segment_read taken;
    int fd = -1;
    const char *path = strcmp(run->arguments[0], "-") == 0 ? "standard input" : run->arguments[0];
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = cli_segment_kit_open(ledger, &kit, &err);
    if (!code) code = cli_segment_open(run->arguments[0], run->dir, &fd, &err);
    if (!code) {
        code = cli_segment_take(&kit, fd, NULL, NULL, &taken, &err);
        if (code) tally_fail_while(&err, "%s", path);
    }
    if (!code && run->json)
        result_json(run, &taken);
    else if (!code)
        result_text(path, &taken);
    if (fd >= 0) close(fd);
    cli_segment_kit_close(&kit);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_sync_import = {.name = "sync import",
                                         .arguments = "FILE|-",
                                         .summary = "take in what a teammate exported",
                                         .example = "tally sync import /media/stick/monday.tally",
                                         .min_arguments = 1,
                                         .max_arguments = 1,
                                         .run = import_run};
