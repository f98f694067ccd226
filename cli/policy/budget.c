/* tally budget set, list, unset, status and notify. What is spent of a budget is the ledger's to
 * say; the table of budgets is handled like the others, by policy.c; notices are in notice.c. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "budgets.h"
#include "commands.h"
#include "format/table_out.h"
#include "notice.h"
#include "open.h"
#include "policy.h"

#define NAME_ROOM                                                                                  \
    (4 * TALLY_NAME_MAX_BYTES) /* of a name put together; what is too long is refused */
#define MONEY_DECIMALS 2
#define BAR_CELLS      10
#define BAR_FULL       "\xe2\x96\x88"
#define BAR_EMPTY      "\xe2\x96\x91"
#define SHARE_WHOLE    10000 /* hundredths of a percent */

/* ---- set ---- */

/* What a budget may be of, in the order in which its name says it. */
static const char *const filters[] = {"client", "project", "tag", "agent"};
#define FILTERS (sizeof filters / sizeof *filters)

static bool given(const cli *run, const char *option) {
    const char *value = cli_value(run, option);
    return value && *value;
}

/* "acme-monthly", or "monthly" for one that all work counts against. */
static void name_make(const cli *run, char out[NAME_ROOM]) {
    size_t used = 0;
    for (size_t i = 0; i < FILTERS && used < NAME_ROOM; i++)
        if (given(run, filters[i]))
            used +=
                (size_t)snprintf(out + used, NAME_ROOM - used, "%s-", cli_value(run, filters[i]));
    if (used < NAME_ROOM) snprintf(out + used, NAME_ROOM - used, "%s", cli_value(run, "period"));
}

static bool row_says(const tally_policy_row *row, const char *key, const char *value) {
    tally_span there = {0};
    (void)tally_body_str(&row->record, key, &there);
    return tally_span_eq(there, tally_span_str(value));
}

/* A made name must not reach a budget of something else: a client and a tag may share a name, and
 * somebody may have called a client's budget 'monthly'. */
static int name_check(cli *run, const char *name) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_policy_row row;
    tally_span key = tally_span_str(name);
    int code = cli_reading_open(run, &reading, &err);
    bool same = true;
    if (!code && tally_policy_get(reading.txn, TALLY_POLICY_BUDGET, &key, 1, &row) == 0) {
        same = row_says(&row, "period", cli_value(run, "period"));
        for (size_t i = 0; i < FILTERS; i++)
            same = same && row_says(&row, filters[i], cli_value(run, filters[i]));
    }
    cli_reading_close(&reading);
    if (code) return cli_fail(&err);
    if (same) return CLI_DONE;
    return cli_usage(run,
                     "there is a budget '%s' already, of something else; give this one a name of "
                     "its own with --name, or change that one with --name %s",
                     name, name);
}

/* Words for thresholds that do not do what they seem to. */
static void thresholds_note(cli *run, const char *name) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_policy_row row;
    tally_span key = tally_span_str(name);
    int64_t notify = 0, stop = 0;
    if (!cli_reading_open(run, &reading, &err) &&
        tally_policy_get(reading.txn, TALLY_POLICY_BUDGET, &key, 1, &row) == 0) {
        bool notifies = tally_body_i64(&row.record, "notify_at", &notify);
        bool stops = tally_body_i64(&row.record, "stop_at", &stop);
        if (notifies && stops && notify >= stop)
            cli_say("note: it stops at %" PRId64 " %% before it notifies at %" PRId64 " %%", stop,
                    notify);
        if (!notifies && !stops)
            cli_say("note: it only counts; --notify-at and --stop-at make it act");
    }
    cli_reading_close(&reading);
}

static int set_run(cli *run) {
    char made[NAME_ROOM] = "";
    const char *name = cli_value(run, "name");
    int code = CLI_DONE;
    if (!name && !given(run, "period"))
        return cli_usage(run, "--period is needed: daily, weekly or monthly");
    if (!name) {
        name_make(run, made);
        if (strlen(made) > TALLY_NAME_MAX_BYTES)
            return cli_usage(run, "the name '%s' is too long; give a shorter one with --name",
                             made);
        name = made;
        code = name_check(run, name);
    }
    if (!code) code = cli_policy_set_named(run, name);
    if (!code) thresholds_note(run, name);
    return code;
}

