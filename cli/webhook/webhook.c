/* tally webhook add, list, rotate and remove: who is told of events. Telling them is in
 * webhook_deliver.c. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <tally/policy.h>
#include <tally/secret.h>
#include <webhook/deliver.h>
#include <webhook/sign.h>

#include "commands.h"
#include "file.h"
#include "format/table_out.h"
#include "webhooks.h"

#define TYPED_MAX_BYTES 256u /* of a secret on standard input */

/* A secret in locked memory, and its text. */
typedef struct secret {
    uint8_t bytes[TALLY_HOOK_SECRET_MAX_BYTES];
    size_t len;
    char text[WEBHOOK_SECRET_TEXT_BYTES];
    uint8_t sealed[TALLY_HOOK_SECRET_MAX_BYTES + TALLY_HOOK_SEALED_EXTRA];
} secret;

typedef struct change {
    cli *run;
    secret *secret;
    tally_hook hook; /* add: as it will be */
    const tally_key *key;
    int64_t now_ms;
    uint64_t dropped; /* remove: messages that went with it */
} change;

static tally_span sealed_of(const secret *s) {
    return tally_span_of(s->sealed, s->len + TALLY_HOOK_SEALED_EXTRA);
}

/* ---- secrets ---- */

static int secret_typed(secret *s, tally_error *err) {
    uint8_t *text = NULL;
    size_t len = 0, used;
    int code = cli_file_read("-", TYPED_MAX_BYTES, &text, &len, err);
    if (code) return code;
    for (used = len; used && strchr("\r\n", text[used - 1]);)
        used--;
    code = webhook_secret_read(tally_span_of(text, used), s->bytes, &s->len, err);
    sodium_memzero(text, len);
    free(text);
    return code;
}

/* As it was typed, or a new one. The caller frees it with tally_secret_free. */
static int secret_take(const cli *run, secret **out, tally_error *err) {
    void *memory;
    int code = tally_secret_new(sizeof(secret), &memory, err);
    secret *s = *out = memory;
    if (code) return code;
    if (cli_has(run, "secret-stdin")) return secret_typed(s, err);
    s->len = WEBHOOK_SECRET_BYTES;
    randombytes_buf(s->bytes, s->len);
    webhook_secret_write(tally_span_of(s->bytes, s->len), s->text);
    return 0;
}

static int change_seal(change *c, tally_ledger *ledger, tally_error *err) {
    int code = tally_ledger_key(ledger, &c->key, err);
    if (code) return code;
    return tally_hook_seal(c->key, tally_span_of(c->secret->bytes, c->secret->len),
                           c->secret->sealed, err);
}

/* The only time that it is shown. */
static void secret_say(cli *run, const char *name, const secret *s) {
    cli_json json;
    if (run->json) {
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_json_string(&json, "name", name);
        cli_json_text_or_null(&json, "secret", tally_span_str(s->text));
        cli_json_close(&json, '}');
        cli_json_end(&json);
    } else if (*s->text) {
        fprintf(cli_out(run), "%s\n", s->text);
        cli_say("this is its secret, for whoever checks the signatures; it is not shown again");
    }
}

/* ---- add ---- */

/* The host of an address, for a name; of [::1] what is between the brackets. */
static tally_span host_of(const char *url) {
    const char *start = strstr(url, "://");
    if (!start) return (tally_span){0};
    start += 3;
    if (*start == '[') return tally_span_of(start + 1, strcspn(start + 1, "]"));
    return tally_span_of(start, strcspn(start, "/:?#"));
}

static int events_read(const cli *run, uint32_t *out, tally_error *err) {
    size_t at = 0;
    tally_hook_event event;
    *out = 0;
    for (const char *name; (name = cli_value_next(run, "event", &at)) != NULL; *out |= 1u << event)
        if (!tally_hook_event_find(tally_span_str(name), &event))
            return tally_fail(err, TALLY_EINVAL,
                              "there is no event '%s'; there are invoice.issued, invoice.voided, "
                              "payment.received, entry.finished and budget.reached",
                              name);
    if (*out == 0) *out = TALLY_HOOK_EVERY;
    return 0;
}

static int since_read(const cli *run, int64_t now_ms, int64_t *out, tally_error *err) {
    const char *date = cli_value(run, "since");
    int64_t days;
    *out = now_ms;
    if (!date) return 0;
    if (tally_date_parse(tally_span_str(date), &days))
        return tally_fail(err, TALLY_EINVAL, "--since is a date like 2026-11-01");
    *out = days * TALLY_DAY_MS;
    return 0;
}

