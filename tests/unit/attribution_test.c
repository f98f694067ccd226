/* Attribution: which rule wins, what a person's word does, and shares that add up. Expected values
 * are worked out by hand. */
#include "ledger_case.h"

#include "random.h"
#include "remote.h"

#include <tally/attribution.h>
#include <tally/report.h>

#define SEED 20261121u

/* ---- setting ---- */

typedef struct rule_body {
    const char *rule, *client, *project, *path, *remote, *branch, *agent, *tag;
    int64_t priority;
} rule_body;

static int append_rule(void *ctx, tally_txn *txn, tally_error *err) {
    const rule_body *r = ctx;
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "rule", text(r->rule));
    tally_put_str_opt(f->writer, "client", text(r->client));
    tally_put_str_opt(f->writer, "project", text(r->project));
    tally_put_str_opt(f->writer, "path", text(r->path));
    tally_put_str_opt(f->writer, "remote", text(r->remote));
    tally_put_str_opt(f->writer, "branch", text(r->branch));
    tally_put_str_opt(f->writer, "agent", text(r->agent));
    tally_put_str_opt(f->writer, "tag", text(r->tag));
    if (r->priority != 0) tally_put_i64(f->writer, "priority", r->priority);
    return tally_policy_set(txn, TALLY_POLICY_RULE, f->writer, err);
}

static int set_rule(rule_body body) {
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, append_rule, &body, &f->err);
}

static int drop_rule(void *ctx, tally_txn *txn, tally_error *err) {
    tally_writer_begin(f->writer);
    tally_put_str(f->writer, "rule", text(ctx));
    return tally_policy_unset(txn, TALLY_POLICY_RULE, f->writer, err);
}

static int decide(void *ctx, tally_txn *txn, tally_error *err) {
    return tally_decide_append(txn, ctx, err);
}

static int decide_session(const char *id, const tally_share *shares, size_t count) {
    tally_decide d = {
        .agent = text("claude-code"), .session = text(id), .shares = shares, .share_count = count};
    return tally_ledger_write(f->ledger, FIXTURE_NOW_MS, decide, &d, &f->err);
}

/* ---- asking ---- */

/* What the rules say, as "client/project", "?rule+rule" for a conflict, or "-". */
static void said(const tally_attributable *what, char out[160]) {
    tally_txn *txn;
    tally_rules *rules;
    tally_attribution a;
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_rules_load(txn, &rules, &f->err));
    tally_rules_decide(rules, what, &a);
    tally_share s = a.shares[0];
    if (a.by == TALLY_ATTRIBUTED_CONFLICT)
        snprintf(out, 160, "?%.*s+%.*s", (int)a.rule.len, a.rule.ptr, (int)a.other.len,
                 a.other.ptr);
    else if (a.count == 0)
        snprintf(out, 160, "-");
    else
        snprintf(out, 160, "%.*s/%.*s", (int)s.client.len, s.client.ptr, (int)s.project.len,
                 s.project.ptr);
    tally_rules_free(rules);
    tally_read_end(txn);
}

#define ASSERT_SAID(expected, ...)                                                                 \
    do {                                                                                           \
        tally_attributable what_ = {__VA_ARGS__};                                                  \
        char got_[160];                                                                            \
        said(&what_, got_);                                                                        \
        assert_string_equal(got_, expected);                                                       \
    } while (0)

static void nothing_is_attributed_without_a_rule(void **state) {
    (void)state;
    ASSERT_SAID("-", .cwd = text("/home/ada/acme"));
}

static void the_longest_path_wins_and_matches_whole_components(void **state) {
    (void)state;
    OK(set_rule((rule_body){"home", "inner", NULL, .path = "/home/ada"}));
    OK(set_rule((rule_body){"acme", "acme", "shop", .path = "/home/ada/acme/"}));
    OK(set_rule((rule_body){"anywhere", "fin", NULL, .path = "fintech/api"}));
    ASSERT_SAID("acme/shop", .cwd = text("/home/ada/acme"));
    ASSERT_SAID("acme/shop", .cwd = text("/home/ada/acme/src/deep"));
    ASSERT_SAID("inner/", .cwd = text("/home/ada/acme-old"));
    ASSERT_SAID("fin/", .cwd = text("/srv/fintech/api/x"));
    ASSERT_SAID("-", .cwd = text("/srv/fintech/apis"));
    ASSERT_SAID("-", .cwd = text("/home/adam"));
    ASSERT_SAID("-", .cwd = text(""));
}

