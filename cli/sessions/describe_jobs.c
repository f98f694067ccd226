/* The list of sessions to describe, and what git says of them. The person's program is in
 * describe_command.c, what is due in describe_due.c. */
#include "describe_jobs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "git.h"

#define LOG_MAX_BYTES  (8u * 1024u * 1024u)
#define WHO_MAX_BYTES  1024u
#define AGE_TEXT_BYTES 48u

/* ---- the list ---- */

static int no_memory(tally_error *err) {
    return tally_fail(err, TALLY_ENOMEM, "memory ran out");
}

static char *copy(tally_span text) {
    return strndup(text.len ? (const char *)text.ptr : "", text.len);
}

typedef struct window {
    bool any;
    int64_t start_ms, end_ms;
} window;

static int widen(void *ctx, const tally_activity *activity) {
    window *w = ctx;
    if (!w->any || activity->start_ms < w->start_ms) w->start_ms = activity->start_ms;
    if (!w->any || activity->end_ms > w->end_ms) w->end_ms = activity->end_ms;
    w->any = true;
    return 0;
}

bool cli_session_window(tally_txn *txn, uint64_t session, int64_t *start_ms, int64_t *end_ms) {
    window w = {.any = false};
    if (tally_activity_each(txn, session, widen, &w) != 0) return false;
    *start_ms = w.start_ms;
    *end_ms = w.end_ms;
    return w.any;
}

int cli_describe_job_add(cli_describe_jobs *jobs, tally_txn *txn, uint64_t session,
                         tally_error *err) {
    tally_agent_session told;
    cli_describe_job job = {.ref = session};
    if (tally_agent_session_get(txn, session, &told) != 0 || told.feed != 0 ||
        !cli_session_window(txn, session, &job.start_ms, &job.end_ms))
        return 0;
    if (jobs->count == jobs->room) {
        size_t room = jobs->room ? jobs->room * 2 : 64;
        cli_describe_job *larger = realloc(jobs->items, room * sizeof *larger);
        if (!larger) return no_memory(err);
        jobs->items = larger;
        jobs->room = room;
    }
    job.agent = copy(told.agent);
    job.id = copy(told.id);
    job.cwd = copy(told.cwd);
    jobs->items[jobs->count++] = job;
    return job.agent && job.id && job.cwd ? 0 : no_memory(err);
}

void cli_describe_jobs_clear(cli_describe_jobs *jobs) {
    for (size_t i = 0; i < jobs->count; i++) {
        free(jobs->items[i].agent);
        free(jobs->items[i].id);
        free(jobs->items[i].cwd);
        free(jobs->items[i].commits);
        free(jobs->items[i].subjects);
        free(jobs->items[i].said);
    }
    free(jobs->items);
    *jobs = (cli_describe_jobs){.items = NULL};
}

/* ---- git ---- */

/* Of "Ada <ada@example.com> 1772000000 +0000" what stands between the brackets. */
static tally_span email_of(const char *who) {
    const char *open = strrchr(who, '<'), *close = open ? strchr(open, '>') : NULL;
    if (!close) return (tally_span){0};
    return tally_span_of((const uint8_t *)open + 1, (size_t)(close - open - 1));
}

/* Commits of all local branches in the time of these jobs. */
static bool log_read(const char *dir, int64_t start_ms, int64_t end_ms, uint8_t *out, size_t *len) {
    char since[AGE_TEXT_BYTES], until[AGE_TEXT_BYTES];
    snprintf(since, sizeof since, "--max-age=%" PRId64, start_ms / 1000);
    snprintf(until, sizeof until, "--min-age=%" PRId64, end_ms / 1000);
    const char *const arguments[] = {"log",
                                     "-z",
                                     "--branches",
                                     "--no-merges",
                                     "--no-show-signature",
                                     "--no-notes",
                                     "--encoding=UTF-8",
                                     "--format=%ct%n%ae%n%s",
                                     since,
                                     until,
                                     NULL};
    cli_child_end end = cli_git_read(dir, arguments, out, LOG_MAX_BYTES, len);
    /* -z ends commits but for the last: what was not cut off gets its end. */
    if (end == CLI_CHILD_DONE && *len > 0 && *len < LOG_MAX_BYTES && out[*len - 1] != '\0')
        out[(*len)++] = '\0';
    return (end == CLI_CHILD_DONE || end == CLI_CHILD_CUT) && *len > 0;
}

