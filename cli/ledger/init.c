/* tally init: makes the keys, the ledger and a team of one, from what the machine says about its
 * user. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tally/money.h>
#include <tally/secret.h>

#include "commands.h"
#include "file.h"
#include "format/json_out.h"
#include "names.h"
#include "open.h"

#define ZONE_LINK_MARK "zoneinfo/"

typedef struct init_names {
    char member[CLI_NAME_MAX_BYTES + 1], device[CLI_NAME_MAX_BYTES + 1];
    char timezone[CLI_NAME_MAX_BYTES + 1];
    const char *team, *currency;
} init_names;

static bool zone_known(const char *name) {
    tally_zone *zone = NULL;
    bool known = *name && cli_zone_load(tally_span_str(name), &zone, NULL) == 0;
    tally_zone_free(zone);
    return known;
}

static bool zone_from_file(char *out) {
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (cli_file_read("/etc/timezone", CLI_NAME_MAX_BYTES, &bytes, &len, NULL)) return false;
    while (len && isspace(bytes[len - 1]))
        len--;
    cli_name_copy(out, (const char *)bytes, len);
    free(bytes);
    return zone_known(out);
}

static bool zone_from_link(char *out) {
    char target[PATH_MAX];
    ssize_t length = readlink("/etc/localtime", target, sizeof target - 1);
    if (length <= 0) return false;
    target[length] = '\0';
    const char *name = strstr(target, ZONE_LINK_MARK);
    if (!name) return false;
    name += strlen(ZONE_LINK_MARK);
    cli_name_copy(out, name, strlen(name));
    return zone_known(out);
}

static void zone_default(char *out) {
    const char *set = getenv("TZ");
    if (set && *set == ':') set++;
    if (set && zone_known(set))
        cli_name_copy(out, set, strlen(set));
    else if (!zone_from_file(out) && !zone_from_link(out))
        cli_name_copy(out, "UTC", 3);
}

static int names_read(const cli *run, init_names *names) {
    const char *member = cli_value(run, "member"), *device = cli_value(run, "device");
    const char *zone = cli_value(run, "timezone"), *currency = cli_value(run, "currency");
    const char *given[] = {member, device, zone, cli_value(run, "team")};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (!cli_name_given_ok(given[i])) return cli_usage(run, CLI_NAME_RULE);
    cli_name_member(names->member, member);
    cli_name_device(names->device, device);
    if (zone && !zone_known(zone))
        return cli_usage(run, "time zone '%s' is not known here; one like 'Europe/Berlin' is meant",
                         zone);
    if (zone)
        cli_name_copy(names->timezone, zone, strlen(zone));
    else
        zone_default(names->timezone);
    names->team = given[3] ? given[3] : names->member;
    names->currency = currency ? currency : "USD";
    if (tally_currency_decimals(tally_span_str(names->currency)) < 0)
        return cli_usage(run, "'%s' is no ISO 4217 currency; one like 'USD' is meant",
                         names->currency);
    return CLI_DONE;
}

static int result_print(cli *run, const init_names *names, tally_error *err) {
    tally_ledger *ledger = NULL;
    if (cli_ledger_open(run, true, &ledger, err)) return cli_fail(err);
    if (run->json) {
        cli_json json;
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_json_hex(&json, "team", tally_span_of(tally_ledger_team(ledger)->b, TALLY_HASH_BYTES));
        cli_json_hex(&json, "device",
                     tally_span_of(tally_ledger_device(ledger)->b, TALLY_PUBLIC_KEY_BYTES));
        cli_json_string(&json, "dir", run->dir);
        cli_json_string(&json, "team_name", names->team);
        cli_json_string(&json, "member", names->member);
        cli_json_string(&json, "device_name", names->device);
        cli_json_string(&json, "timezone", names->timezone);
        cli_json_string(&json, "currency", names->currency);
        cli_json_close(&json, '}');
        cli_json_end(&json);
    } else {
        cli_say("made the ledger of team '%s' in %s (%s, %s)", names->team, run->dir,
                names->timezone, names->currency);
        cli_say("next: 'tally capture' reads your agents' logs");
    }
    tally_ledger_close(ledger);
    return CLI_DONE;
}

static int init_run(cli *run) {
    tally_error err = {0};
    init_names names = {.team = NULL};
    void *passphrase = NULL; /* typed, then held while argon2id works */
    size_t passphrase_len = 0;
    int code = names_read(run, &names);
    if (code) return code;
    if (cli_has(run, "passphrase") &&
        (tally_secret_new(CLI_PASSPHRASE_MAX_BYTES, &passphrase, &err) ||
         cli_passphrase_choose(NULL, passphrase, CLI_PASSPHRASE_MAX_BYTES, &passphrase_len, &err)))
        code = err.code;
    tally_ledger_init init = {.dir = run->dir,
                              .team = tally_span_str(names.team),
                              .member = tally_span_str(names.member),
                              .device = tally_span_str(names.device),
                              .timezone = tally_span_str(names.timezone),
                              .currency = tally_span_str(names.currency),
                              .passphrase = tally_span_of(passphrase, passphrase_len),
                              .now_ms = cli_now_ms()};
    if (!code) code = tally_ledger_create(&init, &err);
    tally_secret_free(passphrase);
    return code ? cli_fail(&err) : result_print(run, &names, &err);
}

static const cli_option options[] = {
    {"member", "NAME", "you (default: your full name on this machine)"},
    {"device", "NAME", "this machine (default: its host name)"},
    {"team", "NAME", "the team (default: you)"},
    {"timezone", "TZ", "where days are cut, like Europe/Berlin (default: this machine's)"},
    {"currency", "C", "ISO 4217 (default: USD)"},
    {"passphrase", NULL, "seal the key under a passphrase, asked on the terminal"},
    {NULL, NULL, NULL}};

const cli_command command_init = {.name = "init",
                                  .arguments = "",
                                  .summary = "make keys and a ledger for a team of one",
                                  .example =
                                      "tally init --member 'Ada Example' --timezone Europe/Berlin",
                                  .options = options,
                                  .run = init_run};
