/* tally time add, time list: work that no agent's log shows, written down by hand. */
#include <inttypes.h>
#include <string.h>

#include <sodium.h>

#include "commands.h"
#include "costs/cost_row.h"
#include "filter.h"
#include "policy/clients.h"
#include "report/attribution_out.h"
#include "sessions/line.h"

#define ID_SHOWN_DIGITS 8u

/* ---- one entry, shown ---- */

typedef struct time_lines {
    const cli_reading *reading;
    cli_json *json;
    cli_table *table;
    tally_entry_id last; /* the shares of one entry follow each other */
    uint64_t entries, ms;
} time_lines;

static void entry_json(const time_lines *lines, const tally_time_facts *facts) {
    const tally_time_entry *entry = facts->entry;
    cli_json *json = lines->json;
    tally_description line;
    char date[TALLY_TIME_TEXT_BYTES], room[TALLY_WORDS_SPARE_BYTES];
    tally_date_format(entry->day, date);
    tally_describe_time(lines->reading->txn, entry, room, &line);
    cli_json_open(json, NULL, '{');
    cli_json_hex(json, "id", tally_span_of(entry->id.b, sizeof entry->id.b));
    cli_json_string(json, "date", date);
    cli_json_time_or_null(json, "start", entry->start_ms >= 0, entry->start_ms);
    cli_json_u64(json, "duration_ms", (uint64_t)facts->duration_ms);
    cli_hours_value_json(json, "hours", (uint64_t)facts->duration_ms);
    cli_whose_json(json, &facts->whose);
    cli_description_json(json, &line);
    cli_json_hex(json, "record", tally_span_of(entry->leaf.b, sizeof entry->leaf.b));
    cli_json_close(json, '}');
}

static void entry_line(const time_lines *lines, const tally_time_facts *facts) {
    const tally_time_entry *entry = facts->entry;
    tally_description line;
    char room[TALLY_WORDS_SPARE_BYTES], text[TALLY_MONEY_TEXT_BYTES] = "";
    tally_date_format(entry->day, room);
    cli_table_line(lines->table);
    cli_cell_text(lines->table, room);
    if (entry->start_ms >= 0) {
        tally_time_format(cli_local_ms(lines->reading->zone, entry->start_ms), room);
        snprintf(text, sizeof text, "%.5s", room + strlen("2026-03-14T"));
    }
    cli_cell_text(lines->table, text);
    tally_pico_format_rounded(cli_hours_pico((uint64_t)facts->duration_ms), 2, true, text);
    cli_cell_text(lines->table, text);
    cli_whose_cell(lines->table, &facts->whose);
    cli_cell(lines->table, facts->whose.member, CLI_PLAIN);
    tally_describe_time(lines->reading->txn, entry, room, &line);
    cli_description_cell(lines->table, &line);
    tally_hex(tally_span_of(entry->id.b, ID_SHOWN_DIGITS / 2), text);
    cli_cell_text(lines->table, text);
}

static int share_show(void *ctx, const tally_time_facts *facts, tally_error *err) {
    time_lines *lines = ctx;
    (void)err;
    bool again = lines->entries > 0 && memcmp(lines->last.b, facts->entry->id.b, 16) == 0;
    lines->last = facts->entry->id;
    lines->entries += !again;
    lines->ms += (uint64_t)facts->duration_ms;
    if (lines->json)
        entry_json(lines, facts);
    else
        entry_line(lines, facts);
    return 0;
}

/* ---- list ---- */

