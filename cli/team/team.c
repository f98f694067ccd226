/* tally team show: who is in the team, with which devices. Changing the team is in team_invite.c,
 * team_join.c, team_revoke.c and team_fork.c. */
#include <inttypes.h>

#include "commands.h"
#include "device.h"

#define STATE_MAX_BYTES 96

static void device_json(cli_json *json, const cli_device *device) {
    cli_json_open(json, NULL, '{');
    cli_device_json(json, &device->in);
    cli_json_string(json, "role", cli_role_text(device->in.role));
    cli_json_bool(json, "creator", device->in.creator);
    cli_json_bool(json, "this_device", device->itself);
    cli_json_time_or_null(json, "first_record", device->began, device->first_ms);
    cli_json_time_or_null(json, "last_seen", device->met, device->seen_ms);
    cli_json_u64(json, "records", device->records);
    cli_json_u64(json, "counting", device->counting);
    cli_json_bool(json, "revoked", cli_device_revoked(device));
    cli_json_u64_or_null(json, "counts_until", cli_device_revoked(device), device->in.limit);
    cli_json_bool(json, "frozen", device->frozen && !device->resolved);
    cli_json_u64_or_null(json, "forked_after", device->frozen, device->common);
    cli_json_close(json, '}');
}

static void team_json(cli *run, const cli_reading *reading, const cli_devices *devices) {
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_hex(&json, "team",
                 tally_span_of(tally_ledger_team(reading->ledger)->b, TALLY_HASH_BYTES));
    cli_json_text(&json, "team_name", reading->team.name);
    cli_json_open(&json, "devices", '[');
    for (size_t i = 0; i < devices->count; i++)
        device_json(&json, &devices->rows[i]);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void state_cell(cli_table *table, const cli_device *device) {
    char text[STATE_MAX_BYTES] = "";
    const char *own = device->itself ? "this device" : "", *comma = device->itself ? ", " : "";
    bool warning = true;
    if (cli_device_revoked(device))
        snprintf(text, sizeof text, "%s%srevoked, %" PRIu64 " count", own, comma, device->counting);
    else if (device->frozen && !device->resolved)
        snprintf(text, sizeof text, "%s%sfrozen after %" PRIu64, own, comma, device->common);
    else if (device->frozen)
        snprintf(text, sizeof text, "%s%sended at %" PRIu64, own, comma, device->end);
    else {
        warning = false;
        snprintf(text, sizeof text, "%s", own);
    }
    cli_cell(table, tally_span_str(text), warning ? CLI_WARNING : CLI_PLAIN);
}

static void minute_cell(cli_table *table, const cli_reading *reading, bool known, int64_t ms) {
    if (known)
        cli_cell_minute(table, cli_local_ms(reading->zone, ms));
    else
        cli_cell_text(table, "");
}

static void device_line(cli_table *table, const cli_reading *reading, const cli_device *device) {
    char id[CLI_ID_TEXT_BYTES];
    cli_id_text(device->in.device.b, id);
    cli_table_line(table);
    cli_cell(table, device->in.member, CLI_PLAIN);
    cli_cell(table, device->in.name, CLI_PLAIN);
    cli_cell_text(table, cli_role_text(device->in.role));
    cli_cell_text(table, id);
    minute_cell(table, reading, device->began, device->first_ms);
    minute_cell(table, reading, device->met, device->seen_ms);
    cli_cell_u64(table, device->records);
    state_cell(table, device);
}

static int show_run(cli *run) {
    static const cli_column columns[] = {{"MEMBER", CLI_CUT},         {"DEVICE", CLI_CUT},
                                         {"ROLE", CLI_LEFT},          {"ID", CLI_LEFT},
                                         {"FIRST RECORD", CLI_SPARE}, {"LAST SEEN", CLI_SPARE},
                                         {"RECORDS", CLI_RIGHT},      {"STATE", CLI_LEFT}};
    static const cli_devices_view view = {.json = team_json,
                                          .columns = columns,
                                          .column_count = sizeof columns / sizeof *columns,
                                          .line = device_line};
    return cli_devices_show(run, &view);
}

const cli_command command_team_show = {.name = "team show",
                                       .arguments = "",
                                       .summary = "members, their devices and what is held of them",
                                       .example = "tally team show",
                                       .run = show_run};
