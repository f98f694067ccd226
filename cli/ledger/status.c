/* tally status: what this ledger is and how far it has come. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "billing/invoices.h"
#include "commands.h"
#include "costs/cost_row.h"
#include "policy/budgets.h"
#include "report/attribution_out.h"
#include "sessions/line.h"
#include "team/device.h"

#define LINE_BYTES 1024

typedef struct status_facts {
    tally_ledger *ledger;
    tally_feed feed; /* this device's */
    tally_span member, device;
    uint64_t feeds, records, lost;
    bool has_head, captured;
    tally_checkpoint head;
    int64_t captured_ms;
    tally_sums total;
    uint64_t vague; /* sessions, other than sub-agents', whose line says nothing */
} status_facts;

typedef struct vague_count {
    const cli_reading *reading;
    uint64_t count;
} vague_count;

static int vague_add(void *ctx, const tally_agent_session *session) {
    vague_count *vague = ctx;
    if (!session->parent.len) vague->count += cli_session_line(vague->reading, session->ref)->vague;
    return 0;
}

static int conflict_json(void *ctx, const tally_conflict *conflict) {
    cli_json *json = ctx;
    cli_json_open(json, NULL, '{');
    cli_conflict_json(json, conflict);
    cli_json_close(json, '}');
    return 0;
}

static int conflict_text(void *ctx, const tally_conflict *conflict) {
    fprintf(ctx, "conflict      ");
    cli_conflict_print(ctx, conflict);
    return 0;
}

static int budget_json(void *ctx, const tally_budget *budget, tally_error *err) {
    (void)err;
    if (budget->level > TALLY_BUDGET_FINE) cli_budget_json(ctx, NULL, budget);
    return 0;
}

static int budget_text(void *ctx, const tally_budget *budget, tally_error *err) {
    char text[CLI_BUDGET_LINE_BYTES];
    (void)err;
    cli_budget_sentence(budget, text);
    if (budget->level > TALLY_BUDGET_FINE) fprintf(ctx, "budget        %s\n", text);
    return 0;
}

static int invoice_json(void *ctx, const tally_invoice_conflict *conflict, tally_error *err) {
    (void)err;
    cli_invoice_conflict_json(ctx, conflict);
    return 0;
}

static int invoice_text(void *ctx, const tally_invoice_conflict *conflict, tally_error *err) {
    char text[LINE_BYTES];
    (void)err;
    cli_invoice_conflict_words(conflict, text, sizeof text);
    cli_text_one_line(text);
    fprintf(ctx, "conflict      %s\n", text);
    return 0;
}

static int fallen_text(void *ctx, const tally_issued *issued, tally_error *err) {
    char text[LINE_BYTES];
    (void)err;
    cli_invoice_fallen_words(issued, text, sizeof text);
    cli_text_one_line(text);
    fprintf(ctx, "conflict      %s\n", text);
    return 0;
}

typedef struct fork_lines {
    tally_txn *txn;
    FILE *out;
} fork_lines;

/* What an admin has not settled yet. */
static int fork_text(void *ctx, const tally_fork_state *state, tally_error *err) {
    fork_lines *lines = ctx;
    tally_team_device known = {.device = state->proof.device};
    char names[CLI_NAMES_TEXT_BYTES];
    (void)err;
    if (state->resolved) return 0;
    (void)tally_team_device_get(lines->txn, &state->proof.device, &known);
    cli_device_names(&known, names);
    cli_text_one_line(names);
    fprintf(lines->out,
            "fork          %s signed two histories: none of its records after the first %" PRIu64
            " counts; 'tally team forks' shows them\n",
            names, state->proof.common);
    return 0;
}

static int fork_json(void *ctx, const tally_fork_state *state, tally_error *err) {
    (void)err;
    if (!state->resolved)
        cli_json_hex(ctx, NULL, tally_span_of(state->proof.device.b, sizeof state->proof.device.b));
    return 0;
}

