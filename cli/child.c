/* Runs another program to its end, or to ours. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct child_pipes {
    int in, out; /* our ends; -1 when closed */
} child_pipes;

static void end_close(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static int64_t steady_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A group of its own, so that it can be killed whole; signals as a fresh program has them. */
static int spawn(const cli_child *child, int in, int out, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    if (posix_spawn_file_actions_init(&actions) != 0) return -1;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -1;
    }
    if (in >= 0)
        posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    char *const *environment = child->environment ? child->environment : environ;
    int rc = posix_spawnp(pid, child->arguments[0], &actions, &attributes, child->arguments,
                          environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static bool start(const cli_child *child, child_pipes *pipes, pid_t *pid) {
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    bool started = pipe2(out, O_CLOEXEC) == 0 &&
                   (child->input.len == 0 || pipe2(in, O_CLOEXEC) == 0) &&
                   spawn(child, in[0], out[1], pid) == 0;
    end_close(&in[0]);
    end_close(&out[1]);
    if (!started) {
        end_close(&in[1]);
        end_close(&out[0]);
    }
    *pipes = (child_pipes){in[1], out[0]};
    if (in[1] >= 0) (void)fcntl(in[1], F_SETFL, O_NONBLOCK);
    if (out[0] >= 0) (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
    return started;
}

static void feed(child_pipes *pipes, tally_span *input) {
    ssize_t put = write(pipes->in, input->ptr, input->len);
    if (put > 0) *input = tally_span_of(input->ptr + put, input->len - (size_t)put);
    bool later = put < 0 && (errno == EAGAIN || errno == EINTR);
    if (!later && (put < 0 || input->len == 0)) end_close(&pipes->in);
}

/* False when there is more than there is room for. */
static bool hear(cli_child *child, child_pipes *pipes) {
    uint8_t more;
    bool full = child->len == child->size;
    ssize_t got = full ? read(pipes->out, &more, 1)
                       : read(pipes->out, child->out + child->len, child->size - child->len);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0)
        end_close(&pipes->out);
    else if (!full)
        child->len += (size_t)got;
    return got <= 0 || !full;
}

static cli_child_end converse(cli_child *child, child_pipes *pipes, int64_t until_ms) {
    tally_span input = child->input;
    while (pipes->out >= 0) {
        struct pollfd ready[] = {{pipes->out, POLLIN, 0}, {pipes->in, POLLOUT, 0}};
        int64_t left = until_ms - steady_ms();
        if (left <= 0) return CLI_CHILD_LATE;
        if (poll(ready, 2, (int)left) < 0 && errno != EINTR) return CLI_CHILD_FAILED;
        if (pipes->in >= 0 && ready[1].revents) feed(pipes, &input);
        if (ready[0].revents && !hear(child, pipes)) return CLI_CHILD_CUT;
    }
    return CLI_CHILD_DONE;
}

/* It may have closed its output and live on. */
static bool gone_in_time(pid_t pid, int64_t until_ms, int *status) {
    const struct timespec pause = {.tv_nsec = 2000000};
    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid) return true;
        if (got < 0 && errno != EINTR) return false;
        if (steady_ms() >= until_ms) return false;
        (void)nanosleep(&pause, NULL);
    }
}

cli_child_end cli_child_run(cli_child *child) {
    int64_t until_ms = steady_ms() + child->timeout_ms;
    child_pipes pipes;
    pid_t pid;
    int status = 0;
    child->len = 0;
    if (!start(child, &pipes, &pid)) return CLI_CHILD_MISSING;
    cli_child_end end = converse(child, &pipes, until_ms);
    end_close(&pipes.in);
    end_close(&pipes.out);
    if (end == CLI_CHILD_DONE && !gone_in_time(pid, until_ms, &status)) end = CLI_CHILD_LATE;
    if (end != CLI_CHILD_DONE) {
        (void)kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        return end;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_CHILD_DONE : CLI_CHILD_FAILED;
}
