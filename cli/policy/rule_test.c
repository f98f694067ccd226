/* tally rule test: which rule wins for a directory, which others match, and why. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <tally/attribution.h>

#include "commands.h"
#include "format/json_out.h"
#include "format/table_out.h"
#include "git.h"
#include "open.h"
#include "rule_path.h"

#define TAGS_MAX 16u

/* What is asked about; texts are in here or on the command line. */
typedef struct place {
    char path[PATH_MAX], remote[CLI_GIT_ANSWER_BYTES], branch[CLI_GIT_ANSWER_BYTES];
    tally_span tags[TAGS_MAX];
    tally_attributable what;
} place;

typedef struct matches {
    tally_rule_match *list; /* best first */
    size_t count;
    tally_attribution said;
} matches;

/* ---- asking ---- */

static void git_ask(const cli *run, place *asked) {
    tally_span *to = &asked->what.remote;
    if (cli_has(run, "remote"))
        *to = tally_span_str(cli_value(run, "remote"));
    else if (cli_git_remote(asked->path, asked->remote))
        *to = tally_span_str(asked->remote);
    to = &asked->what.branch;
    if (cli_has(run, "branch"))
        *to = tally_span_str(cli_value(run, "branch"));
    else if (cli_git_branch(asked->path, asked->branch))
        *to = tally_span_str(asked->branch);
}

static int place_read(const cli *run, place *asked, tally_error *err) {
    size_t at = 0;
    const char *tag;
    int code = cli_path_here(run->argument_count ? run->arguments[0] : ".", asked->path, err);
    if (code) return code;
    asked->what.cwd = tally_span_str(asked->path);
    asked->what.agent = tally_span_str(cli_value(run, "agent"));
    asked->what.tags = asked->tags;
    while ((tag = cli_value_next(run, "tag", &at)) != NULL) {
        if (asked->what.tag_count == TAGS_MAX)
            return tally_fail(err, TALLY_EINVAL, "--tag stands more than %u times", TAGS_MAX);
        asked->tags[asked->what.tag_count++] = tally_span_str(tag);
    }
    git_ask(run, asked);
    return 0;
}

static int match_keep(void *ctx, const tally_rule_match *match) {
    matches *found = ctx;
    found->list[found->count++] = *match;
    return 0;
}

/* What the best one has before the next that ranks lower. */
static const char *why_it_wins(const matches *found) {
    const tally_rule_match *best = found->list;
    for (size_t i = 1; i < found->count; i++) {
        const tally_rule_match *next = &found->list[i];
        if (next->priority != best->priority) return "it has the largest priority";
        if (next->path_bytes != best->path_bytes) return "its path is the longest";
        if (next->conditions != best->conditions) return "it names the most conditions";
    }
    return found->count > 1 ? "others of equal rank agree with it" : "no other rule matches";
}

/* ---- printing ---- */

static void match_json(cli_json *json, const tally_rule_match *match) {
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "rule", match->rule);
    cli_json_text(json, "client", match->client);
    cli_json_text_or_null(json, "project", match->project);
    cli_json_i64(json, "priority", match->priority);
    cli_json_u64(json, "path_bytes", match->path_bytes);
    cli_json_u64(json, "conditions", match->conditions);
    cli_json_close(json, '}');
}

static void test_json(cli *run, const place *asked, const matches *found) {
    static const char *const words[] = {[TALLY_ATTRIBUTED_NOTHING] = "nothing",
                                        [TALLY_ATTRIBUTED_RULE] = "rule",
                                        [TALLY_ATTRIBUTED_CONFLICT] = "conflict"};
    const tally_attribution *said = &found->said;
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "path", asked->path);
    cli_json_text_or_null(&json, "remote", asked->what.remote);
    cli_json_text_or_null(&json, "branch", asked->what.branch);
    cli_json_text_or_null(&json, "agent", asked->what.agent);
    cli_json_string(&json, "by", words[said->by]);
    cli_json_text_or_null(&json, "rule", said->rule);
    cli_json_text_or_null(&json, "conflicts_with", said->other);
    cli_json_text_or_null(&json, "client", said->shares[0].client);
    cli_json_text_or_null(&json, "project", said->shares[0].project);
    cli_json_text_or_null(
        &json, "why",
        tally_span_str(said->by == TALLY_ATTRIBUTED_RULE ? why_it_wins(found) : NULL));
    cli_json_open(&json, "matches", '[');
    for (size_t i = 0; i < found->count; i++)
        match_json(&json, &found->list[i]);
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void place_text(const place *asked) {
    const tally_attributable *what = &asked->what;
    cli_say("directory %s%s%.*s%s%.*s", asked->path, what->remote.len ? ", remote " : "",
            (int)what->remote.len, (const char *)what->remote.ptr,
            what->branch.len ? ", branch " : "", (int)what->branch.len,
            (const char *)what->branch.ptr);
}

