/* tally team join: makes this device's ledger from a teammate's invite. The work is done in a
 * process of its own, so that whatever stops it, what was half made can be cleared away. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include <net/net.h>
#include <tally/secret.h>

#include "commands.h"
#include "device.h"
#include "file.h"
#include "join_place.h"
#include "names.h"
#include "sync/news.h"

typedef struct joining {
    cli *run;
    tally_invite invite;
    char member[CLI_NAME_MAX_BYTES + 1], name[CLI_NAME_MAX_BYTES + 1];
    char *passphrase; /* in secret memory, or NULL */
    size_t passphrase_len;
    join_place place;
} joining;

/* ---- what is asked for ---- */

static int line_take(joining *join, const char *text, size_t length, tally_error *err) {
    while (length && strchr(" \t\r\n", text[length - 1]))
        length--;
    while (length && strchr(" \t\r\n", *text)) {
        text++;
        length--;
    }
    int code =
        tally_invite_decode(tally_span_of(text, length), cli_now_ms() / 1000, &join->invite, err);
    /* It was typed or pasted: a mistake in it is one of usage, not damage. */
    if (code == TALLY_EFORMAT && err) err->code = code = TALLY_EINVAL;
    return code;
}

/* From the stream byte by byte, so that no buffer keeps a copy of the secret. */
static int line_read(joining *join, tally_error *err) {
    char line[TALLY_INVITE_LINE_MAX_BYTES + 16];
    size_t used = 0;
    if (isatty(STDIN_FILENO)) fputs("Invite line: ", stderr);
    while (used < sizeof line) {
        ssize_t got = read(STDIN_FILENO, line + used, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || line[used] == '\n') break;
        used++;
    }
    int code = line_take(join, line, used, err);
    sodium_memzero(line, sizeof line);
    return code;
}

static int asked_read(joining *join, tally_error *err) {
    cli *run = join->run;
    const char *line = run->argument_count ? run->arguments[0] : "-";
    cli_name_member(join->member, cli_value(run, "member"));
    cli_name_device(join->name, cli_value(run, "device"));
    int code =
        strcmp(line, "-") == 0 ? line_read(join, err) : line_take(join, line, strlen(line), err);
    if (code || !cli_has(run, "passphrase")) return code;
    void *memory;
    code = tally_secret_new(CLI_PASSPHRASE_MAX_BYTES, &memory, err);
    join->passphrase = memory;
    return code ? code
                : cli_passphrase_choose(NULL, join->passphrase, CLI_PASSPHRASE_MAX_BYTES,
                                        &join->passphrase_len, err);
}

/* ---- the work, in the child ---- */

/* What was just chosen need not be typed again. */
static int passphrase_give(void *ctx, char *out, size_t size, size_t *len, tally_error *err) {
    const joining *join = ctx;
    if (!join->passphrase_len) return cli_passphrase_ask(NULL, out, size, len, err);
    if (join->passphrase_len > size)
        return tally_fail(err, TALLY_ELIMIT, "the passphrase is longer than %zu bytes", size);
    memcpy(out, join->passphrase, join->passphrase_len);
    *len = join->passphrase_len;
    return 0;
}

static void code_show(void *ctx, const char *code) {
    (void)ctx;
    cli_say("the code is %s; whoever invited you must see the same and agree", code);
}

static int ledger_make(joining *join, tally_error *err) {
    tally_ledger_init init = {.dir = join->run->dir,
                              .join = &join->invite.team,
                              .passphrase = tally_span_of(join->passphrase, join->passphrase_len),
                              .now_ms = cli_now_ms()};
    return join->place.ready ? 0 : tally_ledger_create(&init, err);
}

static int team_enter(joining *join, net_sync_result *result, tally_error *err) {
    tally_ledger_options open = {.dir = join->run->dir, .ask = passphrase_give, .ask_ctx = join};
    net_join_options options = {.invite = &join->invite,
                                .member = tally_span_str(join->member),
                                .name = tally_span_str(join->name),
                                .timeout_ms = TALLY_SESSION_JOIN_MS,
                                .code = code_show,
                                .news = cli_news_say};
    int code = tally_ledger_open(&open, &options.ledger, err);
    if (!code) code = net_join(&options, result, err);
    tally_ledger_close(options.ledger);
    return code;
}

