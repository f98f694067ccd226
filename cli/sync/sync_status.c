/* tally sync status: who has what, how far behind, last seen. From what this store remembers: no
 * daemon and no network is needed. */
#include <inttypes.h>

#include "commands.h"
#include "team/device.h"

#define CLOCK_TEXT_BYTES 32
#define CLOCK_SHOWN_MS   2000 /* less is the time a message takes */
#define CLOCK_WARNING_MS (60 * 1000)
#define CLOCK_MINUTES_MS (3 * 60 * 1000)      /* from here on shown in minutes, */
#define CLOCK_HOURS_MS   (3 * 60 * 60 * 1000) /* and in hours */

static void device_json(cli_json *json, const cli_device *device) {
    cli_json_open(json, NULL, '{');
    cli_device_json(json, &device->in);
    cli_json_bool(json, "this_device", device->itself);
    cli_json_u64(json, "records_here", device->records);
    cli_json_u64_or_null(json, "records_there", device->met, device->has);
    cli_json_u64_or_null(json, "they_lack", device->met, device->they_lack);
    cli_json_u64_or_null(json, "we_lack", device->met, device->we_lack);
    cli_json_time_or_null(json, "last_seen", device->met, device->seen_ms);
    cli_json_text_or_null(json, "address", device->address);
    if (device->met)
        cli_json_i64(json, "clock_off_ms", device->clock_off_ms);
    else
        cli_json_null(json, "clock_off_ms");
    cli_json_bool(json, "revoked", cli_device_revoked(device));
    cli_json_bool(json, "frozen", device->frozen && !device->resolved);
    cli_json_close(json, '}');
}

static void status_json(cli *run, const cli_reading *reading, const cli_devices *devices) {
    (void)reading;
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "records", devices->records);
    cli_json_open(&json, "devices", '[');
    for (size_t i = 0; i < devices->count; i++)
        device_json(&json, &devices->rows[i]);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void clock_cell(cli_table *table, int64_t off_ms) {
    char text[CLOCK_TEXT_BYTES] = "";
    int64_t size = off_ms < 0 ? -(off_ms + 1) : off_ms;
    int64_t unit = size < CLOCK_MINUTES_MS ? 1000 : size < CLOCK_HOURS_MS ? 60000 : 3600000;
    const char *name = unit == 1000 ? "s" : unit == 60000 ? "min" : "h";
    if (size >= CLOCK_SHOWN_MS) snprintf(text, sizeof text, "%+" PRId64 " %s", off_ms / unit, name);
    cli_cell(table, tally_span_str(text), size >= CLOCK_WARNING_MS ? CLI_WARNING : CLI_PLAIN);
}

static void device_line(cli_table *table, const cli_reading *reading, const cli_device *device) {
    if (cli_device_revoked(device) && !device->itself) return;
    cli_table_line(table);
    cli_cell(table, device->in.member, CLI_PLAIN);
    cli_cell(table, device->in.name, CLI_PLAIN);
    cli_cell_u64(table, device->records);
    if (!device->met) {
        cli_cell_text(table, "");
        cli_cell_text(table, "");
        cli_cell_text(table, device->itself ? "this device" : "never");
        return;
    }
    cli_cell_u64(table, device->they_lack);
    cli_cell_u64(table, device->we_lack);
    cli_cell_minute(table, cli_local_ms(reading->zone, device->seen_ms));
    clock_cell(table, device->clock_off_ms);
    cli_cell(table, device->address, CLI_PLAIN);
}

static void forks_say(const cli_devices *devices) {
    char names[CLI_NAMES_TEXT_BYTES];
    for (size_t i = 0; i < devices->count; i++) {
        const cli_device *device = &devices->rows[i];
        if (!device->frozen || device->resolved) continue;
        cli_device_names(&device->in, names);
        cli_say("%s signed two histories and is frozen after %" PRIu64
                " records; 'tally team forks' shows them",
                names, device->common);
    }
}

static void words_say(const cli_devices *devices) {
    forks_say(devices);
    if (devices->count <= 1) cli_say("you are alone; 'tally team invite' lets a teammate join");
}

static int status_run(cli *run) {
    static const cli_column columns[] = {{"MEMBER", CLI_CUT},    {"DEVICE", CLI_CUT},
                                         {"RECORDS", CLI_RIGHT}, {"THEY LACK", CLI_RIGHT},
                                         {"WE LACK", CLI_RIGHT}, {"LAST SEEN", CLI_LEFT},
                                         {"CLOCK", CLI_SPARE},   {"ADDRESS", CLI_CUT}};
    static const cli_devices_view view = {.json = status_json,
                                          .columns = columns,
                                          .column_count = sizeof columns / sizeof *columns,
                                          .line = device_line,
                                          .after = words_say};
    return cli_devices_show(run, &view);
}

const cli_command command_sync_status = {.name = "sync status",
                                         .arguments = "",
                                         .summary = "who has what, how far behind, last seen",
                                         .example = "tally sync status",
                                         .run = status_run};
