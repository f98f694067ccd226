/* Finding and opening the ledger, and loading its time zone. Passphrases are in passphrase.c. */
#include "open.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "line.h"

#define ZONE_NAME_MAX_BYTES 64u
#define ZONE_FOLDER         "/usr/share/zoneinfo"

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

/* Names come from records: nothing that could leave the zone folder. */
static bool zone_name_ok(tally_span name) {
    if (!name.len || name.len > ZONE_NAME_MAX_BYTES || name.ptr[0] == '/') return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = (char)name.ptr[i];
        bool word = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!word && !strchr("_+-/", c)) return false;
    }
    return true;
}

int cli_zone_load(tally_span name, tally_zone **out, tally_error *err) {
    char path[PATH_MAX];
    const char *folder = getenv("TZDIR");
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (tally_span_is(name, "UTC")) return tally_zone_utc(out, err);
    if (!zone_name_ok(name))
        return tally_fail(err, TALLY_EINVAL,
                          "that is no time zone name; use one like 'Europe/Berlin' or 'UTC'");
    snprintf(path, sizeof path, "%s/%.*s", folder && *folder ? folder : ZONE_FOLDER, (int)name.len,
             (const char *)name.ptr);
    if (cli_file_read(path, TALLY_ZONE_MAX_BYTES, &bytes, &len, NULL))
        return tally_fail(err, TALLY_EIO,
                          "time zone %.*s is not known here (%s); install tzdata or set TZDIR",
                          (int)name.len, (const char *)name.ptr, path);
    int code = tally_zone_parse(tally_span_of(bytes, len), out, err);
    if (code) tally_fail_while(err, "time zone file %s", path);
    free(bytes);
    return code;
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
    if (reading->txn) tally_read_end(reading->txn);
    tally_ledger_close(reading->ledger);
    memset(reading, 0, sizeof *reading);
}