static int hook_read_options(change *c, tally_error *err) {
    cli *run = c->run;
    const char *url = run->arguments[0], *name = cli_value(run, "name");
    webhook_poster *poster = NULL;
    c->hook = (tally_hook){.url = tally_span_str(url),
                           .name = name ? tally_span_str(name) : host_of(url),
                           .all = cli_has(run, "all"),
                           .insecure = cli_has(run, "insecure")};
    int code = events_read(run, &c->hook.events, err);
    if (!code) code = since_read(run, c->now_ms, &c->hook.since_ms, err);
    if (!code) code = webhook_poster_open(&poster, err);
    if (!code) code = webhook_url_check(poster, url, c->hook.insecure, err);
    webhook_poster_close(poster);
    if (!code && tally_field_text_fault(TALLY_FIELD_NAME, c->hook.name))
        code = tally_fail(err, TALLY_EINVAL, "a webhook's name must be %s; give one with --name",
                          tally_field_text_fault(TALLY_FIELD_NAME, c->hook.name));
    return code;
}

static int add_write(void *ctx, tally_txn *txn, tally_error *err) {
    change *c = ctx;
    tally_hook there;
    if (tally_hook_get(txn, c->hook.name, &there, NULL) == 0)
        return tally_fail(err, TALLY_EEXIST,
                          "there is a webhook '%.*s' already; give this one another name with "
                          "--name",
                          (int)c->hook.name.len, (const char *)c->hook.name.ptr);
    int code = tally_hook_put(txn, &c->hook, err);
    return code ? code : tally_outbox_seen_all(txn, err);
}

/* What others are to be told of is found first: from now on everything counts as seen. */
static int add_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    change c = {.run = run, .now_ms = cli_now_ms()};
    char name[TALLY_HOOK_NAME_MAX_BYTES + 1] = "";
    int code = hook_read_options(&c, &err);
    if (!code) code = secret_take(run, &c.secret, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = change_seal(&c, ledger, &err);
    if (!code) code = cli_webhooks_collect(ledger, NULL, &err);
    if (!code) {
        c.hook.secret = sealed_of(c.secret);
        randombytes_buf(c.hook.id, sizeof c.hook.id);
        code = tally_ledger_write(ledger, c.now_ms, add_write, &c, &err);
    }
    if (!code) {
        snprintf(name, sizeof name, "%.*s", (int)c.hook.name.len, (const char *)c.hook.name.ptr);
        cli_say("webhook %s added; 'tally webhook test %s' tries it", name, name);
        secret_say(run, name, c.secret);
    }
    tally_secret_free(c.secret);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- rotate ---- */

static int rotate_write(void *ctx, tally_txn *txn, tally_error *err) {
    change *c = ctx;
    tally_hook hook;
    int code = tally_hook_get(txn, tally_span_str(c->run->arguments[0]), &hook, err);
    if (code) return code;
    hook.old_secret = hook.secret;
    hook.old_until_ms = c->now_ms + TALLY_HOOK_OLD_SECRET_MS;
    hook.secret = sealed_of(c->secret);
    return tally_hook_put(txn, &hook, err);
}

static int rotate_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    change c = {.run = run, .now_ms = cli_now_ms()};
    int code = secret_take(run, &c.secret, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = change_seal(&c, ledger, &err);
    if (!code) code = tally_ledger_write(ledger, c.now_ms, rotate_write, &c, &err);
    if (!code) {
        cli_say("webhook %s has a new secret; the old one signs too for a day", run->arguments[0]);
        secret_say(run, run->arguments[0], c.secret);
    }
    tally_secret_free(c.secret);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- remove ---- */

static int remove_write(void *ctx, tally_txn *txn, tally_error *err) {
    change *c = ctx;
    return tally_hook_remove(txn, tally_span_str(c->run->arguments[0]), &c->dropped, err);
}

static int remove_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    change c = {.run = run};
    cli_json json;
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), remove_write, &c, &err);
    if (!code && run->json) {
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_json_string(&json, "name", run->arguments[0]);
        cli_json_u64(&json, "dropped", c.dropped);
        cli_json_close(&json, '}');
        cli_json_end(&json);
    } else if (!code) {
        cli_say("webhook %s removed, with %" PRIu64 " messages that had not arrived",
                run->arguments[0], c.dropped);
    }
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- list ---- */

typedef struct listing {
    tally_txn *txn;
    cli_json *json;
    cli_table *table;
    int64_t now_ms;
    size_t count;
    tally_span hook; /* whose messages are counted */
    uint64_t waiting, dead;
} listing;

static int count_message(void *ctx, const tally_message *message, tally_error *err) {
    listing *l = ctx;
    (void)err;
    if (!tally_span_eq(l->hook, message->hook)) return 0;
    l->waiting += message->state == TALLY_MESSAGE_WAITING;
    l->dead += message->state == TALLY_MESSAGE_DEAD;
    return 0;
}