static void priority_beats_path_and_more_conditions_beat_fewer(void **state) {
    (void)state;
    tally_span tags[] = {text("acme"), text("red")};
    OK(set_rule((rule_body){"path", "a", NULL, .path = "/w"}));
    OK(set_rule((rule_body){"path-branch", "b", NULL, .path = "/w", .branch = "fix/*"}));
    OK(set_rule((rule_body){"tag", "c", NULL, .tag = "acme"}));
    OK(set_rule((rule_body){"agent", "d", NULL, .agent = "codex", .priority = 5}));
    OK(set_rule((rule_body){"low", "e", NULL, .path = "/w/very/long", .priority = -1}));
    ASSERT_SAID("a/", .cwd = text("/w/very/long"));
    ASSERT_SAID("b/", .cwd = text("/w"), .branch = text("fix/1"));
    ASSERT_SAID("a/", .cwd = text("/w"), .branch = text("main"));
    ASSERT_SAID("c/", .cwd = text("/x"), .tags = tags, .tag_count = 2);
    ASSERT_SAID("-", .cwd = text("/x"), .tags = tags + 1, .tag_count = 1);
    ASSERT_SAID("d/", .cwd = text("/w"), .agent = text("codex-cli"));
    ASSERT_SAID("a/", .cwd = text("/w"), .agent = text("codexy"));
}

static void rules_of_equal_rank_that_disagree_are_a_conflict(void **state) {
    (void)state;
    tally_span tags[] = {text("red")};
    OK(set_rule((rule_body){"one", "a", NULL, .tag = "red"}));
    OK(set_rule((rule_body){"two", "b", NULL, .branch = "main"}));
    OK(set_rule((rule_body){"three", "a", NULL, .agent = "codex"}));
    ASSERT_SAID("a/", .tags = tags, .tag_count = 1, .agent = text("codex"));
    ASSERT_SAID("?one+two", .tags = tags, .tag_count = 1, .branch = text("main"));
    OK(set_rule((rule_body){"two", "b", NULL, .branch = "main", .priority = 1}));
    ASSERT_SAID("b/", .tags = tags, .tag_count = 1, .branch = text("main"));
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, drop_rule, "two", &f->err));
    ASSERT_SAID("a/", .tags = tags, .tag_count = 1, .branch = text("main"));
    assert_int_equal(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, drop_rule, "two", &f->err),
                     TALLY_ENOTFOUND);
}

static void a_remote_matches_however_it_is_spelled(void **state) {
    (void)state;
    static const char *const same[] = {"git@github.com:acme/shop.git",
                                       "https://github.com/acme/shop",
                                       "https://ada:token@GitHub.com:443/acme/shop.git/",
                                       "ssh://git@github.com/acme/shop.git",
                                       "git@github.com:22/acme/shop", /* a port, not a path */
                                       "github.com/acme/shop"};
    char out[REMOTE_MAX_BYTES];
    OK(set_rule((rule_body){"shop", "acme", NULL, .remote = "https://github.com/acme"}));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        size_t len = remote_normalise(text(same[i]), out);
        assert_int_equal(len, strlen("github.com/acme/shop"));
        assert_memory_equal(out, "github.com/acme/shop", len);
        ASSERT_SAID("acme/", .remote = text(same[i]));
    }
    ASSERT_SAID("-", .remote = text("git@github.com:acme-old/shop.git"));
    ASSERT_SAID("-", .remote = text("git@gitlab.com:acme/shop.git"));
    assert_int_equal(remote_normalise(text(""), out), 0);
    assert_int_equal(remote_normalise(text("file:///srv/git/shop.git"), out), 12);
    assert_memory_equal(out, "srv/git/shop", 12);
}

