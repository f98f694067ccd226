/* tally hook install, uninstall, status: our hooks in the agents' settings, put in and taken out so
 * that everything else stays. The edits are settings_edit.c's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tally/program.h>

#include "commands.h"
#include "format/json_out.h"
#include "hook_log.h"
#include "open.h"
#include "policy/rule_path.h"
#include "settings_file.h"
#include "shell.h"

#define PROGRAM_NAME "/tally"

/* What the agents are to call. */
typedef struct hook_calls {
    char program[PATH_MAX], ledger[PATH_MAX]; /* ledger: empty for the usual one */
    char hook[COMMAND_MAX_BYTES], statusline[COMMAND_MAX_BYTES];
} hook_calls;

typedef struct hook_job {
    cli *run;
    const hook_calls *calls; /* install */
    bool dry_run, statusline;
    cli_json json;
    unsigned files;
} hook_job;

/* ---- commands ---- */

static int command_make(const hook_calls *calls, const char *words, char out[COMMAND_MAX_BYTES],
                        tally_error *err) {
    char program[COMMAND_MAX_BYTES], ledger[COMMAND_MAX_BYTES] = "";
    bool fits = cli_shell_word(tally_span_str(calls->program), program, sizeof program);
    if (calls->ledger[0])
        fits = fits && cli_shell_word(tally_span_str(calls->ledger), ledger, sizeof ledger);
    int n = snprintf(out, COMMAND_MAX_BYTES, "%s %s%s%s", program, words,
                     calls->ledger[0] ? " --ledger " : "", ledger);
    if (fits && n < (int)COMMAND_MAX_BYTES) return 0;
    return tally_fail(err, TALLY_ELIMIT,
                      "the paths of this program and of its ledger are too long "
                      "for a hook; move one of them");
}

/* The agent may run where TALLY_HOME is not set: a ledger that was named is named again. */
static int calls_find(const cli *run, hook_calls *out, tally_error *err) {
    const char *set = getenv("TALLY_HOME");
    bool named = cli_value(run, "ledger") || (set && *set);
    int folder = tally_program_path(out->program, sizeof out->program);
    if (folder < 0 || access(out->program, X_OK) != 0)
        return tally_fail(err, TALLY_EIO, "cannot tell where this program is");
    if (strcmp(out->program + folder, PROGRAM_NAME) != 0)
        return tally_fail(err, TALLY_EINVAL,
                          "hooks are known by the name 'tally', and this program is %s",
                          out->program);
    out->ledger[0] = '\0';
    if (named && cli_path_here(run->dir, out->ledger, err)) return err->code;
    return command_make(out, "statusline", out->statusline, err);
}

/* ---- telling ---- */

static void tell(hook_job *job, const settings_file *file, const char *result, const char *words) {
    job->files++;
    if (!job->run->json) {
        fprintf(cli_out(job->run), "%-12s %s: %s\n", file->agent->name, file->path, words);
        return;
    }
    cli_json_open(&job->json, NULL, '{');
    cli_json_string(&job->json, "agent", file->agent->name);
    cli_json_string(&job->json, "path", file->path);
    cli_json_string(&job->json, "result", result);
    cli_json_string(&job->json, "words", words);
    cli_json_close(&job->json, '}');
}

static bool text_is(const settings_text *a, const settings_text *b) {
    return tally_span_eq(tally_span_of(a->bytes, a->len), tally_span_of(b->bytes, b->len));
}

static tally_span span_of(const settings_text *text) {
    return tally_span_of(text->bytes, text->len);
}

/* ---- install ---- */

static int wanted_add(const hook_job *job, const settings_file *file, settings_text *out,
                      bool *ours, tally_error *err) {
    hook_calls *calls = malloc(sizeof *calls);
    settings_found *found = malloc(sizeof *found);
    char words[64];
    int code = calls && found ? 0 : tally_fail(err, TALLY_ENOMEM, "memory ran out");
    if (!code && file->notify) {
        *ours = settings_notify_is_there(span_of(&file->text));
        code = settings_notify_add(span_of(&file->text), job->calls->program,
                                   job->calls->ledger[0] ? job->calls->ledger : NULL, out, err);
    } else if (!code) {
        *calls = *job->calls;
        snprintf(words, sizeof words, "hook %s", file->agent->name);
        code = command_make(calls, words, calls->hook, err);
        const settings_wanted wanted = {file->agent, calls->hook,
                                        job->statusline ? calls->statusline : NULL};
        if (!code) code = settings_hooks_find(span_of(&file->text), file->agent, found, err);
        *ours = !code && (found->events || found->statusline[0]);
        if (!code) code = settings_hooks_add(span_of(&file->text), &wanted, out, err);
    }
    free(found);
    free(calls);
    return code;
}

