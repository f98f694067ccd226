/* Rules: which of the team's rules match a place, and which of those that match wins. Pure but for
 * loading them. */
#include "remote.h"

#include <tally/attribution.h>

#include <stdlib.h>

typedef struct rule {
    tally_rule_match match;
    tally_span path, branch, agent, tag;
    char remote[REMOTE_MAX_BYTES];
    size_t remote_len;
    bool wants_remote;
} rule;

struct tally_rules {
    rule *list; /* best first: by rank, then by name */
    size_t count, room;
};

/* ---- one rule ---- */

static bool starts_with(tally_span text, tally_span prefix) {
    return text.len >= prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

/* `text` is `prefix`, or goes on with `separator` after it. */
static bool is_or_below(tally_span text, tally_span prefix, char separator) {
    return starts_with(text, prefix) &&
           (text.len == prefix.len || text.ptr[prefix.len] == (uint8_t)separator);
}

/* Whole components: a rule for "acme" does not match ".../acme-old". */
static bool path_matches(tally_span cwd, tally_span path) {
    if (tally_span_is(path, "/")) return cwd.len > 0;
    if (path.ptr[0] == '/') return is_or_below(cwd, path, '/');
    for (size_t at = 0; at < cwd.len; at++) {
        if (at > 0 && cwd.ptr[at - 1] != '/') continue;
        if (is_or_below(tally_span_of(cwd.ptr + at, cwd.len - at), path, '/')) return true;
    }
    return false;
}

static bool branch_matches(tally_span branch, tally_span wanted) {
    if (wanted.ptr[wanted.len - 1] != '*') return tally_span_eq(branch, wanted);
    wanted.len--;
    return branch.len > 0 && starts_with(branch, wanted);
}

static bool has_tag(const tally_attributable *what, tally_span tag) {
    for (size_t i = 0; i < what->tag_count; i++)
        if (tally_span_eq(what->tags[i], tag)) return true;
    return false;
}

/* `remote` in its one spelling. */
static bool matches(const rule *r, const tally_attributable *what, tally_span remote) {
    if (r->path.len > 0 && !path_matches(what->cwd, r->path)) return false;
    if (r->branch.len > 0 && !branch_matches(what->branch, r->branch)) return false;
    if (r->agent.len > 0 && !is_or_below(what->agent, r->agent, '-')) return false;
    if (r->tag.len > 0 && !has_tag(what, r->tag)) return false;
    return !r->wants_remote ||
           (r->remote_len > 0 && is_or_below(remote, tally_span_of(r->remote, r->remote_len), '/'));
}

/* ---- all rules ---- */

static int rank_order(const tally_rule_match *a, const tally_rule_match *b) {
    if (a->priority != b->priority) return a->priority > b->priority ? -1 : 1;
    if (a->path_bytes != b->path_bytes) return a->path_bytes > b->path_bytes ? -1 : 1;
    if (a->conditions != b->conditions) return a->conditions > b->conditions ? -1 : 1;
    return 0;
}

static int rule_order(const void *a, const void *b) {
    const tally_rule_match *left = &((const rule *)a)->match, *right = &((const rule *)b)->match;
    int order = rank_order(left, right);
    return order != 0 ? order : tally_span_cmp(left->rule, right->rule);
}

static void read_rule(const tally_record *record, rule *out) {
    tally_span remote = {0};
    *out = (rule){0};
    (void)tally_body_str(record, "rule", &out->match.rule);
    (void)tally_body_str(record, "client", &out->match.client);
    (void)tally_body_str(record, "project", &out->match.project);
    (void)tally_body_i64(record, "priority", &out->match.priority);
    (void)tally_body_str(record, "path", &out->path);
    (void)tally_body_str(record, "branch", &out->branch);
    (void)tally_body_str(record, "agent", &out->agent);
    (void)tally_body_str(record, "tag", &out->tag);
    out->wants_remote = tally_body_str(record, "remote", &remote) && remote.len > 0;
    out->remote_len = remote_normalise(remote, out->remote);
    while (out->path.len > 1 && out->path.ptr[out->path.len - 1] == '/')
        out->path.len--;
    out->match.path_bytes = out->path.len;
    const bool named[] = {out->path.len > 0, out->branch.len > 0, out->agent.len > 0,
                          out->tag.len > 0, out->wants_remote};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        out->match.conditions += named[i];
}

static int keep_rule(void *ctx, const tally_policy_row *row, tally_error *err) {
    tally_rules *rules = ctx;
    if (rules->count == rules->room) {
        size_t room = rules->room ? 2 * rules->room : 16;
        rule *grown = realloc(rules->list, room * sizeof *grown);
        if (!grown) return tally_fail(err, TALLY_ENOMEM, "no memory for rules");
        rules->list = grown;
        rules->room = room;
    }
    read_rule(&row->record, &rules->list[rules->count++]);
    return 0;
}

int tally_rules_load(tally_txn *txn, tally_rules **out, tally_error *err) {
    *out = NULL;
    tally_rules *rules = calloc(1, sizeof *rules);
    if (!rules) return tally_fail(err, TALLY_ENOMEM, "no memory for rules");
    int rc = tally_policy_each(txn, TALLY_POLICY_RULE, keep_rule, rules, err);
    if (rc != 0) {
        tally_rules_free(rules);
        return rc;
    }
    if (rules->count > 0) qsort(rules->list, rules->count, sizeof *rules->list, rule_order);
    *out = rules;
    return 0;
}

void tally_rules_free(tally_rules *rules) {
    if (!rules) return;
    free(rules->list);
    free(rules);
}

size_t tally_rules_count(const tally_rules *rules) {
    return rules->count;
}

static bool same_goal(const tally_rule_match *a, const tally_rule_match *b) {
    return tally_span_eq(a->client, b->client) && tally_span_eq(a->project, b->project);
}

int tally_rules_explain(const tally_rules *rules, const tally_attributable *what, tally_rule_fn *fn,
                        void *ctx) {
    char remote[REMOTE_MAX_BYTES];
    tally_span spelled = tally_span_of(remote, remote_normalise(what->remote, remote));
    int rc = 0;
    for (size_t i = 0; i < rules->count && rc == 0; i++)
        if (matches(&rules->list[i], what, spelled)) rc = fn(ctx, &rules->list[i].match);
    return rc;
}

typedef struct decision {
    const tally_rule_match *best;
    const tally_rule_match *other; /* of equal rank, with another goal */
} decision;

static int weigh(void *ctx, const tally_rule_match *match) {
    decision *d = ctx;
    if (!d->best) {
        d->best = match;
        return 0;
    }
    if (rank_order(d->best, match) != 0) return 1; /* all that follow rank below */
    if (same_goal(d->best, match)) return 0;
    d->other = match;
    return 1;
}

void tally_rules_decide(const tally_rules *rules, const tally_attributable *what,
                        tally_attribution *out) {
    decision d = {0};
    *out = (tally_attribution){.by = TALLY_ATTRIBUTED_NOTHING};
    (void)tally_rules_explain(rules, what, weigh, &d);
    if (!d.best) return;
    out->rule = d.best->rule;
    if (d.other) {
        out->by = TALLY_ATTRIBUTED_CONFLICT;
        out->other = d.other->rule;
        return;
    }
    out->by = TALLY_ATTRIBUTED_RULE;
    out->count = 1;
    out->parts = 1;
    out->shares[0] = (tally_share){d.best->client, d.best->project, 1};
}