static void a_rule_that_says_too_little_or_nonsense_is_refused(void **state) {
    (void)state;
    char long_name[TALLY_NAME_MAX_BYTES + 2] = {0};
    memset(long_name, 'x', TALLY_NAME_MAX_BYTES + 1);
    const rule_body bad[] = {{"r", "acme", .project = "shop"},
                             {"r", NULL, NULL, .path = "/x"},
                             {"", "acme", NULL, .path = "/x"},
                             {"r", "ac\nme", NULL, .path = "/x"},
                             {"r", "acme", NULL, .path = "/x", .priority = 1001},
                             {"r", "acme", NULL, .path = "/x", .priority = -1001},
                             {long_name, "acme", NULL, .path = "/x"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(set_rule(bad[i]), TALLY_EINVAL);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST);
}

/* ---- decisions and shares, through the report ---- */

#define PER_TOKEN 1000000 /* pico-units of input */

static void append_session(const char *id, const char *parent, const char *cwd) {
    put_session(f->writer, "claude-code", id, cwd, "main");
    tally_put_str_opt(f->writer, "parent", text(parent));
    (void)fixture_append(f, "session");
}

static void append_cost(const char *key, const char *session, uint64_t input) {
    cost_body cost = {.agent = "claude-code",
                      .key = key,
                      .session = session,
                      .model = "alpha",
                      .time = FIXTURE_NOW_MS,
                      .input = input};
    put_cost(f->writer, &cost);
    (void)fixture_append(f, "cost");
}

/* "client=pico-units/requests ..." of a report by client, then "total". */
static void by_client(const tally_filter *filter, char *out, size_t size) {
    static const tally_report_key key = TALLY_BY_CLIENT;
    tally_txn *txn;
    tally_zone *utc;
    tally_report *report;
    OK(tally_zone_utc(&utc, &f->err));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_report_run(txn, filter, &key, 1, utc, &report, &f->err));
    size_t at = 0;
    for (size_t i = 0; i < tally_report_count(report); i++) {
        const tally_report_row *row = tally_report_at(report, i);
        assert_true(row->sums.pico <= INT64_MAX);
        at += (size_t)snprintf(out + at, size - at, "%.*s=%llu/%llu ", (int)row->keys[0].len,
                               row->keys[0].ptr, (unsigned long long)row->sums.pico,
                               (unsigned long long)row->sums.requests);
    }
    const tally_sums *total = tally_report_total(report);
    snprintf(out + at, size - at, "total=%llu/%llu", (unsigned long long)total->pico,
             (unsigned long long)total->requests);
    tally_report_free(report);
    tally_read_end(txn);
    tally_zone_free(utc);
}

#define ASSERT_CLIENTS(expected, ...)                                                              \
    do {                                                                                           \
        char got_[256];                                                                            \
        by_client(&(tally_filter){__VA_ARGS__}, got_, sizeof got_);                                \
        assert_string_equal(got_, expected);                                                       \
    } while (0)

static void append_three_sessions(void) {
    put_price(f->writer, "alpha", NULL, "USD", PER_TOKEN, PER_TOKEN);
    (void)fixture_append(f, "price.set");
    append_session("s1", NULL, "/w/acme");
    append_session("s2", NULL, "/w/fin");
    append_session("s3", "s1", "/tmp/agent"); /* a sub-agent of s1 */
    append_cost("a", "s1", 100);
    append_cost("b", "s2", 10);
    append_cost("c", "s3", 1);
}

static void a_rule_set_later_attributes_history_and_sub_agents_follow_their_parent(void **state) {
    (void)state;
    append_three_sessions();
    ASSERT_CLIENTS("=111000000/3 total=111000000/3");
    ASSERT_CLIENTS("=111000000/3 total=111000000/3", .unattributed = true);
    OK(set_rule((rule_body){"acme", "acme", NULL, .path = "/w/acme"}));
    ASSERT_CLIENTS("acme=101000000/2 =10000000/1 total=111000000/3");
    ASSERT_CLIENTS("=10000000/1 total=10000000/1", .unattributed = true);
    ASSERT_CLIENTS("acme=101000000/2 total=101000000/2", .client = text("acme"));
}

