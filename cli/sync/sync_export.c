/* tally sync export: what teammates lack, as one encrypted file to be carried to them. */
#include <stdlib.h>
#include <string.h>

#include <tally/peer.h>

#include "commands.h"
#include "segment_kit.h"
#include "team/device.h"

/* The frontier that the segment goes beyond. */
typedef struct reach {
    tally_wire_head *heads, *one; /* TALLY_WIRE_MAX_HEADS each */
    size_t count;
    bool begun; /* `heads` holds what one receiver has at least */
} reach;

static const tally_wire_head *head_of(const tally_wire_head *heads, size_t count,
                                      const tally_device_id *device) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(heads[i].device.b, device->b, sizeof device->b) == 0) return &heads[i];
    return NULL;
}

/* Leaves what both hold. */
static void narrow(reach *to, const tally_wire_head *heads, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < to->count; i++) {
        const tally_wire_head *other = head_of(heads, count, &to->heads[i].device);
        if (!other) continue;
        to->heads[kept++] = other->size < to->heads[i].size ? *other : to->heads[i];
    }
    to->count = kept;
}

/* A device that was never heard is taken to hold nothing. */
static int receiver_add(reach *to, tally_txn *txn, const cli_device *device, tally_error *err) {
    tally_peer peer = {.head_count = 0};
    int code = tally_peer_get(txn, &device->in.device, to->one, &peer, err);
    if (code && code != TALLY_ENOTFOUND) return code;
    if (code) peer.head_count = 0;
    if (to->begun) {
        narrow(to, to->one, peer.head_count);
        return 0;
    }
    memcpy(to->heads, to->one, peer.head_count * sizeof *to->heads);
    to->count = peer.head_count;
    to->begun = true;
    return 0;
}

static int receivers_add(cli *run, reach *to, tally_txn *txn, const cli_devices *devices,
                         tally_error *err) {
    const char *name = cli_value(run, "for");
    const cli_device *receiver = NULL;
    int code = name ? cli_device_find(devices, name, &receiver, err) : 0;
    if (!code && receiver && receiver->itself)
        return tally_fail(err, TALLY_EINVAL, "%s is this very device; name a teammate's", name);
    if (!code && receiver && cli_device_revoked(receiver))
        return tally_fail(err, TALLY_EREFUSED,
                          "%s is revoked: it holds no key to what would be written", name);
    if (receiver) return receiver_add(to, txn, receiver, err);
    for (size_t i = 0; !code && i < devices->count; i++) {
        const cli_device *device = &devices->rows[i];
        if (!device->itself && !cli_device_revoked(device))
            code = receiver_add(to, txn, device, err);
    }
    return code;
}

static int reach_read(cli *run, tally_ledger *ledger, reach *to, tally_error *err) {
    cli_devices devices = {0};
    tally_txn *txn = NULL;
    if (cli_has(run, "all")) return 0;
    to->heads = calloc(TALLY_WIRE_MAX_HEADS, sizeof *to->heads);
    to->one = calloc(TALLY_WIRE_MAX_HEADS, sizeof *to->one);
    int code = to->heads && to->one ? tally_read_begin(ledger, &txn, err)
                                    : tally_fail(err, TALLY_ENOMEM, "memory ran out");
    if (!code) code = cli_devices_read(ledger, txn, &devices, err);
    if (!code) code = receivers_add(run, to, txn, &devices, err);
    cli_devices_free(&devices);
    if (txn) tally_read_end(txn);
    return code;
}

static void result_print(cli *run, const tally_segment_write *written) {
    const char *path = run->arguments[0];
    bool to_stdout = strcmp(path, "-") == 0;
    if (!run->json || to_stdout) {
        char amount[CLI_AMOUNT_TEXT_BYTES];
        cli_amount_text(written->records, written->blobs, amount);
        cli_say("wrote %s to %s; 'tally sync import' reads it", amount,
                to_stdout ? "standard output" : path);
        return;
    }
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "file", path);
    cli_json_u64(&json, "records", written->records);
    cli_json_u64(&json, "blobs", written->blobs);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int export_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    cli_segment_kit kit = {.ledger = NULL};
    cli_segment_new file = {.out = NULL};
    tally_segment_write written;
    reach to = {.count = 0};
    if (cli_has(run, "all") && cli_has(run, "for"))
        return cli_usage(run, "--all and --for exclude each other");
    int code = cli_ledger_open(run, true, &ledger, &err);
    if (!code) code = reach_read(run, ledger, &to, &err);
    if (!code) code = cli_segment_kit_open(ledger, &kit, &err);
    if (!code) code = cli_segment_create(&file, run->arguments[0], &err);
    bool created = code == 0;
    if (!code) code = cli_segment_put(&kit, to.heads, to.count, &file, &written, &err);
    if (code == TALLY_ENOTFOUND && created)
        tally_fail(&err, code,
                   "nothing to export: as far as is known here, %s has it all; --all "
                   "writes everything",
                   cli_has(run, "for") ? cli_value(run, "for") : "everybody");
    if (!code) result_print(run, &written);
    cli_segment_kit_close(&kit);
    free(to.one);
    free(to.heads);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"for", "DEVICE", "what this device is not known to hold (default: what any teammate lacks)"},
    {"all", NULL, "everything"},
    {NULL, NULL, NULL}};

const cli_command command_sync_export = {.name = "sync export",
                                         .arguments = "FILE|-",
                                         .summary = "what teammates lack, as one encrypted file",
                                         .example = "tally sync export /media/stick/monday.tally",
                                         .options = options,
                                         .min_arguments = 1,
                                         .max_arguments = 1,
                                         .run = export_run};