/* The time of the last pass, as capture_run leaves it. */
static void capture_time(const cli *run, status_facts *facts) {
    char path[PATH_MAX + sizeof CLI_CAPTURE_MARK];
    struct stat mark;
    snprintf(path, sizeof path, "%s%s", run->dir, CLI_CAPTURE_MARK);
    facts->captured = stat(path, &mark) == 0;
    if (facts->captured)
        facts->captured_ms = (int64_t)mark.st_mtim.tv_sec * 1000 + mark.st_mtim.tv_nsec / 1000000;
}

static int facts_read(cli *run, const cli_reading *reading, status_facts *facts, tally_error *err) {
    tally_filter all = {.has_period = false};
    tally_txn *txn = reading->txn;
    facts->ledger = reading->ledger;
    facts->feeds = tally_feed_count(txn);
    int code = tally_feed_get(txn, 0, &facts->feed, err);
    for (uint32_t i = 0; !code && i < facts->feeds; i++) {
        tally_feed feed;
        code = tally_feed_get(txn, i, &feed, err);
        if (!code) facts->records += feed.size;
    }
    uint64_t signed_before;
    if (!code) (void)tally_mark_lost(facts->ledger, &signed_before, &facts->lost, NULL);
    if (!code) code = tally_feed_names(txn, 0, &facts->member, &facts->device);
    if (!code && facts->feed.size) {
        code = tally_checkpoint_get(txn, 0, facts->feed.size - 1, &facts->head, err);
        facts->has_head = !code;
    }
    if (!code) code = cli_total(reading, &all, &facts->total, err);
    vague_count vague = {reading, 0};
    if (!code) code = tally_agent_session_each(txn, vague_add, &vague);
    facts->vague = vague.count;
    capture_time(run, facts);
    return code;
}

static int status_json(cli *run, const cli_reading *reading, const status_facts *facts,
                       tally_error *err) {
    cli_json json;
    tally_gaps gaps;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "dir", run->dir);
    cli_json_hex(&json, "team",
                 tally_span_of(tally_ledger_team(facts->ledger)->b, TALLY_HASH_BYTES));
    cli_json_text(&json, "team_name", reading->team.name);
    cli_json_text(&json, "timezone", reading->team.timezone);
    cli_json_text(&json, "currency", reading->team.currency);
    cli_json_text(&json, "member", facts->member);
    cli_json_text(&json, "device_name", facts->device);
    cli_json_hex(&json, "device", tally_span_of(facts->feed.device.b, sizeof facts->feed.device.b));
    cli_json_u64(&json, "feeds", facts->feeds);
    cli_json_u64(&json, "records", facts->records);
    cli_json_u64(&json, "records_lost", facts->lost);
    cli_json_time_or_null(&json, "last_capture", facts->captured, facts->captured_ms);
    cli_json_open(&json, "head", '{');
    cli_json_u64(&json, "size", facts->head.size);
    if (facts->has_head)
        cli_json_hex(&json, "root", tally_span_of(facts->head.root.b, TALLY_HASH_BYTES));
    cli_json_close(&json, '}');
    cli_json_open(&json, "total", '{');
    cli_sums_json(&json, &facts->total);
    cli_json_close(&json, '}');
    cli_json_u64(&json, "unpriced_requests", facts->total.unpriced_requests);
    cli_json_open(&json, "conflicts", '[');
    int code = tally_gaps_count(reading->txn, &gaps, conflict_json, &json, err);
    cli_json_close(&json, ']');
    cli_json_u64(&json, "unattributed_sessions", gaps.unattributed);
    cli_json_u64(&json, "vague_sessions", facts->vague);
    cli_json_open(&json, "budgets", '[');
    if (!code)
        code = cli_budgets_each(reading->txn, reading->zone, cli_now_ms(), NULL, budget_json, &json,
                                err);
    cli_json_close(&json, ']');
    cli_json_open(&json, "invoice_conflicts", '[');
    if (!code) code = tally_invoice_conflicts(reading->txn, invoice_json, &json, err);
    cli_json_close(&json, ']');
    int64_t today = tally_zone_day(reading->zone, cli_now_ms());
    if (!code) code = cli_invoices_fallen_json(&json, "invoices_fallen", reading->txn, today, err);
    cli_json_open(&json, "forks", '[');
    if (!code) code = tally_fork_each(reading->txn, fork_json, &json, err);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
    return code;
}

