/* tally webhook deliver, outbox and test: sending what waits, showing it, trying an endpoint. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <webhook/deliver.h>

#include "commands.h"
#include "format/table_out.h"
#include "webhooks.h"

#define RUNNING_LOOK_MS 60000 /* a session that is under way is looked at again so soon */

/* ---- deliver ---- */

typedef struct outbox_counts {
    uint64_t waiting, dead;
    int64_t next_ms; /* when to deliver again; INT64_MAX: when something happens */
} outbox_counts;

static int count_message(void *ctx, const tally_message *message, tally_error *err) {
    outbox_counts *counts = ctx;
    (void)err;
    counts->waiting += message->state == TALLY_MESSAGE_WAITING;
    counts->dead += message->state == TALLY_MESSAGE_DEAD;
    return 0;
}

static int counts_read(tally_ledger *ledger, bool running, outbox_counts *out, tally_error *err) {
    tally_txn *txn;
    *out = (outbox_counts){.next_ms = INT64_MAX};
    int code = tally_read_begin(ledger, &txn, err);
    if (code) return code;
    code = tally_outbox_next(txn, &out->next_ms, err);
    if (!code) code = tally_outbox_each(txn, count_message, out, err);
    tally_read_end(txn);
    if (running && out->next_ms > cli_now_ms() + RUNNING_LOOK_MS)
        out->next_ms = cli_now_ms() + RUNNING_LOOK_MS;
    return code;
}

static void tried(void *ctx, const tally_claim *claim, const tally_outcome *outcome) {
    (void)ctx;
    if (!outcome->delivered)
        cli_say("webhook %.*s: %s (%.*s)", (int)claim->hook.name.len,
                (const char *)claim->hook.name.ptr, outcome->why, (int)claim->message.type.len,
                (const char *)claim->message.type.ptr);
}

static int revive_write(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_outbox_revive(txn, cli_now_ms(), ctx, err);
}

static void result_say(cli *run, const webhook_result *result, const outbox_counts *counts) {
    cli_json json;
    if (!run->json) {
        fprintf(cli_out(run),
                "%" PRIu64 " delivered, %" PRIu64 " failed; %" PRIu64 " waiting, %" PRIu64
                " dead\n",
                result->delivered, result->failed, counts->waiting, counts->dead);
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "delivered", result->delivered);
    cli_json_u64(&json, "failed", result->failed);
    cli_json_u64(&json, "waiting", counts->waiting);
    cli_json_u64(&json, "dead", counts->dead);
    cli_json_time_or_null(&json, "next", counts->next_ms != INT64_MAX, counts->next_ms);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

/* Whole seconds, 1 to 30. */
static int timeout_read(const cli *run, int64_t *out_ms) {
    const char *text = cli_value(run, "timeout");
    char *end = NULL;
    long seconds = text ? strtol(text, &end, 10) : WEBHOOK_TIMEOUT_MS / 1000;
    if (text && (!*text || *end || seconds < 1 || seconds > WEBHOOK_TIMEOUT_MAX_MS / 1000))
        return cli_usage(run, "--timeout is 1 to %d seconds", WEBHOOK_TIMEOUT_MAX_MS / 1000);
    *out_ms = seconds * 1000;
    return CLI_DONE;
}

static int deliver_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    webhook_options options = {.early = cli_has(run, "now"), .now_ms = cli_now_ms, .tried = tried};
    webhook_result result = {.failed = 0};
    outbox_counts counts = {.waiting = 0};
    uint64_t revived = 0;
    bool running = false;
    int code = timeout_read(run, &options.timeout_ms);
    if (code) return code;
    code = cli_ledger_open(run, false, &ledger, &err);
    if (!code && cli_has(run, "retry"))
        code = tally_ledger_write(ledger, cli_now_ms(), revive_write, &revived, &err);
    if (!code) code = cli_webhooks_collect(ledger, &running, &err);
    if (!code) code = webhook_deliver(ledger, &options, &result, &err);
    if (!code) code = counts_read(ledger, running, &counts, &err);
    if (!code) result_say(run, &result, &counts);
    tally_ledger_close(ledger);
    if (code) return cli_fail(&err);
    return result.failed ? CLI_FAILED : CLI_DONE;
}

