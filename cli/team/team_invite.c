/* tally team invite: gives out the line that lets one device join, and waits for it. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <sodium.h>

#include <net/net.h>

#include "ask.h"
#include "commands.h"
#include "device.h"
#include "format/qr.h"
#include "sync/news.h"

#define MINUTES_DEFAULT 15
#define MINUTES_MAX     1440

typedef struct inviting {
    cli *run;
    bool json; /* a document is begun */
    cli_json out;
    tally_error declined; /* why nobody could be asked */
} inviting;

/* The invite lives in this process alone: when it ends, nobody can join with the line. */
static void on_interrupt(int sig) {
    static const char words[] = "\ntally: the invite is withdrawn\n";
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    signal(sig, SIG_DFL);
    raise(sig);
}

static unsigned terminal_columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void qr_show(const cli *run, const char *line) {
    tally_error err = {0};
    bool terminal = isatty(STDERR_FILENO) == 1;
    if (!terminal && !cli_has(run, "qr")) return;
    if (cli_qr_draw(stderr, tally_span_str(line), terminal ? terminal_columns() : 0, &err))
        cli_say("no QR code: %s", err.text);
}

static void line_show(void *ctx, const char *line, const tally_invite *invite) {
    inviting *in = ctx;
    if (in->run->json) {
        cli_json_begin(&in->out, cli_out(in->run));
        cli_json_open(&in->out, NULL, '{');
        cli_json_string(&in->out, "invite", line);
        cli_json_time(&in->out, "expires", invite->expires_s * 1000);
        in->json = true;
    } else {
        fprintf(cli_out(in->run), "%s\n", line);
    }
    fflush(cli_out(in->run));
    qr_show(in->run, line);
    cli_say("on the other machine: 'tally team join', and paste this line; it is a secret, works "
            "once and ends in %" PRId64 " minutes",
            (invite->expires_s * 1000 - cli_now_ms() + 59999) / 60000);
}

static bool codes_agree(void *ctx, const char *code, tally_span member, tally_span name,
                        const tally_device_id *device) {
    inviting *in = ctx;
    tally_team_device asking = {.device = *device, .member = member, .name = name};
    char names[CLI_NAMES_TEXT_BYTES], question[CLI_NAMES_TEXT_BYTES + 128];
    cli_device_names(&asking, names);
    if (cli_has(in->run, "yes")) {
        cli_say("%s joins with the code %s, which nobody compared (--yes)", names, code);
        return true;
    }
    snprintf(question, sizeof question, "%s wants to join. Does the other screen show %s?", names,
             code);
    return cli_ask_yes(question, &in->declined);
}

static int options_read(inviting *in, net_invite_options *options, const char ***addresses) {
    cli *run = in->run;
    const char *role = cli_value(run, "role"), *minutes = cli_value(run, "minutes");
    size_t at = 0;
    options->role = TALLY_ROLE_MEMBER;
    if (role && !cli_role_parse(role, &options->role))
        return cli_usage(run, "'%s' is no role; admin, member and auditor are", role);
    char *end = NULL;
    long lifetime = minutes ? strtol(minutes, &end, 10) : MINUTES_DEFAULT;
    if (lifetime < 1 || lifetime > MINUTES_MAX || (end && (end == minutes || *end)))
        return cli_usage(run, "--minutes is 1 to %d", MINUTES_MAX);
    options->lifetime_ms = (int64_t)lifetime * 60 * 1000;
    options->listen = cli_value(run, "listen");
    *addresses = calloc(run->given_count + 1, sizeof **addresses);
    for (const char *one; *addresses && (one = cli_value_next(run, "address", &at)) != NULL;) {
        if (!tally_address_valid(tally_span_str(one)))
            return cli_usage(run, "'%s' is no HOST:PORT", one);
        (*addresses)[options->address_count++] = one;
    }
    if (options->address_count > TALLY_INVITE_MAX_ADDRESSES)
        return cli_usage(run, "an invite holds %u addresses", TALLY_INVITE_MAX_ADDRESSES);
    options->addresses = *addresses;
    return CLI_DONE;
}

typedef struct rehearsal {
    const tally_key *guest;
    bool done;
} rehearsal;

