/* Runs git for one line of answer. No shell, no terminal, and none of the variables by which a hook
 * would point it at another repository. */
#include "git.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 12u

extern char **environ;

static char **environment_new(void) {
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        if (strncmp(environ[i], "GIT_", 4) != 0) copy[kept++] = environ[i];
    return copy;
}

/* The reading end of its output in `*from`. */
static bool git_start(char *const *arguments, pid_t *pid, int *from) {
    posix_spawn_file_actions_t actions;
    int ends[2];
    char **environment = environment_new();
    bool started = false;
    if (environment && pipe2(ends, O_CLOEXEC) == 0) {
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        started = posix_spawnp(pid, "git", &actions, NULL, arguments, environment) == 0;
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        if (!started) close(ends[0]);
        *from = ends[0];
    }
    free(environment);
    return started;
}

/* First line of what `git -C dir ARGUMENTS...` prints, without its end. `arguments` ends with NULL.
 */
static bool git_line(const char *dir, const char *const *arguments, char *out, size_t size) {
    char *all[ARGUMENTS_MAX] = {"git", "-C", (char *)(uintptr_t)dir};
    size_t count = 3;
    pid_t pid;
    int from, status = 0;
    for (; *arguments && count + 1 < ARGUMENTS_MAX; arguments++)
        all[count++] = (char *)(uintptr_t)*arguments;
    if (!git_start(all, &pid, &from)) return false;
    FILE *answer = fdopen(from, "r");
    bool read = answer && fgets(out, (int)size, answer);
    if (answer)
        fclose(answer);
    else
        close(from);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    size_t length = read ? strlen(out) : 0;
    bool whole = length > 1 && out[length - 1] == '\n';
    if (whole) out[length - 1] = '\0';
    return whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* An address may carry a password before an '@'. It is no part of what rules look at. */
static void credentials_drop(char *remote) {
    char *scheme = strstr(remote, "://");
    char *from = scheme ? scheme + 3 : remote, *at = strchr(from, '@');
    if (at && (size_t)(at - from) < strcspn(from, "/")) memmove(from, at + 1, strlen(at + 1) + 1);
}

bool cli_git_remote(const char *dir, char *out) {
    static const char *const arguments[] = {"config", "--get", "remote.origin.url", NULL};
    if (!git_line(dir, arguments, out, CLI_GIT_ANSWER_BYTES)) return false;
    credentials_drop(out);
    return true;
}

bool cli_git_branch(const char *dir, char *out) {
    static const char *const arguments[] = {"symbolic-ref", "--quiet", "--short", "HEAD", NULL};
    return git_line(dir, arguments, out, CLI_GIT_ANSWER_BYTES);
}
