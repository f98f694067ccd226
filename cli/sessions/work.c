/* What present work counts as: the session's record, tags and decisions, else the directory. */
#include "work.h"

static int tag_take(void *ctx, const uint8_t target[TALLY_ENTRY_BYTES], tally_span tag,
                    const tally_hash *add) {
    cli_work *work = ctx;
    size_t *count = &work->asked.what.tag_count;
    (void)target, (void)add;
    if (*count && tally_span_eq(work->tags[*count - 1], tag)) return 0;
    if (*count == CLI_WORK_TAGS_MAX) return 1;
    work->tags[(*count)++] = tag;
    return 0;
}

typedef struct asked_for {
    bool remote, branch;
} asked_for;

static int rule_look(void *ctx, const tally_policy_row *row, tally_error *err) {
    asked_for *asks = ctx;
    tally_span text;
    (void)err;
    asks->remote |= tally_body_str(&row->record, "remote", &text) && text.len;
    asks->branch |= tally_body_str(&row->record, "branch", &text) && text.len;
    return 0;
}

/* Only for what some rule looks at: starting git takes longer than all the rest. */
static void git_ask(tally_txn *txn, const char *cwd, cli_work *out) {
    asked_for asks = {.remote = false};
    (void)tally_policy_each(txn, TALLY_POLICY_RULE, rule_look, &asks, NULL);
    tally_attributable *what = &out->asked.what;
    if (asks.remote && cli_git_remote(cwd, out->remote)) what->remote = tally_span_str(out->remote);
    if (asks.branch && cli_git_branch(cwd, out->branch)) what->branch = tally_span_str(out->branch);
}

static void session_ask(tally_txn *txn, tally_span agent, tally_span id, cli_work *out) {
    tally_agent_session known;
    tally_attributable *what = &out->asked.what;
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    out->asked.session = tally_session_ref(agent, id);
    tally_put_be64(target, out->asked.session);
    (void)tally_tag_each_of(txn, target, tag_take, out);
    out->recorded = tally_agent_session_get(txn, out->asked.session, &known) == 0;
    if (!out->recorded) return;
    if (known.cwd.len) what->cwd = known.cwd;
    what->remote = known.remote;
    what->branch = known.branch;
}

void cli_work_find(tally_txn *txn, const char *agent, const char *session, const char *cwd,
                   cli_work *out) {
    *out = (cli_work){.recorded = false};
    out->asked.what.agent = tally_span_str(agent);
    out->asked.what.tags = out->tags;
    bool somewhere = cwd && cwd[0] == '/';
    if (somewhere) out->asked.what.cwd = tally_span_str(cwd);
    if (session && *session) session_ask(txn, out->asked.what.agent, tally_span_str(session), out);
    /* Costs of a known session count by its record alone. */
    if (somewhere && !out->recorded) git_ask(txn, cwd, out);
}

int cli_work_attribute(tally_txn *txn, const cli_work *work, tally_attribution *out,
                       tally_error *err) {
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    tally_rules *rules = NULL;
    if (work->recorded) return tally_attribution_get(txn, work->asked.session, out, err);
    tally_put_be64(target, work->asked.session);
    if (work->asked.session && tally_decision_get(txn, target, out)) return 0;
    int code = tally_rules_load(txn, &rules, err);
    if (!code) tally_rules_decide(rules, &work->asked.what, out);
    tally_rules_free(rules);
    return code;
}