/* ---- status ---- */

typedef struct budget_status {
    tally_span only; /* empty: all */
    cli_json *json;
    cli_table *table;
    bool bars;
    size_t shown;
    uint64_t unpriced;
    bool stopped;
} budget_status;

static void bar_cell(cli_table *table, const tally_budget *b) {
    char bar[BAR_CELLS * sizeof BAR_FULL] = "";
    tally_i128 full = b->share * BAR_CELLS / SHARE_WHOLE;
    size_t used = 0;
    for (int i = 0; i < BAR_CELLS; i++)
        used +=
            (size_t)snprintf(bar + used, sizeof bar - used, "%s", i < full ? BAR_FULL : BAR_EMPTY);
    cli_cell_text(table, bar);
}

static void money_cell(cli_table *table, tally_i128 pico, cli_tone tone) {
    char text[TALLY_MONEY_TEXT_BYTES];
    tally_pico_format_rounded(pico, MONEY_DECIMALS, true, text);
    cli_cell(table, tally_span_str(text), tone);
}

static void level_cell(cli_table *table, const tally_budget *b) {
    char past[32] = "fine";
    if (b->level == TALLY_BUDGET_NOTIFY)
        snprintf(past, sizeof past, "past %" PRIu32 " %%", b->notify_at);
    else if (b->level == TALLY_BUDGET_STOP)
        snprintf(past, sizeof past, "stopped");
    cli_cell(table, tally_span_str(past), b->level ? CLI_WARNING : CLI_PLAIN);
}

static void status_line(const budget_status *status, const tally_budget *b) {
    cli_table *table = status->table;
    char share[TALLY_MONEY_TEXT_BYTES];
    cli_budget_share(b, share);
    cli_table_line(table);
    cli_cell(table, b->budget, CLI_STRONG);
    if (status->bars) bar_cell(table, b);
    cli_cell_text(table, share);
    money_cell(table, b->spent, CLI_PLAIN);
    money_cell(table, b->limit, CLI_PLAIN);
    money_cell(table, b->limit - b->spent, b->spent > b->limit ? CLI_WARNING : CLI_PLAIN);
    money_cell(table, b->forecast, b->forecast > b->limit ? CLI_WARNING : CLI_PLAIN);
    cli_cell_u64(table, b->days_left > 0 ? (uint64_t)b->days_left : 0);
    level_cell(table, b);
}

static int status_budget(void *ctx, const tally_budget *b, tally_error *err) {
    budget_status *status = ctx;
    (void)err;
    if (status->only.len && !tally_span_eq(status->only, b->budget)) return 0;
    status->shown++;
    status->unpriced += b->unpriced_requests;
    status->stopped = status->stopped || b->level == TALLY_BUDGET_STOP;
    if (status->json)
        cli_budget_json(status->json, NULL, b);
    else
        status_line(status, b);
    return 0;
}

static int status_json(cli *run, const cli_reading *reading, budget_status *status,
                       tally_error *err) {
    cli_json json;
    status->json = &json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, "budgets", '[');
    int code = cli_budgets_each(reading->txn, reading->zone, cli_now_ms(), NULL, status_budget,
                                status, err);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

static cli_table *status_table_new(cli *run, bool bars) {
    cli_column columns[] = {{"BUDGET", CLI_CUT},     {"", CLI_LEFT},       {"SHARE", CLI_RIGHT},
                            {"SPENT", CLI_RIGHT},    {"LIMIT", CLI_RIGHT}, {"REMAINS", CLI_RIGHT},
                            {"FORECAST", CLI_RIGHT}, {"DAYS", CLI_SPARE},  {"LEVEL", CLI_LEFT}};
    size_t count = sizeof columns / sizeof *columns;
    if (!bars) memmove(columns + 1, columns + 2, (count - 2) * sizeof *columns);
    return cli_table_new(cli_out_paged(run), columns, bars ? count : count - 1);
}

