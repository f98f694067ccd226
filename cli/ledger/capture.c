/* tally capture: runs one pass over the agents' logs and says what came of it, budgets included.
 * Reading them is node/capture's work. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <capture/capture.h>

#include "commands.h"
#include "format/json_out.h"
#include "open.h"
#include "policy/notice.h"
#include "sessions/describe_jobs.h"

#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 100
#define SKIPPED_MAX       65536u /* kept for the JSON document; more are only counted */

typedef struct skipped_line {
    char *file, *why;
    uint64_t line;
} skipped_line;

typedef struct capture_words {
    bool json, terminal, shown;
    int64_t started_ms, shown_ms;
    skipped_line *skipped;
    size_t count, room;
    uint64_t unkept;
} capture_words;

static void progress_show(void *ctx, uint64_t done, uint64_t total) {
    capture_words *words = ctx;
    int64_t now = cli_now_ms();
    if (!words->terminal || now - words->started_ms < PROGRESS_AFTER_MS) return;
    if (words->shown && now - words->shown_ms < PROGRESS_EVERY_MS) return;
    fprintf(stderr, "\rreading logs: %" PRIu64 " of %" PRIu64 " MiB", done >> 20, total >> 20);
    words->shown = true;
    words->shown_ms = now;
}

static void progress_clear(capture_words *words) {
    if (words->shown) fputs("\r\033[K", stderr);
    words->shown = false;
}

static void skipped_keep(capture_words *words, const char *file, uint64_t line, const char *why) {
    if (words->count == words->room && words->room < SKIPPED_MAX) {
        size_t room = words->room ? words->room * 2 : 64;
        skipped_line *larger = realloc(words->skipped, room * sizeof *larger);
        if (larger) {
            words->skipped = larger;
            words->room = room;
        }
    }
    skipped_line kept = {NULL, NULL, line};
    if (words->count < words->room) {
        kept.file = strdup(file);
        kept.why = strdup(why);
    }
    if (kept.file && kept.why) {
        words->skipped[words->count++] = kept;
        return;
    }
    free(kept.file);
    free(kept.why);
    words->unkept++;
}

static void line_skipped(void *ctx, const char *file, uint64_t line, const char *why) {
    capture_words *words = ctx;
    if (words->json) {
        skipped_keep(words, file, line, why);
        return;
    }
    progress_clear(words);
    cli_say("%s:%" PRIu64 ": %s", file, line, why);
}

static void skipped_json(cli_json *json, const char *file, uint64_t line, const char *why) {
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "file", file);
    cli_json_u64(json, "line", line);
    cli_json_string(json, "why", why);
    cli_json_close(json, '}');
}

static void result_json(cli *run, const capture_result *result, const cli_notices *notices,
                        const capture_words *words) {
    cli_json json;
    char more[64];
    cli_json_begin(&json, cli_out(run));
    cli_json_open(&json, NULL, '{');
    cli_json_u64(&json, "files", result->files);
    cli_json_u64(&json, "bytes_read", result->bytes_read);
    cli_json_u64(&json, "sessions", result->sessions);
    cli_json_u64(&json, "costs", result->costs);
    cli_json_u64(&json, "activity", result->activity);
    if (notices->count) cli_notices_json(&json, notices);
    cli_json_open(&json, "skipped", '[');
    for (size_t i = 0; i < words->count; i++)
        skipped_json(&json, words->skipped[i].file, words->skipped[i].line, words->skipped[i].why);
    if (words->unkept) {
        snprintf(more, sizeof more, "%" PRIu64 " more were skipped", words->unkept);
        skipped_json(&json, "", 0, more);
    }
    cli_json_close(&json, ']');
    cli_json_close(&json, '}');
    cli_json_end(&json);
}

static void result_text(cli *run, const capture_result *result, const cli_notices *notices) {
    fprintf(cli_out(run),
            "%s%" PRIu64 " files, %" PRIu64 " bytes read; new: %" PRIu64 " sessions, %" PRIu64
            " requests, %" PRIu64 " activity\n",
            cli_has(run, "dry-run") ? "dry run: " : "", result->files, result->bytes_read,
            result->sessions, result->costs, result->activity);
    if (result->skipped) cli_say("%" PRIu64 " lines were skipped", result->skipped);
    cli_notices_say(notices);
}

/* What was captured stands, whatever becomes of the notices. */
static void notices_take(tally_ledger *ledger, cli_notices *notices) {
    tally_error err = {0};
    if (cli_notices_take(ledger, notices, &err))
        cli_say("budgets could not be looked at: %s", err.text);
    else
        cli_notices_tell(notices);
}

/* The home to look in, made absolute: records and cursors name files so. */
static int root_find(const cli *run, const char *root, char out[PATH_MAX]) {
    struct stat there;
    if (!root) return cli_usage(run, "no home directory is known; name one with --root");
    if (realpath(root, out) && stat(out, &there) == 0 && S_ISDIR(there.st_mode)) return CLI_DONE;
    cli_say("tally: cannot read the home %s: %s", root,
            errno == ENOENT ? "there is no such directory" : "it is no readable directory");
    return CLI_FAILED;
}

static int capture_command_run(cli *run) {
    tally_error err = {0};
    tally_ledger *ledger = NULL;
    capture_result result = {0};
    cli_notices notices = {.count = 0};
    capture_words words = {
        .json = run->json, .terminal = isatty(STDERR_FILENO) == 1, .started_ms = cli_now_ms()};
    const char *root = cli_value(run, "root");
    char home[PATH_MAX];
    capture_options options = {.home = home,
                               .use_environment = !root,
                               .agent = cli_value(run, "agent"),
                               .dry_run = cli_has(run, "dry-run"),
                               .now_ms = cli_now_ms,
                               .progress = progress_show,
                               .skipped = line_skipped,
                               .ctx = &words};
    int code = root_find(run, root ? root : cli_home(), home);
    if (code) return code;
    int failed = cli_ledger_open(run, options.dry_run, &ledger, &err);
    if (!failed) failed = capture_run(ledger, &options, &result, &err);
    progress_clear(&words);
    if (!failed && !options.dry_run) notices_take(ledger, &notices);
    if (failed)
        code = cli_fail(&err);
    else if (run->json)
        result_json(run, &result, &notices, &words);
    else
        result_text(run, &result, &notices);
    /* What was captured stands, whatever becomes of its descriptions. */
    if (!failed && !options.dry_run && cli_describe_due(ledger, run->json, &err))
        cli_say("the sessions are captured, but not described: %s", err.text);
    cli_notices_clear(&notices);
    tally_ledger_close(ledger);
    for (size_t i = 0; i < words.count; i++) {
        free(words.skipped[i].file);
        free(words.skipped[i].why);
    }
    free(words.skipped);
    return code;
}

static const cli_option options[] = {
    {"agent", "NAME",
     "only this agent: claude, codex, gemini, opencode, antigravity, copilot, aider"},
    {"root", "DIR", "the home directory to look in (default: yours)"},
    {"dry-run", NULL, "read and count, record nothing"},
    {NULL, NULL, NULL}};

const cli_command command_capture = {.name = "capture",
                                     .arguments = "",
                                     .summary = "read the agents' logs and record what is new",
                                     .example = "tally capture --agent claude",
                                     .options = options,
                                     .run = capture_command_run};
