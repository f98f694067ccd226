/* tally describe: the line a client reads for a session or an entry; in a person's words, from
 * commits, or by the person's own program. */
#include <inttypes.h>
#include <string.h>

#include <sodium.h>

#include "commands.h"
#include "describe_jobs.h"
#include "filter.h"
#include "line.h"
#include "sessions.h"
#include "target.h"

/* ---- a person's words ---- */

typedef struct wording {
    const cli *run;
    tally_span text;
    uint8_t salt[TALLY_BLOB_SALT_BYTES];
} wording;

static int wording_write(void *ctx, tally_txn *txn, tally_error *err) {
    wording *w = ctx;
    cli_target target;
    int code = cli_target_find(txn, w->run->arguments[0], &target, err);
    if (code) return code;
    const tally_describe describe = {.agent = target.agent,
                                     .session = target.session,
                                     .entry = target.is_entry ? &target.entry : NULL,
                                     .from = TALLY_WORDS_PERSON,
                                     .text = w->text,
                                     .salt = w->salt};
    code = tally_describe_append(txn, &describe, err);
    if (code == TALLY_EEXIST && !w->text.len)
        return tally_fail(err, TALLY_ENOTFOUND,
                          "nobody has described %s: there are no words to take back",
                          w->run->arguments[0]);
    return code == TALLY_EEXIST ? 0 : code; /* it reads so already: no mistake */
}

/* The line that holds now. */
static void line_of(const cli_reading *reading, const cli_target *target,
                    char room[TALLY_WORDS_SPARE_BYTES], tally_description *out) {
    tally_time_entry entry;
    tally_cost cost;
    if (!target->is_entry) {
        *out = *cli_session_line(reading, tally_get_be64(target->bytes));
        return;
    }
    if (tally_time_get(reading->txn, &target->entry, &entry) == 0) {
        tally_describe_time(reading->txn, &entry, room, out);
        return;
    }
    if (tally_words_get(reading->txn, target->bytes, TALLY_WORDS_PERSON, out)) return;
    if (tally_cost_get(reading->txn, &target->entry, &cost, NULL) == 0)
        *out = *cli_session_line(reading, cost.session);
}

static int wording_print(cli *run, tally_error *err) {
    cli_reading reading = {0};
    cli_target target;
    tally_description line = {.vague = true};
    char room[TALLY_WORDS_SPARE_BYTES];
    cli_json json;
    int code = cli_reading_open(run, &reading, err);
    if (!code) code = cli_target_find(reading.txn, run->arguments[0], &target, err);
    if (code) goto done;
    line_of(&reading, &target, room, &line);
    if (run->json) {
        cli_json_begin(&json, cli_out(run));
        cli_json_open(&json, NULL, '{');
        cli_target_json(&json, &target);
        cli_description_json(&json, &line);
        cli_json_close(&json, '}');
        cli_json_end(&json);
        goto done;
    }
    cli_say("%s: %.*s (%s)%s", run->arguments[0], (int)line.text.len, (const char *)line.text.ptr,
            tally_words_from_text(line.from),
            line.vague ? "; a client could not tell what was done" : "");
done:
    cli_reading_close(&reading);
    return code;
}

static int wording_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    bool clear = cli_has(run, "clear");
    wording w = {.run = run, .text = {0}};
    if (clear ? run->argument_count != 1 : run->argument_count != 2)
        return cli_usage(run, clear ? "--clear takes a session or an entry, and no words"
                                    : "say which session or entry, and its words");
    if (!clear) w.text = tally_span_str(run->arguments[1]);
    if (!clear && !w.text.len)
        return cli_usage(run, "the words are empty; --clear takes words back");
    randombytes_buf(w.salt, sizeof w.salt);
    int code = cli_ledger_open(run, false, &ledger, &err);
    if (!code) code = tally_ledger_write(ledger, cli_now_ms(), wording_write, &w, &err);
    tally_ledger_close(ledger);
    if (!code) code = wording_print(run, &err);
    return code ? cli_fail(&err) : CLI_DONE;
}

/* ---- many sessions ---- */

typedef struct many {
    cli *run;
    bool git, command, dry_run;
    char said[CLI_COMMAND_MAX_BYTES + 1]; /* the command */
    cli_describe_jobs jobs;
} many;

static int many_read(many *m, tally_error *err) {
    cli_reading reading = {0};
    tally_filter filter;
    tally_session_list *list = NULL;
    bool commits;
    int code = cli_reading_open(m->run, &reading, err);
    if (!code) code = cli_filter_read(m->run, &reading, &filter, err);
    if (!code) code = tally_sessions_run(reading.txn, &filter, &list, err);
    if (!code) cli_describe_settings(reading.txn, &commits, m->said);
    for (size_t i = 0; !code && i < tally_sessions_count(list); i++)
        code = cli_describe_job_add(&m->jobs, reading.txn, tally_sessions_at(list, i)->session.ref,
                                    err);
    if (!code && m->command && !m->said[0])
        code = tally_fail(err, TALLY_EINVAL,
                          "no program is set; 'tally config set describe.command /path/to/it'");
    tally_sessions_free(list);
    cli_reading_close(&reading);
    return code;
}

