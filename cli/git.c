/* Runs git so that it only reads. No shell, no terminal, no network, none of the variables by which
 * a hook would point it at another repository, and no program that a repository's configuration
 * names. */
#include "git.h"

#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX  40u
#define TIMEOUT_MS     10000
#define LINE_MS        3000 /* of a question about settings: nothing has to be gone through */
#define LINE_MAX_BYTES 8192u

extern char **environ;

/* Before the verb. Configuration given here comes before the repository's own. */
static const char *const always[] = {"--no-pager",
                                     "--no-optional-locks",
                                     "--literal-pathspecs",
                                     "-c",
                                     "core.fsmonitor=false",
                                     "-c",
                                     "core.hooksPath=/dev/null",
                                     "-c",
                                     "core.pager=",
                                     "-c",
                                     "core.sshCommand=false",
                                     "-c",
                                     "core.gitProxy=",
                                     "-c",
                                     "core.askPass=",
                                     "-c",
                                     "core.alternateRefsCommand=false",
                                     "-c",
                                     "credential.helper=",
                                     "-c",
                                     "diff.external=",
                                     "-c",
                                     "gpg.program=false",
                                     "-c",
                                     "log.showSignature=false"};
#define ALWAYS (sizeof always / sizeof *always)

/* A partial clone fetches what is missing from wherever its configuration says, by any program:
 * there is no transport of this name, so that none is allowed. */
static char no_transport[] = "GIT_ALLOW_PROTOCOL=none", no_fetch[] = "GIT_NO_LAZY_FETCH=1",
            no_prompt[] = "GIT_TERMINAL_PROMPT=0", plain[] = "LC_ALL=C";

static char **environment_new(void) {
    char *const own[] = {no_transport, no_fetch, no_prompt, plain};
    const size_t added = sizeof own / sizeof *own;
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **copy = calloc(count + added + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        if (strncmp(environ[i], "GIT_", 4) != 0 && strncmp(environ[i], "LC_ALL=", 7) != 0)
            copy[kept++] = environ[i];
    for (size_t i = 0; copy && i < added; i++)
        copy[kept++] = own[i];
    return copy;
}

static cli_child_end ask(const char *dir, const char *const *arguments, int timeout_ms,
                         uint8_t *out, size_t size, size_t *len) {
    char *all[ARGUMENTS_MAX] = {(char *)(uintptr_t) "git"};
    char **environment = environment_new();
    size_t count = 1;
    cli_child child = {
        .arguments = all, .environment = environment, .timeout_ms = timeout_ms, .out = out};
    child.size = size;
    for (size_t i = 0; i < ALWAYS; i++)
        all[count++] = (char *)(uintptr_t)always[i];
    all[count++] = (char *)(uintptr_t) "-C";
    all[count++] = (char *)(uintptr_t)dir;
    for (; *arguments && count + 1 < ARGUMENTS_MAX; arguments++)
        all[count++] = (char *)(uintptr_t)*arguments;
    cli_child_end end = environment ? cli_child_run(&child) : CLI_CHILD_FAILED;
    *len = child.len;
    free(environment);
    return end;
}

cli_child_end cli_git_read(const char *dir, const char *const *arguments, uint8_t *out, size_t size,
                           size_t *len) {
    return ask(dir, arguments, TIMEOUT_MS, out, size, len);
}

bool cli_git_line(const char *dir, const char *const *arguments, char *out, size_t size) {
    uint8_t text[LINE_MAX_BYTES];
    size_t len;
    cli_child_end end = ask(dir, arguments, LINE_MS, text, sizeof text, &len);
    const uint8_t *newline = memchr(text, '\n', len);
    size_t line = newline ? (size_t)(newline - text) : len;
    if (end != CLI_CHILD_DONE || line == 0 || line >= size) return false;
    memcpy(out, text, line);
    out[line] = '\0';
    return true;
}

/* An address may carry a password before an '@'. It is no part of what rules look at. */
static void credentials_drop(char *remote) {
    char *scheme = strstr(remote, "://");
    char *from = scheme ? scheme + 3 : remote, *at = strchr(from, '@');
    if (at && (size_t)(at - from) < strcspn(from, "/")) memmove(from, at + 1, strlen(at + 1) + 1);
}

bool cli_git_remote(const char *dir, char *out) {
    static const char *const arguments[] = {"config", "--get", "remote.origin.url", NULL};
    if (!cli_git_line(dir, arguments, out, CLI_GIT_ANSWER_BYTES)) return false;
    credentials_drop(out);
    return true;
}

bool cli_git_branch(const char *dir, char *out) {
    static const char *const arguments[] = {"symbolic-ref", "--quiet", "--short", "HEAD", NULL};
    return cli_git_line(dir, arguments, out, CLI_GIT_ANSWER_BYTES);
}