static int guest_add(void *ctx, tally_txn *txn, tally_error *err) {
    rehearsal *r = ctx;
    tally_team_add add = {.device = *tally_key_device(r->guest),
                          .role = TALLY_ROLE_MEMBER,
                          .member = tally_span_str("guest"),
                          .name = tally_span_str("guest")};
    memcpy(add.box_key, tally_key_box_public(r->guest), sizeof add.box_key);
    int code = tally_team_device_add(txn, &add, err);
    r->done = code == 0;
    return r->done ? TALLY_EREFUSED : code; /* nothing of it shall stay */
}

/* Whoever asks must not wait for one who could not let them in: no admin, a frozen feed, an older
 * copy of a ledger. So somebody is let in whom the write forgets again. */
static int admission_check(tally_ledger *ledger, tally_error *err) {
    tally_key *guest = NULL;
    int code = tally_key_generate(&guest, err);
    rehearsal r = {.guest = guest};
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), guest_add, &r, err);
    tally_key_free(guest);
    return r.done ? 0 : code;
}

static int joined_print(inviting *in, tally_ledger *ledger, const tally_device_id *joined,
                        tally_error *err) {
    tally_txn *txn = NULL;
    tally_team_device device;
    char names[CLI_NAMES_TEXT_BYTES];
    int code = tally_read_begin(ledger, &txn, err);
    if (code) return code;
    code = tally_team_device_get(txn, joined, &device);
    if (code)
        tally_fail(err, code, "who joined is not in the team; run 'tally rebuild'");
    else if (in->json) {
        cli_json_open(&in->out, "joined", '{');
        cli_device_json(&in->out, &device);
        cli_json_string(&in->out, "role", cli_role_text(device.role));
        cli_json_close(&in->out, '}');
    } else {
        cli_device_names(&device, names);
        cli_say("%s is in the team as %s", names, cli_role_text(device.role));
    }
    tally_read_end(txn);
    return code;
}

static int invite_serve(inviting *in, net_invite_options *options, tally_error *err) {
    tally_device_id joined;
    int code = cli_ledger_open(in->run, false, &options->ledger, err);
    if (!code) code = admission_check(options->ledger, err);
    if (!code) code = net_invite(options, &joined, err);
    if (!code) code = joined_print(in, options->ledger, &joined, err);
    if (code == TALLY_EREFUSED && in->declined.code) *err = in->declined;
    if (in->json && code) cli_json_null(&in->out, "joined");
    if (in->json) {
        cli_json_close(&in->out, '}');
        cli_json_end(&in->out);
    }
    tally_ledger_close(options->ledger);
    return code;
}

static int invite_run(cli *run) {
    tally_error err = {0};
    inviting in = {.run = run};
    const char **addresses = NULL;
    net_invite_options options = {
        .line = line_show, .ask = codes_agree, .news = cli_news_say, .ctx = &in};
    int code = options_read(&in, &options, &addresses);
    if (code == CLI_DONE && !addresses)
        code = cli_fail(&(tally_error){TALLY_ENOMEM, "memory ran out"});
    if (code == CLI_DONE) {
        signal(SIGINT, on_interrupt);
        if (invite_serve(&in, &options, &err)) code = cli_net_fail(&err);
    }
    free(addresses);
    return code;
}

static const cli_option options[] = {
    {"role", "ROLE", "admin, member (default) or auditor (reads, and appends nothing)"},
    {"minutes", "N", "how long the line works (default: 15)"},
    {"address", "HOST:PORT",
     "where the other machine can reach this one; may repeat (default: its interfaces)"},
    {"listen", "HOST:PORT", "where to wait (default: every address, any port)"},
    {"qr", NULL, "draw the QR code although stderr is no terminal"},
    {"yes", NULL, "let in whoever holds the line, without comparing the code: for scripts"},
    {NULL, NULL, NULL}};

const cli_command command_team_invite = {.name = "team invite",
                                         .arguments = "",
                                         .summary =
                                             "let one device join: a line, a QR code, a short code",
                                         .example = "tally team invite --role admin",
                                         .options = options,
                                         .run = invite_run};
