/* tally team revoke: a device's later records count no more, and the team's secret is made anew
 * without it. */
#include <inttypes.h>
#include <stdlib.h>

#include <sodium.h>

#include "ask.h"
#include "commands.h"
#include "device.h"

/* A device as it stood when it was named; the snapshot it was read from is gone. */
typedef struct victim {
    tally_device_id device;
    char names[CLI_NAMES_TEXT_BYTES];
    bool itself;
    uint64_t records;
    uint8_t secret[TALLY_TEAM_SECRET_BYTES]; /* of the epoch that follows */
} victim;

typedef struct revocation {
    victim *victims;
    size_t count;
    bool itself; /* this device is among them: the last */
} revocation;

static void victim_add(revocation *all, const cli_device *device) {
    victim *next = &all->victims[all->count++];
    next->device = device->in.device;
    next->itself = device->itself;
    next->records = device->records;
    cli_device_names(&device->in, next->names);
    randombytes_buf(next->secret, sizeof next->secret);
}

static int victims_choose(const cli_devices *devices, const char *text, revocation *all,
                          tally_error *err) {
    const cli_device **each = calloc(devices->count + 1, sizeof *each);
    size_t count = 0;
    all->victims = calloc(devices->count + 1, sizeof *all->victims);
    int code = each && all->victims ? cli_device_find_all(devices, text, each, &count, err)
                                    : tally_fail(err, TALLY_ENOMEM, "memory ran out");
    /* An admin that is revoked itself can revoke nobody after that. */
    for (size_t i = 0; !code && i < count; i++)
        if (!each[i]->itself) victim_add(all, each[i]);
    for (size_t i = 0; !code && i < count; i++)
        if (each[i]->itself) {
            victim_add(all, each[i]);
            all->itself = true;
        }
    free(each);
    return code;
}

static int victims_read(tally_ledger *ledger, const char *text, revocation *all, tally_error *err) {
    tally_txn *txn = NULL;
    cli_devices devices = {0};
    int code = tally_read_begin(ledger, &txn, err);
    if (!code) code = cli_devices_read(ledger, txn, &devices, err);
    if (!code) code = victims_choose(&devices, text, all, err);
    cli_devices_free(&devices);
    if (txn) tally_read_end(txn);
    return code;
}

/* A device cannot take its own revocation back, and nobody else can. */
static int itself_confirm(cli *run, const revocation *all, tally_error *err) {
    if (!all->itself || cli_has(run, "yes")) return 0;
    if (cli_ask_yes("Revoke this very device? What it records from then on counts for nothing.",
                    err))
        return 0;
    return err->code ? err->code : tally_fail(err, TALLY_EREFUSED, "nothing was revoked");
}

static int revoke_all(void *ctx, tally_txn *txn, tally_error *err) {
    const revocation *all = ctx;
    int code = 0;
    for (size_t i = 0; !code && i < all->count; i++)
        code = tally_team_device_revoke(txn, &all->victims[i].device, all->victims[i].secret, err);
    return code;
}

static void result_json(cli *run, const revocation *all) {
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, "revoked", '[');
    for (size_t i = 0; i < all->count; i++) {
        const victim *gone = &all->victims[i];
        cli_json_open(&json, NULL, '{');
        cli_json_string(&json, "names", gone->names);
        cli_json_hex(&json, "device", tally_span_of(gone->device.b, sizeof gone->device.b));
        cli_json_u64(&json, "records", gone->records);
        cli_json_close(&json, '}');
    }
    cli_json_close(&json, ']');
    cli_json_bool(&json, "new_secret", !(all->itself && all->count == 1));
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void result_text(const revocation *all) {
    for (size_t i = 0; i < all->count; i++)
        cli_say("revoked %s: the %" PRIu64 " records of it held here still count, later ones count "
                "for nothing",
                all->victims[i].names, all->victims[i].records);
    if (all->itself)
        cli_say(
            "the team's secret stays as it is until an admin revokes another device; the others "
            "learn of this when you sync ('tally sync now')");
    else
        cli_say("the team has a new secret, sealed to the devices that remain; each learns of this "
                "when it syncs ('tally sync now')");
    cli_say("what was synced to it before cannot be taken back");
}

static int revoke_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    revocation all = {.victims = NULL};
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = victims_read(ledger, run->arguments[0], &all, &err);
    if (!code) code = itself_confirm(run, &all, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), revoke_all, &all, &err);
    if (!code && run->json)
        result_json(run, &all);
    else if (!code)
        result_text(&all);
    tally_ledger_close(ledger);
    for (size_t i = 0; i < all.count; i++)
        sodium_memzero(all.victims[i].secret, sizeof all.victims[i].secret);
    free(all.victims);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {{"yes", NULL, "revoke this device without being asked"},
                                     {NULL, NULL, NULL}};

const cli_command command_team_revoke = {
    .name = "team revoke",
    .arguments = "DEVICE|MEMBER",
    .summary = "a device, or all of a member: later records count for nothing",
    .example = "tally team revoke ben/laptop",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = revoke_run};
