/* tally statusline: one line for an agent's or a shell's status line: what today cost, whose the
 * work here is, and how much of its budgets is spent. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tally/json.h>
#include <tally/report.h>

#include "commands.h"
#include "file.h"
#include "format/json_out.h"
#include "format/memstream.h"
#include "hook_event.h"
#include "open.h"
#include "policy/budgets.h"
#include "sessions/work.h"

#define INPUT_MAX_BYTES  (1024u * 1024u)
#define INPUT_WAIT_MS    50
#define SHARE_PERCENT    100 /* hundredths in a percent */
#define BUDGET_SHOWN_MAX 2u  /* in the line; --json has all */

#define YELLOW "\x1b[33m"
#define RED    "\x1b[31m"
#define PLAIN  "\x1b[0m"

typedef struct line {
    cli *run;
    hook_event place;
    bool called; /* by an agent, which shows colours */
    tally_i128 today;
    tally_attribution said;
    cli_json json;
    FILE *out;
    unsigned shown;
} line;

/* ---- where ---- */

/* Whoever calls may leave a pipe open and say nothing. */
static bool input_waits(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return isatty(STDIN_FILENO) != 1 && poll(&input, 1, INPUT_WAIT_MS) == 1 &&
           (input.revents & POLLIN);
}

static void place_read(line *at) {
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (input_waits() && cli_file_read("-", INPUT_MAX_BYTES, &bytes, &len, NULL) == 0)
        at->called = hook_event_read(hook_agent_at(0), tally_span_of(bytes, len), &at->place);
    free(bytes);
    if (!at->called) memset(&at->place, 0, sizeof at->place);
    if (!at->place.cwd[0] && !getcwd(at->place.cwd, sizeof at->place.cwd)) at->place.cwd[0] = '\0';
}

/* ---- what ---- */

static int cost_add(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    line *at = ctx;
    if (facts->priced.priced && tally_add_i128(at->today, facts->priced.pico, &at->today))
        return tally_inexact("the sum of today's costs", err);
    return 0;
}

static int today_sum(const cli_reading *reading, line *at, tally_error *err) {
    tally_filter filter = {.has_period = true};
    tally_span device;
    int code = tally_period_parse(tally_span_str("today"), reading->zone, cli_now_ms(),
                                  &filter.period, err);
    if (!code && tally_feed_names(reading->txn, 0, &filter.member, &device))
        filter.member = (tally_span){0};
    if (!code) code = tally_costs_filter(reading->txn, &filter, cost_add, at, err);
    return code;
}

/* ---- printing ---- */

static bool colours(const line *at) {
    const char *no = getenv("NO_COLOR");
    return !(no && *no) && (at->called || isatty(STDOUT_FILENO) == 1);
}

static void put_name(FILE *out, tally_span name) {
    char text[4 * TALLY_NAME_MAX_BYTES];
    snprintf(text, sizeof text, "%.*s", (int)name.len, (const char *)name.ptr);
    cli_text_one_line(text);
    fputs(text, out);
}

static int budget_text(void *ctx, const tally_budget *budget, tally_error *err) {
    static const char *const colour[] = {"", YELLOW, RED};
    line *at = ctx;
    (void)err;
    if (at->shown++ >= BUDGET_SHOWN_MAX && budget->level == TALLY_BUDGET_FINE) return 0;
    const char *in = colours(at) ? colour[budget->level] : "";
    fprintf(at->out, " · %s", in);
    put_name(at->out, budget->budget);
    fprintf(at->out, " %lld%%%s", (long long)(budget->share / SHARE_PERCENT), *in ? PLAIN : "");
    return 0;
}

static int budget_json(void *ctx, const tally_budget *budget, tally_error *err) {
    line *at = ctx;
    (void)err;
    cli_budget_json(&at->json, NULL, budget);
    return 0;
}

static void today_put(line *at) {
    char money[TALLY_MONEY_TEXT_BYTES];
    bool split = at->said.count > 1;
    tally_share whole = {0};
    if (at->said.count == 1) whole = at->said.shares[0];
    if (at->run->json) {
        cli_json_begin(&at->json, at->out);
        cli_json_open(&at->json, NULL, '{');
        cli_json_money(&at->json, "today", at->today);
        cli_json_string(&at->json, "currency", TALLY_COST_CURRENCY);
        cli_json_text_or_null(&at->json, "client", whole.client);
        cli_json_text_or_null(&at->json, "project", whole.project);
        cli_json_open(&at->json, "budgets", '[');
        return;
    }
    tally_pico_format_rounded(at->today, 2, true, money);
    fprintf(at->out, "$%s today · ", money);
    if (split)
        fputs("split", at->out);
    else if (at->said.count)
        put_name(at->out, whole.client.len ? whole.client : whole.project);
    else
        fputs(at->said.by == TALLY_ATTRIBUTED_CONFLICT ? "rules conflict" : "no client", at->out);
}

static void line_end(line *at) {
    if (at->run->json) {
        cli_json_close(&at->json, ']');
        cli_json_close(&at->json, '}');
        cli_json_end(&at->json);
    } else
        fputc('\n', at->out);
}

/* ---- the command ---- */

static int line_make(line *at, cli_work *work, tally_error *err) {
    cli_reading reading = {0};
    const char *agent = at->called ? hook_agent_at(0)->name : NULL;
    int code = cli_reading_open(at->run, &reading, err);
    if (!code) code = today_sum(&reading, at, err);
    if (!code) {
        cli_work_find(reading.txn, agent, at->place.session, at->place.cwd, work);
        code = cli_work_attribute(reading.txn, work, &at->said, err);
    }
    if (!code) {
        today_put(at);
        code = cli_budgets_each(reading.txn, reading.zone, cli_now_ms(), &work->asked,
                                at->run->json ? budget_json : budget_text, at, err);
        line_end(at);
    }
    cli_reading_close(&reading);
    return code;
}

/* A status line that complains would stand there all day: a few words, whatever the trouble. */
static void trouble_put(cli *run, int code) {
    const char *why = code == TALLY_ENOTFOUND ? "no ledger here; run 'tally init'"
                                              : "the ledger cannot be read; run 'tally doctor'";
    cli_json json;
    if (!run->json) {
        fprintf(cli_out(run), "tally: %s\n", why);
        return;
    }
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "error", why);
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static int statusline_run(cli *run) {
    tally_error err = {0};
    char *text = NULL;
    size_t len = 0;
    line *at = calloc(1, sizeof *at);
    cli_work *work = calloc(1, sizeof *work);
    FILE *whole = open_memstream(&text, &len); /* a half line is none */
    int code = TALLY_ENOMEM;
    if (at && work && whole) {
        *at = (line){.run = run, .out = whole};
        place_read(at);
        code = line_make(at, work, &err);
    }
    if (whole && !cli_memstream_close(whole, &text)) code = TALLY_ENOMEM;
    if (!code)
        fputs(text, cli_out(run));
    else
        trouble_put(run, code);
    free(text);
    free(work);
    free(at);
    return CLI_DONE;
}

const cli_command command_statusline = {.name = "statusline",
                                        .arguments = "",
                                        .summary =
                                            "today's cost, the client and its budgets, in one line",
                                        .example = "tally statusline",
                                        .inside_agent = true,
                                        .run = statusline_run};
