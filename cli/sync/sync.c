/* tally sync now: meets teammates once, or has the daemon do it. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <net/net.h>

#include "commands.h"
#include "news.h"
#include "team/device.h"

#define TIMEOUT_SECONDS_DEFAULT 60
#define TIMEOUT_SECONDS_MAX     86400

/* A node that was met. */
typedef struct met {
    tally_device_id device;
    char address[TALLY_INVITE_ADDRESS_MAX_BYTES + 1];
} met;

typedef struct meetings {
    met nodes[NET_MAX_CONNECTIONS];
    size_t count;
} meetings;

static void meeting_note(void *ctx, const net_news *news) {
    meetings *all = ctx;
    cli_news_say(NULL, news);
    if (!news->peer || news->level != NET_INFO) return;
    for (size_t i = 0; i < all->count; i++)
        if (memcmp(all->nodes[i].device.b, news->peer->b, sizeof news->peer->b) == 0) return;
    if (all->count == NET_MAX_CONNECTIONS) return;
    met *next = &all->nodes[all->count++];
    next->device = *news->peer;
    snprintf(next->address, sizeof next->address, "%s", news->address ? news->address : "");
}

static void met_json(cli_json *json, tally_txn *txn, const met *node) {
    tally_team_device device;
    cli_json_open(json, NULL, '{');
    if (tally_team_device_get(txn, &node->device, &device) == 0)
        cli_device_json(json, &device);
    else
        cli_json_hex(json, "device", tally_span_of(node->device.b, sizeof node->device.b));
    cli_json_string(json, "address", node->address);
    cli_json_close(json, '}');
}

static void result_json(cli *run, tally_txn *txn, const meetings *all,
                        const net_sync_result *result) {
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "tried", result->tried);
    cli_json_u64(&json, "reached", result->reached);
    cli_json_u64(&json, "records_in", result->records_in);
    cli_json_u64(&json, "records_out", result->records_out);
    cli_json_u64(&json, "bytes_in", result->bytes_in);
    cli_json_u64(&json, "bytes_out", result->bytes_out);
    cli_json_open(&json, "met", '[');
    for (size_t i = 0; i < all->count; i++)
        met_json(&json, txn, &all->nodes[i]);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void result_text(tally_txn *txn, const meetings *all, const net_sync_result *result) {
    for (size_t i = 0; i < all->count; i++) {
        tally_team_device device;
        char names[CLI_NAMES_TEXT_BYTES];
        if (tally_team_device_get(txn, &all->nodes[i].device, &device)) continue;
        cli_device_names(&device, names);
        cli_say("met %s at %s", names, all->nodes[i].address);
    }
    cli_say("reached %" PRIu32 " of %" PRIu32 " addresses; %" PRIu64 " records came, %" PRIu64
            " went",
            result->reached, result->tried, result->records_in, result->records_out);
}

/* What was exchanged counts also where somebody was not reached. */
static int result_print(cli *run, tally_ledger *ledger, const meetings *all,
                        const net_sync_result *result, tally_error *err) {
    tally_txn *txn = NULL;
    int code = tally_read_begin(ledger, &txn, err);
    if (code) return code;
    if (run->json)
        result_json(run, txn, all, result);
    else
        result_text(txn, all, result);
    tally_read_end(txn);
    return 0;
}

static int sync_by_itself(cli *run, int64_t timeout_ms, tally_error *err) {
    meetings *all = calloc(1, sizeof *all);
    net_sync_result result = {.tried = 0};
    net_sync_options options = {.addresses = (const char *const *)run->arguments,
                                .address_count = (size_t)run->argument_count,
                                .timeout_ms = timeout_ms,
                                .news = meeting_note,
                                .ctx = all};
    int code = all ? cli_ledger_open(run, false, &options.ledger, err)
                   : tally_fail(err, TALLY_ENOMEM, "memory ran out");
    if (!code) {
        code = net_sync(&options, &result, err);
        int printed = result.tried ? result_print(run, options.ledger, all, &result, err) : 0;
        if (!code) code = printed;
    }
    tally_ledger_close(options.ledger);
    free(all);
    return code;
}

/* True when a daemon serves this ledger and does it. */
static bool sync_by_daemon(cli *run) {
    char *json = NULL;
    if (run->argument_count || net_control(run->dir, "sync", &json, NULL)) return false;
    if (run->json)
        fprintf(cli_out(run), "%s\n", json);
    else
        cli_say("tallyd calls everybody now; 'tally node status' and 'tally sync status' show what "
                "comes of it");
    free(json);
    return true;
}

static int now_run(cli *run) {
    tally_error err = {0};
    const char *seconds = cli_value(run, "timeout");
    char *end = NULL;
    long timeout = seconds ? strtol(seconds, &end, 10) : TIMEOUT_SECONDS_DEFAULT;
    if (timeout < 1 || timeout > TIMEOUT_SECONDS_MAX || (end && (end == seconds || *end)))
        return cli_usage(run, "--timeout is 1 to %d seconds", TIMEOUT_SECONDS_MAX);
    for (int i = 0; i < run->argument_count; i++)
        if (!tally_address_valid(tally_span_str(run->arguments[i])))
            return cli_usage(run, "'%s' is no HOST:PORT", run->arguments[i]);
    if (sync_by_daemon(run)) return CLI_DONE;
    return sync_by_itself(run, (int64_t)timeout * 1000, &err) ? cli_net_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"timeout", "SECONDS", "for all of it (default: 60); what is on its way goes on next time"},
    {NULL, NULL, NULL}};

const cli_command command_sync_now = {.name = "sync now",
                                      .arguments = "[HOST:PORT]...",
                                      .summary = "exchange records with teammates, now",
                                      .example = "tally sync now ben.local:7117",
                                      .options = options,
                                      .max_arguments = INT_MAX,
                                      .run = now_run};
