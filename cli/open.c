/* Finding and opening the ledger. Passphrases are in passphrase.c, time zones in zones.c. */
#include "open.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sessions/line.h"

const char *cli_home(void) {
    const char *home = getenv("HOME");
    if (home && *home) return home;
    const struct passwd *user = getpwuid(geteuid());
    return user && user->pw_dir && *user->pw_dir ? user->pw_dir : NULL;
}

static int dir_set(cli *run, const char *base, const char *rest, tally_error *err) {
    int length = snprintf(run->dir, sizeof run->dir, "%s%s", base, rest);
    if (length < 0 || (size_t)length >= sizeof run->dir)
        return tally_fail(err, TALLY_EINVAL, "the ledger's path is longer than %zu bytes",
                          sizeof run->dir - 1);
    return 0;
}

int cli_dir_find(cli *run, tally_error *err) {
    const char *given = cli_value(run, "ledger");
    const char *tally_home = getenv("TALLY_HOME"), *data = getenv("XDG_DATA_HOME");
    if (given && !*given)
        return tally_fail(err, TALLY_EINVAL, "--ledger is empty; name a directory");
    if (given) return dir_set(run, given, "", err);
    if (tally_home && *tally_home) return dir_set(run, tally_home, "", err);
    /* The XDG specification has relative paths ignored. */
    if (data && *data == '/') return dir_set(run, data, "/tally", err);
    if (cli_home()) return dir_set(run, cli_home(), "/.local/share/tally", err);
    return tally_fail(err, TALLY_EINVAL,
                      "no home directory is known; name the ledger with --ledger or TALLY_HOME");
}

int cli_ledger_open(cli *run, bool read_only, tally_ledger **out, tally_error *err) {
    tally_ledger_options options = {
        .dir = run->dir, .read_only = read_only, .ask = cli_passphrase_ask};
    return tally_ledger_open(&options, out, err);
}

int64_t cli_local_ms(const tally_zone *zone, int64_t unix_ms) {
    return unix_ms + (int64_t)tally_zone_offset(zone, unix_ms) * 1000;
}

int cli_reading_open(cli *run, cli_reading *out, tally_error *err) {
    memset(out, 0, sizeof *out);
    int code = cli_ledger_open(run, true, &out->ledger, err);
    if (!code) code = tally_read_begin(out->ledger, &out->txn, err);
    if (!code) code = tally_team_get(out->txn, &out->team, err);
    if (!code) code = cli_zone_load(out->team.timezone, &out->zone, err);
    out->zone_name = out->team.timezone;
    if (!code && !(out->lines = cli_lines_new()))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    if (out->team.timezone.ptr &&
        code == TALLY_EINVAL) /* init took a name: this is none any more */
        code = tally_fail(err, TALLY_ECORRUPT,
                          "the ledger's time zone is damaged; 'tally rebuild' reads it again");
    if (code) cli_reading_close(out);
    return code;
}

void cli_reading_close(cli_reading *reading) {
    cli_lines_free(reading->lines);
    tally_zone_free(reading->zone);
    cli_zones_clear(&reading->zones);
    if (reading->txn) tally_read_end(reading->txn);
    tally_ledger_close(reading->ledger);
    memset(reading, 0, sizeof *reading);
}
