/* tally doctor: looks for what would lose or falsify figures on this machine, and says how to mend
 * it. Checks that need the agents' own folders are in doctor_agents.c. */
#include "doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <tally/secret.h>

#include "commands.h"
#include "cost_row.h"
#include "device.h"

#define CLOCK_FLOOR_MS 1767225600000LL /* 2026-01-01: this program is not older */
#define CLOCK_SLACK_MS (24LL * 3600 * 1000)

void doctor_say(doctor *doc, const char *check, doctor_state state, const char *format, ...) {
    static const char *const words[] = {"ok", "warning", "failed"};
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (state == DOCTOR_FAILED) doc->failed++;
    if (!doc->run->json) {
        cli_text_calm(text);
        for (char *at = text; *at; at++)
            if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
        fprintf(cli_out(doc->run), "%-8s %-10s %s\n", words[state], check, text);
        return;
    }
    cli_json_open(&doc->json, NULL, '{');
    cli_json_string(&doc->json, "check", check);
    cli_json_string(&doc->json, "state", words[state]);
    cli_json_string(&doc->json, "message", text);
    cli_json_close(&doc->json, '}');
}

/* Whether the ledger opens and belongs to another device than the key. */
static bool key_is_foreign(cli *run, const tally_key *key) {
    tally_ledger *ledger = NULL;
    if (cli_ledger_open(run, true, &ledger, NULL)) return false;
    bool foreign = memcmp(tally_ledger_device(ledger)->b, tally_key_device(key)->b,
                          TALLY_PUBLIC_KEY_BYTES) != 0;
    tally_ledger_close(ledger);
    return foreign;
}

/* A key that nobody else can read must also be one, and this ledger's. */
static void check_key_content(doctor *doc, const char *path) {
    tally_error err = {0};
    tally_key *key = NULL;
    int code = tally_key_read_file(path, NULL, NULL, &key, &err);
    if (code == TALLY_EREFUSED)
        doctor_say(doc, "key", DOCTOR_OK, "%s is yours alone and sealed with a passphrase", path);
    else if (code)
        doctor_say(doc, "key", DOCTOR_FAILED, "nothing can be recorded: %s", err.text);
    else if (key_is_foreign(doc->run, key))
        doctor_say(doc, "key", DOCTOR_FAILED,
                   "nothing can be recorded: %s is the key of another device; put this ledger's "
                   "back",
                   path);
    else
        doctor_say(doc, "key", DOCTOR_OK, "%s is yours alone", path);
    tally_key_free(key);
}

static void check_key(doctor *doc) {
    char path[PATH_MAX + 16];
    struct stat key;
    snprintf(path, sizeof path, "%s/" CLI_KEY_FILE, doc->run->dir);
    if (stat(path, &key) != 0)
        doctor_say(doc, "key", DOCTOR_FAILED,
                   "%s is missing: nothing can be recorded; put the key file back", path);
    else if (key.st_mode & 077)
        doctor_say(doc, "key", DOCTOR_FAILED,
                   "%s is open to others (mode %03o); run 'chmod 600 %s'", path,
                   key.st_mode & 0777u, path);
    else if (!S_ISREG(key.st_mode))
        doctor_say(doc, "key", DOCTOR_FAILED, "%s is not a file: nothing can be recorded", path);
    else
        check_key_content(doc, path);
}

static void check_clock(doctor *doc, tally_txn *txn) {
    tally_feed feed;
    int64_t now = cli_now_ms();
    char last[TALLY_TIME_TEXT_BYTES];
    if (now < CLOCK_FLOOR_MS) {
        doctor_say(doc, "clock", DOCTOR_FAILED, "the clock stands before 2026; set it");
        return;
    }
    if (txn && tally_feed_get(txn, 0, &feed, NULL) == 0 &&
        tally_hlc_ms(feed.last_hlc) > now + CLOCK_SLACK_MS) {
        tally_time_format(tally_hlc_ms(feed.last_hlc), last);
        doctor_say(doc, "clock", DOCTOR_WARNING,
                   "the last record says %s, which is more than a day ahead of the clock", last);
        return;
    }
    doctor_say(doc, "clock", DOCTOR_OK, "plausible");
}

