/* Attribution for people and for scripts. Deciding is the ledger's. */
#include "attribution_out.h"

#include <inttypes.h>
#include <string.h>

#include <tally/view.h>

#include "command.h"

static const char *by_name(tally_attributed_by by) {
    static const char *const words[] = {[TALLY_ATTRIBUTED_NOTHING] = "nothing",
                                        [TALLY_ATTRIBUTED_RULE] = "rule",
                                        [TALLY_ATTRIBUTED_ASSIGN] = "assign",
                                        [TALLY_ATTRIBUTED_SPLIT] = "split",
                                        [TALLY_ATTRIBUTED_CONFLICT] = "conflict"};
    return words[by];
}

static bool decided_by_person(const tally_attribution *said) {
    return said->by == TALLY_ATTRIBUTED_ASSIGN || said->by == TALLY_ATTRIBUTED_SPLIT;
}

static tally_span member_of(tally_txn *txn, const tally_attribution *said) {
    tally_span member = {0}, device;
    if (decided_by_person(said)) (void)tally_feed_names(txn, said->feed, &member, &device);
    return member;
}

void cli_attribution_json(cli_json *json, tally_txn *txn, const tally_attribution *said) {
    tally_share only = {0};
    if (said->count == 1) only = said->shares[0];
    cli_json_text_or_null(json, "client", only.client);
    cli_json_text_or_null(json, "project", only.project);
    cli_json_open(json, "attribution", '{');
    cli_json_string(json, "by", by_name(said->by));
    cli_json_open(json, "rules", '[');
    if (said->rule.len) cli_json_text(json, NULL, said->rule);
    if (said->other.len) cli_json_text(json, NULL, said->other);
    cli_json_close(json, ']');
    cli_json_text_or_null(json, "member", member_of(txn, said));
    if (decided_by_person(said))
        cli_json_hex(json, "record", tally_span_of(said->decision.b, sizeof said->decision.b));
    else
        cli_json_null(json, "record");
    cli_json_open(json, "shares", '[');
    for (uint32_t i = 0; i < said->count; i++) {
        cli_json_open(json, NULL, '{');
        cli_json_text_or_null(json, "client", said->shares[i].client);
        cli_json_text_or_null(json, "project", said->shares[i].project);
        cli_json_u64(json, "parts", said->shares[i].parts);
        cli_json_u64(json, "of", said->parts);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
    cli_json_close(json, '}');
}

void cli_whose_json(cli_json *json, const tally_whose *whose) {
    cli_json_text_or_null(json, "client", whose->client);
    cli_json_text_or_null(json, "project", whose->project);
    cli_json_string(json, "attributed_by", by_name(whose->said->by));
    cli_json_text(json, "member", whose->member);
    cli_json_text(json, "device", whose->device);
    cli_json_texts(json, "tags", whose->tags, whose->tag_count);
}

void cli_attribution_text(const tally_attribution *said, char *out) {
    size_t used = 0;
    snprintf(out, CLI_ATTRIBUTION_BYTES, "%s",
             said->by == TALLY_ATTRIBUTED_CONFLICT ? "(conflict)" : "");
    for (uint32_t i = 0; i < said->count && used < CLI_ATTRIBUTION_BYTES; i++) {
        const tally_share *share = &said->shares[i];
        char parts[16] = "";
        if (said->count > 1) snprintf(parts, sizeof parts, " %" PRIu32, share->parts);
        int put = snprintf(out + used, CLI_ATTRIBUTION_BYTES - used, "%s%.*s%s%.*s%s",
                           i ? ", " : "", (int)share->client.len, (const char *)share->client.ptr,
                           share->client.len && share->project.len ? "/" : "",
                           (int)share->project.len, (const char *)share->project.ptr, parts);
        used += put > 0 ? (size_t)put : 0;
    }
}

void cli_attribution_cell(cli_table *table, const tally_attribution *said) {
    char text[CLI_ATTRIBUTION_BYTES];
    cli_attribution_text(said, text);
    cli_cell(table, tally_span_str(text),
             said->by == TALLY_ATTRIBUTED_CONFLICT ? CLI_WARNING : CLI_PLAIN);
}

void cli_whose_cell(cli_table *table, const tally_whose *whose) {
    tally_attribution one = *whose->said;
    if (whose->share) {
        one.count = 1;
        one.shares[0] = *whose->share;
    }
    cli_attribution_cell(table, &one);
}

static void split_words(const tally_attribution *said, tally_span member, char *out) {
    size_t used = (size_t)snprintf(out, CLI_ATTRIBUTION_BYTES, "split ");
    for (uint32_t i = 0; i < said->count && used < CLI_ATTRIBUTION_BYTES; i++)
        used += (size_t)snprintf(out + used, CLI_ATTRIBUTION_BYTES - used, "%s%" PRIu32,
                                 i ? "/" : "", said->shares[i].parts);
    if (used < CLI_ATTRIBUTION_BYTES)
        snprintf(out + used, CLI_ATTRIBUTION_BYTES - used, " by %.*s", (int)member.len,
                 (const char *)member.ptr);
}

void cli_attribution_words(tally_txn *txn, const tally_attribution *said, char *out) {
    tally_span member = member_of(txn, said);
    int rule = (int)said->rule.len, other = (int)said->other.len;
    const char *name = (const char *)said->rule.ptr;
    switch (said->by) {
    case TALLY_ATTRIBUTED_RULE:
        snprintf(out, CLI_ATTRIBUTION_BYTES, "rule %.*s", rule, name);
        break;
    case TALLY_ATTRIBUTED_ASSIGN:
        snprintf(out, CLI_ATTRIBUTION_BYTES, "assigned by %.*s", (int)member.len,
                 (const char *)member.ptr);
        break;
    case TALLY_ATTRIBUTED_SPLIT: split_words(said, member, out); break;
    case TALLY_ATTRIBUTED_CONFLICT:
        snprintf(out, CLI_ATTRIBUTION_BYTES,
                 "conflict between rules %.*s and %.*s; a --priority or 'tally assign' settles it",
                 rule, name, other, (const char *)said->other.ptr);
        break;
    case TALLY_ATTRIBUTED_NOTHING:
        snprintf(out, CLI_ATTRIBUTION_BYTES,
                 "nothing; 'tally rule set' or 'tally assign' says whose it is");
        break;
    }
}

void cli_conflict_json(cli_json *json, const tally_conflict *conflict) {
    cli_json_open(json, "rules", '[');
    cli_json_text(json, NULL, conflict->rule);
    cli_json_text(json, NULL, conflict->other);
    cli_json_close(json, ']');
    cli_json_u64(json, "sessions", conflict->sessions);
}

void cli_conflict_print(FILE *out, const tally_conflict *conflict) {
    char line[CLI_ATTRIBUTION_BYTES];
    snprintf(line, sizeof line,
             "rules %.*s and %.*s disagree on %" PRIu64
             " session%s: a --priority or 'tally assign' settles it",
             (int)conflict->rule.len, (const char *)conflict->rule.ptr, (int)conflict->other.len,
             (const char *)conflict->other.ptr, conflict->sessions,
             conflict->sessions == 1 ? "" : "s");
    cli_text_one_line(line);
    fprintf(out, "%s\n", line);
}
