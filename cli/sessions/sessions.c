/* tally sessions: the list of sessions with their sums. sessions_show.c has one in full. */
#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#include <tally/blob.h>

#include "commands.h"
#include "filter.h"
#include "line.h"
#include "policy/engaged.h"
#include "report/attribution_out.h"

#define CELL_BYTES 512u

/* The order of a report's keys: what is empty comes last. */
static int key_compare(tally_span a, tally_span b) {
    if (!a.len || !b.len) return (int)!a.len - (int)!b.len;
    return tally_span_cmp(a, b);
}

static int name_compare(const tally_report_row *row, const tally_agent_session *session) {
    int order = key_compare(row->keys[0], session->agent);
    return order ? order : key_compare(row->keys[1], session->id);
}

int cli_session_models_open(const cli_reading *reading, const tally_filter *filter,
                            tally_report **out, tally_error *err) {
    static const tally_report_key keys[] = {TALLY_BY_AGENT, TALLY_BY_SESSION, TALLY_BY_MODEL};
    tally_filter all = *filter;
    /* Limits are on the sum of a session, not on one response of it. */
    all.has_min_cost = all.has_max_cost = false;
    return tally_report_run(reading->txn, &all, keys, sizeof keys / sizeof *keys, reading->zone,
                            out, err);
}

