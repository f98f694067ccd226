/* tally engaged show: the policy that minutes are counted by, defaults included. Setting it is
 * policy.c's, as for every table. */
#include "engaged.h"

#include <inttypes.h>

#include <tally/engaged.h>
#include <tally/policy.h>

#include "commands.h"

#define MINUTE_MS 60000

void cli_overlap_json(cli_json *json, const cli_reading *reading) {
    tally_engaged_policy policy;
    tally_engaged_policy_get(reading->txn, &policy);
    cli_json_string(json, "overlap", tally_overlap_name(policy.overlap));
}

const char *cli_overlap_words(const cli_reading *reading) {
    tally_engaged_policy policy;
    tally_engaged_policy_get(reading->txn, &policy);
    return policy.overlap == TALLY_OVERLAP_PARALLEL
               ? "Hours: a person's minutes count in each session at once (overlap 'parallel')"
               : NULL;
}

void cli_overlap_note(FILE *out, const cli_reading *reading) {
    const char *words = cli_overlap_words(reading);
    if (words) fprintf(out, "%s\n", words);
}

static void show_json(cli *run, const cli_reading *reading, const tally_engaged_policy *policy,
                      const tally_policy_row *row) {
    tally_span member = {0}, device = {0};
    cli_json json;
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "overlap", tally_overlap_name(policy->overlap));
    cli_json_i64(&json, "idle_minutes", policy->idle_ms / MINUTE_MS);
    cli_json_i64(&json, "unattended_minutes", policy->unattended_ms / MINUTE_MS);
    if (row) {
        (void)tally_feed_names(reading->txn, row->feed, &member, &device);
        cli_json_text(&json, "set_by", member);
        cli_json_time(&json, "set_at", tally_hlc_ms(row->hlc));
        cli_json_hex(&json, "record", tally_span_of(row->leaf.b, sizeof row->leaf.b));
    } else {
        cli_json_null(&json, "set_by");
        cli_json_null(&json, "set_at");
        cli_json_null(&json, "record");
    }
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void show_text(cli *run, const tally_engaged_policy *policy, bool set) {
    static const char *const words[] = {
        [TALLY_OVERLAP_SPLIT] = "minutes with several sessions are shared equally",
        [TALLY_OVERLAP_FOCUS] = "minutes with several sessions are the last prompt's",
        [TALLY_OVERLAP_PARALLEL] = "minutes with several sessions count in each"};
    FILE *out = cli_out(run);
    fprintf(out, "overlap     %s: %s\n", tally_overlap_name(policy->overlap),
            words[policy->overlap]);
    fprintf(out, "idle        %" PRId64 " min: longer gaps do not count\n",
            policy->idle_ms / MINUTE_MS);
    fprintf(out, "unattended  %" PRId64 " min after a prompt the agent's work is agent time only\n",
            policy->unattended_ms / MINUTE_MS);
    if (!set)
        fputs("These are the defaults; 'tally engaged set' changes them for the team.\n", out);
}

static int show_run(cli *run) {
    tally_error err = {0};
    cli_reading reading = {0};
    tally_engaged_policy policy;
    tally_policy_row row;
    int code = cli_reading_open(run, &reading, &err);
    if (code) return cli_fail(&err);
    bool set = tally_policy_get(reading.txn, TALLY_POLICY_ENGAGED, NULL, 0, &row) == 0;
    tally_engaged_policy_get(reading.txn, &policy);
    if (run->json)
        show_json(run, &reading, &policy, set ? &row : NULL);
    else
        show_text(run, &policy, set);
    cli_reading_close(&reading);
    return CLI_DONE;
}

const cli_command command_engaged_show = {.name = "engaged show",
                                          .arguments = "",
                                          .summary = "how hours are counted",
                                          .example = "tally engaged show",
                                          .run = show_run};