static void verdict_text(const matches *found) {
    const tally_attribution *said = &found->said;
    int rule = (int)said->rule.len, other = (int)said->other.len;
    const char *name = (const char *)said->rule.ptr;
    if (said->by == TALLY_ATTRIBUTED_NOTHING)
        cli_say("no rule matches; 'tally rule set' makes one");
    else if (said->by == TALLY_ATTRIBUTED_RULE)
        cli_say("rule '%.*s' wins: %s", rule, name, why_it_wins(found));
    else
        cli_say("rules '%.*s' and '%.*s' conflict: they rank equally and name different goals; "
                "'tally rule set %.*s --priority 1' prefers one",
                rule, name, other, (const char *)said->other.ptr, rule, name);
}

static int test_table(cli *run, const place *asked, const matches *found) {
    static const cli_column columns[] = {{"RULE", CLI_LEFT},         {"CLIENT", CLI_LEFT},
                                         {"PROJECT", CLI_LEFT},      {"PRIORITY", CLI_RIGHT},
                                         {"PATH LENGTH", CLI_RIGHT}, {"CONDITIONS", CLI_RIGHT}};
    char priority[32];
    place_text(asked);
    verdict_text(found);
    cli_table *table = cli_table_new(cli_out(run), columns, sizeof columns / sizeof *columns);
    if (!table) return -1;
    for (size_t i = 0; i < found->count; i++) {
        const tally_rule_match *match = &found->list[i];
        snprintf(priority, sizeof priority, "%" PRId64, match->priority);
        cli_table_line(table);
        cli_cell(table, match->rule, i == 0 ? CLI_STRONG : CLI_PLAIN);
        cli_cell(table, match->client, CLI_PLAIN);
        cli_cell(table, match->project, CLI_PLAIN);
        cli_cell_text(table, priority);
        cli_cell_u64(table, match->path_bytes);
        cli_cell_u64(table, match->conditions);
    }
    int code = cli_table_print(table);
    cli_table_free(table);
    return code;
}

static int test_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_rules *rules = NULL;
    matches found = {0};
    place *asked = calloc(1, sizeof *asked);
    int code =
        asked ? place_read(run, asked, &err) : tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    if (!code) code = cli_reading_open(run, &reading, &err);
    if (!code) code = tally_rules_load(reading.txn, &rules, &err);
    if (!code) {
        found.list = calloc(tally_rules_count(rules) + 1, sizeof *found.list);
        if (!found.list) code = tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    }
    if (!code) {
        (void)tally_rules_explain(rules, &asked->what, match_keep, &found);
        tally_rules_decide(rules, &asked->what, &found.said);
        if (run->json)
            test_json(run, asked, &found);
        else if (test_table(run, asked, &found))
            code = tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    }
    int result =
        code ? cli_fail(&err) : (found.said.by == TALLY_ATTRIBUTED_RULE ? CLI_DONE : CLI_FAILED);
    free(found.list);
    tally_rules_free(rules);
    cli_reading_close(&reading);
    free(asked);
    return result;
}

static const cli_option options[] = {
    {"remote", "URL", "as if this were its git remote (default: asks git)"},
    {"branch", "NAME", "as if this were its branch (default: asks git)"},
    {"agent", "NAME", "as if this agent worked there"},
    {"tag", "TAG", "as if the work carried this tag; may repeat"},
    {NULL, NULL, NULL}};

const cli_command command_rule_test = {.name = "rule test",
                                       .arguments = "[PATH]",
                                       .summary = "which rule wins for a directory, and why",
                                       .example = "tally rule test ~/work/acme --branch main",
                                       .options = options,
                                       .max_arguments = 1,
                                       .run = test_run};