/* Rows are in ascending order of their keys: the first one of the session. */
static size_t models_first(const tally_report *models, const tally_agent_session *session) {
    size_t low = 0, high = tally_report_count(models);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (name_compare(tally_report_at(models, middle), session) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void models_json(cli_json *json, const tally_report *models,
                        const tally_agent_session *session) {
    size_t count = tally_report_count(models);
    cli_json_open(json, "models", '[');
    for (size_t i = models_first(models, session); i < count; i++) {
        const tally_report_row *row = tally_report_at(models, i);
        if (name_compare(row, session) != 0) break;
        cli_json_text(json, NULL, row->keys[2]);
    }
    cli_json_close(json, ']');
}

bool cli_title_redacted(const cli_reading *reading, const tally_session_row *row) {
    tally_hash blob;
    if (row->title.len || !row->session.title) return false;
    memcpy(blob.b, row->session.title, sizeof blob.b);
    return tally_blob_redacted(reading->txn, &blob);
}

void cli_session_fields_json(cli_json *json, const cli_reading *reading,
                             const tally_session_row *row, const tally_report *models) {
    tally_span member = {0}, device = {0};
    (void)tally_feed_names(reading->txn, row->session.feed, &member, &device);
    cli_json_text(json, "session", row->session.id);
    cli_json_text(json, "agent", row->session.agent);
    cli_json_text(json, "id", row->session.id);
    cli_json_text_or_null(json, "parent", row->session.parent);
    cli_json_time(json, "start", row->start_ms);
    cli_json_time(json, "end", row->end_ms);
    cli_json_u64(json, "prompts", row->prompts);
    cli_json_u64(json, "requests", row->sums.requests);
    cli_json_text_or_null(json, "project_path", row->session.cwd);
    cli_attribution_json(json, reading->txn, &row->said);
    cli_json_text_or_null(json, "branch", row->session.branch);
    models_json(json, models, &row->session);
    cli_json_texts(json, "tags", row->tags, row->tag_count);
    cli_json_text_or_null(json, "title", row->title);
    cli_json_bool(json, "title_redacted", cli_title_redacted(reading, row));
    cli_description_json(json, cli_session_line(reading, row->session.ref));
    cli_json_u64(json, "input_tokens", row->sums.input);
    cli_json_u64(json, "output_tokens", row->sums.output);
    cli_json_u64(json, "reasoning_tokens", row->sums.reasoning);
    cli_json_u64(json, "cache_read_tokens", row->sums.cache_read);
    cli_json_u64(json, "cache_write_tokens", row->sums.cache_write_5m + row->sums.cache_write_1h);
    cli_json_money_or_null(json, "total_cost", cli_sums_priced(&row->sums), row->sums.pico);
    cli_json_u64(json, "unpriced_requests", row->sums.unpriced_requests);
    cli_hours_json(json, &row->sums);
    cli_json_string(json, "currency", TALLY_COST_CURRENCY);
    cli_json_text(json, "member", member);
    cli_json_text(json, "device", device);
}

static int sessions_json(cli *run, const cli_reading *reading, const tally_filter *filter,
                         const tally_session_list *list, tally_error *err) {
    tally_report *models = NULL;
    cli_json json;
    int code = cli_session_models_open(reading, filter, &models, err);
    if (code) return code;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_period_json(&json, run, filter);
    cli_overlap_json(&json, reading);
    cli_json_open(&json, "sessions", '[');
    for (size_t i = 0; i < tally_sessions_count(list); i++) {
        cli_json_open(&json, NULL, '{');
        cli_session_fields_json(&json, reading, tally_sessions_at(list, i), models);
        cli_json_close(&json, '}');
    }
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    tally_report_free(models);
    return 0;
}

static void cell_texts(cli_table *table, const tally_span *texts, size_t count) {
    char cell[CELL_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < count && used + texts[i].len + 2 < sizeof cell; i++) {
        if (i) cell[used++] = ' ';
        memcpy(cell + used, texts[i].ptr, texts[i].len);
        used += texts[i].len;
    }
    cli_cell(table, tally_span_of(cell, used), CLI_PLAIN);
}

static int sessions_table(cli *run, const cli_reading *reading, const tally_session_list *list) {
    static const cli_column columns[] = {
        {"START", CLI_LEFT},       {"AGENT", CLI_CUT},      {"SESSION", CLI_LEFT},
        {"CLIENT", CLI_CUT},       {"PROJECT", CLI_LEAN},   {"ENGAGED", CLI_RIGHT},
        {"AGENT TIME", CLI_SPARE}, {"PROMPTS", CLI_SPARE},  {"REQUESTS", CLI_SPARE},
        {"COST", CLI_RIGHT},       {"UNPRICED", CLI_SPARE}, {"TAGS", CLI_LEAN},
        {"DESCRIPTION", CLI_CUT},
    };
    cli_table *table = cli_table_new(cli_out_paged(run), columns, sizeof columns / sizeof *columns);
    if (!table) return -1;
    for (size_t i = 0; i < tally_sessions_count(list); i++) {
        const tally_session_row *row = tally_sessions_at(list, i);
        tally_span id = row->session.id;
        if (id.len > CLI_SESSION_SHORT_BYTES) id.len = CLI_SESSION_SHORT_BYTES;
        cli_table_line(table);
        cli_cell_minute(table, cli_local_ms(reading->zone, row->start_ms));
        cli_cell(table, row->session.agent, CLI_PLAIN);
        cli_cell(table, id, CLI_PLAIN);
        cli_attribution_cell(table, &row->said);
        cli_cell_path(table, row->session.cwd);
        cli_hours_cells(table, &row->sums, CLI_PLAIN);
        cli_cell_u64(table, row->prompts);
        cli_cell_u64(table, row->sums.requests);
        cli_sums_cost_cells(table, &row->sums, CLI_PLAIN);
        cell_texts(table, row->tags, row->tag_count);
        const tally_description *line = cli_session_line(reading, row->session.ref);
        bool redacted = line->from == TALLY_WORDS_NONE && cli_title_redacted(reading, row);
        if (redacted)
            cli_cell(table, tally_span_str(CLI_TITLE_REDACTED), CLI_PLAIN);
        else
            cli_description_cell(table, line);
    }
    int code = cli_table_print(table);
    cli_table_free(table);
    cli_overlap_note(cli_out(run), reading);
    return code;
}

static int sessions_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_filter filter;
    tally_session_list *list = NULL;
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_filter_read(run, &reading, &filter, &err);
    if (!code) code = tally_sessions_run(reading.txn, &filter, &list, &err);
    if (!code && run->json)
        code = sessions_json(run, &reading, &filter, list, &err);
    else if (!code && !tally_sessions_count(list))
        cli_no_match_say(&reading, &filter, "sessions");
    else if (!code && sessions_table(run, &reading, list))
        code = tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    tally_sessions_free(list);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_sessions = {
    .name = "sessions",
    .arguments = "",
    .summary = "list the agents' sessions, newest first",
    .example = "tally sessions --tag acme --agent claude --period 2026-03 --min-cost 1.00",
    .filters = true,
    .run = sessions_run};