static void an_assign_wins_over_rules_until_it_is_taken_back(void **state) {
    (void)state;
    tally_share beta = {.client = text("beta"), .parts = 1};
    append_three_sessions();
    OK(set_rule((rule_body){"acme", "acme", NULL, .path = "/w/acme"}));
    OK(decide_session("s1", &beta, 1));
    ASSERT_CLIENTS("beta=101000000/2 =10000000/1 total=111000000/3");
    OK(decide_session("s1", NULL, 0));
    ASSERT_CLIENTS("acme=101000000/2 =10000000/1 total=111000000/3");
    tally_entry_id b = entry_of("claude-code", "b");
    tally_decide one = {.entry = &b, .shares = &beta, .share_count = 1};
    OK(tally_ledger_write(f->ledger, FIXTURE_NOW_MS, decide, &one, &f->err));
    ASSERT_CLIENTS("acme=101000000/2 beta=10000000/1 total=111000000/3");
}

/* 100,000,000 in 2:1 is 66,666,667 and 33,333,333; 1,000,000 is 666,667 and 333,333. */
static void a_split_shares_tokens_and_costs_exactly_and_counts_one_request(void **state) {
    (void)state;
    tally_share shares[] = {{text("acme"), text("shop"), 2}, {text("fin"), text(""), 1}};
    append_three_sessions();
    OK(decide_session("s1", shares, 2));
    ASSERT_CLIENTS("acme=67333334/2 fin=33666666/2 =10000000/1 total=111000000/3");
    ASSERT_CLIENTS("fin=33666666/2 total=33666666/2", .client = text("fin"));
    OK(decide_session("s1", NULL, 0));
    ASSERT_CLIENTS("=111000000/3 total=111000000/3");
}

static int list_tokens(void *ctx, const tally_cost_facts *facts, tally_error *err) {
    char *out = ctx;
    (void)err;
    size_t at = strlen(out);
    snprintf(out + at, 64 - at, "%llu/%llu ", (unsigned long long)facts->cost->usage.output,
             (unsigned long long)facts->cost->reasoning);
    return 0;
}

/* 11 by 6 : 6 : 2 is 5, 5, 1, and 10 is 4, 4, 2: divided each by itself, the last share would have
 * more reasoning than output. Reasoning and the one other token are 4, 4, 2 and 1, 0, 0. */
static void no_share_of_a_split_has_more_reasoning_than_output(void **state) {
    (void)state;
    tally_share shares[] = {
        {text("a"), text(""), 6}, {text("b"), text(""), 6}, {text("c"), text(""), 2}};
    cost_body cost = {.agent = "claude-code",
                      .key = "k",
                      .session = "s1",
                      .model = "alpha",
                      .time = FIXTURE_NOW_MS,
                      .output = 11};
    tally_filter all = {.has_period = false};
    tally_txn *txn;
    char got[64] = "";
    put_cost(f->writer, &cost);
    tally_put_u64(f->writer, "reasoning", 10);
    (void)fixture_append(f, "cost");
    OK(decide_session("s1", shares, 3));
    OK(tally_read_begin(f->ledger, &txn, &f->err));
    OK(tally_costs_filter(txn, &all, list_tokens, got, &f->err));
    tally_read_end(txn);
    assert_string_equal(got, "5/4 4/4 2/2 ");
}