static int install_file(hook_job *job, settings_file *file, tally_error *err) {
    settings_text text = {NULL, 0};
    bool ours = false;
    int code = wanted_add(job, file, &text, &ours, err);
    if (code == TALLY_EEXIST && file->notify) {
        tell(job, file, "left", err->text);
        return 0;
    }
    if (code) return tally_fail_while(err, "%s is left as it is", file->path);
    bool same = text_is(&text, &file->text);
    if (same)
        tell(job, file, "unchanged", "calls tally already");
    else if (job->dry_run)
        tell(job, file, "would_change", file->exists ? "would be changed" : "would be made");
    else {
        code = settings_file_write(file, &text, !ours, err);
        if (!code)
            tell(job, file, "changed",
                 !file->exists ? "made; calls tally"
                 : ours        ? "brought up to date"
                               : "calls tally; what was there is kept beside it");
    }
    free(text.bytes);
    return code;
}

/* ---- uninstall ---- */

/* When adding ours to what was kept (or to nothing) gives what is there now, nobody else has
 * changed it since. */
static bool untouched(const settings_file *file, const settings_text *kept) {
    settings_found *found = malloc(sizeof *found);
    settings_text again = {NULL, 0};
    bool same = false;
    if (found && settings_hooks_find(span_of(&file->text), file->agent, found, NULL) == 0) {
        const settings_wanted wanted = {file->agent, found->command,
                                        found->statusline[0] ? found->statusline : NULL};
        same = found->events && settings_hooks_add(span_of(kept), &wanted, &again, NULL) == 0 &&
               text_is(&again, &file->text);
    }
    free(again.bytes);
    free(found);
    return same;
}

static int put_back(const settings_file *file, const settings_text *text, bool kept,
                    tally_error *err) {
    if (kept || text->len) return settings_file_write(file, text, false, err);
    if (unlink(file->target) == 0) return 0;
    return tally_fail(err, TALLY_EIO, "cannot remove %s: %s", file->target, strerror(errno));
}

static int uninstall_file(hook_job *job, settings_file *file, tally_error *err) {
    settings_text text = {NULL, 0}, kept = {NULL, 0};
    tally_span there = span_of(&file->text);
    int code = file->notify ? settings_notify_remove(there, &text, err)
                            : settings_hooks_remove(there, file->agent, &text, err);
    if (code) return tally_fail_while(err, "%s is left as it is", file->path);
    bool have = settings_kept_read(file, &kept, NULL) == 0;
    bool ours = !text_is(&text, &file->text);
    bool exact = file->notify ? text_is(&text, &kept) : untouched(file, &kept);
    if (!ours)
        tell(job, file, "unchanged", "calls no tally");
    else if (job->dry_run)
        tell(job, file, "would_change", exact ? "would be as before" : "would lose our entries");
    else {
        code = put_back(file, exact ? &kept : &text, have || !exact, err);
        if (!code && exact) settings_kept_remove(file);
        if (!code)
            tell(job, file, exact ? "restored" : "changed",
                 exact ? "as before" : "our entries are out; others have changed the rest since");
    }
    free(kept.bytes);
    free(text.bytes);
    return code;
}

/* ---- status ---- */

static int status_file(hook_job *job, settings_file *file, tally_error *err) {
    char words[160];
    unsigned events = 0;
    settings_found *found = calloc(1, sizeof *found);
    if (!found) return tally_fail(err, TALLY_ENOMEM, "memory ran out");
    int code =
        file->notify ? 0 : settings_hooks_find(span_of(&file->text), file->agent, found, err);
    if (code) {
        tell(job, file, "unreadable", err->text);
        free(found);
        return 0;
    }
    while (events < HOOK_EVENTS_MAX && file->agent->events[events].name)
        events++;
    bool there = file->notify ? settings_notify_is_there(span_of(&file->text)) : found->events > 0;
    if (file->notify)
        snprintf(words, sizeof words, "%s", there ? "notifies tally" : "does not notify tally");
    else
        snprintf(words, sizeof words, "%u of %u events call tally%s", found->events, events,
                 found->statusline[0]      ? "; status line is ours"
                 : found->other_statusline ? "; status line is another's"
                                           : "");
    bool whole = file->notify ? there : found->events == events;
    tell(job, file, whole ? "installed" : there ? "partly" : "not_installed", words);
    free(found);
    return 0;
}

/* ---- all files of the agents that are meant ---- */

typedef int file_fn(hook_job *job, settings_file *file, tally_error *err);

static int agent_each(hook_job *job, const hook_agent *agent, file_fn *fn, tally_error *err) {
    settings_file *file = malloc(sizeof *file);
    bool has_notify = strcmp(agent->name, "codex") == 0;
    int code = file ? 0 : tally_fail(err, TALLY_ENOMEM, "memory ran out");
    for (int notify = 0; notify <= has_notify && !code; notify++) {
        code = settings_file_read(agent, notify, file, err);
        if (!code) code = fn(job, file, err);
        settings_file_clear(file);
    }
    free(file);
    return code;
}

