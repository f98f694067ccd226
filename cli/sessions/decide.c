/* tally assign, tally split: a person's word on whose a session or a cost is. It beats every rule,
 * and --clear takes it back. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "policy/clients.h"
#include "report/attribution_out.h"
#include "target.h"

typedef struct decision {
    cli *run;
    tally_share shares[TALLY_MAX_SHARES];
    size_t count;
    char client[TALLY_NAME_MAX_BYTES]; /* of the project that was named alone */
} decision;

/* ---- reading ---- */

static int parts_read(const cli *run, const char *text, const char *digits, uint32_t *out) {
    uint64_t value = 0;
    for (const char *at = digits; *at; at++) {
        if (*at < '0' || *at > '9' || value > TALLY_MAX_PARTS) {
            value = 0;
            break;
        }
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (value == 0 || value > TALLY_MAX_PARTS)
        return cli_usage(run, "'%s' needs whole parts from 1 to %u, like acme=60", text,
                         TALLY_MAX_PARTS);
    *out = (uint32_t)value;
    return CLI_DONE;
}

/* CLIENT=PARTS or CLIENT/PROJECT=PARTS. */
static int share_read(const cli *run, const char *text, tally_share *out) {
    const char *equals = strrchr(text, '=');
    const char *slash = equals ? memchr(text, '/', (size_t)(equals - text)) : NULL;
    if (!equals || equals == text || slash == text)
        return cli_usage(run, "'%s' is no share; write CLIENT=PARTS or CLIENT/PROJECT=PARTS", text);
    const char *end = slash ? slash : equals;
    out->client = tally_span_of((const uint8_t *)text, (size_t)(end - text));
    if (slash)
        out->project = tally_span_of((const uint8_t *)slash + 1, (size_t)(equals - slash - 1));
    return parts_read(run, text, equals + 1, &out->parts);
}

static int split_read(decision *d) {
    int code = CLI_DONE;
    const cli *run = d->run;
    size_t shares = (size_t)run->argument_count - 1;
    if (cli_has(run, "clear")) return shares ? cli_usage(run, "--clear takes no shares") : CLI_DONE;
    if (shares < 2) return cli_usage(run, "a split has two shares or more, like acme=60 beta=40");
    for (; !code && d->count < shares; d->count++)
        code = share_read(run, run->arguments[d->count + 1], &d->shares[d->count]);
    return code;
}

static int assign_read(decision *d) {
    const char *client = cli_value(d->run, "client"), *project = cli_value(d->run, "project");
    if (cli_has(d->run, "clear"))
        return client || project ? cli_usage(d->run, "--clear takes no --client or --project")
                                 : CLI_DONE;
    if ((!client || !*client) && (!project || !*project))
        return cli_usage(d->run, "say whose it is with --client NAME, or --clear");
    d->shares[0] = (tally_share){tally_span_str(client), tally_span_str(project), 1};
    d->count = 1;
    return CLI_DONE;
}

/* ---- writing ---- */

/* A project named alone is its client's. The name is copied: a write moves what it lies in. */
static int client_complete(decision *d, tally_txn *txn, tally_error *err) {
    tally_share *share = &d->shares[0];
    tally_span client;
    if (d->count != 1 || share->client.len) return 0;
    if (!cli_project_client(txn, share->project, &client) || client.len > sizeof d->client)
        return tally_fail(err, TALLY_EINVAL,
                          "project '%.*s' has no row that names its client; add --client",
                          (int)share->project.len, (const char *)share->project.ptr);
    memcpy(d->client, client.ptr, client.len);
    share->client = tally_span_of((const uint8_t *)d->client, client.len);
    return 0;
}

static int decide_apply(void *ctx, tally_txn *txn, tally_error *err) {
    decision *d = ctx;
    cli_target target;
    tally_attribution held;
    int code = cli_target_find(txn, d->run->arguments[0], &target, err);
    if (code) return code;
    if (d->count == 0 && !tally_decision_get(txn, target.bytes, &held))
        return tally_fail(err, TALLY_ENOTFOUND,
                          "nobody has assigned or split %s: there is nothing to take back",
                          d->run->arguments[0]);
    if ((code = client_complete(d, txn, err)) != 0) return code;
    tally_decide decide = {.agent = target.agent,
                           .session = target.session,
                           .entry = target.is_entry ? &target.entry : NULL,
                           .shares = d->shares,
                           .share_count = d->count};
    return tally_decide_append(txn, &decide, err);
}

/* ---- saying what holds now ---- */

static void decided_json(const decision *d, tally_txn *txn, const cli_target *target,
                         const tally_attribution *said) {
    cli_json json;
    cli_json_begin(&json, cli_out(d->run));
    cli_json_open(&json, NULL, '{');
    cli_target_json(&json, target);
    cli_attribution_json(&json, txn, said);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void decided_text(const decision *d, const cli_target *target,
                         const tally_attribution *said) {
    const char *what = target->is_entry ? "entry" : "session", *id = d->run->arguments[0];
    char whose[CLI_ATTRIBUTION_BYTES];
    cli_attribution_text(said, whose);
    if (d->count)
        cli_say("%s %s: %s", what, id, whose);
    else
        cli_say("%s %s: taken back; the rules decide again", what, id);
}

static void decided_print(const decision *d, tally_ledger *ledger) {
    tally_txn *txn = NULL;
    cli_target target;
    tally_attribution said = {.by = TALLY_ATTRIBUTED_NOTHING};
    if (tally_read_begin(ledger, &txn, NULL)) return;
    if (cli_target_find(txn, d->run->arguments[0], &target, NULL) == 0) {
        (void)tally_decision_get(txn, target.bytes, &said);
        for (size_t i = 0; i < d->count; i++)
            cli_names_note(txn, d->shares[i].client, d->shares[i].project);
        if (d->run->json)
            decided_json(d, txn, &target, &said);
        else
            decided_text(d, &target, &said);
    }
    tally_read_end(txn);
}

static int decide_run(decision *d) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    int code = cli_ledger_open(d->run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), decide_apply, d, &err);
    if (!code) decided_print(d, ledger);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

static int assign_run(cli *run) {
    decision d = {.run = run};
    int code = assign_read(&d);
    return code ? code : decide_run(&d);
}

static int split_run(cli *run) {
    decision d = {.run = run};
    int code = split_read(&d);
    return code ? code : decide_run(&d);
}

static const cli_option assign_options[] = {
    {"client", "NAME", "whose it is (default: the project's client)"},
    {"project", "NAME", "and which project"},
    {"clear", NULL, "take back what was assigned or split: the rules decide again"},
    {NULL, NULL, NULL}};

const cli_command command_assign = {.name = "assign",
                                    .arguments = "SESSION|ENTRY",
                                    .summary = "say whose a session or an entry is, whatever the "
                                               "rules say",
                                    .example = "tally assign 30dcd767 --client acme --project shop",
                                    .options = assign_options,
                                    .min_arguments = 1,
                                    .max_arguments = 1,
                                    .run = assign_run};

static const cli_option split_options[] = {
    {"clear", NULL, "take back what was assigned or split: the rules decide again"},
    {NULL, NULL, NULL}};

const cli_command command_split = {.name = "split",
                                   .arguments = "SESSION|ENTRY CLIENT[/PROJECT]=PARTS...",
                                   .summary = "share a session or an entry between clients",
                                   .example = "tally split 30dcd767 acme=60 fintech/api=40",
                                   .options = split_options,
                                   .min_arguments = 1,
                                   .max_arguments = 1 + (int)TALLY_MAX_SHARES,
                                   .run = split_run};
