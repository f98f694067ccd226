/* Loading time zones: by name from the system's folder, and those that clients' rows name. */
#include "zones.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tally/policy.h>

#include "file.h"

#define ZONE_NAME_MAX_BYTES 64u
#define ZONE_FOLDER         "/usr/share/zoneinfo"

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

/* ---- clients' ---- */

static int row_zone_load(const tally_policy_row *row, tally_span client, tally_zone **out,
                         tally_span *name, tally_error *err) {
    *out = NULL;
    if (!tally_body_str(&row->record, "timezone", name)) return 0;
    int code = cli_zone_load(*name, out, err);
    return code ? tally_fail_while(err, "the time zone of client '%.*s'", (int)client.len,
                                   (const char *)client.ptr)
                : 0;
}

int cli_client_zone_load(tally_txn *txn, tally_span client, tally_zone **out, tally_span *name,
                         tally_error *err) {
    tally_policy_row row;
    *out = NULL;
    if (!client.len || tally_policy_get(txn, TALLY_POLICY_CLIENT, &client, 1, &row) != 0) return 0;
    return row_zone_load(&row, client, out, name, err);
}

typedef struct zone_gather {
    tally_span usual;
    cli_zones *zones;
} zone_gather;

static int room_for_one(cli_zones *zones, tally_error *err) {
    if (zones->count < zones->room) return 0;
    size_t room = zones->room ? 2 * zones->room : 8;
    tally_client_zone *clients = realloc(zones->clients, room * sizeof *clients);
    if (clients) zones->clients = clients;
    tally_span *names = clients ? realloc(zones->names, room * sizeof *names) : NULL;
    if (!names) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    zones->names = names;
    zones->room = room;
    return 0;
}

/* Rows come in the order of their names. Clients in one zone share what was loaded. */
static int take_client(void *ctx, const tally_policy_row *row, tally_error *err) {
    zone_gather *g = ctx;
    cli_zones *zones = g->zones;
    tally_span client, name;
    tally_zone *zone = NULL;
    if (!tally_body_str(&row->record, "client", &client) ||
        !tally_body_str(&row->record, "timezone", &name) || tally_span_eq(name, g->usual))
        return 0;
    int code = room_for_one(zones, err);
    const tally_zone *known = NULL;
    for (size_t i = 0; i < zones->count && !known; i++)
        if (tally_span_eq(zones->names[i], name)) known = zones->clients[i].zone;
    if (!code && !known) code = row_zone_load(row, client, &zone, &name, err);
    if (code) return code;
    zones->names[zones->count] = name;
    zones->clients[zones->count++] = (tally_client_zone){client, known ? known : zone};
    return 0;
}

int cli_zones_load(tally_txn *txn, tally_span usual, cli_zones *out, tally_error *err) {
    zone_gather g = {usual, out};
    *out = (cli_zones){0};
    return tally_policy_each(txn, TALLY_POLICY_CLIENT, take_client, &g, err);
}

void cli_zones_clear(cli_zones *zones) {
    for (size_t i = 0; i < zones->count; i++) {
        bool shared = false;
        for (size_t k = 0; k < i && !shared; k++)
            shared = zones->clients[k].zone == zones->clients[i].zone;
        if (!shared) tally_zone_free((tally_zone *)(uintptr_t)zones->clients[i].zone);
    }
    free(zones->clients);
    free(zones->names);
    *zones = (cli_zones){0};
}

const tally_zone *cli_zone_of(const cli_zones *zones, tally_span client, const tally_zone *usual) {
    for (size_t i = 0; i < zones->count; i++)
        if (tally_span_eq(zones->clients[i].client, client)) return zones->clients[i].zone;
    return usual;
}
