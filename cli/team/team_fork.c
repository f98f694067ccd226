/* tally team forks: feeds whose device signed two histories. team_resolve.c settles one. */
#include <inttypes.h>

#include "commands.h"
#include "device.h"
#include "fork.h"
#include "format/table_out.h"

static const char *choice_state(const cli_fork *facts, const cli_choice *row) {
    if (!facts->state->resolved) return "frozen";
    return row->kept ? "kept" : "not kept";
}

typedef struct listing {
    const cli_reading *reading;
    const cli_devices *devices;
    cli_json *json; /* or */
    cli_table *table;
    FILE *out;
    uint64_t lines;
} listing;

static const cli_device *device_of(const cli_devices *devices, const tally_device_id *id) {
    for (size_t i = 0; i < devices->count; i++)
        if (memcmp(devices->rows[i].in.device.b, id->b, sizeof id->b) == 0)
            return &devices->rows[i];
    return NULL;
}

static void choice_json(cli_json *json, const cli_choice *row) {
    cli_json_open(json, NULL, '{');
    cli_json_u64(json, "size", row->size);
    cli_json_hex(json, "root", tally_span_of(row->root.b, sizeof row->root.b));
    cli_json_u64(json, "records_held", row->held);
    cli_json_time_or_null(json, "since", row->began, row->first_ms);
    cli_json_bool(json, "kept", row->kept);
    cli_sights_json(json, "witnesses", &row->sights, NULL);
    cli_json_close(json, '}');
}

static void fork_json(const listing *list, const cli_fork *facts) {
    const tally_fork_state *state = facts->state;
    const cli_device *device = device_of(list->devices, &state->proof.device);
    cli_json_open(list->json, NULL, '{');
    if (device)
        cli_device_json(list->json, &device->in);
    else
        cli_json_hex(list->json, "device",
                     tally_span_of(state->proof.device.b, sizeof state->proof.device.b));
    cli_json_u64(list->json, "forked_after", state->proof.common);
    cli_json_bool(list->json, "resolved", state->resolved);
    cli_json_u64(list->json, "ends_at", state->size);
    cli_json_open(list->json, "branches", '[');
    for (size_t i = 0; i < facts->count; i++)
        choice_json(list->json, &facts->choices[i]);
    cli_json_close(list->json, ']');
    cli_json_close(list->json, '}');
}

static void choice_line(const listing *list, const cli_fork *facts, const cli_choice *row) {
    char id[CLI_ID_TEXT_BYTES], names[CLI_NAMES_TEXT_BYTES];
    const cli_device *device = device_of(list->devices, &facts->state->proof.device);
    cli_id_text(facts->state->proof.device.b, id);
    snprintf(names, sizeof names, "%s", id);
    if (device) cli_device_names(&device->in, names);
    cli_table_line(list->table);
    cli_cell_text(list->table, names);
    cli_cell_u64(list->table, facts->state->proof.common);
    cli_id_text(row->root.b, id);
    cli_cell_text(list->table, id);
    cli_cell_u64(list->table, row->size);
    cli_cell_u64(list->table, row->held);
    if (row->began)
        cli_cell_minute(list->table, cli_local_ms(list->reading->zone, row->first_ms));
    else
        cli_cell_text(list->table, "");
    cli_cell(list->table, tally_span_str(choice_state(facts, row)),
             facts->state->resolved ? CLI_PLAIN : CLI_WARNING);
}

static int fork_list(void *ctx, const tally_fork_state *state, tally_error *err) {
    listing *list = ctx;
    cli_fork facts;
    int code = cli_fork_read(list->reading->txn, state, &facts, err);
    if (code) return code;
    list->lines++;
    if (list->json) fork_json(list, &facts);
    for (size_t i = 0; list->table && i < facts.count; i++)
        choice_line(list, &facts, &facts.choices[i]);
    cli_fork_free(&facts);
    return 0;
}

static int forks_json(cli *run, listing *list, tally_error *err) {
    cli_json json;
    list->json = &json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, "forks", '[');
    int code = tally_fork_each(list->reading->txn, fork_list, list, err);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

/* Who had put their name to which side, and when: what the device's owner has to explain. */
static int sides_text(void *ctx, const tally_fork_state *state, tally_error *err) {
    const listing *list = ctx;
    cli_fork facts;
    int code = cli_fork_read(list->reading->txn, state, &facts, err);
    for (size_t i = 0; !code && i < facts.count; i++) {
        char id[CLI_ID_TEXT_BYTES];
        cli_id_text(facts.choices[i].root.b, id);
        if (facts.choices[i].sights.count > 0) fprintf(list->out, "\n%s was cosigned by:\n", id);
        cli_sights_text(list->out, &facts.choices[i].sights);
    }
    if (!code) cli_fork_free(&facts);
    return code;
}

static int forks_text(cli *run, listing *list, tally_error *err) {
    static const cli_column columns[] = {
        {"DEVICE", CLI_CUT}, {"AGREE UNTIL", CLI_RIGHT},  {"BRANCH", CLI_LEFT}, {"SIZE", CLI_RIGHT},
        {"HELD", CLI_RIGHT}, {"DIFFERS SINCE", CLI_LEFT}, {"STATE", CLI_LEFT}};
    list->out = cli_out_paged(run);
    list->table = cli_table_new(list->out, columns, sizeof columns / sizeof *columns);
    if (!list->table) return tally_fail(err, TALLY_ENOMEM, "no memory to list the forks");
    int code = tally_fork_each(list->reading->txn, fork_list, list, err);
    if (!code && cli_table_print(list->table))
        code = tally_fail(err, TALLY_ENOMEM, "no memory to list the forks");
    if (!code) code = tally_fork_each(list->reading->txn, sides_text, list, err);
    if (!code && !list->lines) cli_say("no device has signed two histories");
    cli_table_free(list->table);
    return code;
}

static int forks_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    cli_devices devices = {0};
    listing list = {.reading = &reading, .devices = &devices};
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_devices_read(reading.ledger, reading.txn, &devices, &err);
    if (!code) code = run->json ? forks_json(run, &list, &err) : forks_text(run, &list, &err);
    cli_devices_free(&devices);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_team_forks = {.name = "team forks",
                                        .arguments = "",
                                        .summary = "devices that signed two histories",
                                        .example = "tally team forks",
                                        .run = forks_run};
