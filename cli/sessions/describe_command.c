/* describe.command: a program of the person's own that words a session. It runs on this device
 * only, without a shell, once for the same input; whatever goes wrong leaves the line as it was. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <tally/attribution.h>
#include <tally/hash.h>

#include "child.h"
#include "describe_jobs.h"
#include "format/json_out.h"
#include "format/memstream.h"
#include "open.h"

#define TIMEOUT_MS   10000
#define ANSWER_BYTES 1024u
#define KEY_BYTES    9u /* 'c' and the session */

typedef struct asking {
    const cli_describe_job *job;
    uint8_t key[KEY_BYTES];
    tally_hash input; /* of what it is asked */
    const char *said;
} asking;

/* ---- what it is told ---- */

static tally_span project_of(tally_txn *txn, const cli_describe_job *job) {
    tally_attribution said;
    const char *slash = strrchr(job->cwd, '/');
    if (tally_attribution_get(txn, job->ref, &said, NULL) == 0 && said.count > 0 &&
        said.shares[0].project.len)
        return said.shares[0].project;
    return tally_span_str(slash ? slash + 1 : job->cwd);
}

static void subjects_json(cli_json *json, const tally_subjects *subjects) {
    cli_json_open(json, "commits", '[');
    for (size_t i = 0; subjects && i < subjects->count; i++)
        cli_json_text(json, NULL, tally_span_of(subjects->texts[i], subjects->lens[i]));
    cli_json_close(json, ']');
}

static void input_json(FILE *out, tally_txn *txn, const cli_describe_job *job) {
    tally_agent_session session = {.ref = job->ref};
    tally_description line;
    tally_span title = {0};
    char room[TALLY_WORDS_SPARE_BYTES], date[TALLY_TIME_TEXT_BYTES];
    tally_team team = {{0}, {0}, {0}};
    tally_zone *zone = NULL;
    cli_json json;
    if (tally_team_get(txn, &team, NULL) == 0) (void)cli_zone_load(team.timezone, &zone, NULL);
    tally_date_format(zone ? tally_zone_day(zone, job->start_ms) : job->start_ms / TALLY_DAY_MS,
                      date);
    if (tally_agent_session_get(txn, job->ref, &session) == 0 && session.title)
        (void)tally_blob_get(txn, session.title, &title);
    tally_describe_session_after(txn, job->ref, TALLY_WORDS_COMMAND, zone, room, &line);
    cli_json_begin(&json, out);
    cli_json_open(&json, NULL, '{');
    cli_json_string(&json, "agent", job->agent);
    cli_json_string(&json, "session", job->id);
    cli_json_text_or_null(&json, "project", project_of(txn, job));
    cli_json_string(&json, "date", date);
    subjects_json(&json, job->subjects);
    cli_json_text_or_null(&json, "title", title);
    cli_json_text_or_null(&json, "description", line.text);
    cli_json_close(&json, '}');
    cli_json_end(&json);
    tally_zone_free(zone);
}

/* Whether it is to be asked, and with what. The text is the caller's to free. */
static bool input_new(tally_ledger *ledger, asking *ask, char **text, size_t *len) {
    uint8_t target[TALLY_ENTRY_BYTES] = {0};
    tally_txn *txn = NULL;
    tally_span held;
    tally_description words;
    FILE *out = open_memstream(text, len);
    bool wanted = false;
    if (!out || tally_read_begin(ledger, &txn, NULL) != 0) goto done;
    ask->key[0] = 'c';
    tally_put_be64(ask->key + 1, ask->job->ref);
    tally_put_be64(target, ask->job->ref);
    input_json(out, txn, ask->job);
    if (fflush(out) != 0) goto done;
    tally_sha256(tally_span_of((const uint8_t *)*text, *len), &ask->input);
    bool asked = tally_local_get(txn, TALLY_LOCAL_DESCRIBE, tally_span_of(ask->key, KEY_BYTES),
                                 &held) == 0 &&
                 tally_span_eq(held, tally_span_of(ask->input.b, sizeof ask->input.b));
    wanted = !asked && !tally_words_get(txn, target, TALLY_WORDS_PERSON, &words);
done:
    if (txn) tally_read_end(txn);
    bool whole = out && cli_memstream_close(out, text);
    return whole && wanted;
}