static int status_text(cli *run, const cli_reading *reading, budget_status *status,
                       tally_error *err) {
    status->bars = isatty(STDOUT_FILENO) == 1;
    status->table = status_table_new(run, status->bars);
    if (!status->table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int code = cli_budgets_each(reading->txn, reading->zone, cli_now_ms(), NULL, status_budget,
                                status, err);
    if (!code && !status->shown) cli_say("no budget is set; 'tally help budget set' shows how");
    if (!code && cli_table_print(status->table))
        code = tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_table_free(status->table);
    if (!code && status->unpriced)
        cli_say("not in it: %" PRIu64
                " requests without a price; 'tally doctor' names their models",
                status->unpriced);
    return code;
}

static int name_known(tally_txn *txn, tally_span name, tally_error *err) {
    tally_policy_row row;
    if (!name.len || tally_policy_get(txn, TALLY_POLICY_BUDGET, &name, 1, &row) == 0) return 0;
    return tally_fail(err, TALLY_ENOTFOUND,
                      "there is no budget '%.*s'; 'tally budget list' shows them", (int)name.len,
                      (const char *)name.ptr);
}

static int status_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    budget_status status = {.shown = 0};
    if (run->argument_count && !*run->arguments[0]) return cli_usage(run, "the name is empty");
    if (run->argument_count) status.only = tally_span_str(run->arguments[0]);
    int code = cli_reading_open(run, &reading, &err);
    if (!code) code = name_known(reading.txn, status.only, &err);
    if (!code)
        code = run->json ? status_json(run, &reading, &status, &err)
                         : status_text(run, &reading, &status, &err);
    cli_reading_close(&reading);
    if (!code && status.stopped && cli_has(run, "check"))
        code = tally_fail(&err, TALLY_EREFUSED, "a budget has reached its --stop-at");
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- notify ---- */

static int notify_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    cli_notices notices = {.count = 0};
    cli_json json;
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = cli_notices_take(ledger, &notices, &err);
    if (!code) cli_notices_tell(&notices);
    if (!code && run->json) {
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_notices_json(&json, &notices);
        cli_json_close(&json, '}');
        cli_json_end(&json);
    } else if (!code) {
        cli_notices_say(&notices);
        if (!notices.count) cli_say("nothing that was not told already");
    }
    cli_notices_clear(&notices);
    tally_ledger_close(ledger);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- the commands ---- */

static const cli_option set_options[] = {
    {"period", "P", "daily, weekly or monthly; in the team's time zone, or the client's own"},
    {"limit", "AMOUNT", "how much it is, in USD at list price"},
    {"notify-at", "PERCENT", "tell people when so much of it is spent"},
    {"stop-at", "PERCENT", "have agents' hooks refuse prompts when so much is spent"},
    {"agent", "NAME", "only this agent's work (claude, codex-cli)"},
    {"client", "NAME", "only work for this client"},
    {"project", "NAME", "only this project"},
    {"tag", "TAG", "only what carries this tag"},
    {"name", "NAME", "what it is called (default: made of these, like acme-monthly)"},
    {NULL, NULL, NULL}};

const cli_command command_budget_set = {
    .name = "budget set",
    .arguments = "",
    .summary = "limit what is spent in a day, week or month",
    .example = "tally budget set --period monthly --limit 250 --notify-at 80 --stop-at 100",
    .options = set_options,
    .run = set_run};

const cli_command command_budget_list = {.name = "budget list",
                                         .arguments = "",
                                         .summary = "the budgets as they were set",
                                         .example = "tally budget list --json",
                                         .run = cli_policy_list};

const cli_command command_budget_unset = {.name = "budget unset",
                                          .arguments = "NAME",
                                          .summary = "take a budget away",
                                          .example = "tally budget unset acme-monthly",
                                          .min_arguments = 1,
                                          .max_arguments = 1,
                                          .run = cli_policy_unset};

static const cli_option status_options[] = {
    {"check", NULL, "exit with 4 when one has reached its --stop-at"}, {NULL, NULL, NULL}};

const cli_command command_budget_status = {.name = "budget status",
                                           .arguments = "[NAME]",
                                           .summary =
                                               "what is spent of the budgets, and what it comes to",
                                           .example = "tally budget status acme-monthly --json",
                                           .options = status_options,
                                           .max_arguments = 1,
                                           .run = status_run};

const cli_command command_budget_notify = {.name = "budget notify",
                                           .arguments = "",
                                           .summary =
                                               "tell once of each budget that reached a level",
                                           .example = "tally budget notify",
                                           .run = notify_run};