/* ---- outbox ---- */

typedef struct outbox_list {
    const cli_reading *reading;
    bool all;
    cli_json *json;
    cli_table *table;
    size_t shown;
} outbox_list;

static const char *const states[] = {[TALLY_MESSAGE_WAITING] = "waiting",
                                     [TALLY_MESSAGE_DELIVERED] = "delivered",
                                     [TALLY_MESSAGE_DEAD] = "dead"};

static void message_json(cli_json *json, const tally_message *m) {
    char id[TALLY_MESSAGE_ID_TEXT_BYTES];
    tally_message_id_text(m->id, id);
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "id", id);
    cli_json_text(json, "webhook", m->hook);
    cli_json_text(json, "type", m->type);
    cli_json_string(json, "state", states[m->state]);
    cli_json_time(json, "time", m->event_ms);
    cli_json_u64(json, "tries", m->tries);
    cli_json_time_or_null(json, "last_try", m->tried_ms != 0, m->tried_ms);
    cli_json_time_or_null(json, "next_try", m->state == TALLY_MESSAGE_WAITING, m->next_ms);
    cli_json_u64_or_null(json, "status", m->status != 0, m->status);
    cli_json_text_or_null(json, "error", m->why);
    cli_json_close(json, '}');
}

static void message_line(const outbox_list *list, const tally_message *m) {
    cli_table_line(list->table);
    cli_cell(list->table, m->hook, CLI_STRONG);
    cli_cell(list->table, m->type, CLI_PLAIN);
    cli_cell_minute(list->table, cli_local_ms(list->reading->zone, m->event_ms));
    cli_cell_u64(list->table, m->tries);
    if (m->state == TALLY_MESSAGE_WAITING)
        cli_cell_minute(list->table, cli_local_ms(list->reading->zone, m->next_ms));
    else
        cli_cell(list->table, tally_span_str(states[m->state]),
                 m->state == TALLY_MESSAGE_DEAD ? CLI_WARNING : CLI_PLAIN);
    cli_cell(list->table, m->why, CLI_PLAIN);
}

static int list_message(void *ctx, const tally_message *message, tally_error *err) {
    outbox_list *list = ctx;
    (void)err;
    if (message->state == TALLY_MESSAGE_DELIVERED && !list->all) return 0;
    list->shown++;
    if (list->json)
        message_json(list->json, message);
    else
        message_line(list, message);
    return 0;
}

