/* tally sessions show: one session with its prompts, activity and costs. */
#include <inttypes.h>
#include <string.h>

#include <tally/money.h>

#include "commands.h"
#include "line.h"
#include "report/attribution_out.h"
#include "session_shares.h"
#include "sessions.h"

#define FIELD_BYTES 4096 /* of one line of text about a session */

typedef struct session_view {
    cli *run;
    const cli_reading *reading;
    uint64_t ref;
    cli_json *json;
    cli_table *table;
    bool human; /* which kind of activity is wanted */
} session_view;

static int activity_json(void *ctx, const tally_activity *activity) {
    session_view *view = ctx;
    if (activity->human != view->human) return 0;
    if (view->human) {
        cli_json_time(view->json, NULL, activity->start_ms);
        return 0;
    }
    cli_json_open(view->json, NULL, '{');
    cli_json_time(view->json, "start", activity->start_ms);
    cli_json_time(view->json, "end", activity->end_ms);
    cli_json_close(view->json, '}');
    return 0;
}

static int cost_json(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    session_view *view = ctx;
    (void)err;
    /* Two agents may use one id; the reference tells them apart. */
    if (facts->cost->session == view->ref) cli_cost_json(view->json, view->reading, facts);
    return 0;
}

static int cost_line(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    session_view *view = ctx;
    const tally_usage *usage = &facts->cost->usage;
    (void)err;
    if (facts->cost->session != view->ref) return 0;
    cli_table_line(view->table);
    cli_cell_minute(view->table, cli_local_ms(view->reading->zone, facts->cost->time_ms));
    cli_whose_cell(view->table, &facts->whose);
    cli_cell(view->table, facts->model, CLI_PLAIN);
    cli_cell_u64(view->table, usage->input);
    cli_cell_u64(view->table, usage->output);
    cli_cell_u64(view->table, usage->cache_read);
    cli_cell_u64(view->table, usage->cache_write_5m + usage->cache_write_1h);
    if (facts->priced.priced)
        cli_cell_money(view->table, facts->priced.pico);
    else
        cli_cell(view->table, tally_span_str("unpriced"), CLI_WARNING);
    return 0;
}

static int show_json(session_view *view, const tally_session_row *row, const tally_filter *filter,
                     tally_error *err) {
    tally_report *models = NULL;
    cli_json json;
    int code = cli_session_models_open(view->reading, filter, &models, err);
    if (code) return code;
    view->json = &json;
    cli_json_begin(&json, cli_out(view->run));
    cli_json_open(&json, NULL, '{');
    cli_session_fields_json(&json, view->reading, row, models);
    code = cli_session_shares_json(&json, view->reading, row, err);
    if (!code) code = cli_session_overlap_json(&json, view->reading, row, err);
    cli_json_open(&json, "prompt_times", '[');
    view->human = true;
    if (!code) code = tally_activity_each(view->reading->txn, view->ref, activity_json, view);
    cli_json_close(&json, ']');
    cli_json_open(&json, "activity", '[');
    view->human = false;
    if (!code) code = tally_activity_each(view->reading->txn, view->ref, activity_json, view);
    cli_json_close(&json, ']');
    cli_json_open(&json, "costs", '[');
    if (code && !err->text[0])
        (void)tally_fail(err, code, "the session's activity cannot be read; run 'tally fsck'");
    if (!code) code = tally_costs_filter(view->reading->txn, filter, cost_json, view, err);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    view->json = NULL;
    tally_report_free(models);
    return code;
}

static void field(FILE *out, const char *name, tally_span text) {
    char calm[FIELD_BYTES];
    if (!text.len) return;
    snprintf(calm, sizeof calm, "%.*s", (int)(text.len < sizeof calm ? text.len : sizeof calm - 1),
             (const char *)text.ptr);
    cli_text_one_line(calm);
    fprintf(out, "%-9s %s\n", name, calm);
}

static const char *const line_sources[] = {
    [TALLY_WORDS_PERSON] = "a person's words",        [TALLY_WORDS_COMMAND] = "describe.command",
    [TALLY_WORDS_COMMITS] = "commits made meanwhile", [TALLY_WORDS_TITLE] = "the agent's title",
    [TALLY_WORDS_PROMPT] = "the first prompt",        [TALLY_WORDS_NONE] = "nothing says more",
};