static void hook_json(const listing *l, const tally_hook *hook) {
    cli_json *json = l->json;
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "name", hook->name);
    cli_json_text(json, "url", hook->url);
    cli_json_open(json, "events", '[');
    for (int i = 0; i < TALLY_HOOK_EVENTS; i++)
        if (hook->events & 1u << i)
            cli_json_string(json, NULL, tally_hook_event_name((tally_hook_event)i));
    cli_json_close(json, ']');
    cli_json_bool(json, "all", hook->all);
    cli_json_bool(json, "insecure", hook->insecure);
    cli_json_time(json, "since", hook->since_ms);
    cli_json_text_or_null(json, "disabled", hook->disabled);
    cli_json_time_or_null(json, "held_until", hook->held_until_ms > l->now_ms, hook->held_until_ms);
    cli_json_time_or_null(json, "old_secret_until", hook->old_until_ms > l->now_ms,
                          hook->old_until_ms);
    cli_json_u64(json, "waiting", l->waiting);
    cli_json_u64(json, "dead", l->dead);
    cli_json_close(json, '}');
}

static void hook_line(const listing *l, const tally_hook *hook) {
    char events[32] = "all";
    int count = __builtin_popcount(hook->events);
    if (hook->events != TALLY_HOOK_EVERY)
        snprintf(events, sizeof events, "%d of %d", count, TALLY_HOOK_EVENTS);
    cli_table_line(l->table);
    cli_cell(l->table, hook->name, CLI_STRONG);
    cli_cell(l->table, hook->url, CLI_PLAIN);
    cli_cell_text(l->table, events);
    cli_cell_u64(l->table, l->waiting);
    cli_cell(l->table, tally_span_str(l->dead ? "yes" : "no"), l->dead ? CLI_WARNING : CLI_PLAIN);
    if (hook->disabled.len)
        cli_cell(l->table, tally_span_str("disabled"), CLI_WARNING);
    else
        cli_cell_text(l->table, hook->held_until_ms > l->now_ms ? "in trouble" : "in use");
}

static int list_hook(void *ctx, const tally_hook *hook, tally_error *err) {
    listing *l = ctx;
    l->hook = hook->name;
    l->waiting = l->dead = 0;
    l->count++;
    int code = tally_outbox_each(l->txn, count_message, l, err);
    if (code) return code;
    if (l->json)
        hook_json(l, hook);
    else
        hook_line(l, hook);
    return 0;
}

static int list_json(cli *run, listing *l, tally_error *err) {
    cli_json json;
    l->json = &json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, "webhooks", '[');
    int code = tally_hook_each(l->txn, list_hook, l, err);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static int list_text(cli *run, listing *l, tally_error *err) {
    static const cli_column columns[] = {{"WEBHOOK", CLI_LEFT}, {"ADDRESS", CLI_CUT},
                                         {"EVENTS", CLI_LEFT},  {"WAITING", CLI_RIGHT},
                                         {"DEAD", CLI_LEFT},    {"STATE", CLI_LEFT}};
    l->table = cli_table_new(cli_out_paged(run), columns, sizeof columns / sizeof *columns);
    if (!l->table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int code = tally_hook_each(l->txn, list_hook, l, err);
    if (!code && !l->count) cli_say("no webhook is set up; 'tally help webhook add' shows how");
    if (!code && l->count && cli_table_print(l->table))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_table_free(l->table);
    return code;
}

static int list_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    listing l = {.now_ms = cli_now_ms()};
    int code = cli_reading_open(run, &reading, &err);
    l.txn = reading.txn;
    if (!code) code = run->json ? list_json(run, &l, &err) : list_text(run, &l, &err);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- the commands ---- */

static const cli_option add_options[] = {
    {"event", "E", "only this one, like invoice.issued; may repeat (default: all)"},
    {"name", "NAME", "what it is called (default: the host)"},
    {"since", "DATE", "entries that ended before are not told (default: now)"},
    {"all", NULL, "records of teammates' devices too"},
    {"insecure", NULL, "allow http:// to other machines"},
    {"secret-stdin", NULL, "take the secret (whsec_...) from standard input"},
    {NULL, NULL, NULL}};

const cli_command command_webhook_add = {
    .name = "webhook add",
    .arguments = "URL",
    .summary = "post signed messages of events to an address",
    .example = "tally webhook add https://example.com/hooks/tally --event invoice.issued",
    .options = add_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = add_run};

const cli_command command_webhook_list = {.name = "webhook list",
                                          .arguments = "",
                                          .summary = "the webhooks, and what waits for them",
                                          .example = "tally webhook list --json",
                                          .run = list_run};

static const cli_option rotate_options[] = {
    {"secret-stdin", NULL, "take the new secret (whsec_...) from standard input"},
    {NULL, NULL, NULL}};

const cli_command command_webhook_rotate = {.name = "webhook rotate",
                                            .arguments = "NAME",
                                            .summary =
                                                "a new secret; the old one signs too for a day",
                                            .example = "tally webhook rotate books",
                                            .options = rotate_options,
                                            .min_arguments = 1,
                                            .max_arguments = 1,
                                            .run = rotate_run};

const cli_command command_webhook_remove = {.name = "webhook remove",
                                            .arguments = "NAME",
                                            .summary = "take a webhook away, with its messages",
                                            .example = "tally webhook remove books",
                                            .min_arguments = 1,
                                            .max_arguments = 1,
                                            .run = remove_run};