static int commits_write(void *ctx, tally_txn *txn, tally_error *err) {
    many *m = ctx;
    return cli_describe_write(&m->jobs, txn, err);
}

static int many_write(many *m, tally_error *err) {
    tally_ledger *ledger = NULL;
    int code = cli_ledger_open(m->run, false, &ledger, err);
    if (!code && m->git) code = tally_ledger_write(ledger, cli_now_ms(), commits_write, m, err);
    if (!code && m->command)
        code = cli_describe_command(&m->jobs, ledger, m->said, m->jobs.count, m->run->json, err);
    tally_ledger_close(ledger);
    return code;
}

static void job_json(cli_json *json, const cli_describe_job *job) {
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "agent", job->agent);
    cli_json_string(json, "session", job->id);
    cli_json_string(json, "description", job->said ? job->said : job->commits);
    cli_json_string(json, "from", job->said ? "command" : "commits");
    cli_json_bool(json, "recorded", job->recorded);
    cli_json_close(json, '}');
}

static int many_print(many *m, tally_error *err) {
    static const cli_column columns[] = {{"SESSION", CLI_LEFT}, {"DESCRIPTION", CLI_CUT}};
    FILE *out = cli_out_paged(m->run);
    cli_table *table = m->run->json ? NULL : cli_table_new(out, columns, 2);
    cli_json json;
    uint64_t described = 0, recorded = 0;
    if (!m->run->json && !table) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    cli_json_begin(&json, out);
    if (m->run->json) cli_json_open(&json, NULL, '{');
    if (m->run->json) cli_json_open(&json, "sessions", '[');
    for (size_t i = 0; i < m->jobs.count; i++) {
        const cli_describe_job *job = &m->jobs.items[i];
        if (!job->said && (!job->commits || !m->git)) continue;
        described++;
        recorded += job->recorded;
        if (m->run->json) {
            job_json(&json, job);
            continue;
        }
        cli_table_line(table);
        size_t shown =
            strlen(job->id) < CLI_SESSION_SHORT_BYTES ? strlen(job->id) : CLI_SESSION_SHORT_BYTES;
        cli_cell(table, tally_span_of((const uint8_t *)job->id, shown), CLI_PLAIN);
        cli_cell_text(table, job->said ? job->said : job->commits);
    }
    if (m->run->json) {
        cli_json_close(&json, ']');
        cli_json_u64(&json, "looked_at", m->jobs.count);
        cli_json_u64(&json, "recorded", recorded);
        cli_json_close(&json, '}');
        cli_json_end(&json);
        return 0;
    }
    int code = described && cli_table_print(table) ? TALLY_ENOMEM : 0;
    cli_say("%s%" PRIu64 " of %zu sessions say what was done, %" PRIu64 " of them anew",
            m->dry_run ? "dry run: " : "", described, m->jobs.count, recorded);
    cli_table_free(table);
    return code ? tally_fail(err, code, "memory ran out") : 0;
}

static int many_run(cli *run) {
    tally_error err = {0};
    many m = {.run = run,
              .git = cli_has(run, "from-git"),
              .command = cli_has(run, "from-command"),
              .dry_run = cli_has(run, "dry-run")};
    if (run->argument_count || cli_has(run, "clear"))
        return cli_usage(run, "--from-git and --from-command take filters, and no words");
    if (m.command && m.dry_run)
        return cli_usage(run, "--dry-run goes with --from-git: the program is not run for nothing");
    int code = many_read(&m, &err);
    if (!code) cli_describe_git(&m.jobs); /* the program is told the commits, too */
    if (!code && !m.dry_run) code = many_write(&m, &err);
    if (!code) code = many_print(&m, &err);
    cli_describe_jobs_clear(&m.jobs);
    return code ? cli_fail(&err) : CLI_DONE;
}

static int describe_run(cli *run) {
    return cli_has(run, "from-git") || cli_has(run, "from-command") ? many_run(run)
                                                                    : wording_run(run);
}

static const cli_option options[] = {
    {"clear", NULL, "take a person's words back"},
    {"from-git", NULL, "record the subjects of commits made during this device's sessions"},
    {"from-command", NULL, "have describe.command word them"},
    {"dry-run", NULL, "with --from-git: show, record nothing"},
    {NULL, NULL, NULL}};

const cli_command command_describe = {.name = "describe",
                                      .arguments = "[SESSION|ENTRY WORDS]",
                                      .summary = "say what a session or an entry was for",
                                      .example = "tally describe 30dcd767 'Checkout: keep the cart "
                                                 "after a failed payment'",
                                      .options = options,
                                      .filters = true,
                                      .max_arguments = 2,
                                      .run = describe_run};