static void check_prices(doctor *doc, const cli_reading *reading) {
    static const tally_report_key key = TALLY_BY_MODEL;
    tally_filter filter = {.unpriced = true};
    tally_report *report = NULL;
    tally_error err = {0};
    if (tally_report_run(reading->txn, &filter, &key, 1, reading->zone, &report, &err)) {
        doctor_say(doc, "prices", DOCTOR_FAILED, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < tally_report_count(report); i++) {
        const tally_report_row *row = tally_report_at(report, i);
        doctor_say(doc, "prices", DOCTOR_WARNING,
                   "%" PRIu64 " requests of model '%.*s' have no price; set one with 'tally prices "
                   "set'",
                   row->sums.requests, (int)row->keys[0].len, (const char *)row->keys[0].ptr);
    }
    if (!tally_report_count(report))
        doctor_say(doc, "prices", DOCTOR_OK, "every request is priced");
    tally_report_free(report);
}

typedef struct fork_look {
    doctor *doc;
    const cli_reading *reading;
    uint32_t told;
} fork_look;

static int fork_take(void *ctx, const tally_fork_state *state, tally_error *err) {
    fork_look *look = ctx;
    const tally_device_id *device = &state->proof.device;
    const tally_device_id *own = tally_ledger_device(look->reading->ledger);
    tally_team_device known = {.device = *device};
    char names[CLI_NAMES_TEXT_BYTES];
    (void)err;
    if (memcmp(device->b, own->b, sizeof own->b) == 0) {
        look->told++;
        doctor_say(look->doc, "forks", DOCTOR_FAILED,
                   "two copies of this ledger went different ways after %" PRIu64
                   " records, and this device appends no more: let it join again with another "
                   "--ledger ('tally help team join')",
                   state->proof.common);
    } else if (!state->resolved) {
        look->told++;
        (void)tally_team_device_get(look->reading->txn, device, &known);
        cli_device_names(&known, names);
        doctor_say(look->doc, "forks", DOCTOR_WARNING,
                   "%s signed two histories: nothing after its first %" PRIu64
                   " records counts until an admin chooses ('tally team forks')",
                   names, state->proof.common);
    }
    return 0;
}

static void check_forks(doctor *doc, const cli_reading *reading) {
    fork_look look = {.doc = doc, .reading = reading};
    tally_error err = {0};
    if (tally_fork_each(reading->txn, fork_take, &look, &err))
        doctor_say(doc, "forks", DOCTOR_FAILED, "%s", err.text);
    else if (!look.told)
        doctor_say(doc, "forks", DOCTOR_OK, "no feed is frozen");
}

static void check_ledger(doctor *doc) {
    cli_reading reading = {0};
    tally_error err = {0};
    bool zone = true;
    if (cli_reading_open(doc->run, &reading, &err)) {
        doctor_say(doc, "ledger", DOCTOR_FAILED, "%s", err.text);
        zone = false;
    } else {
        doctor_say(doc, "ledger", DOCTOR_OK, "%s opens", doc->run->dir);
    }
    if (zone)
        doctor_say(doc, "timezone", DOCTOR_OK, "%.*s is known", (int)reading.team.timezone.len,
                   (const char *)reading.team.timezone.ptr);
    if (zone) check_prices(doc, &reading);
    if (zone) check_forks(doc, &reading);
    check_clock(doc, reading.txn);
    cli_reading_close(&reading);
}

static void check_memory(doctor *doc) {
    if (tally_secret_locks())
        doctor_say(doc, "memory", DOCTOR_OK, "keys stay out of swap");
    else
        doctor_say(doc, "memory", DOCTOR_WARNING,
                   "keys may get into swap: this user may lock too little memory ('ulimit -l'); "
                   "raise that, or encrypt swap");
}

static int doctor_run(cli *run) {
    doctor doc = {.run = run};
    if (run->json) {
        cli_json_begin(&doc.json, cli_out(run));
        cli_json_open(&doc.json, NULL, '{');
        cli_json_open(&doc.json, "checks", '[');
    }
    check_key(&doc);
    check_memory(&doc);
    check_ledger(&doc);
    doctor_check_agents(&doc);
    if (run->json) {
        cli_json_close(&doc.json, ']');
        cli_json_bool(&doc.json, "ok", doc.failed == 0);
        cli_json_close(&doc.json, '}');
        cli_json_end(&doc.json);
    }
    return doc.failed ? CLI_FAILED : CLI_DONE;
}

const cli_command command_doctor = {.name = "doctor",
                                    .arguments = "",
                                    .summary = "look for what would lose or falsify figures here",
                                    .example = "tally doctor",
                                    .run = doctor_run};
