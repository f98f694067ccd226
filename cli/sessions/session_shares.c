/* What of a session goes to whom, and which minutes it had to share. All figures are the ledger's:
 * reports by client, and overlaps. */
#include "session_shares.h"

#include <string.h>

#include <tally/engaged.h>
#include <tally/money.h>

#include "report/attribution_out.h"

#define HOURS_DECIMALS 2
#define LINE_BYTES     1024u

/* ---- between clients ---- */

static const tally_report_key keys[] = {TALLY_BY_AGENT, TALLY_BY_SESSION, TALLY_BY_CLIENT,
                                        TALLY_BY_PROJECT};

static int shares_open(const cli_reading *reading, const tally_session_row *row, tally_report **out,
                       tally_error *err) {
    tally_filter filter = {.session = row->session.id, .agent = row->session.agent};
    return tally_report_run(reading->txn, &filter, keys, sizeof keys / sizeof *keys, reading->zone,
                            out, err);
}

/* The filter takes beginnings of names too. */
static const tally_report_row *share_at(const tally_report *report, size_t i,
                                        const tally_agent_session *session) {
    const tally_report_row *row = tally_report_at(report, i);
    return tally_span_eq(row->keys[0], session->agent) && tally_span_eq(row->keys[1], session->id)
               ? row
               : NULL;
}

