/* tally node status: what the daemon of this ledger is doing, from the document that it answers
 * with. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tally/json.h>

#include <net/net.h>

#include "commands.h"
#include "format/table_out.h"
#include "team/device.h"

#define FIELD_MAX_BYTES 320

typedef struct node_status {
    cli *run;
    tally_json root;
    cli_reading reading;
    cli_devices devices;
} node_status;

/* The text of a member; empty for null, for anything else and when it is absent. */
static const char *field_text(const tally_json *object, const char *name,
                              char out[FIELD_MAX_BYTES]) {
    tally_json value;
    size_t length = 0;
    if (tally_json_get(object, name, &value) && value.type == TALLY_JSON_STRING)
        tally_json_text(&value, out, FIELD_MAX_BYTES - 1, &length);
    out[length] = '\0';
    return out;
}

static uint64_t field_u64(const tally_json *object, const char *name) {
    tally_json value;
    uint64_t number = 0;
    if (!tally_json_get(object, name, &value) || !tally_json_u64(&value, &number)) return 0;
    return number;
}

static bool field_true(const tally_json *object, const char *name) {
    tally_json value;
    return tally_json_get(object, name, &value) && tally_json_true(&value);
}

/* A time as the ledger's clock shows it, "2026-03-01 09:30"; empty when there is none. */
static const char *field_minute(const node_status *status, const tally_json *object,
                                const char *name, char out[FIELD_MAX_BYTES]) {
    int64_t ms;
    if (tally_time_parse(tally_span_str(field_text(object, name, out)), &ms) != 0) {
        *out = '\0';
        return out;
    }
    tally_time_format(cli_local_ms(status->reading.zone, ms), out);
    out[10] = ' ';
    out[16] = '\0';
    return out;
}

/* Who a device is; the address for one that is not known yet. */
static void who_cell(const node_status *status, cli_table *table, const tally_json *object) {
    char text[FIELD_MAX_BYTES], names[CLI_NAMES_TEXT_BYTES] = "";
    tally_device_id id;
    tally_span hex = tally_span_str(field_text(object, "device", text));
    if (hex.len == 2 * sizeof id.b && tally_unhex(hex, id.b, sizeof id.b) == 0)
        for (size_t i = 0; i < status->devices.count; i++)
            if (memcmp(status->devices.rows[i].in.device.b, id.b, sizeof id.b) == 0)
                cli_device_names(&status->devices.rows[i].in, names);
    cli_cell_text(table, names);
}

static void connection_line(const node_status *status, cli_table *table, const tally_json *from) {
    char text[FIELD_MAX_BYTES];
    cli_table_line(table);
    who_cell(status, table, from);
    cli_cell_text(table, field_text(from, "address", text));
    cli_cell_text(table, field_true(from, "in_sync") ? "in sync" : "syncing");
    cli_cell_text(table, field_minute(status, from, "since", text));
    cli_cell_u64(table, field_u64(from, "records_in"));
    cli_cell_u64(table, field_u64(from, "records_out"));
    cli_cell_text(table, "");
}

static void peer_line(const node_status *status, cli_table *table, const tally_json *from) {
    char text[FIELD_MAX_BYTES];
    const char *state = field_text(from, "state", text);
    /* These stand among the connections, or are no teammates. */
    if (strcmp(state, "connected") == 0 || strcmp(state, "itself") == 0) return;
    bool calling = strcmp(state, "calling") == 0;
    cli_table_line(table);
    who_cell(status, table, from);
    cli_cell_text(table, field_text(from, "address", text));
    cli_cell_text(table, calling ? "calling" : "calls again");
    cli_cell_text(table, field_minute(status, from, "next_try", text));
    cli_cell_text(table, "");
    cli_cell_text(table, "");
    cli_cell_text(table, field_text(from, "why", text));
}

static int nodes_print(const node_status *status, FILE *out, tally_error *err) {
    static const cli_column columns[] = {
        {"TEAMMATE", CLI_CUT}, {"ADDRESS", CLI_LEFT}, {"STATE", CLI_LEFT}, {"SINCE", CLI_LEFT},
        {"CAME", CLI_RIGHT},   {"WENT", CLI_RIGHT},   {"WHY", CLI_CUT}};
    static const struct {
        const char *name;
        void (*line)(const node_status *status, cli_table *table, const tally_json *from);
    } lists[] = {{"connections", connection_line}, {"peers", peer_line}};
    cli_table *table = cli_table_new(out, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; table && i < sizeof lists / sizeof *lists; i++) {
        tally_json list, one;
        tally_json_iter iter;
        if (!tally_json_get(&status->root, lists[i].name, &list)) continue;
        tally_json_iter_init(&iter, &list);
        while (tally_json_next(&iter, NULL, &one))
            lists[i].line(status, table, &one);
    }
    int failed = !table || cli_table_print(table);
    cli_table_free(table);
    return failed ? tally_fail(err, TALLY_ENOMEM, "no memory to print the status") : 0;
}

static void capture_print(const node_status *status, FILE *out) {
    char text[FIELD_MAX_BYTES];
    tally_json capture, last;
    if (!tally_json_get(&status->root, "capture", &capture) || !field_true(&capture, "enabled")) {
        fprintf(out, "capture   off\n");
        return;
    }
    fprintf(out, "capture   watches %" PRIu64 " folders; ", field_u64(&capture, "folders"));
    if (!tally_json_get(&capture, "last", &last) || last.type != TALLY_JSON_OBJECT)
        fprintf(out, "nothing captured yet\n");
    else if (field_u64(&last, "exit") != 0)
        fprintf(out, "the last one failed at %s\n", field_minute(status, &last, "time", text));
    else
        fprintf(out, "last at %s: %" PRIu64 " sessions, %" PRIu64 " requests new\n",
                field_minute(status, &last, "time", text), field_u64(&last, "sessions"),
                field_u64(&last, "costs"));
}

static int status_text(node_status *status, tally_error *err) {
    char text[FIELD_MAX_BYTES];
    FILE *out = cli_out(status->run);
    int code = cli_reading_open(status->run, &status->reading, err);
    if (!code)
        code = cli_devices_read(status->reading.ledger, status->reading.txn, &status->devices, err);
    if (code) return code;
    fprintf(out, "running   since %s, process %" PRIu64 "\n",
            field_minute(status, &status->root, "since", text), field_u64(&status->root, "pid"));
    const char *listen = field_text(&status->root, "listen", text);
    fprintf(out, "listening %s%s%s\n", *listen ? "at " : "nowhere", listen,
            field_true(&status->root, "beacon") ? ", with a beacon on the LAN" : "");
    capture_print(status, out);
    return nodes_print(status, out, err);
}

static int status_run(cli *run) {
    tally_error err = {0};
    node_status status = {.run = run};
    char *json = NULL;
    int code = net_control(run->dir, "status", &json, &err);
    /* A daemon of another version is no damage; but neither is it understood. */
    if (!code && tally_json_parse(tally_span_str(json), &status.root))
        code = tally_fail(&err, TALLY_EFORMAT, "the daemon's answer cannot be read; restart it");
    if (!code && run->json)
        fprintf(cli_out(run), "%s\n", json);
    else if (!code)
        code = status_text(&status, &err);
    cli_devices_free(&status.devices);
    cli_reading_close(&status.reading);
    free(json);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_node_status = {.name = "node status",
                                         .arguments = "",
                                         .summary = "what the daemon of this ledger is doing",
                                         .example = "tally node status",
                                         .run = status_run};