static int outbox_json(cli *run, outbox_list *list, tally_error *err) {
    cli_json json;
    list->json = &json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, "messages", '[');
    int code = tally_outbox_each(list->reading->txn, list_message, list, err);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static int outbox_text(cli *run, outbox_list *list, tally_error *err) {
    static const cli_column columns[] = {{"WEBHOOK", CLI_LEFT}, {"EVENT", CLI_LEFT},
                                         {"TIME", CLI_LEFT},    {"TRIES", CLI_RIGHT},
                                         {"NEXT", CLI_LEFT},    {"WHY", CLI_CUT}};
    list->table = cli_table_new(cli_out_paged(run), columns, sizeof columns / sizeof *columns);
    if (!list->table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int code = tally_outbox_each(list->reading->txn, list_message, list, err);
    if (!code && !list->shown) cli_say("nothing waits");
    if (!code && list->shown && cli_table_print(list->table))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_table_free(list->table);
    return code;
}

static int outbox_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    outbox_list list = {.reading = &reading, .all = cli_has(run, "all")};
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = run->json ? outbox_json(run, &list, &err) : outbox_text(run, &list, &err);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- test ---- */

typedef struct trial {
    tally_span name;
    webhook_answer answer;
    tally_outcome outcome;
} trial;

static int trial_post(tally_ledger *ledger, trial *t, webhook_poster *poster, tally_error *err) {
    const tally_key *key;
    tally_txn *txn;
    tally_hook hook;
    cli_event event = {.payload = NULL};
    tally_message message = {.tries = 1};
    int code = tally_ledger_key(ledger, &key, err);
    if (!code) code = tally_read_begin(ledger, &txn, err);
    if (code) return code;
    code = tally_hook_get(txn, t->name, &hook, err);
    if (!code) code = cli_event_ping(t->name, cli_now_ms(), &event, err);
    if (!code) {
        message.payload = tally_span_of(event.payload, event.payload_len);
        randombytes_buf(message.id, sizeof message.id);
        code = webhook_try(poster, key, &hook, &message, cli_now_ms(), 0, &t->answer, &t->outcome,
                           err);
    }
    free(event.payload);
    tally_read_end(txn);
    return code;
}

static int enable_write(void *ctx, tally_txn *txn, tally_error *err) {
    const trial *t = ctx;
    tally_hook hook;
    int code = tally_hook_get(txn, t->name, &hook, err);
    if (code || (!hook.disabled.len && !hook.held_until_ms)) return code;
    hook.disabled = (tally_span){0};
    hook.held_until_ms = 0;
    return tally_hook_put(txn, &hook, err);
}

static void trial_say(cli *run, const trial *t) {
    cli_json json;
    if (!run->json) {
        fprintf(cli_out(run), "%s: %s\n", run->arguments[0], t->answer.why);
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "name", run->arguments[0]);
    cli_json_bool(&json, "ok", t->outcome.delivered);
    cli_json_u64_or_null(&json, "status", t->outcome.status != 0, t->outcome.status);
    cli_json_string(&json, "answer", t->answer.why);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int test_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    webhook_poster *poster = NULL;
    trial t = {.name = tally_span_str(run->arguments[0])};
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = webhook_poster_open(&poster, &err);
    if (!code) code = trial_post(ledger, &t, poster, &err);
    if (!code && t.outcome.delivered)
        code = tally_ledger_write(ledger, cli_now_ms(), enable_write, &t, &err);
    if (!code) trial_say(run, &t);
    webhook_poster_close(poster);
    tally_ledger_close(ledger);
    if (code) return cli_fail(&err);
    return t.outcome.delivered ? CLI_DONE : CLI_FAILED;
}

/* ---- the commands ---- */

static const cli_option deliver_options[] = {
    {"now", NULL, "also what is not due yet"},
    {"retry", NULL, "dead messages start over"},
    {"timeout", "SECONDS", "how long an endpoint may take, 1 to 30 (default: 20)"},
    {NULL, NULL, NULL}};

const cli_command command_webhook_deliver = {.name = "webhook deliver",
                                             .arguments = "",
                                             .summary =
                                                 "send what is due; tallyd does it by itself",
                                             .example = "tally webhook deliver --now",
                                             .options = deliver_options,
                                             .run = deliver_run};

static const cli_option outbox_options[] = {
    {"all", NULL, "also what was delivered in the last 40 days"}, {NULL, NULL, NULL}};

const cli_command command_webhook_outbox = {.name = "webhook outbox",
                                            .arguments = "",
                                            .summary = "messages that wait, and why they do",
                                            .example = "tally webhook outbox --json",
                                            .options = outbox_options,
                                            .run = outbox_run};

const cli_command command_webhook_test = {.name = "webhook test",
                                          .arguments = "NAME",
                                          .summary = "send a ping now; one that is answered "
                                                     "well enables it again",
                                          .example = "tally webhook test books",
                                          .min_arguments = 1,
                                          .max_arguments = 1,
                                          .run = test_run};