int cli_session_shares_json(cli_json *json, const cli_reading *reading,
                            const tally_session_row *row, tally_error *err) {
    tally_report *report = NULL;
    int code = shares_open(reading, row, &report, err);
    cli_json_open(json, "shares", '[');
    for (size_t i = 0; !code && i < tally_report_count(report); i++) {
        const tally_report_row *share = share_at(report, i, &row->session);
        if (!share) continue;
        cli_json_open(json, NULL, '{');
        cli_json_text_or_null(json, "client", share->keys[2]);
        cli_json_text_or_null(json, "project", share->keys[3]);
        cli_sums_json(json, &share->sums);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    tally_report_free(report);
    return code;
}

static void hours_text(uint64_t ms, char out[TALLY_MONEY_TEXT_BYTES]) {
    tally_pico_format_rounded(cli_hours_pico(ms), HOURS_DECIMALS, true, out);
}

static void line_print(FILE *out, char *line) {
    cli_text_one_line(line);
    fprintf(out, "%s\n", line);
}

static void share_print(FILE *out, const tally_report_row *share) {
    char cost[TALLY_MONEY_TEXT_BYTES], hours[TALLY_MONEY_TEXT_BYTES], line[LINE_BYTES];
    tally_span client = share->keys[2].len ? share->keys[2] : tally_span_str("(unattributed)");
    tally_pico_format_rounded(share->sums.pico, 4, true, cost);
    hours_text(share->sums.engaged_ms, hours);
    snprintf(line, sizeof line, "share     %.*s, %.*s: %s %s, %s h", (int)client.len,
             (const char *)client.ptr, (int)share->keys[3].len, (const char *)share->keys[3].ptr,
             cost, TALLY_COST_CURRENCY, hours);
    line_print(out, line);
}

int cli_session_shares_text(FILE *out, const cli_reading *reading, const tally_session_row *row,
                            tally_error *err) {
    tally_report *report = NULL;
    int code = shares_open(reading, row, &report, err);
    size_t parts = 0, count = code ? 0 : tally_report_count(report);
    for (size_t i = 0; i < count; i++)
        parts += share_at(report, i, &row->session) != NULL;
    for (size_t i = 0; parts > 1 && i < count; i++) {
        const tally_report_row *share = share_at(report, i, &row->session);
        if (share) share_print(out, share);
    }
    tally_report_free(report);
    return code;
}

/* ---- with other sessions ---- */

typedef struct overlap_out {
    tally_txn *txn;
    tally_engaged_policy policy;
    cli_json *json;
    FILE *out;
    size_t lines;
} overlap_out;

/* The other session and whose it is. */
static bool other_find(tally_txn *txn, uint64_t ref, tally_agent_session *session,
                       tally_attribution *said) {
    return tally_agent_session_get(txn, ref, session) == 0 &&
           tally_attribution_get(txn, ref, said, NULL) == 0;
}

static int overlap_json(void *ctx, const tally_overlapping *overlap) {
    overlap_out *out = ctx;
    tally_agent_session session;
    tally_attribution said;
    if (!other_find(out->txn, overlap->session, &session, &said)) return 0;
    cli_json_open(out->json, NULL, '{');
    cli_json_text(out->json, "agent", session.agent);
    cli_json_text(out->json, "session", session.id);
    cli_attribution_json(out->json, out->txn, &said);
    cli_hours_value_json(out->json, "hours", (uint64_t)overlap->ms);
    cli_hours_value_json(out->json, "hours_here", (uint64_t)overlap->here_ms);
    cli_hours_value_json(out->json, "hours_there", (uint64_t)overlap->there_ms);
    cli_json_close(out->json, '}');
    return 0;
}

static int overlap_print(void *ctx, const tally_overlapping *overlap) {
    overlap_out *out = ctx;
    char hours[TALLY_MONEY_TEXT_BYTES], whose[CLI_ATTRIBUTION_BYTES];
    char here[TALLY_MONEY_TEXT_BYTES], there[TALLY_MONEY_TEXT_BYTES];
    char line[LINE_BYTES + CLI_ATTRIBUTION_BYTES];
    tally_agent_session session;
    tally_attribution said;
    if (!other_find(out->txn, overlap->session, &session, &said)) return 0;
    hours_text((uint64_t)overlap->ms, hours);
    hours_text((uint64_t)overlap->here_ms, here);
    hours_text((uint64_t)overlap->there_ms, there);
    cli_attribution_text(&said, whose);
    snprintf(line, sizeof line, "overlap   %s h: %s h here, %s h in %.*s %.*s%s%s", hours, here,
             there, (int)session.agent.len, (const char *)session.agent.ptr, (int)session.id.len,
             (const char *)session.id.ptr, *whose ? " of " : "", whose);
    out->lines++;
    line_print(out->out, line);
    return 0;
}

static int overlaps_each(const tally_session_row *row, overlap_out *out, tally_overlapping_fn *fn,
                         int64_t *engaged_ms, tally_error *err) {
    return tally_overlaps_each(out->txn, &out->policy, row->session.ref, row->start_ms,
                               row->end_ms + 1, engaged_ms, fn, out, err);
}

int cli_session_overlap_json(cli_json *json, const cli_reading *reading,
                             const tally_session_row *row, tally_error *err) {
    overlap_out out = {.txn = reading->txn, .json = json};
    int64_t engaged_ms = 0;
    tally_engaged_policy_get(reading->txn, &out.policy);
    cli_json_open(json, "overlap", '{');
    cli_json_string(json, "policy", tally_overlap_name(out.policy.overlap));
    cli_json_open(json, "with", '[');
    int code = overlaps_each(row, &out, overlap_json, &engaged_ms, err);
    cli_json_close(json, ']');
    cli_hours_value_json(json, "engaged_hours_unshared", (uint64_t)engaged_ms);
    cli_json_close(json, '}');
    return code;
}

int cli_session_overlap_text(FILE *out, const cli_reading *reading, const tally_session_row *row,
                             tally_error *err) {
    static const char *const words[] = {[TALLY_OVERLAP_SPLIT] = "shared with what ran beside it",
                                        [TALLY_OVERLAP_FOCUS] = "each minute is the last prompt's",
                                        [TALLY_OVERLAP_PARALLEL] = "counted in each session"};
    overlap_out each = {.txn = reading->txn, .out = out};
    char shared[TALLY_MONEY_TEXT_BYTES], whole[TALLY_MONEY_TEXT_BYTES];
    int64_t engaged_ms = 0;
    tally_engaged_policy_get(reading->txn, &each.policy);
    int code = overlaps_each(row, &each, overlap_print, &engaged_ms, err);
    hours_text(row->sums.engaged_ms, shared);
    hours_text((uint64_t)engaged_ms, whole);
    if (!code && each.lines > 0)
        fprintf(out, "engaged   %s h of %s h: %s (policy '%s')\n", shared, whole,
                words[each.policy.overlap], tally_overlap_name(each.policy.overlap));
    else if (!code)
        fprintf(out, "engaged   %s h\n", shared);
    return code;
}