static void decisions_that_say_nothing_or_too_much_are_refused(void **state) {
    (void)state;
    tally_share shares[TALLY_MAX_SHARES + 1];
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; i <= TALLY_MAX_SHARES; i++)
        shares[i] =
            (tally_share){.client = tally_span_of((const uint8_t *)letters + i, 1), .parts = 1};
    assert_int_equal(decide_session("s1", shares, TALLY_MAX_SHARES + 1), TALLY_EINVAL);
    tally_share twice[] = {shares[0], shares[0]};
    assert_int_equal(decide_session("s1", twice, 2), TALLY_EINVAL);
    shares[1].parts = 0;
    assert_int_equal(decide_session("s1", shares, 2), TALLY_EINVAL);
    shares[1].parts = TALLY_MAX_PARTS;
    assert_int_equal(decide_session("s1", shares, 2), TALLY_EINVAL);
    shares[0].client = text("");
    assert_int_equal(decide_session("s1", shares, 1), TALLY_EINVAL);
    assert_int_equal(fixture_size(f), FIXTURE_FIRST);
}

/* ---- dividing ---- */

static void pieces_add_up_and_are_within_one_unit_of_their_share(void **state) {
    (void)state;
    rng r = rng_begin("shares", SEED);
    for (unsigned round = 0; round < 20000; round++) {
        tally_share shares[TALLY_MAX_SHARES] = {0};
        tally_i128 out[TALLY_MAX_SHARES], sum = 0;
        size_t count = 1 + rng_below(&r, TALLY_MAX_SHARES);
        uint64_t parts = 0;
        for (size_t i = 0; i < count; i++) {
            shares[i].parts =
                1 + rng_below(&r, round % 2 ? 9 : TALLY_MAX_PARTS / (uint32_t)count - 1);
            parts += shares[i].parts;
        }
        tally_i128 amount = (tally_i128)rng_next(&r) * (round % 3 ? 1 : INT64_MAX);
        if (round % 5 == 0) amount = -amount;
        if (round % 7 == 0) amount = rng_below(&r, 20);
        tally_shares_divide(amount, shares, count, out);
        for (size_t i = 0; i < count; i++) {
            sum += out[i];
            /* |out - amount * share / parts| < 1, without overflow: compare whole and rest apart */
            tally_i128 whole = amount / (tally_i128)parts * shares[i].parts;
            tally_i128 rest = amount % (tally_i128)parts * shares[i].parts / (tally_i128)parts;
            tally_i128 off = out[i] - whole - rest;
            assert_true(off >= -1 && off <= 1);
        }
        assert_true(sum == amount);
    }
}

static void the_largest_remainder_gets_the_odd_unit_and_a_tie_goes_to_the_first(void **state) {
    (void)state;
    tally_share thirds[] = {{.parts = 1}, {.parts = 1}, {.parts = 1}};
    tally_share uneven[] = {{.parts = 1}, {.parts = 5}, {.parts = 3}};
    tally_i128 out[3];
    tally_shares_divide(100, thirds, 3, out);
    assert_true(out[0] == 34 && out[1] == 33 && out[2] == 33);
    tally_shares_divide(-100, thirds, 3, out);
    assert_true(out[0] == -34 && out[1] == -33 && out[2] == -33);
    tally_shares_divide(10, uneven, 3, out); /* 1.11, 5.56, 3.33 */
    assert_true(out[0] == 1 && out[1] == 6 && out[2] == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LEDGER(nothing_is_attributed_without_a_rule),
        LEDGER(the_longest_path_wins_and_matches_whole_components),
        LEDGER(priority_beats_path_and_more_conditions_beat_fewer),
        LEDGER(rules_of_equal_rank_that_disagree_are_a_conflict),
        LEDGER(a_remote_matches_however_it_is_spelled),
        LEDGER(a_rule_that_says_too_little_or_nonsense_is_refused),
        LEDGER(a_rule_set_later_attributes_history_and_sub_agents_follow_their_parent),
        LEDGER(an_assign_wins_over_rules_until_it_is_taken_back),
        LEDGER(a_split_shares_tokens_and_costs_exactly_and_counts_one_request),
        LEDGER(no_share_of_a_split_has_more_reasoning_than_output),
        LEDGER(decisions_that_say_nothing_or_too_much_are_refused),
        cmocka_unit_test(pieces_add_up_and_are_within_one_unit_of_their_share),
        cmocka_unit_test(the_largest_remainder_gets_the_odd_unit_and_a_tie_goes_to_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