static bool agent_is_here(const hook_agent *agent) {
    char folder[PATH_MAX];
    struct stat there;
    return settings_folder(agent, folder) && stat(folder, &there) == 0 && S_ISDIR(there.st_mode);
}

static int agents_each(hook_job *job, file_fn *fn, tally_error *err) {
    cli *run = job->run;
    int code = 0;
    for (int i = 0; i < run->argument_count; i++)
        if (!hook_agent_find(run->arguments[i]))
            return cli_usage(run,
                             "no agent '%s' has hooks; there are claude-code, codex, gemini-cli",
                             run->arguments[i]);
    cli_json_begin(&job->json, cli_out(run));
    if (run->json) cli_json_open(&job->json, NULL, '{');
    if (run->json) cli_json_open(&job->json, "files", '[');
    for (int i = 0; i < run->argument_count && !code; i++)
        code = agent_each(job, hook_agent_find(run->arguments[i]), fn, err);
    for (size_t i = 0; !run->argument_count && hook_agent_at(i) && !code; i++)
        if (agent_is_here(hook_agent_at(i))) code = agent_each(job, hook_agent_at(i), fn, err);
    if (run->json) cli_json_close(&job->json, ']');
    if (!code && !job->files)
        code = tally_fail(err, TALLY_ENOTFOUND,
                          "no agent with hooks has settings here; name one: claude-code, codex, "
                          "gemini-cli");
    return code;
}

static int job_end(hook_job *job, int code, const tally_error *err) {
    if (job->run->json && job->json.depth) {
        cli_json_close(&job->json, '}');
        cli_json_end(&job->json);
    }
    if (code > 0) return code; /* usage, told already */
    return code ? cli_fail(err) : CLI_DONE;
}

static void notes_tell(const hook_job *job) {
    for (size_t i = 0; hook_agent_at(i); i++) {
        const hook_agent *agent = hook_agent_at(i);
        bool meant = job->run->argument_count == 0 && agent_is_here(agent);
        for (int k = 0; k < job->run->argument_count; k++)
            meant |= hook_agent_find(job->run->arguments[k]) == agent;
        if (meant && agent->note) cli_say("%s", agent->note);
    }
}

static int install_run(cli *run) {
    tally_error err = {0};
    hook_calls *calls = calloc(1, sizeof *calls);
    hook_job job = {.run = run,
                    .calls = calls,
                    .dry_run = cli_has(run, "dry-run"),
                    .statusline = cli_has(run, "statusline")};
    int code =
        calls ? calls_find(run, calls, &err) : tally_fail(&err, TALLY_ENOMEM, "memory ran out");
    if (!code) code = agents_each(&job, install_file, &err);
    if (!code && !job.dry_run) notes_tell(&job);
    free(calls);
    return job_end(&job, code, &err);
}

static int uninstall_run(cli *run) {
    tally_error err = {0};
    hook_job job = {.run = run, .dry_run = cli_has(run, "dry-run")};
    return job_end(&job, agents_each(&job, uninstall_file, &err), &err);
}

static int status_run(cli *run) {
    tally_error err = {0};
    hook_job job = {.run = run};
    char last[512];
    int code = agents_each(&job, status_file, &err);
    hook_log_last(run, last, sizeof last);
    if (!code && run->json)
        cli_json_text_or_null(&job.json, "last_trouble", tally_span_str(last));
    else if (!code && last[0])
        fprintf(cli_out(run), "last trouble %s\n", last);
    return job_end(&job, code, &err);
}

static const cli_option install_options[] = {
    {"dry-run", NULL, "say what would be changed, change nothing"},
    {"statusline", NULL, "also Claude Code's status line, unless there is another"},
    {NULL, NULL, NULL}};

const cli_command command_hook_install = {.name = "hook install",
                                          .arguments = "[AGENT...]",
                                          .summary =
                                              "have agents capture at once and stop at budgets",
                                          .example = "tally hook install claude-code --statusline",
                                          .options = install_options,
                                          .max_arguments = 8,
                                          .run = install_run};

static const cli_option uninstall_options[] = {
    {"dry-run", NULL, "say what would be changed, change nothing"}, {NULL, NULL, NULL}};

const cli_command command_hook_uninstall = {.name = "hook uninstall",
                                            .arguments = "[AGENT...]",
                                            .summary = "take our hooks out of agents' settings",
                                            .example = "tally hook uninstall",
                                            .options = uninstall_options,
                                            .max_arguments = 8,
                                            .run = uninstall_run};

const cli_command command_hook_status = {.name = "hook status",
                                         .arguments = "[AGENT...]",
                                         .summary = "which agents call tally, and the last trouble",
                                         .example = "tally hook status",
                                         .max_arguments = 8,
                                         .run = status_run};
