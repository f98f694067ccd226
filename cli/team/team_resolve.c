/* tally team resolve: an admin's choice of the branch with which a forked feed goes on. */
#include <inttypes.h>
#include <stdlib.h>

#include "commands.h"
#include "device.h"
#include "fork.h"

typedef struct resolution {
    tally_device_id device;
    char names[CLI_NAMES_TEXT_BYTES];
    uint64_t common, size, held;
    tally_hash root;
} resolution;

static int choice_find(const cli_fork *facts, const char *text, resolution *out, tally_error *err) {
    size_t length = strlen(text), found = 0;
    out->common = out->size = facts->state->proof.common;
    out->root = facts->state->proof.base;
    if (strcmp(text, "none") == 0) return 0;
    for (size_t i = 0; i < facts->count; i++) {
        char hex[2 * TALLY_HASH_BYTES + 1];
        tally_hex(tally_span_of(facts->choices[i].root.b, TALLY_HASH_BYTES), hex);
        if (length < 4 || length >= sizeof hex || memcmp(hex, text, length) != 0) continue;
        out->size = facts->choices[i].size;
        out->root = facts->choices[i].root;
        out->held = facts->choices[i].held;
        found++;
    }
    if (found == 1) return 0;
    return tally_fail(err, TALLY_EINVAL,
                      "'%s' is not the id of one branch of %s; 'tally team forks' lists them", text,
                      out->names);
}

static int resolution_read(cli *run, tally_ledger *ledger, tally_txn *txn, resolution *out,
                           tally_error *err) {
    cli_devices devices = {0};
    const cli_device *device = NULL;
    tally_fork_state *state = calloc(1, sizeof *state);
    cli_fork facts = {.count = 0};
    int code = state ? cli_devices_read(ledger, txn, &devices, err)
                     : tally_fail(err, TALLY_ENOMEM, "memory ran out");
    if (!code) code = cli_device_find(&devices, run->arguments[0], &device, err);
    if (!code) {
        out->device = device->in.device;
        cli_device_names(&device->in, out->names);
        code = tally_fork_get(txn, &out->device, state, err);
        if (code == TALLY_ENOTFOUND)
            tally_fail(err, code, "%s has signed one history only: there is nothing to settle",
                       out->names);
    }
    if (!code) code = cli_fork_read(txn, state, &facts, err);
    if (!code) code = choice_find(&facts, cli_value(run, "keep"), out, err);
    cli_fork_free(&facts);
    cli_devices_free(&devices);
    free(state);
    return code;
}

static int resolve_write(void *ctx, tally_txn *txn, tally_error *err) {
    const resolution *chosen = ctx;
    return tally_fork_resolve(txn, &chosen->device, chosen->size, &chosen->root, err);
}

static void resolution_print(cli *run, const resolution *chosen) {
    if (run->json) {
        cli_json json;
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_json_hex(&json, "device", tally_span_of(chosen->device.b, sizeof chosen->device.b));
        cli_json_u64(&json, "forked_after", chosen->common);
        cli_json_u64(&json, "ends_at", chosen->size);
        cli_json_hex(&json, "root", tally_span_of(chosen->root.b, sizeof chosen->root.b));
        cli_json_close(&json, '}');
        cli_json_end(&json);
        return;
    }
    cli_say("the feed of %s ends at %" PRIu64 " records now, %" PRIu64
            " of them past the place where its histories part",
            chosen->names, chosen->size, chosen->size - chosen->common);
    if (chosen->held < chosen->size - chosen->common)
        cli_say("those that are not here come from a teammate who has them ('tally sync now')");
    cli_say("the other history stays as evidence and counts for nothing; the device goes on under "
            "new keys: invite it again, and let it join with another --ledger");
}

static int resolve_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    tally_txn *txn = NULL;
    resolution chosen = {.common = 0};
    if (!cli_value(run, "keep"))
        return cli_usage(run, "say which branch to keep with --keep ID, or --keep none");
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_read_begin(ledger, &txn, &err);
    if (!code) code = resolution_read(run, ledger, txn, &chosen, &err);
    if (txn) tally_read_end(txn);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), resolve_write, &chosen, &err);
    if (!code) resolution_print(run, &chosen);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"keep", "ID", "the branch, by its id in 'tally team forks', or 'none' for neither"},
    {NULL, NULL, NULL}};

const cli_command command_team_resolve = {.name = "team resolve",
                                          .arguments = "DEVICE",
                                          .summary = "settle a fork: the branch that counts",
                                          .example =
                                              "tally team resolve ben/laptop --keep 5f3a01bc",
                                          .options = options,
                                          .min_arguments = 1,
                                          .max_arguments = 1,
                                          .run = resolve_run};