/* ---- asking ---- */

/* Before it runs: a program that never comes back is not started again and again. */
static int claim(void *ctx, tally_txn *txn, tally_error *err) {
    const asking *ask = ctx;
    return tally_local_put(txn, TALLY_LOCAL_DESCRIBE, tally_span_of(ask->key, KEY_BYTES),
                           tally_span_of(ask->input.b, sizeof ask->input.b), err);
}

static int answer_write(void *ctx, tally_txn *txn, tally_error *err) {
    const asking *ask = ctx;
    uint8_t salt[TALLY_BLOB_SALT_BYTES];
    randombytes_buf(salt, sizeof salt);
    const tally_describe describe = {.agent = tally_span_str(ask->job->agent),
                                     .session = tally_span_str(ask->job->id),
                                     .from = TALLY_WORDS_COMMAND,
                                     .text = tally_span_str(ask->said),
                                     .salt = salt};
    return tally_describe_append(txn, &describe, err);
}

/* Simply split at spaces: no quotes, no shell. */
static void arguments_split(char *command, char *arguments[CLI_COMMAND_SPLIT_MAX + 1]) {
    char *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(command, " ", &rest); word && count < CLI_COMMAND_SPLIT_MAX;
         word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    arguments[count] = NULL;
}

/* What it said, or NULL and why not. One line of text and nothing else is an answer. */
static char *answer_new(const char *command, tally_span input, const char **why) {
    static const char *const ends[] = {[CLI_CHILD_DONE] = NULL,
                                       [CLI_CHILD_FAILED] = "it failed",
                                       [CLI_CHILD_LATE] = "it took longer than 10 seconds",
                                       [CLI_CHILD_CUT] = "it said more than 1,024 bytes",
                                       [CLI_CHILD_MISSING] = "it cannot be run"};
    char words[CLI_COMMAND_MAX_BYTES + 1], *arguments[CLI_COMMAND_SPLIT_MAX + 1];
    uint8_t said[ANSWER_BYTES + 1];
    snprintf(words, sizeof words, "%s", command);
    arguments_split(words, arguments);
    cli_child child = {
        .arguments = arguments, .input = input, .timeout_ms = TIMEOUT_MS, .out = said};
    child.size = sizeof said;
    *why = ends[arguments[0] ? cli_child_run(&child) : CLI_CHILD_MISSING];
    if (*why) return NULL;
    if (child.len > 0 && said[child.len - 1] == '\n') child.len--;
    bool text = tally_utf8_valid(tally_span_of(said, child.len)) && child.len > 0;
    for (size_t i = 0; i < child.len; i++)
        text = text && said[i] >= 0x20 && said[i] != 0x7f;
    if (!text) *why = "it did not say one line of UTF-8 text";
    return text ? strndup((const char *)said, child.len) : NULL;
}

static int job_ask(cli_describe_job *job, tally_ledger *ledger, const char *command, bool quiet,
                   bool *ran, tally_error *err) {
    asking ask = {.job = job};
    char *input = NULL;
    size_t len = 0;
    const char *why = NULL;
    int code = 0;
    *ran = input_new(ledger, &ask, &input, &len);
    if (!*ran) goto done;
    if ((code = tally_ledger_write(ledger, cli_now_ms(), claim, &ask, err)) != 0) goto done;
    job->said = answer_new(command, tally_span_of((const uint8_t *)input, len), &why);
    if (!job->said) {
        if (!quiet) cli_say("session %s keeps its line: %s", job->id, why ? why : "no memory");
        goto done;
    }
    ask.said = job->said;
    code = tally_ledger_write(ledger, cli_now_ms(), answer_write, &ask, err);
    job->recorded = job->recorded || code == 0;
    if (code == TALLY_EEXIST || code == TALLY_EREFUSED || code == TALLY_EINVAL) code = 0;
done:
    free(input);
    return code;
}

int cli_describe_command(cli_describe_jobs *jobs, tally_ledger *ledger, const char *command,
                         size_t max, bool quiet, tally_error *err) {
    int code = 0;
    for (size_t i = 0; i < jobs->count && !code && max > 0; i++) {
        bool ran;
        code = job_ask(&jobs->items[i], ledger, command, quiet, &ran, err);
        max -= ran;
    }
    return code;
}
