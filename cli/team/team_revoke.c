/* tally team revoke: a device's later records count no more, and the team's secret is made anew
 * without it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "ask.h"
#include "commands.h"
#include "device.h"

/* A device as it stood when it was named; the snapshot it was read from is gone. */
typedef struct victim {
    tally_device_id device;
    char names[CLI_NAMES_TEXT_BYTES];
    bool itself, gone;                       /* revoked before: it stays without the secret */
    uint64_t held, records;                  /* here; of those that still count */
    uint8_t secret[TALLY_TEAM_SECRET_BYTES]; /* of the epoch that follows */
} victim;

typedef struct revocation {
    victim *victims;
    size_t count;
    bool itself;   /* this device is among them: the last */
    uint64_t keep; /* so many of each one's records count at most */
} revocation;

static void victim_add(revocation *all, const cli_device *device) {
    victim *next = &all->victims[all->count++];
    next->device = device->in.device;
    next->itself = device->itself;
    next->gone = cli_device_revoked(device);
    next->held = device->records;
    next->records = all->keep < next->held ? all->keep : next->held;
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

/* A device cannot take its own revocation back, and nobody else can; nor what counts no more. */
static int confirm(cli *run, const revocation *all, tally_error *err) {
    char question[CLI_NAMES_TEXT_BYTES + 200] =
        "Revoke this very device? What it records from then on counts for nothing.";
    const victim *taken = NULL;
    for (size_t i = 0; !taken && i < all->count; i++)
        if (all->victims[i].records < all->victims[i].held) taken = &all->victims[i];
    if (cli_has(run, "yes") || (!all->itself && !taken)) return 0;
    if (taken)
        snprintf(question, sizeof question,
                 "Have only the first %" PRIu64 " of the %" PRIu64
                 " records of %s count? Nobody can take that back.",
                 taken->records, taken->held, taken->names);
    if (cli_ask_yes(question, err)) return 0;
    return err->code ? err->code : tally_fail(err, TALLY_EREFUSED, "nothing was revoked");
}

static int revoke_all(void *ctx, tally_txn *txn, tally_error *err) {
    const revocation *all = ctx;
    int code = 0;
    for (size_t i = 0; !code && i < all->count; i++)
        code = tally_team_device_revoke_from(txn, &all->victims[i].device, all->keep,
                                             all->victims[i].secret, err);
    return code;
}

static bool new_secret(const revocation *all) {
    return all->victims[0].itself ? false : !all->victims[0].gone;
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
    cli_json_bool(&json, "new_secret", new_secret(all));
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void result_text(const revocation *all) {
    for (size_t i = 0; i < all->count; i++) {
        const victim *gone = &all->victims[i];
        if (gone->records < gone->held)
            cli_say("revoked %s: the first %" PRIu64 " of the %" PRIu64
                    " records of it held here still count, later ones count for nothing",
                    gone->names, gone->records, gone->held);
        else
            cli_say("revoked %s: the %" PRIu64
                    " records of it held here still count, later ones count for nothing",
                    gone->names, gone->records);
    }
    if (all->itself)
        cli_say(
            "the team's secret stays as it is until an admin revokes another device; the others "
            "learn of this when you sync ('tally sync now')");
    else if (new_secret(all))
        cli_say("the team has a new secret, sealed to the devices that remain; each learns of this "
                "when it syncs ('tally sync now')");
    cli_say("what was synced to it before cannot be taken back");
}

/* UINT64_MAX without the option. */
static int keep_read(const cli *run, uint64_t *out) {
    const char *text = cli_value(run, "records");
    char *end = NULL;
    *out = UINT64_MAX;
    if (!text) return CLI_DONE;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return cli_usage(run, "--records is how many of its records count: the number that 'tally "
                              "log' shows at the first that does not");
    return CLI_DONE;
}

static int revoke_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    revocation all = {.victims = NULL};
    int code = keep_read(run, &all.keep);
    if (code) return code;
    code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = victims_read(ledger, run->arguments[0], &all, &err);
    if (!code) code = confirm(run, &all, &err);
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

static const cli_option options[] = {
    {"records", "N", "only its first N records count: undoes what it has said since"},
    {"yes", NULL, "take back records, or revoke this device, without being asked"},
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