/* A line with names in it, which come from records. */
__attribute__((format(printf, 2, 3))) static void line_put(FILE *out, const char *format, ...) {
    char text[LINE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_text_one_line(text);
    fprintf(out, "%s\n", text);
}

static int status_text(cli *run, const cli_reading *reading, const status_facts *facts,
                       tally_error *err) {
    FILE *out = cli_out(run);
    tally_gaps gaps;
    char time[TALLY_TIME_TEXT_BYTES] = "never; run 'tally capture'";
    char root[2 * TALLY_HASH_BYTES + 1] = "none";
    if (facts->captured) tally_time_format(facts->captured_ms, time);
    if (facts->has_head) tally_hex(tally_span_of(facts->head.root.b, TALLY_HASH_BYTES), root);
    line_put(out, "team          %.*s (%.*s, %.*s)", (int)reading->team.name.len,
             (const char *)reading->team.name.ptr, (int)reading->team.timezone.len,
             (const char *)reading->team.timezone.ptr, (int)reading->team.currency.len,
             (const char *)reading->team.currency.ptr);
    line_put(out, "you           %.*s on %.*s", (int)facts->member.len,
             (const char *)facts->member.ptr, (int)facts->device.len,
             (const char *)facts->device.ptr);
    fprintf(out, "ledger        %s\n", run->dir);
    fprintf(out, "records       %" PRIu64 " in %" PRIu64 " feed%s\n", facts->records, facts->feeds,
            facts->feeds == 1 ? "" : "s");
    if (facts->lost)
        fprintf(out,
                "older copy    lacks %" PRIu64
                " of the records that this device signed; 'tally doctor' says how to go on\n",
                facts->lost);
    fprintf(out, "head          size %" PRIu64 ", root %s\n", facts->head.size, root);
    fprintf(out, "last capture  %s\n", time);
    fprintf(out, "requests      %" PRIu64 " in %" PRIu64 " sessions\n", facts->total.requests,
            facts->total.sessions);
    if (facts->total.unpriced_requests)
        fprintf(out, "unpriced      %" PRIu64 " requests; 'tally doctor' names their models\n",
                facts->total.unpriced_requests);
    int code = tally_gaps_count(reading->txn, &gaps, conflict_text, out, err);
    if (!code && facts->vague)
        fprintf(out,
                "descriptions  %" PRIu64
                " sessions need words; 'tally sessions' marks them, 'tally "
                "describe' takes them\n",
                facts->vague);
    if (!code && gaps.unattributed)
        fprintf(out,
                "unattributed  %" PRIu64 " of %" PRIu64
                " sessions; 'tally sessions --unattributed' lists them\n",
                gaps.unattributed, gaps.sessions);
    if (!code)
        code = cli_budgets_each(reading->txn, reading->zone, cli_now_ms(), NULL, budget_text, out,
                                err);
    int64_t today = tally_zone_day(reading->zone, cli_now_ms());
    fork_lines lines = {reading->txn, out};
    if (!code) code = tally_invoices_fallen(reading->txn, today, fallen_text, out, err);
    if (!code) code = tally_invoice_conflicts(reading->txn, invoice_text, out, err);
    return code ? code : tally_fork_each(reading->txn, fork_text, &lines, err);
}

static int status_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    status_facts facts = {.captured = false};
    int code = cli_reading_open(run, &reading, &err);
    if (!code) {
        code = facts_read(run, &reading, &facts, &err);
        if (code && !err.text[0])
            tally_fail(&err, code, "this device's feed cannot be read; run 'tally fsck'");
    }
    if (!code)
        code = run->json ? status_json(run, &reading, &facts, &err)
                         : status_text(run, &reading, &facts, &err);
    cli_reading_close(&reading);
    return code ? cli_fail(&err) : CLI_DONE;
}

const cli_command command_status = {.name = "status",
                                    .arguments = "",
                                    .summary = "the team, this device, records, last capture",
                                    .example = "tally status --json",
                                    .run = status_run};