static void fields_text(const session_view *view, const tally_session_row *row, FILE *out) {
    char times[TALLY_TIME_TEXT_BYTES], words[TALLY_WORDS_MAX_BYTES + CLI_ATTRIBUTION_BYTES];
    field(out, "session", row->session.id);
    field(out, "agent", row->session.agent);
    const tally_description *line = cli_session_line(view->reading, row->session.ref);
    snprintf(words, sizeof words, "%.*s (%s%s)", (int)line->text.len, (const char *)line->text.ptr,
             line_sources[line->from], line->vague ? "; vague, 'tally describe' says more" : "");
    field(out, "line", tally_span_str(words));
    bool redacted = cli_title_redacted(view->reading, row);
    field(out, "title", redacted ? tally_span_str(CLI_TITLE_REDACTED) : row->title);
    field(out, "directory", row->session.cwd);
    field(out, "branch", row->session.branch);
    for (size_t i = 0; i < row->tag_count; i++)
        field(out, "tag", row->tags[i]);
    if (row->said.count == 1) {
        field(out, "client", row->said.shares[0].client);
        field(out, "project", row->said.shares[0].project);
    }
    cli_attribution_words(view->reading->txn, &row->said, words);
    field(out, "decided", tally_span_str(words));
    tally_time_format(row->start_ms, times);
    field(out, "start", tally_span_str(times));
    tally_time_format(row->end_ms, times);
    field(out, "end", tally_span_str(times));
    fprintf(out, "%-9s %" PRIu64 "\n", "prompts", row->prompts);
}

static int show_text(session_view *view, const tally_session_row *row, const tally_filter *filter,
                     tally_error *err) {
    static const cli_column columns[] = {{"TIME", CLI_LEFT},         {"CLIENT", CLI_CUT},
                                         {"MODEL", CLI_CUT},         {"INPUT", CLI_RIGHT},
                                         {"OUTPUT", CLI_RIGHT},      {"CACHE READ", CLI_RIGHT},
                                         {"CACHE WRITE", CLI_RIGHT}, {"COST", CLI_RIGHT}};
    FILE *out = cli_out_paged(view->run);
    fields_text(view, row, out);
    int code = cli_session_shares_text(out, view->reading, row, err);
    if (!code) code = cli_session_overlap_text(out, view->reading, row, err);
    if (code) return code;
    fputs("\n", out);
    view->table = cli_table_new(out, columns, sizeof columns / sizeof *columns);
    if (!view->table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    code = tally_costs_filter(view->reading->txn, filter, cost_line, view, err);
    if (!code && cli_table_print(view->table))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_table_free(view->table);
    return code;
}

/* The row of that very session among those that share its id. */
static const tally_session_row *row_of(const tally_session_list *list, uint64_t ref) {
    for (size_t i = 0; i < tally_sessions_count(list); i++)
        if (tally_sessions_at(list, i)->session.ref == ref) return tally_sessions_at(list, i);
    return NULL;
}

static int show_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_agent_session session = {0};
    tally_session_list *list = NULL;
    session_view view = {.run = run, .reading = &reading};
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = cli_session_find(reading.txn, run->arguments[0], &session, &err);
    tally_filter filter = {.session = session.id, .agent = session.agent};
    if (!code) code = tally_sessions_run(reading.txn, &filter, &list, &err);
    const tally_session_row *row = code ? NULL : row_of(list, session.ref);
    view.ref = session.ref;
    if (!code && !row)
        code = tally_fail(&err, TALLY_ENOTFOUND, "session %s has neither costs nor activity",
                          run->arguments[0]);
    else if (row && run->json)
        code = show_json(&view, row, &filter, &err);
    else if (row)
        code = show_text(&view, row, &filter, &err);
    tally_sessions_free(list);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_sessions_show = {.name = "sessions show",
                                           .arguments = "ID",
                                           .summary = "one session: prompts, activity, costs",
                                           .example = "tally sessions show 30dcd767",
                                           .min_arguments = 1,
                                           .max_arguments = 1,
                                           .run = show_run};