static void job_fill(cli_describe_job *job, tally_span log, tally_span email) {
    char words[TALLY_WORDS_MAX_BYTES];
    int64_t start_ms = job->start_ms - job->start_ms % 1000; /* a commit's time is in seconds */
    int64_t end_ms = job->end_ms + CLI_DESCRIBE_GRACE_MS;
    size_t len = tally_commit_words(log, email, start_ms, end_ms, words);
    if (len == 0) return;
    job->commits = strndup(words, len);
    job->subjects = malloc(sizeof *job->subjects);
    if (job->subjects) tally_commit_subjects(log, email, start_ms, end_ms, job->subjects);
}

/* The jobs of one directory: one question for all of them. */
static void ask_directory(cli_describe_job *jobs, size_t count, uint8_t *log) {
    static const char *const who[] = {"var", "GIT_AUTHOR_IDENT", NULL};
    char author[WHO_MAX_BYTES];
    int64_t start_ms = jobs[0].start_ms, end_ms = jobs[0].end_ms;
    struct stat there;
    size_t len;
    const char *dir = jobs[0].cwd;
    if (dir[0] != '/' || stat(dir, &there) != 0 || !S_ISDIR(there.st_mode)) return;
    for (size_t i = 1; i < count; i++) {
        if (jobs[i].start_ms < start_ms) start_ms = jobs[i].start_ms;
        if (jobs[i].end_ms > end_ms) end_ms = jobs[i].end_ms;
    }
    /* The short question first: where git hangs, the long one would cost more. */
    if (!cli_git_line(dir, who, author, sizeof author) ||
        !log_read(dir, start_ms, end_ms + CLI_DESCRIBE_GRACE_MS, log, &len))
        return;
    tally_span email = email_of(author);
    for (size_t i = 0; i < count && email.len > 0; i++)
        job_fill(&jobs[i], tally_span_of(log, len), email);
}

static int directory_order(const void *a, const void *b) {
    const cli_describe_job *x = a, *y = b;
    int order = strcmp(x->cwd, y->cwd);
    if (order != 0) return order;
    if (x->start_ms != y->start_ms) return x->start_ms < y->start_ms ? -1 : 1;
    return (x->ref > y->ref) - (x->ref < y->ref);
}

void cli_describe_git(cli_describe_jobs *jobs) {
    uint8_t *log = jobs->count ? malloc(LOG_MAX_BYTES) : NULL;
    if (!log) return;
    qsort(jobs->items, jobs->count, sizeof *jobs->items, directory_order);
    for (size_t i = 0, end; i < jobs->count; i = end) {
        for (end = i + 1;
             end < jobs->count && strcmp(jobs->items[end].cwd, jobs->items[i].cwd) == 0; end++)
            ;
        ask_directory(jobs->items + i, end - i, log);
    }
    free(log);
}

/* ---- recording ---- */

int cli_describe_write(cli_describe_jobs *jobs, tally_txn *txn, tally_error *err) {
    for (size_t i = 0; i < jobs->count; i++) {
        cli_describe_job *job = &jobs->items[i];
        uint8_t salt[TALLY_BLOB_SALT_BYTES];
        if (!job->commits) continue;
        randombytes_buf(salt, sizeof salt);
        const tally_describe describe = {.agent = tally_span_str(job->agent),
                                         .session = tally_span_str(job->id),
                                         .from = TALLY_WORDS_COMMITS,
                                         .text = tally_span_str(job->commits),
                                         .salt = salt};
        tally_error why = {0};
        int code = tally_describe_append(txn, &describe, &why);
        job->recorded = code == 0;
        if (code && code != TALLY_EEXIST && code != TALLY_EREFUSED) {
            *err = why;
            return code;
        }
    }
    return 0;
}

void cli_describe_settings(tally_txn *txn, bool *commits, char *command) {
    tally_span value;
    *commits =
        tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_str(CLI_SETTING_COMMITS), &value) ||
        !tally_span_is(value, "no");
    command[0] = '\0';
    if (tally_local_get(txn, TALLY_LOCAL_SETTINGS, tally_span_str(CLI_SETTING_COMMAND), &value) ||
        value.len > CLI_COMMAND_MAX_BYTES)
        return;
    if (value.len) memcpy(command, value.ptr, value.len);
    command[value.len] = '\0';
}