static int list_json(cli *run, const cli_reading *reading, const tally_filter *filter,
                     tally_error *err) {
    cli_json json;
    time_lines lines = {.reading = reading, .json = &json};
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_period_json(&json, run, filter);
    cli_json_open(&json, "entries", '[');
    int code = tally_times_filter(reading->txn, filter, share_show, &lines, err);
    cli_json_close(&json, ']');
    cli_json_open(&json, "total", '{');
    cli_json_u64(&json, "entries", lines.entries);
    cli_json_u64(&json, "duration_ms", lines.ms);
    cli_hours_value_json(&json, "hours", lines.ms);
    cli_json_close(&json, '}');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static void total_line(const time_lines *lines) {
    char hours[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_rounded(cli_hours_pico(lines->ms), 2, true, hours);
    cli_table_line(lines->table);
    cli_cell(lines->table, tally_span_str("total"), CLI_STRONG);
    cli_cell_text(lines->table, "");
    cli_cell(lines->table, tally_span_str(hours), CLI_STRONG);
}

static int list_table(cli *run, const cli_reading *reading, const tally_filter *filter,
                      tally_error *err) {
    static const cli_column columns[] = {
        {"DATE", CLI_LEFT},  {"START", CLI_LEFT},      {"HOURS", CLI_RIGHT}, {"CLIENT", CLI_CUT},
        {"MEMBER", CLI_CUT}, {"DESCRIPTION", CLI_CUT}, {"ID", CLI_LEFT}};
    time_lines lines = {.reading = reading};
    FILE *out = cli_out_paged(run);
    lines.table = cli_table_new(out, columns, sizeof columns / sizeof *columns);
    if (!lines.table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int code = tally_times_filter(reading->txn, filter, share_show, &lines, err);
    if (!code && !lines.entries) {
        cli_say("no manual time matches; 'tally time add' writes some down");
    } else if (!code) {
        total_line(&lines);
        if (cli_table_print(lines.table)) code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    }
    cli_table_free(lines.table);
    return code;
}

static int list_run(cli *run) {
    return cli_list(run, list_json, list_table);
}

/* ---- add ---- */

typedef struct time_adding {
    tally_time_new entry;
    char client[TALLY_NAME_MAX_BYTES]; /* of the project that was named alone */
    uint8_t salt[TALLY_BLOB_SALT_BYTES];
    tally_entry_id id;
} time_adding;

static int day_read(const cli *run, const cli_reading *reading, int64_t *day, tally_error *err) {
    const char *text = cli_value(run, "date");
    tally_period period;
    int code = tally_period_parse(tally_span_str(text ? text : "today"), reading->zone,
                                  cli_now_ms(), &period, err);
    if (code || period.end_day - period.first_day != 1)
        return tally_fail(err, TALLY_EINVAL,
                          "--date %s is no date; write it like 2026-03-14, today or yesterday",
                          text ? text : "today");
    *day = period.first_day;
    if (*day > tally_zone_day(reading->zone, cli_now_ms()) + 1)
        cli_say("note: %s is yet to come", text);
    return 0;
}

/* HH:MM of the team's clock. */
static int start_read(const cli *run, const cli_reading *reading, tally_time_new *entry,
                      tally_error *err) {
    const char *text = cli_value(run, "start");
    int hour = 0, minute = 0, end = 0;
    entry->start_ms = -1;
    if (!text) return 0;
    bool form = strlen(text) == 5 && strspn(text, "0123456789:") == 5 &&
                // NOLINTNEXTLINE(cert-err34-c): two digits fit any integer
                sscanf(text, "%2d:%2d%n", &hour, &minute, &end) == 2 && end == 5;
    if (!form || hour > 23 || minute > 59)
        return tally_fail(err, TALLY_EINVAL, "--start %s is no time of day; write it like 09:00",
                          text);
    if (tally_zone_instant(reading->zone, entry->day, hour * 60 + minute, &entry->start_ms) != 0)
        return tally_fail(err, TALLY_EINVAL,
                          "the clock in %.*s does not show %s on that day: it is moved forward",
                          (int)reading->zone_name.len, (const char *)reading->zone_name.ptr, text);
    return 0;
}

/* A project named alone is its client's. The name is copied: a write moves what it lies in. */
static void client_complete(const cli_reading *reading, time_adding *adding) {
    tally_span client;
    if (adding->entry.client.len || !adding->entry.project.len ||
        !cli_project_client(reading->txn, adding->entry.project, &client) ||
        client.len > sizeof adding->client)
        return;
    memcpy(adding->client, client.ptr, client.len);
    adding->entry.client = tally_span_of((const uint8_t *)adding->client, client.len);
}

static int adding_read(cli *run, time_adding *adding, tally_error *err) {
    cli_reading reading = {0};
    const char *duration = cli_value(run, "duration");
    tally_time_new *entry = &adding->entry;
    if (tally_duration_parse(tally_span_str(duration), &entry->duration_ms) != 0)
        return tally_fail(err, TALLY_EINVAL,
                          "--duration %s is no length of time; write it like 1h30m, 1.5h, 90m or "
                          "1:30",
                          duration);
    entry->client = tally_span_str(cli_value(run, "client"));
    entry->project = tally_span_str(cli_value(run, "project"));
    if (run->argument_count) entry->text = tally_span_str(run->arguments[0]);
    entry->salt = adding->salt;
    int code = cli_reading_open(run, &reading, err);
    if (!code) code = day_read(run, &reading, &entry->day, err);
    if (!code) code = start_read(run, &reading, entry, err);
    if (!code) {
        client_complete(&reading, adding);
        cli_names_note(reading.txn, entry->client, entry->project);
    }
    cli_reading_close(&reading);
    return code;
}

static int adding_write(void *ctx, tally_txn *txn, tally_error *err) {
    time_adding *adding = ctx;
    return tally_time_append(txn, &adding->entry, &adding->id, err);
}

static int only_that(void *ctx, const tally_time_facts *facts, tally_error *err) {
    time_lines *lines = ctx;
    (void)err;
    if (memcmp(facts->entry->id.b, lines->last.b, sizeof lines->last.b) == 0)
        entry_json(lines, facts);
    return 0;
}

static int added_print(cli *run, const time_adding *adding, tally_error *err) {
    char hex[2 * TALLY_ENTRY_BYTES + 1], hours[TALLY_MONEY_TEXT_BYTES];
    char date[TALLY_TIME_TEXT_BYTES];
    cli_reading reading = {0};
    cli_json json;
    const tally_filter all = {.has_period = false};
    time_lines lines = {.reading = &reading, .json = &json, .last = adding->id};
    if (!run->json) {
        tally_hex(tally_span_of(adding->id.b, sizeof adding->id.b), hex);
        tally_date_format(adding->entry.day, date);
        tally_pico_format_rounded(cli_hours_pico((uint64_t)adding->entry.duration_ms), 2, true,
                                  hours);
        cli_say("entry %s: %s hours on %s; 'tally void %.8s' takes it back", hex, hours, date, hex);
        if (tally_words_vague(adding->entry.text))
            cli_say("a client could not tell what was done; 'tally describe %.8s \"words\"' says "
                    "more",
                    hex);
        return 0;
    }
    int code = cli_reading_open(run, &reading, err);
    if (!code) {
        cli_json_begin(&json, cli_out(run));
        code = tally_times_filter(reading.txn, &all, only_that, &lines, err);
        cli_json_end(&json);
    }
    cli_reading_close(&reading);
    return code;
}

static int add_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    time_adding adding = {.entry = {.start_ms = -1}};
    if (!cli_value(run, "duration"))
        return cli_usage(run, "say how long with --duration, like 1h30m, 1.5h, 90m or 1:30");
    randombytes_buf(adding.salt, sizeof adding.salt);
    int code = adding_read(run, &adding, &err);
    if (!code) code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), adding_write, &adding, &err);
    tally_ledger_close(ledger);
    if (!code) code = added_print(run, &adding, &err);
    return code ? cli_fail(&err) : CLI_DONE;
}

static const cli_option options[] = {
    {"duration", "LENGTH", "how long: 1h30m, 1.5h, 90m, 1:30"},
    {"client", "NAME", "for whom (default: the project's client)"},
    {"project", "NAME", "and on which project"},
    {"date", "DATE", "the day: 2026-03-14, yesterday (default: today)"},
    {"start", "HH:MM", "when it began, on the team's clock"},
    {NULL, NULL, NULL}};

const cli_command command_time_add = {.name = "time add",
                                      .arguments = "[WORDS]",
                                      .summary = "write down work that no agent saw",
                                      .example = "tally time add --client acme --duration 1h30m "
                                                 "--date 2026-03-14 'Kick-off call'",
                                      .options = options,
                                      .max_arguments = 1,
                                      .run = add_run};

const cli_command command_time_list = {.name = "time list",
                                       .arguments = "",
                                       .summary = "what was written down, by day",
                                       .example = "tally time list --client acme --period 2026-03",
                                       .filters = true,
                                       .run = list_run};