static void joined_json(cli *run, const cli_reading *reading, const cli_devices *devices,
                        const net_sync_result *result) {
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_hex(&json, "team",
                 tally_span_of(tally_ledger_team(reading->ledger)->b, TALLY_HASH_BYTES));
    cli_json_text(&json, "team_name", reading->team.name);
    cli_json_string(&json, "dir", run->dir);
    if (devices->count && devices->rows[0].itself) {
        cli_device_json(&json, &devices->rows[0].in);
        cli_json_string(&json, "role", cli_role_text(devices->rows[0].in.role));
    }
    cli_json_u64(&json, "devices", devices->count);
    cli_json_u64(&json, "records", result->records_in);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void joined_text(const cli_reading *reading, const cli_devices *devices,
                        const net_sync_result *result) {
    char names[CLI_NAMES_TEXT_BYTES] = "this device";
    if (devices->count && devices->rows[0].itself) cli_device_names(&devices->rows[0].in, names);
    cli_say("joined team '%.*s' as %s: %" PRIu64 " records of %zu devices came",
            (int)reading->team.name.len, (const char *)reading->team.name.ptr, names,
            result->records_in, devices->count);
    cli_say("next: 'tally capture' reads your agents' logs; 'tallyd' captures and syncs by itself");
}

static int joined_print(cli *run, const net_sync_result *result, tally_error *err) {
    cli_reading reading = {0};
    cli_devices devices = {0};
    int code = cli_reading_open(run, &reading, err);
    if (!code) code = cli_devices_read(reading.ledger, reading.txn, &devices, err);
    if (!code && run->json)
        joined_json(run, &reading, &devices, result);
    else if (!code)
        joined_text(&reading, &devices, result);
    cli_devices_free(&devices);
    cli_reading_close(&reading);
    return code;
}

static int join_make(joining *join) {
    tally_error err = {0};
    net_sync_result result = {.reached = 0};
    int code = ledger_make(join, &err);
    if (!code) code = team_enter(join, &result, &err);
    if (!code) code = joined_print(join->run, &result, &err);
    return code ? cli_net_fail(&err) : CLI_DONE;
}

/* ---- the parent ---- */

static volatile sig_atomic_t worker, stopped_by;

static void on_stop(int sig) {
    stopped_by = sig;
    if (worker > 0) kill((pid_t)worker, sig);
}

static void stops_handle(void (*handler)(int)) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handler};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

/* The exit code of the child; CLI_DAMAGED when it was stopped. */
static int worker_wait(joining *join) {
    int status = 0;
    fflush(NULL);
    stops_handle(on_stop);
    pid_t child = fork();
    if (child == 0) {
        stops_handle(SIG_DFL);
        if (stopped_by) _exit(CLI_FAILED);
        /* A fork has the memory and not the lock. */
        if (join->passphrase) (void)sodium_mlock(join->passphrase, CLI_PASSPHRASE_MAX_BYTES);
        _exit(cli_out_finish(join->run, join_make(join)));
    }
    worker = child;
    if (stopped_by && child > 0) kill(child, SIGTERM);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    worker = 0;
    if (child > 0 && WIFSIGNALED(status) && !stopped_by)
        cli_say("tally: the join was ended by signal %d; run it again with a new invite",
                WTERMSIG(status));
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : CLI_DAMAGED;
}

static int join_guarded(joining *join) {
    int code = worker_wait(join);
    int sig = stopped_by;
    if (join_place_release(&join->place, code != CLI_DONE))
        cli_say("what came so far stays in %s; a new invite goes on from there", join->run->dir);
    else if (code != CLI_DONE)
        cli_say("nothing was left behind in %s", join->run->dir);
    if (sig) {
        stops_handle(SIG_DFL);
        raise(sig);
    }
    return code;
}

static int join_run(cli *run) {
    tally_error err = {0};
    joining join = {.run = run, .place = {.lock = -1}};
    if (!cli_name_given_ok(cli_value(run, "member")) ||
        !cli_name_given_ok(cli_value(run, "device")))
        return cli_usage(run, CLI_NAME_RULE);
    int code = asked_read(&join, &err);
    if (!code) code = join_place_claim(run->dir, &join.invite.team, &join.place, &err);
    int result = code ? cli_fail(&err) : join_guarded(&join);
    if (code) (void)join_place_release(&join.place, false);
    sodium_memzero(&join.invite, sizeof join.invite);
    tally_secret_free(join.passphrase);
    return result;
}

static const cli_option options[] = {
    {"member", "NAME", "you (default: your full name on this machine)"},
    {"device", "NAME", "this machine (default: its host name)"},
    {"passphrase", NULL, "seal the key under a passphrase, asked on the terminal"},
    {NULL, NULL, NULL}};

const cli_command command_team_join = {
    .name = "team join",
    .arguments = "[LINE|-]",
    .summary = "join with an invite's line; as an argument, others could see it",
    .example = "tally team join --member 'Ben Example'",
    .options = options,
    .max_arguments = 1,
    .run = join_run};
