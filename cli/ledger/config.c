/* tally config: settings of this machine. They are neither signed nor shared. */
#include <string.h>

#include <tally/invite.h>

#include "commands.h"
#include "config.h"
#include "format/json_out.h"
#include "open.h"
#include "policy/notice.h"
#include "sessions/describe_jobs.h"

#define SETTING_MAX_BYTES 4096u

static bool yes_or_no(tally_span value) {
    return tally_span_is(value, "yes") || tally_span_is(value, "no");
}

/* Nothing, or words without control characters. */
static bool program(tally_span value) {
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] == 0x7f) return false;
    return value.len <= CLI_COMMAND_MAX_BYTES;
}

static bool on_or_off(tally_span value) {
    return tally_span_is(value, "on") || tally_span_is(value, "off");
}

/* "*" stands for every address of this machine. */
static bool listen_address(tally_span value) {
    static const char every[] = "0.0.0.0";
    char text[sizeof every + 8];
    if (tally_span_is(value, "none")) return true;
    if (value.len < 2 || value.ptr[0] != '*') return tally_address_valid(value);
    if (value.len - 1 >= sizeof text - sizeof every) return false;
    memcpy(text, every, sizeof every - 1);
    memcpy(text + sizeof every - 1, value.ptr + 1, value.len - 1);
    return tally_address_valid(tally_span_of(text, sizeof every - 1 + value.len - 1));
}

/* Separated by single spaces; none at all is allowed. */
static bool address_list(tally_span value) {
    for (size_t at = 0; at < value.len;) {
        const uint8_t *space = memchr(value.ptr + at, ' ', value.len - at);
        size_t end = space ? (size_t)(space - value.ptr) : value.len;
        if (!tally_address_valid(tally_span_of(value.ptr + at, end - at))) return false;
        if (space && end + 1 == value.len) return false;
        at = end + 1;
    }
    return value.len <= SETTING_MAX_BYTES;
}

static const cli_setting keys[] = {
    {"titles.from_prompts", "no", "yes or no", yes_or_no,
     "Whether a session's first prompt becomes its title. Otherwise no words of prompts are "
     "stored."},
    /* What 'tally capture' does with sessions that have ended: describe_jobs.h. */
    {CLI_SETTING_COMMITS, "yes", "yes or no", yes_or_no,
     "Whether the subjects of commits that were made during a session are kept with it."},
    {CLI_SETTING_COMMAND, "", "a program and its arguments, split at spaces; no shell reads it",
     program, "Run for each session that has ended; the line it prints describes the session."},
    {"sync.peers", "", "HOST:PORT, several separated by spaces", address_list,
     "Where tallyd and 'tally sync now' look for teammates, beside those of the local network."},
    {"node.listen", "*:7117", "HOST:PORT, *:PORT or none", listen_address,
     "Where tallyd listens for teammates."},
    {"node.beacon", "on", "on or off", on_or_off,
     "Whether tallyd finds teammates on the local network."},
    {"node.capture", "on", "on or off", on_or_off,
     "Whether tallyd captures the agents' logs as they grow."},
    {"notify.command", CLI_NOTIFY_COMMAND,
     "a program and its arguments, separated by single spaces, or none", cli_notify_command_ok,
     "Run without a shell when a budget's level is reached, with a title and a sentence as its "
     "last "
     "two arguments."},
};
#define KEYS (sizeof keys / sizeof *keys)

const cli_setting *cli_setting_at(size_t i) {
    return i < KEYS ? &keys[i] : NULL;
}

static const cli_setting *key_find(const char *name) {
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0) return &keys[i];
    return NULL;
}

static int key_unknown(const cli *run) {
    return cli_usage(run, "there is no setting '%s'; 'tally config list' shows them",
                     run->arguments[0]);
}

static tally_span value_of(tally_txn *txn, const cli_setting *key) {
    tally_span value;
    if (tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_str(key->name), &value))
        return tally_span_str(key->fallback);
    return value;
}

static int settings_print(cli *run, const cli_setting *only) {
    tally_error err = {0};
    cli_reading reading = {0};
    cli_json json;
    int code = cli_reading_open(run, &reading, &err);
    if (!code && run->json) {
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
    }
    for (size_t i = 0; !code && i < KEYS; i++) {
        tally_span value = value_of(reading.txn, &keys[i]);
        if (only && only != &keys[i]) continue;
        if (run->json)
            cli_json_text(&json, keys[i].name, value);
        else
            fprintf(cli_out(run), "%s%s%.*s\n", only ? "" : keys[i].name, only ? "" : " = ",
                    (int)value.len, (const char *)value.ptr);
    }
    if (!code && run->json) {
        cli_json_close(&json, '}');
        cli_json_end(&json);
    }
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

static int list_run(cli *run) {
    return settings_print(run, NULL);
}

static int get_run(cli *run) {
    const cli_setting *key = key_find(run->arguments[0]);
    return key ? settings_print(run, key) : key_unknown(run);
}

static int setting_write(void *ctx, tally_txn *txn, tally_error *err) {
    const cli *run = ctx;
    return tally_local_put(txn, TALLY_LOCAL_SETTINGS, tally_span_str(run->arguments[0]),
                           tally_span_str(run->arguments[1]), err);
}

static int set_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    const cli_setting *key = key_find(run->arguments[0]);
    if (!key) return key_unknown(run);
    if (!key->fits(tally_span_str(run->arguments[1])))
        return cli_usage(run, "%s is %s, not '%s'", key->name, key->form, run->arguments[1]);
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), setting_write, run, &err);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : settings_print(run, key);
}

const cli_command command_config_list = {.name = "config list",
                                         .arguments = "",
                                         .summary = "this machine's settings",
                                         .example = "tally config list",
                                         .run = list_run};

const cli_command command_config_get = {.name = "config get",
                                        .arguments = "KEY",
                                        .summary = "one setting",
                                        .example = "tally config get titles.from_prompts",
                                        .min_arguments = 1,
                                        .max_arguments = 1,
                                        .run = get_run};

const cli_command command_config_set = {.name = "config set",
                                        .arguments = "KEY VALUE",
                                        .summary = "change a setting",
                                        .example = "tally config set titles.from_prompts yes",
                                        .min_arguments = 2,
                                        .max_arguments = 2,
                                        .run = set_run};
